package elfcore

import (
	"context"
	"debug/elf"
	"fmt"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// Core reads the crash: of a core that Core.Write wrote all that it was made
// of, of a process' core what its system tells (process.go). Memory stays in
// the file: the reader given to Open must remain usable. Alternatives, memory
// of state Suspect that was not kept, and values of missing registers are not
// in a core file.
//
// Memory that is cut off by the end of the file is absent; f.Diagnostics, which
// the Core takes over, tell so. Errors are *notes.FormatError, those of the
// file's reader, or ctx's; *OwnError goes round those of a core that Core.Write
// wrote.
func (f *File) Core(ctx context.Context) (*Core, error) {
	list, damage := f.list()
	for _, n := range list {
		if n.Owner == ownOwner && n.Type == notes.Evidence {
			if damage != nil {
				return nil, &OwnError{damage}
			}
			c, err := f.reopen(ctx, list, n)
			if err != nil && ctx.Err() == nil {
				err = &OwnError{err}
			}
			return c, err
		}
	}
	return f.process(ctx, list, damage)
}

// OwnError says that a core file which corelift wrote is damaged.
type OwnError struct{ Err error }

func (e *OwnError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *OwnError) Unwrap() error { return e.Err }

// readNotes reads all notes, and tells the first error among them.
func (f *File) readNotes() (list []notes.Note, damage error) {
	for n, err := range f.Notes() {
		switch {
		case err == nil:
			list = append(list, n)
		case damage == nil:
			damage = err
		}
	}
	return list, damage
}

// reopen reads a core that Core.Write wrote, whose evidence note is n.
func (f *File) reopen(ctx context.Context, list []notes.Note, n notes.Note) (*Core, error) {
	o, err := readOwn(n)
	if err != nil {
		return nil, err
	}
	at := n.Off
	bad := func(format string, args ...any) error {
		return &notes.FormatError{Off: at, Msg: "evidence note: " + fmt.Sprintf(format, args...)}
	}
	a, ok := arch.ByName(o.Arch)
	if !ok || a.Machine != f.Header.Machine || a.Class != f.Header.Class {
		return nil, bad("CPU %q does not go with this file's %v, %v", o.Arch, f.Header.Machine, f.Header.Class)
	}
	c := New(o.Format, a, f.Order)
	if c.HasFlags = o.HasFlags; c.HasFlags {
		c.Flags = f.Header.Flags
	}
	c.Program, c.Crash = o.Program, o.Crash
	c.Attachments, c.Suppressed = o.Attachments, o.Suppressed
	c.Diagnostics = append(o.Diagnostics, f.Diagnostics...)
	if o.Facts != nil {
		c.Facts = o.Facts
	}
	if len(o.Evidence) > 0 {
		c.Evidence = append([]Evidence{{}}, o.Evidence...)
	}
	set, err := o.registerNotes(a)
	if err != nil {
		return nil, bad("%v", err)
	}
	if err := readThreads(c, list, set); err != nil {
		return nil, err
	}
	for i, t := range o.Threads {
		if i >= len(c.Threads) || c.Threads[i].ID != t.ID {
			return nil, bad("thread %d has no NT_PRSTATUS in its place", t.ID)
		}
		t.Regs = c.Threads[i].Regs
		for _, r := range t.Registers {
			if err := r.apply(&t.Regs); err != nil {
				return nil, bad("thread %d: %v", t.ID, err)
			}
		}
		c.Threads[i] = t.Thread
	}
	if len(o.Threads) != len(c.Threads) {
		return nil, bad("%d threads, the file has %d", len(o.Threads), len(c.Threads))
	}
	if err := f.memory(ctx, c, o); err != nil {
		return nil, err
	}
	return c, nil
}

// readOwn decodes our note.
func readOwn(n notes.Note) (*own, error) {
	if n.Size > maxOwn {
		return nil, &notes.FormatError{Off: n.Off, Msg: fmt.Sprintf("evidence note of %d bytes, the limit is %d", n.Size, maxOwn)}
	}
	desc, err := n.Read(n.Size)
	if err != nil {
		return nil, err
	}
	o, err := decodeOwn(desc)
	if err != nil {
		return nil, &notes.FormatError{Off: n.DescOff, Msg: "evidence note: " + err.Error()}
	}
	return o, nil
}

// readThreads reads the register notes.
func readThreads(c *Core, list []notes.Note, set registerNotes) error {
	for _, n := range list {
		for _, want := range []registerNote{set.status, set.float, set.control} {
			if want.owner != n.Owner || want.typ != n.Type {
				continue
			}
			desc, err := n.Read(int64(want.size) + 1)
			if err != nil {
				return err
			}
			if want == set.status {
				c.Threads = append(c.Threads, Thread{Regs: NewRegisters(c.Arch)})
			}
			if len(c.Threads) == 0 {
				return &notes.FormatError{Off: n.Off, Msg: "registers before the first NT_PRSTATUS"}
			}
			t := &c.Threads[len(c.Threads)-1]
			if err := want.load(&t.Regs, desc, c.Order); err != nil {
				return &notes.FormatError{Off: n.Off, Msg: err.Error()}
			}
			if want == set.status {
				t.ID = int32(getUint(c.Order, desc[c.Arch.Core.PID:][:4]))
			}
		}
	}
	return nil
}

// memory makes a region of each PT_LOAD.
func (f *File) memory(ctx context.Context, c *Core, o *own) error {
	regions := make(map[Addr]ownRegion, len(o.Regions))
	for _, r := range o.Regions {
		regions[r.Addr] = r
	}
	var last uint64 // address of the last byte so far
	any := false
	for i, s := range f.Segments {
		if s.Type != elf.PT_LOAD || s.Filesz == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		where := Range{Addr(s.Vaddr), s.Filesz}
		// Overlaps would be compared byte by byte, which a hostile file could
		// make endless; Write makes none.
		if any && s.Vaddr <= last {
			return &notes.FormatError{Off: int64(f.Header.PhOff), Msg: fmt.Sprintf("segment %d, %v, is not behind the one before it", i, where)}
		}
		last, any = s.Vaddr+s.Filesz-1, true
		if last < s.Vaddr || last > c.Arch.AddrMask() {
			return &notes.FormatError{Off: int64(f.Header.PhOff), Msg: fmt.Sprintf("segment %d, %v, is outside the address space", i, where)}
		}
		data := f.Data(s)
		where.Size = uint64(data.Size())
		r := Region{Range: where, Perm: uint32(s.Flags) & (PermR | PermW | PermX), State: Known, Data: data}
		if x, ok := regions[where.Addr]; ok {
			r.State, r.Why = x.State, x.Why
		}
		switch r.State {
		case Missing:
			return &notes.FormatError{Off: int64(f.Header.PhOff), Msg: fmt.Sprintf("segment %d, %v, is missing according to the evidence note", i, where)}
		case Suspect:
			c.KeepSuspect = true
		}
		c.Memory.Add(r)
	}
	return nil
}
