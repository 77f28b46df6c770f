package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

const bare = codeBase + 0x800 // a function without call frame information

// scanned marks a trace that follows from a scan.
func scanned(trace []Frame) []Frame {
	for i := range trace {
		trace[i].Trust = Scan
	}
	return trace
}

// link puts a return address where the CPU's call puts it.
func link(s *stack, r *elfcore.Registers, ret uint64) {
	a := r.Arch()
	if a.LR != arch.NoReg {
		r.Set(a.LR, ret, elfcore.Known, 0)
		return
	}
	sp, _ := r.SP()
	sp -= uint64(a.PtrSize())
	s.set(elfcore.Addr(sp), ret)
	r.Set(a.SP, sp, elfcore.Known, 0)
}

// A call of NULL, and of an address without code: nothing ran since, so all
// registers are as they were.
func TestCallOfNoCode(t *testing.T) {
	for _, target := range []uint64{0, 0x4000_0000} {
		eachCPU(t, func(t *testing.T, a *arch.Arch, saved, work string) {
			f := newFake(a)
			s, r, _ := chain(f, saved)
			n, _ := a.Reg(work)
			r.Set(n, 0x77, elfcore.Known, 0)
			link(s, &r, f.indirect(inner+0x20))
			r.Set(a.PC, target, elfcore.Known, 0)
			frames := Walk(s.core(), f, r, 0)
			trace := chainTrace()
			trace[0].Trust = LinkRegister
			wantTrace(t, frames, Outermost, append([]Frame{{PC: elfcore.Addr(target), Trust: Context}}, trace...)...)
			wantReg(t, frames[1].Regs, work, 0x77, elfcore.Known)
			if got := Score(s.core(), f, frames); got != indirectPoints+2*exactPoints+outerPoints {
				t.Errorf("score %d", got)
			}
			// A stale link register that follows no call is not believed.
			link(s, &r, inner+0x60)
			if f := Walk(s.core(), f, r, 0); len(f) > 1 && f[1].PC == inner+0x60 {
				t.Error("believed a return address that follows no call")
			}
		})
	}
}

// A leaf without call frame information is believed if its return address
// follows a direct call of it.
func TestBareLeaf(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, saved, _ string) {
		f := newFake(a)
		s, r, _ := chain(f, saved)
		f.function(bare)
		link(s, &r, f.call(inner+0x20, bare))
		r.Set(a.PC, bare+4, elfcore.Known, 0)
		n, _ := a.Reg(saved)
		r.Set(n, 0x55, elfcore.Known, 0)
		frames := Walk(s.core(), f, r, 0)
		trace := chainTrace()
		trace[0].Trust = LinkRegister
		wantTrace(t, frames, Outermost, append([]Frame{{PC: bare + 4, Trust: Context}}, trace...)...)
		wantReg(t, frames[1].Regs, saved, 0x55, elfcore.Suspect)
	})
}

// A return address behind an indirect call is a guess in a function, which may
// have moved the stack pointer: only as good as a scan.
func TestBareIndirect(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, sp := chain(f, "")
	f.function(bare)
	f.put(bare+2, 0x82, 0x80) // ret: what follows may have been jumped to
	link(s, &r, f.indirect(inner+0x20))
	r.Set(arch.RV32.PC, bare+4, elfcore.Known, 0)
	frames := Walk(s.core(), f, r, 0)
	trace := scanned(chainTrace())
	wantTrace(t, frames, Outermost, append([]Frame{{PC: bare + 4, Trust: Context}}, trace...)...)
	wantReg(t, frames[1].Regs, "sp", sp, elfcore.Suspect)

	// If it lies in the function itself, it is left from a call that has
	// returned: the stack holds the real one.
	r.Set(arch.RV32.LR, f.indirect(bare+0x10), elfcore.Known, 0)
	s.set(elfcore.Addr(sp)-4, f.call(inner+0x40, bare))
	r.Set(arch.RV32.SP, sp-16, elfcore.Known, 0)
	trace[0].PC = inner + 0x40
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, append([]Frame{{PC: bare + 4, Trust: Context}}, trace...)...)
}

func TestFramePointers(t *testing.T) {
	for _, tc := range []struct {
		a                   *arch.Arch
		fp                  string
		saved, ret, fromEnd int64 // in words from the record's end
	}{
		{arch.I386, "ebp", -2, -1, -2},
		{arch.AMD64, "rbp", -2, -1, -2},
		{arch.AArch64, "x29", -2, -1, -2},
		{arch.RV32, "s0", -2, -1, 0},
		{arch.RV64, "s0", -2, -1, 0},
		{arch.CortexM, "r7", -2, -1, -2},
		{arch.ARM, "r7", -2, -1, -2},
		{arch.ARM, "r11", -2, -1, -2}, // clang
		{arch.ARM, "r11", -2, -1, -1}, // GCC, ARM state
	} {
		t.Run(tc.a.Name+tc.fp, func(t *testing.T) {
			f := newFake(tc.a)
			s, r, sp := chain(f, "")
			f.function(bare)
			p := int64(tc.a.PtrSize())
			end := int64(sp)
			s.set(elfcore.Addr(end+tc.saved*p), sp)
			s.set(elfcore.Addr(end+tc.ret*p), f.call(inner+0x20, bare))
			fp, _ := tc.a.Reg(tc.fp)
			r.Set(fp, uint64(end+tc.fromEnd*p), elfcore.Known, 0)
			r.Set(tc.a.SP, sp-uint64(8*p), elfcore.Known, 0)
			r.Set(tc.a.PC, bare+0x20, elfcore.Known, 0)
			r.Clear(tc.a.LR, 0)
			frames := Walk(s.core(), f, r, 0)
			trace := chainTrace()
			trace[0].Trust = FramePointer
			wantTrace(t, frames, Outermost, append([]Frame{{PC: bare + 0x20, Trust: Context}}, trace...)...)
			wantReg(t, frames[1].Regs, tc.fp, sp, elfcore.Recovered)
			if got := Score(s.core(), f, frames); got != chainPoints+2*exactPoints+outerPoints {
				t.Errorf("score %d", got)
			}

			// Not behind a call, inwards, or beyond the memory: not followed.
			for _, bad := range []uint64{stackBase, stackBase + stackSize - 8, 0, 1, tc.a.AddrMask(), tc.a.AddrMask() - 8} {
				r.Set(fp, bad, elfcore.Known, 0)
				if f := Walk(s.core(), f, r, 0); len(f) > 1 && f[1].Trust == FramePointer {
					t.Errorf("followed 0x%x", bad)
				}
			}
		})
	}
}

// A scan prefers a direct call of the function to older words that follow some
// call.
func TestScan(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, saved, _ string) {
		f := newFake(a)
		s, r, sp := chain(f, saved)
		f.function(bare)
		p := elfcore.Addr(a.PtrSize())
		s.set(elfcore.Addr(sp)-6*p, f.call(middle+0x80, outer), codeBase+0x20, f.indirect(outer+0x20), inner+0x22, 0x1234, f.call(inner+0x20, bare))
		r.Set(a.SP, sp-8*uint64(p), elfcore.Known, 0)
		r.Set(a.PC, bare+0x20, elfcore.Known, 0)
		frames := Walk(s.core(), f, r, 0)
		trace := scanned(chainTrace())
		wantTrace(t, frames, Outermost, append([]Frame{{PC: bare + 0x20, Trust: Context}}, trace...)...)
		wantReg(t, frames[1].Regs, saved, 0, elfcore.Missing)
		if v, st := frames[1].Regs.SP(); v != sp || st != elfcore.Suspect {
			t.Errorf("sp 0x%x (%v)", v, st)
		}
		if got := Score(s.core(), f, frames); got != scanPoints+2*exactPoints+outerPoints {
			t.Errorf("score %d", got)
		}
	})
}

// The scan is bounded.
func TestScanBound(t *testing.T) {
	a := arch.RV32
	f := newFake(a)
	f.function(bare)
	s := &stack{a, make([]byte, 4*maxScan+8)}
	s.set(stackBase+4*maxScan, f.call(inner+0x20, bare))
	wantTrace(t, Walk(s.core(), f, at(a, bare, stackBase, nil), 0), NoRule, Frame{PC: bare, Trust: Context})
	if n := len(Walk(s.core(), f, at(a, bare, stackBase+4, nil), 0)); n != 2 {
		t.Errorf("%d frames", n)
	}
}

// Code that was copied to RAM is read from the dump.
func TestCodeInDump(t *testing.T) {
	f := newFake(arch.AMD64)
	s, r, _ := chain(f, "")
	c := s.core()
	c.Memory.Add(elfcore.NewRegion(codeBase, f.code, 0, elfcore.Known, 0))
	f.code = nil
	frames := Walk(c, noConst{f}, r, 0)
	if got := Score(c, noConst{f}, frames); got != 2*exactPoints+outerPoints {
		t.Errorf("score %d", got)
	}
}

// noConst has executable code whose bytes are not in the image.
type noConst struct{ *fake }

func (noConst) ReadConst(_ []byte, a elfcore.Addr) error { return &elfcore.GapError{Addr: a} }
