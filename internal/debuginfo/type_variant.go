package debuginfo

import "debug/dwarf"

// Variants are the forms that a Variant type can take.
type Variants struct {
	// Discriminant tells which form a value has. Its Type is Void if there is
	// only one form. Rust keeps it in a niche of other members, too.
	Discriminant Member
	Forms        []Form
}

// Form is one form of a Variant type.
type Form struct {
	Members []Member // in Rust one, named as the form, whose type has the fields
	Default bool     // taken if no other is
	ranges  []discriminants
}

// discriminants are values of a discriminant, from low to high.
type discriminants struct{ low, high int64 }

// variantPart is the part of a structure that varies, the zero Entry if none
// does.
func (e Entry) variantPart() Entry {
	for c := range e.Children() {
		if c.Tag == dwarf.TagVariantPart {
			return c
		}
	}
	return Entry{}
}

// Variants describes a Variant type (DWARF 5, 5.7.10). ok is false for others.
func (t *Type) Variants() (v Variants, ok bool) {
	if t = t.Plain(); t.Kind != Variant {
		return v, false
	}
	part := t.entry.variantPart()
	v.Discriminant.Type = t.data.builtin("void")
	if discr, given := part.Ref(dwarf.AttrDiscr); given {
		if v.Discriminant, ok = discr.member(); !ok {
			return v, false
		}
	}
	kind := v.Discriminant.Type.Plain()
	for c := range part.Children() {
		if c.Tag == dwarf.TagVariant {
			v.Forms = append(v.Forms, Form{c.members(), false, nil})
			v.Forms[len(v.Forms)-1].read(c, kind)
		}
	}
	return v, true
}

// Of picks the form of a value by its discriminant, given as an integer of the
// discriminant's type. ok is false if no form has it: the value is damaged.
func (v Variants) Of(discriminant int64) (f Form, ok bool) {
	kind := v.Discriminant.Type.Plain()
	discriminant = kind.extend(discriminant)
	for _, x := range v.Forms {
		if x.Default && !ok {
			f, ok = x, true
		}
		for _, r := range x.ranges {
			if kind.ordered(r.low, discriminant) && kind.ordered(discriminant, r.high) {
				return x, true
			}
		}
	}
	return f, ok
}

// ordered tells whether a <= b as values of an integer type.
func (t *Type) ordered(a, b int64) bool {
	if t.Signed {
		return a <= b
	}
	return uint64(a) <= uint64(b)
}

// Descriptors of DW_AT_discr_list (DWARF 5, 7.22).
const (
	dscLabel = 0
	dscRange = 1
)

// read reads the values that select a form: one, a list, or neither for the
// default.
func (f *Form) read(e Entry, kind *Type) {
	if v, ok := e.Int(dwarf.AttrDiscrValue); ok {
		v = kind.extend(v)
		f.ranges = []discriminants{{v, v}}
		return
	}
	list, ok := e.Block(dwarf.AttrDiscrList)
	f.Default = !ok
	for c := (cursor{b: list}); c.off < len(list) && !c.bad; {
		next := func() int64 {
			if kind.Signed {
				return c.sleb()
			}
			return int64(c.uleb())
		}
		how := c.uint(1)
		low := next()
		high := low
		if how == dscRange {
			high = next()
		}
		if !c.bad && how <= dscRange {
			f.ranges = append(f.ranges, discriminants{low, high})
		}
	}
}
