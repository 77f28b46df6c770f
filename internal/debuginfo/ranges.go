package debuginfo

import "debug/dwarf"

// maxList bounds the entries of one list of ranges. A whole program compiled at
// link time has one per function.
const maxList = 1 << 16

// eachRange yields the ranges of code [low, high) of an entry, or of unit: from
// DW_AT_ranges, else DW_AT_low_pc and DW_AT_high_pc (DWARF 5, 2.17). Those of
// code that a linker dropped, and empty ones, are yielded as 0, 0, so that
// callers can count the work. Damaged lists end early.
func (e Entry) eachRange(yield func(low, high uint64) bool) {
	if e.abbrev == nil {
		return
	}
	u := e.unit
	clean := func(low, high uint64) bool {
		if low &= u.addrMask; u.dead(low) || high <= low {
			low, high = 0, 0
		}
		if low&1 != 0 && u.evenCode() {
			low, high = low&^1, high&^1
		}
		return yield(low, high)
	}
	if v, ok := e.value(dwarf.AttrRanges); ok {
		u.rangeList(v, clean)
		return
	}
	low, ok := e.Uint(dwarf.AttrLowpc)
	if !ok {
		return
	}
	v, ok := e.value(dwarf.AttrHighpc)
	if !ok {
		return
	}
	switch v.class() {
	case classConstant:
		clean(low, low+v.n)
	case classAddress:
		clean(low, u.Loaded(v.n))
	case classAddrIndex:
		high, _ := u.Address(v.n)
		clean(low, high)
	}
}

// evenCode tells whether instructions are at even addresses only.
//
// Folklore: GNU as 2.40 describes Thumb functions in assembler with the address
// of their symbol, whose bit 0 says Thumb: one at 0x1070 as [0x1071, 0x108b), so
// that its first instruction, too, seems to be the end of the function before.
// The unit's line table knows better: instructions have at least 2 bytes. Test:
// TestSymbols, cortex-m3.
func (u *Unit) evenCode() bool {
	h := u.lines.header()
	return h != nil && h.minLength == 2
}

// dead tells whether an address is one of LLD's tombstones for dropped code: -1,
// and -2 in .debug_ranges, where -1 has a meaning. GNU ld writes 0, or empty
// ranges.
func (u *Unit) dead(low uint64) bool { return low >= u.addrMask-1 }

// maxWork bounds the ranges that are looked at for one question. Functions have
// hundreds of blocks and inlined calls, with few ranges each.
const maxWork = 1 << 20

// holds tells whether an address is in the entry's ranges. work is counted down.
func (e Entry) holds(pc uint64, work *int) (found bool) {
	e.eachRange(func(low, high uint64) bool {
		*work--
		found = low <= pc && pc < high
		return !found && *work > 0
	})
	return found
}

// rangeList yields the list that DW_AT_ranges refers to.
func (u *Unit) rangeList(v value, yield func(low, high uint64) bool) {
	off := v.n
	switch v.class() {
	case classListIndex:
		base := u.bases().rnglists
		relative, ok := u.indexed(secRnglists, base, off, int(u.shape.offSize))
		if !ok {
			return
		}
		off = base + relative
	case classSection, classConstant: // a number in DWARF 2 and 3
	default:
		return
	}
	if u.Version >= 5 {
		u.rnglist(off, yield)
		return
	}
	c := u.d.at(secRanges, off)
	base := u.low()
	for range maxList {
		low, high := c.uint(u.AddrSize), c.uint(u.AddrSize)
		switch {
		case c.bad || low == 0 && high == 0:
			return
		case low == u.addrMask: // base address selection
			base = u.Loaded(high)
		case u.dead(low) || u.dead(base):
			if !yield(0, 0) {
				return
			}
		case !yield(base+low, (base+high)&u.addrMask):
			return
		}
	}
}

// DW_RLE_* (DWARF 5, 7.25).
const (
	rleBaseIndex = 1 + iota
	rleStartIndexEndIndex
	rleStartIndexLength
	rleOffsets
	rleBase
	rleStartEnd
	rleStartLength
)

// rnglist yields a list of .debug_rnglists.
func (u *Unit) rnglist(off uint64, yield func(low, high uint64) bool) {
	c := u.d.at(secRnglists, off)
	base := u.low()
	index := func() uint64 {
		a, ok := u.Address(c.uleb())
		c.bad = c.bad || !ok
		return a
	}
	address := func() uint64 { return u.Loaded(c.uint(u.AddrSize)) }
	for range maxList {
		var low, high uint64
		switch kind := c.uint(1); kind {
		case rleBaseIndex:
			base = index()
			continue
		case rleBase:
			base = address()
			continue
		case rleStartIndexEndIndex:
			low, high = index(), index()
		case rleStartIndexLength:
			low = index()
			high = low + c.uleb()
		case rleOffsets:
			low, high = base+c.uleb(), base+c.uleb()
			if u.dead(base) { // else the sum wraps round to small addresses
				low, high = 0, 0
			}
		case rleStartEnd:
			low, high = address(), address()
		case rleStartLength:
			low = address()
			high = low + c.uleb()
		default: // the end, or damage
			return
		}
		if c.bad || !yield(low, high) {
			return
		}
	}
}
