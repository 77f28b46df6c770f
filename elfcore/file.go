package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"corelift/notes"
)

// Header is the ELF header as it stands in the file, numbers in its byte
// order. Segment and section counts are the raw fields.
type Header struct {
	Class               elf.Class
	Data                elf.Data
	OSABI               elf.OSABI
	ABIVersion          uint8
	Type                elf.Type
	Machine             elf.Machine
	Version             uint32
	Entry, PhOff, ShOff uint64
	Flags               uint32
	Size                uint16
	PhEntSize, PhNum    uint16
	ShEntSize, ShNum    uint16
	ShStrNdx            uint16
}

// File is an ELF core file, of any writer. It keeps the reader it came from
// and reads contents on demand.
type File struct {
	Header   Header
	Order    binary.ByteOrder
	Segments []elf.ProgHeader // all, PN_XNUM resolved

	r    io.ReaderAt
	size int64
}

// Open reads the headers of a core file of size bytes. It checks them against
// the bytes that exist, but not where the segments lie: a file that was cut
// still opens. Errors are *notes.FormatError with the offset in the file, or
// those of r.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	head := make([]byte, 64)
	n, err := r.ReadAt(head, 0)
	if n < len(head) && err != io.EOF {
		return nil, err
	}
	head = head[:n]
	if n < elf.EI_NIDENT || string(head[:4]) != elf.ELFMAG {
		return nil, &notes.FormatError{Off: 0, Msg: "not an ELF file"}
	}
	h := &f.Header
	h.Class, h.Data = elf.Class(head[elf.EI_CLASS]), elf.Data(head[elf.EI_DATA])
	h.OSABI, h.ABIVersion = elf.OSABI(head[elf.EI_OSABI]), head[elf.EI_ABIVERSION]
	switch h.Data {
	case elf.ELFDATA2LSB:
		f.Order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.Order = binary.BigEndian
	default:
		return nil, &notes.FormatError{Off: elf.EI_DATA, Msg: fmt.Sprintf("unknown byte order %d", h.Data)}
	}
	if h.Class != elf.ELFCLASS32 && h.Class != elf.ELFCLASS64 {
		return nil, &notes.FormatError{Off: elf.EI_CLASS, Msg: fmt.Sprintf("unknown class %d", h.Class)}
	}
	sizes := sizesOf(h.Class)
	if n < sizes.header {
		return nil, &notes.FormatError{Off: int64(n), Msg: "ELF header cut off"}
	}
	d := f.decoder(head[elf.EI_NIDENT:])
	h.Type, h.Machine, h.Version = elf.Type(d.u16()), elf.Machine(d.u16()), d.u32()
	h.Entry, h.PhOff, h.ShOff = d.addr(), d.addr(), d.addr()
	h.Flags, h.Size = d.u32(), d.u16()
	h.PhEntSize, h.PhNum = d.u16(), d.u16()
	h.ShEntSize, h.ShNum, h.ShStrNdx = d.u16(), d.u16(), d.u16()
	if h.Type != elf.ET_CORE {
		return nil, &notes.FormatError{Off: elf.EI_NIDENT, Msg: fmt.Sprintf("this ELF file is no core file, but %v", h.Type)}
	}
	return f, f.readSegments(sizes)
}

// readSegments reads the program headers.
func (f *File) readSegments(sizes elfSizes) error {
	h := &f.Header
	count := uint64(h.PhNum)
	if count == manyHeaders && h.ShOff != 0 {
		section := make([]byte, sizes.section)
		if err := f.readAt(section, h.ShOff); err != nil {
			return err
		}
		// sh_info follows name, type, four words of an address's size, link.
		d := f.decoder(section[8+4*f.pointer()+4:])
		if info := d.u32(); info != 0 {
			count = uint64(info)
		}
	}
	if count == 0 {
		return nil
	}
	if int(h.PhEntSize) != sizes.program {
		return &notes.FormatError{Off: 0, Msg: fmt.Sprintf("program headers of %d bytes, want %d", h.PhEntSize, sizes.program)}
	}
	if h.PhOff > uint64(f.size) || count > (uint64(f.size)-h.PhOff)/uint64(sizes.program) {
		return &notes.FormatError{Off: int64(min(h.PhOff, uint64(f.size))), Msg: fmt.Sprintf("%d program headers run over the end of the file at 0x%x", count, f.size)}
	}
	raw := make([]byte, count*uint64(sizes.program))
	if err := f.readAt(raw, h.PhOff); err != nil {
		return err
	}
	f.Segments = make([]elf.ProgHeader, count)
	d := f.decoder(raw)
	for i := range f.Segments {
		f.Segments[i] = d.program()
	}
	return nil
}

// readAt fills p from an offset of the file.
func (f *File) readAt(p []byte, off uint64) error {
	if off > uint64(f.size) || uint64(len(p)) > uint64(f.size)-off {
		return &notes.FormatError{Off: int64(min(off, uint64(f.size))), Msg: fmt.Sprintf("%d bytes wanted, the file ends at 0x%x", len(p), f.size)}
	}
	_, err := readFull(f.r, p, int64(off))
	return err
}

// Size is the size of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Data reads a segment's bytes, up to the end of the file.
func (f *File) Data(s elf.ProgHeader) *io.SectionReader {
	off, n := f.extent(s)
	return io.NewSectionReader(f.r, off, n)
}

// extent is the part of a segment that exists in the file.
func (f *File) extent(s elf.ProgHeader) (off, n int64) {
	off = int64(min(s.Off, uint64(f.size)))
	return off, int64(min(s.Filesz, uint64(f.size-off)))
}

// Notes yields the notes of all note segments in file order. An error belongs
// to one segment; the notes of the next one follow it. Segments that overlap
// are read until they add up to the size of the file, so that a hostile one
// can't take for ever.
func (f *File) Notes() iter.Seq2[notes.Note, error] {
	return func(yield func(notes.Note, error) bool) {
		left := f.size
		for _, s := range f.Segments {
			if s.Type != elf.PT_NOTE {
				continue
			}
			off, n := f.extent(s)
			if left -= n; left < 0 {
				yield(notes.Note{}, &notes.FormatError{Off: off, Msg: "note segments overlap"})
				return
			}
			for note, err := range notes.All(f.r, off, n, int(min(s.Align, 8)), f.Order) {
				if !yield(note, err) {
					return
				}
			}
			if uint64(n) < s.Filesz && !yield(notes.Note{}, &notes.FormatError{Off: off + n, Msg: "note segment cut off by the end of the file"}) {
				return
			}
		}
	}
}

// pointer is the size of an address in the file in bytes.
func (f *File) pointer() int {
	if f.Header.Class == elf.ELFCLASS64 {
		return 8
	}
	return 4
}

func (f *File) decoder(b []byte) *decoder { return &decoder{f.Order, f.pointer(), b} }

// decoder takes integers off bytes that are known to be long enough.
type decoder struct {
	order   binary.ByteOrder
	pointer int // bytes
	in      []byte
}

func (d *decoder) uint(size int) uint64 {
	v := getUint(d.order, d.in[:size])
	d.in = d.in[size:]
	return v
}

func (d *decoder) u16() uint16  { return uint16(d.uint(2)) }
func (d *decoder) u32() uint32  { return uint32(d.uint(4)) }
func (d *decoder) addr() uint64 { return d.uint(d.pointer) }

// program takes a program header.
func (d *decoder) program() (p elf.ProgHeader) {
	p.Type = elf.ProgType(d.u32())
	if d.pointer == 8 {
		p.Flags = elf.ProgFlag(d.u32())
	}
	p.Off, p.Vaddr, p.Paddr, p.Filesz, p.Memsz = d.addr(), d.addr(), d.addr(), d.addr(), d.addr()
	if d.pointer == 4 {
		p.Flags = elf.ProgFlag(d.u32())
	}
	p.Align = d.addr()
	return p
}
