package unwind

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// A row that leads back to the same frame: the saved return address is that of
// the frame itself and the stack pointer stands still.
func TestLoop(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, _, _ string) {
		f := newFake(a)
		s, r, sp := chain(f, "")
		row := f.bySP(0, "")
		row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleOffset}
		f.rows[middle][0].row = row
		s.set(elfcore.Addr(sp)+elfcore.Addr(4*a.PtrSize()), middle+0x40)
		frames := Walk(s.core(), f, r, 0)
		wantTrace(t, frames, Loop, chainTrace()[:2]...)
		if got := Score(s.core(), f, frames); got != exactPoints+wrongEndPoints {
			t.Errorf("score %d", got)
		}
	})
}

// Exception frames may lead anywhere, so they can run in circles.
func TestExceptionLoop(t *testing.T) {
	a := arch.CortexM
	f := newFake(a)
	s, _, _ := chain(f, "")
	f.function(handler, rowAt{0, f.bySP(0, "")})
	r := at(a, handler+0x10, stackBase+0x100, map[string]uint64{"psp": stackBase, "lr": 0xfffffff9})
	// The frame on the main stack says that it was pushed in the handler, whose
	// lr says the same: each lies 32 bytes further out, to the end of the stack.
	for at := elfcore.Addr(stackBase + 0x100); at < stackBase+stackSize; at += 32 {
		s.set(at, 0, 0, 0, 0, 0, 0xfffffff9, handler+0x10, 0x01000000)
	}
	frames := Walk(s.core(), f, r, 0)
	if n := len(frames); n != (stackSize-0x100)/32+1 || frames[n-1].End.Kind != NoStack {
		t.Errorf("%d frames, %v", n, frames[n-1].End)
	}
}

// Stacks and rules at the end of the address space.
func TestEndOfAddressSpace(t *testing.T) {
	eachCPU(t, func(t *testing.T, a *arch.Arch, _, _ string) {
		f := newFake(a)
		_, r, _ := chain(f, "")
		f.function(bare)
		top := a.AddrMask() - stackSize + 1
		data := make([]byte, stackSize)
		for i := range data {
			data[i] = 0xff
		}
		c := elfcore.New("test", a, binary.LittleEndian)
		c.Memory.Add(elfcore.NewRegion(elfcore.Addr(top), data, 0, elfcore.Known, 0))
		for _, pc := range []uint64{inner + 0x20, bare + 4, 0, a.AddrMask()} {
			for _, sp := range []uint64{top, a.AddrMask() - 3, a.AddrMask() - 7, a.AddrMask(), 0} {
				for _, offset := range []int64{0, 8, math.MaxInt64, math.MinInt64} {
					f.rows[inner][0].row.CFA.Offset = offset
					r.Set(a.PC, pc, elfcore.Known, 0)
					r.Set(a.SP, sp, elfcore.Known, 0)
					if n := len(Walk(c, f, r, 0)); n != 1 {
						t.Errorf("pc 0x%x sp 0x%x offset %d: %d frames", pc, sp, offset, n)
					}
				}
			}
		}
	})
}

// Every frame of a walk lies in a function that claims the address space and
// switches to its frame register late: rows are bounded for the walk.
func TestRowBudget(t *testing.T) {
	a := arch.RV32
	f := newFake(a)
	f.funcs = []elfcore.Range{{Addr: inner - 3000, Size: 1 << 31}}
	f.rows[inner-3000] = []rowAt{{inner - 3000, f.bySP(16, "")}, {inner, f.byReg("s0", 0, "")}}
	s0, _ := a.Reg("s0")
	f.rows[inner-3000][1].row.Regs[s0] = firmware.Rule{} // lost in each frame again
	s := newStack(a)
	for at := elfcore.Addr(stackBase + 12); at < stackBase+stackSize; at += 16 {
		s.set(at, f.call(inner+0x40, outer))
	}
	frames := Walk(s.core(), f, at(a, inner+0x20, stackBase, nil), 0)
	if n := len(frames); n < 5 || f.asked > maxWalkRows+10*n {
		t.Errorf("%d frames, asked for %d rows", n, f.asked)
	}
}

// FuzzWalk walks random stacks by random registers and rules. Whatever comes,
// it terminates, and what it returns keeps its word.
func FuzzWalk(f *testing.F) {
	f.Add(uint8(0), []byte{1, 2, 3, 4}, []byte{}, []byte{})
	f.Add(uint8(2), make([]byte, 64), []byte{0x40, 0x01, 0x01, 0x00, 0, 2, 0, 0x20}, []byte{1, 0, 16, 1, 0xfc})
	exc := binary.LittleEndian.AppendUint32(nil, 0xfffffffd)
	f.Add(uint8(0), append(exc, exc...), []byte{0x10, 0x05, 0x01, 0x00, 0, 2, 0, 0x20, 0xfd, 0xff, 0xff, 0xff}, []byte{1, 13, 8, 14, 0xfc})
	f.Fuzz(func(t *testing.T, cpu uint8, memory, registers, rules []byte) {
		a := arch.All()[int(cpu)%len(arch.All())]
		p := newFake(a)
		s := newStack(a)
		copy(s.data, memory)
		// The stack is also code, so that calls can be found in it.
		copy(p.code[0x100:], memory)
		for i := 0; i < 8; i++ {
			p.function(codeBase + elfcore.Addr(i)<<8)
		}
		for len(rules) >= 5 {
			row := firmware.Row{
				CFA:    firmware.Rule{Kind: firmware.RuleKind(rules[0] % 7), Reg: arch.Reg(rules[1] % 40), Offset: int64(int8(rules[2]))},
				Return: arch.Reg(rules[3] % 40), Signal: rules[0]&0x80 != 0, Exidx: rules[1]&0x80 != 0, Regs: map[arch.Reg]firmware.Rule{},
			}
			row.CFA.Expr = rules[1:4]
			if rules[0]&0x40 != 0 {
				row.CFA.Offset <<= 56
			}
			row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleKind(rules[4] >> 5 % 7), Reg: arch.Reg(rules[2]), Offset: int64(int8(rules[4] << 3)), Expr: rules[2:5]}
			row.Regs[arch.Reg(rules[4])] = firmware.Rule{Kind: firmware.RuleKind(rules[3] % 7), Reg: arch.Reg(rules[1]), Offset: int64(int8(rules[3]))}
			at := codeBase + elfcore.Addr(rules[1]&7)<<8
			p.rows[at] = append(p.rows[at], rowAt{at + elfcore.Addr(rules[2]&0x7f), row})
			rules = rules[5:]
		}
		r := elfcore.NewRegisters(a)
		order := append([]arch.Reg{a.PC, a.SP, a.LR, a.FP}, a.Saved...)
		if psp, ok := a.Reg("psp"); ok {
			order = append(order, psp)
		}
		size := a.PtrSize()
		for _, n := range order {
			if len(registers) < size {
				break
			}
			var b [8]byte
			copy(b[:], registers[:size])
			r.Set(n, binary.LittleEndian.Uint64(b[:]), elfcore.Known, 0)
			registers = registers[size:]
		}
		c := s.core()
		frames := Walk(c, p, r, 0)
		Score(c, p, frames)
		if n, v, ok := FrameRegister(c, p, r); ok {
			if _, s := r.Get(n); s != elfcore.Missing || v > a.AddrMask() {
				t.Errorf("frame register %d 0x%x, there before: %v", n, v, s)
			}
		}
		if len(frames) > MaxFrames {
			t.Fatalf("%d frames", len(frames))
		}
		for i, frame := range frames {
			if (frame.End != nil) != (i == len(frames)-1) {
				t.Errorf("frame %d of %d: end %v", i, len(frames), frame.End)
			}
			if sp, s := frame.Regs.SP(); s != elfcore.Missing && frame.CFA != 0 && i+1 < len(frames) && uint64(frame.CFA) < sp {
				t.Errorf("frame %d: CFA %v below sp 0x%x", i, frame.CFA, sp)
			}
			checkFrame(t, p, frames, i)
		}
	})
}

// checkFrame holds a frame of any trace to what Frame promises.
func checkFrame(t *testing.T, p Code, frames []Frame, i int) {
	t.Helper()
	f := &frames[i]
	_, state := f.Regs.PC()
	if (f.Gap == "") != (state == elfcore.Missing || p.Executable(f.Lookup())) {
		t.Errorf("frame %d: %v, gap %q", i, f.PC, f.Gap)
	}
	if i == 0 || f.Trust == Exception {
		return
	}
	if state == elfcore.Missing || state == elfcore.Known && f.Trust < Window || f.Trust == Scan && f.by == Scan && state > elfcore.Suspect {
		t.Errorf("frame %d: pc by %v is %v", i, f.Trust, state)
	}
	if frames[i-1].Trust == Scan && f.Trust != Scan {
		t.Errorf("frame %d by %v, but the one before by a scan", i, f.Trust)
	}
}

// FuzzFixtures walks random registers and stacks on real firmware, in an order
// of its own for each CPU: what the fixture's dump has, overwritten.
func FuzzFixtures(f *testing.F) {
	programs := openFixtures(f)
	for i := range programs {
		f.Add(uint8(i), uint32(0), []byte{}, []byte{})
		f.Add(uint8(i), uint32(0x40), []byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{0, 0, 1, 1, 2, 2, 3, 3})
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, memory, registers []byte) {
		p := programs[int(which)%len(programs)]
		a := p.Arch()
		code := p.ReadOnly()[0]
		c := elfcore.New("fuzz", a, binary.LittleEndian)
		c.Memory.Add(elfcore.NewRegion(stackBase, p.stack(memory), 0, elfcore.Known, 0))
		r := elfcore.NewRegisters(a)
		r.Set(a.PC, uint64(code.Addr)+uint64(at)%code.Size, elfcore.Known, 0)
		r.Set(a.SP, stackBase, elfcore.Known, 0)
		for i := 0; i+2 <= len(registers); i += 2 {
			v := stackBase + uint64(registers[i+1])*4
			if registers[i]&0x80 != 0 {
				v = uint64(code.Addr) + uint64(registers[i+1])*16
			}
			r.Set(arch.Reg(int(registers[i]&0x7f)%len(a.Regs)), v, elfcore.Known, 0)
		}
		start := time.Now()
		frames := Walk(c, p, r, 0)
		if d := time.Since(start); d > 2*patience {
			t.Errorf("took %v", d)
		}
		Score(c, p, frames)
		for i := range frames {
			checkFrame(t, p, frames, i)
		}
	})
}

// fuzzProgram is a fixture's firmware and the return addresses in it.
type fuzzProgram struct {
	*firmware.Set
	returns []uint64
}

func openFixtures(f *testing.F) (list []fuzzProgram) {
	paths, _ := filepath.Glob("../../testdata/firmware/*/fw.elf")
	for _, path := range paths {
		p, err := firmware.Open(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { p.Close() })
		fp := fuzzProgram{Set: p}
		u := newUnwinder(elfcore.New("fuzz", p.Arch(), binary.LittleEndian), p, p.Arch())
		for _, s := range p.ReadOnly() {
			for a := s.Addr; s.Exec && a < s.End(); a += 2 {
				if u.callBefore(a, 0) != noCall {
					fp.returns = append(fp.returns, uint64(a))
				}
			}
		}
		list = append(list, fp)
	}
	return list
}

// stack turns bytes into words: of return addresses, of the stack, or small.
func (p *fuzzProgram) stack(memory []byte) (out []byte) {
	for i := 0; i+2 <= len(memory); i += 2 {
		v := binary.LittleEndian.Uint16(memory[i:])
		w := uint64(v >> 2)
		switch v & 3 {
		case 0, 1:
			w = p.returns[int(v>>2)%len(p.returns)] + uint64(v&1) // perhaps with a Thumb bit
		case 2:
			w = stackBase + w*4
		}
		out = binary.LittleEndian.AppendUint64(out, w)[:len(out)+p.Arch().PtrSize()]
	}
	return out
}

// A walk that has used up its time says so.
func TestPatience(t *testing.T) {
	f := newFake(arch.RV32)
	s, r, _ := chain(f, "")
	u := newUnwinder(s.core(), f, arch.RV32)
	u.deadline = time.Now()
	frames := u.trace(Frame{PC: inner + 0x20, Regs: r, Trust: Context}, MaxFrames)
	wantTrace(t, frames, Limit, chainTrace()[:1]...)
	if got := frames[0].End.Text; got != "gave up after 1s" {
		t.Error(got)
	}
}

// TestSlowFirmware: rows that take long, in a function without end, cost a walk
// no more than its time.
func TestSlowFirmware(t *testing.T) {
	f := newFake(arch.RV32)
	_, r, _ := chain(f, "")
	f.funcs = []elfcore.Range{{Addr: inner - 0x100, Size: 1 << 31}}
	f.rows[inner-0x100] = []rowAt{{0, f.bySP(16, "")}, {inner + 0x20, f.byReg("s0", 0, "")}}
	start := time.Now()
	frames := Walk(newStack(arch.RV32).core(), slow{f}, r, 0)
	if d := time.Since(start); d > 3*patience {
		t.Errorf("%v for %d frames", d, len(frames))
	}
}

type slow struct{ *fake }

func (s slow) Row(a elfcore.Addr) (firmware.Row, bool) {
	time.Sleep(20 * time.Millisecond)
	return s.fake.Row(a)
}

func BenchmarkWalk(b *testing.B) {
	f := newFake(arch.CortexM)
	s, r, _ := chain(f, "r4")
	c := s.core()
	b.ReportAllocs()
	for b.Loop() {
		Score(c, f, Walk(c, f, r, 0))
	}
}
