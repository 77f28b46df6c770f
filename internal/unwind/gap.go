package unwind

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// This file bridges gaps: code that is in no image, such as a ROM whose ELF is
// not at hand. What lies between two frames that are known can't be unwound,
// but the outer one can be found, as it is one that unwinds well.

// Bounds of a bridge: the words of the stack that are looked at, the distance
// from a return address to the caller's stack pointer in words, and the frames
// that may speak for a candidate.
const (
	maxBridge   = 1024
	maxDistance = 32
	bridgeDepth = 8
)

// byBridge finds the caller of a frame whose code is in no image: the innermost
// word of its stack that follows a call, of those with the best call and the
// best end, and that unwinds to at least one frame more, whose call is right.
// So a word that is left from earlier calls has little chance, even though
// nothing is known of the frames that lie between.
func (u *unwinder) byBridge(r elfcore.Registers, pc elfcore.Addr, exact bool) (step, bool) {
	sp, state := r.SP()
	if state == elfcore.Missing || u.scanning {
		return step{}, false
	}
	u.scanning = true
	defer func() { u.scanning = false }()

	b := bridge{u: u, inner: pc, base: u.unknown(r)}
	if lr, s := r.LR(); exact && s != elfcore.Missing {
		b.try(lr, sp)
	}
	for a, word := range u.stackWords(sp, maxBridge) {
		// Folklore: stacks lie side by side, and the next one unwinds just as
		// well. Where a stack begins is the return address of its outermost
		// frame. Test: TestBridgeOtherStack, found by TestFixtureRivals on i386.
		if b.try(word, a+uint64(u.arch.PtrSize())) {
			break
		}
	}
	return step{regs: b.best, trust: Scan}, b.points > 0
}

// unknown are the registers behind code that may have changed all but those
// that no code changes.
func (u *unwinder) unknown(r elfcore.Registers) elfcore.Registers {
	next := elfcore.NewRegisters(u.arch)
	for i := range u.arch.Regs {
		if n := arch.Reg(i); u.fixed[i] {
			copyRegister(&next, n, r, n)
		}
	}
	return next
}

// bridge is the best way over a gap so far.
type bridge struct {
	u      *unwinder
	inner  elfcore.Addr
	base   elfcore.Registers // all that is known of the caller's
	best   elfcore.Registers
	points int // of best: its call and its end, as Score counts them; 0 none
}

// try takes a word for a return address, with a caller whose stack pointer was
// low or above. It tells whether the word leads into a function that begins a
// stack.
func (b *bridge) try(word, low uint64) (entry bool) {
	u := b.u
	ret := u.codeAddr(word)
	call := b.call(ret)
	if call == 0 {
		return false
	}
	entry = u.isEntry(ret - 1)
	row, ok := u.code.Row(ret - 1)
	size := uint64(u.arch.PtrSize())
	high := low + maxDistance*size
	if u.arch.LR == arch.NoReg || entry {
		high = low + 1 // the return pops the word, which the call pushed
	}
	for sp := low; ok && sp < high && sp <= u.arch.AddrMask() && !u.expired(); sp += size {
		if !entry && !u.mayReturn(row, ret, sp) {
			continue
		}
		r := b.base.Clone()
		r.Set(u.arch.PC, uint64(ret), elfcore.Suspect, 0)
		r.Set(u.arch.SP, sp, elfcore.Suspect, 0)
		trace := u.trace(Frame{PC: ret, Regs: r}, bridgeDepth)
		points := call
		if trace[len(trace)-1].End.Kind == Outermost {
			points += outerPoints
		}
		if points > b.points && u.score(trace) > 0 {
			b.best, b.points = r, points
		}
	}
	return entry
}

// call is what the call before a return address is worth, 0 if there is none.
func (b *bridge) call(ret elfcore.Addr) int {
	kind, target := b.u.call(ret, b.inner)
	switch {
	case kind == otherCall && !b.u.code.Executable(target):
		return exactPoints // leads out of all images, where the inner frame is
	case kind == otherCall:
		return otherPoints
	case kind == indirectCall:
		return indirectPoints
	case kind == exactCall:
		return exactPoints
	}
	return 0
}

// mayReturn tells quickly that a frame can't be right: by its row it keeps its
// return address in a word of the stack, which follows no call of it.
func (u *unwinder) mayReturn(row firmware.Row, ret elfcore.Addr, sp uint64) bool {
	rule := row.Regs[row.Return]
	if row.CFA.Kind != firmware.RuleRegister || row.CFA.Reg != u.arch.SP || rule.Kind != firmware.RuleOffset {
		return true
	}
	v, _, gap := u.word(elfcore.Addr(sp + uint64(row.CFA.Offset+rule.Offset)))
	return gap == nil && (u.isHandlerReturn(v) || u.callBefore(u.codeAddr(v), ret-1) >= indirectCall)
}
