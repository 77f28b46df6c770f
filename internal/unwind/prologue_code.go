package unwind

import (
	"math/bits"

	"corelift/elfcore/arch"
)

// codes are the instruction sets of each CPU, to be tried in this order. Of ARM
// neither the pc nor the function tells which is meant.
var codes = map[*arch.Arch][]code{
	arch.CortexM: {thumb},
	arch.ARM:     {thumb, arm},
	arch.AArch64: {aarch64},
	arch.RV32:    {riscv},
	arch.RV64:    {riscv},
	arch.I386:    {i386},
	arch.AMD64:   {amd64},
	arch.Xtensa:  {xtensa},
}

// end is a call, a jump or a return. Conditional jumps don't count: some
// functions leave early, before they push anything.
func end(p *prologue, _ uint64) { p.over = true }

// lose is for a stack pointer that an unknown amount is added to.
func lose(p *prologue, _ uint64) { p.lost = true }

// field is the bits of w from low on, zero extended.
func field(w uint64, low, width int) int64 { return int64(w >> low & (1<<width - 1)) }

// signed is the same, sign extended.
func signed(w uint64, low, width int) int64 {
	return int64(w<<(64-low-width)) >> (64 - width)
}

func reg(w uint64, low, width int) arch.Reg { return arch.Reg(field(w, low, width)) }

// Registers of ARM by number, which are indices too.
const (
	thumbFP = 7
	armFP   = 11
	armLR   = 14
)

// pushAll stores the registers of a mask below the stack pointer, as ARM does,
// the lowest at the lowest address.
func (p *prologue) pushAll(mask uint16) {
	p.move(-4 * int64(bits.OnesCount16(mask)))
	for off := int64(0); mask != 0; mask &= mask - 1 {
		p.save(arch.Reg(bits.TrailingZeros16(mask)), off)
		off += 4
	}
}

// thumb is T32 (Armv7-M manual, A7.7). The first half of an instruction is in
// the lower bits.
var thumb = code{
	size: func(w uint64) int {
		if w&0xf800 >= 0xe800 {
			return 4
		}
		return 2
	},
	ops: []op{
		{2, 0xfe00, 0xb400, func(p *prologue, w uint64) { p.pushAll(uint16(w&0xff | w>>8&1<<armLR)) }},
		{2, 0xff80, 0xb080, func(p *prologue, w uint64) { p.move(-4 * field(w, 0, 7)) }},            // sub sp, #
		{2, 0xff80, 0xb000, func(p *prologue, w uint64) { p.move(4 * field(w, 0, 7)) }},             // add sp, #
		{2, 0xff00, 0xaf00, func(p *prologue, w uint64) { p.point(thumbFP, 4*field(w, 0, 8)) }},     // add r7, sp, #
		{2, 0xff00, 0x3700, func(p *prologue, w uint64) { p.fpOff += field(w, 0, 8) }},              // adds r7, #
		{2, 0xffff, 0x466f, func(p *prologue, w uint64) { p.point(thumbFP, 0) }},                    // mov r7, sp
		{2, 0xf800, 0x9000, func(p *prologue, w uint64) { p.save(reg(w, 8, 3), 4*field(w, 0, 8)) }}, // str reg, [sp, #]
		{2, 0xff87, 0x4485, lose}, // add sp, reg
		{2, 0xff87, 0x4685, lose}, // mov sp, reg
		{2, 0xff00, 0xbd00, end},  // pop {.., pc}
		{2, 0xff00, 0xbc00, lose}, // pop
		{2, 0xff00, 0x4700, end},  // bx, blx
		{2, 0xf800, 0xe000, end},  // b
		{4, 0xffff, 0xe92d, func(p *prologue, w uint64) { p.pushAll(uint16(w >> 16)) }},
		{4, 0x0f00_ffff, 0x0d00_f84d, func(p *prologue, w uint64) { // str reg, [sp, #-]!
			p.move(-field(w, 16, 8))
			p.save(reg(w, 28, 4), 0)
		}},
		{4, 0x0f00_ffff, 0x0b00_f85d, func(p *prologue, w uint64) { p.move(field(w, 16, 8)) }},       // ldr reg, [sp], #
		{4, 0xffff, 0xf8cd, func(p *prologue, w uint64) { p.save(reg(w, 28, 4), field(w, 16, 12)) }}, // str.w reg, [sp, #]
		{4, 0xffff, 0xe96d, func(p *prologue, w uint64) { // strd reg, reg, [sp, #-]!
			p.move(-4 * field(w, 16, 8))
			p.save(reg(w, 28, 4), 0)
			p.save(reg(w, 24, 4), 4)
		}},
		{4, 0xffff, 0xe9cd, func(p *prologue, w uint64) { // strd reg, reg, [sp, #]
			p.save(reg(w, 28, 4), 4*field(w, 16, 8))
			p.save(reg(w, 24, 4), 4*field(w, 16, 8)+4)
		}},
		{4, 0x8f00_fbff, 0x0d00_f1ad, func(p *prologue, w uint64) { p.move(-thumbImmediate(w)) }},   // sub.w sp, sp, #
		{4, 0x8f00_fbff, 0x0d00_f2ad, func(p *prologue, w uint64) { p.move(-thumbImmediate12(w)) }}, // subw sp, sp, #
		{4, 0x0f00_ffff, 0x0d00_ebad, lose}, // sub.w sp, sp, reg
		{4, 0x0e00_ffbf, 0x0a00_ed2d, func(p *prologue, w uint64) { p.move(-4 * field(w, 16, 8)) }}, // vpush
		{4, 0x8000_f800, 0x8000_f000, endBranch},
		{4, 0xffff, 0xe8bd, end},           // pop.w
		{4, 0xffe0_fff0, 0xf000_e8d0, end}, // tbb, tbh
	},
}

// endBranch tells bl, blx and b.w from conditional branches and barriers.
func endBranch(p *prologue, w uint64) {
	p.over = p.over || w&0x5000_0000 != 0
}

// thumbImmediate12 is the immediate of twelve bits that is spread over the
// instruction; thumbImmediate is what it expands to (A5.3.2) for values that a
// frame's size can have: a byte, or one with its top bit set, rotated right.
func thumbImmediate12(w uint64) int64 {
	return field(w, 10, 1)<<11 | field(w, 28, 3)<<8 | field(w, 16, 8)
}

func thumbImmediate(w uint64) int64 {
	imm := thumbImmediate12(w)
	if rotate := int(imm >> 7); rotate >= 8 {
		return int64(bits.RotateLeft32(uint32(imm&0x7f|0x80), -rotate))
	}
	return imm & 0xff
}

// arm is A32 (Armv7-A manual, A8.8), without conditions.
var arm = code{
	size: func(uint64) int { return 4 },
	ops: []op{
		{4, 0xffff_0000, 0xe92d_0000, func(p *prologue, w uint64) { p.pushAll(uint16(w)) }},
		{4, 0xffff_0000, 0xe52d_0000, func(p *prologue, w uint64) { // str reg, [sp, #-]!
			p.move(-field(w, 0, 12))
			p.save(reg(w, 12, 4), 0)
		}},
		{4, 0xffff_0000, 0xe49d_0000, func(p *prologue, w uint64) { p.move(field(w, 0, 12)) }}, // ldr reg, [sp], #
		{4, 0xffff_0000, 0xe58d_0000, func(p *prologue, w uint64) { p.save(reg(w, 12, 4), field(w, 0, 12)) }},
		{4, 0xffff_f000, 0xe24d_d000, func(p *prologue, w uint64) { p.move(-armImmediate(w)) }},        // sub sp, sp, #
		{4, 0xffff_f000, 0xe28d_d000, func(p *prologue, w uint64) { p.move(armImmediate(w)) }},         // add sp, sp, #
		{4, 0xffff_f000, 0xe28d_b000, func(p *prologue, w uint64) { p.point(armFP, armImmediate(w)) }}, // add r11, sp, #
		{4, 0xffff_ffff, 0xe1a0_b00d, func(p *prologue, _ uint64) { p.point(armFP, 0) }},               // mov r11, sp
		{4, 0xffbf_0e00, 0xed2d_0a00, func(p *prologue, w uint64) { p.move(-4 * field(w, 0, 8)) }},     // vpush
		{4, 0xfc00_f000, 0xe000_d000, lose}, // sp computed otherwise
		{4, 0xfe00_0000, 0xea00_0000, end},  // b, bl
		{4, 0xffff_ffd0, 0xe12f_ff10, end},  // bx, blx
		{4, 0xffff_8000, 0xe8bd_8000, end},  // pop {.., pc}
	},
}

// armImmediate is a byte, rotated right (A5.2.4).
func armImmediate(w uint64) int64 {
	return int64(bits.RotateLeft32(uint32(w&0xff), -2*int(field(w, 8, 4))))
}

// aarch64 is A64 (Arm ARM, C6.2). Stores of pairs scale their offset by 8.
var aarch64 = code{
	size: func(uint64) int { return 4 },
	ops: []op{
		{4, 0xffc0_03e0, 0xa980_03e0, func(p *prologue, w uint64) { // stp reg, reg, [sp, #-]!
			p.move(8 * signed(w, 15, 7))
			p.pair(w, 0)
		}},
		{4, 0xffc0_03e0, 0xa8c0_03e0, func(p *prologue, w uint64) { p.move(8 * signed(w, 15, 7)) }},  // ldp reg, reg, [sp], #
		{4, 0xffe0_0fe0, 0xf840_07e0, func(p *prologue, w uint64) { p.move(signed(w, 12, 9)) }},      // ldr reg, [sp], #
		{4, 0xffc0_03e0, 0xa900_03e0, func(p *prologue, w uint64) { p.pair(w, 8*signed(w, 15, 7)) }}, // stp reg, reg, [sp, #]
		{4, 0xffc0_03e0, 0x6d80_03e0, func(p *prologue, w uint64) { p.move(8 * signed(w, 15, 7)) }},  // stp d, d, [sp, #-]!
		{4, 0xffe0_0fe0, 0xfc00_0fe0, func(p *prologue, w uint64) { p.move(signed(w, 12, 9)) }},      // str d, [sp, #-]!
		{4, 0xffe0_0fe0, 0xf800_0fe0, func(p *prologue, w uint64) { // str reg, [sp, #-]!
			p.move(signed(w, 12, 9))
			p.save(reg(w, 0, 5), 0)
		}},
		{4, 0xffc0_03e0, 0xf900_03e0, func(p *prologue, w uint64) { p.save(reg(w, 0, 5), 8*field(w, 10, 12)) }},            // str reg, [sp, #]
		{4, 0xff80_03ff, 0xd100_03ff, func(p *prologue, w uint64) { p.move(-field(w, 10, 12) << (12 * field(w, 22, 1))) }}, // sub sp, sp, #
		{4, 0xff80_03ff, 0x9100_03ff, func(p *prologue, w uint64) { p.move(field(w, 10, 12) << (12 * field(w, 22, 1))) }},  // add sp, sp, #
		{4, 0xffc0_03ff, 0x9100_03fd, func(p *prologue, w uint64) { p.point(p.arch.FP, field(w, 10, 12)) }},                // add x29, sp, #
		{4, 0xbfe0_001f, 0x8b20_001f, lose}, // add, sub sp, .., reg
		{4, 0xff80_001f, 0x9100_001f, lose}, // mov sp, reg
		{4, 0x7c00_0000, 0x1400_0000, end},  // b, bl
		{4, 0xfe00_0000, 0xd600_0000, end},  // br, blr, ret
	},
}

func (p *prologue) pair(w uint64, off int64) {
	p.save(reg(w, 0, 5), off)
	p.save(reg(w, 10, 5), off+8)
}

// riscv is RV32 and RV64 with the compressed instructions (unprivileged ISA
// manual, 2 and "C" extension). Register n is DWARF number n.
var riscv = code{
	size: func(w uint64) int {
		if w&3 == 3 {
			return 4
		}
		return 2
	},
	ops: []op{
		{4, 0xf_ffff, 0x1_0113, func(p *prologue, w uint64) { p.move(signed(w, 20, 12)) }},    // addi sp, sp, #
		{4, 0xf_ffff, 0x1_0413, func(p *prologue, w uint64) { p.pointS0(signed(w, 20, 12)) }}, // addi s0, sp, #
		{4, 0xf_f07f, 0x1_2023, func(p *prologue, w uint64) { p.store(w, 20, riscvS(w)) }},    // sw reg, #(sp)
		{4, 0xf_f07f, 0x1_3023, func(p *prologue, w uint64) { p.store(w, 20, riscvS(w)) }},    // sd reg, #(sp)
		{4, 0xfdf, 0x117, lose}, // sp = constant
		{4, 0xfff, 0x103, lose}, // sp = memory
		{4, 0xfff, 0x133, lose}, // sp = register and register
		{4, 0xfff, 0x113, lose}, // sp = register and immediate
		{4, 0x77, 0x67, end},    // jal, jalr
		{2, 0xef83, 0x0101, func(p *prologue, w uint64) { p.move(riscv6(w)) }},                                  // c.addi sp, #
		{2, 0xef83, 0x6101, func(p *prologue, w uint64) { p.move(riscv16sp(w)) }},                               // c.addi16sp
		{2, 0xe01f, 0x0000, func(p *prologue, w uint64) { p.pointS0(riscv4spn(w)) }},                            // c.addi4spn s0, sp, #
		{2, 0xe003, 0xc002, func(p *prologue, w uint64) { p.store(w, 2, field(w, 9, 4)<<2|field(w, 7, 2)<<6) }}, // c.swsp
		{2, 0xe003, 0xe002, func(p *prologue, w uint64) { // c.sdsp; on RV32 c.fswsp
			if p.arch == arch.RV64 {
				p.store(w, 2, field(w, 10, 3)<<3|field(w, 7, 3)<<6)
			}
		}},
		{2, 0xe003, 0x2001, func(p *prologue, _ uint64) { p.over = p.arch == arch.RV32 }}, // c.jal; on RV64 c.addiw
		{2, 0xef83, 0x8102, lose}, // c.mv sp, reg; c.add
		{2, 0xe003, 0xa001, end},  // c.j
		{2, 0xe07f, 0x8002, end},  // c.jr, c.jalr
	},
}

func riscvS(w uint64) int64 { return signed(w, 25, 7)<<5 | field(w, 7, 5) }

func riscv6(w uint64) int64 { return signed(w, 12, 1)<<5 | field(w, 2, 5) }

func riscv16sp(w uint64) int64 {
	return signed(w, 12, 1)<<9 | field(w, 3, 2)<<7 | field(w, 5, 1)<<6 | field(w, 2, 1)<<5 | field(w, 6, 1)<<4
}

func riscv4spn(w uint64) int64 {
	return field(w, 7, 4)<<6 | field(w, 11, 2)<<4 | field(w, 5, 1)<<3 | field(w, 6, 1)<<2
}

// store saves the register whose number is the five bits of w from low on.
func (p *prologue) store(w uint64, low int, off int64) {
	if n, ok := p.arch.ByDWARF(int(field(w, low, 5))); ok {
		p.save(n, off)
	}
}

// pointS0 has no meaning with 0, which is no instruction.
func (p *prologue) pointS0(off int64) {
	if off != 0 {
		p.point(p.arch.FP, off)
	}
}

// i386 and amd64 are x86 (Intel SDM, volume 2). Its instructions have to be
// known all to find the next, so the first strange one ends the prologue.
var (
	i386 = code{ops: []op{
		endbr,
		{1, 0xf8, 0x50, func(p *prologue, w uint64) { p.push(w, 0) }},
		{1, 0xf8, 0x58, func(p *prologue, _ uint64) { p.move(int64(p.arch.PtrSize())) }}, // pop
		{2, 0xffff, 0xe589, func(p *prologue, _ uint64) { p.point(p.arch.FP, 0) }},       // mov %esp, %ebp
		{2, 0xffff, 0xec8b, func(p *prologue, _ uint64) { p.point(p.arch.FP, 0) }},
		{3, 0xffff, 0xec83, func(p *prologue, w uint64) { p.move(-signed(w, 16, 8)) }},  // sub $, %esp
		{6, 0xffff, 0xec81, func(p *prologue, w uint64) { p.move(-signed(w, 16, 32)) }}, // sub $, %esp
	}}
	amd64 = code{ops: []op{
		endbr,
		{1, 0xf8, 0x50, func(p *prologue, w uint64) { p.push(w, 0) }},
		{1, 0xf8, 0x58, func(p *prologue, _ uint64) { p.move(int64(p.arch.PtrSize())) }}, // pop
		{2, 0xf8ff, 0x5041, func(p *prologue, w uint64) { p.push(w>>8, 8) }},
		{3, 0xff_ffff, 0xe5_8948, func(p *prologue, _ uint64) { p.point(p.arch.FP, 0) }}, // mov %rsp, %rbp
		{3, 0xff_ffff, 0xec_8b48, func(p *prologue, _ uint64) { p.point(p.arch.FP, 0) }},
		{4, 0xff_ffff, 0xec_8348, func(p *prologue, w uint64) { p.move(-signed(w, 24, 8)) }},  // sub $, %rsp
		{7, 0xff_ffff, 0xec_8148, func(p *prologue, w uint64) { p.move(-signed(w, 24, 32)) }}, // sub $, %rsp
	}}
	endbr = op{4, 0xfeff_ffff, 0xfa1e_0ff3, nil}
)

// x86Numbers are the registers in the order of their codes.
var x86Numbers = map[*arch.Arch][]string{
	arch.I386:  {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
	arch.AMD64: {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"},
}

func (p *prologue) push(w uint64, first int64) {
	p.move(-int64(p.arch.PtrSize()))
	if n, ok := p.arch.Reg(x86Numbers[p.arch][first+field(w, 0, 3)]); ok {
		p.save(n, 0)
	}
}

// xtensa is the call0 ABI (Xtensa ISA manual, 6 and "The CALL0 ABI"). Stores
// scale their offset by 4.
var xtensa = code{
	size: func(w uint64) int {
		if w&0x0f >= 8 {
			return 2
		}
		return 3
	},
	ops: []op{
		{3, 0xffff, 0xc112, func(p *prologue, w uint64) { p.move(signed(w, 16, 8)) }},                // addi a1, a1, #
		{3, 0xffff, 0xd112, func(p *prologue, w uint64) { p.move(signed(w, 16, 8) << 8) }},           // addmi a1, a1, #
		{3, 0xff0f, 0x6102, func(p *prologue, w uint64) { p.save(reg(w, 4, 4), 4*field(w, 16, 8)) }}, // s32i reg, a1, #
		{2, 0x0f0f, 0x0109, func(p *prologue, w uint64) { p.save(reg(w, 4, 4), 4*field(w, 12, 4)) }}, // s32i.n reg, a1, #
		{2, 0xffff, 0x01fd, func(p *prologue, _ uint64) { p.point(15, 0) }},                          // mov.n a15, a1
		{3, 0xff_ff0f, 0xc0_1100, lose}, // sub a1, a1, reg
		{3, 0x0f, 0x05, end},            // call0
		{3, 0x3f, 0x06, end},            // j
		{3, 0xff_f0ff, 0xc0, end},       // callx0
		{3, 0xff_f0ff, 0xa0, end},       // jx
		{3, 0xff_f0ff, 0x80, end},       // ret
		{2, 0xffff, 0xf00d, end},        // ret.n
	},
}
