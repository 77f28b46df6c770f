package corelift_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of rooms in ARCHITECTURE.md says what each package may import of
// corelift. The code must do exactly what the table says, both ways.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| \\d+ \\| `([^`]+)` \\|.*\\| ([^|]+) \\|$")
	want := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		imports := []string{}
		for _, word := range strings.FieldsFunc(m[2], func(c rune) bool { return c == ',' || c == ' ' }) {
			if word != "–" {
				imports = append(imports, strings.Trim(word, "`"))
			}
		}
		slices.Sort(imports)
		want[m[1]] = imports
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	short := func(path string) string {
		if path == "corelift" {
			return "corelift.go"
		}
		return strings.TrimPrefix(path, "corelift/")
	}
	got := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		own := []string{}
		for _, i := range p.Imports {
			if i == "corelift" || strings.HasPrefix(i, "corelift/") {
				own = append(own, short(i))
			}
		}
		slices.Sort(own)
		got[short(p.ImportPath)] = own
	}
	for name, imports := range got {
		w, ok := want[name]
		if !ok {
			t.Errorf("%s is not in ARCHITECTURE.md's table", name)
		} else if !slices.Equal(imports, w) {
			t.Errorf("%s imports %v, the table says %v", name, imports, w)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", name)
		}
	}
}
