package zephyr

import "corelift/elfcore/arch"

// Target codes of the file header (zephyr.md 2.1).
const (
	targetUnknown = 0
	targetX86     = 1
	targetX8664   = 2
	targetCortexM = 3
	targetRISCV   = 4
	targetXtensa  = 5
	targetARM64   = 6
	targetARM     = 7 // open pull request #119530; the number may change
)

var targetNames = map[uint16]string{
	targetX86: "x86", targetX8664: "x86_64", targetCortexM: "ARM Cortex-M", targetRISCV: "RISC-V",
	targetXtensa: "Xtensa", targetARM64: "ARM64", targetARM: "ARM Cortex-A/R",
}

// registerBlock is one layout of the 'A' block. Versions were not always
// counted up when a layout changed, so the size decides as well.
type registerBlock struct {
	target  uint16
	bits    uint8 // log2 of the pointer size as the file header has it
	version uint16
	size    int // bytes
	arch    *arch.Arch
	layout  arch.Layout
	// zero names groups of registers that the target left zero when it did not
	// capture them: if a whole group is zero it is missing, not 0.
	zero []string
	// frameSP: sp may be the address of the exception frame on the stack
	// instead of the value before the exception (Cortex-M up to 4.0).
	frameSP bool
	// halves: the slots hold only the low word of 64-bit registers.
	halves bool
}

// Runs of registers that several layouts share.
const (
	x86Block    = "vector errcode eax ecx edx ebx esp ebp esi edi eip eflags cs:4"
	amd64Block  = "vector errcode rax rcx rdx rsi rdi rsp r8-r11 rip eflags cs ss rbp"
	armBlock    = "r0-r3 r12 lr pc xpsr sp"
	arm64Block  = "x0-x18 x30 cpsr pc"
	riscvBlock  = "ra tp t0-t2 a0-a7 t3-t6"
	riscvEBlock = "ra tp t0-t2 a0-a5"
	riscvGDB    = "_ ra sp gp tp t0-t2 s0 s1 a0-a7 s2-s11 t3-t6 pc"
)

// registerBlocks lists every layout known: zephyr.md 3, which names the Zephyr
// versions, pull requests and vendor trees that each comes from.
var registerBlocks = []registerBlock{
	{target: targetX86, bits: 5, version: 1, size: 52, arch: arch.I386, layout: arch.Layout{Width: 4, Slots: x86Block}},
	// The documentation's own sample (Zephyr 2.3): one word more, cr3.
	{target: targetX86, bits: 5, version: 1, size: 56, arch: arch.I386, layout: arch.Layout{Width: 4, Slots: x86Block + " cr3"}},

	{target: targetX8664, bits: 6, version: 1, size: 136, arch: arch.AMD64, layout: arch.Layout{Width: 8, Slots: amd64Block}},
	{target: targetX8664, bits: 6, version: 1, size: 176, arch: arch.AMD64, layout: arch.Layout{Width: 8, Slots: amd64Block + " rbx r12-r15"}},

	{target: targetCortexM, bits: 5, version: 1, size: 36, arch: arch.CortexM, layout: arch.Layout{Width: 4, Slots: armBlock}, frameSP: true},
	{target: targetCortexM, bits: 5, version: 2, size: 68, arch: arch.CortexM, layout: arch.Layout{Width: 4, Slots: armBlock + " r4-r11"}, frameSP: true, zero: []string{"r4-r11"}},
	// Version 3 ends in a "valid" flag and the offset of callee_saved in
	// struct k_thread; the flag replaces the test for zeros.
	{target: targetCortexM, bits: 5, version: 3, size: 76, arch: arch.CortexM, layout: arch.Layout{Width: 4, Slots: armBlock + " r4-r11 _ _"}, frameSP: true},

	{target: targetARM, bits: 5, version: 1, size: 68, arch: arch.ARM, layout: arch.Layout{Width: 4, Slots: "r0-r3 r12 lr pc cpsr sp r4-r11"}, zero: []string{"r4-r11"}},
	{target: targetARM, bits: 5, version: 2, size: 68, arch: arch.ARM, layout: arch.Layout{Width: 4, Slots: "r0-r3 r12 lr pc cpsr sp r4-r11"}, zero: []string{"r4-r11"}},

	{target: targetARM64, bits: 6, version: 1, size: 176, arch: arch.AArch64, layout: arch.Layout{Width: 8, Slots: arm64Block}},
	{target: targetARM64, bits: 6, version: 2, size: 192, arch: arch.AArch64, layout: arch.Layout{Width: 8, Slots: arm64Block + " x29 sp"}, zero: []string{"x29"}},
	{target: targetARM64, bits: 6, version: 3, size: 272, arch: arch.AArch64, layout: arch.Layout{Width: 8, Slots: "x0-x28 x30 cpsr pc x29 sp"}, zero: []string{"x19-x28", "x29"}},

	{target: targetRISCV, bits: 5, version: 1, size: 72, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvBlock + " pc"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 48, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvEBlock + " pc"}, zero: []string{"tp"}},
	// Before #70949 a 64-bit target wrote 32-bit slots.
	{target: targetRISCV, bits: 6, version: 1, size: 72, arch: arch.RV64, layout: arch.Layout{Width: 4, Slots: riscvBlock + " pc"}, zero: []string{"tp"}, halves: true},
	{target: targetRISCV, bits: 6, version: 2, size: 144, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: riscvBlock + " pc"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 76, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 52, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvEBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 6, version: 2, size: 152, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: riscvBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 3, size: 132, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvGDB}, zero: []string{"s1-s11", "a6 a7 s2-s11 t3-t6"}},
	{target: targetRISCV, bits: 6, version: 4, size: 264, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: riscvGDB}, zero: []string{"s1-s11"}},
	// A vendor tree (ycsin): u8 CPU kind, u8 flags (bit 0: callee set present).
	{target: targetRISCV, bits: 5, version: 1, size: 54, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: "_:1 _:1 " + riscvEBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 62, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: "_:1 _:1 " + riscvEBlock + " pc sp s0 s1"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 78, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: "_:1 _:1 " + riscvBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 1, size: 126, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: "_:1 _:1 " + riscvBlock + " pc sp s0-s11"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 6, version: 1, size: 154, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: "_:1 _:1 " + riscvBlock + " pc sp"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 6, version: 1, size: 250, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: "_:1 _:1 " + riscvBlock + " pc sp s0-s11"}, zero: []string{"tp"}},
	// Another vendor tree (LinkedSemi).
	{target: targetRISCV, bits: 6, version: 3, size: 160, arch: arch.RV64, layout: arch.Layout{Width: 8, Slots: riscvBlock + " sp s0 pc"}, zero: []string{"tp"}},
	{target: targetRISCV, bits: 5, version: 4, size: 128, arch: arch.RV32, layout: arch.Layout{Width: 4, Slots: riscvBlock + " sp s0 pc mcause mepc mtval mstatus _ mie mip mtvec mscratch _ _ _"}, zero: []string{"tp"}},

	xtensaBlock(87, "_:1 _:2", "", ""),
	xtensaBlock(91, "_:1 _:2", "scompare1", ""),
	xtensaBlock(99, "_:1 _:2", "", "lbeg lend lcount"),
	xtensaBlock(103, "_:1 _:2", "scompare1", "lbeg lend lcount"),
	xtensaBlock(88, "_:1 _:2 _:1", "", ""),
	xtensaBlock(92, "_:1 _:2 _:1", "scompare1", ""),
	xtensaBlock(100, "_:1 _:2 _:1", "", "lbeg lend lcount"),
	xtensaBlock(104, "_:1 _:2 _:1", "scompare1", "lbeg lend lcount"),
}

// xtensaBlock is a row for Xtensa, which puts a header of its own before the
// words: soc (u8), version (u16) and from version 2 on the toolchain (u8).
// Which optional words follow depends on the core; their count tells.
func xtensaBlock(size int, head, scompare, loops string) registerBlock {
	return registerBlock{
		target: targetXtensa, bits: 5, version: 1, size: size, arch: arch.Xtensa,
		layout: arch.Layout{Width: 4, Slots: head + " pc exccause excvaddr sar ps " + scompare + " a0-a15 " + loops},
		// Registers above a3 are zero where their window was not spilled.
		zero: []string{"a4-a7", "a8-a11", "a12-a15"},
	}
}

// findBlock picks the layout of a register block. bits 0 stands for an unknown
// pointer size.
func findBlock(target uint16, bits uint8, version uint16, size int) (*registerBlock, bool) {
	for i := range registerBlocks {
		b := &registerBlocks[i]
		if b.target == target && b.version == version && b.size == size && (bits == 0 || bits == b.bits) {
			return b, true
		}
	}
	return nil, false
}

// rivals tell layouts of two targets apart that have the same version and size,
// by what stands in the block.
var rivals = []struct {
	one, other uint16
	isOne      func(p []byte) bool
}{
	{targetX8664, targetARM64, func(p []byte) bool { return looksX86(word(p, 8), word(p[13*8:], 8), word(p[14*8:], 8)) }},
	{targetX86, targetRISCV, func(p []byte) bool { return looksX86(word(p, 4), word(p[11*4:], 4), word(p[12*4:], 4)) }},
	// xPSR has the T bit, where CPSR has J, which is 0; CPSR's mode has bit 4,
	// which xPSR has as part of an exception number.
	{targetCortexM, targetARM, func(p []byte) bool { return word(p[7*4:], 4)&(1<<24|1<<4) != 1<<4 }},
}

// looksX86: only x86 has a vector, flags of which some bits are fixed, and a
// selector in these places.
func looksX86(vector, flags, cs uint64) bool {
	return vector < 256 && flags < 1<<22 && flags&(1<<1|1<<3|1<<5|1<<15) == 1<<1 && cs > 0 && cs < 1<<16
}

// tellApart leaves one of two rivals that fit.
func tellApart(fit []*registerBlock, p []byte) []*registerBlock {
	if len(fit) != 2 {
		return fit
	}
	for _, r := range rivals {
		if fit[0].target == r.one && fit[1].target == r.other {
			if r.isOne(p) {
				return fit[:1]
			}
			return fit[1:]
		}
	}
	return fit
}

// inferBlocks lists the layouts that fit when the file header (target) or the
// block's own header (version) was lost: -1 stands for lost.
func inferBlocks(target, version, size int, bits uint8) (fit []*registerBlock) {
	for i := range registerBlocks {
		b := &registerBlocks[i]
		if (target < 0 || int(b.target) == target) && (version < 0 || int(b.version) == version) &&
			b.size == size && (bits == 0 || bits == b.bits) {
			fit = append(fit, b)
		}
	}
	return fit
}
