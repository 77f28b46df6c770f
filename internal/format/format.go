// Package format is the contract between vendors' formats and the root: what a
// format can find and read, and the stages that reason afterwards.
package format

import (
	"io"
	"sort"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// Input is one unwrapped input. Size is in bytes. Offsets in diagnostics count
// in these bytes; Wrappers says, outermost first, what was taken off to get
// them ("gzip", "base64", "intel hex at 0x00080000").
type Input struct {
	io.ReaderAt
	Name     string
	Size     int64
	Wrappers []string
	Text     bool   // lines of text, in UTF-8 or bytes that are not known
	Base     uint64 // target address of byte 0, for images that tell
	// Gaps are the bytes, by their offset in the input, that an image has no
	// record for: ascending and disjoint. They read as 0xff, since tools that
	// read flash out leave out what is erased; but a record may have been lost
	// just as well, so within a dump they are lost bytes.
	Gaps []elfcore.Range
	// CPU is that of the firmware which the user named, nil if none. A format
	// goes by it only where the part of the dump that tells the CPU is lost.
	CPU *arch.Arch
}

// GapsIn lists the gaps that touch the size bytes at off.
func (in Input) GapsIn(off, size int64) []elfcore.Range {
	from := sort.Search(len(in.Gaps), func(k int) bool { return int64(in.Gaps[k].End()) > off })
	to := sort.Search(len(in.Gaps), func(k int) bool { return int64(in.Gaps[k].Addr) >= off+size })
	return in.Gaps[from:max(from, to)]
}

// Hit is one dump found in an input: Len bytes from Off, the console lines
// around it included. Score is 0..100, how sure the format is; Whole tells
// that nothing of the dump seems to be missing.
type Hit struct {
	Off, Len int64
	Score    int
	Whole    bool
	Text     bool // found by its markers, in lines
}

// Stage reasons on a decoded Core with the firmware, NoProgram if there is
// none. It may raise a State; a Known value that it replaces goes to Evidence.
type Stage func(*elfcore.Core, elfcore.Program)

// Format is one vendor's dump format. Read decodes, never reasons; its error
// is nil whenever anything was saved. Complete reasons, from Core and its
// Attachments only; nil means that there is nothing to add.
type Format struct {
	Name     string
	Magic    []string // byte strings that a binary dump begins with
	Marker   []string // strings on the lines of a text dump
	Find     func(in Input) ([]Hit, error)
	Read     func(in Input, h Hit) (*elfcore.Core, error)
	Complete Stage
	// Console adds text of the target's console to a dump that came without;
	// nil if the format has no use for it.
	Console func(c *elfcore.Core, text []byte)
	Notes   notes.Table
}

// Kernel is an operating system whose threads can be found in the memory of
// any Core, whichever format brought it. A program that defines any of Symbols
// runs it.
type Kernel struct {
	Name    string
	Symbols []string
	Threads Stage
}
