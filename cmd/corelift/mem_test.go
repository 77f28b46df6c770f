package main

import (
	"io"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/modules"
)

// TestMemoryBound asks for a document of more memory than fits in one, in one run
// and in several. What is missing takes no room.
func TestMemoryBound(t *testing.T) {
	run := func(size uint64, from string) modules.Run {
		return modules.Run{Range: elfcore.Range{Size: size}, Source: from}
	}
	for _, c := range []struct {
		name string
		runs []modules.Run
		fits bool
	}{
		{"all", []modules.Run{run(maxJSON, modules.FromCore)}, true},
		{"all in two", []modules.Run{run(maxJSON-1, modules.FromCore), run(1, modules.FromFile)}, true},
		{"a byte more", []modules.Run{run(maxJSON+1, modules.FromCore)}, false},
		{"a byte more in two", []modules.Run{run(maxJSON, modules.FromCore), run(1, modules.FromFile)}, false},
		{"the highest", []modules.Run{run(1, modules.FromCore), run(^uint64(0), modules.FromCore)}, false},
		{"a gap", []modules.Run{run(1<<40, modules.Missing), run(1, modules.FromCore)}, true},
	} {
		_, err := printMemory(io.Discard, elfcore.Range{}, func(yield func(modules.Run, error) bool) {
			for _, r := range c.runs {
				if !yield(r, nil) {
					return
				}
			}
		})
		if c.fits != (err == nil) || err != nil && !strings.Contains(err.Error(), "64 MiB") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
