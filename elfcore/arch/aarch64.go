package arch

import (
	"debug/elf"
	"encoding/binary"
)

// AArch64 is the 64-bit ARM state.
var AArch64 = func() *Arch {
	regs := run(nil, "x", 0, 31, 64, 0, General)
	regs = named(regs, "sp pc", 64, 31, General)
	regs = append(regs, RegInfo{"cpsr", 64, -1, General})
	regs = run(regs, "v", 0, 32, 128, 64, Vector)
	regs = append(regs, RegInfo{"fpsr", 32, -1, Float}, RegInfo{"fpcr", 32, -1, Float})
	regs = named(regs, "esr far elr spsr tpidrro", 64, -1, Control)
	return &Arch{
		Name: "aarch64", Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Regs: regs,
		PC: find(regs, "pc"), SP: find(regs, "sp"), LR: find(regs, "x30"), FP: find(regs, "x29"), Flags: find(regs, "cpsr"),
		Linux: Layout{8, "x0-x30 sp pc cpsr"},
		BSD:   Layout{8, "x0-x30 sp pc cpsr"},
		Core: CoreRules{
			OSABI: elf.ELFOSABI_LINUX, PRStatus: 392, PID: 32, Regs: 112,
			PRPSInfo: 136, PSPID: 24, PSName: 40, SigAddr: 16,
			Float:   FloatNote{Owner: "CORE", Type: 2, Layout: Layout{16, "v0-v31 fpsr:4 fpcr:4 _:8"}},
			TDescOS: "GNU/Linux",
			Honest:  true,
		},
		Saved:    finds(regs, "x19-x29"),
		Absent:   0xbad0bad0bad0bad0,
		CodeMask: ^uint64(0),
		CallBefore: func(code []byte) bool {
			w, ok := lastWord(code)
			return ok && (w&0xfc000000 == 0x94000000 || // bl
				w&0xfffffc1f == 0xd63f0000 || // blr
				w&0xfefff800 == 0xd63f0800) // blraa, blrab and their z forms
		},
		CallTarget: func(code []byte, addr uint64) (uint64, bool) {
			w, ok := lastWord(code)
			if !ok || w&0xfc000000 != 0x94000000 {
				return 0, false
			}
			return addr - 4 + uint64(int64(int32(w<<6)>>6)<<2), true
		},
		TrapBefore: func(code []byte) (int, bool) {
			w, ok := lastWord(code)
			return 4, ok && w&0xffe0001f == 0xd4000001 // svc
		},
		Fault: aarch64Fault,
	}
}()

func lastWord(code []byte) (uint32, bool) {
	if len(code) < 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(code[len(code)-4:]), true
}

// aarch64Fault reads the exception class and status of ESR_ELx (Arm ARM D24).
func aarch64Fault(read func(string) (uint64, bool)) Fault {
	esr, ok := read("esr")
	if !ok {
		return FaultUnknown
	}
	switch ec := esr >> 26 & 0x3f; ec {
	case 0x00, 0x0e, 0x07, 0x18:
		return FaultIllegal
	case 0x11, 0x12, 0x13, 0x15, 0x16, 0x17:
		return FaultAbort
	case 0x22, 0x26:
		return FaultAlignment
	case 0x20, 0x21, 0x24, 0x25:
		switch status := esr & 0x3f; {
		case status == 0x21:
			return FaultAlignment
		case status >= 0x10 && status <= 0x1f:
			return FaultBus
		case ec < 0x24:
			return FaultInstruction
		}
		return FaultAccess
	case 0x28, 0x2c:
		return FaultFloat
	case 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x38, 0x3c:
		return FaultBreakpoint
	}
	return FaultUnknown
}
