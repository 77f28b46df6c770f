package inspect

import (
	"slices"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/location"
	"corelift/internal/unwind"
)

// tailCall is the trust of a frame that is not on the stack.
const tailCall = "tail-call"

// tailCalls are the frames between one that the unwinder found and the next, of
// functions whose last act was a jump to the next: the stack holds nothing of
// them, but a call site says who was called, and where that differs from who is
// running, the tail calls between the two are known if there is only one way
// (DWARF 5, 3.4.1; GDB shows them too). Such a frame has the registers of its
// caller, and the place of its arguments on the stack is that of the function it
// jumped to.
func (s *Session) tailCalls(plain *trace, depth int) (list []walked) {
	inner, outer := plain.at(depth), plain.at(depth+1)
	if outer.Trust.Exact() || outer.Gap != "" || outer.Trust == unwind.Scan {
		return nil
	}
	callee, caller := s.activate(plain, depth), s.activate(plain, depth+1)
	if callee.fn == nil || caller.fn == nil {
		return nil
	}
	site, ok := caller.fn.CallSite(uint64(outer.PC))
	if !ok {
		return nil
	}
	called := caller.callee(site, callee.fn)
	if called == nil || called == callee.fn {
		return nil
	}
	for _, ret := range slices.Backward(s.jumps(called, callee.fn)) {
		f := walked{unwind.Frame{PC: elfcore.Addr(ret), CFA: inner.CFA, Trust: outer.Trust, Regs: outer.Regs.Clone()}, true}
		f.Regs.Set(s.core.Arch.PC, ret, min(elfcore.Recovered, s.trusted()), 0)
		list = append(list, f)
	}
	return list
}

// callee is the function that a call site of this one calls, nil if that can't
// be told. running is the one that was found there, the likeliest.
func (a *activation) callee(site debuginfo.CallSite, running *debuginfo.Function) *debuginfo.Function {
	if site.Callee.Unit() != nil {
		if running.Implements(site.Callee) {
			return running
		}
		return a.session.defined(site.Callee)
	}
	if site.Target == nil {
		return nil
	}
	v, err := location.Compute(site.Target, a)
	if err != nil || v.State < elfcore.Recovered {
		return nil
	}
	at := v.Uint() & a.session.core.Arch.CodeMask
	_, u := a.session.debug(elfcore.Addr(at))
	if u == nil {
		return nil
	}
	if f, ok := u.Function(at); ok && f.Ranges[0][0] == at {
		return f
	}
	return nil
}

// maxJumps bounds the tail calls that are followed.
const maxJumps = 256

// jumps finds the only chain of tail calls from one function to another, as the
// return addresses of its call sites; nil if there is none, or more than one.
func (s *Session) jumps(from, to *debuginfo.Function) (only []uint64) {
	left := maxJumps
	found := 0
	var chain []uint64
	seen := []*debuginfo.Function{from}
	var follow func(f *debuginfo.Function)
	follow = func(f *debuginfo.Function) {
		for _, ret := range f.TailCalls() {
			if left--; left < 0 || found > 1 {
				return
			}
			next := s.jumped(f, ret)
			if next == nil || next != to && slices.Contains(seen, next) {
				continue
			}
			chain = append(chain, ret)
			if next == to {
				found++
				only = slices.Clone(chain)
			} else {
				seen = append(seen, next)
				follow(next)
				seen = seen[:len(seen)-1]
			}
			chain = chain[:len(chain)-1]
		}
	}
	follow(from)
	if found != 1 || left < 0 {
		return nil
	}
	return only
}

// jumped is the function that a tail call goes to; nil through a pointer.
func (s *Session) jumped(f *debuginfo.Function, ret uint64) *debuginfo.Function {
	site, ok := f.CallSite(ret)
	if !ok || site.Callee.Unit() == nil {
		return nil
	}
	return s.defined(site.Callee)
}

// defined is the function that an entry stands for, nil if no unit has its code.
// Its symbol leads there at once; to search a program's 10 MB of entries for the
// name takes a millisecond.
func (s *Session) defined(e debuginfo.Entry) *debuginfo.Function {
	if name, external := e.Symbol(); external {
		if r, ok := s.program.Symbol(name); ok {
			_, u := s.debug(r.Addr)
			if u == nil {
				return nil // of a library that was compiled without debug information
			}
			if f, ok := u.Function(uint64(r.Addr)); ok && f.Implements(e) {
				return f
			}
		}
	}
	f, _ := e.Unit().Data().Defined(e)
	return f
}

// reaches tells whether a function may come to run anew by tail calls alone, so
// that what its caller passed is not what it runs with.
func (s *Session) reaches(f *debuginfo.Function) bool {
	seen := map[*debuginfo.Function]bool{}
	open := []*debuginfo.Function{f}
	for left := maxJumps; len(open) > 0; {
		g := open[len(open)-1]
		open = open[:len(open)-1]
		for _, ret := range g.TailCalls() {
			next := s.jumped(g, ret)
			if left--; next == f || left < 0 {
				return true
			}
			if next != nil && !seen[next] {
				seen[next] = true
				open = append(open, next)
			}
		}
	}
	return false
}
