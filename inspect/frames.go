package inspect

import (
	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/unwind"
)

// activation is what a Frame's variables are read with.
type activation struct {
	session *Session
	trace   *trace
	depth   int // of walked in the trace
	walked  *walked
	data    *debuginfo.Data
	unit    *debuginfo.Unit     // nil without debug information
	fn      *debuginfo.Function // nil if no function holds the pc
	scope   debuginfo.Scope     // of an inlined function, or of fn
}

// frame is the one that the unwinder found.
func (a *activation) frame() *walked { return a.walked }

// lookup is the address by which to find what holds at the frame's pc.
func (a *activation) lookup() uint64 { return uint64(a.frame().Lookup()) }

// caller is the activation of the physical caller, nil if it was not found.
func (a *activation) caller() *activation {
	if a.trace.at(a.depth+1) == nil {
		return nil
	}
	return a.session.activate(a.trace, a.depth+1)
}

// activate finds the function of a frame, without what was inlined in it.
func (s *Session) activate(t *trace, depth int) *activation {
	a := &activation{session: s, trace: t, depth: depth, walked: t.at(depth)}
	if a.data, a.unit = s.debug(a.walked.Lookup()); a.unit == nil {
		return a
	}
	if f, ok := a.unit.Function(a.lookup()); ok {
		a.fn = f
		a.scope = f.Inlines(a.lookup())[0]
	}
	return a
}

// StackOptions say how much of a stack to show. Limit is the most frames, 0 for
// all.
type StackOptions struct {
	Arguments, Locals bool
	Limit             int
}

// Stack shows the frames of a thread, which is given by its ID.
func (s *Session) Stack(thread int32, o StackOptions) (*Stack, error) {
	t, err := s.thread(thread)
	if err != nil {
		return nil, err
	}
	st := &Stack{Thread: s.reference(t), Frames: []Frame{}}
	trace := s.walk(t)
	for i := 0; trace.at(i) != nil; i++ {
		for _, f := range s.expand(trace, i) {
			if o.Limit > 0 && len(st.Frames) == o.Limit {
				st.End = End{Kind: unwind.Limit.String(), Text: "frame limit reached"}
				return st, nil
			}
			f.Level = len(st.Frames)
			if o.Arguments {
				f.Arguments = f.at.arguments()
			}
			if o.Locals {
				f.Locals = f.at.locals()
			}
			st.Frames = append(st.Frames, f)
		}
	}
	end := trace.end()
	st.End = End{Kind: end.Kind.String(), Text: end.Text}
	return st, nil
}

// expand turns a walked frame into the frames of its function and of what was
// inlined there, innermost first.
func (s *Session) expand(t *trace, depth int) []Frame {
	w := t.at(depth)
	_, state := w.Regs.PC()
	base := Frame{PC: w.PC, State: state, Trust: w.Trust.String(), Exact: w.Trust.Exact(), Gap: w.Gap, Signal: w.Signal}
	if w.tail {
		base.Trust = tailCall
	}
	if w.CFA != 0 {
		base.CFA = &w.CFA
	}
	if state == elfcore.Missing { // its value is no address
		base.at = &activation{session: s, trace: t, depth: depth, walked: w}
		return []Frame{base}
	}
	a := s.activate(t, depth)
	base.at = a
	if a.fn == nil {
		base.MidLine = true
		if s.isCode(w.Lookup()) { // a corrupt address must not make a function of a variable
			if name, start, ok := s.program.SymbolAt(w.Lookup()); ok {
				offset := uint64(w.PC - start)
				base.Function, base.Offset = name, &offset
			}
		}
		if a.unit != nil {
			base.place(a.unit, a.lookup())
		}
		return []Frame{base}
	}
	scopes := a.fn.Inlines(a.lookup())
	list := make([]Frame, 0, len(scopes))
	for i := len(scopes) - 1; i >= 0; i-- {
		f := base
		f.Function, f.Inlined = functionName(scopes[i]), scopes[i].Inlined
		if inner := i + 1; inner < len(scopes) {
			f.File, f.Line, f.Column = scopes[inner].CallFile, scopes[inner].CallLine, scopes[inner].CallColumn
		} else {
			f.place(a.unit, a.lookup())
		}
		at := *a
		at.scope = scopes[i]
		f.at = &at
		list = append(list, f)
	}
	return list
}

// isCode tells whether there is code at an address: in a section for it, or a
// function that start-up code copies to RAM.
func (s *Session) isCode(at elfcore.Addr) bool {
	if s.program == nil {
		return false
	}
	_, function := s.program.Function(at)
	return function || s.program.Executable(at)
}

// place fills in file and line of the innermost function.
func (f *Frame) place(u *debuginfo.Unit, pc uint64) {
	if l, ok := u.Lines().At(pc); ok {
		f.File, f.Line, f.Column = l.File, l.Line, l.Column
		f.MidLine = uint64(f.PC) != l.Addr || !l.Stmt
	}
}
