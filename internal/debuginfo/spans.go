package debuginfo

import (
	"cmp"
	"iter"
	"slices"
)

// span is a run of code [low, high) that belongs to something.
type span[T any] struct {
	low, high uint64
	top       uint64 // the largest high up to here
	of        T
}

// spans are sorted runs of code, which may overlap: nested functions, and
// dropped ones that all seem to be at the same address.
type spans[T any] []span[T]

func (s spans[T]) sort() {
	slices.SortFunc(s, func(a, b span[T]) int {
		if a.low != b.low {
			return cmp.Compare(a.low, b.low)
		}
		return cmp.Compare(a.high, b.high)
	})
	var top uint64
	for i := range s {
		top = max(top, s[i].high)
		s[i].top = top
	}
}

// at yields the runs that hold an address, those that start last first.
func (s spans[T]) at(pc uint64) iter.Seq[*span[T]] {
	return func(yield func(*span[T]) bool) {
		i, _ := slices.BinarySearchFunc(s, pc, func(x span[T], pc uint64) int {
			if x.low <= pc {
				return -1
			}
			return 1
		})
		for i--; i >= 0 && s[i].top > pc; i-- {
			if pc < s[i].high && !yield(&s[i]) {
				return
			}
		}
	}
}

// add adds a run unless it is empty; sort afterwards.
func (s *spans[T]) add(low, high uint64, of T) {
	if low < high {
		*s = append(*s, span[T]{low: low, high: high, of: of})
	}
}
