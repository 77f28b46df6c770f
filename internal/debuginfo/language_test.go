package debuginfo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguages changes the code of a unit's language: names are written as C's
// by all versions of C, those included that compilers here don't write yet.
func TestLanguages(t *testing.T) {
	needs(t, "gcc")
	dir := t.TempDir()
	run := func(args ...string) {
		c := exec.Command("gcc", args...)
		c.Dir = dir
		if text, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte("struct point { int x; } p; int main(void) { return p.x; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("-S", "-g", "-gdwarf-5", "-dA", "a.c")
	text, err := os.ReadFile(filepath.Join(dir, "a.s"))
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{"0x1d": "struct point", "0x2c": "struct point", "0x3e": "struct point", "0x21": "point"} {
		changed := strings.Replace(string(text), "0x1d\t# DW_AT_language", code, 1)
		if err := os.WriteFile(filepath.Join(dir, "b.s"), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		run("-o", "b.elf", "b.s")
		typ, ok := openProgram(t, filepath.Join(dir, "b.elf")).Type("struct point")
		if !ok || typ.String() != want {
			t.Errorf("language %s: %v, want %s", code, typ, want)
		}
	}
}
