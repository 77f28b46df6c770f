package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

func compare(t testing.TB, a, b *inspect.Session, limit int) *inspect.Difference {
	t.Helper()
	d, err := inspect.Compare(context.Background(), a, b, inspect.DifferenceOptions{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// changed is a session's dump with other memory and threads.
func changed(s *inspect.Session, program *firmware.Set, change func(*elfcore.Core)) *inspect.Session {
	core := *s.Core()
	core.Memory = elfcore.Memory{}
	for r := range s.Core().Memory.All() {
		core.Memory.Add(r)
	}
	core.Threads = slices.Clone(core.Threads)
	for i := range core.Threads {
		core.Threads[i].Regs = core.Threads[i].Regs.Clone()
	}
	change(&core)
	return inspect.New(&core, program, inspect.Options{})
}

// program opens the firmware of a fixture.
func program(t testing.TB, cpu string) *firmware.Set {
	t.Helper()
	p, err := firmware.Open(filepath.Join("..", "testdata", "firmware", cpu, "fw.elf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// put overwrites memory.
func put(t testing.TB, c *elfcore.Core, at elfcore.Addr, b ...byte) {
	t.Helper()
	if err := c.Memory.Replace(elfcore.NewRegion(at, b, elfcore.PermR|elfcore.PermW, elfcore.Known, 0)); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte, and gives both.
func flip(t testing.TB, c *elfcore.Core, at elfcore.Addr) {
	t.Helper()
	b := make([]byte, 1)
	if _, err := c.Memory.Read(b, at); err != nil {
		t.Fatal(err)
	}
	put(t, c, at, b[0]^0xff)
}

// TestCompareEqual compares each fixture with itself, and with the core that it
// is converted to.
func TestCompareEqual(t *testing.T) {
	logs, err := filepath.Glob("../testdata/firmware/*/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	for _, log := range logs {
		t.Run(strings.TrimPrefix(log, "../testdata/firmware/"), func(t *testing.T) {
			t.Parallel()
			elf := filepath.Join(filepath.Dir(log), "fw.elf")
			s := open(t, log, elf)
			var out bytes.Buffer
			if err := s.Core().Write(&out); err != nil {
				t.Fatal(err)
			}
			core := filepath.Join(t.TempDir(), "crash.core")
			if err := os.WriteFile(core, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, other := range map[string]*inspect.Session{"itself": s, "read again": open(t, log, elf), "its core": reopen(t, elf, core)} {
				d := compare(t, s, other, 0)
				if d.Verdict != inspect.Equal || d.Uncompared != nil || d.Threads != nil || d.Crash != nil || d.Program != nil || d.Facts != nil {
					t.Errorf("%s: %+v", name, d)
				}
				if d.ThreadsAlike != len(s.Core().Threads) || d.Memory.Compared == 0 || d.Variables.Compared == 0 || d.Variables.Changed != nil {
					t.Errorf("%s: %d threads, memory %+v, variables %+v", name, d.ThreadsAlike, d.Memory, d.Variables)
				}
			}
		})
	}
}

// parts are the paths of the parts that changed, with what they were and are.
func parts(d *inspect.Difference) (list []string) {
	for _, v := range d.Variables.Changed {
		for _, p := range v.Parts {
			list = append(list, fmt.Sprintf("%s: %s -> %s", p.Path, p.A.Text, p.B.Text))
		}
		if v.LeftOut > 0 {
			list = append(list, fmt.Sprintf("%s: %d more", v.Name, v.LeftOut))
		}
	}
	return list
}

// TestCompareOneByte changes one byte of a variable. That variable is shown, and
// nothing else.
func TestCompareOneByte(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	p := program(t, "cortex-m3")
	s = changed(s, p, func(*elfcore.Core) {})
	for _, c := range []struct {
		place  string
		offset elfcore.Addr // of the byte that changes
		want   string
	}{
		{"g_irq_count", 0, "g_irq_count: 0 -> 255"},
		{"g_matrix[1][2]", 0, "g_matrix[1][2]: 7 -> 248"},
		{"g_sensors[2].name", 0, `g_sensors[2].name: "spare\000\000\000\000\000\000" -> "\214pare\000\000\000\000\000\000"`},
		{"g_sensors[1].trace[2].y", 1, "g_sensors[1].trace[2].y: 80 -> -176"},
		{"g_sensors[0].fl", 1, "g_sensors[0].fl.trim: -6 -> 10; g_sensors[0].fl.seq: 256 -> 287"}, // bit-fields that share it
		{"g_sensors[2].valve", 0, "g_sensors[2].valve: VALVE_STUCK -> 6"},
		{"g_sensors[2].raw", 3, `g_sensors[2].raw: {u = 1040187392, s = 1040187392, f = 0.125, b = "\000\000\000>"} -> {u = 3238002688, s = -1056964608, f = -8, b = "\000\000\000\301"}`},
		{"g_hook", 0, "g_hook: 0xdb <count_hook> -> 0x24"},
		{"g_level", 3, "g_level: 0.25 -> -16"},
	} {
		v, err := s.Eval(nil, "&"+c.place, 0)
		if err != nil || v.Pointer == nil {
			t.Fatalf("%s: %+v, %v", c.place, v, err)
		}
		at := *v.Pointer + c.offset
		d := compare(t, s, changed(s, p, func(core *elfcore.Core) { flip(t, core, at) }), 0)
		got := parts(d)
		name := strings.FieldsFunc(c.place, func(r rune) bool { return r == '[' || r == '.' })[0]
		if d.Verdict != inspect.Different || len(d.Variables.Changed) != 1 || d.Variables.Changed[0].Name != name || strings.Join(got, "; ") != c.want {
			t.Errorf("%s+%d: %v: %s, want %s", c.place, c.offset, d.Verdict, got, c.want)
		}
		if d.Memory.Differ != 1 || len(d.Memory.Runs) != 1 || d.Memory.Runs[0].Addr != at || d.Memory.Others != nil || d.Threads != nil || d.Uncompared != nil {
			t.Errorf("%s+%d: %+v", c.place, c.offset, d)
		}
	}
}

// TestCompareMissing takes things away from one dump: what is left is equal, but
// the dumps are not.
func TestCompareMissing(t *testing.T) {
	whole := load(t, "cortex-m3", "div")
	p := program(t, "cortex-m3")
	whole = changed(whole, p, func(*elfcore.Core) {})
	counter, err := whole.Eval(nil, "&g_irq_count", 0)
	if err != nil {
		t.Fatal(err)
	}
	hole := elfcore.Range{Addr: *counter.Pointer, Size: 4}
	for _, c := range []struct {
		name   string
		change func(*elfcore.Core)
		reason string
		check  func(*inspect.Difference) bool
	}{
		{"a register", func(c *elfcore.Core) { c.Threads[0].Regs.Clear(arch.Reg(4), 0) }, "registers of thread 1 (worker) that are not in both dumps, or not for sure: r4",
			func(d *inspect.Difference) bool {
				r := d.Threads[0].Registers
				return len(r) == 1 && r[0].Name == "r4" && r[0].A.Value == "0xfffffd05" && r[0].B == nil
			}},
		{"trust in a register", func(c *elfcore.Core) { c.Threads[0].Regs.Set(4, 0xfffffd05, elfcore.Suspect, 0) }, "registers of thread 1 (worker) that are not in both dumps, or not for sure: r4",
			func(d *inspect.Difference) bool {
				r := d.Threads[0].Registers
				return len(r) == 1 && r[0].A.State == elfcore.Known && r[0].B.State == elfcore.Suspect
			}},
		{"a thread", func(c *elfcore.Core) { c.Threads = c.Threads[:4] }, "only A has thread 5 (main)",
			func(d *inspect.Difference) bool {
				return len(d.Threads) == 1 && d.Threads[0].B == nil && d.Threads[0].A.Name == "main" && d.ThreadsAlike == 4
			}},
		{"a variable", func(c *elfcore.Core) { cut(c, hole) }, "4 bytes of memory are only in A",
			func(d *inspect.Difference) bool {
				only := d.Variables.OnlyA
				return only.Count == 1 && only.Names[0] == "g_irq_count" && d.Variables.OnlyB.Count == 0 && d.Memory.OnlyA.Ranges[0] == hole && d.Variables.Changed == nil
			}},
		{"trust in memory", func(c *elfcore.Core) {
			cut(c, hole)
			c.Memory.Add(elfcore.NewRegion(hole.Addr, make([]byte, 4), elfcore.PermR, elfcore.Suspect, 0))
		}, "memory can be trusted less in one dump",
			func(d *inspect.Difference) bool {
				return len(d.Memory.Doubts) == 1 && d.Memory.Doubts[0] == inspect.Doubt{Range: hole, A: elfcore.Known, B: elfcore.Suspect}
			}},
		{"the reason", func(c *elfcore.Core) { c.Crash.Reason = elfcore.Fact[uint64]{} }, "facts of the crash that are not in both dumps, or not for sure: reason",
			func(d *inspect.Difference) bool { return len(d.Crash) == 1 && d.Crash[0].B == nil }},
		{"bytes of the input", func(c *elfcore.Core) { c.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "test"}) }, "B is damaged: bytes of it were lost",
			func(d *inspect.Difference) bool { return d.B.Damaged && !d.A.Damaged }},
	} {
		less := changed(whole, p, c.change)
		d := compare(t, whole, less, 0)
		if d.Verdict != inspect.Undecided || !slices.Contains(d.Uncompared, c.reason) || !c.check(d) {
			t.Errorf("without %s: %+v", c.name, d)
		}
		if d := compare(t, less, whole, 0); d.Verdict != inspect.Undecided {
			t.Errorf("without %s, the other way round: %v", c.name, d.Verdict)
		}
	}
}

// cut takes a range out of memory.
func cut(c *elfcore.Core, hole elfcore.Range) {
	var rest elfcore.Memory
	for r := range c.Memory.All() {
		if hole.Addr > r.Addr {
			rest.Add(r.Part(elfcore.Range{Addr: r.Addr, Size: min(r.Size, uint64(hole.Addr-r.Addr))}))
		}
		if end := r.End(); end > hole.End() {
			from := max(r.Addr, hole.End())
			rest.Add(r.Part(elfcore.Range{Addr: from, Size: uint64(end - from)}))
		}
	}
	c.Memory = rest
}

// TestCompareOthers changes bytes that are no variable's.
func TestCompareOthers(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	p := program(t, "cortex-m3")
	s = changed(s, p, func(*elfcore.Core) {})
	stack := s.Core().Threads[1].Stack.Value
	sensor, err := s.Eval(nil, "&g_sensors[0].gain", 0) // 4 bytes before it nothing lies
	if err != nil {
		t.Fatal(err)
	}
	padding := *sensor.Pointer - 4
	d := compare(t, s, changed(s, p, func(c *elfcore.Core) {
		flip(t, c, stack.Addr+8)
		flip(t, c, stack.Addr+9)
		flip(t, c, padding)
	}), 0)
	want := []inspect.Owner{{Kind: "stack", Name: "thread 2 (sleeper)", Addr: stack.Addr + 8, Bytes: 2}, {Kind: "padding", Name: "g_sensors", Addr: padding, Bytes: 1}}
	if d.Verdict != inspect.Different || d.Variables.Changed != nil || !slices.Equal(d.Memory.Others, want) {
		t.Errorf("%+v, %+v", d.Memory, d.Variables)
	}

	bare := compare(t, inspect.New(s.Core(), nil, inspect.Options{}), changed(s, nil, func(c *elfcore.Core) { flip(t, c, padding) }), 0)
	if bare.Variables != nil || len(bare.Memory.Others) != 1 || bare.Memory.Others[0].Kind != "memory" || bare.Memory.Runs[0].Symbol != nil {
		t.Errorf("without a program: %+v", bare.Memory)
	}
}

// TestCompareArrays folds what changed alike, and counts what a limit leaves
// out.
func TestCompareArrays(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	p := program(t, "cortex-m3")
	s = changed(s, p, func(*elfcore.Core) {})
	history, err := s.Eval(nil, "&g_history", 0)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := s.Eval(nil, "&g_matrix", 0)
	if err != nil {
		t.Fatal(err)
	}
	a := changed(s, p, func(c *elfcore.Core) { put(t, c, *history.Pointer, make([]byte, 32)...) })
	b := changed(a, p, func(c *elfcore.Core) {
		for i, n := range []byte{0, 9, 9, 9, 0, 9, 8, 8} {
			put(t, c, *history.Pointer+elfcore.Addr(4*i), n)
		}
		put(t, c, *matrix.Pointer+12, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
	})
	want := []string{
		"g_matrix[0][3]: -100 -> 16843009", "g_matrix[1][0]: 5 -> 33686018", "g_matrix[1][1]: 6 -> 50529027",
		"g_history[1:4]: 0 -> 9", "g_history[5]: 0 -> 9", "g_history[6:8]: 0 -> 8",
	}
	d := compare(t, a, b, 0)
	if got := parts(d); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if part := d.Variables.Changed[1].Parts[0]; part.Count != 3 {
		t.Errorf("%+v", part)
	}
	want = []string{"g_matrix[0][3]: -100 -> 16843009", "g_matrix: 1 more"}
	d = compare(t, a, b, 1)
	if got := parts(d); !slices.Equal(got, want) || d.Variables.LeftOut != 1 || d.Memory.RunsLeftOut != len(compare(t, a, b, 0).Memory.Runs)-1 {
		t.Errorf("%q, want %q; %d left out", got, want, d.Variables.LeftOut)
	}
}

// TestCompareThreads compares what happens to threads and their stacks.
func TestCompareThreads(t *testing.T) {
	p := program(t, "cortex-m3")
	a := changed(load(t, "cortex-m3", "div"), p, func(*elfcore.Core) {})
	d := compare(t, a, changed(load(t, "cortex-m3", "undef"), p, func(*elfcore.Core) {}), 0)
	stack := d.Threads[0].Stack
	if d.Verdict != inspect.Different || len(d.Threads) != 1 || stack == nil || stack.A.Function != "blow_up" || stack.B.Function != stack.A.Function || stack.A.Line == stack.B.Line {
		t.Errorf("%+v, %+v", d.Threads, stack)
	}
	known := elfcore.Fact[int]{Value: 7, State: elfcore.Known}
	d = compare(t, a, changed(a, p, func(c *elfcore.Core) {
		c.Threads[1].Priority, c.Threads[2].Name.Value, c.Crash.Thread = known, "renamed", 3
	}), 0)
	got := fmt.Sprint(d.Crash[0].Name, d.Crash[0].A.Value, d.Crash[0].B.Value)
	for _, th := range d.Threads {
		for _, c := range th.Changes {
			got += fmt.Sprintf("; %d %s by %s: %s -> %s", th.A.ID, c.Name, th.Match, c.A.Value, c.B.Value)
		}
	}
	if want := "thread1 (worker)4 (idle); 2 priority by control: 2 -> 7; 3 name by control: blocked -> renamed"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestCompareMismatch compares threads that the firmware of another dump led to:
// that they differ means nothing, but for the crashed thread's registers.
func TestCompareMismatch(t *testing.T) {
	p := program(t, "cortex-m3")
	a := changed(load(t, "cortex-m3", "div"), p, func(*elfcore.Core) {})
	other := func(change func(*elfcore.Core)) *inspect.Difference {
		return compare(t, a, changed(a, p, func(c *elfcore.Core) {
			c.Program.MatchVerdict = firmware.Different.String()
			change(c)
		}), 0)
	}
	d := other(func(c *elfcore.Core) {
		c.Threads[1].Name.Value, c.Threads[1].Priority.Value, c.Crash.Thread = "renamed", 7, 3
		c.Threads[1].Regs.Set(4, 0x12345678, elfcore.Known, 0)
	})
	if d.Verdict != inspect.Undecided || len(d.Crash) != 1 || d.Crash[0].Name != "thread" || d.Crash[0].B.State != elfcore.Suspect {
		t.Errorf("%v, %+v", d.Verdict, d.Crash)
	}
	seen := 0
	for _, th := range d.Threads {
		for _, c := range th.Changes {
			if seen++; c.B.State != elfcore.Suspect {
				t.Errorf("thread %d: %s is %+v", th.A.ID, c.Name, c.B)
			}
		}
	}
	if seen < 2 {
		t.Errorf("%+v", d.Threads)
	}
	d = other(func(c *elfcore.Core) { c.Threads[0].Regs.Set(4, 0x12345678, elfcore.Known, 0) })
	if r := d.Threads[0].Registers; d.Verdict != inspect.Different || len(r) != 1 || r[0].B.State != elfcore.Known {
		t.Errorf("%v, %+v", d.Verdict, r)
	}
}

func TestCompareOtherCPU(t *testing.T) {
	_, err := inspect.Compare(context.Background(), load(t, "cortex-m3", "div"), load(t, "rv32", "null"), inspect.DifferenceOptions{A: inspect.Input{Name: "a.log"}, B: inspect.Input{Name: "b.log"}})
	if err == nil || !strings.Contains(err.Error(), "a.log is of ") || !strings.Contains(err.Error(), "can't be compared") {
		t.Error(err)
	}
}

// TestCompareBuilds compares dumps of two builds: variables have moved, but are
// compared by name, and pointers by what they point to.
func TestCompareBuilds(t *testing.T) {
	dir := t.TempDir()
	build := func(name, source string) *inspect.Session {
		path, elf, core := filepath.Join(dir, "main.c"), filepath.Join(dir, name+".elf"), filepath.Join(dir, name+".core")
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		toolRun(t, nil, "arm-none-eabi-gcc", append([]string{"-g", "-Os", "-mcpu=cortex-m4", "-o", elf, path}, bare...)...)
		writeStart(t, elf, core)
		return reopen(t, elf, core)
	}
	const rest = `
int counts[3] = { 1, 2, 3 };
static int hidden = 4;
struct node { struct node *next; int value; } last = { 0, 9 }, first = { &last, NUMBER };
int *inside = &counts[1];
int *elsewhere = TARGET;
void (*hook)(void);
SIZE grown = 1;
void _start(void) { hidden++; hook = _start; }
`
	a := build("a", "#define NUMBER 5\n#define TARGET &counts[0]\n#define SIZE short\n"+rest+"int gone = 1;")
	b := build("b", "#define NUMBER 6\n#define TARGET &counts[2]\n#define SIZE int\n"+rest+"char added[64] = { 1 };")
	d := compare(t, a, b, 0)
	got := parts(d)
	slices.Sort(got)
	for i, text := range got {
		got[i] = regexp.MustCompile(`0x[0-9a-f]+ `).ReplaceAllString(text, "")
	}
	want := []string{"elsewhere: <counts> -> <counts+8>", "first.value: 5 -> 6", "grown: 1 -> 1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	v := d.Variables
	if v.OnlyA.Count != 1 || v.OnlyB.Count != 1 || v.OnlyA.Names[0] != "gone" || v.OnlyB.Names[0] != "added" || v.Changed[0].AddressB == nil || d.Memory.Compared != 0 || d.Verdict != inspect.Different {
		t.Errorf("%+v, %+v", v, d)
	}
}

// TestCompareAgainstGDB changes bytes at random and asks GDB for the values of
// what changed, in both cores.
func TestCompareAgainstGDB(t *testing.T) {
	for _, b := range builds {
		if !slices.Contains(b.flags, "-nostdlib") || b.source != "values.c" {
			continue
		}
		t.Run(b.compiler+" "+strings.Join(b.flags, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program := filepath.Join(dir, "values.elf")
			toolRun(t, nil, b.compiler, append([]string{"-w", "-O0", "-o", program, filepath.Join("testdata", "expr", b.source)}, b.flags...)...)
			paths := [2]string{filepath.Join(dir, "a.core"), filepath.Join(dir, "b.core")}
			writeStart(t, program, paths[0])
			random := rand.New(rand.NewSource(1))
			a := reopen(t, program, paths[0])
			p, err := firmware.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			var out bytes.Buffer
			core := changed(a, p, func(c *elfcore.Core) {
				for _, s := range p.Writable() {
					for at := s.Addr; at < s.End(); at += elfcore.Addr(1 + random.Intn(40)) {
						put(t, c, at, byte(random.Intn(256)))
					}
				}
			})
			if err := core.Core().Write(&out); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(paths[1], out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			d := compare(t, a, reopen(t, program, paths[1]), 0)
			var ask []string
			var list []inspect.Part
			for _, v := range d.Variables.Changed {
				for _, part := range v.Parts {
					ask, list = append(ask, gdbSlice.ReplaceAllStringFunc(part.Path, repeated)), append(list, part)
				}
			}
			if len(list) < 50 {
				t.Errorf("only %d parts changed", len(list))
			}
			equal := 0
			for side, path := range paths {
				for i, gdb := range askGDB(t, program, path, ask) {
					have := list[i].A.Text
					if side == 1 {
						have = list[i].B.Text
					}
					gdb, _, _ = strings.Cut(gdb, "\t")
					gdb = noMemory.ReplaceAllString(gdb, "<not in dump>")
					have, _, _ = strings.Cut(have, " (bytes ")          // which GDB does not tell
					if list[i].Count > 0 && list[i].A.Kind != "array" { // GDB shows all of them
						have = repeatedText(have, int(list[i].Count))
					}
					if gdb = pointerType.ReplaceAllString(gdb, ""); have == gdb {
						equal++
					} else if !slices.ContainsFunc(differs, func(d struct{ expression, reason string }) bool {
						return regexp.MustCompile(d.expression).MatchString(ask[i])
					}) && !strings.Contains(gdb, " L'") {
						t.Errorf("%s in %c:\n gdb %s\nhave %s", ask[i], "AB"[side], gdb, have)
					}
				}
			}
			t.Logf("%d values of %d parts are GDB's", equal, len(list))
		})
	}
}

var (
	gdbSlice    = regexp.MustCompile(`\[(\d+):(\d+)\]$`)
	pointerType = regexp.MustCompile(`^\((.*\*.*|\w+_t)\) `)
	noMemory    = regexp.MustCompile(`<error: Cannot access memory at address 0x[0-9a-f]+>`)
)

// repeated is a slice as GDB writes it.
func repeated(slice string) string {
	var from, to int
	if _, err := fmt.Sscanf(slice, "[%d:%d]", &from, &to); err != nil {
		panic(err)
	}
	return fmt.Sprintf("[%d]@%d", from, to-from)
}

// repeatedText is an array of equal elements.
func repeatedText(one string, n int) string {
	if n > 10 {
		return fmt.Sprintf("{%s <repeats %d times>}", one, n)
	}
	return "{" + strings.Join(slices.Repeat([]string{one}, n), ", ") + "}"
}

// BenchmarkCompare compares two dumps of 64 MiB in which a byte differs.
func BenchmarkCompare(b *testing.B) {
	s := load(b, "cortex-m3", "div")
	p := program(b, "cortex-m3")
	big := func(last byte) *inspect.Session {
		return changed(s, p, func(c *elfcore.Core) {
			data := bytes.Repeat([]byte{0x5a, 1, 2, 3}, 16<<20)
			data[len(data)-1] = last
			c.Memory.Add(elfcore.NewRegion(0x60000000, data, elfcore.PermR, elfcore.Known, 0))
		})
	}
	x, y := big(1), big(2)
	b.SetBytes(64 << 20)
	for b.Loop() {
		if d := compare(b, x, y, 20); d.Memory.Differ != 1 {
			b.Fatal(d.Memory.Differ)
		}
	}
}
