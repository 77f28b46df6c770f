package debuginfo

import (
	"debug/dwarf"
	"math"
)

// Bound says how many elements an array has.
type Bound struct {
	Count int64 // if Known
	Known bool
	// What the running program has, of an array of variable length: an
	// expression or a variable, whose value is the number of elements, or,
	// if Upper is set, the index of the last one.
	Expr     []byte
	Variable Entry
	Upper    bool
}

// Count is the number of elements of an array. ok is false if it is not known:
// flexible arrays, and those of variable length.
func (t *Type) Count() (n int64, ok bool) {
	b := t.Bound()
	return b.Count, b.Known
}

// Bound tells how many elements an array has, or where the program keeps that.
// The zero Bound is a flexible array, or no array.
func (t *Type) Bound() Bound {
	if p := t.bound.p.Load(); p != nil {
		return *p
	}
	if t.Kind != Array {
		if t = t.Plain(); t.Kind != Array {
			return Bound{}
		}
		return t.Bound()
	}
	d, _ := t.entry.dimension(t.dim)
	return t.bound.set(d.bound())
}

// length is the number of elements as sizes count them: 0 for a flexible array,
// -1 if only the program knows.
func (t *Type) length() int64 {
	switch b := t.Bound(); {
	case b.Known:
		return b.Count
	case b.Expr != nil, b.Variable.unit != nil:
		return noSize
	}
	return 0
}

// dimension is the entry of one of an array's dimensions, and whether another
// follows. Ranges of enums are an array's dimensions, too (DWARF 5, 5.5).
func (e Entry) dimension(n int) (d Entry, more bool) {
	for c := range e.Children() {
		if c.Tag != dwarf.TagSubrangeType && c.Tag != dwarf.TagEnumerationType {
			continue
		}
		if n--; n == -1 {
			d = c
		} else if n < -1 {
			return d, true
		}
	}
	return d, false
}

// bound reads a dimension.
//
// Folklore: for "char data[0]" and flexible arrays compilers have written a
// count of 0, a count of -1 (clang), an upper bound of -1 and of 0xffffffff
// (GCC before 8, 64-bit too), or none. Tests: TestBounds.
func (e Entry) bound() Bound {
	if count, ok := e.Int(dwarf.AttrCount); ok {
		if count < 0 || count == math.MaxUint32 {
			return Bound{}
		}
		return Bound{Count: count, Known: true}
	}
	if b := (Bound{}); e.dynamic(dwarf.AttrCount, &b) {
		return b
	}
	if b := (Bound{Upper: true}); e.dynamic(dwarf.AttrUpperBound, &b) {
		return b
	}
	upper, ok := e.Int(dwarf.AttrUpperBound)
	if !ok {
		return Bound{}
	}
	lower, _ := e.Int(dwarf.AttrLowerBound) // C, C++ and Rust count from 0
	if upper == math.MaxUint32 {
		upper = -1
	}
	if upper < lower || upper == math.MaxInt64 {
		return Bound{Known: true}
	}
	return Bound{Count: upper - lower + 1, Known: true}
}

// dynamic reads a bound that is not a constant.
func (e Entry) dynamic(a dwarf.Attr, b *Bound) bool {
	b.Expr, _ = e.Block(a)
	b.Variable, _ = e.Ref(a)
	return b.Expr != nil || b.Variable.unit != nil
}

// element is the type of an array's elements.
func (t *Type) element() *Type {
	if _, more := t.entry.dimension(t.dim); more {
		return t.array(t.dim+1, t.quals)
	}
	return t.entry.ofType().qualified(t.quals)
}

// array makes an array type of the same entry.
func (t *Type) array(dim int, quals qualifiers) *Type {
	a := t.made(Array)
	a.Vector, a.entry, a.size, a.dim, a.quals = t.Vector, t.entry, t.size, dim, quals
	return a
}

// qualifiers are a set of const, volatile, restrict and atomic.
type qualifiers uint8

// qualifierKinds are the members of the set by bit, in the order they are written.
var qualifierKinds = [...]Kind{Const, Volatile, Restrict, Atomic}

func (k Kind) qualifier() qualifiers {
	for i, q := range qualifierKinds {
		if k == q {
			return 1 << i
		}
	}
	return 0
}

// qualifiedArray is the array that an entry qualifies, and by what. C has no
// qualified arrays, only arrays of qualified elements (C11, 6.7.3); DWARF has.
func (e Entry) qualifiedArray() (Entry, qualifiers) {
	at, quals := e, qualifiers(0)
	for range maxChain {
		q := kindOf(at.Tag).qualifier()
		if q == 0 {
			break
		}
		quals |= q
		var ok bool
		if at, ok = at.Ref(dwarf.AttrType); !ok {
			break
		}
	}
	if at.Tag != dwarf.TagArrayType {
		return e, 0
	}
	return at, quals
}

// qualified is t with qualifiers, which an array passes on to its elements.
func (t *Type) qualified(quals qualifiers) *Type {
	if t.Kind == Array && quals != 0 {
		return t.array(t.dim, t.quals|quals)
	}
	for i, k := range qualifierKinds {
		if quals&(1<<i) != 0 {
			q := t.made(k)
			q.elem.set(t)
			t = q
		}
	}
	return t
}
