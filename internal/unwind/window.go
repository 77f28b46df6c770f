package unwind

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// This file follows the register windows of Xtensa's windowed ABI (Xtensa ISA
// manual, 4.7.1 and "The Windowed Register Calling Convention"; esp.md 2.1). A
// call turns the window by 4, 8 or 12 registers, and entry, a function's first
// instruction, lowers the stack pointer. What call frame information says of
// such code is where the stack pointer was, no more.
//
// A dump is made after all windows but the innermost were spilled, each to
// where the ABI has its place: a0 to a3 of a function's caller right below the
// function's stack pointer (the base save area), the others that the caller
// keeps, a4 to a7 or a11, at the far end of the caller's own frame. That chain
// needs no code, and so leads through a ROM whose program is not at hand.
const (
	psCallInc = 16      // PS.CALLINC: by how many times four the last call turned the window
	psWOE     = 1 << 18 // PS.WOE: windows are on

	saveArea    = 16 // bytes
	windowCalls = 30 // of a return address the upper two bits are the size of the call, in fours
	regionMask  = 3 << windowCalls
	entryOp     = 0x36
	callBytes   = 3
	windowRegs  = 16 // a0 to a15
	minFrame    = 16 // bytes; entry lowers the stack pointer by that at least
)

// byWindow goes to the caller of windowed code. ok is false where the frame is
// not of such code.
func (u *unwinder) byWindow(r elfcore.Registers, pc elfcore.Addr, exact bool) (s step, end *End, ok bool) {
	if u.arch != arch.Xtensa {
		return s, nil, false
	}
	if exact {
		if s, end, ok := u.beforeEntry(r, pc); ok {
			return s, end, true
		}
	}
	ra, state := r.LR()
	sp, spState := r.SP()
	at := lookup(pc, exact)
	ret := u.windowAddr(ra, pc)
	if state == elfcore.Missing || spState == elfcore.Missing || !u.windowed(r, at, ret) {
		return s, nil, false
	}
	row, hasRow := u.code.Row(at)
	if ra&^regionMask == 0 {
		return step{cfa: u.outermostCFA(row, hasRow, r)}, outermost(), true
	}
	var base [4]uint64
	for i := range base {
		var st elfcore.State
		if base[i], st, end = u.word(elfcore.Addr(sp - saveArea + uint64(4*i))); end != nil {
			return s, end, true
		}
		spState = min(spState, st)
	}
	callerSP := base[1]
	s = step{trust: Window, cfa: elfcore.Addr(callerSP)}
	if callerSP < sp+minFrame {
		return s, backwards(s.cfa), true
	}
	limit := u.spilled(r, ret)
	if !hasRow {
		limit = min(limit, elfcore.Recovered)
	} else if cfa, _, end := u.cfa(row, r); end != nil || cfa != callerSP {
		limit = elfcore.Suspect
	}
	s.regs = u.after(r, false)
	size := u.callSize(ra, ret, exact)
	u.turn(&s.regs, r, size)
	for i, v := range base {
		s.regs.Set(arch.Reg(i), v, min(spState, limit), 0)
	}
	u.extended(&s.regs, size, min(spState, limit))
	s, end = u.arrive(s, ret, min(state, limit))
	return s, end, true
}

// beforeEntry is for a function of which nothing ran: the call has not turned
// the window yet, so that all registers are the caller's, and its return
// address is where the turn would have made it a0. Execution stopped at an
// entry instruction, or a call through a bad pointer did not get to one.
func (u *unwinder) beforeEntry(r elfcore.Registers, pc elfcore.Addr) (s step, end *End, ok bool) {
	ps, psState := r.Get(u.arch.Flags)
	inc := ps >> psCallInc & 3
	ra, state := r.Get(arch.Reg(4 * inc))
	if psState == elfcore.Missing || state == elfcore.Missing || inc == 0 || ra>>windowCalls != inc {
		return s, nil, false
	}
	ret := u.windowAddr(ra, pc)
	f, inFunction := u.code.Function(pc)
	atEntry := inFunction && f.Addr == pc && u.isEntryOp(pc)
	if !atEntry && (u.code.Executable(pc) || u.callBefore(ret, pc) < indirectCall) {
		return s, nil, false
	}
	sp, _ := r.SP()
	s, end = u.arrive(step{regs: r.Clone(), trust: Window, cfa: elfcore.Addr(sp)}, ret, min(state, psState))
	return s, end, true
}

// markTurn tells by how much the window has yet to turn where a frame stopped at
// its entry instruction. Debug information numbers the registers as they are
// after that: the first argument is in a2, which is still the caller's a6 of a
// call4. All 16 are out of reach if PS, and with it the size, is missing.
//
// Folklore: so stands every FreeRTOS task that has not run yet, at the first
// instruction of vPortTaskWrapper. GDB shows its caller's a2, pxCode=0x0. Pinned
// by TestTurn.
func (u *unwinder) markTurn(f *Frame) {
	if u.arch != arch.Xtensa || !f.Trust.Exact() || !u.isEntryOp(f.PC) {
		return
	}
	f.Turn = windowRegs
	if ps, state := f.Regs.Get(u.arch.Flags); state != elfcore.Missing {
		f.Turn = 4 * int(ps>>psCallInc&3)
	}
}

// windowAddr makes an address of a return address, whose region is the one that
// the code is in. A pc that a bad pointer was loaded into tells no region.
func (u *unwinder) windowAddr(ra uint64, pc elfcore.Addr) elfcore.Addr {
	at := elfcore.Addr(ra &^ regionMask)
	own := pc&regionMask | at
	if at == 0 || u.code.Executable(own-1) {
		return own
	}
	for region := range elfcore.Addr(4) {
		if a := region<<windowCalls | at; u.code.Executable(a - 1) {
			return a
		}
	}
	return own
}

// windowed tells whether the code at an address turned the window: its function
// begins with entry, or the call did so, or, in a ROM, windows are on at all.
func (u *unwinder) windowed(r elfcore.Registers, at, ret elfcore.Addr) bool {
	if f, ok := u.code.Function(at); ok && u.isEntryOp(f.Addr) {
		return true
	}
	if size, ok := u.calledBy(ret); ok {
		return size > 0
	}
	ps, state := r.Get(u.arch.Flags)
	return state != elfcore.Missing && ps&psWOE != 0
}

func (u *unwinder) isEntryOp(a elfcore.Addr) bool {
	var op [callBytes]byte
	return u.readCode(op[:], a) == nil && op[0] == entryOp
}

// calledBy reads by how many registers the call before a return address turns
// the window: 0 for the call0 ABI.
func (u *unwinder) calledBy(ret elfcore.Addr) (size int, ok bool) {
	var op [callBytes]byte
	if !u.code.Executable(ret-callBytes) || u.readCode(op[:], ret-callBytes) != nil || !u.arch.CallBefore(op[:]) {
		return 0, false
	}
	return int(op[0] >> 4 & 3 * 4), true
}

// callSize is by how many registers the call turned the window, 0 if that is
// not known. Without the code the return address tells, but not that of a task
// that gave up the CPU by itself: FreeRTOS stores it without (esp.md 2.1), and
// what stands there reads as a call of 4.
func (u *unwinder) callSize(ra uint64, ret elfcore.Addr, exact bool) int {
	if size, ok := u.calledBy(ret); ok {
		return size
	}
	size := int(ra>>windowCalls) * 4
	if size == 4 && exact {
		return 0
	}
	return size
}

// spilled is how far a base save area can be trusted by itself: not if windows
// are still in registers, of which a dump has 16, nor if the return address in
// a0 follows no call that turns the window.
func (u *unwinder) spilled(r elfcore.Registers, ret elfcore.Addr) elfcore.State {
	base, baseState := r.Get(u.named("windowbase"))
	live, liveState := r.Get(u.named("windowstart"))
	if min(baseState, liveState) >= elfcore.Recovered && live&^(1<<(base&63)) != 0 {
		return elfcore.Suspect
	}
	if size, ok := u.calledBy(ret); u.code.Executable(ret-1) && (!ok || size == 0) {
		return elfcore.Suspect
	}
	return elfcore.Known
}

// turn gives the caller's names to the registers of its callee. What the callee
// may have changed is Suspect; what it has no register of is Missing.
func (u *unwinder) turn(next *elfcore.Registers, r elfcore.Registers, size int) {
	for i := 4; i < 16; i++ {
		v, state := uint64(0), elfcore.Missing
		if size > 0 && i >= size {
			v, state = r.Get(arch.Reg(i - size))
		}
		next.Set(arch.Reg(i), v, min(state, elfcore.Suspect), 0)
	}
}

// extended loads those of the caller's registers that the base save area lacks,
// if the size of the call is more than its four. They lie below the stack pointer of the caller's own caller, but for its base
// save area.
func (u *unwinder) extended(next *elfcore.Registers, size int, state elfcore.State) {
	sp, _ := next.SP()
	outerSP, st, end := u.word(elfcore.Addr(sp - saveArea + 4))
	if end != nil || outerSP < sp+minFrame {
		return
	}
	for i := 4; i < size; i++ {
		v, s, end := u.word(elfcore.Addr(outerSP - uint64(4*size) + uint64(4*(i-4))))
		if end == nil {
			next.Set(arch.Reg(i), v, min(state, st, s), 0)
		}
	}
}
