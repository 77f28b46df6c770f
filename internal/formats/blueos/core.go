package blueos

import (
	"encoding/binary"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/notes"
)

// Names of facts.
const (
	factThread = "blueos.thread"
	factSignal = "blueos.signal" // the target's number, in BSD's numbering
	factCode   = "blueos.code"
	factAddr   = "blueos.fault-address" // as stored: on AArch64 it is ESR
)

// nowhere is the position of evidence that was computed.
var nowhere = elfcore.Pos{Off: -1}

// builder makes a Core of one dump.
type builder struct {
	pieces  *capture.Pieces
	damaged []elfcore.Pos // lines of a log that are lost
	ended   bool          // whose end line is there
	source  string

	m    image
	c    *elfcore.Core
	regs elfcore.Registers
	old  elfcore.Pos // of the registers, unless the trap itself saved them
}

func (b *builder) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	b.c.Report(elfcore.Diagnostic{Severity: s, Code: "blueos." + code, At: at, Found: found, Expected: expected, Done: done})
}

// core makes the Core. The error says why nothing could be saved.
func (b *builder) core() (*elfcore.Core, error) {
	var ok bool
	if b.m, ok = parseImage(b.pieces); !ok {
		at := b.pieces.Pos(0)
		at.Source = b.source
		return nil, fmt.Errorf("%v: the headers of a BlueOS dump are damaged; get the log again", at)
	}
	b.c, b.old = elfcore.New(Name, b.m.cpu.arch, binary.LittleEndian), nowhere
	b.report(elfcore.Info, "unverified", nowhere, "a dump of BlueOS", "", "read by the source of pull request 417, a draft: no dump of a device was at hand to compare")
	if b.m.swapped {
		b.report(elfcore.Info, "header-order", b.pieces.Pos(52), "32-bit program headers in the field order of 64-bit ones", "", "read in that order")
	}
	b.length()
	b.registers()
	if b.regs.Arch() != nil {
		b.c.Threads = []elfcore.Thread{{Regs: b.regs}}
		b.c.Crash.Thread = 0
		b.judge()
		if b.old.Off >= 0 {
			b.report(elfcore.Warning, "saved-context", b.old, "the registers are those of the thread's last context save", "those of the fault",
				"all are suspect: they may be older than the fault")
		}
	}
	b.memory()
	if t := b.c.Crashed(); t != nil {
		b.stackPointer(t)
	}
	return b.c, nil
}

// length compares what is there with what the headers announce.
func (b *builder) length() {
	for _, at := range b.damaged {
		b.report(elfcore.Loss, "line", at, "a damaged line", "hex digits, as many as on the other lines", "its bytes are absent")
	}
	p, m := b.pieces, &b.m
	end := p.Pos(p.Size)
	found, expected := fmt.Sprintf("%d bytes", p.Size), fmt.Sprintf("%d, as the headers say", m.length)
	switch {
	case p.Size == m.length:
	case p.Size < m.length && !b.ended:
		b.report(elfcore.Loss, "truncated", end, found, expected, "the rest is absent")
	default:
		// Lines were lost, or such of other output were taken for the dump's,
		// and nothing tells where.
		p.Doubt(m.notes.end())
		b.report(elfcore.Loss, "length", end, found, expected, "all memory may stand at wrong addresses and is suspect; get the log again")
	}
}

// registers reads the notes.
func (b *builder) registers() {
	size := min(b.m.notes.size, b.pieces.Size-b.m.notes.off)
	for n, err := range notes.All(b.pieces, b.m.notes.off, size, 4, binary.LittleEndian) {
		if err != nil {
			b.report(elfcore.Loss, "notes", b.pieces.Pos(b.m.notes.off), err.Error(), "the notes of a thread, of the program and of the signal", "what could be read is kept")
			return
		}
		switch n.Type {
		case notes.PRStatus:
			if n.Size == statusSize {
				b.status(n)
			}
		case notes.SigInfo:
			b.signal(n)
		}
	}
}

// status reads the target's NT_PRSTATUS, which has the fields of Linux's only
// as far as the third.
func (b *builder) status(n notes.Note) {
	word := int64(b.m.cpu.arch.PtrSize())
	id := n.DescOff + 12 + 2*word // behind signo, code, errno and two words
	regs := id + 16               // behind pid, ppid, pgrp, sid
	if v, s := b.uint(id, 4); s != elfcore.Missing {
		b.c.Facts[factThread] = elfcore.Fact[string]{Value: fmt.Sprint(v), State: s, Why: b.c.Because("blueos.status", "", b.pieces.Pos(id))}
	}
	b.regs = elfcore.NewRegisters(b.m.cpu.arch)
	slots, size, err := b.m.cpu.arch.Slots(b.m.cpu.dumped)
	if err != nil {
		panic(err) // a layout of the table, which a test resolves in full
	}
	if b.zero(regs, int64(size)) {
		b.report(elfcore.Warning, "no-context", b.pieces.Pos(regs), "all registers are zero", "", "left out: the thread had no saved context")
		return
	}
	b.old = b.pieces.Pos(regs)
	why := b.c.Because("blueos.saved-context", "registers from the thread's last context save, which may be older than the fault", b.old)
	for _, s := range slots {
		if v, state := b.uint(regs+int64(s.Off), s.Size); state != elfcore.Missing {
			b.regs.Set(s.Reg, v, elfcore.Suspect, why)
		}
	}
}

// ofTrap makes the registers known: the context is the one that the trap saved.
func (b *builder) ofTrap(regs *elfcore.Registers, text string) {
	why := b.c.Because("blueos.context-of-trap", text, b.old)
	for i := range b.c.Arch.Regs {
		r := arch.Reg(i)
		if v, s := regs.Get(r); s == elfcore.Suspect {
			regs.Set(r, v, elfcore.Known, why)
		}
	}
	b.old = nowhere
}

// uint reads an integer of n bytes.
func (b *builder) uint(off int64, n int) (uint64, elfcore.State) {
	var p [8]byte
	s := b.pieces.Read(p[:n], off)
	return binary.LittleEndian.Uint64(p[:]), s
}

func (b *builder) zero(off, n int64) bool {
	p := make([]byte, n)
	return b.pieces.Read(p, off) != elfcore.Missing && strings.Trim(string(p), "\x00") == ""
}

// memory adds the segments. Their flags are wrong (the stack's lack R), so all
// are read and write.
func (b *builder) memory() {
	for _, s := range b.m.loads {
		why := b.c.Because("blueos.segment", "", b.pieces.Pos(s.off))
		where := elfcore.Range{Addr: s.addr, Size: uint64(s.size)}
		if room := b.c.Arch.AddrMask() - uint64(s.addr); where.Size > 0 && where.Size-1 > room {
			b.report(elfcore.Loss, "address", b.pieces.Pos(s.off), fmt.Sprintf("a segment of %d bytes at %v", s.size, s.addr), "one that ends in the address space", "the rest is left out")
			where.Size = room + 1
		}
		for r := range b.pieces.Regions(where, s.off, elfcore.PermR|elfcore.PermW, why) {
			for _, d := range b.c.Memory.Add(r) {
				b.report(elfcore.Info, "overlap-differs", b.pieces.Pos(s.off), fmt.Sprintf("%v is in the dump twice with different bytes", d), "", "the first is kept")
			}
		}
	}
}

// stackPointer repairs sp. What is dumped is the address of the saved context
// (on Cortex-M 64 bytes above it), which lies below what the thread had. If
// the context is in the dump its layout proves how much.
func (b *builder) stackPointer(t *elfcore.Thread) {
	sp, state := t.Regs.SP()
	if state == elfcore.Missing {
		return
	}
	context := elfcore.Addr(sp) - elfcore.Addr(b.m.cpu.below)
	var proven, possible []elfcore.Registers
	for _, l := range b.m.cpu.contexts {
		_, size, err := b.c.Arch.Slots(l)
		if err != nil {
			panic(err) // as in status
		}
		r := t.Regs.Clone()
		above := uint64(context) + uint64(size)
		if flags, _ := r.Get(b.c.Arch.Flags); b.c.Arch == arch.CortexM && flags&aligned != 0 {
			above += 4
		}
		text := fmt.Sprintf("the dump has 0x%x; a saved context of %d bytes lies at %v", sp, size, context)
		r.Set(b.c.Arch.SP, above, elfcore.Suspect, b.c.Because("blueos.sp-above-context", text, nowhere))
		if possible = append(possible, r); b.holds(context, l, &t.Regs) {
			proven = append(proven, r)
		}
	}
	if len(proven) > 0 {
		t.Regs, t.Alternatives = proven[0], proven[1:]
		return
	}
	t.Regs.Set(b.c.Arch.SP, sp, elfcore.Suspect, b.c.Because("blueos.sp-as-dumped", "the address of the saved context, below the thread's own sp", nowhere))
	t.Alternatives = possible
}

// aligned is the bit of a stacked xPSR that says that the CPU left out a word
// above the frame to align it.
const aligned = 1 << 9

// holds tells whether memory holds the registers in a layout.
func (b *builder) holds(at elfcore.Addr, l arch.Layout, regs *elfcore.Registers) bool {
	slots, _, _ := b.c.Arch.Slots(l)
	for _, s := range slots {
		want, known := regs.Get(s.Reg)
		if s.Reg == arch.NoReg || known == elfcore.Missing {
			continue
		}
		if got, _, err := b.c.ReadUint(at+elfcore.Addr(s.Off), s.Size); err != nil || got != want {
			return false
		}
	}
	return true
}
