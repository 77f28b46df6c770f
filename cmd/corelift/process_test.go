package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// asked runs a command line and returns its exit code and what it printed.
func asked(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var texts [2]chan string
	var files [2]*os.File
	for i := range files {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		files[i], texts[i] = w, make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(r)
			r.Close()
			texts[i] <- string(b)
		}()
	}
	code = run(context.Background(), args, streams{os.Stdin, files[0], files[1]})
	files[0].Close()
	files[1].Close()
	return code, <-texts[0], <-texts[1]
}

// crashOfProcess builds a program with flags, from testdata/cores, and its
// library, and lets it crash. The files lie in dir.
func crashOfProcess(t *testing.T, flags ...string) (core, program, dir string) {
	t.Helper()
	t.Setenv("DEBUGINFOD_URLS", "")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join("..", "..", "testdata", "cores")
	library, program := filepath.Join(dir, "libshared.so"), filepath.Join(dir, "program")
	with := []string{"-L" + dir, "-lshared", "-Wl,-rpath," + dir}
	if slices.Contains(flags, "-static") {
		with = []string{filepath.Join(source, "shared.c")}
	}
	common := []string{"-g", "-O1", "-Wl,--build-id"}
	for _, args := range [][]string{
		slices.Concat(common, []string{"-fPIC", "-shared", filepath.Join(source, "shared.c"), "-o", library}),
		slices.Concat(common, []string{filepath.Join(source, "dynamic.c"), "-o", program}, flags, with),
	} {
		if out, err := exec.Command(fixture.Need(t, "gcc"), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return fixture.Crash(t, program), program, dir
}

// callers are the addresses in a backtrace, and the names of the functions there
// but for those of the C library, of which debuggers choose one of several.
func callers(out string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^#\d+ +(?:(0x[0-9a-f]+) in )?(\w+|\?\?) \(`).FindAllStringSubmatch(out, -1) {
		if name := m[2]; name == "compare" || name == "main" || name == "_start" {
			m[1] += " " + name
		}
		list = append(list, m[1])
	}
	return list
}

// TestProcess opens the core of a process without being told its program, as GDB
// shows it that was. GDB has frames besides for functions that jumped (tail
// calls).
func TestProcess(t *testing.T) {
	for name, flags := range map[string][]string{"PIE": {"-pie", "-fPIE"}, "fixed": {"-no-pie", "-fno-pie"}, "static": {"-static"}} {
		t.Run(name, func(t *testing.T) {
			core, program, _ := crashOfProcess(t, flags...)
			shown, err := exec.Command(fixture.Need(t, "gdb"), "-nx", "-batch", "-iex", "set debuginfod enabled off",
				"-ex", "set backtrace past-main on", "-ex", "set backtrace past-entry on", "-ex", "echo \\nall\\n", "-ex", "bt", program, core).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, gdb, _ := strings.Cut(string(shown), "\nall\n")
			code, out, errs := asked(t, "bt", core)
			want, got := callers(gdb), callers(out)
			ordered := 0
			for _, frame := range want {
				if ordered < len(got) && got[ordered] == frame {
					ordered++
				}
			}
			if code != exitComplete || len(got) < 5 || got[0] != " compare" || ordered != len(got) || got[len(got)-1] != want[len(want)-1] {
				t.Errorf("exit code %d\n%s%s\nGDB:\n%s", code, out, errs, gdb)
			}
			if errs != "" {
				t.Error(errs)
			}
			if code, named, errs := asked(t, "bt", core, "-e", program); code != exitComplete || named != out || errs != "" {
				t.Errorf("exit code %d\n%s%s", code, named, errs)
			}
			// But for the static one, the program has a copy of it (R_X86_64_COPY).
			if code, out, errs := asked(t, "print", core, "seen"); code != exitComplete || out != "seen = 1\n" {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestProcessElsewhere opens the core where its files are gone: below a sysroot,
// in a directory of build-ids, at a server.
func TestProcessElsewhere(t *testing.T) {
	core, program, dir := crashOfProcess(t, "-pie", "-fPIE")
	_, want, _ := asked(t, "bt", core)
	ids := map[string]string{} // by file
	for _, name := range []string{program, filepath.Join(dir, "libshared.so")} {
		out, err := exec.Command(fixture.Need(t, "readelf"), "-n", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		_, id, _ := strings.Cut(string(out), "Build ID: ")
		id, _, _ = strings.Cut(id, "\n")
		ids[name] = id
	}
	root, byID := t.TempDir(), t.TempDir()
	for name, id := range ids {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{filepath.Join(root, name), filepath.Join(byID, ".build-id", id[:2], id[2:])} {
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, b, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	// The C library below the sysroot is that of this machine.
	maps, err := exec.Command(fixture.Need(t, "ldd"), filepath.Join(root, program)).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range regexp.MustCompile(`/\S+`).FindAllString(string(maps), -1) {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		b, err := os.ReadFile(real)
		if err == nil && os.MkdirAll(filepath.Dir(filepath.Join(root, real)), 0o755) == nil {
			err = os.WriteFile(filepath.Join(root, real), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := asked(t, "bt", core)
	if code != exitComplete || !strings.Contains(errs, "warning: "+program+", the program, was not found: "+program+": no such file or directory; ") || strings.Contains(errs, "hint:") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := asked(t, "bt", core, "--sysroot", root); code != exitComplete || out != want {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := asked(t, "bt", core, "--debug-dir", byID, "--debug-dir", "/usr/lib/debug"); code != exitComplete || out != want {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	// The server has programs and their debug information apart.
	objcopy := fixture.Need(t, "objcopy")
	for name := range ids {
		whole := filepath.Join(root, name)
		for _, args := range [][]string{{"--only-keep-debug", whole, whole + ".debuginfo"}, {"--strip-all", whole, whole + ".executable"}} {
			if out, err := exec.Command(objcopy, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, id := range ids {
			if kind, ok := strings.CutPrefix(r.URL.Path, "/buildid/"+id+"/"); ok && kind != "" {
				http.ServeFile(w, r, filepath.Join(root, name)+"."+kind)
				return
			}
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	t.Setenv("DEBUGINFOD_URLS", server.URL)
	t.Setenv("DEBUGINFOD_CACHE_PATH", t.TempDir())
	code, out, errs = asked(t, "bt", core)
	if code != exitComplete || out != want || !strings.Contains(errs, "corelift: asking for "+server.URL+"/buildid/"+ids[program]+"/executable\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs = asked(t, "bt", core); code != exitComplete || out != want || strings.Contains(errs, "asking") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// TestProcessMemory extracts a library's code, which is in its file only.
func TestProcessMemory(t *testing.T) {
	core, _, dir := crashOfProcess(t, "-pie", "-fPIE")
	to := filepath.Join(t.TempDir(), "bytes")
	code, out, errs := asked(t, "mem", core, "compare", "64", "--raw", "-o", to)
	got, err := os.ReadFile(to)
	if err != nil || code != exitComplete {
		t.Fatalf("exit code %d %v\n%s%s", code, err, out, errs)
	}
	gdb, err := exec.Command(fixture.Need(t, "gdb"), "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "dump binary memory "+to+" &compare (char*)&compare+64", filepath.Join(dir, "program"), core).CombinedOutput()
	want, _ := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, want) || len(got) != 64 {
		t.Errorf("%x, GDB shows %x %v %s", got, want, err, gdb)
	}
}

// TestProcessWith names a shared object: that of the process, another build of
// it, which must not be taken in its place unnoticed, and what is none.
func TestProcessWith(t *testing.T) {
	core, program, dir := crashOfProcess(t, "-pie", "-fPIE")
	other := filepath.Join(t.TempDir(), "libshared.so")
	args := []string{"-g", "-O0", "-Wl,--build-id", "-fPIC", "-shared", filepath.Join("..", "..", "testdata", "cores", "shared.c"), "-o", other}
	if out, err := exec.Command(fixture.Need(t, "gcc"), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		args      []string
		code      int
		out, errs string
	}{
		{[]string{"--with", filepath.Join(dir, "libshared.so")}, exitComplete, "seen = 1\n", ""},
		{[]string{"--with", other}, exitMismatch, "", "its build-id is "},
		{[]string{"--with", other, "-e", program}, exitMismatch, "", "its build-id is "},
		{[]string{"--with", other, "--allow-mismatch"}, exitComplete, " (firmware differs)\n", other + ": different: its build-id is "},
		{[]string{"--with", text}, exitFailed, "", "not an ELF file"},
		{[]string{"--with", text, "-e", program}, exitFailed, "", "not an ELF file"},
		{[]string{"--with", filepath.Join(dir, "nowhere")}, exitFailed, "", "no such file"},
		{[]string{"--with", other, "-e", "none"}, exitFailed, "", "-e says none"},
	} {
		code, out, errs := asked(t, append([]string{"print", core, "seen"}, x.args...)...)
		if code != x.code || !strings.HasSuffix(out, x.out) || (x.out == "") != (out == "") || !strings.Contains(errs, x.errs) {
			t.Errorf("%v: exit code %d\n%s%s", x.args, code, out, errs)
		}
	}
}

// TestProcessAssumed: code of a program that only its name speaks for is suspect,
// to print as to mem; that of a library with its build-id in the core is not.
func TestProcessAssumed(t *testing.T) {
	core, _, _ := crashOfProcess(t, "-pie", "-fPIE", "-Wl,--build-id=none")
	for name, state := range map[string]string{"main": "suspect", "compare": "known"} {
		code, out, errs := asked(t, "print", core, "*(unsigned char *)&"+name, "--json")
		if code != exitComplete || !strings.Contains(out, `"state": "`+state+`"`) {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		if state == "known" {
			state = "recovered" // the same bytes, not in the core
		}
		code, out, errs = asked(t, "mem", core, name, "16", "--json")
		if code != exitComplete || !strings.Contains(out, `"state": "`+state+`"`) {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	}
}
