package debuginfo

import "strings"

// Field gives offset and size, in bytes, of a member of a structure, class or
// union, or of a typedef of one. The path goes through members, anonymous ones
// unnamed: "callee_saved.psp"; "cpus[]" is the first element of an array. An
// empty path is the type itself. ok is false for bit-fields and what is not
// described.
func (d *Data) Field(typ, path string) (off, size int64, ok bool) {
	t := d.aggregate(typ)
	if t == nil {
		return 0, 0, false
	}
	if path == "" {
		size = t.Size()
		return 0, size, size != noSize
	}
	budget := maxMembers
	for step := range strings.SplitSeq(path, ".") {
		name, element := strings.CutSuffix(step, "[]")
		at, m := t.child(name, 0, &budget)
		if m == nil || m.BitSize > 0 {
			return 0, 0, false
		}
		off += at
		if t = m.Type.Plain(); element {
			if t.Kind != Array {
				return 0, 0, false
			}
			t = t.entry.ofType().Plain()
		}
	}
	if size = t.Size(); size == noSize {
		return 0, 0, false
	}
	return off, size, true
}

// aggregate finds the first type of a name that has members, nil if none does.
func (d *Data) aggregate(name string) *Type {
	d.types.mu.Lock()
	t, seen := d.types.aggregates[name]
	d.types.mu.Unlock()
	if seen {
		return t
	}
	for f := range d.typesNamed(name) {
		if f.rank >= rankDeclared {
			continue // the definition is still to come
		}
		if plain := f.Plain(); plain.Kind.hasMembers() && !plain.Incomplete() {
			t = plain
			break
		}
	}
	d.types.mu.Lock()
	defer d.types.mu.Unlock()
	if d.types.aggregates == nil {
		d.types.aggregates = map[string]*Type{}
	}
	d.types.aggregates[name] = t
	return t
}

// maxMembers bounds the members looked at for one path. Anonymous members
// branch, and damaged ones contain themselves.
const maxMembers = 1 << 16

// child finds a member by name, also in anonymous members and base classes,
// and its offset.
func (t *Type) child(name string, depth int, budget *int) (int64, *Member) {
	if name == "" || depth > maxChain {
		return 0, nil
	}
	members := t.Members()
	for i := range members {
		if *budget--; *budget < 0 {
			return 0, nil
		}
		m := &members[i]
		switch {
		case m.Static || m.Location != nil:
		case m.Base || m.Name == "":
			if inner, found := m.Type.Plain().child(name, depth+1, budget); found != nil {
				return m.Off + inner, found
			}
		case m.Name == name:
			return m.Off, m
		}
	}
	return 0, nil
}
