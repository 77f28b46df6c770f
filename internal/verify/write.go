package verify

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"

	"corelift/notes"
)

// ErrUnreadable says that there is nothing to write, as the headers can't be
// read.
var ErrUnreadable = errors.New("nothing can be repaired")

// maxGrowth is how many times as large as the file a copy may be. Segments may
// share bytes of the file, and each gets its own in the copy: a hostile file of
// 1 MiB has 18,000 segments of 1 MiB.
const maxGrowth = 16

// Write writes the core as it is after Fix, in the shape of elfcore's writer:
// ELF header, program headers, one note segment in the place of the first, the
// bytes of the other segments in their order. Contents are streamed. There are
// no section headers but the one for 65,535 or more segments: debuggers need
// none. Errors: ErrUnreadable, a file over ELF32's 4 GiB, and those
// of the reader and of w.
func (f *File) Write(w io.Writer) error {
	if f.core == nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, f.broken)
	}
	size := sizesOf(f.class)
	segments := f.merged()
	e := encoder{class: f.class, order: f.order}

	h := f.header
	h.Ehsize, h.Phentsize, h.Phoff = uint16(size.header), uint16(size.segment), uint64(size.header)
	h.Phnum, h.Shoff, h.Shentsize, h.Shnum, h.Shstrndx = uint16(len(segments)), 0, 0, 0, 0
	data := uint64(size.header + len(segments)*size.segment)
	many := len(segments) >= manyHeaders
	if many {
		h.Phnum, h.Shoff, h.Shentsize, h.Shnum = manyHeaders, data, uint16(size.section), 1
		data += uint64(size.section)
	}
	e.header(h)
	start, largest := data, uint64(math.MaxInt64)
	if f.class == elf.ELFCLASS32 {
		largest = math.MaxUint32
	}
	for _, s := range segments {
		p := s.ProgHeader
		p.Off = data
		// Addresses and offsets agree modulo p_align. Debuggers don't look.
		if p.Align > 1 && (p.Vaddr-p.Off)%p.Align != 0 && p.Type != elf.PT_NOTE {
			p.Align = 1
		}
		if data += p.Filesz; data < p.Filesz || data > largest {
			return errors.New("the file would be larger than its class allows")
		}
		if s.Type != elf.PT_NOTE && data > start+maxGrowth*uint64(f.core.Size()) {
			return &notes.FormatError{Off: s.at, Msg: fmt.Sprintf("segments share bytes of the file; a copy would be more than %d times as large", maxGrowth)}
		}
		e.segment(p)
	}
	if many {
		e.segmentCount(uint32(len(segments)))
	}
	if _, err := w.Write(e.out); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for _, s := range segments {
		var err error
		if s.Type == elf.PT_NOTE {
			err = f.writeNotes(w, buf)
		} else {
			err = stream(w, s.data, int64(s.Filesz), buf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// merged lists the segments with one note segment in the place of all. Bytes
// that the file does not have are counted no longer.
func (f *File) merged() (list []*segment) {
	note := &segment{ProgHeader: elf.ProgHeader{Type: elf.PT_NOTE, Align: 4}}
	for _, n := range f.notes {
		note.Filesz += uint64(12 + int64(len(n.owner)+1) + padding(int64(len(n.owner)+1)) + n.size + padding(n.size))
	}
	placed := len(f.notes) == 0
	for _, s := range f.segments {
		switch {
		case s.Type != elf.PT_NOTE:
			list = append(list, s)
		case !placed:
			list = append(list, note)
			placed = true
		}
	}
	if !placed {
		list = append([]*segment{note}, list...)
	}
	return list
}

func (f *File) writeNotes(w io.Writer, buf []byte) error {
	for _, n := range f.notes {
		e := encoder{class: f.class, order: f.order}
		e.note(n.owner, n.typ, n.size)
		if n.desc != nil {
			e.out = append(e.out, n.desc...)
		}
		if _, err := w.Write(e.out); err != nil {
			return err
		}
		if n.desc == nil {
			if err := stream(w, n.data, n.size, buf); err != nil {
				return err
			}
		}
		if _, err := w.Write(make([]byte, padding(n.size))); err != nil {
			return err
		}
	}
	return nil
}

// stream copies size bytes.
func stream(w io.Writer, r io.ReaderAt, size int64, buf []byte) error {
	// The wrapper hides ReadFrom of files, which would not use buf.
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(r, 0, size), buf)
	if err == nil && n < size {
		err = fmt.Errorf("the file became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return err
}
