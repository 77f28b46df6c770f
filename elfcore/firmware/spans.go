package firmware

import (
	"iter"
	"sort"

	"corelift/elfcore"
)

// spans finds the ranges that hold an address among many, which may overlap.
type spans struct {
	ranges []elfcore.Range // sorted by address, none empty
	reach  []elfcore.Addr  // reach[i] is the last address of ranges[:i+1]
}

// newSpans indexes n ranges, which at returns sorted by address.
func newSpans(n int, at func(int) elfcore.Range) spans {
	s := spans{make([]elfcore.Range, n), make([]elfcore.Addr, n)}
	var reach elfcore.Addr
	for i := range n {
		r := at(i)
		reach = max(reach, r.Addr+elfcore.Addr(r.Size-1))
		s.ranges[i], s.reach[i] = r, reach
	}
	return s
}

// holding yields the indices of the ranges that hold a, the one that begins
// last first.
func (s spans) holding(a elfcore.Addr) iter.Seq[int] {
	return func(yield func(int) bool) {
		i := sort.Search(len(s.ranges), func(k int) bool { return s.ranges[k].Addr > a })
		for i--; i >= 0 && s.reach[i] >= a; i-- {
			if s.ranges[i].Contains(a) && !yield(i) {
				return
			}
		}
	}
}
