package debuginfo

import (
	"debug/dwarf"
	"testing"
)

// FuzzType reads types from damaged entries.
func FuzzType(f *testing.F) {
	add := func(language int, list []*die) {
		info, abbrev := sectionsOf(language, list...)
		f.Add(info, abbrev)
	}
	for _, list := range circles() {
		add(langC99, list())
		add(langRust, list())
	}
	add(langCPlus, zoo())
	add(langRust, zoo())
	f.Fuzz(func(t *testing.T, info, abbrev []byte) {
		exerciseTypes(dataOf(info, abbrev))
	})
}

// zoo has one of each kind of entry that describes a type.
func zoo() []*die {
	number := baseType("int", 4, 5)
	array := newDie(dwarf.TagArrayType, "").with(dwarf.AttrType, number).below(
		newDie(dwarf.TagSubrangeType, "").with(dwarf.AttrUpperBound, 3), newDie(dwarf.TagSubrangeType, "").with(dwarf.AttrUpperBound, []byte{0x91, 0}))
	declared := newDie(dwarf.TagStructType, "s").with(dwarf.AttrDeclaration, true)
	pointer := newDie(dwarf.TagPointerType, "").with(dwarf.AttrType, declared)
	discr := newDie(dwarf.TagMember, "").with(dwarf.AttrType, number).with(dwarf.AttrDataMemberLoc, 0)
	s := newDie(dwarf.TagStructType, "s").with(dwarf.AttrByteSize, 64).below(
		newDie(dwarf.TagInheritance, "").with(dwarf.AttrType, declared).with(dwarf.AttrVirtuality, 1).with(dwarf.AttrDataMemberLoc, []byte{0x12, 6}),
		newDie(dwarf.TagMember, "a").with(dwarf.AttrType, array).with(dwarf.AttrDataMemberLoc, []byte{0x23, 8}),
		newDie(dwarf.TagMember, "bits").with(dwarf.AttrType, number).with(dwarf.AttrBitSize, 5).with(dwarf.AttrBitOffset, -3),
		newDie(dwarf.TagMember, "more").with(dwarf.AttrType, number).with(dwarf.AttrBitSize, 5).with(dwarf.AttrDataBitOffset, 77),
		(&die{tag: dwarf.TagVariantPart}).with(dwarf.AttrDiscr, discr).below(discr,
			(&die{tag: dwarf.TagVariant}).with(dwarf.AttrDiscrValue, 1).below(newDie(dwarf.TagMember, "One").with(dwarf.AttrType, pointer)),
			(&die{tag: dwarf.TagVariant}).with(dwarf.AttrDiscrList, []byte{1, 3, 7, 0, 9}).below(newDie(dwarf.TagMember, "Few").with(dwarf.AttrType, number))))
	function := newDie(dwarf.TagSubroutineType, "").with(dwarf.AttrType, pointer).below(
		newDie(dwarf.TagFormalParameter, "").with(dwarf.AttrType, array).with(dwarf.AttrArtificial, true), newDie(dwarf.TagUnspecifiedParameters, ""))
	return []*die{
		number, array, declared, pointer, function,
		newDie(dwarf.TagNamespace, "ns").below(s, newDie(dwarf.TagClassType, "Box<const int *, 3U>").below(newDie(dwarf.TagEnumerationType, "e").
			with(dwarf.AttrEnumClass, true).below(newDie(dwarf.TagEnumerator, "E").with(dwarf.AttrConstValue, -1)))),
		newDie(dwarf.TagPtrToMemberType, "").with(dwarf.AttrType, function).with(dwarf.AttrContainingType, s),
		newDie(dwarf.TagConstType, "").with(dwarf.AttrType, array), newDie(dwarf.TagTypedef, "t").with(dwarf.AttrType, s),
		newDie(dwarf.TagStructType, "").with(dwarf.AttrSpecification, declared), newDie(dwarf.TagUnionType, "u").with(dwarf.AttrBitSize, 3),
		newDie(dwarf.TagRvalueReferenceType, "").with(dwarf.AttrType, s), newDie(dwarf.TagSubrangeType, "r").with(dwarf.AttrType, number),
	}
}

// FuzzCanonical rewrites names as they might stand in debug information. What
// it has written it must leave as it is.
func FuzzCanonical(f *testing.F) {
	for _, name := range []string{
		"Ring<const char *, 2>::Mode", "Box<int (*(*)[3])(char, A<int>::* const)>", "N<3U, 'x', (& gi), (E)1>", "A<A<A<> > >",
		"Box<(A<(B<(C::*)(int)>::*)(int)>::*)(int)>", "long unsigned int", "Box<void(int)>",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := canonical(name, languageCPlus)
		if twice := canonical(once, languageCPlus); twice != once {
			t.Errorf("%q, then %q, then %q", name, once, twice)
		}
	})
}
