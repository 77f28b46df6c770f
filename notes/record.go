package notes

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
)

// Record describes a C structure: its members in order, separated by blanks,
// aligned as C does.
//
//	pid:i4       a signed number of 4 bytes; u unsigned, x hexadecimal, o octal
//	flags:x      a number of an address's size
//	sig:i4=signal  the same, with the name that the list "signal" has for it
//	name:s16     a text of up to 16 bytes, which ends at its first NUL
//	utime:t      struct timeval: seconds and microseconds of an address's size
//	key:x16      a number of more than 8 bytes
//	ids:u4*3     an array
//	_8           8 bytes of no interest
//	|            what follows is repeated until the descriptor ends
//
// A descriptor that ends early ends the record: systems append members.
type Record string

// member is one word of a record.
type member struct {
	name  string
	form  byte
	width int // bytes, 0 an address's
	count int // of an array, 0 no array
	list  string
}

// parseMember reads a word of a record.
func parseMember(word string) (m member) {
	if size, ok := strings.CutPrefix(word, "_"); ok {
		m.form = '_'
		m.width, _ = strconv.Atoi(size)
		return m
	}
	name, form, _ := strings.Cut(word, ":")
	form, m.list, _ = strings.Cut(form, "=")
	form, count, _ := strings.Cut(form, "*")
	m.count, _ = strconv.Atoi(count)
	m.name, m.form = name, form[0]
	m.width, _ = strconv.Atoi(form[1:])
	return m
}

// record decodes the rest of the descriptor.
func (d *decoder) record(r Record) {
	once, repeated, loop := strings.Cut(string(r), "|")
	if !d.structure(once, "") || !loop {
		return
	}
	for i := 0; d.left() > 0; i++ {
		if !d.structure(repeated, "["+strconv.Itoa(i)+"]") {
			return
		}
	}
}

// structure decodes one structure; ok is false if the descriptor ended. Members
// are aligned from here on, and their names get the suffix.
func (d *decoder) structure(members, suffix string) (ok bool) {
	base := d.at
	for word := range strings.FieldsSeq(members) {
		m := parseMember(word)
		d.at = base + d.align(d.at-base, m)
		if m.count == 0 {
			if !d.member(m, m.name+suffix) {
				return false
			}
			continue
		}
		for i := range m.count {
			if !d.member(m, fmt.Sprintf("%s[%d]%s", m.name, i, suffix)) {
				return false
			}
		}
	}
	return true
}

// align is the offset of a member in its structure, at the earliest off.
//
// Folklore: i386 aligns members of 8 bytes to 4, so that structures with such
// members have another size than on 32-bit ARM. Test: TestRecords.
func (d *decoder) align(off int, m member) int {
	width := m.width
	switch {
	case m.form == 's' || m.form == '_':
		return off
	case width == 0:
		width = d.pointer()
	case width == 8 && d.Arch != nil && d.Arch.Machine == elf.EM_386:
		width = 4
	}
	return (off + width - 1) / width * width
}

// member decodes one member.
func (d *decoder) member(m member, name string) (ok bool) {
	width := m.width
	if width == 0 {
		width = d.pointer()
	}
	size := width
	if m.form == 't' {
		size = 2 * width
	}
	if size > d.left() {
		d.at = len(d.desc)
		return false
	}
	b := d.desc[d.at:][:size]
	var text string
	switch v := number(d.Order, b[:min(width, 8)]); m.form {
	case '_':
		d.at += size
		return true
	case 's':
		text = upToNUL(b)
	case 't':
		text = fmt.Sprintf("%d.%06d", int64(signed(v, width)), number(d.Order, b[width:]))
	case 'i':
		text = strconv.FormatInt(signed(v, width), 10)
	case 'u':
		text = strconv.FormatUint(v, 10)
	case 'o':
		text = "0" + strconv.FormatUint(v, 8)
	default:
		text = hexNumber(d.Order, b)
	}
	if m.list != "" {
		text = d.named(m.list, number(d.Order, b), width, text)
	}
	d.add(name, text, size)
	return true
}

// signed extends the sign of a number of width bytes.
func signed(v uint64, width int) int64 {
	shift := 64 - 8*min(width, 8)
	return int64(v<<shift) >> shift
}

func upToNUL(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// named adds the name that a list has for a value: "11 (SIGSEGV)".
func (d *decoder) named(list string, v uint64, width int, text string) string {
	for _, l := range lists {
		if l.name != list {
			continue
		}
		if name := l.text(v, signed(v, width)); name != "" {
			return text + " (" + name + ")"
		}
	}
	return text
}

// lists name the values of members, as unsigned and as signed numbers.
var lists = []struct {
	name string
	text func(v uint64, s int64) string
}{
	{"linux.signal", func(_ uint64, s int64) string { return signalName(&LinuxSignals, s) }},
	{"freebsd.signal", func(_ uint64, s int64) string { return signalName(&FreeBSDSignals, s) }},
	{"freebsd.file", func(v uint64, _ int64) string { return pick(fileTypes, v) }},
	{"freebsd.fd", func(_ uint64, s int64) string { return pick(fileNumbers, uint64(-s)) }},
	{"freebsd.map", func(v uint64, _ int64) string { return pick(mapTypes, v) }},
	{"freebsd.stat", func(v uint64, _ int64) string { return pick(processStates, v) }},
	{"freebsd.protection", func(v uint64, _ int64) string { return bits(v, protection) }},
	{"freebsd.mapflags", func(v uint64, _ int64) string { return bits(v, mapFlags) }},
	{"freebsd.fileflags", func(v uint64, _ int64) string { return bits(v, fileFlags) }},
	{"freebsd.lwpflags", func(v uint64, _ int64) string { return bits(v, lwpFlags) }},
	{"x86.features", func(v uint64, _ int64) string { return bits(v, xFeatures) }},
	{"x86.component", func(v uint64, _ int64) string { return pick(xFeatures, v) }},
}

func signalName(s *Signals, number int64) string {
	if number == 0 {
		return ""
	}
	return s.Name(int32(number))
}

// pick is a name by its index, "" if there is none.
func pick(names []string, v uint64) string {
	if v < uint64(len(names)) {
		return names[v]
	}
	return ""
}

// bits names the bits that are set, by their index; the rest stay a number.
func bits(v uint64, names []string) string {
	var set []string
	for i, name := range names {
		if v>>i&1 != 0 && name != "" {
			set = append(set, name)
			v &^= 1 << i
		}
	}
	if v != 0 && len(set) > 0 {
		set = append(set, fmt.Sprintf("%#x", v))
	}
	return strings.Join(set, " ")
}
