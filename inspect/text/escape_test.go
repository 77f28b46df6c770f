package text

import (
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
		if got := Escape(c.in); got != c.want {
			t.Errorf("Escape(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[0m\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		once := Escape(s)
		if strings.IndexFunc(once, unprintable) >= 0 || Escape(once) != once {
			t.Errorf("Escape(%q) = %q", s, once)
		}
	})
}
