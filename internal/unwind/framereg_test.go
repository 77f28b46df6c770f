package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// withFrameRegister makes middle a function that addresses its frame by reg:
// it enters by the stack pointer, moves it by 2 and then 6 words, and switches
// to reg with the CFA at reg + offset. It returns what reg holds in middle.
func withFrameRegister(f *fake, reg string, offset, words int64, sp uint64) uint64 {
	p := int64(f.a.PtrSize())
	f.rows[middle] = nil
	f.funcs = append(f.funcs[:1], f.funcs[2:]...)
	epilogue := f.bySP(2*p, reg)
	f.function(middle,
		rowAt{0, f.bySP(0, "")},
		rowAt{4, f.bySP(2*p, reg)},
		rowAt{8, f.bySP(6*p, reg)},
		rowAt{12, f.byReg(reg, offset*p, reg)},
		rowAt{0x20, epilogue}, // an early return
		rowAt{0x24, f.byReg(reg, offset*p, reg)})
	return sp + uint64((words-offset)*p)
}

func TestFrameRegister(t *testing.T) {
	for _, tc := range []struct {
		a      *arch.Arch
		reg    string
		offset int64 // words from reg to the CFA
	}{
		{arch.CortexM, "r7", 6}, // push {r7, lr}; sub sp; add r7, sp, #0
		{arch.CortexM, "r7", 2}, // clang
		{arch.RV32, "s0", 0},
		{arch.RV64, "s0", 0},
		{arch.AArch64, "x29", 6},
		{arch.AMD64, "rbp", 2},
		{arch.I386, "ebp", 2},
	} {
		t.Run(tc.a.Name, func(t *testing.T) {
			f := newFake(tc.a)
			s, r, sp := chain(f, "")
			p := uint64(tc.a.PtrSize())
			want := withFrameRegister(f, tc.reg, tc.offset, 6, sp+4*p)
			if tc.a.LR == arch.NoReg {
				f.rows[middle][0].row = f.bySP(int64(p), "")
			}
			// middle calls inner, which does not touch the register.
			n, v, ok := FrameRegister(s.core(), f, r)
			if wanted, _ := tc.a.Reg(tc.reg); !ok || n != wanted || v != want {
				t.Errorf("FrameRegister: %d 0x%x %v, want %d 0x%x", n, v, ok, wanted, want)
			}
			// Walk needs no help.
			frames := Walk(s.core(), f, r, 0)
			wantTrace(t, frames, Outermost, chainTrace()...)

			// Innermost.
			r = at(tc.a, middle+0x40, sp+4*p, nil)
			if _, v, ok = FrameRegister(s.core(), f, r); !ok || v != want {
				t.Errorf("innermost: 0x%x %v, want 0x%x", v, ok, want)
			}

			// Nothing is missing.
			r.Set(n, v, elfcore.Known, 0)
			if _, _, ok = FrameRegister(s.core(), f, r); ok {
				t.Error("computed a register that is there")
			}
			r.Clear(n, 0)

			// The stack pointer has moved since (alloca): not believed.
			r.Set(tc.a.SP, sp+3*p, elfcore.Known, 0)
			if _, _, ok = FrameRegister(s.core(), f, r); ok {
				t.Error("believed a return address that follows no call")
			}
			r.Clear(tc.a.SP, 0)
			if _, _, ok = FrameRegister(s.core(), f, r); ok {
				t.Error("computed without a stack pointer")
			}
		})
	}
}

// A frame that has lost the register says nothing about it further in.
func TestFrameRegisterTouched(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, sp := chain(f, "")
	withFrameRegister(f, "s0", 0, 6, sp+16)
	n, _ := arch.RV32.Reg("s0")
	f.rows[inner][0].row.Regs[n] = firmware.Rule{Kind: firmware.RuleUndefined}
	if _, v, ok := FrameRegister(s.core(), f, r); ok {
		t.Errorf("0x%x", v)
	}
}

// An entry that claims the whole address space costs a bounded number of rows.
func TestFrameRegisterHugeFunction(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, _ := chain(f, "")
	f.funcs = []elfcore.Range{{Addr: 0, Size: 1 << 32}}
	f.rows = map[elfcore.Addr][]rowAt{0: {{0, f.bySP(16, "")}, {codeBase, f.byReg("s0", 0, "")}}}
	if _, _, ok := FrameRegister(s.core(), f, r); ok {
		t.Error("found")
	}
	if f.asked > 2*maxRows {
		t.Errorf("asked for %d rows", f.asked)
	}
}
