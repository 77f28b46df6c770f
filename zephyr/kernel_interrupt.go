package zephyr

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// interrupted tells whether the crash happened in an interrupt that had
// stopped t, the current thread. If so it makes the crashed context an
// interrupt and reads the registers of t.
func (k *kernel) interrupted(t *elfcore.Thread, cpu processor) bool {
	crashed := k.core.Crashed()
	sp, _ := crashed.Regs.SP()
	if !k.inInterrupt(*t, cpu) {
		return false
	}
	if crashed.Kind != elfcore.Interrupt {
		// What the console said of the "current thread" is about t.
		facts := *crashed
		merge(k.core, &facts, *t)
		facts.Regs, facts.Alternatives = t.Regs, nil
		*t = facts
	}
	why := k.because("zephyr.interrupt", "the crash happened in an interrupt")
	*crashed = elfcore.Thread{
		Kind: elfcore.Interrupt, Regs: crashed.Regs, Alternatives: crashed.Alternatives, CPU: t.CPU,
		Name: elfcore.Fact[string]{Value: "interrupt", State: elfcore.Recovered, Why: why},
	}
	if cpu.irq.Contains(elfcore.Addr(sp) - 1) {
		crashed.Stack = elfcore.Fact[elfcore.Range]{Value: cpu.irq, State: elfcore.Recovered, Why: why}
	}
	text := "no rule for the frame of an interrupt on this CPU"
	if k.port != nil {
		x := k.context(t, "zephyr.interrupted", "what the interrupt entry saved")
		var ok bool
		if ok, text = k.port.interrupted(k, x, cpu); ok {
			return true
		}
	}
	t.Regs = elfcore.NewRegisters(k.core.Arch)
	k.unknown(t, "zephyr.interrupted", text)
	return true
}

// inInterrupt goes by the crashed context's sp. Where that is on neither stack
// the interrupt nesting counts, or on Cortex-M, where Zephyr leaves nesting to
// the hardware, the exception number: the fault handler writes 0 into the
// stacked xPSR if a thread faulted.
//
// Folklore: before the first thread runs, the current thread is a dummy on the
// interrupt stack; old Cortex-A trees count a k_panic of a thread as nesting.
// TestInterruptContext.
func (k *kernel) inInterrupt(t elfcore.Thread, cpu processor) bool {
	crashed := k.core.Crashed()
	state, _ := k.member(t.Control.Value, atState, 1)
	if v, s := crashed.Regs.SP(); s != elfcore.Missing {
		below := elfcore.Addr(v) - 1 // sp of an empty stack is its end
		if t.Stack.State != elfcore.Missing && t.Stack.Value.Contains(below) {
			return false
		}
		if cpu.irq.Contains(below) && state&stateDummy == 0 {
			return true
		}
	}
	if k.core.Arch == arch.CortexM {
		xpsr, s := crashed.Regs.Get(arch.CortexM.Flags)
		return s != elfcore.Missing && xpsr&xpsrException != 0
	}
	return cpu.nested > 0
}

// esfTypes are the names of the interrupt frame's type: since 3.7, before.
var esfTypes = []string{"arch_esf", "__esf"}

// interruptedESF: the interrupt entry pushed a struct arch_esf on the thread's
// stack, padded to 16 bytes, and its address on the interrupt stack.
func interruptedESF(k *kernel, x *context, cpu processor) (bool, string) {
	at, s := x.word(uint64(cpu.irqTop) - k.port.link)
	for _, typ := range esfTypes {
		size := uint64(k.field(typ, "").size)
		if size == 0 {
			continue
		}
		if s == elfcore.Missing || !x.onStack(at, size) {
			return false, "the interrupt stack does not hold the address of the thread's frame"
		}
		x.slots(k.layout(k.port.esf, typ, "", 0), at)
		if pc, got := x.thread.Regs.PC(); got == elfcore.Missing || !x.code(pc) {
			return false, "the frame on the thread's stack has no code address for a pc"
		}
		x.stackPointer(at+(size+15)&^15, s)
		return true, ""
	}
	return false, "the program does not describe the interrupt frame"
}

// interruptedARM: srsdb and push left a basic frame on the thread's stack, with
// more of a struct arch_esf below it in some trees; the frame's address went to
// the interrupt stack.
func interruptedARM(k *kernel, x *context, cpu processor) (bool, string) {
	at, s := x.word(uint64(cpu.irqTop) - k.port.link)
	if s == elfcore.Missing {
		return false, "the interrupt stack does not hold the address of the thread's frame"
	}
	frames := []uint64{at}
	for _, typ := range esfTypes {
		if basic := k.field(typ, "basic"); basic.ok {
			frames = append(frames, at+uint64(basic.off))
		}
	}
	for _, frame := range frames {
		if x.onStack(frame, 32) && x.armFrame(frame, s) {
			return true, ""
		}
	}
	return false, "no exception frame where the interrupt stack says"
}

// i386Interrupt is what _interrupt_enter of ia32 leaves on the thread's stack.
var i386Interrupt = arch.Layout{Width: 4, Slots: "edi ecx edx eax eip cs eflags"}

func interruptedI386(k *kernel, x *context, cpu processor) (bool, string) {
	at, s := x.word(uint64(cpu.irqTop) - k.port.link)
	if s == elfcore.Missing || !x.onStack(at, 28) {
		return false, "the interrupt stack does not hold the address of the thread's frame"
	}
	if pc, _ := x.word(at + 16); !x.code(pc) {
		return false, "the frame on the thread's stack has no code address for a pc"
	}
	end, s := x.load(i386Interrupt, at)
	if cs, _ := x.word(at + 20); cs&3 != 0 {
		end, s = x.word(end) // from user mode the CPU pushed esp as well
	}
	x.stackPointer(end, s)
	return true, ""
}

// interruptedAMD64: the interrupt entry saved everything in the k_thread.
func interruptedAMD64(k *kernel, x *context, _ processor) (bool, string) {
	if flags, s := k.member(x.thread.Control.Value, atArchFlags, 1); s == elfcore.Missing || flags&amd64All == 0 {
		return false, "its k_thread does not hold all registers"
	}
	x.slots(k.saved, uint64(x.thread.Control.Value))
	return resumeAMD64(k, x), "its k_thread is not in the dump"
}
