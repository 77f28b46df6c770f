package debuginfo

import (
	"debug/dwarf"
	"strings"
)

// Member is a member, base class or static member of a structure, class or
// union.
type Member struct {
	Name  string // empty for anonymous structures and unions; a base class has its type's
	Type  *Type
	Entry Entry

	// Off is where it lies, in bytes from the start of the structure; for a
	// bit-field, where the byte with its first bit does.
	Off int64
	// BitSize is the width of a bit-field in bits, 0 if it is none. BitOff is
	// where it starts, in bits from the start of the structure; in each byte
	// they are counted from the least significant one if the order of its type
	// (Plain().Order) is little-endian, from the most significant one otherwise.
	BitOff, BitSize int64
	// Location is a DWARF expression that computes its address from that of
	// the structure, which is pushed first, for members that don't have the
	// same place everywhere, as virtual bases. Off is -1 then.
	Location []byte

	Base       bool // a base class
	Virtual    bool // of a base class: shared by all who have it
	Static     bool // C++: not in the structure; a variable of that name, or DW_AT_const_value
	Artificial bool // made by the compiler: _vptr
}

// Members lists base classes, members and static members, in the order of the
// declaration. It looks through typedefs and qualifiers. Those of Variant types
// are in Variants.
func (t *Type) Members() []Member {
	t = t.Plain()
	if p := t.members.p.Load(); p != nil {
		return *p
	}
	if !t.Kind.hasMembers() {
		return nil
	}
	return t.members.set(t.entry.members())
}

func (e Entry) members() (list []Member) {
	for c := range e.Children() {
		switch c.Tag {
		case dwarf.TagMember, dwarf.TagInheritance, dwarf.TagVariable:
			if m, ok := c.member(); ok {
				list = append(list, m)
			}
		}
	}
	return list
}

// member reads a member; not ok if its place can't be made out.
func (e Entry) member() (m Member, ok bool) {
	m = Member{
		Name: e.Str(dwarf.AttrName), Type: e.ofType(), Entry: e,
		Base: e.Tag == dwarf.TagInheritance, Artificial: e.Flag(dwarf.AttrArtificial),
	}
	if v, _ := e.Uint(dwarf.AttrVirtuality); m.Base {
		m.Name, m.Virtual = m.Type.Plain().Name(), v != 0
	}
	// DWARF 5 has static members as variables, DWARF 4 as declared members.
	if e.Tag == dwarf.TagVariable || e.Flag(dwarf.AttrDeclaration) || !m.Base && e.Flag(dwarf.AttrExternal) {
		m.Static, m.Off = true, -1
		return m, true
	}
	if m.Off, m.Location, ok = e.place(); !ok {
		return m, false
	}
	if size, given := e.Int(dwarf.AttrBitSize); given && size > 0 {
		m.BitSize = size
		m.BitOff, ok = e.bitOffset(m)
		m.Off = m.BitOff >> 3
	}
	return m, ok
}

// Operators that old compilers place members with.
const (
	opConstu     = 0x10
	opPlus       = 0x22
	opPlusUconst = 0x23
)

// place reads where a member lies: nowhere given, as in unions, is 0.
//
// Folklore: up to DWARF 3 an offset is an expression, DW_OP_plus_uconst n (GCC
// 4), or constu n, plus (others). Read as that, members need no evaluator.
// Test: TestOldPlaces.
func (e Entry) place() (off int64, location []byte, ok bool) {
	expr, block := e.Block(dwarf.AttrDataMemberLoc)
	if !block {
		off, given := e.Int(dwarf.AttrDataMemberLoc)
		return off, nil, given || !e.Has(dwarf.AttrDataMemberLoc)
	}
	c := cursor{b: expr}
	switch op := c.uint(1); op {
	case opPlusUconst, opConstu:
		off = int64(c.uleb())
		if (op == opPlusUconst || c.uint(1) == opPlus) && !c.bad && c.off == len(c.b) {
			return off, nil, off >= 0
		}
	}
	return -1, expr, len(expr) > 0
}

// maxBits bounds where a bit-field can be: no structure is larger than 2 GiB.
const maxBits = 1 << 34

// bitOffset is BitOff of a bit-field of known width, and whether that makes
// sense. DWARF 4 counts it from the start of the structure (DW_AT_data_bit_offset;
// DWARF 4, 5.5.6). Before, DW_AT_bit_offset counts from the most significant bit
// of a storage unit of DW_AT_byte_size bytes, which on little-endian CPUs is at
// its end, even for fields that scalar_storage_order makes big-endian.
//
// Folklore: GCC makes that negative where a packed field ends beyond the storage
// unit, in a form that is signed or has all 32 or 64 bits. Test: TestBitFields.
func (e Entry) bitOffset(m Member) (off int64, ok bool) {
	if off, ok = e.Int(dwarf.AttrDataBitOffset); ok {
		off += 8 * m.Off
	} else if before, old := e.Int(dwarf.AttrBitOffset); old {
		unit, given := e.Int(dwarf.AttrByteSize)
		if !given {
			unit = m.Type.Size()
		}
		if v, _ := e.value(dwarf.AttrBitOffset); v.form == formData4 {
			before = int64(int32(before))
		}
		if off = 8*m.Off + before; !e.unit.d.big() {
			off = 8*m.Off + 8*unit - before - m.BitSize
		}
	} else {
		off = 8 * m.Off // at the start of its storage unit
	}
	return off, m.Location == nil && m.BitSize <= 64*2 && off >= 0 && off < maxBits
}

// Enumerator is a value of an enum.
type Enumerator struct {
	Name  string // qualified, as GDB writes it: "ns::RED", "Level::High"
	Value int64  // as the enum's size and sign have it; above 1<<63-1 its bits
}

// Enumerators lists the values of an enum in the order of the declaration.
func (t *Type) Enumerators() (list []Enumerator) {
	if t = t.Plain(); t.Kind != Enum {
		return nil
	}
	scope := "" // of enumerators: the enum's own, or what it is in
	switch name := t.Name(); {
	case t.language == languageC:
	case t.language == languageRust || t.entry.Flag(dwarf.AttrEnumClass):
		scope = name + "::"
	default:
		scope = strings.TrimSuffix(name, last(name))
	}
	for c := range t.entry.Children() {
		v, ok := c.Int(dwarf.AttrConstValue)
		if c.Tag == dwarf.TagEnumerator && ok {
			list = append(list, Enumerator{scope + c.Str(dwarf.AttrName), t.extend(v)})
		}
	}
	return list
}

// extend reads an integer as one of the type's size and sign. Forms tell
// neither: 0xff of one byte is -1 of a signed type.
func (t *Type) extend(v int64) int64 {
	size := t.Size()
	if size <= 0 || size >= 8 {
		return v
	}
	shift := 64 - 8*size
	if t.Signed {
		return v << shift >> shift
	}
	return int64(uint64(v) << shift >> shift)
}

// Params lists the types of a function's parameters. variadic tells that more
// may follow ("...").
func (t *Type) Params() (params []*Type, variadic bool) {
	if t = t.Plain(); t.Kind != Func {
		return nil, false
	}
	for c := range t.entry.Children() {
		switch c.Tag {
		case dwarf.TagFormalParameter:
			p := c.ofType()
			if t.language == languageCPlus && c.Flag(dwarf.AttrArtificial) && t.isThis(c, len(params)) {
				p = p.qualified(Const.qualifier())
			}
			params = append(params, p)
		case dwarf.TagUnspecifiedParameters:
			variadic = true
		}
	}
	return params, variadic
}

// isThis tells whether the nth parameter is C++'s this, which is constant
// though compilers don't always say so (as GDB has it: GCC's PR 43053).
func (t *Type) isThis(param Entry, n int) bool {
	if object, ok := t.entry.Ref(dwarf.AttrObjectPointer); ok {
		return object.Off == param.Off
	}
	return n == 0
}
