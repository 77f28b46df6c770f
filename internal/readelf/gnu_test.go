package readelf

import (
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

func header(m elf.Machine, flags uint32, osabi byte) []byte {
	i := image{class: elf.ELFCLASS64, order: binary.LittleEndian, osabi: osabi, header: elf.Header64{Machine: uint16(m), Flags: flags}}
	return i.bytes()
}

// TestGNUMachines compares the names of all CPUs that have one, of their
// neighbours, and of every OS ABI.
func TestGNUMachines(t *testing.T) {
	var cores [][]byte
	for _, row := range machineNames {
		for n := -1; n <= 1; n++ {
			cores = append(cores, header(row.machine+elf.Machine(n), 0, 0))
		}
	}
	for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_ARM, elf.EM_TI_C6000, elf.EM_AMDGPU, elf.EM_MSP430, elf.EM_VISIUM} {
		for abi := range 256 {
			cores = append(cores, header(m, 0, byte(abi)))
		}
	}
	sameAsGNU(t, cores, Options{Header: true}, "-h")
}

// TestGNUFlags compares e_flags of every CPU that flagTables has, and of those
// that have none: each bit, each field, and at random.
func TestGNUFlags(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	machines := []elf.Machine{elf.EM_386, elf.EM_X86_64, elf.EM_AARCH64, elf.EM_XTENSA}
	for _, table := range flagTables {
		machines = append(machines, table.machine)
	}
	for _, m := range machines {
		var cores [][]byte
		for bit := range 32 {
			cores = append(cores, header(m, 1<<bit, 0), header(m, random.Uint32(), 0), header(m, random.Uint32()&0x07ffffff, 0))
		}
		for n := range uint32(16) {
			cores = append(cores, header(m, n, 0), header(m, n<<12, 0), header(m, n<<24, 0), header(m, n<<28, 0))
		}
		for n := range uint32(256) {
			switch m {
			case elf.EM_MIPS:
				cores = append(cores, header(m, n<<16, 0))
			case elf.EM_ARM:
				cores = append(cores, header(m, n<<24|1<<(n%24), 0), header(m, n%6<<24|random.Uint32()&0xffffff, 0))
			}
		}
		sameAsGNU(t, cores, Options{Header: true}, "-h")
	}
}

// TestGNUSegmentTypes compares all types that anybody has named, their
// neighbours and the ends of the ranges.
func TestGNUSegmentTypes(t *testing.T) {
	types := []uint32{firstOS, firstCPU - 1, firstCPU, firstUser - 1, firstUser, 1<<32 - 1, firstMbind - 1, firstMbind, firstMbind + 9, lastMbind, lastMbind + 1}
	for _, row := range segmentTypes {
		types = append(types, row.typ-1, row.typ, row.typ+1)
	}
	var segments []elf.Prog64
	for _, typ := range types {
		if typ != uint32(elf.PT_DYNAMIC) && typ != uint32(elf.PT_INTERP) { // GNU goes after them
			segments = append(segments, elf.Prog64{Type: typ, Flags: typ % 9})
		}
	}
	var cores [][]byte
	for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_MIPS, elf.EM_S390, elf.EM_PARISC, elf.EM_IA_64, 65000} {
		for _, abi := range []byte{0, 3, 6, 9, 97} {
			for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
				i := image{class: class, order: binary.BigEndian, osabi: abi, header: elf.Header64{Machine: uint16(m)}, segments: segments}
				cores = append(cores, i.bytes())
			}
		}
	}
	sameAsGNU(t, cores, Options{Segments: true}, "-l")
	sameAsGNU(t, cores, Options{Segments: true, Wide: true}, "-lW")
}

// TestGNUSections compares types and flags of sections.
func TestGNUSections(t *testing.T) {
	types := []uint32{firstOS, firstCPU - 1, firstCPU, firstUser - 1, firstUser, 1<<32 - 1}
	for _, row := range sectionTypes {
		types = append(types, row.typ-1, row.typ, row.typ+1)
	}
	sections := []elf.Section64{{}}
	for _, typ := range types {
		// readelf corrects sh_entsize of these, of which no core has any.
		repaired := []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM, elf.SHT_REL, elf.SHT_RELA, elf.SHT_GROUP, 19}
		if !slices.Contains(repaired, elf.SectionType(typ)) {
			sections = append(sections, elf.Section64{Type: typ})
		}
	}
	for bit := range 64 {
		sections = append(sections, elf.Section64{Type: 1, Flags: 1 << bit}, elf.Section64{Type: 1, Flags: ^uint64(0) << bit}, elf.Section64{Type: 1, Flags: 3 << bit})
	}
	var cores [][]byte
	for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_L10M, elf.EM_386, elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_PPC, elf.EM_MSP430, 252, 65000} {
		for _, abi := range []byte{0, 3, 6, 9, 97} {
			for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
				i := image{class: class, order: binary.LittleEndian, osabi: abi, header: elf.Header64{Machine: uint16(m)}, sections: sections}
				cores = append(cores, i.bytes())
			}
		}
	}
	sameAsGNU(t, cores, Options{Sections: true}, "-S")
	sameAsGNU(t, cores, Options{Sections: true, Wide: true}, "-SW")
}

// TestGNUCounts compares headers whose fields don't suffice, or are wrong.
func TestGNUCounts(t *testing.T) {
	segments := []elf.Prog64{{Type: 4, Off: 0x10, Filesz: 16, Align: 4}, {Type: 1, Flags: 6, Vaddr: 0x1000, Filesz: 32, Memsz: 64, Align: 4096}}
	first := elf.Section64{Size: 3, Link: 1, Info: 2}
	three := []elf.Section64{first, {Type: 3, Off: 4, Size: 40, Name: 1}, {Name: 900}}
	var cores [][]byte
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, i := range []image{
				{},
				{segments: segments},
				{segments: segments[:1]},
				{segments: segments, sections: three[:1], change: func(h *elf.Header64) { h.Phnum = 0xffff }},
				{segments: segments, sections: three, change: func(h *elf.Header64) { h.Shnum = 0 }},
				{segments: segments, sections: three, change: func(h *elf.Header64) { h.Shnum, h.Phnum, h.Shstrndx = 0, 0xffff, 0xffff }},
				{segments: segments, sections: three, header: elf.Header64{Shstrndx: 1}},
				{segments: segments, sections: three, header: elf.Header64{Shstrndx: 2}},
				{segments: segments, sections: three, header: elf.Header64{Shstrndx: 77}},
				{segments: segments, sections: three, header: elf.Header64{Shstrndx: 0xff01}},
				{sections: three[:1]},
				{segments: segments, change: func(h *elf.Header64) { h.Shnum, h.Shentsize, h.Shoff = 3, 64, 10000 }},
				{segments: segments, sections: three, change: func(h *elf.Header64) { h.Shnum = 4 }},
				{segments: segments, sections: three, change: func(h *elf.Header64) { h.Shentsize = 12 }},
				{segments: segments, change: func(h *elf.Header64) { h.Ehsize, h.Version, h.Entry, h.Ident[6], h.Ident[8] = 7, 9, 0x1234, 3, 7 }},
				{change: func(h *elf.Header64) { h.Ident[6] = 0 }},
				{segments: segments, change: func(h *elf.Header64) { h.Phoff = 0 }},
			} {
				i.class, i.order = class, order
				i.header.Machine = uint16(elf.EM_X86_64)
				cores = append(cores, i.bytes())
			}
		}
	}
	for _, letters := range []string{"h", "l", "S", "lW", "SW", "e", "eW", "hS", "hl", "lS"} {
		sameAsGNU(t, cores, optionsOf(letters), "-"+letters)
	}
}

// TestGNURandom compares images in which everything is at random, and much of it
// at the places where it could matter.
func TestGNURandom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	one := func(of ...uint64) uint64 { return of[random.IntN(len(of))] }
	value := func() uint64 {
		switch random.IntN(4) {
		case 0, 1:
			return one(0, 1, 0x10, 0x40, 0x100, 0x1000, 0x2000, 0x1040)
		case 2:
			return random.Uint64N(0x4000)
		}
		return random.Uint64() >> one(0, 4, 8, 20, 40)
	}
	names := "\x00load\x00.shstrtab\x00note0\x00with space\x00del\x1b\x01\x00a long name of a section without an end to it"
	var cores [][]byte
	for range 400 {
		i := image{class: elf.Class(one(1, 2)), order: binary.LittleEndian, osabi: byte(one(0, 3, 6, 9, 97, 200)), body: []byte(names)}
		if random.IntN(2) == 0 {
			i.order = binary.BigEndian
		}
		i.header = elf.Header64{Machine: uint16(one(3, 8, 15, 20, 22, 40, 62, 94, 183, 243, 258, 65000)), Entry: value(), Flags: uint32(one(0, 5, 0x5000400, random.Uint64()))}
		for range random.IntN(6) {
			i.segments = append(i.segments, elf.Prog64{Type: uint32(one(0, 1, 1, 1, 6, 7, 99, firstMbind, 0x6474e551, 0x6474e553, 0x70000001, 0x80000001)),
				Flags: uint32(random.IntN(9)), Off: value(), Vaddr: value(), Paddr: value(), Filesz: value(), Memsz: value(), Align: value()})
		}
		if random.IntN(3) > 0 {
			i.sections = append(i.sections, elf.Section64{})
			for range random.IntN(6) {
				i.sections = append(i.sections, elf.Section64{Name: uint32(one(0, 1, 6, 16, 22, 33, 35, 500)), Type: uint32(one(0, 1, 1, 3, 8, 8, 99, 0x60000000, 0x6ffffff6)),
					Flags: one(0, 2, 3, 6, 0x10, 0x402, 1<<21, 1<<24, 1<<28, 1<<29, random.Uint64()), Addr: value(), Off: value(), Size: value(),
					Link: uint32(one(0, 1, 3)), Info: uint32(one(0, 1, 200)), Addralign: value(), Entsize: value()})
			}
			i.header.Shstrndx = uint16(one(0, uint64(len(i.sections)), uint64(len(i.sections)), 77))
			i.sections = append(i.sections, elf.Section64{Name: 6, Type: 3, Off: i.bodyAt(), Size: uint64(len(names)), Addralign: 1})
		}
		cores = append(cores, i.bytes())
	}
	for _, letters := range []string{"h", "l", "lW", "S", "SW", "e", "eW", "lSW"} {
		sameAsGNU(t, cores, optionsOf(letters), "-"+letters)
	}
}

// TestGNUDumps compares contents of sections, chosen by number and by name.
func TestGNUDumps(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var cores [][]byte
	for n := range 200 {
		data := make([]byte, random.IntN(100))
		for i := range data {
			data[i] = "ab \n\n\x00\x01\t\r"[random.IntN(9)]
			if n%4 == 0 {
				data[i] = byte(random.IntN(0x7f)) // above are deviations
			}
		}
		i := image{class: elf.Class(1 + n%2), order: binary.BigEndian, body: append([]byte("\x00.names\x00load\x00"), data...)}
		i.header.Shstrndx = 3
		at := i.bodyAt()
		i.sections = []elf.Section64{
			{},
			{Name: 8, Type: 1, Off: at + 13, Size: uint64(len(data)), Addr: random.Uint64() >> random.IntN(64)},
			{Name: 8, Type: 8, Size: 9},
			{Name: 1, Type: 3, Off: at, Size: 13},
			{Name: 8, Type: 1, Off: at + 13, Size: uint64(len(data) / 2)},
		}
		cores = append(cores, i.bytes())
	}
	sameAsGNU(t, cores, Options{Hex: []string{"load"}}, "-x", "load")
	sameAsGNU(t, cores, Options{Hex: []string{"0x3"}, Strings: []string{"1"}}, "-x", "0x3", "-p1")
	sameAsGNU(t, cores, Options{Strings: []string{"load", "load", ".names"}, Wide: true}, "-Wpload", "-p", ".names")
	sameAsGNU(t, cores, Options{Hex: []string{"01", "0"}, Strings: []string{"2"}, Header: true, Sections: true}, "-hSx", "1", "-x0", "-p2")
}
