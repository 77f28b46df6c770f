package readelf

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"corelift/elfcore"
)

// Header is the ELF header. Sizes and offsets are in bytes.
type Header struct {
	Ident         string       `json:"ident"` // its first 16 bytes, hexadecimal
	Bits          int          `json:"bits"`  // of an address: 32 or 64
	BigEndian     bool         `json:"big_endian,omitempty"`
	OSABI         Number       `json:"os_abi"`
	ABIVersion    uint8        `json:"abi_version"`
	Type          string       `json:"type"`
	Machine       Number       `json:"machine"`
	Version       uint32       `json:"version"`
	Entry         elfcore.Addr `json:"entry"`
	Flags         elfcore.Addr `json:"flags"`
	FlagNames     []string     `json:"flag_names,omitempty"`
	Size          uint16       `json:"size"`
	Segments      HeaderTable  `json:"segments"`
	Sections      HeaderTable  `json:"sections"`
	SectionsNamed uint32       `json:"section_names"` // number of the section with their names; 0: none
}

// Number is a number with its name, empty if that is not known.
type Number struct {
	Number uint16 `json:"number"`
	Name   string `json:"name,omitempty"`
}

// HeaderTable says where program or section headers are, and how many there
// are, beyond the 16 bits of the field in the header too. EntrySize is the
// size of one.
type HeaderTable struct {
	Offset    uint64 `json:"offset"`
	EntrySize uint16 `json:"entry_size"`
	Count     uint64 `json:"count"`
}

func (d *Document) describeHeader(f *elfcore.File, _ Options) error {
	h := &f.Header
	ident := make([]byte, elf.EI_NIDENT)
	if _, err := io.ReadFull(f.Data(elf.ProgHeader{Filesz: elf.EI_NIDENT}), ident); err != nil {
		return err
	}
	count, names, err := f.SectionCount()
	if err := d.lost("core.sections", "the number of section headers is that of the ELF header", err); err != nil {
		return err
	}
	d.Header = &Header{
		Ident: hex.EncodeToString(ident), Bits: addressBits(h.Class), BigEndian: h.Data == elf.ELFDATA2MSB,
		OSABI:      Number{uint16(h.OSABI), osabiName(h.OSABI, h.Machine)},
		ABIVersion: h.ABIVersion, Type: "CORE",
		Machine: Number{uint16(h.Machine), machineName(h.Machine)},
		Version: h.Version, Entry: elfcore.Addr(h.Entry),
		Flags: elfcore.Addr(h.Flags), FlagNames: flagNames(h.Machine, h.Flags), Size: h.Size,
		Segments:      HeaderTable{h.PhOff, h.PhEntSize, uint64(len(f.Segments))},
		Sections:      HeaderTable{h.ShOff, h.ShEntSize, count},
		SectionsNamed: names,
	}
	return nil
}

// addressBits is the size of an address.
func addressBits(c elf.Class) int {
	if c == elf.ELFCLASS64 {
		return 64
	}
	return 32
}

// osabiNames are EI_OSABI in GNU's words; from 64 on they depend on the CPU.
var osabiNames = [...]string{
	0: "UNIX - System V", 1: "UNIX - HP-UX", 2: "UNIX - NetBSD", 3: "UNIX - GNU", 6: "UNIX - Solaris", 7: "UNIX - AIX",
	8: "UNIX - IRIX", 9: "UNIX - FreeBSD", 10: "UNIX - TRU64", 11: "Novell - Modesto", 12: "UNIX - OpenBSD",
	13: "VMS - OpenVMS", 14: "HP - Non-Stop Kernel", 15: "AROS", 16: "FenixOS", 17: "Nuxi CloudABI",
	18: "Stratus Technologies OpenVOS",
}

var osabiOfMachine = [...]struct {
	machine elf.Machine
	osabi   elf.OSABI
	name    string
}{
	{elf.EM_ARM, 65, "ARM FDPIC"}, {elf.EM_ARM, 97, "ARM"},
	{elf.EM_TI_C6000, 64, "Bare-metal C6000"}, {elf.EM_TI_C6000, 65, "Linux C6000"},
	{elf.EM_AMDGPU, 64, "AMD HSA"}, {elf.EM_AMDGPU, 65, "AMD PAL"}, {elf.EM_AMDGPU, 66, "AMD Mesa3D"},
	{elf.EM_MSP430, 255, "Standalone App"}, {elf.EM_VISIUM, 255, "Standalone App"},
}

func osabiName(o elf.OSABI, m elf.Machine) string {
	if int(o) < len(osabiNames) {
		return osabiNames[o]
	}
	for _, row := range osabiOfMachine {
		if row.machine == m && row.osabi == o {
			return row.name
		}
	}
	return ""
}

// printHeader prints the ELF header. Where a number does not fit its field,
// the field is shown and the number in brackets.
func (d *Document) printHeader(w *writer) {
	h, raw := d.Header, &d.file.Header
	w.WriteString("ELF Header:\n  Magic:   ")
	for i := 0; i < len(h.Ident); i += 2 {
		w.WriteString(h.Ident[i:i+2] + " ")
	}
	w.WriteByte('\n')
	order := "little"
	if h.BigEndian {
		order = "big"
	}
	w.field("Class", "ELF%d", h.Bits)
	w.field("Data", "2's complement, %s endian", order)
	w.field("Version", "%s", identVersion(h.Ident))
	w.field("OS/ABI", "%s", named(h.OSABI.Name, "<unknown: %x>", h.OSABI.Number))
	w.field("ABI Version", "%d", h.ABIVersion)
	w.field("Type", "CORE (Core file)")
	w.field("Machine", "%s", h.Machine.machine())
	w.field("Version", "%#x", h.Version)
	w.field("Entry point address", "%#x", uint64(h.Entry))
	w.field("Start of program headers", "%d (bytes into file)", h.Segments.Offset)
	w.field("Start of section headers", "%d (bytes into file)", h.Sections.Offset)
	w.field("Flags", "%s", strings.Join(append([]string{fmt.Sprintf("%#x", uint64(h.Flags))}, h.FlagNames...), ", "))
	w.field("Size of this header", "%d (bytes)", h.Size)
	w.field("Size of program headers", "%d (bytes)", h.Segments.EntrySize)
	w.field("Number of program headers", "%s", counted(uint64(raw.PhNum), h.Segments.Count))
	w.field("Size of section headers", "%d (bytes)", h.Sections.EntrySize)
	w.field("Number of section headers", "%s", counted(uint64(raw.ShNum), h.Sections.Count))
	names := counted(uint64(raw.ShStrNdx), uint64(h.SectionsNamed))
	if h.SectionsNamed != 0 && uint64(h.SectionsNamed) >= h.Sections.Count {
		names += " <corrupt: out of range>"
	}
	w.field("Section header string table index", "%s", names)
}

// field prints a line of the ELF header.
func (w *writer) field(name, format string, args ...any) {
	const column = 35
	w.printf("  %-*s"+format+"\n", append([]any{column, name + ":"}, args...)...)
}

// machine is the CPU in GNU's words.
func (n Number) machine() string { return named(n.Name, "<unknown>: %#x", n.Number) }

// named is a name or, if there is none, the number in the given format.
func named(name, format string, number any) string {
	if name != "" {
		return name
	}
	return fmt.Sprintf(format, number)
}

// identVersion shows EI_VERSION, the seventh byte of hexadecimal digits.
func identVersion(ident string) string {
	b, _ := hex.DecodeString(ident)
	switch v := b[elf.EI_VERSION]; v {
	case 0:
		return "0"
	case byte(elf.EV_CURRENT):
		return "1 (current)"
	default:
		return fmt.Sprintf("%d <unknown>", v)
	}
}

// counted shows a field of 16 bits, and the number that it stands for if that
// is another.
func counted(field, number uint64) string {
	if field == number {
		return fmt.Sprint(field)
	}
	return fmt.Sprintf("%d (%d)", field, number)
}
