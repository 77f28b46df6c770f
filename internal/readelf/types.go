package readelf

import (
	"debug/elf"
	"fmt"

	"corelift/elfcore"
)

// typeRow names a type of segments or sections: of all files, or only of a CPU
// or an OS ABI where these are not 0.
type typeRow struct {
	typ     uint32
	name    string
	machine elf.Machine
	osabi   elf.OSABI
}

// typeName names a type in GNU's words, which have no PT_ or SHT_.
func typeName(rows []typeRow, typ uint32, h *elfcore.Header) string {
	for i := range rows {
		r := &rows[i]
		if r.typ == typ && (r.machine == 0 || r.machine == h.Machine) && (r.osabi == 0 || r.osabi == h.OSABI) {
			return r.name
		}
	}
	return ""
}

// inRange is the name of a type that is only known to belong to somebody.
func inRange(typ, first uint32, who string) string {
	if typ == first {
		return who + "+0"
	}
	return fmt.Sprintf("%s+%#x", who, typ-first)
}

// Ranges of types that belong to an operating system, a CPU or an application.
const (
	firstOS   = 0x60000000
	firstCPU  = 0x70000000
	firstUser = 0x80000000 // sections only
)

var segmentTypes = []typeRow{
	{typ: 1, name: "LOAD"}, {typ: 4, name: "NOTE"}, {typ: 0, name: "NULL"}, {typ: 2, name: "DYNAMIC"}, {typ: 3, name: "INTERP"},
	{typ: 5, name: "SHLIB"}, {typ: 6, name: "PHDR"}, {typ: 7, name: "TLS"},
	{typ: 0x6474e550, name: "GNU_EH_FRAME"}, {typ: 0x6474e551, name: "GNU_STACK"}, {typ: 0x6474e552, name: "GNU_RELRO"},
	{typ: 0x6474e553, name: "GNU_PROPERTY"}, {typ: 0x6474e554, name: "GNU_SFRAME"},
	{typ: 0x65a3dbe6, name: "OPENBSD_RANDOMIZE"}, {typ: 0x65a3dbe7, name: "OPENBSD_WXNEEDED"}, {typ: 0x65a41be6, name: "OPENBSD_BOOTDATA"},
	{0x6464e550, "PT_SUNW_UNWIND", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffff7, "PT_LOSUNW", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffffa, "PT_SUNWBSS", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffffb, "PT_SUNWSTACK", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffffc, "PT_SUNWDTRACE", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffffd, "PT_SUNWCAP", 0, elf.ELFOSABI_SOLARIS},
	{0x6fffffff, "PT_HISUNW", 0, elf.ELFOSABI_SOLARIS},
	{0x70000000, "REGINFO", elf.EM_MIPS, 0}, {0x70000001, "RTPROC", elf.EM_MIPS, 0},
	{0x70000002, "OPTIONS", elf.EM_MIPS, 0}, {0x70000003, "ABIFLAGS", elf.EM_MIPS, 0},
	{0x70000001, "EXIDX", elf.EM_ARM, 0},
	{0x70000000, "AARCH64_ARCHEXT", elf.EM_AARCH64, 0}, {0x70000002, "AARCH64_MEMTAG_MTE", elf.EM_AARCH64, 0},
	{0x70000003, "RISCV_ATTRIBUTES", elf.EM_RISCV, 0},
	{0x70000000, "S390_PGSTE", elf.EM_S390, 0},
	{0x70000000, "PARISC_ARCHEXT", elf.EM_PARISC, 0}, {0x70000001, "PARISC_UNWIND", elf.EM_PARISC, 0}, {0x70000002, "PARISC_WEAKORDER", elf.EM_PARISC, 0},
	{0x70000000, "IA_64_ARCHEXT", elf.EM_IA_64, 0}, {0x70000001, "IA_64_UNWIND", elf.EM_IA_64, 0},
}

// The 4,096 types of PT_GNU_MBIND, memory of a special kind.
const firstMbind, lastMbind = 0x6474e555, 0x6474f554

func segmentType(t elf.ProgType, h *elfcore.Header) string {
	typ := uint32(t)
	switch name := typeName(segmentTypes, typ, h); {
	case name != "":
		return name
	case typ >= firstMbind && typ <= lastMbind && (h.OSABI == elf.ELFOSABI_LINUX || h.OSABI == elf.ELFOSABI_FREEBSD):
		return inRange(typ, firstMbind, "GNU_MBIND")
	case typ >= firstUser || typ < firstOS:
		return fmt.Sprintf("<unknown>: %x", typ)
	case typ >= firstCPU:
		return inRange(typ, firstCPU, "LOPROC")
	}
	return inRange(typ, firstOS, "LOOS")
}

var sectionTypes = []typeRow{
	{typ: 1, name: "PROGBITS"}, {typ: 7, name: "NOTE"}, {typ: 8, name: "NOBITS"}, {typ: 0, name: "NULL"}, {typ: 2, name: "SYMTAB"},
	{typ: 3, name: "STRTAB"}, {typ: 4, name: "RELA"}, {typ: 5, name: "HASH"}, {typ: 6, name: "DYNAMIC"}, {typ: 9, name: "REL"},
	{typ: 10, name: "SHLIB"}, {typ: 11, name: "DYNSYM"}, {typ: 14, name: "INIT_ARRAY"}, {typ: 15, name: "FINI_ARRAY"},
	{typ: 16, name: "PREINIT_ARRAY"}, {typ: 17, name: "GROUP"}, {typ: 18, name: "SYMTAB SECTION INDICES"}, {typ: 19, name: "RELR"},
	{0x6fffffee, "SUNW_ancillary", 0, elf.ELFOSABI_SOLARIS}, {0x6fffffef, "SUNW_capchain", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffff1, "SUNW_symsort", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffff2, "SUNW_tlssort", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffff3, "SUNW_LDYNSYM", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffff4, "SUNW_dof", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffff5, "SUNW_cap", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffff8, "SUNW_DEBUGSTR", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffff9, "SUNW_DEBUG", 0, elf.ELFOSABI_SOLARIS}, {0x6ffffffa, "SUNW_move", 0, elf.ELFOSABI_SOLARIS},
	{0x6ffffffb, "SUNW_COMDAT", 0, elf.ELFOSABI_SOLARIS}, {0x6fff4700, "LOOS+0xfff4700", 0, elf.ELFOSABI_SOLARIS},
	{typ: 0x6fff4700, name: "GNU_INCREMENTAL_INPUTS"}, {typ: 0x6ffffff0, name: "VERSYM"}, {typ: 0x6ffffff5, name: "GNU_ATTRIBUTES"},
	{typ: 0x6ffffff6, name: "GNU_HASH"}, {typ: 0x6ffffff7, name: "GNU_LIBLIST"}, {typ: 0x6ffffffc, name: "VERDEF"},
	{typ: 0x6ffffffd, name: "VERDEF"}, {typ: 0x6ffffffe, name: "VERNEED"}, {typ: 0x6fffffff, name: "VERSYM"},
	{typ: 0x7ffffffd, name: "AUXILIARY"}, {typ: 0x7fffffff, name: "FILTER"},
	{0x70000001, "ARM_EXIDX", elf.EM_ARM, 0}, {0x70000002, "ARM_PREEMPTMAP", elf.EM_ARM, 0}, {0x70000003, "ARM_ATTRIBUTES", elf.EM_ARM, 0},
	{0x70000004, "ARM_DEBUGOVERLAY", elf.EM_ARM, 0}, {0x70000005, "ARM_OVERLAYSECTION", elf.EM_ARM, 0},
	{0x70000001, "X86_64_UNWIND", elf.EM_X86_64, 0}, {0x70000001, "X86_64_UNWIND", elf.EM_L10M, 0}, {0x70000001, "X86_64_UNWIND", elf.EM_K10M, 0},
	{0x70000003, "AARCH64_ATTRIBUTES", elf.EM_AARCH64, 0},
	{0x70000003, "RISCV_ATTRIBUTES", elf.EM_RISCV, 0},
	{0x70000003, "MSP430_ATTRIBUTES", elf.EM_MSP430, 0},
	{0x70000001, "ARC_ATTRIBUTES", elf.EM_ARC, 0},
	{0x70000001, "CSKY_ATTRIBUTES", 252, 0},
}

func sectionType(t elf.SectionType, h *elfcore.Header) string {
	typ := uint32(t)
	switch name := typeName(sectionTypes, typ, h); {
	case name != "":
		return name
	case typ >= firstUser:
		return inRange(typ, firstUser, "LOUSER")
	case typ >= firstCPU:
		return inRange(typ, firstCPU, "LOPROC")
	case typ >= firstOS:
		return inRange(typ, firstOS, "LOOS")
	}
	return fmt.Sprintf("%08x: <unknown>", typ)
}
