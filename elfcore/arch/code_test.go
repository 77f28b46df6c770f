package arch

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// What an instruction is, if not a direct call of an address.
const (
	none     uint64 = 1<<64 - 1 - iota // neither call nor trap
	indirect                           // a call of what a register or memory holds
	trap                               // enters the kernel
)

// insn is one instruction, as the GNU assemblers (binutils 2.40) made it of the
// text and objdump shows it. RISC-V's auipc is in one row with what follows.
type insn struct {
	addr uint64 // of its first byte
	code string // in the order of memory
	text string
	is   uint64
}

var thumbCode = []insn{
	{0x1002, "fff7fdff", "bl 1000", 0x1000},
	{0x1006, "00f014f8", "bl 1032", 0x1032},
	{0x100a, "fef0f9df", "bl 900000", 0x900000}, // its second half alone is svc 249
	{0x100e, "9847", "blx r3", indirect},
	{0x1010, "f047", "blx lr", indirect},
	{0x1012, "9447", "blxns r2", indirect},
	{0x1014, "1847", "bx r3", none},
	{0x1016, "00f00cb8", "b.w 1032", none},
	{0x101a, "0ae0", "b.n 1032", none},
	{0x101c, "40f00980", "bne.w 1032", none},
	{0x1020, "7047", "bx lr", none},
	{0x1022, "02df", "svc 2", trap},
	{0x1024, "ffdf", "svc 255", trap},
	{0x1026, "00de", "udf #0", none},
	{0x1028, "00be", "bkpt 0x0000", none},
	{0x1000, "00bf", "nop", none},
	{0x102a, "4868", "ldr r0, [r1, #4]", none},
	{0x102c, "c046", "mov r8, r8", none},
	{0x102e, "dfe800f0", "tbb [pc, r0]", none},
}

var code = []struct {
	a     *Arch
	insns []insn
}{
	{CortexM, thumbCode},
	{CortexM, []insn{{0x1002, "00f006e8", "blx 1010", none}}}, // there is no ARM state
	{ARM, thumbCode},
	{ARM, []insn{
		{0x1002, "00f006e8", "blx 1010", 0x1010}, // Thumb to ARM, from either half of a word
		{0x1008, "00f002e8", "blx 1010", 0x1010},
		{0x1000, "00f000eb", "blx 1604", 0x1604}, // in ARM state bl 3d008
		{0x1014, "fdffffeb", "bl 1010", 0x1010},
		{0x1018, "0d0000eb", "bl 1054", 0x1054},
		{0x101c, "0c00000b", "bleq 1054", 0x1054},
		{0x1020, "f6fffffa", "blx 1000", 0x1000},
		{0x1024, "0b0000fa", "blx 1058", 0x1058},
		{0x1028, "0a0000fb", "blx 105a", 0x105a}, // to the second half of a word
		{0x102c, "33ff2fe1", "blx r3", indirect},
		{0x1030, "33ff2f11", "blxne r3", indirect},
		{0x1034, "13ff2fe1", "bx r3", none},
		{0x1038, "050000ea", "b 1054", none},
		{0x103c, "0400000a", "beq 1054", none},
		{0x1040, "0ef0a0e1", "mov pc, lr", none},
		{0x1044, "020000ef", "svc 0x00000002", trap},
		{0x1048, "020000cf", "svcgt 0x00000002", none},
		{0x104c, "f000f0e7", "udf #0", none},
		{0x1050, "04f09fe5", "ldr pc, [pc, #4]", none},
		{0x1010, "00f020e3", "nop {0}", none},
		{0x1010, "5df804fb", "ldr.w pc, [sp], #4", none},
		{0x1010, "0000100b", "bleq 401018", none}, // over more than 4 MiB
	}},
	{AArch64, []insn{
		{0x1004, "ffffff97", "bl 1000", 0x1000},
		{0x1008, "14000094", "bl 1058", 0x1058},
		{0x100c, "fdfbff94", "bl 4000000", 0x4000000},
		{0x1010, "60003fd6", "blr x3", indirect},
		{0x1014, "c0033fd6", "blr x30", indirect},
		{0x1018, "64083fd7", "blraa x3, x4", indirect},
		{0x101c, "7f083fd6", "blraaz x3", indirect},
		{0x1020, "7f0c3fd7", "blrab x3, sp", indirect},
		{0x1024, "7f0c3fd6", "blrabz x3", indirect},
		{0x1028, "60001fd6", "br x3", none},
		{0x102c, "64081fd7", "braa x3, x4", none},
		{0x1030, "c0035fd6", "ret", none},
		{0x1034, "ff0b5fd6", "retaa", none},
		{0x1038, "08000014", "b 1058", none},
		{0x103c, "e1000054", "b.ne 1058", none},
		{0x1040, "c00000b4", "cbz x0, 1058", none},
		{0x1044, "a0001837", "tbnz w0, #3, 1058", none},
		{0x1048, "410000d4", "svc #0x2", trap},
		{0x104c, "020000d4", "hvc #0x0", none},
		{0x1050, "000020d4", "brk #0x0", none},
		{0x1054, "00000000", "udf #0", none},
		{0x1058, "1f2003d5", "nop", none},
	}},
	{RV32, riscvCode},
	{RV64, riscvCode},
	{RV32, []insn{
		{0x1080, "fd3f", "c.jal 107e", 0x107e},
		{0x1082, "9d20", "c.jal 10e8", 0x10e8},
		{0x10e8, "593f", "c.jal 107e", 0x107e},
		{0x100, "6ff0dfef", "jal zero,fffffffc", none},
		{0x100, "eff0dfef", "jal ra,fffffffc", 0xfffffffc}, // addresses wrap round at 32 bits
	}},
	{RV64, []insn{
		{0x1080, "fd3f", "c.addiw t6,-1", none},
		{0x1080, "0d25", "c.addiw a0,3", none},
		{0x100, "eff0dfef", "jal ra,fffffffffffffffc", 0xfffffffffffffffc},
	}},
	{I386, []insn{
		{0x1001, "e8faffffff", "call 1000", 0x1000},
		{0x1006, "e848000000", "call 1053", 0x1053},
		{0x1000, "e8f7efffff", "call fffffffc", 0xfffffffc},
		{0x100b, "ffd0", "call *%eax", indirect},
		{0x100d, "ffd7", "call *%edi", indirect},
		{0x100f, "ff10", "call *(%eax)", indirect},
		{0x1011, "ff5008", "call *0x8(%eax)", indirect},
		{0x1014, "ff9534120000", "call *0x1234(%ebp)", indirect},
		{0x101a, "ff1424", "call *(%esp)", indirect},
		{0x101d, "ff542408", "call *0x8(%esp)", indirect},
		{0x1021, "ff942434120000", "call *0x1234(%esp)", indirect},
		{0x1028, "ff14d8", "call *(%eax,%ebx,8)", indirect},
		{0x102b, "ff14dd34120000", "call *0x1234(,%ebx,8)", indirect},
		{0x1032, "ff1578563412", "call *0x12345678", indirect},
		{0x1038, "ffe0", "jmp *%eax", none},
		{0x103a, "ff6008", "jmp *0x8(%eax)", none},
		{0x103d, "ff7008", "push 0x8(%eax)", none},
		{0x1040, "50", "push %eax", none},
		{0x1041, "40", "inc %eax", none},
		{0x1042, "ebbc", "jmp 1000", none},
		{0x1044, "eb0d", "jmp 1053", none},
		{0x1046, "750b", "jne 1053", none},
		{0x1048, "c3", "ret", none},
		{0x1049, "cd20", "int $0x20", trap},
		{0x104b, "cd80", "int $0x80", trap},
		{0x104d, "cc", "int3", none},
		{0x104e, "0f0b", "ud2", none},
		{0x1052, "f4", "hlt", none},
	}},
	{AMD64, []insn{
		{0x1001, "e8faffffff", "call 1000", 0x1000},
		{0x1006, "e853000000", "call 105e", 0x105e},
		{0x100b, "ffd0", "call *%rax", indirect},
		{0x100d, "41ffd2", "call *%r10", indirect},
		{0x1010, "ff10", "call *(%rax)", indirect},
		{0x1012, "41ff5500", "call *0x0(%r13)", indirect},
		{0x1016, "ff5008", "call *0x8(%rax)", indirect},
		{0x1019, "ff9034120000", "call *0x1234(%rax)", indirect},
		{0x101f, "ff1424", "call *(%rsp)", indirect},
		{0x1022, "ff542408", "call *0x8(%rsp)", indirect},
		{0x1026, "ff942434120000", "call *0x1234(%rsp)", indirect},
		{0x102d, "ff14d8", "call *(%rax,%rbx,8)", indirect},
		{0x1030, "ff14dd34120000", "call *0x1234(,%rbx,8)", indirect},
		{0x1037, "ff1521000000", "call *0x21(%rip)", indirect},
		{0x103d, "43ff546c08", "call *0x8(%r12,%r13,2)", indirect},
		{0x1042, "ffe0", "jmp *%rax", none},
		{0x1044, "ff6008", "jmp *0x8(%rax)", none},
		{0x1047, "ff7008", "push 0x8(%rax)", none},
		{0x104b, "ffc0", "inc %eax", none},
		{0x104f, "eb0d", "jmp 105e", none},
		{0x1053, "c3", "ret", none},
		{0x1054, "cd20", "int $0x20", trap},
		{0x1058, "cc", "int3", none},
		{0x1059, "0f0b", "ud2", none},
		{0x105b, "0f05", "syscall", none}, // not how a kernel panics
	}},
	{Xtensa, []insn{
		// From an ESP32 program, but the last of them, which are by the ISA
		// manual's encodings.
		{0x40080b35, "e5ba55", "call8 400d66e4", 0x400d66e4},
		{0x40080b4b, "a50301", "call8 40081b84", 0x40081b84},
		{0x40085a0d, "c53700", "call0 40085d8c", 0x40085d8c},
		{0x40080b32, "e00800", "callx8 a8", indirect},
		{0x40080000, "d5ffff", "call4 40080000", 0x40080000},
		{0x40080003, "750000", "call12 40080008", 0x40080008},
		{0x40080000, "c00000", "callx0 a0", indirect},
		{0x40080000, "f00f00", "callx12 a15", indirect},
		{0x40080000, "800000", "ret", none},
		{0x40080000, "900000", "retw", none},
		{0x40080000, "a00800", "jx a8", none},
		{0x40080000, "060000", "j 40080004", none},
		{0x40080000, "364100", "entry a1, 32", none},
		{0x40080000, "005000", "syscall", trap},
		{0x40080000, "005100", "simcall", none},
		{0x40080000, "f04100", "break 1, 15", none},
		{0x40080000, "000000", "ill", none},
	}},
}

var riscvCode = []insn{
	{0x1002, "eff0ffff", "jal ra,1000", 0x1000},
	{0x1006, "ef008007", "jal ra,107e", 0x107e},
	{0x100a, "ef024007", "jal t0,107e", 0x107e},
	{0x100e, "97000000e78020ff", "auipc ra,0x0; jalr ra,-14(ra)", 0x1000},
	{0x1016, "17030000e702a3fe", "auipc t1,0x0; jalr t0,-22(t1)", 0x1000},
	{0x101e, "97000000e7800006", "auipc ra,0x0; jalr ra,96(ra)", 0x107e},
	{0x1026, "17533412e7000380", "auipc t1,0x12345; jalr ra,-2048(t1)", 0x12345826},
	{0x102e, "17533412e7800301", "auipc t1,0x12345; jalr ra,16(t2)", indirect},
	{0x1036, "e7800700", "jalr ra,0(a5)", indirect},
	{0x103a, "e7028300", "jalr t0,8(t1)", indirect},
	{0x1042, "6f00c003", "jal zero,107e", none},
	{0x1046, "67800700", "jalr zero,0(a5)", none},
	{0x104a, "67800000", "jalr zero,0(ra)", none},
	{0x104e, "67850700", "jalr a0,0(a5)", none},
	{0x1052, "6f05c002", "jal a0,107e", none},
	{0x1056, "6304b502", "beq a0,a1,107e", none},
	{0x105a, "17030000670063fa", "auipc t1,0x0; jalr zero,-90(t1)", none},
	{0x1062, "73000000", "ecall", trap},
	{0x1066, "73001000", "ebreak", none},
	{0x106a, "73002030", "mret", none},
	{0x106e, "b7503412", "lui ra,0x12345", none},
	{0x1072, "8297", "c.jalr a5", indirect},
	{0x1074, "8287", "c.jr a5", none},
	{0x1076, "0290", "c.ebreak", none},
	{0x1078, "19a0", "c.j 107e", none},
	{0x107a, "11c1", "c.beqz a0,107e", none},
	{0x107c, "0100", "c.nop", none},
}

// before gives the bytes of an instruction alone, and behind others.
func (i insn) before(t *testing.T) (end uint64, runs [][]byte) {
	b, err := hex.DecodeString(i.code)
	if err != nil {
		t.Fatal(i.text, err)
	}
	return i.addr + uint64(len(b)), [][]byte{b, append(make([]byte, 8), b...)}
}

func TestCalls(t *testing.T) {
	for _, cpu := range code {
		for _, i := range cpu.insns {
			end, runs := i.before(t)
			isCall, direct := i.is != none && i.is != trap, i.is < trap
			for _, b := range runs {
				if got := cpu.a.CallBefore(b); got != isCall {
					t.Errorf("%s: %s: CallBefore(%x) is %v", cpu.a.Name, i.text, b, got)
				}
				target, ok := cpu.a.CallTarget(b, end)
				if ok != direct || ok && target != i.is {
					t.Errorf("%s: %s: CallTarget(%x) is 0x%x, %v", cpu.a.Name, i.text, b, target, ok)
				}
			}
		}
	}
}

func TestTrapBefore(t *testing.T) {
	for _, cpu := range code {
		for _, i := range cpu.insns {
			_, runs := i.before(t)
			for _, b := range runs {
				size, ok := cpu.a.TrapBefore(b)
				if ok != (i.is == trap) || ok && size != len(runs[0]) {
					t.Errorf("%s: %s: TrapBefore(%x) is %d, %v", cpu.a.Name, i.text, b, size, ok)
				}
			}
		}
	}
}

// FuzzCode: no bytes, however few, make a decoder panic, and what they say goes
// together: what has a target is a call, targets lie in the address space, and
// traps in the bytes.
func FuzzCode(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	for _, cpu := range code {
		for _, i := range cpu.insns {
			b, _ := hex.DecodeString(i.code)
			f.Add(b, i.addr)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		for _, a := range All() {
			call := a.CallBefore(b)
			target, direct := a.CallTarget(b, addr)
			if direct && !call {
				t.Errorf("%s: %x has a target, but is no call", a.Name, b)
			}
			if direct && addr <= a.AddrMask() && target > a.AddrMask() {
				t.Errorf("%s: %x at 0x%x calls 0x%x", a.Name, b, addr, target)
			}
			if size, ok := a.TrapBefore(b); ok && (size < 2 || size > len(b)) {
				t.Errorf("%s: %x ends in a trap of %d bytes", a.Name, b, size)
			}
			for n := range b {
				var word [8]byte
				copy(word[:], b[n:])
				read := func(string) (uint64, bool) { return binary.LittleEndian.Uint64(word[:]), true }
				a.Fault(read).Signal()
				a.FaultAddr(read)
			}
		}
	})
}
