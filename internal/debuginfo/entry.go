package debuginfo

import (
	"debug/dwarf"
	"iter"
	"math"
)

// Entry is a debugging information entry: a tag and attributes. It is small
// and refers to the section's bytes; values are decoded when asked for. The
// zero Entry is none, and has no attributes.
type Entry struct {
	Off dwarf.Offset // in .debug_info; entries of .debug_types follow those
	Tag dwarf.Tag

	unit   *Unit
	abbrev *abbreviation
	body   int // offset of the first value in the unit's data
}

// Entry reads the entry at an offset. Only offsets that come from the debug
// information itself are those of entries; others may give nonsense.
func (d *Data) Entry(off dwarf.Offset) (Entry, bool) {
	u := d.unitAt(off)
	if u == nil || int(off)-u.shift < u.first {
		return Entry{}, false
	}
	return u.entry(int(off) - u.shift)
}

// entry reads the entry at an offset in the unit's data. ok is false at the end
// of a list of children, and where the unit ends or is damaged.
func (u *Unit) entry(at int) (e Entry, ok bool) {
	a, body := u.abbreviation(at)
	if a == nil {
		return Entry{}, false
	}
	return Entry{Off: dwarf.Offset(at + u.shift), Tag: a.tag, unit: u, abbrev: a, body: body}, true
}

// abbreviation reads the code that an entry starts with, and returns where its
// values are; nil as entry.
func (u *Unit) abbreviation(at int) (a *abbreviation, body int) {
	if at >= len(u.data) {
		return nil, 0
	}
	code, body := uint64(u.data[at]), at+1
	if code >= 0x80 {
		c := cursor{b: u.data, off: at}
		code, body = c.uleb(), c.off
	}
	if code == 0 {
		return nil, 0
	}
	return u.abbrevs().find(code), body
}

// Unit is the unit that holds the entry, nil for none.
func (e Entry) Unit() *Unit { return e.unit }

func (e Entry) cursor() cursor { return cursor{b: e.unit.data, off: e.body, big: e.unit.d.big()} }

// end is the offset after the entry's values, -1 if they don't fit in the unit.
func (e Entry) end() int { return e.unit.after(e.abbrev, e.body) }

// after is the offset after the values at body, -1 if they don't fit.
func (u *Unit) after(a *abbreviation, body int) int {
	if a.size >= 0 {
		body += a.size
	} else {
		for i := range a.fields {
			f := &a.fields[i]
			if f.size != varies {
				body += int(f.size)
				continue
			}
			c := cursor{b: u.data, off: body, big: u.d.big()}
			if u.shape.skip(&c, f.form); c.bad {
				return -1
			}
			body = c.off
		}
	}
	if body > len(u.data) {
		return -1
	}
	return body
}

// pass moves behind a field's value.
func (s shape) pass(c *cursor, f *field) {
	if f.size == varies {
		s.skip(c, f.form)
	} else {
		c.take(uint64(f.size))
	}
}

// maxDepth bounds how deep entries nest in one another, below any entry whose
// children are asked for. C++ in the wild stays below 40.
const maxDepth = 256

// behind is the offset after the entry and all below it, -1 if damaged.
func (e Entry) behind() int {
	end := e.end()
	if !e.abbrev.children || end < 0 {
		return end
	}
	if v, ok := e.value(dwarf.AttrSibling); ok && v.class() == classLocal {
		// Only ahead: a sibling that is behind would make readers go round.
		header := int(e.unit.Off) - e.unit.shift
		if v.n <= uint64(len(e.unit.data)-header) && header+int(v.n) >= end {
			return header + int(v.n)
		}
	}
	for depth := 1; depth > 0; {
		c, ok := e.unit.entry(end)
		if !ok {
			if end >= len(e.unit.data) || e.unit.data[end] != 0 {
				return -1
			}
			end++
			depth--
			continue
		}
		if end = c.end(); end < 0 {
			return -1
		}
		if c.abbrev.children {
			if depth++; depth > maxDepth {
				return -1
			}
		}
	}
	return end
}

// Children yields the entries directly below e, up to the first damaged one.
func (e Entry) Children() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if e.abbrev == nil || !e.abbrev.children {
			return
		}
		for at := e.end(); at >= 0; {
			c, ok := e.unit.entry(at)
			if !ok || !yield(c) {
				return
			}
			at = c.behind()
		}
	}
}

// eachBelow calls enter for the entries below e, in order, as long as they can
// be read, and goes into those for which it returns true. depth counts from 1.
func (e Entry) eachBelow(enter func(e Entry, depth int) bool) {
	if e.abbrev == nil || !e.abbrev.children {
		return
	}
	u := e.unit
	for at, depth := e.end(), 1; at >= 0 && depth <= maxDepth; {
		c, ok := u.entry(at)
		switch {
		case !ok && (at >= len(u.data) || u.data[at] != 0):
			return
		case !ok:
			at++
			if depth--; depth == 0 {
				return
			}
		case enter(c, depth):
			at = c.end()
			if c.abbrev.children {
				depth++
			}
		default:
			at = c.behind()
		}
	}
}

// value finds an attribute.
func (e Entry) value(a dwarf.Attr) (value, bool) {
	if e.abbrev == nil {
		return value{}, false
	}
	c := e.cursor()
	for i := range e.abbrev.fields {
		f := &e.abbrev.fields[i]
		if f.attr != uint16(a) {
			e.unit.shape.pass(&c, f)
			continue
		}
		if f.form == formImplicit {
			return value{form: formImplicit, n: uint64(f.implicit)}, true
		}
		v := e.unit.shape.value(&c, f.form, f.size)
		return v, !c.bad
	}
	return value{}, false
}

// Has tells whether the entry itself has an attribute.
func (e Entry) Has(a dwarf.Attr) bool {
	if e.abbrev != nil {
		for i := range e.abbrev.fields {
			if e.abbrev.fields[i].attr == uint16(a) {
				return true
			}
		}
	}
	return false
}

// Uint is a constant, an address or an offset into another section. Signed
// forms are sign-extended, all others zero-extended.
func (e Entry) Uint(a dwarf.Attr) (uint64, bool) {
	v, ok := e.value(a)
	if !ok {
		return 0, false
	}
	switch v.class() {
	case classConstant, classSection:
		return v.n, true
	case classAddress:
		return e.unit.Loaded(v.n), true
	case classAddrIndex:
		return e.unit.Address(v.n)
	}
	return 0, false
}

// Int is a constant. Only signed forms are sign-extended, whatever the size of
// the others: DW_FORM_data1 0xff is 255, as GDB reads it.
func (e Entry) Int(a dwarf.Attr) (int64, bool) {
	v, ok := e.value(a)
	return int64(v.n), ok && v.class() == classConstant
}

// Flag tells whether a flag is given and set.
func (e Entry) Flag(a dwarf.Attr) bool {
	v, ok := e.value(a)
	return ok && v.class() == classFlag && v.n != 0
}

// Block is the bytes of a block or an expression, in the section.
func (e Entry) Block(a dwarf.Attr) ([]byte, bool) {
	v, ok := e.value(a)
	return v.b, ok && v.class() == classBlock
}

// maxString bounds strings, in bytes: many damaged entries may refer to one long
// string. Names of C++ templates reach some thousand.
const maxString = 1 << 16

// Str is a string, from whichever section it is in; empty if there is none, or
// one of more than 64 KiB.
func (e Entry) Str(a dwarf.Attr) string {
	b := e.text(a)
	if len(b) > maxString {
		return ""
	}
	return string(b)
}

// Named tells whether an attribute is a string, and that one. It allocates
// nothing.
func (e Entry) Named(a dwarf.Attr, s string) bool { return string(e.text(a)) == s }

func (e Entry) text(a dwarf.Attr) []byte {
	v, ok := e.value(a)
	if !ok {
		return nil
	}
	return e.unit.text(v)
}

// text is the string that a value is or refers to.
func (u *Unit) text(v value) []byte {
	id, off := secStr, v.n
	switch v.class() {
	case classString:
		return v.b
	case classStrp:
	case classLineStrp:
		id = secLineStr
	case classStrIndex:
		var ok bool
		if off, ok = u.indexed(secStrOffsets, u.bases().strOffsets, v.n, int(u.shape.offSize)); !ok {
			return nil
		}
	default:
		return nil
	}
	c := u.d.at(id, off)
	return c.str()
}

// Ref is the entry that an attribute refers to.
func (e Entry) Ref(a dwarf.Attr) (Entry, bool) {
	v, ok := e.value(a)
	if !ok {
		return Entry{}, false
	}
	u := e.unit
	switch v.class() {
	case classLocal:
		if v.n < uint64(len(u.data)) {
			if at := int(u.Off) - u.shift + int(v.n); at >= u.first && at < len(u.data) {
				return u.entry(at)
			}
		}
	case classGlobal:
		if v.n <= math.MaxUint32 {
			return u.d.Entry(dwarf.Offset(v.n))
		}
	case classSignature:
		return u.d.signed(v.n)
	}
	return Entry{}, false
}

// maxOrigins bounds how often entries refer to where they are described.
// Compilers need two: an inlined method's instance, its abstract instance, its
// declaration in the class.
const maxOrigins = 8

// Origin is the entry that this one completes: an abstract instance or a
// declaration (DWARF 5, 2.13.2 and 3.3.8).
func (e Entry) Origin() (Entry, bool) {
	if o, ok := e.Ref(dwarf.AttrAbstractOrigin); ok {
		return o, true
	}
	return e.Ref(dwarf.AttrSpecification)
}

// Inherited is the entry that has the attribute: e itself, or the nearest one
// that it completes. If none has it, the zero Entry.
func (e Entry) Inherited(a dwarf.Attr) Entry {
	for range maxOrigins {
		if e.Has(a) {
			return e
		}
		var ok bool
		if e, ok = e.Origin(); !ok {
			break
		}
	}
	return Entry{}
}
