package firmware

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// archive makes a tree of the test programs and of what is none, and gives the
// bytes of a program.
func archive(t *testing.T) (dir string, content func(string) []byte) {
	dir = t.TempDir()
	content = func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for path, b := range map[string][]byte{
		"2024/app.elf":         content("cortex-m4-o2.elf"),
		"2024/copy":            content("cortex-m4-o2.elf"),
		"2025/padded.elf":      append(content("cortex-m4-o2.elf"), 0), // same build-id, larger
		"2025/app.elf":         content("cortex-m3-og.elf"),
		"2025/zephyr_pre0.elf": content("cortex-m3-clang.elf"),
		"riscv.elf":            content("rv32-o2.elf"),
		"object.o":             content("object.o"),
		"notes.txt":            []byte("not a program"),
		"short.elf":            []byte("\x7fELF"),
		strings.Repeat("deep/", maxArchiveDepth+1) + "app.elf": content("cortex-m3-og.elf"),
	} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"2024/circle": "..", "link.elf": "riscv.elf", "dangling.elf": "none"} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(from))); err != nil {
			t.Skip(err)
		}
	}
	return dir, content
}

func TestArchive(t *testing.T) {
	dir, content := archive(t)
	sum := func(name string) string {
		h := sha256.Sum256(content(name))
		return hex.EncodeToString(h[:])
	}
	build := open(t, "testdata/cortex-m4-o2.elf").Images()[0].BuildID
	m := arch.CortexM
	for name, x := range map[string]struct {
		cpu   *arch.Arch
		id    elfcore.Identity
		want  []string
		named bool
	}{
		"whole hash":        {m, elfcore.Identity{SHA256Prefix: sum("cortex-m3-og.elf")}, []string{"2025/app.elf"}, true},
		"a prefix":          {m, elfcore.Identity{SHA256Prefix: strings.ToUpper(sum("cortex-m4-o2.elf")[:9])}, []string{"2024/app.elf", "2024/copy"}, true},
		"a trial by name":   {m, elfcore.Identity{SHA256Prefix: sum("cortex-m3-clang.elf")[:16]}, []string{"2025/zephyr_pre0.elf"}, true},
		"nobody's hash":     {m, elfcore.Identity{SHA256Prefix: "0123456789"}, nil, true},
		"a build-id":        {m, elfcore.Identity{BuildID: strings.ToUpper(build)}, []string{"2025/padded.elf", "2024/app.elf", "2024/copy"}, true},
		"else by hash":      {m, elfcore.Identity{BuildID: "00", SHA256Prefix: sum("cortex-m3-og.elf")}, []string{"2025/app.elf"}, true},
		"no identity":       {m, elfcore.Identity{}, []string{"2024/app.elf", "2024/copy", "2025/app.elf", "2025/padded.elf"}, false},
		"another CPU":       {arch.RV32, elfcore.Identity{}, []string{"link.elf", "riscv.elf"}, false},
		"a CPU of no file":  {arch.Xtensa, elfcore.Identity{}, nil, false},
		"the CPU not known": {nil, elfcore.Identity{SHA256Prefix: sum("rv32-o2.elf")[:12]}, []string{"link.elf", "riscv.elf"}, true},
	} {
		paths, named, err := Archive(context.Background(), dir, x.cpu, x.id)
		for i := range paths {
			paths[i], _ = filepath.Rel(dir, paths[i])
			paths[i] = filepath.ToSlash(paths[i])
		}
		if err != nil || named != x.named || !slices.Equal(paths, x.want) {
			t.Errorf("%s: %q, named %v, %v; want %q", name, paths, named, err, x.want)
		}
	}
}

func TestArchiveErrors(t *testing.T) {
	if _, _, err := Archive(context.Background(), filepath.Join(t.TempDir(), "none"), nil, elfcore.Identity{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	dir, _ := archive(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if paths, _, err := Archive(ctx, dir, nil, elfcore.Identity{SHA256Prefix: "00"}); !errors.Is(err, context.Canceled) || paths != nil {
		t.Error(paths, err)
	}
	// A link to the archive is the archive.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	if paths, _, err := Archive(context.Background(), link, arch.RV32, elfcore.Identity{}); err != nil || len(paths) != 2 {
		t.Error(paths, err)
	}
}
