package freertos

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// processors reads which task each core runs; none before the scheduler does.
func (k *kernel) processors() {
	var object elfcore.Range
	for _, name := range currentSymbols {
		if r, ok := k.prog.Symbol(name); ok && object.Size == 0 {
			object = r
		}
	}
	if !k.started() {
		return
	}
	word := uint64(k.core.Arch.PtrSize())
	k.current = make([]elfcore.Fact[elfcore.Addr], min(max(object.Size/word, 1), maxCores))
	why := k.because("freertos.current", "pxCurrentTCB")
	for i := range k.current {
		if v, s := k.word(object.Addr + elfcore.Addr(uint64(i)*word)); v != 0 && k.believable(elfcore.Addr(v)) {
			k.current[i] = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: s, Why: why}
		}
	}
	// A dump of the tasks alone lacks that variable, but says which crashed.
	if t := k.crashedTask(); t != nil && t.Control.State != elfcore.Missing {
		if i := k.crashedCore(t); i >= 0 && k.current[i].State == elfcore.Missing {
			k.current[i] = t.Control
		}
	}
}

// believable tells whether a pointer can be one to a TCB: what the dump has
// there, if anything, is its own.
func (k *kernel) believable(tcb elfcore.Addr) bool {
	item := tcb + elfcore.Addr(k.at[atState].off)
	owner, s := k.word(item + elfcore.Addr(k.at[atOwner].off))
	if s == elfcore.Missing || !k.at[atState].ok || !k.at[atOwner].ok || k.owned(elfcore.Addr(owner), item, atState) {
		return true
	}
	k.report(elfcore.Warning, "freertos.current-wild", fmt.Sprintf("pxCurrentTCB points to %v", tcb), "a task control block", "not believed")
	return false
}

// started: before vTaskStartScheduler, main runs on a stack of its own, and
// pxCurrentTCB is the task that would run first.
func (k *kernel) started() bool {
	v, s := k.symbol("xSchedulerRunning")
	return s == elfcore.Missing || v != 0
}

// runs tells whether a task runs, and on which core, -1 if that is not known.
func (k *kernel) runs(tcb elfcore.Addr) (core int, running bool) {
	for i, f := range k.current {
		if f.State != elfcore.Missing && f.Value == tcb {
			return i, true
		}
	}
	t := k.crashedTask()
	return -1, t != nil && t.Control.State != elfcore.Missing && t.Control.Value == tcb
}

// crashedTask is the crashed thread if it is a task's, not an interrupt's.
func (k *kernel) crashedTask() *elfcore.Thread {
	t := k.core.Crashed()
	if t == nil || t.Kind != elfcore.Task || k.inHandler(t) {
		return nil
	}
	return t
}

// inHandler: on Cortex-M xPSR has the number of the exception, 0 in tasks.
func (k *kernel) inHandler(t *elfcore.Thread) bool {
	xpsr, s := t.Regs.Get(arch.CortexM.Flags)
	return k.core.Arch == arch.CortexM && s >= elfcore.Recovered && xpsr&xpsrException != 0
}

// crashedCore is the core that the crashed thread ran on, -1 if nothing tells.
func (k *kernel) crashedCore(t *elfcore.Thread) int {
	if t.CPU.State != elfcore.Missing && t.CPU.Value >= 0 && t.CPU.Value < len(k.current) {
		return t.CPU.Value
	}
	if len(k.current) == 1 {
		return 0
	}
	if t.Control.State != elfcore.Missing {
		if pinned, s := k.member(t.Control.Value, atCore); s != elfcore.Missing && pinned < uint64(len(k.current)) {
			return int(pinned)
		}
		return -1
	}
	sp, s := t.Regs.SP()
	for i, f := range k.current {
		if st := k.stack(f.Value); f.State != elfcore.Missing && s != elfcore.Missing && st.State != elfcore.Missing && st.Value.Contains(elfcore.Addr(sp)) {
			return i
		}
	}
	return -1
}

// adopt tells the crashed thread which task it is, where the format did not.
func (k *kernel) adopt() {
	t := k.crashedTask()
	if t == nil || t.Control.State != elfcore.Missing {
		return
	}
	if i := k.crashedCore(t); i >= 0 && k.current[i].State != elfcore.Missing {
		t.Control = elfcore.Fact[elfcore.Addr]{
			Value: k.current[i].Value, State: min(k.current[i].State, elfcore.Recovered),
			Why: k.because("freertos.current", "pxCurrentTCB was the task when it crashed"),
		}
	}
}
