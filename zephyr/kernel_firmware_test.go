package zephyr

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// truthThread is one thread as a live debugger saw it.
type truthThread struct {
	Name, Kind, Control, Entry string
	State, Prio                int
	Stack                      []string
	Interrupted                bool
	Registers                  map[string]string
}

// Every register that the kernel's threads have must be the live one, and those
// that a switched-out thread's structures hold must all be there.
func TestFirmwareThreads(t *testing.T) {
	logs, _ := filepath.Glob("../testdata/firmware/*/*.log")
	if len(logs) == 0 {
		t.Fatal("no testdata/firmware")
	}
	for _, path := range logs {
		name := filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
		t.Run(name, func(t *testing.T) { testFirmware(t, path, false) })
		if strings.HasPrefix(name, "cortex-m") {
			t.Run(name+" without psp", func(t *testing.T) { testFirmware(t, path, true) })
		}
	}
}

// testFirmware compares one dump with its truth. hidePSP takes away what only
// the console tells on Cortex-M.
func testFirmware(t *testing.T, path string, hidePSP bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var truth struct{ Threads []truthThread }
	b, err := os.ReadFile(path[:len(path)-len("log")] + "json")
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	elf, err := firmware.Open(filepath.Join(filepath.Dir(path), "fw.elf"))
	if err != nil {
		t.Fatal(err)
	}
	defer elf.Close()
	cores, err := Read(bytes.NewReader(text), int64(len(text)))
	if err != nil || len(cores) != 1 {
		t.Fatalf("%d dumps, %v", len(cores), err)
	}
	c := cores[0]
	c.Diagnostics = nil
	if hidePSP {
		c.Threads[0].Regs.Clear(cmReg.psp, 0)
	}
	for range 2 { // a second run, as on a core that is opened again, changes nothing
		Kernel.Threads(c, elf)
		if len(c.Threads) != len(truth.Threads) || c.Crash.Thread != 0 {
			t.Fatalf("%d threads, want %d", len(c.Threads), len(truth.Threads))
		}
		for i, want := range truth.Threads {
			compareThread(t, elf, &c.Threads[i], want, i == 0)
		}
	}
	if len(c.Diagnostics) > 0 {
		t.Errorf("diagnostics: %+v", c.Diagnostics)
	}
}

func compareThread(t *testing.T, p elfcore.Program, got *elfcore.Thread, want truthThread, crashed bool) {
	t.Helper()
	if got.Name.Value != want.Name || got.Kind.String() != want.Kind {
		t.Errorf("%v %q, want %s %q", got.Kind, got.Name.Value, want.Kind, want.Name)
	}
	if want.Kind == "task" {
		if entry, _ := p.Symbol(want.Entry); got.Entry.Value != entry.Addr {
			t.Errorf("%s: entry %v, want %s %v", want.Name, got.Entry.Value, want.Entry, entry.Addr)
		}
		if got.Priority.Value != want.Prio || got.Status.Value != statusText(uint8(want.State), "") {
			t.Errorf("%s: priority %d, state %q, want %d, 0x%x", want.Name, got.Priority.Value, got.Status.Value, want.Prio, want.State)
		}
		stack := got.Stack.Value
		if uint64(stack.Addr) != number(t, want.Stack[0]) || uint64(stack.End()) != number(t, want.Stack[1]) {
			t.Errorf("%s: stack %v, want %v", want.Name, stack, want.Stack)
		}
		if uint64(got.Control.Value) != number(t, want.Control) {
			t.Errorf("%s: control %v, want %s", want.Name, got.Control.Value, want.Control)
		}
	}
	if crashed {
		return // its registers are the register block's
	}
	have := 0
	for name, text := range want.Registers {
		r, ok := got.Regs.Arch().Reg(name)
		if !ok {
			t.Errorf("%s: no register %q", want.Name, name)
			continue
		}
		v, state := got.Regs.Get(r)
		switch {
		case state >= elfcore.Recovered && v == number(t, text):
			have++
		case state != elfcore.Missing || !want.Interrupted:
			t.Errorf("%s: %s = 0x%x %v, want %s", want.Name, name, v, state, text)
		}
	}
	if have < 4 {
		t.Errorf("%s: %d registers", want.Name, have)
	}
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
