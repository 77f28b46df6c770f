package modules

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// crashed is a real crash of a position-independent program in its own library,
// with a file of data mapped.
type crashed struct {
	t                            *testing.T
	dir                          string // of the files
	program, library, data, core string
}

// crash builds the program, with flags for both parts, and lets it crash.
func crash(t *testing.T, flags []string, words ...string) *crashed {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &crashed{t: t, dir: dir, program: filepath.Join(dir, "program"), library: filepath.Join(dir, "libcrash.so"), data: filepath.Join(dir, "data")}
	c.build(c.library, flags, "library.c", "-shared", "-fPIC")
	c.build(c.program, flags, "main.c", "-pie", "-fPIE", "-L"+dir, "-lcrash", "-Wl,-rpath,"+dir)
	text := make([]byte, 10000) // ends within a page
	for i := range text {
		text[i] = byte(i / 7)
	}
	write(t, c.data, text)
	c.core = fixture.Crash(t, c.program, append([]string{c.data}, words...)...)
	return c
}

func (c *crashed) build(to string, flags []string, source string, more ...string) {
	c.t.Helper()
	args := append([]string{"-g", "-O1", "-Wl,--build-id", filepath.Join("testdata", source), "-o", to}, append(more, flags...)...)
	if out, err := exec.Command(fixture.Need(c.t, "gcc"), args...).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// copied puts a copy of a file at another place.
func copied(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, b)
}

// gdb runs commands on the core.
func (c *crashed) gdb(commands ...string) string {
	c.t.Helper()
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off"}
	for _, command := range commands {
		args = append(args, "-ex", command)
	}
	out, err := exec.Command(fixture.Need(c.t, "gdb"), append(args, c.program, c.core)...).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("Cannot access memory")) {
		c.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// address is what GDB prints for an expression.
func (c *crashed) address(expression string) elfcore.Addr {
	c.t.Helper()
	out := c.gdb("printf \"\\nis %lx\\n\", (long)(" + expression + ")")
	_, text, _ := strings.Cut(out, "\nis ")
	text, _, _ = strings.Cut(text, "\n")
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	return elfcore.Addr(n)
}

func opened(t testing.TB, core string) (*elfcore.File, *elfcore.Core) {
	t.Helper()
	file, err := os.Open(core)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfcore.Open(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

func processOf(t testing.TB, core string, s Search) *Process {
	t.Helper()
	f, c := opened(t, core)
	p, err := Of(f, c, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *crashed) process(s Search) *Process {
	c.t.Helper()
	return processOf(c.t, c.core, s)
}

// module is the first one of a path.
func module(t testing.TB, p *Process, path string) *Module {
	t.Helper()
	for _, m := range p.Modules {
		if m.Path == path {
			return m
		}
	}
	t.Fatalf("no module %s", path)
	return nil
}

// find looks for the file of the module with a path.
func find(t testing.TB, p *Process, path string) *Location {
	t.Helper()
	l, err := p.Find(context.Background(), module(t, p, path))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read gathers the runs of a range, and the bytes of those that have some.
func read(t testing.TB, m *Memory, at elfcore.Addr, size uint64) (runs []Run, data []byte) {
	t.Helper()
	end := at
	for run, err := range m.Runs(context.Background(), elfcore.Range{Addr: at, Size: size}) {
		if err != nil || run.Addr != end || run.Size == 0 || (run.Data == nil) != (run.Source == Missing) || (run.State == elfcore.Missing) != (run.Source == Missing) {
			t.Fatalf("%+v %v", run, err)
		}
		end = run.End()
		if run.Data != nil && run.Size < 1<<20 {
			b := make([]byte, run.Size)
			if n, err := run.Data.ReadAt(b, 0); n < len(b) {
				t.Fatalf("%+v: %v", run, err)
			}
			data = append(data, b...)
		}
		runs = append(runs, run)
	}
	if end != at+elfcore.Addr(size) {
		t.Fatalf("%v-%v: runs end at %v", at, at+elfcore.Addr(size), end)
	}
	return runs, data
}
