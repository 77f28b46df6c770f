package elfcore

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
)

// Permission bits of Region.Perm, as p_flags has them.
const (
	PermX = 1
	PermW = 2
	PermR = 4
)

// Region is memory of one origin and one State. Lost bytes are absent, never
// filled: a hole makes two regions. Data holds Size bytes, from offset 0: a
// bytes.Reader for dumps, an io.SectionReader for files that stay on disk.
// Suspect regions are not written as PT_LOAD.
type Region struct {
	Range
	Perm  uint32
	State State
	Why   Why
	Data  io.ReaderAt
}

// NewRegion makes a region of bytes.
func NewRegion(a Addr, data []byte, perm uint32, s State, w Why) Region {
	return Region{Range{a, uint64(len(data))}, perm, s, w, bytes.NewReader(data)}
}

// Part cuts a sub-range, which must lie inside.
func (r Region) Part(sub Range) Region {
	if sub == r.Range {
		return r
	}
	r.Data = io.NewSectionReader(r.Data, int64(sub.Addr-r.Addr), int64(sub.Size))
	r.Range = sub
	return r
}

// GapError says that the byte at Addr is not there. Size is how many bytes from
// there on are not, as far as is known; 0 tells of this one only.
type GapError struct {
	Addr Addr
	Size uint64
}

func (e *GapError) Error() string { return fmt.Sprintf("no memory at %v", e.Addr) }

// Memory is a set of regions, sorted and disjoint.
type Memory struct{ regions []Region }

// Add puts a region in. Where it overlaps another, the higher State wins, then
// the first added. It returns the ranges in which the two differ. A range that
// runs over the end of the address space is cut there; an empty one ignored.
func (m *Memory) Add(r Region) (differs []Range) {
	if r.Size == 0 {
		return nil
	}
	if end := uint64(r.Addr) + r.Size; end < r.Size && end != 0 {
		r = r.Part(Range{r.Addr, -uint64(r.Addr)})
	}
	// i..j are the regions that overlap r.
	i := sort.Search(len(m.regions), func(k int) bool { return m.regions[k].last() >= r.Addr })
	j := i
	for j < len(m.regions) && m.regions[j].Addr <= r.last() {
		j++
	}
	if i == j {
		m.regions = append(m.regions, Region{})
		copy(m.regions[i+1:], m.regions[i:])
		m.regions[i] = r
		return nil
	}
	var out []Region
	at, done := r.Addr, false // the next byte of r to place
	for _, old := range m.regions[i:j] {
		lo, hi := max(old.Addr, r.Addr), min(old.last(), r.last())
		both := Range{lo, uint64(hi-lo) + 1}
		differs = append(differs, difference(old.Part(both), r.Part(both))...)
		if r.State > old.State {
			if old.Addr < lo {
				out = append(out, old.Part(Range{old.Addr, uint64(lo - old.Addr)}))
			}
			if at < lo {
				out = append(out, r.Part(Range{at, uint64(lo - at)}))
			}
			out = append(out, r.Part(both))
			if old.last() > hi {
				out = append(out, old.Part(Range{hi + 1, uint64(old.last() - hi)}))
			}
		} else {
			if at < lo {
				out = append(out, r.Part(Range{at, uint64(lo - at)}))
			}
			out = append(out, old)
		}
		at = hi + 1
		done = hi == r.last()
	}
	if !done {
		out = append(out, r.Part(Range{at, uint64(r.last()-at) + 1}))
	}
	m.regions = append(m.regions[:i], append(out, m.regions[j:]...)...)
	return differs
}

// Replace puts a region in the place of bytes that are there, whatever their
// State. It is the one way to change dumped bytes, for rules that the user asks
// for: the evidence of r must keep the old ones. If a byte of the range is
// missing nothing changes and the error is a *GapError.
func (m *Memory) Replace(r Region) error {
	if gaps := m.Missing(r.Range); len(gaps) > 0 {
		return &GapError{Addr: gaps[0].Addr}
	}
	if r.Size == 0 {
		return nil
	}
	i := sort.Search(len(m.regions), func(k int) bool { return m.regions[k].last() >= r.Addr })
	j := i
	for m.regions[j].last() < r.last() {
		j++
	}
	var out []Region
	if first := m.regions[i]; first.Addr < r.Addr {
		out = append(out, first.Part(Range{first.Addr, uint64(r.Addr - first.Addr)}))
	}
	out = append(out, r)
	if end := m.regions[j]; end.last() > r.last() {
		out = append(out, end.Part(Range{r.last() + 1, uint64(end.last() - r.last())}))
	}
	m.regions = slices.Replace(m.regions, i, j+1, out...)
	return nil
}

// difference compares two regions of the same range and returns the runs of
// bytes in which they differ, runs less than 16 bytes apart joined.
func difference(a, b Region) (runs []Range) {
	const chunk = 64 << 10
	buf := make([]byte, 2*min(chunk, a.Size))
	x, y := buf[:len(buf)/2], buf[len(buf)/2:]
	for off := uint64(0); off < a.Size; off += chunk {
		n := min(chunk, a.Size-off)
		if _, err := readFull(a.Data, x[:n], int64(off)); err != nil {
			return runs
		}
		if _, err := readFull(b.Data, y[:n], int64(off)); err != nil {
			return runs
		}
		if bytes.Equal(x[:n], y[:n]) {
			continue
		}
		for k := range n {
			if x[k] == y[k] {
				continue
			}
			at := a.Addr + Addr(off+k)
			if last := len(runs) - 1; last >= 0 && uint64(at-runs[last].Addr) < runs[last].Size+16 {
				runs[last].Size = uint64(at-runs[last].Addr) + 1
			} else {
				runs = append(runs, Range{at, 1})
			}
		}
	}
	return runs
}

func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		err = nil
	}
	return n, err
}

// Read fills all of p from address a, across adjacent regions. The State is
// the lowest one touched. If a byte is missing the error is a *GapError.
func (m *Memory) Read(p []byte, a Addr) (State, error) {
	state := Known
	for len(p) > 0 {
		r, ok := m.At(a)
		if !ok {
			return Missing, &GapError{Addr: a}
		}
		n := min(uint64(len(p)), uint64(r.last()-a)+1)
		if _, err := readFull(r.Data, p[:n], int64(a-r.Addr)); err != nil {
			return Missing, fmt.Errorf("memory at %v: %w", a, err)
		}
		state = min(state, r.State)
		p, a = p[n:], a+Addr(n)
	}
	return state, nil
}

// At finds the region that holds an address.
func (m *Memory) At(a Addr) (Region, bool) {
	i := sort.Search(len(m.regions), func(k int) bool { return m.regions[k].last() >= a })
	if i < len(m.regions) && m.regions[i].Contains(a) {
		return m.regions[i], true
	}
	return Region{}, false
}

// Run is the longest range without a gap that begins at a; empty if a is not
// there.
func (m *Memory) Run(a Addr) Range {
	run := Range{Addr: a}
	i := sort.Search(len(m.regions), func(k int) bool { return m.regions[k].last() >= a })
	for ; i < len(m.regions) && m.regions[i].Contains(run.End()); i++ {
		run.Size = uint64(m.regions[i].last()-a) + 1
	}
	return run
}

// Missing lists the parts of a range that are not there.
func (m *Memory) Missing(r Range) (gaps []Range) {
	if r.Size == 0 {
		return nil
	}
	at := r.Addr
	for _, have := range m.regions {
		if have.last() < at {
			continue
		}
		if have.Addr > r.last() {
			break
		}
		if have.Addr > at {
			gaps = append(gaps, Range{at, uint64(have.Addr - at)})
		}
		if have.last() >= r.last() {
			return gaps
		}
		at = have.last() + 1
	}
	return append(gaps, Range{at, uint64(r.last()-at) + 1})
}

// All yields the regions by address.
func (m *Memory) All() iter.Seq[Region] {
	return func(yield func(Region) bool) {
		for _, r := range m.regions {
			if !yield(r) {
				return
			}
		}
	}
}

// Len is the number of regions.
func (m *Memory) Len() int { return len(m.regions) }
