package espcore

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"corelift/internal/capture"
	"corelift/internal/format"
)

// Markers around a dump on the console (esp.md 1.4), less most of their signs.
const (
	startMarker = "= CORE DUMP START ="
	endMarker   = "= CORE DUMP END ="
	rule        = "=================" // on both sides of the words
)

// elfLine is how the line with the ELF header of a dump begins, whatever the
// chip: ET_CORE, 32 bits, little endian.
const elfLine = "f0VMRgEBAQAAAAAAAAAAAAQA"

// eventKind is what a line of a log says.
type eventKind uint8

const (
	evDump      eventKind = iota // from START to END
	evBare                       // base64 without markers
	evBegin                      // the panic handler's first line
	evRegisters                  // a register dump
	evTrace                      // a backtrace
	evReset                      // the end of a crash
)

// panicLines are the lines of the panic handler that part a log into crashes.
// Core 0 and Core 1 each may have a register dump.
var panicLines = []struct {
	marker string
	kind   eventKind
}{
	{"Guru Meditation Error", evBegin},
	{"abort() was called at PC", evBegin},
	{"assert failed: ", evBegin},
	{"***ERROR***", evBegin},
	{"register dump:", evRegisters},
	{"Backtrace:", evTrace},
	{"Rebooting...", evReset},
	{"rst:0x", evReset},
}

// event is such a line, or the lines of a dump. Offsets are bytes of the input.
type event struct {
	kind     eventKind
	off, end int64
	ended    bool // the END marker is there
}

// crash is one crash's part of a log.
type crash struct {
	off, end         int64
	dump             *event
	begun, registers bool
	trace, closed    bool // closed: a reset ended it
}

// panicBytes is how much text of a panic is looked at.
const panicBytes = 32 << 10

// findLog parts a log into crashes: the panic handler's text and the dump
// behind it, up to the next reset.
func findLog(in format.Input) ([]format.Hit, error) {
	events, err := findEvents(in)
	if err != nil {
		return nil, err
	}
	var hits []format.Hit
	for _, c := range crashes(events) {
		h := format.Hit{Off: c.off, Len: c.end - c.off, Text: true}
		switch {
		case c.dump != nil && c.dump.kind == evDump:
			h.Score, h.Whole = 95, c.dump.ended
		case c.dump != nil:
			h.Score, h.Whole = 80, true
		case c.registers || c.begun && c.trace:
			if h.Score = 70; !c.closed {
				h.Len = min(c.end+panicBytes, in.Size) - c.off
			}
		default:
			continue
		}
		hits = append(hits, h)
	}
	for i := range hits[:max(0, len(hits)-1)] {
		hits[i].Len = min(hits[i].Len, hits[i+1].Off-hits[i].Off)
	}
	return hits, nil
}

// crashes puts the events of one crash together.
func crashes(events []event) []*crash {
	var list []*crash
	var c *crash
	open := func(e *event) {
		c = &crash{off: e.off}
		list = append(list, c)
	}
	for i := range events {
		e := &events[i]
		switch e.kind {
		case evReset:
			if c != nil && c.dump == nil {
				c.end, c.closed = e.end, true
			}
			c = nil
			continue
		case evBegin:
			if c == nil || c.dump != nil || c.registers || c.trace {
				open(e)
			}
			c.begun = true
		case evRegisters, evTrace:
			if c == nil || c.dump != nil {
				open(e)
			}
			c.registers = c.registers || e.kind == evRegisters
			c.trace = c.trace || e.kind == evTrace
		default:
			if c == nil || c.dump != nil || e.off-c.off > panicBytes {
				open(e)
			}
			c.dump = e
		}
		c.end = e.end
	}
	return list
}

// findEvents finds the dumps first, so that their base64 is searched for
// nothing else.
func findEvents(in format.Input) (events []event, err error) {
	dumps, err := findMarked(in)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	for i := 0; i <= len(dumps); i++ {
		end := in.Size
		if i < len(dumps) {
			end = dumps[i].off
		}
		gap, err := findPanics(in, at, end)
		if err != nil {
			return nil, err
		}
		bare, err := findBare(in, at, end)
		if err != nil {
			return nil, err
		}
		if i > 0 && !dumps[i-1].ended {
			// Without its END a dump goes on until something else begins.
			dumps[i-1].end = end
			if len(gap) > 0 {
				dumps[i-1].end = gap[0].off
			}
			bare = slices.DeleteFunc(bare, func(e event) bool { return e.off < dumps[i-1].end })
		}
		events = append(events, gap...)
		events = append(events, bare...)
		if i < len(dumps) {
			at = dumps[i].end
		}
	}
	events = append(events, dumps...)
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.off, b.off) })
	for i := range events {
		if e := &events[i]; e.kind == evBare {
			e.end = in.Size
			if i+1 < len(events) {
				e.end = events[i+1].off
			}
		}
	}
	return events, nil
}

// findPanics finds the panic handler's lines in a window.
func findPanics(in format.Input, from, to int64) (list []event, err error) {
	markers := make([]string, len(panicLines))
	for i := range panicLines {
		markers[i] = panicLines[i].marker
	}
	in.ReaderAt, in.Size = io.NewSectionReader(in, from, to-from), to-from
	for l, err := range capture.NewText(in, markers...).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		list = append(list, event{kind: panicLines[l.Marker].kind, off: from + l.Off, end: from + l.End})
	}
	return list, nil
}

// findMarked finds the dumps between markers. Where END is missing a dump ends
// with its START line for now.
func findMarked(in format.Input) (dumps []event, err error) {
	for l, err := range capture.NewText(in, startMarker, endMarker).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		if l.Marker == 0 {
			dumps = append(dumps, event{kind: evDump, off: l.Off, end: l.End})
		} else if n := len(dumps); n > 0 && !dumps[n-1].ended {
			dumps[n-1].end, dumps[n-1].ended = l.End, true
		}
	}
	return dumps, nil
}

// findBare finds dumps without markers in a window, by the lines of their ELF
// headers; a body with a list of tasks only at the start of the input.
func findBare(in format.Input, from, to int64) (list []event, err error) {
	if from == 0 {
		head := make([]byte, min(1<<10, to))
		if n, _ := in.ReadAt(head, 0); isBareBIN(head[:n]) {
			return []event{{kind: evBare}}, nil
		}
	}
	buf := make([]byte, max(0, min(blockSize+int64(len(elfLine)), to-from)))
	for off := from; off < to; off += blockSize {
		b := buf[:min(int64(len(buf)), to-off)]
		if n, err := in.ReadAt(b, off); n < len(b) {
			return nil, fmt.Errorf("%s: offset 0x%x: %w", in.Name, off+int64(n), orEOF(err))
		}
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(elfLine))
			if i < 0 || at+i >= blockSize {
				break
			}
			at += i
			start := headerLine(in, max(from, off+int64(at)-bareLead), off+int64(at))
			list = append(list, event{kind: evBare, off: start})
		}
	}
	return list, nil
}

// bareLead is how far before the ELF header's line its image's header may
// stand, in bytes.
const bareLead = 512

// headerLine is where the line before the one that holds the byte at off
// begins, if it is the header of an image; else where that one does.
func headerLine(in format.Input, floor, off int64) int64 {
	b := make([]byte, off-floor)
	if n, _ := in.ReadAt(b, floor); n < len(b) {
		return off
	}
	line := bytes.LastIndexByte(b, '\n') + 1
	before := bytes.TrimRight(b[:line], "\r\n")
	start := bytes.LastIndexByte(before, '\n') + 1
	text := capture.AppendPlain(nil, bytes.TrimRight(before[start:], " \t\r"))
	header, ok := newBase64Table().append(nil, text[payloadAt(text):])
	if v, h := versionBefore(header, 1<<32); ok && v != nil && len(h) == len(header) {
		return floor + int64(start)
	}
	return floor + int64(line)
}

// isBareBIN tells whether a text begins with the base64 line of a header that
// a list of tasks follows.
func isBareBIN(head []byte) bool {
	line, rest, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte{'\n'})
	table := newBase64Table()
	header, ok := table.append(nil, bytes.TrimRight(line, "\r"))
	if !ok || len(header) < 8 {
		return false
	}
	v := versionOf(little.Uint16(header[versionAt:]))
	if v == nil || v.elf || v.header != len(header) {
		return false
	}
	m := &image{}
	m.setHeader(v, header)
	line, _, _ = bytes.Cut(rest, []byte{'\n'})
	first, ok := table.append(nil, bytes.TrimRight(line, "\r"))
	if !ok || len(first) != taskHeader || m.chip == nil {
		return false
	}
	r := recordAt(first, m.body, little.Uint32(header[tcbSizeAt:]))
	return r.plausible(m.chip)
}
