package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"

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

// File is an ELF core file, of any writer: 32 or 64 bits, either byte order. It
// keeps the reader it came from and reads contents on demand.
type File struct {
	Header   Header
	Order    binary.ByteOrder
	Segments []elf.ProgHeader // all, PN_XNUM resolved
	// Diagnostics tell what is odd about the headers: what the end of the file
	// cuts off, and where the number of segments was taken from instead.
	Diagnostics []Diagnostic

	r    io.ReaderAt
	size int64
	list func() ([]notes.Note, error) // readNotes, once
}

// Limits of a file, far above what systems write: Linux allows a process
// 65,530 mappings unless told otherwise.
const (
	maxSegments = 1 << 20
	maxNotes    = 1 << 20
)

// Open reads the headers of a core file of size bytes. It checks them against
// the bytes that exist, but not where the segments lie: a file that was cut
// still opens, and what is lost stands in Diagnostics. Errors are
// *notes.FormatError with the offset in the file, or those of r.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: &blocks{r: r}, size: size}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if f.Header.Type != elf.ET_CORE {
		return nil, &notes.FormatError{Off: elf.EI_NIDENT, Msg: fmt.Sprintf("this ELF file is no core file, but %v", f.Header.Type)}
	}
	if err := f.readSegments(sizesOf(f.Header.Class)); err != nil {
		return nil, err
	}
	f.reportCut()
	f.list = sync.OnceValues(f.readNotes)
	return f, nil
}

// readHeader reads the ELF header, of any kind of file.
func (f *File) readHeader() error {
	head := make([]byte, 64)
	n, err := f.r.ReadAt(head, 0)
	if n < len(head) && err != io.EOF {
		return err
	}
	head = head[:n]
	if n < elf.EI_NIDENT || string(head[:4]) != elf.ELFMAG {
		return &notes.FormatError{Off: 0, Msg: "not an ELF file"}
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
		return &notes.FormatError{Off: elf.EI_DATA, Msg: fmt.Sprintf("unknown byte order %d", h.Data)}
	}
	if h.Class != elf.ELFCLASS32 && h.Class != elf.ELFCLASS64 {
		return &notes.FormatError{Off: elf.EI_CLASS, Msg: fmt.Sprintf("unknown class %d", h.Class)}
	}
	if n < sizesOf(h.Class).header {
		return &notes.FormatError{Off: int64(n), Msg: "ELF header cut off"}
	}
	d := f.decoder(head[elf.EI_NIDENT:])
	h.Type, h.Machine, h.Version = elf.Type(d.u16()), elf.Machine(d.u16()), d.u32()
	h.Entry, h.PhOff, h.ShOff = d.addr(), d.addr(), d.addr()
	h.Flags, h.Size = d.u32(), d.u16()
	h.PhEntSize, h.PhNum = d.u16(), d.u16()
	h.ShEntSize, h.ShNum, h.ShStrNdx = d.u16(), d.u16(), d.u16()
	return nil
}

// readSegments reads the program headers.
func (f *File) readSegments(sizes elfSizes) error {
	h := &f.Header
	count, err := f.countSegments(sizes)
	if err != nil || count == 0 {
		return err
	}
	if int(h.PhEntSize) != sizes.program {
		return &notes.FormatError{Off: int64(sizes.header) - 10, Msg: fmt.Sprintf("program headers of %d bytes, want %d", h.PhEntSize, sizes.program)}
	}
	if count > maxSegments {
		return &notes.FormatError{Off: int64(min(h.PhOff, uint64(f.size))), Msg: fmt.Sprintf("%d program headers, the limit is %d", count, maxSegments)}
	}
	if h.PhOff > uint64(f.size) || count > (uint64(f.size)-h.PhOff)/uint64(sizes.program) {
		return &notes.FormatError{Off: int64(min(h.PhOff, uint64(f.size))), Msg: fmt.Sprintf("%d program headers run over the end of the file at 0x%x", count, f.size)}
	}
	// In steps, so that the raw headers don't need as much again.
	const step = 1 << 10
	raw := make([]byte, int(min(count, step))*sizes.program)
	f.Segments = make([]elf.ProgHeader, 0, count)
	for at := h.PhOff; uint64(len(f.Segments)) < count; at += uint64(len(raw)) {
		raw = raw[:int(min(count-uint64(len(f.Segments)), step))*sizes.program]
		if err := f.readAt(raw, at); err != nil {
			return err
		}
		for d := f.decoder(raw); len(d.in) > 0; {
			f.Segments = append(f.Segments, d.program())
		}
	}
	return nil
}

// countSegments is the number of program headers. From PN_XNUM on it stands in
// sh_info of section header 0.
//
// Folklore: Linux writes that one section header behind all memory, so a core
// of many mappings that a full disk cut has lost it. The notes follow the
// program headers at once there, so that their p_offset tells the number.
// Test: TestManySegmentsCut.
func (f *File) countSegments(sizes elfSizes) (uint64, error) {
	h := &f.Header
	if h.PhNum != manyHeaders || h.ShOff == 0 {
		return uint64(h.PhNum), nil
	}
	section := make([]byte, sizes.section)
	lost := f.readAt(section, h.ShOff)
	if lost == nil {
		// sh_info follows name, type, four words of an address's size, link.
		if info := f.decoder(section[8+4*f.pointer()+4:]).u32(); info != 0 {
			return uint64(info), nil
		}
		return manyHeaders, nil
	}
	if !errors.As(lost, new(*notes.FormatError)) {
		return 0, lost
	}
	first := make([]byte, sizes.program)
	if f.readAt(first, h.PhOff) != nil {
		return 0, lost
	}
	s := f.decoder(first).program()
	count := (s.Off - h.PhOff) / uint64(sizes.program)
	if s.Type != elf.PT_NOTE || s.Off < h.PhOff || (s.Off-h.PhOff)%uint64(sizes.program) != 0 || count < manyHeaders || s.Off > uint64(f.size) {
		return 0, lost
	}
	f.Diagnostics = append(f.Diagnostics, Diagnostic{
		Severity: Warning, Code: "core.segments", At: Pos{Off: f.size},
		Found:    fmt.Sprintf("the end of the file, before the section header at 0x%x", h.ShOff),
		Expected: "the number of segments there",
		Done:     fmt.Sprintf("taken from where the notes begin: %d", count),
	})
	return count, nil
}

// reportCut tells how much memory the end of the file cuts off.
func (f *File) reportCut() {
	var lost uint64
	var from Addr
	for _, s := range f.Segments {
		if s.Type != elf.PT_LOAD {
			continue
		}
		if _, have := f.extent(s); uint64(have) < s.Filesz {
			if lost == 0 {
				from = Addr(s.Vaddr) + Addr(have)
			}
			lost += min(s.Filesz-uint64(have), math.MaxUint64-lost)
		}
	}
	if lost > 0 {
		f.Diagnostics = append(f.Diagnostics, Diagnostic{
			Severity: Loss, Code: "core.truncated", At: Pos{Off: f.size},
			Found:    fmt.Sprintf("the end of the file, %d bytes of memory too early", lost),
			Expected: fmt.Sprintf("memory at %v and what follows it", from),
			Done:     "these bytes are absent",
		})
	}
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
// are read until they add up to the size of the file, and 1,048,576 notes at
// most, so that a hostile file can't take for ever.
func (f *File) Notes() iter.Seq2[notes.Note, error] {
	return func(yield func(notes.Note, error) bool) {
		left, count := f.size, 0
		for _, s := range f.Segments {
			if s.Type != elf.PT_NOTE {
				continue
			}
			off, n := f.extent(s)
			if left -= n; left < 0 {
				yield(notes.Note{}, &notes.FormatError{Off: off, Msg: "note segments overlap"})
				return
			}
			for note, err := range f.NotesIn(s) {
				if count++; count > maxNotes {
					yield(notes.Note{}, &notes.FormatError{Off: note.Off, Msg: fmt.Sprintf("more than %d notes", maxNotes)})
					return
				}
				if !yield(note, err) {
					return
				}
			}
		}
	}
}

// NotesIn yields the notes of one segment. An error is the last that it
// yields.
func (f *File) NotesIn(s elf.ProgHeader) iter.Seq2[notes.Note, error] {
	return func(yield func(notes.Note, error) bool) {
		off, n := f.extent(s)
		for note, err := range notes.All(f.r, off, n, noteAlign(s.Align), f.Order) {
			if !yield(note, err) || err != nil {
				return
			}
		}
		if uint64(n) < s.Filesz {
			yield(notes.Note{}, &notes.FormatError{Off: off + n, Msg: "note segment cut off by the end of the file"})
		}
	}
}

// noteAlign is p_align of a note segment as notes.All takes it.
func noteAlign(align uint64) int {
	if align == 8 {
		return 8
	}
	return 4
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

func (d *decoder) u16() uint16 {
	v := d.order.Uint16(d.in)
	d.in = d.in[2:]
	return v
}

func (d *decoder) u32() uint32 {
	v := d.order.Uint32(d.in)
	d.in = d.in[4:]
	return v
}

func (d *decoder) addr() uint64 {
	if d.pointer == 4 {
		return uint64(d.u32())
	}
	v := d.order.Uint64(d.in)
	d.in = d.in[8:]
	return v
}

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
