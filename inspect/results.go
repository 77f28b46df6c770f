package inspect

import (
	"corelift/elfcore"
	"corelift/internal/cexpr"
)

// Names of the versions of the JSON forms in docs/schema.
const (
	ThreadsSchema   = "corelift.threads/1"
	RegistersSchema = "corelift.regs/1"
	LocalsSchema    = "corelift.locals/1"
	PrintSchema     = "corelift.print/1"
	ExamineSchema   = "corelift.examine/1"
	ListSchema      = "corelift.list/1"
	SymbolSchema    = "corelift.symbol/1"
)

// Document is the beginning of every answer. Schema names the version of its
// form; Firmware the program that names, frames and values come from, nil if
// nothing is known of one. Its Match says whether it is the one that crashed.
type Document struct {
	Schema   string    `json:"schema"`
	Firmware *Firmware `json:"firmware,omitempty"`
}

// Threads is the table of all threads.
type Threads struct {
	Document
	Threads []ThreadRow `json:"threads"`
}

// ThreadRow is one thread with what its stack shows. Used counts the bytes of
// the stack from its sp, Peak the most that were ever in use, told by the bytes
// that still hold the kernel's fill pattern; nil where that can't be told.
type ThreadRow struct {
	Thread
	Function string `json:"function,omitempty"` // innermost
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Used     *Usage `json:"used,omitempty"`
	Peak     *Usage `json:"peak,omitempty"`
}

// Usage is a number of bytes of a stack.
type Usage struct {
	Bytes uint64        `json:"bytes"`
	State elfcore.State `json:"state"`
	Text  string        `json:"text,omitempty"` // how it was found
}

// FrameRef names a frame of a thread.
type FrameRef struct {
	Thread   ThreadRef    `json:"thread"`
	Level    int          `json:"level"`
	PC       elfcore.Addr `json:"pc"`
	Function string       `json:"function,omitempty"`
}

// RegisterSet is the registers as they were in a frame.
type RegisterSet struct {
	Document
	Frame     FrameRef        `json:"frame"`
	Registers []FrameRegister `json:"registers"`
}

// FrameRegister is a register as it was in a frame. Symbol names what it points
// to, if it may be an address.
type FrameRegister struct {
	Register
	Symbol *Symbol `json:"symbol,omitempty"`
}

// Locals are the variables of a frame. Undescribed tells that its function has
// no debug information, so that none is known.
type Locals struct {
	Document
	Frame       FrameRef   `json:"frame"`
	Undescribed bool       `json:"no_debug_info,omitempty"`
	Arguments   []Variable `json:"arguments"`
	Locals      []Variable `json:"locals"` // innermost block first
}

// Printed are the values of expressions.
type Printed struct {
	Document
	Values []Answer `json:"values"`
}

// Answer is the value of an expression, or why it has none. Column is where in
// the expression, from 1, in bytes.
type Answer struct {
	Expression string `json:"expression"`
	*Value     `json:",omitempty"`
	Error      string `json:"error,omitempty"`
	Hint       string `json:"hint,omitempty"`
	Column     int    `json:"column,omitempty"`
}

// Caret shows where in the expression the error is: the expression and a line
// below it; empty where that is not known.
func (a *Answer) Caret() string {
	if a.Column == 0 {
		return ""
	}
	return (&cexpr.Error{Column: a.Column}).Caret(a.Expression)
}

// Examined is memory in units of Size bytes.
type Examined struct {
	Document
	Format string `json:"format"` // a letter of GDB's x command
	Size   int    `json:"size"`
	Cells  []Cell `json:"cells"`
}

// Cell is one unit of memory, or one string. Symbol names Address where a
// symbol begins or holds it.
type Cell struct {
	Address  elfcore.Addr  `json:"address"`
	Symbol   *Symbol       `json:"symbol,omitempty"`
	Text     string        `json:"text"` // "<not in dump>" unless Present
	Presence Presence      `json:"presence"`
	State    elfcore.State `json:"state"`
	Origin   string        `json:"origin,omitempty"` // "dump" or "firmware"
}

// Listing is source text. Lines is empty if the file was not found here.
type Listing struct {
	Document
	File     string       `json:"file"`            // as the compiler named it
	Found    string       `json:"found,omitempty"` // where it was read from
	Line     int          `json:"line"`            // the one asked for
	Function string       `json:"function,omitempty"`
	Lines    []SourceLine `json:"lines"`
}

// SourceLine is one line of a source file.
type SourceLine struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
}

// Symbols are what an address or a name stands for.
type Symbols struct {
	Document
	Query   string      `json:"query"`
	Symbols []SymbolRow `json:"symbols"`
}

// SymbolRow is one symbol. For an address Offset, File, Line and Inlines tell
// where in it, innermost function first.
type SymbolRow struct {
	Name    string       `json:"name,omitempty"`
	Plain   string       `json:"demangled,omitempty"`
	Address elfcore.Addr `json:"address"`
	Size    uint64       `json:"size,omitempty"` // bytes
	Offset  uint64       `json:"offset,omitempty"`
	Section string       `json:"section,omitempty"`
	Image   string       `json:"image,omitempty"`
	File    string       `json:"file,omitempty"`
	Line    int          `json:"line,omitempty"`
	Inlines []Inline     `json:"inlines,omitempty"`
	InDump  *bool        `json:"in_dump,omitempty"` // whether all its bytes are; nil for what can't change
}

// Inline is a function that was inlined at an address, and where it was called.
type Inline struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}
