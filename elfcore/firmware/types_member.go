package firmware

import (
	"debug/dwarf"
	"iter"
	"strings"
)

// aggregate tells whether an entry defines a type with members.
func aggregate(e *dwarf.Entry) bool {
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType:
		declared, _ := e.Val(dwarf.AttrDeclaration).(bool)
		return !declared
	}
	return false
}

// maxDepth bounds how deep types refer to each other; damaged ones go round.
const maxDepth = 64

// plain looks through typedefs and qualifiers; nil if that leads nowhere.
func (x *typeIndex) plain(e *dwarf.Entry) *dwarf.Entry {
	for range maxDepth {
		if e == nil {
			return nil
		}
		switch e.Tag {
		case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
			e = x.typeOf(e)
		default:
			return e
		}
	}
	return nil
}

// typeOf is the entry that DW_AT_type refers to, nil if it can't be read.
// Types in type units (signatures) are not found.
func (x *typeIndex) typeOf(e *dwarf.Entry) *dwarf.Entry {
	off, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return nil
	}
	r := x.data.Reader()
	r.Seek(off)
	return x.next(r)
}

// next reads an entry; nil at the end, on damage, or when enough was read.
func (x *typeIndex) next(r *dwarf.Reader) *dwarf.Entry {
	x.budget--
	e, err := r.Next()
	x.failed = x.failed || err != nil
	if err != nil || x.budget < 0 {
		return nil
	}
	return e
}

// children yields the entries directly below e.
func (x *typeIndex) children(e *dwarf.Entry) iter.Seq[*dwarf.Entry] {
	return func(yield func(*dwarf.Entry) bool) {
		r := x.data.Reader()
		r.Seek(e.Offset)
		if x.next(r) == nil || !e.Children {
			return
		}
		for c := x.next(r); c != nil && c.Tag != 0; c = x.next(r) {
			if !yield(c) {
				return
			}
			r.SkipChildren()
		}
	}
}

// member walks a path from an aggregate.
func (x *typeIndex) member(e *dwarf.Entry, path string) fieldAt {
	var off int64
	var steps []string
	if path != "" {
		steps = strings.Split(path, ".")
	}
	for _, step := range steps {
		name, element := strings.CutSuffix(step, "[]")
		at, m := x.child(e, name, 0)
		if m == nil || m.Val(dwarf.AttrBitSize) != nil {
			return fieldAt{}
		}
		off += at
		if e = x.plain(x.typeOf(m)); e == nil {
			return fieldAt{}
		}
		if element {
			if e.Tag != dwarf.TagArrayType {
				return fieldAt{}
			}
			if e = x.plain(x.typeOf(e)); e == nil {
				return fieldAt{}
			}
		}
	}
	size, ok := x.size(e, 0)
	return fieldAt{off, size, ok}
}

// child finds a member by name, also in anonymous members and base classes,
// and its offset.
func (x *typeIndex) child(e *dwarf.Entry, name string, depth int) (int64, *dwarf.Entry) {
	if name == "" || e == nil || depth > maxDepth || !aggregate(e) {
		return 0, nil
	}
	for m := range x.children(e) {
		if m.Tag != dwarf.TagMember && m.Tag != dwarf.TagInheritance {
			continue
		}
		at, placed := memberOffset(m)
		if !placed {
			continue
		}
		switch named, _ := m.Val(dwarf.AttrName).(string); named {
		case name:
			return at, m
		case "":
			if inner, found := x.child(x.plain(x.typeOf(m)), name, depth+1); found != nil {
				return at + inner, found
			}
		}
	}
	return 0, nil
}

// opPlusUconst is DW_OP_plus_uconst, which DWARF 2 places members with.
const opPlusUconst = 0x23

// memberOffset is the offset of a member in bytes. Members of a union have
// none given, C++'s static members are declarations without a place.
func memberOffset(m *dwarf.Entry) (off int64, ok bool) {
	if declared, _ := m.Val(dwarf.AttrDeclaration).(bool); declared {
		return 0, false
	}
	switch v := m.Val(dwarf.AttrDataMemberLoc).(type) {
	case nil:
		return 0, true
	case int64:
		return v, true
	case []byte:
		if len(v) > 1 && v[0] == opPlusUconst {
			c := cursor{b: v[1:]}
			off = int64(c.uleb())
			return off, !c.bad && !c.more()
		}
	}
	return 0, false
}

// size is the size of a type in bytes.
func (x *typeIndex) size(e *dwarf.Entry, depth int) (int64, bool) {
	if e = x.plain(e); e == nil || depth > maxDepth {
		return 0, false
	}
	if size, ok := e.Val(dwarf.AttrByteSize).(int64); ok {
		return size, true
	}
	switch e.Tag {
	case dwarf.TagPointerType:
		r := x.data.Reader()
		r.Seek(e.Offset)
		return int64(r.AddressSize()), true
	case dwarf.TagArrayType:
		each, ok := x.size(x.typeOf(e), depth+1)
		return each * x.count(e), ok
	}
	return 0, false
}

// count multiplies the dimensions of an array; 0 for a flexible one.
func (x *typeIndex) count(e *dwarf.Entry) int64 {
	n := int64(1)
	for d := range x.children(e) {
		if d.Tag != dwarf.TagSubrangeType {
			continue
		}
		if count, ok := d.Val(dwarf.AttrCount).(int64); ok {
			n *= count
		} else if upper, ok := d.Val(dwarf.AttrUpperBound).(int64); ok {
			n *= upper + 1
		} else {
			return 0
		}
	}
	return n
}
