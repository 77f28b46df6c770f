package inspect_test

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentedExpressions evaluates the examples of the page for users. Most
// name what is in no fixture; these have a value.
func TestDocumentedExpressions(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	f, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"*(volatile uint32_t *)0xE000ED28": "<not in dump>",
		"{uint32_t} 0x20000000":            "1234",
		"42 + 0x2a + 052 + 0b101010":       "168",
		"1u + 1UL + 1ll":                   "3",
		"1.5 + 1e-3 + 0x1p4 + 2.5f":        "20.001000000000001",
		`'a' + '\n' + '\x41' + '\0'`:       "172",
		`"text"`:                           `"text"`,
		"true || false":                    "1",
		"/a $lr":                           "0xfffffcdd",
		"$sp + 16":                         "(void *) 0x20001140 <worker_stack+1424>",
	}
	for _, example := range examples(t) {
		v, err := s.Eval(f, example, 0)
		text, expected := want[example]
		if delete(want, example); expected && (err != nil || v.Text != text) {
			t.Errorf("%s = %s, %v; want %s", example, v.Text, err, text)
		}
	}
	for example := range want {
		t.Errorf("%s is not on the page", example)
	}
}

// examples are the lines of docs/expressions.md that have a value somewhere.
func examples(t *testing.T) (list []string) {
	page, err := os.ReadFile("../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	block := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if kind, ok := strings.CutPrefix(line, "```"); ok {
			block = kind
			continue
		}
		if block == "expressions" {
			text, _, _ := strings.Cut(line, " # ")
			list = append(list, strings.TrimRight(text, " "))
		}
	}
	return list
}
