package corelift_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// shown is what a debugger shows of one core: testdata/acceptance/examine.py.
type shown struct {
	Core    string
	Text    string // of opening it, and info threads
	Threads []shownThread
	Globals map[string]string
}

type shownThread struct {
	LWP       int32
	Registers map[string]*fixture.Number
	Frames    []fixture.Frame
	BT        string
}

// look opens cores in one debugger process, all with the same firmware.
func look(t *testing.T, gdb string, c *fixture.Case, cores []string) []shown {
	t.Helper()
	elf, err := filepath.Abs(c.ELF)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/acceptance/examine.py")
	if err != nil {
		t.Fatal(err)
	}
	var registers, globals []string
	for name := range c.Crashed().Registers {
		registers = append(registers, name)
	}
	for name := range c.Truth.Globals {
		globals = append(globals, name)
	}
	dir := t.TempDir()
	jobs, result := filepath.Join(dir, "jobs"), filepath.Join(dir, "result")
	text, err := json.Marshal(map[string]any{"elf": elf, "cores": cores, "registers": registers, "globals": globals})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jobs, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gdb, "-nx", "-batch", "-x", script)
	cmd.Env = append(os.Environ(), "JOBS="+jobs, "RESULT="+result)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", gdb, err, out)
	}
	if w := warnings(string(out)); w != "" && w != excusedWarnings[c.CPU+"/isr"] {
		t.Errorf("%s: %s", gdb, w)
	}
	text, err = os.ReadFile(result)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var list []shown
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// neverShown are fragments of messages that no core of ours may cause.
var neverShown = []string{
	"warning:", "core file may not match", "exec file is newer", "Couldn't find general-purpose registers",
	"in core file too small", "Unexpected size of section", "Core file format not supported", "no core file handler",
	"is not a core dump", "is not built into this configuration", "Could not fetch required FPCCR", "Register 91 is not available",
	"segment extending past end", "RV32E flag set", "Can't open file", "The current thread has terminated", "Unsupported OS",
	"refused:", "internal-error",
}

// excusedWarnings are what stock gdb says once a trace crosses from a handler
// into an interrupted thread, which it can't do without the processor's FPCCR
// and psp. That thread has a trace of its own.
var excusedWarnings = map[string]string{
	"cortex-m33f/isr": "warning: Could not fetch required FPCCR content.  Further unwinding is impossible.",
}

// warnings returns the first line of a debugger's output that should not be.
func warnings(text string) string {
	for line := range strings.Lines(text) {
		for _, bad := range neverShown {
			if strings.Contains(line, bad) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// TestWarningsList: the list above has all that the shared corpus names.
func TestWarningsList(t *testing.T) {
	text, err := os.ReadFile("../shared/corpus/gdb-expect/warnings.tsv")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		fragment, _, ok := strings.Cut(line, "\t")
		if ok && !strings.HasPrefix(line, "#") && warnings(fragment) == "" {
			t.Errorf("not looked for: %q", fragment)
		}
	}
}

// writeCore writes a Core beside others and returns the file's path.
func writeCore(t *testing.T, dir string, n int, c *elfcore.Core) string {
	t.Helper()
	path := filepath.Join(dir, strconv.Itoa(n)+".core")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameFrames counts the frames, from the innermost, that equal the truth's,
// and their local variables. What a debugger names at pc 0, such as the vector
// table, does not count.
func sameFrames(got, want []fixture.Frame, trap uint64) (frames, locals int) {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		at := g.PC == w.PC || i == 0 && uint64(g.PC) == uint64(w.PC)+trap
		if !at || w.PC != 0 && (g.Function != w.Function || g.File != w.File || g.Line != w.Line) {
			break
		}
		frames++
		for name, text := range w.Locals {
			if g.Locals[name] == text {
				locals++
			}
		}
	}
	return frames, locals
}

func countLocals(frames []fixture.Frame) (n int) {
	for _, f := range frames {
		n += len(f.Locals)
	}
	return n
}

// tally sums up one built dump: the crashed thread's general registers by
// state, and what gdb shows equal to the live target, out of how much.
type tally struct {
	dump                      *fixture.Dump
	known, recovered, missing int
	frames, frameTotal        int // of the crashed context
	others, otherTotal        int // frames of all other threads
	locals, localTotal        int // of the crashed context
	globals, globalTotal      int
	lacks                     []string // registers of the crashed context
	short                     []string // threads whose trace is not the live one
}

// judge compares what a debugger shows with the Core and the truth.
func judge(d *fixture.Dump, c *elfcore.Core, s shown) (sum tally, f findings) {
	sum.dump = d
	sum.count(c)
	if w := warnings(s.Text); w != "" {
		f.add("gdb: %s", w)
	}
	if len(s.Threads) != len(c.Threads) {
		f.add("gdb shows %d threads, the core has %d\n%s", len(s.Threads), len(c.Threads), s.Text)
		return sum, f
	}
	for i := range d.Case.Truth.Threads {
		want := &d.Case.Truth.Threads[i]
		t := threadOf(c, want)
		if i == 0 {
			t = c.Crashed()
		} else if t == c.Crashed() {
			t = nil // the dump does not tell that it was an interrupt
		}
		total := len(want.Frames)
		if i == 0 {
			sum.frameTotal, sum.localTotal = total, countLocals(want.Frames)
		} else {
			sum.otherTotal += total
		}
		if t == nil {
			continue
		}
		at := slices.IndexFunc(s.Threads, func(x shownThread) bool { return x.LWP == t.ID })
		if at < 0 || (i == 0) != (at == 0) {
			f.add("thread %s: id %d is number %d in gdb", want.Name, t.ID, at+1)
			continue
		}
		got := s.Threads[at]
		if w := warnings(got.BT); w != "" && w != excusedWarnings[d.Case.Name()] {
			f.add("thread %s: bt: %s", want.Name, w)
		}
		f = append(f, sameRegisters(t, want, got)...)
		frames, locals := sameFrames(got.Frames, want.Frames, d.Case.Truth.TrapSize)
		if i == 0 {
			sum.frames, sum.locals = frames, locals
		} else {
			sum.others += frames
		}
		if frames < total {
			sum.short = append(sum.short, fmt.Sprintf("%s %d/%d", want.Name, frames, total))
		}
	}
	for name, text := range d.Case.Truth.Globals {
		sum.globalTotal++
		switch shows := s.Globals[name]; {
		case shows == text:
			sum.globals++
		case c.Arch.Core.Honest && !strings.Contains(shows, "Cannot access memory"):
			f.add("gdb shows %s = %s, live it was %s", name, shows, text)
		}
	}
	return sum, f
}

func (s *tally) count(c *elfcore.Core) {
	t := c.Crashed()
	for name := range s.dump.Case.Crashed().Registers {
		r, _ := c.Arch.Reg(name)
		switch _, state := t.Regs.Get(r); state {
		case elfcore.Known:
			s.known++
		case elfcore.Recovered:
			s.recovered++
		default:
			s.missing++
		}
	}
	s.lacks = missing(t, s.dump.Case)
}

// sameRegisters: gdb shows what the Core holds, and the CPU's documented value
// where the Core holds nothing.
func sameRegisters(t *elfcore.Thread, want *fixture.Thread, got shownThread) (f findings) {
	a := t.Regs.Arch()
	for name, v := range got.Registers {
		r, ok := a.Reg(name)
		if !ok {
			f.add("the model has no register %s", name)
			continue
		}
		expected, state := t.Regs.Get(r)
		if state == elfcore.Missing {
			expected = t.Regs.AbsentValue(r)
		}
		if r == a.PC {
			expected &= a.CodeMask // gdb drops the Thumb bit
		}
		if v == nil || uint64(*v) != expected {
			f.add("thread %s: gdb shows %s = %v, the core has %#x (%v)", want.Name, name, v, expected, state)
		}
	}
	return f
}

// TestCommandLine opens a core as a user does, with no commands before it.
func TestCommandLine(t *testing.T) {
	gdb := fixture.Need(t, "gdb-multiarch")
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			core, err := convert(t, c.Log, c.LogPath, program(t, c.ELF))
			if err != nil {
				t.Errorf("%s: %v", c.Name(), err)
				continue
			}
			path := writeCore(t, t.TempDir(), 1, core)
			out, err := exec.Command(gdb, "-nx", "-batch", c.ELF, path, "-ex", "info threads", "-ex", "thread apply all bt").CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v", c.Name(), err)
			}
			if w := warnings(string(out)); w != "" && w != excusedWarnings[c.Name()] {
				t.Errorf("%s: %s", c.Name(), w)
			}
			if !bytes.Contains(out, []byte("Program terminated with signal")) || !bytes.Contains(out, []byte(" in run_scenario")) {
				t.Errorf("%s: gdb shows\n%s", c.Name(), out)
			}
		}
	})
}

// TestHostDebuggers: the host's own gdb on the CPUs that it knows, and lldb.
func TestHostDebuggers(t *testing.T) {
	for _, c := range loadCases(t) {
		if c.Scenario != "undef" {
			continue
		}
		d := c.Build(c.NativeBlock(), fixture.RAMKernel)
		t.Run(c.CPU, func(t *testing.T) {
			core, err := convert(t, d.Stream(), d.Name(), program(t, c.ELF))
			if err != nil {
				t.Fatal(err)
			}
			path := writeCore(t, t.TempDir(), 1, core)
			if c.CPU == "i386" || c.CPU == "x86_64" {
				t.Run("gdb", func(t *testing.T) {
					sum, f := judge(d, core, look(t, fixture.Need(t, "gdb"), c, []string{path})[0])
					f.report(t, d.Name())
					if sum.frames < sum.frameTotal || sum.others < sum.otherTotal {
						t.Errorf("frames: %v", sum.short)
					}
				})
			}
			if !strings.HasPrefix(c.CPU, "rv") { // LLDB 14 has no RISC-V cores
				t.Run("lldb", func(t *testing.T) { lldb(t, c, path, len(core.Threads)) })
			}
			t.Run("readelf", func(t *testing.T) {
				silent(t, exec.Command(fixture.Need(t, "readelf"), "-a", "-W", path))
			})
			t.Run("eu-readelf", func(t *testing.T) {
				silent(t, exec.Command(fixture.Need(t, "eu-readelf"), "-a", path))
			})
		})
	}
}

func silent(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// The exit code says nothing: readelf -u fails on any ARM core file.
	if err := cmd.Run(); stderr.Len() > 0 {
		t.Errorf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
}

// lldb must name the functions of the crashed thread's frames in their order.
func lldb(t *testing.T, c *fixture.Case, core string, threads int) {
	cmd := exec.Command(fixture.Need(t, "lldb"), "--no-lldbinit", "-b", "-o", "thread list", "-o", "bt", "-c", core, c.ELF)
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil || warnings(text) != "" || strings.Contains(text, "error:") {
		t.Errorf("%v %s\n%s", err, warnings(text), text)
	}
	if n := strings.Count(text, "thread #"); n < threads {
		t.Errorf("%d threads, want %d\n%s", n, threads, text)
	}
	rest := text
	for _, f := range c.Crashed().Frames {
		_, after, ok := strings.Cut(rest, f.Function)
		if !ok {
			t.Errorf("no frame %s in its place\n%s", f.Function, text)
			return
		}
		rest = after
	}
}
