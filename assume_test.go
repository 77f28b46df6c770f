package corelift_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// assumed reads a log without a firmware that the user named.
func assumed(t *testing.T, log []byte, o corelift.Options) (c *elfcore.Core, taken string) {
	t.Helper()
	dumps, err := corelift.Dumps(context.Background(), bytes.NewReader(log), "crash.log")
	if err != nil {
		t.Fatal(err)
	}
	o.Assumed = func(s *firmware.Set) {
		taken = s.Images()[0].Path
		t.Cleanup(func() { s.Close() })
	}
	if c, err = dumps[0].Core(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if c.Program.Assumed != (taken != "") {
		t.Errorf("assumed %v, taken %q", c.Program.Assumed, taken)
	}
	return c, taken
}

func copyOf(t *testing.T, from, to string, more ...byte) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, append(b, more...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// diagnostics joins what was reported under a code.
func diagnostics(c *elfcore.Core, code string) string {
	var list []string
	for _, d := range c.Diagnostics {
		if d.Code == code {
			list = append(list, d.Found+"; "+d.Done)
		}
	}
	return strings.Join(list, "\n")
}

// TestArchiveWithoutIdentity: Zephyr's dumps name no program, so those of the
// archive are compared. Of two that fit alike neither is taken, unless they are
// the same.
func TestArchiveWithoutIdentity(t *testing.T) {
	for _, x := range loadCases(t) {
		if x.Scenario != "undef" {
			continue
		}
		t.Run(x.Name(), func(t *testing.T) {
			dir := t.TempDir()
			if c, taken := assumed(t, x.Log, corelift.Options{Archive: dir}); taken != "" || !strings.Contains(diagnostics(c, "firmware.archive"), "neither build-id nor SHA-256") {
				t.Errorf("%q from an empty archive: %v", taken, c.Diagnostics)
			}
			path := func(name string) string { return filepath.Join(dir, name) }
			copyOf(t, x.ELF, path("fw.elf"))
			copyOf(t, x.ELF, path("same.elf"))
			near, _ := filepath.Glob(filepath.Join(filepath.Dir(x.ELF), "near-*.elf"))
			for _, n := range near {
				copyOf(t, n, path(filepath.Base(n)))
			}
			if c, taken := assumed(t, x.Log, corelift.Options{Archive: dir}); taken != path("fw.elf") {
				t.Errorf("%q taken: %v", taken, c.Diagnostics)
			}
			copyOf(t, x.ELF, path("rival.elf"), 0)
			c, taken := assumed(t, x.Log, corelift.Options{Archive: dir})
			if text := diagnostics(c, "firmware.ambiguous"); taken != "" || !strings.Contains(text, path("fw.elf")+", "+path("rival.elf")) || c.Program.File != "" {
				t.Errorf("%q taken of two: %s", taken, text)
			}
		})
	}
}

// TestOwnBytesProveNothing: what the firmware gave to the core does not speak
// for the firmware, neither its code nor its build-id.
func TestOwnBytesProveNothing(t *testing.T) {
	for _, x := range loadCases(t) {
		p := program(t, x.ELF)
		dumps, err := corelift.Dumps(context.Background(), bytes.NewReader(x.Log), "crash.log")
		if err != nil {
			t.Fatal(err)
		}
		plain, err := dumps[0].Core(context.Background(), corelift.Options{Program: p, Honest: corelift.HonestOff})
		if err != nil {
			t.Fatal(err)
		}
		full, err := dumps[0].Core(context.Background(), corelift.Options{Program: p, SelfContained: true})
		if err != nil {
			t.Fatal(err)
		}
		a, b := p.Match(plain), p.Match(full)
		if a.Verdict != b.Verdict || a.Score != b.Score || strings.Join(a.Reasons, "\n") != strings.Join(b.Reasons, "\n") || plain.Program.MatchVerdict != a.Verdict.String() {
			t.Errorf("%s: %+v, self-contained %+v", x.Name(), a, b)
		}
	}
}
