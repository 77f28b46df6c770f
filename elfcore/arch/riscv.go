package arch

import (
	"debug/elf"
	"encoding/binary"
)

// riscvOrder is x1..x31 by ABI name.
const riscvOrder = "ra sp gp tp t0 t1 t2 s0 s1 a0-a7 s2-s11 t3-t6"

// RISCVEFlag is EF_RISCV_RVE: the program uses x0..x15 only.
const RISCVEFlag = 0x8

// RV32 and RV64 are RISC-V by register width. RV32E is RV32 whose x16..x31
// stay missing.
var (
	RV32 = riscv("riscv32", elf.ELFCLASS32, 32)
	RV64 = riscv("riscv64", elf.ELFCLASS64, 64)
)

// Debuggers read CSRs only under OS ABI "none" (gdb-cores.md 3), which
// is why neither EI_OSABI nor the description says Linux here.
func riscv(name string, class elf.Class, bits int) *Arch {
	regs := named(nil, "ra sp gp tp t0 t1 t2 s0 s1", bits, 1, General)
	regs = run(regs, "a", 0, 8, bits, 10, General)
	regs = run(regs, "s", 2, 10, bits, 18, General)
	regs = run(regs, "t", 3, 4, bits, 28, General)
	regs = append(regs, RegInfo{"pc", bits, -1, General})
	regs = named(regs, "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 "+
		"fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11", 64, 32, Float)
	regs = append(regs, RegInfo{"fcsr", 32, -1, Float})
	regs = named(regs, "mstatus mtvec mscratch mepc mcause mtval mhartid misa mie mip", bits, -1, Control)
	absent := uint64(0xbad0bad0)
	core := CoreRules{
		OSABI: elf.ELFOSABI_NONE, PRStatus: 204, PID: 24, Regs: 72,
		PRPSInfo: 128, PSPID: 16, PSName: 32, SigAddr: 12,
		Feature: "org.gnu.gdb.riscv.cpu", TDescOS: "none", CSR: true,
		// 32*flen+4 under OS ABI "none"; flen is 4 or 8 bytes.
		Float: FloatNote{
			Owner: "CORE", Type: 2, Narrow: true, Feature: "org.gnu.gdb.riscv.fpu",
			Layout: Layout{8, "ft0-ft7 fs0 fs1 fa0-fa7 fs2-fs11 ft8-ft11 fcsr:4"},
		},
	}
	if bits == 64 {
		absent = 0xbad0bad0bad0bad0
		core.PRStatus, core.PID, core.Regs = 376, 32, 112
		core.PRPSInfo, core.PSPID, core.PSName, core.SigAddr = 136, 24, 40, 16
	}
	return &Arch{
		Name: name, Machine: elf.EM_RISCV, Class: class, Regs: regs,
		PC: find(regs, "pc"), SP: find(regs, "sp"), LR: find(regs, "ra"), FP: find(regs, "s0"), Flags: NoReg,
		Linux: Layout{bits / 8, "pc " + riscvOrder},
		BSD:   Layout{bits / 8, "ra sp gp tp t0-t6 s0-s11 a0-a7 pc _"},
		Core:  core,
		// Of each 16 bytes a double takes the first 8, as the F and D
		// extensions are a part of Q.
		More:   []RegisterNote{{"FreeBSD", 2, Layout{16, "ft0-ft7 fs0 fs1 fa0-fa7 fs2-fs11 ft8-ft11 fcsr:4"}}},
		Saved:  finds(regs, "s0-s11"),
		Absent: absent, CodeMask: ^uint64(0),
		CallBefore: riscvCallBefore(bits),
		CallTarget: riscvCallTarget(bits),
		TrapBefore: riscvTrapBefore,
		Fault:      riscvFault(bits),
		FaultAddr:  riscvFaultAddr(bits),
	}
}

// isLink: the register number in an rd field names ra or the alternate link
// register t0.
func isLink(rd uint32) bool { return rd == 1 || rd == 5 }

func riscvCallBefore(bits int) func([]byte) bool {
	return func(code []byte) bool {
		if w, ok := lastWord(code); ok && isLink(w>>7&31) && (w&0x7f == 0x6f || w&0x707f == 0x67) {
			return true // jal, jalr
		}
		if len(code) < 2 {
			return false
		}
		h := half(code, 2)
		return h&0xf07f == 0x9002 && h&0xf80 != 0 || // c.jalr
			bits == 32 && h&0xe003 == 0x2001 // c.jal
	}
}

func riscvCallTarget(bits int) func([]byte, uint64) (uint64, bool) {
	mask := ^uint64(0) >> (64 - bits)
	return func(code []byte, addr uint64) (uint64, bool) {
		w, ok := lastWord(code)
		ok = ok && isLink(w>>7&31)
		switch {
		case ok && w&0x7f == 0x6f: // jal
			off := w>>31<<20 | w>>12&0xff<<12 | w>>20&1<<11 | w>>21&0x3ff<<1
			return (addr - 4 + uint64(int64(int32(off<<11)>>11))) & mask, true
		case ok && w&0x707f == 0x67: // jalr, direct behind auipc
			if len(code) < 8 {
				return 0, false
			}
			u := binary.LittleEndian.Uint32(code[len(code)-8:])
			target := addr - 8 + uint64(int64(int32(u&0xfffff000))) + uint64(int64(int32(w)>>20))
			return target & mask, u&0x7f == 0x17 && u>>7&31 == w>>15&31
		case bits == 32 && len(code) >= 2 && half(code, 2)&0xe003 == 0x2001: // c.jal
			h := half(code, 2)
			off := h>>12&1<<11 | h>>11&1<<4 | h>>9&3<<8 | h>>8&1<<10 | h>>7&1<<6 | h>>6&1<<7 | h>>3&7<<1 | h>>2&1<<5
			return (addr - 2 + uint64(int64(int32(off<<20)>>20))) & mask, true
		}
		return 0, false
	}
}

func riscvTrapBefore(code []byte) (int, bool) {
	if w, ok := lastWord(code); ok && w == 0x73 {
		return 4, true // ecall
	}
	return 0, false
}

// riscvFault reads mcause (privileged manual, table 3.6). Its top bit tells
// interrupts. With a CLIC some bits below hold the interrupted state: minhv,
// mpp, mpie, mpil (CLIC manual, mcause). Numbers from 16 on are left alone, as
// chips have their own: Espressif's store those of interrupts there.
func riscvFault(bits int) func(func(string) (uint64, bool)) Fault {
	const clic = 0x78ff0000
	return func(read func(string) (uint64, bool)) Fault {
		cause, ok := read("mcause")
		interrupt := cause>>(bits-1) != 0
		code := cause &^ (1<<(bits-1) | clic)
		switch {
		case !ok || code > 0xfff: // Espressif's 0xdeadc0de is no exception
			return FaultUnknown
		case interrupt:
			return FaultInterrupt
		case code < uint64(len(riscvCauses)):
			return riscvCauses[code]
		}
		return FaultUnknown
	}
}

// riscvFaultAddr: mtval holds an address for the exceptions of memory.
func riscvFaultAddr(bits int) func(func(string) (uint64, bool)) (uint64, bool) {
	fault := riscvFault(bits)
	return func(read func(string) (uint64, bool)) (uint64, bool) {
		switch fault(read) {
		case FaultAlignment, FaultInstruction, FaultAccess:
			return read("mtval")
		}
		return 0, false
	}
}

var riscvCauses = [...]Fault{
	0: FaultAlignment, 1: FaultInstruction, // of the pc
	2: FaultIllegal,
	3: FaultBreakpoint,
	4: FaultAlignment, 5: FaultAccess, // load
	6: FaultAlignment, 7: FaultAccess, // store
	8: FaultAbort, 9: FaultAbort, 10: FaultAbort, 11: FaultAbort, // ecall
	12: FaultInstruction, 13: FaultAccess, 15: FaultAccess, // page faults
}
