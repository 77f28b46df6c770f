package unwind

import (
	"iter"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// This file goes on where no call frame information does: in assembly without
// it, behind a call of NULL, in a ROM. Every return address that is taken here
// stands behind a call instruction.

// callKind says what stands before a return address, seen from the function
// that would return there; worst first.
type callKind uint8

const (
	noCall       callKind = iota
	otherCall             // a direct call of another function: a tail call, or stale
	indirectCall          // a call whose target only the registers knew
	exactCall             // a direct call of that very function
)

// maxCall is how many bytes of code are looked at for a call, the longest
// being auipc and jalr of RISC-V.
const maxCall = 8

// callBefore classifies ret as a return address of the function that holds
// inner.
func (u *unwinder) callBefore(ret, inner elfcore.Addr) callKind {
	kind, _ := u.call(ret, inner)
	return kind
}

// call also tells the target of a direct call.
func (u *unwinder) call(ret, inner elfcore.Addr) (kind callKind, target elfcore.Addr) {
	if !u.code.Executable(ret - 1) {
		return noCall, 0
	}
	var buf [maxCall]byte
	code := buf[:]
	for u.readCode(code, ret-elfcore.Addr(len(code))) != nil {
		if code = code[1:]; len(code) == 0 {
			return noCall, 0
		}
	}
	if !u.arch.CallBefore(code) {
		return noCall, 0
	}
	to, direct := u.arch.CallTarget(code, uint64(ret))
	if !direct {
		return indirectCall, 0
	}
	target = elfcore.Addr(to & u.arch.CodeMask & u.arch.AddrMask())
	start := inner // a call of an address that is in no function has that as its start
	if f, ok := u.code.Function(inner); ok {
		start = f.Addr
	}
	if target == start {
		return exactCall, target
	}
	return otherCall, target
}

// readCode reads code from the image, or from the dump where it was loaded at
// run time.
func (u *unwinder) readCode(p []byte, a elfcore.Addr) error {
	if u.code.ReadConst(p, a) == nil {
		return nil
	}
	_, err := u.core.Memory.Read(p, a)
	return err
}

// byCall assumes that the code at pc has not moved what the call left: the
// return address in the link register or on top of the stack. That holds
// behind a call of an address that is no code (a NULL function pointer), where
// nothing ran at all, and in a leaf function that pushes nothing, which is
// believed if the return address follows a direct call of it.
func (u *unwinder) byCall(r elfcore.Registers, pc elfcore.Addr) (step, bool) {
	_, inFunction := u.code.Function(pc)
	need := indirectCall
	if inFunction {
		need = exactCall
	}
	next := r.Clone()
	if inFunction {
		next = u.after(r, false)
	}
	sp, spState := r.SP()
	ret, state := r.LR()
	if u.arch.LR == arch.NoReg {
		if spState == elfcore.Missing {
			return step{}, false
		}
		var end *End
		if ret, state, end = u.word(elfcore.Addr(sp)); end != nil {
			return step{}, false
		}
		state = min(state, spState)
		sp = (sp + uint64(u.arch.PtrSize())) & u.arch.AddrMask()
	}
	if state == elfcore.Missing {
		return step{}, false
	}
	if !u.isHandlerReturn(ret) && u.callBefore(u.codeAddr(ret), pc) < need {
		return step{}, false
	}
	state = min(state, elfcore.Recovered)
	next.Set(u.arch.LR, ret, state, r.Why(u.arch.LR))
	next.Set(u.arch.SP, sp, min(spState, elfcore.Recovered), r.Why(u.arch.SP))
	return u.accept(next, ret, state, LinkRegister)
}

func (u *unwinder) isHandlerReturn(ret uint64) bool {
	return u.arch == arch.CortexM && isExcReturn(ret)
}

// accept completes a step whose return address was not given by a rule: the
// step counts only if it leads somewhere.
func (u *unwinder) accept(next elfcore.Registers, ret uint64, state elfcore.State, trust Trust) (step, bool) {
	s, end := u.returnTo(next, ret, state, trust)
	if end != nil || s.trust == Exception && !u.plausible(s.regs) {
		return step{}, false
	}
	return s, true
}

// record is a compiler's frame record: where, counted in words from the frame
// pointer, the caller's frame pointer and the return address are stored, and
// where the frame ends. Arch.FP is not enough: Thumb and ARM code differ.
type record struct {
	fp              string
	saved, ret, end int64
}

// records lists the frame records of each CPU, to be tried in this order.
var records = map[*arch.Arch][]record{
	arch.I386:    {{"ebp", 0, 1, 2}},
	arch.AMD64:   {{"rbp", 0, 1, 2}},
	arch.AArch64: {{"x29", 0, 1, 2}},
	arch.RV32:    {{"s0", -2, -1, 0}},
	arch.RV64:    {{"s0", -2, -1, 0}},
	arch.CortexM: {{"r7", 0, 1, 2}}, // clang
	// GCC in ARM state lets r11 point to the saved lr.
	arch.ARM: {{"r11", -1, 0, 1}, {"r11", 0, 1, 2}, {"r7", 0, 1, 2}},
}

// byChain follows the frame pointer, if the record that it points to lies
// outwards on the stack and its return address follows a call.
func (u *unwinder) byChain(r elfcore.Registers, at elfcore.Addr) (step, bool) {
	sp, spState := r.SP()
	if spState == elfcore.Missing {
		return step{}, false
	}
	for _, rec := range records[u.arch] {
		n := u.named(rec.fp)
		fp, state := r.Get(n)
		size := int64(u.arch.PtrSize())
		first := fp + uint64(min(rec.saved, rec.ret)*size)
		end := fp + uint64(rec.end*size)
		if state == elfcore.Missing || fp == 0 || first < sp || end < first || end > u.arch.AddrMask() {
			continue
		}
		ret, retState, gap := u.word(elfcore.Addr(fp + uint64(rec.ret*size)))
		if gap != nil || u.callBefore(u.codeAddr(ret), at) == noCall {
			continue
		}
		saved, savedState, gap := u.word(elfcore.Addr(fp + uint64(rec.saved*size)))
		if gap != nil {
			continue
		}
		state = min(state, elfcore.Recovered)
		next := u.after(r, false)
		endState := state
		if u.arch == arch.AArch64 {
			// A frame begins, not ends, at its record. The caller's stack
			// pointer is at the caller's own record unless it pushed
			// arguments.
			end, endState = max(end, saved), elfcore.Suspect
		}
		next.Set(n, saved, min(savedState, state), 0)
		next.Set(u.arch.SP, end, endState, 0)
		if s, ok := u.accept(next, ret, min(retState, state), FramePointer); ok {
			return s, true
		}
	}
	return step{}, false
}

// stackWords yields the words of the stack from sp outwards, with their
// addresses, up to a number, to a gap in the dump, or to the end of the thread's
// stack if that is known.
func (u *unwinder) stackWords(sp uint64, limit int) iter.Seq2[uint64, uint64] {
	size := uint64(u.arch.PtrSize())
	last := u.arch.AddrMask() - size + 1
	for i := range u.core.Threads {
		if f := u.core.Threads[i].Stack; f.State >= elfcore.Recovered && f.Value.Contains(elfcore.Addr(sp)) && f.Value.Size >= size {
			last = min(last, uint64(f.Value.Addr)+f.Value.Size-size)
		}
	}
	return func(yield func(uint64, uint64) bool) {
		for a := sp; a <= last && a >= sp && limit > 0 && !u.expired(); a, limit = a+size, limit-1 {
			if v, _, gap := u.word(elfcore.Addr(a)); gap != nil || !yield(a, v) {
				return
			}
		}
	}
}

// maxScan is how many words of the stack are scanned for a return address.
const maxScan = 256

// byScan takes the most convincing return address among the link register, if
// it may still hold one (lrLive), and the words of the stack: the first behind
// a direct call of this very function, else behind an indirect call, else
// behind any.
func (u *unwinder) byScan(r elfcore.Registers, at elfcore.Addr, lrLive bool) (step, bool) {
	sp, state := r.SP()
	if state == elfcore.Missing || u.scanning {
		return step{}, false
	}
	best, kind := uint64(0), noCall
	bestSP := sp
	if lr, s := r.LR(); lrLive && s != elfcore.Missing {
		if f, ok := u.code.Function(at); !ok || !f.Contains(u.codeAddr(lr)-1) {
			best, kind = lr, u.callBefore(u.codeAddr(lr), at)
		}
	}
	size := uint64(u.arch.PtrSize())
	for a, v := range u.stackWords(sp, maxScan) {
		if kind == exactCall {
			break
		}
		k := noCall
		if u.isHandlerReturn(v) {
			k = exactCall
		} else if v != 0 {
			k = u.callBefore(u.codeAddr(v), at)
		}
		if k <= kind {
			continue
		}
		next := u.after(r, false)
		next.Set(u.arch.SP, a+size, elfcore.Suspect, 0)
		if _, ok := u.accept(next, v, elfcore.Suspect, Scan); ok {
			best, kind, bestSP = v, k, a+size
		}
	}
	if kind == noCall {
		return step{}, false
	}
	next := u.after(r, false)
	next.Set(u.arch.SP, bestSP, elfcore.Suspect, 0)
	return u.accept(next, best, elfcore.Suspect, Scan)
}
