package elfcore

import (
	"encoding/binary"
	"testing"

	"corelift/elfcore/arch"
)

// TestJudgeFault: what memory holds of the fault registers says what happened,
// unless it is known; suspect ones say nothing.
func TestJudgeFault(t *testing.T) {
	scb := make([]byte, 20)
	binary.LittleEndian.PutUint32(scb, 0x8200)          // precise bus error, address valid
	binary.LittleEndian.PutUint32(scb[16:], 0x50000000) // bfar
	for _, x := range []struct {
		name  string
		state State
		crash Crash
		fault arch.Fault
		addr  Addr
	}{
		{"nothing known", Known, Crash{}, arch.FaultBus, 0x50000000},
		{"fault known", Known, Crash{Fault: Fact[arch.Fault]{Value: arch.FaultAbort, State: Known}}, arch.FaultAbort, 0x50000000},
		{"suspect", Suspect, Crash{}, arch.FaultUnknown, 0},
		{"no thread", Known, Crash{Thread: -1}, arch.FaultUnknown, 0},
	} {
		c := New("test", arch.CortexM, binary.LittleEndian)
		c.Memory.Add(NewRegion(0xe000ed28, scb, PermR, x.state, 0))
		c.Threads = []Thread{{Regs: NewRegisters(c.Arch)}}
		c.Crash = x.crash
		c.ReadMapped(&c.Threads[0].Regs)
		c.JudgeFault(0)
		if c.Crash.Fault.Value != x.fault || c.Crash.Addr.Value != x.addr {
			t.Errorf("%s: %+v", x.name, c.Crash)
		}
		n, _ := c.Arch.Reg("cfsr")
		if v, s := c.Threads[0].Regs.Get(n); v != 0x8200 || s != x.state {
			t.Errorf("%s: cfsr 0x%x %v", x.name, v, s)
		}
		n, _ = c.Arch.Reg("shcsr")
		if _, s := c.Threads[0].Regs.Get(n); s != Missing {
			t.Errorf("%s: shcsr is %v", x.name, s)
		}
	}
}
