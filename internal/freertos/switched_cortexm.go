package freertos

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// cortexMFrames are what the PendSV handlers of portable/GCC/ARM_CM* leave,
// lowest word first, below s16-s31 (if EXC_RETURN says so) and the frame of the
// hardware. Those of MPU wrappers version 2 keep the registers in the TCB.
var cortexMFrames = []frame{
	{arch.Layout{Width: 4, Slots: "r4-r11 exc_return"}, finishCortexM},                    // M4F, M7
	{arch.Layout{Width: 4, Slots: "psplim exc_return r4-r11"}, finishCortexM},             // M23, M33 and later
	{arch.Layout{Width: 4, Slots: "_ psplim exc_return r4-r11"}, finishNonSecure},         // with a secure side
	{arch.Layout{Width: 4, Slots: "exc_return r4-r11"}, finishCortexM},                    // M0 since 11.2
	{arch.Layout{Width: 4, Slots: "control r4-r11 exc_return"}, finishCortexM},            // M4F with MPU
	{arch.Layout{Width: 4, Slots: "psplim control exc_return r4-r11"}, finishCortexM},     // M33 with MPU
	{arch.Layout{Width: 4, Slots: "_ psplim control exc_return r4-r11"}, finishNonSecure}, // with both
	{arch.Layout{Width: 4, Slots: "control r4-r11"}, finishCortexM},                       // M3 with MPU
	{arch.Layout{Width: 4, Slots: "r4-r11"}, finishCortexM},                               // M0, M3
}

// highFloats are s16-s31.
var highFloats = arch.Layout{Width: 8, Slots: "d8-d15"}

// EXC_RETURN (Armv8-M manual D1.2.95); the bits that Armv8-M added are 1 before.
const (
	excPrefix = 0xffffff80 // bits that are always set
	excZero   = 0x02       // always clear
	excThread = 0x0c       // returns to a thread, on the process stack
	excFType  = 1 << 4
	excSecure = 1 << 6 // the frame is on the secure stack
)

// xPSR as the hardware stacks it (Armv8-M manual, RETPSR).
const (
	xpsrException = 0x1ff // exception number, 0 in a thread
	xpsrThumb     = 1 << 24
	xpsrReserved  = 0x00e00000
	xpsrAligned   = 1 << 9  // 4 bytes above the frame keep the stack aligned
	xpsrSFPA      = 1 << 20 // secure floating point state was active
)

const controlBits = 0xf // nPRIV, SPSEL, FPCA, SFPA

var cortexM = struct{ excReturn, psplim, control, psp arch.Reg }{
	cortexMReg("exc_return"), cortexMReg("psplim"), cortexMReg("control"), cortexMReg("psp"),
}

func cortexMReg(name string) arch.Reg {
	r, ok := arch.CortexM.Reg(name)
	if !ok {
		panic("no register " + name)
	}
	return r
}

func threadReturn(v uint64) bool {
	return v&(excPrefix|excZero|excThread) == excPrefix|excThread
}

// finishCortexM reads the rest of a frame whose EXC_RETURN, if it has one, must
// be one of a thread. It is the handler's and no register of the task.
func finishCortexM(x *saved) bool {
	exc, s := x.regs.Get(cortexM.excReturn)
	x.regs.Clear(cortexM.excReturn, 0)
	psplim, _ := x.regs.Get(cortexM.psplim)
	control, _ := x.regs.Get(cortexM.control)
	if psplim&7 != 0 || psplim > x.at || control&^controlBits != 0 {
		return false
	}
	basic := true
	if s != elfcore.Missing {
		if basic = exc&excFType != 0; !threadReturn(exc) || !basic && !x.load(highFloats) {
			return false
		}
	}
	return x.hardware(basic) && x.resume(s != elfcore.Missing)
}

// finishNonSecure: of a task that was in secure code this side has no registers.
func finishNonSecure(x *saved) bool {
	exc, _ := x.regs.Get(cortexM.excReturn)
	return exc&excSecure == 0 && finishCortexM(x)
}

// hardware reads the frame that the hardware pushed at an exception.
//
// Folklore: under lazy stacking an extended frame only reserves the room of
// s0-s15; but the handler's own vstmdb of s16-s31 makes the hardware fill it.
// So they are read here, unlike those of a frame at psp. TestCortexMFrames.
func (x *saved) hardware(basic bool) bool {
	l := x.kernel.core.Arch.Frames["basic"]
	if !basic {
		l = x.kernel.core.Arch.Frames["extended"]
	}
	if !x.load(l) {
		return false
	}
	flags := x.kernel.core.Arch.Flags
	xpsr, s := x.regs.Get(flags)
	sp := x.end
	if xpsr&xpsrAligned != 0 {
		sp += 4
	}
	x.regs.Set(flags, xpsr&^(xpsrAligned|xpsrSFPA), s, x.why) // bits about the frame only
	x.stackPointer(sp)
	return xpsr&(xpsrException|xpsrThumb|xpsrReserved) == xpsrThumb
}

// interrupted reads the task that an interrupt stopped: its frame is at psp,
// basic or extended as the interrupt's EXC_RETURN says. r4-r11 are the
// interrupt's by now.
func (k *kernel) interrupted(crashed *elfcore.Thread) (readings []elfcore.Registers) {
	psp, s := crashed.Regs.Get(cortexM.psp)
	if s == elfcore.Missing {
		return nil
	}
	exc, known := crashed.Regs.Get(cortexM.excReturn)
	if lr, _ := crashed.Regs.LR(); known == elfcore.Missing && threadReturn(lr) {
		exc, known = lr, elfcore.Recovered
	}
	for _, basic := range []bool{true, false} {
		if known != elfcore.Missing && threadReturn(exc) && basic != (exc&excFType != 0) {
			continue
		}
		x := k.saved(psp, s, "exception frame at psp")
		if x.hardware(basic) && x.resume(true) {
			x.forgetFloats()
			readings = append(readings, x.regs)
		}
	}
	return readings
}

// forgetFloats drops s0-s15 of a frame that may never have been filled.
func (x *saved) forgetFloats() {
	for r, info := range x.kernel.core.Arch.Regs {
		if info.Group == arch.Float {
			x.regs.Clear(arch.Reg(r), 0)
		}
	}
}
