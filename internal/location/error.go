package location

import (
	"errors"
	"fmt"

	"corelift/elfcore"
)

// Presence says whether something is there to be shown, and if not why.
type Presence uint8

// The presences, worst first.
const (
	Broken       Presence = iota // the debug information breaks the standard's rules
	Unsupported                  // it is right, but we don't follow it
	OptimisedOut                 // the compiler kept no such value
	NotInDump                    // a register or memory that it takes is not in the dump
	Synthetic                    // an implicit pointer, which has no bytes: see Location.Pointer
	Present
)

// Error says why there is no result. Op is the operator that failed, at offset
// Off of the innermost expression; Op is empty if a location was read. Reason
// is not Present.
type Error struct {
	Reason Presence
	Op     string
	Off    int
	Text   string
	cause  error
}

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Text
	}
	return fmt.Sprintf("%s at offset %d: %s", e.Op, e.Off, e.Text)
}

// Unwrap gives what a Frame returned: an *elfcore.GapError for missing memory.
func (e *Error) Unwrap() error { return e.cause }

// noRegister and noMemory are the two ways in which a dump falls short.
func noRegister(n uint64, r Register) *Error {
	name := r.Name
	if name == "" {
		name = fmt.Sprintf("%d (DWARF number)", n)
	}
	return &Error{Reason: NotInDump, Text: fmt.Sprintf("register %s is not in the dump", name)}
}

func noMemory(err error) *Error {
	if gap := (*elfcore.GapError)(nil); errors.As(err, &gap) {
		return &Error{Reason: NotInDump, Text: "memory not in dump at " + gap.Addr.String(), cause: err}
	}
	return &Error{Reason: NotInDump, Text: err.Error(), cause: err}
}
