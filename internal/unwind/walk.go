package unwind

import "corelift/elfcore"

// Frame is one frame of a trace. PC is the address to execute next if
// Trust.Exact, else the return address. CFA is 0 where it is not known. Regs
// are the registers as they were in the frame. End is set on the last frame
// and says why no other follows.
type Frame struct {
	PC, CFA elfcore.Addr
	Trust   Trust
	Regs    elfcore.Registers
	End     *End
}

// Lookup is the address by which to find the frame's function and line: the
// pc, or the last byte of the call.
func (f *Frame) Lookup() elfcore.Addr { return lookup(f.PC, f.Trust.Exact()) }

// MaxFrames is the most frames that Walk returns.
const MaxFrames = 1024

// Walk follows the stack from a context outwards, limit frames at most (0, or
// any above, stands for MaxFrames). There is always at least one frame, that
// of r itself.
//
// It ends: every step but an exception moves the stack pointer outwards or
// leaves it where it is, and no two frames may have the same pc and stack
// pointer.
func Walk(c *elfcore.Core, p Code, r elfcore.Registers, limit int) []Frame {
	frames := []Frame{{Trust: Context, Regs: r}}
	if r.Arch() == nil {
		frames[0].End = noRegisters()
		return frames
	}
	if limit <= 0 || limit > MaxFrames {
		limit = MaxFrames
	}
	u := newUnwinder(c, p, r.Arch())
	pc, _ := r.PC()
	frames[0].PC = elfcore.Addr(pc & u.arch.CodeMask)
	for {
		f := &frames[len(frames)-1]
		s, end := u.caller(f.Regs, f.Trust.Exact())
		f.CFA = s.cfa
		var next Frame
		if end == nil {
			pc, _ := s.regs.PC()
			next = Frame{PC: elfcore.Addr(pc), Trust: s.trust, Regs: s.regs}
			switch {
			case repeats(frames, &next):
				end = loop(next.PC)
			case len(frames) >= limit:
				end = limited()
			}
		}
		if end != nil {
			f.End = end
			return frames
		}
		frames = append(frames, next)
	}
}

func repeats(frames []Frame, next *Frame) bool {
	sp, _ := next.Regs.SP()
	for i := range frames {
		if have, _ := frames[i].Regs.SP(); have == sp && frames[i].PC == next.PC {
			return true
		}
	}
	return false
}
