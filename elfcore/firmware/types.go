package firmware

import (
	"bytes"
	"debug/dwarf"
	"encoding/binary"
	"slices"
	"sync"
)

// typeIndex finds types by name in the debug information, only as far as it is
// asked. Kernels want offsets in two or three structures; decoding every entry
// of a large firmware takes a hundred times as long as finding those.
type typeIndex struct {
	info, abbrev, str []byte
	more              map[string][]byte // the other sections
	units             []unit
	indexed           bool // names may be given by index (.debug_str_offsets)

	mu     sync.Mutex // for what follows
	known  map[fieldKey]fieldAt
	names  map[string][]int         // what naming found
	found  map[typeKey]*dwarf.Entry // what definition found, nil for nothing
	data   *dwarf.Data              // of the units that are awake
	budget int                      // entries that may still be read for this question
	failed bool                     // an entry could not be read
}

type fieldKey struct{ typ, path string }

// typeKey is a type in one unit, given by index.
type typeKey struct {
	typ  string
	unit int
}

type fieldAt struct {
	off, size int64
	ok        bool
}

// unit is one unit of .debug_info. first is the offset of its first entry, body
// all bytes from there, abbrev the offset of the header's field that says where
// its abbreviations are, of wide bytes.
type unit struct {
	first  dwarf.Offset
	body   []byte
	abbrev int
	wide   int
	awake  bool
}

// maxEntries bounds the entries read to walk one path. Damaged types refer to
// themselves, and anonymous members branch.
const maxEntries = 1 << 16

// moreDebug are the sections that names and offsets may also lie in.
var moreDebug = []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"}

func (m *Image) readTypes() *typeIndex {
	x := &typeIndex{
		known: map[fieldKey]fieldAt{}, names: map[string][]int{}, found: map[typeKey]*dwarf.Entry{}, more: map[string][]byte{},
	}
	section := func(name string) []byte {
		data, _ := m.debugContents(name) // none is as good as damaged
		return data
	}
	x.info, x.str = section(".debug_info"), section(".debug_str")
	// The zero that is added is a table without abbreviations: see only.
	x.abbrev = append(section(".debug_abbrev"), 0)
	for _, name := range moreDebug {
		x.more[name] = section(name)
	}
	x.indexed = len(x.more[".debug_str_offsets"]) > 0
	x.units = readUnits(x.info)
	return x
}

// readUnits lists the units up to the first damaged one (DWARF 5, 7.5.1).
func readUnits(info []byte) (units []unit) {
	c := cursor{b: info}
	for c.more() {
		u := unit{wide: 4}
		length := c.uint(4)
		if length == 0xffffffff {
			length, u.wide = c.uint(8), 8
		}
		end := uint64(c.off) + length
		version, kind := c.uint(2), uint64(0)
		if version >= 5 {
			kind = c.uint(1)
			c.uint(1) // size of an address
		}
		u.abbrev = c.off
		c.take(uint64(u.wide))
		if version < 5 {
			c.uint(1)
		}
		switch kind {
		case 4, 5: // skeleton, split: an id
			c.uint(8)
		case 2, 6: // type units: a signature and an offset
			c.take(uint64(8 + u.wide))
		}
		u.first = dwarf.Offset(c.off)
		if c.bad || length > uint64(len(info)) || end < uint64(c.off) || end > uint64(len(info)) {
			return units
		}
		u.body = info[c.off:end]
		c.off = int(end)
		units = append(units, u)
	}
	return units
}

// only makes data answer for some units, given by index, and perhaps others.
//
// debug/dwarf decodes every unit's abbreviations when it opens, which for a
// large firmware takes longer than all else. So the units that were not asked
// for sleep: in a copy, their headers point to a table without abbreviations.
// An entry in one then fails to read, and the caller wakes all.
func (x *typeIndex) only(some []int) error {
	if x.data != nil && !slices.ContainsFunc(some, func(i int) bool { return !x.units[i].awake }) {
		return nil
	}
	for _, i := range some {
		x.units[i].awake = true
	}
	info := bytes.Clone(x.info)
	for _, u := range x.units {
		if !u.awake {
			var to [8]byte
			binary.LittleEndian.PutUint64(to[:], uint64(len(x.abbrev)-1))
			copy(info[u.abbrev:u.abbrev+u.wide], to[:])
		}
	}
	data, err := dwarf.New(x.abbrev, nil, nil, info, nil, nil, nil, x.str)
	if err != nil {
		return err
	}
	for name, section := range x.more {
		if err := data.AddSection(name, section); err != nil {
			return err
		}
	}
	x.data = data
	return nil
}

// field answers Set.Field.
func (x *typeIndex) field(typ, path string) (off, size int64, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := fieldKey{typ, path}
	at, seen := x.known[key]
	if !seen {
		at = x.look(typ, path)
		x.known[key] = at
	}
	return at.off, at.size, at.ok
}

// look tries the first unit that names the type, which mostly defines it, then
// all that do, and wakes the rest only if one of those refers to it.
func (x *typeIndex) look(typ, path string) fieldAt {
	naming := x.naming(typ)
	if len(naming) == 0 || typ == "" {
		return fieldAt{}
	}
	for _, awake := range [][]int{naming[:1], naming, x.every()} {
		if x.failed = false; x.only(awake) != nil {
			return fieldAt{}
		}
		at, found, err := x.lookIn(naming[:min(len(naming), len(awake))], typ, path)
		if at.ok || found && !x.failed || err != nil {
			return at
		}
	}
	return fieldAt{}
}

// lookIn reads some units for the type. found tells that one defines it.
func (x *typeIndex) lookIn(some []int, typ, path string) (at fieldAt, found bool, err error) {
	defer recovered(&err)
	x.budget = maxEntries
	r := x.data.Reader()
	for _, i := range some {
		e, seen := x.found[typeKey{typ, i}]
		if !seen {
			r.Seek(x.units[i].first)
			e = x.definition(r, typ)
		}
		if e != nil || !x.failed {
			x.found[typeKey{typ, i}] = e
		}
		if e != nil {
			return x.member(e, path), true, nil
		}
	}
	return fieldAt{}, false, nil
}

// naming picks the units in which a name occurs: in place, or as the offset of
// a string. Linkers merge strings that end alike, so a name may be the tail of
// another.
func (x *typeIndex) naming(name string) (some []int) {
	some, seen := x.names[name]
	if seen {
		return some
	}
	inPlace := append([]byte(name), 0)
	patterns := [][]byte{inPlace}
	for at := 0; ; at++ {
		i := bytes.Index(x.str[at:], inPlace)
		if i < 0 {
			break
		}
		at += i
		patterns = append(patterns, binary.LittleEndian.AppendUint32(nil, uint32(at)))
	}
	for i, u := range x.units {
		if x.indexed || slices.ContainsFunc(patterns, func(p []byte) bool { return bytes.Contains(u.body, p) }) {
			some = append(some, i)
		}
	}
	x.names[name] = some
	return some
}

// every lists all units.
func (x *typeIndex) every() []int {
	all := make([]int, len(x.units))
	for i := range all {
		all[i] = i
	}
	return all
}

// definition reads one unit for a structure, union or class of that name, or
// a typedef that leads to one. Declarations do not count.
func (x *typeIndex) definition(r *dwarf.Reader, name string) *dwarf.Entry {
	for depth := 0; ; {
		e, err := r.Next()
		if e == nil || err != nil {
			x.failed = x.failed || err != nil
			return nil
		}
		switch e.Tag {
		case 0:
			if depth--; depth <= 0 {
				return nil // the end of the unit
			}
			continue
		case dwarf.TagCompileUnit, dwarf.TagPartialUnit, dwarf.TagNamespace:
			if e.Children {
				depth++
			}
			if depth == 0 {
				return nil
			}
			continue
		case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType, dwarf.TagTypedef:
			if named, _ := e.Val(dwarf.AttrName).(string); named == name {
				if e := x.plain(e); e != nil && aggregate(e) {
					return e
				}
			}
		}
		if depth == 0 {
			return nil // a type unit, or damage
		}
		r.SkipChildren()
	}
}
