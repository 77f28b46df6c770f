package readelf

import (
	"cmp"
	"debug/elf"
	"math"
	"slices"
	"sort"

	"corelift/elfcore"
)

// Segment is one program header. Number is from 0; Access has the letters of
// "rwx" that apply, Flags all of p_flags. Sections are the numbers of the
// sections that lie in it. Sizes and offsets are in bytes.
type Segment struct {
	Number     int          `json:"number"`
	Type       string       `json:"type"` // without PT_: "LOAD"
	TypeNumber uint32       `json:"type_number"`
	Offset     uint64       `json:"offset"`
	Addr       elfcore.Addr `json:"addr"`
	Physical   elfcore.Addr `json:"physical"`
	FileSize   uint64       `json:"file_size"`
	MemSize    uint64       `json:"mem_size"`
	Access     string       `json:"access,omitempty"`
	Flags      uint32       `json:"flags"`
	Align      uint64       `json:"align"`
	Sections   []int        `json:"sections,omitempty"`
}

// accesses are the letters for p_flags & 7: 1 is execute, 2 write, 4 read.
var accesses = [...]string{"", "x", "w", "wx", "r", "rx", "rw", "rwx"}

func (d *Document) describeSegments(f *elfcore.File, _ Options) error {
	sections, err := d.readSections()
	if err != nil {
		return err
	}
	d.Segments = make([]Segment, len(f.Segments))
	for i, s := range f.Segments {
		d.Segments[i] = Segment{
			Number: i, Type: segmentType(s.Type, &f.Header), TypeNumber: uint32(s.Type),
			Offset: s.Off, Addr: elfcore.Addr(s.Vaddr), Physical: elfcore.Addr(s.Paddr), FileSize: s.Filesz, MemSize: s.Memsz,
			Access: accesses[s.Flags&7], Flags: uint32(s.Flags), Align: s.Align,
		}
	}
	if len(sections) > 1 {
		d.mapSections(f.Segments, sections)
	}
	return nil
}

// Limits of mapSections: a hostile file may put each of its sections into each
// of its segments.
const (
	maxCompared = 1 << 24
	maxMapped   = 1 << 20
)

// mapSections finds the sections that lie in each segment. It does not compare
// each with each, but those whose place in the file, or for SHT_NOBITS in
// memory, is in the segment: gcore of 70,000 mappings writes as many of both.
func (d *Document) mapSections(segments []elf.ProgHeader, sections []elfcore.Section) {
	// Numbers of sections: by offset, by address, and those that have neither
	// and may be said to be in any segment.
	var inFile, inMemory, nowhere []int
	for n, s := range sections {
		switch {
		case n == 0:
		case s.Type != elf.SHT_NOBITS:
			inFile = append(inFile, n)
		case s.Flags&uint64(elf.SHF_ALLOC) != 0:
			inMemory = append(inMemory, n)
		default:
			nowhere = append(nowhere, n)
		}
	}
	offset := func(n int) uint64 { return sections[n].Offset }
	addr := func(n int) uint64 { return sections[n].Addr }
	none := func(int) uint64 { return 0 }
	slices.SortFunc(inFile, func(a, b int) int { return cmp.Compare(offset(a), offset(b)) })
	slices.SortFunc(inMemory, func(a, b int) int { return cmp.Compare(addr(a), addr(b)) })
	left, free := maxCompared, maxMapped
	find := func(list []int, key func(int) uint64, p *elf.ProgHeader, from, size uint64) (found []int) {
		first := sort.Search(len(list), func(i int) bool { return key(list[i]) >= from })
		for _, n := range list[first:] {
			if left--; left < 0 || free < 0 || key(n) > from+min(size, math.MaxUint64-from) {
				break
			}
			if contains(p, &sections[n]) {
				found = append(found, n)
				free--
			}
		}
		return found
	}
	for i := range segments {
		p := &segments[i]
		in := find(inFile, offset, p, p.Off, p.Filesz)
		in = append(in, find(inMemory, addr, p, p.Vaddr, p.Memsz)...)
		in = append(in, find(nowhere, none, p, 0, 0)...)
		slices.Sort(in)
		d.Segments[i].Sections = in
		if left < 0 || free < 0 {
			d.report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "core.sections", At: elfcore.Pos{Off: int64(d.file.Header.ShOff)},
				Found: "more sections in segments than are worth to be told", Done: "left out"})
			return
		}
	}
}

// needAlloc are segments that hold nothing but what is in memory.
var needAlloc = [...]elf.ProgType{elf.PT_LOAD, elf.PT_DYNAMIC, elf.PT_GNU_EH_FRAME, elf.PT_GNU_STACK, elf.PT_GNU_RELRO, gnuSFrame}

const gnuSFrame = elf.ProgType(0x6474e554)

// contains tells whether a section lies in a segment, by the rule of GNU's tools
// (binutils 2.40): what is in the file must lie within p_filesz, what is in
// memory within p_memsz, and an empty section not at the end of a segment that
// has any bytes.
func contains(p *elf.ProgHeader, s *elfcore.Section) bool {
	alloc, tls := s.Flags&uint64(elf.SHF_ALLOC) != 0, s.Flags&uint64(elf.SHF_TLS) != 0
	nobits := s.Type == elf.SHT_NOBITS
	switch {
	case tls && nobits && p.Type != elf.PT_TLS:
		return false // .tbss takes no place but in the template of a thread
	case tls && p.Type != elf.PT_TLS && p.Type != elf.PT_GNU_RELRO && p.Type != elf.PT_LOAD,
		!tls && (p.Type == elf.PT_TLS || p.Type == elf.PT_PHDR),
		!alloc && (slices.Contains(needAlloc[:], p.Type) || p.Type >= firstMbind && p.Type <= lastMbind),
		!nobits && !within(s.Offset, s.Size, p.Off, p.Filesz),
		alloc && !within(s.Addr, s.Size, p.Vaddr, p.Memsz):
		return false
	case p.Type != elf.PT_DYNAMIC && p.Type != elf.PT_NOTE || s.Size != 0 || p.Memsz == 0:
		return true
	}
	return (nobits || inside(s.Offset, p.Off, p.Filesz)) && (!alloc || inside(s.Addr, p.Vaddr, p.Memsz))
}

// within tells whether size bytes at an offset are in a range. No bytes at the
// end of a range that has some are not.
func within(at, size, from, rangeSize uint64) bool {
	return at >= from && at-from <= rangeSize-1 && at-from+size <= rangeSize
}

// inside tells whether an offset is neither the first nor the end of a range.
func inside(at, from, size uint64) bool { return at > from && at-from < size }

// printSegments prints the program headers, wide or with two lines for those of
// 64 bits, and the sections in each.
func (d *Document) printSegments(w *writer) {
	f := d.file
	if len(d.Segments) == 0 {
		w.WriteString("\nThere are no program headers in this file.\n")
		return
	}
	if !d.options.Header {
		w.printf("\nElf file type is CORE (Core file)\nEntry point %#x\n", f.Header.Entry)
		if len(d.Segments) == 1 {
			w.printf("There is 1 program header, starting at offset %d\n", f.Header.PhOff)
		} else {
			w.printf("There are %d program headers, starting at offset %d\n", len(d.Segments), f.Header.PhOff)
		}
	}
	w.WriteString("\nProgram Headers:\n")
	line := segment32
	switch {
	case f.Header.Class == elf.ELFCLASS32:
		w.WriteString("  Type           Offset   VirtAddr   PhysAddr   FileSiz MemSiz  Flg Align\n")
	case d.options.Wide:
		w.WriteString("  Type           Offset   VirtAddr           PhysAddr           FileSiz  MemSiz   Flg Align\n")
		line = segment64Wide
	default:
		w.WriteString("  Type           Offset             VirtAddr           PhysAddr\n" +
			"                 FileSiz            MemSiz              Flags  Align\n")
		line = segment64
	}
	for i := range d.Segments {
		line(w, &d.Segments[i])
	}
	if d.named {
		d.printMapping(w)
	}
}

// typeWidth is the column of a segment's type, in characters; a longer name is
// cut there.
const typeWidth = 14

func (w *writer) segmentType(name string) {
	const spaces = "              "
	name = name[:min(len(name), typeWidth)]
	w.WriteString("  ")
	w.WriteString(name)
	w.WriteString(spaces[len(name):])
}

// segmentLine prints a segment in one line, with at least so many digits of
// addresses and of sizes.
func (w *writer) segmentLine(s *Segment, addr, size int) {
	w.segmentType(s.Type)
	w.hex(s.Offset, 6)
	w.hex(uint64(s.Addr), addr)
	w.hex(uint64(s.Physical), addr)
	w.hex(s.FileSize, size)
	w.hex(s.MemSize, size)
	w.access(s.Flags)
	w.align(s.Align)
}

func segment32(w *writer, s *Segment)     { w.segmentLine(s, 8, 5) }
func segment64Wide(w *writer, s *Segment) { w.segmentLine(s, 16, 6) }

func segment64(w *writer, s *Segment) {
	w.segmentType(s.Type)
	w.hex(s.Offset, 16)
	w.hex(uint64(s.Addr), 16)
	w.hex(uint64(s.Physical), 16)
	w.WriteString("\n                ")
	w.hex(s.FileSize, 16)
	w.hex(s.MemSize, 16)
	w.WriteByte(' ')
	w.access(s.Flags)
	w.WriteString("   ")
	w.hex(s.Align, 1)
	w.WriteByte('\n')
}

// gnuAccesses are the letters for p_flags & 7 in GNU's columns.
var gnuAccesses = [...]string{"    ", "   E", "  W ", "  WE", " R  ", " R E", " RW ", " RWE"}

func (w *writer) access(flags uint32) { w.WriteString(gnuAccesses[flags&7]) }

// align ends a line. Where all of a header stands in one, GNU has 0 without 0x.
func (w *writer) align(v uint64) {
	if v == 0 {
		w.WriteString(" 0\n")
		return
	}
	w.hex(v, 1)
	w.WriteByte('\n')
}

// printMapping prints which sections lie in each segment.
func (d *Document) printMapping(w *writer) {
	w.WriteString("\n Section to Segment mapping:\n  Segment Sections...\n")
	for i := range d.Segments {
		w.printf("   %02d     ", i)
		for _, n := range d.Segments[i].Sections {
			w.WriteString(d.sectionName(&d.sections[n]))
			w.WriteByte(' ')
		}
		w.WriteByte('\n')
	}
}
