package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

func TestOpen(t *testing.T) {
	for _, want := range []struct {
		file    string
		arch    *arch.Arch
		float   int
		flags   uint32
		buildID bool
		thumb   bool
	}{
		{"cortex-m3-og.elf", arch.CortexM, 0, 0x05000200, false, true},
		{"cortex-m4-o2.elf", arch.CortexM, 64, 0x05000400, true, true},
		{"cortex-m3-clang.elf", arch.CortexM, 0, 0x05000200, false, true},
		{"cortex-a9-os.elf", arch.ARM, 0, 0x05000200, false, false},
		{"rv32-o2.elf", arch.RV32, 0, 0x1, false, false},
		{"rv64-og.elf", arch.RV64, 64, 0x5, false, false},
		{"aarch64-o2.elf", arch.AArch64, 0, 0, true, false},
		{"x86-64-o2.elf", arch.AMD64, 0, 0, true, false},
		{"i386-og.elf", arch.I386, 0, 0, true, false},
	} {
		t.Run(want.file, func(t *testing.T) {
			s := open(t, "testdata/"+want.file)
			m := s.Images()[0]
			if m.Arch != want.arch || s.Arch() != want.arch || m.FloatBits != want.float || m.Flags != want.flags {
				t.Errorf("%s, %d float bits, flags %#x", m.Arch.Name, m.FloatBits, m.Flags)
			}
			if m.Name != want.file || (len(m.BuildID) == 40) != want.buildID || (m.Entry&1 != 0) != want.thumb {
				t.Errorf("name %q, build-id %q, entry %#x", m.Name, m.BuildID, m.Entry)
			}
			if start, ok := s.Symbol("_start"); !ok || uint64(start.Addr) != m.Entry&m.Arch.CodeMask {
				t.Errorf("_start at %v, entry %#x", start, m.Entry)
			}
		})
	}
}

// edited writes a copy of a test ELF that edit has changed.
func edited(t testing.TB, name string, edit func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, edit(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenARMWithoutAttributes(t *testing.T) {
	drop := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("Aaeabi"), []byte("Xaeabi")) }
	if got := open(t, edited(t, "cortex-a9-os.elf", drop)).Arch(); got != arch.ARM {
		t.Error(got.Name)
	}
	if got := open(t, edited(t, "cortex-m3-og.elf", drop)).Arch(); got != arch.CortexM {
		t.Error(got.Name)
	}
}

func TestARMAttributes(t *testing.T) {
	// 'A', length, vendor, Tag_File, length, attributes.
	section := func(attributes string) []byte {
		b := append([]byte("aeabi\x00\x01"), u32(uint32(5+len(attributes)))...)
		b = append(b, attributes...)
		foreign := append(u32(8), "gnu\x00"...)
		return append(append(append([]byte("A"), foreign...), u32(uint32(4+len(b)))...), b...)
	}
	for _, c := range []struct {
		attributes string
		want       armAttributes
	}{
		{"\x06\x0b", armAttributes{present: true, mProfile: true}},               // v6-M
		{"\x06\x0a\x07M", armAttributes{present: true, mProfile: true}},          // v7, profile M
		{"\x06\x0a\x07A\x0a\x03", armAttributes{present: true, fpu: true}},       // v7, profile A, VFPv3
		{"\x05ARM v8\x00\x06\x11", armAttributes{present: true, mProfile: true}}, // a name before
		{"\x20\x01x\x00\x43y\x00\x42\x01\x06\x0a", armAttributes{present: true}}, // strings and numbers beyond 32
		{"\x06", armAttributes{}},
		{"\x05no end", armAttributes{}},
	} {
		if got := parseARMAttributes(section(c.attributes)); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.attributes, got, c.want)
		}
	}
}

func TestOpenSymlink(t *testing.T) {
	target, _ := filepath.Abs("testdata/rv32-o2.elf")
	link := filepath.Join(t.TempDir(), "latest")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if m := open(t, link).Images()[0]; m.Name != "rv32-o2.elf" || m.Path != link {
		t.Error(m.Name, m.Path)
	}
}

func TestOpenRejects(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	typed := func(typ elf.Type) string {
		return edited(t, "rv32-o2.elf", func(b []byte) []byte { b[16] = byte(typ); return b })
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "none.elf"), "no such file"},
		{dir, "a directory"},
		{file("empty", ""), "is empty"},
		{file("gzip", "\x1f\x8b\x08\x00"), "gzip data"},
		{file("hex", ":020000042000DA\n"), "Intel HEX"},
		{file("dump", "ZE\x02\x00"), "a Zephyr core dump"},
		{file("image", "\x00\x40\x00\x20"), "begins 00400020"},
		{file("short", "\x7fELF\x01\x01\x01"), "cut-off"},
		{"testdata/object.o", "an object file"},
		{typed(elf.ET_CORE), "a core dump"},
		{typed(elf.ET_DYN), "shared library"},
		{typed(99), "of type"},
		{edited(t, "rv32-o2.elf", func(b []byte) []byte { return b[:len(b)-400] }), "cut-off"},
		{edited(t, "rv32-o2.elf", func(b []byte) []byte { b[18] = byte(elf.EM_SPARC); return b }), "EM_SPARC"},
	} {
		s, err := Open("testdata/rv64-og.elf", c.path)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened, want %q", c.path, c.want)
		} else if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
	if _, err := Open("testdata/rv64-og.elf", "testdata/rv32-o2.elf"); err == nil || !strings.Contains(err.Error(), "can't run on one CPU") {
		t.Error(err)
	}
	if _, err := Open(); err == nil {
		t.Error("opened nothing")
	}
}

func TestBigEndianIsRefused(t *testing.T) {
	path := edited(t, "rv32-o2.elf", func([]byte) []byte {
		head := elf.Header32{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_XTENSA), Version: 1, Ehsize: 52}
		copy(head.Ident[:], elf.ELFMAG+"\x01\x02\x01")
		var b bytes.Buffer
		binary.Write(&b, binary.BigEndian, head)
		return b.Bytes()
	})
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "big-endian") {
		t.Error(err)
	}
}

func TestSections(t *testing.T) {
	names := func(list []Section) (out []string) {
		for _, s := range list {
			out = append(out, s.Name)
			if (s.Data == nil) != s.NoBits {
				t.Errorf("%s: data %v, no bits %v", s.Name, s.Data, s.NoBits)
			}
		}
		return out
	}
	s := open(t, "testdata/cortex-m3-clang.elf")
	if got := strings.Join(names(s.ReadOnly()), " "); got != ".text .ARM.exidx .rodata" {
		t.Error("read-only:", got)
	}
	if got := strings.Join(names(s.Writable()), " "); got != ".data .bss" {
		t.Error("writable:", got)
	}
	leaf, _ := s.Symbol("leaf")
	initial, ok := s.Symbol("initial")
	if !ok || !s.Executable(leaf.Addr) || s.Executable(initial.Addr) {
		t.Error("executable", leaf, initial)
	}
	nodes, _ := s.Symbol("nodes")
	b := make([]byte, 16)
	if err := s.ReadConst(b, nodes.Addr); err != nil || string(b[4:10]) != "first\x00" {
		t.Errorf("nodes: %q, %v", b, err)
	}
	// Initial data is not what the target has.
	var gap *elfcore.GapError
	if err := s.ReadConst(b, initial.Addr); !errors.As(err, &gap) || gap.Addr != initial.Addr {
		t.Error("initial data:", err)
	}
	// Across adjacent sections, and to the last byte before nothing.
	exidx := s.ReadOnly()[1]
	both := make([]byte, exidx.Size+4)
	if err := s.ReadConst(both, exidx.Addr); err != nil {
		t.Error(err)
	}
	last := s.ReadOnly()[2]
	if err := s.ReadConst(b[:4], last.End()-4); err != nil {
		t.Error(err)
	}
	if err := s.ReadConst(b[:5], last.End()-4); !errors.As(err, &gap) || gap.Addr != last.End() {
		t.Error(err)
	}
}

// TestWithoutSectionHeaders: stripped by sstrip, only segments are left.
func TestWithoutSectionHeaders(t *testing.T) {
	path := edited(t, "cortex-m3-clang.elf", func(b []byte) []byte {
		clear(b[32:36]) // e_shoff
		clear(b[48:52]) // e_shnum, e_shstrndx
		return b
	})
	s := open(t, path)
	if len(s.ReadOnly()) != 2 || len(s.Writable()) != 2 || !s.Executable(0x8000) || s.Executable(0x20000000) {
		t.Errorf("%d read-only, %d writable", len(s.ReadOnly()), len(s.Writable()))
	}
	if bss := s.Writable()[1]; !bss.NoBits || bss.Size == 0 {
		t.Errorf("%+v", bss)
	}
	if _, ok := s.Symbol("leaf"); ok {
		t.Error("a symbol")
	}
	if row, ok := s.Row(0x8000); !ok || !row.Exidx { // the index has a segment of its own
		t.Error("row", ok, row)
	}
}

func TestSymbols(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.elf")
	for _, path := range paths {
		s := open(t, path)
		leaf, ok := s.Symbol("leaf")
		if !ok || leaf.Size == 0 || leaf.Addr&1 != 0 {
			t.Errorf("%s: leaf %v", path, leaf)
		}
		if _, ok := s.Symbol("dead"); ok {
			t.Errorf("%s: dead function", path)
		}
		for _, a := range []elfcore.Addr{leaf.Addr, leaf.End() - 1} {
			if name, start, ok := s.SymbolAt(a); !ok || name != "leaf" || start != leaf.Addr {
				t.Errorf("%s: %v is %q", path, a, name)
			}
			if f, ok := s.Function(a); !ok || f != leaf {
				t.Errorf("%s: %v is in %v", path, a, f)
			}
		}
		initial, _ := s.Symbol("initial")
		if name, _, _ := s.SymbolAt(initial.Addr + 3); name != "initial" || initial.Size != 16 {
			t.Errorf("%s: initial %v %q", path, initial, name)
		}
		if _, ok := s.Function(initial.Addr); ok {
			t.Errorf("%s: data is a function", path)
		}
	}
}

// symbolsOf builds a table by hand.
func symbolsOf(list ...symbol) *symbolTable {
	t := &symbolTable{names: []byte("\x00alpha\x00beta\x00gamma\x00"), all: list, complete: len(list) > 0}
	t.hash = sync.OnceValue(t.hashNames)
	t.byAddr = sync.OnceValue(func() addrIndex {
		return t.sortByAddr([]Section{{Range: elfcore.Range{Addr: 0x1000, Size: 0x100}}})
	})
	return t
}

const alpha, beta, gamma = 1, 7, 12 // offsets of names

func TestSymbolChoice(t *testing.T) {
	r := func(a, size uint64) elfcore.Range { return elfcore.Range{Addr: elfcore.Addr(a), Size: size} }
	s := symbolsOf(
		symbol{r(0x1000, 0x80), alpha, 0, elf.STT_FUNC, 1, false},
		symbol{r(0x1010, 0x10), beta, 2, elf.STT_FUNC, 1, false}, // nested
		symbol{r(0x1080, 0), gamma, 2, elf.STT_FUNC, 1, false},   // no size: to the end of the section
		symbol{r(0x1040, 0x40), beta, 0, elf.STT_OBJECT, 1, false},
		symbol{r(0x1040, 0x40), alpha, 2, elf.STT_OBJECT, 1, false},  // same place: the global one
		symbol{r(0x9000, 0), beta, 2, elf.STT_NOTYPE, 0xfff1, false}, // absolute
	)
	for _, c := range []struct {
		a    elfcore.Addr
		want string
		r    elfcore.Range
	}{
		{0x1000, "alpha", r(0x1000, 0x80)},
		{0x1018, "beta", r(0x1010, 0x10)},
		{0x1020, "alpha", r(0x1000, 0x80)}, // behind the nested one
		{0x1050, "alpha", r(0x1040, 0x40)},
		{0x10ff, "gamma", r(0x1080, 0x80)},
		{0x1100, "", r(0, 0)},
		{0x0fff, "", r(0, 0)},
		{0x9000, "", r(0, 0)},
	} {
		if name, got, _ := s.at(c.a, anySymbol); name != c.want || got != c.r {
			t.Errorf("%v: %s %v, want %s %v", c.a, name, got, c.want, c.r)
		}
	}
	if got, ok := s.named("beta"); !ok || got.Addr != 0x1010 {
		t.Error("global of three: the first,", got)
	}
	for _, name := range []string{"", "bet", "betaa", "zeta"} {
		if r, ok := s.named(name); ok {
			t.Errorf("%q is %v", name, r)
		}
	}
}

func TestField(t *testing.T) {
	// Offsets follow from the C ABIs: pointers and long of 4 or 8 bytes.
	type want struct {
		typ, path string
		off, size [2]int64 // 32-bit, 64-bit
	}
	found := []want{
		{"queue", "", [2]int64{0, 0}, [2]int64{80, 152}},
		{"queue_t", "", [2]int64{0, 0}, [2]int64{80, 152}},
		{"queue", "tail", [2]int64{4, 8}, [2]int64{4, 8}},
		{"queue", "count", [2]int64{8, 16}, [2]int64{4, 4}},
		{"queue", "prio", [2]int64{8, 16}, [2]int64{1, 1}},
		{"queue_t", "lock", [2]int64{9, 17}, [2]int64{1, 1}},
		{"queue", "saved", [2]int64{16, 24}, [2]int64{60, 120}},
		{"queue", "saved[]", [2]int64{16, 24}, [2]int64{20, 40}},
		{"queue", "saved[].regs", [2]int64{20, 32}, [2]int64{16, 32}},
		{"queue", "saved[].regs[]", [2]int64{20, 32}, [2]int64{4, 8}},
		{"queue", "hook", [2]int64{76, 144}, [2]int64{4, 8}},
		{"holder", "queues", [2]int64{4, 8}, [2]int64{24, 48}},
		{"holder", "queues[]", [2]int64{4, 8}, [2]int64{4, 8}},
		{"node", "name", [2]int64{4, 8}, [2]int64{12, 12}},
	}
	missing := []struct{ typ, path string }{
		{"opaque", ""}, {"opaque_t", ""}, {"nothing", "x"}, {"", ""}, {"int", ""},
		{"queue", "ready"}, {"queue", "nothing"}, {"queue", "tail.next"}, {"queue", "tail[]"}, {"queue", "."}, {"queue", "count."}, {"queue", "saved.sp"},
	}
	paths, _ := filepath.Glob("testdata/*.elf")
	for _, path := range paths {
		s := open(t, path)
		w := s.Arch().PtrSize()/4 - 1
		for _, f := range found {
			off, size, ok := s.Field(f.typ, f.path)
			if !ok || off != f.off[w] || size != f.size[w] {
				t.Errorf("%s: %s.%s at %d, %d bytes, %v; want %d, %d", path, f.typ, f.path, off, size, ok, f.off[w], f.size[w])
			}
		}
		for _, f := range missing {
			if off, size, ok := s.Field(f.typ, f.path); ok {
				t.Errorf("%s: %s.%s at %d, %d bytes", path, f.typ, f.path, off, size)
			}
		}
	}
}

// TestFieldInLargeFirmware: a type is found in a unit that is not the first to
// name it, among hundreds.
func TestFieldInLargeFirmware(t *testing.T) {
	path := "../../../shared/corpus/esp/esp32c3/esp32c3.elf"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	s := open(t, path)
	for _, c := range []struct {
		typ, path string
		off, size int64
	}{
		{"tskTaskControlBlock", "pxTopOfStack", 0, 4},
		{"TCB_t", "pcTaskName", 52, 16},
		{"tskTaskControlBlock", "xStateListItem.pvOwner", 16, 4},
	} {
		if off, size, ok := s.Field(c.typ, c.path); !ok || off != c.off || size != c.size {
			t.Errorf("%s.%s: %d %d %v", c.typ, c.path, off, size, ok)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, "testdata/cortex-m4-o2.elf", "testdata/cortex-m3-clang.elf")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			leaf, _ := s.Symbol("leaf")
			s.SymbolAt(leaf.Addr)
			s.Row(leaf.Addr)
			s.Field("queue", "prio")
			s.ReadConst(make([]byte, 4), leaf.Addr)
			s.Match(elfcore.New("test", arch.CortexM, binary.LittleEndian))
		})
	}
	wg.Wait()
}

func TestUsual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]") // meta characters of patterns
	for _, name := range []string{
		"build/zephyr/zephyr.elf", "build/app/zephyr/zephyr.elf", "build/mcuboot/zephyr/zephyr.elf",
		"build/main.elf", ".pio/build/esp32dev/firmware.elf", "src/other.elf", "build/zephyr/zephyr_pre0.elf",
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		os.WriteFile(path, nil, 0o600)
	}
	os.Symlink("main.elf", filepath.Join(dir, "build/again.elf")) // the same file
	os.Mkdir(filepath.Join(dir, "build/directory.elf"), 0o700)
	var got []string
	for _, path := range Usual(dir) {
		rel, _ := filepath.Rel(dir, path)
		got = append(got, rel)
	}
	want := ".pio/build/esp32dev/firmware.elf build/again.elf build/app/zephyr/zephyr.elf build/mcuboot/zephyr/zephyr.elf build/zephyr/zephyr.elf"
	if strings.Join(got, " ") != want {
		t.Error(got)
	}
	if got := Usual(filepath.Join(dir, "none")); got != nil {
		t.Error(got)
	}
}
