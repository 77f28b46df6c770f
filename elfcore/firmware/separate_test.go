package firmware

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// TestSeparateDebugFile moves the debug information out of a fixture as
// distributions and release builds do.
func TestSeparateDebugFile(t *testing.T) {
	objcopy := fixture.Need(t, "arm-none-eabi-objcopy")
	const whole = "../../testdata/firmware/cortex-m33/fw.elf"
	dir := t.TempDir()
	stripped, apart := filepath.Join(dir, "fw.elf"), filepath.Join(dir, "apart", "fw.debug")
	if err := os.Mkdir(filepath.Dir(apart), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--only-keep-debug", whole, apart},
		{"--strip-all", "--add-gnu-debuglink=" + apart, whole, stripped},
	} {
		if out, err := exec.Command(objcopy, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	var lacking string
	ask := func(dirs ...string) bool {
		s, err := Open(stripped)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.SearchDebug(dirs...)
		f, symbol := s.Symbol("main")
		_, row := s.Row(f.Addr)
		_, _, field := s.Field("k_thread", "entry")
		if symbol != row || row != field {
			t.Errorf("symbol %v, row %v, field %v: they come from one file", symbol, row, field)
		}
		lacking = fmt.Sprint(s.Images()[0].DebugError())
		return field
	}
	if ask(dir) {
		t.Error("found where it is not")
	}
	if want := "looked for " + filepath.Join(dir, "fw.debug") + ", " + filepath.Join(dir, ".debug", "fw.debug") + ", "; !strings.Contains(lacking, want) {
		t.Errorf("%s; want %s", lacking, want)
	}
	if !ask(dir, filepath.Dir(apart)) {
		t.Error("not found")
	}
	if lacking != "<nil>" {
		t.Error(lacking)
	}
	f, err := os.OpenFile(apart, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("x"))
	f.Close()
	if ask(filepath.Dir(apart)) {
		t.Error("a file with another checksum was taken")
	}
	if want := apart + " is not the debug file of fw.elf: its checksum is "; !strings.Contains(lacking, want) {
		t.Errorf("%s; want %s", lacking, want)
	}
}

// TestFileCutOff cuts a program while it is open.
func TestFileCutOff(t *testing.T) {
	data, err := os.ReadFile("../../testdata/firmware/rv32/fw.elf")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fw.elf")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	err = func() (err error) {
		defer Guard(&err)()
		s.Symbol("main")
		return nil
	}()
	if err != ErrChanged {
		t.Errorf("error %v, want %v", err, ErrChanged)
	}
}
