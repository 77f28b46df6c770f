package verify

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"corelift/elfcore"
	"corelift/notes"
)

// manyHeaders is PN_XNUM: from here on the number of program headers stands in
// a section header.
const manyHeaders = 0xffff

// segment is a program header and the bytes that the file has for it.
type segment struct {
	elf.ProgHeader
	at   int64 // offset of the header in the file
	data io.ReaderAt
	have uint64 // bytes of data
}

// note is a note; desc has its descriptor if that was changed or is new, off is
// -1 if the note is new.
type note struct {
	owner string
	typ   uint32
	off   int64
	size  int64 // of the descriptor
	data  io.ReaderAt
	desc  []byte
}

// maxDesc bounds the descriptors that are looked into, in bytes.
const maxDesc = 16 << 20

// read returns the descriptor, nil if it can't be read or is too long.
func (n *note) read() []byte {
	if n.desc != nil {
		return n.desc
	}
	if n.size > maxDesc {
		return nil
	}
	b := make([]byte, n.size)
	if got, _ := n.data.ReadAt(b, 0); got < len(b) {
		return nil
	}
	return b
}

// set changes the descriptor.
func (n *note) set(desc []byte) { n.desc, n.size = desc, int64(len(desc)) }

// is tells what a note is.
func (n *note) is(owner string, typ uint32) bool { return n.typ == typ && n.owner == owner }

// newNote makes a note.
func newNote(owner string, typ uint32, desc []byte) *note {
	n := &note{owner: owner, typ: typ, off: -1}
	n.set(desc)
	return n
}

func (f *File) open(r io.ReaderAt, size int64) error {
	head := make([]byte, 64)
	n, err := r.ReadAt(head, 0)
	if n < len(head) && err != io.EOF {
		return err
	}
	head = head[:n]
	if n < elf.EI_NIDENT || string(head[:4]) != elf.ELFMAG {
		return notCore(0, "not an ELF file")
	}
	f.class = elf.Class(head[elf.EI_CLASS])
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		f.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.order = binary.BigEndian
	default:
		return notCore(elf.EI_DATA, "unknown byte order %d", head[elf.EI_DATA])
	}
	if f.class != elf.ELFCLASS32 && f.class != elf.ELFCLASS64 {
		return notCore(elf.EI_CLASS, "unknown class %d", f.class)
	}
	if n < sizesOf(f.class).header {
		return notCore(int64(n), "ELF header cut off")
	}
	f.header = decodeHeader(head, f.class, f.order)
	if err := f.look(&overlay{ReaderAt: r, size: size}); err != nil {
		return err
	}
	if elf.Type(f.header.Type) != elf.ET_CORE && !slices.ContainsFunc(f.notes, f.isStatus) {
		return notCore(elf.EI_NIDENT, "this ELF file is no core file, but %v", elf.Type(f.header.Type))
	}
	return nil
}

func notCore(off int64, format string, args ...any) error {
	return &NotCoreError{&notes.FormatError{Off: off, Msg: fmt.Sprintf(format, args...)}}
}

// look reads the file as it would be without the faults in its headers.
func (f *File) look(view *overlay) (err error) {
	size := sizesOf(f.class)
	seen := f.header
	seen.Type, seen.Phentsize = uint16(elf.ET_CORE), uint16(size.segment)
	if seen.Phnum == manyHeaders {
		f.countSegments(view, &seen)
	}
	e := encoder{class: f.class, order: f.order}
	e.header(seen)
	view.patches = slices.Insert(view.patches, 0, patch{0, e.out})
	if f.core, err = f.openCore(view); f.core == nil {
		return err
	}
	misaligned := f.alignNotes(view)
	if len(misaligned) > 0 {
		if f.core, err = f.openCore(view); f.core == nil {
			return err
		}
	}
	f.segments = make([]*segment, len(f.core.Segments))
	for i, s := range f.core.Segments {
		data := f.core.Data(s)
		f.segments[i] = &segment{s, f.headerOff(i), data, uint64(data.Size())}
	}
	for _, i := range misaligned {
		f.segments[i].Align = 8
	}
	for n, err := range f.core.Notes() {
		if err != nil {
			f.damage = append(f.damage, err)
			continue
		}
		f.notes = append(f.notes, &note{owner: n.Owner, typ: n.Type, off: n.Off, size: n.Size, data: n.Desc})
	}
	f.identify()
	return nil
}

// openCore opens what is seen; what can't be opened because of its form stays
// nil, with the reason in f.broken.
func (f *File) openCore(view *overlay) (*elfcore.File, error) {
	core, err := elfcore.Open(view, view.size)
	if errors.As(err, new(*notes.FormatError)) {
		f.broken = err
		return nil, nil
	}
	return core, err
}

// identify tells CPU and system.
func (f *File) identify() {
	f.arch = f.core.Context().Arch
	if p := f.program(); p != nil && f.arch != nil && p.Arch.Machine == f.arch.Machine && p.Arch.Class == f.arch.Class {
		f.arch = p.Arch // knows the profile of an ARM for sure
	}
	if f.arch != nil {
		f.status, _ = f.core.Status(f.arch)
	}
	vector, _ := f.core.AuxVector()
	f.process = f.status.System == elfcore.FormatFreeBSD ||
		slices.ContainsFunc(vector, func(a elfcore.Aux) bool { return a.Type == elfcore.AuxProgramHeaders })
}

// headerOff is where a program header stands.
func (f *File) headerOff(i int) int64 {
	return int64(f.header.Phoff) + int64(i)*int64(sizesOf(f.class).segment)
}

// word is the size of an address in the file in bytes.
func (f *File) word() int { return 4 * int(f.class) }

// countSegments looks for the number of segments where PN_XNUM says it is. If
// it is not there, seen gets a section header that has it, behind the file's
// end: the notes of most writers follow the program headers at once, so that
// their offset tells the number. Else the 65,535 that debuggers see are taken.
func (f *File) countSegments(view *overlay, seen *elf.Header64) {
	size := sizesOf(f.class)
	section := make([]byte, size.section)
	// sh_info follows name, type, four words of an address's size, and sh_link.
	if f.header.Shoff != 0 && readAt(view, section, f.header.Shoff) && f.order.Uint32(section[12+4*f.word():]) != 0 {
		return
	}
	count := uint64(manyHeaders)
	if first := make([]byte, size.segment); readAt(view, first, f.header.Phoff) {
		off := f.address(first[4:]) // of ELF32
		if f.class == elf.ELFCLASS64 {
			off = f.address(first[8:])
		}
		room := off - f.header.Phoff
		if elf.ProgType(f.order.Uint32(first)) == elf.PT_NOTE && off <= uint64(view.size) && off >= f.header.Phoff &&
			room%uint64(size.segment) == 0 && room/uint64(size.segment) > manyHeaders {
			count = room / uint64(size.segment)
		}
	}
	if count == manyHeaders && f.header.Shoff == 0 {
		return
	}
	f.lost = fmt.Sprintf("no number of segments at %#x; by where the notes begin there are %d", f.header.Shoff, count)
	if count == manyHeaders {
		f.lost = fmt.Sprintf("no number of segments at %#x; those behind the first %d are lost", f.header.Shoff, count)
	}
	seen.Shoff, seen.Shentsize, seen.Shnum = uint64(view.size), uint16(size.section), 1
	e := encoder{class: f.class, order: f.order}
	e.segmentCount(uint32(count))
	view.replace(view.size, e.out)
}

// readAt fills p, or tells that it can't.
func readAt(r *overlay, p []byte, off uint64) bool {
	if off > uint64(r.size) || uint64(len(p)) > uint64(r.size)-off {
		return false
	}
	n, _ := r.ReadAt(p, int64(off))
	return n == len(p)
}

// address reads a number of an address's size.
func (f *File) address(b []byte) uint64 {
	if f.class == elf.ELFCLASS64 {
		return f.order.Uint64(b)
	}
	return uint64(f.order.Uint32(b))
}

// alignNotes looks at note segments whose p_align says that notes are padded to
// 8 bytes. Where they are padded to 4, that is what is seen from now on. It
// returns the segments of which that is so.
func (f *File) alignNotes(view *overlay) (list []int) {
	fine := func(off, size int64, align int) bool {
		for _, err := range notes.All(view, off, size, align, f.order) {
			if err != nil {
				return false
			}
		}
		return true
	}
	left := view.size // as in elfcore.File.Notes
	for i, s := range f.core.Segments {
		n := f.core.Data(s).Size()
		if s.Type != elf.PT_NOTE || s.Align != 8 {
			continue
		}
		if left -= n; left < 0 {
			break
		}
		if off := int64(min(s.Off, uint64(view.size))); !fine(off, n, 8) && fine(off, n, 4) {
			list = append(list, i)
		}
	}
	if len(list) > 0 {
		// Between the header and what is appended, as the program headers are.
		patches := view.patches[:1:1]
		for _, i := range list {
			e := encoder{class: f.class, order: f.order}
			e.words(4)
			patches = append(patches, patch{f.headerOff(i+1) - int64(f.word()), e.out}) // p_align is last
		}
		view.patches = append(patches, view.patches[1:]...)
	}
	return list
}
