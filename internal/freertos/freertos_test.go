package freertos

import (
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// A dump of one thread and the RAM: the crashed thread becomes the running
// task, the others are found in the lists.
func TestTasks(t *testing.T) {
	for _, a := range []*arch.Arch{arch.CortexM, arch.RV32, arch.RV64, arch.Xtensa} {
		t.Run(a.Name, func(t *testing.T) {
			m := newImage(a, 1)
			main := m.task("main", readySymbol, 1)
			m.task("idle", readySymbol, 0)
			m.task("net", "xDelayedTaskList1", 3)
			m.task("log", "xDelayedTaskList2", 2)
			m.task("off", suspendedSymbol, 1)
			m.task("gone", "xTasksWaitingTermination", 1)
			m.runs(main)
			c := m.core()
			addThreads(c, m)
			if got := strings.Join(names(c), " "); got != "main idle net log off gone" {
				t.Errorf("tasks %s", got)
			}
			for name, want := range map[string]string{
				"main": statusRunning, "idle": statusReady, "net": statusBlocked, "log": statusBlocked, "off": statusSuspended, "gone": statusDeleted,
			} {
				if got := named(t, c, name).Status.Value; got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			crashed := c.Crashed()
			if crashed.Control.Value != elfcore.Addr(main) || crashed.Control.State != elfcore.Recovered || crashed.CPU.Value != 0 || crashed.CPU.State == elfcore.Missing {
				t.Errorf("crashed %+v", *crashed)
			}
			net := named(t, c, "net")
			if net.Priority.Value != 3 || net.Priority.State != elfcore.Known || net.CPU.State != elfcore.Missing ||
				net.Stack.Value != (elfcore.Range{Addr: stacks + 2*stackSize, Size: stackSize}) {
				t.Errorf("net is %+v", *net)
			}
			if text := c.Explain(net.Stack.Why).Text; !strings.HasSuffix(text, "256 bytes used, 768 free") {
				t.Errorf("stack: %q", text)
			}
			if len(c.Diagnostics) > 0 {
				t.Errorf("complaints: %s", codes(c))
			}
		})
	}
}

// What a format knows stays, in its order; its threads are found by TCB.
func TestMerge(t *testing.T) {
	m := newImage(arch.RV32, 1)
	main, idle := m.task("main", readySymbol, 1), m.task("idle", readySymbol, 0)
	m.task("other", readySymbol, 0)
	m.runs(main)
	c := m.core()
	c.Threads = append(c.Threads, c.Threads[0])
	c.Threads[0].Regs = c.Threads[1].Regs.Clone()
	c.Threads[0].Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(idle), State: elfcore.Known}
	c.Threads[0].Priority = elfcore.Fact[int]{Value: 7, State: elfcore.Known}
	c.Threads[0].Stack = elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: stacks + stackSize, Size: stackSize}, State: elfcore.Known}
	c.Crash.Thread = 1
	addThreads(c, m)
	if got := strings.Join(names(c), " "); got != "idle main other" {
		t.Fatalf("threads %s", got)
	}
	if pc, s := c.Threads[0].Regs.PC(); pc != romBase+0x100 || s != elfcore.Known {
		t.Errorf("the format's pc became 0x%x %v", pc, s)
	}
	if p := c.Threads[0].Priority; p.Value != 0 || c.Explain(p.Why).Text != "the kernel's data replace 7" {
		t.Errorf("priority %+v, %q", p, c.Explain(p.Why).Text)
	}
}

func TestStatus(t *testing.T) {
	for _, tc := range []struct {
		name, list string
		change     func(m *image, tcb uint64)
		want       string
	}{
		{"ready", readySymbol, nil, statusReady},
		{"pending", suspendedSymbol, func(m *image, tcb uint64) { m.insert(tcb, offEvent, pendingSymbol, 0) }, statusReady},
		{"waits for an event", suspendedSymbol, func(m *image, tcb uint64) { m.words(tcb+offEvent+16, ramBase+0x7f00) }, statusBlocked},
		{"waits for a notification", suspendedSymbol, func(m *image, tcb uint64) { m.put(tcb+offNotify+1, 1, 1) }, statusBlocked},
		{"suspended", suspendedSymbol, nil, statusSuspended},
		{"suspended, old kernel", suspendedSymbol, func(m *image, _ uint64) { delete(m.fields, "tskTaskControlBlock ucNotifyState") }, statusSuspended},
		{"unclear", suspendedSymbol, func(m *image, _ uint64) { delete(m.fields, "tskTaskControlBlock xEventListItem.pxContainer") }, statusMayBlock},
		{"in no list", "", nil, statusNoList},
		{"in an unknown list", "", func(m *image, tcb uint64) { m.words(tcb+offState+16, ramBase+0x7f00) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newImage(arch.RV32, 1)
			m.runs(m.task("main", readySymbol, 1))
			tcb := m.task("it", tc.list, 2)
			if tc.change != nil {
				tc.change(m, tcb)
			}
			c := m.core()
			c.Threads = append(c.Threads, elfcore.Thread{Regs: elfcore.NewRegisters(m.arch), Control: elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(tcb), State: elfcore.Known}})
			addThreads(c, m)
			if it := named(t, c, "it").Status; it.Value != tc.want || (it.State == elfcore.Missing) != (tc.want == "") {
				t.Errorf("%+v, want %s", it, tc.want)
			}
		})
	}
}

// Of several cores, what runs where is known only as far as the dump goes.
func TestCores(t *testing.T) {
	m := newImage(arch.RV32, 2)
	one, two := m.task("one", readySymbol, 1), m.task("two", readySymbol, 1)
	m.task("free", readySymbol, 1)
	pinned := m.task("pinned", readySymbol, 1)
	m.put(pinned+offCore, 0, 4)
	m.put(two+offCore, 1, 4)

	t.Run("both known", func(t *testing.T) {
		m.runs(one, two)
		c := m.core()
		addThreads(c, m) // the crashed sp lies in the stack of one
		if c.Crashed().Name.Value != "one" || named(t, c, "two").Status.Value != statusRunning || named(t, c, "two").CPU.Value != 1 {
			t.Errorf("%+v", c.Threads)
		}
		if free := named(t, c, "free"); free.Status.Value != statusReady || free.CPU.State != elfcore.Missing {
			t.Errorf("free is %+v", free)
		}
		if _, s := named(t, c, "two").Regs.PC(); s != elfcore.Missing || c.Explain(named(t, c, "two").Regs.Why(m.arch.PC)).Text == "" {
			t.Error("a task that runs has registers, or no reason for none")
		}
	})
	t.Run("one known", func(t *testing.T) {
		m.runs(one, 0)
		c := m.core()
		addThreads(c, m)
		for name, want := range map[string]string{"one": statusRunning, "two": statusMayRun, "free": statusMayRun, "pinned": statusReady} {
			if got := named(t, c, name).Status.Value; got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	})
	t.Run("crash on neither's stack", func(t *testing.T) {
		m.runs(one, two)
		c := m.core()
		c.Crashed().Regs.Set(m.arch.SP, ramBase+0x7ff0, elfcore.Known, 0)
		addThreads(c, m)
		if c.Crashed().Control.State != elfcore.Missing || len(c.Threads) != 5 {
			t.Errorf("crashed in %v", c.Crashed().Control)
		}
	})
}

// Before the scheduler runs, main is no task.
func TestNotStarted(t *testing.T) {
	m := newImage(arch.RV32, 1)
	m.runs(m.task("first", readySymbol, 1))
	m.put(variables+0x80, 0, 4)
	c := m.core()
	addThreads(c, m)
	if c.Crashed().Control.State != elfcore.Missing || named(t, c, "first").Status.Value != statusReady {
		t.Errorf("%+v", c.Threads)
	}
}

func TestFacts(t *testing.T) {
	m := newImage(arch.RV32, 1)
	m.runs(m.task("main", readySymbol, 1))
	heir := m.task("heir", readySymbol, 3)
	m.put(heir+offBase, 1, 4)
	wild := m.task("wild", readySymbol, 1)
	m.put(wild+offPriority, 77, 4)
	m.words(wild+offEnd, 16) // below its start
	m.task("0123456789abcdefgh", readySymbol, 1)
	nameless := m.task("", readySymbol, 1)
	c := m.core()
	addThreads(c, m)
	if th := named(t, c, "heir"); !strings.Contains(c.Explain(th.Priority.Why).Text, "its own is 1") {
		t.Errorf("priority of heir: %q", c.Explain(th.Priority.Why).Text)
	}
	if th := named(t, c, "wild"); th.Priority.State != elfcore.Suspect || th.Stack.State != elfcore.Missing {
		t.Errorf("wild: %+v", th)
	}
	if codes(c) != "freertos.task-name" {
		t.Errorf("diagnostics %s", codes(c))
	}
	for i := range c.Threads {
		if th := &c.Threads[i]; th.Control.Value == elfcore.Addr(nameless) && th.Name.State != elfcore.Missing {
			t.Errorf("a name: %+v", th.Name)
		}
	}
	delete(m.fields, "tskTaskControlBlock pxEndOfStack")
	c = m.core()
	addThreads(c, m)
	if st := named(t, c, "heir").Stack; st.State != elfcore.Missing || !strings.Contains(c.Explain(st.Why).Text, "0x20002400") {
		t.Errorf("stack without an end: %+v %q", st, c.Explain(st.Why).Text)
	}
}

// Lists that are cut are read from both ends, each task once.
func TestCutLists(t *testing.T) {
	for _, tc := range []struct {
		name string
		cut  func(m *image, tcb []uint64)
		want string
		code string
	}{
		{"whole", func(*image, []uint64) {}, "main a b c d", ""},
		{"wild", func(m *image, tcb []uint64) { m.words(tcb[1]+offState+4, 0xdead_beef) }, "main a b d c", "freertos.list-cut"},
		{"into another list", func(m *image, tcb []uint64) {
			m.words(tcb[1]+offState+4, uint64(m.symbols[suspendedSymbol].Addr)+0x10)
		}, "main a b d c", "freertos.list-wild"},
		{"null", func(m *image, tcb []uint64) { m.words(tcb[2]+offState+4, 0) }, "main a b c d", "freertos.list-cut"},
		{"loop", func(m *image, tcb []uint64) { m.words(tcb[2]+offState+4, tcb[0]+offState) }, "main a b c d", "freertos.list-loop"},
		{"both ways", func(m *image, tcb []uint64) {
			m.words(tcb[0]+offState+4, 4)
			m.words(tcb[3]+offState+8, 4)
		}, "main a d", "freertos.list-cut freertos.list-cut freertos.tasks-missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newImage(arch.RV32, 1)
			m.runs(m.task("main", readySymbol, 1))
			var tcb []uint64
			for _, name := range []string{"a", "b", "c", "d"} {
				tcb = append(tcb, m.task(name, "xDelayedTaskList1", 1))
			}
			tc.cut(m, tcb)
			c := m.core()
			addThreads(c, m)
			if got := strings.Join(names(c), " "); got != tc.want || codes(c) != tc.code {
				t.Errorf("tasks %q, diagnostics %q; want %q, %q", got, codes(c), tc.want, tc.code)
			}
		})
	}
}

// A pointer to what is no TCB is not believed.
func TestWildCurrent(t *testing.T) {
	m := newImage(arch.RV32, 1)
	m.task("main", readySymbol, 1)
	for _, current := range []uint64{variables, tcbs + 4, tcbs + 1} {
		m.runs(current)
		c := m.core()
		addThreads(c, m)
		if c.Crashed().Control.State != elfcore.Missing || codes(c) != "freertos.current-wild" || len(c.Threads) != 2 {
			t.Errorf("0x%x: %+v, %s", current, c.Threads, codes(c))
		}
	}
}

// More items than any kernel has end the walk.
func TestManyItems(t *testing.T) {
	m := newImage(arch.RV32, 1)
	m.data = append(m.data, make([]byte, 8*maxItems*tcbSize)...)
	list := uint64(m.symbols[suspendedSymbol].Addr)
	for i := range uint64(maxItems + 1) {
		m.insert(ramBase+ramSize+i*tcbSize, offState, suspendedSymbol, 0)
	}
	if m.get(list+0x10+8) == 0 {
		t.Fatal("the list is empty")
	}
	c := m.core()
	addThreads(c, m)
	if len(c.Threads) != maxTasks+1 || codes(c) != "freertos.list-long" {
		t.Errorf("%d threads, %s", len(c.Threads), codes(c))
	}
}

// What is not in the dump or not described is missing, and no damage.
func TestLittle(t *testing.T) {
	m := newImage(arch.RV32, 1)
	main := m.task("main", readySymbol, 1)
	m.runs(main)
	t.Run("no memory", func(t *testing.T) {
		c := m.core()
		c.Memory = elfcore.Memory{}
		c.Threads[0].Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(main), State: elfcore.Known}
		addThreads(c, m)
		if th := c.Threads[0]; len(c.Threads) != 1 || th.Name.State != elfcore.Missing || th.Status.Value != statusRunning || len(c.Diagnostics) > 0 {
			t.Errorf("%+v, %s", c.Threads, codes(c))
		}
	})
	t.Run("only the variable", func(t *testing.T) {
		c := m.core()
		c.Memory = elfcore.Memory{}
		c.Memory.Add(elfcore.NewRegion(ramBase, m.data[:0x200], elfcore.PermR, elfcore.Known, 0))
		addThreads(c, m)
		if th := c.Threads[0]; len(c.Threads) != 1 || th.Control.Value != elfcore.Addr(main) || len(c.Diagnostics) > 0 {
			t.Errorf("%+v, %s", c.Threads, codes(c))
		}
	})
	t.Run("no list types", func(t *testing.T) {
		c := m.core()
		delete(m.fields, "xLIST")
		addThreads(c, m)
		if len(c.Threads) != 1 || c.Threads[0].Name.Value != "main" || len(c.Diagnostics) > 0 {
			t.Errorf("%+v, %s", c.Threads, codes(c))
		}
	})
	t.Run("no types", func(t *testing.T) {
		c := m.core()
		clear(m.fields)
		addThreads(c, m)
		if len(c.Threads) != 1 || codes(c) != "freertos.no-types" {
			t.Errorf("%+v, %s", c.Threads, codes(c))
		}
	})
	t.Run("no program", func(t *testing.T) {
		addThreads(m.core(), elfcore.NoProgram{})
		addThreads(&elfcore.Core{}, m)
	})
}

// Names of older kernels.
func TestOldNames(t *testing.T) {
	m := newImage(arch.RV32, 1)
	m.runs(m.task("main", readySymbol, 1))
	m.task("idle", readySymbol, 0)
	for _, rename := range [][2]string{
		{"tskTaskControlBlock xStateListItem", "tskTaskControlBlock xGenericListItem"},
		{"tskTaskControlBlock xStateListItem.pxContainer", "tskTaskControlBlock xGenericListItem.pvContainer"},
		{"tskTaskControlBlock xEventListItem.pxContainer", "tskTaskControlBlock xEventListItem.pvContainer"},
	} {
		m.fields[rename[1]] = m.fields[rename[0]]
		delete(m.fields, rename[0])
	}
	m.symbols["pxCurrentTCB"] = m.symbols["pxCurrentTCBs"]
	delete(m.symbols, "pxCurrentTCBs")
	c := m.core()
	addThreads(c, m)
	if got := strings.Join(names(c), " "); got != "main idle" || named(t, c, "idle").Status.Value != statusReady {
		t.Errorf("tasks %s, %+v", got, c.Threads[1])
	}
}
