package differential

import (
	"debug/elf"
	"regexp"
	"strings"
	"testing"
)

// aliases tells the one name, of several that a program has for a function, to
// compare by: without debug information each debugger picks another. Only names
// that share their address are here.
func aliases(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	first := map[uint64]string{}
	for _, s := range symbols {
		if have := first[s.Value]; elf.ST_TYPE(s.Info) == elf.STT_FUNC && (have == "" || s.Name < have) {
			first[s.Value] = s.Name
		}
	}
	names := map[string]string{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && first[s.Value] != s.Name {
			names[s.Name] = first[s.Value]
		}
	}
	return names
}

// cloneNumber is what GDB leaves out of the symbol "msort_with_tmp.part.0".
var cloneNumber = regexp.MustCompile(`\.\d+$`)

// bare takes off the parameters, which GDB leaves on names with a lambda in
// them, as it can't take those apart; of all others it shows the name alone.
func bare(name string) string {
	rest := strings.TrimSuffix(name, " const")
	open := 0
	for i := len(rest) - 1; i >= 0 && strings.HasSuffix(rest, ")") && !strings.HasSuffix(rest, "operator()"); i-- {
		switch rest[i] {
		case ')':
			open++
		case '(':
			if open--; open == 0 {
				return rest[:i]
			}
		}
	}
	return name
}

// rename makes the names of functions comparable; one of which only the symbol
// is known gets its one name.
func rename(s shown, names map[string]string) shown {
	for _, t := range s.Threads {
		for i := range t.Frames {
			f := &t.Frames[i]
			f.Function = bare(f.Function)
			if f.Line != 0 {
				continue
			}
			if name, ok := names[f.Function]; ok {
				f.Function = name
			}
			f.Function = cloneNumber.ReplaceAllString(f.Function, "")
		}
	}
	return s
}
