package readelf

import "debug/elf"

// flagRow names a part of e_flags: text stands for it if the bits of mask have
// the value, and any bit of any is set where that is not 0. A row whose value
// is others stands for the values of its mask that no other row has. Rows stand
// in the order in which GNU readelf 2.40 prints them.
type flagRow struct {
	mask, value, any uint32
	text             string
}

const others = ^uint32(0)

// flagTables are the flags of the CPUs of which corelift, Linux and the BSDs
// have core files. AArch64, Xtensa, i386 and x86-64 define none.
var flagTables = [...]struct {
	machine elf.Machine
	rows    []flagRow
}{
	{elf.EM_ARM, armFlags},
	{elf.EM_RISCV, riscvFlags},
	{elf.EM_MIPS, mipsFlags},
	{elf.EM_MIPS_RS3_LE, mipsFlags},
	{elf.EM_PPC, []flagRow{
		{0x80000000, 0x80000000, 0, "emb"}, {0x10000, 0x10000, 0, "relocatable"}, {0x8000, 0x8000, 0, "relocatable-lib"},
	}},
	{elf.EM_PPC64, []flagRow{{3, 1, 0, "abiv1"}, {3, 2, 0, "abiv2"}, {3, 3, 0, "abiv3"}}},
	{elf.EM_LOONGARCH, []flagRow{
		{7, 1, 0, "SOFT-FLOAT"}, {7, 2, 0, "SINGLE-FLOAT"}, {7, 3, 0, "DOUBLE-FLOAT"},
		{0xc0, 0, 0, "OBJ-v0"}, {0xc0, 0x40, 0, "OBJ-v1"},
	}},
	{elf.EM_S390, []flagRow{{1, 1, 0, "highgprs"}}},
	{elf.EM_OPENRISC, []flagRow{{1, 1, 0, "no delay"}}},
	{elf.EM_PARISC, []flagRow{
		{0x10000, 0x10000, 0, "trapnil"}, {0x20000, 0x20000, 0, "ext"}, {0x40000, 0x40000, 0, "lsb"},
		{0x80000, 0x80000, 0, "wide"}, {0x100000, 0x100000, 0, "no kabp"}, {0x400000, 0x400000, 0, "lazyswap"},
	}},
	{elf.EM_VAX, []flagRow{{1, 1, 0, "non-PIC"}, {0x100, 0x100, 0, "D-Float"}, {0x200, 0x200, 0, "G-Float"}}},
	{elf.EM_BLACKFIN, []flagRow{
		{1, 1, 0, "PIC"}, {2, 2, 0, "FDPIC"}, {0x10, 0x10, 0, "code in L1"}, {0x20, 0x20, 0, "data in L1"},
	}},
	{elf.EM_IA_64, []flagRow{
		{0x10, 0x10, 0, "64-bit"}, {0x10, 0, 0, "32-bit"}, {0x20, 0x20, 0, "reduced fp model"},
		{0x80, 0x80, 0, "no function descriptors"}, {0xc0, 0x40, 0, "constant gp"}, {0x80, 0x80, 0, "constant gp"},
		{0x100, 0x100, 0, "absolute"},
	}},
	{elf.EM_SPARCV9, []flagRow{
		{0x100, 0x100, 0, "v8+"}, {0x200, 0x200, 0, "ultrasparcI"}, {0x800, 0x800, 0, "ultrasparcIII"},
		{0x400, 0x400, 0, "halr1"}, {0x800000, 0x800000, 0, "ledata"},
		{3, 0, 0, "tso"}, {3, 1, 0, "pso"}, {3, 2, 0, "rmo"},
	}},
}

// armEABI is the version of the EABI, which says what the other bits mean. The
// rows "<unknown>" have the bits that mean nothing in that version; version 3
// has no meaning for any and no word about it.
const armEABI = 0xff000000

var armFlags = []flagRow{
	{1, 1, 0, "relocatable executable"},
	{0x20, 0x20, 0, "position independent"},

	{armEABI, 0x00000000, 0, "GNU EABI"},
	{armEABI | 0x4, 0x4, 0, "interworking enabled"},
	{armEABI | 0x8, 0x8, 0, "uses APCS/26"},
	{armEABI | 0x10, 0x10, 0, "uses APCS/float"},
	{armEABI | 0x40, 0x40, 0, "8 bit structure alignment"},
	{armEABI | 0x80, 0x80, 0, "uses new ABI"},
	{armEABI | 0x100, 0x100, 0, "uses old ABI"},
	{armEABI | 0x200, 0x200, 0, "software FP"},
	{armEABI | 0x400, 0x400, 0, "VFP"},
	{armEABI | 0x800, 0x800, 0, "Maverick FP"},
	{armEABI, 0x00000000, 0x00fff002, "<unknown>"},

	{armEABI, 0x01000000, 0, "Version1 EABI"},
	{armEABI | 0x4, 0x01000004, 0, "sorted symbol tables"},
	{armEABI, 0x01000000, 0x00ffffda, "<unknown>"},

	{armEABI, 0x02000000, 0, "Version2 EABI"},
	{armEABI | 0x4, 0x02000004, 0, "sorted symbol tables"},
	{armEABI | 0x8, 0x02000008, 0, "dynamic symbols use segment index"},
	{armEABI | 0x10, 0x02000010, 0, "mapping symbols precede others"},
	{armEABI, 0x02000000, 0x00ffffc2, "<unknown>"},

	{armEABI, 0x03000000, 0, "Version3 EABI"},

	{armEABI, 0x04000000, 0, "Version4 EABI"},
	{armEABI | 0x400000, 0x04400000, 0, "LE8"},
	{armEABI | 0x800000, 0x04800000, 0, "BE8"},
	{armEABI, 0x04000000, 0x003fffde, "<unknown>"},

	{armEABI, 0x05000000, 0, "Version5 EABI"},
	{armEABI | 0x200, 0x05000200, 0, "soft-float ABI"},
	{armEABI | 0x400, 0x05000400, 0, "hard-float ABI"},
	{armEABI | 0x400000, 0x05400000, 0, "LE8"},
	{armEABI | 0x800000, 0x05800000, 0, "BE8"},
	{armEABI, 0x05000000, 0x003ff9de, "<unknown>"},

	{armEABI, others, 0, "<unrecognized EABI>"},
	{armEABI, others, 0x00ffffde, "<unknown>"},
}

var riscvFlags = []flagRow{
	{1, 1, 0, "RVC"}, {8, 8, 0, "RVE"}, {0x10, 0x10, 0, "TSO"},
	{6, 0, 0, "soft-float ABI"}, {6, 2, 0, "single-float ABI"}, {6, 4, 0, "double-float ABI"}, {6, 6, 0, "quad-float ABI"},
}

const (
	mipsABI = 0xf000
	mipsCPU = 0xff0000
	mipsISA = 0xf0000000
)

var mipsFlags = []flagRow{
	{0x1, 0x1, 0, "noreorder"}, {0x2, 0x2, 0, "pic"}, {0x4, 0x4, 0, "cpic"}, {0x10, 0x10, 0, "ugen_reserved"}, {0x20, 0x20, 0, "abi2"},
	{0x80, 0x80, 0, "odk first"}, {0x100, 0x100, 0, "32bitmode"}, {0x400, 0x400, 0, "nan2008"}, {0x200, 0x200, 0, "fp64"},

	{mipsCPU, 0, 0, ""}, {mipsCPU, 0x810000, 0, "3900"}, {mipsCPU, 0x820000, 0, "4010"}, {mipsCPU, 0x830000, 0, "4100"},
	{mipsCPU, 0x850000, 0, "4650"}, {mipsCPU, 0x870000, 0, "4120"}, {mipsCPU, 0x880000, 0, "4111"}, {mipsCPU, 0x8a0000, 0, "sb1"},
	{mipsCPU, 0x8b0000, 0, "octeon"}, {mipsCPU, 0x8c0000, 0, "xlr"}, {mipsCPU, 0x8d0000, 0, "octeon2"},
	{mipsCPU, 0x8e0000, 0, "octeon3"}, {mipsCPU, 0x910000, 0, "5400"}, {mipsCPU, 0x920000, 0, "5900"},
	{mipsCPU, 0x930000, 0, "interaptiv-mr2"}, {mipsCPU, 0x980000, 0, "5500"}, {mipsCPU, 0x990000, 0, "9000"},
	{mipsCPU, 0xa00000, 0, "loongson-2e"}, {mipsCPU, 0xa10000, 0, "loongson-2f"}, {mipsCPU, 0xa20000, 0, "gs464"},
	{mipsCPU, 0xa30000, 0, "gs464e"}, {mipsCPU, 0xa40000, 0, "gs264e"}, {mipsCPU, others, 0, "unknown CPU"},

	{mipsABI, 0, 0, ""}, {mipsABI, 0x1000, 0, "o32"}, {mipsABI, 0x2000, 0, "o64"}, {mipsABI, 0x3000, 0, "eabi32"},
	{mipsABI, 0x4000, 0, "eabi64"}, {mipsABI, others, 0, "unknown ABI"},

	{0x8000000, 0x8000000, 0, "mdmx"}, {0x4000000, 0x4000000, 0, "mips16"}, {0x2000000, 0x2000000, 0, "micromips"},

	{mipsISA, 0, 0, "mips1"}, {mipsISA, 0x10000000, 0, "mips2"}, {mipsISA, 0x20000000, 0, "mips3"}, {mipsISA, 0x30000000, 0, "mips4"},
	{mipsISA, 0x40000000, 0, "mips5"}, {mipsISA, 0x50000000, 0, "mips32"}, {mipsISA, 0x60000000, 0, "mips64"},
	{mipsISA, 0x70000000, 0, "mips32r2"}, {mipsISA, 0x80000000, 0, "mips64r2"}, {mipsISA, 0x90000000, 0, "mips32r6"},
	{mipsISA, 0xa0000000, 0, "mips64r6"}, {mipsISA, others, 0, "unknown ISA"},
}

// flagNames names the flags of e_flags; none if they are 0, or of a CPU that
// flagTables does not have.
func flagNames(m elf.Machine, flags uint32) (names []string) {
	if flags == 0 {
		return nil
	}
	for _, t := range flagTables {
		if t.machine != m {
			continue
		}
		for _, row := range t.rows {
			if row.matches(flags, t.rows) && row.text != "" {
				names = append(names, row.text)
			}
		}
	}
	return names
}

func (r *flagRow) matches(flags uint32, rows []flagRow) bool {
	if r.any != 0 && flags&r.any == 0 {
		return false
	}
	if r.value != others {
		return flags&r.mask == r.value
	}
	for _, row := range rows {
		if row.mask == r.mask && row.value == flags&r.mask {
			return false
		}
	}
	return true
}
