package zephyr_test

import (
	"bytes"
	"context"
	"regexp"
	"testing"

	"corelift"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

var dumpLine = regexp.MustCompile(`(?m)^.*#CD:.*\n`)

// TestFatalGDB: a stock debugger shows the crash that only the console told of:
// the innermost frame, and the thread.
func TestFatalGDB(t *testing.T) {
	const root = ".."
	cases, err := fixture.Load(root + "/testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Scenario != "undef" && c.Scenario != "panic" {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			text := dumpLine.ReplaceAll(c.Log, nil)
			dumps, err := corelift.Dumps(context.Background(), bytes.NewReader(text), "crash.log")
			if err != nil || len(dumps) != 1 || !dumps[0].Whole {
				t.Fatalf("%+v, %v", dumps, err)
			}
			set, err := firmware.Open(c.ELF)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			core, err := dumps[0].Core(context.Background(), corelift.Options{Program: set})
			if err != nil || core.Damaged() {
				t.Fatalf("%v, %+v", err, core.Diagnostics)
			}
			shown := fixture.GDB(t, root, c.ELF, []string{}, core.Write)
			if len(shown.Threads) != 1 || len(shown.Threads[0].Frames) == 0 {
				t.Fatalf("%+v", shown)
			}
			got, want := shown.Threads[0].Frames[0], c.Crashed().Frames[0]
			if got.PC != want.PC || got.Function != want.Function || got.Line != want.Line {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}
