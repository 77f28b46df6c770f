package unwind

import (
	"errors"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

func TestCallFrameInformation(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, saved, work string) {
		f := newFake(a)
		s, r, sp := chain(f, saved)
		n, _ := a.Reg(work)
		r.Set(n, 0x77, elfcore.Known, 0)
		n, _ = a.Reg(saved)
		r.Set(n, 0x66, elfcore.Known, 0)

		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, chainTrace()...)
		p := uint64(a.PtrSize())
		for i, cfa := range []uint64{sp + 4*p, sp + 10*p, sp + 12*p} {
			if uint64(frames[i].CFA) != cfa {
				t.Errorf("frame %d: CFA %v, want 0x%x", i, frames[i].CFA, cfa)
			}
		}
		wantReg(t, frames[0].Regs, saved, 0x66, elfcore.Known)
		wantReg(t, frames[1].Regs, saved, 0x5a7ed, elfcore.Known)
		wantReg(t, frames[2].Regs, saved, 0x5a7ed, elfcore.Known)
		wantReg(t, frames[1].Regs, work, 0x77, elfcore.Suspect)
		if v, st := frames[1].Regs.SP(); v != sp+4*p || st != elfcore.Known {
			t.Errorf("sp 0x%x (%v)", v, st)
		}
		if got := Score(s.core(), f, frames); got != 2*exactPoints+outerPoints {
			t.Errorf("score %d", got)
		}
	})
}

// A reading of the stack pointer that is off by an exception frame, with or
// without the floating point part or its padding, must lose clearly.
func TestRivals(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, saved, _ string) {
		f := newFake(a)
		s, r, sp := chain(f, saved)
		right := Score(s.core(), f, Walk(s.core(), f, r, 0))
		for _, off := range []int64{-104, -72, -36, -32, -8, 8, 32, 36, 72, 104} {
			rival := r.Clone()
			rival.Set(a.SP, sp+uint64(off), elfcore.Known, 0)
			frames := Walk(s.core(), f, rival, 0)
			if got := Score(s.core(), f, frames); got > right-20 {
				t.Errorf("sp%+d scores %d, the right one %d (%v)", off, got, right, frames[len(frames)-1].End)
			}
		}
	})
}

func TestStatesPropagate(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, sp := chain(f, "s1")
	c := elfcore.New("test", arch.RV32, s.core().Order)
	c.Memory.Add(elfcore.NewRegion(stackBase, s.data, 0, elfcore.Suspect, 0))
	next, trust, err := Caller(c, f, r, true)
	if err != nil || trust != CFI {
		t.Fatal(trust, err)
	}
	wantReg(t, next, "pc", middle+0x40, elfcore.Suspect)
	wantReg(t, next, "s1", 0x5a7ed, elfcore.Suspect)
	wantReg(t, next, "sp", sp+16, elfcore.Known)

	r.Set(arch.RV32.SP, sp, elfcore.Recovered, 0)
	next, _, err = Caller(s.core(), f, r, true)
	if err != nil {
		t.Fatal(err)
	}
	wantReg(t, next, "pc", middle+0x40, elfcore.Recovered)
	wantReg(t, next, "sp", sp+16, elfcore.Recovered)
}

func TestRules(t *testing.T) {
	a := arch.RV64
	f := newFake(a)
	s, r, sp := chain(f, "")
	reg := func(name string) arch.Reg { n, _ := a.Reg(name); return n }
	row := f.rows[inner][0].row
	row.Regs[reg("s2")] = firmware.Rule{Kind: firmware.RuleValOffset, Offset: -8}
	row.Regs[reg("s3")] = firmware.Rule{Kind: firmware.RuleRegister, Reg: reg("a3")}
	row.Regs[reg("a4")] = firmware.Rule{Kind: firmware.RuleSame}
	row.Regs[reg("s5")] = firmware.Rule{Kind: firmware.RuleUndefined}
	row.Regs[reg("s6")] = firmware.Rule{Kind: firmware.RuleValue, Expr: []byte{opBad}}
	row.Regs[reg("s7")] = firmware.Rule{Kind: firmware.RuleOffset, Offset: 0x10000}
	row.Regs[arch.NoReg] = firmware.Rule{Kind: firmware.RuleOffset}
	for _, n := range []string{"a3", "a4", "s5", "s6", "s7", "gp", "mcause"} {
		r.Set(reg(n), 0x33, elfcore.Known, 0)
	}
	next, _, err := Caller(s.core(), f, r, true)
	if err != nil {
		t.Fatal(err)
	}
	wantReg(t, next, "s2", sp+32-8, elfcore.Known)
	wantReg(t, next, "s3", 0x33, elfcore.Known)
	wantReg(t, next, "a3", 0x33, elfcore.Suspect)
	wantReg(t, next, "a4", 0x33, elfcore.Known)
	wantReg(t, next, "s5", 0, elfcore.Missing)
	wantReg(t, next, "s6", 0, elfcore.Missing)
	wantReg(t, next, "s7", 0, elfcore.Missing) // not in the dump: no reason to stop
	wantReg(t, next, "gp", 0x33, elfcore.Known)
	wantReg(t, next, "mcause", 0x33, elfcore.Known)
}

// Saved floating point registers are 4 bytes on a RISC-V with a 32-bit FPU,
// and half of the register on AArch64.
func TestFloatRules(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, _ := chain(f, "fs0")
	c := s.core()
	c.Program.FloatBits = 32
	next, _, err := Caller(c, f, r, true)
	if err != nil {
		t.Fatal(err)
	}
	wantReg(t, next, "fs0", 0xffffffff_0005a7ed, elfcore.Known)

	f = newFake(arch.AArch64)
	s, r, _ = chain(f, "v8")
	if next, _, err = Caller(s.core(), f, r, true); err != nil {
		t.Fatal(err)
	}
	wantReg(t, next, "v8", 0x5a7ed, elfcore.Suspect)
}

const opBad = 0xff // no operator of DWARF

func TestEnds(t *testing.T) {
	a := arch.RV32
	for _, tc := range []struct {
		name   string
		change func(*fake, *stack, *elfcore.Registers)
		end    EndKind
		text   string
	}{
		{"return address is no code", func(_ *fake, s *stack, _ *elfcore.Registers) { s.set(stackBase+0x20c, 0xaaaaaaaa) }, NoCode, "code not in any image at 0xaaaaaaaa"},
		{"stack is not there", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Set(a.SP, 0x3000_0000, elfcore.Known, 0) }, NoStack, "stack not in dump at 0x3000000c"},
		{"no stack pointer", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Clear(a.SP, 0) }, NeedsRegister, "unwinding needs register sp, which is not in the dump"},
		{"no pc", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Clear(a.PC, 0) }, NeedsRegister, "unwinding needs register pc, which is not in the dump"},
		{"undefined return address", func(f *fake, _ *stack, _ *elfcore.Registers) {
			f.rows[inner][0].row.Regs[a.LR] = firmware.Rule{}
		}, Outermost, "outermost frame"},
		{"expression", func(f *fake, _ *stack, _ *elfcore.Registers) { f.rows[inner][0].row.CFA.Kind = firmware.RuleValue }, Expression,
			"call frame information of 0x00010100: "},
		{"expression for the return address", func(f *fake, _ *stack, _ *elfcore.Registers) {
			f.rows[inner][0].row.Regs[a.LR] = firmware.Rule{Kind: firmware.RuleExpression, Expr: []byte{opBad}}
		}, Expression, "call frame information of 0x00010100: "},
		{"CFA inwards", func(f *fake, _ *stack, _ *elfcore.Registers) { f.rows[inner][0].row.CFA.Offset = -64 }, Backwards, "stack runs backwards to 0x200001c0"},
		{"CFA overflows", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Set(a.SP, 0xfffffff8, elfcore.Known, 0) }, Backwards, "stack runs backwards to 0x00000008"},
		{"return register unknown", func(f *fake, _ *stack, _ *elfcore.Registers) {
			f.rows[inner][0].row.Return = arch.NoReg
			f.funcs = f.funcs[:1]
		}, NeedsRegister, "unwinding needs register number 65535, which is not in the dump"},
		{"no function, no call", func(f *fake, s *stack, r *elfcore.Registers) {
			r.Set(a.PC, codeBase+0x1000, elfcore.Known, 0)
			clear(s.data)
		}, NoRule, "nothing tells the caller of 0x00011000"},
		{"bad pc", func(f *fake, s *stack, r *elfcore.Registers) {
			r.Set(a.PC, 0x1234_0000, elfcore.Known, 0)
			clear(s.data)
		}, NoCode, "code not in any image at 0x12340000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, r, _ := chain(f, "")
			tc.change(f, s, &r)
			if tc.end == NeedsRegister {
				clear(f.code) // leaves nothing to scan for
			}
			frames := Walk(s.core(), f, r, 0)
			pc, _ := r.PC()
			wantTrace(t, frames, tc.end, Frame{PC: elfcore.Addr(pc), Trust: Context})
			if got := frames[0].End.Text; got != tc.text && (tc.end != Expression || !strings.HasPrefix(got, tc.text)) {
				t.Errorf("end %q, want %q", got, tc.text)
			}
			_, _, err := Caller(s.core(), f, r, true)
			if end := (*End)(nil); !errors.As(err, &end) || end.Text != frames[0].End.Text {
				t.Errorf("Caller: %v", err)
			}
		})
	}
}

// A function that never returns has no need to save its return address, and
// the link register then holds the return address into that very function.
func TestNeverReturns(t *testing.T) {
	for _, a := range []*arch.Arch{arch.CortexM, arch.AArch64, arch.RV32} {
		f := newFake(a)
		s, r, _ := chain(f, "")
		f.rows[outer][0].row = f.bySP(0, "")
		wantTrace(t, Walk(s.core(), f, r, 0), Outermost, chainTrace()...)
	}
}

// Nothing called a thread's entry, whatever its frame says.
func TestEntry(t *testing.T) {
	f := newFake(arch.I386)
	s, r, sp := chain(f, "")
	s.set(elfcore.Addr(sp)+44, 0xaaaaaaaa)
	wantTrace(t, Walk(s.core(), f, r, 0), NoCode, chainTrace()...)
	f.symbols["z_thread_entry"] = outer
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, chainTrace()...)
	if frames[2].CFA != elfcore.Addr(sp)+48 {
		t.Errorf("CFA %v", frames[2].CFA)
	}
}

// A task's first function returns to where its kernel put it.
func TestTaskExit(t *testing.T) {
	f := newFake(arch.CortexM)
	s, r, sp := chain(f, "")
	f.symbols["prvTaskExitError"] = bare
	s.set(elfcore.Addr(sp)+44, bare|1)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, chainTrace()...)
}

func TestLookupAfterLastCall(t *testing.T) {
	// The call is the last instruction of middle, so that the return address
	// is the first byte of outer, whose row would be wrong.
	f := newFake(arch.AArch64)
	s, r, sp := chain(f, "")
	s.set(elfcore.Addr(sp)+24, f.call(outer, inner))
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, Frame{PC: inner + 0x20, Trust: Context}, Frame{PC: outer, Trust: CFI}, Frame{PC: outer + 0x60, Trust: CFI})
	if frames[1].Lookup() != outer-1 || frames[0].Lookup() != inner+0x20 {
		t.Error("lookup", frames[1].Lookup(), frames[0].Lookup())
	}
}

func TestPointerAuthentication(t *testing.T) {
	f := newFake(arch.AArch64)
	s, r, sp := chain(f, "")
	ret := f.call(middle+0x40, inner)
	s.set(elfcore.Addr(sp)+24, ret|0x00b4<<48)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, chainTrace()...)
}

// A return address that is computed, or kept in another register, as by the
// save routines of RISC-V's -msave-restore.
func TestReturnAddressRules(t *testing.T) {
	a := arch.RV32
	t0, _ := a.Reg("t0")
	for _, tc := range []struct {
		name  string
		rule  firmware.Rule
		t0    uint64
		state elfcore.State
		end   EndKind
		n     int
	}{
		{"register", firmware.Rule{Kind: firmware.RuleRegister, Reg: t0}, middle + 0x40, elfcore.Recovered, Outermost, 3},
		{"register that is missing", firmware.Rule{Kind: firmware.RuleRegister, Reg: t0}, 0, elfcore.Missing, NeedsRegister, 1},
		{"computed", firmware.Rule{Kind: firmware.RuleValOffset, Offset: 0}, 0, elfcore.Known, NoCode, 1},
		{"in lr", firmware.Rule{Kind: firmware.RuleSame}, 0, elfcore.Known, Outermost, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, r, _ := chain(f, "")
			f.rows[inner][0].row.Regs[a.LR] = tc.rule
			r.Set(t0, tc.t0, tc.state, 0)
			r.Set(a.LR, f.call(middle+0x40, inner), elfcore.Known, 0)
			if tc.end == NeedsRegister {
				clear(s.data) // leaves nothing to scan for
			}
			frames := Walk(s.core(), f, r, 0)
			wantTrace(t, frames, tc.end, chainTrace()[:tc.n]...)
		})
	}
}

func TestSignalFrame(t *testing.T) {
	// The interrupted pc is the first instruction of outer: exact.
	f := newFake(arch.AMD64)
	s, r, sp := chain(f, "")
	f.rows[inner][0].row.Signal = true
	s.set(elfcore.Addr(sp)+24, outer)
	s.set(elfcore.Addr(sp)+40, 0)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, Frame{PC: inner + 0x20, Trust: Context}, Frame{PC: outer, Trust: Exception})
}

func TestLimit(t *testing.T) {
	f := newFake(arch.RV64)
	s, r, _ := chain(f, "")
	wantTrace(t, Walk(s.core(), f, r, 2), Limit, chainTrace()[:2]...)
}

func TestNoRegisters(t *testing.T) {
	f := newFake(arch.RV64)
	s, _, _ := chain(f, "")
	var r elfcore.Registers
	wantTrace(t, Walk(s.core(), f, r, 0), NeedsRegister, Frame{Trust: Context})
	if _, _, err := Caller(s.core(), f, r, true); err == nil {
		t.Error("no error")
	}
	if _, _, ok := FrameRegister(s.core(), f, r); ok {
		t.Error("frame register of nothing")
	}
	if Score(s.core(), f, nil) != 0 {
		t.Error("score of nothing")
	}
}

func TestTrustNames(t *testing.T) {
	if Scan.String() != "scan" || Context.String() != "context" || Trust(77).String() != "Trust(77)" {
		t.Error(Scan, Context, Trust(77))
	}
	if b, err := CFI.MarshalText(); string(b) != "cfi" || err != nil {
		t.Error(string(b), err)
	}
}
