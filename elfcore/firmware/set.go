// Package firmware answers questions about the programs that ran on a target:
// what lies at an address, where a symbol, a structure member or the caller's
// registers are, and whether a program is the one that a dump came from. It
// knows no dump format.
//
// Opening a program reads its headers only; everything else is read when it is
// first asked for. Damaged files give errors or nothing, never a panic.
package firmware

import (
	"fmt"
	"slices"
	"sync"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Set is the program ELFs of one target by address. The first is the main
// image; the others (bootloader, ROM, secure image) lie beside it in memory.
// Where two disagree the earlier wins. It is safe for concurrent use and
// implements elfcore.Program.
type Set struct {
	images []*Image
	ahead  sync.WaitGroup
}

var _ elfcore.Program = (*Set)(nil)

// Open opens the ELFs at paths, the main image first. Errors name the file and
// say what it is if it is not an executable of a known CPU.
func Open(paths ...string) (*Set, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("no firmware ELF given")
	}
	s := &Set{}
	for _, path := range paths {
		if err := s.add(Place{Path: path}, false); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Place is a program and where it was loaded: Bias is what that added to the
// addresses in its file, 0 for one linked at fixed addresses.
// Data is its contents where Path names no file, as for the vdso, which is in the
// process' memory only. Assumed tells that nothing but its name says that it is
// the one that was loaded.
type Place struct {
	Path    string
	Bias    uint64
	Data    []byte
	Assumed bool
}

// OpenPlaced opens the executable of a process, which may be one that can be
// loaded anywhere. Errors are those of Open.
func OpenPlaced(p Place) (*Set, error) {
	s := &Set{}
	return s, s.Add(p)
}

// Add opens one more program of the process, such as a shared library. It must
// be called before anything is asked of the Set. An error leaves that as it was.
func (s *Set) Add(p Place) error { return s.add(p, true) }

func (s *Set) add(p Place, placed bool) error {
	m, err := openImage(p, placed)
	if err != nil {
		return err
	}
	if len(s.images) > 0 && m.Arch != s.images[0].Arch {
		m.release()
		main := s.images[0]
		return fmt.Errorf("%s is for %s, but %s is for %s: they can't run on one CPU", m.Path, m.Arch.Name, main.Path, main.Arch.Name)
	}
	s.images = append(s.images, m)
	return nil
}

// ReadAhead begins to read in the background what nearly every question about
// the main image needs, symbols and beside them call frame information, while the
// caller still looks for a dump: 0.9 ms of work for a firmware, 4 ms for CPython.
// It comes after SearchDebug.
func (s *Set) ReadAhead() {
	m := s.images[0]
	for _, read := range []func(){
		func() { m.symbols().byAddr(); m.symbols().hash() },
		func() { m.frames() },
	} {
		s.ahead.Go(func() {
			var err error
			defer Guard(&err)() // who asks later is told
			read()
		})
	}
}

// Close releases the files; nothing of the Set may be used any more.
func (s *Set) Close() error {
	s.ahead.Wait()
	var first error
	for _, m := range s.images {
		if apart := m.apart.Load(); apart != nil {
			apart.release()
		}
		if err := m.release(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Images returns the programs, the main image first.
func (s *Set) Images() []*Image { return s.images }

// Arch is the CPU of the program.
func (s *Set) Arch() *arch.Arch { return s.images[0].Arch }

// Writable lists the sections that the program can write, in the files' order.
func (s *Set) Writable() []Section {
	return s.sections(func(c *Section) bool { return c.Write })
}

// ReadOnly lists code and read-only data, all with bytes in the file, in the
// files' order. Code that is also writable is in both lists.
func (s *Set) ReadOnly() []Section { return s.sections((*Section).constant) }

func (s *Set) sections(want func(*Section) bool) (list []Section) {
	for _, m := range s.images {
		for i := range m.sections {
			if want(&m.sections[i]) {
				list = append(list, m.sections[i])
			}
		}
	}
	return list
}

// Executable tells whether a lies in code.
func (s *Set) Executable(a elfcore.Addr) bool {
	for _, m := range s.images {
		if m.Executable(a) {
			return true
		}
	}
	return false
}

// Holds tells whether a lies in a section of any kind: code, data or zeroed
// memory of the programs.
func (s *Set) Holds(a elfcore.Addr) bool {
	for _, m := range s.images {
		if m.at(a, func(*Section) bool { return true }) != nil {
			return true
		}
	}
	return false
}

// SectionAt names the section that holds an address, and the file it is in.
func (s *Set) SectionAt(a elfcore.Addr) (section, path string) {
	for _, m := range s.images {
		if c := m.at(a, func(*Section) bool { return true }); c != nil {
			return c.Name, m.Path
		}
	}
	return "", ""
}

// ReadConst fills p from code and read-only data at a, across adjacent
// sections. The error is an *elfcore.GapError where neither is.
func (s *Set) ReadConst(p []byte, a elfcore.Addr) error {
	return s.readFrom(p, a, (*Section).constant)
}

// Assumed tells whether ReadConst takes some of a range from a program of which
// nothing but its name says that it is the one that was loaded.
func (s *Set) Assumed(r elfcore.Range) bool {
	for _, m := range s.images {
		if m.Assumed && slices.ContainsFunc(m.sections, func(c Section) bool { return c.constant() && (c.Contains(r.Addr) || r.Contains(c.Addr)) }) {
			return true
		}
	}
	return false
}

// ReadInitial is ReadConst that takes what variables begin with too.
func (s *Set) ReadInitial(p []byte, a elfcore.Addr) error {
	return s.readFrom(p, a, func(c *Section) bool { return !c.NoBits })
}

func (s *Set) readFrom(p []byte, a elfcore.Addr, want func(*Section) bool) error {
	for len(p) > 0 {
		c := s.sectionAt(a, want)
		if c == nil {
			return &elfcore.GapError{Addr: a, Size: s.gap(elfcore.Range{Addr: a, Size: uint64(len(p))}, want)}
		}
		n := min(uint64(len(p)), c.Size-uint64(a-c.Addr))
		if got, err := c.Data.ReadAt(p[:n], int64(a-c.Addr)); got < int(n) {
			return fmt.Errorf("section %s: %w", c.Name, err)
		}
		p, a = p[n:], a+elfcore.Addr(n)
	}
	return nil
}

// gap is how far it is from the beginning of a range to the first section in it.
func (s *Set) gap(r elfcore.Range, want func(*Section) bool) uint64 {
	for _, m := range s.images {
		for i := range m.sections {
			if c := &m.sections[i]; want(c) && c.Addr > r.Addr {
				r.Size = min(r.Size, uint64(c.Addr-r.Addr))
			}
		}
	}
	return r.Size
}

func (s *Set) sectionAt(a elfcore.Addr, want func(*Section) bool) *Section {
	for _, m := range s.images {
		if c := m.at(a, want); c != nil {
			return c
		}
	}
	return nil
}

// Symbol gives the address, the Thumb bit cleared, and the size in bytes of a
// symbol. Of several with one name a global one is preferred.
func (s *Set) Symbol(name string) (elfcore.Range, bool) {
	for _, m := range s.images {
		if r, ok := m.symbols().named(name); ok {
			return r, true
		}
	}
	return elfcore.Range{}, false
}

// Interposed is where a variable of a process' shared object truly is, if the
// executable defines one of the name of its symbol: the whole process uses that.
// at is where the shared object has it.
//
// Folklore: an executable that is not position-independent in all has a copy of
// each variable that it uses of a library (R_X86_64_COPY). The library's own
// keeps its initial value for ever, and only the library's debug information
// describes it. Test: TestInterposed.
func (s *Set) Interposed(name string, at elfcore.Addr) (elfcore.Range, bool) {
	for _, m := range s.images {
		if m.at(at, func(*Section) bool { return true }) == nil {
			continue
		}
		if m == s.images[0] || !m.interposable(name, at) {
			break
		}
		return s.images[0].exported().named(name)
	}
	return elfcore.Range{}, false
}

// Extern is where a reference to a variable that is defined elsewhere leads. The
// executable's goes before all others, as for the dynamic linker; of libraries
// only one may export the name, since the order in which they were loaded is not
// known.
func (s *Set) Extern(name string) (found elfcore.Range, ok bool) {
	main := s.images[0]
	if r, ok := main.exported().named(name); ok {
		return r, true
	}
	if found := main.symbols().lookup(name); found != nil && found.rank > 0 { // nobody else sees a local one
		return found.Range, true
	}
	for _, m := range s.images[1:] {
		r, has := m.exported().named(name)
		if has && ok {
			return elfcore.Range{}, false
		}
		if has {
			found, ok = r, true
		}
	}
	return found, ok
}

// SymbolAt names the function or object that holds an address, and tells where
// it begins.
func (s *Set) SymbolAt(a elfcore.Addr) (name string, start elfcore.Addr, ok bool) {
	for _, m := range s.images {
		if name, r, ok := m.symbols().at(a, anySymbol); ok {
			return name, r.Addr, true
		}
	}
	return "", 0, false
}

// Function is the extent of the function that holds an address. One without a
// size reaches to the next symbol or the end of its section.
func (s *Set) Function(a elfcore.Addr) (elfcore.Range, bool) {
	for _, m := range s.images {
		if _, r, ok := m.symbols().at(a, functionSymbol); ok {
			return r, true
		}
	}
	return elfcore.Range{}, false
}

// Field gives offset and size, in bytes, of a member of a structure, from the
// debug information. The path goes through members, anonymous ones unnamed:
// "callee_saved.psp"; "cpus[]" is the first element of an array. An empty path
// is the type itself. ok is false for bit-fields and what is not described.
func (s *Set) Field(typ, path string) (off, size int64, ok bool) {
	for _, m := range s.images {
		if off, size, ok := m.Debug().Field(typ, path); ok {
			return off, size, true
		}
	}
	return 0, 0, false
}

// Row is the call frame information at pc. For the caller of a frame give the
// return address less one, so that a call at the end of a function finds it.
func (s *Set) Row(pc elfcore.Addr) (Row, bool) {
	for _, m := range s.images {
		if row, ok := m.frames().row(pc); ok {
			return row, true
		}
	}
	return Row{}, false
}
