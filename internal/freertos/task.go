package freertos

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"corelift/elfcore"
)

// maxName bounds a task's name, in bytes; configMAX_TASK_NAME_LEN is 16 unless
// configured otherwise, the NUL included.
const maxName = 256

// task reads the facts of a TCB; what is not in the dump stays Missing.
func (k *kernel) task(tcb elfcore.Fact[elfcore.Addr]) (t elfcore.Thread) {
	why := k.because("freertos.tcb", "the task control block")
	t.Name = k.name(tcb.Value, why)
	t.Status = k.status(tcb.Value)
	t.Stack = k.stack(tcb.Value)
	t.CPU = k.cpu(tcb.Value)
	if v, s := k.member(tcb.Value, atPriority); s != elfcore.Missing {
		base, known := k.member(tcb.Value, atBasePriority)
		switch {
		case k.ready > 0 && v >= k.ready:
			s, why = elfcore.Suspect, k.because("freertos.tcb", fmt.Sprintf("uxPriority, but there are %d priorities", k.ready))
		case known != elfcore.Missing && base != v:
			why = k.because("freertos.tcb", fmt.Sprintf("uxPriority, inherited through a mutex; its own is %d", base))
		}
		t.Priority = elfcore.Fact[int]{Value: int(uint32(v)), State: s, Why: why}
	}
	return t
}

// name reads a task's name up to its NUL. One that has none or does not print
// is kept as it is, but suspect.
func (k *kernel) name(tcb elfcore.Addr, why elfcore.Why) (f elfcore.Fact[string]) {
	if !k.at[atName].ok {
		return f
	}
	at := tcb + elfcore.Addr(k.at[atName].off)
	b := make([]byte, min(uint64(k.at[atName].size), maxName, k.core.Memory.Run(at).Size))
	s, err := k.core.Memory.Read(b, at)
	if err != nil || len(b) == 0 || b[0] == 0 {
		return f
	}
	text, _, ended := bytes.Cut(b, []byte{0})
	if !ended || !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = elfcore.Suspect
		k.report(elfcore.Info, "freertos.task-name", fmt.Sprintf("name %q of task %v", text, tcb),
			"printable text that ends", "kept as it is")
	}
	return elfcore.Fact[string]{Value: string(text), State: s, Why: why}
}

// stack reads the bounds of a task's stack. Its evidence has the figures of the
// last switch, as Espressif's tools show them.
func (k *kernel) stack(tcb elfcore.Addr) (f elfcore.Fact[elfcore.Range]) {
	low, s1 := k.member(tcb, atStack)
	if s1 != elfcore.Missing && !k.at[atStackEnd].ok {
		// Without configRECORD_STACK_HIGH_ADDRESS.
		f.Why = k.because("freertos.stack", fmt.Sprintf("it begins at 0x%08x; this program's TCB does not say where it ends", low))
		return f
	}
	// pxEndOfStack is where the first word pushed ends (all ports that
	// corelift has a CPU for grow down).
	high, s2 := k.member(tcb, atStackEnd)
	if s := min(s1, s2); s != elfcore.Missing && high > low {
		text := "pxStack to pxEndOfStack"
		if top, s := k.member(tcb, atTop); s != elfcore.Missing && top >= low && top <= high {
			text += fmt.Sprintf("; at the last switch %d bytes used, %d free", high-top, top-low)
		}
		f = elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: elfcore.Addr(low), Size: high - low}, State: s, Why: k.because("freertos.stack", text)}
	}
	return f
}

// cpu is the core that runs the task, or that it is pinned to.
func (k *kernel) cpu(tcb elfcore.Addr) elfcore.Fact[int] {
	if core, running := k.runs(tcb); running && core >= 0 {
		return elfcore.Fact[int]{Value: core, State: elfcore.Recovered, Why: k.because("freertos.current", "the core that runs it")}
	}
	// tskNO_AFFINITY is 0x7fffffff.
	if v, s := k.member(tcb, atCore); s != elfcore.Missing && v < uint64(len(k.current)) {
		return elfcore.Fact[int]{Value: int(v), State: s, Why: k.because("freertos.tcb", "xCoreID: the core that it is pinned to")}
	}
	return elfcore.Fact[int]{}
}

// The states of a task, as eTaskGetState names them.
const (
	statusRunning   = "running"
	statusReady     = "ready"
	statusBlocked   = "blocked"
	statusSuspended = "suspended"
	statusDeleted   = "deleted"
	statusNoList    = "in no list" // deleted, or the crash came between two lists
	statusMayRun    = "ready or running"
	statusMayBlock  = "suspended or blocked"
)

// status names a task's state by the list that it is in, which its own list
// item tells even where the dump has no lists.
func (k *kernel) status(tcb elfcore.Addr) elfcore.Fact[string] {
	fact := func(text string, s elfcore.State, why string) elfcore.Fact[string] {
		return elfcore.Fact[string]{Value: text, State: s, Why: k.because("freertos.status", why)}
	}
	if _, running := k.runs(tcb); running {
		return fact(statusRunning, elfcore.Recovered, "pxCurrentTCB, or the thread that crashed")
	}
	event, waits := k.member(tcb, atEventList)
	if l := k.holder(event); l != nil && waits != elfcore.Missing {
		return fact(k.mayRun(tcb, l.status), waits, l.symbol) // pending
	}
	in, s := k.member(tcb, atStateList)
	l := k.holder(in)
	switch {
	case s == elfcore.Missing:
		return elfcore.Fact[string]{}
	case in == 0:
		return fact(statusNoList, s, "its xStateListItem has no container")
	case l == nil:
		return elfcore.Fact[string]{}
	case l.symbol != suspendedSymbol:
		return fact(k.mayRun(tcb, l.status), s, l.symbol)
	}
	// Folklore: a task that waits without a timeout is in the suspended list
	// too. It waits for an event if its event item is in a list, else for a
	// notification. TestStatus.
	switch notified, known := k.awaitsNotification(tcb); {
	case waits == elfcore.Missing:
		return fact(statusMayBlock, s, l.symbol)
	case event != 0:
		return fact(statusBlocked, min(s, waits), "in xSuspendedTaskList, and its xEventListItem in another list")
	case !known:
		return fact(statusMayBlock, s, l.symbol)
	case notified:
		return fact(statusBlocked, min(s, waits), "in xSuspendedTaskList, waiting for a notification")
	}
	return fact(statusSuspended, min(s, waits), l.symbol)
}

// holder is the list of the kernel that lies at an address, nil if none does.
func (k *kernel) holder(a uint64) *list {
	for i := range k.lists {
		if l := &k.lists[i]; a != 0 && (l.Contains(elfcore.Addr(a)) || l.Addr == elfcore.Addr(a)) {
			return l
		}
	}
	return nil
}

// mayRun: a task that runs is in a ready list as well, and of a core it may
// not be known what it runs.
func (k *kernel) mayRun(tcb elfcore.Addr, status string) string {
	pinned, s := k.member(tcb, atCore)
	for i, f := range k.current {
		elsewhere := s != elfcore.Missing && pinned < uint64(len(k.current)) && pinned != uint64(i)
		if status == statusReady && f.State == elfcore.Missing && !elsewhere {
			return statusMayRun
		}
	}
	return status
}

// awaitsNotification tells whether any of a task's notifications is in state
// taskWAITING_NOTIFICATION, which is 1. known is false if that is lost.
func (k *kernel) awaitsNotification(tcb elfcore.Addr) (waiting, known bool) {
	p := k.at[atNotify]
	if !p.ok {
		return false, true // a kernel without notifications
	}
	b := make([]byte, min(p.size, maxName))
	if _, err := k.core.Memory.Read(b, tcb+elfcore.Addr(p.off)); err != nil {
		return false, false
	}
	return bytes.IndexByte(b, 1) >= 0, true
}
