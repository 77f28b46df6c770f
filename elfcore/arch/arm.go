package arch

import (
	"debug/elf"
	"encoding/binary"
)

// The two ARM profiles share their core layout but not their registers, their
// exception frames or their instruction sets, so they are two Archs.

// armLinux is elf_gregset_t of 32-bit ARM; the last slot is orig_r0.
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
		"cfsr hfsr dfsr mmfar bfar afsr shcsr fpccr fpcar", 32, -1, Control)
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
		Core:     armCore("org.gnu.gdb.arm.core"),
		Saved:    finds(regs, "r4-r11"),
		Absent:   0xbad0bad0,
		CodeMask: ^uint64(1),
		// The state bit of the return address is gone by the time the bytes
		// are looked at, so either instruction set's call counts.
		CallBefore: func(code []byte) bool { return thumbCallBefore(code) || armCallBefore(code) },
		CallTarget: thumbCallTarget,
		// Folklore: 0xdf at the end is svc in Thumb state, or svcle in ARM
		// state, which nobody writes. Test: the panic of the Cortex-A fixture.
		TrapBefore: func(code []byte) (int, bool) {
			if size, ok := thumbTrapBefore(code); ok {
				return size, true
			}
			n := len(code)
			return 4, n >= 4 && code[n-1]&0x0f == 0x0f && code[n-1] < 0xf0
		},
		Fault: armFault,
	}
}()

func half(code []byte, back int) uint16 {
	return binary.LittleEndian.Uint16(code[len(code)-back:])
}

func thumbCallBefore(code []byte) bool {
	if len(code) >= 2 && half(code, 2)&0xff87 == 0x4780 { // blx rm
		return true
	}
	_, ok := thumbCallTarget(code, 0)
	return ok
}

// thumbCallTarget decodes bl (encoding T1).
func thumbCallTarget(code []byte, addr uint64) (uint64, bool) {
	if len(code) < 4 {
		return 0, false
	}
	hi, lo := uint32(half(code, 4)), uint32(half(code, 2))
	if hi&0xf800 != 0xf000 || lo&0xd000 != 0xd000 {
		return 0, false
	}
	s := hi >> 10 & 1
	i1, i2 := ^(lo>>13^s)&1, ^(lo>>11^s)&1
	off := s<<24 | i1<<23 | i2<<22 | (hi&0x3ff)<<12 | (lo&0x7ff)<<1
	off = uint32(int32(off<<7) >> 7)
	return uint64(uint32(addr) + off), true
}

func armCallBefore(code []byte) bool {
	if len(code) < 4 {
		return false
	}
	w := binary.LittleEndian.Uint32(code[len(code)-4:])
	return w>>28 != 0xf && w&0x0f000000 == 0x0b000000 || // bl
		w&0xfe000000 == 0xfa000000 || // blx label
		w>>28 != 0xf && w&0x0ffffff0 == 0x012fff30 // blx rm
}

func thumbTrapBefore(code []byte) (int, bool) {
	return 2, len(code) >= 2 && half(code, 2)&0xff00 == 0xdf00
}

// cortexMFault reads CFSR and HFSR. Bit names as in the Armv8-M manual D1.2.
func cortexMFault(read func(string) (uint64, bool)) Fault {
	cfsr, ok := read("cfsr")
	if !ok {
		return FaultUnknown
	}
	for _, row := range []struct {
		bits uint64
		f    Fault
	}{
		{1 << 20, FaultStack},                            // STKOF
		{1<<4 | 1<<3, FaultStack},                        // MSTKERR, MUNSTKERR
		{1 << 25, FaultDivide},                           // DIVBYZERO
		{1 << 24, FaultAlignment},                        // UNALIGNED
		{1<<16 | 1<<17 | 1<<18 | 1<<19, FaultIllegal},    // UNDEFINSTR, INVSTATE, INVPC, NOCP
		{1<<0 | 1<<8, FaultInstruction},                  // IACCVIOL, IBUSERR
		{1<<1 | 1<<5, FaultAccess},                       // DACCVIOL, MLSPERR
		{1<<9 | 1<<10 | 1<<11 | 1<<12 | 1<<13, FaultBus}, // PRECISERR ... LSPERR
	} {
		if cfsr&row.bits != 0 {
			return row.f
		}
	}
	if hfsr, ok := read("hfsr"); ok && hfsr&(1<<31) != 0 {
		return FaultBreakpoint // DEBUGEVT
	}
	return FaultUnknown
}

// armFault reads DFSR's short-descriptor status.
func armFault(read func(string) (uint64, bool)) Fault {
	dfsr, ok := read("dfsr")
	if !ok {
		return FaultUnknown
	}
	switch dfsr&0xf | dfsr>>6&0x10 {
	case 0x01:
		return FaultAlignment
	case 0x02:
		return FaultBreakpoint
	case 0x08, 0x16, 0x18, 0x19:
		return FaultBus
	case 0x05, 0x07, 0x09, 0x0b, 0x0d, 0x0f, 0x00:
		return FaultAccess
	}
	return FaultUnknown
}
