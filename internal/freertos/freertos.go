// Package freertos finds the tasks of a FreeRTOS kernel in the memory of any
// Core, whichever format brought it: ESP-IDF's dumps name tasks by the address
// of their control block only, others hold one thread and the RAM.
//
// Where the kernel keeps what, it asks the program's debug information: the
// layout of a task control block (TCB) differs with every configuration.
package freertos

import (
	"fmt"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Kernel is FreeRTOS, from version 7 to 11, mainline and ESP-IDF.
var Kernel = format.Kernel{Name: "freertos", Symbols: currentSymbols, Threads: addThreads}

// currentSymbols name the pointers to the running tasks, one for each core. It
// is one pointer called pxCurrentTCB, or an array: pxCurrentTCBs in mainline's
// and ESP-IDF's multi-core kernels, pxCurrentTCB in ESP-IDF before 5.
var currentSymbols = []string{"pxCurrentTCB", "pxCurrentTCBs"}

// Limits on what is believed of a damaged dump: cores, tasks, and the items of
// all lists together (a task is in two lists at most).
const (
	maxCores = 64
	maxTasks = 1024
	maxItems = 4 * maxTasks
)

// kernel reads FreeRTOS's structures in one Core.
type kernel struct {
	core    *elfcore.Core
	prog    elfcore.Program
	at      [memberCount]place
	lists   []list
	ready   uint64                       // priorities that there are, 0 unknown
	current []elfcore.Fact[elfcore.Addr] // the TCB that each core runs
	items   int                          // of lists that may still be read
}

// nowhere is the position of what was read from target memory.
var nowhere = elfcore.Pos{Off: -1}

// addThreads gives the threads of the Core the facts of their TCBs, and adds
// the tasks that it lacks. Threads keep their order.
func addThreads(c *elfcore.Core, p elfcore.Program) {
	if c.Arch == nil {
		return
	}
	k := &kernel{core: c, prog: p, items: maxItems}
	if !k.locate() {
		k.report(elfcore.Info, "freertos.no-types", "a program that doesn't describe the task control block",
			"debug information of FreeRTOS's tasks.c", "tasks stay without names")
		return
	}
	k.processors()
	k.adopt()

	index := map[elfcore.Addr]int{}
	for i := range c.Threads {
		if t := &c.Threads[i]; t.Control.State != elfcore.Missing {
			k.describe(t)
			index[t.Control.Value] = i
		}
	}
	for _, at := range k.tasks() {
		if _, there := index[at.Value]; there {
			continue
		}
		index[at.Value] = len(c.Threads)
		c.Threads = append(c.Threads, elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch), Control: at})
		k.describe(&c.Threads[len(c.Threads)-1])
	}
}

// tasks lists the TCBs that the kernel knows: those that run, then the lists'.
func (k *kernel) tasks() (out []elfcore.Fact[elfcore.Addr]) {
	seen := map[elfcore.Addr]bool{}
	add := func(f elfcore.Fact[elfcore.Addr]) {
		if f.State != elfcore.Missing && !seen[f.Value] && len(out) < maxTasks {
			seen[f.Value] = true
			out = append(out, f)
		}
	}
	for _, f := range k.current {
		add(f)
	}
	running := len(out)
	for i := range k.lists {
		for _, f := range k.walk(&k.lists[i]) {
			add(f)
		}
	}
	// A dump without the lists' memory says nothing here, which is no damage.
	if want, s := k.symbol("uxCurrentNumberOfTasks"); s != elfcore.Missing && len(out) > running && want > uint64(len(out)) {
		k.report(elfcore.Warning, "freertos.tasks-missing", fmt.Sprintf("%d tasks", len(out)),
			fmt.Sprintf("%d, as uxCurrentNumberOfTasks says", want), "the others are not shown")
	}
	return out
}

// describe gives a thread the facts of its TCB, and registers if it has none.
func (k *kernel) describe(t *elfcore.Thread) {
	task := k.task(t.Control)
	settle(k.core, &t.Name, task.Name)
	settle(k.core, &t.Status, task.Status)
	settle(k.core, &t.Priority, task.Priority)
	settle(k.core, &t.CPU, task.CPU)
	settle(k.core, &t.Stack, task.Stack)
	if _, s := t.Regs.PC(); s != elfcore.Missing || t == k.core.Crashed() {
		return
	}
	if _, running := k.runs(t.Control.Value); running {
		k.running(t)
		return
	}
	k.switchedOut(t)
}

// settle replaces a fact by one at least as good, or by the reason why there is
// none; the evidence names a Known value that had to go.
func settle[T comparable](c *elfcore.Core, have *elfcore.Fact[T], got elfcore.Fact[T]) {
	if got.State < have.State || got.State == elfcore.Missing && got.Why == 0 {
		return
	}
	if have.State == elfcore.Known && have.Value != got.Value {
		got.Why = c.Because("freertos.kernel", fmt.Sprintf("the kernel's data replace %v", have.Value), nowhere)
	}
	*have = got
}

func (k *kernel) because(rule, text string) elfcore.Why { return k.core.Because(rule, text, nowhere) }

// report notes something odd about the kernel's data.
func (k *kernel) report(s elfcore.Severity, code, found, expected, done string) {
	k.core.Report(elfcore.Diagnostic{Severity: s, Code: code, At: nowhere, Found: found, Expected: expected, Done: done})
}

// word reads a pointer; what is not in the dump is Missing.
func (k *kernel) word(a elfcore.Addr) (uint64, elfcore.State) {
	return k.uint(a, k.core.Arch.PtrSize())
}

func (k *kernel) uint(a elfcore.Addr, size int) (uint64, elfcore.State) {
	v, s, err := k.core.ReadUint(a, size)
	if err != nil {
		return 0, elfcore.Missing
	}
	return v, s
}

// symbol reads a variable of the program, an integer of a word at most.
func (k *kernel) symbol(name string) (uint64, elfcore.State) {
	r, ok := k.prog.Symbol(name)
	if !ok {
		return 0, elfcore.Missing
	}
	size := k.core.Arch.PtrSize()
	if r.Size > 0 {
		size = min(size, int(min(r.Size, 8)))
	}
	return k.uint(r.Addr, size)
}
