package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// TestSignalHandler leaves a signal handler as GDB does: on x86-64 through the
// C library's trampoline, on i386 through the vdso, in which the thread also is
// while the kernel kills it.
func TestSignalHandler(t *testing.T) {
	for name, compiler := range map[string][]string{
		"x86-64": {"gcc", "-static"},
		"PIE":    {"gcc", "-pie", "-fPIE"},
		"i386":   {"i686-linux-gnu-gcc", "-static"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "handler")
			args := append(compiler[1:], "-g", "-O1", "-Wl,--build-id", filepath.Join("..", "..", "testdata", "cores", "handler.c"), "-o", program)
			if out, err := exec.Command(fixture.Need(t, compiler[0]), args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			core := fixture.Crash(t, program)
			shown, err := exec.Command(fixture.Need(t, "gdb-multiarch"), "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "echo \\nall\\n", "-ex", "bt", program, core).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, gdb, _ := strings.Cut(string(shown), "\nall\n")
			code, out, errs := asked(t, "bt", core)
			ours := between(out)
			if want := between(gdb); code != exitComplete || len(want) != 4 || !slices.Equal(ours, want) {
				t.Errorf("exit code %d\n%s%s\nGDB:\n%s", code, out, errs, gdb)
			}
			if _, out, _ := asked(t, "info", core); !strings.Contains(out, "match     same") || strings.Contains(out, "not a call") {
				t.Errorf("the return from the handler speaks against the program:\n%s", out)
			}
		})
	}
}

// between are the frames from the handler to main, without numbers and
// arguments.
func between(bt string) (list []string) {
	all := regexp.MustCompile(`(?m)^#\d+ +(?:0x[0-9a-f]+ in )?(<signal handler called>|\w+ \()`).FindAllStringSubmatch(bt, -1)
	for _, m := range all {
		list = append(list, m[1])
	}
	first, last := slices.Index(list, "handler ("), slices.Index(list, "main (")
	if first < 0 || last < first {
		return nil
	}
	return list[first : last+1]
}

// TestExtern reads a variable of the C library that the executable has a copy
// of, declared there and defined nowhere in the debug information.
func TestExtern(t *testing.T) {
	program := filepath.Join(t.TempDir(), "handler")
	source := filepath.Join("..", "..", "testdata", "cores", "handler.c")
	if out, err := exec.Command(fixture.Need(t, "gcc"), "-pie", "-fPIE", "-g", "-O1", "-Wl,--build-id", source, "-o", program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	core := fixture.Crash(t, program)
	gdb, err := exec.Command(fixture.Need(t, "gdb"), "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "frame function main", "-ex", "output environ", program, core).Output()
	_, want, _ := strings.Cut(string(gdb), "(char **) ")
	if err != nil || want == "" {
		t.Fatalf("%v: %s", err, gdb)
	}
	// Without the C library's debug information the type is not known, which is said.
	code, out, errs := asked(t, "print", core, "environ")
	if code == exitComplete && out != "environ = (char **) "+want+"\n" || code != exitComplete && !strings.Contains(errs, "the type of environ is unknown") {
		t.Errorf("exit code %d\n%s%s\nwant %s", code, out, errs, want)
	}
}
