package readelf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
)

// everything are options that ask for all there is.
var everything = Options{Header: true, Segments: true, Sections: true, Notes: true, Decode: true, Maps: true, Absent: true, Contents: true}

func described(t *testing.T, core []byte, o Options) *Document {
	t.Helper()
	f, err := elfcore.Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Describe(f, "core", o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFacts checks that the document has what stands in the file.
func TestFacts(t *testing.T) {
	i := image{class: elf.ELFCLASS64, order: binary.BigEndian, osabi: 3, body: []byte("\x00load\x00hello\x00world")}
	i.header = elf.Header64{Machine: uint16(elf.EM_RISCV), Flags: 5, Entry: 0x1234, Shstrndx: 2}
	i.segments = []elf.Prog64{{Type: 1, Flags: 0x80000005, Off: 64 + 56, Vaddr: 0x8000, Paddr: 0x9000, Filesz: 6, Memsz: 16, Align: 4096}}
	i.sections = []elf.Section64{{}, {Name: 1, Type: 1, Flags: 2 | 1<<40, Addr: 0x8000, Off: i.bodyAt(), Size: 6, Link: 3, Info: 4, Addralign: 8, Entsize: 2},
		{Name: 900, Type: 3, Off: i.bodyAt(), Size: 17}}
	o := everything
	o.Notes, o.Maps, o.Hex, o.Strings = false, false, []string{"load"}, []string{"2"}
	got, err := json.Marshal(described(t, i.bytes(), o))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":"corelift.readelf/1","file":"core",` +
		`"header":{"ident":"7f454c46020201030000000000000000","bits":64,"big_endian":true,"os_abi":{"number":3,"name":"UNIX - GNU"},"abi_version":0,"type":"CORE",` +
		`"machine":{"number":243,"name":"RISC-V"},"version":1,"entry":"0x00001234","flags":"0x00000005","flag_names":["RVC","double-float ABI"],"size":64,` +
		`"segments":{"offset":64,"entry_size":56,"count":1},"sections":{"offset":137,"entry_size":64,"count":3},"section_names":2},` +
		`"sections":[{"number":0,"name":"","type":"NULL","type_number":0,"flags":"0x00000000","addr":"0x00000000","offset":0,"size":0,"entry_size":0,"link":0,"info":0,"align":0},` +
		`{"number":1,"name":"load","type":"PROGBITS","type_number":1,"flags":"0x10000000002","flag_letters":"Ax","addr":"0x00008000","offset":120,"size":6,"entry_size":2,"link":3,"info":4,"align":8},` +
		`{"number":2,"type":"STRTAB","type_number":3,"flags":"0x00000000","addr":"0x00000000","offset":120,"size":17,"entry_size":0,"link":0,"info":0,"align":0}],` +
		`"segments":[{"number":0,"type":"LOAD","type_number":1,"offset":120,"addr":"0x00008000","physical":"0x00009000","file_size":6,"mem_size":16,"access":"rx","flags":2147483653,"align":4096,"sections":[1]}],` +
		`"dumps":[{"kind":"hex","of":"section","number":1,"name":"load","addr":"0x00008000","offset":120,"size":6,"data":"006c6f616400"},` +
		`{"kind":"strings","of":"section","number":2,"addr":"0x00000000","offset":120,"size":17,"strings":[{"offset":1,"text":"load"},{"offset":6,"text":"hello"},{"offset":12,"text":"world"}]}],` +
		`"damaged":false}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSegmentDump: in a file without sections numbers are those of segments.
func TestSegmentDump(t *testing.T) {
	i := image{class: elf.ELFCLASS32, order: binary.LittleEndian, body: []byte("some text\x7f\xe2\x82\xac\xff\x00")}
	i.segments = []elf.Prog64{{Type: 4}, {Type: 1, Off: 52 + 2*32, Vaddr: 0x20000000, Filesz: 100}}
	core := i.bytes()
	got, err := text(core, Options{Hex: []string{"1"}, Strings: []string{"1", "0"}})
	const want = `Segment 0 has no data to dump.

Hex dump of segment 1:
  0x20000000 736f6d65 20746578 747fe282 acff00   some text......


String dump of segment 1:
  [     0]  some text^?` + "€" + `\xff

`
	if got != want || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
	if d := described(t, core, Options{Hex: []string{"1"}}); !d.Damaged || len(d.Diagnostics) != 2 || d.Diagnostics[1].Done != "15 are shown" {
		t.Errorf("%+v", d.Diagnostics)
	}
	for name, want := range map[string]string{
		"2": "there is no segment 2, the last is 1", "load": `there is no section "load": the file has segments only, which have numbers`,
	} {
		_, err := text(core, Options{Hex: []string{name}})
		if !errors.As(err, new(*NoDumpError)) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
}

// failingReader fails from the moment that it has an error.
type failingReader struct {
	io.ReaderAt
	err error
}

func (r *failingReader) ReadAt(p []byte, off int64) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(p, off)
}

// TestPrintUnreadable: a note that can't be read while it is printed is an
// error, not a shorter note.
func TestPrintUnreadable(t *testing.T) {
	const size = 1 << 20
	for _, note := range []struct {
		owner string
		typ   uint32
	}{{"X", 1}, {"GNU", 3}, {"GNU", 99}, {"FDO", 0xcafe1a7e}} {
		i := image{class: elf.ELFCLASS64, order: binary.LittleEndian}
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(note.owner)))
		head = binary.LittleEndian.AppendUint32(head, size)
		head = binary.LittleEndian.AppendUint32(head, note.typ)
		head = append(head, (note.owner + "\x00\x00\x00")[:4]...)
		i.body = append(head, make([]byte, size)...)
		i.segments = []elf.Prog64{{Type: 4, Off: 64 + 56, Filesz: uint64(len(i.body)), Align: 4}}
		core := i.bytes()
		in := &failingReader{ReaderAt: bytes.NewReader(core)}
		f, err := elfcore.Open(in, int64(len(core)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Describe(f, "core", Options{Notes: true})
		if err != nil || len(d.Notes) != 1 || len(d.Notes[0].Notes) != 1 {
			t.Fatalf("%v: %+v", err, d)
		}
		in.err = errors.New("the disk is gone")
		if err := d.Print(io.Discard); !errors.Is(err, in.err) {
			t.Errorf("%s/%#x: %v", note.owner, note.typ, err)
		}
	}
}

// TestMemoryBound: no file of 1 MiB takes 64 MiB, whatever fills it, and what is
// printed of it has a limit too.
func TestMemoryBound(t *testing.T) {
	const size = 1 << 20
	for name, i := range map[string]image{
		"segments": {segments: make([]elf.Prog64, size/56)},
		"sections": {sections: make([]elf.Section64, size/64), header: elf.Header64{Shstrndx: 1}},
		"sections in segments": func() image {
			i := image{segments: make([]elf.Prog64, size/2/56), sections: make([]elf.Section64, size/2/64)}
			for n := range i.segments {
				i.segments[n] = elf.Prog64{Type: 1, Filesz: size, Memsz: size}
			}
			for n := range i.sections {
				i.sections[n] = elf.Section64{Type: 1, Flags: 2, Size: 1}
			}
			return i
		}(),
		"long names": func() image {
			i := image{sections: make([]elf.Section64, size/2/64), body: bytes.Repeat([]byte{'\x01'}, size/2), header: elf.Header64{Shstrndx: 1}}
			for n := range i.sections {
				i.sections[n] = elf.Section64{Name: size/2 - 1024, Off: 64, Size: size / 2}
			}
			return i
		}(),
		"texts": {segments: []elf.Prog64{{Type: 1, Off: 64 + 56, Filesz: size}}, body: bytes.Repeat([]byte("a\x00"), size/2)},
		"lines": {segments: []elf.Prog64{{Type: 1, Off: 64 + 56, Filesz: size}}, body: bytes.Repeat([]byte("\x80"), size)},
	} {
		i.class, i.order = elf.ELFCLASS64, binary.LittleEndian
		core := i.bytes()
		o := everything
		o.Absent, o.Hex, o.Strings = false, []string{"0"}, []string{"0"}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d := described(t, core, o)
		var out counter
		if err := d.Print(&out); err != nil {
			t.Error(err)
		}
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if used > 64<<20 || out > 128<<20 {
			t.Errorf("%s: %d MiB to print %d MiB", name, used>>20, out>>20)
		}
		t.Logf("%s: %d KiB for %d bytes, %d KiB printed", name, used>>10, len(core), out>>10)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// TestMapping compares mapSections, which looks at a few sections for each
// segment, with each compared with each.
func TestMapping(t *testing.T) {
	var i image
	i.class, i.order = elf.ELFCLASS64, binary.LittleEndian
	for n := range uint64(600) {
		i.segments = append(i.segments, elf.Prog64{Type: uint32(n % 5), Off: n * 64, Filesz: n % 7 * 64, Vaddr: n * 4096, Memsz: n % 5 * 4096})
		i.sections = append(i.sections, elf.Section64{Type: uint32(1 + n%3*n%8), Flags: n % 4, Off: n * 61, Size: n % 3 * 16, Addr: n * 4000})
	}
	core := i.bytes()
	d := described(t, core, Options{Segments: true})
	some := 0
	for n := range d.Segments {
		var want []int
		for k := range d.sections {
			if k > 0 && contains(&d.file.Segments[n], &d.sections[k]) {
				want = append(want, k)
			}
		}
		some += len(want)
		if join(want) != join(d.Segments[n].Sections) {
			t.Errorf("segment %d: %v, want %v", n, d.Segments[n].Sections, want)
		}
	}
	if some < 100 {
		t.Error("only", some)
	}
}

func join(list []int) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(strconv.Itoa(n) + " ")
	}
	return b.String()
}

// FuzzDescribe looks for files that make it panic, hang or print without end.
func FuzzDescribe(f *testing.F) {
	for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			i := image{class: class, order: order, body: []byte("\x00load\x00\x05\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00CORE\x00\x00\x00\x00abcd")}
			i.segments = []elf.Prog64{{Type: 4, Off: i.bodyAt() + 32 + 6, Filesz: 24}, {Type: 1, Off: 3, Filesz: 9}}
			f.Add(i.bytes(), "1", true)
			i.sections = []elf.Section64{{Info: 2, Link: 1, Size: 3}, {Name: 1, Type: 1, Off: 1, Size: 99}, {Name: 9, Type: 8, Flags: 2}}
			i.header.Shstrndx = 1
			f.Add(i.bytes(), "load", false)
			i.change = func(h *elf.Header64) { h.Phnum, h.Shnum, h.Shstrndx = 0xffff, 0, 0xffff }
			f.Add(i.bytes(), "load", true)
		}
	}
	f.Fuzz(func(t *testing.T, core []byte, name string, wide bool) {
		file, err := elfcore.Open(bytes.NewReader(core), int64(len(core)))
		if err != nil {
			return
		}
		o := everything
		o.Wide = wide
		for _, names := range [][]string{nil, {name}} {
			o.Hex, o.Strings = names, names
			d, err := Describe(file, "core", o)
			if err != nil {
				continue
			}
			if _, err := json.Marshal(d); err != nil {
				t.Error(err)
			}
			var out counter
			if err := d.Print(&out); err != nil {
				t.Error(err)
			}
			// A section's header of 40 bytes may have a name of 1 KiB, which
			// may stand in each segment.
			if int(out) > 1<<20+len(core)*len(core) {
				t.Errorf("%d bytes printed for %d", out, len(core))
			}
		}
	})
}
