package debuginfo

import (
	"bytes"
	"debug/dwarf"
	"iter"
	"slices"
)

// Globals finds variables that exist once: of file scope, C++'s static members,
// and static ones in functions ("func::var"), by their qualified name or the
// end of it. Those that have a place go first; the others are optimised out.
func (d *Data) Globals(name string) []Variable {
	var placed, lost []Variable
	origins := map[dwarf.Offset]bool{}
	plain := last(name)
	for _, u := range d.describing(plain, dwarf.TagVariable) {
		for v := range u.globals(plain) {
			switch {
			case !means(name, v.Name):
			case v.Entry.placed():
				placed = append(placed, v)
				for o, ok := v.Entry.Origin(); ok && !origins[o.Off]; o, ok = o.Origin() {
					origins[o.Off] = true
				}
			default:
				lost = append(lost, v)
			}
		}
	}
	lost = slices.DeleteFunc(lost, func(v Variable) bool { return origins[v.Entry.Off] })
	return append(placed, lost...)
}

// AllGlobals yields every variable that Globals finds and that has a place.
func (d *Data) AllGlobals() iter.Seq[Variable] {
	return func(yield func(Variable) bool) {
		for _, u := range d.Units() {
			for v := range u.globals("") {
				if v.Entry.placed() && !yield(v) {
					return
				}
			}
		}
	}
}

// placed tells whether a variable has a place or a value somewhere.
func (e Entry) placed() bool {
	return e.Inherited(dwarf.AttrLocation).Tag != 0 || e.Inherited(dwarf.AttrConstValue).Tag != 0
}

// staticOps are the operators that locations of variables outside of stacks
// start with: DW_OP_addr, DW_OP_addrx, DW_OP_GNU_addr_index.
var staticOps = []byte{0x03, 0xa1, 0xfb}

// static tells whether a variable's location is an address.
func (e Entry) static() bool {
	expr, ok := e.Inherited(dwarf.AttrLocation).Block(dwarf.AttrLocation)
	return ok && len(expr) > 0 && bytes.IndexByte(staticOps, expr[0]) >= 0
}

// globals yields the unit's variables that exist once, of one plain name if it
// isn't empty.
func (u *Unit) globals(plain string) iter.Seq[Variable] {
	return func(yield func(Variable) bool) {
		more := true
		types := !u.plainNames()
		u.Root().eachBelow(func(e Entry) bool {
			switch {
			case !more:
				return false
			case e.Tag != dwarf.TagVariable && e.Tag != dwarf.TagMember:
				return e.abbrev.role != roleSkip && (e.abbrev.role != roleType || types)
			case plain != "" && !e.Inherited(dwarf.AttrName).Named(dwarf.AttrName, plain):
			case e.Tag == dwarf.TagMember || e.Flag(dwarf.AttrDeclaration):
				// Of the static members that are only declared, those that are
				// constants exist.
				if e.Has(dwarf.AttrConstValue) {
					more = yield(Variable{Name: e.Qualified(), Entry: e})
				}
			default:
				if name := e.globalName(); name != "" {
					more = yield(Variable{Name: name, Entry: e})
				}
			}
			return false
		})
	}
}

// globalName is the name of a variable that exists once: qualified, also by the
// function that it is in. Empty if it is a local variable, or has no name.
func (e Entry) globalName() string {
	f, inside := e.Enclosing()
	for inside && f.Tag != dwarf.TagSubprogram {
		f, inside = f.Enclosing()
	}
	switch {
	case !inside:
		return e.Qualified()
	case e.static() && e.Name() != "":
		return f.Qualified() + "::" + e.Name()
	}
	return ""
}

// Functions finds functions with code by their qualified name or the end of it,
// without parameters: "boom" finds "fw::drv::boom".
func (d *Data) Functions(name string) (found []*Function) {
	plain := last(name)
	for _, u := range d.describing(plain, dwarf.TagSubprogram) {
		for f := range u.allFunctions(plain) {
			if means(name, f.Name) {
				found = append(found, f)
			}
		}
	}
	return found
}

// AllFunctions yields the functions with code, by unit and address.
func (d *Data) AllFunctions() iter.Seq[*Function] {
	return func(yield func(*Function) bool) {
		for _, u := range d.Units() {
			for f := range u.allFunctions("") {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// allFunctions yields the unit's functions, of one plain name if it isn't
// empty.
func (u *Unit) allFunctions(plain string) iter.Seq[*Function] {
	return func(yield func(*Function) bool) {
		seen := map[dwarf.Offset]bool{}
		for _, s := range u.index().functions {
			e, _ := u.entry(int(s.of) - u.shift)
			if plain != "" && !e.Inherited(dwarf.AttrName).Named(dwarf.AttrName, plain) || seen[s.of] || !u.d.live(s.low, s.high) {
				continue
			}
			seen[s.of] = true
			if !yield(u.readFunction(s.of)) {
				return
			}
		}
	}
}

// describing lists the units in which entries have a name, and those with
// entries that complete one of those: in a program that was optimised when it
// was linked, one unit has the name and another one the code.
func (d *Data) describing(name string, tag dwarf.Tag) []*Unit {
	units := slices.Clone(d.Naming(name))
	if !d.crossing() {
		return units
	}
	var patterns [][]byte
	for _, other := range d.Units() {
		if slices.Contains(units, other) {
			continue
		}
		if patterns == nil {
			patterns = d.incomplete(units, name, tag)
		}
		if len(patterns) >= maxPlaces || slices.ContainsFunc(patterns, func(p []byte) bool { return bytes.Contains(other.data[other.first:], p) }) {
			units = append(units, other)
		}
	}
	return units
}

// crossing tells whether some entry may complete one of another unit: an
// abbreviation has DW_AT_abstract_origin or DW_AT_specification in the form
// DW_FORM_ref_addr. The bytes may have another meaning, which costs only time.
func (d *Data) crossing() bool {
	abbrevs := d.bytes(secAbbrev)
	return bytes.Contains(abbrevs, []byte{byte(dwarf.AttrAbstractOrigin), byte(formRefAddr)}) ||
		bytes.Contains(abbrevs, []byte{byte(dwarf.AttrSpecification), byte(formRefAddr)})
}

// incomplete are the offsets of entries that others may complete, as references
// to them are written.
func (d *Data) incomplete(units []*Unit, name string, tag dwarf.Tag) (offsets [][]byte) {
	for _, u := range units {
		u.Root().eachBelow(func(e Entry) bool {
			if e.Tag == tag && !e.abbrev.ranges && !e.Has(dwarf.AttrLocation) && e.Inherited(dwarf.AttrName).Named(dwarf.AttrName, name) {
				offsets = append(offsets, d.offset(int(e.Off)))
			}
			return true
		})
	}
	return offsets
}
