//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"corelift"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// load makes a client of a fixture of testdata/firmware: "cortex-m3", "div".
func load(t testing.TB, cpu, scenario string) *client {
	t.Helper()
	dir := filepath.Join("..", "..", "testdata", "firmware", cpu)
	p, err := firmware.Open(filepath.Join(dir, "fw.elf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	f, err := os.Open(filepath.Join(dir, scenario+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dumps, err := corelift.Dumps(context.Background(), f, f.Name())
	if err != nil {
		t.Fatal(err)
	}
	core, err := dumps[0].Core(context.Background(), corelift.Options{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(inspect.New(core, p, inspect.Options{}), 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func quote(s string) string { return strconv.Quote(s) }

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }
