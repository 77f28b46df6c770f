package blueos

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// signal reads struct CoredumpReason: i32 signo, i32 code, then fault_addr and
// arch_specific in a pointer's size. The target's own choice of a signal is
// kept as a fact only.
//
// Folklore: signo has BSD's numbers (SIGBUS is 10, which GDB shows as SIGUSR1),
// and it comes from tables with errors: Cortex-M's reads the bytes of CFSR in
// reverse order, RISC-V's takes an illegal instruction for a bus error. So the
// fault is worked out from arch_specific. Test: TestFaults.
func (b *builder) signal(n notes.Note) {
	word := b.m.cpu.arch.PtrSize()
	signo, state := b.uint(n.DescOff, 4)
	code, s1 := b.uint(n.DescOff+4, 4)
	addr, s2 := b.uint(n.DescOff+8, word)
	specific, s3 := b.uint(n.DescOff+8+int64(word), word)
	if n.Size < int64(8+2*word) || min(state, s1, s2, s3) == elfcore.Missing {
		b.report(elfcore.Loss, "reason", b.pieces.Pos(n.DescOff), "the note of the signal is cut or damaged", "", "the cause is unknown")
		return
	}
	why := b.c.Because("blueos.reason", "", b.pieces.Pos(n.DescOff))
	for _, f := range []struct{ name, text string }{
		{factSignal, fmt.Sprint(int32(signo))}, {factCode, fmt.Sprintf("0x%x", code)}, {factAddr, fmt.Sprintf("0x%x", addr)},
	} {
		b.c.Facts[f.name] = elfcore.Fact[string]{Value: f.text, State: elfcore.Known, Why: why}
	}
	crash := &b.c.Crash
	crash.Reason = elfcore.Fact[uint64]{Value: specific, State: elfcore.Known, Why: why}
	if signo == panicSignal && code == 0 && addr == 0 && specific == 0 {
		crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultAbort, State: elfcore.Known, Why: why}
		return
	}
	if b.regs.Arch() == nil {
		b.regs = elfcore.NewRegisters(b.m.cpu.arch)
	}
	set := func(name string, v uint64) {
		r, _ := b.m.cpu.arch.Reg(name)
		b.regs.Set(r, v, elfcore.Known, why)
	}
	switch b.m.cpu.arch {
	case arch.CortexM:
		set("cfsr", specific)
		set("mmfar", addr)
	case arch.AArch64:
		// fault_addr is ESR, of which arch_specific is the exception class.
		if addr>>26&0x3f != specific {
			addr = specific << 26
		}
		set("esr", addr)
		crash.Addr.Why = b.c.Because("blueos.no-far", "the dump has ESR in place of the address", b.pieces.Pos(n.DescOff))
	default:
		set("mcause", specific)
		set("mtval", addr)
	}
}

// judge works out the fault. If no instruction could be fetched from the pc,
// the context is that of the trap.
func (b *builder) judge() {
	b.c.JudgeFault(b.c.Because("blueos.fault-registers", "", nowhere))
	t, addr := b.c.Crashed(), b.c.Crash.Addr
	pc, s := t.Regs.PC()
	if b.c.Crash.Fault.Value == arch.FaultInstruction && addr.State == elfcore.Known && uint64(addr.Value) == pc && s != elfcore.Missing {
		b.ofTrap(&t.Regs, "the pc is the address from which no instruction could be fetched")
	}
}

// panicSignal is SIGABRT, with which a panic of the kernel dumps itself; the
// other numbers are 0 then.
const panicSignal = 6
