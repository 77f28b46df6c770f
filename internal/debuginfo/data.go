// Package debuginfo reads what one program's DWARF says (versions 2 to 5), by
// address or by name: units, entries, functions, inlined calls, lines,
// variables, types, location lists and call sites. It knows no CPU and no dump.
//
// Everything is read when it is first asked for: opening a large program and
// asking for one function must take microseconds. Damaged or hostile sections
// give less, never a panic, and no answer takes longer than a few passes over
// the sections.
package debuginfo

import (
	"debug/dwarf"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Data is the debug information of one program file. It is safe for concurrent
// use.
type Data struct {
	order    binary.ByteOrder
	ptrSize  int
	section  func(name string) ([]byte, error)
	live     func(start, end uint64) bool
	bias     uint64
	sections [numSections]lazy[[]byte]

	units           lazy[unitList]
	importers       lazy[map[dwarf.Offset]*Unit]
	aranges, ranges lazy[spans[*Unit]] // units by address
	rangesRead      atomic.Int64       // for the units' indexes
	types           typeTable

	mu         sync.Mutex // for what follows
	tables     map[abbrevKey]*abbrevTable
	abbrevRead int // bytes read for them
	signatures map[uint64]*Unit
	naming     map[string][]*Unit
}

// sectionID names a section.
type sectionID int

const (
	secInfo sectionID = iota
	secTypes
	secAbbrev
	secStr
	secLineStr
	secStrOffsets
	secAddr
	secLine
	secRanges
	secRnglists
	secLoc
	secLoclists
	secAranges
	numSections
)

var sectionNames = [numSections]string{
	secInfo:       ".debug_info",
	secTypes:      ".debug_types",
	secAbbrev:     ".debug_abbrev",
	secStr:        ".debug_str",
	secLineStr:    ".debug_line_str",
	secStrOffsets: ".debug_str_offsets",
	secAddr:       ".debug_addr",
	secLine:       ".debug_line",
	secRanges:     ".debug_ranges",
	secRnglists:   ".debug_rnglists",
	secLoc:        ".debug_loc",
	secLoclists:   ".debug_loclists",
	secAranges:    ".debug_aranges",
}

// New opens debug information. Nothing is read yet.
//
// section returns a section's bytes unpacked, nil or an error if there is none;
// they may be a read-only mapping and must stay as they are. ptrSize is the
// size of a pointer in bytes.
//
// live tells whether code at [start, end) is in the program. Linkers drop
// unused functions and leave their debug information, at address 0 or relative
// to it; only the caller's symbols tell those from what is at 0. nil means that
// nothing is there.
func New(section func(name string) ([]byte, error), order binary.ByteOrder, ptrSize int, live func(start, end uint64) bool) *Data {
	if live == nil {
		live = func(start, _ uint64) bool { return start != 0 }
	}
	return &Data{
		section: section, order: order, ptrSize: ptrSize, live: live,
		tables: map[abbrevKey]*abbrevTable{}, naming: map[string][]*Unit{},
	}
}

// Move says how far from the addresses in its file the program was loaded, in
// bytes. All addresses, those asked for too, are then where it was loaded. It
// must be called before anything is asked.
func (d *Data) Move(bias uint64) { d.bias = bias }

// bytes returns a section, empty if there is none.
func (d *Data) bytes(id sectionID) []byte {
	return d.sections[id].get(func() []byte {
		data, err := d.section(sectionNames[id])
		if err != nil {
			return nil
		}
		return data
	})
}

func (d *Data) big() bool { return d.order == binary.BigEndian }

// at reads a section from an offset on; beyond its end the cursor is bad.
func (d *Data) at(id sectionID, off uint64) cursor {
	b := d.bytes(id)
	if off > uint64(len(b)) {
		return cursor{b: b, bad: true}
	}
	return cursor{b: b, off: int(off), big: d.big()}
}
