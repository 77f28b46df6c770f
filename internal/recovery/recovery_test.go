package recovery

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// cases calls run for each crash of the fixture programs, with a Core that has
// the dump's memory and no threads.
func cases(t *testing.T, run func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core)) {
	list, err := fixture.Load("../../testdata/firmware")
	if err != nil {
		t.Fatal("no fixture programs: run make firmware: ", err)
	}
	for _, x := range list {
		t.Run(x.Name(), func(t *testing.T) {
			p := program(t, x.ELF)
			run(t, x, p, coreOf(p, x))
		})
	}
}

func program(t testing.TB, path string) *firmware.Set {
	p, err := firmware.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func coreOf(p *firmware.Set, x *fixture.Case) *elfcore.Core {
	c := elfcore.New("test", p.Arch(), binary.LittleEndian)
	for _, m := range x.Native.Memory {
		c.Memory.Add(elfcore.NewRegion(elfcore.Addr(m.Addr), m.Data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	}
	return c
}

// regs makes registers, all Known, of what a debugger saw.
func regs(t testing.TB, a *arch.Arch, from map[string]fixture.Number) elfcore.Registers {
	r := elfcore.NewRegisters(a)
	for name, v := range from {
		n, ok := a.Reg(name)
		if !ok {
			t.Fatalf("%s has no register %s", a.Name, name)
		}
		r.Set(n, uint64(v), elfcore.Known, 0)
	}
	return r
}

func crashed(c *elfcore.Core, r elfcore.Registers, f arch.Fault, alternatives ...elfcore.Registers) *elfcore.Thread {
	c.Threads = []elfcore.Thread{{Regs: r, Alternatives: alternatives}}
	c.Crash.Thread = 0
	c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: f, State: elfcore.Known}
	return &c.Threads[0]
}

// wantReg checks a register and the rule that gave it, "" if none did.
func wantReg(t *testing.T, c *elfcore.Core, r *elfcore.Registers, n arch.Reg, value uint64, state elfcore.State, rule string) elfcore.Evidence {
	t.Helper()
	v, s := r.Get(n)
	e := c.Explain(r.Why(n))
	if v != value || s != state || e.Rule != rule {
		t.Errorf("%s is 0x%x (%v, %q), want 0x%x (%v, %q)", c.Arch.Regs[n].Name, v, s, e.Rule, value, state, rule)
	}
	return e
}

// offsets are what exception frames, with and without floating point, padding
// and the registers that software adds, make a stack pointer differ by.
var offsets = []int64{-176, -104, -80, -40, -36, -32, -4, 4, 32, 36, 40, 72, 80, 104, 176}

// moved copies registers with another stack pointer.
func moved(r elfcore.Registers, off int64, s elfcore.State) elfcore.Registers {
	sp, _ := r.SP()
	n := r.Clone()
	n.Set(r.Arch().SP, sp+uint64(off), s, 0)
	return n
}

// Of rival stack pointers the right one is taken, wherever it stands among
// them, in every thread of every fixture.
func TestChoose(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		for _, want := range x.Truth.Threads {
			for _, state := range []elfcore.State{elfcore.Recovered, elfcore.Suspect} {
				truth := regs(t, c.Arch, want.Registers)
				sp, _ := truth.SP()
				var list []elfcore.Registers
				for _, off := range offsets {
					list = append(list, moved(truth, off, state))
				}
				for at := range 3 { // first, in the middle, last
					readings := append([]elfcore.Registers{}, list...)
					readings[at*(len(list)-1)/2] = moved(truth, 0, state)
					th := crashed(c, readings[0], arch.FaultUnknown, readings[1:]...)
					Rules(c, p)
					rule := "" // what was recovered before keeps its reason
					if state == elfcore.Suspect {
						rule = "recovery.by-unwinding"
					}
					e := wantReg(t, c, &th.Regs, c.Arch.SP, sp, elfcore.Recovered, rule)
					if state == elfcore.Suspect && !strings.HasPrefix(e.Text, "of 15 readings this one unwinds best: ") {
						t.Errorf("evidence %q", e.Text)
					}
					if th.Alternatives != nil {
						t.Error("alternatives are left")
					}
				}
			}
		}
	})
}

// Readings of which none is right stay in doubt, and so do those that nothing
// tells apart.
func TestUndecided(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		truth := regs(t, c.Arch, x.Crashed().Registers)
		sp, _ := truth.SP()

		// No firmware: the first reading is kept.
		th := crashed(c, moved(truth, 0, elfcore.Recovered), arch.FaultUnknown, moved(truth, 72, elfcore.Recovered))
		Rules(c, nil)
		wantReg(t, c, &th.Regs, c.Arch.SP, sp, elfcore.Suspect, "recovery.undecided")

		// No firmware, but all say the same.
		th = crashed(c, moved(truth, 0, elfcore.Recovered), arch.FaultUnknown, moved(truth, 0, elfcore.Recovered))
		Rules(c, nil)
		wantReg(t, c, &th.Regs, c.Arch.SP, sp, elfcore.Recovered, "")

		// No stack: whatever the link register says, it says nothing of sp.
		empty := elfcore.New("test", c.Arch, binary.LittleEndian)
		for _, state := range []elfcore.State{elfcore.Suspect, elfcore.Recovered} {
			th = crashed(empty, moved(truth, 0, state), arch.FaultUnknown, moved(truth, 72, state))
			Rules(empty, p)
			if v, s := th.Regs.SP(); v != sp || s != elfcore.Suspect {
				t.Errorf("without memory sp is 0x%x (%v)", v, s)
			}
		}

		// Nothing to choose from, and certain: not touched, right or wrong.
		for _, off := range []int64{0, 4} {
			th = crashed(c, moved(truth, off, elfcore.Known), arch.FaultUnknown)
			Rules(c, p)
			wantReg(t, c, &th.Regs, c.Arch.SP, sp+uint64(off), elfcore.Known, "")
		}

		// Memory that may be shifted bears nothing out.
		shifted := elfcore.New("test", c.Arch, binary.LittleEndian)
		for r := range c.Memory.All() {
			r.State = elfcore.Suspect
			shifted.Memory.Add(r)
		}
		th = crashed(shifted, moved(truth, 0, elfcore.Suspect), arch.FaultUnknown)
		Rules(shifted, p)
		wantReg(t, shifted, &th.Regs, c.Arch.SP, sp, elfcore.Suspect, "")
	})
}

// A return address in the link register scores, but says nothing of the stack
// pointer: a leaf function with a stack pointer into nowhere, or far below its
// frame, from where a scan finds the callers nevertheless.
func TestLeafProvesNothing(t *testing.T) {
	stops, p, c := unoptimised(t, "rv32")
	leaf := stops[len(stops)-1]
	r := elfcore.NewRegisters(c.Arch)
	n, _ := c.Arch.Reg("ra")
	r.Set(c.Arch.PC, symbol(t, p, "leaf"), elfcore.Known, 0) // where CFA is sp, and ra holds the return address
	r.Set(n, uint64(leaf.Registers["ra"]), elfcore.Known, 0)
	for _, sp := range []uint64{0x70000000, symbol(t, p, "sink") &^ 15} {
		r.Set(c.Arch.SP, sp, elfcore.Suspect, 0)
		if now := read(c, p, r); now.score <= 0 || now.bySP {
			t.Fatalf("sp 0x%x: score %d, by sp %v", sp, now.score, now.bySP)
		}
		th := crashed(c, r.Clone(), arch.FaultUnknown)
		Rules(c, p)
		wantReg(t, c, &th.Regs, c.Arch.SP, sp, elfcore.Suspect, "")
	}
}

func symbol(t *testing.T, p *firmware.Set, name string) uint64 {
	s, ok := p.Symbol(name)
	if !ok {
		t.Fatalf("no symbol %s", name)
	}
	return uint64(s.Addr)
}

func TestGlobalPointer(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		gp, ok := c.Arch.Reg("gp")
		r := regs(t, c.Arch, x.Crashed().Registers)
		if !ok {
			before := r.Clone()
			globalPointer(c, p, crashed(c, r, arch.FaultUnknown))
			unchanged(t, c, &before, &r)
			return
		}
		truth := uint64(x.Crashed().Registers["gp"])
		r.Clear(gp, 0)
		th := crashed(c, r, arch.FaultUnknown)
		Rules(c, p)
		wantReg(t, c, &th.Regs, gp, truth, elfcore.Recovered, "recovery.gp-symbol")

		for _, s := range []elfcore.State{elfcore.Suspect, elfcore.Known} {
			r.Set(gp, 0x1234, s, 0)
			th = crashed(c, r, arch.FaultUnknown)
			Rules(c, p)
			wantReg(t, c, &th.Regs, gp, 0x1234, s, "")
		}
	})
}

// unchanged checks that no register differs.
func unchanged(t *testing.T, c *elfcore.Core, before, after *elfcore.Registers) {
	t.Helper()
	for i, info := range c.Arch.Regs {
		v, s := before.Get(arch.Reg(i))
		if w, now := after.Get(arch.Reg(i)); v != w || s != now {
			t.Errorf("%s was 0x%x (%v), is 0x%x (%v)", info.Name, v, s, w, now)
		}
	}
}

// The pc of a panic stands behind the trap instruction: it is moved back, and
// before rival stack pointers are judged, for which it must be in the right
// function.
func TestOntoTrap(t *testing.T) {
	panics := 0
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		truth := regs(t, c.Arch, x.Crashed().Registers)
		pc, _ := truth.PC()
		sp, _ := truth.SP()
		after := truth.Clone()
		after.Set(c.Arch.PC, pc+x.Truth.TrapSize, elfcore.Known, 0)

		if x.Truth.TrapSize == 0 { // no trap before the pc, whatever the reason says
			th := crashed(c, after.Clone(), arch.FaultAbort)
			Rules(c, p)
			wantReg(t, c, &th.Regs, c.Arch.PC, pc, elfcore.Known, "")
			return
		}
		panics++
		th := crashed(c, moved(after, 72, elfcore.Recovered), arch.FaultAbort, moved(after, 0, elfcore.Recovered))
		Rules(c, p)
		e := wantReg(t, c, &th.Regs, c.Arch.PC, pc, elfcore.Recovered, "recovery.pc-onto-trap")
		if want := (elfcore.Addr(pc + x.Truth.TrapSize)).String(); !strings.Contains(e.Text, strings.TrimLeft(want[2:], "0")) {
			t.Errorf("evidence %q lacks %s", e.Text, want)
		}
		wantReg(t, c, &th.Regs, c.Arch.SP, sp, elfcore.Recovered, "")

		for _, f := range []arch.Fault{arch.FaultIllegal, arch.FaultUnknown} {
			th = crashed(c, after.Clone(), f)
			Rules(c, p)
			wantReg(t, c, &th.Regs, c.Arch.PC, pc+x.Truth.TrapSize, elfcore.Known, "")
		}
		suspect := after.Clone()
		suspect.Set(c.Arch.PC, pc+x.Truth.TrapSize, elfcore.Suspect, 0)
		th = crashed(c, suspect, arch.FaultAbort)
		Rules(c, p)
		wantReg(t, c, &th.Regs, c.Arch.PC, pc+x.Truth.TrapSize, elfcore.Suspect, "")

		// Another thread's pc is none of its business.
		crashed(c, truth.Clone(), arch.FaultAbort)
		c.Threads = append(c.Threads, elfcore.Thread{Regs: after.Clone()})
		Rules(c, p)
		wantReg(t, c, &c.Threads[1].Regs, c.Arch.PC, pc+x.Truth.TrapSize, elfcore.Known, "")
	})
	if panics == 0 {
		t.Skip("no fixture panics")
	}
}

// stop is what a debugger saw in a program of testdata/o0.
type stop struct {
	Registers map[string]fixture.Number
	Frames    []struct {
		PC       fixture.Number
		Function string
	}
	RAM string
}

// unoptimised opens a program of testdata/o0, with the memory of its last stop.
func unoptimised(t *testing.T, cpu string) ([]stop, *firmware.Set, *elfcore.Core) {
	text, err := os.ReadFile("testdata/o0/" + cpu + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Start fixture.Number
		Stops []stop
	}
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatal(err)
	}
	p := program(t, "testdata/o0/"+cpu+".elf")
	return seen.Stops, p, memoryOf(t, p, uint64(seen.Start), seen.Stops[len(seen.Stops)-1])
}

func memoryOf(t *testing.T, p *firmware.Set, at uint64, s stop) *elfcore.Core {
	ram, err := hex.DecodeString(s.RAM)
	if err != nil {
		t.Fatal(err)
	}
	c := elfcore.New("test", p.Arch(), binary.LittleEndian)
	c.Memory.Add(elfcore.NewRegion(elfcore.Addr(at), ram, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	return c
}

// Code that addresses its frame by r7 or s0 is unwound though the dump lacks
// that register.
func TestFrameRegister(t *testing.T) {
	for _, tc := range []struct{ cpu, reg, gdb string }{{"cortex-m3", "r7", "r7"}, {"rv32", "s0", "fp"}} {
		t.Run(tc.cpu, func(t *testing.T) {
			stops, p, first := unoptimised(t, tc.cpu)
			a := p.Arch()
			fp, _ := a.Reg(tc.reg)
			ram, _ := first.Memory.At(elfcore.Addr(stops[0].Registers["sp"]))
			for _, s := range stops {
				c := memoryOf(t, p, uint64(ram.Addr), s)
				truth := uint64(s.Registers[tc.gdb])
				r := elfcore.NewRegisters(a)
				for _, name := range []string{"pc", "sp", "lr", "ra"} {
					if n, ok := a.Reg(name); ok {
						r.Set(n, uint64(s.Registers[name]), elfcore.Known, 0)
					}
				}
				function := s.Frames[0].Function
				th := crashed(c, r.Clone(), arch.FaultUnknown)
				Rules(c, p)
				if function == "outer" {
					// Its variable-length array has moved sp: no value rather
					// than a wrong one.
					wantReg(t, c, &th.Regs, fp, 0, elfcore.Missing, "")
					continue
				}
				wantReg(t, c, &th.Regs, fp, truth, elfcore.Recovered, "recovery.frame-pointer")
				if now := read(c, p, th.Regs); now.frames < len(s.Frames) {
					t.Errorf("%s: %d frames, want %d", function, now.frames, len(s.Frames))
				}

				// No surer than what it is computed from, and never instead of
				// what is there.
				r.Set(a.PC, uint64(s.Registers["pc"]), elfcore.Suspect, 0)
				th = crashed(c, r.Clone(), arch.FaultUnknown)
				Rules(c, p)
				wantReg(t, c, &th.Regs, fp, truth, elfcore.Suspect, "recovery.frame-pointer")
				r.Set(fp, 0x1234, elfcore.Known, 0)
				th = crashed(c, r, arch.FaultUnknown)
				Rules(c, p)
				wantReg(t, c, &th.Regs, fp, 0x1234, elfcore.Known, "")
			}
		})
	}
}

// A core without threads, or with one that has no registers, is left alone.
func TestNothingToDo(t *testing.T) {
	c := elfcore.New("test", arch.RV32, binary.LittleEndian)
	Rules(c, nil)
	c.Threads = []elfcore.Thread{{}, {Regs: elfcore.NewRegisters(arch.RV32)}}
	Rules(c, nil)
	p := program(t, "testdata/o0/rv32.elf")
	for _, crash := range []int{-1, 0, 1, 5} {
		c.Crash.Thread = crash
		for _, f := range arch.Faults() {
			c.Crash.Fault.Value = f
			Rules(c, p)
			pc, s := c.Threads[1].Regs.PC()
			if pc != 0 || s != elfcore.Missing {
				t.Errorf("%v: pc 0x%x (%v)", f, pc, s)
			}
		}
	}
}
