package notes

import (
	"fmt"
	"strings"
)

// Linux decodes the notes of owner LINUX: what CPUs have besides the registers
// that all have.
//
// Source: Linux 6.1 uapi/linux/elf.h and the CPUs' uapi/asm/ptrace.h; types
// above 0x40b, 0x901 and 0xa04 from later patches.
var Linux = Table{
	{Owner: "LINUX", Type: 0x46e62b7f, Name: "NT_PRXFPREG", Fields: registerNote, Holds: "floating point and vector registers"},
	{Owner: "LINUX", Type: 0x200, Name: "NT_386_TLS", Record: "| entry:u4 base:x4 limit:x4 flags:x4"},
	{Owner: "LINUX", Type: 0x201, Name: "NT_386_IOPERM", Fields: ioPermissions, Holds: "ranges of ports that the program may use"},
	{Owner: "LINUX", Type: 0x202, Name: "NT_X86_XSTATE", Fields: xState, Holds: "FXSAVE registers, XCR0, XSTATE_BV, XCOMP_BV, upper halves of ymm"},
	{Owner: "LINUX", Type: 0x204, Name: "NT_X86_SHSTK", Record: "ssp:x8"},
	{Owner: "LINUX", Type: 0x205, Name: "NT_X86_XSAVE_LAYOUT", Record: "| component:u4=x86.component size:u4 offset:u4 flags:x4"},

	{Owner: "LINUX", Type: 0x400, Name: "NT_ARM_VFP", Fields: registerNote, Holds: "floating point and vector registers"},
	{Owner: "LINUX", Type: 0x401, Name: "NT_ARM_TLS", Record: "tp:x tp2:x"},
	{Owner: "LINUX", Type: 0x402, Name: "NT_ARM_HW_BREAK", Record: hardwareDebug},
	{Owner: "LINUX", Type: 0x403, Name: "NT_ARM_HW_WATCH", Record: hardwareDebug},
	{Owner: "LINUX", Type: 0x404, Name: "NT_ARM_SYSTEM_CALL", Record: "syscall:i4"},
	{Owner: "LINUX", Type: 0x405, Name: "NT_ARM_SVE", Record: vectorHeader},
	{Owner: "LINUX", Type: 0x406, Name: "NT_ARM_PAC_MASK", Record: "data_mask:x8 insn_mask:x8"},
	{Owner: "LINUX", Type: 0x407, Name: "NT_ARM_PACA_KEYS", Record: "apiakey:x16 apibkey:x16 apdakey:x16 apdbkey:x16"},
	{Owner: "LINUX", Type: 0x408, Name: "NT_ARM_PACG_KEYS", Record: "apgakey:x16"},
	{Owner: "LINUX", Type: 0x409, Name: "NT_ARM_TAGGED_ADDR_CTRL", Record: "control:x8"},
	{Owner: "LINUX", Type: 0x40a, Name: "NT_ARM_PAC_ENABLED_KEYS", Record: "enabled:x8"},
	{Owner: "LINUX", Type: 0x40b, Name: "NT_ARM_SSVE", Record: vectorHeader},
	{Owner: "LINUX", Type: 0x40c, Name: "NT_ARM_ZA", Record: vectorHeader},
	{Owner: "LINUX", Type: 0x40d, Name: "NT_ARM_ZT", Record: "| zt:x16"},
	{Owner: "LINUX", Type: 0x40e, Name: "NT_ARM_FPMR", Record: "fpmr:x8"},
	{Owner: "LINUX", Type: 0x40f, Name: "NT_ARM_POE", Record: "por_el0:x8"},
	{Owner: "LINUX", Type: 0x410, Name: "NT_ARM_GCS", Record: "features_enabled:x8 features_locked:x8 gcspr_el0:x8"},

	{Owner: "LINUX", Type: 0x900, Name: "NT_RISCV_CSR", Record: "| csr:x"},
	{Owner: "LINUX", Type: 0x901, Name: "NT_RISCV_VECTOR", Fields: riscvVector, Holds: "vstart vl vtype vcsr vlenb, v[0..31]"},
	{Owner: "LINUX", Type: 0x902, Name: "NT_RISCV_TAGGED_ADDR_CTRL", Record: "control:x"},
	{Owner: "LINUX", Type: 0x903, Name: "NT_RISCV_USER_CFI", Record: "status:x8 shadow_stack:x8"},

	{Owner: "LINUX", Type: 0xa00, Name: "NT_LOONGARCH_CPUCFG", Record: "| cpucfg:x4"},
	{Owner: "LINUX", Type: 0xa01, Name: "NT_LOONGARCH_CSR", Record: "| csr:x8"},
	{Owner: "LINUX", Type: 0xa02, Name: "NT_LOONGARCH_LSX", Record: "| vr:x16"},
	{Owner: "LINUX", Type: 0xa03, Name: "NT_LOONGARCH_LASX", Record: "| xr:x32"},
	{Owner: "LINUX", Type: 0xa04, Name: "NT_LOONGARCH_LBT", Record: "scr:x8*4 eflags:x4 ftop:x4"},
	{Owner: "LINUX", Type: 0xa05, Name: "NT_LOONGARCH_HW_BREAK", Record: loongArchDebug},
	{Owner: "LINUX", Type: 0xa06, Name: "NT_LOONGARCH_HW_WATCH", Record: loongArchDebug},
}

const (
	// hardwareDebug is user_hwdebug_state: slots of breakpoints or watchpoints.
	hardwareDebug  = "info:x4 _4 | address:x8 control:x4 _4"
	loongArchDebug = "info:x8 | address:x8 mask:x8 control:x4 _4"
	// vectorHeader is user_sve_header and user_za_header; sizes and vector
	// lengths are bytes. The registers behind it stay undecoded: how they lie
	// depends on the flags and the length.
	vectorHeader = "size:u4 max_size:u4 vl:u2 max_vl:u2 flags:x2 _2"
)

// ioPermissions lists the ports that a program may use: bits that are 0.
func ioPermissions(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	allowed := func(port int) bool { return d.desc[port/8]>>(port%8)&1 == 0 }
	ports := 8 * min(len(d.desc), 65536/8)
	var ranges []string
	for port := 0; port < ports; port++ {
		if !allowed(port) {
			continue
		}
		first := port
		for port+1 < ports && allowed(port+1) {
			port++
		}
		ranges = append(ranges, fmt.Sprintf("%#x-%#x", first, port))
	}
	text := strings.Join(ranges, " ")
	if text == "" {
		text = "none"
	}
	d.add("ports", text, len(d.desc))
	return d.done()
}

// xFeatures are the bits of XCR0 and of XSTATE_BV, and the numbers of the
// components (Intel SDM volume 1, 13.1).
var xFeatures = []string{"x87", "SSE", "AVX", "BNDREGS", "BNDCSR", "opmask", "ZMM_Hi256", "Hi16_ZMM", "PT", "PKRU", "PASID", "CET_U", "CET_S",
	"HDC", "UINTR", "LBR", "HWP", "TILECFG", "TILEDATA", "APX"}

// Offsets in the XSAVE area, in bytes (Intel SDM volume 1, 13.4). Linux stores
// XCR0 where the processor leaves bytes to software.
const (
	xcr0At, xHeaderAt, xHighAt = 464, 512, 576
	xHasAVX                    = 1 << 2
)

// xState decodes the XSAVE area: FXSAVE, header, and the upper halves of the
// ymm registers. The rest lies where the CPU that crashed says.
func xState(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	if d.left() < xHighAt {
		d.fail("XSAVE area of %d bytes, want %d at least", d.left(), xHighAt)
		return d.done()
	}
	if d.Arch != nil {
		fields, err := registerNote(n, x)
		if err != nil {
			return fields, err
		}
		d.fields = fields
	}
	d.at = xcr0At
	d.structure("xcr0:x8=x86.features", "")
	d.at = xHeaderAt
	has := d.uint(d.at, 8)&xHasAVX != 0
	d.structure("xstate_bv:x8=x86.features xcomp_bv:x8", "")
	d.at = xHighAt
	if has {
		for i := range 16 {
			if !d.Is64 && i == 8 {
				break
			}
			d.structure(fmt.Sprintf("ymm%dh:x16", i), "")
		}
	}
	return d.done()
}

// riscvVector decodes the vector unit's control registers and, from the length
// of a register that they tell, the registers.
func riscvVector(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	if !d.structure("vstart:u vl:u vtype:x vcsr:x vlenb:u", "") {
		return d.done()
	}
	vlenb := d.uint(4*d.pointer(), d.pointer())
	const longest = 8192 // bytes of a register, 65,536 bits
	if vlenb == 0 || vlenb > longest {
		return d.done()
	}
	d.record(Record(fmt.Sprintf("v:x%d*32", vlenb)))
	return d.done()
}
