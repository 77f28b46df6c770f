package verify

import (
	"debug/elf"
	"encoding/binary"
)

// The structures of both classes, in the form of the wider one.

// sizes are those of the ELF structures of a class, in bytes.
type sizes struct{ header, segment, section int }

func sizesOf(c elf.Class) sizes {
	if c == elf.ELFCLASS64 {
		return sizes{64, 56, 64}
	}
	return sizes{52, 32, 40}
}

// decodeHeader reads an ELF header; b holds all of it.
func decodeHeader(b []byte, c elf.Class, order binary.ByteOrder) (h elf.Header64) {
	if c == elf.ELFCLASS64 {
		binary.Decode(b, order, &h)
		return h
	}
	var n elf.Header32
	binary.Decode(b, order, &n)
	return elf.Header64{
		Ident: n.Ident, Type: n.Type, Machine: n.Machine, Version: n.Version,
		Entry: uint64(n.Entry), Phoff: uint64(n.Phoff), Shoff: uint64(n.Shoff), Flags: n.Flags,
		Ehsize: n.Ehsize, Phentsize: n.Phentsize, Phnum: n.Phnum, Shentsize: n.Shentsize, Shnum: n.Shnum, Shstrndx: n.Shstrndx,
	}
}

// encoder appends structures; errors of encoding/binary can't happen, as all
// have a fixed size.
type encoder struct {
	class elf.Class
	order binary.ByteOrder
	out   []byte
}

func (e *encoder) put(v any) { e.out, _ = binary.Append(e.out, e.order, v) }

func (e *encoder) header(h elf.Header64) {
	if e.class == elf.ELFCLASS64 {
		e.put(h)
		return
	}
	e.put(elf.Header32{
		Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: h.Version,
		Entry: uint32(h.Entry), Phoff: uint32(h.Phoff), Shoff: uint32(h.Shoff), Flags: h.Flags,
		Ehsize: h.Ehsize, Phentsize: h.Phentsize, Phnum: h.Phnum, Shentsize: h.Shentsize, Shnum: h.Shnum, Shstrndx: h.Shstrndx,
	})
}

func (e *encoder) segment(p elf.ProgHeader) {
	if e.class == elf.ELFCLASS64 {
		e.put(elf.Prog64{Type: uint32(p.Type), Flags: uint32(p.Flags), Off: p.Off, Vaddr: p.Vaddr, Paddr: p.Paddr, Filesz: p.Filesz, Memsz: p.Memsz, Align: p.Align})
		return
	}
	e.put(elf.Prog32{Type: uint32(p.Type), Off: uint32(p.Off), Vaddr: uint32(p.Vaddr), Paddr: uint32(p.Paddr),
		Filesz: uint32(p.Filesz), Memsz: uint32(p.Memsz), Flags: uint32(p.Flags), Align: uint32(p.Align)})
}

// segmentCount is the one section header of a file of PN_XNUM segments or more.
func (e *encoder) segmentCount(n uint32) {
	if e.class == elf.ELFCLASS64 {
		e.put(elf.Section64{Info: n})
		return
	}
	e.put(elf.Section32{Info: n})
}

// words appends numbers of an address's size.
func (e *encoder) words(list ...uint64) {
	for _, v := range list {
		if e.class == elf.ELFCLASS64 {
			e.put(v)
		} else {
			e.put(uint32(v))
		}
	}
}

// note appends a note, padded to 4 bytes.
func (e *encoder) note(owner string, typ uint32, size int64) {
	e.put([]uint32{uint32(len(owner) + 1), uint32(size), typ})
	e.out = append(e.out, owner...)
	e.out = append(e.out, 0)
	e.out = append(e.out, make([]byte, padding(int64(len(owner)+1)))...)
}

// padding is what is lacking to a multiple of 4.
func padding(n int64) int64 { return -n & 3 }
