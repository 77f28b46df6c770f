package modules

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// Sources of bytes.
const (
	FromCore = "core"
	FromFile = "file"
	Missing  = "missing"
)

// Run is memory of one source. Adjacent runs may have the same one.
type Run struct {
	elfcore.Range
	Source string        // FromCore, FromFile or Missing
	State  elfcore.State // how far the bytes are those that the program had
	// Path is the file of FromFile, Offset where in it the bytes begin; in its
	// section Section unless that is empty.
	Path    string
	Section string
	Offset  uint64
	// Note says why the bytes are missing or suspect; it may quote the core and
	// is raw.
	Note string
	// Data holds the bytes, Size of them from offset 0; nil if they are missing.
	Data io.ReaderAt
}

// Memory is the memory of a crash: what its core has, then what the files have
// that were mapped to it, then what its program can't change. It is not safe for
// concurrent use.
type Memory struct {
	Core    *elfcore.Core
	Process *Process      // nil: of no process
	Program *firmware.Set // read-only data and code in it count; may be nil

	constants []firmware.Section // those of Program
}

// Runs lists the sources of a range, by address and without a gap. The error is
// that of ctx.
func (m *Memory) Runs(ctx context.Context, r elfcore.Range) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		at := r.Addr
		stopped := false
		emit := func(run Run) bool {
			err := ctx.Err()
			stopped = !yield(run, err) || err != nil
			return !stopped
		}
		dumped := func(size uint64) {
			for size > 0 && !stopped {
				run := m.dumped(elfcore.Range{Addr: at, Size: size})
				emit(run)
				at += elfcore.Addr(run.Size)
				size -= run.Size
			}
		}
		for _, gap := range m.Core.Memory.Missing(r) {
			dumped(uint64(gap.Addr - at))
			for at = gap.Addr; gap.Size > 0 && !stopped; {
				run, err := m.absent(ctx, gap)
				if err != nil {
					yield(Run{}, err)
					return
				}
				emit(run)
				at += elfcore.Addr(run.Size)
				gap = elfcore.Range{Addr: at, Size: gap.Size - run.Size}
			}
		}
		dumped(r.Size - uint64(at-r.Addr))
	}
}

// dumped is the first run of a range that the core has all of: of one state for
// one reason.
func (m *Memory) dumped(r elfcore.Range) Run {
	first, _ := m.Core.Memory.At(r.Addr)
	run := Run{Range: elfcore.Range{Addr: r.Addr}, Source: FromCore, State: first.State, Data: coreReader{m.Core, r.Addr}}
	if first.State != elfcore.Known {
		e := m.Core.Explain(first.Why)
		run.Note = cmp.Or(e.Text, e.Rule)
	}
	for run.Size < r.Size {
		next, ok := m.Core.Memory.At(run.End())
		if !ok || next.State != first.State || next.Why != first.Why {
			break
		}
		run.Size = min(r.Size, uint64(next.Addr-r.Addr)+next.Size)
	}
	return run
}

// coreReader reads memory of the core from an address on.
type coreReader struct {
	core *elfcore.Core
	base elfcore.Addr
}

func (r coreReader) ReadAt(p []byte, off int64) (int, error) {
	if _, err := r.core.Memory.Read(p, r.base+elfcore.Addr(off)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// absent is the first run of a range that the core has nothing of.
func (m *Memory) absent(ctx context.Context, gap elfcore.Range) (Run, error) {
	run := missing(gap, notDumped)
	if m.Process != nil {
		var err error
		if run, err = m.Process.mapped(ctx, gap); err != nil || run.Source != Missing {
			return run, err
		}
	}
	if m.Program != nil {
		run = m.constant(run)
	}
	return run, nil
}

const notDumped = "not in the dump"

func missing(r elfcore.Range, format string, args ...any) Run {
	return Run{Range: r, Source: Missing, Note: fmt.Sprintf(format, args...)}
}

// constant is what the program has for a range that is missing: code or
// read-only data that the range begins in; else it is cut where such begins.
func (m *Memory) constant(gap Run) Run {
	if m.constants == nil {
		m.constants = m.Program.ReadOnly()
	}
	for _, s := range m.constants {
		if s.Contains(gap.Addr) {
			return m.section(s, gap.Range)
		}
		if s.Addr > gap.Addr && gap.Contains(s.Addr) {
			gap.Size = uint64(s.Addr - gap.Addr)
		}
	}
	if name, path := m.Program.SectionAt(gap.Addr); name != "" && m.Process == nil {
		gap.Note += fmt.Sprintf("; %s of %s lies there, which the program can change", name, path)
	}
	return gap
}

// section is what a section of the program has for a range that begins in it.
func (m *Memory) section(s firmware.Section, r elfcore.Range) Run {
	_, path := m.Program.SectionAt(r.Addr)
	off := uint64(r.Addr - s.Addr)
	r.Size = min(r.Size, s.Size-off)
	run := Run{Range: r, Source: FromFile, State: elfcore.Recovered, Path: path, Section: s.Name, Offset: off, Data: io.NewSectionReader(s.Data, int64(off), int64(r.Size))}
	if v := m.Core.Program.MatchVerdict; v != firmware.Same.String() && v != firmware.Compatible.String() {
		run.State, run.Note = elfcore.Suspect, "the firmware is not proven to be that of the dump"
	}
	return run
}

// segment is a PT_LOAD: systems write one for each mapping, dumped or not.
type segment struct {
	elfcore.Range        // of memory
	dumped        uint64 // p_filesz: bytes that were meant to be in the core
	perm          uint32
}

func (p *Process) sortSegments() (list []segment) {
	for _, s := range p.file.Segments {
		if s.Type == elf.PT_LOAD {
			list = append(list, segment{elfcore.Range{Addr: elfcore.Addr(s.Vaddr), Size: s.Memsz}, s.Filesz, uint32(s.Flags)})
		}
	}
	slices.SortStableFunc(list, func(a, b segment) int { return cmp.Compare(a.Addr, b.Addr) })
	return list
}

// placed is a mapping and the module that it is of.
type placed struct {
	elfcore.Mapping
	module *Module
}

func (p *Process) sortMappings() (list []placed) {
	for _, m := range p.Modules {
		for _, x := range m.Mappings {
			list = append(list, placed{x, m})
		}
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(a.Addr, b.Addr) })
	return list
}

// covering finds what holds an address in a list sorted by it, nil if nothing
// does; next is where the one behind begins, if there is one.
func covering[T any](list []T, at elfcore.Addr, extent func(*T) elfcore.Range) (have *T, next elfcore.Addr, more bool) {
	i := sort.Search(len(list), func(i int) bool { return extent(&list[i]).Addr > at })
	if i < len(list) {
		next, more = extent(&list[i]).Addr, true
	}
	if i > 0 && extent(&list[i-1]).Contains(at) {
		have = &list[i-1]
	}
	return have, next, more
}

// mapped is the first run of a range that the core has nothing of.
func (p *Process) mapped(ctx context.Context, gap elfcore.Range) (Run, error) {
	s, nextSegment, moreSegments := covering(p.segments(), gap.Addr, func(s *segment) elfcore.Range { return s.Range })
	x, nextMapping, moreMappings := covering(p.mappings(), gap.Addr, func(x *placed) elfcore.Range { return x.Range })
	cut := func(end elfcore.Addr) { gap.Size = min(gap.Size, uint64(end-gap.Addr)) }
	for _, next := range []struct {
		at   elfcore.Addr
		more bool
	}{{nextSegment, moreSegments}, {nextMapping, moreMappings}} {
		if next.more {
			cut(next.at)
		}
	}
	if s != nil {
		gap.Size = min(gap.Size, s.Size-uint64(gap.Addr-s.Addr))
	}
	if x == nil {
		switch {
		case s == nil:
			return missing(gap, "no memory of the process, as far as the core tells"), nil
		case uint64(gap.Addr-s.Addr) < s.dumped:
			gap.Size = min(gap.Size, s.dumped-uint64(gap.Addr-s.Addr))
			return missing(gap, "cut off with the end of the core"), nil
		}
		return missing(gap, "memory of the process that was not dumped, and no file is mapped there"), nil
	}
	gap.Size = min(gap.Size, x.Size-uint64(gap.Addr-x.Addr))
	l, err := p.Find(ctx, x.module)
	if err != nil {
		return Run{}, err
	}
	perm, known := x.Perm, x.HasPerm
	if !known && s != nil {
		perm, known = s.perm, true
	}
	switch {
	case known && perm&(elfcore.PermR|elfcore.PermW|elfcore.PermX) == 0:
		return missing(gap, "%s is mapped there, but the process had no access", x.File), nil
	case l.Path == "":
		return missing(gap, "%s is mapped there, which was not found: %s", x.File, l.Missed()), nil
	}
	f, size, err := openRegular(l.Path)
	if err != nil {
		return missing(gap, "%s is mapped there, but can't be read: %v", x.File, err), nil
	}
	f.Close()
	off := x.Off + uint64(gap.Addr-x.Addr)
	if off < x.Off || off >= uint64(size) {
		return missing(gap, "behind the end of %s, which is mapped there", l.Path), nil
	}
	gap.Size = min(gap.Size, uint64(size)-off)
	run := Run{Range: gap, Source: FromFile, Path: l.Path, Offset: off, Data: fileReader{l.Path, int64(off)}}
	lost := s != nil && uint64(gap.Addr-s.Addr) < s.dumped
	if lost {
		run.Size = min(run.Size, s.dumped-uint64(gap.Addr-s.Addr))
	}
	run.State, run.Note = p.trust(l, perm, known, lost)
	return run, nil
}

// trust says how far the bytes of a file that was mapped are those that the
// process had there. They are recovered at best, for they don't stand in the
// core.
//
// Linux dumps a private mapping of a file only if a page of it was changed,
// then as a whole, and no shared one, unless /proc/PID/coredump_filter says
// otherwise (core(5), "Controlling which mappings are written to the core
// dump"; Documentation/filesystems/proc.rst, 3.4). So a mapping that is not
// there was not changed by the process, if the filter had bit 0 (anonymous
// private memory). The core does not tell the filter, but one without that bit
// has no stacks. Nor does it tell private mappings from shared ones; those that
// can't be written don't differ in that. Pages that were excluded by
// madvise(MADV_DONTDUMP) can't be told from pages that were not changed.
func (p *Process) trust(l *Location, perm uint32, known, lost bool) (elfcore.State, string) {
	for _, doubt := range []struct {
		is   bool
		note string
	}{
		{!l.Proven, "assumed: nothing in the core proves that this is the file"},
		{lost, "the core was cut off here, and had bytes of its own"},
		{!known || perm&elfcore.PermW != 0, "the process could write here: the core has private pages that it changed, but not shared ones"},
		{!p.changes, "the core has no stacks, so pages that the process changed may not have been dumped either"},
	} {
		if doubt.is {
			return elfcore.Suspect, doubt.note
		}
	}
	return elfcore.Recovered, ""
}

// dumpsStacks tells whether anonymous private memory was dumped.
func (p *Process) dumpsStacks() bool {
	return slices.ContainsFunc(p.core.Threads, func(t elfcore.Thread) bool {
		sp, state := t.Regs.SP()
		_, ok := p.core.Memory.At(elfcore.Addr(sp))
		return ok && state != elfcore.Missing
	})
}

// fileReader reads a file from an offset on. It opens it each time: a process
// may have more files mapped than can be open.
type fileReader struct {
	path string
	off  int64
}

func (r fileReader) ReadAt(p []byte, off int64) (int, error) {
	f, _, err := openRegular(r.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.ReadAt(p, r.off+off)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", r.path, firmware.ErrChanged)
	}
	return n, err
}
