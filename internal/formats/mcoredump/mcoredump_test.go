package mcoredump

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

var le = binary.LittleEndian

const root = "../../.."

// thread is one thread as the target dumps it: r0-r12, sp, lr, pc, xpsr as
// they stand in the note, FP registers (nil: no FPU), and memory.
type thread struct {
	regs   [17]uint32
	floats []byte
	addr   uint32
	memory []byte
}

// elfOf writes a core as MCoreDump does: padding of note names is garbage.
func elfOf(list ...thread) []byte {
	var notes, loads []byte
	note := func(owner string, typ uint32, desc []byte) {
		name := append([]byte(owner+"\x00"), "garbage"...)[:(len(owner)+4)&^3]
		for _, v := range []uint32{uint32(len(owner) + 1), uint32(len(desc)), typ} {
			notes = le.AppendUint32(notes, v)
		}
		notes = append(append(notes, name...), desc...)
	}
	for i, t := range list {
		desc := make([]byte, 148)
		le.PutUint32(desc[24:], uint32(3539+i))
		for k, v := range t.regs {
			le.PutUint32(desc[72+4*k:], v)
		}
		note("CORE", 1, desc)
		if t.floats != nil {
			note("LINUX", 0x400, t.floats)
		}
	}
	off := uint32(52 + 32*(1+len(list)))
	head := []byte("\x7fELF\x01\x01\x01\x61\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []uint32{40<<16 | 4, 1, 0, 52, 0, 0, 32<<16 | 52, uint32(1 + len(list)), 0} {
		head = le.AppendUint32(head, v)
	}
	program := func(typ, addr, filesz, memsz, flags uint32) {
		for _, v := range []uint32{typ, off, addr, 0, filesz, memsz, flags, 1} {
			head = le.AppendUint32(head, v)
		}
		off += filesz
	}
	program(4, 0, uint32(len(notes)), 0, 4)
	for _, t := range list {
		program(1, t.addr, uint32(len(t.memory)), uint32(len(t.memory)), 6)
		loads = append(loads, t.memory...)
	}
	return slices.Concat(head, notes, loads)
}

// serial is the console of a core.
func serial(elf []byte, bytesToo bool) []byte {
	text := "msh >\r\n(p != 0) has assert failed at main:42.\ncoredump start : {\n" + fmt.Sprintf("%x", elf) + "\n} coredump end\n"
	if bytesToo {
		text += fmt.Sprintf("bytes : %d\n", len(elf))
	}
	return []byte(text + fmt.Sprintf("crc32 : %08x\nmsh >", crc32.ChecksumIEEE(elf)))
}

// buffer is the RAM buffer; its checksum lacks the final inversion.
func buffer(elf []byte) []byte {
	b := le.AppendUint32([]byte("PDMC"), uint32(len(elf)))
	return append(append(le.AppendUint32(b, ^crc32.ChecksumIEEE(elf)), elf...), make([]byte, 300)...)
}

// other is a thread that is switched out: its stack begins with a frame of 64
// bytes below sp.
func other(sp uint32, xpsr uint32) thread {
	t := thread{addr: (sp - 64) &^ 63}
	for i := range t.regs {
		t.regs[i] = 0x1000*sp&0xff000000 + uint32(i)
	}
	t.regs[13], t.regs[15], t.regs[16] = sp, 0x4be, xpsr
	t.memory = bytes.Repeat([]byte{0xa5, 1, 2, 3}, 100)
	return t
}

// current is the thread that crashed: 1024 bytes from sp on, rounded down.
func current(regs [17]uint32, size uint32) thread {
	t := thread{regs: regs, addr: regs[13] &^ 63}
	t.memory = bytes.Repeat([]byte{0x5a, 9, 8, 7}, int(regs[13]+size-t.addr)/4)
	return t
}

// crash is the fixture firmware's: its stack goes up to the end of its RAM
// image.
func crash(t testing.TB) (*fixture.Case, []byte) {
	t.Helper()
	cases, err := fixture.Load(root + "/testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	c := cases[slices.IndexFunc(cases, func(c *fixture.Case) bool { return c.Name() == "cortex-m3/undef" })]
	var x thread
	for i, name := range strings.Fields("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc xpsr") {
		x.regs[i] = uint32(c.Crashed().Registers[name])
	}
	ram := c.Native.RAM()
	sp := uint64(x.regs[13])
	x.addr = uint32(sp &^ 63)
	x.memory = ram.Data[uint64(x.addr)-ram.Addr : sp+1024-ram.Addr]
	return c, elfOf(other(0x20003040, 0x01000000), x, other(0x20004040, 0x01000000))
}

func input(data []byte, text bool) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Name: "core", Size: int64(len(data)), Text: text}
}

func one(t testing.TB, data []byte, text bool) (*elfcore.Core, format.Hit) {
	t.Helper()
	in := input(data, text)
	hits, err := find(in)
	if err != nil || len(hits) != 1 {
		t.Fatalf("hits %v, error %v", hits, err)
	}
	c, err := read(in, hits[0])
	if err != nil {
		t.Fatal(err)
	}
	return c, hits[0]
}

func value(c *elfcore.Core, thread int, name string) string {
	n, ok := c.Arch.Reg(name)
	v, s := c.Threads[thread].Regs.Get(n)
	if !ok || s == elfcore.Missing {
		return "missing"
	}
	return fmt.Sprintf("%v 0x%x", s, v)
}

func codes(c *elfcore.Core) string {
	var list []string
	for _, d := range c.Diagnostics {
		list = append(list, fmt.Sprintf("%v %s", d.Severity, strings.TrimPrefix(d.Code, "mcoredump.")))
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

func numbered(c *elfcore.Core) *elfcore.Core {
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	return c
}

// wrapped breaks the run of digits as a terminal does.
func wrapped(text []byte, width int) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		for len(line) > width+1 {
			b.WriteString(line[:width] + "\r\n")
			line = line[width:]
		}
		b.WriteString(line)
	}
	return []byte(b.String())
}

// TestForms: a core is the same in every form.
func TestForms(t *testing.T) {
	c, elf := crash(t)
	for _, x := range []struct {
		name, form string
		data       []byte
		text       bool
	}{
		{"file", "file", elf, false},
		{"buffer", "RAM buffer", buffer(elf), false},
		{"buffer in a memory image", "RAM buffer", slices.Concat(make([]byte, 999), []byte("PDMC"), buffer(elf)), false},
		{"console", "console", serial(elf, false), true},
		{"console, re-dump", "console", serial(elf, true), true},
		{"console, wrapped", "console", wrapped(serial(elf, true), 80), true},
		{"console, wrapped oddly", "console", wrapped(serial(elf, true), 81), true},
		{"console, CR LF", "console", bytes.ReplaceAll(serial(elf, true), []byte("\n"), []byte("\r\n")), true},
		{"console, time stamps", "console", bytes.ReplaceAll(serial(elf, true), []byte("\n"), []byte("\n[12:00:01.123] ")), true},
	} {
		t.Run(x.name, func(t *testing.T) {
			core, hit := one(t, x.data, x.text)
			if got := codes(core); got != "info current" || !hit.Whole {
				t.Errorf("%v %+v", core.Diagnostics, hit)
			}
			if core.Facts["mcoredump.form"].Value != x.form || core.Arch != arch.CortexM || len(core.Threads) != 3 || core.Crash.Thread != 1 {
				t.Errorf("%+v, threads %d, crashed %d", core.Facts, len(core.Threads), core.Crash.Thread)
			}
			for name, v := range c.Crashed().Registers {
				if got, want := value(core, 1, name), fmt.Sprintf("known 0x%x", uint64(v)); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if x.text && (core.Crash.Message.Value == "" || core.Crash.Fault.Value != arch.FaultAbort) {
				t.Errorf("%+v", core.Crash)
			}
			stack := make([]byte, 1024)
			sp := uint64(c.Crashed().Registers["sp"])
			if _, err := core.Memory.Read(stack, elfcore.Addr(sp)); err != nil || !bytes.Equal(stack, c.Native.RAM().Data[sp-c.Native.RAM().Addr:][:1024]) {
				t.Errorf("the stack differs: %v", err)
			}
		})
	}
}

// TestGDB: a stock debugger shows the live target's registers and frames.
func TestGDB(t *testing.T) {
	c, elf := crash(t)
	core, _ := one(t, serial(elf, false), true)
	core.Threads[0], core.Threads[1] = core.Threads[1], core.Threads[0] // as the root orders them
	core.Crash.Thread = 0
	var names []string
	for name := range c.Crashed().Registers {
		names = append(names, name)
	}
	shown := fixture.GDB(t, root, c.ELF, names, numbered(core).Write)
	for name, v := range c.Crashed().Registers {
		if got := shown.Threads[0].Registers[name]; got == nil || *got != v {
			t.Errorf("%s: gdb shows %v, the target had %#x", name, got, uint64(v))
		}
	}
	want := c.Crashed().Frames
	if got := shown.Threads[0].Frames; len(got) != len(want) || got[0].Function != want[0].Function || got[len(got)-1].Function != want[len(want)-1].Function || len(shown.Threads) != 3 {
		t.Errorf("want %d frames:\n%s", len(want), shown.Threads[0].BT)
	}
}

// TestThreads: who crashed, sp of an aligned frame, the kinds of FP notes.
func TestThreads(t *testing.T) {
	regs := [17]uint32{13: 0x20002010, 15: 0x100, 16: 0x61000000}
	floats := make([]byte, 260)
	live := slices.Clone(floats)
	for i := range 16 {
		le.PutUint64(floats[8*i:], uint64(i+1))
		le.PutUint64(live[8*i:], uint64(i+1))
	}
	le.PutUint32(floats[256:], 0x01000000) // fpscr of a switched-out thread
	le.PutUint32(live[128:], 0x02000000)   // of the current one
	a, b, z := other(0x20001000, 0x01000200), current(regs, 1024), other(0x20003000, 0x01000000)
	a.floats, b.floats, z.floats = floats, live, make([]byte, 260)
	core, _ := one(t, elfOf(a, b, z), false)
	for _, x := range []struct {
		thread         int
		register, want string
	}{
		{0, "sp", "recovered 0x20001004"}, {1, "sp", "known 0x20002010"}, {2, "sp", "known 0x20003000"},
		{0, "d15", "known 0x10"}, {0, "fpscr", "known 0x1000000"}, {0, "d16", "missing"},
		{1, "d0", "known 0x1"}, {1, "fpscr", "recovered 0x2000000"},
		{2, "d0", "missing"}, {2, "fpscr", "missing"},
	} {
		if got := value(core, x.thread, x.register); got != x.want {
			t.Errorf("thread %d: %s %s, want %s", x.thread, x.register, got, x.want)
		}
	}
	isr := regs
	isr[16] |= 3
	for _, x := range []struct {
		name    string
		threads []thread
		crashed int
		kind    elfcore.ThreadKind
		codes   string
	}{
		{"in the middle", []thread{a, b, z}, 1, elfcore.Task, "info current"},
		{"last", []thread{a, z, b}, 2, elfcore.Task, "info current"},
		{"alone", []thread{current(regs, 1536)}, 0, elfcore.Task, "info current"},
		{"alone, stack of another size", []thread{current(regs, 512)}, 0, elfcore.Task, ""},
		{"in a handler", []thread{current(isr, 1024)}, 0, elfcore.Interrupt, "info current"},
		{"none", []thread{a, z}, -1, elfcore.Task, "warning current"},
		{"two", []thread{b, current([17]uint32{13: 0x20004000, 15: 2}, 1024)}, -1, elfcore.Task, "warning current"},
	} {
		core, _ := one(t, elfOf(x.threads...), false)
		if core.Crash.Thread != x.crashed || codes(core) != x.codes {
			t.Errorf("%s: crashed %d, %v", x.name, core.Crash.Thread, core.Diagnostics)
		}
		if x.crashed >= 0 && core.Threads[x.crashed].Kind != x.kind {
			t.Errorf("%s: %v", x.name, core.Threads[x.crashed].Kind)
		}
	}
}

// TestDamage cuts every form at every 16 bytes, flips a byte, and loses digits.
func TestDamage(t *testing.T) {
	_, elf := crash(t)
	whole, _ := one(t, elf, false)
	for _, x := range []struct {
		name string
		data []byte
		text bool
	}{{"file", elf, false}, {"buffer", buffer(elf)[:12+len(elf)], false}, {"console", serial(elf, true), true}} {
		cores := 0
		for n := 0; n < len(x.data)-120; n += 16 {
			in := input(x.data[:n], x.text)
			hits, err := find(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hits {
				core, err := read(in, h)
				if err != nil {
					continue
				}
				if cores++; !core.Damaged() || h.Whole {
					t.Errorf("%s cut at %d: no loss reported", x.name, n)
				}
				agree(t, fmt.Sprintf("%s cut at %d", x.name, n), core, whole)
			}
		}
		if cores < len(x.data)/16*4/5 {
			t.Errorf("%s: %d cores of %d", x.name, cores, len(x.data)/16)
		}
	}
	b := buffer(elf)
	b[len(elf)/2] ^= 1
	text := serial(elf, true)
	text[len(text)/2] = map[bool]byte{true: '1', false: '0'}[text[len(text)/2] == '0']
	lines := strings.SplitAfter(string(wrapped(serial(elf, true), 80)), "\n")
	for _, x := range []struct {
		name  string
		data  []byte
		text  bool
		codes string
	}{
		{"buffer, byte flipped", b, false, "info current, loss crc"},
		{"console, digit flipped", text, true, "info current, loss crc"},
		{"console, digit lost", slices.Delete(serial(elf, true), 2000, 2001), true, "info current, loss crc, loss digits, loss shifted, loss size, loss truncated"},
		{"console, line lost", []byte(strings.Join(slices.Delete(slices.Clone(lines), 30, 31), "")), true, "info current, loss crc, loss shifted, loss size, loss truncated"},
		{"console, something in between", slices.Insert(serial(elf, true), 3000, []byte("[E/drv] oops")...), true, "info current, loss digits, loss size, loss truncated"},
	} {
		core, _ := one(t, x.data, x.text)
		if codes(core) != x.codes {
			t.Errorf("%s: %s, want %s", x.name, codes(core), x.codes)
		}
		if strings.HasPrefix(x.name, "console, digit lost") || strings.HasPrefix(x.name, "console, line") || strings.HasSuffix(x.name, "between") {
			agree(t, x.name, core, whole)
		}
	}
}

// agree: what a damaged core is sure of is that of the whole one.
func agree(t *testing.T, what string, got, want *elfcore.Core) {
	t.Helper()
	for i := range got.Threads {
		for n, r := range got.Arch.Regs {
			v, s := got.Threads[i].Regs.Get(arch.Reg(n))
			if w, _ := want.Threads[i].Regs.Get(arch.Reg(n)); s >= elfcore.Recovered && v != w {
				t.Errorf("%s: %s is 0x%x, want 0x%x", what, r.Name, v, w)
			}
		}
	}
	for r := range got.Memory.All() {
		p, q := make([]byte, r.Size), make([]byte, r.Size)
		if _, err := r.Data.ReadAt(p, 0); err != nil && err != io.EOF {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := want.Memory.Read(q, r.Addr); r.State >= elfcore.Recovered && (err != nil || !bytes.Equal(p, q)) {
			t.Errorf("%s: memory at %v differs: %v", what, r.Range, err)
		}
	}
}

// TestOthers: cores that others write are not MCoreDump's.
func TestOthers(t *testing.T) {
	c, elf := crash(t)
	ours, _ := one(t, elf, false)
	var written bytes.Buffer
	if err := numbered(ours).Write(&written); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(c.ELF)
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, v byte) []byte {
		b := slices.Clone(elf)
		b[at] = v
		return b
	}
	tasks := bytes.Replace(elf, []byte("CORE\x00"), []byte("idle\x00"), 1)
	for name, data := range map[string][]byte{
		"corelift's": written.Bytes(), "a program": program, "nothing": nil, "an ELF header": elf[:52],
		"64-bit": change(4, 2), "big endian": change(5, 2), "RISC-V": change(18, 243), "e_flags": change(39, 5),
		"p_align": change(52+28, 4), "p_paddr": change(52+32+12, 1), "p_flags": change(52+32+24, 7), "other offsets": change(52+32+5, 0xff),
		"named notes": tasks, "prpsinfo": change(52+4*32+8, 3),
	} {
		if hits, err := find(input(data, false)); err != nil || len(hits) > 0 {
			t.Errorf("%s: %v %v", name, hits, err)
		}
	}
	for _, text := range []string{"coredump start", "} coredump end\n", "7f454c46\n", ""} {
		if hits, err := find(input([]byte(text), true)); err != nil || len(hits) > 0 {
			t.Errorf("%q: %v %v", text, hits, err)
		}
	}
}

// TestSeveral: two cores in a log, the first without an end.
func TestSeveral(t *testing.T) {
	_, elf := crash(t)
	text := serial(elf, false)
	cut := bytes.Index(text, []byte("} coredump"))
	in := input(slices.Concat(text[:cut-1001], []byte("\nbooting\n"), text), true)
	hits, err := find(in)
	if err != nil || len(hits) != 2 || hits[0].Whole || !hits[1].Whole {
		t.Fatal(hits, err)
	}
	for i, want := range []string{"info current, loss no-end, loss truncated", "info current"} {
		core, err := read(in, hits[i])
		if err != nil || codes(core) != want {
			t.Errorf("%d: %v, %s", i, err, codes(core))
		}
	}
}

// TestFixtures: the committed cores are what the builders make.
func TestFixtures(t *testing.T) {
	x := current([17]uint32{13: 0x20002010, 15: 0x100, 16: 0x61000000}, 1024)
	for name, data := range map[string][]byte{"console.log": serial(elfOf(other(0x20001000, 0x01000200), x), true), "core.elf": elfOf(x)} {
		path := "testdata/" + name
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, data) {
			t.Errorf("%s: %v, or it differs; UPDATE=1 writes it", path, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	a, b := other(0x20001000, 0x01000200), current([17]uint32{13: 0x20002010, 15: 0x100, 16: 0x61000000}, 1024)
	b.floats = make([]byte, 260)
	elf := elfOf(a, b)
	f.Add(elf, false)
	f.Add(buffer(elf), false)
	f.Add(serial(elf, true), true)
	f.Add(elfOf(thread{addr: 0xfffffff0, memory: make([]byte, 64)}), false)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		in := input(data, text)
		hits, err := find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off < 0 || h.Len < 0 || h.Off+h.Len > in.Size {
				t.Fatalf("%+v of %d", h, in.Size)
			}
			if core, err := read(in, h); err == nil {
				if err := numbered(core).Write(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
