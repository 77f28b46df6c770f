package inspect_test

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// firmwareOf opens the program of a fixture of testdata/firmware.
func firmwareOf(t *testing.T, cpu string) *firmware.Set {
	t.Helper()
	p, err := firmware.Open("../testdata/firmware/" + cpu + "/fw.elf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// What RAM holds at the start of the program is shown on demand only, and never
// as if it were known.
func TestInitial(t *testing.T) {
	core, program := load(t, "cortex-m3", "div").Core(), firmwareOf(t, "cortex-m3")
	core.Memory = elfcore.Memory{}
	for _, c := range []struct {
		initial  bool
		expr     string
		text     string
		presence inspect.Presence
		state    elfcore.State
		reason   string
	}{
		{false, "g_sensors[0].valve", "<not in dump>", inspect.NotInDump, elfcore.Missing, "memory not in dump at 0x2000002c"},
		{true, "g_sensors[0].valve", "VALVE_SHUT", inspect.Present, elfcore.Suspect, "initial value"},
		{true, "g_sensors[0].fl.trim", "2", inspect.Present, elfcore.Suspect, "initial value"},
		{true, "g_sensors[0].name", `"inlet\000\000\000\000\000\000"`, inspect.Present, elfcore.Suspect, "initial value"},
		{true, "g_zero", "<not in dump>", inspect.NotInDump, elfcore.Missing, ""}, // start-up code may set it to zero
	} {
		s := inspect.New(core, program, inspect.Options{Initial: c.initial})
		v, err := s.Eval(nil, c.expr, 0)
		if err != nil {
			t.Fatal(err)
		}
		if v.Text != c.text || v.Presence != c.presence || v.State != c.state || c.reason != "" && v.Reason != c.reason {
			t.Errorf("%s is %s, %v, %v (%s)", c.expr, v.Text, v.Presence, v.State, v.Reason)
		}
	}
}

// A pc that is missing is not 0, where code may lie.
func TestMissingPC(t *testing.T) {
	core, program := load(t, "cortex-m3", "div").Core(), firmwareOf(t, "cortex-m3")
	core.Threads[0].Regs = elfcore.NewRegisters(core.Arch)
	st, err := inspect.New(core, program, inspect.Options{}).Stack(1, inspect.StackOptions{Arguments: true, Locals: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Frames) != 1 || st.End.Kind != "needs-register" {
		t.Fatalf("%+v", st)
	}
	if f := st.Frames[0]; f.State != elfcore.Missing || f.Function != "" || f.File != "" || f.Arguments != nil || f.Locals != nil {
		t.Errorf("%+v", f)
	}
}
