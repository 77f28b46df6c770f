// Package recovery holds the rules that improve a crash and know no vendor:
// choosing among rival readings of the registers by unwinding them, registers
// that the firmware determines, and memory that the firmware can add.
//
// A rule never touches a value that is Known unless the design says so; then
// the old value goes to the evidence.
package recovery

import (
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/unwind"
)

// Rules runs the rules on every thread, in an order in which each can use what
// the one before found. p is nil if there is no firmware.
func Rules(c *elfcore.Core, p *firmware.Set) {
	for i := range c.Threads {
		t := &c.Threads[i]
		if t.Regs.Arch() == nil {
			continue
		}
		if p == nil {
			undecided(c, t)
		} else {
			rules(c, p, t, i == c.Crash.Thread)
		}
		t.Alternatives = nil
	}
}

func rules(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread, crashed bool) {
	if crashed {
		// Unwinding needs the right function, so this comes first.
		ontoTrap(c, p, &t.Regs)
		for i := range t.Alternatives {
			ontoTrap(c, p, &t.Alternatives[i])
		}
	}
	choose(c, p, t)
	globalPointer(c, p, t)
	if crashed && frameLost(c, p, &t.Regs) {
		doubtFrame(c, t)
		fromStack(c, p, t)
	}
	frameRegister(c, p, t)
}

// nowhere is the position of evidence that was computed.
var nowhere = elfcore.Pos{Off: -1}

// frameLimit bounds the walks that only compare.
const frameLimit = 64

// choose takes the reading of the registers that unwinds best; the first one
// where several do. A reading that was uncertain is recovered if the stack
// bears it out.
func choose(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	sp, state := t.Regs.SP()
	if len(t.Alternatives) == 0 && state != elfcore.Suspect {
		return
	}
	best := read(c, p, t.Regs)
	rivals := []elfcore.Registers{} // that unwind as well
	for _, r := range t.Alternatives {
		if now := read(c, p, r); now.score > best.score {
			best, rivals = now, nil
		} else if now.score == best.score && !same(&r, &best.regs) {
			rivals = append(rivals, r)
		}
	}
	if best.score <= 0 {
		rivals = append(t.Alternatives, t.Regs)
	}
	t.Regs = best.regs
	switch chosen, s := t.Regs.SP(); {
	case best.score <= 0 || len(rivals) > 0:
		doubt(c, t, rivals, "no reading unwinds better than the others")
	case s == elfcore.Suspect && best.bySP && certain(c, elfcore.Addr(chosen)):
		t.Regs.Set(c.Arch.SP, chosen, elfcore.Recovered, c.Because("recovery.by-unwinding",
			fmt.Sprintf("of %d readings this one unwinds best: %d frames, score %d; sp was 0x%x",
				len(t.Alternatives)+1, best.frames, best.score, sp), nowhere))
	}
}

// certain tells whether the stack's bytes are where they belong. Memory that
// may be shifted as a whole unwinds just as well from a shifted sp.
func certain(c *elfcore.Core, sp elfcore.Addr) bool {
	_, s, err := c.ReadWord(sp)
	return err == nil && s >= elfcore.Recovered
}

// reading is one reading of the registers and how well it unwinds. bySP tells
// whether the stack pointer had a part in it.
type reading struct {
	regs          elfcore.Registers
	score, frames int
	bySP          bool
}

func read(c *elfcore.Core, p *firmware.Set, r elfcore.Registers) reading {
	trace := unwind.Walk(c, p, r, frameLimit)
	return reading{r, unwind.Score(c, p, trace), len(trace), bySP(c.Arch, p, trace)}
}

// bySP tells whether a return address was where the stack pointer says. A link
// register says nothing of it, a scan finds the right frames from a wrong one
// too, and a frame pointer does without.
func bySP(a *arch.Arch, p *firmware.Set, trace []unwind.Frame) bool {
	for i := range trace[1:] {
		switch inner := &trace[i]; trace[i+1].Trust {
		case unwind.CFI:
			row, _ := p.Row(inner.Lookup())
			if _, s := inner.Regs.Get(row.CFA.Reg); row.CFA.Reg != a.SP && s != elfcore.Missing {
				return false
			}
			if row.Regs[row.Return].Kind == firmware.RuleOffset {
				return true
			}
		case unwind.LinkRegister:
			if a.LR == arch.NoReg {
				return true
			}
		default:
			return trace[i+1].Trust == unwind.Exception
		}
	}
	return false
}

// same tells whether two readings have the same stack pointer.
func same(a, b *elfcore.Registers) bool {
	x, _ := a.SP()
	y, _ := b.SP()
	return x == y
}

// undecided: without a firmware nothing tells the readings apart, unless they
// agree on the stack pointer. The first is the commonest case.
func undecided(c *elfcore.Core, t *elfcore.Thread) {
	for i := range t.Alternatives {
		if !same(&t.Alternatives[i], &t.Regs) {
			doubt(c, t, t.Alternatives, "without the firmware nothing tells it from other readings")
			return
		}
	}
}

// doubt makes the stack pointer, and what else rival readings differ in,
// suspect where it was computed.
func doubt(c *elfcore.Core, t *elfcore.Thread, rivals []elfcore.Registers, text string) {
	why := c.Because("recovery.undecided", text, nowhere)
	for i := range c.Arch.Regs {
		r := arch.Reg(i)
		v, s := t.Regs.Get(r)
		if s == elfcore.Recovered && (r == c.Arch.SP || slices.ContainsFunc(rivals, func(o elfcore.Registers) bool {
			w, ws := o.Get(r)
			return w != v || ws != s
		})) {
			t.Regs.Set(r, v, elfcore.Suspect, why)
		}
	}
}

// globalPointer sets RISC-V's gp, a constant of the program.
func globalPointer(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	gp, ok := c.Arch.Reg("gp")
	if !ok {
		return
	}
	if _, s := t.Regs.Get(gp); s != elfcore.Missing {
		return
	}
	if sym, ok := p.Symbol("__global_pointer$"); ok {
		t.Regs.Set(gp, uint64(sym.Addr), elfcore.Recovered, c.Because("recovery.gp-symbol", "__global_pointer$", nowhere))
	}
}

// ontoTrap moves a pc that stands behind a trap instruction back onto it, so
// that it lies in the function that trapped and not at the start of the next
// one. Only where the program ended itself (oops, panic, assertion) and the
// bytes before the pc are a trap.
func ontoTrap(c *elfcore.Core, p *firmware.Set, r *elfcore.Registers) {
	pc, s := r.PC()
	if c.Crash.Fault.Value != arch.FaultAbort || s < elfcore.Recovered {
		return
	}
	if size, ok := c.Arch.TrapBefore(codeBefore(c, p, elfcore.Addr(pc&c.Arch.CodeMask))); ok {
		r.Set(c.Arch.PC, pc-uint64(size), elfcore.Recovered,
			c.Because("recovery.pc-onto-trap", fmt.Sprintf("the dump has 0x%x, behind the trap instruction", pc), nowhere))
	}
}

// maxCode is how many bytes of code are looked at for a call or a trap, the
// longest being RISC-V's auipc and jalr.
const maxCode = 8

// codeBefore reads the code that ends at an address, up to maxCode bytes: from
// the firmware, or from the dump where it was loaded at run time.
func codeBefore(c *elfcore.Core, p *firmware.Set, end elfcore.Addr) []byte {
	for n := maxCode; n > 0; n-- {
		code := make([]byte, n)
		from := end - elfcore.Addr(n)
		if p.ReadConst(code, from) == nil {
			return code
		}
		if s, err := c.Memory.Read(code, from); err == nil && s >= elfcore.Recovered {
			return code
		}
	}
	return nil
}

// frameRegister computes a frame pointer that the target did not store, from
// the stack pointer and the call frame information at the pc: it is no surer
// than these two.
func frameRegister(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	if r, v, ok := unwind.FrameRegister(c, p, t.Regs); ok {
		_, pc := t.Regs.PC()
		_, sp := t.Regs.SP()
		t.Regs.Set(r, v, min(pc, sp, elfcore.Recovered),
			c.Because("recovery.frame-pointer", "from the stack pointer and the function's call frame information", nowhere))
	}
}
