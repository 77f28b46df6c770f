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

// maxAddr is the last address of all. No range holds it: its end could not be
// told.
const maxAddr = ^elfcore.Addr(0)

// newSpans indexes ranges that are sorted by address.
func newSpans(ranges []elfcore.Range) spans {
	s := spans{ranges, make([]elfcore.Addr, len(ranges))}
	var reach elfcore.Addr
	for i, r := range ranges {
		reach = max(reach, r.Addr+elfcore.Addr(r.Size-1))
		s.reach[i] = reach
	}
	return s
}

// maxScan bounds how many ranges are looked at for one address. Symbols and
// frame entries nest a few deep; a damaged file's can all overlap.
const maxScan = 1024

// holding yields the indices of the ranges that hold a, the one that begins
// last first.
func (s spans) holding(a elfcore.Addr) iter.Seq[int] {
	return func(yield func(int) bool) {
		i := sort.Search(len(s.ranges), func(k int) bool { return s.ranges[k].Addr > a })
		for lowest := max(0, i-maxScan); i > lowest && s.reach[i-1] >= a; i-- {
			if s.ranges[i-1].Contains(a) && !yield(i-1) {
				return
			}
		}
	}
}
