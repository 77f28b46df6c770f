package inspect_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"corelift"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// BenchmarkStacks reads every frame and variable of the ESP32-C3 dump, each time
// with a firmware that was just opened, as a process does.
func BenchmarkStacks(b *testing.B) {
	dir := filepath.Join("..", "..", "shared", "corpus", "esp", "esp32c3")
	if _, err := os.Stat(dir); err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		p, err := firmware.Open(filepath.Join(dir, "esp32c3.elf"))
		if err != nil {
			b.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, "coredump.b64"))
		if err != nil {
			b.Fatal(err)
		}
		dumps, err := corelift.Dumps(context.Background(), f, "coredump.b64")
		if err != nil {
			b.Fatal(err)
		}
		core, err := dumps[0].Core(context.Background(), corelift.Options{Program: p})
		if err != nil {
			b.Fatal(err)
		}
		s := inspect.New(core, p, inspect.Options{})
		for _, t := range core.Threads {
			if _, err := s.Stack(t.ID, inspect.StackOptions{Arguments: true, Locals: true}); err != nil {
				b.Fatal(err)
			}
		}
		f.Close()
		p.Close()
	}
}
