package location

import (
	"encoding/binary"

	"corelift/elfcore"
)

// Frame is the machine's part of what an expression may ask: enough for call
// frame information, see ComputeCFI.
type Frame interface {
	// PtrSize is the size of an address in bytes, at most 8.
	PtrSize() int
	Order() binary.ByteOrder
	// Register gives a register by its DWARF number. One that the frame lacks
	// is Missing; its name, if it has one, goes into the error.
	Register(n uint64) Register
	// Memory fills p from address a. The State is the lowest touched. If a byte
	// is missing the error is an *elfcore.GapError that names the first such, and
	// had better say how many follow.
	Memory(p []byte, a elfcore.Addr) (elfcore.State, error)
}

// Register is one register as it was in a frame. The zero value is Missing.
type Register struct {
	Name  string // as the user knows it
	Bits  int    // width
	Low   uint64 // the low 64 bits
	Wide  []byte // all bytes, little endian, if Bits is over 64
	State elfcore.State
}

// Scope is a Frame with what the debug information says there. Exactly the
// operators that need it are barred from call frame information (DWARF 5,
// 6.4.2). Offsets "of the unit" count from the unit's header.
type Scope interface {
	Frame
	// OffsetSize is 4 or 8: the size of a reference to another unit, which is
	// 8 in 64-bit DWARF, and the size of an address in DWARF 2.
	OffsetSize() int
	// CFA is the canonical frame address, Missing if it is not known.
	CFA() Value
	// FrameBase is the expression of DW_AT_frame_base, nil if there is none.
	FrameBase() []byte
	// Loaded is where an address of the program's file was loaded.
	Loaded(a uint64) uint64
	// Address is an entry of the unit's part of .debug_addr, where it was
	// loaded; Constant one that is no address.
	Address(index uint64) (uint64, bool)
	Constant(index uint64) (uint64, bool)
	// BaseType describes the DW_TAG_base_type at an offset of the unit.
	BaseType(off uint64) (BaseType, bool)
	// Procedure is the DW_AT_location of the entry at an offset, empty if it
	// has none. The offset is of the unit, or of .debug_info if global.
	Procedure(off uint64, global bool) (expr []byte, ok bool)
	// Passed finds what the caller passed in an argument: the expression at the
	// call site and the frame of the caller to evaluate it in. An error that is
	// no *Error counts as OptimisedOut.
	Passed(a Argument) (expr []byte, caller Scope, err error)
}

// BaseType is a base type's DW_AT_byte_size and DW_AT_encoding.
type BaseType struct{ Size, Encoding uint64 }

// Argument says which value of the caller is meant: the one that Location, a
// register, held on entry, or if Deref what memory it pointed to (look for
// DW_AT_call_value or DW_AT_call_data_value of the parameter whose
// DW_AT_location has the same bytes); or, if Location is nil, that of the
// formal parameter at an offset of the unit.
type Argument struct {
	Location  []byte
	Deref     bool
	Parameter uint64
}
