package capture

import (
	"bytes"
	"io"
	"iter"
	"unicode/utf8"
)

const (
	minWidth, maxWidth = 40, 250 // columns of terminals
	sampleSize         = 32 << 10
	samples            = 8
)

// wrap undoes the hard wrapping of a terminal or screen capture.
//
// Folklore: a user copies a crash from a window of 80 columns. Each line
//
//	[00:00:00.020,000] <err> coredump: #CD:4d01...   (104 columns)
//
// is then two, of 80 and 24 columns, and the second has no marker. The break
// may fall into the marker itself. TestWrapped cuts real logs at every width.
type wrap struct {
	width  int       // columns
	starts [256]bool // bytes that lines begin with where nothing was wrapped
	find   *finder
}

// detectWrap decides by samples whether lines are wrapped, and where; nil if
// they are not. The proof are lines of the same width whose payload, or whose
// marker, goes on in the next line. Logs that were not wrapped have none:
// after a full line comes the next time stamp.
func detectWrap(t *Text) *wrap {
	if len(t.find.markers) == 0 {
		return nil
	}
	e := evidence{find: &t.find}
	step := max(sampleSize, (t.in.Size-sampleSize)/(samples-1))
	for off := int64(0); off < t.in.Size; off += step {
		e.sample(t, off)
	}
	if e.markers == 0 && e.mayBeWrapped() {
		// A long log with a short dump that the samples missed.
		for l, err := range t.Scan(0, t.in.Size) {
			if err == nil {
				e.sample(t, l.Off)
			}
			break
		}
	}
	return e.verdict()
}

// evidence is what samples say about wrapping, by width in columns.
type evidence struct {
	find    *finder
	lines   [maxWidth + 2]int // lines of that width; the last entry has all longer ones
	open    [maxWidth + 1]int // of these, marker lines whose payload reaches the end
	goesOn  [maxWidth + 1]int // of these, those that the next line goes on with
	first   [maxWidth + 1]*bytesSeen
	markers int // lines that hold a marker
}

// bytesSeen counts the bytes that lines begin with which follow a line of some
// width. Few widths occur, and the counts of all would be 250 KiB to clear.
type bytesSeen [256]int32

// sample looks at the lines from off on. The line that off stands in is not
// whole, nor is the last one.
func (e *evidence) sample(t *Text, off int64) {
	window := *t
	window.in.ReaderAt = io.NewSectionReader(t.in, off, sampleSize)
	window.in.Size = min(sampleSize, t.in.Size-off)
	window.marks = []mark{{0, 1}}
	var last, text []byte
	width := -1 // of last; -1: there is none
	for l, err := range window.physical(0, window.in.Size) {
		if err != nil || l.End == window.in.Size && off+l.End < t.in.Size {
			return
		}
		text = AppendPlain(text[:0], l.Text)
		if width >= 0 {
			e.pair(last, text, width)
		}
		if off == 0 || l.Off > 0 {
			width = columns(text)
		}
		last, text = text, last
	}
}

// pair looks at two lines that follow each other.
func (e *evidence) pair(line, next []byte, width int) {
	_, at := e.find.first(line)
	if at >= 0 {
		e.markers++
	}
	e.lines[min(width, maxWidth+1)]++
	if width > maxWidth || len(next) == 0 {
		return
	}
	if e.first[width] == nil {
		e.first[width] = new(bytesSeen)
	}
	e.first[width][next[0]]++
	switch {
	case e.find.payloadOpen(line):
		e.open[width]++
		if e.find.isRest(next) {
			e.goesOn[width]++
		}
	case at < 0 && e.find.straddles(line, next):
		e.open[width]++
		e.goesOn[width]++
	}
}

// mayBeWrapped tells whether the longest lines are equally long.
func (e *evidence) mayBeWrapped() bool {
	for width := maxWidth; width >= minWidth; width-- {
		if e.lines[width] > 0 {
			return e.lines[width] >= 3
		}
	}
	return false
}

// verdict wants three lines that go on, three quarters of those that could, and
// hardly any line that is longer.
func (e *evidence) verdict() *wrap {
	width := minWidth
	for w := minWidth; w <= maxWidth; w++ {
		if e.goesOn[w] > e.goesOn[width] {
			width = w
		}
	}
	longer, lines := 0, 0
	for w, n := range e.lines {
		lines += n
		if w > width {
			longer += n
		}
	}
	if e.goesOn[width] < 3 || e.goesOn[width]*4 < e.open[width]*3 || longer*64 > lines {
		return nil
	}
	w := &wrap{width: width, find: e.find}
	// Lines after a short line are not continuations: see what they begin with.
	var first bytesSeen
	total := int32(0)
	for _, after := range e.first[:width] {
		if after == nil {
			continue
		}
		for c, n := range after {
			first[c] += n
			total += n
		}
	}
	for c, n := range first {
		w.starts[c] = n > 0 && n*32 >= total
	}
	return w
}

// join puts wrapped lines together.
func (w *wrap) join(lines iter.Seq2[Line, error]) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		var whole Line
		var text, part []byte // of the line so far, of its last part
		width := -1           // of that part; -1: there is no line yet
		open := false         // a payload goes up to the end of text
		for l, err := range lines {
			if err != nil {
				if width < 0 || yield(whole, nil) {
					yield(l, err)
				}
				return
			}
			part = AppendPlain(part[:0], l.Text)
			if width == w.width && !whole.More && len(text)+len(part) <= maxLine && w.goesOn(text, part, open) {
				text = append(text, part...)
				whole.End, whole.More = l.End, l.More
			} else {
				if width >= 0 && !yield(whole, nil) {
					return
				}
				whole, text, open = l, append(text[:0], part...), false
			}
			whole.Text = text
			width = columns(part)
			// A marker may begin in the part before.
			fresh := text[max(0, len(text)-len(part)-w.find.longest):]
			open = open && isPayload(part) || w.find.payloadOpen(fresh)
		}
		if width >= 0 {
			yield(whole, nil)
		}
	}
}

// goesOn tells whether next continues text, whose last part is a full line.
func (w *wrap) goesOn(text, next []byte, open bool) bool {
	switch {
	case len(next) == 0:
		return false
	case open:
		return w.find.isRest(next)
	}
	return !w.starts[next[0]] || w.find.straddles(text, next)
}

// payloadOpen tells whether a marker stands in text, and payload from there to
// the end.
func (f *finder) payloadOpen(text []byte) bool {
	k, at := f.first(text)
	return at >= 0 && isPayload(text[at+len(f.markers[k].text):])
}

// straddles tells whether a marker begins in text and ends in next.
func (f *finder) straddles(text, next []byte) bool {
	for k := range f.markers {
		m := f.markers[k].text
		for n := 1; n < len(m); n++ {
			if bytes.HasSuffix(text, []byte(m[:n])) && bytes.HasPrefix(next, []byte(m[n:])) {
				return true
			}
		}
	}
	return false
}

// isRest tells whether text can be the rest of a payload: a line of a shell's
// dump is "#CD:" and hex digits too, but begins anew.
func (f *finder) isRest(text []byte) bool {
	k, _ := f.first(text)
	return k < 0 && isPayload(text)
}

// isPayload tells whether text is of the characters of hex, base64 and the
// words that formats print in their place ("END#").
func isPayload(text []byte) bool {
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '+', c == '/', c == '=', c == '#', c == ':':
		default:
			return false
		}
	}
	return true
}

// columns is the width of a stripped line; more than any terminal has if there
// are tabs in it.
func columns(text []byte) int {
	if bytes.IndexByte(text, '\t') >= 0 {
		return maxWidth + 1
	}
	return utf8.RuneCount(text)
}
