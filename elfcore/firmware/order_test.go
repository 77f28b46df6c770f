package firmware

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestInOrder compares with a sort of the library, for addresses of few and of
// many bytes.
func TestInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, mask := range []uint64{0, 0xff, 0x2001_00f0, 0xffff_ffff_8000_0001} {
		for _, n := range []int{0, 1, 2, 1000} {
			keys := make([]sortKey, n)
			for i := range keys {
				keys[i] = sortKey{random.Uint64() & mask, uint8(random.IntN(4)), uint32(i)}
			}
			want := slices.Clone(keys)
			slices.SortStableFunc(want, func(a, b sortKey) int {
				return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.rank, b.rank))
			})
			if got := inOrder(keys); !slices.Equal(got, want) {
				t.Errorf("%d keys, mask %#x: %v, want %v", n, mask, got, want)
			}
		}
	}
}
