package readelf_test

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
	"corelift/internal/readelf"
	"corelift/notes"
)

// shownMaps is a line of each mapping.
func shownMaps(d *readelf.Document) string {
	var b strings.Builder
	for _, m := range d.Maps {
		fmt.Fprintf(&b, "%x+%x %q %s %d %x %s%s\n", uint64(m.Start), m.Size, m.Perm, m.Held, m.InCore, m.Offset, m.File, m.Kind)
	}
	return b.String()
}

// TestMaps joins segments and mapped files of every kind.
func TestMaps(t *testing.T) {
	load := func(addr, size, have uint64, flags elf.ProgFlag) elf.ProgHeader {
		return elf.ProgHeader{Vaddr: addr, Memsz: size, Filesz: have, Flags: flags}
	}
	const r, w, x = elf.PF_R, elf.PF_W, elf.PF_X
	pad := little64.note("X", 1, make([]byte, 0x4000)) // what the segments lie in
	aux := func(typ, value uint64) []byte {
		return little64.note("CORE", notes.AuxV, little64.mappedFiles([]uint64{typ, value, 0, 0}))
	}
	files := func(words []uint64, paths ...string) []byte {
		return little64.note("CORE", notes.File, little64.mappedFiles(words, paths...))
	}
	for _, c := range []struct {
		name  string
		notes [][]byte
		loads []elf.ProgHeader
		want  string
	}{
		{"nothing", nil, nil, ""},
		{"in the core, in part, not at all", nil, []elf.ProgHeader{load(0x3000, 0x1000, 0, x), load(0x1000, 0x1000, 0x1000, r), load(0x2000, 0x1000, 0x10, r|w)},
			"1000+1000 \"r--\" all 4096 0 \n2000+1000 \"rw-\" part 16 0 \n3000+1000 \"--x\" none 0 0 \n"},
		{"a file over segments, without one, and of a part of one", [][]byte{files([]uint64{3, 0x1000, 0x1000, 0x3000, 1, 0x5000, 0x6000, 7, 0x8000, 0x9000, 2}, "/a", "/b", "/c")},
			[]elf.ProgHeader{load(0x1000, 0x1000, 0x1000, r), load(0x2000, 0x1000, 0, r), load(0x7000, 0x3000, 0x2000, r)},
			"1000+1000 \"r--\" all 4096 1000 /a\n2000+1000 \"r--\" none 0 2000 /a\n5000+1000 \"\" none 0 7000 /b\n" +
				"7000+1000 \"r--\" all 4096 0 \n8000+1000 \"r--\" all 4096 2000 /c\n9000+1000 \"r--\" none 0 0 \n"},
		{"overlaps", [][]byte{files([]uint64{2, 0x1000, 0x1000, 0x3000, 0, 0x2000, 0x4000, 0}, "/a", "/b")},
			[]elf.ProgHeader{load(0x1000, 0x3000, 0x3000, r), load(0x1800, 0x100, 0x100, w), load(0x3800, 0x1000, 0x1000, w)},
			"1000+2000 \"r--\" all 8192 0 /a\n3000+1000 \"r--\" all 4096 1000 /b\n4000+800 \"-w-\" all 2048 0 \n"},
		{"the end of the address space", nil, []elf.ProgHeader{load(0, 0x1000, 0, r), load(0xfffffffffffff000, 0x2000, 0x800, r|w|x)},
			"0+1000 \"r--\" none 0 0 \nfffffffffffff000+1000 \"rwx\" part 2048 0 \n"},
		{"stack", [][]byte{aux(25, 0x1ff0)}, []elf.ProgHeader{load(0x1000, 0x1000, 0x1000, r), load(0x2000, 0x1000, 0x1000, r)},
			"1000+1000 \"r--\" all 4096 0 stack\n2000+1000 \"r--\" all 4096 0 \n"},
		{"vdso", [][]byte{aux(33, 0x2000)}, []elf.ProgHeader{load(0x1000, 0x1000, 0x1000, r), load(0x2000, 0x1000, 0x1000, r)},
			"1000+1000 \"r--\" all 4096 0 \n2000+1000 \"r--\" all 4096 0 vdso\n"},
		{"more in the file than in memory", nil, []elf.ProgHeader{load(0x1000, 0x10, 0x1000, r)}, "1000+10 \"r--\" all 16 0 \n"},
		{"our own core's device against initial values", [][]byte{files([]uint64{1, 1, 0xbad0bad0, 0xbad0bad1, 0}, "/dev/null")}, nil, ""},
	} {
		m := little64.with(append(c.notes, pad)...)
		m.loads = c.loads
		core := m.build()
		d := describeBytes(t, append(core, make([]byte, 0x4000)...), readelf.Options{Maps: true})
		if got := shownMaps(d); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
		if lines := strings.Count(printed(t, d), "\n"); lines != max(2, len(d.Maps)+3) && len(d.Maps) > 0 {
			t.Errorf("%s: %d lines", c.name, lines)
		}
	}
	cut := little64
	cut.loads = []elf.ProgHeader{load(0x1000, 0x1000, 0x1000, r)}
	d := describeBytes(t, append(cut.build(), make([]byte, 0x123)...), readelf.Options{Maps: true})
	if got := shownMaps(d); got != "1000+1000 \"r--\" part 291 0 \n" {
		t.Error(got)
	}
	damaged := little64.with(files([]uint64{2, 0x1000, 0x1000, 0x2000, 0, 0x3000, 0x4000, 0}, "/a"))
	d = describeBytes(t, damaged.build(), readelf.Options{Maps: true})
	if got := shownMaps(d); got != "1000+1000 \"\" none 0 0 /a\n" || !d.Damaged || len(d.Diagnostics) != 1 {
		t.Error(got, d.Diagnostics)
	}
}

// TestMapsFreeBSD takes files and protection from the system's list.
func TestMapsFreeBSD(t *testing.T) {
	name := "../../elfcore/testdata/freebsd-amd64.core"
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, _ := file.Stat()
	f, err := elfcore.Open(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	d, err := readelf.Describe(f, name, readelf.Options{Maps: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = "\nMappings:\n" +
		"  Start              End                Perm       Size In core    Offset     File\n" +
		"  0x0000000000200000 0x0000000000201000 r--     0x1000 0xc4       0x00000000 /bin/crasher\n" +
		"  0x0000000000201000 0x0000000000202000 r-x     0x1000 none       0x00001000 /bin/crasher\n" +
		"  0x0000000000300000 0x0000000000301000 rw-     0x1000 none       0x00000000 \n"
	if got := printed(t, d); got != want {
		t.Errorf("%s", got)
	}
}

var procMap = regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-]). ([0-9a-f]+) \S+ \d+ *(.*)$`)

// TestMapsProc compares the mappings of a core with /proc/PID/maps of the
// process that it was taken of.
func TestMapsProc(t *testing.T) {
	gdb, sleep := fixture.Need(t, "gdb"), fixture.Need(t, "sleep")
	core := filepath.Join(t.TempDir(), "core")
	out := tool(t, gdb, "-nx", "-batch", "-ex", "starti", "-ex", "catch syscall clock_nanosleep", "-ex", "continue",
		"-ex", "set use-coredump-filter off", "-ex", "set dump-excluded-mappings on", "-ex", "generate-core-file "+core, "-ex", "python print(open('/proc/%d/maps' % gdb.selected_inferior().pid).read())", "-ex", "kill", "--args", sleep, "9")
	file, err := os.Open(core)
	if err != nil {
		fixture.Lacking(t, "GDB takes no core here: %s", out)
	}
	defer file.Close()
	info, _ := file.Stat()
	f, err := elfcore.Open(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	d, err := readelf.Describe(f, core, readelf.Options{Maps: true})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, m := range d.Maps {
		name := m.File
		if m.Kind != "" {
			name = "[" + m.Kind + "]"
		}
		have[fmt.Sprintf("%08x-%08x %08x %s", uint64(m.Start), uint64(m.Start)+m.Size, m.Offset, name)] = m.Perm
	}
	rows := procMap.FindAllStringSubmatch(out, -1)
	if len(rows) < 10 {
		t.Fatalf("no maps in %s", out)
	}
	same := 0
	for _, m := range rows {
		// The core does not tell the heap from other memory, and lacks what can't
		// be read.
		if m[5] == "[heap]" {
			m[5] = ""
		}
		if strings.HasPrefix(m[5], "[vvar") || m[5] == "[vsyscall]" || m[3] == "---" {
			continue
		}
		// GDB writes no segment for memory that is as in its file, so that nothing
		// tells of its protection.
		want := fmt.Sprintf("%s-%s %s %s", m[1], m[2], m[4], m[5])
		if perm, ok := have[want]; !ok || perm != m[3] && perm != "" {
			t.Errorf("no %s %s", want, m[3])
			continue
		}
		same++
	}
	t.Logf("%d of %d", same, len(rows))
	if t.Failed() {
		t.Log(shownMaps(d))
	}
}

// TestMany reads the longest lists that a system makes.
func TestMany(t *testing.T) {
	const files, threads = 65000, 500
	words, paths := []uint64{files, 4096}, make([]string, files)
	for i := range uint64(files) {
		words = append(words, i<<12, (i+1)<<12, i)
		paths[i] = fmt.Sprintf("/usr/lib/library-%d.so", i)
	}
	var list [][]byte
	for range threads {
		for _, typ := range []uint32{1, 2, 0x202, notes.SigInfo, 99} {
			list = append(list, little64.note("CORE", typ, make([]byte, 512)))
		}
	}
	core := little64.with(append(list, little64.note("CORE", notes.File, little64.mappedFiles(words, paths...)))...).build()
	d := describeBytes(t, core, readelf.Options{Notes: true, Decode: true, Maps: true})
	if n := len(d.Notes[0].Notes); n != 5*threads+1 || len(d.Notes[0].Notes[n-1].Fields) != files+2 || len(d.Maps) != files {
		t.Errorf("%d notes, %d mappings", n, len(d.Maps))
	}
	text := printed(t, describeBytes(t, core, readelf.Options{Notes: true}))
	if n := strings.Count(text, "/usr/lib/library-"); n != files {
		t.Errorf("%d files", n)
	}
	endless := little64.with(make([]byte, 12<<18+12))
	d = describeBytes(t, endless.build(), readelf.Options{Notes: true})
	if n := len(d.Notes[0].Notes); n != 1<<18 || len(d.Diagnostics) != 1 {
		t.Errorf("%d notes, %v", n, d.Diagnostics)
	}
}
