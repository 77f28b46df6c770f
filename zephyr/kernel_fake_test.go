package zephyr

import (
	"encoding/binary"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// fakeProgram is a firmware made by hand.
type fakeProgram struct {
	arch    *arch.Arch
	symbols map[string]elfcore.Range
	fields  map[string][2]int64 // "type path": offset, size
	rom     []byte              // at romBase, all of it code
}

const romBase = 0x1000

func newFakeProgram(a *arch.Arch) *fakeProgram {
	return &fakeProgram{a, map[string]elfcore.Range{}, map[string][2]int64{}, make([]byte, 0x2000)}
}

func (p *fakeProgram) Arch() *arch.Arch { return p.arch }

func (p *fakeProgram) Symbol(name string) (elfcore.Range, bool) {
	r, ok := p.symbols[name]
	return r, ok
}

func (p *fakeProgram) Executable(a elfcore.Addr) bool {
	return a >= romBase && int(a) < romBase+len(p.rom)
}

func (p *fakeProgram) ReadConst(b []byte, a elfcore.Addr) error {
	if a < romBase || uint64(a)+uint64(len(b)) > uint64(romBase+len(p.rom)) {
		return &elfcore.GapError{Addr: a}
	}
	copy(b, p.rom[a-romBase:])
	return nil
}

func (p *fakeProgram) Field(typ, path string) (off, size int64, ok bool) {
	f, ok := p.fields[typ+" "+path]
	return f[0], f[1], ok
}

// describe adds members of a type, each size bytes after the last.
func (p *fakeProgram) describe(typ string, off, size int64, members ...string) {
	for i, m := range members {
		p.fields[typ+" "+m] = [2]int64{off + int64(i)*size, size}
	}
}

// debugTable puts a table of offsets in front of the rom.
func (p *fakeProgram) debugTable(width, count int, entries ...uint64) {
	put := func(at int, v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		copy(p.rom[at:at+width], b[:])
	}
	p.rom[0] = byte(width)
	put(8, uint64(count))
	for i, e := range entries {
		put(16+i*width, e)
	}
	p.symbols["_kernel_thread_info_size_t_size"] = elfcore.Range{Addr: romBase, Size: 1}
	p.symbols["_kernel_thread_info_num_offsets"] = elfcore.Range{Addr: romBase + 8, Size: uint64(width)}
	p.symbols["_kernel_thread_info_offsets"] = elfcore.Range{Addr: romBase + 16, Size: uint64(width * len(entries))}
}

// ram is target memory made by hand.
type ram struct {
	base elfcore.Addr
	data []byte
	word int // bytes of a pointer
}

func newRAM(word int) *ram { return &ram{0x20000000, make([]byte, 0x4000), word} }

// words stores pointer-sized words from an address on.
func (m *ram) words(at uint64, values ...uint64) {
	for i, v := range values {
		m.bytes(at+uint64(i*m.word), v, m.word)
	}
}

func (m *ram) bytes(at, v uint64, size int) {
	for i := range size {
		m.data[at-uint64(m.base)+uint64(i)] = byte(v >> (8 * i))
	}
}

func (m *ram) text(at uint64, s string) { copy(m.data[at-uint64(m.base):], s) }

// core makes a Core of the image, with a crashed thread that has a sp.
func (m *ram) core(a *arch.Arch, sp uint64) *elfcore.Core {
	c := elfcore.New("test", a, binary.LittleEndian)
	c.Memory.Add(elfcore.NewRegion(m.base, m.data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	t := elfcore.Thread{Regs: elfcore.NewRegisters(a)}
	if sp != 0 {
		t.Regs.Set(a.SP, sp, elfcore.Known, 0)
	}
	c.Threads, c.Crash.Thread = []elfcore.Thread{t}, 0
	return c
}

// The kernel of the images below. Structures lie where these say; the layout
// is no version of Zephyr's, the reader has to ask.
const (
	kernelAt = 0x20000100 // struct z_kernel
	threadAt = 0x20001000 // first k_thread
	threadSz = 0x200
	stackAt  = 0x20002000 // its stack
	stackSz  = 0x400
	irqAt    = 0x20000400
	irqSz    = 0x200

	offCurrent = 0x10 // in struct _cpu, which has 0x40 bytes
	offThreads = 0x90 // in struct z_kernel
	offState   = 0x0b
	offPrio    = 0x0e
	offSaved   = 0x18
	offEntry   = 0x88
	offNext    = 0xa8
	offName    = 0xb0
	offStart   = 0xe0
	offArch    = 0xf0
)

// threads puts threads into the image, the first one current on CPU 0, and
// returns a program that describes them.
func (m *ram) threads(a *arch.Arch, names ...string) *fakeProgram {
	p := newFakeProgram(a)
	w := int64(m.word)
	p.symbols["_kernel"] = elfcore.Range{Addr: kernelAt, Size: 0xa0}
	p.symbols["z_interrupt_stacks"] = elfcore.Range{Addr: irqAt, Size: irqSz}
	p.describe("z_kernel", 0, 0x40, "cpus")
	p.describe("z_kernel", offThreads, w, "threads")
	p.describe("_cpu", 0, 0x40, "")
	p.describe("_cpu", 0, w, "nested", "irq_stack")
	p.describe("_cpu", offCurrent, w, "current")
	p.describe("k_thread", offState, 1, "base.thread_state")
	p.describe("k_thread", offPrio, 1, "base.prio")
	p.describe("k_thread", offSaved, 0x70, "callee_saved")
	p.describe("k_thread", offEntry, w, "entry")
	p.describe("k_thread", offNext, w, "next_thread")
	p.describe("k_thread", offName, 0x20, "name")
	p.describe("k_thread", offStart, w, "stack_info.start", "stack_info.size")
	p.describe("k_thread", offArch, 0x80, "arch")

	m.words(kernelAt+uint64(w), irqAt+irqSz)
	m.words(kernelAt+offCurrent, threadAt)
	m.words(kernelAt+offThreads, threadAt)
	for i, name := range names {
		at := thread(i)
		m.bytes(at+offPrio, uint64(i), 1)
		m.words(at+offEntry, romBase+0x801+uint64(i*0x10))
		if i+1 < len(names) {
			m.words(at+offNext, thread(i+1))
		}
		m.text(at+offName, name)
		m.words(at+offStart, stack(i), stackSz)
	}
	return p
}

func thread(i int) uint64 { return threadAt + uint64(i)*threadSz }
func stack(i int) uint64  { return stackAt + uint64(i)*stackSz }

// wantRegs compares registers, given by name, and says that no others are set.
func wantRegs(t *testing.T, r *elfcore.Registers, want map[string]uint64) {
	t.Helper()
	for i, info := range r.Arch().Regs {
		got, state := r.Get(arch.Reg(i))
		w, listed := want[info.Name]
		switch {
		case listed && (state == elfcore.Missing || got != w):
			t.Errorf("%s = 0x%x %v, want 0x%x", info.Name, got, state, w)
		case !listed && state != elfcore.Missing:
			t.Errorf("%s = 0x%x %v, want nothing", info.Name, got, state)
		}
	}
}

// codes lists the diagnostics' codes.
func codes(c *elfcore.Core) (out []string) {
	for _, d := range c.Diagnostics {
		out = append(out, d.Code)
	}
	return out
}

func find1(t *testing.T, c *elfcore.Core, name string) *elfcore.Thread {
	t.Helper()
	for i := range c.Threads {
		if c.Threads[i].Name.Value == name {
			return &c.Threads[i]
		}
	}
	t.Fatalf("no thread %q", name)
	return nil
}
