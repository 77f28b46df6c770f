package firmware

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"

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

	bytes []byte // what Data reads
}

// constant: what the program cannot change, or its code. Code that is also
// writable counts (code in RAM is linked so), initial data never does.
func (s *Section) constant() bool { return !s.NoBits && (s.Exec || !s.Write) }

// layOut lists the sections in memory: from the section headers, or from the
// loadable segments if a program was stripped of them.
func (m *Image) layOut() {
	add := func(name string, a, off, size uint64, s Section) {
		a = m.loaded(a)
		s.Name, s.Range = name, elfcore.Range{Addr: elfcore.Addr(a), Size: size}
		if size == 0 || a+size-1 < a || !s.NoBits && !m.inFile(off, size) {
			return
		}
		if !s.NoBits {
			s.bytes = m.data[off : off+size]
			s.Data = bytes.NewReader(s.bytes)
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

// loaded is where an address of the file was loaded.
func (m *Image) loaded(a uint64) uint64 { return (a + m.Bias) & m.Arch.AddrMask() }

// inDeadZone tells whether a lies where removed code seems to be.
func (m *Image) inDeadZone(a elfcore.Addr) bool { return uint64(a)-m.Bias < deadZone }

// at finds the section with bytes in the file that holds an address.
func (m *Image) at(a elfcore.Addr, want func(*Section) bool) *Section {
	for i := range m.sections {
		if s := &m.sections[i]; s.Contains(a) && want(s) {
			return s
		}
	}
	return nil
}

// Executable tells whether a lies in code of the program.
func (m *Image) Executable(a elfcore.Addr) bool {
	return m.at(a, func(s *Section) bool { return s.Exec && !s.NoBits }) != nil
}
