package elfcore

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"corelift/elfcore/arch"
)

// elfSizes holds the sizes of ELF structures in bytes.
type elfSizes struct{ header, program, section int }

func sizesOf(c elf.Class) elfSizes {
	if c == elf.ELFCLASS64 {
		return elfSizes{64, 56, 64}
	}
	return elfSizes{52, 32, 40}
}

// manyHeaders is PN_XNUM: from here on e_phnum holds this and the number of
// program headers stands in sh_info of section header 0.
const manyHeaders = 0xffff

// Write writes the crash as an ELF core file in the shape that stock debuggers
// open without a warning (docs/debuggers.md): ELF header, program headers, one
// note segment, then the memory. Equal Cores give equal bytes. Memory is
// streamed from Region.Data.
//
// Regions of state Suspect are left out unless KeepSuspect is set. A missing
// register leaves arch.Absent in its slot. Errors: a Core that has no CPU or
// whose threads have no unique positive IDs, memory beyond the CPU's address
// space or ELF32's 4 GiB of file, memory whose Data ends early, and those of w.
func (c *Core) Write(w io.Writer) error {
	if c.Arch == nil || c.Order == nil {
		return errors.New("core file: the Core names no CPU or byte order")
	}
	notes, err := c.noteSegment()
	if err != nil {
		return fmt.Errorf("core file: %w", err)
	}
	var loads []Region
	for r := range c.Memory.All() {
		if c.writes(r) {
			loads = append(loads, r)
		}
	}
	head, err := c.headers(len(notes), loads)
	if err != nil {
		return fmt.Errorf("core file: %w", err)
	}
	for _, part := range [][]byte{head, notes} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	buf := make([]byte, 64<<10)
	for _, r := range loads {
		// The wrapper hides ReadFrom of files, which would not use buf.
		n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(r.Data, 0, int64(r.Size)), buf)
		if err == nil && n < int64(r.Size) {
			err = fmt.Errorf("core file: memory at %v: %d bytes of %d: %w", r.Addr, n, r.Size, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writes tells whether a region becomes a PT_LOAD.
func (c *Core) writes(r Region) bool {
	return r.State >= Recovered || r.State == Suspect && c.KeepSuspect
}

// flags is e_flags of the core. The firmware's own value is used where there
// is one, since without an ELF it tells debuggers the float ABI and RV32E.
func (c *Core) flags() uint32 {
	flags := c.Arch.Core.FallbackFlags
	if c.HasFlags {
		flags = c.Flags
	}
	if c.Arch.Machine == elf.EM_RISCV && c.Arch.Class == elf.ELFCLASS64 {
		flags &^= arch.RISCVEFlag // GDB: "64-bit ELF with RV32E flag set!"
	}
	return flags
}

// headers makes everything before the notes: ELF header, program headers, and
// the one section header that a file of 65,535 or more segments needs.
func (c *Core) headers(notes int, loads []Region) ([]byte, error) {
	size := sizesOf(c.Arch.Class)
	count := 1 + len(loads)
	many := count >= manyHeaders
	sections := size.header + count*size.program
	data := uint64(sections) // offset of what comes next
	largest := uint64(math.MaxInt64)
	if c.Arch.Class == elf.ELFCLASS32 {
		largest = math.MaxUint32
	}
	if many {
		data += uint64(size.section)
	}

	e := c.encoder()
	encoding := elf.ELFDATA2LSB
	if c.Order == binary.BigEndian {
		encoding = elf.ELFDATA2MSB
	}
	e.bytes([]byte(elf.ELFMAG), 4)
	e.bytes([]byte{byte(c.Arch.Class), byte(encoding), byte(elf.EV_CURRENT), byte(c.Arch.Core.OSABI)}, elf.EI_NIDENT-4)
	e.u16(uint16(elf.ET_CORE))
	e.u16(uint16(c.Arch.Machine))
	e.u32(uint32(elf.EV_CURRENT))
	e.addr(0) // e_entry
	e.addr(uint64(size.header))
	if many {
		e.addr(uint64(sections))
	} else {
		e.addr(0)
	}
	e.u32(c.flags())
	e.u16(uint16(size.header))
	e.u16(uint16(size.program))
	if many {
		e.u16(manyHeaders)
		e.u16(uint16(size.section))
		e.u16(1)
	} else {
		e.u16(uint16(count))
		e.u16(0)
		e.u16(0)
	}
	e.u16(0) // e_shstrndx

	// With p_align 8 BFD takes 4-byte padded notes for no core at all.
	e.program(elf.ProgHeader{Type: elf.PT_NOTE, Off: data, Filesz: uint64(notes), Align: 4})
	data += uint64(notes)
	for _, r := range loads {
		if last := uint64(r.last()); last > c.Arch.AddrMask() || last < uint64(r.Addr) {
			return nil, fmt.Errorf("memory %v is outside the address space of %s", r.Range, c.Arch.Name)
		}
		e.program(elf.ProgHeader{
			Type: elf.PT_LOAD, Flags: elf.ProgFlag(r.Perm & (PermR | PermW | PermX)), Off: data,
			Vaddr: uint64(r.Addr), Paddr: uint64(r.Addr), Filesz: r.Size, Memsz: r.Size, Align: 1,
		})
		if data += r.Size; data < r.Size || data > largest {
			return nil, fmt.Errorf("the memory up to %v makes the file larger than %d bytes; leave regions out", r.Range, largest)
		}
	}
	if many {
		e.u32(0) // sh_name
		e.u32(uint32(elf.SHT_NULL))
		for range 4 { // sh_flags, sh_addr, sh_offset, sh_size
			e.addr(0)
		}
		e.u32(0) // sh_link
		e.u32(uint32(count))
		e.addr(0) // sh_addralign
		e.addr(0) // sh_entsize
	}
	return e.out, nil
}

// encoder appends integers in the byte order and pointer size of a file.
type encoder struct {
	order   binary.ByteOrder
	pointer int // bytes
	out     []byte
}

func (c *Core) encoder() *encoder { return &encoder{order: c.Order, pointer: c.Arch.PtrSize()} }

func (e *encoder) uint(v uint64, size int) {
	var b [8]byte
	putUint(e.order, b[:size], v)
	e.out = append(e.out, b[:size]...)
}

func (e *encoder) u16(v uint16)  { e.uint(uint64(v), 2) }
func (e *encoder) u32(v uint32)  { e.uint(uint64(v), 4) }
func (e *encoder) addr(v uint64) { e.uint(v, e.pointer) }

// bytes appends b, padded with zeros or cut to size bytes.
func (e *encoder) bytes(b []byte, size int) {
	b = b[:min(len(b), size)]
	e.out = append(e.out, b...)
	e.out = append(e.out, make([]byte, size-len(b))...)
}

// program appends a program header.
func (e *encoder) program(p elf.ProgHeader) {
	e.u32(uint32(p.Type))
	if e.pointer == 8 {
		e.u32(uint32(p.Flags))
	}
	for _, v := range []uint64{p.Off, p.Vaddr, p.Paddr, p.Filesz, p.Memsz} {
		e.addr(v)
	}
	if e.pointer == 4 {
		e.u32(uint32(p.Flags))
	}
	e.addr(p.Align)
}

// note appends a note, padded to 4 bytes as binutils expects it.
func (e *encoder) note(owner string, typ uint32, desc []byte) {
	e.u32(uint32(len(owner) + 1))
	e.u32(uint32(len(desc)))
	e.u32(typ)
	e.bytes([]byte(owner), align4(len(owner)+1))
	e.bytes(desc, align4(len(desc)))
}

func align4(n int) int { return (n + 3) &^ 3 }
