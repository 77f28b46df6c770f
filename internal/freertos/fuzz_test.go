package freertos

import (
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Whatever the memory holds: no panic, no endless walk, no more threads than
// the limits allow, and a second run changes nothing.
func FuzzTasks(f *testing.F) {
	for i, a := range fuzzed {
		for cores := 1; cores <= 2; cores++ {
			m := newImage(a, cores)
			m.runs(m.task("main", readySymbol, 1))
			m.task("net", "xDelayedTaskList1", 3)
			m.insert(m.task("off", suspendedSymbol, 1), offEvent, pendingSymbol, 0)
			f.Add(m.data[:tcbs+4*tcbSize-ramBase], uint8(i), uint8(cores))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, cpu, cores uint8) {
		m := newImage(fuzzed[int(cpu)%len(fuzzed)], int(cores))
		m.data = data
		c := m.core()
		addThreads(c, m)
		n := len(c.Threads)
		if n > maxTasks+1 {
			t.Errorf("%d threads", n)
		}
		for i := range c.Threads {
			th := &c.Threads[i]
			if pc, s := th.Regs.PC(); i > 0 && s > elfcore.Suspect && !m.Executable(elfcore.Addr(pc)) {
				t.Errorf("thread %d: pc 0x%x is %v", i, pc, s)
			}
		}
		addThreads(c, m)
		if len(c.Threads) != n {
			t.Errorf("%d threads, then %d", n, len(c.Threads))
		}
	})
}

var fuzzed = []*arch.Arch{arch.CortexM, arch.RV32, arch.RV64, arch.Xtensa}
