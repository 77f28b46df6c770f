package firmware

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"corelift/elfcore/arch"
	"corelift/internal/debuginfo"
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
	Bias      uint64 // what loading added to the addresses in the file
	InMemory  bool   // of no file, but read from the process' memory
	Assumed   bool   // see Place

	file
	sections []Section // those in memory
	debugDir []string  // where separate debug files may be, see Set.SearchDebug
	fetch    func(buildID string) (path string, err error)
	apart    atomic.Pointer[file] // the separate debug file, to be released

	// What debug looked for in vain: files that are not there, and why others
	// were refused.
	missed  []string
	refused []error

	symbols  func() *symbolTable
	exported func() *symbolTable
	frames   func() *frameTable
	debug    func() *file // a separate debug file, nil if there is none or no need
	info     func() *debuginfo.Data
	sha256   func() string
}

// maxNote bounds a build-id note section, in bytes; the usual has 36.
const maxNote = 64 << 10

// openImage opens a program. One that can be loaded anywhere must have been
// placed.
func openImage(p Place, placed bool) (m *Image, err error) {
	path := p.Path
	mapped := file{data: p.Data, release: func() error { return nil }}
	if p.Data == nil {
		if mapped, err = mapFile(path); err != nil {
			return nil, err // names the path itself
		}
	}
	defer func() {
		if err != nil {
			mapped.release()
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	defer Guard(&err)()
	m = &Image{Path: path, Name: filepath.Base(path), Bias: p.Bias, InMemory: p.Data != nil, Assumed: p.Assumed, file: mapped}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		m.Name = filepath.Base(real)
	}
	if err := m.readHeader(placed); err != nil {
		return nil, err
	}
	m.layOut()
	m.BuildID = m.buildID(m.Order)
	m.symbols = sync.OnceValue(m.readSymbols)
	m.exported = sync.OnceValue(m.readExported)
	m.frames = sync.OnceValue(m.readFrames)
	m.debug = sync.OnceValue(m.findSeparate)
	m.info = sync.OnceValue(m.openDebug)
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

func (m *Image) readHeader(placed bool) (err error) {
	defer recovered(&err)
	var head [headSize]byte
	n := copy(head[:], m.data)
	if n < 4 || string(head[:4]) != elf.ELFMAG {
		return notELF(head[:n])
	}
	if err := m.readELF(); err != nil {
		return err
	}
	switch {
	case m.elf.Type == elf.ET_DYN && placed:
	case m.elf.Type != elf.ET_EXEC:
		return wrongType(m.elf.Type)
	case m.Bias != 0:
		return fmt.Errorf("linked at fixed addresses, but loaded 0x%x bytes further on", m.Bias)
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

// hash is the SHA-256 of the file in lower-case hex, empty if it can't be read.
func (m *Image) hash() string {
	var err error
	defer Guard(&err)()
	sum := sha256.Sum256(m.data)
	return hex.EncodeToString(sum[:])
}

// SHA256 is the hash of the whole file in lower-case hex, empty if it can't be
// read. It is computed once; safe for concurrent use.
func (m *Image) SHA256() string { return m.sha256() }
