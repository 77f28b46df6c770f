package debuginfo

// builtin is a type that C has even if no entry describes it.
type builtin struct {
	name   string   // as GDB writes it
	others []string // as GCC and clang do
	kind   Kind
	size   int64 // bytes on all CPUs that corelift knows; 0: those of a pointer
	signed bool
}

// builtins are the types that expressions need. A program that has no char
// nowhere says whether it is signed; on ARM and RISC-V it is not.
var builtins = [...]builtin{
	{"", nil, Unknown, noSize, false},
	{"void", nil, Void, noSize, false},
	{"int", nil, Int, 4, true},
	{"unsigned int", nil, Uint, 4, false},
	{"long", []string{"long int"}, Int, 0, true},
	{"unsigned long", []string{"long unsigned int"}, Uint, 0, false},
	{"short", []string{"short int"}, Int, 2, true},
	{"unsigned short", []string{"short unsigned int"}, Uint, 2, false},
	{"long long", []string{"long long int"}, Int, 8, true},
	{"unsigned long long", []string{"long long unsigned int"}, Uint, 8, false},
	{"char", nil, Char, 1, false},
	{"unsigned char", nil, Char, 1, false},
	{"signed char", nil, Char, 1, true},
	{"bool", []string{"_Bool"}, Bool, 1, false},
	{"float", nil, Float, 4, false},
	{"double", nil, Float, 8, false},
}

func builtinNamed(name string) *builtin {
	for i := range builtins {
		if builtins[i].name == name {
			return &builtins[i]
		}
	}
	return nil
}

// Builtin is a type of C itself: "int", "unsigned long", "double", "bool",
// "void"; the program's own if it has one. "" is the Unknown type. It is nil for
// names that are none.
func (d *Data) Builtin(name string) *Type {
	b := builtinNamed(name)
	if b == nil {
		return nil
	}
	if b.size != noSize {
		if t, ok := d.Type(name); ok && t.Kind == b.kind {
			return t
		}
	}
	return d.builtin(name)
}

// builtin makes up a type of C, nil if there is none of that name.
func (d *Data) builtin(name string) *Type {
	b := builtinNamed(name)
	if b == nil {
		return nil
	}
	d.types.mu.Lock()
	defer d.types.mu.Unlock()
	t := d.types.builtin[name]
	if t == nil {
		t = &Type{Kind: b.kind, Signed: b.signed, data: d, size: b.size, Order: d.order}
		if t.size == 0 {
			t.size = int64(d.ptrSize)
		}
		t.name.set(name)
		if d.types.builtin == nil {
			d.types.builtin = map[string]*Type{}
		}
		d.types.builtin[name] = t
	}
	return t
}

// Invented is a type that no program has, new each time, such as that of a
// register. Size is in bytes; the members are those of a union.
func (d *Data) Invented(name string, k Kind, size int64, signed bool, members ...Member) *Type {
	t := &Type{Kind: k, Signed: signed, data: d, size: size, Order: d.order}
	t.name.set(name)
	t.members.set(members)
	return t
}

// PointerTo is the type of a pointer to t, as the address-of operator makes it.
func (t *Type) PointerTo() *Type {
	if p := t.pointer.p.Load(); p != nil {
		return *p
	}
	p := t.made(Pointer)
	p.elem.set(t)
	if t.data != nil {
		p.Order = t.data.order
	}
	return t.pointer.set(p)
}

// Qualified is t with a qualifier: Const, Volatile, Restrict or Atomic.
func (t *Type) Qualified(k Kind) *Type { return t.qualified(k.qualifier()) }

// ArrayOf is the type of an array of n elements of t. It is new each time.
func (t *Type) ArrayOf(n int64) *Type {
	a := t.made(Array)
	a.elem.set(t)
	a.bound.set(Bound{Count: n, Known: true})
	return a
}

// FuncReturning is the type of a function of which only the result is known.
func (t *Type) FuncReturning() *Type {
	f := t.made(Func)
	f.elem.set(t)
	return f
}

// made makes up a type around t.
func (t *Type) made(k Kind) *Type {
	return &Type{Kind: k, data: t.data, language: t.language, size: noSize, Order: t.Order}
}
