package debuginfo

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Unit is one unit of .debug_info, or of .debug_types.
type Unit struct {
	Off      dwarf.Offset // of its header, what references within it count from
	Version  int          // of DWARF, 2 to 5
	AddrSize int          // bytes of an address

	d         *Data
	shape     shape
	data      []byte // its section, up to the unit's end
	shift     int    // what to add to an offset in data for one in Data
	first     int    // offset of its first entry in data
	kind      uint8  // DW_UT_*
	abbrevOff uint64
	signature uint64 // of a type unit
	typeOff   uint64 // of a type unit: the type, from the header
	addrMask  uint64
	listed    bool // in .debug_aranges; set by readAranges

	table    lazy[*abbrevTable]
	rootOnce lazy[Entry]
	baseOnce lazy[bases]
	lowOnce  lazy[uint64]
	language lazy[uint64]
	entries  lazy[*index]
	lines    Lines

	mu        sync.Mutex // for what follows
	functions map[dwarf.Offset]*Function
}

// Kinds of units (DWARF 5, 7.5.1). Version 4's type units get theirs from their
// section.
const (
	unitCompile      = 1
	unitType         = 2
	unitPartial      = 3
	unitSkeleton     = 4
	unitSplitCompile = 5
	unitSplitType    = 6
)

// bases are where a unit's parts of other sections start.
type bases struct {
	addr, strOffsets, rnglists, loclists uint64
}

// Units lists the units of .debug_info and .debug_types. Only their headers are
// read, up to the first damaged one of each section.
func (d *Data) Units() []*Unit { return d.units.get(d.readUnits).list }

// unitList is what the headers say.
type unitList struct {
	list []*Unit // by offset
	errs []error
}

func (d *Data) readUnits() (l unitList) {
	info, types := d.bytes(secInfo), d.bytes(secTypes)
	if uint64(len(info))+uint64(len(types)) > math.MaxUint32 {
		l.errs = append(l.errs, errors.New(".debug_info is larger than 4 GiB, which is not supported"))
		return l
	}
	l.read(d, secInfo, 0)
	l.read(d, secTypes, len(info))
	return l
}

// read reads the headers of a section (DWARF 5, 7.5.1).
func (l *unitList) read(d *Data, id sectionID, shift int) {
	for c := d.at(id, 0); c.off < len(c.b); {
		at := c.off
		u, end, err := d.readUnit(c, id == secTypes)
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s, offset %#x: %w; what follows is not read", sectionNames[id], at, err))
			return
		}
		c.off = end
		if u != nil {
			u.Off, u.shift = dwarf.Offset(at+shift), shift
			l.list = append(l.list, u)
		}
	}
}

var errUnit = errors.New("damaged unit header")

// readUnit reads the header at c. The unit is nil if there is nothing in it:
// some linkers pad so.
func (d *Data) readUnit(c cursor, types bool) (u *Unit, end int, err error) {
	end, offSize := c.length()
	if !c.bad && end == c.off {
		return nil, end, nil
	}
	u = &Unit{d: d, data: c.b[:end], Version: int(c.uint(2)), kind: unitCompile}
	if !c.bad && (u.Version < 2 || u.Version > 5) {
		return nil, 0, fmt.Errorf("DWARF version %d, not 2 to 5", u.Version)
	}
	if u.Version >= 5 {
		u.kind = uint8(c.uint(1))
		u.AddrSize = int(c.uint(1))
	}
	u.abbrevOff = c.uint(offSize)
	if u.Version < 5 {
		u.AddrSize = int(c.uint(1))
	}
	if types {
		u.kind = unitType
	}
	switch u.kind {
	case unitSkeleton, unitSplitCompile:
		c.uint(8) // the id of the other half
	case unitType, unitSplitType:
		u.signature = c.uint(8)
		u.typeOff = c.uint(offSize)
	}
	if c.bad || c.off > end {
		return nil, 0, errUnit
	}
	switch u.AddrSize {
	case 2, 4, 8:
	default:
		return nil, 0, fmt.Errorf("addresses of %d bytes", u.AddrSize)
	}
	u.first = c.off
	u.shape = shape{uint8(u.AddrSize), uint8(offSize), uint8(offSize)}
	if u.Version == 2 {
		u.shape.refSize = u.shape.addrSize
	}
	u.addrMask = math.MaxUint64 >> (64 - 8*u.AddrSize)
	u.lines.unit = u
	return u, end, nil
}

// Attributes of GNU's split DWARF 4.
const (
	attrGNUDwoName  dwarf.Attr = 0x2130
	attrGNUAddrBase dwarf.Attr = 0x2133
)

func (u *Unit) abbrevs() *abbrevTable {
	return u.table.get(func() *abbrevTable { return u.d.abbrevs(abbrevKey{u.abbrevOff, u.shape}) })
}

// bases are what the unit's root says.
func (u *Unit) bases() bases { return u.baseOnce.get(u.readBases) }

// low is what the unit's offsets into code count from.
func (u *Unit) low() uint64 {
	return u.lowOnce.get(func() uint64 {
		if low, ok := u.Root().Uint(dwarf.AttrLowpc); ok {
			return low
		}
		return u.Loaded(0)
	})
}

func (u *Unit) index() *index { return u.entries.get(u.readIndex) }

func (u *Unit) readBases() bases {
	root := u.Root()
	base := func(attrs ...dwarf.Attr) uint64 {
		for _, a := range attrs {
			if v, ok := root.value(a); ok && (v.class() == classSection || v.class() == classConstant) {
				return v.n
			}
		}
		return 0
	}
	return bases{
		addr:       base(dwarf.AttrAddrBase, attrGNUAddrBase),
		strOffsets: base(dwarf.AttrStrOffsetsBase),
		rnglists:   base(dwarf.AttrRnglistsBase),
		loclists:   base(dwarf.AttrLoclistsBase),
	}
}

// unitAt finds the unit that holds an offset.
func (d *Data) unitAt(off dwarf.Offset) *Unit {
	units := d.Units()
	i, found := slices.BinarySearchFunc(units, off, func(u *Unit, off dwarf.Offset) int { return cmp.Compare(u.Off, off) })
	if !found {
		i--
	}
	if i < 0 || int(off) >= units[i].shift+len(units[i].data) {
		return nil
	}
	return units[i]
}

// signed is the type that a signature names: in a type unit of .debug_info
// (DWARF 5) or .debug_types (4).
func (d *Data) signed(signature uint64) (Entry, bool) {
	units := d.Units()
	d.mu.Lock()
	if d.signatures == nil {
		d.signatures = map[uint64]*Unit{}
		for _, u := range units {
			if u.kind == unitType {
				d.signatures[u.signature] = u
			}
		}
	}
	u := d.signatures[signature]
	d.mu.Unlock()
	if u == nil || u.typeOff >= uint64(len(u.data)) {
		return Entry{}, false
	}
	return d.Entry(u.Off + dwarf.Offset(u.typeOff))
}

// Root is the unit's own entry: DW_TAG_compile_unit, partial_unit, type_unit.
func (u *Unit) Root() Entry {
	return u.rootOnce.get(func() Entry { e, _ := u.entry(u.first); return e })
}

// Name is the main source file's name as the compiler was given it.
func (u *Unit) Name() string { return u.Root().Str(dwarf.AttrName) }

// Dir is the directory of the compilation, what relative file names start from.
func (u *Unit) Dir() string { return u.Root().Str(dwarf.AttrCompDir) }

// Producer names the compiler and its version.
func (u *Unit) Producer() string { return u.Root().Str(dwarf.AttrProducer) }

// Language is DW_LANG_* of the unit, 0 if it does not say. A part that dwz moved
// out of units has the language of one that imports it.
func (u *Unit) Language() uint64 {
	return u.language.get(func() uint64 {
		for range maxOrigins {
			if n, ok := u.Root().Uint(dwarf.AttrLanguage); ok || u.Root().Tag != dwarf.TagPartialUnit {
				return n
			}
			importer := u.d.importers.get(u.d.readImporters)[u.Root().Off]
			if importer == nil {
				break
			}
			u = importer
		}
		return 0
	})
}

// readImporters finds for each partial unit, by the offset of its root, one that
// imports it. dwz writes imports before anything else.
func (d *Data) readImporters() map[dwarf.Offset]*Unit {
	importers := map[dwarf.Offset]*Unit{}
	for _, u := range d.Units() {
		for e := range u.Root().Children() {
			if e.Tag != dwarf.TagImportedUnit {
				break
			}
			if part, ok := e.Ref(dwarf.AttrImport); ok && importers[part.Off] == nil {
				importers[part.Off] = u
			}
		}
	}
	return importers
}

// Address returns an entry of the unit's part of .debug_addr, an address.
func (u *Unit) Address(index uint64) (uint64, bool) {
	a, ok := u.Constant(index)
	return u.Loaded(a), ok
}

// Constant returns an entry of the unit's part of .debug_addr that is none,
// such as an offset into a thread's memory (DW_OP_constx).
func (u *Unit) Constant(index uint64) (uint64, bool) {
	return u.indexed(secAddr, u.bases().addr, index, u.AddrSize)
}

// Loaded is where an address of the file was loaded. Those of dropped code stay
// what they are.
func (u *Unit) Loaded(a uint64) uint64 {
	if u.d.bias == 0 || u.dead(a) {
		return a
	}
	return (a + u.d.bias) & u.addrMask
}

// indexed reads an element of a table at base in another section.
func (u *Unit) indexed(id sectionID, base, index uint64, size int) (uint64, bool) {
	if index > math.MaxUint32 || base > math.MaxInt64 {
		return 0, false
	}
	c := u.d.at(id, base+index*uint64(size))
	n := c.uint(size)
	return n, !c.bad
}

// strOffsets is the unit's part of .debug_str_offsets, given whole (DWARF 5,
// 7.26): a length, a version and padding, then the offsets, at the base.
func (u *Unit) strOffsets(section []byte) []byte {
	base, head := u.bases().strOffsets, uint64(u.shape.offSize)+4
	if u.shape.offSize == 8 {
		head += 4
	}
	if base < head || base > uint64(len(section)) {
		return nil
	}
	c := cursor{b: section, off: int(base - head), big: u.d.big()}
	end, _ := c.length()
	if c.bad || uint64(end) < base {
		return nil
	}
	return section[base:end]
}

// Data is what the unit is part of.
func (u *Unit) Data() *Data { return u.d }

// OffsetSize is the size of a reference to another unit in bytes: 8 in 64-bit
// DWARF, in DWARF 2 that of an address.
func (u *Unit) OffsetSize() int { return int(u.shape.refSize) }
