package crashcatcher

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
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

func words(list ...uint32) (b []byte) {
	for _, v := range list {
		b = le.AppendUint32(b, v)
	}
	return b
}

// memory is a region.
type memory struct {
	start uint32
	data  []byte
}

// dump is what the target hands to its output, call by call.
type dump [][]byte

// dumpOf makes a dump of a version. regs is r0-r12, sp, lr, pc, xpsr; floats
// s0-s31 and fpscr, if the target has an FPU.
func dumpOf(version byte, regs [17]uint32, floats []byte, overflow bool, regions ...memory) (d dump) {
	flags := uint32(0)
	if floats != nil {
		flags = 1
	}
	d = dump{{'c', 'C', version, 0}, words(flags), words(regs[0:4]...), words(regs[4:12]...), words(regs[12]), words(regs[13]), words(regs[14:17]...)}
	if version == 3 {
		d = append(d, words(0x20000f00, regs[13]-32, 0x01000006))
	}
	if floats != nil {
		d = append(d, floats)
	}
	for _, r := range regions {
		d = append(d, words(r.start, r.start+uint32(len(r.data))), r.data)
	}
	if overflow {
		d = append(d, []byte("\xac\xce\x55\xed"))
	}
	return d
}

func (d dump) binary() []byte { return bytes.Join(d, nil) }

// hex is the text of a dump, 16 bytes a line, each call on a line of its own.
func (d dump) hex() string {
	var b strings.Builder
	for _, call := range d {
		for len(call) > 16 {
			fmt.Fprintf(&b, "%X\r\n", call[:16])
			call = call[16:]
		}
		fmt.Fprintf(&b, "%X\r\n", call)
	}
	return b.String()
}

const ask = "Enable logging and then press any key to start dump.\r\n\r\n"

// console is a dump as it is printed.
func (d dump) console() string {
	return "\r\n\r\nCRASH ENCOUNTERED\r\n" + ask + d.hex() + "\r\nEnd of dump\r\n"
}

// crash is the fixture firmware's, as CrashCatcher would have dumped it.
func crash(t testing.TB, version byte) (*fixture.Case, dump) {
	t.Helper()
	cases, err := fixture.Load(root + "/testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	c := cases[slices.IndexFunc(cases, func(c *fixture.Case) bool { return c.Name() == "cortex-m3/undef" })]
	var regs [17]uint32
	for i, name := range strings.Fields("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc xpsr") {
		regs[i] = uint32(c.Crashed().Registers[name])
	}
	ram := c.Native.RAM()
	return c, dumpOf(version, regs, nil, false, memory{uint32(ram.Addr), ram.Data}, memory{0xe000ed28, words(0x10000, 0x40000000, 0, 0xe000edf8, 0xe000edf8)})
}

func input(data []byte, text bool) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Name: "dump", Size: int64(len(data)), Text: text}
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

func value(c *elfcore.Core, name string) string {
	n, ok := c.Arch.Reg(name)
	v, s := c.Threads[0].Regs.Get(n)
	if !ok || s == elfcore.Missing {
		return "missing"
	}
	return fmt.Sprintf("%v 0x%x", s, v)
}

func codes(c *elfcore.Core) string {
	var list []string
	for _, d := range c.Diagnostics {
		list = append(list, fmt.Sprintf("%v %s", d.Severity, strings.TrimPrefix(d.Code, "crashcatcher.")))
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

// TestForms: a crash is the same in every form: that of the live target.
func TestForms(t *testing.T) {
	for _, version := range []byte{2, 3} {
		c, d := crash(t, version)
		again := d.console() + d.console()
		for _, x := range []struct {
			name string
			data string
			text bool
		}{
			{"binary", string(d.binary()), false},
			{"console", "boot\r\n" + d.console(), true},
			{"logging on after the message", d.hex() + "\r\nEnd of dump\r\nboot\r\n", true},
			{"repeated", again, true},
			{"first incomplete", again[:2000] + again, true},
			{"time stamps", strings.ReplaceAll("\r\n"+d.console(), "\r\n", "\r\n[12:34:56.789] "), true},
			{"LF", strings.ReplaceAll(d.console(), "\r", ""), true},
		} {
			t.Run(fmt.Sprintf("v%d, %s", version, x.name), func(t *testing.T) {
				core, hit := one(t, []byte(x.data), x.text)
				if got := codes(core); got != "" && (got != "info foreign-lines" || x.name != "time stamps") || !hit.Whole {
					t.Errorf("%v %+v", core.Diagnostics, hit)
				}
				for name, v := range c.Crashed().Registers {
					if got, want := value(core, name), fmt.Sprintf("known 0x%x", uint64(v)); got != want {
						t.Errorf("%s: %s, want %s", name, got, want)
					}
				}
				ram := c.Native.RAM()
				got := make([]byte, len(ram.Data))
				if _, err := core.Memory.Read(got, elfcore.Addr(ram.Addr)); err != nil || !bytes.Equal(got, ram.Data) {
					t.Errorf("memory differs: %v", err)
				}
				if value(core, "cfsr") != "known 0x10000" || core.Crash.Fault.Value != arch.FaultIllegal || core.Crash.Thread != 0 {
					t.Errorf("%+v", core.Crash)
				}
				exception, psp := core.Facts["crashcatcher.exception"], value(core, "psp")
				if version == 3 && (exception.Value != "6" || psp != fmt.Sprintf("known 0x%x", uint64(c.Crashed().Registers["sp"])-32)) ||
					version == 2 && (core.Explain(exception.Why).Text != "not in this version" || exception.State != elfcore.Missing || psp != "missing") {
					t.Errorf("exception %+v, psp %s", exception, psp)
				}
			})
		}
	}
}

// TestGDB: a stock debugger shows the live target's registers and frames.
func TestGDB(t *testing.T) {
	c, d := crash(t, 3)
	core, _ := one(t, []byte(d.console()), true)
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
	if got := shown.Threads[0].Frames; len(got) != len(want) || got[0].Function != want[0].Function || got[len(got)-1].Function != want[len(want)-1].Function {
		t.Errorf("want %d frames:\n%s", len(want), shown.Threads[0].BT)
	}
	if !strings.Contains(shown.Text, "signal SIGILL") {
		t.Error(shown.Text)
	}
}

// small is a dump with all that there is.
func small(overflow bool) dump {
	var regs [17]uint32
	for i := range regs {
		regs[i] = uint32(0x100 + i)
	}
	regs[13], regs[16] = 0x20000120, 0x61000000
	floats := make([]byte, 132)
	rand.New(rand.NewSource(1)).Read(floats)
	ram := make([]byte, 300)
	rand.New(rand.NewSource(2)).Read(ram)
	return dumpOf(3, regs, floats, overflow, memory{0x20000000, ram}, memory{0x20001000, ram[:40]}, memory{0xe000ed28, words(0x8200, 0, 0, 1, 0x50000000)})
}

// TestAll: floating point registers, several regions, the mark of an overflow,
// a breakpoint, a handler that crashed.
func TestAll(t *testing.T) {
	d := small(true)
	for _, x := range []struct {
		data string
		text bool
	}{{string(d.binary()), false}, {strings.Replace(d.console(), "CRASH", "BREAKPOINT", 1), true}} {
		core, _ := one(t, []byte(x.data), x.text)
		if codes(core) != "warning stack-overflow" || core.Facts["crashcatcher.stack-overflow"].Value != "yes" || core.Facts["crashcatcher.version"].Value != "3.0" {
			t.Errorf("%v %v", core.Diagnostics, core.Facts)
		}
		if want := fmt.Sprintf("known 0x%x", le.Uint64(d[8][8*15:])); value(core, "d15") != want {
			t.Errorf("d15 is %s, want %s", value(core, "d15"), want)
		}
		if want := fmt.Sprintf("known 0x%x", le.Uint32(d[8][128:])); value(core, "fpscr") != want || value(core, "d16") != "missing" {
			t.Errorf("fpscr is %s, want %s", value(core, "fpscr"), want)
		}
		if core.Memory.Len() != 3 || core.Crash.Addr.Value != 0x50000000 {
			t.Errorf("%d regions, %+v", core.Memory.Len(), core.Crash)
		}
		if fault := core.Crash.Fault.Value; x.text && fault != arch.FaultBreakpoint || !x.text && fault != arch.FaultBus {
			t.Errorf("%+v", core.Crash)
		}
	}
	core, _ := one(t, dumpOf(2, [17]uint32{16: 0x01000003}, nil, false).binary(), false)
	if core.Threads[0].Kind != elfcore.Interrupt || core.Damaged() {
		t.Errorf("%+v", core.Threads[0])
	}
}

// TestTwoCrashes: repetitions are one dump, another crash is another.
func TestTwoCrashes(t *testing.T) {
	a, b := dumpOf(3, [17]uint32{15: 1}, nil, false), dumpOf(3, [17]uint32{15: 2}, nil, false)
	// The first tries at b end within its registers.
	in := input([]byte(a.console()+b.console()[:200]+b.console()[:180]+a.console()+b.console()[:200]+b.console()+a.console()), true)
	hits, err := find(in)
	if err != nil || len(hits) != 2 {
		t.Fatal(hits, err)
	}
	for i, h := range hits {
		core, err := read(in, h)
		if err != nil || value(core, "pc") != fmt.Sprintf("known 0x%x", i+1) || core.Damaged() {
			t.Errorf("%d: %v %s", i, err, value(core, "pc"))
		}
	}
}

// agree: what a damaged dump is sure of is that of the whole one.
func agree(t *testing.T, what string, got, want *elfcore.Core) {
	t.Helper()
	for n, r := range got.Arch.Regs {
		v, s := got.Threads[0].Regs.Get(arch.Reg(n))
		if w, _ := want.Threads[0].Regs.Get(arch.Reg(n)); s >= elfcore.Recovered && v != w {
			t.Errorf("%s: %s is 0x%x, want 0x%x", what, r.Name, v, w)
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

// TestTruncated cuts dumps at every 16 bytes.
func TestTruncated(t *testing.T) {
	for _, d := range []dump{small(false), small(true), dumpOf(2, [17]uint32{15: 7}, nil, false, memory{0x20000000, make([]byte, 100)})} {
		whole, _ := one(t, d.binary(), false)
		// A cut between two regions can't be seen in a binary dump.
		unseen := map[int]bool{}
		for i, n := 0, 0; i < len(d); i++ {
			unseen[n] = true
			n += len(d[i])
		}
		for n := 0; n < len(d.binary()); n++ {
			in := input(d.binary()[:n], false)
			hits, err := find(in)
			if err != nil || n >= 8 && len(hits) != 1 {
				t.Fatal(hits, err)
			}
			for _, h := range hits {
				core, err := read(in, h)
				if err != nil {
					t.Fatal(err)
				}
				if !core.Damaged() && !unseen[n] {
					t.Errorf("binary cut at %d: no loss reported", n)
				}
				agree(t, fmt.Sprintf("binary cut at %d", n), core, whole)
			}
		}
		text := d.console()
		for n := strings.Index(text, "63430") + 10; n < len(text)-20; n++ {
			core, hit := one(t, []byte(text[:n]), true)
			if !core.Damaged() || hit.Whole {
				t.Errorf("console cut at %d: no loss reported", n)
			}
			agree(t, fmt.Sprintf("console cut at %d", n), core, whole)
		}
	}
}

// TestLostLines drops, damages and doubles each line, and puts others between.
func TestLostLines(t *testing.T) {
	d := small(false)
	whole, _ := one(t, d.binary(), false)
	lines := strings.SplitAfter(d.console(), "\r\n")
	begin := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "63430") })
	end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "End") })
	for i := begin + 1; i < end-1; i++ {
		change := func(text string) []byte {
			l := slices.Clone(lines)
			l[i] = text
			return []byte(strings.Join(l, ""))
		}
		for _, x := range []struct {
			what string
			data []byte
			loss bool
		}{
			{"dropped", change(""), true},
			{"shorter by one", change(lines[i][1:]), true},
			{"shorter by two", change(lines[i][2:]), true},
			{"another line", change("I (123) wifi: connected\r\n" + lines[i]), false},
		} {
			what := fmt.Sprintf("line %d (%q) %s", i-begin, strings.TrimSpace(lines[i]), x.what)
			core, _ := one(t, x.data, true)
			if core.Damaged() != x.loss && lines[i] != "\r\n" {
				t.Errorf("%s: loss %v: %v", what, core.Damaged(), core.Diagnostics)
			}
			agree(t, what, core, whole)
			if pc := value(core, "pc"); pc == "missing" && len(strings.TrimSpace(lines[i])) != 24 && i > begin+1 {
				t.Errorf("%s: pc is missing too: %v", what, core.Diagnostics)
			}
			if core.Memory.Len() < 2 {
				t.Errorf("%s: %d regions", what, core.Memory.Len())
			}
		}
	}
}

// TestGDBLog: a session's log is the same crash; GDB shows what went in.
func TestGDBLog(t *testing.T) {
	c, _ := crash(t, 3)
	for _, xpsr := range []string{"xpsr", "xPSR"} {
		var b strings.Builder
		b.WriteString("(gdb) set $p = 0x20000000\n")
		ram := c.Native.RAM()
		for i := 0; i < len(ram.Data); i += 16 {
			fmt.Fprintf(&b, "0x%x%s:", ram.Addr+uint64(i), []string{"", " <g_matrix+4>"}[i/16%2])
			for k := i; k < i+16; k += 4 {
				fmt.Fprintf(&b, "\t0x%08x", le.Uint32(ram.Data[k:]))
			}
			b.WriteString("\n")
		}
		b.WriteString("0xe000ed28:\t0x00010000\t0x40000000\n(gdb) info all-registers\n")
		for _, name := range strings.Fields("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc") {
			fmt.Fprintf(&b, "%-15s0x%-18xwhatever\n", name, uint64(c.Crashed().Registers[name]))
		}
		fmt.Fprintf(&b, "%-15s0x%x\n", xpsr, uint64(c.Crashed().Registers["xpsr"]))
		b.WriteString("d0             1                   (raw 0x3ff0000000000000)\nd1             <unavailable>\nfpscr          0x3 3\n")
		core, _ := one(t, []byte(b.String()), true)
		for name, v := range c.Crashed().Registers {
			if got, want := value(core, name), fmt.Sprintf("known 0x%x", uint64(v)); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		if value(core, "d0") != "known 0x3ff0000000000000" || value(core, "d1") != "missing" || value(core, "fpscr") != "known 0x3" || core.Crash.Fault.Value != arch.FaultIllegal {
			t.Errorf("d0 %s, fpscr %s, %+v", value(core, "d0"), value(core, "fpscr"), core.Crash)
		}
		got := make([]byte, len(ram.Data))
		if _, err := core.Memory.Read(got, elfcore.Addr(ram.Addr)); err != nil || !bytes.Equal(got, ram.Data) || core.Memory.Len() != 2 {
			t.Errorf("memory differs: %v, %d regions", err, core.Memory.Len())
		}
	}
}

func TestNotOurs(t *testing.T) {
	for _, x := range []string{"", "cC", "cC\x04\x00\x00\x00\x00\x00", "cC\x03\x01\x00\x00\x00\x00", "cC\x03\x00\x00\x00\x01\x00", "63430300 is a number\n", "63430301\n", "A63430300\n", "CRASH ENCOUNTERED\nEnd of dump\n"} {
		for _, text := range []bool{false, true} {
			if hits, err := find(input([]byte(x), text)); err != nil || len(hits) > 0 {
				t.Errorf("%q: %v %v", x, hits, err)
			}
		}
	}
}

// TestFields: the tables hold as many bytes as the target writes.
func TestFields(t *testing.T) {
	for _, x := range []struct {
		version version
		float   bool
		size    int
	}{{2, false, 76}, {3, false, 88}, {3, true, 220}} {
		size := 0
		for _, f := range fieldsOf(x.version, x.float) {
			if _, n, err := arch.CortexM.Slots(arch.Layout{Width: 4, Slots: f.slots}); n != f.size && f.slots != "_" || err != nil {
				t.Errorf("%+v: %d bytes, %v", f, n, err)
			}
			size += f.size
		}
		if size != x.size {
			t.Errorf("%+v: %d bytes", x, size)
		}
	}
}

// TestFixtures: the committed dumps are what the builders make.
func TestFixtures(t *testing.T) {
	for name, data := range map[string][]byte{"v3.log": []byte(small(false).console()), "v3.dmp": small(true).binary(), "v2.dmp": dumpOf(2, [17]uint32{15: 7}, nil, false, memory{0x20000000, make([]byte, 100)}).binary()} {
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
	for _, d := range []dump{small(false), small(true), dumpOf(2, [17]uint32{15: 7}, nil, false, memory{0xfffffff0, make([]byte, 15)})} {
		f.Add(d.binary(), false)
		f.Add([]byte(d.console()), true)
		f.Add([]byte(d.console()[:len(d.console())-100]+d.console()), true)
	}
	f.Add([]byte("0x20000000 <a>:\t0x11111111\t0x22222222 <b>\n0xfffffffc:\t0x00000001\t0x00000002\nr12            0x1\nsp             0x2\npc             0x3\nxPSR           0x4\ns0             1 (raw 0x3f800000)\n"), true)
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
