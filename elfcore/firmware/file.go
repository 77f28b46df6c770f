package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// file is an ELF file in memory: a program, or debug information kept apart.
type file struct {
	data    []byte // the whole file; mapped, never written to
	release func() error
	elf     *elf.File
}

// mapFile maps a file where the system can: a large program's debug
// information is then touched, not read.
func mapFile(path string) (f file, err error) {
	opened, err := os.Open(path)
	if err != nil {
		return file{}, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return file{}, err
	}
	size := info.Size()
	switch {
	case info.IsDir():
		return file{}, fmt.Errorf("%s: a directory, not a program; give the ELF file in it", path)
	case int64(int(size)) != size:
		return file{}, fmt.Errorf("%s: %d bytes are more than this computer can address", path, size)
	case size > 0:
		if f.data, f.release, err = mapWhole(opened, int(size)); err == nil {
			return f, nil
		}
	}
	f = file{data: make([]byte, size), release: func() error { return nil }} // as large as the file is, whatever it claims
	_, err = io.ReadFull(opened, f.data)
	return f, err
}

// readELF reads the headers.
func (f *file) readELF() (err error) {
	defer recovered(&err)
	if f.elf, err = elf.NewFile(bytes.NewReader(f.data)); err != nil {
		return fmt.Errorf("damaged or cut-off ELF file: %w", err)
	}
	return nil
}

// inFile tells whether size bytes at off are in the file, so that a number
// from a header never sizes an allocation by itself.
func (f *file) inFile(off, size uint64) bool {
	return off <= uint64(len(f.data)) && size <= uint64(len(f.data))-off
}

// maxRatio bounds what a compressed section may unpack to. DWARF shrinks to a
// third or so; zlib can claim a thousandfold.
const maxRatio = 64

var errNoSection = errors.New("no such section")

// contents is a whole section (.symtab, .debug_info), unpacked; not to be
// written to.
func (f *file) contents(s *elf.Section) (data []byte, err error) {
	defer recovered(&err)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, errNoSection
	}
	if !f.inFile(s.Offset, s.FileSize) {
		return nil, fmt.Errorf("section %s is not all in the file", s.Name)
	}
	raw, size := f.data[s.Offset:s.Offset+s.FileSize:s.Offset+s.FileSize], s.Size
	switch gnu := strings.HasPrefix(s.Name, zdebug) && len(raw) > 12 && string(raw[:4]) == "ZLIB"; {
	case gnu:
		size = binary.BigEndian.Uint64(raw[4:])
	case s.Flags&elf.SHF_COMPRESSED == 0:
		return raw, nil
	}
	if size/maxRatio > s.FileSize {
		return nil, fmt.Errorf("section %s claims to unpack from %d to %d bytes", s.Name, s.FileSize, size)
	}
	return s.Data()
}

// zdebug begins the names of sections compressed the way GNU tools did before
// SHF_COMPRESSED: ".zdebug_info" for ".debug_info", "ZLIB" and the size, 8
// bytes big-endian, before the data.
const zdebug = ".zdebug_"

// debugSection finds a section of debug information under either name.
func (f *file) debugSection(name string) *elf.Section {
	if s := f.elf.Section(name); s != nil {
		return s
	}
	if rest, ok := strings.CutPrefix(name, ".debug_"); ok {
		return f.elf.Section(zdebug + rest)
	}
	return nil
}

// recovered turns a panic of debug/elf or of Delve, which panic on some damaged
// files, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged file: %v", p)
	}
}
