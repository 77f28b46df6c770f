// Package recovery holds the rules that improve a crash and know no vendor:
// choosing among rival readings of the registers by unwinding them, registers
// that the firmware determines, and memory that the firmware can add.
//
// A rule never touches a value that is Known unless the design says so; then
// the old value goes to the evidence.
package recovery

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/unwind"
)

// Rules runs the rules on every thread, in an order in which each can use what
// the one before found.
func Rules(c *elfcore.Core, p *firmware.Set) {
	for i := range c.Threads {
		t := &c.Threads[i]
		if t.Regs.Arch() == nil {
			continue
		}
		choose(c, p, t)
		t.Alternatives = nil
		if p == nil {
			continue
		}
		globalPointer(c, p, t)
		if i == c.Crash.Thread {
			ontoTrap(c, p, t)
			doubtFrame(c, p, t)
			fromStack(c, p, t)
		}
		frameRegister(c, p, t)
	}
}

// nowhere is the position of evidence that was computed.
var nowhere = elfcore.Pos{Off: -1}

// frameLimit bounds the walks that only compare.
const frameLimit = 64

// choose takes the reading of the registers that unwinds best; the first one
// where several do. A reading that was uncertain is recovered if the stack
// bears it out.
func choose(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	if p == nil {
		if len(t.Alternatives) > 0 {
			undecided(c, t)
		}
		return
	}
	sp, state := t.Regs.SP()
	if len(t.Alternatives) == 0 && state != elfcore.Suspect {
		return
	}
	best := scored{regs: t.Regs}
	best.score, best.frames = score(c, p, t.Regs)
	rivals := 0
	for _, r := range t.Alternatives {
		if s, frames := score(c, p, r); s > best.score {
			best, rivals = scored{r, s, frames}, 0
		} else if s == best.score && !same(&r, &best.regs) {
			rivals++
		}
	}
	t.Regs = best.regs
	chosen, _ := t.Regs.SP()
	why := c.Because("recovery.by-unwinding", fmt.Sprintf("of %d readings this one unwinds best: %d frames, score %d; sp was 0x%x",
		len(t.Alternatives)+1, best.frames, best.score, sp), nowhere)
	switch _, s := t.Regs.SP(); {
	case best.score <= 0 || rivals > 0:
		doubtSP(c, t, "no reading unwinds better than the others")
	case s == elfcore.Suspect && certain(c, elfcore.Addr(chosen)):
		t.Regs.Set(c.Arch.SP, chosen, elfcore.Recovered, why)
	}
}

// certain tells whether the stack's bytes are where they belong. Memory that
// may be shifted as a whole unwinds just as well from a shifted sp.
func certain(c *elfcore.Core, sp elfcore.Addr) bool {
	_, s, err := c.ReadWord(sp)
	return err == nil && s >= elfcore.Recovered
}

type scored struct {
	regs          elfcore.Registers
	score, frames int
}

func score(c *elfcore.Core, p *firmware.Set, r elfcore.Registers) (points, frames int) {
	trace := unwind.Walk(c, p, r, frameLimit)
	return unwind.Score(c, p, trace), len(trace)
}

func same(a, b *elfcore.Registers) bool {
	x, _ := a.SP()
	y, _ := b.SP()
	return x == y
}

// undecided: without a firmware nothing tells the readings apart, unless they
// agree on the stack pointer. The first is the commonest case; a value on
// which rivals differ is suspect.
func undecided(c *elfcore.Core, t *elfcore.Thread) {
	for i := range t.Alternatives {
		if !same(&t.Alternatives[i], &t.Regs) {
			doubtSP(c, t, "without the firmware nothing tells it from other readings")
			return
		}
	}
}

// doubtSP makes a stack pointer that was not read but computed suspect.
func doubtSP(c *elfcore.Core, t *elfcore.Thread, text string) {
	if v, s := t.Regs.SP(); s == elfcore.Recovered {
		t.Regs.Set(c.Arch.SP, v, elfcore.Suspect, c.Because("recovery.undecided", text, nowhere))
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
func ontoTrap(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	pc, s := t.Regs.PC()
	if c.Crash.Fault.Value != arch.FaultAbort || s < elfcore.Recovered {
		return
	}
	code := make([]byte, 4)
	from := elfcore.Addr(pc&c.Arch.CodeMask) - elfcore.Addr(len(code))
	if p.ReadConst(code, from) != nil {
		if _, err := c.Memory.Read(code, from); err != nil {
			return
		}
	}
	if size, ok := c.Arch.TrapBefore(code); ok {
		t.Regs.Set(c.Arch.PC, pc-uint64(size), elfcore.Recovered,
			c.Because("recovery.pc-onto-trap", fmt.Sprintf("the dump has 0x%x, behind the trap instruction", pc), nowhere))
	}
}

// frameRegister computes a frame pointer that the target did not store.
func frameRegister(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	if r, v, ok := unwind.FrameRegister(c, p, t.Regs); ok {
		t.Regs.Set(r, v, elfcore.Recovered,
			c.Because("recovery.frame-pointer", "from the stack pointer and the function's call frame information", nowhere))
	}
}
