package nuttx

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

func input(data []byte, text bool) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "dump", Text: text}
}

func readAll(t *testing.T, data []byte, text bool) (cores []*elfcore.Core, hits []format.Hit) {
	t.Helper()
	in := input(data, text)
	hits, err := Format.Find(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		c, err := Format.Read(in, h)
		if err != nil {
			t.Fatal(err)
		}
		cores = append(cores, c)
	}
	return cores, hits
}

func readOne(t *testing.T, data []byte, text bool) *elfcore.Core {
	t.Helper()
	cores, _ := readAll(t, data, text)
	if len(cores) != 1 {
		t.Fatalf("%d dumps", len(cores))
	}
	return cores[0]
}

// compare checks registers and memory, as far as they are there.
func compare(t *testing.T, what string, c *elfcore.Core, cpu string, m *made, whole bool) {
	t.Helper()
	if c.Arch.Name != cpu || len(c.Threads) != len(m.tasks) {
		t.Fatalf("%s: %s, %d threads", what, c.Arch.Name, len(c.Threads))
	}
	for i, task := range m.tasks {
		if n := c.Threads[i].Name; whole && n.Value != task.name {
			t.Errorf("%s: task %d is %q", what, i, n.Value)
		}
		for k, name := range names(cpu) {
			r, _ := c.Arch.Reg(name)
			if got, s := c.Threads[i].Regs.Get(r); s == elfcore.Known && got != task.regs[k] || whole && s != elfcore.Known {
				t.Errorf("%s: task %d: %s: %#x %v, want %#x", what, i, name, got, s, task.regs[k])
			}
		}
	}
	check := func(addr uint64, data []byte) {
		for i, want := range data {
			got, s, err := c.ReadUint(elfcore.Addr(addr)+elfcore.Addr(i), 1)
			if err == nil && s == elfcore.Known && byte(got) != want || err != nil && whole {
				t.Fatalf("%s: byte at %#x: %#x %v, want %#x", what, addr+uint64(i), got, err, want)
			}
		}
	}
	for _, r := range m.regions {
		check(r.addr, r.data)
	}
	for _, task := range m.tasks {
		check(task.dumped())
	}
}

// known counts the bytes of memory that are known.
func known(c *elfcore.Core) (n int) {
	for r := range c.Memory.All() {
		if r.State == elfcore.Known {
			n += int(r.Size)
		}
	}
	return n
}

func has(c *elfcore.Core, code string) bool {
	for _, d := range c.Diagnostics {
		if d.Code == "nuttx."+code {
			return true
		}
	}
	return false
}

func TestLayouts(t *testing.T) {
	for _, m := range machines {
		if _, size, err := m.arch.Slots(m.layout); err != nil || int64(m.arch.Core.Regs+size) > m.status {
			t.Error(m.arch.Name, size, err)
		}
	}
	for a, names := range registerNames {
		for printed, name := range names {
			if _, ok := a.Reg(name); !ok {
				t.Errorf("%s: %s is no %s", a.Name, printed, name)
			}
		}
	}
	for printed, name := range faultNames {
		found := false
		for _, a := range arch.All() {
			_, ok := a.Reg(name)
			found = found || ok
		}
		if !found {
			t.Errorf("no CPU has %s, printed %s", name, printed)
		}
	}
}

func TestRead(t *testing.T) {
	for cpu, m := range dumps() {
		for _, x := range []struct {
			name string
			data []byte
		}{
			{"file", m.bytes()},
			{"compressed", lzf(m.bytes())},
			{"in a flash", append(bytes.Repeat([]byte{0xff}, 5000), m.bytes()...)},
		} {
			what := cpu + ", " + x.name
			_, hits := readAll(t, x.data, false)
			c := readOne(t, x.data, false)
			compare(t, what, c, cpu, m, true)
			if c.Damaged() || !hits[0].Whole || c.Crash.Thread != 2 || c.Facts[factCrashed].Value != "hello (pid 6)" {
				t.Errorf("%s: %+v %d %v %v", what, hits, c.Crash.Thread, c.Facts, c.Diagnostics)
			}
			if want := (elfcore.Range{Addr: 0x20012000, Size: 0x400}); c.Threads[2].Stack.Value != want {
				t.Errorf("%s: stack %v", what, c.Threads[2].Stack)
			}
		}
	}
}

func TestDevice(t *testing.T) {
	m := dumps()["riscv32"]
	for _, x := range []struct {
		name string
		data []byte
		size func(int) int
		want bool
	}{
		{"plain", m.bytes(), func(n int) int { return n }, true},
		{"compressed", lzf(m.bytes()), func(n int) int { return n }, true},
		{"of another dump", m.bytes(), func(n int) int { return n + 4096 }, false},
	} {
		disk := bytes.Repeat([]byte{0xff}, 1<<20)
		copy(disk, x.data)
		record := append([]byte("EROC"), fill([]byte("NuttX"), 65)...)
		record = append(record, fill([]byte("node"), 65)...)
		record = append(record, fill([]byte("12.6.0"), 65)...)
		record = u32(u32(u32(fill(record, up(len(record), 4)), 0x66f00123), 77), uint32(x.size(len(x.data))))
		copy(disk[len(disk)-512:], record)
		c := readOne(t, disk, false)
		compare(t, x.name, c, "riscv32", m, true)
		if got := c.Facts[factDevice].Value != ""; got != x.want || has(c, "no-info-record") == x.want || c.Damaged() {
			t.Errorf("%s: %v %v", x.name, c.Facts, c.Diagnostics)
		}
		if v := c.Facts[factVersion].Value; x.want && v != "NuttX node 12.6.0" {
			t.Errorf("%s: %q", x.name, v)
		}
	}
}

// prefixes are what syslog may print before a line.
var prefixes = []string{"", "[CPU0] [ 6] ", "\x1b[31m[    4.649000] [ EMERG] \x1b[0m"}

func TestLog(t *testing.T) {
	for cpu, m := range dumps() {
		for _, prefix := range prefixes {
			for _, x := range []struct {
				name, form string
				compressed bool
				width      int
				words      string
			}{
				{"hex", "hex", false, 64, " hex formatted"},
				{"hex, lzf", "hex", true, 64, " hex formatted"},
				{"hex, lzf, short lines", "hex", true, 20, " hex formatted"},
				{"old tree", "hex", true, 64, ""},
				{"base64", "base64", false, 0, " base64 formatted"},
				{"base64, lzf", "base64", true, 0, " base64 formatted"},
				{"base64, wrapped", "base64", true, 33, " base64 formatted"},
			} {
				what := fmt.Sprintf("%s, %s, %q", cpu, x.name, prefix)
				text := "boot\n" + log(m.bytes(), x.form, x.compressed, x.width, prefix, x.words) + "reset\n"
				_, hits := readAll(t, []byte(text), true)
				c := readOne(t, []byte(text), true)
				compare(t, what, c, cpu, m, true)
				if c.Damaged() || !hits[0].Whole || c.Crash.Thread != 2 {
					t.Errorf("%s: %+v %v", what, hits, c.Diagnostics)
				}
				lines := strings.Replace(text, "\n", "\r\n", -1)
				compare(t, what+", CR LF", readOne(t, []byte(lines), true), cpu, m, true)
			}
		}
	}
}

func TestLogs(t *testing.T) {
	m := dumps()["arm-m"]
	one := log(m.bytes(), "hex", true, 64, "[ 6] ", "")
	cores, hits := readAll(t, []byte("a\n"+one[:len(one)/2]+"\nboot\n"+one+"b\n"+one), true)
	if len(cores) != 3 || hits[0].Whole || !hits[1].Whole || !hits[2].Whole || !cores[0].Damaged() {
		t.Fatal(hits)
	}
	for i, c := range cores {
		compare(t, fmt.Sprint("dump ", i), c, "arm-m", m, i > 0)
	}
}

// TestDamagedLog: what is lost is absent, what is there is in its place.
func TestDamagedLog(t *testing.T) {
	for cpu, m := range dumps() {
		for _, compressed := range []bool{false, true} {
			lines := strings.SplitAfter(log(m.bytes(), "hex", compressed, 64, "", ""), "\n")
			for i := 1; i < len(lines)-2; i += 1 + i/20 {
				for _, x := range []struct{ name, line string }{
					{"odd", lines[i][:31] + lines[i][32:]},
					{"glued", lines[i][:min(60, len(lines[i])-3)] + "[info] wifi: up\n"},
					{"lost", ""},
				} {
					what := fmt.Sprintf("%s, lzf %v, line %d %s", cpu, compressed, i, x.name)
					text := strings.Join(lines[:i], "") + x.line + strings.Join(lines[i+1:], "")
					in := input([]byte(text), true)
					hits, err := Format.Find(in)
					if err != nil || len(hits) != 1 {
						t.Fatal(what, hits, err)
					}
					c, err := Format.Read(in, hits[0])
					if err != nil {
						// What tells where all else is was on these lines.
						if !strings.Contains(err.Error(), "damaged") || i > 12 {
							t.Errorf("%s: %v", what, err)
						}
						continue
					}
					if compare(t, what, c, cpu, m, false); !c.Damaged() {
						t.Errorf("%s: damage not told", what)
					}
					// One line costs a few blocks at most; all memory if nothing
					// tells which line it was.
					if n := known(c); i > 12 && n < 2500 && x.name != "lost" {
						t.Errorf("%s: only %d bytes are known", what, n)
					}
				}
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	for cpu, m := range dumps() {
		for _, data := range [][]byte{m.bytes(), lzf(m.bytes())} {
			for n := 0; n < len(data); n += 64 {
				in := input(data[:n], false)
				hits, err := Format.Find(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hits {
					c, err := Format.Read(in, h)
					if err != nil {
						continue
					}
					if compare(t, fmt.Sprint(cpu, " cut at ", n), c, cpu, m, false); !c.Damaged() && n < len(data)-page {
						t.Errorf("%s cut at %d: damage not told", cpu, n)
					}
				}
				if n > 2000 && len(hits) != 1 {
					t.Errorf("%s cut at %d: %d hits", cpu, n, len(hits))
				}
			}
		}
	}
}

func TestCrashed(t *testing.T) {
	assert := "[CPU0] Assertion failed panic: at file: common/x.c:85 task: %s process: Kernel 0x8020110c\n"
	dump := func(edit func(*made)) string {
		m := dumps()["riscv32"]
		if edit != nil {
			edit(m)
		}
		return log(m.bytes(), "hex", true, 64, "", "")
	}
	none := func(m *made) { m.tasks[2].running = false }
	for _, x := range []struct {
		name, text string
		want       int
		fact       string
	}{
		{"running", dump(nil), 2, "hello (pid 6)"},
		{"nothing tells", dump(none), -1, ""},
		{"by name", fmt.Sprintf(assert, "init") + dump(none), 3, "init (pid 9)"},
		{"by a name of two", fmt.Sprintf(assert, "hello") + dump(func(m *made) { m.tasks[1].name = "hello" }), 2, "hello (pid 6)"},
		{"by a name that was cut off", fmt.Sprintf(assert, "init_with_a_long_name") + dump(func(m *made) {
			none(m)
			m.nameSize, m.tasks[3].name = 8, "init_with_a_long_name"
		}), 3, "init_wi (pid 9)"},
		{"by pid", strings.ReplaceAll(dump(none), "Start", "[CPU0] [ 3] Start"), 1, "hpwork (pid 3)"},
		{"by backtrace", fmt.Sprintf(assert, "x") + "sched_dumpstack: backtrace| 9: 0x1 0x2\nbacktrace| 3: 0x1\n" + dump(none), 3, "init (pid 9)"},
		{"one task", dump(func(m *made) { m.tasks = m.tasks[:1] }), 0, "Idle_Task (pid 0)"},
		{"against the running one", fmt.Sprintf(assert, "init") + dump(nil), 3, "init (pid 9)"},
	} {
		c := readOne(t, []byte(x.text), true)
		if c.Crash.Thread != x.want || c.Facts[factCrashed].Value != x.fact {
			t.Errorf("%s: %d %v", x.name, c.Crash.Thread, c.Facts[factCrashed])
		}
		if has(c, "crashed-unknown") != (x.want < 0) || has(c, "crashed-differs") != strings.HasPrefix(x.name, "against") {
			t.Errorf("%s: %v", x.name, c.Diagnostics)
		}
	}
}

func TestProfiles(t *testing.T) {
	m := dumps()["arm-m"]
	for i := range m.tasks {
		m.tasks[i].regs[16] = 0x600001d3
	}
	if c := readOne(t, m.bytes(), false); c.Arch != arch.ARM || has(c, "profile") {
		t.Error(c.Arch.Name, c.Diagnostics)
	}
	for i := range m.tasks {
		m.tasks[i].regs[16] = 0
	}
	if c := readOne(t, m.bytes(), false); c.Arch != arch.CortexM || !has(c, "profile") {
		t.Error(c.Arch.Name, c.Diagnostics)
	}
}

// TestMapped: a board may dump the addresses of the fault registers.
func TestMapped(t *testing.T) {
	m := dumps()["arm-m"]
	m.regions = append(m.regions, region{0xe000ed28, 0x00100004, u32(fill(u32(u32(nil, 0x82), 0), 12), 0x20)})
	if c := readOne(t, m.bytes(), false); c.Crash.Fault.Value != arch.FaultAccess {
		t.Error(c.Crash)
	}
}

func TestZeros(t *testing.T) {
	m := dumps()["riscv64"]
	m.tasks[0].regs[3] = 0
	clear(m.tasks[1].regs)
	m.tasks[1].running = true // its stack is dumped as a whole too
	c := readOne(t, m.bytes(), false)
	gp, _ := c.Arch.Reg("gp")
	if _, s := c.Threads[0].Regs.Get(gp); s != elfcore.Missing {
		t.Error("gp", s)
	}
	if _, s := c.Threads[1].Regs.PC(); s != elfcore.Missing || c.Crash.Thread != 2 {
		t.Error("pc", s, c.Crash.Thread)
	}
}

// TestForeign: ELF cores of others are left to others.
func TestForeign(t *testing.T) {
	m := dumps()["riscv32"]
	data := m.bytes()
	at := bytes.Index(data, []byte("Idle_Task"))
	for name, edit := range map[string]func(){
		"another note first": func() { data[at-4] = 6 },
		"another size":       func() { data[at-8] = 120 },
		"another machine":    func() { data[18] = 62 },
		"not a core":         func() { data[16] = 2 },
		"another owner":      func() { data[at] = 'X' },
	} {
		data = m.bytes()
		edit()
		if hits, err := Format.Find(input(data, false)); len(hits) > 0 || err != nil {
			t.Errorf("%s: %v %v", name, hits, err)
		}
	}
}

func TestLZF(t *testing.T) {
	for _, x := range []struct {
		in   string
		want string
	}{
		{"ZV\x00\x00\x03abc", "abc"},
		{"ZV\x01\x00\x05\x00\x0c\x02abc\xe0\x00\x02", ""}, // its match is cut
		{"ZV\x01\x00\x06\x00\x0a\x02abc\xa0\x02", ""},     // shorter than it says
		{"ZV\x01\x00\x06\x00\x0a\x02abc\xa0\x02ZV", "abcabcabca"[:10]},
		{"ZV\x01\x00\x06\x00\x0b\x02abc\xc0\x02", ""},
		{"ZV\x01\x00\x02\x00\x04\x20\x00", ""}, // a match before the start
		{"ZV\x01\x00\x00\x00\x04", ""},
		{"ZV\x02\x00\x01a", ""},
	} {
		p := &capture.Pieces{}
		p.Append([]byte(x.in))
		b, ok := lzfAt(p, 0)
		got := ""
		if ok {
			data, _ := b.unpack(p, 0)
			got = string(data)
		}
		if x.want != "" && got != x.want {
			t.Errorf("%q: %q, want %q", x.in, got, x.want)
		}
	}
	data := dumps()["aarch64"].bytes()
	p := &capture.Pieces{}
	p.Append(lzf(data))
	u := unpack(p, 0)
	got := make([]byte, u.Size)
	if u.Read(got, 0); !bytes.Equal(got, data) || len(u.damaged) > 0 {
		t.Error("round trip", len(got), len(data), u.damaged)
	}
}

// gdb opens a core file and returns everything GDB said.
func gdb(t *testing.T, core []byte, commands ...string) string {
	t.Helper()
	path := fixture.Need(t, "gdb-multiarch")
	name := filepath.Join(t.TempDir(), "crash.core")
	if err := os.WriteFile(name, core, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-c", name}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	out, _ := exec.Command(path, append(args, "-ex", "echo \\n")...).CombinedOutput()
	return string(out)
}

// written is the core file, threads ordered and numbered as the root does.
func written(t *testing.T, c *elfcore.Core) []byte {
	t.Helper()
	if i := c.Crash.Thread; i > 0 {
		c.Threads[0], c.Threads[i] = c.Threads[i], c.Threads[0]
		c.Crash.Thread = 0
	}
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDebugger shows what a stock GDB makes of the target's own file, and of
// ours.
func TestDebugger(t *testing.T) {
	for cpu, m := range dumps() {
		t.Run(cpu, func(t *testing.T) {
			var show []string
			for _, n := range names(cpu) {
				show = append(show, "echo @"+n+"=", "output/x $"+n, `echo \n`)
			}
			shown := func(out, name string) uint64 {
				got := regexp.MustCompile(`@` + name + `=(0x[0-9a-f]+)`).FindStringSubmatch(out)
				if got == nil {
					t.Errorf("no %s in\n%s", name, out)
					return 0
				}
				v, _ := strconv.ParseUint(got[1], 0, 64)
				return v
			}
			before := gdb(t, m.bytes(), "echo @pc=", "output/x $pc", `echo \n`)
			if got := shown(before, "pc"); got != m.tasks[0].regs[pcOf(cpu)] {
				t.Errorf("before: pc %#x is not the first task's", got)
			}
			if strings.Contains(before, "Program terminated with signal") {
				t.Errorf("before:\n%s", before)
			}

			text := "riscv_exception: EXCEPTION: Load access fault. MCAUSE: 00000005, EPC: 00000000, MTVAL: 00000123\n" +
				"Assertion failed panic: at file: x.c:85 task: hello process: hello 0x8020110c\n"
			c := readOne(t, []byte(text+log(m.bytes(), "hex", true, 64, "[ 6] ", "")), true)
			signal := "SIGABRT"
			if strings.HasPrefix(cpu, "riscv") {
				signal = "SIGSEGV"
			}
			order := []int{2, 1, 0, 3}
			commands := []string{"info threads", "x/s 0x20000000"}
			for i := range order {
				commands = append(append(commands, fmt.Sprint("thread ", i+1)), show...)
				commands = append(commands, `echo @@\n`)
			}
			after := gdb(t, written(t, c), commands...)
			if strings.Contains(after, "warning") || !strings.Contains(after, `"`+cpu) || !strings.Contains(after, "Program terminated with signal "+signal) {
				t.Errorf("after:\n%s", after)
			}
			for i, part := range strings.Split(after, "@@")[:len(order)] {
				for k, n := range names(cpu) {
					if got := shown(part, n); got != m.tasks[order[i]].regs[k] {
						t.Errorf("after: thread %d: %s is %#x, want %#x", i+1, n, got, m.tasks[order[i]].regs[k])
					}
				}
			}
		})
	}
}

func pcOf(cpu string) int { return map[string]int{"arm-m": 15, "aarch64": 32}[cpu] }

func FuzzRead(f *testing.F) {
	for _, m := range dumps() {
		f.Add(m.bytes(), false)
		f.Add(lzf(m.bytes()), false)
		f.Add([]byte(log(m.bytes(), "hex", true, 64, "[ 6] ", "")), true)
		f.Add([]byte(log(m.bytes(), "base64", false, 64, "[ 6] ", "")), true)
	}
	for _, x := range asserts {
		f.Add([]byte(x.text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		in := input(data, text)
		hits, err := Format.Find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off < 0 || h.Len < 0 || h.Off+h.Len > in.Size {
				t.Fatalf("%+v of %d bytes", h, in.Size)
			}
			if c, err := Format.Read(in, h); err == nil {
				console(c, data)
				written(t, c)
			}
		}
	})
}

var update = flag.Bool("update", false, "write testdata anew")

// TestCommitted: the dump in testdata is what the builder makes, so that a
// change of both it and the reader is seen.
func TestCommitted(t *testing.T) {
	m := dumps()["riscv32"]
	want := asserts[3].text + log(m.bytes(), "hex", true, 64, "[CPU0] [ 6] ", " hex formatted")
	if *update {
		if err := os.WriteFile("testdata/riscv32.log", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("testdata/riscv32.log")
	if err != nil || string(got) != want {
		t.Errorf("not what the builder makes (go test -update): %v", err)
	}
	compare(t, "committed", readOne(t, got, true), "riscv32", m, true)
}
