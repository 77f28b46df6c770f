//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"reflect"
	"strings"
	"testing"

	"github.com/go-delve/delve/service/api"

	"corelift/elfcore"
	"corelift/inspect"
)

// known is a value that stands in the dump, at an address unless at is 0.
func known(typ, kind, text string, at elfcore.Addr) inspect.Value {
	v := inspect.Value{Type: typ, Kind: kind, Text: text, Presence: inspect.Present, State: elfcore.Known, Size: 4}
	if at != 0 {
		v.Address = &at
	}
	return v
}

func pointing(typ, text string, to elfcore.Addr) inspect.Value {
	v := known(typ, "pointer", text, 0)
	v.Pointer = &to
	return v
}

func counted(v inspect.Value, n int64, children ...inspect.Variable) inspect.Value {
	v.Count, v.Children = &n, children
	return v
}

// TestVariable pins what Delve prints of a value, and what kind a script sees:
// "func" is a text, which it can't take for a number.
func TestVariable(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	stale := known("int", "int", "5", 0)
	stale.State, stale.Reason = elfcore.Suspect, "may be stale: r0 is not preserved by the call"
	absent := inspect.Value{Type: "int", Kind: "int", Text: "<optimized out>", Presence: inspect.OptimisedOut}
	one := known("int", "int", "1", 0)
	inRegisters := known("struct pair", "struct", "{a = 1, b = <optimized out>, c = 5}", 0)
	inRegisters.Children = []inspect.Variable{{Name: "a", Value: one}, {Name: "b", Value: absent}, {Name: "c", Value: stale}}
	outer := known("struct outer", "struct", "{in = {...}, {x = 1}}", 0x100)
	anonymous := known("union {...}", "union", "{x = 1}", 0x104)
	anonymous.Children = []inspect.Variable{{Name: "x", Value: known("int", "int", "1", 0x104)}}
	outer.Children = []inspect.Variable{{Name: "in", Value: inRegisters}, {Value: anonymous}}
	form := known("Move", "struct", "{x = 1}", 0)
	form.Children = []inspect.Variable{{Name: "x", Value: one}}
	message := known("Msg", "variant", "Msg::Move{x = 1}", 0)
	message.Children = []inspect.Variable{{Name: "Move", Value: form}}

	for _, x := range []struct {
		v    inspect.Value
		kind reflect.Kind
		want string
	}{
		{known("int", "int", "-5", 0), reflect.Int, "-5"},
		{known("uint64_t", "uint", "18446744073709551615", 0), reflect.Uint, "18446744073709551615"},
		{known("__int128", "int", "340282366920938463463374607431768211455", 0), reflect.Func, "340282366920938463463374607431768211455"},
		{known("_Bool", "bool", "true", 0), reflect.Bool, "true"},
		{known("_Bool", "bool", "5", 0), reflect.Func, "5"},
		{known("char", "char", "65 'A'", 0), reflect.Int, "'A' (65)"},
		{known("double", "float", "1.5", 0), reflect.Float64, "1.5"},
		{known("double", "float", "-inf", 0), reflect.Float64, "-Inf"},
		{known("double", "float", "-nan(0x8000000000000)", 0), reflect.Func, "-nan(0x8000000000000)"},
		{known("enum flags", "enum", "(A | B)", 0), reflect.Func, "(A | B)"},
		{known("char [8]", "array", `"ab\000\000\000\000\000"`, 0), reflect.String, `"ab"`},
		{known("char [24]", "array", `"tank", '\000' <repeats 19 times>`, 0), reflect.String, `"tank"`},
		{known("char [24]", "array", `"ab", 'c' <repeats 20 times>`, 0), reflect.Func, `"ab", 'c' <repeats 20 times>`},
		{known("char [8]", "array", `"\033[31m"`, 0), reflect.Func, `"\033[31m"`},
		{known("char [300]", "array", `"abc"...`, 0), reflect.Func, `"abc"...`},
		{known("wchar_t [3]", "array", `L"ab"`, 0), reflect.Func, `L"ab"`},
		{pointing("const char *", `0x8000 "hi"`, 0x8000), reflect.String, `"hi"`},
		{pointing("const char *", `0x20000000 <not in dump>`, 0x20000000), reflect.Ptr, "(const char *)(0x20000000)"},
		{pointing("struct node *", "0x0", 0), reflect.Ptr, "nil"},
		{pointing("struct node *", "0x20000010", 0x20000010), reflect.Ptr, "(struct node *)(0x20000010)"},
		{pointing("const void *", "0x10", 0x10), reflect.Uint, "0x10 (16)"},
		{pointing("void (*)(int)", "0xdb <hook>", 0xdb), reflect.Func, "0xdb <hook>"},
		{stale, reflect.Func, "5 (may be stale)"},
		{absent, reflect.Func, "<optimized out>"},
		{inRegisters, reflect.Struct, "struct pair {a: 1, b: <optimized out>, c: 5 (may be stale)}"},
		{outer, reflect.Struct, "struct outer {in: struct pair {a: 1, b: <optimized out>, c: 5 (may be stale)}, x: 1}"},
		{message, reflect.Interface, "Msg(Move) {x: 1}"},
		{counted(known("int [3]", "array", "{1, 1, 1}", 0x100), 3, inspect.Variable{Name: "[0:3]", Value: known("int", "int", "1", 0x100)}),
			reflect.Array, "int [3] [1,1,1]"},
		{counted(known("int [9]", "array", "{1...}", 0x100), 9, inspect.Variable{Name: "[0]", Value: one}), reflect.Array, "int [9] [1,...+8 more]"},
		{known("char *\x1b[31m", "int", "\x1b[0m", 0), reflect.Func, `\x1b[0m`},
	} {
		l := c.loader(nil, &api.LoadConfig{MaxStringLen: 200, MaxArrayValues: 200, MaxVariableRecurse: 20, MaxStructFields: -1})
		got := l.variable("x", x.v, 0)
		if text := got.SinglelineString(); text != x.want || got.Kind != x.kind {
			t.Errorf("%s %s: %v %s, want %v %s", x.v.Type, x.v.Text, got.Kind, text, x.kind, x.want)
		}
	}
}

// TestLimits checks that the limits of a request hold, whatever they are.
func TestLimits(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	for _, x := range []struct {
		expr   string
		limits api.LoadConfig
		want   string
	}{
		{"g_last", api.LoadConfig{MaxStringLen: 64, MaxStructFields: 3}, `struct packet {id: 48879, len: '\000' (0), urgent: true,...+1 more}`},
		{"g_matrix", api.LoadConfig{}, "int [3][4] [...]"},
		{"g_matrix", api.LoadConfig{MaxArrayValues: 2, MaxVariableRecurse: 1}, "int [3][4] [[1,2,...+2 more],[5,6,...+2 more],...+1 more]"},
		{"g_banner", api.LoadConfig{MaxStringLen: 4}, `"tank...+7 more"`},
		{"g_head", api.LoadConfig{}, "(struct sensor *)(0x20000020)"},
		{"g_head", api.LoadConfig{FollowPointers: true, MaxStructFields: 2, MaxStringLen: 9}, `*struct sensor {name: "inlet", valve: VALVE_SHUT,...+6 more}`},
		{"g_sensors", api.LoadConfig{MaxArrayValues: -1, MaxStringLen: -1, MaxVariableRecurse: -1, MaxStructFields: -9}, "struct sensor [3] [...]"},
	} {
		v, err := c.EvalVariable(api.EvalScope{GoroutineID: -1}, x.expr, x.limits)
		if err != nil {
			t.Errorf("%s: %v", x.expr, err)
		} else if got := v.SinglelineString(); got != x.want {
			t.Errorf("%s: %s\nwant %s", x.expr, got, x.want)
		}
	}
}

func TestPointee(t *testing.T) {
	for typ, want := range map[string]string{
		"struct node *": "struct node", "char **": "char *", "struct node *const": "struct node",
		"const struct node * volatile const": "const struct node", "const void *": "void", "void *": "void",
	} {
		if got, spelled := pointee(typ); got != want || !spelled {
			t.Errorf("pointee(%q) = %q, want %q", typ, got, want)
		}
	}
	if got, spelled := pointee("node_ptr_t"); spelled {
		t.Errorf("a typedef is spelled out: %q", got)
	}
}

// TestRevisit walks values as Delve's Starlark does: by type and address, of
// which those in registers have none.
func TestRevisit(t *testing.T) {
	c := load(t, "cortex-m3", "div")
	at := func(v api.Variable, rest string) string {
		t.Helper()
		// as varAddrExpr of Delve's starbind
		got, err := c.EvalVariable(api.EvalScope{GoroutineID: -1}, "(*(*"+quote(v.Type)+")("+hex(v.Addr)+"))"+rest, everything)
		if err != nil {
			return "error: " + err.Error()
		}
		return got.SinglelineString()
	}
	l := c.loader(nil, &everything)
	pair := known("struct {...}", "struct", "{a = 1, b = <optimized out>}", 0)
	pair.Children = []inspect.Variable{
		{Name: "a", Value: known("int", "int", "1", 0)},
		{Name: "b", Value: inspect.Value{Type: "int", Kind: "int", Text: "<optimized out>", Presence: inspect.OptimisedOut}},
	}
	v := l.variable("pair", pair, 0)
	row := l.variable("row", counted(known("int [4]", "array", "{7, 7, 7, 8}", 0), 4,
		inspect.Variable{Name: "[0:3]", Value: known("int", "int", "7", 0)}, inspect.Variable{Name: "[3]", Value: known("int", "int", "8", 0)}), 0)
	for _, x := range []struct{ got, want string }{
		{at(v, ""), "struct {...} {a: 1, b: <optimized out>}"},
		{at(v.Children[0], ""), "1"},
		{at(v.Children[1], ""), `"<optimized out>"`}, // a string, and not 0
		{at(row, "[2]"), "7"},
		{at(row, "[3]"), "8"},
		{at(row, "[4]"), "error: the value is no longer kept, and has no address; evaluate its expression again"},
		{at(api.Variable{Type: "struct point", Addr: 0x20000074}, ""), "struct point {x: 10, y: 20, z: 30}"},
		{at(api.Variable{Type: "struct point [3]", Addr: 0x20000074}, "[1].y"), "50"},
		{at(api.Variable{Type: "int", Addr: fakes + 77}, ""), "error: the value is no longer kept, and has no address; evaluate its expression again"},
	} {
		if x.got != x.want {
			t.Errorf("%s, want %s", x.got, x.want)
		}
	}
	for range maxKept + 10 {
		l.variable("", known("int", "int", "1", 0), 0)
	}
	if n := len(c.kept); n > maxKept {
		t.Errorf("%d values are kept", n)
	}
	if got := at(v.Children[0], ""); !strings.HasPrefix(got, "error: ") && got != "1" {
		t.Errorf("after many others: %s", got)
	}
}
