package unwind

import (
	"encoding/binary"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// The fake program has its code at codeBase and its stack at stackBase.
const (
	codeBase  = 0x10000
	codeSize  = 0x4000
	stackBase = 0x20000000
	stackSize = 0x400
)

// fake is a program made by hand: functions, their rows, and bytes of code
// that hold nothing but calls.
type fake struct {
	elfcore.NoProgram
	a       *arch.Arch
	code    []byte
	funcs   []elfcore.Range
	rows    map[elfcore.Addr][]rowAt // by function address, ascending
	symbols map[string]elfcore.Addr
	asked   int
}

type rowAt struct {
	from elfcore.Addr
	row  firmware.Row
}

func newFake(a *arch.Arch) *fake {
	return &fake{a: a, code: make([]byte, codeSize), rows: map[elfcore.Addr][]rowAt{}, symbols: map[string]elfcore.Addr{}}
}

func (f *fake) Arch() *arch.Arch { return f.a }

func (f *fake) Symbol(name string) (elfcore.Range, bool) {
	a, ok := f.symbols[name]
	return elfcore.Range{Addr: a}, ok
}

func (f *fake) Executable(a elfcore.Addr) bool {
	return elfcore.Range{Addr: codeBase, Size: codeSize}.Contains(a)
}

func (f *fake) ReadConst(p []byte, a elfcore.Addr) error {
	if !f.Executable(a) || !f.Executable(a+elfcore.Addr(len(p)-1)) {
		return &elfcore.GapError{Addr: a}
	}
	copy(p, f.code[a-codeBase:])
	return nil
}

func (f *fake) Function(a elfcore.Addr) (elfcore.Range, bool) {
	for _, r := range f.funcs {
		if r.Contains(a) {
			return r, true
		}
	}
	return elfcore.Range{}, false
}

func (f *fake) Row(pc elfcore.Addr) (row firmware.Row, ok bool) {
	f.asked++
	r, ok := f.Function(pc)
	if !ok {
		return row, false
	}
	ok = false
	for _, at := range f.rows[r.Addr] {
		if at.from <= pc {
			row, ok = at.row, true
			row.Function = r
		}
	}
	return row, ok
}

// function declares 0x100 bytes of code as a function, with rows that begin at
// offsets from it.
func (f *fake) function(a elfcore.Addr, rows ...rowAt) elfcore.Addr {
	f.funcs = append(f.funcs, elfcore.Range{Addr: a, Size: 0x100})
	for _, r := range rows {
		r.from += a
		f.rows[a] = append(f.rows[a], r)
	}
	return a
}

func (f *fake) put(end elfcore.Addr, code ...byte) elfcore.Addr {
	copy(f.code[int(end-codeBase)-len(code):], code)
	return end
}

// call puts a direct call that ends at ret, and returns ret as the CPU does.
func (f *fake) call(ret, target elfcore.Addr) uint64 {
	le := binary.LittleEndian
	switch f.a {
	case arch.CortexM, arch.ARM: // bl
		off := uint32(target - ret)
		s, i1, i2 := off>>24&1, off>>23&1, off>>22&1
		b := le.AppendUint16(nil, uint16(0xf000|s<<10|off>>12&0x3ff))
		b = le.AppendUint16(b, uint16(0xd000|(^(i1^s)&1)<<13|(^(i2^s)&1)<<11|off>>1&0x7ff))
		return uint64(f.put(ret, b...)) | 1
	case arch.AArch64: // bl
		return uint64(f.put(ret, le.AppendUint32(nil, 0x94000000|uint32(target-ret+4)>>2&0x3ffffff)...))
	case arch.RV32, arch.RV64: // jal ra
		o := uint32(target - ret + 4)
		w := o>>20&1<<31 | o>>1&0x3ff<<21 | o>>11&1<<20 | o>>12&0xff<<12 | 0xef
		return uint64(f.put(ret, le.AppendUint32(nil, w)...))
	case arch.Xtensa: // call8
		return uint64(f.turn(ret, 2, target)) | 2<<30
	}
	return uint64(f.put(ret, append([]byte{0xe8}, le.AppendUint32(nil, uint32(target-ret))...)...))
}

// turn puts a direct call of Xtensa that turns the window by size, in fours.
func (f *fake) turn(ret elfcore.Addr, size uint32, target elfcore.Addr) elfcore.Addr {
	off := int32(target-((ret-3)&^3+4)) >> 2
	w := uint32(off)<<6 | size<<4 | 5
	return f.put(ret, byte(w), byte(w>>8), byte(w>>16))
}

// indirect puts a call through a register.
func (f *fake) indirect(ret elfcore.Addr) uint64 {
	switch f.a {
	case arch.CortexM, arch.ARM:
		return uint64(f.put(ret, 0x98, 0x47)) | 1 // blx r3
	case arch.AArch64:
		return uint64(f.put(ret, 0x60, 0x00, 0x3f, 0xd6)) // blr x3
	case arch.RV32, arch.RV64:
		return uint64(f.put(ret, 0xe7, 0x80, 0x07, 0x00)) // jalr a5
	case arch.Xtensa:
		return uint64(f.put(ret, 0xe0, 0x08, 0x00)) | 2<<30 // callx8 a8
	}
	return uint64(f.put(ret, 0xff, 0xd0)) // call *%eax
}

// bySP is the row of a frame of size bytes with the return address in its last
// word and reg, if any, in the one before.
func (f *fake) bySP(size int64, reg string) firmware.Row {
	p := int64(f.a.PtrSize())
	row := firmware.Row{CFA: firmware.Rule{Kind: firmware.RuleRegister, Reg: f.a.SP, Offset: size}, Return: f.a.LR, Regs: map[arch.Reg]firmware.Rule{}}
	if f.a.LR == arch.NoReg {
		row.Return = f.a.PC
	}
	if size > 0 {
		row.Regs[row.Return] = firmware.Rule{Kind: firmware.RuleOffset, Offset: -p}
	}
	if reg != "" {
		n, ok := f.a.Reg(reg)
		if !ok {
			panic(reg)
		}
		row.Regs[n] = firmware.Rule{Kind: firmware.RuleOffset, Offset: -2 * p}
	}
	return row
}

// byReg is the same with the CFA by a frame register.
func (f *fake) byReg(reg string, offset int64, saved string) firmware.Row {
	row := f.bySP(2*int64(f.a.PtrSize()), saved)
	row.CFA.Reg, _ = f.a.Reg(reg)
	row.CFA.Offset = offset
	return row
}

// stack is stackSize bytes at stackBase, written by word.
type stack struct {
	a    *arch.Arch
	data []byte
}

func newStack(a *arch.Arch) *stack { return &stack{a, make([]byte, stackSize)} }

func (s *stack) set(at elfcore.Addr, words ...uint64) elfcore.Addr {
	for _, w := range words {
		if s.a.PtrSize() == 8 {
			binary.LittleEndian.PutUint64(s.data[at-stackBase:], w)
		} else {
			binary.LittleEndian.PutUint32(s.data[at-stackBase:], uint32(w))
		}
		at += elfcore.Addr(s.a.PtrSize())
	}
	return at
}

func (s *stack) core() *elfcore.Core {
	c := elfcore.New("test", s.a, binary.LittleEndian)
	c.Memory.Add(elfcore.NewRegion(stackBase, s.data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	return c
}

// regs makes registers, all Known, from names and values.
func regs(a *arch.Arch, values map[string]uint64) elfcore.Registers {
	r := elfcore.NewRegisters(a)
	for name, v := range values {
		n, ok := a.Reg(name)
		if !ok {
			panic(name)
		}
		r.Set(n, v, elfcore.Known, 0)
	}
	return r
}

// at makes registers with a pc and a stack pointer, and more by name.
func at(a *arch.Arch, pc, sp uint64, more map[string]uint64) elfcore.Registers {
	r := regs(a, more)
	r.Set(a.PC, pc, elfcore.Known, 0)
	r.Set(a.SP, sp, elfcore.Known, 0)
	return r
}

func get(t *testing.T, r elfcore.Registers, name string) (uint64, elfcore.State) {
	t.Helper()
	n, ok := r.Arch().Reg(name)
	if !ok {
		t.Fatalf("no register %s", name)
	}
	return r.Get(n)
}

func wantReg(t *testing.T, r elfcore.Registers, name string, value uint64, state elfcore.State) {
	t.Helper()
	if v, s := get(t, r, name); v != value || s != state {
		t.Errorf("%s = 0x%x (%v), want 0x%x (%v)", name, v, s, value, state)
	}
}

// wantTrace compares the pcs and trusts of a trace, and the kind of its end.
func wantTrace(t *testing.T, frames []Frame, end EndKind, want ...Frame) {
	t.Helper()
	if len(frames) != len(want) {
		t.Errorf("%d frames, want %d", len(frames), len(want))
	}
	for i, f := range frames {
		if i < len(want) && (f.PC != want[i].PC || f.Trust != want[i].Trust) {
			t.Errorf("frame %d: %v by %v, want %v by %v", i, f.PC, f.Trust, want[i].PC, want[i].Trust)
		}
		if (f.End != nil) != (i == len(frames)-1) {
			t.Errorf("frame %d: end %v", i, f.End)
		}
	}
	if e := frames[len(frames)-1].End; e.Kind != end {
		t.Errorf("end %d (%v), want %d", e.Kind, e, end)
	}
}

// cpus are the CPUs under test with a register that a callee preserves and one
// that it may overwrite.
var cpus = []struct {
	a           *arch.Arch
	saved, work string
}{
	{arch.CortexM, "r4", "r1"},
	{arch.ARM, "r4", "r1"},
	{arch.AArch64, "x19", "x1"},
	{arch.RV32, "s1", "a1"},
	{arch.RV64, "s1", "a1"},
	{arch.I386, "ebx", "ecx"},
	{arch.AMD64, "rbx", "rcx"},
}

func eachCPU(t *testing.T, run func(t *testing.T, a *arch.Arch, saved, work string)) {
	for _, c := range cpus {
		t.Run(c.a.Name, func(t *testing.T) { run(t, c.a, c.saved, c.work) })
	}
}

// Functions of the fake programs.
const (
	inner  = codeBase + 0x100
	middle = codeBase + 0x200
	outer  = codeBase + 0x300
)

// chain is inner called by middle called by outer, which returns to 0. inner
// has a frame of 4 words and keeps the saved register there, middle one of 6,
// outer one of 2. It returns the stack pointer in inner.
func chain(f *fake, saved string) (*stack, elfcore.Registers, uint64) {
	p := int64(f.a.PtrSize())
	f.function(inner, rowAt{0, f.bySP(4*p, saved)})
	f.function(middle, rowAt{0, f.bySP(6*p, "")})
	f.function(outer, rowAt{0, f.bySP(2*p, "")})
	s := newStack(f.a)
	sp := elfcore.Addr(stackBase + 0x200)
	at1 := s.set(sp, 0x11, 0x12, 0x5a7ed, f.call(middle+0x40, inner))
	at2 := s.set(at1, 0x21, 0x22, 0x23, 0x24, 0x25, f.call(outer+0x60, middle))
	s.set(at2, 0x31, 0)
	return s, at(f.a, inner+0x20, uint64(sp), nil), uint64(sp)
}

func chainTrace() []Frame {
	return []Frame{{PC: inner + 0x20, Trust: Context}, {PC: middle + 0x40, Trust: CFI}, {PC: outer + 0x60, Trust: CFI}}
}
