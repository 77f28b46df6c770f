package readelf

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"math"
	"slices"

	"corelift/elfcore"
	"corelift/notes"
)

// Map is a range of a process' addresses: what /proc/PID/maps or procstat -v
// would have shown, and how much of it the core holds.
type Map struct {
	Start elfcore.Addr `json:"start"`
	// Size and InCore are bytes.
	Size   uint64 `json:"size"`
	InCore uint64 `json:"in_core"`
	Held   string `json:"held"`           // all, part or none
	Perm   string `json:"perm,omitempty"` // rwx, a - for what is not allowed; empty if nothing tells
	Offset uint64 `json:"offset"`         // in File, bytes
	File   string `json:"file,omitempty"`
	// Kind is known for what has no file: stack (the main thread's), vdso.
	Kind string `json:"kind,omitempty"`
}

// describeMaps joins the segments with what the system says is mapped: NT_FILE
// has the files, but not the memory of no file; FreeBSD's list has all. Ranges
// are split where either begins or ends. Where segments overlap, or entries of
// the list, the one that begins first counts.
func (d *Document) describeMaps(f *elfcore.File, _ Options) error {
	list, err := f.Mappings()
	var format *notes.FormatError
	if errors.As(err, &format) {
		d.report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "core.mappings", At: elfcore.Pos{Off: format.Off}, Found: format.Msg,
			Expected: "the list of mappings", Done: "the mappings before it are shown"})
	} else if err != nil {
		return err
	}
	var segments, mapped []extent
	for i, s := range f.Segments {
		if s.Type == elf.PT_LOAD && s.Memsz > 0 {
			segments = append(segments, extent{s.Vaddr, s.Vaddr + min(s.Memsz-1, math.MaxUint64-s.Vaddr), i})
		}
	}
	for i, m := range list {
		if m.Size > 0 {
			mapped = append(mapped, extent{uint64(m.Addr), uint64(m.Addr) + m.Size - 1, i})
		}
	}
	segments, mapped = disjoint(segments), disjoint(mapped)
	kinds := kindsOf(f)
	d.Maps = make([]Map, 0, len(segments)+len(mapped))
	for at := uint64(0); len(segments)+len(mapped) > 0; {
		// The next range begins with the first of both, unless that is passed,
		// and ends before the next border of either.
		first := min(front(segments), front(mapped))
		at = max(at, first)
		last := min(border(segments, at), border(mapped, at))
		m := Map{Start: elfcore.Addr(at), Size: last - at + 1}
		if len(segments) > 0 && segments[0].first <= at {
			m.ofSegment(f, segments[0].index)
		}
		if len(mapped) > 0 && mapped[0].first <= at {
			m.ofMapping(&list[mapped[0].index])
		}
		m.finish(kinds)
		d.Maps = append(d.Maps, m)
		segments, mapped = passed(segments, last), passed(mapped, last)
		if at = last + 1; at == 0 {
			break
		}
	}
	return nil
}

// extent is a range of addresses, both ends in it, of the entry index of a
// list.
type extent struct {
	first, last uint64
	index       int
}

// disjoint sorts extents and cuts those that overlap.
func disjoint(list []extent) []extent {
	slices.SortStableFunc(list, func(a, b extent) int { return cmp.Compare(a.first, b.first) })
	kept := list[:0]
	for _, e := range list {
		if n := len(kept); n > 0 && e.first <= kept[n-1].last {
			if e.last <= kept[n-1].last {
				continue
			}
			e.first = kept[n-1].last + 1
		}
		kept = append(kept, e)
	}
	return kept
}

func front(list []extent) uint64 {
	if len(list) == 0 {
		return math.MaxUint64
	}
	return list[0].first
}

// border is the last address of the range that has at in it or, if the list has
// no range there, the one before its next.
func border(list []extent, at uint64) uint64 {
	switch {
	case len(list) == 0:
		return math.MaxUint64
	case at < list[0].first:
		return list[0].first - 1
	}
	return list[0].last
}

// passed drops the first extent if it ends at last.
func passed(list []extent, last uint64) []extent {
	if len(list) > 0 && list[0].last <= last {
		return list[1:]
	}
	return list
}

// ofSegment adds what a segment tells: how many of its bytes are in the file,
// and its flags.
func (m *Map) ofSegment(f *elfcore.File, i int) {
	s := f.Segments[i]
	before := uint64(m.Start) - s.Vaddr
	if have := min(uint64(f.Data(s).Size()), s.Memsz); have > before {
		m.InCore = min(have-before, m.Size)
	}
	m.Perm = permissions(s.Flags&elf.PF_R != 0, s.Flags&elf.PF_W != 0, s.Flags&elf.PF_X != 0)
}

// ofMapping adds what the system tells, which knows better than a segment.
func (m *Map) ofMapping(l *elfcore.Mapping) {
	m.File, m.Offset = l.File, l.Off+uint64(m.Start-l.Addr)
	if l.HasPerm {
		m.Perm = permissions(l.Perm&elfcore.PermR != 0, l.Perm&elfcore.PermW != 0, l.Perm&elfcore.PermX != 0)
	}
}

func permissions(r, w, x bool) string {
	p := []byte("---")
	for i, set := range []bool{r, w, x} {
		if set {
			p[i] = "rwx"[i]
		}
	}
	return string(p)
}

func (m *Map) finish(kinds []kind) {
	switch m.InCore {
	case 0:
		m.Held = "none"
	case m.Size:
		m.Held = "all"
	default:
		m.Held = "part"
	}
	for _, k := range kinds {
		if m.File == "" && k.at-uint64(m.Start) < m.Size {
			m.Kind = k.name
		}
	}
}

// kind names the mapping that has an address in it.
type kind struct {
	at   uint64
	name string
}

// kindsOf tells what Linux' auxiliary vector points to: AT_RANDOM to bytes at
// the far end of the main thread's stack, AT_SYSINFO_EHDR to the vDSO. FreeBSD
// has other numbers.
func kindsOf(f *elfcore.File) (list []kind) {
	const random, sysInfoHeader = 25, 33
	if f.Header.OSABI == elf.ELFOSABI_FREEBSD {
		return nil
	}
	vector, _ := f.AuxVector()
	for _, a := range vector {
		switch a.Type {
		case random:
			list = append(list, kind{a.Value, "stack"})
		case sysInfoHeader:
			list = append(list, kind{a.Value, "vdso"})
		}
	}
	return list
}

// printMaps prints a line for each range, in the manner of /proc/PID/maps.
func (d *Document) printMaps(w *writer) {
	if len(d.Maps) == 0 {
		w.printf("\nThere are no mappings in this file.\n")
		return
	}
	digits := addressBits(d.file.Header.Class) / 4
	w.printf("\nMappings:\n  %-*s %-*s Perm       Size In core    Offset     File\n", digits+2, "Start", digits+2, "End")
	for i := range d.Maps {
		m := &d.Maps[i]
		perm, held, file := m.Perm, m.Held, visible(m.File)
		if perm == "" {
			perm = "???"
		}
		if held == "part" {
			held = fmt.Sprintf("%#x", m.InCore)
		}
		if m.Kind != "" {
			file = "[" + m.Kind + "]"
		}
		w.WriteByte(' ')
		w.hex(uint64(m.Start), digits)
		w.hex(uint64(m.Start)+m.Size, digits)
		w.printf(" %s %#10x %-10s", perm, m.Size, held)
		w.hex(m.Offset, 8)
		w.WriteByte(' ')
		w.WriteString(file)
		w.WriteByte('\n')
	}
}
