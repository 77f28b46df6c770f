package espcore

import (
	"debug/elf"
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// Sizes in bytes and offsets in ELF32 structures.
const (
	elfMagic = "\x7fELF"

	elfHeaderSize  = 52
	elfTypeAt      = 16
	elfMachineAt   = 18
	elfPhOffAt     = 28
	elfPhEntSizeAt = 42
	elfPhNumAt     = 44
	segmentSize    = 32
)

// taskFlags is what TASK_INFO says of a task.
type taskFlags struct {
	tcb   elfcore.Addr
	flags uint32
}

// segment is a program header. Off counts from the ELF header.
type segment struct {
	typ          elf.ProgType
	off, vaddr   uint32
	filesz       uint32
	flags, align uint32
}

func parseSegment(p []byte) segment {
	w := words(p[:segmentSize])
	return segment{elf.ProgType(w[0]), w[1], w[2], w[4], w[6], w[7]}
}

// segments reads the program headers. Those that are lost are left out.
func (m *image) segments() (list []segment, lost int) {
	if m.known != nil {
		return m.known, max(0, int(int64(m.known[0].off)-elfHeaderSize)/segmentSize-len(m.known))
	}
	var head [elfHeaderSize]byte
	if m.read(head[:], m.body) == elfcore.Missing {
		return nil, 0
	}
	phoff, count := int64(little.Uint32(head[elfPhOffAt:])), int(little.Uint16(head[elfPhNumAt:]))
	for i := range count {
		var p [segmentSize]byte
		off := m.body + phoff + int64(i)*segmentSize
		if off >= m.size {
			return list, count - len(list)
		}
		if m.read(p[:], off) == elfcore.Missing {
			continue
		}
		list = append(list, parseSegment(p[:]))
	}
	return list, count - len(list)
}

// readELF reads the body as the chip makes it, and as the vendor's tool saves
// it.
func (d *dump) readELF() {
	segments, lost := d.segments()
	if lost > 0 {
		d.lost("esp.segments-lost", d.body+elfHeaderSize, fmt.Sprintf("%d program headers", len(segments)), fmt.Sprintf("%d", len(segments)+lost), "the memory of the others is lost")
	}
	for _, s := range segments {
		if s.typ == elf.PT_NOTE {
			if d.firstNote == 0 {
				d.firstNote = d.body + int64(s.off)
			}
			d.readNotes(d.body+int64(s.off), int64(s.filesz))
		}
	}
	d.loads(segments)
}

// readNotes reads a segment of notes. Where bytes are lost or make no sense it
// goes on with the next note that does.
func (d *dump) readNotes(off, size int64) {
	end := min(off+size, d.end())
	if off+size > end {
		d.lost("esp.notes-cut", end, "notes cut off", fmt.Sprintf("%d bytes", size), "what is there is used")
	}
	if stride := int64(noteHeader + coreName + d.Arch.Core.PRStatus); d.sparse && off == d.firstNote && size%stride == 0 {
		// All are registers of tasks; not even their headers need be there.
		for at := off; at < end; at += stride {
			d.status(notes.Note{Off: at, DescOff: at + noteHeader + coreName, Size: int64(d.Arch.Core.PRStatus)})
		}
		return
	}
	complained := false
	for at := off; at < end; {
		next := at + 4
		for n, err := range notes.All(gapless{&d.content}, at, end-at, 4, d.Order) {
			if err != nil {
				break
			}
			next = n.DescOff + up4(n.Size)
			if state := d.note(n); state == elfcore.Missing {
				next = at + 4
				break
			}
			at = next
		}
		if at = next; at < end && !complained {
			complained = true
			d.report(elfcore.Warning, "esp.notes", at-4, "bytes that are no note", "a note", "searched for the next one")
		}
	}
}

// note takes a note of the image. Missing says that there is none.
func (d *dump) note(n notes.Note) elfcore.State {
	if n.Owner == "CORE" && n.Type == notes.PRStatus {
		return d.status(n)
	}
	desc := make([]byte, min(n.Size, maxNote))
	state := d.read(desc, n.DescOff)
	if state == elfcore.Missing {
		return state
	}
	i := &d.info
	switch ownerOf(n.Owner, n.Type) {
	case noteInfo:
		if len(desc) < 4 {
			break
		}
		d.checkVersion(n, little.Uint32(desc))
		i.sha, i.shaState = shaText(desc), state
	case notePanic:
		i.details, i.detailsState = append(i.details, string(desc)), state
	case noteRevision:
		if len(desc) >= 4 {
			rev := little.Uint32(desc)
			i.revision = &rev
		}
	case noteExtra, madeExtra:
		i.made = n.Owner == madeExtra
		d.extra(words(desc), state)
	case madeTask:
		if w := words(desc); len(w) >= taskInfoSize/4 {
			d.flags = append(d.flags, taskFlags{elfcore.Addr(w[2]), w[1]})
		}
	default:
		if n.Type == 0 || n.Owner == "" {
			return elfcore.Missing
		}
	}
	return state
}

// checkVersion compares the version word of the note with the header's.
func (d *dump) checkVersion(n notes.Note, word uint32) {
	if d.version == nil {
		// A bare ELF core: the note is all that tells.
		d.version, d.header = versionOf(uint16(word)), nil
		d.setChip(uint16(word >> 16))
		return
	}
	if have, ok := d.field(versionAt); ok && have != word {
		d.report(elfcore.Warning, "esp.version-differs", n.DescOff, fmt.Sprintf("version word 0x%08x in the note", word), fmt.Sprintf("0x%08x as in the header", have), "the header's counts")
	}
}

// status takes the registers of a task, those whose bytes are there.
func (d *dump) status(n notes.Note) elfcore.State {
	rules := &d.Arch.Core
	if n.Size != int64(rules.PRStatus) {
		d.report(elfcore.Warning, "esp.prstatus", n.Off, fmt.Sprintf("NT_PRSTATUS of %d bytes", n.Size), fmt.Sprintf("%d", rules.PRStatus), "left out")
		return elfcore.Known
	}
	slots, _, err := d.Arch.Slots(d.Arch.Linux)
	if err != nil || len(d.tasks) >= maxTasks {
		return elfcore.Known
	}
	regs, have := elfcore.NewRegisters(d.Arch), 0
	for _, s := range slots {
		var b [4]byte
		if state := d.read(b[:], n.DescOff+int64(rules.Regs+s.Off)); s.Reg != arch.NoReg && state != elfcore.Missing {
			regs.Set(s.Reg, uint64(little.Uint32(b[:])), state, 0)
			have++
		}
	}
	var pid [4]byte
	t := task{state: d.read(pid[:], n.DescOff+int64(rules.PID)), at: n.Off, note: &regs}
	if t.state != elfcore.Missing {
		t.tcb = elfcore.Addr(little.Uint32(pid[:]))
	} else if have == 0 {
		return elfcore.Missing
	}
	d.tasks = append(d.tasks, t)
	return max(t.state, elfcore.Suspect)
}

// extra takes ESP_EXTRA_INFO. Its length tells which words there are.
func (d *dump) extra(w []uint32, state elfcore.State) {
	if len(w) == 0 {
		return
	}
	d.info.extra, d.info.extraState = w, state
	if d.skipped = w[0] == crashedSkipped; !d.skipped {
		d.crashed = elfcore.Addr(w[0])
	}
	at := xtensaISR
	if d.Arch == arch.RV32 {
		at = riscvISR
	}
	if at < len(w) && !d.info.made {
		d.isr = elfcore.Fact[bool]{Value: w[at] != 0, State: state, Why: d.Because("esp.note", noteExtra, d.at)}
	}
}

// loads takes the memory and gives each task its stack, whose segment follows
// that of the TCB. Notes and segments are in different orders, so they go
// together by address.
func (d *dump) loads(segments []segment) {
	tasks := make(map[elfcore.Addr]*task, len(d.tasks))
	for i := range d.tasks {
		t := &d.tasks[i]
		tasks[t.tcb] = t
		for _, f := range d.flags {
			if f.tcb == t.tcb {
				t.flags = f.flags
			}
		}
	}
	var current *task
	left := d.size // segments that overlap in the file are hostile
	for _, s := range segments {
		if s.typ != elf.PT_LOAD {
			continue
		}
		b := &block{elfcore.Addr(s.vaddr), d.body + int64(s.off), int64(s.filesz)}
		t := tasks[b.addr]
		switch {
		case t != nil:
			current = t
		case current != nil && current.stack == nil:
			current.stack = b
		}
		if t == nil && d.chip.isFake(b.addr) {
			continue
		}
		if left -= b.size; left < 0 {
			d.report(elfcore.Warning, "esp.segments-overlap", b.off, fmt.Sprintf("segments that add up to more than the image's %d bytes", d.size), "", "the rest is left out")
			return
		}
		d.addMemory(b.addr, b.off, b.size)
	}
}
