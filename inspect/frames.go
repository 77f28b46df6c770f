package inspect

import (
	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/unwind"
)

// activation is what a Frame's variables are read with.
type activation struct {
	session *Session
	thread  *elfcore.Thread
	walked  []walked // of the whole thread
	depth   int      // which of them
	data    *debuginfo.Data
	unit    *debuginfo.Unit     // nil without debug information
	fn      *debuginfo.Function // nil if no function holds the pc
	scope   debuginfo.Scope     // of an inlined function, or of fn
}

// walked is a frame that the unwinder found, or that a tail call left out.
type walked struct {
	unwind.Frame
	tail bool
}

// frame is the one that the unwinder found.
func (a *activation) frame() *walked { return &a.walked[a.depth] }

// lookup is the address by which to find what holds at the frame's pc.
func (a *activation) lookup() uint64 { return uint64(a.frame().Lookup()) }

// caller is the activation of the physical caller, nil if it was not found.
func (a *activation) caller() *activation {
	if a.depth+1 >= len(a.walked) {
		return nil
	}
	return a.session.activate(a.thread, a.walked, a.depth+1)
}

// activate finds the function of a frame, without what was inlined in it.
func (s *Session) activate(t *elfcore.Thread, frames []walked, depth int) *activation {
	a := &activation{session: s, thread: t, walked: frames, depth: depth}
	if a.data, a.unit = s.debug(frames[depth].Lookup()); a.unit == nil {
		return a
	}
	if f, ok := a.unit.Function(a.lookup()); ok {
		a.fn = f
		a.scope = f.Inlines(a.lookup())[0]
	}
	return a
}

// walk unwinds a thread once.
func (s *Session) walk(t *elfcore.Thread) []walked {
	s.mu.Lock()
	frames, done := s.walks[t.ID]
	s.mu.Unlock()
	if !done {
		frames = s.withTailCalls(t, unwind.Walk(s.core, s.code(), t.Regs, 0))
		s.mu.Lock()
		s.walks[t.ID] = frames
		s.mu.Unlock()
	}
	return frames
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
	frames := s.walk(t)
	for i := range frames {
		for _, f := range s.expand(t, frames, i) {
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
		if end := frames[i].End; end != nil {
			st.End = End{Kind: end.Kind.String(), Text: end.Text}
		}
	}
	return st, nil
}

// expand turns a walked frame into the frames of its function and of what was
// inlined there, innermost first.
func (s *Session) expand(t *elfcore.Thread, frames []walked, depth int) []Frame {
	w := &frames[depth]
	_, state := w.Regs.PC()
	base := Frame{PC: w.PC, State: state, Trust: w.Trust.String(), Exact: w.Trust.Exact(), Gap: w.Gap}
	if w.tail {
		base.Trust = tailCall
	}
	if w.CFA != 0 {
		base.CFA = &w.CFA
	}
	if state == elfcore.Missing { // its value is no address
		base.at = &activation{session: s, thread: t, walked: frames, depth: depth}
		return []Frame{base}
	}
	a := s.activate(t, frames, depth)
	base.at = a
	if a.fn == nil {
		base.MidLine = true
		if s.program != nil {
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

// place fills in file and line of the innermost function.
func (f *Frame) place(u *debuginfo.Unit, pc uint64) {
	if l, ok := u.Lines().At(pc); ok {
		f.File, f.Line, f.Column = l.File, l.Line, l.Column
		f.MidLine = uint64(f.PC) != l.Addr || !l.Stmt
	}
}
