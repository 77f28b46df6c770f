package debuginfo

import (
	"bytes"
	"debug/dwarf"
	"slices"
)

// holders are the entries of a unit, of some tags, that have one of some
// attributes. Those that have a given value there, a name or a reference, are
// found by searching the unit for the value's bytes and looking at what is
// before them, which takes a tenth of the time that reading the unit does. Bytes
// can look like an entry that is none.
type holders struct {
	unit  *Unit
	tags  []dwarf.Tag
	attrs []dwarf.Attr

	// Abbreviations are not read before the bytes were found.
	surveyed bool
	forms    []form // of the values
	reach    int    // an entry begins at most so many bytes before the value
	tried    int    // bytes that an entry might have begun at, and fields of those that might be one
}

// maxReach bounds reach where values of any size may be before the one that is
// looked for: Clang writes the locations of local variables before their names.
const maxReach = 256

// maxCode bounds the code that an entry begins with, in bytes: 21 bits.
const maxCode = 3

// survey looks for abbreviations with the tags and the attributes.
func (h *holders) survey() {
	h.surveyed = true
	for a := range h.unit.abbrevs().all() {
		if !slices.Contains(h.tags, a.tag) {
			continue
		}
		before := maxCode
		for i := range a.fields {
			f := &a.fields[i]
			if f.form == formIndirect {
				before = maxReach
			}
			if slices.Contains(h.attrs, dwarf.Attr(f.attr)) {
				h.forms = append(h.forms, f.form)
				within := 0 // the low half of an offset of 8 bytes, if it is the second
				if f.size == 8 {
					within = 4
				}
				h.reach = max(h.reach, min(before+within, maxReach))
			}
			before += int(f.size)
			if f.size == varies {
				before = maxReach
			}
		}
	}
}

// each calls found with the entries in whose values the bytes are. It returns
// false when that turns out to take longer than reading the unit.
func (h *holders) each(value []byte, found func(Entry)) bool {
	u := h.unit
	for at := u.first; ; at++ {
		i := bytes.Index(u.data[at:], value)
		if i < 0 {
			return true
		}
		if !h.surveyed {
			h.survey()
		}
		at += i
		for start := at - 1; start >= max(u.first, at-h.reach); start-- {
			if h.tried++; h.tried > len(u.data) {
				return false
			}
			a, body := u.abbreviation(start)
			if a == nil || body > at || !slices.Contains(h.tags, a.tag) {
				continue
			}
			h.tried += len(a.fields)
			e := Entry{Off: dwarf.Offset(start + u.shift), Tag: a.tag, unit: u, abbrev: a, body: body}
			if slices.Contains(h.attrs, e.attrAt(at)) {
				found(e)
			}
		}
	}
}

// attrAt is the attribute in whose value an offset of the unit's data is, 0 if it
// is in none.
func (e Entry) attrAt(at int) dwarf.Attr {
	c := e.cursor()
	for i := 0; i < len(e.abbrev.fields) && c.off <= at && !c.bad; i++ {
		f := &e.abbrev.fields[i]
		if e.unit.shape.pass(&c, f); !c.bad && at < c.off {
			return dwarf.Attr(f.attr)
		}
	}
	return 0
}

// sought is what is looked for by name: entries of some tags, those for which
// itself returns true and those that complete another.
type sought struct {
	tags   []dwarf.Tag
	itself func(Entry) bool
}

// places are where in a unit to look for something.
type places struct {
	everywhere bool
	at         []dwarf.Offset // of entries
}

func (p places) none() bool { return !p.everywhere && len(p.at) == 0 }

// hold tells whether to look at an entry.
func (p places) hold(e Entry) bool { return p.everywhere || slices.Contains(p.at, e.Off) }

// below tells whether to look at the entries below one.
func (p places) below(e Entry) bool {
	if p.everywhere || !e.abbrev.children {
		return p.everywhere
	}
	end := dwarf.Offset(e.behind() + e.unit.shift)
	return slices.ContainsFunc(p.at, func(off dwarf.Offset) bool { return e.Off < off && off < end })
}

// formRef4 is how compilers refer to another entry of the unit.
const formRef4 form = 0x13

// maxPlaced bounds the entries of a name in a unit that are looked at one by one.
// Reading the unit takes as long as some tens of searches in it.
const maxPlaced = 16

// places finds the entries with a name that may be what is sought, and the
// entries that complete one with the name, or that complete those. A header's
// declarations are in all units that include it: they alone are not worth
// reading a unit.
func (u *Unit) places(name string, p patterns, s sought) (found places) {
	everywhere := places{everywhere: true}
	if p.every || u.lists(p) {
		return everywhere
	}
	var origins []Entry
	named := holders{unit: u, tags: s.tags, attrs: []dwarf.Attr{dwarf.AttrName}}
	for _, value := range p.bytes {
		if !named.each(value, func(e Entry) {
			if e.Named(dwarf.AttrName, name) {
				origins = append(origins, e)
			}
		}) {
			return everywhere
		}
	}
	for _, e := range origins {
		if s.itself(e) {
			found.at = append(found.at, e.Off)
		}
	}
	if len(origins) == 0 {
		return found
	}
	completing := holders{unit: u, tags: s.tags, attrs: []dwarf.Attr{dwarf.AttrSpecification, dwarf.AttrAbstractOrigin}}
	completing.survey()
	if slices.ContainsFunc(completing.forms, func(f form) bool { return f != formRef4 }) {
		return everywhere
	}
	for i := 0; i < len(origins) && len(completing.forms) > 0; i++ {
		if len(origins) > maxPlaced || !completing.each(u.d.offset(int(origins[i].Off-u.Off)), func(e Entry) {
			found.at = append(found.at, e.Off)
			origins = append(origins, e)
		}) {
			return everywhere
		}
	}
	return found
}
