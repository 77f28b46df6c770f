package espcore

import (
	"bytes"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// lineBytes is the most that the firmware puts on one line.
const lineBytes = 48

// dumpLines decodes the base64 lines of one dump in a log.
//
// Every write of the firmware begins a new line and pads it by itself, so the
// lines are decoded one by one (esp.md 1.4). What stands before the base64 on
// the marker's line stands before it on the others: a time stamp, say, in
// which only the digits change.
type dumpLines struct {
	in     format.Input
	table  *base64Table
	prefix []byte // shape of what stands before the base64
	plain  []byte // a line without escape sequences
	shape  []byte

	data    []byte
	keep    bool // remember the lines
	lines   []dumpLine
	foreign int   // lines that are no base64
	damaged int   // lines that were, but for lost characters
	first   int64 // where the first of those stands
}

// dumpLine is one line's bytes: data[pos:end]. Off is in the input.
type dumpLine struct {
	pos, end int
	off      int64
}

// read decodes the lines of a window.
func (l *dumpLines) read(from, to int64) error {
	buf := make([]byte, min(blockSize, to-from))
	held := 0
	for from < to {
		n := min(len(buf), held+int(min(to-from-int64(held), int64(len(buf)))))
		if got, err := l.in.ReadAt(buf[held:n], from+int64(held)); got < n-held {
			return fmt.Errorf("%s: offset 0x%x: %w", l.in.Name, from+int64(held+got), orEOF(err))
		}
		end := n
		if from+int64(n) < to {
			if end = bytes.LastIndexByte(buf[:n], '\n') + 1; end == 0 {
				end = n // no line of a dump is that long
			}
		}
		l.block(buf[:end], from)
		from += int64(end)
		held = copy(buf, buf[end:n])
	}
	return nil
}

func orEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF // somebody cut the file under us
	}
	return err
}

// block decodes whole lines. The fast path is a line that is base64 and
// nothing else.
func (l *dumpLines) block(b []byte, off int64) {
	for at := 0; at < len(b); {
		line, next := b[at:], len(b)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, next = line[:i], at+i+1
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		pos := len(l.data)
		var ok bool
		if l.data, ok = l.table.append(l.data, line); !ok {
			l.other(line, off+int64(at))
		} else if l.keep {
			l.lines = append(l.lines, dumpLine{pos, len(l.data), off + int64(at)})
		}
		at = next
	}
}

// other decodes a line that is not base64 only.
func (l *dumpLines) other(line []byte, off int64) {
	for line := range bytes.SplitSeq(line, []byte{'\r'}) {
		l.plain = capture.AppendPlain(l.plain[:0], line)
		text := bytes.TrimRight(l.plain, " \t")
		if len(text) == 0 {
			continue
		}
		payload := text[payloadAt(text):]
		if l.shape = appendShape(l.shape[:0], text[:len(text)-len(payload)]); len(l.shape) > 0 && !bytes.Equal(l.shape, l.prefix) {
			l.foreign++
			continue
		}
		pos := len(l.data)
		var ok bool
		if l.data, ok = l.table.append(l.data, payload); ok {
			if l.keep {
				l.lines = append(l.lines, dumpLine{pos, len(l.data), off})
			}
		} else if len(payload) < 4 {
			l.foreign++
		} else if l.damaged++; l.damaged == 1 {
			l.first = off
		}
	}
}

// payloadAt is where the base64 at the end of a line begins.
func payloadAt(text []byte) int {
	i := len(text)
	for i > 0 && text[i-1] == '=' {
		i--
	}
	for i > 0 && isBase64(text[i-1]) && text[i-1] != '=' {
		i--
	}
	return i
}

// appendShape appends a prefix without what changes from line to line: runs of
// digits become one, blanks are dropped.
func appendShape(dst, prefix []byte) []byte {
	digit := false
	for _, c := range prefix {
		isDigit := '0' <= c && c <= '9'
		switch {
		case c == ' ' || c == '\t' || isDigit && digit:
		case isDigit:
			dst = append(dst, '0')
		default:
			dst = append(dst, c)
		}
		if c != ' ' && c != '\t' {
			digit = isDigit
		}
	}
	return dst
}

// bytesOf is the bytes of line i.
func (l *dumpLines) bytesOf(i int) []byte { return l.data[l.lines[i].pos:l.lines[i].end] }

// pos is the position of the line that begins at off.
func (l *dumpLines) posAt(t *capture.Text, off int64) elfcore.Pos {
	n, err := t.Number(off)
	if err != nil {
		n = 0
	}
	return elfcore.Pos{Line: n, Off: off}
}
