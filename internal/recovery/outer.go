package recovery

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/unwind"
)

// A thread that overflows its stack has no room for the exception frame. The
// rules in this file tell what of the registers is left, and find the callers.

// frameLost tells whether the exception frame can't be right: a stack overflow
// whose pc is no code.
func frameLost(c *elfcore.Core, p *firmware.Set, r *elfcore.Registers) bool {
	pc, s := r.PC()
	return c.Crash.Fault.Value == arch.FaultStack && (s == elfcore.Missing || !p.Executable(elfcore.Addr(pc&c.Arch.CodeMask)))
}

// doubtFrame makes the registers of the exception frame suspect. Where hardware
// pushes one they are those that it has, and what the handler saved by itself
// stays; else all were in memory that was full.
func doubtFrame(c *elfcore.Core, t *elfcore.Thread) {
	why := c.Because("recovery.frame-garbage", "the stack was full, so the exception frame could not be stored", nowhere)
	doubt := func(r arch.Reg) {
		if v, s := t.Regs.Get(r); s >= elfcore.Recovered {
			t.Regs.Set(r, v, elfcore.Suspect, why)
		}
	}
	if frame, ok := c.Arch.Frames["basic"]; ok {
		slots, _, _ := c.Arch.Slots(frame)
		for _, s := range slots {
			doubt(s.Reg)
		}
		return
	}
	for i, info := range c.Arch.Regs {
		if info.Group == arch.General {
			doubt(arch.Reg(i))
		}
	}
}

// fromStack gives a thread whose registers lead nowhere a place to unwind
// from: the innermost return address on its stack from which the trace goes on,
// by call frame information alone, to where the stack begins. Registers that
// tell of the fault stay.
//
// Folklore: a thread that overflows its stack has no room for the exception
// frame. The CPU stores part of it or nothing, the handler dumps what lies
// there, and pc is a stray number, while the callers' frames above are intact
// (Cortex-M with an MPU guard or PSPLIM). Test: TestFromStack.
func fromStack(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	sp, s := t.Regs.SP()
	if s == elfcore.Missing {
		return
	}
	size := elfcore.Addr(c.Arch.PtrSize())
	stack := elfcore.Range{Addr: elfcore.Addr(sp) &^ (size - 1), Size: maxSlots * uint64(size)}
	state := elfcore.Suspect // without bounds this may be another's stack
	if whole := t.Stack.Value; t.Stack.State >= elfcore.Recovered {
		first := max(stack.Addr, whole.Addr) // it ran over the end
		if whole.End() <= first {
			return
		}
		stack = elfcore.Range{Addr: first, Size: min(uint64(whole.End()-first), stack.Size)}
		state = elfcore.Recovered
	}
	tries := 0
	for at := stack.Addr; stack.Contains(at) && tries < maxTries; at += size {
		ret, read, err := c.ReadWord(at)
		if err != nil {
			return
		}
		r, ok := calledFrom(c, p, ret, at)
		if !ok || read < elfcore.Recovered {
			continue
		}
		tries++
		if leadsOut(c, p, r) || keepSaved(&r, &t.Regs) && leadsOut(c, p, r) {
			moveTo(c, t, &r, state, at)
			return
		}
	}
}

const (
	// maxSlots bounds how far up the stack a place is looked for, in words,
	// and maxTries how many of the words there are followed outwards.
	maxSlots = 2048
	maxTries = 64
)

// keepSaved adds what the dump has of the registers that a called function
// preserves: a frame further out may need one. The function that is left may
// have changed them, so they are suspect. It tells whether there are any.
func keepSaved(to, from *elfcore.Registers) (any bool) {
	for _, n := range from.Arch().Saved {
		if v, s := from.Get(n); s != elfcore.Missing {
			to.Set(n, v, elfcore.Suspect, 0)
			any = true
		}
	}
	return any
}

// moveTo replaces the thread's context by that of the caller whose return
// address lies at a stack slot. The pc and stack pointer of the dump go to the
// evidence.
func moveTo(c *elfcore.Core, t *elfcore.Thread, to *elfcore.Registers, state elfcore.State, slot elfcore.Addr) {
	pc, s := t.Regs.PC()
	sp, _ := t.Regs.SP()
	was := fmt.Sprintf("pc 0x%x, which is no code", pc)
	if s == elfcore.Missing {
		was = "no pc"
	}
	why := c.Because("recovery.from-stack", fmt.Sprintf("the dump has %s, and sp 0x%x; "+
		"unwinding starts at the return address at %v", was, sp, slot), nowhere)
	for i, info := range c.Arch.Regs {
		n := arch.Reg(i)
		if v, s := to.Get(n); s != elfcore.Missing {
			t.Regs.Set(n, v, min(s, state), why)
		} else if _, s := t.Regs.Get(n); s != elfcore.Missing && info.Group != arch.Control {
			t.Regs.Clear(n, why)
		}
	}
}

// calledFrom gives the registers of the caller if ret, which lies at a stack
// slot, is a return address: pc and the stack pointer, which is the end of the
// frame of the function called.
func calledFrom(c *elfcore.Core, p *firmware.Set, ret uint64, slot elfcore.Addr) (elfcore.Registers, bool) {
	pc := elfcore.Addr(ret & c.Arch.CodeMask)
	if c.Arch == arch.CortexM && ret&1 == 0 || !p.Executable(pc) {
		return elfcore.Registers{}, false
	}
	code := codeBefore(c, p, pc)
	if !c.Arch.CallBefore(code) {
		return elfcore.Registers{}, false
	}
	// Where the return address is the last thing that was pushed, as on x86 and
	// mostly on ARM, the frame ends behind it; else the called function tells.
	end := slot + elfcore.Addr(c.Arch.PtrSize())
	if target, ok := c.Arch.CallTarget(code, uint64(pc)); ok {
		if f, ok := p.Function(elfcore.Addr(target)); ok {
			if row, ok := p.Row(f.Addr + elfcore.Addr(f.Size/2)); ok {
				if rule := row.Regs[row.Return]; rule.Kind == firmware.RuleOffset {
					end = slot - elfcore.Addr(rule.Offset)
				}
			}
		}
	}
	r := elfcore.NewRegisters(c.Arch)
	r.Set(c.Arch.PC, uint64(pc), elfcore.Recovered, 0)
	r.Set(c.Arch.SP, uint64(end), elfcore.Recovered, 0)
	return r, true
}

// leadsOut: every step is by call frame information, the frames hang together,
// and the last is where the stack begins.
func leadsOut(c *elfcore.Core, p *firmware.Set, r elfcore.Registers) bool {
	trace := unwind.Walk(c, p, r, 0)
	for _, f := range trace[1:] {
		if f.Trust != unwind.CFI {
			return false
		}
	}
	return len(trace) > 1 && trace[len(trace)-1].End.Kind == unwind.Outermost && unwind.Score(c, p, trace) > 0
}
