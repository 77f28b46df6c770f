package blueos

import (
	"cmp"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// A dump in the log has no start marker: its first line begins with the ELF
// magic. The numbers on the end line say nothing: chunks counts calls, size is
// always 0.
const (
	firstDigits = "7f454c46"
	endMarker   = "[BLUEOS_COREDUMP_END]"
	fullMarker  = "[COREDUMP] ELF buffer exhausted"
)

// markers are what lines are searched for. The first digits are not among
// them: with these, every dump would pass for one that a terminal has wrapped.
var markers = []string{endMarker, fullMarker}

// headLines is how many lines are looked at to see whether a dump is BlueOS's:
// twice what the headers take on lines of 64 bytes, since other output may
// stand between.
const headLines = 2 * (64 + maxSegments*56 + 16) / 64

// findLog finds the dumps of a log. One without an end line goes up to the
// next one: the board was reset.
func findLog(in format.Input) (hits []format.Hit, err error) {
	t := capture.NewText(in, markers...)
	for off, err := range capture.Magics(in, firstDigits) {
		if err != nil {
			return nil, err
		}
		head, err := collect(t, off, in.Size, headLines)
		if err != nil {
			return nil, err
		}
		if p, _ := head.lines.Pieces(); !isImage(p) && !isImage(head.lines.Joined()) {
			continue
		}
		if n := len(hits); n > 0 {
			hits[n-1].Len = off - hits[n-1].Off
		}
		hits = append(hits, format.Hit{Off: off, Len: in.Size - off, Score: 90, Text: true})
	}
	if len(hits) == 0 && !in.Text {
		return nil, nil // lines of it would be looked at in vain
	}
	var full []format.Hit
	next := 0 // hit that begins behind the line
	for line, err := range t.Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		for next < len(hits) && hits[next].Off < line.Off {
			next++
		}
		inside := next > 0 && line.Off < hits[next-1].Off+hits[next-1].Len
		switch {
		case markers[line.Marker] == fullMarker:
			if full = append(full, format.Hit{Off: line.Off, Len: line.End - line.Off, Score: 60, Text: true}); inside {
				hits[next-1].Len = line.Off - hits[next-1].Off
			}
		case inside:
			hits[next-1].Len, hits[next-1].Whole = line.End-hits[next-1].Off, true
		}
	}
	hits = append(hits, full...)
	slices.SortFunc(hits, func(a, b format.Hit) int { return cmp.Compare(a.Off, b.Off) })
	return hits, nil
}

// dumpText is the lines of one dump. at is where it begins.
type dumpText struct {
	lines capture.HexLines
	ended bool // the end line was seen
	full  bool // the target said that its buffer was too small
	at    elfcore.Pos
}

// collect reads the lines of a dump, limit at most, 0 for all.
func collect(t *capture.Text, from, to int64, limit int) (d dumpText, err error) {
	n := 0
	for line, err := range t.Lines(from, to) {
		if err != nil {
			return d, err
		}
		if n == 0 {
			d.at = elfcore.Pos{Line: line.Number, Off: line.Off}
		}
		if line.Marker >= 0 && markers[line.Marker] == endMarker {
			d.ended = true
			break
		}
		d.full = d.full || line.Marker >= 0 && markers[line.Marker] == fullMarker
		d.lines.AddLine(line)
		if n++; n == limit {
			break
		}
	}
	return d, nil
}

// readLog decodes one dump of a log.
func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	d, err := collect(capture.NewText(in, markers...), h.Off, h.Off+h.Len, 0)
	if err != nil {
		return nil, err
	}
	if d.lines.Len() == 0 && d.full {
		return nil, fmt.Errorf("%s: %v: the target's buffer was too small for the dump and nothing was written; raise CONFIG_COREDUMP_BUF_SIZE", in.Name, d.at)
	}
	b := builder{pieces: d.lines.Joined(), source: in.Name, ended: d.ended}
	if m, ok := parseImage(b.pieces); !ok || m.length != b.pieces.Size {
		b.pieces, b.damaged = d.lines.Pieces()
	}
	return b.core()
}
