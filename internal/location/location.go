// Package location evaluates DWARF expressions (DWARF 5, 2.5 and 2.6, and the
// GNU forms that GCC, Clang and rustc emit) on a frame of a crash: where a
// value lies, or what it is.
//
// Every result has a State, the lowest of what it was computed from. What the
// compiler dropped, what the dump lacks and what is broken are different
// errors and different Presences; none of them reads as 0. Work is bounded
// whatever an expression says.
package location

import "corelift/elfcore"

// Kind tells where a piece lies (DWARF 5, 2.6.1.1).
type Kind uint8

// The kinds of pieces. Empty, the zero value, is optimised out.
const (
	Empty Kind = iota
	InMemory
	InRegister
	Implicit        // the bytes are in the Piece, nowhere on the target
	ImplicitPointer // to an object that has no address; what it holds is known
)

// Piece is a part of an object. Bits is its size, 0 for the whole of an object
// of unknown size. BitOff says where it begins: from Addr, in the order of the
// target's bit-fields; in a register or Implicit from the least significant bit
// (DWARF 5, 2.6.1.2).
type Piece struct {
	Kind     Kind
	State    elfcore.State // of the address or the bytes; of a register see Read
	Bits     int64
	BitOff   int64
	Addr     elfcore.Addr // InMemory
	Register uint64       // InRegister: DWARF number
	Bytes    []byte       // Implicit: in the target's order
	// ImplicitPointer: the entry of .debug_info that describes the object
	// pointed to, and the distance in bytes from its beginning.
	Entry uint64
	Delta int64
}

// Location is where an object lies: its pieces, in the order of its bits in
// memory. A simple location is one piece without a size. The zero value is
// that of an object of size 0.
type Location struct {
	Pieces []Piece
	big    bool // byte order of the target
}

// At is the location of an object in memory; s says how far the address can be
// trusted.
func At(a elfcore.Addr, s elfcore.State) Location {
	return Location{Pieces: []Piece{{Kind: InMemory, Addr: a, State: s}}}
}

// Address is where an object in memory begins. ok is false if it has no
// address: it is not, or not wholly, in memory, or begins inside a byte.
func (l Location) Address() (a elfcore.Addr, s elfcore.State, ok bool) {
	if len(l.Pieces) != 1 || l.Pieces[0].Kind != InMemory || l.Pieces[0].BitOff%8 != 0 {
		return 0, elfcore.Missing, false
	}
	p := l.Pieces[0]
	return p.Addr + elfcore.Addr(p.BitOff/8), p.State, true
}

// Pointer is the implicit pointer that an object is, as Piece has it.
func (l Location) Pointer() (entry uint64, delta int64, ok bool) {
	if len(l.Pieces) != 1 || l.Pieces[0].Kind != ImplicitPointer || l.Pieces[0].BitOff != 0 {
		return 0, 0, false
	}
	return l.Pieces[0].Entry, l.Pieces[0].Delta, true
}

// Slice narrows a location to a member: size bits from bit off, which counts
// from the beginning of the object in memory (on big-endian targets, from the
// most significant bit). What no piece covers is Empty.
//
// On big-endian targets it takes the object's size to know where in a register
// it lies: slice from 0 to the size of the object first, then to its members.
func (l Location) Slice(off, size int64) Location {
	out := Location{big: l.big}
	if off < 0 || size <= 0 {
		return out
	}
	if len(l.Pieces) == 1 && l.Pieces[0].Bits == 0 {
		out.Pieces = []Piece{l.Pieces[0].part(off, size, l.big)}
		return out
	}
	for _, p := range l.Pieces {
		if size == 0 {
			return out
		}
		if off >= p.Bits {
			off -= p.Bits
			continue
		}
		n := min(size, p.Bits-off)
		out.Pieces = append(out.Pieces, p.part(off, n, l.big))
		off, size = 0, size-n
	}
	if size > 0 {
		out.Pieces = append(out.Pieces, Piece{Bits: size})
	}
	return out
}

// part is size bits of a piece from bit off on.
func (p Piece) part(off, size int64, big bool) Piece {
	switch whole := p.Bits == 0; {
	case !big || p.Kind == InMemory || p.Kind == ImplicitPointer:
		p.BitOff += off
	case !whole:
		p.BitOff += p.Bits - off - size
	case off != 0 && p.Kind == Implicit:
		p.BitOff += 8*int64(len(p.Bytes)) - off - size
	case off != 0:
		p = Piece{}
	}
	p.Bits = size
	return p
}
