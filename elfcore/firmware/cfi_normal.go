package firmware

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore/arch"
)

// Call frame instructions (DWARF 5, 7.24). The first three carry an operand in
// their low six bits.
const (
	cfaAdvance    = 0x40
	cfaOffset     = 0x80
	cfaRestore    = 0xc0
	cfaSetLoc     = 0x01
	cfaOffsetExt  = 0x05
	cfaRestoreExt = 0x06
	cfaUndefined  = 0x07
	cfaSame       = 0x08
	cfaRegister   = 0x09
	cfaRemember   = 0x0a
	cfaRecall     = 0x0b // DW_CFA_restore_state
	cfaDef        = 0x0c
	cfaDefReg     = 0x0d
	cfaDefOffset  = 0x0e
	cfaDefExpr    = 0x0f
	cfaExpr       = 0x10
	cfaOffsetSF   = 0x11
	cfaDefSF      = 0x12
	cfaDefOffSF   = 0x13
	cfaValOffset  = 0x14
	cfaValOffSF   = 0x15
	cfaValExpr    = 0x16
	cfaNegateRAPC = 0x2c // AArch64, DW_CFA_AARCH64_negate_ra_state_with_pc
	cfaNegateRA   = 0x2d // AArch64, DW_CFA_AARCH64_negate_ra_state
	cfaArgsSize   = 0x2e
	cfaNegOffset  = 0x2f // DW_CFA_GNU_negative_offset_extended
)

// operands gives each instruction's operands: u and s are LEB128, b a block
// with its length, a an address, digits a number of bytes, - none. An empty
// string is an instruction that is not known.
var operands = [0x40]string{
	0x00: "-", cfaSetLoc: "a", 0x02: "1", 0x03: "2", 0x04: "4",
	cfaOffsetExt: "uu", cfaRestoreExt: "u", cfaUndefined: "u", cfaSame: "u", cfaRegister: "uu",
	cfaRemember: "-", cfaRecall: "-",
	cfaDef: "uu", cfaDefReg: "u", cfaDefOffset: "u", cfaDefExpr: "b", cfaExpr: "ub",
	cfaOffsetSF: "us", cfaDefSF: "us", cfaDefOffSF: "s",
	cfaValOffset: "uu", cfaValOffSF: "us", cfaValExpr: "ub",
	cfaNegateRAPC: "-", cfaNegateRA: "-", cfaArgsSize: "u", cfaNegOffset: "uu",
}

// instruction is one call frame instruction. op has no operand in it; raw is
// the whole of it, as it stands.
type instruction struct {
	op   byte
	args [2]uint64
	raw  []byte
}

// next decodes an instruction; word is the size of an address in bytes.
func next(c *cursor, word int) (in instruction, err error) {
	start := c.off
	op := byte(c.uint(1))
	if high := op & 0xc0; high != 0 {
		in.op, in.args[0] = high, uint64(op&0x3f)
		if high == cfaOffset {
			in.args[1] = c.uleb()
		}
	} else {
		in.op = op
		if operands[op] == "" {
			return in, fmt.Errorf("call frame instruction 0x%02x is not known", op)
		}
		for i, kind := range []byte(operands[op]) {
			switch kind {
			case 'u':
				in.args[i] = c.uleb()
			case 's':
				in.args[i] = uint64(c.sleb())
			case 'b':
				c.take(c.uleb())
			case 'a':
				in.args[i] = c.uint(word)
			case '1', '2', '4':
				in.args[i] = c.uint(int(kind - '0'))
			}
		}
	}
	if c.bad {
		return in, fmt.Errorf("call frame instructions cut off")
	}
	in.raw = c.b[start:c.off]
	return in, nil
}

// Limits on one function's program: real ones have a few hundred bytes and
// remember one or two states.
const (
	maxProgram  = 64 << 10
	maxRemember = 16
)

// unspecified is the register that a rule points to which is no rule: the
// register is as the CPU's calling convention says. No CPU has so many.
const unspecified = 1 << 20

// normaliser rewrites call frame instructions to the subset that Delve's frame
// package executes right (v1.27.2; docs of each repair at its case). It puts
// the common instructions before the entry's own, for two reasons: Delve does
// not save the initial rules, and it reuses the buffer that their expressions
// lie in.
type normaliser struct {
	arch    *arch.Arch
	out     []byte
	initial map[uint64][]byte // rule instructions of the common entry, by register
	hasCFA  bool
	depth   int // remembered states
}

func normalise(a *arch.Arch, d *fde) ([]byte, error) {
	n := normaliser{arch: a, initial: map[uint64][]byte{}}
	if err := n.program(d.cie, d.cie.program, true); err != nil {
		return nil, err
	}
	err := n.program(d.cie, d.program, false)
	return n.out, err
}

func (n *normaliser) program(common *cie, program []byte, initial bool) error {
	for c := (cursor{b: program}); c.more(); {
		in, err := next(&c, n.arch.PtrSize())
		if err != nil {
			return err
		}
		from := len(n.out)
		if err := n.instruction(common, in); err != nil {
			return err
		}
		if initial && definesRegister(in.op) {
			n.initial[in.args[0]] = append([]byte(nil), n.out[from:]...)
		}
		if len(n.out) > maxProgram {
			return fmt.Errorf("more than %d bytes of call frame instructions", maxProgram)
		}
	}
	return nil
}

// definesRegister: the instruction's first operand is the register whose rule
// it sets.
func definesRegister(op byte) bool {
	switch op {
	case cfaOffset, cfaOffsetExt, cfaUndefined, cfaSame, cfaRegister, cfaExpr,
		cfaOffsetSF, cfaValOffset, cfaValOffSF, cfaValExpr, cfaNegOffset:
		return true
	}
	return false
}

func (n *normaliser) instruction(common *cie, in instruction) error {
	restores := in.op == cfaRestore || in.op == cfaRestoreExt
	if definesRegister(in.op) || restores {
		// Rules for registers that the CPU's table lacks (vector state, CSRs)
		// are left out; that also bounds how many rules there are.
		if _, known := common.register(n.arch, in.args[0]); !known {
			return nil
		}
	}
	switch in.op {
	case cfaRestore, cfaRestoreExt:
		// Delve makes it "undefined", or takes the offset of a rule that is
		// none. Repeat the common entry's rule.
		if rule, ok := n.initial[in.args[0]]; ok {
			n.out = append(n.out, rule...)
		} else {
			n.emit(cfaRegister, in.args[0], unspecified)
		}
	case cfaValOffset:
		// Delve does not scale it; the signed form it does.
		n.emitSigned(cfaValOffSF, in.args[0], int64(in.args[1]))
	case cfaNegOffset:
		n.emitSigned(cfaOffsetSF, in.args[0], -int64(in.args[1]))
	case cfaSetLoc:
		// Delve reads eight bytes whatever an address has.
		if common.pointer != 0 {
			return fmt.Errorf("DW_CFA_set_loc with an encoded address")
		}
		n.out = binary.LittleEndian.AppendUint64(append(n.out, cfaSetLoc), in.args[0])
	case cfaDef, cfaDefSF, cfaDefExpr:
		n.hasCFA = true
		n.out = append(n.out, in.raw...)
	case cfaDefReg:
		// RISC-V: the only instruction of GCC's common entry, with the offset
		// left at 0. Delve sets no rule then.
		if !n.hasCFA {
			n.hasCFA = true
			n.emit(cfaDef, in.args[0], 0)
			return nil
		}
		n.out = append(n.out, in.raw...)
	case cfaRemember:
		if n.depth++; n.depth > maxRemember {
			return fmt.Errorf("more than %d remembered states", maxRemember)
		}
		n.out = append(n.out, in.raw...)
	case cfaRecall:
		// Delve panics.
		if n.depth--; n.depth < 0 {
			return fmt.Errorf("DW_CFA_restore_state without a remembered state")
		}
		n.out = append(n.out, in.raw...)
	case cfaNegateRA, cfaNegateRAPC, cfaArgsSize:
		// The first two sign a return address, which whoever uses it must
		// mask; Delve takes them for errors. The third is of no use here.
	default:
		n.out = append(n.out, in.raw...)
	}
	return nil
}

func (n *normaliser) emit(op byte, a, b uint64) {
	n.out = binary.AppendUvarint(binary.AppendUvarint(append(n.out, op), a), b)
}

func (n *normaliser) emitSigned(op byte, a uint64, b int64) {
	n.out = appendSleb(binary.AppendUvarint(append(n.out, op), a), b)
}

// appendSleb appends a signed LEB128.
func appendSleb(out []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
