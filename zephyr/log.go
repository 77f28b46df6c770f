package zephyr

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// marker stands somewhere in each line of a dump (zephyr.md 1.1). What stands
// before it is a matter of the log's configuration.
const marker = "#CD:"

// The shell's human-readable form has a title for the dump and one for each
// block.
const (
	prettyTitle  = "Zephyr Coredump ****"
	prettyMarker = "coredump header found"
)

// payloadKind sorts what follows a marker.
type payloadKind uint8

const (
	payloadData     payloadKind = iota // hex digits
	payloadBegin                       // BEGIN#
	payloadEnd                         // END#
	payloadError                       // ERROR CANNOT DUMP#
	payloadLocation                    // LOCATION 0x..., in-memory backend
	payloadOther                       // none of them: not a dump's line
)

var payloadWords = []struct {
	word string
	kind payloadKind
}{
	{"BEGIN#", payloadBegin}, {"END#", payloadEnd}, {"ERROR CANNOT DUMP#", payloadError}, {"LOCATION ", payloadLocation},
}

// classify goes by the first characters. Two hex digits may also begin a
// damaged word ("BE?IN#"), so a third character must not contradict them.
func classify(p []byte) payloadKind {
	if len(p) >= 2 && isHex(p[0]) && isHex(p[1]) && (len(p) == 2 || isHex(p[2]) || endsPayload(p[2])) {
		return payloadData
	}
	for _, w := range payloadWords {
		if bytes.HasPrefix(p, []byte(w.word)) {
			return w.kind
		}
	}
	return payloadOther
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// endsPayload tells whether a character may stand right behind a payload: white
// space, or the escape sequence that resets colours.
func endsPayload(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0x1b }

// payloads yields what follows each marker of a line. A line holds two where
// its line end got lost; what the logger puts before each of them then stands
// behind the first, perhaps with another time, and is no part of it.
func payloads(line capture.Line, yield func(p []byte)) {
	before := line.Text[:line.At]
	for rest := line.Text[line.At:]; ; {
		rest = rest[len(marker):]
		next := bytes.Index(rest, []byte(marker))
		if next < 0 {
			yield(rest)
			return
		}
		p := rest[:next]
		if n := len(p) - len(before); n >= 0 && sameButDigits(p[n:], before) {
			p = p[:n]
		}
		yield(p)
		rest = rest[next:]
	}
}

// sameButDigits tells whether two texts of one length differ in decimal digits
// only.
func sameButDigits(a, b []byte) bool {
	for i, c := range a {
		if c != b[i] && (c < '0' || c > '9' || b[i] < '0' || b[i] > '9') {
			return false
		}
	}
	return true
}

// headerDigits is the payload of a file header's line.
var headerDigits = []byte("5a45")

// isHeaderLine tells whether a payload is a file header and no more.
func isHeaderLine(p []byte) bool {
	if len(p) < len(headerDigits) || !bytes.EqualFold(p[:len(headerDigits)], headerDigits) {
		return false
	}
	data, digits := capture.AppendHex(nil, p)
	h, ok := parseFileHeader(data)
	return ok && digits == 2*fileHeaderSize && h.plausible()
}

// segment is one dump's part of a log. Offsets are in bytes.
type segment struct {
	console, end int64 // where its console text begins; its end
	first        int64 // the line that it begins with
	passed       int64 // the last of its lines that was passed over
	begun, ended bool  // markers seen
	failed       bool  // the target says that it could not write all of it
	header       bool  // its first payload is a file header
	pretty       bool
	lines        int
	location     bool
}

// markers are what a log is searched for: those of the pretty form come second.
var markers = []string{marker, prettyMarker, prettyTitle}

// consoleBytes is how much console text before a dump is looked at.
const consoleBytes = 32 << 10

// findLog splits a log into dumps. The shell's pretty form is looked for only
// where a dump does not begin with a file header.
func findLog(in format.Input) ([]format.Hit, error) {
	t := capture.NewText(in, marker)
	list, err := segments(t, in.Size)
	if err == nil && slices.ContainsFunc(list, func(s segment) bool { return s.begun && !s.header && s.lines > 0 }) {
		list, err = segments(capture.NewText(in, markers...), in.Size)
	}
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s segment) bool {
		return s.lines == 0 && !s.location || s.end <= s.console // nothing, or all of it on the last line of the dump before
	})
	var hits []format.Hit
	if in.Text { // a firmware has the words too
		if hits, err = findFatal(t, in.Size, list); err != nil {
			return nil, err
		}
	}
	for _, s := range list {
		h := format.Hit{Off: s.console, Len: s.end - s.console, Score: 50, Text: true}
		if s.header || s.pretty {
			h.Score = 90
		}
		h.Whole = (s.header || s.pretty) && (s.ended || !s.begun) && !s.failed
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b format.Hit) int { return cmp.Compare(a.Off, b.Off) })
	return hits, nil
}

// segments finds where dumps begin and end. A BEGIN without END before the next
// BEGIN closes the first one, as does another file header: the board reset.
func segments(t *capture.Text, size int64) ([]segment, error) {
	var list []segment
	var cur *segment
	var last int64    // end of the dump before
	pretty := false   // a title was seen since the last BEGIN
	begin := int64(0) // where that is
	open := func(off int64) {
		list = append(list, segment{console: max(last, off-consoleBytes), first: off, pretty: pretty}) // the dump before may end later
		cur = &list[len(list)-1]
	}
	// In the middle of a dump only its end and another file header are of
	// interest. Upper-case digits may be those of BEGIN and END.
	t.PassOver(func(rest []byte, _ int, off int64) bool {
		if cur == nil || cur.pretty || cur.ended || cur.lines == 0 || len(rest) < len(headerDigits) ||
			!isHex(rest[0]) || isUpper(rest[0]) || rest[0] == '5' && bytes.EqualFold(rest[:len(headerDigits)], headerDigits) {
			return false
		}
		cur.passed = off
		return true
	})
	for line, err := range t.Scan(0, size) {
		if err != nil {
			return nil, err
		}
		if line.Marker > 0 {
			if pretty = true; markers[line.Marker] == prettyTitle {
				cur = nil
			}
			continue
		}
		payloads(line, func(p []byte) {
			switch kind := classify(p); kind {
			case payloadBegin:
				if begin = line.Off; cur != nil && cur.pretty && !pretty {
					return // a block whose title is lost, or another dump: the first line tells
				}
				if cur == nil || !cur.pretty && (cur.begun || cur.lines > 0) {
					open(line.Off) // only a LOCATION stands before
				}
				cur.begun, cur.ended, pretty = true, false, false
			case payloadData:
				switch header := isHeaderLine(p); {
				case cur != nil && cur.pretty && header:
					pretty = false
					open(begin)
					cur.begun = true
				case cur == nil || !cur.pretty && (cur.ended || header && cur.lines > 0):
					open(line.Off)
				}
				if cur.lines++; cur.lines == 1 {
					cur.header = len(p) >= 4 && bytes.EqualFold(p[:4], headerDigits)
				}
			case payloadLocation:
				if cur == nil || cur.ended {
					open(line.Off)
				}
				cur.location = true
			case payloadOther:
				return
			default: // END, ERROR
				if last = line.End; cur == nil || cur.ended && !cur.pretty {
					return // of a dump that this log does not hold
				}
				cur.ended = cur.ended || kind == payloadEnd
				cur.failed = cur.failed || kind == payloadError
			}
			cur.end, last = line.End, line.End
		})
	}
	for i := range list {
		s := &list[i]
		if i > 0 {
			s.console = max(s.console, list[i-1].end)
		}
		if s.passed < s.end {
			continue
		}
		for line, err := range t.Lines(s.passed, size) {
			if err != nil {
				return nil, err
			}
			s.end = line.End
			break
		}
	}
	return list, nil
}

// readLog decodes one crash of a log: its dump or, without one, the fatal
// handler's text.
func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	if h.Score == fatalScore {
		return readFatal(in, h)
	}
	c, err := readDump(in, h)
	if err != nil {
		return instead(in, h, err)
	}
	return c, nil
}

// readDump decodes one dump of a log.
func readDump(in format.Input, h format.Hit) (*elfcore.Core, error) {
	t := capture.NewText(in, marker)
	b := &builder{source: in.Name, hint: in.CPU, headerAt: elfcore.Pos{Off: h.Off}}
	l := &lineStore{}
	var begun, ended, grown bool
	first := int64(-1)
	location := ""
	t.PassOver(func(rest []byte, number int, off int64) bool { return grown && l.full(rest, number, off) })
	for line, err := range t.Scan(h.Off, h.Off+h.Len) {
		if err != nil {
			return nil, err
		}
		if first < 0 {
			first = line.Off
		}
		payloads(line, func(p []byte) {
			at := elfcore.Pos{Line: line.Number, Off: line.Off}
			switch classify(p) {
			case payloadBegin:
				begun = true
			case payloadEnd:
				ended = true
			case payloadError:
				b.report(elfcore.Loss, "zephyr.target-error", at, "the target could not write all of the dump", "", "what is there is kept")
			case payloadLocation:
				location = firstWord(p[len("LOCATION "):])
			case payloadData:
				if ended {
					return // of a dump that begins on the last line, or in the pretty form
				}
				if !grown && len(p) >= 2*lineBytes {
					grown = true
					l.data = append(make([]byte, 0, len(l.data)+estimate(h, line)), l.data...) // slices.Grow clears it first
				}
				l.decode(p, line.Number, line.Off)
			}
		})
	}
	if begun && l.len() > 0 && !bytes.HasPrefix(l.at(0).data, []byte("ZE")) {
		pretty := &lineStore{}
		found, err := b.prettyLines(t, h.Off, h.Off+h.Len, pretty)
		if err != nil {
			return nil, err
		}
		if found {
			l = pretty
		}
	}
	if l.len() == 0 {
		if location != "" {
			return nil, &inMemoryError{in.Name, location}
		}
		return nil, fmt.Errorf("%s: no dump bytes between the markers at offset 0x%x", in.Name, h.Off)
	}
	b.headerAt = l.pos(0)
	if begun && !ended {
		b.report(elfcore.Loss, "zephyr.no-end", l.pos(l.len()-1), "no END marker", marker+"END#", "the dump may be cut off here")
	}
	readLines(b, l, ended || !begun)
	c, err := b.core()
	if err != nil {
		return nil, err
	}
	return c, b.console(c, t, h.Off, first)
}

// inMemoryError says that the dump was not printed.
type inMemoryError struct{ source, at string }

func (e *inMemoryError) Error() string {
	return fmt.Sprintf("%s: the dump was not printed: it is in the target's memory at %s; read it out there (GDB: dump binary memory)", e.source, e.at)
}

// estimate guesses how many bytes the lines from a full one on hold: as many
// as if all were as long. A sixteenth more spares a copy if some are shorter.
func estimate(h format.Hit, line capture.Line) int {
	lines := (h.Off + h.Len - line.Off) / max(line.End-line.Off, 2*lineBytes)
	return int(lines+lines/16+1) * lineBytes
}

// full appends a line of as many digits as a line can have; what else stands
// behind them does not matter. Almost all lines of a dump are such.
func (l *lineStore) full(rest []byte, line int, off int64) bool {
	pos := len(l.data)
	if len(rest) < 2*lineBytes || len(rest) > 2*lineBytes && isHex(rest[2*lineBytes]) {
		return false
	}
	var digits int
	if l.data, digits = capture.AppendHex(l.data, rest[:2*lineBytes]); digits < 2*lineBytes {
		l.data = l.data[:pos]
		return false
	}
	l.commit(pos, false, line, off)
	return true
}

// decode appends the line whose payload is p. It is damaged if its digits are
// odd, if something other than white space or an escape sequence stands right
// behind fewer digits than a full line has, or if more digits follow than that:
// then some of them do not belong there, and which can't be told.
//
// Folklore: a lost line end glues the next line's "E: " to the digits. Zephyr
// writes them in lower case, so an upper-case letter is none of them.
func (l *lineStore) decode(p []byte, line int, off int64) {
	pos := len(l.data)
	var digits int
	if l.data, digits = capture.AppendHex(l.data, p[:min(len(p), 2*lineBytes)]); digits == 2*lineBytes {
		rest := p[digits:]
		bad := len(rest) > 0 && isHex(rest[0]) && (!isUpper(rest[0]) || slices.ContainsFunc(p[:digits], isUpper))
		l.commit(pos, bad, line, off)
		return
	}
	l.commit(pos, digits%2 != 0 || len(p) > digits && !endsPayload(p[digits]), line, off)
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// console keeps the console text before the dump, and lets it fill what the
// dump does not hold.
func (b *builder) console(c *elfcore.Core, t *capture.Text, from, to int64) error {
	w, err := readWindow(t, from, to)
	if err == nil && len(bytes.TrimSpace(w.text)) > 0 {
		addConsole(c, w.text, elfcore.Pos{Line: w.line, Off: from})
	}
	return err
}

// firstWord cuts p at the first character that is not a letter or a digit.
func firstWord(p []byte) string {
	if i := bytes.IndexFunc(p, func(c rune) bool { return c > 'z' || c < '0' }); i >= 0 {
		p = p[:i]
	}
	return string(p)
}
