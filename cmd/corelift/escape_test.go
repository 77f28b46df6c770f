package main

import (
	"encoding/json"
	"strings"
	"testing"

	"corelift/inspect/text"
)

// What printJSON writes is printable, and reads back as what went in.
func TestPrintJSON(t *testing.T) {
	in := "\x1b\x00\x7f\u009b\u202e\u2028\U000e0001 \u00fc<&>"
	var b strings.Builder
	if err := printJSON(&b, in); err != nil {
		t.Fatal(err)
	}
	if line := strings.TrimSuffix(b.String(), "\n"); text.Escape(line) != line {
		t.Errorf("%q is not printable", line)
	}
	var out string
	if err := json.Unmarshal([]byte(b.String()), &out); err != nil || out != in {
		t.Errorf("read back %q, %v; want %q", out, err, in)
	}
}

// Text in a script of GDB stays on its line, whatever it is.
func FuzzScriptText(f *testing.F) {
	f.Add("a\x1b[0m\xff\u202e\\")
	f.Fuzz(func(t *testing.T, s string) {
		if name := plainName(s); strings.ContainsAny(name, "\\\n\r") || text.Escape(name) != name {
			t.Errorf("plainName(%q) = %q", s, name)
		}
		var b strings.Builder
		echo(&b, s)
		if line := strings.TrimSuffix(b.String(), "\\n\n"); strings.Contains(line, "\n") || strings.Count(line, `\`)%2 != 0 {
			t.Errorf("echo(%q) = %q", s, b.String())
		}
	})
}
