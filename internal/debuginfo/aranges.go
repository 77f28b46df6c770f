package debuginfo

import (
	"debug/dwarf"
	"math"
)

// UnitAt finds the unit that describes the code at an address: by
// .debug_aranges, or by its own ranges if that lacks the unit. Clang and rustc
// write none unless asked to.
func (d *Data) UnitAt(pc uint64) (*Unit, bool) {
	u := covering(d.aranges.get(d.readAranges), pc)
	if u == nil {
		u = covering(d.ranges.get(d.unlisted), pc)
	}
	return u, u != nil
}

// maxOverlap bounds the units that are tried for one address.
const maxOverlap = 64

// covering picks a unit that covers an address. Dropped code makes units seem
// to overlap, so one that has a function there goes before one that only has a
// line, as those in assembler have, and that before one that has neither.
func covering(s spans[*Unit], pc uint64) *Unit {
	var found []*Unit
	for x := range s.at(pc) {
		if found = append(found, x.of); len(found) == maxOverlap {
			break
		}
	}
	if len(found) > 1 {
		for _, u := range found {
			if _, ok := u.Function(pc); ok {
				return u
			}
		}
		for _, u := range found {
			if _, ok := u.Lines().At(pc); ok {
				return u
			}
		}
	}
	if len(found) > 0 {
		return found[0]
	}
	return nil
}

// readAranges reads .debug_aranges (DWARF 5, 6.1.2), up to the first set that
// is damaged, and without those that belong to no unit.
//
// Folklore: two zeros end a set, but GNU ld also writes them over the ranges
// of functions that it drops, so that the ESP32-C3's tasks.c seems to end before
// it starts. The set's length counts. Test: TestAranges.
func (d *Data) readAranges() (s spans[*Unit]) {
	for c := d.at(secAranges, 0); c.off < len(c.b) && !c.bad; {
		start := c.off
		end, offSize := c.length()
		set := cursor{b: c.b[:end], off: c.off, big: c.big}
		c.off = end
		set.uint(2) // version
		off := set.uint(offSize)
		u := d.unitAt(dwarf.Offset(min(off, math.MaxUint32)))
		size := int(set.uint(1))
		set.uint(1) // size of a segment selector
		if u == nil || uint64(u.Off) != off || u.shift != 0 || size != u.AddrSize || set.bad {
			continue
		}
		u.listed = true
		tuple := 2 * size
		set.off = start + (set.off-start+tuple-1)/tuple*tuple
		for !set.bad {
			low, n := u.Loaded(set.uint(size)), set.uint(size)
			s.add(low, low+n, u)
		}
	}
	s.sort()
	return s
}

// unlisted collects the ranges of the units that .debug_aranges lacks. Roots of
// all take 1.2 ms for 216 units, as each has abbreviations of its own.
func (d *Data) unlisted() spans[*Unit] {
	d.aranges.get(d.readAranges)
	return d.unitRanges(func(u *Unit) bool { return !u.listed })
}

// unitRanges collects the ranges that units give.
func (d *Data) unitRanges(want func(*Unit) bool) (s spans[*Unit]) {
	work := d.rangesWork()
	for _, u := range d.Units() {
		if u.kind == unitType || !want(u) {
			continue
		}
		u.Root().eachRange(func(low, high uint64) bool {
			s.add(low, high, u)
			work--
			return work > 0
		})
	}
	s.sort()
	return s
}

// rangesWork bounds the ranges that are read for the indexes of all units. Lists
// may be shared, but compilers' have more bytes than are read ranges.
func (d *Data) rangesWork() int {
	return len(d.bytes(secInfo)) + len(d.bytes(secRanges)) + len(d.bytes(secRnglists))
}
