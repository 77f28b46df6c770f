package verify

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// unreadable: the headers tell nothing that could be followed.
func unreadable(f *File) []deviation {
	if f.core != nil {
		return nil
	}
	return at(-1, f.broken.Error(), "headers that can be read", nil)
}

func fileType(f *File) []deviation {
	if elf.Type(f.header.Type) == elf.ET_CORE {
		return nil
	}
	return at(elf.EI_NIDENT, fmt.Sprintf("e_type %v", elf.Type(f.header.Type)), "ET_CORE", func() string {
		f.header.Type = uint16(elf.ET_CORE)
		return "e_type is ET_CORE"
	})
}

func entrySize(f *File) []deviation {
	want := uint16(sizesOf(f.class).segment)
	if f.header.Phentsize == want || len(f.segments) == 0 {
		return nil
	}
	return at(int64(sizesOf(f.class).header)-10, fmt.Sprintf("e_phentsize %d", f.header.Phentsize), fmt.Sprint(want), func() string {
		f.header.Phentsize = want
		return fmt.Sprintf("e_phentsize is %d", want)
	})
}

func lostCount(f *File) []deviation {
	if f.lost == "" {
		return nil
	}
	return at(int64(sizesOf(f.class).header)-8, f.lost, "a section header that has it, as e_phnum is PN_XNUM", func() string {
		f.lost = ""
		return fmt.Sprintf("a section header says that there are %d segments", len(f.segments))
	})
}

// knownSegments are the types that GDB 13 knows in a core of AArch64, besides
// those of all files up to PT_PHDR.
var knownSegments = []elf.ProgType{elf.PT_GNU_EH_FRAME, elf.PT_GNU_STACK, elf.PT_GNU_RELRO, typeSFrame, typeMemoryTags}

const (
	typeSFrame     = elf.ProgType(0x6474e554)
	typeMemoryTags = elf.ProgType(0x70000002) // PT_AARCH64_MEMTAG_MTE
)

// unknownSegments: other CPUs' BFD makes a section of any segment. That of
// AArch64 gives up, and the core is left to one that knows no CPU.
func unknownSegments(f *File) (list []deviation) {
	if elf.Machine(f.header.Machine) != elf.EM_AARCH64 {
		return nil
	}
	for _, s := range f.segments {
		if s.Type <= elf.PT_PHDR || slices.Contains(knownSegments, s.Type) {
			continue
		}
		list = append(list, deviation{off: s.at, found: fmt.Sprintf("a segment of type %v", s.Type), expected: "PT_LOAD or another that GDB knows", repair: func() string {
			old := s.Type
			s.Type = elf.PT_NULL
			return fmt.Sprintf("the segment of type %v is PT_NULL", old)
		}})
	}
	return list
}

// unknownEABI: if GDB is given the program it looks at that one's e_flags.
func unknownEABI(f *File) []deviation {
	version := f.header.Flags >> 24
	if elf.Machine(f.header.Machine) != elf.EM_ARM || f.program() != nil || version == 0 || version == 4 || version == 5 {
		return nil
	}
	return at(f.flagsOff(), fmt.Sprintf("version %d of the ARM EABI in e_flags", version), "4, 5 or 0", nil)
}

// systemABIs are the OS ABIs of other systems that GDB looks for a handler of.
var systemABIs = []elf.OSABI{elf.ELFOSABI_NETBSD, elf.ELFOSABI_SOLARIS, elf.ELFOSABI_FREEBSD, elf.ELFOSABI_OPENVMS}

func (f *File) abi() elf.OSABI { return elf.OSABI(f.header.Ident[elf.EI_OSABI]) }

// setABI is the repair of all rules about EI_OSABI.
func (f *File) setABI() string {
	f.header.Ident[elf.EI_OSABI] = byte(f.arch.Core.OSABI)
	return fmt.Sprintf("EI_OSABI is %v", f.arch.Core.OSABI)
}

func otherSystem(f *File) []deviation {
	if f.arch == nil || f.status.System != elfcore.FormatLinux || !slices.Contains(systemABIs, f.abi()) {
		return nil
	}
	return at(elf.EI_OSABI, f.abi().String(), f.arch.Core.OSABI.String(), f.setABI)
}

// readByLLDB tells whether LLDB reads cores of this CPU.
func (f *File) readByLLDB() bool { return f.arch != nil && f.arch.Core.OSABI == elf.ELFOSABI_LINUX }

func unknownToLLDB(f *File) []deviation {
	if !f.readByLLDB() || f.status.System != elfcore.FormatLinux || f.abi() == elf.ELFOSABI_LINUX || slices.Contains(systemABIs, f.abi()) ||
		slices.ContainsFunc(f.notes, func(n *note) bool { return n.owner == "LINUX" }) {
		return nil
	}
	return at(elf.EI_OSABI, f.abi().String()+", and no note of owner LINUX", elf.ELFOSABI_LINUX.String(), f.setABI)
}

func fatalToLLDB(f *File) []deviation {
	if f.arch == nil || f.arch.Machine != elf.EM_RISCV || f.abi() != elf.ELFOSABI_LINUX {
		return nil
	}
	return at(elf.EI_OSABI, f.abi().String(), f.arch.Core.OSABI.String(), f.setABI)
}

// unknownCPU: nothing that depends on the CPU is looked at, so that the core is
// not called good, even if GDB may well open it.
func unknownCPU(f *File) []deviation {
	if f.arch != nil {
		return nil
	}
	return at(machineOff, fmt.Sprintf("%v, %v", elf.Machine(f.header.Machine), f.class), "a CPU whose rules are known here", nil)
}

func unknownSystem(f *File) []deviation {
	if f.arch == nil || f.status.Size > 0 {
		return nil
	}
	return at(elf.EI_OSABI, f.abi().String()+" or notes of a system that is not known here", "Linux, FreeBSD or a bare target", nil)
}

func freeBSD(f *File) []deviation {
	if f.status.System != elfcore.FormatFreeBSD {
		return nil
	}
	return at(elf.EI_OSABI, "a core of FreeBSD", "", nil)
}

func vendorCPU(f *File) []deviation {
	if f.arch != arch.Xtensa {
		return nil
	}
	return at(machineOff, "a core of Xtensa", "", nil)
}

// noteAlign: GDB takes p_align of a note segment for the padding of its notes.
func noteAlign(f *File) (list []deviation) {
	for _, s := range f.segments {
		if s.Type == elf.PT_NOTE && s.Align > 4 {
			list = append(list, deviation{off: s.at, found: fmt.Sprintf("a note segment with p_align %d", s.Align), expected: "4", repair: func() string {
				old := s.Align
				s.Align = 4
				return fmt.Sprintf("p_align of the note segment: %d became 4, as the padding of its notes", old)
			}})
		}
	}
	return list
}

// damagedNotes: what follows a fault is no note to anybody.
func damagedNotes(f *File) []deviation {
	if len(f.damage) == 0 {
		return nil
	}
	off := int64(-1)
	if e := (*notes.FormatError)(nil); errors.As(f.damage[0], &e) {
		off = e.Off
	}
	found := f.damage[0].Error()
	if more := len(f.damage) - 1; more > 0 {
		found += fmt.Sprintf("; and %d more", more)
	}
	return at(off, found, "notes to the end of their segment", func() string {
		f.damage = nil
		return fmt.Sprintf("the %d notes that can be read are kept", len(f.notes))
	})
}
