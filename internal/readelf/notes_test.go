package readelf_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/internal/fixture"
	"corelift/internal/readelf"
	"corelift/notes"
)

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// made is a core file to build: segments of notes, and of memory.
type made struct {
	bits    int // of the class: 32 or 64
	order   byteOrder
	machine elf.Machine
	align   int
	notes   [][]byte // one segment each
	loads   []elf.ProgHeader
}

var little64 = made{bits: 64, order: binary.LittleEndian, machine: elf.EM_X86_64, align: 4}

func (m made) word(b []byte, v uint64) []byte {
	if m.bits == 64 {
		return m.order.AppendUint64(b, v)
	}
	return m.order.AppendUint32(b, uint32(v))
}

// note builds a note whose owner gets a NUL.
func (m made) note(owner string, typ uint32, desc []byte) []byte {
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&(m.align-1))...) }
	b := m.order.AppendUint32(nil, uint32(len(owner)+1))
	b = m.order.AppendUint32(b, uint32(len(desc)))
	b = m.order.AppendUint32(b, typ)
	return pad(append(pad(append(append(b, owner...), 0)), desc...))
}

// with is the same with notes in one segment.
func (m made) with(list ...[]byte) made {
	m.notes = [][]byte{bytes.Join(list, nil)}
	return m
}

func (m made) build() []byte {
	header, program := 52, 32
	if m.bits == 64 {
		header, program = 64, 56
	}
	count := len(m.notes) + len(m.loads)
	at := header + count*program
	data := byte(elf.ELFDATA2LSB)
	if m.order.Uint16([]byte{0, 1}) == 1 {
		data = byte(elf.ELFDATA2MSB)
	}
	b := append([]byte(elf.ELFMAG), byte(m.bits/32), data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	half := func(v int) { b = m.order.AppendUint16(b, uint16(v)) }
	four := func(v uint32) { b = m.order.AppendUint32(b, v) }
	half(int(elf.ET_CORE))
	half(int(m.machine))
	four(1)
	b = m.word(m.word(m.word(b, 0), uint64(header)), 0)
	four(0)
	for _, v := range []int{header, program, count, 0, 0, 0} {
		half(v)
	}
	segment := func(p elf.ProgHeader) {
		four(uint32(p.Type))
		if m.bits == 64 {
			four(uint32(p.Flags))
		}
		for _, v := range []uint64{p.Off, p.Vaddr, p.Paddr, p.Filesz, p.Memsz} {
			b = m.word(b, v)
		}
		if m.bits == 32 {
			four(uint32(p.Flags))
		}
		b = m.word(b, p.Align)
	}
	for _, n := range m.notes {
		segment(elf.ProgHeader{Type: elf.PT_NOTE, Off: uint64(at), Filesz: uint64(len(n)), Align: uint64(m.align)})
		at += len(n)
	}
	for _, p := range m.loads {
		p.Type, p.Off = elf.PT_LOAD, uint64(at)
		segment(p)
	}
	return append(b, bytes.Join(m.notes, nil)...)
}

// mappedFiles builds NT_FILE: count, page size, three words for each, paths.
func (m made) mappedFiles(words []uint64, paths ...string) (desc []byte) {
	for _, w := range words {
		desc = m.word(desc, w)
	}
	for _, p := range paths {
		desc = append(append(desc, p...), 0)
	}
	return desc
}

func describeBytes(t testing.TB, core []byte, o readelf.Options) *readelf.Document {
	t.Helper()
	f, err := elfcore.Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	o.Tables = corelift.NoteTables()
	d, err := readelf.Describe(f, "core", o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func printed(t testing.TB, d *readelf.Document) string {
	t.Helper()
	var b strings.Builder
	if err := d.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGNUNotes compares the text of notes that no corpus has with GNU readelf:
// every owner and type it knows, descriptors that are odd or damaged.
func TestGNUNotes(t *testing.T) {
	fixture.NeedGNUReadelf(t)
	little32, big32 := little64, little64
	little32.bits, little32.machine = 32, elf.EM_ARM
	big32.bits, big32.order, big32.machine = 32, binary.BigEndian, elf.EM_MIPS
	aligned8 := little64
	aligned8.align = 8
	words := func(v ...uint32) (b []byte) {
		for _, v := range v {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return b
	}
	properties := func(m elf.Machine, align int, list ...[]byte) made {
		c := little64
		if c.machine = m; align == 4 {
			c.bits = 32
		}
		c.align = align
		for _, p := range list {
			c.notes = append(c.notes, c.note("GNU", 5, p))
		}
		return c
	}
	cores := map[string]made{}
	var types []uint32
	for v := range uint32(0x1100) {
		types = append(types, v)
	}
	types = append(types, notes.File, notes.SigInfo, notes.TDesc, notes.Evidence, 0x46e62b7f, 0xcafe1a7e, 0xffffffff)
	for _, owner := range []string{"", "CORE", "LINUX", "FreeBSD", "NetBSD-CORE", "NetBSD-CORE@17", "OpenBSD", "OpenBSD@4", "QNX", "GNU", "GNU2", "GDB", "FDO", "corelift"} {
		for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_SPARCV9, elf.EM_ALPHA, elf.EM_SH} {
			if machine != elf.EM_X86_64 && !strings.HasPrefix(owner, "NetBSD") {
				continue
			}
			m := little64
			m.machine = machine
			var list [][]byte
			for _, typ := range types {
				desc := []byte("123")
				if owner == "CORE" && typ == notes.File || owner == "" && typ&^1 == 0x100 {
					continue // tested below; build attributes
				}
				list = append(list, m.note(owner, typ, desc[:typ%4]))
			}
			cores[fmt.Sprintf("%s on %v", owner, machine)] = m.with(list...)
		}
	}
	for name, m := range map[string]made{"32": little32, "big": big32, "8": aligned8} {
		cores["alignment and order "+name] = m.with(m.note("a", 1, []byte("12345")), m.note("bcd", 7, nil), m.note("CORE", 1, []byte("123456789")), m.note("12345678", 9, []byte("x")))
	}
	cores["names"] = little64.with(little64.note(strings.Repeat("a", 19), 1, nil), little64.note(strings.Repeat("b", 20), 1, nil), little64.note(strings.Repeat("c", 21), 1, nil),
		little64.note(strings.Repeat("d", 200), 1, []byte{1}), little64.note("e\x01\x1f\n", 1, nil), little64.note("f\x00garbage", 1, nil),
		words(0, 4, 1, 0x41), words(4, 0, 1, 0x45524f43), words(3, 4, 9, 0x41414141, 5))
	for name, m := range map[string]made{"little": little32, "big": big32} {
		two := []uint64{2, 4096, 0x10000, 0x20000, 0, 0x20000, 0x21000, 16}
		cores["NT_FILE "+name] = m.with(m.note("CORE", notes.File, m.mappedFiles(two, "/a/b", "/c d")), m.note("COREX", notes.File, m.mappedFiles([]uint64{0, 0x8000})),
			m.note("CORE", notes.File, m.mappedFiles(two, "/a", "")), m.note("CORE", notes.File, m.mappedFiles(two, "", "", "more")), m.note("XCORE", notes.File, m.mappedFiles(two, "/a", "")))
	}
	cores["damaged NT_FILE"] = little32.with(little32.note("CORE", notes.File, little32.mappedFiles([]uint64{2, 4096, 1, 2, 3, 4, 5, 6}, "/only")),
		little32.note("CORE", notes.File, nil), little32.note("CORE", notes.File, []byte("abc")), little32.note("CORE", notes.File, words(1, 1)),
		little32.note("CORE", notes.File, words(0x60000000, 1, 0)), little32.note("CORE", notes.File, words(1, 1, 0, 0, 0)), little32.note("CORE", notes.File, append(words(0, 1), 'x')))
	many := made{bits: 64, order: binary.LittleEndian, machine: elf.EM_X86_64, align: 4}
	many.notes = [][]byte{many.note("CORE", 1, nil), many.note("X", 99, []byte("abc")), {}, many.note("GNU", 3, []byte("abc"))}
	cores["segments"] = many
	cores["no segments"] = made{bits: 64, order: binary.LittleEndian, align: 4}
	cores["GNU"] = little64.with(little64.note("GNU", 1, words(0, 3, 2, 1)), little64.note("GNU", 1, words(3, 3, 2, 1, 9)), little64.note("GNU", 1, words(4, 3, 2, 1)), little64.note("GNU", 1, words(77, 3, 2, 1)),
		little64.note("GNU", 1, words(1)), little64.note("GNU", 2, words(2, 3, 7)), little64.note("GNU", 3, nil), little64.note("GNU", 4, []byte("gold 1.16")), little64.note("GNU", 4, nil),
		little64.note("FDO", 0xcafe1a7e, []byte(`{"type":"deb"}`)), little64.note("GNU", 4, []byte("gold\x00zz")))
	for i, m := range []struct {
		machine elf.Machine
		align   int
	}{{elf.EM_X86_64, 8}, {elf.EM_386, 4}, {elf.EM_AARCH64, 8}, {elf.EM_ARM, 4}, {elf.EM_RISCV, 8}} {
		property := func(typ uint32, data ...byte) []byte {
			b := append(words(typ, uint32(len(data))), data...)
			return append(b, make([]byte, -len(b)&(m.align-1))...)
		}
		var list [][]byte
		for _, typ := range []uint32{2, 3, 0xafffffff, 0xb0000000, 0xb0007fff, 0xb0008000, 0xb0008001, 0xb000ffff, 0xb0010000, 0xc0000002, 0xc0008001, 0xc0008002, 0xc0010001, 0xc0010002, 0xc0020000, 0xdfffffff, 0xe0000000, 0xffffffff} {
			list = append(list, property(typ), property(typ, 0, 0, 0, 0), property(typ, 0xff, 3, 0, 0x80), property(typ, 1, 2, 3), append(property(typ, 1, 0, 0, 0), property(1, 1, 2, 3, 4, 0, 0, 0, 0)...))
		}
		list = append(list, property(1, 0, 0, 1, 0), property(1, 0, 0, 1, 0, 0, 0, 0, 0), property(1, 0, 0, 0, 0, 0, 0, 0, 0), nil, words(1), words(1, 100, 5, 6), words(1, 8, 5, 6, 7))
		cores[fmt.Sprintf("properties %d", i)] = properties(m.machine, m.align, list...)
	}
	// What is behind a damaged note is not shown.
	good := little64.note("CORE", 1, []byte("1234"))
	for name, bad := range map[string][]byte{
		"short header": {1, 2, 3}, "owner too long": words(0xfffffff0, 4, 1, 5), "descriptor too long": words(4, 0xfffffff0, 1, 0x41, 5),
		"both too long": words(0xffffffff, 0xffffffff, 1), "descriptor cut": words(5, 8, 1, 0x45524f43, 0, 1),
	} {
		cores[name] = little64.with(good, bad)
	}
	dir := t.TempDir()
	for name, m := range cores {
		file := filepath.Join(dir, "core")
		core := m.build()
		if err := os.WriteFile(file, core, 0o644); err != nil {
			t.Fatal(err)
		}
		for letters, wide := range map[string]bool{"-n": false, "-nW": true} {
			gnu := tool(t, "readelf", letters, file)
			ours := printed(t, describeBytes(t, core, readelf.Options{Notes: true, Wide: wide}))
			if wide && name == "damaged NT_FILE" || wide && strings.HasPrefix(name, "FDO") || strings.HasPrefix(name, "GNU") {
				gnu, ours = strings.ReplaceAll(gnu, "\n", ""), strings.ReplaceAll(ours, "\n", "") // line breaks that GNU forgets
			}
			if d := differ(gnu, ours); d != "" {
				t.Errorf("%s %s: %s", name, letters, d)
			}
		}
	}
}

// TestNotesApart shows what GNU readelf does not.
func TestNotesApart(t *testing.T) {
	files := little64.note("CORE", notes.File, little64.mappedFiles([]uint64{1, 4096, 0x400000, 0x401000, 2}, "/bin/\x1b[31m\xffé"))
	whole := little64.with(files).build()
	const table = "    Page size: 4096\n" +
		"                 Start                 End         Page Offset\n" +
		"    0x0000000000400000  0x0000000000401000  0x0000000000000002\n" +
		"        /bin/^[[31m\\xffé\n"
	odd := little64.with(files)
	odd.align = 16
	twice := little64.with(little64.note("CORE", 1, nil), files)
	for _, x := range []struct {
		name       string
		core       []byte
		want       string
		diagnostic string
	}{
		{"64-bit NT_FILE, control characters in a path", whole, table, ""},
		{"another alignment", odd.build(), table, ""},
		{"a last note without its padding", little64.with(little64.note("X", 1, []byte("12345"))[:len("12345")+16]).build(), "   description data: 31 32 33 34 35 \n", ""},
		{"a segment that is cut", twice.build()[:len(twice.build())-4], "  CORE                 0x00000000\tNT_PRSTATUS (prstatus structure)\n", "note descriptor of"},
		{"damaged NT_FILE", little64.with(little64.note("CORE", notes.File, make([]byte, 15))).build(), "NT_FILE (mapped files)\n", "too short for its header"},
	} {
		d := describeBytes(t, x.core, readelf.Options{Notes: true})
		if text := printed(t, d); !strings.HasSuffix(text, x.want) {
			t.Errorf("%s: %q", x.name, text)
		}
		if got := fmt.Sprint(d.Diagnostics); !strings.Contains(got, x.diagnostic) || (x.diagnostic == "") != (len(d.Diagnostics) == 0) {
			t.Errorf("%s: %s", x.name, got)
		}
	}
}
