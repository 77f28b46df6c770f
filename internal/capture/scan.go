package capture

import (
	"bytes"
	"iter"
	"strings"
)

// Scan yields the lines of the window from..to that hold a marker: what Lines
// yields without the others, but at memory speed. What stands between two of
// them is at Lines(one.End, other.Off). An error ends it.
func (t *Text) Scan(from, to int64) iter.Seq2[Line, error] {
	if t.wrap != nil {
		return withMarker(t.Lines(from, to))
	}
	return func(yield func(Line, error) bool) {
		s := scanner{t: t, next: make([]int, len(t.find.markers)), yield: func(l Line) bool { return yield(l, nil) }}
		for b, err := range t.blocks(from, to) {
			if err != nil {
				yield(Line{}, err)
				return
			}
			if !s.block(b) {
				return
			}
		}
	}
}

func withMarker(lines iter.Seq2[Line, error]) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for l, err := range lines {
			if (err != nil || l.Marker >= 0) && !yield(l, err) {
				return
			}
		}
	}
}

// scanner finds the marker lines of blocks. It looks for the markers first and
// for the ends of the lines around them then.
type scanner struct {
	t     *Text
	next  []int // of each marker: where it stands next in the block; its length if nowhere
	split splitter
	yield func(Line) bool
}

// block yields the marker lines of a block; false if yield wanted no more.
func (s *scanner) block(b block) bool {
	if bytes.IndexByte(b.data, 0) >= 0 { // may stand inside a marker
		return s.split.block(s.t, b, s.filter)
	}
	for k := range s.next {
		s.next[k] = -1
	}
	at, start, number := 0, 0, b.number // start is that of the line number
	for {
		marker, p := s.nearest(b.data, at)
		if marker < 0 {
			return true
		}
		if n, last := lineEnds(b.data[at:p], s.t.eol); n > 0 {
			start = at + last + 1
			number += n
		}
		if s.t.over != nil {
			if at = p + len(s.t.find.markers[marker].text); s.t.over(b.data[at:], number, b.off+int64(start)) {
				continue
			}
		}
		end, next := len(b.data), len(b.data)
		if i := bytes.IndexByte(b.data[p:], s.t.eol); i >= 0 {
			end, next = p+i, p+i+1
		}
		if !s.line(b, start, end, next, number, marker, p) {
			return false
		}
		at, start = next, next
		number++
	}
}

// lineEnds counts the line ends in data and finds the last. Between two lines
// of a dump there is one, and bytes.LastIndexByte, which has no vector
// instruction, would take most of the time.
func lineEnds(data []byte, eol byte) (n, last int) {
	if len(data) > 1024 {
		return bytes.Count(data, []byte{eol}), bytes.LastIndexByte(data, eol)
	}
	for last = -1; ; n++ {
		i := bytes.IndexByte(data[last+1:], eol)
		if i < 0 {
			return n, last
		}
		last += i + 1
	}
}

// line yields the line at..end, in which a marker stands at p.
func (s *scanner) line(b block, at, end, next, number, marker, p int) bool {
	first, last := trim(b.data, at, end, s.t.other)
	if last-first > maxLine || bytes.IndexByte(b.data[first:last], s.t.other) >= 0 {
		return s.split.line(s.t, b, at, end, next, number, s.filter)
	}
	return s.yield(Line{
		Number: number, Off: b.off + int64(first), End: b.off + int64(next), Text: b.data[first:last],
		More: b.cut && next == len(b.data), Marker: marker, At: p - first,
	})
}

// filter yields a line if it holds a marker.
func (s *scanner) filter(l Line) bool {
	l.Marker, l.At = s.t.find.first(l.Text)
	return l.Marker < 0 || s.yield(l)
}

// nearest is the marker that comes first from at on, and where; -1 if none.
func (s *scanner) nearest(data []byte, at int) (marker, p int) {
	marker, p = -1, len(data)
	for k, next := range s.next {
		if next < at {
			if next = s.t.find.markers[k].index(data[at:]); next < 0 {
				next = len(data)
			} else {
				next += at
			}
			s.next[k] = next
		}
		if next < p {
			marker, p = k, next
		}
	}
	return marker, p
}

// finder looks for markers.
type finder struct {
	markers []marker
	longest int
}

// marker is searched for by its rarest byte, for which there is a vector
// instruction. bytes.Index goes by the first byte: with "coredump", in a dump
// full of hex digits, every sixteenth byte would stop it.
type marker struct {
	text string
	rare int // index of that byte
}

// common holds the bytes that captures are made of, the commonest last. A byte
// that is not in it is rare.
const common = "{}()MDPSRITLNOE_-FABCmgkhvwpuyltrinso<>,./[]:afdecb9876543210 "

func newFinder(markers []string) finder {
	var f finder
	for _, text := range markers {
		m := marker{text: text}
		for i := range len(text) {
			if strings.IndexByte(common, text[i]) < strings.IndexByte(common, text[m.rare]) {
				m.rare = i
			}
		}
		f.markers = append(f.markers, m)
		f.longest = max(f.longest, len(text))
	}
	return f
}

// index is where the marker stands first in data; -1 if it does not.
func (m *marker) index(data []byte) int {
	// The last place where the rare byte may stand.
	last := len(data) - len(m.text) + m.rare
	for at := m.rare; at <= last; at++ {
		i := bytes.IndexByte(data[at:last+1], m.text[m.rare])
		if i < 0 {
			return -1
		}
		at += i
		if start := at - m.rare; string(data[start:start+len(m.text)]) == m.text {
			return start
		}
	}
	return -1
}

// first is the marker that comes first in text, and where; -1, -1 if none.
func (f *finder) first(text []byte) (marker, at int) {
	marker, at = -1, -1
	for k := range f.markers {
		if i := f.markers[k].index(text); i >= 0 && (at < 0 || i < at) {
			marker, at = k, i
		}
	}
	return marker, at
}

// safeCut is the place to cut data at, or a little before, so that no marker is
// cut in two.
func (f *finder) safeCut(data []byte, at int) int {
	for k := range f.markers {
		m := &f.markers[k]
		from := max(0, at-len(m.text)+1)
		if i := m.index(data[from:min(len(data), at+len(m.text)-1)]); i >= 0 {
			at = from + i
		}
	}
	return at
}
