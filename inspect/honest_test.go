package inspect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/inspect"
)

// TestNoSuchElement asks for elements of an array that is not in memory: those
// that it does not have are absent, not 0.
func TestNoSuchElement(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	for x, there := range map[string]bool{
		`"abc"[0]`: true, `"abc"[3]`: true, `"abc"[1:4]`: true,
		`"abc"[-1]`: false, `"abc"[4]`: false, `"abc"[1152921504606846976]`: false, `"abc"[9223372036854775807]`: false,
	} {
		if v, err := s.Eval(nil, x, 0); err != nil || there != (v.Presence == inspect.Present) {
			t.Errorf("%s is %v: %s, %v", x, v.Presence, v.Text, err)
		}
	}
	for _, x := range []string{`"abc"[0]@2`, `"abc"[1:5]`, `"abc"[-1:1]`} {
		if v, err := s.Eval(nil, x, 0); err == nil {
			t.Errorf("%s is %s", x, v.Text)
		}
	}
}

// TestTrustIsPassedOn computes with a register that a call may have changed: no
// result of it can be trusted more.
func TestTrustIsPassedOn(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	f, err := s.Frame(s.Crashed(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []string{
		"$r0", "-$r0", "~$r0", "!$r0", "$r0 + 1", "1 << ($r0 & 1)", "$r0 == 0", "$r0 && 1", "$r0 ? 1 : 2", "(char)$r0", "(float)$r0", "(_Bool)$r0",
		"g_matrix[$r0 & 1]", "g_matrix[0:1 + ($r0 & 1)]", "g_matrix[0]@(1 + ($r0 & 1))", "&g_matrix[$r0 & 1]", "{int}(0x20000000 + ($r0 & 4))",
		"*(int *)(0x20000000 + ($r0 & 4))", "(struct point *)$r0",
	} {
		if v, err := s.Eval(f, x, 0); err != nil || v.Presence != inspect.Present || v.State != elfcore.Suspect {
			t.Errorf("%s is %v, %v: %s, %v", x, v.Presence, v.State, v.Text, err)
		}
	}
	if v, err := s.Examine(f, "0x20000000 + ($r0 & 4)", inspect.ExamineOptions{}); err != nil || v.Cells[0].State != elfcore.Suspect {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestAmbiguous asks for names that two files have: one of the two values at
// random would be no answer.
func TestAmbiguous(t *testing.T) {
	dir := t.TempDir()
	source := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, core := filepath.Join(dir, "two.elf"), filepath.Join(dir, "two.core")
	toolRun(t, nil, "arm-none-eabi-gcc", append([]string{
		"-g", "-mcpu=cortex-m4", "-o", program,
		source("a.c", "static int count = 1; static const int same = 3; int alone = 7; enum { SPEED = 1 } speed_a; void b(void);"+
			"void a(void) { static int calls = 5; calls += count + same + speed_a + SPEED; b(); } void _start(void) { a(); }"),
		source("b.c", "static int count = 2; static const int same = 3; enum { SPEED = 2 } speed_b;"+
			"void b(void) { static int calls = 6; calls += count + same + speed_b + SPEED; }"),
	}, bare...)...)
	writeStart(t, program, core)
	s := reopen(t, program, core)
	for x, want := range map[string]string{
		"a.c::count": "1", "b.c::count": "2", "same": "3", "alone": "7", "a::calls": "5", "b::calls": "6", "count": "", "calls": "",
	} {
		v, err := s.Eval(nil, x, 0)
		if v.Text != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, want %q: %v", x, v.Text, want, err)
		}
	}
	in, err := s.Frame(s.Crashed(), 0) // in _start, of a.c
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[string]string{"count": "1", "SPEED": "SPEED", "SPEED + 0": "1"} {
		if v, err := s.Eval(in, x, 0); err != nil || v.Text != want {
			t.Errorf("in a.c %s is %q, want %q: %v", x, v.Text, want, err)
		}
	}
}

// TestLengthOptimisedOut asks for arrays whose length is nowhere: GDB shows their
// address, and a string from there on, which may not end where the array does.
func TestLengthOptimisedOut(t *testing.T) {
	dir := t.TempDir()
	source, program, path := filepath.Join(dir, "vla.c"), filepath.Join(dir, "vla.elf"), filepath.Join(dir, "vla.core")
	text := `#include <string.h>
volatile int sink; char *volatile keep; int *volatile nowhere;
__attribute__((noinline)) void use(void *p) { keep = p; }
__attribute__((noinline)) int f(int n) {
	char name[n]; int grid[n][3];
	memset(name, 'a', 4); grid[0][0] = 7; use(name); use(grid);
	*nowhere = 1; sink = name[1];
	return grid[0][0];
}
int main(int c, char **v) { return f(c + 3); }
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	toolRun(t, nil, "gcc", "-g", "-O2", "-static", "-o", program, source)
	toolRun(t, nil, "gdb", "-nx", "-batch", "-ex", "run", "-ex", "generate-core-file "+path, "-ex", "kill", program)
	s := reopen(t, program, path)
	f, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	expressions := []string{"name", "grid", "grid[0][0]"}
	for i, gdb := range askGDB(t, program, path, expressions) {
		want, _, _ := strings.Cut(gdb, "\t")
		v, err := s.Eval(f, expressions[i], 0)
		if err != nil || v.Text != want {
			t.Errorf("%s = %s, %v; GDB %s", expressions[i], v.Text, err, want)
		}
		if whole := i < 2; whole && (v.State != elfcore.Suspect || v.Reason != "its length is <optimized out>") || !whole && v.State != elfcore.Known {
			t.Errorf("%s is %v: %s", expressions[i], v.State, v.Reason)
		}
	}
}
