package debuginfo

import (
	"debug/dwarf"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// program is a program ELF as package firmware would hand it over.
type program struct {
	*Data
	path string
	elf  *elf.File
}

// openProgram opens an ELF for the length of the test. Code is live if it is in an
// executable section, and at address 0 if a symbol has its size.
func openProgram(t testing.TB, path string) program {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	section := func(name string) ([]byte, error) {
		s := f.Section(name)
		if s == nil {
			return nil, nil
		}
		return s.Data()
	}
	symbols, _ := f.Symbols()
	live := func(start, end uint64) bool {
		if start == 0 && !slices.ContainsFunc(symbols, func(s elf.Symbol) bool {
			return s.Value&^1 == 0 && s.Size == end && elf.ST_TYPE(s.Info) == elf.STT_FUNC
		}) {
			return false
		}
		return slices.ContainsFunc(f.Sections, func(s *elf.Section) bool {
			return s.Flags&elf.SHF_EXECINSTR != 0 && start >= s.Addr && end <= s.Addr+s.Size
		})
	}
	size := 4
	if f.Class == elf.ELFCLASS64 {
		size = 8
	}
	return program{New(section, f.ByteOrder, size, live), path, f}
}

// again is the same program, of which nothing was asked yet.
func (p program) again() *Data { return p.with(numSections, nil) }

// with is the same program with one section replaced.
func (p program) with(replaced sectionID, by []byte) *Data {
	return New(func(name string) ([]byte, error) {
		id := sectionID(slices.Index(sectionNames[:], name))
		switch {
		case id < 0:
			return nil, nil
		case id == replaced:
			return by, nil
		}
		return p.bytes(id), nil
	}, p.order, p.ptrSize, p.live)
}

// fixtures are the programs in the repository, and those of the corpus if it is
// there.
func fixtures(t testing.TB) (programs []program) {
	root := "../../"
	var paths []string
	for _, pattern := range []string{"testdata/firmware/*/fw.elf", "../shared/corpus/esp/*/*.elf"} {
		found, _ := filepath.Glob(root + pattern)
		paths = append(paths, found...)
	}
	if extra := os.Getenv("DEBUGINFO_ELF"); extra != "" {
		paths = append(paths, extra)
	}
	for _, path := range paths {
		programs = append(programs, openProgram(t, path))
	}
	return programs
}

func (p program) name() string {
	return filepath.Base(filepath.Dir(p.path))
}

// standardLibrary opens the program with debug/dwarf, which can't read big-endian
// indexes of strings of 3 bytes (Go 1.26).
func standardLibrary(t testing.TB, p program) *dwarf.Data {
	t.Helper()
	if p.big() {
		t.Skip("debug/dwarf fails on this program")
	}
	data, err := p.elf.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
