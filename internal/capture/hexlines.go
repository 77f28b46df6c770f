package capture

import (
	"sort"

	"corelift/elfcore"
)

// HexLines collects the lines of a hex dump that has no addresses: all lines
// but the last are equally long, and that is all that tells where bytes belong.
type HexLines struct {
	data  []byte
	lines []digitLine
}

// digitLine is the bytes of one line, from pos of the data on.
type digitLine struct {
	pos, size int
	bad       bool // not hex digits throughout, or an odd number
	number    int
	off       int64
}

// Add appends a line. Number and off are those of the Line it stands in.
func (h *HexLines) Add(digits []byte, number int, off int64) {
	l := digitLine{pos: len(h.data), number: number, off: off}
	var n int
	h.data, n = AppendHex(h.data, digits)
	l.size, l.bad = len(h.data)-l.pos, n != len(digits) || n%2 != 0
	if n > 0 {
		h.lines = append(h.lines, l)
	}
}

// Len is the number of lines.
func (h *HexLines) Len() int { return len(h.lines) }

// width is how many bytes most lines have.
func (h *HexLines) width() int {
	counts := map[int]int{}
	best := 0
	for _, l := range h.lines {
		if l.bad {
			continue
		}
		if counts[l.size]++; counts[l.size] > counts[best] || counts[l.size] == counts[best] && l.size > best {
			best = l.size
		}
	}
	return best
}

// Pieces puts the lines together, which ends the collecting. A line that is
// damaged, or too short and not the last, is lost as a whole, since nothing
// tells which digit of it is missing; what follows stays in its place. Damaged
// says where such lines are. Shorter ones than a quarter are words of other
// output.
func (h *HexLines) Pieces() (p *Pieces, damaged []elfcore.Pos) {
	width := h.width()
	p = &Pieces{}
	var kept []digitLine // pos is now the place in p
	for i, l := range h.lines {
		whole := !l.bad && width > 0 && l.size%width == 0
		last := i == len(h.lines)-1 && !l.bad && l.size <= width
		if !whole && !last && l.size*4 < width {
			continue
		}
		kept = append(kept, digitLine{pos: int(p.Size), number: l.number, off: l.off})
		if whole || last {
			p.Append(h.data[l.pos : l.pos+l.size])
			continue
		}
		damaged = append(damaged, elfcore.Pos{Line: l.number, Off: l.off})
		p.Lose(int64(width))
	}
	p.Pos = func(off int64) elfcore.Pos {
		i := sort.Search(len(kept), func(i int) bool { return int64(kept[i].pos) > off }) - 1
		if i < 0 {
			return elfcore.Pos{Off: -1}
		}
		return elfcore.Pos{Line: kept[i].number, Off: kept[i].off}
	}
	h.data, h.lines = nil, nil
	return p, damaged
}
