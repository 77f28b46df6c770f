package inspect

import (
	"fmt"

	"corelift/elfcore"
)

// Presence says whether there is a value at all. It is another matter than how
// far the value can be trusted, its State.
type Presence uint8

// Whether a value is there. The zero value is none.
const (
	NoLocation   Presence = iota // the program says nothing of where it is, or the linker dropped it
	OptimisedOut                 // the compiler keeps it nowhere at this pc
	NotInDump                    // it has a place, which the dump does not hold
	Unreadable                   // the debug information is damaged there, or of a kind that corelift can't follow
	Present
)

var presenceNames = [...]string{"no-location", "optimised-out", "not-in-dump", "unreadable", "present"}

func (p Presence) String() string { return presenceNames[min(int(p), len(presenceNames)-1)] }

// MarshalText writes the presence's name.
func (p Presence) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Presence) UnmarshalText(text []byte) error {
	for i, name := range presenceNames {
		if name == string(text) {
			*p = Presence(i)
			return nil
		}
	}
	return fmt.Errorf("unknown presence %q", text)
}

// absent is what stands in the place of a value.
var absent = [...]string{NoLocation: "<no location>", OptimisedOut: "<optimized out>", NotInDump: "<not in dump>", Unreadable: "<unreadable>"}

// Variable is a named value. Depth counts the blocks around its declaration
// below the function's own, whose is 0.
type Variable struct {
	Name  string `json:"name"`
	Depth int    `json:"depth,omitempty"`
	Value
}

// Value is something that was read, or the reason why it could not be.
type Value struct {
	Type string `json:"type"` // as C writes it
	Kind string `json:"kind"` // "int", "pointer", "struct" ...
	// Text is what GDB's print shows; "<optimized out>" and the like where
	// nothing is Present. Parts of an aggregate can be absent by themselves.
	Text     string        `json:"text"`
	Presence Presence      `json:"presence"`
	State    elfcore.State `json:"state"` // the lowest of all parts that are Present
	// Address is where it lies in memory; nil in registers.
	Address *elfcore.Addr `json:"address,omitempty"`
	Size    int64         `json:"size,omitempty"` // bytes, 0 unknown
	// Reason says why it is absent or not known: "register r4 is not in the
	// dump", "may be stale: r0 is not preserved by calls".
	Reason   string     `json:"reason,omitempty"`
	Children []Variable `json:"children,omitempty"` // members, elements, as far as Text shows them
	Count    *int64     `json:"count,omitempty"`    // elements of an array
	// Pointer is the address that a pointer or reference holds.
	Pointer *elfcore.Addr `json:"pointer,omitempty"`
}
