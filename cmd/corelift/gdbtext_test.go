package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// TestReadsLikeGDB compares the lines of "bt -a" with those of GDB: number,
// address where GDB shows one, function, file and line. internal/differential
// compares the values.
func TestReadsLikeGDB(t *testing.T) {
	gdb := fixture.Need(t, "gdb-multiarch")
	logs, _ := filepath.Glob("../../testdata/firmware/*/undef.log")
	lines := 0
	for _, log := range logs {
		elf, core := filepath.Join(filepath.Dir(log), "fw.elf"), filepath.Join(t.TempDir(), "crash.core")
		printedBy(t, "convert", log, "-e", elf, "-o", core)
		out, err := exec.Command(gdb, "-nx", "-batch", elf, core, "-ex", "set width 0", "-ex", "thread apply all -ascending bt").Output()
		if err != nil {
			t.Fatal(err)
		}
		want := stacksIn(string(out))
		got := stacksIn(printedBy(t, "bt", "-a", log, "-e", elf))
		for thread, frames := range got {
			for i, frame := range frames {
				if i >= len(want[thread]) || strings.HasSuffix(want[thread][i], " ??") {
					break // GDB found no further ones
				}
				if lines++; frame != want[thread][i] {
					t.Errorf("%s, thread %s: %s, GDB has %s", log, thread, frame, want[thread][i])
				}
			}
		}
	}
	if lines < 200 {
		t.Errorf("only %d lines were compared", lines)
	}
}

// printedBy runs a command line and returns what it printed.
func printedBy(t *testing.T, args ...string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if code := run(context.Background(), args, streams{null, out, null}); code != exitComplete {
		t.Fatalf("%v: exit code %d", args, code)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	threadLines = regexp.MustCompile(`^Thread (\d+)`)
	frameLines  = regexp.MustCompile(`^(#\d+ +(?:0x[0-9a-f]+ in )?[^ ]+) .*?( at [^ ]+:\d+)?(?:  \[[a-z-]+\])?$`)
)

// stacksIn finds the frames in what bt prints, by thread, without arguments.
func stacksIn(text string) map[string][]string {
	stacks := map[string][]string{}
	thread := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := threadLines.FindStringSubmatch(line); m != nil {
			thread = m[1]
		}
		if m := frameLines.FindStringSubmatch(line); m != nil && thread != "" {
			stacks[thread] = append(stacks[thread], m[1]+m[2])
		}
	}
	return stacks
}
