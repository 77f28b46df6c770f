package unwind

import (
	"encoding/binary"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Code of the ROM, of which there is no image.
const rom = 0x4000

// windows is a stack by hand as the windowed ABI lays it out: inner, called by
// call8 from middle, called by call12 from outer, called by call4 from first,
// which nothing called. Frames have 32, 64, 48 and 32 bytes; a2 of each frame
// is its number, and a4 to a11, of which only middle and outer keep some, 0x10
// more each.
func windows(f *fake) (*stack, elfcore.Registers) {
	const first = codeBase + 0x400
	for _, a := range []elfcore.Addr{inner, middle, outer, first} {
		f.function(a, rowAt{0, f.bySP(0, "")}, rowAt{3, f.bySP(0, "")})
		f.put(a+3, entryOp, 0x41, 0)
	}
	for a, size := range map[elfcore.Addr]int64{inner: 32, middle: 64, outer: 48, first: 32} {
		f.rows[a][1].row.CFA.Offset = size
	}
	intoMiddle := uint64(f.turn(middle+0x40, 2, inner)) | 2<<30
	intoOuter := uint64(f.turn(outer+0x60, 3, middle)) | 3<<30
	intoFirst := uint64(f.turn(first+0x20, 1, outer)) | 1<<30

	s := newStack(arch.Xtensa)
	const sp0 = stackBase + 0x100
	const sp1, sp2, sp3 = sp0 + 32, sp0 + 96, sp0 + 144
	s.set(sp0-16, intoOuter, sp1, 1, 0x11)                        // of middle
	s.set(sp1-16, intoFirst, sp2, 2, 0x12)                        // of outer
	s.set(sp2-16, 0, sp3, 3, 0x13)                                // of first
	s.set(sp2-32, 0x14, 0x15, 0x16, 0x17)                         // a4-a7 of middle
	s.set(sp3-48, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b) // a4-a11 of outer
	r := at(arch.Xtensa, inner+0x20, sp0, map[string]uint64{"a0": intoMiddle, "a2": 0, "a3": 0x10, "a7": 0x77, "ps": psWOE | 2<<psCallInc})
	return s, r
}

func windowTrace() []Frame {
	return []Frame{
		{PC: inner + 0x20, Trust: Context}, {PC: middle + 0x40, Trust: Window},
		{PC: outer + 0x60, Trust: Window}, {PC: codeBase + 0x420, Trust: Window},
	}
}

func TestWindows(t *testing.T) {
	f := newFake(arch.Xtensa)
	s, r := windows(f)
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, windowTrace()...)
	for i, want := range []map[string]uint64{
		{"a2": 0, "a3": 0x10},
		{"a1": stackBase + 0x120, "a2": 1, "a3": 0x11, "a4": 0x14, "a7": 0x17},
		{"a1": stackBase + 0x160, "a2": 2, "a3": 0x12, "a4": 0x24, "a7": 0x27, "a8": 0x28, "a11": 0x2b},
		{"a1": stackBase + 0x190, "a2": 3, "a3": 0x13},
	} {
		for name, v := range want {
			wantReg(t, frames[i].Regs, name, v, elfcore.Known)
		}
	}
	// What the callee has in the caller's registers may have changed since.
	wantReg(t, frames[1].Regs, "a10", 0, elfcore.Suspect) // inner's a2
	wantReg(t, frames[1].Regs, "a15", 0x77, elfcore.Suspect)
	wantReg(t, frames[3].Regs, "a6", 2, elfcore.Suspect)
	for i, cfa := range []elfcore.Addr{stackBase + 0x120, stackBase + 0x160, stackBase + 0x190, stackBase + 0x1b0} {
		if frames[i].CFA != cfa {
			t.Errorf("frame %d: CFA %v, want %v", i, frames[i].CFA, cfa)
		}
	}
	if got := Score(s.core(), f, frames); got != 3*exactPoints+outerPoints {
		t.Errorf("score %d", got)
	}
}

func TestWindowStates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(f *fake, s *stack, r *elfcore.Registers)
		want   elfcore.State
	}{
		{"call frame information agrees", func(*fake, *stack, *elfcore.Registers) {}, elfcore.Known},
		{"no call frame information", func(f *fake, _ *stack, _ *elfcore.Registers) { f.rows = nil }, elfcore.Recovered},
		{"it disagrees", func(f *fake, _ *stack, _ *elfcore.Registers) { f.rows[inner][1].row.CFA.Offset = 16 }, elfcore.Suspect},
		{"no call before the return address", func(f *fake, _ *stack, _ *elfcore.Registers) { f.put(middle+0x40, 0, 0, 0) }, elfcore.Suspect},
		{"windows left in registers", func(_ *fake, _ *stack, r *elfcore.Registers) {
			r.Set(named(arch.Xtensa, "windowbase"), 2, elfcore.Known, 0)
			r.Set(named(arch.Xtensa, "windowstart"), 1<<2|1, elfcore.Known, 0)
		}, elfcore.Suspect},
		{"all windows spilled", func(_ *fake, _ *stack, r *elfcore.Registers) {
			r.Set(named(arch.Xtensa, "windowbase"), 2, elfcore.Known, 0)
			r.Set(named(arch.Xtensa, "windowstart"), 1<<2, elfcore.Known, 0)
		}, elfcore.Known},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(arch.Xtensa)
			s, r := windows(f)
			tc.change(f, s, &r)
			frames := Walk(s.core(), f, r, 2)
			wantTrace(t, frames, Limit, windowTrace()[:2]...)
			for _, name := range []string{"pc", "a1", "a2", "a4"} {
				if v, state := get(t, frames[1].Regs, name); state != tc.want {
					t.Errorf("%s = 0x%x is %v, want %v", name, v, state, tc.want)
				}
			}
		})
	}
}

func named(a *arch.Arch, name string) arch.Reg { n, _ := a.Reg(name); return n }

func TestWindowEnds(t *testing.T) {
	a := arch.Xtensa
	for _, tc := range []struct {
		name   string
		change func(f *fake, s *stack, r *elfcore.Registers)
		frames int
		end    EndKind
		text   string
	}{
		{"a task's first function", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Set(a.LR, 0, elfcore.Known, 0) }, 1, Outermost, "outermost frame"},
		{"the same, its region restored", func(_ *fake, _ *stack, r *elfcore.Registers) { r.Set(a.LR, 1<<30, elfcore.Known, 0) }, 1, Outermost, "outermost frame"},
		{"stack cut off", func(_ *fake, s *stack, _ *elfcore.Registers) { s.data = s.data[:0x110] }, 2, NoStack, "stack not in dump at 0x20000110"},
		{"stack pointer inwards", func(_ *fake, s *stack, _ *elfcore.Registers) { s.set(stackBase+0x100-12, stackBase+0x100) }, 1, Backwards, "stack runs backwards to 0x20000100"},
		{"return address is no code", func(f *fake, s *stack, _ *elfcore.Registers) {
			s.set(stackBase+0x100-16, 0xa5a5_a5a5)
			s.set(stackBase+0x120-16, 0xa5a5_a5a5, 0xa5a5_a5a5)
		}, 2, NoCode, "code not in any image at 0x25a5a5a5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(a)
			s, r := windows(f)
			tc.change(f, s, &r)
			frames := Walk(s.core(), f, r, 0)
			wantTrace(t, frames, tc.end, windowTrace()[:tc.frames]...)
			if got := frames[len(frames)-1].End.Text; got != tc.text {
				t.Errorf("end %q, want %q", got, tc.text)
			}
		})
	}
}

// The chain leads through code without an image, from the innermost frame on
// or further out, and through several such frames.
func TestWindowsThroughROM(t *testing.T) {
	f := newFake(arch.Xtensa)
	s, r := windows(f)
	r.Set(arch.Xtensa.PC, rom, elfcore.Known, 0)
	f.funcs = f.funcs[1:]
	trace := windowTrace()
	trace[0].PC = rom
	wantTrace(t, Walk(s.core(), f, r, 0), Outermost, trace...)

	s.set(stackBase+0x100-16, rom+0x81|3<<30)
	s.set(stackBase+0x120-16, rom+0x85|1<<30)
	trace[2].PC, trace[3].PC = rom+0x81, rom+0x85
	r.Set(arch.Xtensa.PC, inner+0x20, elfcore.Known, 0)
	trace[0].PC = inner + 0x20
	frames := Walk(s.core(), f, r, 0)
	wantTrace(t, frames, Outermost, trace...)
	for i, gap := range []string{"", "", "code not in any image at 0x00004081", "code not in any image at 0x00004085"} {
		if frames[i].Gap != gap {
			t.Errorf("frame %d: gap %q, want %q", i, frames[i].Gap, gap)
		}
	}
	wantReg(t, frames[2].Regs, "a2", 2, elfcore.Recovered)
	wantReg(t, frames[2].Regs, "a11", 0x2b, elfcore.Recovered)
	wantReg(t, frames[3].Regs, "a2", 3, elfcore.Recovered)
}

// FreeRTOS stores a return address without the size of the call. Where the call
// can be read, it tells; where not, the registers that it turned are unknown.
func TestWindowSizeLost(t *testing.T) {
	f := newFake(arch.Xtensa)
	s, r := windows(f)
	v, _ := r.LR()
	r.Set(arch.Xtensa.LR, v&^regionMask|1<<30, elfcore.Recovered, 0)
	frames := Walk(s.core(), f, r, 2)
	wantReg(t, frames[1].Regs, "pc", middle+0x40, elfcore.Recovered)
	wantReg(t, frames[1].Regs, "a4", 0x14, elfcore.Known)

	r.Set(arch.Xtensa.LR, rom+0x30|1<<30, elfcore.Recovered, 0)
	frames = Walk(s.core(), f, r, 0)
	if len(frames) != 4 || frames[1].PC != rom+0x30 {
		t.Fatal(frames)
	}
	for _, name := range []string{"a4", "a7", "a8", "a15"} {
		wantReg(t, frames[1].Regs, name, 0, elfcore.Missing)
	}
}

// A call that has turned nothing yet: stopped at entry, or jumped to no code.
func TestBeforeEntry(t *testing.T) {
	for _, pc := range []uint64{inner, 0} {
		f := newFake(arch.Xtensa)
		s, r := windows(f)
		ret, _ := r.LR()
		if pc == 0 {
			ret = f.indirect(middle + 0x40)
		}
		// The registers are those of middle.
		into, _, _ := s.core().ReadUint(stackBase+0x100-16, 4)
		r = at(arch.Xtensa, pc, stackBase+0x120, map[string]uint64{"a0": into, "a2": 1, "a8": ret, "a9": 0x99, "ps": psWOE | 2<<psCallInc})
		frames := Walk(s.core(), f, r, 0)
		trace := windowTrace()
		trace[0].PC = elfcore.Addr(pc)
		wantTrace(t, frames, Outermost, trace...)
		wantReg(t, frames[1].Regs, "a9", 0x99, elfcore.Known)
		wantReg(t, frames[2].Regs, "a2", 2, elfcore.Known)
	}
}

// Assembly that windowed code calls by call0 has no window of its own.
// TestTurn: only a frame that stopped at entry has the turn before it.
func TestTurn(t *testing.T) {
	for _, c := range []struct {
		name string
		pc   uint64
		regs map[string]uint64
		want int
	}{
		{"call4", inner, map[string]uint64{"ps": psWOE | 1<<psCallInc}, 4},
		{"call12", inner, map[string]uint64{"ps": psWOE | 3<<psCallInc}, 12},
		{"without ps", inner, map[string]uint64{}, windowRegs},
		{"behind entry", inner + 3, map[string]uint64{"ps": psWOE | 1<<psCallInc}, 0},
		{"no code", 0, map[string]uint64{"ps": psWOE | 1<<psCallInc}, 0},
	} {
		f := newFake(arch.Xtensa)
		s, _ := windows(f)
		frames := Walk(s.core(), f, at(arch.Xtensa, c.pc, stackBase+0x100, c.regs), 0)
		if frames[0].Turn != c.want {
			t.Errorf("%s: %d, want %d", c.name, frames[0].Turn, c.want)
		}
		for i, f := range frames[1:] {
			if f.Turn != 0 {
				t.Errorf("%s: frame %d: %d", c.name, i+1, f.Turn)
			}
		}
	}
}

func TestCall0InWindowedCode(t *testing.T) {
	f := newFake(arch.Xtensa)
	s, r := windows(f)
	f.function(bare)
	f.put(bare+3, 0x80, 0, 0) // ret: no prologue
	r.Set(arch.Xtensa.LR, uint64(f.turn(inner+0x30, 0, bare)), elfcore.Known, 0)
	// The frame is still inner's; its own a0 was saved by hand and is lost.
	r.Set(arch.Xtensa.PC, bare+6, elfcore.Known, 0)
	frames := Walk(s.core(), f, r, 2)
	wantTrace(t, frames, Limit, Frame{PC: bare + 6, Trust: Context}, Frame{PC: inner + 0x30, Trust: LinkRegister})
}

// The call0 ABI without call frame information: addi a1, a1, -32; s32i.n a0,
// a1, 28; s32i a12, a1, 24; addmi a1, a1, -256; call0.
func TestCall0Prologue(t *testing.T) {
	a := arch.Xtensa
	f := newFake(a)
	f.function(inner)
	f.function(middle)
	f.put(inner+14, 0x12, 0xc1, 0xe0, 0x09, 0x71, 0xc2, 0x61, 0x06, 0x12, 0xd1, 0xff, 0, 0, 0)
	ret := uint64(f.turn(inner+14, 0, outer))
	s := newStack(a)
	sp := uint64(stackBase + 0x80)
	s.set(elfcore.Addr(sp+256+24), 0xc12, uint64(f.turn(middle+0x20, 0, inner)))
	r := at(a, ret, sp, map[string]uint64{"a12": 1, "ps": 0})
	next, trust, err := Caller(s.core(), f, r, false)
	if err != nil || trust != Prologue {
		t.Fatal(trust, err)
	}
	wantReg(t, next, "pc", middle+0x20, elfcore.Recovered)
	wantReg(t, next, "a1", sp+256+32, elfcore.Recovered)
	wantReg(t, next, "a12", 0xc12, elfcore.Recovered)
}

// FuzzWindows walks random windowed stacks.
func FuzzWindows(f *testing.F) {
	p := newFake(arch.Xtensa)
	s, _ := windows(p)
	f.Add(s.data, uint32(inner+0x20), uint32(middle+0x40|2<<30), uint32(stackBase+0x100), uint32(psWOE))
	f.Add(s.data, uint32(rom), uint32(rom|1<<30), uint32(stackBase+0x20), uint32(psWOE|1<<psCallInc))
	f.Add([]byte{}, uint32(0), uint32(0xffffffff), uint32(0xffffffff), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, memory []byte, pc, a0, sp, ps uint32) {
		c := elfcore.New("fuzz", arch.Xtensa, binary.LittleEndian)
		c.Memory.Add(elfcore.NewRegion(stackBase, memory, 0, elfcore.Known, 0))
		r := at(arch.Xtensa, uint64(pc), uint64(sp), map[string]uint64{"a0": uint64(a0), "a4": uint64(a0), "a8": uint64(a0), "ps": uint64(ps)})
		frames := Walk(c, p, r, 0)
		for i, frame := range frames {
			if (frame.End != nil) != (i == len(frames)-1) {
				t.Errorf("frame %d of %d: end %v", i, len(frames), frame.End)
			}
			if i == 0 {
				continue
			}
			if (frame.Gap == "") != p.Executable(frame.Lookup()) {
				t.Errorf("frame %d: %v, gap %q", i, frame.PC, frame.Gap)
			}
			x, _ := frames[i-1].Regs.SP()
			if y, _ := frame.Regs.SP(); y < x {
				t.Errorf("frame %d: sp 0x%x below 0x%x", i, y, x)
			}
		}
	})
}
