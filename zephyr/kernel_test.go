package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		bits uint8
		pc   uint64 // saved; the fabricated frame's is romBase
		want string
	}{
		{0x00, romBase, "ready (0x00)"},
		{0x02, romBase + 8, "pending (0x02)"},
		{0x12, romBase + 8, "pending, suspended (0x12)"},
		{0x04, romBase, "prestart (0x04)"},
		{0x04, romBase + 8, "sleeping (0x04)"},
		{0x44, 0, "prestart or sleeping, suspending (0x44)"}, // registers not found
		{0xe9, romBase + 8, "dummy, dead, aborting, suspending, queued (0xe9)"},
	} {
		m := newRAM(4)
		p := m.threads(arch.CortexM, "first", "second")
		p.symbols["z_thread_entry"] = elfcore.Range{Addr: romBase}
		p.describe("k_thread", offSaved, 4, "callee_saved.psp")
		m.bytes(thread(1)+offState, uint64(test.bits), 1)
		m.words(thread(1)+offSaved, stack(1))
		if test.pc != 0 {
			m.words(stack(1)+24, test.pc, 0x01000000)
		}
		c := m.core(arch.CortexM, stackAt+0x100)
		Kernel.Threads(c, p)
		if got := c.Threads[1].Status.Value; got != test.want {
			t.Errorf("0x%02x at 0x%x: %q, want %q", test.bits, test.pc, got, test.want)
		}
	}
}

func TestThreadNames(t *testing.T) {
	for _, test := range []struct {
		raw   string
		want  string
		state elfcore.State
	}{
		{"worker", "worker", elfcore.Known},
		{"grün", "grün", elfcore.Known},
		{"", "", elfcore.Missing},
		{"\x1b[2J", "\x1b[2J", elfcore.Suspect},
		{"\xff\xfe", "\xff\xfe", elfcore.Suspect},
		{strings.Repeat("x", 0x30), strings.Repeat("x", 0x20), elfcore.Suspect},
	} {
		m := newRAM(4)
		p := m.threads(arch.RV32, test.raw)
		c := m.core(arch.RV32, stackAt+0x100)
		Kernel.Threads(c, p)
		if got := c.Threads[0].Name; got.Value != test.want || got.State != test.state {
			t.Errorf("%q: %q %v, want %q %v", test.raw, got.Value, got.State, test.want, test.state)
		}
		if reported := len(c.Diagnostics) > 0; reported != (test.state == elfcore.Suspect) {
			t.Errorf("%q: %v", test.raw, codes(c))
		}
	}
}

// Lists that lead nowhere.
func TestThreadList(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoil  func(m *ram, p *fakeProgram)
		want   int // threads
		report string
	}{
		{"whole", func(*ram, *fakeProgram) {}, 3, ""},
		{"loop", func(m *ram, _ *fakeProgram) { m.words(thread(2)+offNext, thread(1)) }, 3, "zephyr.thread-list-loop"},
		{"itself", func(m *ram, _ *fakeProgram) { m.words(thread(1)+offNext, thread(1)) }, 2, "zephyr.thread-list-loop"},
		{"wild", func(m *ram, _ *fakeProgram) { m.words(thread(1)+offNext, 0xdeadbee0) }, 2, "zephyr.thread-list-wild"},
		{"odd", func(m *ram, _ *fakeProgram) { m.words(thread(1)+offNext, thread(2)+2) }, 2, "zephyr.thread-list-wild"},
		{"end of the address space", func(m *ram, _ *fakeProgram) { m.words(thread(1)+offNext, 0xfffffffc) }, 2, "zephyr.thread-list-wild"},
		{"not dumped", func(m *ram, p *fakeProgram) {
			p.symbols["_image_ram_start"], p.symbols["_image_ram_end"] = elfcore.Range{Addr: 0x20000000}, elfcore.Range{Addr: 0x20008000}
			m.words(thread(1)+offNext, 0x20006000)
		}, 3, "zephyr.thread-list-cut"},
		{"empty", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offThreads, 0) }, 1, ""},
		{"current not in it", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offThreads, thread(1)) }, 3, ""},
		{"current last", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offCurrent, thread(2)) }, 3, ""},
		{"current wild", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offCurrent, 3) }, 4, "zephyr.thread-list-wild"},
		{"both wild", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offCurrent, 3); m.words(kernelAt+offThreads, 5) }, 1, "zephyr.thread-list-wild"},
		{"current null", func(m *ram, _ *fakeProgram) { m.words(kernelAt+offCurrent, 0) }, 4, ""},
		{"long", func(m *ram, p *fakeProgram) {
			clear(m.data[0x100:])
			p.describe("k_thread", 0, 4, "next_thread")
			for at := uint64(0x20000200); at < 0x20004000-8; at += 8 {
				m.words(at, at+8)
			}
			m.words(kernelAt+offThreads, 0x20000200)
			m.words(kernelAt+offCurrent, 0x20000200)
		}, maxThreads, "zephyr.thread-list-long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRAM(4)
			p := m.threads(arch.RV32, "a", "b", "c")
			test.spoil(m, p)
			c := m.core(arch.RV32, stackAt+0x100)
			Kernel.Threads(c, p)
			if len(c.Threads) != test.want || c.Crash.Thread != 0 {
				t.Errorf("%d threads, crashed %d, want %d", len(c.Threads), c.Crash.Thread, test.want)
			}
			got := slices.DeleteFunc(codes(c), func(code string) bool { return code == "zephyr.thread-name" })
			if test.report == "" && len(got) > 0 || test.report != "" && !slices.Contains(got, test.report) {
				t.Errorf("diagnostics %v, want %q", got, test.report)
			}
		})
	}
}

// Debugger tables of all kinds, without DWARF.
func TestDebugTable(t *testing.T) {
	whole := []uint64{1, offCurrent, offThreads, offEntry, offNext, offState, 0xffffffff, offPrio, offSaved, offName, offArch}
	for _, test := range []struct {
		name    string
		width   int
		count   int
		entries []uint64
		want    int // threads
		report  string
	}{
		{"whole", 4, 11, whole, 3, ""},
		{"size_t of 8", 8, 11, whole, 3, ""},
		{"no names", 4, 9, whole, 3, ""},
		{"count too large", 4, 1 << 30, whole, 3, ""},
		{"count too small for next_thread", 4, 3, whole, 1, ""},
		{"count 0", 4, 0, whole, 1, "zephyr.table-version"},
		{"no list", 4, 11, []uint64{1, offCurrent, 0xffffffff, offEntry, offNext}, 1, ""},
		{"no next", 4, 11, []uint64{1, offCurrent, offThreads, offEntry, 0xffffffff}, 1, ""},
		{"nothing", 8, 4, []uint64{1, 0xffffffff, 1<<64 - 1, 0xffffffff}, 1, ""},
		{"version 2", 4, 11, []uint64{2, offCurrent, offThreads}, 1, "zephyr.table-version"},
		{"size_t of 3", 3, 11, whole, 1, "zephyr.table-width"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRAM(4)
			p := m.threads(arch.RV32, "a", "b", "c")
			clear(p.fields)
			p.debugTable(test.width, test.count, test.entries...)
			c := m.core(arch.RV32, stackAt+0x100)
			Kernel.Threads(c, p)
			if len(c.Threads) != test.want {
				t.Errorf("%d threads, want %d", len(c.Threads), test.want)
			}
			if got := codes(c); test.report == "" && len(got) > 0 || test.report != "" && !slices.Contains(got, test.report) {
				t.Errorf("diagnostics %v, want %q", got, test.report)
			}
		})
	}
}

// The 'T' block goes before the memory, which fills in for a short one.
func TestKernelBlock(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.RV32, "a", "b", "c")
	block := append([]byte(nil), m.data[kernelAt-0x20000000:][:0xa0]...)
	for _, test := range []struct {
		name   string
		block  []byte
		memory bool // _kernel itself is dumped
		want   int
		report bool
	}{
		{"block only", block, false, 3, false},
		{"memory only", nil, true, 3, false},
		{"short, with memory", block[:offCurrent+2], true, 3, true},
		{"short", block[:offCurrent+2], false, 1, true},
		{"up to the list", block[:offThreads+3], false, 1, false},
		{"neither", nil, false, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := m.core(arch.RV32, stackAt+0x100)
			if !test.memory {
				c.Memory = elfcore.Memory{}
				c.Memory.Add(elfcore.NewRegion(0x20000400, m.data[0x400:], elfcore.PermR, elfcore.Known, 0))
			}
			if test.block != nil {
				c.Attach(attachmentKernel, test.block, 0)
			}
			Kernel.Threads(c, p)
			if len(c.Threads) != test.want {
				t.Errorf("%d threads, want %d", len(c.Threads), test.want)
			}
			if got := slices.Contains(codes(c), "zephyr.kernel-short"); got != test.report {
				t.Errorf("diagnostics %v", codes(c))
			}
		})
	}
}

// A dump of one thread and no _kernel: the console names the thread.
func TestKnownControl(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.RV32, "a", "b")
	c := m.core(arch.RV32, stack(1)+0x100)
	c.Memory = elfcore.Memory{}
	c.Memory.Add(elfcore.NewRegion(elfcore.Addr(thread(1)), m.data[thread(1)-0x20000000:][:threadSz], elfcore.PermR, elfcore.Known, 0))
	c.Threads[0].Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(thread(1)), State: elfcore.Known}
	Kernel.Threads(c, p)
	if len(c.Threads) != 1 || c.Threads[0].Name.Value != "b" || uint64(c.Threads[0].Stack.Value.Addr) != stack(1) {
		t.Errorf("%+v", c.Threads)
	}
}

// What the kernel says replaces what the console said, and evidence tells.
func TestReplacedFact(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.RV32, "a", "b")
	c := m.core(arch.RV32, stackAt+0x100)
	c.Threads[0].Name = elfcore.Fact[string]{Value: "other", State: elfcore.Known}
	Kernel.Threads(c, p)
	name := c.Threads[0].Name
	if why := c.Explain(name.Why); name.Value != "a" || !strings.Contains(why.Text, "other") {
		t.Errorf("%q because %q", name.Value, why.Text)
	}
}

// Without a register block there is no crashed context, and what callee_saved
// holds of the current thread is stale.
func TestNoCrashedContext(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.RV32, "a", "b")
	c := m.core(arch.RV32, 0)
	c.Threads, c.Crash.Thread = nil, -1
	Kernel.Threads(c, p)
	if len(c.Threads) != 2 || c.Crash.Thread != -1 || c.Threads[0].Status.Value != "running on CPU 0" {
		t.Errorf("crashed %d of %+v", c.Crash.Thread, c.Threads)
	}
	wantRegs(t, &c.Threads[0].Regs, nil)
}

func TestNoProgram(t *testing.T) {
	m := newRAM(4)
	m.threads(arch.RV32, "a")
	c := m.core(arch.RV32, stackAt)
	Kernel.Threads(c, elfcore.NoProgram{})
	if len(c.Threads) != 1 || len(c.Diagnostics) != 0 || c.Threads[0].Control.State != elfcore.Missing {
		t.Errorf("%+v %v", c.Threads, codes(c))
	}
}

func TestCPUs(t *testing.T) {
	frozen := func(cpu, n int) []byte {
		b := binary.LittleEndian.AppendUint16([]byte{'F', 1, 0}, uint16(n*8))
		b = binary.LittleEndian.AppendUint32(b, uint32(cpu))
		b = binary.LittleEndian.AppendUint64(b, thread(cpu))
		for i := range n {
			b = binary.LittleEndian.AppendUint64(b, uint64(0x700+i))
		}
		return b
	}
	for _, test := range []struct {
		name  string
		fill  func(c *elfcore.Core, p *fakeProgram)
		want  string // thread names in order, the crashed one first
		other map[string]uint64
	}{
		{"cpu 0", func(*elfcore.Core, *fakeProgram) {}, "a b c", nil},
		{"fact", func(c *elfcore.Core, _ *fakeProgram) {
			c.Facts[factCPU] = elfcore.Fact[string]{Value: "1", State: elfcore.Known}
		}, "b a c", nil},
		{"console's thread in an interrupt", func(c *elfcore.Core, _ *fakeProgram) {
			c.Threads[0].Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(thread(1)), State: elfcore.Known}
			c.Threads[0].Regs.Set(arch.AArch64.SP, irqAt+irqSz/2+0x40, elfcore.Known, 0)
		}, "interrupt b a c", nil},
		{"fact out of range", func(c *elfcore.Core, _ *fakeProgram) {
			c.Facts[factCPU] = elfcore.Fact[string]{Value: "7", State: elfcore.Known}
		}, "a b c", nil},
		{"console's thread", func(c *elfcore.Core, _ *fakeProgram) {
			c.Threads[0].Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(thread(1)), State: elfcore.Known}
		}, "b a c", nil},
		{"frozen blocks", func(c *elfcore.Core, _ *fakeProgram) {
			c.Attach(attachFrozen, frozen(1, 0), 0)
			c.Attach(attachFrozen, frozen(0, 22), 0)
			c.Attach(attachFrozen, frozen(9, 22), 0)
			c.Attach(attachFrozen, frozen(0, 21), 0)
			c.Attach(attachFrozen, []byte("F"), 0)
		}, "b a c", map[string]uint64{"x0": 0x700, "x18": 0x712, "x30": 0x713, "cpsr": 0x714, "pc": 0x715}},
		{"table", func(_ *elfcore.Core, p *fakeProgram) {
			clear(p.fields)
			p.debugTable(8, 17, 1, offCurrent, offThreads, offEntry, offNext, offState, 0, offPrio, offSaved+96, offName, offArch,
				0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x40, 2)
		}, "a b c", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRAM(8)
			p := m.threads(arch.AArch64, "a", "b", "c")
			p.describe("z_kernel", 0, 0x80, "cpus")
			m.words(kernelAt+0x40+offCurrent, thread(1))
			c := m.core(arch.AArch64, 0)
			test.fill(c, p)
			Kernel.Threads(c, p)
			Kernel.Threads(c, p) // changes nothing
			var names []string
			for i := range c.Threads {
				names = append(names, c.Threads[i].Name.Value)
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Fatalf("threads %q, want %q", got, test.want)
			}
			other := find1(t, c, map[bool]string{true: "b", false: "a"}[names[0] == "a"])
			if cpu := strings.Index("ab", other.Name.Value); other.Status.Value != fmt.Sprintf("running on CPU %d", cpu) || other.CPU.Value != cpu {
				t.Errorf("%q on CPU %d", other.Status.Value, other.CPU.Value)
			}
			if len(test.other) > 0 {
				for name, want := range test.other {
					r, _ := arch.AArch64.Reg(name)
					if v, s := other.Regs.Get(r); v != want || s == elfcore.Missing {
						t.Errorf("%s = 0x%x %v", name, v, s)
					}
				}
			} else {
				wantRegs(t, &other.Regs, nil)
			}
		})
	}
}

// The crashed context is an interrupt or a thread, and if an interrupt the
// thread's frame is found or its registers stay missing.
func TestInterruptContext(t *testing.T) {
	const (
		top    = irqAt + irqSz
		inside = stackAt + 0x200 // sp of the thread, or its frame
		pc     = romBase + 0x40
	)
	hardware := func(m *ram, at uint64) { m.words(at, 0xa0, 0xa1, 0xa2, 0xa3, 0xac, 0xae, pc, 0x61000000) }
	regs := map[string]uint64{"r0": 0xa0, "r1": 0xa1, "r2": 0xa2, "r3": 0xa3, "r12": 0xac, "lr": 0xae, "pc": pc, "xpsr": 0x61000000, "sp": inside + 32}
	setReg := func(c *elfcore.Core, name string, v uint64) {
		r, _ := c.Arch.Reg(name)
		c.Threads[0].Regs.Set(r, v, elfcore.Known, 0)
	}
	for _, test := range []struct {
		name      string
		arch      *arch.Arch
		sp        uint64
		fill      func(m *ram, p *fakeProgram, c *elfcore.Core)
		interrupt bool
		want      map[string]uint64
		state     elfcore.State
	}{
		{"thread", arch.CortexM, inside, func(*ram, *fakeProgram, *elfcore.Core) {}, false, nil, 0},
		{"thread, stack empty", arch.CortexM, stackAt + stackSz, func(*ram, *fakeProgram, *elfcore.Core) {}, false, nil, 0},
		{"panic that counts as nesting", arch.ARM, inside, func(m *ram, _ *fakeProgram, _ *elfcore.Core) {
			m.words(kernelAt, 1)
		}, false, nil, 0},
		{"before the first thread", arch.CortexM, irqAt + 0x100, func(m *ram, _ *fakeProgram, _ *elfcore.Core) {
			m.bytes(threadAt+offState, stateDummy, 1)
			m.words(threadAt+offStart, 0, 0)
		}, false, nil, 0},
		{"thread whose stack overflowed", arch.CortexM, stackAt - 0x10, func(m *ram, _ *fakeProgram, c *elfcore.Core) {
			setReg(c, "xpsr", 0x61000000)
		}, false, nil, 0},
		{"psp from the console", arch.CortexM, irqAt + 0x100, func(m *ram, _ *fakeProgram, c *elfcore.Core) {
			setReg(c, "psp", inside)
			hardware(m, inside)
		}, true, regs, elfcore.Known},
		{"sp not captured, exception number", arch.CortexM, 0, func(m *ram, _ *fakeProgram, c *elfcore.Core) {
			setReg(c, "xpsr", 0x6100002f)
			setReg(c, "psp", inside)
			hardware(m, inside)
		}, true, regs, elfcore.Known},
		{"psp that the handler saved", arch.CortexM, irqAt + 0x100, func(m *ram, _ *fakeProgram, c *elfcore.Core) {
			for i := range 8 {
				setReg(c, fmt.Sprintf("r%d", 4+i), uint64(0xc0+i))
			}
			m.words(irqAt+0x20, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xbad) // no psp
			m.words(irqAt+0x60, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, inside)
			hardware(m, inside)
		}, true, regs, elfcore.Known},
		{"frame searched for", arch.CortexM, irqAt + 0x100, func(m *ram, _ *fakeProgram, _ *elfcore.Core) { hardware(m, inside) },
			true, regs, elfcore.Suspect},
		{"extended frame", arch.CortexM, irqAt + 0x100, func(m *ram, _ *fakeProgram, c *elfcore.Core) {
			setReg(c, "psp", inside)
			m.words(top-4, 0xffffffed)
			hardware(m, inside)
		}, true, func() map[string]uint64 {
			w := map[string]uint64{}
			for k, v := range regs {
				w[k] = v
			}
			w["sp"] = inside + 104
			return w
		}(), elfcore.Known},
		{"no frame", arch.CortexM, irqAt + 0x100, func(*ram, *fakeProgram, *elfcore.Core) {}, true, nil, 0},
		{"xtensa", arch.Xtensa, irqAt + 0x100, func(*ram, *fakeProgram, *elfcore.Core) {}, true, nil, 0},
		{"riscv", arch.RV32, 0, func(m *ram, p *fakeProgram, _ *elfcore.Core) {
			m.words(kernelAt, 1)
			p.describe("arch_esf", 0, 4*5, "")
			p.describe("arch_esf", 0, 4, "ra", "t0", "a0", "mepc", "s0")
			m.words(top-16, inside)
			m.words(inside, 1, 5, 10, pc, 8)
		}, true, map[string]uint64{"ra": 1, "t0": 5, "a0": 10, "pc": pc, "s0": 8, "sp": inside + 32}, elfcore.Known},
		{"riscv, frame elsewhere", arch.RV32, 0, func(m *ram, p *fakeProgram, _ *elfcore.Core) {
			m.words(kernelAt, 1)
			p.describe("__esf", 0, 4*5, "")
			m.words(top-16, stack(1))
		}, true, nil, 0},
		{"riscv, no type", arch.RV32, irqAt + 0x100, func(m *ram, p *fakeProgram, _ *elfcore.Core) {
			m.words(top-16, inside)
		}, true, nil, 0},
		{"i386", arch.I386, irqAt + 0x100, func(m *ram, _ *fakeProgram, _ *elfcore.Core) {
			m.words(top-4, inside)
			m.words(inside, 7, 1, 2, 10, pc, 8, 0x246)
		}, true, map[string]uint64{"edi": 7, "ecx": 1, "edx": 2, "eax": 10, "eip": pc, "cs": 8, "eflags": 0x246, "esp": inside + 28}, elfcore.Known},
		{"i386 in user mode", arch.I386, irqAt + 0x100, func(m *ram, _ *fakeProgram, _ *elfcore.Core) {
			m.words(top-4, inside)
			m.words(inside, 7, 1, 2, 10, pc, 0x1b, 0x246, 0x4444, 0x23)
		}, true, map[string]uint64{"edi": 7, "ecx": 1, "edx": 2, "eax": 10, "eip": pc, "cs": 0x1b, "eflags": 0x246, "esp": 0x4444}, elfcore.Known},
		{"i386, no code", arch.I386, irqAt + 0x100, func(m *ram, _ *fakeProgram, _ *elfcore.Core) { m.words(top-4, inside) }, true, nil, 0},
		{"cortex-a", arch.ARM, irqAt + 0x100, func(m *ram, p *fakeProgram, _ *elfcore.Core) {
			p.describe("arch_esf", 12, 32, "basic")
			m.words(top-8, inside)
			m.words(inside+12, 0xa0, 0xa1, 0xa2, 0xa3, 0xac, 0xae, pc, 0x1f)
		}, true, map[string]uint64{"r0": 0xa0, "r1": 0xa1, "r2": 0xa2, "r3": 0xa3, "r12": 0xac, "lr": 0xae, "pc": pc, "cpsr": 0x1f, "sp": inside + 44}, elfcore.Known},
		{"x86-64 without all registers", arch.AMD64, irqAt + 0x100, func(*ram, *fakeProgram, *elfcore.Core) {}, true, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRAM(test.arch.PtrSize())
			p := m.threads(test.arch, "only")
			if test.arch.PtrSize() == 8 {
				m.words(kernelAt+8, irqAt+irqSz)
			}
			c := m.core(test.arch, test.sp)
			c.Threads[0].Name = elfcore.Fact[string]{Value: "as the console says", State: elfcore.Suspect}
			test.fill(m, p, c)
			Kernel.Threads(c, p)
			Kernel.Threads(c, p) // changes nothing
			if !test.interrupt {
				if len(c.Threads) != 1 || c.Threads[0].Kind != elfcore.Task || c.Threads[0].Name.Value != "only" {
					t.Fatalf("%+v", c.Threads)
				}
				return
			}
			if len(c.Threads) != 2 || c.Threads[0].Kind != elfcore.Interrupt || c.Threads[0].Name.Value != "interrupt" ||
				c.Threads[0].Control.State != elfcore.Missing {
				t.Fatalf("%+v", c.Threads)
			}
			task := find1(t, c, "only")
			wantRegs(t, &task.Regs, test.want)
			if _, s := task.Regs.PC(); s != test.state {
				t.Errorf("pc is %v, want %v", s, test.state)
			}
			if test.want == nil && c.Explain(task.Regs.Why(test.arch.PC)).Text == "" {
				t.Error("no reason given for the missing registers")
			}
		})
	}
}

// The corpus has no firmware: the offsets below were read off the dump itself,
// which was made by Zephyr 3.4.99. The truth is another run up to the fault, so
// it differs in two places: the fatal messages woke the logging thread, and the
// tick met the idle loop one instruction's flags apart.
func TestCorpusThreads(t *testing.T) {
	const dir = "../../shared/corpus/zephyr/mps2_an385-div-og-threads/"
	text, err := os.ReadFile(dir + "coredump.log")
	if err != nil {
		t.Skip(err)
	}
	truth, err := os.ReadFile(dir + "truth.txt")
	if err != nil {
		t.Fatal(err)
	}
	cores, err := Read(bytes.NewReader(text), int64(len(text)))
	if err != nil || len(cores) != 1 {
		t.Fatalf("%d dumps, %v", len(cores), err)
	}
	c := cores[0]
	p := newFakeProgram(arch.CortexM)
	p.debugTable(4, 15, 1, 0x08, 0x20, 0x60, 0x70, 0x0d, 0x0c, 0x0e, 0x50, 0x74, 0xa4, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)
	Kernel.Threads(c, p)

	line := regexp.MustCompile(`(?m)^(0x\w+) name=(\w+) state=(\w+) prio=(\d+) entry=(0x\w+)`)
	list := line.FindAllStringSubmatch(string(truth), -1)
	if len(c.Threads) != len(list) || len(list) != 6 {
		t.Fatalf("%d threads, want %d", len(c.Threads), len(list))
	}
	for i, want := range list {
		got := &c.Threads[i]
		have := []string{fmt.Sprintf("0x%x", uint64(got.Control.Value)), got.Name.Value, got.Status.Value, fmt.Sprint(got.Priority.Value), fmt.Sprintf("0x%x", uint64(got.Entry.Value|1))}
		expect := []string{want[1], want[2], statusText(uint8(number(t, want[3])), ""), want[4], want[5]}
		if want[2] == "logging" {
			expect[2] = "queued (0x80)"
		}
		if !slices.Equal(have, expect) {
			t.Errorf("%v, want %v", have, expect)
		}
		if i == 0 {
			continue // the crashed one
		}
		_, after, _ := strings.Cut(string(truth), "===== thread "+want[1]+" "+want[2]+" : info registers\n")
		block, _, _ := strings.Cut(after, "\n\n")
		regs := map[string]uint64{}
		for row := range strings.Lines(block) {
			word := strings.Fields(row)
			regs[word[0]] = number(t, word[1])
		}
		if want[2] == "idle" {
			regs["xpsr"] = 0x41000000
		}
		if len(regs) != 17 {
			t.Fatalf("%d registers in the truth of %s", len(regs), want[2])
		}
		wantRegs(t, &got.Regs, regs)
	}
}

// FuzzKernel feeds the stage memory, a 'T' block and a debugger table.
func FuzzKernel(f *testing.F) {
	cpus := arch.All()
	for i := range cpus {
		m := newRAM(cpus[i].PtrSize())
		p := m.threads(cpus[i], "a", "b")
		p.debugTable(4, 15, 1, offCurrent, offThreads, offEntry, offNext, offState, 0, offPrio, offSaved, offName, offArch)
		f.Add(uint8(i), uint32(irqAt+8), m.data[:0x1800], m.data[0x100:0x1a0], p.rom[:0x80], true)
	}
	f.Fuzz(func(t *testing.T, cpu uint8, sp uint32, memory, block, table []byte, described bool) {
		a := cpus[int(cpu)%len(cpus)]
		m := newRAM(a.PtrSize())
		p := m.threads(a, "a", "b")
		p.debugTable(4, 15, 1)
		if !described {
			clear(p.fields)
		}
		copy(p.rom, table)
		m.data = memory
		c := m.core(a, uint64(sp))
		if len(block) > 0 {
			c.Attach(attachmentKernel, block, 0)
			c.Attach(attachFrozen, block, 0)
		}
		Kernel.Threads(c, p)
		n := len(c.Threads)
		Kernel.Threads(c, p)
		if n == 0 || len(c.Threads) != n || n > maxThreads+maxCPUs+2 {
			t.Fatalf("%d threads, then %d", n, len(c.Threads))
		}
	})
}

func BenchmarkKernel(b *testing.B) {
	m := newRAM(4)
	p := m.threads(arch.CortexM, "a", "b", "c", "d", "e", "f")
	p.describe("k_thread", offSaved+32, 4, "callee_saved.psp")
	for b.Loop() {
		Kernel.Threads(m.core(arch.CortexM, stackAt+0x100), p)
	}
}
