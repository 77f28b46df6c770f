package capture

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"sort"

	"corelift/internal/format"
)

const (
	blockSize = 256 << 10 // bytes read at once: what stays in a CPU's cache for several passes
	maxLine   = 64 << 10  // bytes of a line given at once
)

// Line is one line of a Text, or a part of one that is too long.
type Line struct {
	Number int    // from 1, as editors count; lines parted by a bare CR share one
	Off    int64  // of the first byte of the line, in the input
	End    int64  // where the next line begins: after the line end
	Text   []byte // without line end and NUL bytes; valid until the next Line
	More   bool   // cut after 64 KiB: the next Line goes on with this one
	Marker int    // index of the first marker in Text; -1 none
	At     int    // where in Text that marker begins; -1 none
}

// Text reads an input as lines and finds markers on them.
//
// A line ends with LF; CR LF, CR CR LF and LF CR are one line end. A CR on its
// own, as progress bars print it, also parts lines, but only LFs are counted;
// in an input that has CRs only, those are counted. NUL bytes, which a
// floating UART line yields, are dropped.
//
// If the input was hard-wrapped by a terminal (Width is not 0), the parts of a
// line are joined again: Number and Off are those of its first part, and
// escape sequences, which would part the payload, are removed.
//
// A Text needs a few MiB at most, whatever the size of the input. It is not
// safe for concurrent use.
type Text struct {
	in    format.Input
	find  finder
	eol   byte   // the counted line end
	other byte   // the other of CR and LF
	wrap  *wrap  // nil: not wrapped
	marks []mark // where blocks began, ascending
	over  Over
}

// Over is a test that Scan makes before it looks for the ends of a line. rest is
// what stands behind a marker, to the end of the line and beyond; number and off
// are those of the line. Lines for which it is true are not yielded.
type Over func(rest []byte, number int, off int64) bool

// PassOver sets the test, nil for none. Looking for a line's ends takes most of
// Scan's time, so a format may take regular lines in its test. Scan yields lines
// without asking where they are wrapped or NUL bytes stand among them.
func (t *Text) PassOver(over Over) { t.over = over }

// mark says that the line that holds the byte at off has this number.
type mark struct {
	off    int64
	number int
}

// NewText prepares an input. Markers are the strings of interest, not empty and
// without line ends; one scan serves them all. A few samples of the input decide here,
// once, how lines end and whether they are hard-wrapped.
func NewText(in format.Input, markers ...string) *Text {
	t := &Text{in: in, find: newFinder(markers), eol: '\n', other: '\r', marks: []mark{{0, 1}}}
	head := make([]byte, min(sampleSize, in.Size))
	n, _ := in.ReadAt(head, 0) // Scan and Lines report an error
	head = head[:n]
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		t.eol, t.other = '\r', '\n'
	}
	t.wrap = detectWrap(t)
	return t
}

// For is a Text of the same input with other markers. How lines end and where
// they are wrapped is not found out anew, which takes longer than a Scan of a
// small log.
func (t *Text) For(markers ...string) *Text {
	return &Text{in: t.in, find: newFinder(markers), eol: t.eol, other: t.other, wrap: t.wrap, marks: []mark{{0, 1}}}
}

// Width is the number of columns at which lines were wrapped; 0 if they were not.
func (t *Text) Width() int {
	if t.wrap == nil {
		return 0
	}
	return t.wrap.width
}

// Number returns the number, from 1, of the line that holds the byte at off.
// Where Scan or Lines passed before, it counts from there.
func (t *Text) Number(off int64) (int, error) {
	off = min(max(0, off), t.in.Size)
	at := t.marks[sort.Search(len(t.marks), func(i int) bool { return t.marks[i].off > off })-1]
	buf := make([]byte, min(blockSize, off-at.off))
	for at.off < off {
		p := buf[:min(int64(len(buf)), off-at.off)]
		if err := t.read(p, at.off); err != nil {
			return 0, err
		}
		at.number += bytes.Count(p, []byte{t.eol})
		at.off += int64(len(p))
	}
	return at.number, nil
}

func (t *Text) read(p []byte, off int64) error {
	n, err := t.in.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // somebody cut the file under us
	}
	return fmt.Errorf("%s: offset 0x%x: %w", t.in.Name, off+int64(n), err)
}

// block is a run of whole lines. It ends after a line end or with the window;
// if cut is set it had to end inside a line, but then not inside a marker.
type block struct {
	data   []byte
	off    int64
	number int // of the line that the block begins with
	cut    bool
}

// blocks reads a window.
func (t *Text) blocks(from, to int64) iter.Seq2[block, error] {
	return func(yield func(block, error) bool) {
		from, to := max(0, from), min(to, t.in.Size)
		if from >= to {
			return
		}
		number, err := t.Number(from)
		if err != nil {
			yield(block{}, err)
			return
		}
		buf := make([]byte, min(blockSize, to-from))
		held := 0 // bytes of an unfinished line at the start of buf
		for off := from; off < to; {
			n := int(min(int64(len(buf)), to-off))
			if err := t.read(buf[held:n], off+int64(held)); err != nil {
				yield(block{}, err)
				return
			}
			end, cut := n, false
			if off+int64(n) < to {
				if end = bytes.LastIndexByte(buf[:n], t.eol) + 1; end == 0 {
					end, cut = t.find.safeCut(buf[:n], n-t.find.longest), true
				}
			}
			if off > t.marks[len(t.marks)-1].off {
				t.marks = append(t.marks, mark{off, number})
			}
			if !yield(block{buf[:end], off, number, cut}, nil) {
				return
			}
			number += bytes.Count(buf[:end], []byte{t.eol})
			off += int64(end)
			held = copy(buf, buf[end:n])
		}
	}
}
