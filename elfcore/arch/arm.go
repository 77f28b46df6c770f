package arch

import (
	"debug/elf"
	"encoding/binary"
)

// The two ARM profiles share their core layout but not their registers, their
// exception frames or their instruction sets, so they are two Archs.

// elf_gregset_t of 32-bit ARM; the last slot is orig_r0.
const (
	armALinux = "r0-r12 sp lr pc cpsr ~"
	armMLinux = "r0-r12 sp lr pc xpsr ~"
)

// armCore follows gdb-cores.md 1, columns ARM. NT_ARM_VFP is always 260 bytes,
// also for 16 double registers.
func armCore(feature string) CoreRules {
	return CoreRules{
		OSABI: elf.ELFOSABI_LINUX, FallbackFlags: 0x05000000,
		PRStatus: 148, PID: 24, Regs: 72,
		PRPSInfo: 124, PSPID: 12, PSName: 28, SigAddr: 12,
		Float:   FloatNote{Owner: "LINUX", Type: 0x400, Layout: Layout{8, "d0-d31 fpscr:4"}, Feature: "org.gnu.gdb.arm.vfp"},
		Feature: feature,
		Honest:  true,
	}
}

func armRegs(flags string) []RegInfo {
	regs := run(nil, "r", 0, 13, 32, 0, General)
	regs = named(regs, "sp lr pc", 32, 13, General)
	regs = append(regs, RegInfo{flags, 32, -1, General})
	regs = run(regs, "d", 0, 32, 64, 256, Float)
	return append(regs, RegInfo{"fpscr", 32, -1, Float})
}

// CortexM is ARM's M profile (v6-M to v8.1-M, Thumb only). Control registers
// follow the names of the Armv8-M manual.
var CortexM = func() *Arch {
	regs := armRegs("xpsr")
	regs = named(regs, "msp psp msplim psplim primask basepri faultmask control exc_return "+
		"cfsr hfsr dfsr mmfar bfar afsr sfsr sfar shcsr fpccr fpcar", 32, -1, Control)
	return &Arch{
		Name: "arm-m", Machine: elf.EM_ARM, Class: elf.ELFCLASS32, Regs: regs,
		PC: find(regs, "pc"), SP: find(regs, "sp"), LR: find(regs, "lr"), FP: find(regs, "r7"), Flags: find(regs, "xpsr"),
		Linux: Layout{4, armMLinux}, BSD: Layout{4, "r0-r12 sp lr pc xpsr"},
		Core: armCore("org.gnu.gdb.arm.m-profile"),
		Frames: map[string]Layout{
			// Armv7-M manual B1.5.6; the order of the extended frame's
			// double registers is that of S0..S15.
			"basic":    {4, "r0-r3 r12 lr pc xpsr"},
			"extended": {4, "r0-r3 r12 lr pc xpsr d0-d7:8 fpscr _"},
			// Armv8-M additional state context, below the frame above.
			"state": {4, "_ _ r4-r11"},
		},
		Saved:      finds(regs, "r4-r11"),
		Absent:     0xbad0bad0,
		CodeMask:   ^uint64(1),
		CallBefore: thumbCallBefore,
		CallTarget: thumbCallTarget,
		TrapBefore: thumbTrapBefore,
		Fault:      cortexMFault,
		FaultAddr:  cortexMFaultAddr,
	}
}()

// ARM is the A and R profiles in AArch32 state.
var ARM = func() *Arch {
	regs := armRegs("cpsr")
	regs = named(regs, "dfsr dfar ifsr ifar", 32, -1, Control)
	return &Arch{
		Name: "arm", Machine: elf.EM_ARM, Class: elf.ELFCLASS32, Regs: regs,
		PC: find(regs, "pc"), SP: find(regs, "sp"), LR: find(regs, "lr"), FP: find(regs, "r11"), Flags: find(regs, "cpsr"),
		Linux: Layout{4, armALinux}, BSD: Layout{4, "r0-r12 sp lr pc cpsr"},
		Core:       armCore("org.gnu.gdb.arm.core"),
		More:       []RegisterNote{{"FreeBSD", 0x400, Layout{8, "d0-d31 fpscr:4"}}},
		Saved:      finds(regs, "r4-r11"),
		Absent:     0xbad0bad0,
		CodeMask:   ^uint64(1),
		CallBefore: armCallBefore,
		CallTarget: armCallTarget,
		// Folklore: a high byte of 0xdf is svc in Thumb state, and svcle in ARM
		// state. Nobody writes conditional svc, and most of the others are
		// common in Thumb state (0xbf00 is nop). Test: TestTrapBefore.
		TrapBefore: func(code []byte) (int, bool) {
			if size, ok := thumbTrapBefore(code); ok {
				return size, true
			}
			w, ok := lastWord(code)
			return 4, ok && w>>24 == 0xef
		},
		Fault:     armFault,
		FaultAddr: armFaultAddr,
	}
}()

func half(code []byte, back int) uint32 {
	return uint32(binary.LittleEndian.Uint16(code[len(code)-back:]))
}

func thumbCallBefore(code []byte) bool {
	if len(code) >= 2 && half(code, 2)&0xff83 == 0x4780 { // blx rm, blxns rm
		return true
	}
	_, ok := thumbCallTarget(code, 0)
	return ok
}

// thumbCallTarget decodes bl (encoding T1).
func thumbCallTarget(code []byte, addr uint64) (uint64, bool) {
	off, low, ok := thumbBranch(code)
	return uint64(uint32(addr) + off), ok && low&0xd000 == 0xd000
}

// thumbBranch reads the offset of a bl or blx, in bytes, and the low half of
// the instruction, which tells whether it is one.
func thumbBranch(code []byte) (off, low uint32, ok bool) {
	if len(code) < 4 {
		return 0, 0, false
	}
	hi, lo := half(code, 4), half(code, 2)
	s := hi >> 10 & 1
	i1, i2 := ^(lo>>13^s)&1, ^(lo>>11^s)&1
	off = s<<24 | i1<<23 | i2<<22 | (hi&0x3ff)<<12 | (lo&0x7ff)<<1
	return uint32(int32(off<<7) >> 7), lo, hi&0xf800 == 0xf000
}

// The state that a return address goes back to is gone by the time the bytes
// are looked at, so the calls of both instruction sets count on the A profile.
func armCallBefore(code []byte) bool {
	if _, ok := armCallTarget(code, 0); ok || thumbCallBefore(code) {
		return true
	}
	w, ok := lastWord(code)
	return ok && w>>28 != 0xf && w&0x0ffffff0 == 0x012fff30 // blx rm
}

const (
	// armReach limits direct calls on the A profile to 4 MiB each way.
	armReach = 4 << 20
	// thumbReturn is ldr.w pc, [sp], #4, how a Thumb function that saved
	// nothing but lr returns, read as a word.
	thumbReturn = 0xfb04f85d
)

// armCallTarget decodes bl and blx of an address, in Thumb and in ARM state.
//
// Folklore: bytes of one state are often calls in the other: a Thumb
// instruction with a high byte of 0x1b (subs), 0x2b (cmp), 0x8b (ldrh) ... is
// a conditional bl in ARM state, and mov pc, lr is a Thumb blx. Those that go
// further than any firmware don't count, nor does a Thumb return, behind which
// the next function begins. In the Cortex-A fixture 34 of 1506 instructions
// remain. What is a call in both states is taken for Thumb, in which most
// firmware of the A and R profiles is. Tests: TestCalls, TestAgainstObjdump.
func armCallTarget(code []byte, addr uint64) (uint64, bool) {
	if target, ok := thumbCallTarget(code, addr); ok {
		return target, true
	}
	if off, low, ok := thumbBranch(code); ok && low&0xd001 == 0xc000 && armReaches(off) { // blx
		return uint64(uint32(addr)&^3 + off), true
	}
	w, ok := lastWord(code)
	off := uint32(int32(w<<8) >> 6) // from two words on
	switch {
	case !ok || w == thumbReturn || !armReaches(off):
	case w&0xfe000000 == 0xfa000000: // blx
		return uint64(uint32(addr) + 4 + off + w>>23&2), true
	case w>>28 != 0xf && w&0x0f000000 == 0x0b000000: // bl
		return uint64(uint32(addr) + 4 + off), true
	}
	return 0, false
}

func armReaches(off uint32) bool { return off+armReach < 2*armReach }

// thumbTrapBefore decodes svc, which the second half of a far bl looks like.
func thumbTrapBefore(code []byte) (int, bool) {
	_, call := thumbCallTarget(code, 0)
	return 2, !call && len(code) >= 2 && half(code, 2)&0xff00 == 0xdf00
}

// cortexMFault reads the fault status registers, the most telling bits first.
// Bit names as in the Armv8-M manual D1.2.
func cortexMFault(read func(string) (uint64, bool)) Fault {
	for _, row := range []struct {
		register string
		bits     uint64
		f        Fault
	}{
		{"sfsr", 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<7, FaultSecurity}, // INVEP ... LSPERR, LSERR
		{"cfsr", 1 << 20, FaultStack},                                           // STKOF
		{"cfsr", 1<<3 | 1<<4 | 1<<11 | 1<<12, FaultStack},                       // MUNSTKERR, MSTKERR, UNSTKERR, STKERR
		{"cfsr", 1 << 25, FaultDivide},                                          // DIVBYZERO
		{"cfsr", 1 << 24, FaultAlignment},                                       // UNALIGNED
		{"cfsr", 1<<16 | 1<<17 | 1<<18 | 1<<19, FaultIllegal},                   // UNDEFINSTR, INVSTATE, INVPC, NOCP
		{"cfsr", 1<<0 | 1<<8, FaultInstruction},                                 // IACCVIOL, IBUSERR
		{"cfsr", 1<<1 | 1<<5, FaultAccess},                                      // DACCVIOL, MLSPERR
		{"cfsr", 1<<9 | 1<<10 | 1<<13, FaultBus},                                // PRECISERR, IMPRECISERR, LSPERR
		{"hfsr", 1 << 31, FaultBreakpoint},                                      // DEBUGEVT
		{"hfsr", 1 << 1, FaultBus},                                              // VECTTBL
	} {
		if v, ok := read(row.register); ok && v&row.bits != 0 {
			return row.f
		}
	}
	return FaultUnknown
}

func cortexMFaultAddr(read func(string) (uint64, bool)) (uint64, bool) {
	for _, row := range []struct {
		status  string
		valid   uint64
		address string
	}{
		{"sfsr", 1 << 6, "sfar"},  // SFARVALID
		{"cfsr", 1 << 15, "bfar"}, // BFARVALID
		{"cfsr", 1 << 7, "mmfar"}, // MMARVALID
	} {
		if v, ok := read(row.status); ok && v&row.valid != 0 {
			return read(row.address)
		}
	}
	return 0, false
}

// armFault reads the status registers of data and prefetch aborts. Zero is what
// they hold before the first abort.
func armFault(read func(string) (uint64, bool)) Fault {
	if dfsr, ok := read("dfsr"); ok && dfsr != 0 {
		return armStatus(dfsr)
	}
	ifsr, ok := read("ifsr")
	switch {
	case !ok || ifsr == 0:
		return FaultUnknown
	case armStatus(ifsr) == FaultAccess:
		return FaultInstruction
	}
	return armStatus(ifsr)
}

// armStatus reads DFSR or IFSR, whose bit 9 tells the coding of the status
// (Armv8-A manual G8.2.38; PMSAv7 uses a subset of the short one).
func armStatus(fsr uint64) Fault {
	if fsr&(1<<9) == 0 {
		return armShortStatus[fsr&0xf|fsr>>6&0x10]
	}
	if fsr&0x3f == 0x11 { // asynchronous external abort
		return FaultBus
	}
	return abortStatus(fsr & 0x3f)
}

// armFaultAddr: an asynchronous abort is not of the access that DFAR tells.
func armFaultAddr(read func(string) (uint64, bool)) (uint64, bool) {
	switch dfsr, ok := read("dfsr"); {
	case !ok || dfsr == 0:
	case armStatus(dfsr) == FaultAccess, armStatus(dfsr) == FaultAlignment:
		return read("dfar")
	default:
		return 0, false
	}
	if ifsr, ok := read("ifsr"); ok && armStatus(ifsr) == FaultAccess && ifsr != 0 {
		return read("ifar")
	}
	return 0, false
}

var armShortStatus = [32]Fault{
	0x00: FaultAccess, // background, PMSA only
	0x01: FaultAlignment,
	0x02: FaultBreakpoint,
	0x03: FaultAccess, 0x06: FaultAccess, // access flag
	0x05: FaultAccess, 0x07: FaultAccess, // translation
	0x09: FaultAccess, 0x0b: FaultAccess, // domain
	0x0d: FaultAccess, 0x0f: FaultAccess, // permission
	0x08: FaultBus, 0x16: FaultBus, // external, synchronous and not
	0x18: FaultBus, 0x19: FaultBus, // parity
	0x0c: FaultBus, 0x0e: FaultBus, 0x1c: FaultBus, 0x1e: FaultBus, // during a walk of the tables
}
