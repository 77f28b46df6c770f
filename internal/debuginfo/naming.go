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
		p := d.patterns(name)
		for _, u := range d.Units() {
			if (u.mentions(p) || u.lists(p)) && !yield(u) {
				return
			}
		}
	}
}

// patterns are the bytes that stand for a name in entries.
type patterns struct {
	every bool     // there are too many, so that each unit may name it
	bytes [][]byte // the name itself, then the offsets of its string
}

func (d *Data) patterns(name string) patterns {
	inPlace := append([]byte(name), 0)
	places := occurrences(d.bytes(secStr), inPlace)
	p := patterns{len(places) >= maxPlaces, [][]byte{inPlace}}
	for _, at := range places {
		p.bytes = append(p.bytes, d.offset(at))
	}
	return p
}

// mentions tells whether one of the patterns is in the unit's entries.
func (u *Unit) mentions(p patterns) bool {
	body := u.data[u.first:]
	return p.every || slices.ContainsFunc(p.bytes, func(value []byte) bool { return bytes.Contains(body, value) })
}

// lists tells whether one of the offsets is in the unit's table of strings.
func (u *Unit) lists(p patterns) bool {
	section := u.d.bytes(secStrOffsets)
	if len(section) == 0 {
		return false
	}
	table := u.strOffsets(section)
	return slices.ContainsFunc(p.bytes[1:], func(offset []byte) bool { return bytes.Contains(table, offset) })
}

// occurrences are the offsets of up to maxPlaces occurrences. Linkers merge strings
// that end alike, so a name may be the end of another.
func occurrences(section, name []byte) (found []int) {
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
