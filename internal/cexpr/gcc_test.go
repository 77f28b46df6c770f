package cexpr

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// gcc compiles a C program, runs it, and gives what it prints.
func gcc(t *testing.T, program string) string {
	t.Helper()
	fixture.Need(t, "gcc")
	dir := t.TempDir()
	source, run := filepath.Join(dir, "t.c"), filepath.Join(dir, "t")
	if err := os.WriteFile(source, []byte(program), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-std=gnu17", "-w", "-fwrapv", "-o", run, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%.2000s", err, out)
	}
	out, err := exec.Command(run).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// ctype is an integer type of x86-64 Linux.
type ctype struct {
	name     string
	size     int
	rank     int
	unsigned bool
}

var ctypes = []ctype{
	{"bool", 1, 0, true},
	{"signed char", 1, 1, false}, {"unsigned char", 1, 1, true},
	{"short", 2, 2, false}, {"unsigned short", 2, 2, true},
	{"int", 4, 3, false}, {"unsigned int", 4, 3, true},
	{"long", 8, 4, false}, {"unsigned long", 8, 4, true},
	{"long long", 8, 5, false}, {"unsigned long long", 8, 5, true},
}

// cint is the ctype int.
var cint = ctypes[5]

// cvalue is a value of a type, extended to 64 bits as its sign wants.
type cvalue struct {
	bits uint64
	typ  ctype
}

func (t ctype) of(bits uint64) cvalue {
	shift := 64 - 8*t.size
	switch {
	case t.name == "bool":
		if bits != 0 {
			bits = 1
		}
	case t.unsigned:
		bits = bits << shift >> shift
	default:
		bits = uint64(int64(bits<<shift) >> shift)
	}
	return cvalue{bits, t}
}

func (v cvalue) promoted() cvalue {
	if v.typ.rank < cint.rank {
		return cint.of(v.bits)
	}
	return v
}

// common converts both to their common type (C17, 6.3.1.8).
func common(a, b cvalue) (cvalue, cvalue, ctype) {
	a, b = a.promoted(), b.promoted()
	high, low := a.typ, b.typ
	if high.rank < low.rank || high.rank == low.rank && low.unsigned {
		high, low = low, high
	}
	if low.unsigned && !high.unsigned && low.size == high.size {
		high = ctypes[slices.Index(ctypes, high)+1]
	}
	return high.of(a.bits), high.of(b.bits), high
}

func truth(b bool) cvalue {
	if b {
		return cint.of(1)
	}
	return cint.of(0)
}

// undefined is the panic of an expression that C does not define.
type undefined struct{}

// evaluate computes a constant expression as C does.
func evaluate(n Node) cvalue {
	switch n := n.(type) {
	case *Int:
		for _, t := range ctypes[5:] {
			fits := t.unsigned || int64(n.Value) >= 0 && t.of(n.Value).bits == n.Value
			fits = fits && t.of(n.Value).bits == n.Value
			if fits && t.rank >= 3+n.Long && (t.unsigned || !n.Unsigned) && (!t.unsigned || n.Unsigned || n.Base != 10) {
				return t.of(n.Value)
			}
		}
		panic(undefined{})
	case *Char:
		return cint.of(uint64(int8(n.Value)))
	case *Unary:
		x := evaluate(n.X).promoted()
		switch n.Op {
		case "-":
			return x.typ.of(-x.bits)
		case "+":
			return x
		case "~":
			return x.typ.of(^x.bits)
		case "!":
			return truth(x.bits == 0)
		}
	case *Cast:
		for _, t := range ctypes {
			if t.name == n.Type.Base {
				return t.of(evaluate(n.X).bits)
			}
		}
	case *Sizeof:
		if n.Type != nil {
			for _, t := range ctypes {
				if t.name == n.Type.Base {
					return ctypes[8].of(uint64(t.size))
				}
			}
		}
		return ctypes[8].of(uint64(evaluate(n.X).typ.size))
	case *Conditional:
		a, b, t := common(evaluate(n.Then), evaluate(n.Else))
		if evaluate(n.If).bits != 0 {
			return t.of(a.bits)
		}
		return t.of(b.bits)
	case *Binary:
		return binaryValue(n.Op, evaluate(n.X), evaluate(n.Y))
	}
	panic(fmt.Sprintf("no constant: %v", n))
}

func binaryValue(op string, x, y cvalue) cvalue {
	switch op {
	case "&&":
		return truth(x.bits != 0 && y.bits != 0)
	case "||":
		return truth(x.bits != 0 || y.bits != 0)
	case "<<", ">>":
		x, y = x.promoted(), y.promoted()
		switch {
		case y.bits >= uint64(8*x.typ.size):
			panic(undefined{})
		case op == "<<":
			return x.typ.of(x.bits << y.bits)
		case x.typ.unsigned:
			return x.typ.of(x.bits >> y.bits)
		}
		return x.typ.of(uint64(int64(x.bits) >> y.bits))
	}
	a, b, t := common(x, y)
	less := int64(a.bits) < int64(b.bits)
	if t.unsigned {
		less = a.bits < b.bits
	}
	switch op {
	case "+":
		return t.of(a.bits + b.bits)
	case "-":
		return t.of(a.bits - b.bits)
	case "*":
		return t.of(a.bits * b.bits)
	case "/", "%":
		quotient := uint64(0)
		switch {
		case b.bits == 0 || !t.unsigned && b.bits == ^uint64(0):
			panic(undefined{}) // by -1 may overflow
		case t.unsigned:
			quotient = a.bits / b.bits
		default:
			quotient = uint64(int64(a.bits) / int64(b.bits))
		}
		if op == "/" {
			return t.of(quotient)
		}
		return t.of(a.bits - quotient*b.bits)
	case "&":
		return t.of(a.bits & b.bits)
	case "|":
		return t.of(a.bits | b.bits)
	case "^":
		return t.of(a.bits ^ b.bits)
	case "==":
		return truth(a.bits == b.bits)
	case "!=":
		return truth(a.bits != b.bits)
	case "<":
		return truth(less)
	case ">=":
		return truth(!less)
	case ">":
		return truth(!less && a.bits != b.bits)
	case "<=":
		return truth(less || a.bits == b.bits)
	}
	panic("no operator " + op)
}

// pick takes one of the words between blanks; within them stand tabs for blanks.
func pick(r *rand.Rand, words string) string {
	list := strings.Split(words, " ")
	return strings.ReplaceAll(list[r.IntN(len(list))], "\t", " ")
}

// randomExpression makes a text, not a tree: what belongs to what is for the
// parsers.
func randomExpression(r *rand.Rand, depth int) string {
	var b strings.Builder
	for {
		for r.IntN(3) == 0 {
			b.WriteString(pick(r, "- + ! ~ (int) (short) (unsigned) (long) (signed\tchar) (unsigned\tshort) (bool) (const\tlong\tint) sizeof\t+"))
			b.WriteByte(' ')
		}
		switch {
		case depth > 0 && r.IntN(4) == 0:
			b.WriteString("(" + randomExpression(r, depth-1) + ")")
		case r.IntN(20) == 0:
			b.WriteString("sizeof(" + pick(r, "int signed\tchar short\tint const\tlong unsigned") + ")")
		default:
			b.WriteString(pick(r, "0 1 1 2 2 3 4 5 7 8 9 10 12 31 0x1f 017 0b11 1u 3UL 2ll 0x80000000 0xffffffff 4294967295 0x7fffffffffffffff 0xffffffffffffffff 'a' '\\377' '\\n'"))
		}
		switch r.IntN(depth + 3) {
		case 0:
			return b.String()
		case 1:
			if depth > 0 && r.IntN(3) == 0 {
				b.WriteString(" ? " + randomExpression(r, depth-1) + " : ")
				continue
			}
		}
		b.WriteString(" " + pick(r, "* / % + - << >> < <= > >= == != & ^ | && ||") + " ")
	}
}

// The same texts, evaluated from this package's trees and by gcc: every level,
// every grouping, every constant's type.
func TestGCCEvaluates(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var texts []string
	var want strings.Builder
	var program strings.Builder
	program.WriteString("#include <stdio.h>\n#include <stdbool.h>\n" +
		"#define P(x) printf(\"%s %lld\\n\", _Generic((x), int: \"int\", unsigned: \"unsigned int\", long: \"long\", " +
		"unsigned long: \"unsigned long\", long long: \"long long\", unsigned long long: \"unsigned long long\", default: \"narrow\"), (long long)(x));\n" +
		"int main(void) {\n")
	for len(texts) < 2000 {
		text := randomExpression(r, 3)
		if len(text) > 300 {
			continue
		}
		v, ok := tryEvaluate(t, text)
		if !ok {
			continue
		}
		name := v.typ.name
		if v.typ.rank < cint.rank {
			name = "narrow"
		}
		texts = append(texts, text)
		fmt.Fprintf(&want, "%s %d\n", name, int64(v.bits))
		fmt.Fprintf(&program, "P(%s)\n", text)
	}
	program.WriteString("return 0; }\n")
	got := strings.Split(gcc(t, program.String()), "\n")
	for i, w := range strings.Split(strings.TrimSpace(want.String()), "\n") {
		if got[i] != w {
			t.Errorf("%s: gcc has %s, we %s", texts[i], got[i], w)
		}
	}
}

// tryEvaluate parses and evaluates; ok is false for what C does not define.
func tryEvaluate(t *testing.T, text string) (v cvalue, ok bool) {
	t.Helper()
	x, err := Parse(text, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer func() {
		if e := recover(); e != nil {
			if _, is := e.(undefined); !is {
				panic(e)
			}
			ok = false
		}
	}()
	return evaluate(x.Root), true
}

// Every spelling of a base type is the type that gcc takes it for.
func TestGCCBaseTypes(t *testing.T) {
	var program strings.Builder
	program.WriteString("#include <stdbool.h>\n#include <stdio.h>\nint main(void) {\n")
	for _, b := range baseTypes {
		fmt.Fprintf(&program, "printf(\"%%d\", __builtin_types_compatible_p(%s *, %s *));\n", b.words, b.name)
		if got, ok := baseType(strings.Fields(b.words)); !ok || got != b.name {
			t.Errorf("%s is %s, %v", b.words, got, ok)
		}
	}
	program.WriteString("return 0; }\n")
	if got := gcc(t, program.String()); got != strings.Repeat("1", len(baseTypes)) {
		t.Errorf("gcc has other types: %s", got)
	}
	for spelling, want := range map[string]string{
		"long unsigned int": "unsigned long", "long long unsigned int": "unsigned long long", "short int": "short", "_Bool": "bool",
		"int": "int", "": "", "uint32_t": "", "long char": "", "signed unsigned": "", "int int": "",
	} {
		if got, ok := baseType(strings.Fields(spelling)); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v", spelling, got, ok)
		}
	}
}

// Types as gcc reads them, compared with types built step by step from our trees
// through typedefs, which need no declarators.
func TestGCCTypes(t *testing.T) {
	const known = "#include <stdbool.h>\n#include <stdio.h>\n#include <stdint.h>\ntypedef struct { int i; } T;\nstruct s { int i; };\nenum e { E };\nunion u { int i; };\n" +
		"typedef struct k_thread { int x; } k_thread_t;\n"
	var defs, checks strings.Builder
	count, n := 0, 0
	var build func(t *Type) string
	build = func(t *Type) string {
		if t.Form == Named {
			return t.String()
		}
		elem := build(t.Elem)
		params := []string{}
		for _, p := range t.Params {
			params = append(params, build(p))
		}
		if t.Variadic {
			params = append(params, "...")
		}
		if len(params) == 0 {
			params = []string{"void"}
		}
		n++
		name := fmt.Sprintf("t%d", n)
		switch t.Form {
		case Pointer:
			fmt.Fprintf(&defs, "typedef %s *%s %s;\n", elem, strings.Join(t.Qualifiers.words(), " "), name)
		case Array:
			fmt.Fprintf(&defs, "typedef %s %s[%v];\n", elem, name, t.Count)
		case Function:
			fmt.Fprintf(&defs, "typedef %s %s(%s);\n", elem, name, strings.Join(params, ", "))
		}
		return name
	}
	r := rand.New(rand.NewPCG(5, 5))
	for count < 500 {
		text := randomType(r, 4)
		x, err := Parse("("+text+")0", isTestType)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		name := build(x.Root.(*Cast).Type)
		fmt.Fprintf(&checks, "if (!__builtin_types_compatible_p(__typeof__(%s) *, %s *)) puts(%q);\n", text, name, text)
		fmt.Fprintf(&checks, "if (!__builtin_types_compatible_p(__typeof__(%v) *, %s *)) puts(%q);\n", x.Root.(*Cast).Type, name, "printed: "+text)
		count++
	}
	if got := gcc(t, known+defs.String()+"int main(void) {\n"+checks.String()+"return 0; }\n"); got != "" {
		t.Errorf("gcc reads other types:\n%s", got)
	}
}

// randomType makes a valid type: the declarator grows from the inside.
func randomType(r *rand.Rand, depth int) string {
	base := pick(r, "int char T uint32_t struct\ts enum\te union\tu const\tchar volatile\tuint32_t long\tunsigned\tint short\tconst k_thread_t")
	inner, last := "", ""
	for range r.IntN(depth + 1) {
		next := pick(r, "* * [2] [3+1] ()")
		switch {
		case next == "*":
			inner = "*" + pick(r, "const volatile \t") + " " + inner
		default:
			if last == "*" {
				inner = "(" + inner + ")"
			}
			// No functions returning functions or arrays, no arrays of functions.
			if last == "()" || last == "[" && next == "()" {
				continue
			}
			if next == "()" {
				params := []string{}
				for range r.IntN(3) {
					params = append(params, randomType(r, depth-2))
				}
				next = "(" + strings.Join(params, ", ") + ")"
				inner += strings.Replace(next, "()", "(void)", 1)
				last = "()"
				continue
			}
			inner += next
			last = "["
			continue
		}
		last = next
	}
	return base + " " + inner
}
