package inspect

import (
	"fmt"
	"sync"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/debuginfo"
	"corelift/internal/unwind"
)

// Session answers questions about one crash. It only reads the Core. It is safe
// for concurrent use.
type Session struct {
	core    *elfcore.Core
	program *firmware.Set // nil if there is none

	noTypes func() *debuginfo.Data // C's own types, where there is no debug information

	mu      sync.Mutex
	walks   map[int32]*trace // by thread
	initial bool             // show initial values where the dump has no RAM
}

// Options steer a Session.
type Options struct {
	// Initial shows the firmware's initial value of a variable whose memory is
	// not in the dump, labelled as such.
	Initial bool
}

// New makes a session. program is the firmware that the core was read with,
// nil if there is none.
func New(core *elfcore.Core, program *firmware.Set, o Options) *Session {
	s := &Session{core: core, program: program, initial: o.Initial, walks: map[int32]*trace{}}
	s.noTypes = sync.OnceValue(func() *debuginfo.Data {
		none := func(string) ([]byte, error) { return nil, nil }
		return debuginfo.New(none, core.Order, core.Arch.PtrSize(), nil)
	})
	return s
}

// Core is the crash that the session is about.
func (s *Session) Core() *elfcore.Core { return s.core }

// Crashed is the ID of the crashed thread, else of the first; 0 if there is no
// thread at all.
func (s *Session) Crashed() int32 {
	switch t := s.core.Crashed(); {
	case t != nil:
		return t.ID
	case len(s.core.Threads) > 0:
		return s.core.Threads[0].ID
	}
	return 0
}

// thread finds a thread by its ID.
func (s *Session) thread(id int32) (*elfcore.Thread, error) {
	for i := range s.core.Threads {
		if s.core.Threads[i].ID == id {
			return threadOf(s.core, s.program, i), nil
		}
	}
	if n := len(s.core.Threads); n > 0 {
		return nil, fmt.Errorf("no thread %d; there are 1 to %d", id, n)
	}
	return nil, fmt.Errorf("no thread %d; the dump has none", id)
}

func (s *Session) reference(t *elfcore.Thread) ThreadRef {
	c := s.core.Crashed()
	return ThreadRef{ID: t.ID, Kind: t.Kind, Name: t.Name.Value, Crashed: c != nil && c.ID == t.ID}
}

// code is the program as the unwinder needs it.
func (s *Session) code() unwind.Code {
	if s.program == nil {
		return noCode{}
	}
	return s.program
}

// noCode is a program of which nothing is known.
type noCode struct{ elfcore.NoProgram }

func (noCode) Row(elfcore.Addr) (firmware.Row, bool)       { return firmware.Row{}, false }
func (noCode) Function(elfcore.Addr) (elfcore.Range, bool) { return elfcore.Range{}, false }

// debug finds the debug information for an address.
func (s *Session) debug(pc elfcore.Addr) (*debuginfo.Data, *debuginfo.Unit) {
	if s.program == nil {
		return nil, nil
	}
	for _, m := range s.program.Images() {
		if !m.Executable(pc) { // spares reading what a process' other libraries say
			continue
		}
		if u, ok := m.Debug().UnitAt(uint64(pc)); ok {
			return m.Debug(), u
		}
	}
	return nil, nil
}
