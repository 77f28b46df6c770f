package recovery

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/unwind"
)

// fromStack gives a thread whose registers lead nowhere a place to unwind
// from: the innermost return address on its stack from which the trace goes on,
// by call frame information alone, to where the stack begins.
//
// Folklore: a thread that overflows its stack has no room for the exception
// frame. The CPU stores part of it or nothing, the handler dumps what lies
// there, and pc is a stray number, while the callers' frames above are intact
// (Cortex-M with an MPU guard or PSPLIM). Test: TestFromStack.
func fromStack(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	pc, pcState := t.Regs.PC()
	sp, spState := t.Regs.SP()
	if spState == elfcore.Missing || c.Crash.Fault.Value != arch.FaultStack || p.Executable(elfcore.Addr(pc&c.Arch.CodeMask)) {
		return
	}
	size := elfcore.Addr(c.Arch.PtrSize())
	at := elfcore.Addr(sp) &^ (size - 1)
	if t.Stack.State != elfcore.Missing && at < t.Stack.Value.Addr {
		at = t.Stack.Value.Addr // it ran over the end
	}
	for range maxSlots {
		ret, state, err := c.ReadWord(at)
		if err != nil {
			return
		}
		if r, ok := calledFrom(c, p, ret, at); ok && state >= elfcore.Recovered {
			if trace := unwind.Walk(c, p, r, 0); reachesOutermost(trace) {
				why := c.Because("recovery.from-stack", fmt.Sprintf("the dump's pc 0x%x is no code and its sp is 0x%x; "+
					"unwinding starts at the return address at %v", pc, sp, at), nowhere)
				if pcState == elfcore.Missing {
					why = c.Because("recovery.from-stack", fmt.Sprintf("unwinding starts at the return address at %v", at), nowhere)
				}
				next, _ := r.SP()
				r.Set(c.Arch.PC, ret&c.Arch.CodeMask, elfcore.Recovered, why)
				r.Set(c.Arch.SP, next, elfcore.Recovered, why)
				t.Regs = r
				return
			}
		}
		at += size
	}
}

// maxSlots bounds how far up the stack a place is looked for, in words.
const maxSlots = 2048

// calledFrom gives the registers of the caller if ret, which lies at a stack
// slot, is a return address: pc and the stack pointer, which is the end of the
// frame of the function called.
func calledFrom(c *elfcore.Core, p *firmware.Set, ret uint64, slot elfcore.Addr) (elfcore.Registers, bool) {
	pc := elfcore.Addr(ret & c.Arch.CodeMask)
	var code [8]byte
	if !p.Executable(pc) || p.ReadConst(code[:], pc-elfcore.Addr(len(code))) != nil || !c.Arch.CallBefore(code[:]) {
		return elfcore.Registers{}, false
	}
	// Where the return address is the last thing that was pushed, as on x86 and
	// mostly on ARM, the frame ends behind it; else the called function tells.
	end := slot + elfcore.Addr(c.Arch.PtrSize())
	if target, ok := c.Arch.CallTarget(code[:], uint64(pc)); ok {
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

// reachesOutermost: every step is by call frame information, and the last
// frame is where the stack begins.
func reachesOutermost(trace []unwind.Frame) bool {
	for _, f := range trace[1:] {
		if f.Trust != unwind.CFI {
			return false
		}
	}
	end := trace[len(trace)-1].End
	return len(trace) > 1 && end != nil && end.Kind == unwind.Outermost
}

// doubtFrame makes the registers of a crash suspect whose exception frame can't
// be right: a stack overflow whose pc is no code.
func doubtFrame(c *elfcore.Core, p *firmware.Set, t *elfcore.Thread) {
	pc, s := t.Regs.PC()
	if c.Crash.Fault.Value != arch.FaultStack || s == elfcore.Missing || p.Executable(elfcore.Addr(pc&c.Arch.CodeMask)) {
		return
	}
	why := c.Because("recovery.frame-garbage", "the stack was full, so the exception frame could not be stored", nowhere)
	for i, r := range c.Arch.Regs {
		if v, s := t.Regs.Get(arch.Reg(i)); s >= elfcore.Recovered && r.Group == arch.General {
			t.Regs.Set(arch.Reg(i), v, elfcore.Suspect, why)
		}
	}
}
