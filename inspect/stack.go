package inspect

import (
	"corelift/elfcore"
)

// StackSchema names the version of Stacks' JSON form, docs/schema/bt.json.
const StackSchema = "corelift.bt/1"

// Stacks are the frames of one or more threads, the crashed one first.
type Stacks struct {
	Document
	Stacks []Stack `json:"stacks"`
}

// Stack is the frames of one thread, innermost first. There is at least one
// unless the thread has no pc.
type Stack struct {
	Thread ThreadRef `json:"thread"`
	Frames []Frame   `json:"frames"`
	End    End       `json:"end"`
}

// ThreadRef names a thread.
type ThreadRef struct {
	ID      int32              `json:"id"`
	Kind    elfcore.ThreadKind `json:"kind"`
	Name    string             `json:"name,omitempty"`
	Crashed bool               `json:"crashed,omitempty"`
}

// End says why no further frame follows. Kind is a stable word, Text the
// sentence for people.
type End struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Frame is one function activation. Inlined ones share pc, CFA and registers
// with the frame that they were inlined into, which follows. What is unknown is
// empty or nil.
type Frame struct {
	Level int           `json:"level"`
	PC    elfcore.Addr  `json:"pc"`
	State elfcore.State `json:"state"` // of the pc; 0 stands for a missing one
	CFA   *elfcore.Addr `json:"cfa,omitempty"`
	Trust string        `json:"trust"` // how the frame was found: "cfi", "scan" ...
	// Function is qualified ("fw::drv::boom"); from the debug information, or
	// the symbol at the pc if Offset is set.
	Function string  `json:"function,omitempty"`
	Offset   *uint64 `json:"offset,omitempty"` // of the pc in the symbol, bytes
	File     string  `json:"file,omitempty"`
	Line     int     `json:"line,omitempty"`
	Column   int     `json:"column,omitempty"`
	Inlined  bool    `json:"inlined,omitempty"`
	// Signal tells that the frame is the system's, or the trap entry, where a
	// handler returns to; it is named "<signal handler called>" as in GDB.
	Signal bool `json:"signal_handler,omitempty"`
	// Exact tells that the pc is the instruction to execute next, and MidLine
	// that no line begins there, so that GDB shows the address.
	Exact   bool `json:"exact"`
	MidLine bool `json:"mid_line"`
	// Gap says what is missing between the frame before and this one, such as
	// code that is in no image.
	Gap       string     `json:"gap,omitempty"`
	Arguments []Variable `json:"arguments,omitempty"`
	Locals    []Variable `json:"locals,omitempty"` // innermost block first

	at *activation
}

// Stacks shows the frames of threads, which are given by their IDs.
func (s *Session) Stacks(threads []int32, o StackOptions) (*Stacks, error) {
	out := &Stacks{Document: s.document(StackSchema), Stacks: []Stack{}}
	for _, id := range threads {
		st, err := s.Stack(id, o)
		if err != nil {
			return nil, err
		}
		out.Stacks = append(out.Stacks, *st)
	}
	return out, nil
}
