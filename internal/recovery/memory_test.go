package recovery

import (
	"bytes"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// contents reads memory and the state that it has.
func contents(t *testing.T, c *elfcore.Core, r elfcore.Range) ([]byte, elfcore.State) {
	t.Helper()
	b := make([]byte, r.Size)
	s, err := c.Memory.Read(b, r.Addr)
	if err != nil {
		t.Errorf("%v: %v", r, err)
	}
	return b, s
}

// A self-contained core has the firmware's code and constants, the dump's bytes
// where it has them, and no initial values.
func TestSelfContained(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		if x.Scenario == "null" {
			t.Skip("TestCalledNull")
		}
		crashed(c, regs(t, c.Arch, x.Crashed().Registers), arch.FaultUnknown)
		var before []elfcore.Region
		for r := range c.Memory.All() {
			before = append(before, r)
		}
		SelfContained(c, p)
		for _, r := range before {
			now, s := contents(t, c, r.Range)
			was := make([]byte, r.Size)
			if _, err := r.Data.ReadAt(was, 0); err != nil || !bytes.Equal(was, now) || s != elfcore.Known {
				t.Errorf("%v of the dump has changed, or is %v", r.Range, s)
			}
		}
		bytesThere := 0
		for _, sec := range p.ReadOnly() {
			got, s := contents(t, c, sec.Range)
			want := make([]byte, sec.Size)
			if _, err := sec.Data.ReadAt(want, 0); err != nil || s < elfcore.Recovered {
				t.Errorf("%s: %v, %v", sec.Name, s, err)
			}
			if !sec.Write && !bytes.Equal(got, want) {
				t.Errorf("%s differs from the firmware", sec.Name)
			}
			bytesThere += len(got)
			if r, _ := c.Memory.At(sec.Addr); r.State == elfcore.Recovered && c.Explain(r.Why).Rule != "firmware.section" {
				t.Errorf("%s is there by %q", sec.Name, c.Explain(r.Why).Rule)
			} else if r.State == elfcore.Recovered && (r.Perm&elfcore.PermX != 0) != sec.Exec {
				t.Errorf("%s has permissions %d", sec.Name, r.Perm)
			}
		}
		if bytesThere < 1000 {
			t.Errorf("%d bytes of code and constants", bytesThere)
		}
		for _, sec := range p.Writable() {
			if r, ok := c.Memory.At(sec.Addr); ok && !sec.Exec && r.State != elfcore.Known {
				t.Errorf("%s is %v", sec.Name, r.State)
			}
		}
		if c.Program.HideInitial {
			t.Error("initial values are hidden, which nobody asked for")
		}
	})
}

func TestUncovered(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		crashed(c, regs(t, c.Arch, x.Crashed().Registers), arch.FaultUnknown)
		for _, sec := range Uncovered(c, p) {
			if !strings.HasPrefix(sec.Name, ".boot") { // what the start-up code used is not in these dumps
				t.Errorf("%s lacks bytes", sec.Name)
			}
		}
		empty := elfcore.New("test", c.Arch, c.Order)
		list := Uncovered(empty, p)
		if len(list) != len(p.Writable()) || len(list) == 0 {
			t.Errorf("%d of %d sections of an empty dump", len(list), len(p.Writable()))
		}
		// All but the last byte of one section.
		partly := list[0].Range
		partly.Size--
		empty.Memory.Add(elfcore.NewRegion(partly.Addr, make([]byte, partly.Size), 0, elfcore.Known, 0))
		if again := Uncovered(empty, p); len(again) != len(list) || again[0].Name != list[0].Name {
			t.Errorf("%d sections lack bytes, want %d", len(again), len(list))
		}
		ReportUncovered(empty, list, false)
		ReportUncovered(empty, list[:1], true)
		d := empty.Diagnostics
		if len(d) != len(list)+1 || d[0].Severity != elfcore.Warning || d[len(list)].Severity != elfcore.Info ||
			!strings.HasPrefix(d[0].Found, "1 of ") || !strings.Contains(d[0].Found, list[0].Name) {
			t.Errorf("diagnostics %+v", d)
		}
	})
}

func TestHideInitial(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		crashed(c, regs(t, c.Arch, x.Crashed().Registers), arch.FaultUnknown)
		before := c.Memory.Len()
		HideInitial(c, p)
		if c.Program.HideInitial != c.Arch.Core.Honest || c.Arch.Core.Honest != (c.Memory.Len() > before || x.CPU == "aarch64") {
			t.Errorf("hidden: %v; %d regions, were %d", c.Program.HideInitial, c.Memory.Len(), before)
		}
	})
}

// A call of NULL where code lies at address 0: the four bytes there are left
// out, all else is in the core.
func TestCalledNull(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		truth := regs(t, c.Arch, x.Crashed().Registers)
		th := crashed(c, truth.Clone(), arch.FaultUnknown)
		want := x.Scenario == "null" && x.CPU == "cortex-m3" // the others have no code at 0
		if got := CalledNull(c, p); got != want {
			t.Errorf("called NULL: %v", got)
		}
		if !want {
			return
		}
		HideInitial(c, p)
		for a, there := range map[elfcore.Addr]bool{0: false, 3: false, 4: true, 0x100: true} {
			if _, ok := c.Memory.At(a); ok != there {
				t.Errorf("memory at %v: %v", a, ok)
			}
		}
		first, _ := contents(t, c, elfcore.Range{Addr: 4, Size: 4})
		vector := make([]byte, 4)
		if p.ReadConst(vector, 4) != nil || !bytes.Equal(first, vector) {
			t.Errorf("the word at 4 is %x, want %x", first, vector)
		}
		for _, s := range []elfcore.State{elfcore.Missing, elfcore.Suspect} {
			th.Regs.Set(c.Arch.PC, 0, s, 0)
			if CalledNull(c, p) {
				t.Errorf("called NULL by a pc that is %v", s)
			}
		}
		c.Crash.Thread = -1
		if CalledNull(c, p) {
			t.Error("called NULL by nobody")
		}
	})
}

// Suspect bytes, which are not written to a core, give way to the firmware's.
func TestSuspectMemory(t *testing.T) {
	p := program(t, "testdata/o0/cortex-m3.elf")
	c := elfcore.New("test", p.Arch(), nil)
	code := p.ReadOnly()[0]
	c.Memory.Add(elfcore.NewRegion(code.Addr, make([]byte, code.Size), 0, elfcore.Suspect, 0))
	SelfContained(c, p)
	got, s := contents(t, c, code.Range)
	want := make([]byte, code.Size)
	if p.ReadConst(want, code.Addr) != nil || !bytes.Equal(got, want) || s != elfcore.Recovered {
		t.Errorf("code is %v and equal: %v", s, bytes.Equal(got, want))
	}
}
