package elfcore

import (
	"debug/elf"
	"fmt"
	"strings"

	"corelift/notes"
)

// Limits of section headers. A name over maxName bytes counts as none, so that
// names which share their bytes can't make the listing of a small file endless.
const (
	maxSections = 1 << 20
	maxName     = 1 << 10
	maxNames    = 16 << 20 // bytes of the table of names
)

// Section is a section header. Core files of Linux have none, or number 0 alone
// which counts the segments; those of GDB's gcore have one for each segment.
type Section struct {
	// Name is as it stands in the file: not always UTF-8, and with any control
	// characters. Named tells that it stands there.
	Name  string
	Named bool
	Type  elf.SectionType
	// Flags are all 64 bits of sh_flags, of which elf.SectionFlag holds 32.
	Flags              uint64
	Addr, Offset, Size uint64
	Link, Info         uint32
	Align, EntSize     uint64

	nameAt uint32 // in the table of names
}

// SectionCount is the number of section headers, and the number of the one
// that holds their names: 0 for none, and not checked against the count. They
// stand in the ELF header or, where 16 bits don't suffice, in section header 0.
// Errors are those of Sections.
func (f *File) SectionCount() (count uint64, names uint32, err error) {
	h := &f.Header
	count, names = uint64(h.ShNum), uint32(h.ShStrNdx)
	beyond := elf.SectionIndex(names) == elf.SHN_XINDEX
	if h.ShOff == 0 || count != 0 && !beyond {
		return count, names, nil
	}
	first, err := f.sections(1)
	if err != nil {
		return count, names, err
	}
	if count == 0 {
		count = first[0].Size
	}
	if beyond {
		names = first[0].Link
	}
	return count, names, nil
}

// Sections reads the section headers with their names. A file without any is
// no error. Errors are *notes.FormatError with the offset in the file, where
// the headers are not all there or more than 1,048,576, and those of reading.
func (f *File) Sections() ([]Section, error) {
	count, names, err := f.SectionCount()
	if err != nil || f.Header.ShOff == 0 {
		return nil, err
	}
	list, err := f.sections(count)
	if err != nil || names == 0 || uint64(names) >= count {
		return list, err
	}
	table, err := f.names(&list[names])
	if err != nil {
		return nil, err
	}
	for i := range list {
		s := &list[i]
		s.Name, s.Named = nameIn(table, s.nameAt)
	}
	return list, nil
}

// sections reads the first count section headers, without names.
func (f *File) sections(count uint64) ([]Section, error) {
	h, size := &f.Header, sizesOf(f.Header.Class).section
	at := int64(min(h.ShOff, uint64(f.size)))
	switch {
	case count == 0:
		return nil, nil
	case int(h.ShEntSize) != size:
		return nil, &notes.FormatError{Off: int64(sizesOf(h.Class).header) - 6, Msg: fmt.Sprintf("section headers of %d bytes, want %d", h.ShEntSize, size)}
	case count > maxSections:
		return nil, &notes.FormatError{Off: at, Msg: fmt.Sprintf("%d section headers, the limit is %d", count, maxSections)}
	case count > uint64(f.size-at)/uint64(size):
		return nil, &notes.FormatError{Off: at, Msg: fmt.Sprintf("%d section headers run over the end of the file at 0x%x", count, f.size)}
	}
	raw := make([]byte, int(count)*size)
	if err := f.readAt(raw, h.ShOff); err != nil {
		return nil, err
	}
	list := make([]Section, 0, count)
	for d := f.decoder(raw); len(d.in) > 0; {
		list = append(list, d.section())
	}
	return list, nil
}

// section takes a section header.
func (d *decoder) section() (s Section) {
	s.nameAt, s.Type = d.u32(), elf.SectionType(d.u32())
	s.Flags, s.Addr, s.Offset, s.Size = d.addr(), d.addr(), d.addr(), d.addr()
	s.Link, s.Info = d.u32(), d.u32()
	s.Align, s.EntSize = d.addr(), d.addr()
	return s
}

// names reads a table of names, as much as there is of it.
func (f *File) names(s *Section) (string, error) {
	_, size := f.extent(elf.ProgHeader{Off: s.Offset, Filesz: s.Size})
	table := make([]byte, min(size, maxNames))
	if len(table) == 0 {
		return "", nil
	}
	err := f.readAt(table, s.Offset)
	return string(table), err
}

// nameIn is the name at an offset of the table of names.
func nameIn(table string, at uint32) (string, bool) {
	if uint64(at) >= uint64(len(table)) {
		return "", false
	}
	name := table[at:]
	if end := strings.IndexByte(name[:min(len(name), maxName+1)], 0); end >= 0 {
		return name[:end], true
	}
	if len(name) > maxName {
		return "", false
	}
	return name, true // the last one may lack its end
}
