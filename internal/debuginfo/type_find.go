package debuginfo

import (
	"debug/dwarf"
	"iter"
	"slices"
	"strings"
)

// Type finds a type by name, as a cast names it: "struct k_thread", "union x",
// "enum e", "k_thread", "unsigned long" in any of C's spellings,
// "fw::Ring<int, 4>". Leading namespaces may be left out. Of several it takes
// one that is defined, the full name before a part of it, and typedefs before
// tags that C wants a keyword for. C's integer types exist even if the program
// has none.
func (d *Data) Type(name string) (*Type, bool) {
	list := d.find(name, true)
	if len(list) == 0 {
		return nil, false
	}
	return list[0], true
}

// Types finds all types of a name, in the order of Type's preference. Each unit
// has its own of a header's types.
func (d *Data) Types(name string) []*Type { return d.find(name, false) }

// found is a type and how well it answers.
type found struct {
	*Type
	rank int
}

// Ranks of what is found, best first.
const (
	rankBest = iota
	rankTag  // in C, without the keyword
	rankPart // a name that goes on to the left
	rankDeclared
	rankLocal // in a function
)

// find remembers what search finds; key tells the two questions apart.
func (d *Data) find(name string, one bool) []*Type {
	name = strings.TrimSpace(name)
	key := name
	if one {
		key = " " + name
	}
	d.types.mu.Lock()
	list, seen := d.types.named[key]
	d.types.mu.Unlock()
	if seen {
		return list
	}
	list = d.search(name, one)
	d.types.mu.Lock()
	defer d.types.mu.Unlock()
	if d.types.named == nil {
		d.types.named = map[string][]*Type{}
	}
	d.types.named[key] = list
	return list
}

// tagKeywords stand before a tag, and what kinds of types they allow.
var tagKeywords = [...]struct {
	word  string
	kinds [3]Kind
}{
	{"struct ", [3]Kind{Struct, Class, Variant}},
	{"class ", [3]Kind{Struct, Class, Variant}},
	{"union ", [3]Kind{Union}},
	{"enum ", [3]Kind{Enum, Variant}},
}

// search finds types, the best first; only one if that is enough.
func (d *Data) search(name string, one bool) (list []*Type) {
	var kinds []Kind // that the keyword allows
	for i := range tagKeywords {
		if rest, ok := strings.CutPrefix(name, tagKeywords[i].word); ok {
			name, kinds = strings.TrimSpace(rest), tagKeywords[i].kinds[:]
			break
		}
	}
	names := []string{name}
	own := builtinNamed(name)
	if s, ok := canonicalInteger(name); ok {
		own = builtinNamed(s)
	}
	if own != nil {
		names = append(slices.Clone(own.others), own.name)
	}
	var all []found
	for _, name := range names {
		for f := range d.typesNamed(name) {
			if kinds != nil {
				if !slices.Contains(kinds, f.Kind) {
					continue
				}
				if f.rank == rankTag {
					f.rank = rankBest
				}
			}
			all = append(all, f)
			if one && f.rank == rankBest {
				return []*Type{f.Type}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.rank - b.rank })
	for _, f := range all {
		list = append(list, f.Type)
	}
	if own != nil && len(list) == 0 && kinds == nil && name != "" {
		list = []*Type{d.builtin(own.name)}
	}
	return list
}

// typesNamed yields the types that a name may stand for, unit by unit, those
// in functions last.
func (d *Data) typesNamed(name string) iter.Seq[found] {
	return func(yield func(found) bool) {
		plain := last(name)
		if plain == "" {
			return
		}
		s := typeSearch{name: name, plain: plain, template: canonical(plain, languageCPlus), yield: yield}
		var units []*Unit
		in := func(u *Unit) bool {
			s.below(u.Root(), 0, rankBest)
			units = append(units, u)
			return !s.done
		}
		if d.namings(plain)(in); len(units) == 0 && strings.Contains(plain, "<") {
			slices.Values(d.Units())(in) // the program may write the arguments in another way
		}
		if s.done {
			return
		}
		for _, u := range units {
			u.Root().eachBelow(func(e Entry, _ int) bool {
				switch e.Tag {
				case dwarf.TagSubprogram, dwarf.TagLexDwarfBlock, dwarf.TagInlinedSubroutine:
					s.below(e, 0, rankLocal)
					return !s.done
				case dwarf.TagNamespace, dwarf.TagStructType, dwarf.TagClassType:
					return !s.done
				}
				return false
			})
		}
	}
}

// typeSearch looks for types of a name.
type typeSearch struct {
	name, plain string // as typed, and the last part of it
	template    string // plain, as GDB would write it
	all         bool   // every name will do
	yield       func(found) bool
	done        bool
}

// below yields the types directly below an entry or in namespaces there, and if
// the name is that of a type in another, in those.
func (s *typeSearch) below(e Entry, depth, rank int) {
	for c := range e.Children() {
		switch c.Tag {
		case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagInterfaceType:
			s.try(c, depth, rank)
			if s.leadsThrough(c) && depth < maxChain {
				s.below(c, depth+1, rank)
			}
		case dwarf.TagTypedef, dwarf.TagBaseType, dwarf.TagEnumerationType, dwarf.TagUnspecifiedType, dwarf.TagTemplateAlias:
			s.try(c, depth, rank)
		case dwarf.TagNamespace, dwarf.TagModule:
			if depth < maxChain {
				s.below(c, depth+1, rank)
			}
		}
		if s.done {
			return
		}
	}
}

// leadsThrough tells whether types in a class may have the name.
func (s *typeSearch) leadsThrough(e Entry) bool {
	return e.abbrev.children && (s.all && e.unit.style() != languageC ||
		len(s.plain) < len(s.name) && strings.Contains(s.name, e.Str(dwarf.AttrName)))
}

// try yields a type if it has the name.
func (s *typeSearch) try(e Entry, depth, rank int) {
	named := e
	if e.Has(dwarf.AttrSpecification) { // a class defined outside of the one that declares it
		named = e.declared()
	}
	if s.all {
		s.done = !e.Flag(dwarf.AttrDeclaration) && !s.yield(found{e.Type(), rank})
		return
	}
	if !named.Named(dwarf.AttrName, s.plain) && !s.sameTemplate(named) {
		return
	}
	t := e.Type()
	if depth > 0 || named != e {
		full := t.Name()
		if !means(s.name, full) && !means(canonical(s.name, languageCPlus), full) {
			return
		}
		if len(full) != len(s.name) {
			rank = max(rank, rankPart)
		}
	}
	if e.Flag(dwarf.AttrDeclaration) {
		rank = max(rank, rankDeclared)
	} else if t.language == languageC && int(t.Kind) < len(tagWords) && tagWords[t.Kind] != "" {
		rank = max(rank, rankTag)
	}
	s.done = !s.yield(found{t, rank})
}

// sameTemplate compares the names of templates, whose arguments compilers write
// in different ways.
func (s *typeSearch) sameTemplate(e Entry) bool {
	return strings.Contains(s.plain, "<") && canonical(e.Str(dwarf.AttrName), languageCPlus) == s.template
}

// defining finds the definition of a type that is only declared, in any unit,
// nil if there is none: of the same name and sort.
func (d *Data) defining(t *Type) *Type {
	key := definitionKey{t.Name(), t.Kind.sort()}
	if key.name == "" {
		return nil
	}
	d.types.mu.Lock()
	known, seen := d.types.definitions[key]
	d.types.mu.Unlock()
	if seen {
		return known
	}
	plain := t.entry.Name()
	s := typeSearch{name: key.name, plain: plain, template: canonical(plain, languageCPlus)}
	s.yield = func(f found) bool {
		if f.entry.Flag(dwarf.AttrDeclaration) || f.Kind.sort() != key.sort || f.Name() != key.name {
			return true
		}
		known = f.Type
		return false
	}
	for u := range d.namings(plain) {
		if s.below(u.Root(), 0, rankBest); s.done {
			break
		}
	}
	d.types.mu.Lock()
	defer d.types.mu.Unlock()
	if d.types.definitions == nil {
		d.types.definitions = map[definitionKey]*Type{}
	}
	d.types.definitions[key] = known
	return known
}

// definitionKey is what a declaration and its definition share.
type definitionKey struct {
	name string
	sort Kind
}

// sort is the kind that one may be declared as: C++ lets structures be declared
// as classes, and Rust's enums are structures.
func (k Kind) sort() Kind {
	if k == Class || k == Variant {
		return Struct
	}
	return k
}

// AllTypes yields the types with a name that some unit defines outside of
// functions, unit by unit: each unit has its own of a header's types.
func (d *Data) AllTypes() iter.Seq[*Type] {
	return func(yield func(*Type) bool) {
		for _, u := range d.Units() {
			s := typeSearch{all: true, yield: func(f found) bool { return yield(f.Type) }}
			if s.below(u.Root(), 0, rankBest); s.done {
				return
			}
		}
	}
}
