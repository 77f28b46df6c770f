package debuginfo

import "debug/dwarf"

// Kind says what a type is. The zero Kind is an entry that does not describe a
// type, or that damage hides.
type Kind uint8

// The kinds of types.
const (
	Unknown Kind = iota
	Void
	Bool
	Char // a character of any width and sign: char, unsigned char, char16_t, Rust's char; C++'s wchar_t is an integer
	Int
	Uint
	Float
	Complex
	Decimal // decimal floating point
	Address // a bare address
	Pointer
	Reference       // C++'s T &
	RvalueReference // C++'s T &&
	MemberPointer   // C++'s T C::*
	Array
	Struct
	Class
	Union
	Variant // a structure whose members depend on a discriminant: Rust's enum; see Variants
	Enum
	Func
	Typedef
	Const
	Volatile
	Restrict
	Atomic
	String      // a string whose type tells its length (Fortran)
	Unspecified // C++'s decltype(nullptr)
)

// hasMembers tells whether types of a kind have members.
func (k Kind) hasMembers() bool {
	switch k {
	case Struct, Class, Union, Variant:
		return true
	}
	return false
}

// kindOfTag is the kind of an entry. Base types have theirs from kindOfEncoding,
// subranges from the type they are a range of.
var kindOfTag = [...]Kind{
	dwarf.TagArrayType:           Array,
	dwarf.TagClassType:           Class,
	dwarf.TagEnumerationType:     Enum,
	dwarf.TagPointerType:         Pointer,
	dwarf.TagReferenceType:       Reference,
	dwarf.TagRvalueReferenceType: RvalueReference,
	dwarf.TagStringType:          String,
	dwarf.TagStructType:          Struct,
	dwarf.TagInterfaceType:       Class,
	dwarf.TagSubroutineType:      Func,
	dwarf.TagSubprogram:          Func,
	dwarf.TagTypedef:             Typedef,
	dwarf.TagTemplateAlias:       Typedef,
	dwarf.TagUnionType:           Union,
	dwarf.TagPtrToMemberType:     MemberPointer,
	dwarf.TagConstType:           Const,
	dwarf.TagVolatileType:        Volatile,
	dwarf.TagRestrictType:        Restrict,
	dwarf.TagAtomicType:          Atomic,
	dwarf.TagUnspecifiedType:     Unspecified,
}

// encoding is DW_AT_encoding of a base type (DWARF 5, 7.8).
type encoding uint64

// Those that tell a sign.
const (
	encodingSigned     encoding = 0x05
	encodingSignedChar encoding = 0x06
)

// kindOfEncoding is the kind of a base type. Imaginary numbers, strings of
// digits and fixed-point numbers, which C, C++ and Rust lack, are Unknown, as is
// GCC's complex int (0x80).
var kindOfEncoding = [...]Kind{
	0x01:               Address,
	0x02:               Bool,
	0x03:               Complex,
	0x04:               Float,
	encodingSigned:     Int,
	encodingSignedChar: Char,
	0x07:               Uint,
	0x08:               Char, // DW_ATE_unsigned_char
	0x0f:               Decimal,
	0x10:               Char, // DW_ATE_UTF
	0x11:               Char, // DW_ATE_UCS
	0x12:               Char, // DW_ATE_ASCII
}

// kind is the kind of type that an entry describes, and whether it has a sign.
func (e Entry) kind() (k Kind, signed bool) {
	switch e.Tag {
	case dwarf.TagBaseType:
		n, _ := e.Uint(dwarf.AttrEncoding)
		if n < uint64(len(kindOfEncoding)) {
			k = kindOfEncoding[n]
		}
		code := encoding(n)
		return k, code == encodingSigned || code == encodingSignedChar
	case dwarf.TagSubrangeType:
		return e.underlying().kind()
	case dwarf.TagEnumerationType:
		return Enum, e.signedEnum()
	case dwarf.TagStructType:
		if e.unit.style() == languageRust && e.variantPart().unit != nil {
			return Variant, false
		}
	case dwarf.TagUnspecifiedType:
		// Folklore: GNU as gives functions in assembler a result of a type
		// without a name. Test: TestUnspecified.
		if !e.Has(dwarf.AttrName) {
			return Void, false
		}
	}
	return kindOf(e.Tag), false
}

func kindOf(tag dwarf.Tag) Kind {
	if int(tag) < len(kindOfTag) {
		return kindOfTag[tag]
	}
	return Unknown
}

// underlying is the base type that the entry's DW_AT_type leads to, through
// typedefs, qualifiers and ranges; the zero Entry if there is none.
func (e Entry) underlying() Entry {
	for range maxChain {
		var ok bool
		if e, ok = e.Ref(dwarf.AttrType); !ok || e.Tag == dwarf.TagBaseType {
			break
		}
	}
	if e.Tag != dwarf.TagBaseType {
		return Entry{}
	}
	return e
}

// signedEnum tells whether an enum's values are signed: if its underlying type
// is; without one (DWARF 2, strict DWARF 4), if one of them is negative, as GDB
// has it.
func (e Entry) signedEnum() bool {
	if base := e.underlying(); base.unit != nil {
		_, signed := base.kind()
		return signed
	}
	for c := range e.Children() {
		if v, ok := c.Int(dwarf.AttrConstValue); ok && v < 0 && c.Tag == dwarf.TagEnumerator {
			return true
		}
	}
	return false
}

// language is how types are written.
type language uint8

const (
	languageC     language = iota // "struct tag"
	languageCPlus                 // "ns::tag": C++ and all that is neither C nor Rust
	languageRust
)

// DW_LANG_Rust (DWARF 5, 7.12).
const langRust = 0x1c

func (u *Unit) style() language {
	switch l := u.Language(); {
	case l == 0 || u.plainNames(): // 0: the unit does not say
		return languageC
	case l == langRust:
		return languageRust
	}
	return languageCPlus
}
