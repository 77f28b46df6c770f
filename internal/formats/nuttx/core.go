package nuttx

import (
	"encoding/binary"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
)

// Names of facts.
const (
	factTasks    = "nuttx.tasks" // "name (pid N)" in the order of the dump
	factCrashed  = "nuttx.crashed"
	factVersion  = "nuttx.version"
	factProcess  = "nuttx.process"
	factEncoding = "nuttx.compression"
	factDevice   = "nuttx.device"
)

// builder makes a Core of one core dump.
type builder struct {
	stored  *capture.Pieces // as the target wrote it, perhaps compressed
	damaged []elfcore.Pos   // lines of a log that are lost
	text    bool            // from a log
	ended   bool            // whose last line is there
	source  string

	compressed bool
	u          unpacked // the ELF file
	m          image
	ok         bool // the headers could be read
	c          *elfcore.Core
	pids       []int32
}

func (b *builder) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	b.c.Report(elfcore.Diagnostic{Severity: s, Code: "nuttx." + code, At: at, Found: found, Expected: expected, Done: done})
}

// decode decompresses the dump and reads its headers.
func (b *builder) decode() {
	var magic [2]byte
	if b.stored.Read(magic[:], 0) == elfcore.Missing {
		b.compressed = resync(b.stored, 0) < b.stored.Size
	} else {
		b.compressed = string(magic[:]) == lzfMagic
	}
	if !b.compressed {
		b.u = unpacked{Pieces: b.stored}
		b.m, b.ok = openImage(b.stored)
		return
	}
	b.u = unpack(b.stored, 0)
	b.m, b.ok = openImage(b.u.Pieces)
	// If the chain of blocks was broken once, the headers tell how much is
	// missing there.
	if end := b.m.filled(); b.ok && b.u.skips == 1 && end > b.u.Size && (b.ended || !b.text) {
		b.u = unpack(b.stored, end-b.u.Size)
		b.m, b.ok = openImage(b.u.Pieces)
	}
}

// good: nothing seems to be missing.
func (b *builder) good() bool {
	return b.ok && len(b.u.damaged) == 0 && b.m.complete(b.u.Size)
}

// core makes the Core. The error says why nothing could be saved.
func (b *builder) core() (*elfcore.Core, error) {
	if !b.ok {
		at := b.stored.Pos(0)
		at.Source = b.source
		return nil, fmt.Errorf("%v: the headers of a NuttX dump are damaged; get the dump again", at)
	}
	a, sure := b.m.cpu(b.u.Pieces)
	b.c = elfcore.New(Name, a, binary.LittleEndian)
	if !sure {
		b.report(elfcore.Warning, "profile", nowhere, "no task's status register tells which ARM profile it is", "", "taken for the M profile")
	}
	if b.m.unverified {
		b.report(elfcore.Info, "unverified", nowhere, "a dump of "+a.Name, "", "read by the source; no dump of a device was at hand to compare")
	}
	encoding := "none"
	if b.compressed {
		encoding = "lzf"
	}
	b.c.Facts[factEncoding] = elfcore.Fact[string]{Value: encoding, State: elfcore.Known}
	b.length()
	b.threads()
	b.memory()
	if !b.text {
		b.crashed(&assertText{pid: -1})
	}
	return b.c, nil
}

// length reports what is lost.
func (b *builder) length() {
	for _, at := range b.damaged {
		b.report(elfcore.Loss, "line", at, "a damaged line", "hex digits, as many as on the other lines", "its bytes are absent")
	}
	for _, off := range b.u.damaged {
		b.report(elfcore.Loss, "block", b.stored.Pos(off), "a damaged or missing block of compressed bytes", "", "its bytes are absent")
	}
	if b.u.full {
		b.report(elfcore.Loss, "limit", b.u.Pos(b.u.Size), "", fmt.Sprintf("at most %d bytes of dump", maxDump), "the rest is left out")
	}
	if b.m.lost > 0 {
		b.report(elfcore.Loss, "headers", b.u.Pos(0), fmt.Sprintf("%d program headers are lost", b.m.lost), "", "their memory is absent")
	}
	end := b.u.Pos(b.u.Size)
	found, expected := fmt.Sprintf("%d bytes", b.u.Size), fmt.Sprintf("%d, as the headers say", b.m.length)
	switch {
	case b.m.complete(b.u.Size):
	case b.u.skips > 0:
		b.report(elfcore.Loss, "blocks", end, found, expected, "blocks are missing in several places: the memory behind the first may stand at wrong addresses and is suspect")
	case !b.ended || b.u.cut:
		b.report(elfcore.Loss, "truncated", end, found, expected, "the rest is absent")
	default:
		// Lines were lost, or such of other output were taken for the dump's,
		// and nothing tells where.
		b.u.Doubt(b.proven())
		b.report(elfcore.Loss, "length", end, found, expected, "all memory may stand at wrong addresses and is suspect; get the log again")
	}
}

// proven is how far bytes stand in their place for certain although some are
// missing: up to the registers of the last task in a row whose notes do.
func (b *builder) proven() (off int64) {
	for i := range b.m.tasks.count {
		if fits, _ := b.m.tasks.fits(b.u.Pieces, i); !fits {
			break
		}
		off = b.m.tasks.descriptor(i)
	}
	return off
}

// threads reads the notes of each task.
func (b *builder) threads() {
	slots, _, err := b.m.arch.Slots(b.m.layout)
	if err != nil {
		panic(err) // a layout of the table, which a test resolves in full
	}
	var names []string
	for i := range b.m.tasks.count {
		at := b.u.Pos(b.m.tasks.descriptor(i))
		why := b.c.Because("nuttx.status", "", at)
		t := elfcore.Thread{Regs: elfcore.NewRegisters(b.c.Arch)}
		fits, _ := b.m.tasks.fits(b.u.Pieces, i)
		owner := b.m.tasks.owner(b.u.Pieces, b.m.tasks.note(i))
		if !fits {
			b.report(elfcore.Loss, "task", at, fmt.Sprintf("the notes of task %d of %d are damaged", i+1, b.m.tasks.count), "", "what is there is kept")
		}
		if owner != nil {
			t.Name = elfcore.Fact[string]{Value: string(owner), State: elfcore.Known, Why: why}
		}
		pid, s := b.uint(b.m.tasks.descriptor(i)+int64(b.m.arch.Core.PID), 4)
		id := int32(pid)
		if s == elfcore.Missing {
			id = -1
		}
		b.pids = append(b.pids, id)
		names = append(names, b.label(string(owner), id))
		for _, slot := range slots {
			if v, state := b.uint(b.m.register(i, slot), slot.Size); state != elfcore.Missing && slot.Reg != arch.NoReg {
				t.Regs.Set(slot.Reg, v, state, why)
			}
		}
		b.absent(&t.Regs)
		b.c.Threads = append(b.c.Threads, t)
	}
	b.c.Facts[factTasks] = elfcore.Fact[string]{Value: strings.Join(names, ", "), State: elfcore.Known}
}

// absent takes out registers that the target filled with zeros.
//
// Folklore: the target clears the note and copies what the task's context has.
// Builds that keep gp for all tasks do not save it, and a task that never ran
// may have no context at all. Test: TestZeros.
func (b *builder) absent(regs *elfcore.Registers) {
	any := false
	for i := range b.c.Arch.Regs {
		v, _ := regs.Get(arch.Reg(i))
		any = any || v != 0
	}
	if !any {
		why := b.c.Because("nuttx.no-context", "all registers are zero: the task has no saved context", nowhere)
		for i := range b.c.Arch.Regs {
			regs.Clear(arch.Reg(i), why)
		}
		return
	}
	if gp, ok := b.c.Arch.Reg("gp"); ok {
		if v, s := regs.Get(gp); v == 0 && s != elfcore.Missing {
			regs.Clear(gp, b.c.Because("nuttx.gp-not-saved", "zero: this build does not save it", nowhere))
		}
	}
}

// label names a task.
func (b *builder) label(name string, pid int32) string {
	if pid < 0 {
		return name
	}
	return fmt.Sprintf("%s (pid %d)", name, pid)
}

// uint reads an integer of n bytes.
func (b *builder) uint(off int64, n int) (uint64, elfcore.State) {
	var p [8]byte
	s := b.u.Read(p[:n], off)
	return binary.LittleEndian.Uint64(p[:]), s
}

// memory adds the segments.
func (b *builder) memory() {
	for i, s := range b.m.loads {
		if s.Filesz == 0 {
			continue
		}
		at := b.u.Pos(int64(s.Off))
		why := b.c.Because("nuttx.segment", "", at)
		if i < len(b.c.Threads) {
			why = b.c.Because("nuttx.stack", "", at)
		}
		where := elfcore.Range{Addr: elfcore.Addr(s.Vaddr), Size: s.Filesz}
		if room := b.c.Arch.AddrMask() - s.Vaddr; s.Vaddr > b.c.Arch.AddrMask() || s.Filesz-1 > room {
			b.report(elfcore.Loss, "address", at, fmt.Sprintf("a segment of %d bytes at %v", s.Filesz, where.Addr), "one that ends in the address space", "left out")
			continue
		}
		perm := uint32(s.Flags) & (elfcore.PermR | elfcore.PermW | elfcore.PermX)
		if perm == 0 {
			perm = elfcore.PermR | elfcore.PermW // a board that gives none
		}
		for r := range b.u.Regions(where, int64(s.Off), perm, why) {
			for _, d := range b.c.Memory.Add(r) {
				b.report(elfcore.Info, "overlap-differs", at, fmt.Sprintf("%v is in the dump twice with different bytes", d), "", "the first is kept")
			}
		}
	}
}
