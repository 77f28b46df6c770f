package unwind

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// exidx turns rows of call frame information into those of .ARM.exidx, which
// says the same of all of a function.
func exidx(f *fake, functions ...elfcore.Addr) {
	for _, a := range functions {
		f.rows[a] = f.rows[a][:1]
		f.rows[a][0].row.Exidx = true
	}
}

// pushed puts push {r4, lr}; sub sp, #8; nop; bl as the first instructions of
// a function with a frame of 4 words, and returns behind the bl.
func pushed(f *fake, a elfcore.Addr) elfcore.Addr {
	f.put(a+8, 0x10, 0xb5, 0x82, 0xb0, 0x00, 0xbf, 0x00, 0xbf)
	f.call(a+12, outer+0xa0)
	return a + 12
}

func TestExidx(t *testing.T) {
	a := arch.CortexM
	f := newFake(a)
	s, r, sp := chain(f, "r4")
	exidx(f, inner, middle, outer)
	body := pushed(f, inner) + 0x10

	// In the body, behind the first call, the row holds, but what the function
	// does behind that is not known.
	r.Set(a.PC, uint64(body), elfcore.Known, 0)
	trace := []Frame{{PC: body, Trust: Context}, {PC: middle + 0x40, Trust: Exidx}, {PC: outer + 0x60, Trust: Exidx}}
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, trace...)
	wantReg(t, frames[1].Regs, "r4", 0x5a7ed, elfcore.Recovered)
	wantReg(t, frames[1].Regs, "sp", sp+16, elfcore.Recovered)
	if got := Score(s.core(), f, frames); got != 2*exactPoints+outerPoints {
		t.Errorf("score %d", got)
	}

	// In the prologue it does not: the instructions so far tell.
	link := f.call(middle+0x40, inner)
	for _, c := range []struct{ pc, sp uint64 }{{inner, sp + 16}, {inner + 2, sp + 8}, {inner + 4, sp}} {
		r := at(a, c.pc, c.sp, map[string]uint64{"lr": link, "r4": 0x5a7ed})
		trace[0].PC, trace[1].Trust = elfcore.Addr(c.pc), Prologue
		if c.pc == inner {
			trace[1].Trust = LinkRegister
		}
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Outermost, trace...)
		if sp1, _ := frames[1].Regs.SP(); sp1 != sp+16 {
			t.Errorf("0x%x: sp 0x%x", c.pc, sp1)
		}
	}

	// In the epilogue, all popped but for the return: the row leads behind no
	// call of this function, the link register may be stale.
	r = at(a, uint64(body), sp+16, map[string]uint64{"lr": f.call(inner+0x60, outer)})
	for _, frame := range Walk(s.core(), f, r, 0)[1:] {
		if frame.Trust > Scan {
			t.Errorf("%v by %v", frame.PC, frame.Trust)
		}
	}
}

// What the table says that it can't unwind is unwound by other means, if these
// are good.
func TestExidxCantUnwind(t *testing.T) {
	f := newFake(arch.CortexM)
	s, r, _ := chain(f, "r4")
	exidx(f, middle)
	f.rows[middle][0].row.CFA, f.rows[middle][0].row.Regs = firmware.Rule{}, nil
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Undescribed, chainTrace()[:2]...)
	if got := frames[1].End.Text; got != ".ARM.exidx says that 0x00010200 can't be unwound" {
		t.Error(got)
	}
	// push {lr}; sub sp, #20; bl
	f.put(middle+4, 0x00, 0xb5, 0x85, 0xb0)
	trace := chainTrace()
	trace[2].Trust = Prologue
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, trace...)
}

// A row that keeps the return address in lr says nothing at a call.
func TestExidxFinish(t *testing.T) {
	f := newFake(arch.CortexM)
	s, r, _ := chain(f, "")
	f.rows[outer][0].row = f.bySP(0, "")
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, chainTrace()...) // call frame information does
	exidx(f, outer)
	wantTrace(t, Walk(s.core(), f, r, 0), NoRule, chainTrace()...)
}
