package crashcatcher

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// markers of a console. The signature's line is where a dump begins: users
// turn logging on after the message that asks for it.
var markers = [...]string{signature, "End of dump", "CRASH ENCOUNTERED", "BREAKPOINT ENCOUNTERED"}

const (
	markSignature = iota
	markEnd
	markCrash
	markBreakpoint
)

// signature is the beginning of the signature in hex: the last digit of the
// major version and the minor version follow.
const signature = "63430"

// isSignature tells whether a marker line is a signature's: the four bytes are
// all that is on it.
func isSignature(l capture.Line) bool {
	if l.Marker != markSignature {
		return false
	}
	digits, _ := payload(l.Text)
	return len(digits) == 8 && string(digits[:5]) == signature && version(digits[5]-'0').known() && string(digits[6:]) == "00"
}

// payload is the hex digits of a line: its last word, since a terminal may put
// a time before it. foreign: the line has none.
func payload(line []byte) (digits []byte, foreign bool) {
	line = bytes.TrimSpace(line)
	word := line[bytes.LastIndexAny(line, " \t")+1:]
	for _, c := range word {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'F') {
			return nil, true
		}
	}
	return word, len(word) == 0
}

// keySize is the bytes by which repetitions are known: signature to lr, pc.
const keySize = 76

// headBytes is how far a signature is looked for in a text that has no words of
// CrashCatcher: hex digits are all over the logs of others.
const headBytes = 1 << 20

// findLog finds the dumps of a console, or of the log of a GDB session.
func findLog(in format.Input) ([]format.Hit, error) {
	f := logFinder{t: capture.NewText(in, markers[:]...), known: map[string]int{}, message: -1}
	to, gdb := min(headBytes, in.Size), false
	for line, err := range capture.NewText(in, append(markers[markEnd:], gdbMarkers[0])...).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		if line.Marker < len(markers)-markEnd {
			to = in.Size
			break
		}
		gdb = gdb || line.At == 0
	}
	for line, err := range f.t.Scan(0, to) {
		if err == nil {
			err = f.line(line)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := f.close(in.Size); err != nil || len(f.hits) > 0 || !gdb {
		return f.hits, err
	}
	return findGDBLog(in)
}

// logFinder collects dumps. The target repeats a dump at each key press: of
// those that begin alike the first complete one counts, or the longest.
type logFinder struct {
	t       *capture.Text
	hits    []format.Hit
	keys    []string       // how each begins
	known   map[string]int // index by key
	cur     format.Hit
	open    bool
	message int64 // where the message before the next dump stands; -1 there is none
}

// line takes the next marker line.
func (f *logFinder) line(l capture.Line) error {
	switch {
	case isSignature(l):
		if err := f.close(l.Off); err != nil {
			return err
		}
		f.cur, f.open = format.Hit{Off: l.Off, Score: scoreConsole, Text: true}, true
		if f.message >= 0 {
			f.cur.Off, f.message = f.message, -1
		}
	case l.Marker == markEnd && f.open:
		f.cur.Whole = true
		return f.close(l.End)
	case l.Marker == markCrash, l.Marker == markBreakpoint:
		err := f.close(l.Off)
		f.message = l.Off
		return err
	}
	return nil
}

// close ends the open dump, if there is one.
func (f *logFinder) close(end int64) error {
	if !f.open {
		return nil
	}
	f.open, f.cur.Len = false, end-f.cur.Off
	key, err := f.key(f.cur)
	if err != nil {
		return err
	}
	if n := len(f.keys) - 1; n >= 0 && len(f.keys[n]) < keySize && strings.HasPrefix(key, f.keys[n]) {
		delete(f.known, f.keys[n]) // a first try that ended within its registers
		f.hits, f.keys = f.hits[:n], f.keys[:n]
	}
	switch i, repeated := f.known[key]; {
	case !repeated:
		f.known[key] = len(f.hits)
		f.hits, f.keys = append(f.hits, f.cur), append(f.keys, key)
	case !f.hits[i].Whole && (f.cur.Whole || f.cur.Len > f.hits[i].Len):
		f.hits[i] = f.cur
	}
	return nil
}

// key decodes the beginning of a dump.
func (f *logFinder) key(h format.Hit) (string, error) {
	var key []byte
	begun := false
	for line, err := range f.t.Lines(h.Off, h.Off+h.Len) {
		if err != nil {
			return "", err
		}
		if begun = begun || isSignature(line); !begun {
			continue
		}
		digits, _ := payload(line.Text)
		if key, _ = capture.AppendHex(key, digits[:min(len(digits), 2*keySize)]); len(key) >= keySize {
			return string(key[:keySize]), nil
		}
	}
	return string(key), nil
}

// textLine is one line of hex: data[pos:pos+size] of its dump.
type textLine struct {
	pos, size int
	bad       bool // an odd number of digits
	at        elfcore.Pos
}

// textDump is a dump's lines, and the one that is next.
type textDump struct {
	*builder
	data  []byte
	lines []textLine
	next  int
	ended bool // the end mark is there
}

// lineBytes is the most that the target prints on a line.
const lineBytes = 16

func (d *textDump) bytes(l textLine) []byte { return d.data[l.pos : l.pos+l.size] }

func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	var d textDump
	breakpoint, foreign := false, 0
	var first, last elfcore.Pos
	for line, err := range capture.NewText(in, markers[:]...).Lines(h.Off, h.Off+h.Len) {
		if err != nil {
			return nil, err
		}
		last = elfcore.Pos{Line: line.Number, Off: line.Off}
		if len(d.lines) == 0 {
			breakpoint = breakpoint || line.Marker == markBreakpoint
			if !isSignature(line) {
				continue
			}
			first = last
		}
		if line.Marker == markEnd {
			d.ended = true
			break
		}
		digits, none := payload(line.Text)
		if none {
			if len(bytes.TrimSpace(line.Text)) > 0 {
				foreign++
			}
			continue
		}
		l := textLine{pos: len(d.data), at: last}
		var n int
		d.data, n = capture.AppendHex(d.data, digits)
		l.size, l.bad = len(d.data)-l.pos, n%2 != 0
		d.lines = append(d.lines, l)
	}
	if len(d.lines) == 0 {
		return nil, fmt.Errorf("%s: offset 0x%x: no CrashCatcher dump", in.Name, h.Off)
	}
	d.builder = newBuilder(version(d.data[2]), first)
	if foreign > 0 {
		d.report(elfcore.Info, "foreign-lines", first, fmt.Sprintf("%d lines of other output in the dump", foreign), "", "left out")
	}
	if n := len(d.lines) - 1; !d.ended {
		if n > signatureField && d.lines[n].size < lineBytes {
			d.lines = d.lines[:n] // it may be cut, and then of any meaning
		}
		d.report(elfcore.Loss, "no-end", last, "no end mark", markers[markEnd], "the dump may be cut off")
	}
	d.head()
	d.regions()
	return d.finish(first, breakpoint), nil
}

// head reads the registers. Nothing on a line tells which registers it holds
// but its length and place, so lost lines are found by runs of fields of the
// same length: if a run has too few lines, all registers of it are left out.
func (d *textDump) head() {
	float := false
	if len(d.lines) > flagsField && d.lines[flagsField].size == headFields[flagsField].size && !d.lines[flagsField].bad {
		_, float, _ = parseHead(d.data)
	}
	fields := fieldsOf(d.version, float)
	for i := 0; i < len(fields); {
		run := 1
		for i+run < len(fields) && fields[i+run].size == fields[i].size {
			run++
		}
		after := regionHead
		if i+run < len(fields) {
			after = fields[i+run].size
		}
		n := 0
		for n < run && d.next+n < len(d.lines) && (d.lines[d.next+n].bad || d.lines[d.next+n].size != after) {
			n++
		}
		at := d.lines[min(d.next+n, len(d.lines)-1)].at
		cut := n < run && d.next+n == len(d.lines) && !d.ended
		if n < run && !cut {
			d.report(elfcore.Loss, "line-lost", at, fmt.Sprintf("%d lines of registers", n), fmt.Sprintf("%d of %d bytes each", run, fields[i].size),
				"these registers are missing: nothing tells which line is lost")
		} else {
			for k, l := range d.lines[d.next : d.next+n] {
				d.loadLine(i+k, fields[i+k], l)
			}
		}
		d.next += n
		if cut {
			d.report(elfcore.Loss, "truncated", at, "the dump ends within its registers", "", "those up to there are kept")
			return
		}
		i += run
	}
}

// loadLine sets the registers of one line of the head.
func (d *textDump) loadLine(i int, f field, l textLine) {
	if l.bad || l.size != f.size {
		d.report(elfcore.Loss, "line-damaged", l.at, fmt.Sprintf("%d bytes of registers", l.size), fmt.Sprint(f.size), "they are missing")
		return
	}
	d.load(i, f, d.bytes(l), l.at)
}

// regionAt reads the line of a region's start and end; ok is false if line i is
// none.
func (d *textDump) regionAt(i int) (start, end uint32, ok bool) {
	if l := d.lines[i]; !l.bad && l.size == regionHead {
		p := d.bytes(l)
		start, end = binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
		return start, end, start < end // CrashCatcher.h demands as much
	}
	return 0, 0, false
}

func (d *textDump) isRegion(i int) bool {
	_, _, ok := d.regionAt(i)
	return ok
}

// overflowAt tells whether line i is the mark that ends a dump.
func (d *textDump) overflowAt(i int) bool {
	return i == len(d.lines)-1 && string(d.bytes(d.lines[i])) == overflowMark
}

// regions reads what follows the registers.
func (d *textDump) regions() {
	for n := 0; d.next < len(d.lines); n++ {
		at := d.lines[d.next].at
		if d.overflowAt(d.next) {
			d.overflow(at)
			return
		}
		start, end, ok := d.regionAt(d.next)
		if n == maxRegions {
			d.report(elfcore.Loss, "region", at, "more regions", fmt.Sprintf("at most %d", maxRegions), "they are left out")
			return
		}
		if !ok {
			from := d.next
			for d.next < len(d.lines) && !d.isRegion(d.next) && !d.overflowAt(d.next) {
				d.next++
			}
			d.report(elfcore.Loss, "stray-lines", at, fmt.Sprintf("%d lines that belong to no region", d.next-from), "a region's start and end", "left out")
			continue
		}
		d.next++
		d.lines16(start, end, at)
	}
}

// lines16 reads the lines of a region, 16 bytes on each but the last. They
// have no addresses: only if their number is right, each is in its place.
func (d *textDump) lines16(start, end uint32, at elfcore.Pos) {
	size := int(end - start)
	want := (size + lineBytes - 1) / lineBytes
	have := min(want, len(d.lines)-d.next)
	full := have == want && (d.next+have == len(d.lines) || d.overflowAt(d.next+have) || d.isRegion(d.next+have))
	for i, l := range d.lines[d.next : d.next+have] {
		// A line that is as short as the last one, or as the next region's
		// first, but stands before them.
		if i < want-1 && !l.bad && (l.size == size-(want-1)*lineBytes || l.size == regionHead) && l.size != lineBytes {
			full = false
		}
	}
	state := elfcore.Known
	if !full {
		done := "the others are absent"
		for i := range have {
			if d.isRegion(d.next+i) || d.overflowAt(d.next+i) {
				have = i
				break
			}
		}
		if d.ended || d.next+have < len(d.lines) {
			state, done = elfcore.Suspect, "those are suspect: nothing tells which ones are lost"
		}
		d.report(elfcore.Loss, "lines-lost", at, fmt.Sprintf("%d of %d lines at 0x%08x", have, want, start), "", done)
	}
	var r elfcore.Region // of lines that follow each other
	var from int
	add := func() {
		if r.Size > 0 {
			r.Data = bytes.NewReader(d.data[from : from+int(r.Size)])
			d.region(r, at)
		}
		r = elfcore.Region{State: state}
	}
	add()
	for i, l := range d.lines[d.next : d.next+have] {
		expected := min(lineBytes, size-i*lineBytes)
		if l.bad || l.size != expected {
			d.report(elfcore.Loss, "line-damaged", l.at, fmt.Sprintf("%d bytes at 0x%08x", l.size, int(start)+i*lineBytes), fmt.Sprint(expected), "they are absent")
			add()
			continue
		}
		if r.Size == 0 {
			r.Addr, from = elfcore.Addr(start)+elfcore.Addr(i*lineBytes), l.pos
		}
		r.Size += uint64(l.size)
	}
	add()
	d.next += have
}
