package inspect

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"

	"corelift/elfcore"
)

// MemoryDifference is what differs in memory, and in what memory is there at
// all. Sizes are in bytes.
type MemoryDifference struct {
	Compared uint64 `json:"compared"` // bytes that both dumps have
	Differ   uint64 `json:"differ"`   // of those
	Suspect  uint64 `json:"suspect"`  // of those that differ, where one dump can't be trusted
	// Runs are where they differ, by address.
	Runs        []ByteRun `json:"runs,omitempty"`
	RunsLeftOut int       `json:"runs_left_out,omitempty"`
	// OnlyA and OnlyB are what only one dump has, and the program does not know.
	OnlyA Extent `json:"only_a"`
	OnlyB Extent `json:"only_b"`
	// Doubts are where one dump can be trusted less than the other.
	Doubts        []Doubt `json:"doubts,omitempty"`
	DoubtsLeftOut int     `json:"doubts_left_out,omitempty"`
	// Others are the bytes that differ and belong to no variable.
	Others        []Owner `json:"others,omitempty"`
	OthersLeftOut int     `json:"others_left_out,omitempty"`
}

// ByteRun is adjacent bytes all of which differ. A and B are the first of them,
// up to 16, in hexadecimal.
type ByteRun struct {
	elfcore.Range
	A      string  `json:"a"`
	B      string  `json:"b"`
	Symbol *Symbol `json:"symbol,omitempty"` // that holds the first byte
}

// Extent is memory in Size bytes, of which Ranges are the first.
type Extent struct {
	Size    uint64          `json:"size"`
	Ranges  []elfcore.Range `json:"ranges,omitempty"`
	LeftOut int             `json:"left_out,omitempty"` // ranges
}

// Doubt is memory whose State is not the same in both dumps.
type Doubt struct {
	elfcore.Range
	A elfcore.State `json:"a"`
	B elfcore.State `json:"b"`
}

// sampled is how many bytes of a ByteRun are shown.
const sampled = 16

// span is memory that both dumps have, or one: then the other is nil.
type span struct {
	elfcore.Range
	a, b *elfcore.Region
}

// lastOf is the address of the last byte: a range may end at 1<<64.
func lastOf(r elfcore.Range) elfcore.Addr { return r.Addr + elfcore.Addr(r.Size-1) }

// between is the range from one address up to and with another one.
func between(first, last elfcore.Addr) elfcore.Range {
	return elfcore.Range{Addr: first, Size: uint64(last-first) + 1}
}

// extents are a memory's longest ranges without a gap.
func extents(m *elfcore.Memory) (list []elfcore.Range) {
	for r := range m.All() {
		if n := len(list); n > 0 && list[n-1].End() == r.Addr {
			list[n-1].Size += r.Size
		} else {
			list = append(list, r.Range)
		}
	}
	return list
}

// around is the one of disjoint, sorted ranges that holds an address; empty if
// none does.
func around(at elfcore.Addr, list []elfcore.Range) elfcore.Range {
	i := sort.Search(len(list), func(i int) bool { return lastOf(list[i]) >= at })
	if i < len(list) && list[i].Contains(at) {
		return list[i]
	}
	return elfcore.Range{}
}

// eachSpan cuts the memory of two dumps where a region of either begins or ends,
// and calls do for each piece, by address.
func eachSpan(a, b *elfcore.Memory, do func(span) error) error {
	const top = ^elfcore.Addr(0)
	rest := [2][]elfcore.Region{slices.Collect(a.All()), slices.Collect(b.All())}
	for at := elfcore.Addr(0); ; {
		first, end := top, top
		for i := range rest {
			if len(rest[i]) > 0 && lastOf(rest[i][0].Range) < at {
				rest[i] = rest[i][1:]
			}
			if len(rest[i]) > 0 {
				first = min(first, max(at, rest[i][0].Addr))
			}
		}
		if len(rest[0]) == 0 && len(rest[1]) == 0 {
			return nil
		}
		var here [2]*elfcore.Region
		for i := range rest {
			switch {
			case len(rest[i]) == 0:
			case rest[i][0].Addr > first:
				end = min(end, rest[i][0].Addr-1)
			default:
				here[i] = &rest[i][0]
				end = min(end, lastOf(here[i].Range))
			}
		}
		if err := do(span{between(first, end), here[0], here[1]}); err != nil || end == top {
			return err
		}
		at = end + 1
	}
}

// memory compares what the dumps have of it, region by region.
func (c *comparison) memory() error {
	m := &memoryComparison{comparison: c, out: &c.result.Memory}
	if c.relocated() {
		c.uncompared("the programs are not the same, or not at the same addresses: only which memory there is was compared, and variables by name")
	}
	if err := eachSpan(&c.a.core.Memory, &c.b.core.Memory, m.span); err != nil {
		return err
	}
	m.flush()
	if m.out.Differ > m.out.Suspect {
		c.different()
	} else if m.out.Differ > 0 {
		c.uncompared("all %d bytes that differ are suspect", m.out.Differ)
	}
	for _, side := range []struct {
		name string
		*Extent
	}{{"A", &m.out.OnlyA}, {"B", &m.out.OnlyB}} {
		if side.Size > 0 {
			c.uncompared("%d bytes of memory are only in %s", side.Size, side.name)
		}
	}
	if len(m.out.Doubts) > 0 {
		c.uncompared("memory can be trusted less in one dump")
	}
	return nil
}

// memoryComparison is the state of memory.
type memoryComparison struct {
	*comparison
	out  *MemoryDifference
	x, y []byte  // a block of each dump
	run  ByteRun // the last one, which may go on
	// The first bytes of run.
	sample [2][sampled]byte
}

// block is how much is read at once, in bytes.
const block = 256 << 10

func (m *memoryComparison) span(s span) error {
	switch {
	case s.a == nil:
		return m.lone(s.Range, s.b, m.a, &m.out.OnlyB)
	case s.b == nil:
		return m.lone(s.Range, s.a, m.b, &m.out.OnlyA)
	}
	if s.a.State != s.b.State {
		m.doubt(s)
	}
	if m.relocated() {
		return nil
	}
	m.out.Compared += s.Size
	trusted := sure(s.a.State, s.b.State)
	return m.blocks(s.Range, s.a, s.b, func(at elfcore.Addr, x, y []byte) {
		for off, n := range unlike(x, y) {
			m.found(at+elfcore.Addr(off), x[off:off+n], y[off:off+n])
			if !trusted {
				m.out.Suspect += uint64(n)
			}
		}
	})
}

// blocks reads a range of two regions, block by block.
func (m *memoryComparison) blocks(r elfcore.Range, a, b *elfcore.Region, do func(at elfcore.Addr, x, y []byte)) error {
	for off := uint64(0); off < r.Size; off += block {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		n := min(block, r.Size-off)
		if uint64(len(m.x)) < n {
			m.x, m.y = make([]byte, n), make([]byte, n)
		}
		at := r.Addr + elfcore.Addr(off)
		for _, side := range []struct {
			p []byte
			r *elfcore.Region
		}{{m.x[:n], a}, {m.y[:n], b}} {
			if got, err := side.r.Data.ReadAt(side.p, int64(at-side.r.Addr)); got < len(side.p) {
				return fmt.Errorf("memory at %v: %w", at, err)
			}
		}
		if x, y := m.x[:n], m.y[:n]; !bytes.Equal(x, y) {
			do(at, x, y)
		}
	}
	return nil
}

// unlike yields where two blocks differ: offset and length of each run.
func unlike(x, y []byte) func(func(off, n int) bool) {
	return func(yield func(off, n int) bool) {
		for i := 0; i < len(x); {
			switch {
			case len(x)-i >= 8 && binary.NativeEndian.Uint64(x[i:]) == binary.NativeEndian.Uint64(y[i:]):
				i += 8
			case x[i] == y[i]:
				i++
			default:
				from := i
				for i < len(x) && x[i] != y[i] {
					i++
				}
				if !yield(from, i-from) {
					return
				}
			}
		}
	}
}

// found takes bytes that differ. They may go on a run.
func (m *memoryComparison) found(at elfcore.Addr, x, y []byte) {
	if m.run.Size == 0 || lastOf(m.run.Range)+1 != at {
		m.flush()
		m.run.Addr = at
	}
	if m.run.Size < sampled {
		copy(m.sample[0][m.run.Size:], x)
		copy(m.sample[1][m.run.Size:], y)
	}
	m.run.Size += uint64(len(x))
}

// flush ends a run.
func (m *memoryComparison) flush() {
	if m.run.Size == 0 {
		return
	}
	m.out.Differ += m.run.Size
	m.attribute(m.run.Range)
	if m.full(len(m.out.Runs)) {
		m.out.RunsLeftOut++
	} else {
		n := min(m.run.Size, sampled)
		m.run.A, m.run.B = hex.EncodeToString(m.sample[0][:n]), hex.EncodeToString(m.sample[1][:n])
		m.run.Symbol = m.a.symbolOf(m.run.Addr)
		m.out.Runs = append(m.out.Runs, m.run)
	}
	m.run = ByteRun{}
}

// lone takes memory that the other session lacks. What its program knows, code
// and constants, it need not have in the dump.
func (m *memoryComparison) lone(r elfcore.Range, has *elfcore.Region, other *Session, to *Extent) error {
	for _, known := range other.constants() {
		if r.Size == 0 || known.Addr > lastOf(r) {
			break
		}
		if known.Size == 0 || lastOf(known.Range) < r.Addr {
			continue
		}
		part := between(max(known.Addr, r.Addr), min(lastOf(known.Range), lastOf(r)))
		same := true
		if err := m.blocks(part, has, &known, func(elfcore.Addr, []byte, []byte) { same = false }); err != nil {
			return err
		}
		if !same {
			continue
		}
		if part.Addr > r.Addr {
			m.add(to, between(r.Addr, part.Addr-1))
		}
		r = elfcore.Range{Addr: part.End(), Size: r.Size - uint64(part.End()-r.Addr)}
	}
	if r.Size > 0 {
		m.add(to, r)
	}
	return nil
}

// constants are the sections that the program can't change, by address.
func (s *Session) constants() (list []elfcore.Region) {
	if s.program == nil {
		return nil
	}
	for _, section := range s.program.ReadOnly() {
		list = append(list, elfcore.Region{Range: section.Range, Data: section.Data})
	}
	slices.SortFunc(list, func(a, b elfcore.Region) int { return cmp.Compare(a.Addr, b.Addr) })
	return list
}

// add extends an Extent. Regions that adjoin are one range.
func (m *memoryComparison) add(e *Extent, r elfcore.Range) {
	e.Size += r.Size
	if n := len(e.Ranges); n > 0 && e.LeftOut == 0 && e.Ranges[n-1].End() == r.Addr {
		e.Ranges[n-1].Size += r.Size
	} else if m.full(n) {
		e.LeftOut++
	} else {
		e.Ranges = append(e.Ranges, r)
	}
}

func (m *memoryComparison) doubt(s span) {
	list := &m.out.Doubts
	d := Doubt{s.Range, s.a.State, s.b.State}
	if n := len(*list); n > 0 && m.out.DoubtsLeftOut == 0 && (*list)[n-1].End() == d.Addr && (*list)[n-1].A == d.A && (*list)[n-1].B == d.B {
		(*list)[n-1].Size += d.Size
	} else if m.full(n) {
		m.out.DoubtsLeftOut++
	} else {
		*list = append(*list, d)
	}
}
