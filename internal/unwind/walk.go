package unwind

import "corelift/elfcore"

// Frame is one frame of a trace. PC is the address to execute next if
// Trust.Exact, else the return address. CFA is 0 where it is not known. Regs
// are the registers as they were in the frame. Gap, if not empty, says that the
// frame's code is in no image, "code not in any image at 0x400485e4". End is set
// on the last frame and says why no other follows. Turn is by how many registers
// Xtensa's window has yet to turn before the function finds its arguments. Signal
// tells that the frame is no function's, but where a handler returns to.
//
// Frames that follow from one that a scan found are no surer than that one, and
// have the same Trust.
type Frame struct {
	PC, CFA elfcore.Addr
	Trust   Trust
	Regs    elfcore.Registers
	Gap     string
	End     *End
	Turn    int
	Signal  bool

	by Trust // how the step to this frame was made, whatever came before
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
	first := Frame{Trust: Context, Regs: r, by: Context}
	if r.Arch() == nil {
		first.End = noRegisters()
		return []Frame{first}
	}
	if limit <= 0 || limit > MaxFrames {
		limit = MaxFrames
	}
	u := newUnwinder(c, p, r.Arch())
	pc, _ := r.PC()
	first.PC = elfcore.Addr(pc & u.arch.CodeMask)
	return u.trace(first, limit)
}

// maxGaps is how many frames in a row may have no code.
const maxGaps = 32

// trace follows the stack from a frame outwards. A frame without code counts
// if the way goes on from there to one with code, or to the end of the stack;
// else its pc is no more than a bad return address of the frame before.
func (u *unwinder) trace(first Frame, limit int) []Frame {
	frames := []Frame{first}
	u.markGap(&frames[0])
	u.markTurn(&frames[0])
	firm := 1       // so many frames count
	var broken *End // the reason if no others will
	for {
		f := &frames[len(frames)-1]
		s, end := u.caller(f.Regs, f.Trust.Exact())
		f.CFA, f.Signal = s.cfa, s.signal
		gap := end != nil && end.Kind == NoCode && s.regs.Arch() != nil && len(frames)-firm < maxGaps
		if gap && firm == len(frames) {
			broken = end
		}
		var next Frame
		if end == nil || gap {
			next, end = u.frame(f, s), nil
			switch {
			case repeats(frames, &next):
				end = loop(next.PC)
			case len(frames) >= limit:
				end = limited()
			}
		}
		if end != nil && firm < len(frames) && end.Kind != Outermost {
			frames, end = frames[:firm], broken
		}
		if end != nil {
			frames[len(frames)-1].End = end
			return frames
		}
		if frames = append(frames, next); !gap {
			firm = len(frames)
		}
	}
}

// frame makes the caller's frame of a step from f.
func (u *unwinder) frame(f *Frame, s step) Frame {
	next := Frame{PC: s.pc(), Trust: s.trust, Regs: s.regs, by: s.trust}
	if f.Trust == Scan && !s.trust.Exact() {
		next.Trust = Scan
	}
	u.markGap(&next)
	u.markTurn(&next)
	return next
}

func (u *unwinder) markGap(f *Frame) {
	if _, state := f.Regs.PC(); state != elfcore.Missing && !u.code.Executable(f.Lookup()) {
		f.Gap = noCode(f.PC).Text
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
