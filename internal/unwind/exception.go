package unwind

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Bits of EXC_RETURN, the value that stands for a return address in a Cortex-M
// exception handler (Armv8-M manual D1.2.95; on v6-M and v7-M the bits that
// Armv8-M added are 1).
const (
	excES    = 1 << 0 // the exception was taken to Secure state
	excSPSel = 1 << 2 // the frame is on the process stack
	excFType = 1 << 4 // the frame is a basic one, without floating point
	excDCRS  = 1 << 5 // default rules for stacking r4-r11
	excS     = 1 << 6 // the frame is on a Secure stack
)

// resetLR is lr after a reset: the code that runs first has no caller.
const resetLR = 0xffff_ffff

// isExcReturn: bits 31 to 7 are ones, bit 1 is reserved as 0.
func isExcReturn(ret uint64) bool { return ret>>7 == 0x1ff_ffff && ret&2 == 0 }

// isFncReturn: what stands for the return address where Secure code has called
// Non-secure code (Armv8-M manual, FNC_RETURN); the real one is on the Secure
// stack. Bit 0 is the caller's security state.
func isFncReturn(ret uint64) bool { return ret|1 == 0xfeff_ffff }

// integritySignature opens the additional state context that Armv8-M pushes
// below the frame; its bit 0 says that no floating point follows.
const integritySignature = 0xfefa_125a

// Armv8-M stacks s16-s31 as well, behind the frame, if the floating point
// registers of Secure code are secret: FPCCR.TS (D1.2.98).
const (
	fpccrTS    = 1 << 26
	secretSize = 16 * 4 // bytes
)

const (
	xpsrThumb     = 1 << 24
	xpsrRealigned = 1 << 9 // 4 bytes of padding above the frame keep it aligned to 8
)

// unstack undoes an exception entry. next holds the registers at the handler's
// entry, its stack pointer being the main one. What comes out are the
// registers of the interrupted code, its pc exact.
//
// Folklore: with EXC_RETURN bit 5 (DCRS) clear, an Armv8-M core has pushed a
// signature, a reserved word and r4-r11 below the frame, so that who reads the
// frame at sp sees r0 = 0xfefa125b and a nonsense pc (a real Cortex-M33 dump,
// zephyr.md 3.3). The signature decides; pinned by TestUnstack.
func (u *unwinder) unstack(next elfcore.Registers, exc uint32, state elfcore.State) (elfcore.Registers, *End) {
	if exc&excS != 0 != (exc&excES != 0) {
		return next, otherStack("the other security state")
	}
	msp, psp := u.named("msp"), u.named("psp")
	at, spState := next.SP()
	next.Set(msp, at, spState, 0)
	stack := msp
	if exc&excSPSel != 0 {
		stack = psp
		at, spState = next.Get(psp)
	}
	if spState == elfcore.Missing {
		return next, otherStack(u.arch.Regs[stack].Name)
	}
	state = min(state, spState)

	if sig, _, err := u.core.ReadUint(elfcore.Addr(at), 4); err == nil && exc&excDCRS == 0 && sig&^1 == integritySignature {
		size, end := u.loadFrame(&next, "state", at, state)
		if end != nil {
			return next, end
		}
		at += size
	}
	frame := "basic"
	if exc&excFType == 0 {
		frame = "extended"
	}
	size, end := u.loadFrame(&next, frame, at, state)
	if end != nil {
		return next, end
	}
	at += size
	if fpccr, s := next.Get(u.named("fpccr")); s != elfcore.Missing && fpccr&fpccrTS != 0 && exc&(excS|excFType) == excS {
		at += secretSize
	}
	if xpsr, s := next.Get(u.arch.Flags); xpsr&xpsrRealigned != 0 {
		next.Set(u.arch.Flags, xpsr&^xpsrRealigned, s, 0)
		at += 4
	}
	if at > u.arch.AddrMask() {
		return next, backwards(elfcore.Addr(at & u.arch.AddrMask()))
	}
	pc, s := next.PC()
	next.Set(u.arch.PC, pc&u.arch.CodeMask, s, 0)
	next.Set(u.arch.SP, at, state, 0)
	next.Set(stack, at, state, 0)
	return next, nil
}

// loadFrame loads one of Arch.Frames from the stack and returns its size in
// bytes. Floating point slots are Suspect: under lazy stacking the hardware
// reserves them and leaves what was there.
func (u *unwinder) loadFrame(next *elfcore.Registers, name string, at uint64, state elfcore.State) (uint64, *End) {
	slots, size, err := u.arch.Slots(u.arch.Frames[name])
	if err != nil {
		panic(err) // arch's tables are wrong
	}
	data := make([]byte, size)
	memory, err := u.core.Memory.Read(data, elfcore.Addr(at))
	if err != nil {
		return 0, noStack(elfcore.Addr(at))
	}
	state = min(state, memory)
	if err := next.Load(u.arch.Frames[name], data, u.core.Order, state, 0); err != nil {
		panic(err) // data has the layout's size
	}
	for _, s := range slots {
		if s.Reg != arch.NoReg && u.arch.Regs[s.Reg].Group == arch.Float {
			u.lower(next, s.Reg, elfcore.Suspect)
		}
	}
	return uint64(size), nil
}

// plausible tells whether registers as unstacked look like code that was
// interrupted: in Thumb state at an address of code, or, after a jump to a bad
// address, with a link register that points behind a call.
func (u *unwinder) plausible(r elfcore.Registers) bool {
	pc, _ := r.PC()
	xpsr, _ := r.Get(u.arch.Flags)
	if u.code.Executable(elfcore.Addr(pc)) {
		return xpsr&xpsrThumb != 0
	}
	lr, _ := r.LR()
	return u.callBefore(u.codeAddr(lr), elfcore.Addr(pc)) != noCall
}

func (u *unwinder) named(name string) arch.Reg {
	r, ok := u.arch.Reg(name)
	if !ok {
		return arch.NoReg
	}
	return r
}
