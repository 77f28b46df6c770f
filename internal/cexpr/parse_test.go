package cexpr

import (
	"fmt"
	"strings"
	"testing"
)

// The types that the tests know.
func isTestType(name string) bool {
	return strings.Contains(" T uint32_t k_thread_t fw::T fw::Foo<int, 3> Foo<int> Foo<Bar<int>> &mut[u8] ", " "+name+" ")
}

// dump writes a tree with every parenthesis, operators first.
func dump(n Node) string {
	list := func(head string, parts ...any) string {
		all := []string{head}
		for _, p := range parts {
			switch p := p.(type) {
			case nil:
				all = append(all, "-")
			case *Type:
				all = append(all, dumpType(p))
			case *Name:
				all = append(all, dumpName(p))
			case Node:
				all = append(all, dump(p))
			}
		}
		return "(" + strings.Join(all, " ") + ")"
	}
	switch n := n.(type) {
	case *Name:
		return dumpName(n)
	case *Register:
		return "$" + n.Name
	case *Int:
		u := ""
		if n.Unsigned {
			u = "u"
		}
		return fmt.Sprintf("%d.%d%s%s", n.Value, n.Base, u, strings.Repeat("l", n.Long))
	case *Float:
		return fmt.Sprint(n.Value) + strings.Trim(string(rune(n.Suffix)), "\x00")
	case *Char:
		return fmt.Sprintf("'%d", n.Value)
	case *Str:
		return fmt.Sprintf("%q", n.Value)
	case *Bool:
		return fmt.Sprint(n.Value)
	case *Null:
		return "null"
	case *Unary:
		return list(n.Op, n.X)
	case *Binary:
		return list(n.Op, n.X, n.Y)
	case *Conditional:
		return list("?:", n.If, n.Then, n.Else)
	case *Member:
		if n.Arrow {
			return list("->", n.X, n.Name)
		}
		return list(".", n.X, n.Name)
	case *Index:
		return list("[]", n.X, n.I)
	case *Slice:
		return list("[:]", n.X, n.Low, n.High)
	case *Cast:
		return list("cast", n.Type, n.X)
	case *Memory:
		return list("{}", n.Type, n.X)
	case *Sizeof:
		if n.Type != nil {
			return list("sizeof", n.Type)
		}
		return list("sizeof", n.X)
	}
	panic(fmt.Sprintf("%T", n))
}

// dumpName writes a name; <> around it where its text alone would not tell its parts.
func dumpName(n *Name) string {
	parts := []string{}
	for _, p := range n.Parts {
		if strings.ContainsAny(p, " :/.") {
			p = "<" + p + ">"
		}
		parts = append(parts, p)
	}
	if n.Global {
		parts = append([]string{""}, parts...)
	}
	return strings.Join(parts, "::")
}

// dumpType writes a type in words.
func dumpType(t *Type) string {
	q := strings.Join(append(t.Qualifiers.words(), ""), " ")
	switch t.Form {
	case Named:
		if t.Base != "" {
			return q + t.Base
		}
		return q + strings.TrimLeft(t.Tag+" ", " ") + dumpName(t.Name)
	case Array:
		if t.Count == nil {
			return "array of " + dumpType(t.Elem)
		}
		return "array " + dump(t.Count) + " of " + dumpType(t.Elem)
	case Function:
		params := []string{}
		for _, p := range t.Params {
			params = append(params, dumpType(p))
		}
		if t.Variadic {
			params = append(params, "...")
		}
		return "function(" + strings.Join(params, ", ") + ") to " + dumpType(t.Elem)
	}
	return q + map[Form]string{Pointer: "pointer", Reference: "reference", RvalueReference: "rvalue"}[t.Form] + " to " + dumpType(t.Elem)
}

// Each expression, its tree, and how it prints if not as typed.
var parsed = [][]string{
	// Names.
	{"counter", "counter"},
	{"  _x9$y\t", "_x9$y", "_x9$y"},
	{"größe", "größe"},
	{"::g_state", "::g_state"},
	{"fw::drv::inst", "fw::drv::inst"},
	{"fw :: drv :: inst", "fw::drv::inst", "fw::drv::inst"},
	{"main::count", "main::count"},
	{"uart.c::state", "<uart.c>::state", "'uart.c'::state"},
	{"a.test.cpp::f::x", "<a.test.cpp>::f::x", "'a.test.cpp'::f::x"},
	{"lib.rs::x", "<lib.rs>::x", "'lib.rs'::x"},
	{"'uart.c'::state", "<uart.c>::state"},
	{"'drivers/my uart.c'::state", "<drivers/my uart.c>::state"},
	{"'C:\\fw\\main.c'::x", "<C:\\fw\\main.c>::x"},
	{"'\\\\server\\main.c'::x", "<\\\\server\\main.c>::x"},
	{"'fw::drv::inst'", "<fw::drv::inst>"},
	{"'count.0'", "<count.0>"},
	{"'f(int)'::x", "f(int)::x"},
	{"'c'::x", "c::x", "c::x"},
	{"::'c'", "::c", "::c"},
	{"'+'::x", "+::x"},
	{"'int'", "int"},
	{"'sizeof' + 1", "(+ sizeof 1.10)"},
	{"'two words'::x", "<two words>::x"},
	{"ns::int", "ns::int"},
	{"'Foo::operator=='", "<Foo::operator==>"},
	{"(anonymous namespace)::x", "<(anonymous namespace)>::x"},
	{"fw::(anonymous namespace)::x.y", "(. fw::<(anonymous namespace)>::x y)"},

	// Templates, and what only looks like them.
	{"Foo<int>::bar", "Foo<int>::bar", "'Foo<int>'::bar"},
	{"a::Foo<int,3>::bar", "a::<Foo<int, 3>>::bar", "a::'Foo<int, 3>'::bar"},
	{"Foo<Bar<int> >::x", "Foo<Bar<int>>::x", "'Foo<Bar<int>>'::x"},
	{"Foo<Bar<Baz<int>>>::x", "Foo<Bar<Baz<int>>>::x", "'Foo<Bar<Baz<int>>>'::x"},
	{"Foo<unsigned  int>::x", "<Foo<unsigned int>>::x", "'Foo<unsigned int>'::x"},
	{"Foo<char const *>::x", "<Foo<char const*>>::x", "'Foo<char const*>'::x"},
	{"Foo<(a>b)>::x", "Foo<(a>b)>::x", "'Foo<(a>b)>'::x"},
	{"&max<int>", "(& max<int>)", "&'max<int>'"},
	{"max<int> == 0", "(== max<int> 0.10)", "'max<int>' == 0"},
	{"Ring::<u8>::new", "Ring<u8>::new", "'Ring<u8>'::new"},
	{"a<b", "(< a b)", "a < b"},
	{"a<b>c", "(> (< a b) c)", "a < b > c"},
	{"a<b>(c)", "(> (< a b) c)", "a < b > c"},
	{"a < b > ::c", "(> (< a b) ::c)", "a < b > ::c"},
	{"a<b>>1", "(< a (>> b 1.10))", "a < b >> 1"},
	{"a<(n>>1)", "(< a (>> n 1.10))", "a < n >> 1"},
	{"i<n && j>m", "(&& (< i n) (> j m))", "i < n && j > m"},
	{"i<n && a[j>m]", "(&& (< i n) ([] a (> j m)))", "i < n && a[j > m]"},
	{"a<b<c>>1", "(< (< a b) (>> c 1.10))", "a < b < c >> 1"},
	{"a<'x'>::c", "(> (< a '120) ::c)", "a < 'x' > ::c"},

	// Rust.
	{"core::fmt::{impl#3}::fmt", "core::fmt::{impl#3}::fmt", "core::fmt::'{impl#3}'::fmt"},
	{"app::main::{closure_env#0}", "app::main::{closure_env#0}", "app::main::'{closure_env#0}'"},
	{"pair.0", "(. pair 0)"},
	{"pair.0.1", "(. (. pair 0) 1)"},
	{"a[0].1", "(. ([] a 0.10) 1)"},
	{"(*p).0", "(. (* p) 0)"},

	// Registers.
	{"$r0", "$r0"},
	{"$sp + 4", "(+ $sp 4.10)"},
	{"*(T *)$mcause", "(* (cast pointer to T $mcause))"},

	// Integers.
	{"0", "0.10"},
	{"00", "0.8"},
	{"42", "42.10"},
	{"017", "15.8"},
	{"0x20000000", "536870912.16"},
	{"0XfF", "255.16", "0xff"},
	{"0b101", "5.2"},
	{"0B1", "1.2", "0b1"},
	{"1u", "1.10u"},
	{"1UL", "1.10ul", "1ul"},
	{"1LU", "1.10ul", "1ul"},
	{"1l", "1.10l"},
	{"1ll", "1.10ll"},
	{"0xffull", "255.16ull"},
	{"1LLU", "1.10ull", "1ull"},
	{"18446744073709551615", "18446744073709551615.10"},
	{"0b1u", "1.2u"},
	{"0xe+1", "(+ 14.16 1.10)", "0xe + 1"},

	// Floats.
	{"1.5", "1.5"},
	{".5", "0.5", "0.5"},
	{"5.", "5", "5.0"},
	{"1e3", "1000", "1000.0"},
	{"1e-3", "0.001", "0.001"},
	{"1E+30", "1e+30", "1e+30"},
	{"1.5f", "1.5f"},
	{"1.5L", "1.5l", "1.5l"},
	{"0x1.8p3", "12", "12.0"},
	{"0x1p-2f", "0.25f", "0.25f"},
	{"08e1", "80", "80.0"},
	{"1-.5", "(- 1.10 0.5)", "1 - 0.5"},

	// Characters and strings.
	{"'a'", "'97"},
	{"' '", "'32"},
	{"'\\n'", "'10", "'\\012'"},
	{"'\\''", "'39"},
	{"'\\\\'", "'92"},
	{"'\"'", "'34"},
	{"'\\0'", "'0", "'\\000'"},
	{"'\\377'", "'255"},
	{"'\\x41'", "'65", "'A'"},
	{"'\\e'", "'27", "'\\033'"},
	{"'\\u0041'", "'65", "'A'"},
	{`"text"`, `"text"`},
	{`""`, `""`},
	{`"a\tb\"c'd\\"`, `"a\tb\"c'd\\"`, `"a\011b\"c'd\\"`},
	{`"\1012\x4a"`, `"A2J"`, `"A2J"`},
	{`"Größe"`, `"Größe"`, `"Gr\303\266\303\237e"`},
	{`"\u00f6"`, `"ö"`, `"\303\266"`},

	// Words that are values.
	{"true", "true"},
	{"false", "false"},
	{"NULL", "null"},
	{"nullptr", "null", "NULL"},

	// Unary operators.
	{"*p", "(* p)"},
	{"**p", "(* (* p))"},
	{"&x", "(& x)"},
	{"& &x", "(& (& x))"},
	{"-x", "(- x)"},
	{"- -x", "(- (- x))"},
	{"+ +x", "(+ (+ x))"},
	{"-+x", "(- (+ x))"},
	{"!x", "(! x)"},
	{"!!x", "(! (! x))", "! !x"},
	{"~x", "(~ x)"},
	{"~-!x", "(~ (- (! x)))"},
	{"&a[1]", "(& ([] a 1.10))"},
	{"*a.b", "(* (. a b))"},
	{"(*a).b", "(. (* a) b)"},
	{"-1", "(- 1.10)"},

	// Binary operators: levels and grouping.
	{"a + b * c", "(+ a (* b c))"},
	{"(a + b) * c", "(* (+ a b) c)"},
	{"a - b - c", "(- (- a b) c)"},
	{"a - (b - c)", "(- a (- b c))"},
	{"a / b % c", "(% (/ a b) c)"},
	{"a << b + c", "(<< a (+ b c))"},
	{"a < b << c", "(< a (<< b c))"},
	{"a == b < c", "(== a (< b c))"},
	{"a & b == c", "(& a (== b c))"},
	{"a ^ b & c", "(^ a (& b c))"},
	{"a | b ^ c", "(| a (^ b c))"},
	{"a && b | c", "(&& a (| b c))"},
	{"a || b && c", "(|| a (&& b c))"},
	{"a >= b <= c != d", "(!= (<= (>= a b) c) d)"},
	{"a & &b", "(& a (& b))"},
	{"a - -b", "(- a (- b))"},
	{"a - - -b", "(- a (- (- b)))"},
	{"a * *b", "(* a (* b))"},
	{"a>>b", "(>> a b)", "a >> b"},

	// The conditional operator.
	{"a ? b : c", "(?: a b c)"},
	{"a ? b : c ? d : e", "(?: a b (?: c d e))"},
	{"a ? b ? c : d : e", "(?: a (?: b c d) e)"},
	{"(a ? b : c) ? d : e", "(?: (?: a b c) d e)"},
	{"a || b ? c : d", "(?: (|| a b) c d)"},
	{"(a ? b : c) + 1", "(+ (?: a b c) 1.10)"},
	{"a?::b: ::c", "(?: a ::b ::c)", "a ? ::b : ::c"},

	// Members.
	{"a.b.c", "(. (. a b) c)"},
	{"a->b->c", "(-> (-> a b) c)"},
	{"a -> b . c", "(. (-> a b) c)", "a->b.c"},
	{"a.Base::count", "(. a Base::count)"},
	{"a.'h'::count", "(. a h::count)"},
	{"a .h::count", "(. a h::count)", "a.'h'::count"},
	{"dev->class", "(-> dev class)"},
	{"dev->int", "(-> dev int)"},
	{"x.'odd name'", "(. x <odd name>)"},
	{"this->x", "(-> this x)"},
	{"(1).x", "(. 1.10 x)"},
	{"f.c.x", "(. (. f c) x)"},
	{"p->f.c", "(. (-> p f) c)"},

	// Elements.
	{"a[0]", "([] a 0.10)"},
	{"a[0][1]", "([] ([] a 0.10) 1.10)"},
	{"a[i + 1].b[2]->c", "(-> ([] (. ([] a (+ i 1.10)) b) 2.10) c)"},
	{"*a[0]", "(* ([] a 0.10))"},
	{"(*a)[0]", "([] (* a) 0.10)"},
	{"\"abc\"[1]", "([] \"abc\" 1.10)"},
	{"a[1:3]", "([:] a 1.10 3.10)"},
	{"a[:3]", "([:] a - 3.10)"},
	{"a[1:]", "([:] a 1.10 -)"},
	{"a[ : ]", "([:] a - -)", "a[:]"},
	{"a[x ? y : z : w]", "([:] a (?: x y z) w)", "a[x ? y : z:w]"},
	{"a[1: ::n]", "([:] a 1.10 ::n)"},
	{"a[m::n]", "([] a m::n)"},
	{"a[::n]", "([] a ::n)"},
	{"a[1:3].x", "(. ([:] a 1.10 3.10) x)"},
	{"*p@4", "(@ (* p) 4.10)", "*p @ 4"},
	{"arr[0]@n", "(@ ([] arr 0.10) n)", "arr[0] @ n"},
	{"x@2@3", "(@ (@ x 2.10) 3.10)", "x @ 2 @ 3"},
	{"a + 1 @ 4 << 2", "(<< (@ (+ a 1.10) 4.10) 2.10)"},
	{"a << b @ 2", "(<< a (@ b 2.10))"},
	{"arr[1]@1+2", "(@ ([] arr 1.10) (+ 1.10 2.10))", "arr[1] @ 1 + 2"}, // as GDB 13.1 has it

	// Casts.
	{"(int)x", "(cast int x)"},
	{"(int)-1", "(cast int (- 1.10))"},
	{"(int)x.y", "(cast int (. x y))"},
	{"((int)x).y", "(. (cast int x) y)"},
	{"(int)x + y", "(+ (cast int x) y)"},
	{"(T)(x)", "(cast T x)", "(T)x"},
	{"(x)", "x", "x"},
	{"(x) * y", "(* x y)", "x * y"},
	{"(x) - y", "(- x y)", "x - y"},
	{"(x) & y", "(& x y)", "x & y"},
	{"(T) * y", "(cast T (* y))", "(T)*y"},
	{"(T) - y", "(cast T (- y))", "(T)-y"},
	{"(T) & y", "(cast T (& y))", "(T)&y"},
	{"(T)(uint32_t)x", "(cast T (cast uint32_t x))"},
	{"(fw::T)x", "(cast fw::T x)"},
	{"(::fw::T *)x", "(cast pointer to ::fw::T x)"},
	{"(fw::Foo<int,3> *)x", "(cast pointer to fw::<Foo<int, 3>> x)", "(fw::'Foo<int, 3>' *)x"},
	{"(Foo<Bar<int>>)x", "(cast Foo<Bar<int>> x)", "('Foo<Bar<int>>')x"},
	{"(Foo<int>)x", "(cast Foo<int> x)", "('Foo<int>')x"},
	{"(Foo<int> const &)x", "(cast reference to const Foo<int> x)", "(const 'Foo<int>' &)x"},
	{"('&mut[u8]')x", "(cast &mut[u8] x)"},
	{"(struct k_thread *)p", "(cast pointer to struct k_thread p)"},
	{"((struct k_thread *)p)->base.prio", "(. (-> (cast pointer to struct k_thread p) base) prio)"},
	{"(union u)x", "(cast union u x)"},
	{"(enum fw::e)x", "(cast enum fw::e x)"},
	{"(class C<1> *)x", "(cast pointer to class C<1> x)", "(class 'C<1>' *)x"},
	{"&((struct s *)0)->m", "(& (-> (cast pointer to struct s 0.10) m))"},
	{"*(volatile uint32_t *)0xE000ED28", "(* (cast pointer to volatile uint32_t 3758157096.16))", "*(volatile uint32_t *)0xe000ed28"},

	// Types.
	{"(const volatile unsigned long int **)p", "(cast pointer to pointer to const volatile unsigned long p)", "(const volatile unsigned long **)p"},
	{"(long unsigned const int)p", "(cast const unsigned long p)", "(const unsigned long)p"},
	{"(long long int unsigned)p", "(cast unsigned long long p)", "(unsigned long long)p"},
	{"(signed)p", "(cast int p)", "(int)p"},
	{"(char signed)p", "(cast signed char p)", "(signed char)p"},
	{"(_Bool)p", "(cast bool p)", "(bool)p"},
	{"(long double)1", "(cast long double 1.10)"},
	{"(char *const)p", "(cast const pointer to char p)"},
	{"(char *const *__restrict)p", "(cast restrict pointer to const pointer to char p)", "(char *const *restrict)p"},
	{"(_Atomic int *)p", "(cast pointer to _Atomic int p)"},
	{"(T &&)x", "(cast rvalue to T x)"},
	{"(T & &&)x", "(cast rvalue to reference to T x)"},
	{"(uint32_t[4])x", "(cast array 4.10 of uint32_t x)", "(uint32_t [4])x"},
	{"(char[])x", "(cast array of char x)", "(char [])x"},
	{"(char[2][n + 1])x", "(cast array 2.10 of array (+ n 1.10) of char x)", "(char [2][n + 1])x"},
	{"(char *[4])x", "(cast array 4.10 of pointer to char x)"},
	{"(char (*)[4])x", "(cast pointer to array 4.10 of char x)"},
	{"(void (*)(void))x", "(cast pointer to function() to void x)"},
	{"(void (*)())x", "(cast pointer to function() to void x)", "(void (*)(void))x"},
	{"(void (*)(void *))x", "(cast pointer to function(pointer to void) to void x)"},
	{"(int (*)(T, char *, ...))x", "(cast pointer to function(T, pointer to char, ...) to int x)"},
	{"(int (*[4])(int))x", "(cast array 4.10 of pointer to function(int) to int x)"},
	{"(int (*(*)(char))[3])x", "(cast pointer to function(char) to pointer to array 3.10 of int x)"},
	{"(void (*(*)(int, void (*)(int)))(int))x", "(cast pointer to function(int, pointer to function(int) to void) to pointer to function(int) to void x)"},
	{"(int ((*)))x", "(cast pointer to int x)", "(int *)x"},
	{"(T (*)(struct s, enum e))x", "(cast pointer to function(struct s, enum e) to T x)"},
	{"(unsigned __int128)x", "(cast unsigned __int128 x)"},

	// Sizes, and GDB's braces.
	{"sizeof(int)", "(sizeof int)"},
	{"sizeof (struct s)", "(sizeof struct s)", "sizeof(struct s)"},
	{"sizeof(T)", "(sizeof T)"},
	{"sizeof(x)", "(sizeof x)", "sizeof x"},
	{"sizeof x", "(sizeof x)"},
	{"sizeof x.y[0]", "(sizeof ([] (. x y) 0.10))"},
	{"sizeof(x)[0]", "(sizeof ([] x 0.10))", "sizeof x[0]"},
	{"sizeof *p", "(sizeof (* p))"},
	{"sizeof(int) * p", "(* (sizeof int) p)"},
	{"sizeof a / sizeof a[0]", "(/ (sizeof a) (sizeof ([] a 0.10)))"},
	{"sizeof ((int)x)", "(sizeof (cast int x))"},
	{"sizeof (a + b)", "(sizeof (+ a b))"},
	{"sizeof sizeof(T)", "(sizeof (sizeof T))"},
	{"{uint32_t} 0x20000000", "({} uint32_t 536870912.16)"},
	{"{struct s}p", "({} struct s p)", "{struct s} p"},
	{"{char [4]}p->q", "({} array 4.10 of char (-> p q))", "{char [4]} p->q"},
	{"{unknown_t *} &x", "({} pointer to unknown_t (& x))"},
	{"({T} p).x", "(. ({} T p) x)"},
	{"{int}p@2", "(@ ({} int p) 2.10)", "{int} p @ 2"},

	// Formats.
	{"/x counter", "counter"},
	{"/z $r0", "$r0"},
	{" /t(a)", "a", "/t a"},
	{"/s*p", "(* p)", "/s *p"},
}

func TestParse(t *testing.T) {
	for _, row := range parsed {
		x, err := Parse(row[0], isTestType)
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if got := dump(x.Root); got != row[1] {
			t.Errorf("%s: tree %s, want %s", row[0], got, row[1])
		}
		want := row[0]
		if len(row) == 3 {
			want = row[2]
		}
		if got := x.String(); got != want {
			t.Errorf("%s: prints %s, want %s", row[0], got, want)
		}
		again, err := Parse(x.String(), isTestType)
		if err != nil {
			t.Errorf("%s: printed as %s: %v", row[0], x, err)
		} else if got := dump(again.Root); got != row[1] || again.Format != x.Format {
			t.Errorf("%s: printed as %s: tree %s, want %s", row[0], x, got, row[1])
		}
	}
}

// Nodes point at what an error about them is about.
func TestColumn(t *testing.T) {
	for _, row := range []struct {
		text   string
		column int
	}{
		{"name", 1},
		{"  name", 3},
		{"/x name", 4},
		{"ü + b", 4},
		{"a + b", 3},
		{"-a", 1},
		{"a ? b : c", 3},
		{"a.bc", 3},
		{"a->bc", 4},
		{"a [1]", 3},
		{"a[1:2]", 2},
		{"((int)a)", 2},
		{"{int}a", 1},
		{" sizeof a", 2},
		{"'a'", 1},
		{"(((7)))", 4},
	} {
		x, err := Parse(row.text, nil)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
		} else if got := x.Root.Column(); got != row.column {
			t.Errorf("%s: column %d, want %d", row.text, got, row.column)
		}
	}
	x, err := Parse("(const T (*)[4])x", isTestType)
	if err != nil {
		t.Fatal(err)
	}
	pointer := x.Root.(*Cast).Type
	if p, a, n := pointer.Column(), pointer.Elem.Column(), pointer.Elem.Elem.Column(); p != 11 || a != 13 || n != 2 {
		t.Errorf("columns of a type: %d, %d, %d", p, a, n)
	}
}

// Types are asked for only where they decide something, and by their whole name.
func TestIsType(t *testing.T) {
	for _, row := range []struct{ text, asked string }{
		{"a + b * c", ""},
		{"(a + b)", ""},
		{"(a.b)", ""},
		{"(a)", "a"},
		{"(a * b)", "a"},
		{"(ns::a)*b", "ns::a"},
		{"(::a)*b", "a"},
		{"('a b')*b", "a b"},
		{"sizeof(a)", "a"},
		{"sizeof a", ""},
		{"(struct a *)b", ""},
		{"{a *} b", ""},
		{"(void (*)(a, b))c", "a"},
		{"a<b , c>(d)", "a<b, c>"},
		{"ns::a<b<c> >-d", "ns::a<b<c>>"},
		{"a<b>::c", ""},
		{"a < b > c", ""},
	} {
		var asked []string
		_, _ = Parse(row.text, func(name string) bool { // the error is not the point
			asked = append(asked, name)
			return false
		})
		if got := strings.Join(asked, " "); got != row.asked {
			t.Errorf("%s: asked for %s, want %s", row.text, got, row.asked)
		}
	}
}
