package nuttx

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// What stands on the lines of a crash, in this order; any of them may be
// missing. Newer trees leave out the names of the functions that print.
const (
	assertMarker   = "Assertion failed"
	registerMarker = "up_dump_register:"
	stackMarker    = "stack_dump:"
	startMarker    = "Start coredump:"
	finishMarker   = "Finish coredump"
)

var markers = []string{assertMarker, registerMarker, stackMarker, startMarker, finishMarker}

// assertWords stand behind assertMarker, and tell it from other programs'.
var assertWords = []byte("at file")

const (
	consoleBytes = 4 << 10  // of text before a crash that is looked at: the exception
	assertBytes  = 64 << 10 // of text behind an assertion in which its registers may be
)

// crash is one crash's part of a log.
type crash struct {
	from, end  int64 // with console text
	text, dump bool  // registers, a core dump
	ended      bool  // the dump's last line was seen
}

// findLog splits a log into crashes. A dump without a last line goes up to the
// next crash: the board was reset.
func findLog(in format.Input) ([]format.Hit, error) {
	// Most inputs hold neither; that is seen faster than lines are.
	if found, err := holds(in, startMarker, assertMarker, registerMarker); !found || err != nil {
		return nil, err
	}
	t := capture.NewText(in, markers...)
	var list []crash
	open, last := false, int64(0) // last: end of what is closed
	begin := func(off int64) {
		if n := len(list); open && list[n-1].dump {
			list[n-1].end = off
		}
		if n := len(list); n > 0 {
			last = list[n-1].end
		}
		list = append(list, crash{from: max(last, off-consoleBytes), end: off})
		open = true
	}
	for line, err := range t.Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		marker := markers[line.Marker]
		if marker == assertMarker && !bytes.Contains(line.Text[line.At:], assertWords) {
			continue
		}
		if marker == finishMarker {
			if n := len(list); open && list[n-1].dump {
				list[n-1].end, list[n-1].ended, open = line.End, true, false
			}
			continue
		}
		if !open || list[len(list)-1].dump || marker == assertMarker {
			begin(line.Off)
		}
		c := &list[len(list)-1]
		c.end = line.End
		c.dump = marker == startMarker
		c.text = c.text || marker == registerMarker
	}
	if n := len(list); open && list[n-1].dump {
		list[n-1].end = in.Size
	}
	var hits []format.Hit
	for i, c := range list {
		switch {
		case c.dump:
			hits = append(hits, format.Hit{Off: c.from, Len: c.end - c.from, Score: 80, Whole: c.ended, Text: true})
		default:
			limit := min(in.Size, c.end+assertBytes)
			if i+1 < len(list) {
				limit = min(limit, list[i+1].from)
			}
			a, err := readAssert(t, c.from, limit)
			if err != nil {
				return nil, err
			}
			if len(a.registers) >= minRegisters {
				hits = append(hits, format.Hit{Off: c.from, Len: max(c.end, a.end) - c.from, Score: 50, Whole: true, Text: true})
			}
		}
	}
	return hits, nil
}

// holds tells whether any of the strings stands in an input.
func holds(in format.Input, list ...string) (bool, error) {
	for _, s := range list {
		for _, err := range capture.Magics(in, s) {
			return err == nil, err
		}
	}
	return false, nil
}

// minRegisters is how many registers make a crash of an assertion's text.
const minRegisters = 4

// readLog decodes one crash of a log.
func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	t := capture.NewText(in, markers...)
	d, err := readDump(t, h.Off, h.Off+h.Len)
	if err != nil {
		return nil, err
	}
	a, err := readAssert(t, h.Off, d.start)
	if err != nil {
		return nil, err
	}
	a.task(d.prefix)
	if d.begun && (d.hex.Len() > 0 || len(d.base64) > 0) {
		b := builder{source: in.Name, ended: d.ended, text: true}
		b.choose(&d)
		c, err := b.core()
		if err == nil {
			b.crashed(&a)
			a.add(c)
			return c, nil
		}
		if len(a.registers) < minRegisters {
			return nil, err
		}
		c, _ = a.core(in.Name)
		c.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "nuttx.dump", At: elfcore.Pos{Off: d.start}, Found: err.Error(), Done: "the assertion's text is used alone"})
		return c, nil
	}
	if d.begun && len(a.registers) < minRegisters {
		return nil, fmt.Errorf("%s: no lines of hex digits or base64 behind %q at offset 0x%x", in.Name, startMarker, d.start)
	}
	return a.core(in.Name)
}

// dumpLines is the core dump in a log.
type dumpLines struct {
	start        int64  // offset of the first line
	prefix       []byte // what stands before the marker on it
	begun, ended bool
	hex          capture.HexLines
	base64       []byte // characters
	base64Pos    elfcore.Pos
}

// readDump collects the lines between the first and the last.
func readDump(t *capture.Text, from, to int64) (d dumpLines, err error) {
	d.start = to
	var plain, held []byte
	for line, err := range t.Lines(from, to) {
		if err != nil {
			return d, err
		}
		switch {
		case !d.begun:
			if line.Marker >= 0 && markers[line.Marker] == startMarker {
				d.begun, d.start, d.prefix = true, line.Off, bytes.Clone(line.Text[:line.At])
			}
			continue
		case line.Marker >= 0 && markers[line.Marker] == finishMarker:
			d.base64, d.ended = append(d.base64, held...), true
			return d, nil
		}
		if d.base64 == nil {
			d.hex.AddLine(line)
			if d.hex.Len() > 0 {
				continue
			}
		}
		plain = bytes.TrimRight(capture.AppendPlain(plain[:0], line.Text), " \t")
		word := plain[bytes.LastIndexAny(plain, " \t")+1:]
		held = held[:0]
		switch {
		case !isBase64(word):
		case len(word) >= minBase64:
			if d.base64 == nil {
				d.base64Pos = elfcore.Pos{Line: line.Number, Off: line.Off}
			}
			d.base64 = append(d.base64, word...)
		case d.base64 != nil:
			held = append(held, word...) // of the dump if the last line follows
		}
	}
	return d, nil
}

// minBase64 is how many characters make a line of base64; fewer are a word,
// unless they stand on the last line.
const minBase64 = 32

func isBase64(word []byte) bool {
	word = bytes.TrimRight(word, "=")
	for _, c := range word {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
		default:
			return false
		}
	}
	return len(word) > 0
}

// choose picks the reading of the lines that makes a whole dump: taken one
// after the other, whatever their lengths, or by their length.
func (b *builder) choose(d *dumpLines) {
	if d.hex.Len() == 0 {
		text := bytes.TrimRight(d.base64, "=")
		data := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
		n, _ := base64.RawStdEncoding.Decode(data, text[:len(text)&^3]) // a rest is less than a byte or cut off
		rest := text[len(text)&^3:]
		if len(rest) > 1 {
			k, _ := base64.RawStdEncoding.Decode(data[n:], rest)
			n += k
		}
		b.stored = &capture.Pieces{Pos: func(int64) elfcore.Pos { return d.base64Pos }}
		b.stored.Append(data[:n])
		b.decode()
		return
	}
	b.stored = d.hex.Joined()
	if b.decode(); b.good() {
		return
	}
	b.stored, b.damaged = d.hex.Pieces()
	b.decode()
}
