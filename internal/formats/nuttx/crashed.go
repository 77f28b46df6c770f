package nuttx

import (
	"fmt"
	"strings"

	"corelift/elfcore"
)

// crashed finds out which task crashed, which the dump does not say: by the
// assertion's text, or because it is the only task, or because it is the one
// that ran.
func (b *builder) crashed(a *assertText) {
	running := b.running()
	found, rule, text := -1, "", ""
	state := elfcore.Recovered
	switch {
	case len(b.c.Threads) == 1:
		found, rule, text = 0, "nuttx.only-task", "the dump is of one task"
	case b.byPID(a.pid) >= 0:
		found, rule, text = b.byPID(a.pid), "nuttx.log-pid", fmt.Sprintf("the log names pid %d", a.pid)
	case byName(b.c, a.name, running) >= 0:
		found, rule, text = byName(b.c, a.name, running), "nuttx.log-task", fmt.Sprintf("the assertion names task %q", a.name)
	case running >= 0:
		found, rule, text = running, "nuttx.running-task", "its stack was dumped as a whole, as that of the running task only"
	default:
		b.report(elfcore.Warning, "crashed-unknown", nowhere, "nothing tells which task crashed", "the assertion's text in the log",
			"the tasks keep the order of the dump; give the console's text with --log")
		return
	}
	if running >= 0 && found != running {
		state = elfcore.Suspect
		b.report(elfcore.Warning, "crashed-differs", nowhere, fmt.Sprintf("%s, but %s was running", text, b.task(running)), "one task", "the former is taken")
	}
	b.c.Crash.Thread = found
	b.c.Facts[factCrashed] = elfcore.Fact[string]{Value: b.task(found), State: state, Why: b.c.Because(rule, text, nowhere)}
	b.c.ReadMapped(&b.c.Threads[found].Regs) // boards may dump the fault registers' addresses
	b.c.JudgeFault(b.c.Because("nuttx.fault-registers", "", nowhere))
	if found == running && found < len(b.m.loads) {
		s := b.m.loads[found]
		b.c.Threads[found].Stack = elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: elfcore.Addr(s.Vaddr), Size: s.Filesz},
			State: elfcore.Recovered, Why: b.c.Because("nuttx.stack", "rounded out to 64 bytes", b.u.Pos(int64(s.Off)))}
	}
}

func (b *builder) task(i int) string { return b.label(b.c.Threads[i].Name.Value, b.pids[i]) }

func (b *builder) byPID(pid int32) int {
	for i, p := range b.pids {
		if p == pid && p >= 0 {
			return i
		}
	}
	return -1
}

// byName finds a task by its name, -1 if there is none or several; of several
// the preferred one. Dumps cut names off, to 7 bytes or 8 more.
func byName(c *elfcore.Core, name string, preferred int) int {
	if name == "" {
		return -1
	}
	found := -1
	for i := range c.Threads {
		have := c.Threads[i].Name.Value
		if have != name && (len(have)%8 != 7 || !strings.HasPrefix(name, have)) {
			continue
		}
		if i == preferred {
			return i
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// stackAlignment is that of the dumped part of a stack, in bytes.
const stackAlignment = 64

// running finds the task that ran when the dump was made, -1 if that can't be
// told: of all others the stack is dumped from sp on, of this one as a whole
// (elf_emit_tcb_phdr).
func (b *builder) running() int {
	found := -1
	for i := range b.c.Threads {
		if i >= len(b.m.loads) {
			return -1
		}
		s := b.m.loads[i]
		sp, state := b.c.Threads[i].Regs.SP()
		if state == elfcore.Missing || sp-s.Vaddr >= s.Filesz {
			continue // a task that has no stack pointer in its stack is dumped as a whole too
		}
		if sp&^(stackAlignment-1) != s.Vaddr {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}
