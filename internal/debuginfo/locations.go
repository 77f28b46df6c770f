package debuginfo

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"

	"github.com/go-delve/delve/pkg/dwarf/godwarf"
	"github.com/go-delve/delve/pkg/dwarf/loclist"
)

// PlaceKind says what is known about where a variable is.
type PlaceKind uint8

// Kinds of places. The zero PlaceKind is a variable without a location:
// optimised out.
const (
	None       PlaceKind = iota
	NotHere              // it has places, but none at this address: optimised out there
	Expr                 // where an expression says
	Constant             // nowhere; it has one value
	Unreadable           // what should say is damaged
)

// Place is where a variable is at an address.
type Place struct {
	Kind PlaceKind
	Expr []byte // in the section
	// Const is the value in the target's byte order: of a number 8 bytes, sign
	// extended if its form is signed, however wide the variable is.
	Const []byte
	Err   error // of Unreadable
}

// Location is where the variable is while pc is executed. A call's caller is at
// the call, so ask for an address in it, not the one after it.
func (v Variable) Location(pc uint64) Place {
	// GDB, too, prefers a constant, wherever either comes from.
	if c, ok := v.Entry.Inherited(dwarf.AttrConstValue).constant(); ok {
		return Place{Kind: Constant, Const: c}
	}
	return v.Entry.Inherited(dwarf.AttrLocation).placeOf(dwarf.AttrLocation, pc)
}

// constant is DW_AT_const_value as bytes.
func (e Entry) constant() ([]byte, bool) {
	v, ok := e.value(dwarf.AttrConstValue)
	if !ok {
		return nil, false
	}
	switch v.class() {
	case classBlock:
		return v.b, true
	case classConstant:
		return e.unit.d.number(v.n), true
	case classAddress, classAddrIndex:
		n, ok := e.Uint(dwarf.AttrConstValue)
		return e.unit.d.number(n), ok
	case classNone, classElsewhere:
		return nil, false
	}
	return append(slices.Clip(e.text(dwarf.AttrConstValue)), 0), true // a C string; the file is mapped and can't be written
}

func (d *Data) number(n uint64) []byte {
	b := make([]byte, 8)
	d.order.PutUint64(b, n)
	return b
}

// FrameBase is the expression for the base that the locations of the function's
// variables count from, DW_OP_fbreg, while pc is executed.
func (f *Function) FrameBase(pc uint64) ([]byte, bool) {
	p := f.Entry.placeOf(dwarf.AttrFrameBase, pc)
	return p.Expr, p.Kind == Expr
}

// placeOf reads an attribute that is an expression or a list of them.
func (e Entry) placeOf(a dwarf.Attr, pc uint64) Place {
	v, ok := e.value(a)
	if !ok {
		return Place{}
	}
	kind, expr := Expr, v.b
	if v.class() != classBlock {
		var err error
		if expr, err = e.unit.inList(v, pc); err != nil {
			return Place{Kind: Unreadable, Err: fmt.Errorf("entry %#x: location list: %w", e.Off, err)}
		}
		if expr == nil {
			return Place{Kind: NotHere}
		}
	}
	if len(expr) == 0 {
		kind = None // DWARF 5, 2.6.1.1.4
	}
	return Place{Kind: kind, Expr: expr}
}

// maxListSize bounds a location list, in bytes. Those of compilers stay below a
// few thousand.
const maxListSize = 1 << 20

// inList picks the expression for pc from the location list that v refers to;
// nil if there is none (DWARF 5, 2.6.2).
func (u *Unit) inList(v value, pc uint64) (expr []byte, err error) {
	defer recovered(&err)
	off := v.n
	switch v.class() {
	case classSection, classConstant: // a number in DWARF 2 and 3
	case classListIndex:
		base := u.bases().loclists
		relative, ok := u.indexed(secLoclists, base, off, int(u.shape.offSize))
		if !ok {
			return nil, errIndex
		}
		off = base + relative
	default:
		return nil, errForm
	}
	id := secLoclists
	if u.Version < 5 {
		id = secLoc
	}
	section := u.d.bytes(id)
	if off >= uint64(len(section)) {
		return nil, errOffset
	}
	end := min(uint64(len(section)), off+maxListSize)
	section = section[:end:end]
	var list loclist.Reader
	var addrs *godwarf.DebugAddr
	switch {
	case u.Version >= 5:
		list = loclist.NewDwarf5Reader(section)
		addrs = godwarf.ParseAddr(u.d.bytes(secAddr)).GetSubsection(u.bases().addr)
	case u.d.big():
		return nil, errBigEndian
	default:
		list = loclist.NewDwarf2Reader(section, u.AddrSize)
	}
	// Delve takes the addresses of the file.
	found, err := list.Find(int(off), 0, (u.low()-u.d.bias)&u.addrMask, (pc-u.d.bias)&u.addrMask, addrs)
	if err != nil || found == nil {
		return nil, err
	}
	// Delve cuts an expression at the section's end without a word. No list
	// ends so: its last byte is the mark of its end.
	if cap(found.Instr) == len(found.Instr) {
		return nil, errOffset
	}
	return found.Instr, nil
}

var (
	errIndex     = errors.New("an index outside of the table")
	errForm      = errors.New("not a reference to a list")
	errOffset    = errors.New("beyond the end of the section")
	errBigEndian = errors.New("big-endian lists before DWARF 5 are not supported")
)

// recovered turns a panic of Delve's readers, which index without checking,
// into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}
