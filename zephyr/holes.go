package zephyr

import (
	"iter"
	"sort"

	"corelift/elfcore"
	"corelift/internal/format"
)

// hole is a run of bytes of a stream that were lost: a damaged line, a datagram
// that did not arrive, a record that an image does not have. It keeps its place,
// so that the blocks around it can be read, and reads as anything; but no
// payload keeps them and no block header may touch them. Lists of holes are
// ascending and disjoint.
type hole struct{ off, size int64 }

// gapsIn is what an image has no record for of the size bytes at off.
func gapsIn(in format.Input, off, size int64) (holes []hole) {
	for _, g := range in.GapsIn(off, size) {
		holes = append(holes, hole{int64(g.Addr), int64(g.Size)})
	}
	return holes
}

// within is the part of a list that touches the size bytes at off.
func within(holes []hole, off, size int64) []hole {
	holes = holes[nextHole(holes, off):]
	return holes[:sort.Search(len(holes), func(k int) bool { return holes[k].off >= off+size })]
}

// nextHole is the index of the first hole that ends behind off.
func nextHole(holes []hole, off int64) int {
	return sort.Search(len(holes), func(k int) bool { return holes[k].off+holes[k].size > off })
}

// solid is the first offset from off on that no hole takes.
func (s stream) solid(off int64) int64 {
	off += s.holesAt
	if k := nextHole(s.holes, off); k < len(s.holes) && s.holes[k].off <= off {
		off = s.holes[k].off + s.holes[k].size
	}
	return off - s.holesAt
}

// run is how many of the n bytes at off stand before the next hole or the end.
func (s stream) run(off int64, n int) int {
	end := s.size
	if k := nextHole(s.holes, off+s.holesAt); k < len(s.holes) {
		end = min(end, s.holes[k].off-s.holesAt)
	}
	return int(max(0, min(int64(n), end-off)))
}

// intact reads up to n bytes at off, stopping at a hole.
func (s stream) intact(off int64, n int) []byte { return s.peek(off, s.run(off, n)) }

// around yields the parts of the n bytes at off that no hole takes, from and to
// relative to off.
func around(holes []hole, off, n int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		at, end := off, off+n
		for _, h := range holes[nextHole(holes, off):] {
			if h.off >= end {
				break
			}
			if h.off > at && !yield(at-off, h.off-off) {
				return
			}
			at = h.off + h.size
		}
		if at < end {
			yield(at-off, end-off)
		}
	}
}

// punch takes the holes out of what was read of a stream.
func (b *builder) punch(s stream) {
	if len(s.holes) == 0 {
		return
	}
	for i := range b.regions {
		r := &b.regions[i]
		if r.file == nil {
			continue
		}
		for from, to := range around(s.holes, s.holesAt+r.streamOff, int64(r.have)) {
			data := make([]byte, to-from) // no more than there is between the holes
			if _, err := r.file.ReadAt(data, from); err == nil {
				r.chunks = append(r.chunks, chunk{int(from), data, elfcore.Known})
			}
		}
		r.file = nil
	}
	b.registers = split(b.registers, s.holesAt+b.regOff, s.holes)
	b.kernel = split(b.kernel, s.holesAt+b.kernelOff, s.holes)
}

// split cuts the holes out of a payload that stands at off, as the
// holes count.
func split(chunks []chunk, off int64, holes []hole) (out []chunk) {
	for _, c := range chunks {
		for from, to := range around(holes, off+int64(c.off), int64(len(c.data))) {
			out = append(out, chunk{c.off + int(from), c.data[from:to:to], c.state})
		}
	}
	return out
}
