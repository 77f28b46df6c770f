package unwind

import (
	"encoding/binary"
	"math"
	"testing"

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
				Return: arch.Reg(rules[3] % 40), Signal: rules[0]&0x80 != 0, Regs: map[arch.Reg]firmware.Rule{},
			}
			if rules[0]&0x40 != 0 {
				row.CFA.Offset <<= 56
			}
			row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleKind(rules[4] >> 5 % 7), Reg: arch.Reg(rules[2]), Offset: int64(int8(rules[4] << 3))}
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
			if i == 0 || frame.Trust == Exception {
				continue
			}
			if !p.Executable(frame.Lookup()) {
				t.Errorf("frame %d: %v is no code", i, frame.PC)
			}
			if _, s := frame.Regs.PC(); s == elfcore.Missing || s == elfcore.Known && frame.Trust < CFI {
				t.Errorf("frame %d: pc by %v is %v", i, frame.Trust, s)
			}
		}
	})
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
