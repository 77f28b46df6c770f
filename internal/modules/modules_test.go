package modules

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// TestModules compares the modules of a crash with what GDB and the files say.
func TestModules(t *testing.T) {
	c := crash(t, nil)
	p := c.process(Search{})
	if m := p.Main(); m == nil || m.Path != c.program {
		t.Fatalf("%+v", m)
	}
	for path, symbol := range map[string]string{c.program: "main", c.library: "crash"} {
		l := find(t, p, path)
		if l.Path != path || l.How != ByHost || !l.Proven || !l.Program {
			t.Errorf("%+v", l)
		}
		if want := c.address("&"+symbol) - symbolOf(t, path, symbol); l.Bias != want {
			t.Errorf("bias of %s: %v, GDB says %v", path, l.Bias, want)
		}
	}
	// The linker, the C library, and the kernel's object.
	programs := 0
	for _, m := range p.Modules {
		if m.Object != nil {
			programs++
		}
	}
	vdso := module(t, p, VDSO)
	if programs != 5 || vdso.Object.BuildID == "" || find(t, p, VDSO).Path != "" {
		t.Errorf("%d programs, %+v", programs, vdso)
	}
	if l := find(t, p, c.data); l.Path != c.data || l.Proven || l.Program {
		t.Errorf("%+v", l)
	}
}

// symbolOf is the value of a symbol in a file.
func symbolOf(t *testing.T, path, name string) (a elfcore.Addr) {
	t.Helper()
	out, err := exec.Command(fixture.Need(t, "nm"), path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[2] == name {
			fmt.Sscanf(fields[0], "%x", &a)
		}
	}
	return a
}

// TestWhere moves the files about: each place, what proves a file, and what is
// said of places with another one.
func TestWhere(t *testing.T) {
	c := crash(t, nil)
	id := module(t, c.process(Search{}), c.library).Object.BuildID
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Mkdir(moved, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.library, filepath.Join(moved, "libcrash.so")); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(moved, "libcrash.so")
	other := filepath.Join(moved, "other.so")
	c.build(other, []string{"-DOTHER", "-O0"}, "library.c", "-shared", "-fPIC")
	root, wrong, empty, debug := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	copied(t, library, filepath.Join(root, c.library))
	copied(t, other, filepath.Join(wrong, c.library))
	byID := filepath.Join(debug, ".build-id", id[:2], id[2:])
	copied(t, library, byID)
	for _, x := range []struct {
		name     string
		search   Search
		how      string
		path     string
		rejected []string
	}{
		{"nowhere", Search{}, "", "", []string{c.library + ": no such file"}},
		{"sysroot", Search{Sysroots: []string{root}}, BySysroot, filepath.Join(root, c.library), nil},
		{"second sysroot", Search{Sysroots: []string{empty, root}}, BySysroot, filepath.Join(root, c.library), []string{filepath.Join(empty, c.library) + ": no such file"}},
		{"another build", Search{Sysroots: []string{wrong, root}}, BySysroot, filepath.Join(root, c.library), []string{"its build-id is ", "that in the core " + id}},
		{"only another build", Search{Sysroots: []string{wrong}}, "", "", []string{"its build-id is "}},
		{"build-id", Search{DebugDirs: []string{empty, debug}}, ByBuildID, byID, []string{c.library + ": no such file", filepath.Join(empty, ".build-id")}},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := find(t, c.process(x.search), c.library)
			if l.Path != x.path || l.How != x.how || l.Proven != (x.path != "") {
				t.Errorf("%+v", l)
			}
			for _, want := range x.rejected {
				if !strings.Contains(l.Missed(), want) {
					t.Errorf("%q, want %q", l.Missed(), want)
				}
			}
		})
	}
	copied(t, other, c.library) // a new build where the old one was
	if l := find(t, c.process(Search{}), c.library); l.Path != "" || !strings.Contains(l.Missed(), "its build-id is ") {
		t.Errorf("%+v", l)
	}
}

// TestPatched: patchelf and its like move segments and keep the build-id.
func TestPatched(t *testing.T) {
	c := crash(t, nil)
	b, err := os.ReadFile(c.library)
	if err != nil {
		t.Fatal(err)
	}
	const filesz = 64 + 32 // p_filesz of the first segment
	b[filesz]++
	write(t, c.library, b)
	if l := find(t, c.process(Search{}), c.library); l.Path != "" || !strings.Contains(l.Missed(), "its program headers are not those in the core") {
		t.Errorf("%+v", l)
	}
}

// TestAssumed: without a build-id a file is taken if nothing speaks against it,
// and never said to be proven.
func TestAssumed(t *testing.T) {
	c := crash(t, []string{"-Wl,--build-id=none"})
	l := find(t, c.process(Search{}), c.library)
	if l.Path != c.library || l.Proven || !l.Program {
		t.Errorf("%+v", l)
	}
	c.build(c.library, []string{"-Wl,--build-id=none", "-O0", "-finstrument-functions"}, "library.c", "-shared", "-fPIC")
	if l := find(t, c.process(Search{}), c.library); l.Path != "" || !strings.Contains(l.Missed(), "its program headers are not those in the core") {
		t.Errorf("%+v", l)
	}
	p := c.process(Search{})
	p.core.Format = elfcore.FormatFreeBSD // as if it came from there
	if l := find(t, p, c.program); l.Path != "" || !strings.Contains(l.Missed(), "--sysroot") {
		t.Errorf("%+v", l)
	}
}

// TestDeleted: what has the name of a deleted file now is another one, unless
// its build-id proves otherwise.
func TestDeleted(t *testing.T) {
	c := crash(t, nil, "delete")
	p := c.process(Search{})
	if m := p.Main(); m == nil || m.Path != c.program+deleted {
		t.Fatalf("%+v", m)
	}
	if l := find(t, p, c.program+deleted); l.Path != "" {
		t.Errorf("%+v", l)
	}
	c.build(c.program, nil, "main.c", "-pie", "-fPIE", "-L"+c.dir, "-lcrash", "-Wl,-rpath,"+c.dir)
	if l := find(t, c.process(Search{}), c.program+deleted); l.Path != c.program || !l.Proven {
		t.Errorf("%+v", l)
	}
	p = c.process(Search{})
	m := module(t, p, c.program+deleted)
	m.Object.BuildID = ""
	if l := find(t, p, m.Path); l.Path != "" || !strings.Contains(l.Missed(), "had been deleted") {
		t.Errorf("%+v", l)
	}
}

// TestNoHeaders: the core has no ELF headers (coredump_filter without bit 4), so
// that segments and entry point must agree.
func TestNoHeaders(t *testing.T) {
	c := crash(t, nil, "nothing")
	p := c.process(Search{})
	m := p.Main()
	if m == nil || m.Object != nil {
		t.Fatalf("%+v", m)
	}
	l := find(t, p, c.program)
	with := crash(t, nil)
	if l.Path != c.program || l.Proven || !l.Program || l.Bias == 0 || l.Bias+elfcore.Addr(find(t, with.process(Search{}), with.program).Bias) == 0 {
		t.Errorf("%+v", l)
	}
	if at := l.Bias + symbolOf(t, c.program, "_start"); at != p.entry {
		t.Errorf("_start at %v, entry %v", at, p.entry)
	}
	c.build(c.program, []string{"-finstrument-functions", "-O0"}, "main.c", "-pie", "-fPIE", "-L"+c.dir, "-lcrash", "-nostartfiles", "-Wl,-e,main")
	if l := find(t, c.process(Search{}), c.program); l.Path != "" {
		t.Errorf("%+v", l)
	}
	write(t, c.program, []byte("#!/bin/sh\n"))
	if l := find(t, c.process(Search{}), c.program); l.Path != "" || !strings.Contains(l.Missed(), "no program") {
		t.Errorf("%+v", l)
	}
}

// TestNoRegularFiles: what a core names may be a pipe, a device or a directory
// here, which are not opened.
func TestNoRegularFiles(t *testing.T) {
	c := crash(t, nil)
	root := t.TempDir()
	for _, x := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "a pipe, no regular file"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "a directory"},
		{"device", func(path string) error { return os.Symlink("/dev/zero", path) }, "no such file"}, // below the sysroot
		{"loop", func(path string) error { return os.Symlink(path[len(root):], path) }, "too many symbolic links"},
	} {
		path := filepath.Join(root, c.library)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.RemoveAll(path)
		if err := x.make(path); err != nil {
			t.Fatal(err)
		}
		if l := find(t, c.process(Search{Sysroots: []string{root}}), c.library); l.Path != "" || !strings.Contains(l.Missed(), x.want) {
			t.Errorf("%s: %+v", x.name, l)
		}
	}
	if err := os.Remove(c.library); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", c.library); err != nil {
		t.Fatal(err)
	}
	if l := find(t, c.process(Search{}), c.library); l.Path != "" || !strings.Contains(l.Missed(), "a device") {
		t.Errorf("%+v", l)
	}
}

// TestWithin: a path stays below the sysroot, whatever it says.
func TestWithin(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), nil)
	write(t, filepath.Join(root, "usr/lib/libc.so"), nil)
	for from, to := range map[string]string{
		"lib": "usr/lib", "absolute": "/usr/lib/libc.so", "up": "../../../../" + outside + "/secret", "away": outside + "/secret",
		"a": "b", "b": "a",
	} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/usr/lib/libc.so":          "usr/lib/libc.so",
		"/lib/libc.so":              "usr/lib/libc.so",
		"/absolute":                 "usr/lib/libc.so",
		"/../../usr/./lib//libc.so": "usr/lib/libc.so",
		"/lib/../libc.so":           "usr/libc.so",
		"/up":                       outside + "/secret",
		"/away":                     outside + "/secret",
		"/../../etc/passwd":         "etc/passwd",
		"/":                         "",
	} {
		if got, err := within(root, path); got != filepath.Join(root, want) || err != nil {
			t.Errorf("%s: %s %v, want %s", path, got, err, want)
		}
	}
	if got, err := within(root, "/a"); err == nil {
		t.Error(got)
	}
}

// TestMappedTwice: of a library of one page all segments are mapped from offset
// 0, and it is one module still; a file that is mapped again is another.
func TestMappedTwice(t *testing.T) {
	tiny := elfcore.Mapping{Range: elfcore.Range{Addr: 0x10000, Size: 0x1000}, File: "/tiny"}
	data := tiny
	data.Addr = 0x11000
	again := tiny
	again.Addr = 0x20000
	p := made(t, core{
		files:  []elfcore.Mapping{tiny, data, again},
		memory: map[uint64][]byte{0x10000: program(0x1800, nil), 0x20000: program(0x1800, nil)},
	}, Search{})
	if len(p.Modules) != 2 || len(p.Modules[0].Mappings) != 2 || p.Modules[1].Addr != 0x20000 || p.Modules[1].Object.Bias != 0x20000 {
		t.Errorf("%+v", p.Modules)
	}
	unknown := elfcore.Mapping{Range: elfcore.Range{Addr: 0x30000, Size: 0x1000}, Off: 0x1000, File: "/data"}
	second := unknown
	second.Addr, second.Off = 0x31000, 0
	if p = made(t, core{files: []elfcore.Mapping{unknown, second}}, Search{}); len(p.Modules) != 2 {
		t.Errorf("%+v", p.Modules)
	}
}

// TestFreeBSD reads the core of the tests, whose maps have a program.
func TestFreeBSD(t *testing.T) {
	p := processOf(t, "../../elfcore/testdata/freebsd-amd64.core", Search{})
	m := p.Main()
	if m == nil || m.Object == nil || m.Object.BuildID != "abcdef" {
		t.Fatalf("%+v", m)
	}
	l := find(t, p, m.Path)
	if l.Path != "" || len(l.Rejected) == 0 {
		t.Errorf("%+v", l)
	}
	runs, _ := read(t, &Memory{Core: p.core, Process: p}, m.Addr, m.Size)
	if last := runs[len(runs)-1]; runs[0].Source != FromCore || last.Source != Missing || !strings.Contains(last.Note, m.Path) {
		t.Errorf("%+v", runs)
	}
}

// TestWithoutList: cores that QEMU writes list no files, but the executable is
// known by its headers, its path by the argument of execve.
func TestWithoutList(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	args := []string{"--target=aarch64-linux-gnu", "-g", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-Wl,--build-id", "../../testdata/cores/freestanding.c", "-o", path}
	if out, err := exec.Command(fixture.Need(t, "clang"), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := processOf(t, fixture.Crash(t, "qemu-aarch64", path), Search{})
	m := p.Main()
	if m == nil || m.Path != path || len(m.Mappings) == 0 {
		t.Fatalf("%+v", m)
	}
	if l := find(t, p, path); l.Path != path || !l.Proven || l.Bias != 0 {
		t.Errorf("%+v", l)
	}
}

// TestHostilePaths: no path makes trouble.
func TestHostilePaths(t *testing.T) {
	for _, path := range []string{"x", "./x", "../x", "socket:[12]", "/\x1b[31m\n", "/" + strings.Repeat("x/", 5000), "//", "/../../nowhere", "/\xff", "/dev/zero", "/proc/self/mem", "/dev/zero (deleted)"} {
		for _, s := range []Search{{}, {Sysroots: []string{t.TempDir()}}} {
			p := made(t, core{files: []elfcore.Mapping{{Range: elfcore.Range{Addr: 0x1000, Size: 0x1000}, File: path}}}, s)
			if l := find(t, p, path); l.Path != "" || len(l.Rejected) != 1 {
				t.Errorf("%q: %+v", path, l)
			}
		}
	}
}

// TestManyFiles: 100,000 entries, each with an ELF header.
func TestManyFiles(t *testing.T) {
	const count = 100_000
	x := core{memory: map[uint64][]byte{0x1000: bytes.Repeat(append(program(0x800, nil), make([]byte, 0x1000-len(program(0x800, nil)))...), 100)}}
	for i := range count {
		x.files = append(x.files, elfcore.Mapping{Range: elfcore.Range{Addr: elfcore.Addr(0x1000 + i*0x1000), Size: 0x1000}, File: fmt.Sprintf("/nowhere/%d", i)})
	}
	p := made(t, x, Search{})
	if len(p.Modules) != count {
		t.Fatal(len(p.Modules))
	}
	runs, _ := read(t, &Memory{Core: p.core, Process: p}, 0, 0x1000*(count+10))
	if len(runs) < count-100 {
		t.Error(len(runs))
	}
}
