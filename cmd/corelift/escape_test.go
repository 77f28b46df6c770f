package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"gr\u00fc\u00dfe \u4e16", "gr\u00fc\u00dfe \u4e16"},
		{"a\tb\n", `a\tb\n`},
		{"\x1b[2J", `\x1b[2J`},
		{"\u009b2J", `\u009b2J`}, // CSI as one character of C1
		{"x\u202egpj.exe", `x\u202egpj.exe`},
		{"\x7f\xff\xc3", `\x7f\xff\xc3`},
		{"\u2028", `\u2028`},
		{"it's", "it's"},
	} {
		if got := escape(c.in); got != c.want {
			t.Errorf("escape(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

// What printJSON writes is printable, and reads back as what went in.
func TestPrintJSON(t *testing.T) {
	in := "\x1b\x00\x7f\u009b\u202e\u2028\U000e0001 \u00fc<&>"
	var b strings.Builder
	if err := printJSON(&b, in); err != nil {
		t.Fatal(err)
	}
	if line := strings.TrimSuffix(b.String(), "\n"); escape(line) != line {
		t.Errorf("%q is not printable", line)
	}
	var out string
	if err := json.Unmarshal([]byte(b.String()), &out); err != nil || out != in {
		t.Errorf("read back %q, %v; want %q", out, err, in)
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[0m\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		once := escape(s)
		if strings.IndexFunc(once, unprintable) >= 0 || escape(once) != once {
			t.Errorf("escape(%q) = %q", s, once)
		}
		if name := plainName(s); strings.ContainsAny(name, "\\\n\r") || strings.IndexFunc(name, unprintable) >= 0 {
			t.Errorf("plainName(%q) = %q", s, name)
		}
		var b strings.Builder
		echo(&b, s)
		if line := strings.TrimSuffix(b.String(), "\\n\n"); strings.Contains(line, "\n") || strings.Count(line, `\`)%2 != 0 {
			t.Errorf("echo(%q) = %q", s, b.String())
		}
	})
}
