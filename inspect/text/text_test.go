package text

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/inspect"
)

// printed is what a Printer for Cortex-M, without colour, makes of a result.
func printed(t *testing.T, print func(*Printer)) string {
	t.Helper()
	s := inspect.New(elfcore.New("test", arch.CortexM, binary.LittleEndian), nil, inspect.Options{})
	var b strings.Builder
	p := New(&b, s, false)
	print(p)
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func known(text string) inspect.Value {
	return inspect.Value{Text: text, Presence: inspect.Present, State: elfcore.Known}
}

func suspect(text, reason string) inspect.Value {
	return inspect.Value{Text: text, Presence: inspect.Present, State: elfcore.Suspect, Reason: reason}
}

func TestFrame(t *testing.T) {
	offset := uint64(4)
	for _, c := range []struct {
		frame inspect.Frame
		want  string
	}{
		{inspect.Frame{Level: 10, State: elfcore.Known, Trust: "cfi", Function: "main", File: "a.c", Line: 3, MidLine: true, PC: 0x12}, "#10 0x00000012 in main () at a.c:3"},
		{inspect.Frame{State: elfcore.Known, Trust: "context", Function: "memcpy", Offset: &offset, MidLine: true, PC: 0x14}, "#0  0x00000014 in memcpy ()"},
		{inspect.Frame{State: elfcore.Known, Trust: "exidx", Function: "f", Arguments: []inspect.Variable{
			{Name: "a", Value: known("1")},
			{Name: "s", Value: inspect.Value{Kind: "struct", Text: "{x = 1}", Presence: inspect.Present, State: elfcore.Known}},
			{Name: "r", Value: inspect.Value{Kind: "reference", Text: "@0x2: {x = 1}", Presence: inspect.Present, State: elfcore.Known, Children: []inspect.Variable{{Value: inspect.Value{Kind: "class"}}}}},
			{Name: "b", Value: suspect("2", "may be stale: r0 is not preserved by the call")},
			{Name: "c", Value: suspect("3", "initial value")},
			{Name: "d", Value: inspect.Value{Text: "<not in dump>", Presence: inspect.NotInDump, Reason: "register r4 is not in the dump"}},
			{Name: "e", Value: inspect.Value{Kind: "struct", Text: "<optimized out>", Presence: inspect.OptimisedOut}},
		}}, "#0  f (a=1, s=..., r=..., b=2 (may be stale), c=3 (initial value), d=<not in dump>, e=<optimized out>)"},
		{inspect.Frame{Level: 1, State: elfcore.Suspect, Trust: "scan", Function: "f", File: "a.c", Line: 3}, "#1  f () at a.c:3  [scan]"},
		{inspect.Frame{Level: 0, State: elfcore.Suspect, Trust: "context", Function: "f"}, "#0  f ()  [pc may be wrong]"},
		{inspect.Frame{Level: 0, Trust: "context"}, "#0  <not in dump> in ?? ()"},
		{inspect.Frame{Level: 2, State: elfcore.Known, Trust: "window", PC: 0x40, MidLine: true, Gap: "code not in any image at 0x00000040"},
			"   ~ code not in any image at 0x00000040\n#2  0x00000040 in ?? ()"},
	} {
		if got := printed(t, func(p *Printer) { p.Frame(&c.frame) }); got != c.want+"\n" {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

func TestStacks(t *testing.T) {
	frames := []inspect.Frame{
		{Trust: "context", State: elfcore.Known, Function: "f", Locals: []inspect.Variable{
			{Name: "x", Value: known("{a = 1}")},
			{Name: "y", Value: inspect.Value{Text: "<not in dump>", Presence: inspect.NotInDump, Reason: "memory not in dump at 0x20000000"}},
			{Name: "z", Value: suspect("5", "")},
		}},
		{Level: 1, Trust: "cfi", State: elfcore.Known, Function: "g"},
		{Level: 2, Trust: "cfi", State: elfcore.Known},
	}
	list := &inspect.Stacks{Stacks: []inspect.Stack{
		{Thread: inspect.ThreadRef{ID: 1, Name: "main", Crashed: true}, Frames: frames, End: inspect.End{Kind: "outermost", Text: "outermost frame"}},
		{Thread: inspect.ThreadRef{ID: 2, Kind: elfcore.Interrupt}, Frames: frames[1:2], End: inspect.End{Kind: "no-stack", Text: "stack not in dump at 0x20000000"}},
	}}
	want := `Thread 1 "main" (crashed):
#0  f ()
        x = {a = 1}
        y = <not in dump> (memory not in dump at 0x20000000)
        z = 5 (may be stale)
#1  g ()
        No locals.
#2  ?? ()
        No symbol table info available.

Thread 2 interrupt:
#1  g ()
        No locals.
Backtrace stopped: stack not in dump at 0x20000000
`
	if got := printed(t, func(p *Printer) { p.Stacks(list, true) }); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestExamined(t *testing.T) {
	cell := func(at elfcore.Addr, text string, state elfcore.State) inspect.Cell {
		c := inspect.Cell{Address: at, Text: text, State: state, Presence: inspect.Present}
		if state == elfcore.Missing {
			c.Presence = inspect.NotInDump
		}
		return c
	}
	m := &inspect.Examined{Format: "x", Size: 8, Cells: []inspect.Cell{
		cell(0, "0x1", elfcore.Known), cell(8, "0x2", elfcore.Suspect), cell(16, "0x3", elfcore.Known),
		cell(24, "<not in dump>", elfcore.Missing), cell(32, "<not in dump>", elfcore.Missing), cell(40, "<not in dump>", elfcore.Missing),
		cell(48, "0x4", elfcore.Known),
	}}
	m.Cells[2].Symbol = &inspect.Symbol{Name: "main", Offset: 16}
	want := "0x00000000:\t0x1\t0x2  (may be stale)\n0x00000010 <main+16>:\t0x3\n0x00000018:\t<not in dump> (24 bytes)\n0x00000030:\t0x4\n"
	if got := printed(t, func(p *Printer) { p.Examined(m) }); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// hostile has what a terminal acts on, and what hides or turns text.
const hostile = "\x1b[31mevil\u202e\r\n\u200b\xff"

// Whatever a result quotes is escaped, wherever it stands.
func TestHostile(t *testing.T) {
	for name, print := range map[string]func(*Printer){
		"stacks":     func(p *Printer) { r := filled[inspect.Stacks](); p.Stacks(r, true) },
		"threads":    func(p *Printer) { p.Threads(filled[inspect.Threads]()) },
		"registers":  func(p *Printer) { p.Registers(filled[inspect.RegisterSet]()) },
		"locals":     func(p *Printer) { p.Locals(filled[inspect.Locals]()) },
		"printed":    func(p *Printer) { p.Printed(filled[inspect.Printed]()) },
		"examined":   func(p *Printer) { p.Examined(filled[inspect.Examined]()) },
		"listing":    func(p *Printer) { p.Listing(filled[inspect.Listing]()) },
		"symbols":    func(p *Printer) { p.Symbols(filled[inspect.Symbols]()) },
		"difference": func(p *Printer) { p.Difference(filled[inspect.Difference]()) },
		"title":      func(p *Printer) { p.Title(hostile) },
	} {
		text := printed(t, print)
		if !strings.Contains(text, "evil") {
			t.Errorf("%s: %q", name, text)
		}
		for line := range strings.Lines(text) {
			for part := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
				if Escape(part) != part {
					t.Errorf("%s: %q", name, part)
				}
			}
		}
	}
}

// filled is a result in which every text is hostile and every list has one
// element.
func filled[T any]() *T {
	r := new(T)
	fill(reflect.ValueOf(r).Elem(), 0)
	return r
}

func fill(v reflect.Value, depth int) {
	if !v.CanSet() || depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.String:
		v.SetString(hostile)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}
