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
	for _, v := range search(d, plain, soughtGlobals, func(u *Unit, where places) []Variable {
		return slices.Collect(u.globals(plain, where))
	}) {
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
	lost = slices.DeleteFunc(lost, func(v Variable) bool { return origins[v.Entry.Off] })
	return append(placed, lost...)
}

// AllGlobals yields every variable that Globals finds and that has a place.
func (d *Data) AllGlobals() iter.Seq[Variable] {
	return func(yield func(Variable) bool) {
		for _, u := range d.Units() {
			for v := range u.globals("", places{everywhere: true}) {
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
// isn't empty; where is where they may be.
func (u *Unit) globals(plain string, where places) iter.Seq[Variable] {
	return func(yield func(Variable) bool) {
		more := true
		types := !u.plainNames()
		function := 0 // depth of the one that entries are in, 0 none
		u.Root().eachBelow(func(e Entry, depth int) bool {
			if depth <= function {
				function = 0
			}
			switch {
			case !more:
				return false
			case e.Tag != dwarf.TagVariable && e.Tag != dwarf.TagMember:
				enter := e.abbrev.role != roleSkip && (e.abbrev.role != roleType || types) && where.below(e)
				if enter && e.Tag == dwarf.TagSubprogram && function == 0 {
					function = depth
				}
				return enter
			case !where.hold(e):
			case plain != "" && !e.Inherited(dwarf.AttrName).Named(dwarf.AttrName, plain):
			case e.Tag == dwarf.TagMember || e.Flag(dwarf.AttrDeclaration):
				// Of the static members that are only declared, those that are
				// constants exist.
				if e.Has(dwarf.AttrConstValue) {
					more = yield(Variable{Name: e.Qualified(), Entry: e})
				}
			case function > 0 && !e.static(): // a local variable
			default:
				if name := e.globalName(function > 0); name != "" {
					more = yield(Variable{Name: name, Entry: e})
				}
			}
			return false
		})
	}
}

// globalName is the name of a variable that exists once: qualified, also by the
// function that it is in, if it is in one. Empty if it has no name.
func (e Entry) globalName(local bool) string {
	if !local {
		return e.Qualified()
	}
	f, ok := e.Enclosing()
	for ok && f.Tag != dwarf.TagSubprogram {
		f, ok = f.Enclosing()
	}
	if name := e.Name(); name != "" {
		return f.Qualified() + "::" + name
	}
	return ""
}

// Functions finds functions with code by their qualified name or the end of it,
// without parameters: "boom" finds "fw::drv::boom".
func (d *Data) Functions(name string) (found []*Function) {
	plain := last(name)
	for _, f := range search(d, plain, soughtFunctions, func(u *Unit, _ places) []*Function {
		return slices.Collect(u.allFunctions(plain))
	}) {
		if means(name, f.Name) {
			found = append(found, f)
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

var (
	soughtGlobals   = sought{[]dwarf.Tag{dwarf.TagVariable, dwarf.TagMember}, Entry.perhapsGlobal}
	soughtFunctions = sought{[]dwarf.Tag{dwarf.TagSubprogram}, func(e Entry) bool { return e.abbrev.ranges }}
)

// frameBased is DW_OP_fbreg, which locations of local variables start with.
const frameBased = 0x91

// perhapsGlobal tells whether a variable or member may be one that exists once,
// by itself: what is around it is not known here.
func (e Entry) perhapsGlobal() bool {
	if e.Tag == dwarf.TagMember || e.Flag(dwarf.AttrDeclaration) {
		return e.Has(dwarf.AttrConstValue)
	}
	expr, ok := e.Block(dwarf.AttrLocation)
	return !e.Has(dwarf.AttrLocation) || ok && (len(expr) == 0 || expr[0] != frameBased)
}

// search asks units for what is sought by a plain name, in those places where it
// may be.
//
// In a program that was optimised when it was linked one unit may have the name
// and another one the code: all of the units that describing lists are asked.
func search[T any](d *Data, name string, s sought, ask func(*Unit, places) []T) []T {
	if d.crossing() {
		return gather(d.describing(name, s.tags), func(u *Unit) []T { return ask(u, places{everywhere: true}) })
	}
	p := d.patterns(name)
	return gather(d.Units(), func(u *Unit) []T {
		where := u.places(name, p, s)
		if where.none() {
			return nil
		}
		return ask(u, where)
	})
}

// describing lists the units in which entries have a name, and those with
// entries that complete one of those.
func (d *Data) describing(name string, tags []dwarf.Tag) []*Unit {
	units := slices.Clone(d.Naming(name))
	var patterns [][]byte
	for _, other := range d.Units() {
		if slices.Contains(units, other) {
			continue
		}
		if patterns == nil {
			patterns = d.incomplete(units, name, tags)
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
func (d *Data) incomplete(units []*Unit, name string, tags []dwarf.Tag) (offsets [][]byte) {
	for _, u := range units {
		u.Root().eachBelow(func(e Entry, _ int) bool {
			if slices.Contains(tags, e.Tag) && !e.abbrev.ranges && !e.Has(dwarf.AttrLocation) && e.Inherited(dwarf.AttrName).Named(dwarf.AttrName, name) {
				offsets = append(offsets, d.offset(int(e.Off)))
			}
			return true
		})
	}
	return offsets
}
