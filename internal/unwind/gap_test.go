package unwind

import (
	"math/rand/v2"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// romChain is chain with a function of the ROM between inner and middle, whose
// frame has rom words, the caller's return address among them.
func romChain(f *fake, words ...uint64) (*stack, elfcore.Registers) {
	p := int64(f.a.PtrSize())
	f.function(inner, rowAt{0, f.bySP(4*p, "")})
	f.function(middle, rowAt{0, f.bySP(6*p, "")})
	f.function(outer, rowAt{0, f.bySP(2*p, "")})
	s := newStack(f.a)
	at1 := s.set(stackBase+0x40, 0x11, 0x12, 0x13, rom+0x80)
	at2 := s.set(at1, words...)
	at3 := s.set(at2, 0x21, 0x22, 0x23, 0x24, 0x25, f.call(outer+0x60, middle))
	s.set(at3, 0x31, 0)
	return s, at(f.a, inner+0x20, stackBase+0x40, nil)
}

func romTrace() []Frame {
	return []Frame{
		{PC: inner + 0x20, Trust: Context}, {PC: rom + 0x80, Trust: CFI},
		{PC: middle + 0x40, Trust: Scan}, {PC: outer + 0x60, Trust: Scan},
	}
}

func TestBridge(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, _, _ string) {
		f := newFake(a)
		into := f.call(middle+0x40, rom+0x10)
		// Left from earlier calls: of another function, and one that unwinds
		// into middle, but by a direct call of inner.
		stale := f.call(middle+0x80, inner)
		s, r := romChain(f, 0x5555, f.call(outer+0x90, inner), 0, stale, rom+0x20, 0x1234, into)
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, romTrace()...)
		if frames[1].Gap != "code not in any image at 0x00004080" || frames[2].Gap != "" {
			t.Errorf("gaps %q, %q", frames[1].Gap, frames[2].Gap)
		}
		for _, f := range frames[2:] {
			if sp, state := f.Regs.SP(); state != elfcore.Suspect {
				t.Errorf("sp 0x%x is %v", sp, state)
			}
		}
		if got := Score(s.core(), f, frames); got != wrongEndPoints {
			t.Errorf("score %d", got)
		}
	})
}

// The caller's frame need not begin right above the return address, and
// registers that the ROM may have changed are not known behind it.
func TestBridgeDistance(t *testing.T) {
	a := arch.RV32
	f := newFake(a)
	s, r := romChain(f, 1, f.call(middle+0x40, rom+0x10), 2, 3, 4, 5)
	r.Set(named(a, "s1"), 0x51, elfcore.Known, 0)
	r.Set(named(a, "gp"), 0x99, elfcore.Known, 0)
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, romTrace()...)
	wantReg(t, frames[1].Regs, "s1", 0x51, elfcore.Known)
	wantReg(t, frames[2].Regs, "s1", 0, elfcore.Missing)
	wantReg(t, frames[2].Regs, "gp", 0x99, elfcore.Known)
	wantReg(t, frames[2].Regs, "sp", stackBase+0x40+16+24, elfcore.Suspect)
}

// The innermost frame is in the ROM: a leaf there still has the return address
// in the link register.
func TestBridgeFromInnermost(t *testing.T) {
	for _, a := range []*arch.Arch{arch.RV32, arch.CortexM, arch.AArch64} {
		f := newFake(a)
		into := f.call(middle+0x40, rom+0x10)
		s, r := romChain(f)
		r.Set(a.PC, rom+0x18, elfcore.Known, 0)
		r.Set(a.SP, uint64(stackBase+0x40+4*a.PtrSize()-16), elfcore.Known, 0)
		r.Set(a.LR, into, elfcore.Known, 0)
		trace := romTrace()[1:]
		trace[0] = Frame{PC: rom + 0x18, Trust: Context}
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, trace...)
		if frames[0].Gap == "" {
			t.Error("no gap")
		}
	}
}

// Nothing of another stack that lies behind this one is taken for its frames.
func TestBridgeOtherStack(t *testing.T) {
	a := arch.RV32
	f := newFake(a)
	f.symbols["_start"] = outer
	s, r := romChain(f, 0, f.call(outer+0x20, rom), 0, 0)
	frames := Walk(s.core(), f, r, 0)
	trace := romTrace()[:3]
	trace[2].PC = outer + 0x20
	wantTrace(t, frames, Outermost, trace...)

	f = newFake(a)
	into := f.call(middle+0x40, rom)
	s, r = romChain(f, 0, 0, 0, into)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, romTrace()...)
	c := s.core()
	c.Threads = []elfcore.Thread{{Stack: elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: stackBase, Size: 0x5c}, State: elfcore.Recovered}}}
	wantTrace(t, Walk(c, f, r, 0), NoCode, romTrace()[0])
}

// A bad return address is the end, unless frames beyond it unwind. Words that
// follow calls, but of other functions than their frames would return to, don't.
func TestBridgeRefuses(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, _, _ string) {
		random := rand.New(rand.NewPCG(1, 2))
		f := newFake(a)
		s, r := romChain(f)
		follow := []uint64{f.call(middle+0x40, inner), f.call(outer+0x20, inner), f.call(middle+0x60, rom)}
		for range 200 {
			for at := elfcore.Addr(stackBase + 0x40 + 4*a.PtrSize()); at < stackBase+stackSize; at += elfcore.Addr(a.PtrSize()) {
				w := random.Uint64()
				if w%3 == 0 {
					w = follow[w>>8%3]
				}
				s.set(at, w)
			}
			frames := Walk(s.core(), f, r, 0)
			wantTrace(t, frames, NoCode, romTrace()[0])
			if frames[0].End.At != rom+0x80 {
				t.Fatal(frames[0].End)
			}
		}
	})
}
