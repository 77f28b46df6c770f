package verify

import (
	"debug/elf"
	"fmt"
	"math"
	"sort"

	"corelift/elfcore"
	"corelift/notes"
)

// memory lists the bytes of the core, sorted and disjoint, and the first range
// that two segments have.
func (f *File) memory() ([]elfcore.Region, elfcore.Range) {
	if f.regions == nil {
		list := []elfcore.Region{}
		for _, s := range f.segments {
			if s.Type == elf.PT_LOAD && s.have > 0 {
				list = append(list, s.region())
			}
		}
		f.regions, f.overlap = elfcore.Layered(list)
	}
	return f.regions, f.overlap
}

// region is what the file has of a segment's memory, up to the end of the
// address space.
func (s *segment) region() elfcore.Region {
	r := elfcore.Region{
		Range: elfcore.Range{Addr: elfcore.Addr(s.Vaddr), Size: min(s.have, s.Filesz)},
		Perm:  uint32(s.Flags) & (elfcore.PermR | elfcore.PermW | elfcore.PermX), State: elfcore.Known, Data: s.data,
	}
	if room := math.MaxUint64 - s.Vaddr; r.Size-1 > room {
		r = r.Part(elfcore.Range{Addr: r.Addr, Size: room + 1})
	}
	return r
}

// region is the memory at an address.
func (f *File) region(a elfcore.Addr) (elfcore.Region, bool) {
	list, _ := f.memory()
	i := sort.Search(len(list), func(i int) bool { return list[i].Addr > a }) - 1
	if i < 0 || !list[i].Contains(a) {
		return elfcore.Region{}, false
	}
	return list[i], true
}

// lacking is how many bytes of a range the core does not have.
func (f *File) lacking(r elfcore.Range) (n uint64) {
	list, _ := f.memory()
	n = r.Size
	for i := sort.Search(len(list), func(i int) bool { return list[i].Addr+elfcore.Addr(list[i].Size-1) >= r.Addr }); i < len(list); i++ {
		from, last := max(list[i].Addr, r.Addr), min(list[i].Addr+elfcore.Addr(list[i].Size-1), r.Addr+elfcore.Addr(r.Size-1))
		if from > last {
			break
		}
		n -= uint64(last-from) + 1
	}
	return n
}

// cutSegments: the file ends before the bytes of a segment.
func cutSegments(f *File) (list []deviation) {
	for _, s := range f.segments {
		if s.Type == elf.PT_NOTE || s.Filesz <= s.have {
			continue
		}
		list = append(list, deviation{off: s.at, found: fmt.Sprintf("%d bytes of the %d at %#x", s.have, s.Filesz, s.Vaddr), expected: "a file that has all its segments say",
			repair: func() string {
				lost := s.Filesz - s.have
				s.Filesz, s.Memsz = s.have, min(s.Memsz, s.have)
				return fmt.Sprintf("the segment at %#x ends where its bytes do; %d bytes are lost", s.Vaddr, lost)
			}})
	}
	return list
}

// overlaps: of each byte GDB takes the first segment's.
func overlaps(f *File) []deviation {
	_, both := f.memory()
	if both.Size == 0 {
		return nil
	}
	return at(int64(f.header.Phoff), fmt.Sprintf("two segments have %v", both), "each byte once", func() string {
		f.flatten()
		return "of each byte the first segment's is kept, which GDB shows; segments are sorted by address"
	})
}

// flatten replaces the segments that have bytes by their memory.
func (f *File) flatten() {
	regions, _ := f.memory()
	var list []*segment
	for _, s := range f.segments {
		if s.Type != elf.PT_LOAD || s.have == 0 {
			list = append(list, s)
		}
	}
	for _, r := range regions {
		list = append(list, segmentOf(r))
	}
	f.segments, f.regions = list, nil
}

// segmentOf makes a segment as elfcore's writer does.
func segmentOf(r elfcore.Region) *segment {
	return &segment{
		ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.ProgFlag(r.Perm), Vaddr: uint64(r.Addr), Paddr: uint64(r.Addr), Filesz: r.Size, Memsz: r.Size, Align: 1},
		at:         -1, data: r.Data, have: r.Size,
	}
}

// zeroedMemory: GDB shows zeros where a segment has more memory than bytes. In
// a process' core the system leaves out what mapped files have.
func zeroedMemory(f *File) (list []deviation) {
	for _, s := range f.segments {
		if s.Type != elf.PT_LOAD || s.Memsz <= s.Filesz || f.process {
			continue
		}
		list = append(list, deviation{off: s.at, found: fmt.Sprintf("%d bytes of memory at %#x, %d in the file", s.Memsz, s.Vaddr, s.Filesz), expected: "memory that is in the file",
			repair: func() string {
				gone := s.Memsz - s.Filesz
				s.Memsz = s.Filesz
				return fmt.Sprintf("the segment at %#x ends where its bytes do; %d bytes that are not in the file are no memory", s.Vaddr, gone)
			}})
	}
	return list
}

// initialValues: RAM that the program writes and the core lacks shows the
// values that the program starts with.
func initialValues(f *File) (list []deviation) {
	if f.program() == nil || f.process || f.arch == nil || f.hides() || otherMachine(f) != nil {
		return nil
	}
	var repair func() string
	if f.arch.Core.Honest && f.mappedFiles() == nil {
		repair = f.hideInitial
	}
	for _, s := range f.options.Program.Writable() {
		if n := f.lacking(s.Range); n > 0 {
			list = append(list, deviation{off: -1, remark: !f.arch.Core.Honest, repair: repair,
				found: fmt.Sprintf("%d of %d bytes of %s (%v) are not in the core", n, s.Size, s.Name, s.Range), expected: "all of it"})
			if repair != nil {
				repair = func() string { return "the same for " + s.Name }
			}
		}
	}
	return list
}

// hides tells whether GDB reads no memory from the program: NT_FILE names a
// file, be it there or not, and the OS ABI heeds NT_FILE.
func (f *File) hides() bool {
	n := f.mappedFiles()
	return n != nil && f.heedsFiles() && len(f.mappings(n)) > 0
}

// hideInitial makes GDB read nothing from the program, and puts into the core
// what the program can't change.
func (f *File) hideInitial() string {
	f.addCode()
	e := encoder{class: f.class, order: f.order}
	// Count, page size, then start, end and offset of each mapping, then names
	// (elfcore/honest.go).
	e.words(1, 1, f.arch.Absent, f.arch.Absent+1, 0)
	f.notes = append(f.notes, newNote("CORE", notes.File, append(e.out, "/dev/null\x00"...)))
	return "what the core lacks is unreadable instead of showing initial values (NT_FILE); code and constants of the program are in the core for that"
}

// addCode adds the program's code and constants where the core lacks them. At
// address 0 four bytes stay out if that is where the crash is: GDB would take a
// vector table for the innermost function (docs/debuggers.md).
func (f *File) addCode() {
	regions, _ := f.memory()
	for _, s := range f.options.Program.ReadOnly() {
		r := elfcore.Region{Range: s.Range, Perm: elfcore.PermR, State: elfcore.Recovered, Data: s.Data}
		if s.Exec {
			r.Perm |= elfcore.PermX
		}
		if pc, ok := f.pc(); ok && pc == 0 && r.Addr == 0 && r.Size > nullGap {
			r = r.Part(elfcore.Range{Addr: nullGap, Size: r.Size - nullGap})
		}
		regions = append(regions, r)
	}
	regions, _ = elfcore.Layered(regions)
	f.regions = regions
	f.flatten()
}

// nullGap is the size of the instruction that GDB tries to read, in bytes.
const nullGap = 4

// pc is that of the first thread.
func (f *File) pc() (uint64, bool) {
	if list := f.threads(); len(list) > 0 {
		return f.register(list[0], f.arch.PC)
	}
	return 0, false
}

// hiddenCode: GDB reads nothing from the program, not even its code.
func hiddenCode(f *File) []deviation {
	if f.program() == nil || f.process || f.arch == nil || !f.hides() || otherMachine(f) != nil {
		return nil
	}
	for _, s := range f.options.Program.ReadOnly() {
		// Of a vector table at 0 four bytes are left out on purpose.
		if n := f.lacking(s.Range); s.Exec && n > nullGap {
			return at(f.mappedFiles().off, fmt.Sprintf("NT_FILE, and %d of %d bytes of code (%s, %v) are not in the core", n, s.Size, s.Name, s.Range), "code and constants in the core", func() string {
				f.addCode()
				return "code and constants of the program are in the core"
			})
		}
	}
	return nil
}
