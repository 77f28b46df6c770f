package inspect

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

func TestRuns(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"r4":                      "r4",
		"r4 r5":                   "r4 r5",
		"r4 r5 r6 lr":             "r4-r6 lr",
		"x8 x9 x10 x12 sp cpsr":   "x8-x10 x12 sp cpsr",
		"s0 s1 a0 a1 a2 s2 s3 s4": "s0 s1 a0-a2 s2-s4",
		"eax ebx":                 "eax ebx",
	} {
		if got := Runs(strings.Fields(in)); got != want {
			t.Errorf("Runs(%q) = %q, want %q", in, got, want)
		}
	}
}

// core makes a crash with a register of each state.
func core(a *arch.Arch) *elfcore.Core {
	c := elfcore.New("test", a, binary.LittleEndian)
	c.Threads = []elfcore.Thread{{ID: 1, Regs: elfcore.NewRegisters(a)}, {ID: 2}}
	c.Crash.Thread = 0
	return c
}

func TestDescribe(t *testing.T) {
	c := core(arch.CortexM)
	r := &c.Threads[0].Regs
	why := c.Because("test.rule", "a text", elfcore.Pos{Line: 7, Off: -1})
	for i := range arch.CortexM.Regs {
		if arch.CortexM.Regs[i].Group == arch.General {
			r.Set(arch.Reg(i), uint64(i), elfcore.Known, 0)
		}
	}
	r.Set(arch.CortexM.SP, 0x20001000, elfcore.Recovered, why)
	r.Set(arch.CortexM.LR, 0x101, elfcore.Suspect, why)
	r.Clear(arch.CortexM.FP, why)
	c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultDivide, State: elfcore.Known}
	c.Threads[0].Name = elfcore.Fact[string]{Value: "main", State: elfcore.Known, Why: why}
	c.Memory.Add(elfcore.NewRegion(0x20000000, []byte{1, 2}, elfcore.PermR|elfcore.PermW, elfcore.Known, why))
	c.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "test.loss"})

	info := Describe(c, nil, Input{Name: "x"}, Crashed)
	main, other := info.Threads[0], info.Threads[1]
	source := Source{"test.rule", "a text", 7}
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"count", main.Count, Count{Known: 14, Recovered: 1, Suspect: 1, Missing: 1}},
		{"missing", main.Missing, []string{"r7"}},
		{"suspect", main.Suspect, []string{"lr"}},
		{"sp", *main.SP, Fact[elfcore.Addr]{0x20001000, elfcore.Recovered, source}},
		{"name", *main.Name, Fact[string]{"main", elfcore.Known, source}},
		{"crashed", main.Crashed, true},
		{"r7", main.Registers[7], Register{"r7", "general", "", elfcore.Missing, source}},
		{"lr", main.Registers[14], Register{"lr", "general", "0x00000101", elfcore.Suspect, source}},
		{"thread without registers", other.Count, Count{Missing: 17}},
		{"registers not asked for", other.Registers == nil, true},
		{"signal", info.Crash.SignalName, "SIGFPE"},
		{"fault", info.Crash.Fault.Value, "division by zero"},
		{"memory", info.Memory, []Region{{elfcore.Range{Addr: 0x20000000, Size: 2}, elfcore.Known, "rw", source}}},
		{"damaged", info.Damaged, true},
		{"no reason", info.Crash.Reason == nil, true},
		{"no firmware", info.Firmware == nil, true},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("%s: %+v, want %+v", x.what, x.got, x.want)
		}
	}
	if all := Describe(c, nil, Input{}, All); len(all.Threads[0].Registers) != 17 {
		t.Errorf("%d registers, want those of the CPU", len(all.Threads[0].Registers))
	}
}

// One floating point register makes a debugger show all of them.
func TestPartialFloats(t *testing.T) {
	c := core(arch.CortexM)
	d0, _ := arch.CortexM.Reg("d0")
	if got := Describe(c, nil, Input{}, Summary).Threads[0]; strings.Contains(Runs(got.Missing), "d") {
		t.Errorf("missing %v", got.Missing)
	}
	c.Threads[0].Regs.Set(d0, 1, elfcore.Known, 0)
	if got := Runs(Describe(c, nil, Input{}, Summary).Threads[0].Missing); !strings.HasSuffix(got, " d1-d31 fpscr") {
		t.Errorf("missing %s", got)
	}
}

// RV32E has no x16 to x31, so they can't be missing.
func TestEmbeddedRISCV(t *testing.T) {
	c := core(arch.RV32)
	c.HasFlags = true
	for flags, want := range map[uint32]int{0: 32, arch.RISCVEFlag: 16} {
		c.Flags = flags
		if got := len(Describe(c, nil, Input{}, Summary).Threads[0].Missing); got != want {
			t.Errorf("flags %#x: %d registers are missing, want %d", flags, got, want)
		}
	}
}

// TestSignal: a process's signal is what its core states, that of any other
// crash follows from the fault.
func TestSignal(t *testing.T) {
	for _, c := range []struct {
		format string
		reason uint64
		fault  arch.Fault
		number int
		name   string
	}{
		{elfcore.FormatLinux, 31, arch.FaultUnknown, 31, "SIGSYS"},
		{elfcore.FormatLinux, 9, arch.FaultUnknown, 9, "SIGKILL"},
		{elfcore.FormatLinux, 7, arch.FaultAccess, 7, "SIGBUS"},
		{elfcore.FormatELF, 5, arch.FaultUnknown, 5, "SIGTRAP"},
		{elfcore.FormatFreeBSD, 12, arch.FaultUnknown, 12, "SIGSYS"},
		{elfcore.FormatFreeBSD, 10, arch.FaultBus, 10, "SIGBUS"},
		{elfcore.FormatLinux, 0, arch.FaultUnknown, 0, ""},
		{"zephyr", 31, arch.FaultAccess, 11, "SIGSEGV"},
		{"zephyr", 31, arch.FaultUnknown, 0, ""},
	} {
		core := elfcore.New(c.format, arch.AMD64, binary.LittleEndian)
		core.Crash.Reason = elfcore.Fact[uint64]{Value: c.reason, State: elfcore.Known}
		core.Crash.Fault = elfcore.Fact[arch.Fault]{Value: c.fault, State: elfcore.Known}
		if got := Describe(core, nil, Input{}, Summary).Crash; got.Signal != c.number || got.SignalName != c.name {
			t.Errorf("%s, %d, %v: %d %s, want %d %s", c.format, c.reason, c.fault, got.Signal, got.SignalName, c.number, c.name)
		}
	}
}
