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
		More:     []RegisterNote{{"FreeBSD", 2, Layout{16, "v0-v31 fpsr:4 fpcr:4"}}},
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
		Fault:     aarch64Fault,
		FaultAddr: aarch64FaultAddr,
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
	f := aarch64Class[esr>>26&0x3f]
	if f != FaultAccess && f != FaultInstruction {
		return f
	}
	if status := abortStatus(esr & 0x3f); status != FaultAccess {
		return status
	}
	return f
}

func aarch64FaultAddr(read func(string) (uint64, bool)) (uint64, bool) {
	const notValid = 1 << 10 // FnV
	switch esr, _ := read("esr"); esr >> 26 & 0x3f {
	case 0x20, 0x21, 0x24, 0x25:
		if esr&notValid == 0 {
			return read("far")
		}
	case 0x22, 0x34, 0x35: // alignment of the pc, watchpoints
		return read("far")
	}
	return 0, false
}

// aarch64Class is what the exception classes mean, the status of aborts left
// aside.
var aarch64Class = [64]Fault{
	0x00: FaultIllegal,                                         // unknown reason: undefined instruction
	0x07: FaultIllegal, 0x19: FaultIllegal, 0x1d: FaultIllegal, // no floating point, SVE, SME
	0x0d: FaultSecurity, 0x1c: FaultSecurity, // branch target, pointer authentication
	0x0e: FaultIllegal,                                   // execution state
	0x11: FaultAbort, 0x12: FaultAbort, 0x13: FaultAbort, // AArch32: svc, hvc, smc
	0x15: FaultAbort, 0x16: FaultAbort, 0x17: FaultAbort, // AArch64
	0x18: FaultIllegal,                             // trapped access to a system register
	0x20: FaultInstruction, 0x21: FaultInstruction, // from a lower level, from the same
	0x22: FaultAlignment, // pc
	0x24: FaultAccess, 0x25: FaultAccess,
	0x26: FaultAlignment,               // sp
	0x28: FaultFloat, 0x2c: FaultFloat, // AArch32, AArch64
	0x2f: FaultBus, // SError
	0x30: FaultBreakpoint, 0x31: FaultBreakpoint, 0x32: FaultBreakpoint, 0x33: FaultBreakpoint,
	0x34: FaultBreakpoint, 0x35: FaultBreakpoint, 0x38: FaultBreakpoint, 0x3c: FaultBreakpoint,
}

// abortStatus reads the fault status code of an abort: DFSC, IFSC, and the
// status of AArch32's long descriptors. What is no special case is an access
// to an address that is not mapped or not allowed, or has another tag (0x11).
func abortStatus(code uint64) Fault {
	switch {
	case code == 0x21:
		return FaultAlignment
	case code == 0x22: // AArch32 only
		return FaultBreakpoint
	case code == 0x10, code >= 0x13 && code <= 0x1f: // external aborts and parity
		return FaultBus
	}
	return FaultAccess
}
