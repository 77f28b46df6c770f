package debuginfo

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
)

func TestBounds(t *testing.T) {
	bound := func() *die { return newDie(dwarf.TagSubrangeType, "") }
	variable := newDie(dwarf.TagVariable, "n")
	for name, c := range map[string]struct {
		bound *die
		text  string
		size  int64
	}{
		"count":              {bound().with(dwarf.AttrCount, 7), "int [7]", 28},
		"count 0":            {bound().with(dwarf.AttrCount, 0), "int [0]", 0},
		"count -1":           {bound().with(dwarf.AttrCount, -1), "int []", 0},
		"count 0xffffffff":   {bound().as(dwarf.AttrCount, formData4, math.MaxUint32), "int []", 0},
		"upper":              {bound().with(dwarf.AttrUpperBound, 6), "int [7]", 28},
		"upper, lower":       {bound().with(dwarf.AttrLowerBound, 2).with(dwarf.AttrUpperBound, 6), "int [5]", 20},
		"upper -1":           {bound().with(dwarf.AttrUpperBound, -1), "int [0]", 0},
		"upper 0xffffffff":   {bound().as(dwarf.AttrUpperBound, formData4, math.MaxUint32), "int [0]", 0},
		"upper, all 64 bits": {bound().as(dwarf.AttrUpperBound, formData8, -1), "int [0]", 0},
		"upper of one byte":  {bound().as(dwarf.AttrUpperBound, 0x0b, 0xff), "int [256]", 1024},
		"huge":               {bound().with(dwarf.AttrUpperBound, math.MaxInt64-1), "int [9223372036854775807]", noSize},
		"largest":            {bound().with(dwarf.AttrUpperBound, math.MaxInt64), "int [0]", 0},
		"none":               {bound(), "int []", 0},
		"expression":         {bound().with(dwarf.AttrUpperBound, []byte{0x91, 0}), "int [variable length]", noSize},
		"variable":           {bound().with(dwarf.AttrCount, variable), "int [variable length]", noSize},
	} {
		number := baseType("int", 4, 5)
		array := newDie(dwarf.TagArrayType, "").with(dwarf.AttrType, number).below(c.bound)
		got := typeOf(t, madeOf(langC99, variable, number, array), array)
		if got.String() != c.text || got.Size() != c.size {
			t.Errorf("%s: %s of %d bytes, want %s of %d", name, got, got.Size(), c.text, c.size)
		}
	}
}

func TestOldPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		place []byte
		off   int64 // -1: an expression; -2: no member
	}{
		"plus_uconst":           {[]byte{0x23, 0x81, 1}, 129},
		"constu, plus":          {[]byte{0x10, 12, 0x22}, 12},
		"constu alone":          {[]byte{0x10, 12}, -1},
		"plus_uconst, more":     {[]byte{0x23, 4, 0x06}, -1},
		"plus_uconst, cut off":  {[]byte{0x23}, -1},
		"of a virtual base":     {[]byte{0x12, 0x06, 0x48, 0x1c, 0x06, 0x22}, -1},
		"empty":                 {nil, -2},
		"beyond all structures": {[]byte{0x23, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, -2},
	} {
		number := baseType("int", 4, 5)
		s := newDie(dwarf.TagStructType, "s").with(dwarf.AttrByteSize, 200).below(
			newDie(dwarf.TagMember, "m").with(dwarf.AttrType, number).with(dwarf.AttrDataMemberLoc, c.place))
		d := madeOf(langC99, number, s)
		members := typeOf(t, d, s).Members()
		switch {
		case c.off == -2:
			if len(members) > 0 {
				t.Errorf("%s: %+v", name, members)
			}
		case len(members) != 1 || members[0].Off != c.off || (members[0].Location != nil) != (c.off < 0):
			t.Errorf("%s: %+v, want %d", name, members, c.off)
		}
		if off, _, ok := d.Field("s", "m"); ok != (c.off >= 0) || ok && off != c.off {
			t.Errorf("%s: field at %d, %v", name, off, ok)
		}
	}
}

func TestBitFields(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*die) *die
		off  int64 // -1: no member
	}{
		"DWARF 4":            {func(m *die) *die { return m.with(dwarf.AttrDataBitOffset, 35) }, 35},
		"DWARF 3":            {func(m *die) *die { return m.with(dwarf.AttrDataMemberLoc, 4).with(dwarf.AttrBitOffset, 24) }, 35},
		"a smaller unit":     {func(m *die) *die { return m.with(dwarf.AttrByteSize, 1).with(dwarf.AttrBitOffset, 0) }, 3},
		"ends beyond it":     {func(m *die) *die { return m.with(dwarf.AttrBitOffset, -2) }, 29},
		"the same, unsigned": {func(m *die) *die { return m.as(dwarf.AttrBitOffset, formData4, -2) }, 29},
		"no offset":          {func(m *die) *die { return m.with(dwarf.AttrDataMemberLoc, 4) }, 32},
		"before all":         {func(m *die) *die { return m.with(dwarf.AttrDataBitOffset, -1) }, -1},
		"far too far":        {func(m *die) *die { return m.as(dwarf.AttrDataBitOffset, formData8, math.MaxInt64) }, -1},
	} {
		number := baseType("int", 4, 5)
		s := newDie(dwarf.TagStructType, "s").with(dwarf.AttrByteSize, 8).below(
			c.edit(newDie(dwarf.TagMember, "m").with(dwarf.AttrType, number).with(dwarf.AttrBitSize, 5)))
		d := madeOf(langC99, number, s)
		members := typeOf(t, d, s).Members()
		switch {
		case c.off < 0:
			if len(members) > 0 {
				t.Errorf("%s: %+v", name, members)
			}
		case len(members) != 1 || members[0].BitOff != c.off || members[0].Off != c.off/8 || members[0].BitSize != 5:
			t.Errorf("%s: %+v, want %d", name, members, c.off)
		}
		if _, _, ok := d.Field("s", "m"); ok {
			t.Errorf("%s: a field", name)
		}
	}
}

func TestEnumerators(t *testing.T) {
	for name, c := range map[string]struct {
		size, encoding int
		form           form
		value          int
		want           int64
	}{
		"negative":               {1, 5, formSdata, -1, -1},
		"signed, without a sign": {1, 5, 0x0b, 0xff, -1},
		"unsigned, with a sign":  {1, 7, formSdata, -1, 255},
		"unsigned":               {2, 7, 0x05, 0x8000, 0x8000},
		"no type, negative":      {4, 0, formSdata, -1, -1},
		"no type":                {4, 0, formData4, 0x80000000, 0x80000000},
	} {
		number := baseType("underlying", c.size, c.encoding)
		e := newDie(dwarf.TagEnumerationType, "e").with(dwarf.AttrByteSize, c.size).below(
			newDie(dwarf.TagEnumerator, "E").as(dwarf.AttrConstValue, c.form, c.value), newDie(dwarf.TagEnumerator, "without value"))
		if c.encoding > 0 {
			e.with(dwarf.AttrType, number)
		}
		got := typeOf(t, madeOf(langC99, number, e), e)
		if list := got.Enumerators(); fmt.Sprint(list) != fmt.Sprintf("[{E %d}]", c.want) || got.Signed != (c.want < 0) || got.String() != "enum e" {
			t.Errorf("%s: %v, signed %v, want %d", name, list, got.Signed, c.want)
		}
	}
}

// TestDiscriminants: what no rustc at hand writes.
func TestDiscriminants(t *testing.T) {
	for name, c := range map[string]struct {
		encoding int
		list     []byte
		in, out  []int64
	}{
		"unsigned": {7, []byte{dscLabel, 3, dscRange, 0xc8, 1, 0xff, 1}, []int64{3, 200, 255, -1}, []int64{0, 4, 199}},
		"signed":   {5, []byte{dscRange, 0x7e, 1}, []int64{-2, 0, 1, 255}, []int64{2, -3}},
		"damaged":  {7, []byte{dscLabel, 3, 9, 1, 2}, []int64{3}, []int64{1, 2}},
		"cut off":  {7, []byte{dscRange, 3}, nil, []int64{3, 0}},
		"empty":    {7, []byte{}, nil, []int64{0}},
	} {
		number := baseType("tag", 1, c.encoding)
		discr := newDie(dwarf.TagMember, "").with(dwarf.AttrType, number).with(dwarf.AttrDataMemberLoc, 0)
		form := func(name string) *die {
			return (&die{tag: dwarf.TagVariant}).below(newDie(dwarf.TagMember, name).with(dwarf.AttrType, number))
		}
		s := newDie(dwarf.TagStructType, "E").with(dwarf.AttrByteSize, 4).below((&die{tag: dwarf.TagVariantPart}).with(dwarf.AttrDiscr, discr).
			below(discr, form("Listed").with(dwarf.AttrDiscrList, c.list), form("Else")))
		v, ok := typeOf(t, madeOf(langRust, number, s), s).Variants()
		if !ok || len(v.Forms) != 2 {
			t.Fatalf("%s: %+v", name, v)
		}
		check := func(values []int64, want string) {
			for _, x := range values {
				if f, ok := v.Of(x); !ok || f.Members[0].Name != want {
					t.Errorf("%s: %d is %v", name, x, f)
				}
			}
		}
		check(c.in, "Listed")
		check(c.out, "Else")
		v.Forms = v.Forms[:1]
		if f, ok := v.Of(77); ok {
			t.Errorf("%s: 77 is %v", name, f)
		}
	}
}

// TestKinds: base types by their encoding.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		size, encoding int
		kind           Kind
		signed         bool
	}{
		{1, 0x02, Bool, false}, {8, 0x03, Complex, false}, {10, 0x04, Float, false}, {16, 0x05, Int, true}, {1, 0x06, Char, true},
		{8, 0x07, Uint, false}, {1, 0x08, Char, false}, {4, 0x0f, Decimal, false}, {2, 0x10, Char, false}, {4, 0x01, Address, false},
		{8, 0x80, Unknown, false}, {8, 0x00, Unknown, false},
	} {
		b := baseType("b", c.size, c.encoding)
		big := baseType("big", c.size, c.encoding).as(dwarf.AttrEndianity, 0x0b, endianBig)
		r := newDie(dwarf.TagSubrangeType, "range").with(dwarf.AttrType, b)
		d := madeOf(langC99, b, big, r)
		for _, x := range []*die{b, big, r} {
			if got := typeOf(t, d, x); got.Kind != c.kind || got.Signed != c.signed || got.Size() != int64(c.size) || (got.Order == binary.BigEndian) != (x == big) {
				t.Errorf("encoding %#x: %d, signed %v, %d bytes, %v", c.encoding, got.Kind, got.Signed, got.Size(), got.Order)
			}
		}
	}
}

// TestNothing: what is not there is Unknown, without a size.
func TestNothing(t *testing.T) {
	for _, got := range []*Type{Entry{}.Type(), Variable{}.Type(), Entry{}.Type().PointerTo().Elem()} {
		if got.Kind != Unknown || got.Size() != noSize || got.PointerTo().Size() != noSize || got.String() != "<unknown type>" {
			t.Error(got.Kind, got.Size(), got)
		}
		exerciseType(got)
	}
}

func TestUnspecified(t *testing.T) {
	nothing, null := newDie(dwarf.TagUnspecifiedType, ""), newDie(dwarf.TagUnspecifiedType, "decltype(nullptr)")
	d := madeOf(langC99, nothing, null)
	if got := typeOf(t, d, nothing); got.Kind != Void || got.String() != "void" {
		t.Error(got.Kind, got)
	}
	if got := typeOf(t, d, null); got.Kind != Unspecified || got.String() != "decltype(nullptr)" {
		t.Error(got.Kind, got)
	}
}

// circles are types that damage made part of themselves.
func circles() map[string]func() []*die {
	around := func(tags ...dwarf.Tag) func() []*die {
		return func() (list []*die) {
			for _, tag := range tags {
				list = append(list, newDie(tag, ""))
			}
			for i, d := range list {
				d.with(dwarf.AttrType, list[(i+1)%len(list)])
			}
			return list
		}
	}
	return map[string]func() []*die{
		"typedef":          around(dwarf.TagTypedef),
		"const":            around(dwarf.TagConstType),
		"const, volatile":  around(dwarf.TagConstType, dwarf.TagVolatileType),
		"typedef, pointer": around(dwarf.TagTypedef, dwarf.TagPointerType),
		"pointer":          around(dwarf.TagPointerType),
		"array":            around(dwarf.TagArrayType),
		"const, array":     around(dwarf.TagConstType, dwarf.TagArrayType),
		"subrange":         around(dwarf.TagSubrangeType),
		"enum":             around(dwarf.TagEnumerationType),
		"function":         around(dwarf.TagSubroutineType),
		"member pointer":   around(dwarf.TagPtrToMemberType, dwarf.TagTypedef),
		"parameters": func() []*die {
			f := newDie(dwarf.TagSubroutineType, "")
			return []*die{f.with(dwarf.AttrType, f).below(
				newDie(dwarf.TagFormalParameter, "").with(dwarf.AttrType, f), newDie(dwarf.TagFormalParameter, "").with(dwarf.AttrType, f))}
		},
		"members": func() []*die {
			s := newDie(dwarf.TagStructType, "s")
			anonymous := func() *die { return newDie(dwarf.TagMember, "").with(dwarf.AttrType, s) }
			return []*die{s.below(anonymous(), anonymous(), newDie(dwarf.TagInheritance, "").with(dwarf.AttrType, s))}
		},
		"completes itself": func() []*die {
			s := newDie(dwarf.TagStructType, "").with(dwarf.AttrDeclaration, true)
			return []*die{s.with(dwarf.AttrSpecification, s)}
		},
		"dimensions": func() []*die {
			a := newDie(dwarf.TagArrayType, "")
			for range 300 {
				a.below(newDie(dwarf.TagSubrangeType, "").with(dwarf.AttrCount, math.MaxInt32))
			}
			return []*die{a.with(dwarf.AttrType, a)}
		},
		"containing type": func() []*die {
			m := newDie(dwarf.TagPtrToMemberType, "")
			return []*die{m.with(dwarf.AttrContainingType, m)}
		},
	}
}

func TestCircles(t *testing.T) {
	for name, list := range circles() {
		for _, language := range []int{langC99, langCPlus, langRust} {
			d := madeOf(language, list()...)
			exerciseTypes(d)
			for e := range d.Units()[0].Root().Children() {
				if text := e.Type().String(); len(text) > 1<<21 {
					t.Errorf("%s: %d bytes of text", name, len(text))
				}
			}
		}
	}
}

// exerciseTypes asks everything of all entries as types.
func exerciseTypes(d *Data) {
	for _, u := range d.Units() {
		entries := 0
		u.Root().eachBelow(func(e Entry, _ int) bool {
			if entries++; entries < 1000 {
				exerciseType(e.Type())
				d.Field(e.Name(), "a.b[].c")
				d.Type(e.Name())
			}
			return true
		})
	}
	for _, name := range []string{"s", "struct node", "unsigned", "Box<int>", "ns::C", "enum e"} {
		d.Types(name)
		d.Field(name, "next")
	}
	n := 0
	for range d.AllTypes() {
		if n++; n > 1000 {
			break
		}
	}
}

func exerciseType(t *Type) {
	_ = t.String()
	t.Size()
	t.Name()
	t.Incomplete()
	t.Bound()
	t.Enumerators()
	t.Params()
	if v, ok := t.Variants(); ok {
		v.Of(1)
	}
	for _, m := range t.Members() {
		m.Type.Size()
	}
	_ = t.PointerTo().String()
	t.ArrayOf(3).Size()
	for range 4 {
		if t = t.Plain().Elem(); t == nil {
			return
		}
	}
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"unsigned":                            "unsigned int",
		"long unsigned int":                   "unsigned long",
		"int long unsigned long":              "unsigned long long",
		"signed":                              "int",
		"char":                                "char",
		"signed char":                         "signed char",
		"unsigned char":                       "unsigned char",
		"short int":                           "short",
		"signed unsigned":                     "signed unsigned",
		"long long long":                      "long long long",
		"short char":                          "short char",
		"long double":                         "long double",
		"":                                    "",
		"Ring<const char *, 2>":               "Ring<char const*, 2>",
		"Ring<char const*, 2>::Mode":          "Ring<char const*, 2>::Mode",
		"a::B<c::D<int>, long unsigned int>":  "a::B<c::D<int>, unsigned long>",
		"Box<const volatile Box<const int>*>": "Box<Box<int const> const volatile*>",
		"Box<char *const *>":                  "Box<char* const*>",
		"Box<int (*)(int, ::x *)>":            "Box<int (*)(int, ::x *)>", // not understood
		"Box<int (*)(int, x *)>":              "Box<int (*)(int, x*)>",
		"Box<int (*[3])(char)>":               "Box<int (* [3])(char)>",
		"Box<int[3][4]>":                      "Box<int [3] [4]>",
		"Box<int (&)[3]>":                     "Box<int (&) [3]>",
		"Box<int (A::*)(int)>":                "Box<int (A::*)(int)>",
		"Box<int A<int>::* const>":            "Box<int A<int>::* const>",
		"Box<(anonymous namespace)::H &&>":    "Box<(anonymous namespace)::H&&>",
		"N<3U, -5L, 'x', (& gi), &gi, true>":  "N<3u, -5l, (char)'x', &gi, &gi, true>",
		"N<'>', \"a,b\", (E)1>":               "N<(char)'>', \"a,b\", (E)1>",
		"Var<>":                               "Var<>",
		"Box<Var<> >":                         "Box<Var<> >",
		"Box<{lambda(int)#1}>":                "Box<{lambda(int)#1}>",
		"Box<decltype(nullptr)>":              "Box<decltype(nullptr)>",
		"Box<int":                             "Box<int",
		"Box<int, >":                          "Box<int, >",
		"Box<'":                               "Box<'",
		"Box<int [>":                          "Box<int [>",
		"operator<":                           "operator<",
	} {
		if got := canonical(name, languageCPlus); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := canonical("Vec<&str, *const u8>", languageRust); got != "Vec<&str, *const u8>" {
		t.Error(got)
	}
}

func TestTypeByName(t *testing.T) {
	c := buildTypes(t, "types.c", "gcc", "testdata/types/opaque.c")
	cc := buildTypes(t, "types.cc", "clang++")
	for _, q := range []struct {
		program
		name, want string
		size       int64
	}{
		{c, "struct node", "struct node", 24},
		{c, "node", "struct node", 24},
		{c, " struct  node ", "struct node", 24},
		{c, "union node", "", 0},
		{c, "node_t", "node_t", 24},
		{c, "union uu", "union uu", 4},
		{c, "enum shape", "enum shape", 4},
		{c, "color_t", "color_t", 4},
		{c, "struct opaque", "struct opaque", 8},
		{c, "opaque_t", "opaque_t", 8},
		{c, "struct only_here", "struct only_here", 4},
		{c, "struct __nothing", "", 0},
		{c, "", "", 0},
		{c, "struct", "", 0},
		{c, "unsigned", "unsigned int", 4},
		{c, "long unsigned int", "unsigned long", 8},
		{c, "unsigned long", "unsigned long", 8},
		{c, "unsigned short int", "unsigned short", 2},
		{c, "char", "char", 1},
		{c, "double", "double", 8},
		{c, "_Bool", "_Bool", 1},
		{c, "void", "void", noSize},
		{c, "size_t", "size_t", 8},
		{cc, "fw::drv::Base", "fw::drv::Base", 16},
		{cc, "drv::Base", "fw::drv::Base", 16},
		{cc, "Base", "fw::drv::Base", 16},
		{cc, "struct Outer", "Outer", 0},
		{cc, "class Diamond", "fw::drv::Diamond", 0},
		{cc, "Outer::Nested", "Outer::Nested", 4},
		{cc, "Outer::Late", "Outer::Late", 4},
		{cc, "fw::drv::Ring<int, 4>", "fw::drv::Ring<int, 4>", 0},
		{cc, "Ring<int,4>", "fw::drv::Ring<int, 4>", 0},
		{cc, "Box<char const*>", "Box<char const*>", 8},
		{cc, "Box<const char *>", "Box<char const*>", 8},
		{cc, "Box<unsigned long>", "Box<unsigned long>", 8},
		{cc, "fw::ring_t", "fw::ring_t", 0},
		{cc, "Level", "fw::drv::Level", 1},
		{cc, "other::Base", "", 0},
		{cc, "bool", "bool", 1},
	} {
		got, ok := q.Type(q.name)
		switch {
		case !ok:
			if q.want != "" {
				t.Errorf("%q: nothing, want %s", q.name, q.want)
			}
		case got.String() != q.want || q.size != 0 && got.Size() != q.size:
			t.Errorf("%q: %s of %d bytes, want %s of %d", q.name, got, got.Size(), q.want, q.size)
		}
		if list := q.Types(q.name); ok != (len(list) > 0) || ok && list[0].String() != got.String() {
			t.Errorf("%q: %v", q.name, list)
		}
	}
	if off, size, ok := c.Field("opaque_t", "state.unused"); !ok || off != 4 || size != 4 {
		t.Error(off, size, ok)
	}
	node, _ := c.Type("struct node")
	if p := node.PointerTo(); p != node.PointerTo() || p.Elem() != node || p.Size() != 8 {
		t.Error("pointers to one type differ")
	}
	if text := node.ArrayOf(3).PointerTo().String() + ", " + node.FuncReturning().PointerTo().String(); text != "struct node (*)[3], struct node (*)()" {
		t.Error(text)
	}
}

func TestBuiltin(t *testing.T) {
	d := madeOf(langC99, baseType("long unsigned int", 4, 7), baseType("char", 1, 6))
	for name, want := range map[string]string{
		"unsigned long": "unsigned long 4 false", "char": "char 1 true", "int": "int 4 true", "long": "long 4 true",
		"unsigned char": "unsigned char 1 false", "void": "void -1 false", "double": "double 8 false", "": " -1 false",
	} {
		if b := d.Builtin(name); b == nil || fmt.Sprint(b.Name(), " ", b.Size(), " ", b.Signed) != want || b != d.Builtin(name) {
			t.Errorf("%s: %v", name, b)
		}
	}
	if b := d.Builtin("FILE"); b != nil {
		t.Error(b)
	}
	if d.Builtin("").Kind != Unknown || d.Builtin("void").PointerTo().String() != "void *" {
		t.Error("void")
	}
}

// TestVariableLength: arrays whose bounds only the program knows.
func TestVariableLength(t *testing.T) {
	for _, compiler := range []string{"gcc", "clang"} {
		p := buildTypes(t, "types.c", compiler)
		found := 0
		for _, f := range p.Functions("vla") {
			for _, v := range f.Inlines(f.Ranges[0][0])[0].Variables(f.Ranges[0][1] - 1) {
				typ := v.Type().Plain()
				b := typ.Bound()
				if typ.Kind != Array {
					continue
				}
				if found++; b.Known || b.Expr == nil && b.Variable.Tag != dwarf.TagVariable || typ.Size() != noSize {
					t.Errorf("%s: %s: %+v, %d bytes", compiler, v.Name, b, typ.Size())
				}
			}
		}
		if found != 2 {
			t.Errorf("%s: %d arrays", compiler, found)
		}
	}
}

func TestConcurrentTypes(t *testing.T) {
	p := buildTypes(t, "types.cc", "g++")
	var wg sync.WaitGroup
	results := make([][]*Type, 8)
	for i := range results {
		wg.Go(func() {
			for typ := range p.AllTypes() {
				exerciseType(typ)
				results[i] = append(results[i], typ, typ.PointerTo(), typ.Plain())
			}
			p.Type("Outer::Nested")
			p.Field("Outer", "n.a")
		})
	}
	wg.Wait()
	for _, r := range results[1:] {
		if fmt.Sprint(len(r)) != fmt.Sprint(len(results[0])) {
			t.Fatal(len(r), len(results[0]))
		}
		for i := range r {
			if r[i] != results[0][i] {
				t.Errorf("two of %s", r[i])
			}
		}
	}
}

// kernelFields are what FreeRTOS's kernel asks for, what the program lacks
// included.
var kernelFields = []struct{ typ, path string }{
	{"tskTaskControlBlock", "pxTopOfStack"}, {"tskTaskControlBlock", "pxStack"}, {"tskTaskControlBlock", "pxEndOfStack"},
	{"tskTaskControlBlock", "pcTaskName"}, {"tskTaskControlBlock", "uxPriority"}, {"tskTaskControlBlock", "uxBasePriority"},
	{"TCB_t", "uxBasePriority"}, {"tskTCB", "uxBasePriority"}, {"tskTaskControlBlock", "xCoreID"}, {"TCB_t", "xCoreID"},
	{"tskTCB", "xCoreID"}, {"tskTaskControlBlock", "ucNotifyState"}, {"tskTaskControlBlock", "xStateListItem"},
	{"tskTaskControlBlock", "xStateListItem.pxContainer"}, {"tskTaskControlBlock", "xEventListItem"},
	{"tskTaskControlBlock", "xEventListItem.pxContainer"}, {"xLIST", "xListEnd"}, {"xLIST", "xListEnd.pxNext"},
	{"xLIST", "xListEnd.pxPrevious"}, {"xLIST_ITEM", "pxNext"}, {"xLIST_ITEM", "pxPrevious"}, {"xLIST_ITEM", "pvOwner"},
	{"xLIST", ""}, {"List_t", ""}, {"xList", ""},
}

func BenchmarkField(b *testing.B) {
	const path = "../../../shared/corpus/esp/esp32c3/esp32c3.elf"
	if _, err := os.Stat(path); err != nil {
		b.Skip(err)
	}
	p := openProgram(b, path)
	for b.Loop() {
		d := p.again()
		for _, f := range kernelFields {
			d.Field(f.typ, f.path)
		}
	}
}
