package arch

import "debug/elf"

// Xtensa with the windowed or the call0 ABI, little endian. Threads are stored
// with their logical registers a0..a15 in ar0..ar15 and WINDOWBASE 0, all
// outer windows being spilled to the stack.
var Xtensa = func() *Arch {
	regs := run(nil, "a", 0, 16, 32, 0, General)
	regs = named(regs, "pc ps lbeg lend lcount sar windowstart windowbase threadptr scompare1", 32, -1, General)
	regs = named(regs, "exccause excvaddr epc1 epc2 epc3 epc4 epc5 epc6 epc7 eps2 eps3 eps4 eps5 eps6 eps7", 32, -1, Control)
	return &Arch{
		Name: "xtensa", Machine: elf.EM_XTENSA, Class: elf.ELFCLASS32, Regs: regs,
		PC: find(regs, "pc"), SP: find(regs, "a1"), LR: find(regs, "a0"), FP: find(regs, "a7"), Flags: find(regs, "ps"),
		Linux: Layout{4, "pc ps lbeg lend lcount sar windowstart windowbase threadptr _:220 a0-a15 _:192"},
		Core: CoreRules{
			OSABI: elf.ELFOSABI_NONE, FallbackFlags: 0x300, PRStatus: 588, PID: 24, Regs: 72,
			PRPSInfo: 128, PSPID: -1, PSName: 32, SigAddr: 12,
		},
		Absent: 0xbad0bad0, CodeMask: ^uint64(0),
		CallBefore: func(code []byte) bool {
			n := len(code)
			if n < 3 {
				return false
			}
			a, b, c := code[n-3], code[n-2], code[n-1]
			return a&0x0f == 0x05 || // call0/4/8/12
				a&0xcf == 0xc0 && b&0xf0 == 0 && c == 0 // callx0/4/8/12
		},
		CallTarget: func(code []byte, addr uint64) (uint64, bool) {
			n := len(code)
			if n < 3 || code[n-3]&0x0f != 0x05 {
				return 0, false
			}
			w := uint32(code[n-3]) | uint32(code[n-2])<<8 | uint32(code[n-1])<<16
			off := int32(w<<8) >> 14
			return uint64(uint32(addr-3)&^3 + 4 + uint32(off)<<2), true
		},
		TrapBefore: func(code []byte) (int, bool) {
			n := len(code)
			return 3, n >= 3 && code[n-3] == 0 && code[n-2] == 0x50 && code[n-1] == 0 // syscall
		},
		Fault:     xtensaFault,
		FaultAddr: xtensaFaultAddr,
	}
}()

// xtensaFault reads EXCCAUSE.
func xtensaFault(read func(string) (uint64, bool)) Fault {
	if cause, ok := read("exccause"); ok && cause < uint64(len(xtensaCauses)) {
		return xtensaCauses[cause]
	}
	return FaultUnknown
}

func xtensaFaultAddr(read func(string) (uint64, bool)) (uint64, bool) {
	switch cause, ok := read("exccause"); {
	case !ok:
	case cause == 2, cause == 3, cause == 9, cause >= 12 && cause <= 29:
		return read("excvaddr")
	}
	return 0, false
}

// xtensaCauses is table 4-64 of the ISA manual. The last is not the CPU's but
// Zephyr's, for its software exceptions.
var xtensaCauses = [...]Fault{
	0:  FaultIllegal,
	1:  FaultAbort, // syscall
	4:  FaultInterrupt,
	6:  FaultDivide,
	8:  FaultIllegal, // privileged instruction
	9:  FaultAlignment,
	13: FaultBus, 15: FaultBus, // bus errors of data
	2: FaultInstruction, 12: FaultInstruction, 14: FaultInstruction,
	16: FaultInstruction, 17: FaultInstruction, 18: FaultInstruction, 20: FaultInstruction,
	3:  FaultAccess, // load or store error
	24: FaultAccess, 25: FaultAccess, 26: FaultAccess, 28: FaultAccess, 29: FaultAccess,
	32: FaultIllegal, 33: FaultIllegal, 34: FaultIllegal, 35: FaultIllegal, // no coprocessor
	36: FaultIllegal, 37: FaultIllegal, 38: FaultIllegal, 39: FaultIllegal,
	63: FaultAbort,
}
