package elfcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// image builds a core file byte for byte: ELF header, program headers as given,
// then what is appended.
type image struct {
	encoder
	class   elf.Class
	machine elf.Machine
	osabi   elf.OSABI
	loads   []elf.ProgHeader
	shoff   uint64
	count   int // e_phnum, 0: len(loads)
}

func newImage(a *arch.Arch, order binary.ByteOrder) *image {
	return &image{encoder: encoder{order: order, pointer: a.PtrSize()}, class: a.Class, machine: a.Machine}
}

// headers is the size of what precedes the contents.
func (m *image) headers() uint64 {
	sizes := sizesOf(m.class)
	return uint64(sizes.header + len(m.loads)*sizes.program)
}

func (m *image) file(contents []byte) []byte {
	sizes := sizesOf(m.class)
	data := elf.ELFDATA2LSB
	if m.order == binary.BigEndian {
		data = elf.ELFDATA2MSB
	}
	m.out = append([]byte(elf.ELFMAG), byte(m.class), byte(data), 1, byte(m.osabi), 0, 0, 0, 0, 0, 0, 0, 0)
	m.u16(uint16(elf.ET_CORE))
	m.u16(uint16(m.machine))
	m.u32(1)
	m.addr(0)
	m.addr(uint64(sizes.header))
	m.addr(m.shoff)
	m.u32(0)
	m.u16(uint16(sizes.header))
	m.u16(uint16(sizes.program))
	count := m.count
	if count == 0 {
		count = len(m.loads)
	}
	m.u16(uint16(count))
	m.u16(uint16(sizes.section))
	m.u16(0)
	m.u16(0)
	for _, p := range m.loads {
		m.program(p)
	}
	return append(m.out, contents...)
}

func openBytes(b []byte) (*File, error) { return Open(bytes.NewReader(b), int64(len(b))) }

// section is section header 0 with a number of segments.
func (m *image) section(count uint32) []byte {
	e := encoder{order: m.order, pointer: m.pointer}
	e.u32(0)
	e.u32(0)
	for range 4 {
		e.addr(0)
	}
	e.u32(0)
	e.u32(count)
	e.addr(0)
	e.addr(0)
	return e.out
}

// many is a core of count segments of 16 bytes each, as Linux writes it: the
// section header with the count is the last thing in the file.
func many(count int) []byte {
	m := newImage(arch.AMD64, binary.LittleEndian)
	m.loads = make([]elf.ProgHeader, count)
	e := encoder{order: m.order, pointer: m.pointer}
	e.note("CORE", notes.AuxV, make([]byte, 16))
	at := m.headers()
	m.loads[0] = elf.ProgHeader{Type: elf.PT_NOTE, Off: at, Filesz: uint64(len(e.out)), Align: 4}
	at += uint64(len(e.out))
	contents := e.out
	for i := 1; i < count; i++ {
		m.loads[i] = elf.ProgHeader{Type: elf.PT_LOAD, Flags: 6, Off: at, Vaddr: uint64(i) << 13, Filesz: 16, Memsz: 4096, Align: 4096}
		contents = fmt.Appendf(contents, "page %10d.", i)
		at += 16
	}
	m.count, m.shoff = manyHeaders, at
	return m.file(append(contents, m.section(uint32(count))...))
}

// TestManySegmentsRead: 70,000 segments are 70,000, and the last one is there.
func TestManySegmentsRead(t *testing.T) {
	const count = 70_000
	f, err := openBytes(many(count))
	if err != nil || len(f.Segments) != count || len(f.Diagnostics) != 0 {
		t.Fatal(err, f.Diagnostics)
	}
	c, err := f.Core(context.Background())
	if err != nil || c.Memory.Len() != count-1 {
		t.Fatal(err)
	}
	p := make([]byte, 16)
	if _, err := c.Memory.Read(p, (count-1)<<13); string(p) != "page      69999." || err != nil {
		t.Errorf("%q %v", p, err)
	}
}

// TestManySegmentsCut: the section header is lost with the end of the file.
func TestManySegmentsCut(t *testing.T) {
	b := many(70_000)
	b = b[:len(b)-64-40]
	f, err := openBytes(b)
	if err != nil || len(f.Segments) != 70_000 || len(f.Diagnostics) != 2 || f.Diagnostics[0].Code != "core.segments" || f.Diagnostics[1].Code != "core.truncated" {
		t.Fatal(err, f)
	}
	p := make([]byte, 16)
	c, err := f.Core(context.Background())
	if err != nil || !c.Damaged() {
		t.Fatal(err)
	}
	if _, err := c.Memory.Read(p, 69_996<<13); string(p) != "page      69996." || err != nil {
		t.Errorf("%q %v", p, err)
	}
	if _, err := c.Memory.Read(p, 69_997<<13); err == nil {
		t.Error("bytes that were cut off")
	}
	// In the headers nothing is left that tells the number.
	if _, err := openBytes(b[:1000]); err == nil || !strings.Contains(err.Error(), "the file ends at 0x3e8") {
		t.Error(err)
	}
}

// hostile is a file that is odd or malicious, with what the errors say that
// open it and read its process; empty for none.
type hostile struct {
	name, open, core string
	file             []byte
}

// hostileFiles are the table of others.md 10 and its kin. BlueOS's of 64 bits
// are in TestBlueOS, 70,000 segments in TestManySegmentsRead.
func hostileFiles() []hostile {
	header := func(change func(*image)) []byte {
		m := newImage(arch.AMD64, binary.LittleEndian)
		change(m)
		return m.file(nil)
	}
	note := func(size uint64, raw ...uint32) []byte {
		m := newImage(arch.AMD64, binary.LittleEndian)
		m.loads = make([]elf.ProgHeader, 1)
		m.loads[0] = elf.ProgHeader{Type: elf.PT_NOTE, Off: m.headers(), Filesz: size, Align: 4}
		e := encoder{order: m.order}
		for _, v := range raw {
			e.u32(v)
		}
		return m.file(append(e.out, "CORE\x00\x00\x00\x00"...))
	}
	// BlueOS has the headers of 32-bit cores in the order of 64-bit ones.
	disordered := func() []byte {
		m := newImage(arch.CortexM, binary.LittleEndian)
		n := encoder{order: m.order, pointer: 4}
		n.note("CORE", notes.PRStatus, make([]byte, 1100))
		m.loads = make([]elf.ProgHeader, 2)
		m.loads[0] = elf.ProgHeader{Type: elf.PT_NOTE, Off: m.headers(), Filesz: uint64(len(n.out)), Align: 4}
		m.loads[1] = elf.ProgHeader{Type: elf.PT_LOAD, Flags: 6, Off: m.headers() + uint64(len(n.out)), Vaddr: 0x20000000, Paddr: 0x20000000, Filesz: 16, Memsz: 16, Align: 4}
		b := m.file(append(n.out, "of a thread's RAM"[:16]...))
		for i := range m.loads {
			const flags, behind, size = 24, 28, 32
			h := b[52+i*size:][:size]
			f := [4]byte(h[flags:behind])
			copy(h[8:behind], h[4:flags])
			copy(h[4:], f[:])
		}
		return b
	}()
	return []hostile{
		{"no segment", "", "", header(func(*image) {})},
		{"BlueOS, 32 bits", "", "", disordered},
		{"e_phnum 0xffff in 64 bytes", "offset 0x40: 65535 program headers run over the end of the file at 0x40", "",
			header(func(m *image) { m.count = 0xffff })},
		{"count behind the end", "offset 0x40: 64 bytes wanted, the file ends at 0x40", "",
			header(func(m *image) { m.count, m.shoff = 0xffff, 1<<40 })},
		{"count of 4 G", "4294967295 program headers, the limit is 1048576", "",
			func() []byte {
				m := newImage(arch.AMD64, binary.LittleEndian)
				m.count, m.shoff = 0xffff, 64
				return m.file(m.section(1<<32 - 1))
			}()},
		{"PT_NOTE of 2^62 bytes", "", "note name of 4294967280 bytes in a segment with 8 left", note(1<<62, 0xfffffff0, 4, 1)},
		{"descriptor of 4 GiB", "", "note descriptor of 4294967295 bytes in a segment with 0 left", note(20, 5, 0xffffffff, 1)},
		{"PT_NOTE behind the end", "", "note segment cut off", header(func(m *image) {
			m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: 1 << 63, Filesz: 1 << 63}}
		})},
		{"PT_LOAD of 2^64-1 bytes", "", "", header(func(m *image) {
			m.loads = []elf.ProgHeader{{Type: elf.PT_LOAD, Vaddr: 1 << 63, Filesz: 1<<64 - 1, Memsz: 1<<64 - 1}}
		})},
		{"no PT_NOTE", "", "", header(func(m *image) {
			m.loads = []elf.ProgHeader{{Type: elf.PT_LOAD, Vaddr: 0x1000, Filesz: 8}}
		})},
		{"unknown machine", "", "offset 0x12: the registers of EM_MIPS, ELFCLASS64, in a core of linux are not known; known are i386, x86-64,",
			header(func(m *image) { m.machine = elf.EM_MIPS })},
		{"unknown system", "", "offset 0x7: a core of OS ABI ELFOSABI_SOLARIS, EM_X86_64, ELFCLASS64; known are those of Linux and FreeBSD",
			header(func(m *image) { m.osabi = elf.ELFOSABI_SOLARIS })},
		{"RISC-V with 16-bit words", "unknown class 7", "", header(func(m *image) { m.class = 7 })},
	}
}

// TestHostile: the right answer or a clear error, with little memory.
func TestHostile(t *testing.T) {
	for _, x := range hostileFiles() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := openBytes(x.file)
		check := func(err error, want string) {
			var format *notes.FormatError
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &format)) {
				t.Errorf("%s: want %q, got %v", x.name, want, err)
			}
		}
		check(err, x.open)
		if err == nil {
			c, err := f.Core(context.Background())
			var lost error
			for _, lost = range f.Notes() {
				if lost != nil {
					break
				}
			}
			if lost != nil && err == nil {
				// Damage among the notes is told, the rest is read.
				check(lost, x.core)
				if !c.Damaged() {
					t.Errorf("%s: no loss reported", x.name)
				}
			} else {
				check(err, x.core)
			}
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes allocated", x.name, used)
		}
	}
}

// TestBlueOS: descriptors of another size are no threads, and no registers.
func TestBlueOS(t *testing.T) {
	for _, a := range []*arch.Arch{arch.AArch64, arch.CortexM} {
		m := newImage(a, binary.LittleEndian)
		e := encoder{order: m.order, pointer: m.pointer}
		e.note("CORE", notes.PRStatus, make([]byte, 1100))
		m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: sizesOf64(a), Filesz: uint64(len(e.out)), Align: 4}}
		f, err := openBytes(m.file(e.out))
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Core(context.Background())
		if err != nil || c.Format != FormatELF || len(c.Threads) != 0 || !c.Damaged() {
			t.Error(a.Name, c, err)
		}
	}
}

// TestBlueOSDisordered: without BlueOS's own reader, which goes first, headers
// in that order say that the file ends before its memory does, and where.
func TestBlueOSDisordered(t *testing.T) {
	for _, x := range hostileFiles() {
		if x.name != "BlueOS, 32 bits" {
			continue
		}
		f, err := openBytes(x.file)
		if err != nil || len(f.Diagnostics) != 1 || f.Diagnostics[0].Code != "core.truncated" || f.Diagnostics[0].At.Off != int64(len(x.file)) {
			t.Error(err, f)
		}
	}
}

func sizesOf64(a *arch.Arch) uint64 {
	s := sizesOf(a.Class)
	return uint64(s.header + s.program)
}

// fullFiles are files of 1 MiB, each full of what costs a reader memory or time.
func fullFiles() []hostile {
	const size = 1 << 20
	fill := func(each func(m *image, e *encoder)) []byte {
		m := newImage(arch.AMD64, binary.LittleEndian)
		e := &encoder{order: m.order, pointer: m.pointer}
		for len(e.out) < size-5000 {
			each(m, e)
		}
		m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: 64 + 56, Filesz: uint64(len(e.out)), Align: 4}}
		return m.file(e.out)
	}
	status := make([]byte, 336)
	floats := make([]byte, 512)
	le := binary.LittleEndian
	// one is a core with one note, of an owner that other systems have too.
	one := func(owner string, typ uint32, desc []byte) []byte {
		n := encoder{order: le, pointer: 8}
		n.note(owner, typ, desc)
		m := newImage(arch.AMD64, le)
		if owner == "FreeBSD" {
			m.osabi = elf.ELFOSABI_FREEBSD
		}
		m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: 64 + 56, Filesz: uint64(len(n.out)), Align: 4}}
		return m.file(n.out)
	}
	// records is a list behind the size that its records begin with.
	records := func(record, spare int) []byte {
		b := le.AppendUint32(nil, uint32(record))
		for len(b) < size-record {
			b = append(le.AppendUint32(b, uint32(record)), bytes.Repeat([]byte{1}, record-4-spare)...)
			b = append(b, make([]byte, spare)...)
		}
		return b
	}
	files := func(count int, names []byte) []byte {
		e := encoder{order: le, pointer: 8}
		e.addr(uint64(count))
		e.addr(1)
		for range 3 * count {
			e.addr(0)
		}
		return one("CORE", notes.File, append(e.out, names...))
	}
	text := func(before, repeated, behind string) []byte {
		return []byte(before + strings.Repeat(repeated, (size-len(before)-len(behind))/len(repeated)) + behind)
	}
	// covered has segments over the whole file, and sections with a name of a
	// thousand bytes in each of them.
	covered := func(kind elf.ProgType, segments, sections int) []byte {
		m := newImage(arch.AMD64, le)
		for range segments {
			m.loads = append(m.loads, elf.ProgHeader{Type: kind, Filesz: size, Memsz: size, Align: 4})
		}
		at := m.headers()
		name := bytes.Repeat([]byte{1}, 1000)
		e := encoder{order: le, pointer: 8}
		for i := range sections {
			e.u32(0)
			e.u32(uint32(elf.SHT_PROGBITS))
			e.addr(uint64(elf.SHF_ALLOC))
			e.addr(0)
			e.addr(at)
			e.addr(8)
			e.u32(0)
			e.u32(0)
			e.addr(1)
			e.addr(0)
			if i == 0 {
				le.PutUint32(e.out[4:], uint32(elf.SHT_STRTAB))
				le.PutUint64(e.out[32:], uint64(len(name)+1))
			}
		}
		if sections > 0 {
			m.shoff = at + uint64(len(name)) + 1
		}
		b := m.file(append(append(name, 0), e.out...))
		le.PutUint16(b[60:], uint16(sections))
		b = append(b, make([]byte, max(0, size-len(b)))...)
		return b[:size]
	}
	loads := func(addr func(i int) uint64) []byte {
		m := newImage(arch.AMD64, binary.LittleEndian)
		for i := range size / 56 {
			m.loads = append(m.loads, elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: addr(i), Filesz: size})
		}
		return m.file(nil)
	}
	return []hostile{
		{name: "empty notes", file: fill(func(_ *image, e *encoder) { e.note("", 0, nil) })},
		{name: "threads", file: fill(func(_ *image, e *encoder) { e.note("CORE", notes.PRStatus, status) })},
		{name: "threads with floats", file: fill(func(_ *image, e *encoder) {
			e.note("CORE", notes.PRStatus, status)
			e.note("CORE", notes.FPRegSet, floats)
		})},
		{name: "mapped files", file: files(size/26, make([]byte, size/26))},
		{name: "mapped file of a long name", file: files(1, text("", "\x01", "\x00"))},
		{name: "mapped files that have no name", file: files(size/24, nil)},
		{name: "owner of a long name", file: one(string(text("", "\x01", "")), 1, nil)},
		{name: "auxiliary vector", file: one("CORE", notes.AuxV, text("", "\x01", ""))},
		{name: "FreeBSD's mappings", file: one("FreeBSD", 10, records(140, 1))},
		{name: "FreeBSD's files", file: one("FreeBSD", 9, records(372, 1))},
		{name: "FreeBSD's processes", file: one("FreeBSD", 8, records(1088, 0))},
		{name: "FreeBSD's auxiliary vector", file: one("FreeBSD", 16, text("", "\x01", ""))},
		{name: "FreeBSD's groups", file: one("FreeBSD", 11, text("", "\x01", ""))},
		{name: "target description, deep", file: one("GDB", 0xff000000, text("", "<target>", ""))},
		{name: "target description, long", file: one("GDB", 0xff000000, text("<target><feature name='x'>", "<reg name='a' bitsize='8'/>", "</feature></target>"))},
		{name: "properties", file: fill(func(_ *image, e *encoder) { e.note("GNU", 5, bytes.Repeat([]byte{2, 0, 0, 0xc0, 0, 0, 0, 0}, 500)) })},
		{name: "evidence, deep", file: one(ownOwner, notes.Evidence, text("", "[", ""))},
		{name: "evidence, long", file: one(ownOwner, notes.Evidence, text("{\"diagnostics\":[", `{"found":"12345"},`, "{}]}"))},
		{name: "evidence of many a register", file: one(ownOwner, notes.Evidence, text("", "\x01\x02", ""))},
		{name: "note segments over each other", file: covered(elf.PT_NOTE, size/57, 0)},
		{name: "interpreters", file: covered(elf.PT_INTERP, size/57, 0)},
		{name: "segments with sections", file: covered(elf.PT_LOAD, size/120, size/130)},
		{name: "sections of long names", file: covered(elf.PT_LOAD, 1, size/65)},
		{name: "segments", file: loads(func(i int) uint64 { return uint64(i) << 24 })},
		{name: "segments backwards", file: loads(func(i int) uint64 { return uint64(1<<30-i) << 24 })},
		{name: "segments that overlap", file: loads(func(i int) uint64 { return uint64(i * 16) })},
		{name: "segments at one address", file: loads(func(int) uint64 { return 0x1000 })},
	}
}

// TestMemoryBound: no file of 1 MiB takes 64 MiB, whatever fills it.
func TestMemoryBound(t *testing.T) {
	for _, x := range fullFiles() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := openBytes(x.file)
		if err != nil {
			t.Fatal(x.name, err)
		}
		c, err := f.Core(context.Background())
		if err != nil {
			c = new(Core)
		}
		maps, _ := f.Mappings()
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if used > 64<<20 {
			t.Errorf("%s: %d MiB for a file of 1 MiB", x.name, used>>20)
		}
		t.Logf("%s: %d KiB, %d threads, %d regions, %d files (%v)", x.name, used>>10, len(c.Threads), c.Memory.Len(), len(maps), err)
	}
}

// TestSparse reads the end of a file of 300 GiB, of which little is there.
func TestSparse(t *testing.T) {
	const far = 300 << 30
	m := newImage(arch.AMD64, binary.LittleEndian)
	e := encoder{order: m.order, pointer: m.pointer}
	e.note("CORE", notes.PRStatus, make([]byte, 336))
	e.note("CORE", notes.AuxV, make([]byte, 16))
	m.loads = []elf.ProgHeader{
		{Type: elf.PT_NOTE, Off: 64 + 3*56, Filesz: uint64(len(e.out)), Align: 4},
		{Type: elf.PT_LOAD, Off: 1 << 20, Vaddr: 0x10000000, Filesz: far - 1<<20},
		{Type: elf.PT_LOAD, Off: far, Vaddr: 1 << 45, Filesz: 5},
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "sparse.core"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(m.file(e.out)); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("there"), far); err != nil {
		t.Skip("no sparse files here: ", err)
	}
	f, err := Open(file, far+5)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Core(context.Background())
	if err != nil || c.Format != FormatLinux || len(c.Threads) != 1 {
		t.Fatal(err)
	}
	p := make([]byte, 5)
	if _, err := c.Memory.Read(p, 1<<45); string(p) != "there" || err != nil {
		t.Errorf("%q %v", p, err)
	}
}

// TestEndlessNotes: a note segment of 300 GiB of zeros is given up.
func TestEndlessNotes(t *testing.T) {
	m := newImage(arch.AMD64, binary.LittleEndian)
	m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: 4096, Filesz: 300 << 30, Align: 4}}
	head := m.file(nil)
	f, err := Open(zerosBehind{head}, 301<<30)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range f.Notes() {
		n++
	}
	if n != maxNotes+1 || err == nil || !strings.Contains(err.Error(), "more than 1048576 notes") {
		t.Error(n, err)
	}
}

type zerosBehind struct{ head []byte }

func (z zerosBehind) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(z.head)) {
		copy(p, z.head[off:])
	}
	return len(p), nil
}

// TestNoteAlignment reads the same notes under every p_align.
func TestNoteAlignment(t *testing.T) {
	for _, align := range []uint64{0, 1, 2, 4, 8, 16, 4096} {
		m := newImage(arch.AMD64, binary.LittleEndian)
		pad := 4
		if align == 8 {
			pad = 8
		}
		var contents []byte
		for i := range 3 {
			e := encoder{order: m.order, pointer: 8}
			e.u32(5)
			e.u32(uint32(i + 1))
			e.u32(uint32(100 + i))
			e.bytes([]byte("CORE"), 5)
			e.bytes(nil, -len(e.out)&(pad-1))
			e.bytes([]byte("abc"), i+1)
			e.bytes(nil, -len(e.out)&(pad-1))
			contents = append(contents, e.out...)
		}
		m.loads = make([]elf.ProgHeader, 2) // two note segments: the first note, the others
		first := uint64((12 + 5 + pad - 1) &^ (pad - 1))
		first += uint64(pad)
		m.loads[0] = elf.ProgHeader{Type: elf.PT_NOTE, Off: m.headers(), Filesz: first, Align: align}
		m.loads[1] = elf.ProgHeader{Type: elf.PT_NOTE, Off: m.headers() + first, Filesz: uint64(len(contents)) - first, Align: align}
		f, err := openBytes(m.file(contents))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for n, err := range f.Notes() {
			if err != nil {
				t.Fatal(align, err)
			}
			desc, _ := n.Read(10)
			got = append(got, fmt.Sprintf("%s/%d/%s", n.Owner, n.Type, desc))
		}
		if s := strings.Join(got, " "); s != "CORE/100/a CORE/101/ab CORE/102/abc" {
			t.Errorf("align %d: %s", align, s)
		}
	}
}

// TestLayered compares with the rule spelled out byte by byte.
func TestLayered(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		const space = 48
		var regions []Region
		want := make([]byte, space)
		overlap := false
		for i := range r.IntN(7) {
			at := r.IntN(space - 1)
			size := 1 + r.IntN(space-at)
			data := bytes.Repeat([]byte{byte(i + 1)}, size)
			base := Addr(at)
			if i%2 == 0 {
				base -= space // the other end of the address space
				if r.IntN(2) == 0 {
					at, base = space-size, -Addr(size)
				}
			}
			regions = append(regions, NewRegion(base, data, 0, Known, 0))
			for k := range size {
				if i%2 != 0 {
					overlap = overlap || want[at+k] != 0
					if want[at+k] == 0 {
						want[at+k] = byte(i + 1)
					}
				}
			}
		}
		out, both := Layered(regions)
		if overlap && both.Size == 0 {
			t.Fatal("overlap not told")
		}
		m := Memory{out}
		for k := range space {
			p := make([]byte, 1)
			_, err := m.Read(p, Addr(k))
			if (err == nil) != (want[k] != 0) || p[0] != want[k] {
				t.Fatalf("%d: %d, want %d (%v)\n%v", k, p[0], want[k], err, regions)
			}
		}
		for i := 1; i < len(out); i++ {
			if out[i].Addr <= out[i-1].last() {
				t.Fatalf("%v after %v", out[i].Range, out[i-1].Range)
			}
		}
	}
}

// TestTruncatedProcess cuts a core everywhere: what is read is told rightly,
// and where memory is missing there is a diagnostic.
func TestTruncatedProcess(t *testing.T) {
	whole := processCore(t, arch.AMD64)
	for cut := 0; cut < len(whole); cut += 7 {
		f, err := openBytes(whole[:cut])
		if err != nil {
			continue
		}
		c, err := f.Core(context.Background())
		if err != nil {
			t.Errorf("cut at %d: %v", cut, err)
			continue
		}
		if !c.Damaged() {
			t.Errorf("cut at %d: no loss", cut)
		}
		p := make([]byte, 23)
		if _, err := c.Memory.Read(p, 0x20000000); (err == nil) != (string(p) == "the memory of the crash") {
			t.Errorf("cut at %d: %q %v", cut, p, err)
		}
	}
}
