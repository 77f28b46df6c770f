package zephyr

import (
	"bytes"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// EXC_RETURN, the value in lr during an exception (Armv8-M manual, B3.19); see
// also excBasic.
const (
	excPrefix = 0xffffff80 // bits that are always set
	excThread = 0x0c       // returns to a thread, on the process stack
	excZero   = 0x02
)

// threadReturn tells whether the low byte of an EXC_RETURN, which is what a
// k_thread keeps, returns to a thread.
func threadReturn(v uint64) bool {
	return v&(excPrefix&0xff|excThread|excZero) == excPrefix&0xff|excThread
}

// xPSR as the hardware stacks it (Armv8-M manual, RETPSR); see also xpsrAligned.
const (
	xpsrException = 0x1ff // exception number, 0 in a thread
	xpsrThumb     = 1 << 24
	xpsrSFPA      = 1 << 20 // secure FP state was active
	xpsrReserved  = 0x00e00000
)

// threadStatus tells whether a stacked xPSR can be that of a thread.
func threadStatus(v uint64) bool {
	return v&(xpsrException|xpsrThumb|xpsrReserved) == xpsrThumb
}

// Sizes of the frames that the hardware pushes, in bytes.
const (
	basicFrame    = 32
	extendedFrame = 104 // with s0-s15 and fpscr
)

var (
	calleeGeneral = arch.Layout{Width: 4, Slots: "r4-r11"}
	calleeFloat   = arch.Layout{Width: 8, Slots: "d8-d15"} // s16-s31
)

// resumeCortexM: the hardware pushed the other registers on the thread's stack
// when PendSV stopped it.
func resumeCortexM(k *kernel, x *context) bool {
	if k.at[atSwitchHandle].ok {
		return resumeSwitchFrame(k, x)
	}
	if x.state == elfcore.Missing {
		return false
	}
	// mode_exc_return exists only where frames can differ.
	mode, s := k.member(x.thread.Control.Value, atExcReturn, 1)
	if s == elfcore.Missing {
		if k.at[atExcReturn].ok {
			x.eitherFrame() // that byte is lost
		}
		return x.exceptionFrame(x.sp, true, x.state)
	}
	if !threadReturn(mode) {
		return x.exceptionFrame(x.sp, true, elfcore.Suspect)
	}
	basic := mode&excBasic != 0
	if !x.exceptionFrame(x.sp, basic, x.state) {
		return false
	}
	if !basic && k.at[atPreemptFloat].ok {
		// The frame's s0-s15 are not read: with lazy stacking the
		// hardware reserves their room and fills it later, if ever.
		x.load(calleeFloat, uint64(x.thread.Control.Value)+uint64(k.at[atPreemptFloat].off))
	}
	return true
}

// eitherFrame adds the reading of an extended frame, to be chosen if it unwinds
// better than that of a basic one.
func (x *context) eitherFrame() {
	have := x.thread.Regs.Clone()
	if x.exceptionFrame(x.sp, false, x.state) {
		x.thread.Alternatives = append(x.thread.Alternatives, x.thread.Regs)
	}
	x.thread.Regs = have
}

// exceptionFrame reads the frame that the hardware pushed at an exception. s
// says how sure its size is. Nothing is set if it can't be one; a frame with a
// pc outside the program is suspect.
//
// Folklore: with EXC_RETURN.DCRS clear an Armv8-M pushes a signature, a
// reserved word and r4-r11 below the frame (a real M33 dump showed r0 as
// 0xfefa125b). TestExceptionFrames.
func (x *context) exceptionFrame(at uint64, basic bool, s elfcore.State) bool {
	frames := x.kernel.core.Arch.Frames
	low := at
	if first, there := x.word(at); there != elfcore.Missing && first&^1 == signature {
		at += stateContext
	}
	pc, _ := x.word(at + 24)
	xpsr, there := x.word(at + 28)
	if there == elfcore.Missing || !threadStatus(xpsr) {
		return false
	}
	if !x.code(pc) {
		if x.limit == elfcore.Suspect {
			return false // nothing is left that speaks for it
		}
		x.limit = elfcore.Suspect
	}
	if low != at {
		x.load(frames["state"], low)
	}
	_, loaded := x.load(frames["basic"], at)
	end := at + basicFrame
	if !basic {
		end = at + extendedFrame
	}
	if xpsr&xpsrAligned != 0 {
		end += 4
	}
	x.set(arch.CortexM.Flags, xpsr&^(xpsrAligned|xpsrSFPA), loaded) // bits about the frame only
	x.stackPointer(end, min(there, s))                              // even if words of it are lost
	return true
}

// switchFrame is struct switch_frame of arm-m-switch.c.
const switchFrame fields = "apsr=xpsr r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 lr pc"

// resumeSwitchFrame: with CONFIG_USE_SWITCH, mainline since 2026, callee_saved
// is not used. switch_handle points to a frame of Zephyr's own on the stack:
// have_fpu (only with an FPU), floating point registers if that is not zero,
// psplim (only with a stack guard), struct switch_frame. The frame's end is the
// thread's sp. Only DWARF tells the variants apart.
func resumeSwitchFrame(k *kernel, x *context) bool {
	handle, s := k.member(x.thread.Control.Value, atSwitchHandle, 4)
	typ := "z_frame"
	if have := k.field(typ, "have_fpu"); have.ok {
		if v, _ := x.word(handle + uint64(have.off)); v != 0 {
			typ = "z_frame_fpu"
		}
	}
	frame, size := k.field(typ, "u"), k.field(typ, "").size
	if !frame.ok || s == elfcore.Missing || !x.onStack(handle, uint64(size)) {
		return false
	}
	x.slots(k.layout(switchFrame, "switch_frame", "", 0), handle+uint64(frame.off))
	pc, s := x.thread.Regs.PC()
	x.stackPointer(handle+uint64(size), s)
	return x.resumeAt(pc, s)
}

// interruptedCortexM finds the frame that the first interrupt pushed on the
// thread's stack. Its address is PSP, which is taken, in this order, from
//   - the register psp, if the reader had it (from the console);
//   - the fault handler's struct _callee_saved on the interrupt stack: r4-r11
//     as in the register block, then psp (CONFIG_EXTRA_EXCEPTION_INFO);
//   - the thread's stack: the lowest words that can be a frame. Older frames may
//     lie below the thread's sp, so what this finds is only suspect.
func interruptedCortexM(k *kernel, x *context, cpu processor) (bool, string) {
	// The interrupt wrapper begins with push {r0, lr} at the stack's top.
	basic, sure := true, elfcore.Recovered
	if v, s := x.word(uint64(cpu.irqTop) - 4); s != elfcore.Missing && v&excPrefix == excPrefix && threadReturn(v) {
		basic = v&excBasic != 0
	} else if k.at[atPreemptFloat].ok {
		sure = elfcore.Suspect
	}
	regs := &k.core.Crashed().Regs
	psp, s := regs.Get(cmReg.psp)
	x.why = k.because("zephyr.interrupted", "exception frame at psp")
	if s != elfcore.Missing && x.onStack(psp, basicFrame) && x.exceptionFrame(psp, basic, sure) {
		return true, ""
	}
	x.why = k.because("zephyr.interrupted", "exception frame at the psp that the fault handler saved on the interrupt stack")
	if psp, ok := k.handlerPSP(cpu, x); ok && x.exceptionFrame(psp, basic, sure) {
		return true, ""
	}
	if st := x.thread.Stack; st.State != elfcore.Missing {
		x.limit, x.why = elfcore.Suspect, k.because("zephyr.interrupted", "lowest words on the thread's stack that can be an exception frame")
		last := min(st.Value.Size, maxStack)
		for off := -uint64(st.Value.Addr) & 7; off < last; off += 8 {
			if at := uint64(st.Value.Addr) + off; x.onStack(at, basicFrame) && x.exceptionFrame(at, basic, sure) {
				return true, ""
			}
		}
	}
	return false, "the exception frame on its stack was not found"
}

// maxStack bounds how much of a stack is searched, in bytes.
const maxStack = 64 << 10

// handlerPSP finds the fault handler's copy of r4-r11 and psp on the interrupt
// stack.
func (k *kernel) handlerPSP(cpu processor, x *context) (uint64, bool) {
	regs := &k.core.Crashed().Regs
	pattern := make([]byte, k.size(calleeGeneral))
	for _, r := range k.core.Arch.Saved {
		if _, s := regs.Get(r); s == elfcore.Missing {
			return 0, false
		}
	}
	if regs.Store(calleeGeneral, pattern, k.core.Order) != nil {
		return 0, false
	}
	stack := make([]byte, min(cpu.irq.Size, maxStack, k.core.Memory.Run(cpu.irq.Addr).Size))
	if _, err := k.core.Memory.Read(stack, cpu.irq.Addr); err != nil {
		return 0, false
	}
	for i := 0; ; i++ {
		n := bytes.Index(stack[i:], pattern)
		if n < 0 || len(stack)-i-n < len(pattern)+4 {
			return 0, false
		}
		i += n
		psp := uintOf(k.core.Order, stack[i+len(pattern):][:4])
		if i%4 == 0 && psp%8 == 0 && x.onStack(psp, basicFrame) {
			return psp, true
		}
	}
}
