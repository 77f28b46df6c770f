package recovery

import (
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
	"corelift/internal/unwind"
)

// overflow is a thread of the truth as a stack overflow leaves it: a full
// stack, whose limit is where the thread's sp was, and a stray pc.
func overflow(t *testing.T, c *elfcore.Core, of *fixture.Thread) *elfcore.Thread {
	r := regs(t, c.Arch, of.Registers)
	sp, _ := r.SP()
	r.Set(c.Arch.PC, 0x5a5a5a5b, elfcore.Known, 0)
	r.Set(c.Arch.SP, sp-uint64(8*c.Arch.PtrSize()), elfcore.Suspect, 0) // it ran over the end
	th := crashed(c, r, arch.FaultStack)
	th.Stack = elfcore.Fact[elfcore.Range]{State: elfcore.Known,
		Value: elfcore.Range{Addr: elfcore.Addr(sp), Size: uint64(of.Stack[1]) - sp}}
	return th
}

// A thread that overflowed its stack shows its callers.
func TestFromStack(t *testing.T) {
	found, of := 0, 0
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		for i := range x.Truth.Threads {
			want := &x.Truth.Threads[i]
			pcs := live(t, c, p, want)
			if want.Kind != "task" || len(pcs) < 3 {
				continue
			}
			of++
			th := overflow(t, c, want)
			before := th.Regs.Clone()
			oldSP, _ := before.SP()
			Rules(c, p)
			pc, state := th.Regs.PC()
			e := c.Explain(th.Regs.Why(c.Arch.PC))
			if state == elfcore.Suspect && e.Rule == "recovery.frame-garbage" {
				wantReg(t, c, &th.Regs, c.Arch.PC, 0x5a5a5a5b, elfcore.Suspect, "recovery.frame-garbage")
				t.Logf("%s: no callers found", want.Name)
				continue
			}
			found++
			if state != elfcore.Recovered || e.Rule != "recovery.from-stack" {
				t.Errorf("%s: pc is %v by %q", want.Name, state, e.Rule)
			}
			for _, old := range []string{"0x5a5a5a5b", elfcore.Addr(oldSP).String()} {
				if !strings.Contains(e.Text, strings.TrimLeft(old, "0x")) {
					t.Errorf("%s: evidence %q lacks %s", want.Name, e.Text, old)
				}
			}
			checkCallers(t, c, p, th, pcs, want.Name)
			if pc == 0 {
				t.Error("pc is 0")
			}
			// No register of the frame that was lost is taken for the caller's.
			for i, info := range c.Arch.Regs {
				n := arch.Reg(i)
				if n == c.Arch.PC || n == c.Arch.SP || info.Name == "gp" || info.Name == "tp" {
					continue
				}
				if _, s := th.Regs.Get(n); s > elfcore.Suspect && c.Explain(th.Regs.Why(n)).Rule != "recovery.frame-pointer" {
					t.Errorf("%s: %s is %v", want.Name, info.Name, s)
				}
			}
		}
	})
	t.Logf("%d of %d threads", found, of)
	if found*10 < of*9 {
		t.Error("too few threads show their callers")
	}
}

// live are the pcs of the frames from the thread's true registers outwards,
// which internal/unwind tests against the debugger.
func live(t *testing.T, c *elfcore.Core, p *firmware.Set, of *fixture.Thread) (pcs []elfcore.Addr) {
	for _, f := range unwind.Walk(c, p, regs(t, c.Arch, of.Registers), 0) {
		pcs = append(pcs, f.PC)
	}
	return pcs
}

// checkCallers walks from where a rule moved to: the truth's frames from some
// caller on.
func checkCallers(t *testing.T, c *elfcore.Core, p *firmware.Set, th *elfcore.Thread, pcs []elfcore.Addr, name string) {
	t.Helper()
	trace := unwind.Walk(c, p, th.Regs, 0)
	skip := 0
	for skip < len(pcs) && pcs[skip] != trace[0].PC {
		skip++
	}
	// 2 where the innermost return address was in the link register.
	if skip == 0 || skip > 2 || len(trace) < len(pcs)-skip {
		t.Errorf("%s: starts with frame %d of %d, %d frames", name, skip, len(pcs), len(trace))
		return
	}
	for i, pc := range pcs[skip:] {
		if trace[i].PC != pc {
			t.Errorf("%s: frame %d is %v, want %v", name, i, trace[i].PC, pc)
		}
	}
}

// What the rules of a lost frame leave alone.
func TestFrameNotLost(t *testing.T) {
	cases(t, func(t *testing.T, x *fixture.Case, p *firmware.Set, c *elfcore.Core) {
		want := x.Current()
		if want.Kind != "task" || len(live(t, c, p, want)) < 3 {
			t.Skip("no callers")
		}
		// Another fault, or a pc that is code: nothing is doubted.
		th := overflow(t, c, want)
		c.Crash.Fault.Value = arch.FaultAccess
		Rules(c, p)
		wantReg(t, c, &th.Regs, c.Arch.PC, 0x5a5a5a5b, elfcore.Known, "")
		th = overflow(t, c, want)
		code := symbol(t, p, "z_thread_entry") + 4
		th.Regs.Set(c.Arch.PC, code, elfcore.Known, 0)
		Rules(c, p)
		wantReg(t, c, &th.Regs, c.Arch.PC, code, elfcore.Known, "")

		// No stack in the dump: the frame is doubted, and nothing made up.
		empty := elfcore.New("test", c.Arch, c.Order)
		th = overflow(t, empty, want)
		Rules(empty, p)
		wantReg(t, empty, &th.Regs, c.Arch.PC, 0x5a5a5a5b, elfcore.Suspect, "recovery.frame-garbage")

		// No sp, or beyond the stack: the same.
		for _, change := range []func(*elfcore.Thread){
			func(th *elfcore.Thread) { th.Regs.Clear(c.Arch.SP, 0) },
			func(th *elfcore.Thread) {
				th.Regs.Set(c.Arch.SP, uint64(th.Stack.Value.End()), elfcore.Suspect, 0)
			},
			func(th *elfcore.Thread) { th.Stack.Value.Addr, th.Stack.Value.Size = 0, 0 },
			func(th *elfcore.Thread) { // what lies behind is another thread's
				word := uint64(c.Arch.PtrSize())
				th.Stack.Value.Addr -= elfcore.Addr(2 * word)
				th.Stack.Value.Size = 2 * word
			},
		} {
			th = overflow(t, c, want)
			change(th)
			Rules(c, p)
			wantReg(t, c, &th.Regs, c.Arch.PC, 0x5a5a5a5b, elfcore.Suspect, "recovery.frame-garbage")
		}

		// Without the stack's bounds what is found may be another thread's.
		th = overflow(t, c, want)
		sp := uint64(want.Registers[x.SP()])
		th.Regs.Set(c.Arch.SP, sp, elfcore.Suspect, 0)
		th.Stack = elfcore.Fact[elfcore.Range]{}
		Rules(c, p)
		if _, s := th.Regs.PC(); s != elfcore.Suspect {
			t.Errorf("pc is %v without the stack's bounds", s)
		}
	})
}

// On a Cortex-M only what hardware pushes is lost. Fault registers and what the
// handler saved by itself are not.
func TestDoubtFrame(t *testing.T) {
	a := arch.CortexM
	c := elfcore.New("test", a, nil)
	c.Crash.Fault.Value = arch.FaultStack
	th := elfcore.Thread{Regs: elfcore.NewRegisters(a)}
	for i := range a.Regs {
		th.Regs.Set(arch.Reg(i), uint64(i)+1, elfcore.Known, 0)
	}
	doubtFrame(c, &th)
	for i, info := range a.Regs {
		want := elfcore.Known
		switch info.Name {
		case "r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr":
			want = elfcore.Suspect
		}
		v, s := th.Regs.Get(arch.Reg(i))
		if v != uint64(i)+1 || s != want || s == elfcore.Suspect && c.Explain(th.Regs.Why(arch.Reg(i))).Rule == "" {
			t.Errorf("%s is 0x%x (%v), want %v", info.Name, v, s, want)
		}
	}
	// The fault registers survive a move to the caller as well.
	to := elfcore.NewRegisters(a)
	to.Set(a.PC, 0x100, elfcore.Recovered, 0)
	to.Set(a.SP, 0x200, elfcore.Recovered, 0)
	moveTo(c, &th, &to, elfcore.Recovered, 0x1fc)
	for i, info := range a.Regs {
		n := arch.Reg(i)
		_, s := th.Regs.Get(n)
		switch {
		case n == a.PC, n == a.SP:
			wantReg(t, c, &th.Regs, n, map[arch.Reg]uint64{a.PC: 0x100, a.SP: 0x200}[n], elfcore.Recovered, "recovery.from-stack")
		case info.Group == arch.Control && s != elfcore.Known, info.Group != arch.Control && s != elfcore.Missing:
			t.Errorf("%s is %v", info.Name, s)
		}
	}
}

// A word of the stack that follows a call is not enough: the frames that it
// leads to must hang together, and on a Cortex-M its Thumb bit be set.
func TestCalledFrom(t *testing.T) {
	stops, p, c := unoptimised(t, "rv32")
	ret := uint64(stops[len(stops)-1].Registers["ra"]) // into middle, behind its call of leaf
	const slot = 0x70000000
	stack := make([]byte, 256)
	c.Order.PutUint32(stack, uint32(ret))
	c.Order.PutUint32(stack[76:], slot+84+48)                        // its frame register, of a leaf
	c.Order.PutUint32(stack[80:], uint32(symbol(t, p, "leaf")+0x30)) // middle's return address, behind no call
	c.Memory.Add(elfcore.NewRegion(slot, stack, 0, elfcore.Known, 0))
	s0, _ := c.Arch.Reg("s0")
	r := elfcore.NewRegisters(c.Arch)
	r.Set(c.Arch.PC, 0x5a5a5a5b, elfcore.Known, 0)
	r.Set(c.Arch.SP, slot, elfcore.Known, 0)
	r.Set(s0, slot+84, elfcore.Known, 0)
	from, ok := calledFrom(c, p, ret, slot)
	if pc, _ := from.PC(); !ok || pc != ret {
		t.Fatalf("0x%x is no return address", ret)
	}
	keepSaved(&from, &r)
	if trace := unwind.Walk(c, p, from, 0); len(trace) < 2 || trace[len(trace)-1].End.Kind != unwind.Outermost {
		t.Fatalf("%d frames, %v", len(trace), trace[len(trace)-1].End)
	}
	th := crashed(c, r, arch.FaultStack)
	th.Stack = elfcore.Fact[elfcore.Range]{State: elfcore.Known, Value: elfcore.Range{Addr: slot, Size: 256}}
	Rules(c, p)
	wantReg(t, c, &th.Regs, c.Arch.PC, 0x5a5a5a5b, elfcore.Suspect, "recovery.frame-garbage")

	stops, p, c = unoptimised(t, "cortex-m3")
	ret = uint64(stops[len(stops)-1].Registers["lr"])
	for value, want := range map[uint64]bool{ret: true, ret &^ 1: false, ret + 2: false, 0: false, 0xffffffff: false} {
		if _, ok := calledFrom(c, p, value, 0x20000000); ok != want {
			t.Errorf("0x%x is a return address: %v", value, ok)
		}
	}
}
