package firmware

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"sync"

	"corelift/elfcore"
)

// Section is a part of a program in memory, at the address it runs at (sh_addr,
// never the load address). Data holds the bytes that the file has for it, Size
// of them from offset 0, and is nil if NoBits is set. It can be read until the
// Set is closed.
type Section struct {
	Name string
	elfcore.Range
	Exec, Write bool
	NoBits      bool // zeroed or left alone by the start-up code; no bytes in the file
	Data        io.ReaderAt
}

// constant: what the program cannot change, or its code. Code that is also
// writable counts (code in RAM is linked so), initial data never does.
func (s *Section) constant() bool { return !s.NoBits && (s.Exec || !s.Write) }

// lazyBytes reads its bytes from the file on first use and keeps them. Program
// ELFs have few and small sections in memory; a file that changes under a
// mapping raises SIGBUS, one that is read does not.
type lazyBytes struct {
	io.ReaderAt
	off  int64
	size int
	once sync.Once
	data []byte
	err  error
}

func (l *lazyBytes) load() ([]byte, error) {
	l.once.Do(func() {
		data := make([]byte, l.size)
		if n, err := l.ReaderAt.ReadAt(data, l.off); n < l.size {
			l.err = err
			return
		}
		l.data = data
	})
	return l.data, l.err
}

// ReadAt reads from the section's bytes.
func (l *lazyBytes) ReadAt(p []byte, off int64) (int, error) {
	data, err := l.load()
	if err != nil {
		return 0, err
	}
	if off < 0 || off >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// inFile tells whether size bytes at off are in the file, so that a number
// from a header never sizes an allocation by itself.
func (m *Image) inFile(off, size uint64) bool {
	return off <= uint64(m.size) && size <= uint64(m.size)-off
}

// layOut lists the sections in memory: from the section headers, or from the
// loadable segments if a program was stripped of them.
func (m *Image) layOut() {
	add := func(name string, a, off, size uint64, s Section) {
		s.Name, s.Range = name, elfcore.Range{Addr: elfcore.Addr(a), Size: size}
		if size == 0 || a+size-1 < a || !s.NoBits && !m.inFile(off, size) {
			return
		}
		if !s.NoBits {
			s.Data = &lazyBytes{ReaderAt: m.file, off: int64(off), size: int(size)}
		}
		m.sections = append(m.sections, s)
	}
	for _, s := range m.elf.Sections {
		// .tbss overlaps what follows it: it is a template, not memory.
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_TLS != 0 && s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
			continue
		}
		add(s.Name, s.Addr, s.Offset, s.Size, Section{
			Exec: s.Flags&elf.SHF_EXECINSTR != 0, Write: s.Flags&elf.SHF_WRITE != 0, NoBits: s.Type == elf.SHT_NOBITS,
		})
	}
	if len(m.elf.Sections) > 0 {
		return
	}
	for i, p := range m.elf.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		name := fmt.Sprintf("segment %d", i)
		s := Section{Exec: p.Flags&elf.PF_X != 0, Write: p.Flags&elf.PF_W != 0}
		add(name, p.Vaddr, p.Off, p.Filesz, s)
		if p.Memsz > p.Filesz {
			s.NoBits = true
			add(name, p.Vaddr+p.Filesz, 0, p.Memsz-p.Filesz, s)
		}
	}
}

// at finds the section with bytes in the file that holds an address.
func (m *Image) at(a elfcore.Addr, want func(*Section) bool) *Section {
	for i := range m.sections {
		if s := &m.sections[i]; s.Contains(a) && want(s) {
			return s
		}
	}
	return nil
}

func (m *Image) executable(a elfcore.Addr) bool {
	return m.at(a, func(s *Section) bool { return s.Exec && !s.NoBits }) != nil
}

// maxRatio bounds what a compressed section may unpack to. DWARF shrinks to a
// third or so; zlib can claim a thousandfold.
const maxRatio = 64

var errNoSection = errors.New("no such section")

// contents reads a whole section (.symtab, .debug_info), unpacked.
func (m *Image) contents(s *elf.Section) (data []byte, err error) {
	defer recovered(&err)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, errNoSection
	}
	if !m.inFile(s.Offset, s.FileSize) {
		return nil, fmt.Errorf("%s: section %s is not all in the file", m.Path, s.Name)
	}
	if s.Size > s.FileSize && s.Size/maxRatio > s.FileSize {
		return nil, fmt.Errorf("%s: section %s claims to unpack from %d to %d bytes", m.Path, s.Name, s.FileSize, s.Size)
	}
	return s.Data()
}

// recovered turns a panic of debug/elf, debug/dwarf or Delve, all of which
// panic on some damaged files, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged file: %v", p)
	}
}
