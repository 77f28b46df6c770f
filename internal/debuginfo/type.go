package debuginfo

import (
	"debug/dwarf"
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Type is a type of a program. Types are made when they are asked for, one for
// each entry, so that they can be compared by ==. A Type is safe for concurrent
// use; no answer about it follows damaged types for ever.
type Type struct {
	Kind   Kind
	Signed bool             // of integers, characters and enums
	Vector bool             // of an array: GCC's vector_size
	Order  binary.ByteOrder // of values; GCC's scalar_storage_order changes it

	data     *Data
	entry    Entry // none for types that are made up
	language language
	declared bool       // and not defined, as far as the entry says
	size     int64      // bytes as given, or noSize
	dim      int        // of an array: which of its entry's dimensions it starts with
	quals    qualifiers // of an array: what its elements are qualified by

	name    memo[string]
	elem    memo[*Type]
	whole   memo[*Type] // the definition of a declaration
	pointer memo[*Type]
	bound   memo[Bound]
	members memo[[]Member]
}

// noSize is the size of what has none, or whose size is not known.
const noSize = -1

// maxChain bounds how deep types refer to each other; damaged ones go round.
const maxChain = 64

// memo keeps a value that is computed when it is first wanted. Two goroutines
// may compute it at once, and then the first result stays; nobody waits, so
// that types may refer to themselves.
type memo[T any] struct{ p atomic.Pointer[T] }

func (m *memo[T]) set(v T) T {
	m.p.CompareAndSwap(nil, &v)
	return *m.p.Load()
}

// typeTable holds what was asked about a program's types.
type typeTable struct {
	mu          sync.Mutex
	of          map[dwarf.Offset]*Type // by entry
	builtin     map[string]*Type
	named       map[string][]*Type
	aggregates  map[string]*Type // for Field
	definitions map[definitionKey]*Type
}

// Type is the type that an entry describes: a type, or a function, whose type
// it then is. For all others the Kind is Unknown.
func (e Entry) Type() *Type {
	if e.unit == nil {
		return &Type{size: noSize, Order: binary.LittleEndian}
	}
	// What stands for a type unit (DWARF 5, 3.1.4) may not even have a name.
	if unit, ok := e.Ref(dwarf.AttrSignature); ok && unit.Tag == e.Tag {
		e = unit
	}
	table := &e.unit.d.types
	table.mu.Lock()
	defer table.mu.Unlock()
	t := table.of[e.Off]
	if t == nil {
		t = newType(e)
		if table.of == nil {
			table.of = map[dwarf.Offset]*Type{}
		}
		table.of[e.Off] = t
	}
	return t
}

// ofType is the type that DW_AT_type of an entry, or of one that it completes,
// refers to; Void if there is none.
func (e Entry) ofType() *Type {
	if e.unit == nil {
		return e.Type()
	}
	from := e.Inherited(dwarf.AttrType)
	if from.unit == nil {
		return e.unit.d.builtin("void")
	}
	if ref, ok := from.Ref(dwarf.AttrType); ok {
		return ref.Type()
	}
	return e.unit.d.builtin("")
}

// Type is the variable's type.
func (v Variable) Type() *Type { return v.Entry.ofType() }

// newType reads an entry. It must not ask for other Types: the table is locked.
func newType(e Entry) *Type {
	e, quals := e.qualifiedArray()
	t := &Type{
		data: e.unit.d, entry: e, language: e.unit.style(), size: noSize, quals: quals,
		Order: e.unit.d.order, Vector: e.Flag(attrGNUVector), declared: e.Flag(dwarf.AttrDeclaration),
	}
	t.Kind, t.Signed = e.kind()
	sized := e
	if e.Tag == dwarf.TagSubrangeType && !e.Has(dwarf.AttrByteSize) {
		sized = e.underlying()
	}
	if size, ok := sized.Int(dwarf.AttrByteSize); ok && size >= 0 {
		t.size = size
	} else if size, ok := sized.Int(dwarf.AttrBitSize); ok && size > 0 { // base types that don't fill bytes (DWARF 5, 5.1.1)
		t.size = (size-1)/8 + 1
	}
	switch order, _ := e.Uint(dwarf.AttrEndianity); order {
	case endianBig:
		t.Order = binary.BigEndian
	case endianLittle:
		t.Order = binary.LittleEndian
	}
	return t
}

// Values of DW_AT_endianity (DWARF 5, 7.8).
const (
	endianBig    = 1
	endianLittle = 2
)

// attrGNUVector marks arrays that are vectors; debug/dwarf lacks it.
const attrGNUVector dwarf.Attr = 0x2107

// Elem is what a type is made of: what a pointer, reference or pointer to
// member refers to, an array's elements (of several dimensions: the next one's
// array), a function's result, what a typedef stands for or a qualifier
// qualifies. It is nil for all others; where the program says nothing it is
// Void, where damage hides it Unknown.
func (t *Type) Elem() *Type {
	if p := t.elem.p.Load(); p != nil {
		return *p
	}
	switch t.Kind {
	case Array:
		return t.elem.set(t.element())
	case Pointer, Reference, RvalueReference, MemberPointer, Func, Typedef, Const, Volatile, Restrict, Atomic:
		return t.elem.set(t.entry.ofType())
	}
	return nil
}

// Plain is the type without typedefs and qualifiers, and the definition in
// place of a declaration if the program has one.
func (t *Type) Plain() *Type { return t.Stripped().definition() }

// Stripped is the type without typedefs and qualifiers. Other than Plain it
// never searches the program, but a declaration has no size and no members.
func (t *Type) Stripped() *Type {
	for range maxChain {
		switch t.Kind {
		case Typedef, Const, Volatile, Restrict, Atomic:
			t = t.Elem()
		default:
			return t
		}
	}
	return t.data.builtin("")
}

// Incomplete tells whether a structure, union or enum is declared but nowhere
// defined.
func (t *Type) Incomplete() bool { return t.Plain().declared }

// definition looks for that of a declaration in any unit, by its name.
func (t *Type) definition() *Type {
	if !t.declared || !t.Kind.hasMembers() && t.Kind != Enum {
		return t
	}
	if p := t.whole.p.Load(); p != nil {
		return *p
	}
	if other := t.data.defining(t); other != nil {
		return t.whole.set(other)
	}
	return t.whole.set(t)
}

// Size is the size of a value in bytes, -1 where it is not known: incomplete
// types, arrays whose length only the running program has. A flexible array has
// 0.
func (t *Type) Size() int64 { return t.sizeAt(0) }

func (t *Type) sizeAt(depth int) int64 {
	t = t.Plain()
	if t.size != noSize && (t.Kind != Array || t.dim == 0) {
		return t.size
	}
	if depth > maxChain || t.data == nil {
		return noSize
	}
	switch t.Kind {
	case Pointer, Reference, RvalueReference:
		return t.data.addrSize(t.entry)
	case MemberPointer:
		// The Itanium C++ ABI, 2.3: an offset; for functions two words.
		if t.Elem().Plain().Kind == Func {
			return 2 * t.data.addrSize(t.entry)
		}
		return t.data.addrSize(t.entry)
	case Enum:
		if base := t.entry.underlying(); base.unit != nil {
			return base.Type().size
		}
	case Array:
		return product(t.length(), t.Elem().sizeAt(depth+1))
	}
	return noSize
}

// addrSize is the size of an address in bytes in an entry's unit.
func (d *Data) addrSize(e Entry) int64 {
	if e.unit != nil {
		return int64(e.unit.AddrSize)
	}
	return int64(d.ptrSize)
}

// product multiplies sizes; noSize if one is, or beyond what int64 holds.
func product(a, b int64) int64 {
	if a < 0 || b < 0 {
		return noSize
	}
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high != 0 || int64(low) < 0 {
		return noSize
	}
	return int64(low)
}

// Rust tells whether the type is written, and its values are shown, as in Rust.
func (t *Type) Rust() bool { return t.language == languageRust }

// class is the class that a pointer to member points into.
func (t *Type) class() *Type {
	ref, _ := t.entry.Ref(dwarf.AttrContainingType)
	return ref.Type()
}

// prototyped tells whether a function's parameters are declared: always but in
// C before C23, where "()" leaves them open.
func (t *Type) prototyped() bool {
	return t.language != languageC || t.entry.Inherited(dwarf.AttrPrototyped).Flag(dwarf.AttrPrototyped)
}
