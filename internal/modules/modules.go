// Package modules finds the files that were mapped into the process of a core:
// which ones there were and where, and where they are on this machine. It reads
// the process' memory from the core and, where that has none, from those files.
//
// Nothing is guessed: a file is proven to be the one that was mapped by its
// build-id, or said to be assumed. What makes neither possible says why.
package modules

import (
	"bytes"
	"cmp"
	"debug/elf"
	"path"
	"slices"
	"sync"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// Module is a file that was mapped into the process. One that was loaded twice
// (dlmopen) is two modules.
type Module struct {
	Path          string            // on the target, as its system tells it: raw
	elfcore.Range                   // from its first mapping to the end of its last
	Mappings      []elfcore.Mapping // by address; none of the vdso
	Main          bool              // the executable
	Object        *elfcore.Object   // its headers in the core's memory; nil: no program, or they were not dumped
}

// VDSO is the Path of the kernel's own shared object, which is in every core of
// Linux as a whole and in no file (vdso(7)).
const VDSO = "[vdso]"

// Types of entries of the auxiliary vector (getauxval(3); FreeBSD has the first
// two).
const (
	auxHeaders = elfcore.AuxProgramHeaders
	auxEntry   = 9
	auxExecFn  = 31 // address of the path that the program was started by
	auxVDSO    = 33
)

// Process is a process by its core. It is safe for concurrent use.
type Process struct {
	Modules []*Module // by address

	core    *elfcore.Core
	file    *elfcore.File
	search  Search
	headers elfcore.Addr // of the executable's program headers, 0 unknown
	entry   elfcore.Addr // where the executable begins to run, 0 unknown
	changes bool         // see trust

	segments func() []segment // by address
	mappings func() []placed  // by address

	mu    sync.Mutex
	found map[*Module]*Location
}

// Of lists the modules of a process. f must be the file that c was read from,
// and be readable as long as the Process is used. err tells what is damaged
// about the list; what stands before that is there.
func Of(f *elfcore.File, c *elfcore.Core, s Search) (p *Process, err error) {
	p = &Process{core: c, file: f, search: s, found: map[*Module]*Location{}}
	p.segments = sync.OnceValue(p.sortSegments)
	p.mappings = sync.OnceValue(p.sortMappings)
	p.changes = p.dumpsStacks()
	vector, _ := f.AuxVector()
	aux := func(t uint64) (elfcore.Addr, bool) {
		i := slices.IndexFunc(vector, func(a elfcore.Aux) bool { return a.Type == t })
		if i < 0 {
			return 0, false
		}
		return elfcore.Addr(vector[i].Value), true
	}
	maps, err := f.Mappings()
	p.group(maps)
	if at, ok := aux(auxHeaders); ok {
		p.headers = at
		name, _ := aux(auxExecFn)
		p.executable(name)
	}
	p.entry, _ = aux(auxEntry)
	if at, ok := aux(auxVDSO); ok && c.Format == elfcore.FormatLinux {
		p.vdso(at)
	}
	slices.SortStableFunc(p.Modules, func(a, b *Module) int { return cmp.Compare(a.Addr, b.Addr) })
	return p, err
}

// Main is the executable, nil if it is not known.
func (p *Process) Main() *Module {
	if i := slices.IndexFunc(p.Modules, func(m *Module) bool { return m.Main }); i >= 0 {
		return p.Modules[i]
	}
	return nil
}

// Named is the first module whose file has a name, without directories; nil if
// there is none.
func (p *Process) Named(base string) *Module {
	if i := slices.IndexFunc(p.Modules, func(m *Module) bool { return path.Base(m.Path) == base }); i >= 0 {
		return p.Modules[i]
	}
	return nil
}

// Programs are the modules that code can run in: executables and shared objects,
// but for the vdso.
func (p *Process) Programs() (list []*Module) {
	for _, m := range p.Modules {
		if m.Path != VDSO && (m.Object != nil || slices.ContainsFunc(m.Mappings, p.executes)) {
			list = append(list, m)
		}
	}
	return list
}

// executes tells whether a mapping holds code.
func (p *Process) executes(m elfcore.Mapping) bool {
	if m.HasPerm {
		return m.Perm&elfcore.PermX != 0
	}
	s, _, _ := covering(p.segments(), m.Addr, func(s *segment) elfcore.Range { return s.Range })
	return s != nil && s.perm&elfcore.PermX != 0
}

// group makes modules of mappings: those of one path that follow each other.
func (p *Process) group(maps []elfcore.Mapping) {
	maps = slices.DeleteFunc(slices.Clone(maps), func(m elfcore.Mapping) bool { return m.File == "" || m.Size == 0 })
	slices.SortStableFunc(maps, func(a, b elfcore.Mapping) int { return cmp.Compare(a.Addr, b.Addr) })
	var m *Module
	for _, next := range maps {
		if m == nil || m.Path != next.File || !m.continues(next) {
			m = &Module{Path: next.File, Range: elfcore.Range{Addr: next.Addr}}
			if next.Off == 0 {
				m.Object, _ = p.core.ObjectAt(next.Addr)
			}
			p.Modules = append(p.Modules, m)
		}
		m.Mappings = append(m.Mappings, next)
		m.Size = max(m.Size, uint64(next.Addr-m.Addr)+next.Size)
	}
}

// continues tells whether a mapping of the same file belongs to the module, not
// to the file being mapped once more.
//
// Folklore: the data of a small library lies in the first page of the file, as
// its code does, so that offset 0 is mapped twice. Test: TestMappedTwice.
func (m *Module) continues(next elfcore.Mapping) bool {
	last := m.Mappings[len(m.Mappings)-1]
	switch {
	case next.Addr == last.End() && next.Off == last.Off+last.Size: // split, as by mprotect(2)
		return true
	case m.Object != nil:
		return m.Object.Extent().Contains(next.Addr)
	}
	return next.Off > 0 && next.Off >= last.Off
}

// executable marks the module that the kernel loaded the program headers of. A
// core without a list of mapped files, as QEMU writes it, has none yet: it is
// made from the headers and the path that execve(2) was given.
//
// Folklore: QEMU does not dump what can't be written, so that most often the
// headers are not there either. Test: TestWithoutList.
func (p *Process) executable(name elfcore.Addr) {
	for _, m := range p.Modules {
		if slices.ContainsFunc(m.Mappings, func(x elfcore.Mapping) bool { return x.Contains(p.headers) }) {
			m.Main = true
			return
		}
	}
	m := &Module{Path: p.text(name), Range: elfcore.Range{Addr: p.headers}, Main: true}
	p.Modules = append(p.Modules, m)
	o, ok := p.core.ObjectAt(p.headers - elfcore.Addr(headerSize(p.core.Arch.Class)))
	if !ok {
		return
	}
	m.Range, m.Object = o.Extent(), o
	for _, s := range loads(o) {
		if s.Filesz > 0 {
			m.Mappings = append(m.Mappings, elfcore.Mapping{
				Range: elfcore.Range{Addr: o.Bias + elfcore.Addr(s.Vaddr), Size: s.Filesz}, Off: s.Off, File: m.Path,
				Perm: uint32(s.Flags) & (elfcore.PermR | elfcore.PermW | elfcore.PermX), HasPerm: true,
			})
		}
	}
}

// headerSize is that of an ELF header in bytes. Linkers put the program headers
// right behind it.
func headerSize(c elf.Class) int {
	if c == elf.ELFCLASS32 {
		return 52
	}
	return 64
}

// maxPath bounds a path on the target, in bytes, its NUL included (PATH_MAX).
const maxPath = 4096

// text reads the string at an address, empty if it has no end.
func (p *Process) text(at elfcore.Addr) string {
	text := make([]byte, min(maxPath, p.core.Memory.Run(at).Size))
	if _, err := p.core.Memory.Read(text, at); err != nil {
		return ""
	}
	text, _, ok := bytes.Cut(text, []byte{0})
	if !ok {
		return ""
	}
	return string(text)
}

// vdso adds the kernel's shared object.
func (p *Process) vdso(at elfcore.Addr) {
	o, ok := p.core.ObjectAt(at)
	region, _ := p.core.Memory.At(at)
	if ok && region.Addr == at {
		p.Modules = append(p.Modules, &Module{Path: VDSO, Range: region.Range, Object: o})
	}
}

// maxVDSO bounds the vdso, in bytes; it has two or three pages.
const maxVDSO = 1 << 20

// Kernel is the vdso as it lies in memory. Signal handlers return through it on
// most CPUs, and i386 enters the kernel there. ok is false if there is none, or
// not all of it was dumped.
func (p *Process) Kernel() (place firmware.Place, ok bool) {
	i := slices.IndexFunc(p.Modules, func(m *Module) bool { return m.Path == VDSO })
	if i < 0 || p.Modules[i].Size > maxVDSO {
		return firmware.Place{}, false
	}
	m := p.Modules[i]
	data := make([]byte, m.Size)
	if _, err := p.core.Memory.Read(data, m.Addr); err != nil {
		return firmware.Place{}, false
	}
	return firmware.Place{Path: VDSO, Bias: uint64(m.Object.Bias), Data: data}, true
}
