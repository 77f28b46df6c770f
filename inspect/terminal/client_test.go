//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"strings"
	"testing"

	"github.com/go-delve/delve/service/api"

	"corelift/elfcore"
	"corelift/inspect"
)

// here is the scope of Delve's commands when none is given.
var here = api.EvalScope{GoroutineID: -1}

func TestTasks(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	names := func(list []*api.Goroutine) (out string) {
		for _, g := range list {
			out += g.Labels["name"] + " "
		}
		return out
	}
	label := func(arg string, negated bool) []api.ListGoroutinesFilter {
		return []api.ListGoroutinesFilter{{Kind: api.GoroutineLabel, Arg: arg, Negated: negated}}
	}
	for _, x := range []struct {
		start, count int
		filters      []api.ListGoroutinesFilter
		names        string
		next         int
	}{
		{0, 0, nil, "worker sleeper blocked idle main ", -1},
		{1, 2, nil, "sleeper blocked ", 3},
		{3, 2, nil, "idle main ", -1},
		{5, 1, nil, "", -1},
		{0, 10000, label("name=main", false), "main ", -1},
		{0, 10000, label("name=main", true), "worker sleeper blocked idle ", -1},
		{0, 10000, label("nosuch", false), "", -1},
		{0, 10000, []api.ListGoroutinesFilter{{Kind: api.GoroutineUserLoc, Arg: "blow_up"}}, "worker ", -1},
		{0, 10000, []api.ListGoroutinesFilter{{Kind: api.GoroutineRunning}}, "worker sleeper blocked idle main ", -1},
	} {
		list, _, next, _, err := c.ListGoroutinesWithFilter(x.start, x.count, x.filters, nil, nil)
		if got := names(list); err != nil || got != x.names || next != x.next {
			t.Errorf("%d %d %v: %s%d, %v, want %s%d", x.start, x.count, x.filters, got, next, err, x.names, x.next)
		}
	}
	for _, start := range []int{-1, 6} {
		if _, _, err := c.ListGoroutines(start, 0); err == nil {
			t.Errorf("tasks from %d on", start)
		}
	}
	list, groups, _, more, err := c.ListGoroutinesWithFilter(0, 0, nil, &api.GoroutineGroupingOptions{GroupBy: api.GoroutineLabel, GroupByKey: "state", MaxGroupMembers: 1, MaxGroups: 2}, nil)
	if err != nil || names(list) != "blocked worker " || len(groups) != 2 || !more || groups[0] != (api.GoroutineGroup{Name: "state=pending (0x02)", Count: 1, Total: 2}) {
		t.Errorf("%s%+v, %v", names(list), groups, err)
	}
}

// A dump without any task has no frame, but global variables.
func TestNoTasks(t *testing.T) {
	full := load(t, "cortex-m3", "div")
	core := *full.crash.Core()
	core.Threads, core.Crash.Thread = nil, -1
	c, err := newClient(inspect.New(&core, nil, inspect.Options{}), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.GetState()
	if err != nil || s.CurrentThread == nil || s.SelectedGoroutine != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if v, err := c.EvalVariable(here, "*(unsigned char *)0x20000020", everything); err != nil || v.Value != "'i' (105)" {
		t.Errorf("%+v, %v", v, err)
	}
	for what, err := range map[string]error{
		"stack":     second(c.Stacktrace(-1, 9, 0, 0, nil)),
		"registers": second(c.ListScopeRegisters(here, true)),
		"line":      third(c.FindLocation(here, "+0", true, nil)),
		"switch":    c.choose(1),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if v, err := c.ListLocalVariables(here, everything); v != nil || err != nil {
		t.Errorf("%v, %v", v, err)
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

// TestStacktrace asks for parts of a stack, as frame N does.
func TestStacktrace(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	for _, x := range []struct {
		depth, skip int
		names       string
		bottom      bool
	}{
		{50, 0, "blow_up run_scenario run_scenario run_scenario worker z_thread_entry ", true},
		{1, 0, "blow_up run_scenario ", false},
		{4, 4, "worker ", false},
		{6, 6, "", false},
		{-1, 0, "blow_up ", false},
	} {
		frames, err := c.Stacktrace(1, x.depth, x.skip, 0, nil)
		got, bottom := "", false
		for _, f := range frames {
			got, bottom = got+f.Function.Name()+" ", f.Bottom
		}
		if err != nil || got != x.names || bottom != x.bottom {
			t.Errorf("%d %d: %s%v, %v, want %s", x.depth, x.skip, got, bottom, err, x.names)
		}
	}
	if _, err := c.Stacktrace(9, 1, 0, 0, nil); err == nil {
		t.Error("task 9 has a stack")
	}
	if _, err := c.ListLocalVariables(api.EvalScope{GoroutineID: -1, Frame: 17}, everything); err == nil {
		t.Error("frame 17 has variables")
	}
	if _, err := c.ListLocalVariables(api.EvalScope{GoroutineID: -1, DeferredCall: 1}, everything); err == nil {
		t.Error("C has deferred calls")
	}
}

// A name in a dump must not reach the terminal as it is.
func TestHostileNames(t *testing.T) {
	row := inspect.ThreadRow{Thread: inspect.Thread{ID: 1, Name: &inspect.Fact[string]{Value: "a\x1b[31m\nb", State: elfcore.Suspect}}, Function: "f\x07"}
	row.PC = &inspect.Fact[elfcore.Addr]{}
	g := goroutine(&row)
	if got := g.Labels["name"] + g.CurrentLoc.Function.Name(); got != `a\x1b[31m\nb?f\a` {
		t.Errorf("%q", got)
	}
	v := load(t, "cortex-m3", "div").loader(nil, nil).variable("x\n", known("t\x1b", "struct", "\r", 0), 0)
	if got := v.Name + v.Type + v.Value; strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
		t.Errorf("%q", got)
	}
}

// TestDisassemble decodes code of each CPU that has a decoder, and names the CPU
// of one that has none.
func TestDisassemble(t *testing.T) {
	for cpu, want := range map[string]string{
		"aarch64": "", "rv64": "", "x86_64": "", "i386": "",
		"cortex-m3": "no disassembler for arm-m", "cortex-a": "no disassembler for arm", "rv32": "no disassembler for riscv32",
	} {
		c := load(t, cpu, "undef")
		f, err := c.frame(here)
		if err != nil {
			t.Fatal(err)
		}
		for flavour := range api.GoFlavour + 1 {
			code, err := c.DisassemblePC(here, uint64(f.PC), flavour)
			if want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", cpu, err, want)
				}
				continue
			}
			at, unknown := false, 0
			for _, i := range code {
				at = at || i.AtPC
				if i.Text == "?" {
					unknown++
				}
			}
			// One instruction may be unknown: the one that made the program crash.
			if err != nil || len(code) < 5 || !at || unknown > 1 || code[0].Loc.Function.Name() == "???" {
				t.Errorf("%s: %v, %d instructions, %d unknown", cpu, err, len(code), unknown)
			}
		}
		if _, err := c.DisassembleRange(here, 0x10, 1<<40, 0); err == nil {
			t.Errorf("%s: disassembled too much", cpu)
		}
	}
}
