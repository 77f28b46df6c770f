package debuginfo

import (
	"debug/dwarf"
	"iter"
	"slices"
	"sync"
)

// abbreviation says which attributes entries of a kind have (DWARF 5, 7.5.3).
type abbreviation struct {
	tag      dwarf.Tag
	role     role
	children bool
	ranges   bool // of code may be given
	size     int  // bytes of all values, -1 if that varies
	fields   []field
}

// field is one attribute of an abbreviation.
type field struct {
	implicit int64 // the value itself, for formImplicit
	attr     uint16
	form     form
	size     uint8 // bytes, or varies
}

// abbrevKey tells apart tables that sizes make differ.
type abbrevKey struct {
	off uint64
	shape
}

// abbrevTable holds a unit's abbreviations: by code if those count from 1, as
// all compilers write them, in a map otherwise.
type abbrevTable struct {
	dense []abbreviation
	other map[uint64]*abbreviation
}

func (t *abbrevTable) find(code uint64) *abbreviation {
	if code-1 < uint64(len(t.dense)) {
		return &t.dense[code-1]
	}
	return t.other[code]
}

// all yields the abbreviations.
func (t *abbrevTable) all() iter.Seq[*abbreviation] {
	return func(yield func(*abbreviation) bool) {
		for i := range t.dense {
			if !yield(&t.dense[i]) {
				return
			}
		}
		for _, a := range t.other {
			if !yield(a) {
				return
			}
		}
	}
}

// abbrevs is the table of abbreviations at an offset, shared by the units that
// use it.
//
// All tables together are allowed the section's size four times over (several
// shapes of units may read the same bytes), so that damaged headers, each with
// an offset of its own into one long table, can't use up time and memory.
func (d *Data) abbrevs(key abbrevKey) *abbrevTable {
	section := d.bytes(secAbbrev)
	d.mu.Lock()
	t, seen := d.tables[key]
	within := d.abbrevRead <= 4*len(section)
	d.mu.Unlock()
	if seen {
		return t
	}
	t, size := &abbrevTable{}, 0
	if key.off < uint64(len(section)) && within { // not locked: other units read theirs meanwhile
		c := cursor{b: section, off: int(key.off)}
		declared := declarationsPool.Get().(*declarations)
		declared.read(&c, key.shape)
		declared.table(t)
		declarationsPool.Put(declared)
		size = c.off - int(key.off)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if other, seen := d.tables[key]; seen {
		return other
	}
	d.abbrevRead += size
	d.tables[key] = t
	return t
}

// declarations are the abbreviations of one table while they are read.
type declarations struct {
	list   []declaration
	fields []field // of all in list
}

// declarationsPool keeps the slices for the next table: how long they get is not
// known before.
var declarationsPool = sync.Pool{New: func() any { return new(declarations) }}

type declaration struct {
	abbreviation
	code        uint64
	first, last int // in fields
}

// read reads declarations up to the end of the table, or up to the damage.
func (d *declarations) read(c *cursor, s shape) {
	d.list, d.fields = d.list[:0], d.fields[:0]
	sizes := s.sizes()
	for {
		a := declaration{code: c.uleb(), first: len(d.fields)}
		if a.code == 0 {
			return
		}
		a.tag, a.children = dwarf.Tag(c.uleb()), c.uint(1) != 0
		a.role = roleOf(a.tag)
		for {
			attr, code := c.pair()
			if attr == 0 && code == 0 {
				break
			}
			f := field{attr: uint16(min(attr, 0xffff)), form: toForm(code)}
			if f.form == formImplicit {
				f.implicit = c.sleb()
			}
			f.size = sizes[f.form]
			if f.size == varies {
				a.size = -1
			} else if a.size >= 0 {
				a.size += int(f.size)
			}
			a.ranges = a.ranges || f.attr == uint16(dwarf.AttrLowpc) || f.attr == uint16(dwarf.AttrRanges)
			d.fields = append(d.fields, f)
		}
		if c.bad {
			return
		}
		a.last = len(d.fields)
		d.list = append(d.list, a)
	}
}

// table fills a table with what was read.
func (d *declarations) table(t *abbrevTable) {
	fields := slices.Clone(d.fields)
	t.dense = make([]abbreviation, 0, len(d.list))
	for i := range d.list {
		a := &d.list[i]
		a.fields = fields[a.first:a.last:a.last]
		switch {
		case a.code == uint64(len(t.dense))+1:
			t.dense = append(t.dense, a.abbreviation)
		case t.find(a.code) == nil:
			if t.other == nil {
				t.other = map[uint64]*abbreviation{}
			}
			other := a.abbreviation
			t.other[a.code] = &other
		}
	}
}
