package location

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"corelift/elfcore"
)

// Content is what a location holds.
type Content struct {
	// Bytes are in the target's order. A number of bits that fills no whole
	// byte stands as a number does: the bits above it are 0. What is not
	// Present is 0 too, and must not be shown.
	Bytes []byte
	// Presence is the worst of all bytes. Each has that of each byte; it is nil
	// if all are Present.
	Presence Presence
	Each     []Presence
	State    elfcore.State // the lowest of the bytes that are Present, else Missing
	Err      error         // why bytes are NotInDump, of the first of them: an *Error
}

// maxRead is in bytes, as GDB's max-value-size. A type's size is what the file
// says, and no reason to allocate as much.
const maxRead = 64 << 10

// Read reads an object; f is the frame in which it was located. It must have a
// size, which Slice gives, and no more than 64 KiB. One of size 0 is Present.
func (l Location) Read(f Frame) Content {
	var bits int64
	for _, p := range l.Pieces {
		bits += p.Bits
	}
	if bits > 8*maxRead {
		return Content{Presence: Unsupported, Err: &Error{Reason: Unsupported, Text: fmt.Sprintf("%d bytes are more than can be read at once", bits/8)}}
	}
	c := Content{Bytes: make([]byte, (bits+7)/8), Presence: Present, State: elfcore.Known}
	big := isBig(f.Order())
	var at int64
	if big {
		at = 8*int64(len(c.Bytes)) - bits
	}
	for _, p := range l.Pieces {
		if p.Bits > 0 {
			c.add(p, at, f, big)
		}
		at += p.Bits
	}
	if c.Each != nil && !slices.Contains(c.Each, Present) {
		c.State = elfcore.Missing
	}
	for i, p := range c.Each {
		if p != Present {
			c.Bytes[i] = 0 // some of its bits may be there
		}
	}
	return c
}

// add puts a piece in its place, at a bit that counts as in Location.Slice.
func (c *Content) add(p Piece, at int64, f Frame, big bool) {
	switch p.Kind {
	case Empty:
		c.mark(at, p.Bits, OptimisedOut)
		return
	case ImplicitPointer:
		c.mark(at, p.Bits, Synthetic)
		return
	case InMemory:
		c.addMemory(p, at, f, big)
		return
	}
	src, state := p.Bytes, p.State
	if p.Kind == InRegister {
		r := f.Register(p.Register)
		if r.State == elfcore.Missing {
			if c.Err == nil {
				c.Err = noRegister(p.Register, r)
			}
			c.mark(at, p.Bits, NotInDump)
			return
		}
		src, state = registerImage(r, p.Bits), min(state, r.State)
		if big {
			slices.Reverse(src)
		}
	}
	c.State = min(c.State, state)
	from := p.BitOff
	if big {
		from = 8*int64(len(src)) - p.BitOff - p.Bits
	}
	// A place that is too narrow for the object does not say where the rest of
	// it is: before the place's beginning on big-endian targets, else behind.
	n := p.Bits
	if from < 0 {
		lost := min(-from, n)
		c.mark(at, lost, OptimisedOut)
		at, from, n = at+lost, from+lost, n-lost
	}
	if lost := min(from+n-8*int64(len(src)), n); lost > 0 {
		c.mark(at+n-lost, lost, OptimisedOut)
		n -= lost
	}
	if n > 0 {
		copyBits(c.Bytes, at, src, from, n, big)
	}
}

// addMemory reads what is there and marks the rest.
func (c *Content) addMemory(p Piece, at int64, f Frame, big bool) {
	a := p.Addr + elfcore.Addr(p.BitOff/8)
	from := p.BitOff % 8
	size := (from + p.Bits + 7) / 8
	aligned := from == 0 && at%8 == 0 && p.Bits%8 == 0
	var buf []byte
	if aligned {
		buf = c.Bytes[at/8:][:size]
	} else {
		buf = make([]byte, size)
	}
	c.State = min(c.State, p.State)
	for i := int64(0); i < size; {
		s, err := f.Memory(buf[i:], a+elfcore.Addr(i))
		if err == nil {
			c.State = min(c.State, s)
			break
		}
		stop, end := i, i+1 // the bytes that are missing
		if gap := (*elfcore.GapError)(nil); errors.As(err, &gap) {
			if n := uint64(gap.Addr - a); n >= uint64(i) && n < uint64(size) {
				stop = int64(n)
				end = stop + int64(min(max(gap.Size, 1), uint64(size)-n))
			}
		}
		if stop > i {
			if s, e := f.Memory(buf[i:stop], a+elfcore.Addr(i)); e == nil {
				c.State = min(c.State, s)
			} else {
				stop, end = i, i+1
			}
		}
		lo, hi := max(8*stop, from), min(8*end, from+p.Bits)
		if c.Err == nil {
			c.Err = noMemory(err)
		}
		c.mark(at+lo-from, hi-lo, NotInDump)
		i = end
	}
	if !aligned {
		copyBits(c.Bytes, at, buf, from, p.Bits, big)
	}
}

// mark lowers the presence of the bytes that hold some bits.
func (c *Content) mark(at, bits int64, p Presence) {
	if c.Each == nil {
		c.Each = make([]Presence, len(c.Bytes))
		for i := range c.Each {
			c.Each[i] = Present
		}
	}
	c.Presence = min(c.Presence, p)
	for i := at / 8; i <= (at+bits-1)/8; i++ {
		c.Each[i] = min(c.Each[i], p)
	}
}

// copyBits copies n bits; bit 0 of a byte is its least significant one, or its
// most significant one if big.
func copyBits(dst []byte, to int64, src []byte, from, n int64, big bool) {
	if to%8 == 0 && from%8 == 0 && n%8 == 0 {
		copy(dst[to/8:][:n/8], src[from/8:])
		return
	}
	flip := int64(0)
	if big {
		flip = 7
	}
	for i := range n {
		bit := src[(from+i)/8] >> ((from+i)%8 ^ flip) & 1
		dst[(to+i)/8] |= bit << ((to+i)%8 ^ flip)
	}
}

// registerImage is a register's bytes, little endian.
//
// Folklore: x87 registers hold every float in 80 bits, and compilers say plain
// DW_OP_reg11 for a double in st(0); its low 8 bytes are not that double. GDB
// (i387_register_to_value) converts, so do we. A long double of 12 or 16 bytes
// is padded.
func registerImage(r Register, bits int64) []byte {
	if r.Bits <= 64 {
		return binary.LittleEndian.AppendUint64(nil, r.Low)[:(max(r.Bits, 0)+7)/8]
	}
	if r.Bits != 80 || len(r.Wide) < 10 {
		return slices.Clone(r.Wide)
	}
	switch bits {
	case 32:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(extended(r.Wide))))
	case 64:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(extended(r.Wide)))
	case 96, 128:
		return append(slices.Clone(r.Wide[:10]), make([]byte, bits/8-10)...)
	}
	return slices.Clone(r.Wide)
}

// extended is the number in an x87 register: 64 bits of fraction with its
// leading 1, 15 of exponent, a sign (Intel SDM 1, 4.2.2).
func extended(b []byte) float64 {
	fraction := binary.LittleEndian.Uint64(b)
	top := binary.LittleEndian.Uint16(b[8:])
	exp := int(top & 0x7fff)
	f := math.Ldexp(float64(fraction), exp-16383-63)
	switch {
	case exp == 0x7fff && fraction<<1 == 0:
		f = math.Inf(1)
	case exp == 0x7fff:
		f = math.NaN()
	}
	if top&0x8000 != 0 {
		return math.Copysign(f, -1)
	}
	return f
}
