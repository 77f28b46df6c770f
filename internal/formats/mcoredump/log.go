package mcoredump

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Markers of a console. The core is one run of hex digits between the first
// two; its checksum follows, in a re-dump of the RAM buffer its size, too. An
// assertion is printed before it.
const (
	markStart  = "coredump start : {"
	markEnd    = "} coredump end"
	markCRC    = "crc32 : "
	markBytes  = "bytes : "
	markAssert = " has assert failed at "
)

const (
	indexStart = iota
	indexEnd
	indexAssert
	indexCRC
	indexBytes
)

// A core is found by the first three.
var markers = []string{markStart, markEnd, markAssert, markCRC, markBytes}

// behind is how many bytes behind the end marker belong to a core.
const behind = 200

// findLog finds the cores of a log. The board may reset before the end.
func findLog(in format.Input) (hits []format.Hit, err error) {
	open := false
	assert := int64(-1)
	for line, err := range capture.NewText(in, markers[:indexCRC]...).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		switch line.Marker {
		case indexAssert:
			assert = line.Off
		case indexStart:
			if n := len(hits); open {
				hits[n-1].Len = line.Off - hits[n-1].Off
			}
			off := line.Off
			if assert >= 0 && line.Off-assert < 4<<10 {
				off = assert
			}
			hits = append(hits, format.Hit{Off: off, Len: in.Size - off, Score: 90, Text: true})
			open, assert = true, -1
		case indexEnd:
			if open {
				h := &hits[len(hits)-1]
				h.Len, h.Whole = min(line.End+behind, in.Size)-h.Off, true
				open = false
			}
		}
	}
	for i := 1; i < len(hits); i++ {
		hits[i-1].Len = min(hits[i-1].Len, hits[i].Off-hits[i-1].Off)
	}
	return hits, nil
}

// readLog joins the digits of one core.
func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	d := dump{source: in.Name, form: "console", from: -1}
	var digits []byte
	var crc, size *uint64
	started, ended, damaged := false, false, false
	for line, err := range capture.NewText(in, markers...).Lines(h.Off, h.Off+h.Len) {
		if err != nil {
			return nil, err
		}
		at := elfcore.Pos{Line: line.Number, Off: line.Off}
		switch {
		case line.Marker == indexAssert && !started:
			d.message = strings.TrimSpace(string(capture.AppendPlain(nil, line.Text)))
		case line.Marker == indexStart && !started:
			started, d.line = true, at
		case line.Marker == indexEnd:
			ended = started
		case line.Marker == indexCRC && ended:
			crc = number(line.Text[line.At+len(markCRC):], 16)
		case line.Marker == indexBytes && ended:
			size = number(line.Text[line.At+len(markBytes):], 10)
		case started && !ended && !damaged:
			run, whole := hexRun(line.Text)
			digits = append(digits, run...)
			if damaged = !whole; damaged {
				d.report(elfcore.Loss, "digits", at, "something else between the hex digits", "", "the core is taken up to there: nothing tells how many digits are missing")
			}
		}
	}
	data, n := capture.AppendHex(nil, digits)
	if n%2 != 0 {
		d.report(elfcore.Loss, "digits", d.line, fmt.Sprintf("%d hex digits", n), "an even number", "the last one is left out")
	}
	d.ReaderAt, d.size = bytes.NewReader(data), int64(len(data))
	if !ended {
		d.report(elfcore.Loss, "no-end", d.line, "no end marker", markEnd, "the core may be cut off")
	}
	if size != nil && *size != uint64(d.size) {
		d.report(elfcore.Loss, "size", d.line, fmt.Sprintf("%d bytes", d.size), fmt.Sprintf("%d as the console says", *size), "what is there is kept")
	}
	if crc != nil && !damaged {
		d.check(uint32(*crc))
	}
	// With the end there but fewer bytes than the headers tell, some are
	// missing before it: what follows the gap stands in the wrong place.
	if f, err := elfcore.Open(d, d.size); err == nil && ended && !damaged && length(f) != d.size {
		d.state = elfcore.Suspect
		d.report(elfcore.Loss, "shifted", d.line, fmt.Sprintf("%d bytes", d.size), fmt.Sprintf("%d by the core's headers", length(f)), "all registers and memory are suspect: nothing tells where bytes are missing")
	}
	return d.core()
}

// leastRun is how many digits make a line a part of the core, and not a word of
// other output.
const leastRun = 16

// hexRun is the first run of hex digits on a line that is long enough: what
// stands before it is the log's. whole is false if something follows it. The
// end of a wrapped run may be shorter, but then it is alone on its line.
func hexRun(line []byte) (run []byte, whole bool) {
	line = bytes.TrimRight(line, " \t")
	for at := 0; at < len(line); {
		n := 0
		for at+n < len(line) && strings.IndexByte("0123456789abcdefABCDEF", line[at+n]) >= 0 {
			n++
		}
		if n >= leastRun || n == len(line) {
			return line[at : at+n], at+n == len(line)
		}
		at += n + 1
	}
	return nil, true
}

func number(text []byte, base int) *uint64 {
	word := strings.Fields(string(text[:min(len(text), 20)]))
	if len(word) == 0 {
		return nil
	}
	v, err := strconv.ParseUint(word[0], base, 32)
	if err != nil {
		return nil
	}
	return &v
}
