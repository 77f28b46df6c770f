package capture

import (
	"bytes"
	"sort"

	"corelift/elfcore"
)

// HexLines collects the lines of a hex dump that has no addresses: all lines
// but the last are equally long, and that is all that tells where bytes belong.
type HexLines struct {
	data  []byte
	lines []digitLine
	plain []byte // a line without colours
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

// AddLine appends the digits of a console line: its last word, whatever stands
// before it, or if that is something else its longest one, which other output
// may be glued to. Colours are removed.
func (h *HexLines) AddLine(l Line) {
	h.plain = bytes.TrimRight(AppendPlain(h.plain[:0], l.Text), " \t")
	last := h.plain[bytes.LastIndexAny(h.plain, " \t")+1:]
	if digits(last) == len(last) {
		h.Add(last, l.Number, l.Off)
		return
	}
	longest := last
	for word := range bytes.FieldsSeq(h.plain) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	if digits(longest) >= minGlued {
		h.Add(longest, l.Number, l.Off)
	}
}

// minGlued is how many digits a word begins with that is taken for data which
// something else is glued to; an address has 16 at most.
const minGlued = 18

// digits counts the hex digits at the start of a word.
func digits(word []byte) int {
	for i, c := range word {
		if nibble[c] == 0 {
			return i
		}
	}
	return len(word)
}

// Len is the number of lines.
func (h *HexLines) Len() int { return len(h.lines) }

// width is how many bytes the lines have that most bytes stand on.
func (h *HexLines) width() int {
	counts := map[int]int{}
	best := 0
	for _, l := range h.lines {
		if l.bad {
			continue
		}
		if counts[l.size] += l.size; counts[l.size] > counts[best] || counts[l.size] == counts[best] && l.size < best {
			best = l.size
		}
	}
	return best
}

// Joined is what the lines say if they are taken one after the other, whatever
// their lengths: right if nothing is lost, which only a length or a checksum in
// the dump can tell. Terminals that wrapped the lines did no harm then.
func (h *HexLines) Joined() *Pieces {
	return &Pieces{data: h.data, Size: int64(len(h.data)), Pos: positions(h.lines)}
}

// Pieces puts the lines together by their length. A line that is damaged, or
// too short and not the last, is lost as a whole, since nothing tells which
// digit of it is missing; what follows stays in its place. Damaged says where
// such lines are. Shorter ones than a quarter are words of other output.
func (h *HexLines) Pieces() (p *Pieces, damaged []elfcore.Pos) {
	width := h.width()
	p = &Pieces{}
	full := func(l digitLine) bool { return !l.bad && width > 0 && l.size%width == 0 }
	last := -1 // the longest of the shorter lines behind the last full one: others are words
	for i, l := range h.lines {
		switch {
		case full(l):
			last = -1
		case !l.bad && l.size < width && (last < 0 || l.size > h.lines[last].size):
			last = i
		}
	}
	var kept []digitLine // pos is the place in p
	for i, l := range h.lines {
		if !full(l) && i != last && l.size*4 < width {
			continue
		}
		kept = append(kept, digitLine{pos: int(p.Size), number: l.number, off: l.off})
		if full(l) || i == last {
			p.Append(h.data[l.pos : l.pos+l.size])
			continue
		}
		damaged = append(damaged, elfcore.Pos{Line: l.number, Off: l.off})
		p.Lose(int64(width))
	}
	p.Pos = positions(kept)
	return p, damaged
}

// positions finds the line that holds a byte.
func positions(lines []digitLine) func(off int64) elfcore.Pos {
	return func(off int64) elfcore.Pos {
		i := sort.Search(len(lines), func(i int) bool { return int64(lines[i].pos) > off }) - 1
		if i < 0 {
			return elfcore.Pos{Off: -1}
		}
		return elfcore.Pos{Line: lines[i].number, Off: lines[i].off}
	}
}
