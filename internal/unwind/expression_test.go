package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// Operators of DWARF (DWARF 5, 7.7.1).
const (
	opDeref = 0x06
	opLit0  = 0x30
	opBreg0 = 0x70
	opPlusU = 0x23
)

// TestExpressions: the CFA, the return address and a register are given by
// expressions, as in the procedure linkage table of x86 and in code that aligns
// its stack.
func TestExpressions(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, saved, _ string) {
		f := newFake(a)
		s, r, sp := chain(f, saved)
		p := byte(a.PtrSize())
		row := &f.rows[inner][0].row
		number := byte(a.Regs[a.SP].DWARF)
		row.CFA = firmware.Rule{Kind: firmware.RuleValue, Expr: []byte{opBreg0 + number, 4 * p}}
		if number >= 32 || a == arch.AArch64 { // DW_OP_bregx
			row.CFA.Expr = []byte{0x92, number, 4 * p}
		}
		row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleExpression, Expr: []byte{opLit0 + p, 0x1c}} // the CFA less the size of a word
		row.Regs[named(a, saved)] = firmware.Rule{Kind: firmware.RuleValue, Expr: []byte{opPlusU, 1}}
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, chainTrace()...)
		wantReg(t, frames[1].Regs, saved, sp+4*uint64(p)+1, elfcore.Known)
		if frames[0].CFA != elfcore.Addr(sp)+elfcore.Addr(4*p) {
			t.Errorf("CFA %v", frames[0].CFA)
		}

		// The return address itself, and the lowest state of all that it took.
		row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleValue, Expr: []byte{opLit0 + p, 0x1c, opDeref}}
		r.Set(a.SP, sp, elfcore.Recovered, 0)
		frames = Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, chainTrace()...)
		if v, state := frames[1].Regs.PC(); state != elfcore.Recovered {
			t.Errorf("pc 0x%x is %v", v, state)
		}
	})
}

func TestExpressionEnds(t *testing.T) {
	a := arch.RV32
	for _, tc := range []struct {
		name string
		expr []byte
		end  EndKind
	}{
		{"register that is missing", []byte{opBreg0 + 9, 0}, NeedsRegister},
		{"memory that is missing", []byte{opLit0, opDeref}, NoStack},
		{"no operator", []byte{0xff}, Expression},
	} {
		f := newFake(a)
		s, r, _ := chain(f, "")
		f.rows[inner][0].row.CFA = firmware.Rule{Kind: firmware.RuleValue, Expr: tc.expr}
		clear(f.code) // leaves nothing to scan for
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, tc.end, chainTrace()[0])
		t.Log(frames[0].End)
	}
}
