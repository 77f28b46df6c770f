package zephyr

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// port says what Zephyr keeps of a thread that does not run, for one CPU
// (zephyr.md 5.3; Zephyr's arch/*/thread.h and switch routines).
type port struct {
	saved  fields // struct _callee_saved
	anchor string // its member that entry 8 of the debugger table is
	// scratch are registers in struct _thread_arch, see resumeAMD64.
	scratch fields
	// resume completes what callee_saved holds. It returns false if the
	// rest was not found.
	resume func(*kernel, *context) bool
	// interrupted reads the registers of a thread that an interrupt
	// stopped. It returns false and the reason if they were not found.
	interrupted func(*kernel, *context, processor) (ok bool, reason string)
	esf         fields // struct arch_esf, which the interrupt entry pushes
	link        uint64 // where the interrupt stack holds its address, bytes below the top
}

var ports = map[*arch.Arch]*port{
	arch.CortexM: {
		saved: "v1=r4 v2=r5 v3=r6 v4=r7 v5=r8 v6=r9 v7=r10 v8=r11 psp=", anchor: "psp",
		resume: resumeCortexM, interrupted: interruptedCortexM,
	},
	arch.ARM: {
		saved: "v1=r4 v2=r5 v3=r6 v4=r7 v5=r8 v6=r9 v7=r10 v8=r11 psp=sp lr", anchor: "psp",
		resume: resumeARM, interrupted: interruptedARM, link: 8,
	},
	arch.AArch64: {
		saved: "x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 sp_el0= sp_elx=sp lr=x30", anchor: "sp_elx",
		resume: resumeAtLink, interrupted: interruptedESF, link: 16,
		esf: "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 lr=x30 spsr=cpsr elr=pc fp=x29",
	},
	arch.RV32: &riscvPort,
	arch.RV64: &riscvPort,
	arch.I386: {
		saved: "esp=", anchor: "esp",
		resume: resumeI386, interrupted: interruptedI386, link: 4,
	},
	arch.AMD64: {
		saved: "rsp rbx rbp r12 r13 r14 r15 rip rflags=eflags", anchor: "rsp",
		scratch: "rax rcx rdx rsi rdi r8 r9 r10 r11",
		resume:  resumeAMD64, interrupted: interruptedAMD64,
	},
}

// riscvPort. RV32E ends both lists early.
var riscvPort = port{
	saved: "sp ra s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11", anchor: "sp",
	resume: resumeAtLink, interrupted: interruptedESF, link: 16,
	esf: "ra t0 t1 t2 t3 t4 t5 t6 a0 a1 a2 a3 a4 a5 a6 a7 mepc=pc mstatus s0",
}

// context is one thread whose registers are being read.
type context struct {
	kernel *kernel
	thread *elfcore.Thread
	sp     uint64        // the stack pointer as callee_saved has it
	state  elfcore.State // of sp
	limit  elfcore.State // the best that a register can be
	why    elfcore.Why
}

// context begins to read a thread's registers.
func (k *kernel) context(t *elfcore.Thread, rule, text string) *context {
	x := &context{kernel: k, thread: t, limit: elfcore.Known, why: k.because(rule, text)}
	for _, s := range k.saved {
		if s.member == k.port.anchor {
			x.sp, x.state = x.word(uint64(t.Control.Value) + uint64(s.off))
		}
	}
	return x
}

// set stores a register.
func (x *context) set(r arch.Reg, v uint64, s elfcore.State) {
	if s != elfcore.Missing {
		x.thread.Regs.Set(r, v, min(s, x.limit), x.why)
	}
}

// word reads a pointer-sized word.
func (x *context) word(a uint64) (uint64, elfcore.State) {
	v, s, err := x.kernel.core.ReadWord(elfcore.Addr(a))
	if err != nil {
		return 0, elfcore.Missing
	}
	return v, s
}

// load sets the registers of a frame, if all of it is there, and returns the
// address behind it.
func (x *context) load(l arch.Layout, at uint64) (end uint64, s elfcore.State) {
	b := make([]byte, x.kernel.size(l))
	s, err := x.kernel.core.Memory.Read(b, elfcore.Addr(at))
	if err != nil {
		return 0, elfcore.Missing
	}
	if err := x.thread.Regs.Load(l, b, x.kernel.core.Order, min(s, x.limit), x.why); err != nil {
		panic(err) // b has the layout's size
	}
	return at + uint64(len(b)), s
}

// size is the size of a layout of this package's tables, in bytes.
func (k *kernel) size(l arch.Layout) uint64 {
	_, size, err := k.core.Arch.Slots(l)
	if err != nil {
		panic(err)
	}
	return uint64(size)
}

// slots sets the registers of a structure at base.
func (x *context) slots(list []slot, base uint64) {
	for _, s := range list {
		if s.reg != arch.NoReg {
			v, state := x.word(base + uint64(s.off))
			x.set(s.reg, v, state)
		}
	}
}

// stackPointer sets sp to what a rule computed.
func (x *context) stackPointer(v uint64, s elfcore.State) {
	x.set(x.kernel.core.Arch.SP, v, min(s, elfcore.Recovered))
}

// code tells whether an address can be a pc.
func (x *context) code(pc uint64) bool {
	return x.kernel.prog.Executable(elfcore.Addr(pc & x.kernel.core.Arch.CodeMask))
}

// onStack tells whether size bytes at a lie on the thread's stack, or at least
// in the dump if that stack is not known.
func (x *context) onStack(a, size uint64) bool {
	if st := x.thread.Stack; st.State != elfcore.Missing {
		return st.Value.Contains(elfcore.Addr(a)) && uint64(st.Value.End())-a >= size
	}
	return x.kernel.core.Memory.Run(elfcore.Addr(a)).Size >= size
}

// switchedOut reads the registers of a thread that does not run.
func (k *kernel) switchedOut(t *elfcore.Thread) {
	if k.port == nil {
		k.report(elfcore.Info, "zephyr.switched-out-unsupported", "threads that do not run, on "+k.core.Arch.Name,
			"a rule for their saved registers", "listed without registers")
		k.unknown(t, "zephyr.switched-out", "no rule for the saved registers of threads on this CPU")
		return
	}
	x := k.context(t, "zephyr.switched-out", "callee_saved and the frame on the thread's stack")
	state, s := k.member(t.Control.Value, atState, 1)
	if state&stateDead != 0 {
		x.limit = elfcore.Suspect // its stack may be in use again
	}
	x.slots(k.saved, uint64(t.Control.Value))
	if !k.port.resume(k, x) {
		t.Regs = elfcore.NewRegisters(k.core.Arch)
		k.unknown(t, "zephyr.switched-out", "the saved registers are not in the dump or make no sense")
		return
	}
	if s != elfcore.Missing && state&stateBit2 != 0 {
		word := "sleeping"
		if pc, _ := t.Regs.PC(); k.start(pc) {
			word = "prestart"
		}
		t.Status.Value = statusText(uint8(state), word)
	}
}

// start tells whether new threads begin at pc.
func (k *kernel) start(pc uint64) bool {
	for _, a := range k.starts {
		if a == elfcore.Addr(pc) {
			return true
		}
	}
	return false
}

// unknown leaves a thread's registers Missing and says why.
func (k *kernel) unknown(t *elfcore.Thread, rule, text string) {
	t.Regs.Clear(k.core.Arch.PC, k.because(rule, text))
}

// running notes that a thread runs on another CPU. What its k_thread holds is
// stale; only an 'F' block tells.
func (k *kernel) running(t *elfcore.Thread, frozen *elfcore.Registers) {
	t.Status = elfcore.Fact[string]{Value: fmt.Sprintf("running on CPU %d", t.CPU.Value), State: elfcore.Recovered, Why: t.CPU.Why}
	if frozen != nil {
		t.Regs = *frozen
		return
	}
	k.unknown(t, "zephyr.running", "the thread was running on a CPU whose registers are not in the dump")
}

// resumeAtLink: the switch routine returns through the link register.
func resumeAtLink(k *kernel, x *context) bool {
	lr, s := x.thread.Regs.LR()
	return x.resumeAt(lr, s)
}

// resumeAt sets the pc. One outside the program is suspect, but possible: code
// loaded at run time.
func (x *context) resumeAt(pc uint64, s elfcore.State) bool {
	if !x.code(pc) {
		s = min(s, elfcore.Suspect)
	}
	x.set(x.kernel.core.Arch.PC, pc&x.kernel.core.Arch.CodeMask, s)
	return s != elfcore.Missing
}

// amd64All (X86_THREAD_FLAG_ALL) in k_thread.arch.flags says that the thread
// was stopped by an interrupt or has never run: the registers that a switch
// need not preserve are there too.
const amd64All = 0x01

func resumeAMD64(k *kernel, x *context) bool {
	if flags, s := k.member(x.thread.Control.Value, atArchFlags, 1); s != elfcore.Missing && flags&amd64All != 0 {
		x.slots(k.scratch, uint64(x.thread.Control.Value))
	}
	pc, s := x.thread.Regs.PC()
	return x.resumeAt(pc, s)
}

// i386Frames are what arch_swap of ia32 leaves on the stack, lowest word
// first: its return value, the registers, its return address. The second is a
// variant that saves eax as well.
var i386Frames = []arch.Layout{
	{Width: 4, Slots: "_ ebp ebx esi edi eip"},
	{Width: 4, Slots: "_ ebp ebx esi edi _ eip"},
}

// resumeI386 takes the frame whose return address stands behind a call, or is
// where new threads start.
func resumeI386(k *kernel, x *context) bool {
	if x.state == elfcore.Missing {
		return false
	}
	for _, l := range i386Frames {
		pc, s := x.word(x.sp + k.size(l) - 4)
		if s == elfcore.Missing || !x.code(pc) || !k.start(pc) && !k.afterCall(pc) {
			continue
		}
		end, s := x.load(l, x.sp)
		x.stackPointer(end, s)
		return s != elfcore.Missing
	}
	return false
}

// afterCall tells whether the instruction before pc is a call.
func (k *kernel) afterCall(pc uint64) bool {
	var code [7]byte // the longest call
	return k.prog.ReadConst(code[:], elfcore.Addr(pc)-elfcore.Addr(len(code))) == nil && k.core.Arch.CallBefore(code[:])
}

// armBasic is what srsdb and push leave on the stack of a thread on the A and
// R profiles (struct __basic_sf).
var armBasic = arch.Layout{Width: 4, Slots: "r0-r3 r12 lr pc cpsr"}

// resumeARM: with arch_switch a thread returns to callee_saved.lr. Older trees
// switch through svc, whose frame lies at its stack pointer, above the floating
// point registers if threads share the FPU.
func resumeARM(k *kernel, x *context) bool {
	if _, s := x.thread.Regs.LR(); s != elfcore.Missing && k.at[atCalleeSaved].ok {
		return resumeAtLink(k, x)
	}
	if x.state == elfcore.Missing {
		return false
	}
	at := x.sp
	if k.at[atPreemptFloat].ok {
		at += uint64(k.field("__fpu_sf", "").size)
	}
	return x.armFrame(at, x.state)
}

// armFrame reads an exception frame of the A and R profiles, whose flags must
// show a mode that Zephyr's threads run in.
func (x *context) armFrame(at uint64, s elfcore.State) bool {
	const user, system = 0x10, 0x1f
	pc, _ := x.word(at + 24)
	cpsr, there := x.word(at + 28)
	if mode := cpsr & 0x1f; there == elfcore.Missing || !x.code(pc) || mode != user && mode != system {
		return false
	}
	x.load(armBasic, at)
	x.stackPointer(at+basicFrame, min(there, s)) // even if words of it are lost
	return true
}
