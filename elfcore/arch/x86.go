package arch

import "debug/elf"

// fxsaveHead begins the FXSAVE image of 512 bytes (Intel SDM 10.5.1), which xmm
// registers follow. ftag is its abridged tag byte, of which GDB makes the full
// tag word to show.
const fxsaveHead = "fctrl:2 fstat:2 ftag:1 _:1 fop:2 fioff:4 fiseg:2 _:2 fooff:4 foseg:2 _:2 mxcsr:4 _:4 st0-st7:16 "

// fsave is the FSAVE image of 108 bytes. Its tag word is the full one, which
// FXSAVE has only in part, and so is left out.
const fsave = "fctrl:2 _:2 fstat:2 _:2 _:4 fioff:4 fiseg:2 fop:2 fooff:4 foseg:2 _:2 st0-st7:10"

// x86XState is NT_X86_XSTATE, which begins with the FXSAVE image.
const x86XState = 0x202

func x86Float(regs []RegInfo, xmm, dwarfST, dwarfXMM int) []RegInfo {
	regs = run(regs, "st", 0, 8, 80, dwarfST, Float)
	regs = named(regs, "fctrl fstat ftag fiseg foseg fop", 16, -1, Float)
	regs = named(regs, "fioff fooff", 32, -1, Float)
	regs = append(regs, RegInfo{"mxcsr", 32, -1, Vector})
	return run(regs, "xmm", 0, xmm, 128, dwarfXMM, Vector)
}

// I386 is 32-bit x86.
var I386 = func() *Arch {
	regs := named(nil, "eax ecx edx ebx esp ebp esi edi eip eflags", 32, 0, General)
	regs = named(regs, "es cs ss ds fs gs", 16, 40, General)
	regs = x86Float(regs, 8, 11, 21)
	regs = named(regs, "vector errcode cr0 cr2 cr3 cr4", 32, -1, Control)
	return &Arch{
		Name: "i386", Machine: elf.EM_386, Class: elf.ELFCLASS32, Regs: regs,
		PC: find(regs, "eip"), SP: find(regs, "esp"), LR: NoReg, FP: find(regs, "ebp"), Flags: find(regs, "eflags"),
		Linux: Layout{4, "ebx ecx edx esi edi ebp eax ds es fs gs ~ eip cs eflags esp ss"},
		BSD:   Layout{4, "fs es ds edi esi ebp _ ebx edx ecx eax _ errcode eip cs eflags esp ss gs"},
		Core: CoreRules{
			OSABI: elf.ELFOSABI_LINUX, PRStatus: 144, PID: 24, Regs: 72,
			PRPSInfo: 124, PSPID: 12, PSName: 28, SigAddr: 12,
			Float:   FloatNote{Owner: "LINUX", Type: 0x46e62b7f, Layout: Layout{16, fxsaveHead + "xmm0-xmm7 _:224"}},
			TDescOS: "GNU/Linux",
			Honest:  true,
		},
		More: []RegisterNote{
			{"LINUX", x86XState, Layout{16, fxsaveHead + "xmm0-xmm7"}},
			{"CORE", 2, Layout{4, fsave}},
			{"FreeBSD", 2, Layout{4, fsave}},
			{"FreeBSD", x86XState, Layout{16, fxsaveHead + "xmm0-xmm7"}},
		},
		Saved:  finds(regs, "ebx esi edi ebp"),
		Absent: 0xbad0bad0, CodeMask: ^uint64(0),
		CallBefore: x86CallBefore, CallTarget: x86CallTarget(1<<32 - 1), TrapBefore: x86TrapBefore,
		Fault: x86Fault, FaultAddr: x86FaultAddr,
	}
}()

// AMD64 is 64-bit x86.
var AMD64 = func() *Arch {
	regs := named(nil, "rax rdx rcx rbx rsi rdi rbp rsp", 64, 0, General)
	regs = run(regs, "r", 8, 8, 64, 8, General)
	regs = append(regs, RegInfo{"rip", 64, 16, General}, RegInfo{"eflags", 64, 49, General})
	regs = named(regs, "es cs ss ds fs gs", 16, 50, General)
	regs = named(regs, "fs_base gs_base", 64, 58, General)
	regs = x86Float(regs, 16, 33, 17)
	regs = named(regs, "vector errcode cr0 cr2 cr3 cr4", 64, -1, Control)
	return &Arch{
		Name: "x86-64", Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Regs: regs,
		PC: find(regs, "rip"), SP: find(regs, "rsp"), LR: NoReg, FP: find(regs, "rbp"), Flags: find(regs, "eflags"),
		Linux: Layout{8, "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi ~ rip cs eflags rsp ss fs_base gs_base ds es fs gs"},
		BSD:   Layout{8, "r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax _:4 fs:2 gs:2 errcode:4 es:2 ds:2 rip cs eflags rsp ss"},
		Core: CoreRules{
			OSABI: elf.ELFOSABI_LINUX, PRStatus: 336, PID: 32, Regs: 112,
			PRPSInfo: 136, PSPID: 24, PSName: 40, SigAddr: 16,
			Float:   FloatNote{Owner: "CORE", Type: 2, Layout: Layout{16, fxsaveHead + "xmm0-xmm15 _:96"}},
			TDescOS: "GNU/Linux",
			Honest:  true,
		},
		More: []RegisterNote{
			{"LINUX", x86XState, Layout{16, fxsaveHead + "xmm0-xmm15"}},
			{"FreeBSD", 2, Layout{16, fxsaveHead + "xmm0-xmm15"}},
			{"FreeBSD", x86XState, Layout{16, fxsaveHead + "xmm0-xmm15"}},
			{"FreeBSD", 0x200, Layout{8, "fs_base gs_base"}}, // NT_X86_SEGBASES
		},
		Saved:  finds(regs, "rbx rbp r12-r15"),
		Absent: 0xbad0bad0bad0bad0, CodeMask: ^uint64(0),
		CallBefore: x86CallBefore, CallTarget: x86CallTarget(^uint64(0)), TrapBefore: x86TrapBefore,
		Fault: x86Fault, FaultAddr: x86FaultAddr,
	}
}()

// x86CallBefore tries each length a call can have: rel32, and the ff /2 forms
// with their ModRM, SIB and displacement (2 to 7 bytes).
func x86CallBefore(code []byte) bool {
	n := len(code)
	if n >= 5 && code[n-5] == 0xe8 {
		return true
	}
	for size := 2; size <= 7 && size <= n; size++ {
		if code[n-size] == 0xff && code[n-size+1]>>3&7 == 2 && modrmSize(code[n-size+1:]) == size-1 {
			return true
		}
	}
	return false
}

// modrmSize is the length of ModRM, SIB and displacement; 0 if cut off.
func modrmSize(p []byte) int {
	mod, rm := p[0]>>6, p[0]&7
	size := 1
	if mod != 3 && rm == 4 {
		if len(p) < 2 {
			return 0
		}
		size++
		if mod == 0 && p[1]&7 == 5 {
			size += 4
		}
	}
	switch {
	case mod == 0 && rm == 5, mod == 2:
		size += 4
	case mod == 1:
		size++
	}
	return size
}

// x86CallTarget decodes the call with rel32; mask is that of an address.
func x86CallTarget(mask uint64) func([]byte, uint64) (uint64, bool) {
	return func(code []byte, addr uint64) (uint64, bool) {
		n := len(code)
		if n < 5 || code[n-5] != 0xe8 {
			return 0, false
		}
		w, _ := lastWord(code)
		return (addr + uint64(int64(int32(w)))) & mask, true
	}
}

func x86TrapBefore(code []byte) (int, bool) {
	n := len(code)
	return 2, n >= 2 && code[n-2] == 0xcd // int imm8
}

// x86Fault reads the exception vector.
func x86Fault(read func(string) (uint64, bool)) Fault {
	if v, ok := read("vector"); ok && v < uint64(len(x86Vectors)) {
		return x86Vectors[v]
	}
	return FaultUnknown
}

// x86FaultAddr: cr2 is of page faults only.
func x86FaultAddr(read func(string) (uint64, bool)) (uint64, bool) {
	if v, ok := read("vector"); ok && v == 14 {
		return read("cr2")
	}
	return 0, false
}

// x86Vectors is Intel SDM table 6-1. The last is not the CPU's but a software
// interrupt, which vendors use for a panic.
var x86Vectors = [...]Fault{
	0: FaultDivide,
	1: FaultBreakpoint, 3: FaultBreakpoint,
	2:  FaultInterrupt, // NMI
	5:  FaultAccess,    // bound
	6:  FaultIllegal,
	7:  FaultIllegal,           // no coprocessor
	8:  FaultAccess,            // while delivering an exception
	9:  FaultAccess,            // of the coprocessor
	10: FaultAccess,            // task state
	11: FaultBus, 12: FaultBus, // segments, as Linux has it
	13: FaultAccess,                // general protection
	14: FaultAccess,                // page
	16: FaultFloat, 19: FaultFloat, // x87, SSE
	17:   FaultAlignment,
	18:   FaultBus,      // machine check
	21:   FaultSecurity, // shadow stack, branch target
	0x20: FaultAbort,
}
