package cexpr

import (
	"strings"
	"testing"
)

// FuzzParse: no panic; errors point into the text; what is read prints so that it
// reads the same again.
func FuzzParse(f *testing.F) {
	for _, row := range parsed {
		f.Add(row[0])
	}
	for _, seed := range []string{"a<b>>c::d", "(T)(T)*x[", "'\\''::x", "{a}b@3[1::c]", "x.'0'.0.'0x'", "A<(- >)>::b", "a<::b>::c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Names in capitals are types, and so are templates.
		isType := func(name string) bool {
			return name == strings.ToUpper(name) || strings.HasSuffix(name, ">")
		}
		x, err := Parse(text, isType)
		if err != nil {
			if e := err.(*Error); e.Column < 1 || e.Column > len(text)+1 {
				t.Errorf("%q: column %d", text, e.Column)
			}
			return
		}
		printed := x.String()
		again, err := Parse(printed, isType)
		if err != nil {
			if len(printed) > maxText {
				return
			}
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if was, is := dump(x.Root), dump(again.Root); was != is || again.Format != x.Format {
			t.Errorf("%q is %s, printed as %q %s", text, was, printed, is)
		}
	})
}
