package elfcore

import (
	"cmp"
	"container/heap"
	"context"
	"debug/elf"
	"fmt"
	"slices"
)

// loads makes the memory of a core from its segments. Where segments overlap
// the one with the earlier header counts, as in GDB.
func (f *File) loads(ctx context.Context, c *Core) error {
	var regions []Region
	sorted, beyond := true, 0
	for i, s := range f.Segments {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		data := f.Data(s)
		if s.Type != elf.PT_LOAD || data.Size() == 0 {
			continue
		}
		r := Region{Range: Range{Addr(s.Vaddr), uint64(data.Size())}, Perm: uint32(s.Flags) & (PermR | PermW | PermX), State: Known, Data: data}
		if room := c.Arch.AddrMask() - s.Vaddr; r.Size-1 > room {
			beyond++
			r = r.Part(Range{r.Addr, room + 1})
		}
		if n := len(regions); n > 0 && r.Addr <= regions[n-1].last() {
			sorted = false
		}
		regions = append(regions, r)
	}
	if beyond > 0 {
		c.Report(Diagnostic{Severity: Warning, Code: "core.address", At: Pos{Off: int64(f.Header.PhOff)},
			Found: fmt.Sprintf("%d segments that run over the end of the address space", beyond), Done: "cut there"})
	}
	if !sorted {
		var overlap Range
		if regions, overlap = Layered(regions); overlap.Size > 0 {
			c.Report(Diagnostic{Severity: Warning, Code: "core.overlap", At: Pos{Off: int64(f.Header.PhOff)},
				Found: fmt.Sprintf("segments that overlap, first at %v", overlap), Done: "of each byte the first segment counts"})
		}
	}
	c.Memory = Memory{regions}
	return nil
}

// Layered sorts regions and makes them disjoint; of each byte the earliest in
// the list counts, as GDB has it with segments. It returns the first range that
// two had, of size 0 if none.
func Layered(regions []Region) (out []Region, overlap Range) {
	byAddr := make([]int, len(regions))
	for i := range byAddr {
		byAddr[i] = i
	}
	slices.SortStableFunc(byAddr, func(a, b int) int { return cmp.Compare(regions[a].Addr, regions[b].Addr) })
	// A sweep by address; the queue holds the regions that have begun.
	var begun queue
	last := -1       // the region that the last piece in out is of
	var reached Addr // the last address of those that have begun
	for next, at := 0, Addr(0); ; {
		for len(begun) > 0 && regions[begun[0]].last() < at {
			heap.Pop(&begun)
		}
		if len(begun) == 0 {
			if next == len(byAddr) {
				return out, overlap
			}
			at = regions[byAddr[next]].Addr
		}
		for next < len(byAddr) && regions[byAddr[next]].Addr <= at {
			r := regions[byAddr[next]].Range
			if next > 0 && r.Addr <= reached && overlap.Size == 0 {
				overlap = Range{r.Addr, uint64(min(reached, r.last())-r.Addr) + 1}
			}
			reached = max(reached, r.last())
			heap.Push(&begun, byAddr[next])
			next++
		}
		top := begun[0]
		end := regions[top].last()
		if next < len(byAddr) && regions[byAddr[next]].Addr <= end {
			end = regions[byAddr[next]].Addr - 1
		}
		if last == top && out[len(out)-1].last() == at-1 {
			whole := out[len(out)-1].Range
			whole.Size = uint64(end-whole.Addr) + 1
			out[len(out)-1] = regions[top].Part(whole)
		} else {
			out = append(out, regions[top].Part(Range{at, uint64(end-at) + 1}))
		}
		last = top
		if at = end + 1; at == 0 {
			return out, overlap
		}
	}
}

// queue is a heap of indices, the least first.
type queue []int

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i] < q[j] }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(int)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
