package debuginfo

import (
	"cmp"
	"debug/dwarf"
	"slices"
)

// index is what one pass over a unit finds: its functions by address, and
// which entries are inside which, as entries don't refer to their parents.
type index struct {
	functions spans[dwarf.Offset]
	scopes    []enclosure // by offset
}

// enclosure is a namespace, a type with members or a function: the entries from
// off to end are in it.
type enclosure struct {
	off, end dwarf.Offset
	parent   int32 // index of the one that it is in itself, -1 none
}

// role is what the pass does with an entry.
type role uint8

const (
	rolePass  role = iota // on to its children, if any
	roleSkip              // children are of no use
	roleScope             // names of its children are qualified by it
	roleType              // the same, but in C, where types have no functions: skip
	roleFunction
)

func roleOf(t dwarf.Tag) role {
	switch t {
	case dwarf.TagSubprogram:
		return roleFunction
	case dwarf.TagNamespace, dwarf.TagModule:
		return roleScope
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagInterfaceType:
		return roleType
	case dwarf.TagEnumerationType, dwarf.TagSubroutineType, dwarf.TagArrayType:
		return roleSkip
	}
	return rolePass
}

// plainLanguages are those whose names need no qualifying (DWARF 5, 7.12, and the
// codes registered since at dwarfstd.org): C89, C, C99, C11, C17, C23, Assembly,
// and DW_LANG_Mips_Assembler, which GNU as writes.
var plainLanguages = []uint64{0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e, 0x31, 0x8001}

func (u *Unit) plainNames() bool { return slices.Contains(plainLanguages, u.Language()) }

// readIndex makes the pass. It keeps what it has at the first damage.
func (u *Unit) readIndex() *index {
	x := &index{}
	root := u.Root()
	if root.abbrev == nil || !root.abbrev.children {
		return x
	}
	plain := u.plainNames()
	open := make([]int32, 1, 16) // innermost scope at each depth
	open[0] = -1
	work := int64(u.d.rangesWork())
	for at := root.end(); at >= 0; {
		inside := open[len(open)-1]
		a, body := u.abbreviation(at)
		if a == nil {
			if at >= len(u.data) || u.data[at] != 0 {
				break
			}
			at++
			if open = open[:len(open)-1]; len(open) == 0 {
				break
			}
			if open[len(open)-1] != inside {
				x.scopes[inside].end = dwarf.Offset(at + u.shift)
			}
			continue
		}
		e := Entry{Off: dwarf.Offset(at + u.shift), Tag: a.tag, unit: u, abbrev: a, body: body}
		if a.role == roleType && plain || a.role == roleSkip {
			at = e.behind()
			continue
		}
		if a.role == roleFunction && a.ranges {
			e.eachRange(func(low, high uint64) bool {
				x.functions.add(low, high, e.Off)
				return u.d.rangesRead.Add(1) < work
			})
		}
		at = u.after(a, body)
		if !a.children {
			continue
		}
		if a.role != rolePass {
			x.scopes = append(x.scopes, enclosure{off: e.Off, parent: inside})
			inside = int32(len(x.scopes) - 1)
		}
		if open = append(open, inside); len(open) > maxDepth {
			break
		}
	}
	for _, i := range open { // after damage
		if i >= 0 {
			x.scopes[i].end = dwarf.Offset(len(u.data) + u.shift)
		}
	}
	x.functions.sort()
	return x
}

// enclosing is the innermost scope that an entry is in, nil if none.
func (x *index) enclosing(off dwarf.Offset) *enclosure {
	i, _ := slices.BinarySearchFunc(x.scopes, off, func(s enclosure, off dwarf.Offset) int { return cmp.Compare(s.off, off) })
	for i--; i >= 0; i = int(x.scopes[i].parent) {
		if s := &x.scopes[i]; off < s.end {
			return s
		}
	}
	return nil
}
