package debuginfo

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAgainstGDB compares lines, functions, inlined calls and variables at every
// row of the line tables (every seventh of the large programs), and beside it,
// with GDB's.
func TestAgainstGDB(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) { compareGDB(t, p) })
	}
}

// gdbAnswer is what testdata/scopes.py writes for an address.
type gdbAnswer struct {
	PC     uint64
	File   string
	Line   int
	Scopes []struct {
		Name      string
		Variables [][3]string
	}
}

func askScopes(t testing.TB, p program, pcs []uint64) (answers []gdbAnswer) {
	needs(t, "gdb-multiarch")
	dir := t.TempDir()
	var list strings.Builder
	for _, pc := range pcs {
		fmt.Fprintf(&list, "%x\n", pc)
	}
	in, out := filepath.Join(dir, "pcs"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("gdb-multiarch", "-nx", "-batch", "-x", "testdata/scopes.py", p.path)
	c.Env = append(os.Environ(), "PCS="+in, "OUT="+out, "LC_ALL=C.UTF-8")
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := json.Unmarshal(b, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// samples are the addresses of every nth row, and some in between.
func (p program) samples() (pcs []uint64) {
	every, n := 1, 0
	if len(p.bytes(secInfo)) > 1<<18 {
		every = 7
	}
	for l := range p.lineTables() {
		for i, r := range l.rows() {
			if r.end || i%every != 0 {
				continue
			}
			pcs = append(pcs, r.addr)
			if n++; n%3 == 0 {
				pcs = append(pcs, r.addr+2, r.addr-2)
			}
		}
	}
	return pcs
}

func compareGDB(t *testing.T, p program) {
	symbols := p.functionSymbols()
	var lines, scopes, variables, twice, astray int
	for _, want := range askScopes(t, p, p.samples()) {
		var got Line
		var f *Function
		var stack []Scope
		if u, ok := p.UnitAt(want.PC); ok {
			got, _ = u.Lines().At(want.PC)
			if f, ok = u.Function(want.PC); ok {
				stack = f.Inlines(want.PC)
			}
		}
		names, gdbNames := []string{}, []string{}
		for _, s := range stack {
			names = append(names, s.Name)
		}
		for _, s := range want.Scopes {
			gdbNames = append(gdbNames, withoutParameters(s.Name))
		}
		same := slices.EqualFunc(names, gdbNames, sameName)
		if gdbAstray(f, same, symbolsAt(symbols, want.PC)) {
			astray++
			continue
		}
		if path.Clean(got.File) != path.Clean(want.File) || got.Line != want.Line {
			t.Errorf("%#x: %s:%d, GDB: %s:%d", want.PC, got.File, got.Line, want.File, want.Line)
		}
		lines++
		if !same {
			t.Errorf("%#x: in %q, GDB: %q", want.PC, names, gdbNames)
			continue
		}
		scopes += len(names)
		for i, s := range stack {
			n, m, ok := compareVariables(s, want.PC, want.Scopes[i].Variables)
			if !ok {
				t.Errorf("%#x, %s: %v, GDB: %v", want.PC, s.Name, describe(s.Variables(want.PC)), want.Scopes[i].Variables)
			}
			variables += n
			twice += m
		}
	}
	t.Logf("equal: %d lines, %d scopes, %d variables; GDB lists %d variables twice, is astray at %d addresses",
		lines, scopes, variables, twice, astray)
}

// gdbAstray tells whether GDB can't be right about an address in f, or in none:
//
//   - It can't tell functions at 0 from those that the linker dropped.
//   - It takes the address of a Thumb function in assembler for an odd one, so
//     that its first byte belongs to the function before.
//   - On RISC-V, GNU as gives the size of a function from before the linker
//     shrinks it, so that GDB sees it go on into the next.
//   - GDB 13 finds none of Rust's standard library in a program with DWARF 5.
//
// The symbols tell.
func gdbAstray(f *Function, same bool, symbols []elf.Symbol) bool {
	named := func(s elf.Symbol) bool {
		return f == nil && s.Value&1 != 0 || f != nil && symbolOf(s.Name, f)
	}
	return f != nil && f.Ranges[0][0] == 0 || !same && slices.ContainsFunc(symbols, named)
}

// functionSymbols are the symbols that may be functions'.
func (p program) functionSymbols() []elf.Symbol {
	symbols, _ := p.elf.Symbols()
	return slices.DeleteFunc(symbols, func(s elf.Symbol) bool {
		return elf.ST_TYPE(s.Info) > elf.STT_FUNC || s.Name == "" || strings.HasPrefix(s.Name, "$") || s.Section == elf.SHN_UNDEF
	})
}

// symbolsAt are those of the last address at or before pc that has any. Bit 0 is
// Thumb's.
func symbolsAt(symbols []elf.Symbol, pc uint64) (found []elf.Symbol) {
	var best uint64
	for _, s := range symbols {
		at := s.Value &^ 1
		if at > pc || at < best {
			continue
		}
		if at > best {
			best, found = at, nil
		}
		found = append(found, s)
	}
	return found
}

// sameName compares names of functions. GDB has them from the demangled symbol,
// whose template arguments are complete.
func sameName(got, gdb string) bool {
	if i := strings.LastIndex(gdb, "::$_"); i >= 0 { // clang's lambda expressions
		_, gdb, _ = strings.Cut(gdb[i+2:], "::")
	}
	return got == gdb || withoutArguments(got) == withoutArguments(gdb)
}

func withoutArguments(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch r {
		case '<':
			depth++
		case '>':
			depth--
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// withoutParameters drops the parameters that GDB shows after C++ names.
func withoutParameters(s string) string {
	s = strings.TrimSuffix(s, " const")
	if !strings.HasSuffix(s, ")") || strings.HasSuffix(s, "operator()") {
		return s
	}
	depth := 0
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return s[:i]
			}
		}
	}
	return s
}

func describe(vars []Variable) (list [][3]string) {
	for _, v := range vars {
		kind := "variable"
		if v.Param {
			kind = "parameter"
		}
		list = append(list, [3]string{v.Name, kind, fmt.Sprint(v.DeclLine())})
	}
	slices.SortFunc(list, func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	return list
}

// compareVariables compares those of a scope with GDB's sorted list. GDB adds a
// variable of the abstract instance again, as optimised out, where the concrete
// one has moved to another block; those are counted as twice.
func compareVariables(s Scope, pc uint64, gdb [][3]string) (equal, twice int, ok bool) {
	var concrete []Variable
	s.Entry.eachBelow(func(e Entry, _ int) bool {
		if e.Tag == dwarf.TagVariable || e.Tag == dwarf.TagFormalParameter {
			v := Variable{Name: e.Name(), Entry: e}
			concrete = append(concrete, v)
			v.Param = true
			concrete = append(concrete, v)
		}
		return e.block()
	})
	moved := describe(concrete)
	got := describe(s.Variables(pc))
	for _, v := range gdb {
		switch {
		case equal < len(got) && got[equal] == v:
			equal++
		case slices.Contains(moved, v):
			twice++
		default:
			return equal, twice, false
		}
	}
	return equal, twice, equal == len(got)
}
