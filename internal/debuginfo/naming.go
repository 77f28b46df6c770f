package debuginfo

import (
	"bytes"
	"debug/dwarf"
	"slices"
	"strings"
)

// maxPlaces bounds the places in .debug_str that are searched for: a short name
// is the end of many strings, and looking for all costs more than reading on.
const maxPlaces = 16

// Naming lists the units in which a name occurs, and perhaps others: those
// worth reading for something of that name. It searches the sections' bytes,
// for the name in place or the offset of its string, which takes a fraction of
// the time that reading entries does.
func (d *Data) Naming(name string) []*Unit {
	d.mu.Lock()
	found, seen := d.naming[name]
	d.mu.Unlock()
	if !seen {
		found = d.findNaming(name)
		d.mu.Lock()
		d.naming[name] = found
		d.mu.Unlock()
	}
	return found
}

func (d *Data) findNaming(name string) (found []*Unit) {
	units := d.Units()
	inPlace := append([]byte(name), 0)
	places := places(d.bytes(secStr), inPlace)
	if len(places) >= maxPlaces {
		return units
	}
	patterns := [][]byte{inPlace}
	for _, at := range places {
		patterns = append(patterns, d.offset(at))
	}
	found = d.containing(patterns)
	// Strings by index (DWARF 5): the unit's table has the offset.
	tables := d.bytes(secStrOffsets)
	for _, u := range units {
		if len(tables) == 0 || slices.Contains(found, u) {
			continue
		}
		table := u.strOffsets(tables)
		if slices.ContainsFunc(patterns[1:], func(p []byte) bool { return bytes.Contains(table, p) }) {
			found = append(found, u)
		}
	}
	return found
}

// places are the offsets of up to maxPlaces occurrences. Linkers merge strings
// that end alike, so a name may be the end of another.
func places(section, name []byte) (found []int) {
	for at := 0; len(found) < maxPlaces; at++ {
		i := bytes.Index(section[at:], name)
		if i < 0 {
			break
		}
		at += i
		found = append(found, at)
	}
	return found
}

// offset is how entries write an offset below 4 GiB; in 64-bit DWARF four bytes
// of zeros are beside it.
func (d *Data) offset(n int) []byte {
	b := make([]byte, 4)
	d.order.PutUint32(b, uint32(n))
	return b
}

// containing lists the units in whose entries some pattern occurs, by offset.
func (d *Data) containing(patterns [][]byte) (found []*Unit) {
	units := d.Units()
	has := map[*Unit]bool{}
	for shift, section := range map[int][]byte{0: d.bytes(secInfo), len(d.bytes(secInfo)): d.bytes(secTypes)} {
		for _, p := range patterns {
			for at := 0; ; {
				i := bytes.Index(section[at:], p)
				if i < 0 {
					break
				}
				at += i + 1
				if u := d.unitAt(dwarf.Offset(at - 1 + shift)); u != nil {
					has[u] = true
					at = len(u.data)
				}
			}
		}
	}
	for _, u := range units {
		if has[u] {
			found = append(found, u)
		}
	}
	return found
}

// last is the part of a qualified name behind the last "::", leaving those in
// template arguments alone.
func last(name string) string {
	if i := strings.LastIndex(name, "::operator"); i >= 0 {
		return name[i+2:] // "operator->"
	}
	open := 0
	for i := len(name) - 1; i > 0; i-- {
		switch name[i] {
		case '>':
			open++
		case '<':
			open--
		case ':':
			if open <= 0 && name[i-1] == ':' {
				return name[i+1:]
			}
		}
	}
	return name
}

// means tells whether a name as the user typed it stands for a qualified one:
// leading parts may be left out.
func means(typed, qualified string) bool {
	return typed == qualified || strings.HasSuffix(qualified, typed) && strings.HasSuffix(qualified[:len(qualified)-len(typed)], "::")
}
