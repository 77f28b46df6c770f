package freertos

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// frame is what a port leaves at pxTopOfStack of a task that does not run.
type frame struct {
	layout arch.Layout
	// finish reads what lies behind and completes the registers. It returns
	// false if this can't be such a frame.
	finish func(*saved) bool
}

// ports are the frames of FreeRTOS's ports. Nothing tells which port a program
// has, so each that fits is a reading.
var ports = map[*arch.Arch][]frame{
	arch.CortexM: cortexMFrames,
	arch.RV32:    append([]frame{espFrame}, riscvFrames(4)...),
	arch.RV64:    riscvFrames(8),
}

// saved is one frame that is being read.
type saved struct {
	kernel *kernel
	regs   elfcore.Registers
	at     uint64 // where it begins
	end    uint64 // behind what has been read
	state  elfcore.State
	why    elfcore.Why
}

// switchedOut reads the registers of a task that does not run.
func (k *kernel) switchedOut(t *elfcore.Thread) {
	top, s := k.member(t.Control.Value, atTop)
	frames := ports[k.core.Arch]
	switch {
	case frames == nil, k.core.Flags&arch.RISCVEFlag != 0 && k.core.Arch == arch.RV32:
		k.unknown(t, "no rule for the saved registers of tasks on this CPU")
		return
	case s == elfcore.Missing:
		k.unknown(t, "its pxTopOfStack is not in the dump")
		return
	}
	var readings []elfcore.Registers
	for _, f := range frames {
		x := k.saved(top, s, fmt.Sprintf("frame at pxTopOfStack: %s", f.layout.Slots))
		if x.load(f.layout) && f.finish(x) {
			readings = append(readings, x.regs)
		}
	}
	if len(readings) == 0 {
		k.unknown(t, fmt.Sprintf("no frame of a known port at its pxTopOfStack 0x%08x", top))
		return
	}
	t.Regs, t.Alternatives = readings[0], readings[1:]
}

// running tells about the registers of a task that runs, but is not the thread
// that crashed: it was interrupted, or another core runs it.
func (k *kernel) running(t *elfcore.Thread) {
	core, _ := k.runs(t.Control.Value)
	crashed := k.core.Crashed()
	if k.core.Arch == arch.CortexM && crashed != nil && k.crashedTask() == nil && k.crashedCore(crashed) == core {
		if readings := k.interrupted(crashed); len(readings) > 0 {
			t.Regs, t.Alternatives = readings[0], readings[1:]
			return
		}
	}
	k.unknown(t, "it was running, and the dump has no registers of it; those in its TCB are stale")
}

// unknown leaves a thread's registers Missing and says why.
func (k *kernel) unknown(t *elfcore.Thread, text string) {
	t.Regs.Clear(k.core.Arch.PC, k.because("freertos.registers", text))
}

func (k *kernel) saved(at uint64, s elfcore.State, why string) *saved {
	return &saved{k, elfcore.NewRegisters(k.core.Arch), at, at, s, k.because("freertos.registers", why)}
}

// load sets the registers of a layout that lies behind what has been read, if
// all of it is there.
func (x *saved) load(l arch.Layout) bool {
	_, size, err := x.kernel.core.Arch.Slots(l)
	if err != nil {
		panic(err) // a table of this package is wrong
	}
	b := make([]byte, size)
	s, err := x.kernel.core.Memory.Read(b, elfcore.Addr(x.end))
	if err != nil || x.end > x.kernel.core.Arch.AddrMask()-uint64(size) {
		return false
	}
	x.state = min(x.state, s)
	if err := x.regs.Load(l, b, x.kernel.core.Order, x.state, x.why); err != nil {
		panic(err) // b has the layout's size
	}
	x.end += uint64(size)
	return true
}

// stackPointer sets sp to what a rule computed.
func (x *saved) stackPointer(v uint64) {
	x.regs.Set(x.kernel.core.Arch.SP, v, min(x.state, elfcore.Recovered), x.why)
}

// resume checks the pc. One outside the program counts only if the frame is
// certain for another reason; it may be code that the program doesn't have.
func (x *saved) resume(certain bool) bool {
	a := x.kernel.core.Arch
	pc, s := x.regs.PC()
	pc &= a.CodeMask
	if !x.kernel.prog.Executable(elfcore.Addr(pc)) {
		s = elfcore.Suspect
	}
	x.regs.Set(a.PC, pc, s, x.why)
	return certain || s > elfcore.Suspect
}

// riscvFrames are those of portable/GCC/RISC-V, with words of width bytes:
// until 10.4.3, until 10.6 (the slot before mstatus is the critical nesting),
// and since 11. A chip's additional registers would lie below; then none fits.
func riscvFrames(width int) []frame {
	const registers = " ra t0-t2 s0 s1 a0-a7 s2-s11 t3-t6 "
	return []frame{
		{arch.Layout{Width: width, Slots: "pc" + registers + "mstatus"}, finishRISCV},
		{arch.Layout{Width: width, Slots: "pc" + registers + "_ mstatus"}, finishRISCV},
		{arch.Layout{Width: width, Slots: "pc mstatus" + registers + "_"}, finishRISCV},
	}
}

// finishRISCV: a task runs in machine mode, so that MPP of its mstatus is 3.
// The bits that the privileged manual reserves are 0.
func finishRISCV(x *saved) bool {
	const (
		mpp   = 3 << 11
		legal = 1<<63 | 0xf<<32 | 0x807fffff // SD of 64 and 32 bits, SXL, UXL
	)
	mstatus, _ := x.regs.Get(riscvStatus)
	x.stackPointer(x.end)
	return mstatus&mpp == mpp && mstatus&^legal == 0 && x.resume(false)
}

var riscvStatus, _ = arch.RV32.Reg("mstatus")

// espFrame begins like RvExcFrame of ESP-IDF (esp.md 2.2). Interrupts, which all
// switches are, save no more of it; in versions before 5 they left room for all
// of its 160 bytes.
var espFrame = frame{arch.Layout{Width: 4, Slots: "pc ra sp gp tp t0-t2 s0 s1 a0-a7 s2-s11 t3-t6"}, finishESP}

// finishESP: the frame has the stack pointer, which proves it.
//
// Folklore: in the frame made for a task that has never run that slot is 0
// (both idle tasks of the C3 in the corpus). The switch does not look at it.
// TestCorpus.
func finishESP(x *saved) bool {
	const room = 32
	sp, _ := x.regs.SP()
	if sp == 0 {
		x.stackPointer(x.end)
		return x.resume(false)
	}
	return sp >= x.end && sp <= x.end+room && x.resume(true)
}
