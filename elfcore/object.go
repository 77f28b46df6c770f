package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"

	"corelift/notes"
)

// Object is an executable or shared object, by its ELF header and program
// headers: of the file, or as it lies in the memory of a process.
type Object struct {
	Type     elf.Type
	Machine  elf.Machine
	Class    elf.Class
	Entry    uint64           // e_entry as written, without the bias
	Segments []elf.ProgHeader // as written
	BuildID  string           // lower-case hex; empty if it has none, or none that can be read
	// Bias is what was added to the addresses in the file when it was loaded; it
	// wraps around. 0 of a file.
	Bias Addr
}

// Extent is the memory that the object takes up when it is loaded, from the
// first to the last of its segments; without the bias if it is that of a file.
func (o *Object) Extent() (r Range) {
	first, end := uint64(math.MaxUint64), uint64(0)
	for _, s := range o.Segments {
		if s.Type == elf.PT_LOAD && s.Vaddr <= math.MaxUint64-s.Memsz {
			first, end = min(first, s.Vaddr), max(end, s.Vaddr+s.Memsz)
		}
	}
	if first >= end {
		return Range{Addr: o.Bias}
	}
	return Range{o.Bias + Addr(first), end - first}
}

// Limits of an object.
const (
	maxHeaders   = 64   // program headers; linkers make about twelve
	maxIdentity  = 4096 // bytes of a note segment that are searched for the build-id
	maxBuildID   = 64   // bytes; the longest hash in use has 32
	memoryEndOff = math.MaxInt64
)

// ReadObject reads the headers of a file of size bytes. Errors are
// *notes.FormatError with the offset in the file, or those of r.
func ReadObject(r io.ReaderAt, size int64) (*Object, error) {
	f := File{r: r, size: size}
	o, err := f.object()
	if err != nil {
		return nil, err
	}
	o.identify(f.Order, func(s elf.ProgHeader) (io.ReaderAt, int64) {
		off, n := f.extent(s)
		return io.NewSectionReader(r, off, n), n
	})
	return o, nil
}

// ObjectAt reads the headers of a file whose first byte is mapped to an
// address; systems dump the page that they are in. ok is false if they are not
// there, or are none.
func (c *Core) ObjectAt(base Addr) (o *Object, ok bool) {
	f := File{Order: c.Order, r: memoryReader{&c.Memory, base}, size: memoryEndOff}
	o, err := f.object()
	if err != nil {
		return nil, false
	}
	// The first segment that is loaded holds the file's first byte.
	o.Bias = base
	for _, s := range o.Segments {
		if s.Type == elf.PT_LOAD {
			o.Bias -= Addr(s.Vaddr - s.Off)
			break
		}
	}
	o.identify(f.Order, func(s elf.ProgHeader) (io.ReaderAt, int64) {
		return memoryReader{&c.Memory, o.Bias + Addr(s.Vaddr)}, int64(min(s.Filesz, maxIdentity))
	})
	return o, true
}

// object reads ELF header and program headers.
func (f *File) object() (*Object, error) {
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if f.Header.PhNum > maxHeaders {
		return nil, &notes.FormatError{Off: int64(min(f.Header.PhOff, math.MaxInt64)), Msg: fmt.Sprintf("%d program headers, the limit of a program is %d", f.Header.PhNum, maxHeaders)}
	}
	if err := f.readSegments(sizesOf(f.Header.Class)); err != nil {
		return nil, err
	}
	return &Object{Type: f.Header.Type, Machine: f.Header.Machine, Class: f.Header.Class, Entry: f.Header.Entry, Segments: f.Segments}, nil
}

// identify reads the build-id from the note segments, of which contents gives
// what there is. What is damaged there stays unknown.
func (o *Object) identify(order binary.ByteOrder, contents func(elf.ProgHeader) (io.ReaderAt, int64)) {
	for _, s := range o.Segments {
		if s.Type != elf.PT_NOTE {
			continue
		}
		r, size := contents(s)
		for n, err := range notes.All(r, 0, min(size, maxIdentity), noteAlign(s.Align), order) {
			if err != nil {
				break
			}
			if n.Owner == "GNU" && n.Type == notes.BuildID {
				if id, err := n.Read(maxBuildID); err == nil {
					o.BuildID = hex.EncodeToString(id)
				}
				return
			}
		}
	}
}

// memoryReader reads memory from an address on.
type memoryReader struct {
	memory *Memory
	base   Addr
}

// ReadAt reads what is there without a gap.
func (r memoryReader) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := r.base + Addr(off) + Addr(n)
		region, ok := r.memory.At(at)
		if !ok {
			return n, io.EOF
		}
		size := int(min(uint64(len(p)-n), uint64(region.last()-at)+1))
		if _, err := readFull(region.Data, p[n:][:size], int64(at-region.Addr)); err != nil {
			return n, err
		}
		n += size
	}
	return n, nil
}
