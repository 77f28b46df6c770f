package capture

import (
	"bytes"
	"iter"
)

// Lines yields every line of the window from..to, offsets in bytes. Nothing
// outside the window is looked at, so a line that a border cuts is yielded as
// far as it lies inside. An error ends it.
func (t *Text) Lines(from, to int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines := t.physical(from, to)
		if t.wrap != nil {
			lines = t.wrap.join(lines)
		}
		for l, err := range lines {
			if err == nil {
				l.Marker, l.At = t.find.first(l.Text)
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// physical yields the lines as they stand, markers not looked for.
func (t *Text) physical(from, to int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		var s splitter
		for b, err := range t.blocks(from, to) {
			if err != nil {
				yield(Line{}, err)
				return
			}
			if !s.block(t, b, func(l Line) bool { return yield(l, nil) }) {
				return
			}
		}
	}
}

// splitter cuts blocks into lines.
type splitter struct {
	clean []byte // a line without its NUL bytes
}

// block yields the lines of a block; false if yield wanted no more.
func (s *splitter) block(t *Text, b block, yield func(Line) bool) bool {
	for at, number := 0, b.number; at < len(b.data); number++ {
		end, next := len(b.data), len(b.data)
		if i := bytes.IndexByte(b.data[at:], t.eol); i >= 0 {
			end, next = at+i, at+i+1
		}
		if !s.line(t, b, at, end, next, number, yield) {
			return false
		}
		at = next
	}
	return true
}

// line yields the counted line at..end, the next of which begins at next: in
// parts where a bare CR parts it and where it is too long.
func (s *splitter) line(t *Text, b block, at, end, next, number int, yield func(Line) bool) bool {
	at, end = trim(b.data, at, end, t.other)
	for {
		stop, after, more := end, next, b.cut && next == len(b.data)
		if i := bytes.IndexByte(b.data[at:end], t.other); i >= 0 {
			stop, more = at+i, false
			for after = stop; b.data[after] == t.other; after++ {
			}
		}
		if stop-at > maxLine {
			stop = t.find.safeCut(b.data[:stop], at+maxLine)
			after, more = stop, true
		}
		l := Line{Number: number, Off: b.off + int64(at), End: b.off + int64(after), Text: s.withoutNUL(b.data[at:stop]), More: more}
		if !yield(l) {
			return false
		}
		if stop == end {
			return true
		}
		at = after
	}
}

// trim narrows at..end by the bytes c at both ends.
func trim(data []byte, at, end int, c byte) (int, int) {
	for at < end && data[at] == c {
		at++
	}
	for end > at && data[end-1] == c {
		end--
	}
	return at, end
}

func (s *splitter) withoutNUL(text []byte) []byte {
	i := bytes.IndexByte(text, 0)
	if i < 0 {
		return text
	}
	s.clean = append(s.clean[:0], text[:i]...)
	for _, c := range text[i:] {
		if c != 0 {
			s.clean = append(s.clean, c)
		}
	}
	return s.clean
}
