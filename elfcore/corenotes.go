package elfcore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// Sizes and offsets in bytes of descriptor fields that are the same for all
// CPUs; CoreRules has the others.
const (
	statusSigno, statusCursig = 0, 12

	nameSize, argsSize = 16, 80 // pr_fname, which needs no NUL if it is full; pr_psargs follows it

	narrowFloat = 4 // slot of a single precision register

	sigInfoSize               = 128
	sigInfoSigno, sigInfoCode = 0, 8
)

// Values that stand in descriptors.
const (
	processID = 1    // of the program; threads have their own
	sigKernel = 0x80 // SI_KERNEL: the signal was not sent by a program
	auxNull   = 0
	auxEntry  = 9
)

// registerNote is a note that carries registers of one thread: a layout at
// off, in a descriptor of size bytes. Debuggers compare the size exactly.
type registerNote struct {
	owner     string
	typ       uint32
	off, size int
	layout    arch.Layout
}

// registerNotes are the notes of a CPU's registers. A note without an owner
// is not in use.
type registerNotes struct{ status, float, control registerNote }

// registerNotesOf gives the notes of a CPU. floatWidth is the slot width of
// the floating point note in bytes, 0 for the CPU's own; control the registers
// of the control note.
func registerNotesOf(a *arch.Arch, floatWidth int, control string) (registerNotes, error) {
	n := registerNotes{status: registerNote{"CORE", notes.PRStatus, a.Core.Regs, a.Core.PRStatus, a.Linux}}
	if _, _, err := a.Slots(a.Linux); err != nil {
		return n, err
	}
	if f := a.Core.Float; f.Owner != "" {
		l := f.Layout
		if floatWidth > 0 {
			l.Width = floatWidth
		}
		_, size, err := a.Slots(l)
		if err != nil {
			return n, err
		}
		n.float = registerNote{f.Owner, f.Type, 0, size, l}
	}
	if a.Core.CSR && control != "" {
		l := arch.Layout{Width: a.PtrSize(), Slots: control}
		_, size, err := a.Slots(l)
		if err != nil {
			return n, err
		}
		n.control = registerNote{"GDB", notes.RISCVCSR, 0, size, l}
	}
	return n, nil
}

// present counts how many of the note's registers r has, and all of them.
func (n registerNote) present(r *Registers) (have, all int) {
	slots, _, _ := r.arch.Slots(n.layout)
	for _, s := range slots {
		if s.Reg == arch.NoReg {
			continue
		}
		all++
		if _, state := r.Get(s.Reg); state != Missing {
			have++
		}
	}
	return have, all
}

func (n registerNote) store(r *Registers, order binary.ByteOrder) ([]byte, error) {
	desc := make([]byte, n.size)
	return desc, r.Store(n.layout, desc[n.off:], order)
}

func (n registerNote) load(r *Registers, desc []byte, order binary.ByteOrder) error {
	if len(desc) != n.size {
		return fmt.Errorf("note %s/%#x has %d bytes, want %d", n.owner, n.typ, len(desc), n.size)
	}
	return r.Load(n.layout, desc[n.off:], order, Known, 0)
}

// registerNotes are the notes of this Core. All threads share them: GDB takes
// one description of the registers for the whole file.
func (c *Core) registerNotes() (registerNotes, error) {
	width, control := 0, ""
	if c.Arch.Core.Float.Narrow && c.Program.FloatBits == 32 && !c.wideFloats() {
		width = narrowFloat
	}
	if c.Arch.Core.CSR && len(c.Threads) > 0 {
		var names []string
		for i, info := range c.Arch.Regs {
			if _, s := c.Threads[0].Regs.Get(arch.Reg(i)); info.Group == arch.Control && s != Missing {
				names = append(names, info.Name)
			}
		}
		control = strings.Join(names, " ")
	}
	return registerNotesOf(c.Arch, width, control)
}

// wideFloats tells whether a floating point register holds more than 32 bits:
// the ABI may use less than the FPU has.
func (c *Core) wideFloats() bool {
	for t := range c.Threads {
		for i, info := range c.Arch.Regs {
			if v, _ := c.Threads[t].Regs.Get(arch.Reg(i)); info.Group == arch.Float && v>>32 != 0 {
				return true
			}
		}
	}
	return false
}

// noteSegment makes the note segment: for each thread PRSTATUS, once PRPSINFO,
// SIGINFO, floating point and control registers; then what is there once. GDB
// gives a note to the last PRSTATUS before it.
func (c *Core) noteSegment() ([]byte, error) {
	set, err := c.registerNotes()
	if err != nil {
		return nil, err
	}
	e := c.encoder()
	own := c.own(set)
	ids := make(map[int32]bool, len(c.Threads))
	for i := range c.Threads {
		t := &c.Threads[i]
		// Two threads of one ID end GDB's session; ID 0 is no thread to it.
		if t.ID <= 0 || ids[t.ID] {
			return nil, fmt.Errorf("thread %d of %d has the ID %d, which is not positive or not unique", i+1, len(c.Threads), t.ID)
		}
		ids[t.ID] = true
		except, err := c.threadNotes(e, i, set)
		if err != nil {
			return nil, fmt.Errorf("thread %d: %w", t.ID, err)
		}
		own.Threads = append(own.Threads, ownThread{Thread: t.facts(), Registers: except})
	}

	if c.Program.HasEntry {
		aux := c.encoder()
		for _, v := range []uint64{auxEntry, uint64(c.Program.Entry), auxNull, 0} {
			aux.addr(v)
		}
		e.note("CORE", notes.AuxV, aux.out)
	}
	if id, err := hex.DecodeString(c.Program.BuildID); err == nil && len(id) > 0 {
		e.note("GNU", notes.BuildID, id)
	}
	xml, err := c.TargetDescription()
	if err != nil {
		return nil, err
	}
	if xml != "" {
		e.note("GDB", notes.TDesc, []byte(xml))
	}
	if c.Program.HideInitial && c.Arch.Core.Honest {
		e.note("CORE", notes.File, c.hidingFile())
	}
	payload, err := own.encode()
	if err != nil {
		return nil, err
	}
	e.note(ownOwner, notes.Evidence, payload)
	return e.out, nil
}

// threadNotes appends the notes of thread i. It returns the registers that a
// reader of these notes would get wrong.
func (c *Core) threadNotes(e *encoder, i int, set registerNotes) (except bounded[ownRegisters], err error) {
	t := &c.Threads[i]
	regs := t.Regs
	if regs.arch == nil {
		regs = NewRegisters(c.Arch)
	}
	if regs.arch != c.Arch {
		return nil, fmt.Errorf("registers of %s, not %s", regs.arch.Name, c.Arch.Name)
	}
	hasFloat, hasControl := set.of(&regs)

	status, err := set.status.store(&regs, c.Order)
	if err != nil {
		return nil, err
	}
	c.fillStatus(status, t, hasFloat)
	e.note(set.status.owner, set.status.typ, status)
	if i == 0 && c.namesProgram() {
		e.note("CORE", notes.PRPSInfo, c.processInfo())
	}
	e.note("CORE", notes.SigInfo, c.sigInfo(i))

	read := NewRegisters(c.Arch) // as a reader will find them
	if err := set.status.load(&read, status, c.Order); err != nil {
		return nil, err
	}
	for _, more := range []struct {
		present bool
		note    registerNote
	}{{hasFloat, set.float}, {hasControl, set.control}} {
		if !more.present {
			continue
		}
		desc, err := more.note.store(&regs, c.Order)
		if err != nil {
			return nil, err
		}
		e.note(more.note.owner, more.note.typ, desc)
		if err := more.note.load(&read, desc, c.Order); err != nil {
			return nil, err
		}
	}
	return exceptions(&regs, &read), nil
}

// of tells which of the notes a thread gets besides PRSTATUS. Floating point
// registers that are partly there are written, for a debugger shows the note
// as a whole or not at all; control registers only if all are there.
func (n registerNotes) of(r *Registers) (float, control bool) {
	have, _ := n.float.present(r)
	got, all := n.control.present(r)
	return have > 0, got == all && all > 0
}

// signal is pr_cursig of every thread: GDB prints the one of the last thread,
// LLDB shows each thread its own.
func (c *Core) signal() uint64 { return uint64(c.Arch.SignalFor(c.Crash.Fault.Value)) }

// fillStatus fills the fields of NT_PRSTATUS around pr_reg.
func (c *Core) fillStatus(desc []byte, t *Thread, hasFloat bool) {
	_, size, _ := c.Arch.Slots(c.Arch.Linux)
	putUint(c.Order, desc[statusSigno:][:4], c.signal())
	putUint(c.Order, desc[statusCursig:][:2], c.signal())
	putUint(c.Order, desc[c.Arch.Core.PID:][:4], uint64(t.ID))
	if hasFloat {
		putUint(c.Order, desc[c.Arch.Core.Regs+size:][:4], 1) // pr_fpvalid
	}
}

// namesProgram tells whether NT_PRPSINFO is written. GDB compares pr_fname
// with the base name of the ELF unless the build-ids agree, so a name that
// does not fit would warn.
func (c *Core) namesProgram() bool {
	return c.Program.File != "" && (len(c.Program.File) <= nameSize || c.Program.BuildID != "")
}

func (c *Core) processInfo() []byte {
	rules := &c.Arch.Core
	desc := make([]byte, rules.PRPSInfo)
	if rules.PSPID >= 0 {
		putUint(c.Order, desc[rules.PSPID:][:4], processID)
	}
	copy(desc[rules.PSName:][:nameSize], c.Program.File)
	copy(desc[rules.PSName+nameSize:][:argsSize-1], c.Program.File)
	return desc
}

// sigInfo makes thread i's siginfo_t. Only the crashed one has an address.
func (c *Core) sigInfo(i int) []byte {
	desc := make([]byte, sigInfoSize)
	putUint(c.Order, desc[sigInfoSigno:][:4], c.signal())
	putUint(c.Order, desc[sigInfoCode:][:4], sigKernel)
	if i == c.Crash.Thread && c.Crash.Addr.State != Missing {
		putUint(c.Order, desc[c.Arch.Core.SigAddr:][:c.Arch.PtrSize()], uint64(c.Crash.Addr.Value))
	}
	return desc
}
