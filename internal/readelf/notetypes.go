package readelf

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"corelift/notes"
)

// gnuText is what GNU readelf says of a note type.
type gnuText struct {
	typ  uint32
	text string
}

// gnuOwner is how GNU readelf takes notes whose owner begins with prefix: what
// it calls their types, by the first of the lists that has one, and what it
// prints of a descriptor.
type gnuOwner struct {
	prefix string
	types  [][]gnuText
	// print prints the descriptor behind the line of owner, size and type, and
	// tells whether there was anything to print.
	print func(*writer, *gnuNote) bool
}

// gnuOwners are searched in order; the last takes all notes. Left out are the
// owners of notes that only programs have: SystemTap, VMS, build attributes.
var gnuOwners = []gnuOwner{
	{"GNU", [][]gnuText{gnuTypes}, (*writer).printGNU},
	{"FreeBSD", [][]gnuText{freebsdTypes, coreTypes}, (*writer).printData},
	{netbsdCore, [][]gnuText{netbsdTypes}, (*writer).printData},
	{"OpenBSD", [][]gnuText{openbsdTypes, coreTypes}, (*writer).printData},
	{coreOwner, [][]gnuText{coreTypes}, (*writer).printCore},
	{"FDO", [][]gnuText{coreTypes}, (*writer).printPackage},
	{"", [][]gnuText{coreTypes}, (*writer).printData},
}

const coreOwner = "CORE"

func gnuOwnerOf(n notes.Note) *gnuOwner {
	i := slices.IndexFunc(gnuOwners, func(o gnuOwner) bool { return strings.HasPrefix(n.Owner, o.prefix) })
	return &gnuOwners[i]
}

// gnuType is what GNU readelf calls the type of a note in a file for a machine;
// known is false if it has no name for it.
func gnuType(n notes.Note, m elf.Machine) (text string, known bool) {
	owner := gnuOwnerOf(n)
	if owner.prefix == netbsdCore && n.Type >= netbsdMachine {
		return netbsdType(n.Type-netbsdMachine, m), true
	}
	for _, list := range owner.types {
		for _, t := range list {
			if t.typ == n.Type {
				return t.text, true
			}
		}
	}
	return fmt.Sprintf("Unknown note type: (0x%08x)", n.Type), false
}

// NetBSD numbers the notes that depend on the machine from netbsdMachine on, as
// its ptrace requests.
const (
	netbsdCore    = "NetBSD-CORE"
	netbsdMachine = 0x20
)

// netbsdRegisters are the requests for the general and the floating point
// registers of machines where they are not 1 and 3.
var netbsdRegisters = []struct {
	machines       []elf.Machine
	general, float uint32
}{
	{[]elf.Machine{elf.EM_SPARC, elf.EM_SPARC32PLUS, elf.EM_SPARCV9, elf.EM_ALPHA_STD, elf.EM_ALPHA}, 0, 2},
	{[]elf.Machine{elf.EM_SH}, 3, 5},
}

// netbsdType names the request that is i behind netbsdMachine.
func netbsdType(i uint32, m elf.Machine) string {
	general, float := uint32(1), uint32(3)
	for _, r := range netbsdRegisters {
		if slices.Contains(r.machines, m) {
			general, float = r.general, r.float
		}
	}
	switch {
	case i == general:
		return "PT_GETREGS (reg structure)"
	case i == float:
		return "PT_GETFPREGS (fpreg structure)"
	case i == 1 && m == elf.EM_SH:
		return "PT___GETREGS40 (old reg structure)"
	}
	return fmt.Sprintf("PT_FIRSTMACH+%d", int32(i))
}

var gnuTypes = []gnuText{
	{1, "NT_GNU_ABI_TAG (ABI version tag)"},
	{2, "NT_GNU_HWCAP (DSO-supplied software HWCAP info)"},
	{3, "NT_GNU_BUILD_ID (unique build ID bitstring)"},
	{4, "NT_GNU_GOLD_VERSION (gold version)"},
	{5, "NT_GNU_PROPERTY_TYPE_0"},
	{0x100, "NT_GNU_BUILD_ATTRIBUTE_OPEN"},
	{0x101, "NT_GNU_BUILD_ATTRIBUTE_FUNC"},
}

var netbsdTypes = []gnuText{
	{1, "NetBSD procinfo structure"},
	{2, "NetBSD ELF auxiliary vector data"},
	{0x18, "PT_LWPSTATUS (ptrace_lwpstatus structure)"},
}

var freebsdTypes = []gnuText{
	{0x7, "NT_THRMISC (thrmisc structure)"},
	{0x8, "NT_PROCSTAT_PROC (proc data)"},
	{0x9, "NT_PROCSTAT_FILES (files data)"},
	{0xa, "NT_PROCSTAT_VMMAP (vmmap data)"},
	{0xb, "NT_PROCSTAT_GROUPS (groups data)"},
	{0xc, "NT_PROCSTAT_UMASK (umask data)"},
	{0xd, "NT_PROCSTAT_RLIMIT (rlimit data)"},
	{0xe, "NT_PROCSTAT_OSREL (osreldate data)"},
	{0xf, "NT_PROCSTAT_PSSTRINGS (ps_strings data)"},
	{0x10, "NT_PROCSTAT_AUXV (auxv data)"},
	{0x11, "NT_PTLWPINFO (ptrace_lwpinfo structure)"},
	{0x200, "NT_X86_SEGBASES (x86 segment base registers)"},
}

var openbsdTypes = []gnuText{
	{0xa, "OpenBSD procinfo structure"},
	{0xb, "OpenBSD ELF auxiliary vector data"},
	{0x14, "OpenBSD regular registers"},
	{0x15, "OpenBSD floating point registers"},
	{0x17, "OpenBSD window cookie"},
}

// coreTypes are those of Linux and of older systems.
var coreTypes = []gnuText{
	{0x1, "NT_PRSTATUS (prstatus structure)"},
	{0x2, "NT_FPREGSET (floating point registers)"},
	{0x3, "NT_PRPSINFO (prpsinfo structure)"},
	{0x4, "NT_TASKSTRUCT (task structure)"},
	{0x6, "NT_AUXV (auxiliary vector)"},
	{0xa, "NT_PSTATUS (pstatus structure)"},
	{0xc, "NT_FPREGS (floating point registers)"},
	{0xd, "NT_PSINFO (psinfo structure)"},
	{0x10, "NT_LWPSTATUS (lwpstatus_t structure)"},
	{0x11, "NT_LWPSINFO (lwpsinfo_t structure)"},
	{0x12, "NT_WIN32PSTATUS (win32_pstatus structure)"},
	{0x100, "NT_PPC_VMX (ppc Altivec registers)"},
	{0x102, "NT_PPC_VSX (ppc VSX registers)"},
	{0x103, "NT_PPC_TAR (ppc TAR register)"},
	{0x104, "NT_PPC_PPR (ppc PPR register)"},
	{0x105, "NT_PPC_DSCR (ppc DSCR register)"},
	{0x106, "NT_PPC_EBB (ppc EBB registers)"},
	{0x107, "NT_PPC_PMU (ppc PMU registers)"},
	{0x108, "NT_PPC_TM_CGPR (ppc checkpointed GPR registers)"},
	{0x109, "NT_PPC_TM_CFPR (ppc checkpointed floating point registers)"},
	{0x10a, "NT_PPC_TM_CVMX (ppc checkpointed Altivec registers)"},
	{0x10b, "NT_PPC_TM_CVSX (ppc checkpointed VSX registers)"},
	{0x10c, "NT_PPC_TM_SPR (ppc TM special purpose registers)"},
	{0x10d, "NT_PPC_TM_CTAR (ppc checkpointed TAR register)"},
	{0x10e, "NT_PPC_TM_CPPR (ppc checkpointed PPR register)"},
	{0x10f, "NT_PPC_TM_CDSCR (ppc checkpointed DSCR register)"},
	{0x200, "NT_386_TLS (x86 TLS information)"},
	{0x201, "NT_386_IOPERM (x86 I/O permissions)"},
	{0x202, "NT_X86_XSTATE (x86 XSAVE extended state)"},
	{0x203, "NT_X86_CET (x86 CET state)"},
	{0x300, "NT_S390_HIGH_GPRS (s390 upper register halves)"},
	{0x301, "NT_S390_TIMER (s390 timer register)"},
	{0x302, "NT_S390_TODCMP (s390 TOD comparator register)"},
	{0x303, "NT_S390_TODPREG (s390 TOD programmable register)"},
	{0x304, "NT_S390_CTRS (s390 control registers)"},
	{0x305, "NT_S390_PREFIX (s390 prefix register)"},
	{0x306, "NT_S390_LAST_BREAK (s390 last breaking event address)"},
	{0x307, "NT_S390_SYSTEM_CALL (s390 system call restart data)"},
	{0x308, "NT_S390_TDB (s390 transaction diagnostic block)"},
	{0x309, "NT_S390_VXRS_LOW (s390 vector registers 0-15 upper half)"},
	{0x30a, "NT_S390_VXRS_HIGH (s390 vector registers 16-31)"},
	{0x30b, "NT_S390_GS_CB (s390 guarded-storage registers)"},
	{0x30c, "NT_S390_GS_BC (s390 guarded-storage broadcast control)"},
	{0x400, "NT_ARM_VFP (arm VFP registers)"},
	{0x401, "NT_ARM_TLS (AArch TLS registers)"},
	{0x402, "NT_ARM_HW_BREAK (AArch hardware breakpoint registers)"},
	{0x403, "NT_ARM_HW_WATCH (AArch hardware watchpoint registers)"},
	{0x404, "NT_ARM_SYSTEM_CALL (AArch system call number)"},
	{0x405, "NT_ARM_SVE (AArch SVE registers)"},
	{0x406, "NT_ARM_PAC_MASK (AArch pointer authentication code masks)"},
	{0x407, "NT_ARM_PACA_KEYS (ARM pointer authentication address keys)"},
	{0x408, "NT_ARM_PACG_KEYS (ARM pointer authentication generic keys)"},
	{0x409, "NT_ARM_TAGGED_ADDR_CTRL (AArch tagged address control)"},
	{0x40a, "NT_ARM_PAC_ENABLED_KEYS (AArch64 pointer authentication enabled keys)"},
	{0x600, "NT_ARC_V2 (ARC HS accumulator/extra registers)"},
	{0x900, "NT_RISCV_CSR (RISC-V control and status registers)"},
	{0x46e62b7f, "NT_PRXFPREG (user_xfpregs structure)"},
	{0x53494749, "NT_SIGINFO (siginfo_t data)"},
	{0x46494c45, "NT_FILE (mapped files)"},
	{0xff000000, "NT_GDB_TDESC (GDB XML target description)"},
}
