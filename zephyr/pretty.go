package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/internal/capture"
)

// The shell's "coredump print pretty" (coredump_shell.c, 01b8849) prints every
// header as text and only the payloads in hex, each between markers of its own
// (zephyr.md 1.6). Once the headers are bytes again, the lines are those of the
// usual text form.

// prettyField is a value of a header.
type prettyField uint8

const (
	prettyVersion prettyField = iota
	prettyTarget
	prettyBits
	prettyFlag
	prettyReason
	prettyTotal // bytes of the whole dump
	prettySize
	prettyStart
	prettyEnd
	prettyFields
)

// prettyKeys are the texts before the values, which go on to the end of the
// line or to prettyUntil.
var prettyKeys = [prettyFields]struct {
	key   string
	parse func(string) (uint64, error)
}{
	prettyVersion: {"Version ", decimal},
	prettyTarget:  {"Target: ", targetCode},
	prettyBits:    {"Pointer size: ", decimal},
	prettyFlag:    {"Flag: ", decimal},
	prettyReason:  {"Reason: ", decimal},
	prettyTotal:   {"Size of the coredump: ", decimal},
	prettySize:    {"Size ", decimal},
	prettyStart:   {"Starts at ", pointer},
	prettyEnd:     {"ends at ", pointer},
}

const prettyUntil = " ends at "

// prettyTitles begin the text of a header; each needs all of its fields.
var prettyTitles = []struct {
	title string
	id    byte
	needs []prettyField
}{
	{prettyTitle, 'Z', []prettyField{prettyVersion, prettyTarget, prettyBits, prettyFlag, prettyReason}},
	{"Arch " + prettyMarker, idRegisters, []prettyField{prettyVersion, prettySize}},
	{"Thread " + prettyMarker, idKernel, []prettyField{prettyVersion, prettySize}},
	{"Memory " + prettyMarker, idMemory, []prettyField{prettyVersion, prettySize, prettyStart, prettyEnd}},
}

func decimal(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }

// pointer reads a %p. Zephyr prints NULL, where a region may well begin, as a
// word.
func pointer(s string) (uint64, error) {
	if s == "(nil)" {
		return 0, nil
	}
	return strconv.ParseUint(s, 0, 64)
}

// targetCode reads a target's name, in whatever spelling.
func targetCode(s string) (uint64, error) {
	for code, name := range targetNames {
		if letters(s) == letters(name) {
			return uint64(code), nil
		}
	}
	return 0, fmt.Errorf("unknown target %q", s)
}

// letters keeps letters, in lower case, and digits.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// prettyReader turns the lines of a pretty print into those of the usual form.
type prettyReader struct {
	*lineStore
	id     byte // of the header that is being read, 0 none
	needs  []prettyField
	values [prettyFields]uint64
	have   [prettyFields]bool
	line   capture.Line // of its title
	ptr    int          // pointer size in bytes, 0 unknown
	total  int64        // bytes of the dump, -1 unknown
}

// prettyLines reads the lines of a pretty print between two offsets, if there
// is one. A header whose text is damaged is left out, as if its line had been
// lost.
func (b *builder) prettyLines(t *capture.Text, from, to int64, l *lineStore) (found bool, err error) {
	r := prettyReader{lineStore: l, total: -1}
	var plain []byte
	for line, err := range t.Lines(from, to) {
		if err != nil {
			return false, err
		}
		if line.Marker == 0 {
			payloads(line, func(p []byte) {
				r.flush()
				if classify(p) == payloadData {
					l.decode(p, line.Number, line.Off)
				}
			})
			continue
		}
		plain = capture.AppendPlain(plain[:0], line.Text)
		r.text(plain, line)
		found = found || r.id != 0
	}
	r.flush()
	if size := int64(len(l.data)); r.total >= 0 && size != r.total {
		b.report(elfcore.Loss, "zephyr.size", l.pos(0), fmt.Sprintf("%d bytes were printed", size), fmt.Sprintf("%d bytes", r.total),
			"what is there is kept")
	}
	return found, nil
}

// text reads a line without marker.
func (r *prettyReader) text(plain []byte, line capture.Line) {
	for _, t := range prettyTitles {
		if bytes.Contains(plain, []byte(t.title)) {
			r.flush()
			r.id, r.needs, r.line = t.id, t.needs, line
			return
		}
	}
	if r.id == 0 {
		return
	}
	for f, k := range prettyKeys {
		i := bytes.Index(plain, []byte(k.key))
		if i < 0 || r.have[f] {
			continue
		}
		value, _, _ := strings.Cut(string(plain[i+len(k.key):]), prettyUntil)
		if v, err := k.parse(strings.TrimSpace(value)); err == nil {
			r.values[f], r.have[f] = v, true
		}
	}
}

// flush stores the header that was read, if its text was complete.
func (r *prettyReader) flush() {
	id := r.id
	r.id = 0
	if id == 0 {
		return
	}
	if id == 'Z' && r.have[prettyTotal] {
		r.total = int64(min(r.values[prettyTotal], 1<<62))
	}
	complete := true
	for _, f := range r.needs {
		complete = complete && r.have[f]
	}
	if complete {
		if header := r.header(id); header != nil {
			r.add(header, false, r.line.Number, r.line.Off)
		}
	}
	clear(r.have[:])
}

// header makes a header's bytes of its values; nil if they contradict one
// another.
func (r *prettyReader) header(id byte) []byte {
	v := &r.values
	switch id {
	case 'Z':
		bits, ok := map[uint64]byte{1: 0, 32: 5, 64: 6}[v[prettyBits]] // printed as 1 << bits
		if !ok {
			return nil
		}
		if bits > 0 {
			r.ptr = 1 << (bits - 3)
		}
		p := append(make([]byte, 0, fileHeaderSize), 'Z', 'E')
		p = binary.LittleEndian.AppendUint16(p, uint16(v[prettyVersion]))
		p = binary.LittleEndian.AppendUint16(p, uint16(v[prettyTarget]))
		return binary.LittleEndian.AppendUint32(append(p, bits, byte(v[prettyFlag])), uint32(v[prettyReason]))
	case idMemory:
		start, end := v[prettyStart], v[prettyEnd]
		wide := end>>32 != 0
		if uint32(end-start) != uint32(v[prettySize]) || wide && r.ptr == 4 { // the size is printed with %u
			return nil
		}
		p := binary.LittleEndian.AppendUint16([]byte{id}, uint16(v[prettyVersion]))
		if wide || r.ptr == 8 {
			return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(p, start), end)
		}
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(p, uint32(start)), uint32(end))
	}
	p := binary.LittleEndian.AppendUint16([]byte{id}, uint16(v[prettyVersion]))
	return binary.LittleEndian.AppendUint16(p, uint16(v[prettySize]))
}
