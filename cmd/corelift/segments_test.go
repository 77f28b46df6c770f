package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// TestManySegments: of 70,000 segments (PN_XNUM) all are counted, and every
// verb reads the last. Go's debug/elf and LLVM 14 see 65,535, and GDB 13.1 no
// memory of the last (others.md 10).
func TestManySegments(t *testing.T) {
	const count, base, step = 70_000, 0x10000000, 0x2000
	last := fmt.Sprintf("%#x", base+(count-1)*step)
	c := elfcore.New("", arch.AMD64, binary.LittleEndian)
	for i := range count {
		c.Memory.Add(elfcore.NewRegion(elfcore.Addr(base+i*step), fmt.Appendf(nil, "page %05d bytes", i), elfcore.PermR, elfcore.Known, 0))
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "many.core")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ arguments, want string }{
		{"readelf -h", "Number of program headers:         65535 (70001)\n"},
		{"readelf -lW", "There are 70001 program headers, starting at offset 64\n"},
		{"readelf -lW", " 0x00000000" + last[2:] + " 0x000010 0x000010 R   0x1\n"},
		{"readelf -l --json", fmt.Sprintf(`"number": %d,`, count)},
		{"mem ADDRESS 16", "70 61 67 65 20 36 39 39  39 39 20 62 79 74 65 73  |page 69999 bytes|"},
		{"examine ADDRESS -f c -n 16 -e none", "57 '9'"},
	} {
		out, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		verb, rest, _ := strings.Cut(strings.ReplaceAll(x.arguments, "ADDRESS", last), " ")
		run(context.Background(), append([]string{verb, name}, strings.Fields(rest)...), streams{nil, out, os.Stderr})
		text, err := os.ReadFile(out.Name())
		out.Close()
		if err != nil || !strings.Contains(string(text), x.want) {
			t.Errorf("%s: no %q in …%q", x.arguments, x.want, text[max(0, len(text)-300):])
		}
	}
}
