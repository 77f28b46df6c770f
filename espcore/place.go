package espcore

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Lines that a log lost leave the others in the wrong place if they are joined.
// But each write of the firmware begins a line, and the headers tell the sizes
// of the writes, so the sizes of the lines that are left tell where they
// belong. A line that could stand in two places is suspect.
//
// Test: TestLostLines.

// slot is a line that the firmware wrote: size bytes at off of the image. Fits,
// if there is one, tells whether these bytes can be its.
type slot struct {
	off  int64
	size int
	fits func(p []byte) bool
}

func (s *slot) holds(p []byte) bool {
	return len(p) == s.size && (s.fits == nil || s.fits(p))
}

// layout is the slots of an image, in order.
type layout struct {
	slots []slot
	end   int64
}

// write adds the lines of a write of n bytes; fits is for the first of them.
func (l *layout) write(n int64, fits func([]byte) bool) {
	for at := int64(0); at < n; at += lineBytes {
		l.slots = append(l.slots, slot{l.end + at, int(min(lineBytes, n-at)), fits})
		fits = nil
	}
	l.end += n
}

// seek adds what no header that is left describes, up to off.
func (l *layout) seek(off int64) { l.write(max(0, off-l.end), nil) }

// layoutLimit bounds a layout by the bytes that are there: a log that lost more
// than this is not worth it.
const layoutLimit = 16

// layoutOf finds the slots of an ELF body's image by the program headers that
// are left; they are kept in the image. False if that is not possible.
func (m *image) layoutOf(l *dumpLines) (y layout, ok bool) {
	limit := layoutLimit * int64(len(l.data))
	m.known = m.withNotes(l.segments(), l.firstSegment())
	cpu := m.cpu()
	if cpu == nil || len(m.known) == 0 || m.total > limit {
		return y, false
	}
	y.write(m.body, nil)
	y.write(elfHeaderSize, func(p []byte) bool { return bytes.HasPrefix(p, []byte(elfMagic)) })
	for y.end+segmentSize <= m.body+int64(m.known[0].off) {
		y.write(segmentSize, isSegment)
	}
	loads := map[uint32]bool{}
	for _, s := range m.known {
		loads[s.vaddr] = true
	}
	notes := 0
	for _, s := range m.known {
		if int64(s.off)+int64(s.filesz) > limit {
			return y, false
		}
		y.seek(m.body + int64(s.off))
		switch {
		case s.typ != elf.PT_NOTE:
			// Word 4 of a TCB, the owner of its list item, is its own address.
			y.write(int64(s.filesz), func(p []byte) bool {
				return len(p) < 20 || little.Uint32(p[16:]) == s.vaddr || !loads[little.Uint32(p[16:])]
			})
		case notes == 0 && s.off == m.known[0].off:
			y.statuses(cpu, int64(s.filesz))
		default:
			y.vendorNotes(l, cpu, int64(s.filesz))
		}
		if s.typ == elf.PT_NOTE {
			notes++
		}
	}
	y.seek(m.end())
	y.seek(m.total)
	return y, true
}

func isSegment(p []byte) bool {
	s := parseSegment(p)
	return (s.typ == elf.PT_NOTE || s.typ == elf.PT_LOAD) && s.flags == 6 && s.align == 0 && s.off%4 == 0 &&
		little.Uint32(p[8:]) == little.Uint32(p[12:]) && little.Uint32(p[16:]) == little.Uint32(p[20:])
}

// firstSegment is where the first segment begins, by the number of program
// headers on the ELF header's line; 0 if that is lost.
func (l *dumpLines) firstSegment() uint32 {
	for i := range min(2, len(l.lines)) {
		if p := l.bytesOf(i); len(p) == lineBytes && bytes.HasPrefix(p, []byte(elfMagic)) {
			return elfHeaderSize + segmentSize*uint32(little.Uint16(p[elfPhNumAt:]))
		}
	}
	return 0
}

// withNotes adds the notes whose headers are lost: those of the tasks come
// first, Espressif's own last.
func (m *image) withNotes(list []segment, first uint32) []segment {
	if len(list) == 0 {
		return list
	}
	if n := list[0].off; first > 0 && n > first {
		list = slices.Insert(list, 0, segment{typ: elf.PT_NOTE, off: first, filesz: n - first})
	}
	last := list[len(list)-1]
	if from := last.off + last.filesz; m.header != nil && m.total > m.body+int64(from) {
		if n := m.total - int64(sums[m.version.sum].size) - m.body - int64(from); n >= noteHeader {
			list = append(list, segment{typ: elf.PT_NOTE, off: from, filesz: uint32(n)})
		}
	}
	return list
}

// segments are the program headers among the lines, by what they say
// themselves.
func (l *dumpLines) segments() (list []segment) {
	for i := range l.lines {
		if p := l.bytesOf(i); len(p) == segmentSize && isSegment(p) {
			list = append(list, parseSegment(p))
		}
	}
	slices.SortStableFunc(list, func(a, b segment) int { return cmp.Compare(a.off, b.off) })
	end := uint32(0)
	return slices.DeleteFunc(list, func(s segment) bool {
		if s.off < end || s.off+s.filesz < s.off {
			return true
		}
		end = s.off + s.filesz
		return false
	})
}

const noteHeader, coreName = 12, 8 // bytes

// statuses adds notes of the tasks' registers, n bytes in all.
func (y *layout) statuses(a *arch.Arch, n int64) {
	desc := int64(a.Core.PRStatus)
	for ; n >= noteHeader+coreName+desc; n -= noteHeader + coreName + desc {
		y.write(noteHeader, func(p []byte) bool { return int64(little.Uint32(p[4:])) == desc && little.Uint32(p[8:]) == 1 })
		y.write(coreName, func(p []byte) bool { return bytes.HasPrefix(p, []byte("CORE")) })
		y.write(desc, func(p []byte) bool { return len(bytes.Trim(p[:a.Core.PID], "\x00")) == 0 })
	}
	y.write(n, nil)
}

// vendorNotes adds Espressif's own notes, n bytes in all, by the note headers
// that are left.
func (y *layout) vendorNotes(l *dumpLines, a *arch.Arch, n int64) {
	extra := int64(riscvWords * 4)
	if a == arch.Xtensa {
		extra = (xtensaISR + 1) * 4
	}
	for i := range l.lines {
		if p := l.bytesOf(i); len(p) == noteHeader && little.Uint32(p[8:]) == typeExtra && little.Uint32(p) < 32 {
			extra = int64(little.Uint32(p[4:]))
		}
	}
	end := y.end + n
	for _, note := range []struct {
		typ  uint32
		name string
		desc int64
	}{{typeInfo, noteInfo, 72}, {typeExtra, noteExtra, extra}, {typePanic, notePanic, -1}} {
		if y.end+noteHeader > end {
			break
		}
		y.write(noteHeader, func(p []byte) bool { return little.Uint32(p[8:]) == note.typ })
		y.write(min(up4(int64(len(note.name)+1)), end-y.end), func(p []byte) bool { return bytes.HasPrefix(p, []byte(note.name)) })
		if note.desc < 0 || note.desc > end-y.end {
			note.desc = end - y.end
		}
		y.write(up4(note.desc), nil)
	}
	y.seek(end)
}

// embedSteps bounds the search for places.
const embedSteps = 50e6

// embed places lines in slots, both in order: each as far left as it goes, and
// as far right. A line for which both agree is known to stand there. Lines that
// fit nowhere are dropped; then all are in doubt. If the log breaks off and
// nothing else is lost, the lines fill the slots from the first on.
func (y *layout) embed(l *dumpLines, brokenOff bool) (parts []part, from []int) {
	left, whole, gapless := make([]int, len(l.lines)), true, brokenOff
	at, steps := 0, 0
	for i := range left {
		left[i] = -1
		for k := at; k < len(y.slots) && steps < embedSteps; k++ {
			if steps++; y.slots[k].holds(l.bytesOf(i)) {
				left[i], at = k, k+1
				break
			}
		}
		whole, gapless = whole && left[i] >= 0, gapless && left[i] == i
	}
	right := len(y.slots)
	state := make([]elfcore.State, len(left))
	for i := len(left) - 1; i >= 0; i-- {
		state[i] = elfcore.Suspect
		for k := right - 1; k >= 0 && left[i] >= 0 && steps < 2*embedSteps; k-- {
			if steps++; y.slots[k].holds(l.bytesOf(i)) {
				right = k
				break
			}
		}
		if gapless || whole && right == left[i] {
			state[i] = elfcore.Known
		}
	}
	for i, k := range left {
		if k >= 0 {
			s := &y.slots[k]
			parts, from = append(parts, part{s.off, s.off + int64(s.size), state[i]}), append(from, i)
		}
	}
	return parts, from
}

// place lays out the image of an ELF body whose log lost lines.
func (m *image) place(l *dumpLines, brokenOff bool) bool {
	y, ok := m.layoutOf(l)
	if !ok {
		return false
	}
	parts, from := y.embed(l, brokenOff)
	if len(parts) == 0 {
		return false
	}
	data := make([]byte, parts[len(parts)-1].end)
	for i, p := range parts {
		copy(data[p.off:], l.bytesOf(from[i]))
	}
	m.ReaderAt, m.size, m.parts, m.sparse = bytes.NewReader(data), int64(len(data)), parts, true
	return true
}
