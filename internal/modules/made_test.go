package modules

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"corelift/elfcore"
)

// core is a core file of x-86-64 Linux in the making.
type core struct {
	files  []elfcore.Mapping // of NT_FILE; offsets are whole pages
	memory map[uint64][]byte // dumped, by address
	absent []elf.ProgHeader  // further segments
	vector []uint64          // type, value, ...
}

// bytes is the file, put together by the gABI and what Linux writes.
func (c *core) bytes() []byte {
	le := binary.LittleEndian
	words := func(w ...uint64) (b []byte) {
		for _, x := range w {
			b = le.AppendUint64(b, x)
		}
		return b
	}
	note := func(typ uint32, desc []byte) []byte {
		b := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 5), uint32(len(desc))), typ)
		b = append(b, "CORE\x00\x00\x00\x00"...)
		b = append(b, desc...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	list, names := words(uint64(len(c.files)), 0x1000), []byte(nil)
	for _, m := range c.files {
		list = append(list, words(uint64(m.Addr), uint64(m.Addr)+m.Size, m.Off/0x1000)...)
		names = append(append(names, m.File...), 0)
	}
	notes := append(note(6, words(append(slices.Clone(c.vector), 0, 0)...)), note(0x46494c45, append(list, names...))...)
	headers := []elf.ProgHeader{{Type: elf.PT_NOTE, Filesz: uint64(len(notes)), Align: 4}}
	contents := notes
	for _, at := range slices.Sorted(maps.Keys(c.memory)) {
		b := c.memory[at]
		headers = append(headers, elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_R, Off: uint64(len(contents)), Vaddr: at, Filesz: uint64(len(b)), Memsz: uint64(len(b)), Align: 1})
		contents = append(contents, b...)
	}
	headers = append(headers, c.absent...)
	start := uint64(64 + 56*len(headers))
	for i := range headers {
		headers[i].Off += start
	}
	return slices.Concat(elfHeader(elf.ET_CORE, headers), contents)
}

// elfHeader is an ELF header of x86-64 and its program headers.
func elfHeader(typ elf.Type, segments []elf.ProgHeader) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(typ), Machine: uint16(elf.EM_X86_64), Version: 1,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments)),
	})
	for _, s := range segments {
		binary.Write(&b, binary.LittleEndian, elf.Prog64{
			Type: uint32(s.Type), Flags: uint32(s.Flags), Off: s.Off, Vaddr: s.Vaddr, Paddr: s.Paddr, Filesz: s.Filesz, Memsz: s.Memsz, Align: s.Align,
		})
	}
	return b.Bytes()
}

// program is a shared object of size bytes of memory, with a build-id unless it
// is nil.
func program(size uint64, id []byte) []byte {
	segments := []elf.ProgHeader{{Type: elf.PT_LOAD, Flags: elf.PF_R, Filesz: size, Memsz: size, Align: 0x1000}}
	if id == nil {
		return elfHeader(elf.ET_DYN, segments)
	}
	at := uint64(64 + 2*56)
	n := slices.Concat([]byte{4, 0, 0, 0, byte(len(id)), 0, 0, 0, 3, 0, 0, 0}, []byte("GNU\x00"), id, make([]byte, -len(id)&3))
	segments = append(segments, elf.ProgHeader{Type: elf.PT_NOTE, Off: at, Vaddr: at, Filesz: uint64(len(n)), Memsz: uint64(len(n)), Align: 4})
	return append(elfHeader(elf.ET_DYN, segments), n...)
}

// made lists the modules of a core in the making.
func made(t testing.TB, c core, s Search) *Process {
	t.Helper()
	b := c.bytes()
	f, err := elfcore.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	x.Format = elfcore.FormatLinux // which it is told by threads
	p, err := Of(f, x, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
