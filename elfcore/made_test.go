package elfcore

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"reflect"
	"testing"

	"corelift/elfcore/arch"
)

// madeUp is a crash of three threads in which every register that a core can
// carry is Known and has a value of its own.
func madeUp(a *arch.Arch) *Core {
	c := New("made-up", a, binary.LittleEndian)
	for t := range 3 {
		thread := Thread{ID: int32(t + 1), Regs: NewRegisters(a)}
		for i, info := range a.Regs {
			b := make([]byte, 16)
			for k := range b {
				b[k] = byte(0x10*(t+1) + i + 3*k)
			}
			b[7] = 0 // debuggers mask the top byte of some addresses
			switch n := arch.Reg(i); {
			case n == a.PC:
				b[0] &^= 1 // and the Thumb bit
			case n == a.Flags, info.Name == "fioff", info.Name == "fooff":
				clear(b[4:]) // GDB shows 32 bits
			case info.Name == "fop":
				b[1] &= 7 // and 11 bits
			}
			if info.Group != arch.Control || a.Core.CSR {
				thread.Regs.SetBytes(arch.Reg(i), b[:(info.Bits+7)/8], Known, 0)
			}
		}
		c.Threads = append(c.Threads, thread)
	}
	c.Crash.Thread = 0
	c.Crash.Fault = Fact[arch.Fault]{Value: arch.FaultIllegal, State: Known}
	c.Crash.Addr = Fact[Addr]{Value: 0x12345678, State: Known}
	c.Memory.Add(NewRegion(0x20000000, []byte("the memory of the crash"), PermR|PermW, Known, 0))
	return c
}

// awkward is a crash with some of everything that the other notes can't carry.
func awkward(a *arch.Arch) *Core {
	c := madeUp(a)
	here := c.Because("test.here", "found \xff\xfe here", Pos{Source: "a.log", Line: 7, Off: 99})
	there := c.Because("test.there", "", Pos{Off: -1})
	for i, info := range a.Regs {
		n := arch.Reg(i)
		switch {
		case info.Group == arch.Control:
			c.Threads[1].Regs.Set(n, uint64(i), Suspect, here)
		case i%5 == 0:
			c.Threads[1].Regs.Clear(n, there)
		case i%5 == 1:
			b, _ := c.Threads[1].Regs.Bytes(n)
			c.Threads[1].Regs.SetBytes(n, b, Recovered, here)
		}
		if info.Group != arch.General {
			c.Threads[2].Regs.Clear(n, 0)
		}
	}
	t := &c.Threads[1]
	t.Kind = Interrupt
	t.LWP = Fact[int]{100123, Known, 0}
	t.Control = Fact[Addr]{0x20000410, Known, 0}
	t.Entry = Fact[Addr]{0, Recovered, here}
	t.Stack = Fact[Range]{Range{0x20000800, 512}, Known, there}
	t.Name = Fact[string]{"id\x00le\x80\uef80<&>", Suspect, here}
	t.Status = Fact[string]{"", Known, 0}
	t.Priority = Fact[int]{-16, Known, 0}
	t.CPU = Fact[int]{0, Known, 0}
	c.Crash.Reason = Fact[uint64]{1<<64 - 1, Known, 0}
	c.Crash.Message = Fact[string]{"assert \xed\xa0\x80 failed", Recovered, there}
	c.Flags, c.HasFlags = 0x5, true
	c.Program = Identity{BuildID: "00ff10", File: "fw.elf", Entry: 0x109, HasEntry: true, HideInitial: true, Project: "p"}
	c.Facts["esp.chip"] = Fact[string]{"esp32\xff", Known, here}
	c.Facts["a"] = Fact[string]{}
	c.Attach("raw", []byte{0, 1, 0xff}, here)
	c.Attach("empty", []byte{}, 0)
	c.Report(Diagnostic{Loss, "test.lost", Pos{"a.log", 3, -1}, "\xff", "x", "y"})
	c.Suppressed = map[string]int{"test.lost": 12}
	c.Memory.Add(NewRegion(0, []byte{1, 2, 3}, PermR|PermX, Recovered, there))
	c.Memory.Add(NewRegion(0xffffffff, []byte{4}, 0, Known, here))
	return c
}

func written(t testing.TB, c *Core) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reopened(t testing.TB, core []byte) *Core {
	t.Helper()
	f, err := Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// same compares all that a core file keeps.
func same(t testing.TB, want, got *Core) {
	t.Helper()
	equal := func(what string, want, got any) {
		t.Helper()
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s:\nwant %+v\ngot  %+v", what, want, got)
		}
	}
	equal("format", want.Format, got.Format)
	equal("CPU", want.Arch, got.Arch)
	equal("byte order", want.Order, got.Order)
	equal("flags", want.HasFlags, got.HasFlags)
	if want.HasFlags {
		equal("flags", want.flags(), got.Flags)
	}
	equal("crash", want.Crash, got.Crash)
	equal("program", want.Program, got.Program)
	equal("facts", want.Facts, got.Facts)
	equal("attachments", want.Attachments, got.Attachments)
	equal("evidence", want.Evidence, got.Evidence)
	equal("diagnostics", want.Diagnostics, got.Diagnostics)
	equal("suppressed", want.Suppressed, got.Suppressed)
	equal("threads", len(want.Threads), len(got.Threads))
	for i := range min(len(want.Threads), len(got.Threads)) {
		w, g := &want.Threads[i], &got.Threads[i]
		equal("thread", w.facts(), g.facts())
		for n, info := range want.Arch.Regs {
			wv, ws := w.Regs.Bytes(arch.Reg(n))
			gv, gs := g.Regs.Bytes(arch.Reg(n))
			if ws != gs || !bytes.Equal(wv, gv) || w.Regs.Why(arch.Reg(n)) != g.Regs.Why(arch.Reg(n)) {
				t.Errorf("thread %d: %s: want % x %v, got % x %v", w.ID, info.Name, wv, ws, gv, gs)
			}
		}
	}
	type region struct {
		Range
		perm  uint32
		state State
		why   Why
		data  string
	}
	regions := func(c *Core) (list []region) {
		for r := range c.Memory.All() {
			if r.State == Suspect && !want.KeepSuspect {
				continue
			}
			data, err := io.ReadAll(io.NewSectionReader(r.Data, 0, int64(r.Size)))
			if err != nil {
				t.Error(err)
			}
			list = append(list, region{r.Range, r.Perm, r.State, r.Why, string(data)})
		}
		return list
	}
	equal("memory", regions(want), regions(got))
}

// archs lists the CPUs, for subtests.
func archs(t *testing.T, do func(*testing.T, *arch.Arch)) {
	for _, a := range arch.All() {
		t.Run(a.Name, func(t *testing.T) { do(t, a) })
	}
}
