package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// sectioned builds a core with the section headers given, and the table of
// names first behind the ELF header. Change edits the ELF header's numbers of
// sections and of the one with names.
func sectioned(a *arch.Arch, order binary.ByteOrder, names string, list []Section, count, namesAt uint16) []byte {
	m := newImage(a, order)
	m.shoff = m.headers() + uint64(len(names))
	e := encoder{order: m.order, pointer: m.pointer}
	for _, s := range list {
		e.u32(s.nameAt)
		e.u32(uint32(s.Type))
		for _, v := range []uint64{s.Flags, s.Addr, s.Offset, s.Size} {
			e.addr(v)
		}
		e.u32(s.Link)
		e.u32(s.Info)
		e.addr(s.Align)
		e.addr(s.EntSize)
	}
	b := m.file(append([]byte(names), e.out...))
	at := sizesOf(a.Class).header
	order.PutUint16(b[at-4:], count)
	order.PutUint16(b[at-2:], namesAt)
	return b
}

// TestSections reads section headers of both classes and byte orders, numbered
// in the ELF header and beyond it.
func TestSections(t *testing.T) {
	const names = "\x00load\x00\x1b[31m\xff\x00last"
	for _, a := range []*arch.Arch{arch.AMD64, arch.CortexM} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			at := uint64(sizesOf(a.Class).header)
			list := []Section{
				{Size: 4, Link: 2},
				{nameAt: 1, Type: elf.SHT_PROGBITS, Flags: 7, Addr: 0x8000, Offset: 5, Size: 6, Link: 7, Info: 8, Align: 9, EntSize: 10},
				{nameAt: 6, Type: elf.SHT_STRTAB, Offset: at, Size: uint64(len(names))},
				{nameAt: 13, Type: 0x7fffffff},
			}
			if a.Class == elf.ELFCLASS64 {
				list[1].Flags |= 1 << 40
			}
			for _, count := range []uint16{4, 0} {
				for _, namesAt := range []uint16{2, uint16(elf.SHN_XINDEX)} {
					f, err := openBytes(sectioned(a, order, names, list, count, namesAt))
					if err != nil {
						t.Fatal(err)
					}
					got, err := f.Sections()
					if err != nil || len(got) != len(list) {
						t.Fatal(got, err)
					}
					for i, want := range list {
						want.Name, want.Named = []string{"", "load", "\x1b[31m\xff", "last"}[i], true
						if got[i] != want {
							t.Errorf("%v, want %v", got[i], want)
						}
					}
				}
			}
		}
	}
}

// TestSectionsHostile: the right answer or an error with an offset.
func TestSectionsHostile(t *testing.T) {
	long := strings.Repeat("x", maxName+1) + "\x00"
	list := []Section{{Size: 1 << 40}, {Type: elf.SHT_STRTAB, Offset: 64, Size: 1 << 60}, {nameAt: 1}, {nameAt: 1 << 31}}
	open := func(count, namesAt uint16) ([]Section, error) {
		f, err := openBytes(sectioned(arch.AMD64, binary.LittleEndian, long, list, count, namesAt))
		if err != nil {
			t.Fatal(err)
		}
		return f.Sections()
	}
	for _, x := range []struct {
		name           string
		count, namesAt uint16
		want           string
	}{
		{"a name over the limit, one behind the table", 4, 1, ""},
		{"no names", 4, 0, ""},
		{"names out of range", 4, 9, ""},
		{"headers over the end", 5, 0, "5 section headers run over the end of the file"},
		{"count of 1 T", 0, 0, "1099511627776 section headers, the limit is 1048576"},
	} {
		got, err := open(x.count, x.namesAt)
		var format *notes.FormatError
		if x.want == "" && err != nil || x.want != "" && (err == nil || !errors.As(err, &format) || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s: %v", x.name, err)
		}
		for i := 2; i < len(got); i++ {
			// The table takes in the headers behind it; the name at 1 is a byte
			// shorter and fits.
			if named := x.namesAt == 1 && i == 2; got[i].Named != named {
				t.Errorf("%s: section %d is %q", x.name, i, got[i].Name)
			}
		}
	}
}
