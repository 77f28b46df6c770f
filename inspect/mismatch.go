package inspect

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// document begins an answer.
func (s *Session) document(schema string) Document {
	return Document{schema, identity(&s.core.Program)}
}

// differs is the reason why a value can't be trusted: it was read where the
// firmware says, which is another one than the dump's. The user wanted to go on
// with it.
const differs = "firmware differs: it is not the one of this dump"

// mismatched tells whether a program is known to be another one than the core's.
func mismatched(c *elfcore.Core, p *firmware.Set) bool {
	return p != nil && c.Program.MatchVerdict == firmware.Different.String()
}

func (s *Session) mismatched() bool { return mismatched(s.core, s.program) }

// trusted is the State of what the program says at most: where variables are
// and what types look like, what a thread of the kernel is, how the caller of a
// function is found, and what its code and constants hold. The dump's memory and
// the crashed thread's registers keep their own.
func (s *Session) trusted() elfcore.State {
	if s.mismatched() {
		return elfcore.Suspect
	}
	return elfcore.Known
}

// fromProgram is an object that the program led to.
func (o object) fromProgram() object { return o.withState(o.at.session.trusted()) }

// limited are registers that the program led to: those of a caller, or of a
// thread that the kernel has put aside.
func limited(regs elfcore.Registers, most elfcore.State) elfcore.Registers {
	if most == elfcore.Known {
		return regs
	}
	regs = regs.Clone()
	for i := range regs.Arch().Regs {
		n := arch.Reg(i)
		if value, state := regs.Bytes(n); state > most {
			regs.SetBytes(n, value, most, regs.Why(n))
		}
	}
	return regs
}

// threadOf is a thread of a core. If the program is another one, all that its
// kernel's structures tell is suspect: but for the crashed thread's registers.
func threadOf(c *elfcore.Core, p *firmware.Set, i int) *elfcore.Thread {
	if !mismatched(c, p) {
		return &c.Threads[i]
	}
	t := c.Threads[i]
	if i != c.Crash.Thread {
		t.Regs = limited(t.Regs, elfcore.Suspect)
	}
	for _, state := range []*elfcore.State{&t.Name.State, &t.Status.State, &t.Priority.State, &t.CPU.State, &t.Control.State, &t.Entry.State, &t.Stack.State} {
		*state = min(*state, elfcore.Suspect)
	}
	return &t
}

// believed is a core whose threads are all as threadOf has them.
func believed(c *elfcore.Core, p *firmware.Set) *elfcore.Core {
	if !mismatched(c, p) {
		return c
	}
	less := *c
	less.Threads = make([]elfcore.Thread, len(c.Threads))
	for i := range less.Threads {
		less.Threads[i] = *threadOf(c, p, i)
	}
	return &less
}
