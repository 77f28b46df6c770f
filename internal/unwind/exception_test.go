package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Functions of the fake handler.
const (
	handler     = codeBase + 0x400 // saves lr, 2 words
	bareHandler = codeBase + 0x500 // no call frame information
)

// TestUnstack covers what a Cortex-M pushes, by EXC_RETURN.
func TestUnstack(t *testing.T) {
	a := arch.CortexM
	for _, tc := range []struct {
		name     string
		exc      uint64
		state    bool // additional state context below the frame
		float    bool
		realign  bool
		secret   bool // s16-s31 behind the frame
		process  bool // the frame is at psp
		end      EndKind
		interior elfcore.Addr // pc of the interrupted code
	}{
		{name: "thread on psp", exc: 0xfffffffd, process: true},
		{name: "thread on msp", exc: 0xfffffff9},
		{name: "handler on msp", exc: 0xfffffff1},
		{name: "realigned", exc: 0xfffffffd, process: true, realign: true},
		{name: "float", exc: 0xffffffed, process: true, float: true},
		{name: "float realigned on msp", exc: 0xffffffe9, float: true, realign: true},
		{name: "v8-M non-secure", exc: 0xffffffbc, process: true},
		{name: "v8-M state context", exc: 0xffffffdd, process: true, state: true},
		{name: "v8-M state and float", exc: 0xffffffcd, process: true, state: true, float: true},
		{name: "v8-M without state context", exc: 0xffffffdd, process: true},
		{name: "v8-M float of Secure code, secret", exc: 0xffffffed, process: true, float: true, secret: true},
		{name: "psp unknown", exc: 0xfffffffd, end: OtherStack},
		{name: "other security state", exc: 0xfffffffc, end: OtherStack},
		{name: "interrupted after a call of NULL", exc: 0xfffffffd, process: true, interior: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, _, sp := chain(f, "")
			f.function(handler, rowAt{0, f.bySP(8, "")})
			// chain's frames lie at sp; the exception frame ends there.
			top := sp
			if tc.realign {
				top -= 4
			}
			xpsr := uint64(0x21000000)
			if tc.realign {
				xpsr |= xpsrRealigned
			}
			frame := top - 32
			if tc.float {
				frame = top - 104
			}
			if tc.secret {
				frame -= 64
			}
			pc := tc.interior &^ 1
			lr := f.call(middle+0x40, inner) // as after a call in inner: stale
			if tc.interior == 0 {
				pc = inner + 0x20
			} else {
				// NULL was called by inner itself.
				lr = f.indirect(inner + 0x30)
			}
			s.set(elfcore.Addr(frame), 0xa0, 0xa1, 0xa2, 0xa3, 0xa12, lr, uint64(pc), xpsr)
			if tc.float {
				s.set(elfcore.Addr(frame)+32, 0x3d000000, 0x40000000)
			}
			if tc.state {
				frame -= 40
				sig := uint64(0xfefa125b)
				if tc.float {
					sig--
				}
				s.set(elfcore.Addr(frame), sig, 0, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb)
			}
			// The handler's own frame: below the exception frame, or on
			// another part of the stack that stands for the main one.
			main := frame - 8
			if tc.process {
				main = stackBase + 0x40
			}
			s.set(elfcore.Addr(main), 0x99, tc.exc)
			r := at(a, handler+0x10, main, map[string]uint64{"r4": 0x4})
			if tc.secret {
				r.Set(named(a, "fpccr"), fpccrTS, elfcore.Known, 0)
			}
			if tc.process {
				psp, _ := a.Reg("psp")
				r.Set(psp, frame, elfcore.Known, 0)
			}
			frames := Walk(s.core(), f, r, 0)
			if tc.end == OtherStack {
				wantTrace(t, frames, tc.end, Frame{PC: handler + 0x10, Trust: Context})
				return
			}
			if tc.interior != 0 {
				wantTrace(t, frames, Outermost, Frame{PC: handler + 0x10, Trust: Context}, Frame{PC: 0, Trust: Exception},
					Frame{PC: inner + 0x30, Trust: LinkRegister}, Frame{PC: middle + 0x40, Trust: CFI}, Frame{PC: outer + 0x60, Trust: CFI})
				return
			}
			trace := chainTrace()
			trace[0].Trust = Exception
			wantTrace(t, frames, Outermost, append([]Frame{{PC: handler + 0x10, Trust: Context}}, trace...)...)
			got := frames[1].Regs
			wantReg(t, got, "sp", sp, elfcore.Known)
			wantReg(t, got, "r0", 0xa0, elfcore.Known)
			wantReg(t, got, "r12", 0xa12, elfcore.Known)
			wantReg(t, got, "lr", lr, elfcore.Known)
			wantReg(t, got, "xpsr", 0x21000000, elfcore.Known)
			if tc.process {
				wantReg(t, got, "msp", main+8, elfcore.Known)
				wantReg(t, got, "psp", sp, elfcore.Known)
			}
			wantR4 := uint64(4)
			if tc.state {
				wantR4 = 0x44
				wantReg(t, got, "r11", 0xbb, elfcore.Known)
			}
			wantReg(t, got, "r4", wantR4, elfcore.Known)
			if tc.float {
				wantReg(t, got, "d0", 0x40000000_3d000000, elfcore.Suspect)
			}
			if score := Score(s.core(), f, frames); score != indirectPoints+2*exactPoints+outerPoints {
				t.Errorf("score %d", score)
			}
		})
	}
}

// A handler without call frame information: a leaf has EXC_RETURN in lr; one
// that pushed it (push {r0, lr}; bl z_isr_body) has it on the stack.
func TestBareHandler(t *testing.T) {
	a := arch.CortexM
	for _, tc := range []struct {
		name   string
		pushed bool
		trust  Trust
		state  elfcore.State
	}{
		{"leaf", false, Exception, elfcore.Recovered},
		{"pushed", true, Exception, elfcore.Suspect},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, _, sp := chain(f, "")
			f.function(bareHandler)
			s.set(elfcore.Addr(sp)-32, 0, 0, 0, 0, 0, 0x101, inner+0x20, 0x01000000)
			r := at(a, bareHandler+8, sp-32, map[string]uint64{"lr": 0xfffffff9})
			if tc.pushed {
				s.set(elfcore.Addr(sp)-40, 0x123, 0xfffffff9)
				r = at(a, bareHandler+8, sp-40, map[string]uint64{"lr": bareHandler + 5})
			}
			trace := chainTrace()
			trace[0].Trust = tc.trust
			frames := Walk(s.core(), f, r, 0)
			wantTrace(t, frames, Outermost, append([]Frame{{PC: bareHandler + 8, Trust: Context}}, trace...)...)
			wantReg(t, frames[1].Regs, "sp", sp, tc.state)
		})
	}
}

// Nested exceptions: the thread is on psp, an interrupted handler on msp.
func TestNestedExceptions(t *testing.T) {
	a := arch.CortexM
	f := newFake(a)
	s, _, sp := chain(f, "")
	f.function(handler, rowAt{0, f.bySP(8, "")})
	s.set(elfcore.Addr(sp)-32, 0, 0, 0, 0, 0, 0, inner+0x20, 0x01000000)
	top := s.set(stackBase+0x40, 0x99, 0xfffffff1)                        // second run of the handler
	top = s.set(top, 0, 0, 0, 0, 0, 0xfffffffd, handler+0x10, 0x01000000) // pushed when it interrupted
	s.set(top, 0x88, 0xfffffffd)                                          // first run
	r := at(a, handler+0x18, stackBase+0x40, map[string]uint64{"psp": sp - 32})
	trace := chainTrace()
	trace[0].Trust = Exception
	want := append([]Frame{{PC: handler + 0x18, Trust: Context}, {PC: handler + 0x10, Trust: Exception}}, trace...)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, want...)
}

// After a reset lr is all ones.
func TestResetReturn(t *testing.T) {
	f := newFake(arch.CortexM)
	s, r, sp := chain(f, "")
	s.set(elfcore.Addr(sp)+44, 0xffffffff)
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, chainTrace()...)
}

// An exception frame that cannot be read, or that ends beyond the address
// space.
func TestExceptionFrameMissing(t *testing.T) {
	for _, psp := range []uint64{0x30000000, 0xffffffe0} {
		f := newFake(arch.CortexM)
		s, _, _ := chain(f, "")
		f.function(handler, rowAt{0, f.bySP(8, "")})
		s.set(stackBase+0x40, 0, 0xfffffffd)
		c := s.core()
		end := NoStack
		if psp > 0xf0000000 {
			c.Memory.Add(elfcore.NewRegion(0xffffff00, make([]byte, 256), 0, elfcore.Known, 0))
			end = Backwards
		}
		r := at(arch.CortexM, handler+0x18, stackBase+0x40, map[string]uint64{"psp": psp})
		wantTrace(t, Walk(c, f, r, 0), end, Frame{PC: handler + 0x18, Trust: Context})
	}
}

// Secure code that called this function keeps the return address to itself.
func TestCalledFromSecure(t *testing.T) {
	for _, ret := range []uint64{0xfeffffff, 0xfefffffe} {
		f := newFake(arch.CortexM)
		s, r, sp := chain(f, "")
		s.set(elfcore.Addr(sp)+12, ret)
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, OtherStack, chainTrace()[0])
		if got := frames[0].End.Text; got != "the caller runs on the stack of Secure state, which is not in the dump" {
			t.Error(got)
		}
	}
}
