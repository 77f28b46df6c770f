package cexpr

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Every example of the page for users parses, or is refused in those words.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	types := []string{"uint32_t", "uint8_t", "fw::Ring<int, 16>"}
	isType := func(name string) bool { return slices.Contains(types, name) }
	block, examples := "", 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimRight(line, "\n")
		if kind, ok := strings.CutPrefix(line, "```"); ok {
			block = kind
			continue
		}
		if block == "" {
			continue
		}
		examples++
		text, comment, _ := strings.Cut(line, " # ")
		text = strings.TrimRight(text, " ")
		x, err := Parse(text, isType)
		switch {
		case block == "expressions" && err != nil:
			t.Errorf("%s: %v", text, err)
		case block == "refused" && err == nil:
			t.Errorf("%s is taken as %v", text, x)
		case block == "refused" && err.Error() != comment:
			t.Errorf("%s: %v", text, err)
		}
	}
	if examples < 70 {
		t.Errorf("%d examples", examples)
	}
}
