package unwind

import (
	"encoding/binary"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// This file reads the instructions that a function begins with, where no table
// tells what they do: in hand-written assembly, in libraries without debug
// information. Only the few that make up prologues are known; see
// prologue_code.go.

// maxPrologue is how many instructions are read. Prologues are shorter, and
// behind the first call or jump nothing of them follows.
const maxPrologue = 64

// prologue is what the instructions so far have done. Offsets count, in bytes,
// from the stack pointer at the function's entry.
type prologue struct {
	arch  *arch.Arch
	keep  []bool // by register: the caller's value is in it until it is stored
	sp    int64
	saved map[arch.Reg]int64 // where registers were stored first
	fp    arch.Reg           // holds the address at fpOff, NoReg if none
	fpOff int64
	over  bool // a call, jump or return was met, or what can't be read
	lost  bool // the stack pointer went where no one can tell
}

// code is one instruction set of a CPU. Instructions are its first bytes as a
// little-endian number; what lies beyond the instruction is that of the next.
type code struct {
	size func(w uint64) int // of an instruction in bytes; nil: only ops are known
	ops  []op
}

// op is an instruction of a prologue, by the bits that tell it from others.
type op struct {
	size       int
	mask, bits uint64
	do         func(p *prologue, w uint64)
}

// find picks the instruction, with a nil function if it is of no interest, and
// its size, 0 if that can't be told.
func (c *code) find(w uint64) (op, int) {
	size := 0
	if c.size != nil {
		size = c.size(w)
	}
	for _, op := range c.ops {
		if w&op.mask == op.bits && (c.size == nil || op.size == size) {
			return op, op.size
		}
	}
	return op{}, size
}

// move adds to the stack pointer.
func (p *prologue) move(n int64) { p.sp += n }

// save stores a register at an offset from the stack pointer.
func (p *prologue) save(n arch.Reg, off int64) {
	if _, done := p.saved[n]; !done && !p.lost && int(n) < len(p.keep) && p.keep[n] {
		p.saved[n] = p.sp + off
	}
}

// point makes a register point to an offset from the stack pointer.
func (p *prologue) point(n arch.Reg, off int64) {
	if !p.lost {
		p.fp, p.fpOff = n, p.sp+off
	}
}

// readPrologue runs the instructions from the beginning of a function to pc.
func (u *unwinder) readPrologue(c code, start, pc elfcore.Addr) prologue {
	p := prologue{arch: u.arch, keep: u.kept, saved: map[arch.Reg]int64{}, fp: arch.NoReg}
	for n := 0; start < pc && !p.over; n++ {
		var b [8]byte
		got := len(b)
		for got > 0 && u.readCode(b[:got], start) != nil { // the end of a section
			got--
		}
		w := binary.LittleEndian.Uint64(b[:])
		op, size := c.find(w)
		switch {
		case size == 0 || size > got || n == maxPrologue:
			p.over = true
		case op.do != nil:
			op.do(&p, w)
		}
		start += elfcore.Addr(size)
	}
	return p
}

// byPrologue goes to the caller by what the function's first instructions did.
// It must lead behind a call: those that are not known can't be told from those
// that matter, and the epilogue may have undone all of it.
func (u *unwinder) byPrologue(r elfcore.Registers, at elfcore.Addr, exact bool) (step, bool) {
	f, ok := u.code.Function(at)
	if !ok {
		return step{}, false
	}
	for _, c := range codes[u.arch] {
		if s, ok := u.undo(u.readPrologue(c, f.Addr, at), r, at, exact); ok {
			return s, true
		}
	}
	return step{}, false
}

// undo takes back what a prologue did, by the frame pointer if it set one up,
// else by the stack pointer.
func (u *unwinder) undo(p prologue, r elfcore.Registers, at elfcore.Addr, exact bool) (step, bool) {
	if p.over && p.sp == 0 && p.fp == arch.NoReg {
		return step{}, false // a leaf or a strange one: see byCall
	}
	if v, state := r.Get(p.fp); state != elfcore.Missing {
		if s, ok := u.leave(p, v-uint64(p.fpOff), state, r, at, exact); ok {
			return s, true
		}
	}
	if v, state := r.SP(); state != elfcore.Missing && !p.lost {
		return u.leave(p, v-uint64(p.sp), state, r, at, exact)
	}
	return step{}, false
}

// leave is undo with the stack pointer at the function's entry.
func (u *unwinder) leave(p prologue, entry uint64, state elfcore.State, r elfcore.Registers, at elfcore.Addr, exact bool) (step, bool) {
	entry &= u.arch.AddrMask()
	if sp, s := r.SP(); s != elfcore.Missing && entry < sp {
		return step{}, false
	}
	cfa, link := entry, u.arch.LR
	if link == arch.NoReg { // x86: the call pushed the return address
		link, cfa = u.arch.PC, entry+uint64(u.arch.PtrSize())
		p.saved[link] = 0
	}
	ret, retState := r.Get(link)
	off, stored := p.saved[link]
	if stored {
		var gap *End
		if ret, retState, gap = u.word(elfcore.Addr(entry + uint64(off))); gap != nil {
			return step{}, false
		}
	}
	state = min(state, elfcore.Recovered)
	switch kind := u.callBefore(u.codeAddr(ret), at); {
	case retState == elfcore.Missing, !stored && !exact:
		return step{}, false
	case u.isHandlerReturn(ret):
	case kind == noCall, !stored && p.over && kind < exactCall:
		return step{}, false
	case kind == otherCall:
		state = elfcore.Suspect
	}
	next := u.after(r, false)
	for n, off := range p.saved {
		if n != u.arch.PC {
			u.load(&next, n, elfcore.Addr(entry+uint64(off)), state)
		}
	}
	next.Set(u.arch.SP, cfa, state, 0)
	trust := Prologue
	if p.sp == 0 && p.fp == arch.NoReg {
		trust = LinkRegister // of which the instructions have moved nothing
	}
	s, ok := u.accept(next, ret, min(retState, state), trust)
	s.whole = !p.over
	return s, ok
}
