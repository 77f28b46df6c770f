package debuginfo

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRust reads what rustc 1.95 made of testdata/types/types.rs, with DWARF 4
// and, optimised, 5. The programs are committed, since Debian's rustc is too old
// for DWARF 5; how they are built stands in the source.
func TestRust(t *testing.T) {
	types := map[string]string{
		"P": "types::drv::Point", "M": "types::drv::Msg", "O": "core::option::Option<u32>", "R": "core::result::Result<u8, &str>",
		"OR": "core::option::Option<&types::drv::Point>", "L": "types::drv::Level", "G": "types::drv::Generic<u16, 3>",
		"B": "types::drv::Both", "U": "types::drv::Unit", "TT": "(u8, char, bool, f64, ())", "S": "&str", "SL": "&[u16]",
		"AR": "[[u8; 4]; 2]", "PTR": "*const types::drv::Point", "PM": "*mut u8", "F": "fn(i32, &types::drv::Point) -> u8",
		"I": "i128", "BX": "core::cell::Cell<u32>",
	}
	members := map[string]string{
		"P": "x: i32, y: u8", "S": "data_ptr: *mut u8, length: usize", "SL": "data_ptr: *mut u16, length: usize",
		"T": "__0: u8, __1: i64", "TT": "__0: u8, __1: char, __2: bool, __3: f64, __4: ()", "B": "a: u32, b: f32", "U": "",
		"G": "items: [u16; 3], len: usize",
	}
	// The form of each discriminant, and the fields of each form.
	forms := map[string]map[int64]string{
		"M":  {0: "Quit()", 1: "Move(x: i32, y: i32)", 2: "Write(__0: u8, __1: u16)", 3: "Color(__0: types::drv::Point)", 4: "none"},
		"O":  {0: "None()", 1: "Some(__0: u32)", 2: "none"},
		"OR": {0: "None()", 0x20000000: "Some(__0: &types::drv::Point)"},
		"ON": {0: "None()", 7: "Some(__0: core::num::nonzero::NonZero<u32>)"},
		"OO": {3: "None()", 0: "Some(__0: core::option::Option<bool>)", 2: "Some(__0: core::option::Option<bool>)"},
		"R":  {0: "Ok(__0: u8)", 0x8000: "Err(__0: &str)"},
	}
	fields := func(list []Member) string {
		var out []string
		for _, m := range list {
			out = append(out, m.Name+": "+m.Type.String())
		}
		return strings.Join(out, ", ")
	}
	for _, name := range []string{"rust-dwarf4.elf", "rust-dwarf5.elf"} {
		p := openProgram(t, filepath.Join("testdata", "types", name))
		seen := 0
		for v := range p.AllGlobals() {
			name, typ := last(v.Name), v.Type()
			seen++
			if want, ok := types[name]; ok && typ.String() != want {
				t.Errorf("%s: %s, want %s", name, typ, want)
			}
			if want, ok := members[name]; ok && fields(typ.Members()) != want {
				t.Errorf("%s: %s, want %s", name, fields(typ.Members()), want)
			}
			variants, ok := typ.Variants()
			if ok != (typ.Kind == Variant) || forms[name] != nil && !ok {
				t.Errorf("%s: kind %d", name, typ.Kind)
			}
			for value, want := range forms[name] {
				got := "none"
				if f, ok := variants.Of(value); ok {
					got = f.Members[0].Name + "(" + fields(f.Members[0].Type.Members()) + ")"
				}
				if got != want {
					t.Errorf("%s: form %d is %s, want %s", name, value, got, want)
				}
			}
		}
		if seen < len(types) {
			t.Errorf("%d variables", seen)
		}
		level, _ := p.Type("types::drv::Level")
		if e := level.Enumerators(); len(e) != 2 || e[1] != (Enumerator{"types::drv::Level::High", 200}) {
			t.Error(e)
		}
		// What GDB calls a pointer is always *mut; all else is the same.
		questions, want := []string{"set language rust"}, []string{""}
		for v := range p.AllGlobals() {
			if v.Type().Kind != Pointer {
				questions, want = append(questions, "whatis "+v.Name), append(want, v.Type().String())
			}
		}
		for i, got := range ask(t, p, questions) {
			if got != want[i] {
				t.Errorf("%s\n gdb %s\nhave %s", questions[i], got, want[i])
			}
		}
	}
}
