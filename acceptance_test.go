package corelift_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// The acceptance tests convert crashes of testdata/firmware, in every shape
// that any Zephyr version gives a dump, and compare with what a live debugger
// saw on the crashing instruction.

const firmwareDir = "testdata/firmware"

var fixtures = sync.OnceValues(func() ([]*fixture.Case, error) { return fixture.Load(firmwareDir) })

func loadCases(t testing.TB) []*fixture.Case {
	t.Helper()
	list, err := fixtures()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var programs sync.Map // path -> *firmware.Set

func program(t testing.TB, path string) *firmware.Set {
	t.Helper()
	if s, ok := programs.Load(path); ok {
		return s.(*firmware.Set)
	}
	s, err := firmware.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	have, _ := programs.LoadOrStore(path, s)
	return have.(*firmware.Set)
}

// convert turns an input that holds one dump into a Core.
func convert(t testing.TB, input []byte, name string, set *firmware.Set) (*elfcore.Core, error) {
	t.Helper()
	ctx := context.Background()
	dumps, err := corelift.Dumps(ctx, bytes.NewReader(input), name)
	if err != nil {
		return nil, err
	}
	if len(dumps) != 1 {
		return nil, fmt.Errorf("%d dumps found, want 1", len(dumps))
	}
	return dumps[0].Core(ctx, corelift.Options{Program: set})
}

// findings are how a Core differs from the truth.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f findings) report(t *testing.T, what string) {
	t.Helper()
	const most = 12
	for i, text := range f {
		if i == most {
			t.Errorf("%s: and %d more", what, len(f)-most)
			return
		}
		t.Errorf("%s: %s", what, text)
	}
}

// examine compares an undamaged dump's Core with the truth.
func examine(c *elfcore.Core, d *fixture.Dump) (f findings) {
	if c.Damaged() {
		f.add("taken for damaged: %v", c.Diagnostics)
	}
	if c.Crash.Reason.State != elfcore.Known || c.Crash.Reason.Value != uint64(d.Case.Truth.Reason) {
		f.add("reason %d (%v), want %d", c.Crash.Reason.Value, c.Crash.Reason.State, d.Case.Truth.Reason)
	}
	crashed := c.Crashed()
	if crashed == nil {
		f.add("no crashed thread")
		return f
	}
	f = append(f, checkCrashed(c, crashed, d)...)
	f = append(f, checkThreads(c, d)...)
	f = append(f, checkMemory(c, d)...)
	return f
}

// checkCrashed: what the dump states is known and right, what it owes is
// there and right, all else is not known, and right if recovered.
func checkCrashed(c *elfcore.Core, t *elfcore.Thread, d *fixture.Dump) (f findings) {
	truth := d.Case.Crashed()
	if (t.Kind == elfcore.Interrupt) != (truth.Kind == "interrupt") && d.Mode.Name != fixture.Min.Name && d.Mode.Name != fixture.Threads.Name {
		f.add("the crashed context is of kind %v, want %s", t.Kind, truth.Kind)
	}
	owed := d.Owed()
	for i, info := range c.Arch.Regs {
		r := arch.Reg(i)
		v, state := t.Regs.Get(r)
		stated, isStated := d.Block.Stated[info.Name]
		due, isOwed := owed[info.Name]
		live, hasLive := truth.Registers[info.Name]
		isPC := info.Name == d.Case.PC()
		switch {
		case isPC && d.Case.Truth.TrapSize > 0 && state == elfcore.Recovered:
			// After a trap the dump's pc is behind the instruction; the
			// rule that steps back replaces what the dump states.
			if v != uint64(live) && v != stated && v != due {
				f.add("pc %#x, want the trap at %#x", v, uint64(live))
			}
		case isStated:
			if state != elfcore.Known || v != stated {
				f.add("%s is %#x (%v), the dump states %#x", info.Name, v, state, stated)
			}
		case isOwed:
			if state < elfcore.Recovered || v != due {
				f.add("%s is %#x (%v: %s), %#x follows from the dump", info.Name, v, state, c.Explain(t.Regs.Why(r)).Rule, due)
			}
		case state == elfcore.Known && c.Explain(t.Regs.Why(r)).Rule == "zephyr.console":
			// The fatal handler's lines state what the block lacks.
			if info.Group != arch.Control && (!hasLive || v != uint64(live)) {
				f.add("%s is %#x by the console, the truth is %#x", info.Name, v, uint64(live))
			}
		case state == elfcore.Known && info.Group != arch.Control:
			f.add("%s = %#x is known, but the dump does not state it", info.Name, v)
		case state == elfcore.Recovered && info.Group == arch.General:
			rule := c.Explain(t.Regs.Why(r)).Rule
			if rule == "" {
				f.add("%s is recovered by no rule", info.Name)
			}
			if hasLive && v != uint64(live) && v != uint64(live)|xpsrSFPA(info.Name, d) {
				f.add("%s recovered by %s as %#x, the truth is %#x", info.Name, rule, v, uint64(live))
			}
			if !hasLive && d.Case.CPU == "rv32e" {
				f.add("%s recovered by %s, but RV32E has no such register", info.Name, rule)
			}
		case state == elfcore.Recovered && info.Group == arch.Float:
			if want, ok := floatTruth(d.Case.Truth.Float, info.Name); !ok || v != want {
				f.add("%s recovered as %#x, the truth is %#x", info.Name, v, want)
			}
		}
	}
	return f
}

// xpsrSFPA: the stacked xPSR of v8-M with an FPU has a bit that the live one
// has not.
func xpsrSFPA(register string, d *fixture.Dump) uint64 {
	if register == "xpsr" && d.Case.CPU == "cortex-m33f" {
		return 1 << 20
	}
	return 0
}

// floatTruth is the truth of d3, or of fpscr, from s6 and s7.
func floatTruth(s map[string]fixture.Number, name string) (uint64, bool) {
	if v, ok := s[name]; ok {
		return uint64(v), true
	}
	var n int
	if _, err := fmt.Sscanf(name, "d%d", &n); err != nil {
		return 0, false
	}
	lo, ok1 := s[fmt.Sprintf("s%d", 2*n)]
	hi, ok2 := s[fmt.Sprintf("s%d", 2*n+1)]
	return uint64(hi)<<32 | uint64(lo), ok1 && ok2
}

// threadOf finds the model's thread of a thread of the truth.
func threadOf(c *elfcore.Core, want *fixture.Thread) *elfcore.Thread {
	for i := range c.Threads {
		t := &c.Threads[i]
		if want.Kind == "interrupt" {
			if t.Kind == elfcore.Interrupt {
				return t
			}
		} else if t.Kind == elfcore.Task && t.Control.State != elfcore.Missing && t.Control.Value == elfcore.Addr(want.Control) {
			return t
		}
	}
	return nil
}

// checkThreads: every thread that the dump holds is there with its registers.
// No thread has a recovered or known register that is wrong.
func checkThreads(c *elfcore.Core, d *fixture.Dump) (f findings) {
	ids := map[int32]bool{}
	for i := range c.Threads {
		if id := c.Threads[i].ID; id < 1 || ids[id] {
			f.add("thread id %d", id)
		} else {
			ids[id] = true
		}
	}
	if d.Lists() && len(c.Threads) != len(d.Case.Truth.Threads) {
		f.add("%d threads, want %d", len(c.Threads), len(d.Case.Truth.Threads))
	}
	for i := range d.Case.Truth.Threads {
		want := &d.Case.Truth.Threads[i]
		t := threadOf(c, want)
		if t == nil {
			if d.Lists() {
				f.add("no thread %s", want.Name)
			}
			continue
		}
		if d.Lists() && want.Kind == "task" {
			if t.Name.Value != want.Name || t.Priority.Value != want.Prio {
				f.add("thread %s: name %q, priority %d (%v), want %d", want.Name, t.Name.Value, t.Priority.Value, t.Priority.State, want.Prio)
			}
			if t.Stack.Value.Addr != elfcore.Addr(want.Stack[0]) || t.Stack.Value.End() != elfcore.Addr(want.Stack[1]) {
				f.add("thread %s: stack %v, want %#x-%#x", want.Name, t.Stack.Value, want.Stack[0], want.Stack[1])
			}
		}
		if i > 0 && t != c.Crashed() {
			f = append(f, checkSwitchedOut(c, t, want, d)...)
		}
	}
	return f
}

func checkSwitchedOut(c *elfcore.Core, t *elfcore.Thread, want *fixture.Thread, d *fixture.Dump) (f findings) {
	for i, info := range c.Arch.Regs {
		v, state := t.Regs.Get(arch.Reg(i))
		if info.Group == arch.Float && state >= elfcore.Recovered {
			if live, ok := floatTruth(want.Float, info.Name); !ok || v != live {
				f.add("thread %s: %s is %#x (%v), the truth is %#x", want.Name, info.Name, v, state, live)
			}
		}
		if info.Group != arch.General {
			continue
		}
		live, ok := want.Registers[info.Name]
		switch {
		case state >= elfcore.Recovered && ok && v != uint64(live) && v != uint64(live)|xpsrSFPA(info.Name, d):
			f.add("thread %s: %s is %#x (%v, %s), the truth is %#x", want.Name, info.Name, v, state, c.Explain(t.Regs.Why(arch.Reg(i))).Rule, uint64(live))
		case ok && !want.Interrupted && state < elfcore.Recovered && d.Lists():
			f.add("thread %s: %s is %v, though the dump holds it", want.Name, info.Name, state)
		case !ok && state == elfcore.Known:
			f.add("thread %s: %s = %#x is known, but no structure holds it", want.Name, info.Name, v)
		}
	}
	return f
}

// checkMemory: every dumped byte is known and right, and no others are there.
func checkMemory(c *elfcore.Core, d *fixture.Dump) (f findings) {
	for _, r := range d.Memory {
		got := make([]byte, len(r.Data))
		state, err := c.Memory.Read(got, elfcore.Addr(r.Addr))
		if err != nil || state != elfcore.Known {
			f.add("memory %#x-%#x is %v, %v", r.Addr, r.End(), state, err)
			continue
		}
		for i := range got {
			if first := d.Byte(r.Addr + uint64(i))[0]; got[i] != first {
				f.add("memory at %#x is %#x, want %#x", r.Addr+uint64(i), got[i], first)
				break
			}
		}
	}
	for r := range c.Memory.All() {
		if r.State == elfcore.Known && d.Byte(uint64(r.Addr)) == nil {
			f.add("memory at %v is known, but was not dumped", r.Range)
		}
	}
	return f
}

// byCPU runs a parallel subtest for each CPU, with its cases.
func byCPU(t *testing.T, f func(t *testing.T, cases []*fixture.Case)) {
	groups := map[string][]*fixture.Case{}
	var order []string
	for _, c := range loadCases(t) {
		if groups[c.CPU] == nil {
			order = append(order, c.CPU)
		}
		groups[c.CPU] = append(groups[c.CPU], c)
	}
	for _, cpu := range order {
		t.Run(cpu, func(t *testing.T) {
			t.Parallel()
			f(t, groups[cpu])
		})
	}
}

// TestFixtureLogs converts the consoles as the firmware printed them.
func TestFixtureLogs(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			core, err := convert(t, c.Log, c.LogPath, program(t, c.ELF))
			if err != nil {
				t.Errorf("%s: %v", c.Name(), err)
				continue
			}
			examine(core, c.Build(c.NativeBlock(), fixture.AsCaptured)).report(t, c.Name())
		}
	})
}

// TestEveryBlockAndMode: each register-block version in each memory mode.
func TestEveryBlockAndMode(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			for _, b := range c.Blocks() {
				for _, m := range fixture.Modes() {
					d := c.Build(b, m)
					core, err := convert(t, d.Stream(), d.Name(), program(t, c.ELF))
					if err != nil {
						t.Errorf("%s: %v", d.Name(), err)
						continue
					}
					examine(core, d).report(t, d.Name())
				}
			}
		}
	})
}

// TestEveryBlockOnConsole: each register-block version below the fatal
// handler's lines, which state registers that some blocks lack.
func TestEveryBlockOnConsole(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			for _, b := range c.Blocks() {
				d := c.Build(b, fixture.RAMKernel)
				core, err := convert(t, d.WithConsole(), d.Name(), program(t, c.ELF))
				if err != nil {
					t.Errorf("%s: %v", d.Name(), err)
					continue
				}
				examine(core, d).report(t, d.Name())
			}
		}
	})
}

// TestEveryForm: each backend's form, one crash of each CPU.
func TestEveryForm(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		c := cases[len(cases)-1]
		for _, m := range []fixture.Mode{fixture.RAMKernel, fixture.Threads, fixture.Min} {
			d := c.Build(c.NativeBlock(), m)
			for _, form := range fixture.Forms() {
				what := d.Name() + "/" + form.Name
				input := form.Bytes(d)
				if input == nil {
					continue
				}
				core, err := convert(t, input, what, program(t, c.ELF))
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				examine(core, d).report(t, what)
			}
		}
	})
}

// TestEveryDressing: each look of a console.
func TestEveryDressing(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		c := cases[len(cases)-1]
		d := c.Build(c.NativeBlock(), fixture.ThreadsKernel)
		for _, look := range fixture.Dressings() {
			what := d.Name() + "/" + look.Name
			core, err := convert(t, d.Text(look), what, program(t, c.ELF))
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			examine(core, d).report(t, what)
		}
	})
}

// TestSeveralDumps: a boot loop's capture holds one dump after another, the
// second of them cut off by the reset.
func TestSeveralDumps(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		var capture []byte
		for i, c := range cases {
			log := c.Log
			if i == 1 {
				log = log[:len(log)/2]
				log = log[:bytes.LastIndexByte(log, '\n')+1]
			}
			capture = append(capture, log...)
		}
		ctx := context.Background()
		dumps, err := corelift.Dumps(ctx, bytes.NewReader(capture), "loop.log")
		if err != nil {
			t.Fatal(err)
		}
		if len(dumps) != len(cases) {
			t.Fatalf("%d dumps, want %d", len(dumps), len(cases))
		}
		for i, c := range cases {
			core, err := dumps[i].Core(ctx, corelift.Options{Program: program(t, c.ELF)})
			if err != nil {
				t.Errorf("%s: %v", c.Name(), err)
				continue
			}
			if i == 1 {
				if !core.Damaged() {
					t.Errorf("%s: cut in half, but not damaged", c.Name())
				}
				continue
			}
			examine(core, c.Build(c.NativeBlock(), fixture.AsCaptured)).report(t, c.Name())
		}
	})
}

// TestWithoutFirmware: without an ELF nothing may be wrong, and what the dump
// states is still known.
func TestWithoutFirmware(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			for _, b := range c.Blocks() {
				d := c.Build(b, fixture.RAMKernel)
				core, err := convert(t, d.Stream(), d.Name(), nil)
				if err != nil {
					t.Errorf("%s: %v", d.Name(), err)
					continue
				}
				var f findings
				for _, text := range checkCrashed(core, core.Crashed(), d) {
					// Which context crashed, and what the frame's size is,
					// takes the firmware.
					if !strings.Contains(text, "follows from the dump") && !strings.Contains(text, "of kind") {
						f = append(f, text)
					}
				}
				f = append(f, checkMemory(core, d)...)
				f.report(t, d.Name())
			}
		}
	})
}

// missing lists the general registers of a thread that its CPU has but that
// are not there.
func missing(t *elfcore.Thread, c *fixture.Case) (names []string) {
	a := t.Regs.Arch()
	for i, info := range a.Regs {
		_, exists := c.Crashed().Registers[info.Name]
		if _, state := t.Regs.Get(arch.Reg(i)); exists && state < elfcore.Recovered {
			names = append(names, info.Name)
		}
	}
	slices.Sort(names)
	return names
}

func join(lines []string) []byte { return []byte(strings.Join(lines, "")) }

func lineRange(from, to int) string {
	if to == from+1 {
		return fmt.Sprintf("line %d", from+1)
	}
	return fmt.Sprintf("lines %d-%d", from+1, to)
}
