package firmware

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// Image is one program ELF. Its fields are read from the headers when it is
// opened, the rest of the file when it is needed.
type Image struct {
	Path      string
	Name      string // base name after symbolic links are resolved: what GDB compares
	Arch      *arch.Arch
	Order     binary.ByteOrder
	Flags     uint32 // e_flags
	Entry     uint64 // e_entry as written, with the Thumb bit
	BuildID   string // lower-case hex, empty if it has none
	FloatBits int    // width of the FPU that the program uses, 0 none

	file     *os.File
	size     int64
	elf      *elf.File
	sections []Section // those in memory

	symbols func() *symbolTable
	frames  func() *frameTable
	types   func() *typeIndex
	sha256  func() string
}

// maxNote bounds a build-id note section, in bytes; the usual has 36.
const maxNote = 64 << 10

func openImage(path string) (m *Image, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the path itself
	}
	defer func() {
		if err != nil {
			f.Close()
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("a directory, not a program; give the ELF file in it")
	}
	m = &Image{Path: path, Name: filepath.Base(path), file: f, size: info.Size()}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		m.Name = filepath.Base(real)
	}
	if err := m.readHeader(); err != nil {
		return nil, err
	}
	m.layOut()
	m.readBuildID()
	m.symbols = sync.OnceValue(m.readSymbols)
	m.frames = sync.OnceValue(m.readFrames)
	m.types = sync.OnceValue(m.readTypes)
	m.sha256 = sync.OnceValue(m.hash)
	return m, nil
}

// Places in the ELF header, in bytes; e_flags is the one field of interest
// that debug/elf does not keep.
const (
	headSize    = 64
	flagsOff32  = 36
	flagsOff64  = 48
	riscvFloat  = 0x6 // EF_RISCV_FLOAT_ABI
	riscvSingle = 0x2
	riscvDouble = 0x4
)

func (m *Image) readHeader() (err error) {
	defer recovered(&err)
	var head [headSize]byte
	n, _ := m.file.ReadAt(head[:], 0)
	if n < 4 || string(head[:4]) != elf.ELFMAG {
		return notELF(head[:n])
	}
	m.elf, err = elf.NewFile(m.file)
	if err != nil {
		return fmt.Errorf("damaged or cut-off ELF file: %w", err)
	}
	if m.elf.Type != elf.ET_EXEC {
		return wrongType(m.elf.Type)
	}
	if m.elf.Data != elf.ELFDATA2LSB {
		return fmt.Errorf("a big-endian program, which is not supported")
	}
	m.Order, m.Entry = m.elf.ByteOrder, m.elf.Entry
	off := flagsOff32
	if m.elf.Class == elf.ELFCLASS64 {
		off = flagsOff64
	}
	m.Flags = m.Order.Uint32(head[off:])
	return m.readCPU()
}

// readCPU picks the Arch.
//
// Folklore: objcopy and some vendors' linkers drop .ARM.attributes, the only
// place that tells the two ARM profiles apart. A program that is entered in
// Thumb state is then taken for M profile: A and R cores are reset in ARM
// state. Test: TestOpenARMWithoutAttributes.
func (m *Image) readCPU() error {
	var attributes armAttributes
	for _, s := range m.elf.Sections {
		if m.elf.Machine == elf.EM_ARM && s.Type == elf.SHT_LOPROC+3 && s.Size <= maxNote { // SHT_ARM_ATTRIBUTES
			b, err := m.contents(s)
			if err == nil {
				attributes = parseARMAttributes(b)
			}
		}
	}
	mProfile := attributes.mProfile || !attributes.present && m.Entry&1 != 0
	var ok bool
	if m.Arch, ok = arch.ByELF(m.elf.Machine, m.elf.Class, mProfile); !ok {
		return fmt.Errorf("a program for %v (%v), which is not supported", m.elf.Machine, m.elf.Class)
	}
	switch {
	case attributes.fpu, m.elf.Machine == elf.EM_RISCV && m.Flags&riscvFloat == riscvDouble:
		m.FloatBits = 64
	case m.elf.Machine == elf.EM_RISCV && m.Flags&riscvFloat == riscvSingle:
		m.FloatBits = 32
	}
	return nil
}

// readBuildID looks for the note "GNU", type 3, in sections or, if there are
// none, segments.
func (m *Image) readBuildID() {
	read := func(off, size, align uint64) {
		if m.BuildID != "" || size > maxNote || !m.inFile(off, size) {
			return
		}
		for n, err := range notes.All(m.file, int64(off), int64(size), int(min(align, 8)), m.Order) {
			if err != nil {
				return
			}
			if n.Owner == "GNU" && n.Type == 3 {
				id, _ := n.Read(64)
				m.BuildID = hex.EncodeToString(id)
				return
			}
		}
	}
	for _, s := range m.elf.Sections {
		if s.Type == elf.SHT_NOTE {
			read(s.Offset, s.FileSize, s.Addralign)
		}
	}
	for _, p := range m.elf.Progs {
		if p.Type == elf.PT_NOTE && len(m.elf.Sections) == 0 {
			read(p.Off, p.Filesz, p.Align)
		}
	}
}

// hash is the SHA-256 of the file in lower-case hex, empty if it can't be read.
func (m *Image) hash() string {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(m.file, 0, m.size)); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// SHA256 is the hash of the whole file in lower-case hex, empty if it can't be
// read. It is computed once; safe for concurrent use.
func (m *Image) SHA256() string { return m.sha256() }
