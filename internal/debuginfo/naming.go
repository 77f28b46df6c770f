package debuginfo

import (
	"bytes"
	"iter"
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
		found = slices.Collect(d.namings(name))
		d.mu.Lock()
		d.naming[name] = found
		d.mu.Unlock()
	}
	return found
}

// namings yields the units that Naming lists. Types are mostly in the first unit
// that names them, so it looks no further than it is asked.
func (d *Data) namings(name string) iter.Seq[*Unit] {
	return func(yield func(*Unit) bool) {
		inPlace := append([]byte(name), 0)
		places := places(d.bytes(secStr), inPlace)
		every := len(places) >= maxPlaces
		patterns := [][]byte{inPlace}
		for _, at := range places {
			patterns = append(patterns, d.offset(at))
		}
		tables := d.bytes(secStrOffsets)
		for _, u := range d.Units() {
			if (every || u.mentions(patterns, tables)) && !yield(u) {
				return
			}
		}
	}
}

// mentions tells whether one of the patterns is in the unit's entries, or one of
// the offsets, which are all but the first, in its table of strings.
func (u *Unit) mentions(patterns [][]byte, tables []byte) bool {
	body := u.data[u.first:]
	for _, p := range patterns {
		if bytes.Contains(body, p) {
			return true
		}
	}
	if len(tables) == 0 {
		return false
	}
	table := u.strOffsets(tables)
	for _, p := range patterns[1:] {
		if bytes.Contains(table, p) {
			return true
		}
	}
	return false
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
