package readelf

import (
	"debug/elf"
	"slices"
	"unicode/utf8"

	"corelift/elfcore"
)

// Section is one section header. Number is from 0; Name is missing if the file
// has none for it. Flags are all of sh_flags, FlagLetters GNU's for them. Sizes
// and offsets are in bytes.
type Section struct {
	Number      int          `json:"number"`
	Name        *string      `json:"name,omitempty"`
	Type        string       `json:"type"` // without SHT_: "PROGBITS"
	TypeNumber  uint32       `json:"type_number"`
	Flags       elfcore.Addr `json:"flags"`
	FlagLetters string       `json:"flag_letters,omitempty"`
	Addr        elfcore.Addr `json:"addr"`
	Offset      uint64       `json:"offset"`
	Size        uint64       `json:"size"`
	EntrySize   uint64       `json:"entry_size"`
	Link        uint32       `json:"link"`
	Info        uint32       `json:"info"`
	Align       uint64       `json:"align"`
}

// readSections reads the section headers once. What is wrong with them is
// reported, and then there are none.
func (d *Document) readSections() ([]elfcore.Section, error) {
	if d.sectionsRead {
		return d.sections, nil
	}
	d.sectionsRead = true
	list, err := d.file.Sections()
	if err := d.lost("core.sections", "no section is shown", err); err != nil {
		return nil, err
	}
	d.sections = list
	count, names, _ := d.file.SectionCount()
	d.named = len(list) > 0 && names != 0 && uint64(names) < count && list[names].Size > 0
	return list, nil
}

func (d *Document) describeSections(f *elfcore.File, _ Options) error {
	list, err := d.readSections()
	if err != nil {
		return err
	}
	d.Sections = make([]Section, len(list))
	for i := range list {
		s := &list[i]
		d.Sections[i] = Section{
			Number: i, Type: sectionType(s.Type, &f.Header), TypeNumber: uint32(s.Type),
			Flags: elfcore.Addr(s.Flags), FlagLetters: flagLetters(s.Flags, &f.Header),
			Addr: elfcore.Addr(s.Addr), Offset: s.Offset, Size: s.Size, EntrySize: s.EntSize,
			Link: s.Link, Info: s.Info, Align: s.Align,
		}
		if s.Named {
			d.Sections[i].Name = &s.Name
		}
	}
	return nil
}

// sectionFlag is the letter for a bit of sh_flags: for all files, or only for a
// CPU or some OS ABIs.
type sectionFlag struct {
	bit     uint64
	letter  byte
	meaning string // in the key, empty if that always has it
	machine elf.Machine
	osabis  []elf.OSABI
}

// sectionFlags in the order of the key. K1OM and L1OM are Intel's accelerators.
var sectionFlags = []sectionFlag{
	{bit: 0x1, letter: 'W'}, {bit: 0x2, letter: 'A'}, {bit: 0x4, letter: 'X'}, {bit: 0x10, letter: 'M'}, {bit: 0x20, letter: 'S'},
	{bit: 0x40, letter: 'I'}, {bit: 0x80, letter: 'L'}, {bit: 0x100, letter: 'O'}, {bit: 0x200, letter: 'G'}, {bit: 0x400, letter: 'T'},
	{bit: 0x800, letter: 'C'}, {bit: 0x80000000, letter: 'E'},
	{bit: 0x200000, letter: 'R', meaning: "retain", osabis: []elf.OSABI{elf.ELFOSABI_LINUX, elf.ELFOSABI_FREEBSD}},
	{bit: 0x1000000, letter: 'D', meaning: "mbind", osabis: []elf.OSABI{elf.ELFOSABI_NONE, elf.ELFOSABI_LINUX, elf.ELFOSABI_FREEBSD}},
	{bit: 0x10000000, letter: 'l', meaning: "large", machine: elf.EM_X86_64},
	{bit: 0x10000000, letter: 'l', meaning: "large", machine: elf.EM_L10M},
	{bit: 0x10000000, letter: 'l', meaning: "large", machine: elf.EM_K10M},
	{bit: 0x20000000, letter: 'y', meaning: "purecode", machine: elf.EM_ARM},
	{bit: 0x10000000, letter: 'v', meaning: "VLE", machine: elf.EM_PPC},
}

func (r *sectionFlag) applies(h *elfcore.Header) bool {
	return (r.machine == 0 || r.machine == h.Machine) && (r.osabis == nil || slices.Contains(r.osabis, h.OSABI))
}

// Bits of sh_flags that belong to the operating system and to the CPU.
const maskOS, maskCPU = 0x0ff00000, 0xf0000000

// flagLetters are GNU's letters for sh_flags.
//
// Folklore: readelf 2.40 takes one bit after the other, the lowest first; the
// first that belongs to the system or the CPU and has no letter of its own
// stands for all of its kind, and with those of the CPU all above 32 bits are
// forgotten. Test: TestGNUSections.
func flagLetters(flags uint64, h *elfcore.Header) string {
	var letters []byte
	for flags != 0 {
		bit := flags & -flags
		flags &^= bit
		letter := byte('x')
		i := slices.IndexFunc(sectionFlags, func(r sectionFlag) bool { return r.bit == bit && r.applies(h) })
		switch {
		case i >= 0:
			letter = sectionFlags[i].letter
		case bit&maskOS != 0:
			letter, flags = 'o', flags&^maskOS
		case bit&maskCPU != 0:
			letter, flags = 'p', flags&^maskCPU&(1<<32-1)
		}
		letters = append(letters, letter)
	}
	return string(letters)
}

// nameWidth is the column of a section's name, in characters; narrow listings
// cut a longer one.
const nameWidth = 17

// sectionName is what stands for a name in the text.
func (d *Document) sectionName(s *elfcore.Section) string {
	switch {
	case !d.named:
		return "<no-strings>"
	case !s.Named:
		return "<corrupt>"
	}
	return visible(s.Name)
}

// narrowName is what stands for a name in its column.
func (d *Document) narrowName(s *elfcore.Section) string {
	start := *s
	start.Name = s.Name[:min(len(s.Name), (nameWidth+1)*utf8.UTFMax)] // a name may have 1 KiB
	return cut(d.sectionName(&start), nameWidth)
}

func (d *Document) printSections(w *writer) {
	f := d.file
	count, _, _ := f.SectionCount()
	if count == 0 {
		w.WriteString("\nThere are no sections in this file.\n")
		return
	}
	verb, plural := "are", "s"
	if count == 1 {
		verb, plural = "is", ""
	}
	if !d.options.Header {
		w.printf("There %s %d section header%s, starting at offset %#x:\n", verb, count, plural, f.Header.ShOff)
	}
	if len(d.Sections) == 0 {
		return // they can't be read
	}
	w.printf("\nSection Header%s:\n", plural)
	two := f.Header.Class == elf.ELFCLASS64 && !d.options.Wide // lines for each
	digits := 8
	switch {
	case two:
		w.WriteString("  [Nr] Name              Type             Address           Offset\n" +
			"       Size              EntSize          Flags  Link  Info  Align\n")
	case f.Header.Class == elf.ELFCLASS64:
		w.WriteString("  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al\n")
		digits = 16
	default:
		w.WriteString("  [Nr] Name              Type            Addr     Off    Size   ES Flg Lk Inf Al\n")
	}
	for i := range d.Sections {
		s := &d.Sections[i]
		var name, typ string
		if d.options.Wide {
			name, typ = d.sectionName(&d.sections[i]), s.Type
		} else {
			name, typ = d.narrowName(&d.sections[i]), s.Type[:min(len(s.Type), 15)]
		}
		w.printf("  [%2d] %-17s %-15s ", i, name, typ)
		if two {
			w.printf(" %016x  %08x\n       %016x  %016x %3s      %2d   %3d     %d\n",
				uint64(s.Addr), s.Offset, s.Size, s.EntrySize, s.FlagLetters, s.Link, s.Info, s.Align)
		} else {
			w.printf("%0*x %06x %06x %02x %3s %2d %3d %2d\n",
				digits, uint64(s.Addr), s.Offset, s.Size, s.EntrySize, s.FlagLetters, s.Link, s.Info, s.Align)
		}
	}
	w.WriteString("Key to Flags:\n" +
		"  W (write), A (alloc), X (execute), M (merge), S (strings), I (info),\n" +
		"  L (link order), O (extra OS processing required), G (group), T (TLS),\n" +
		"  C (compressed), x (unknown), o (OS specific), E (exclude),\n  ")
	for i := range sectionFlags {
		if r := &sectionFlags[i]; r.meaning != "" && r.applies(&f.Header) {
			w.printf("%c (%s), ", r.letter, r.meaning)
		}
	}
	w.WriteString("p (processor specific)\n")
}
