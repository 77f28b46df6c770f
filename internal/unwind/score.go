package unwind

import "corelift/elfcore"

// Points of Score. A step that is certain by itself outweighs any number of
// scanned ones, and a wrong end costs as much as a right frame earns.
const (
	exactPoints    = 10 // a direct call of the inner function
	indirectPoints = 8  // an indirect call, or an exception
	otherPoints    = 3  // a direct call of something else, as in a tail call
	chainPoints    = 4  // by frame pointer, whatever the call
	scanPoints     = -3
	outerPoints    = 20 // the trace reaches where the stack begins
	wrongEndPoints = -10
)

// Score measures how well a trace of Walk hangs together, to choose between
// rival readings of the same registers: the right one has the higher score.
// It is the sum over
//
//   - each frame but the first that was found in none of the ways below: 10 if its
//     return address follows a direct call of the function of the frame inside
//     it, 8 if an indirect call, 3 if a call of another function (a tail call
//     lies between, or the address is stale). No call at all, or the function's
//     own call of another one, costs 10, and what follows counts no more, being
//     built on sand;
//   - each frame found by an exception: 8;
//   - each frame found by a frame pointer, and each without code that a register
//     window leads to: 4; by a scan: -3, since a scan finds the right trace from
//     a stack pointer that is too low as well;
//   - any other frame without code costs 10, and what follows counts no more;
//   - the end: 20 for reaching the outermost frame in a function known to begin a
//     stack, or after at least one frame that counted 8 or more and was found on
//     the stack, of which the zero that ends a trace is no proof; -10 for an
//     end that a right reading does not run into (a return address that is no
//     code, a stack pointer that goes inwards, a loop); 0 for all others, such
//     as a stack that is not in the dump.
func Score(c *elfcore.Core, p Code, frames []Frame) int {
	if len(frames) == 0 || frames[0].Regs.Arch() == nil {
		return 0
	}
	return newUnwinder(c, p, frames[0].Regs.Arch()).score(frames)
}

func (u *unwinder) score(frames []Frame) int {
	score, sure := 0, false
	for i := 1; i < len(frames); i++ {
		points := u.points(&frames[i], frames[i-1].Lookup())
		if points == 0 {
			return score + wrongEndPoints
		}
		score += points
		sure = sure || points >= indirectPoints && u.onStack(&frames[i-1], &frames[i])
	}
	last := &frames[len(frames)-1]
	if last.End == nil {
		return score
	}
	switch last.End.Kind {
	case Outermost:
		if sure || u.isEntry(last.Lookup()) {
			score += outerPoints
		}
	case NoCode, Backwards, Loop:
		score += wrongEndPoints
	}
	return score
}

// onStack tells whether the stack, not a register, told of the outer frame.
func (u *unwinder) onStack(inner, outer *Frame) bool {
	switch outer.by {
	case Exception, Prologue:
		return true
	case Window: // told of by a0, which the stack held if a window led to the inner frame
		return inner.by == Window
	}
	row, ok := u.code.Row(inner.Lookup())
	return ok && returnSaved(row)
}

// points is what one frame adds, 0 if it can't be right. inner is the look-up
// address of the frame that it called.
func (u *unwinder) points(f *Frame, inner elfcore.Addr) int {
	if f.Gap != "" && f.by != Exception && f.by != Window {
		return 0
	}
	switch f.by {
	case Exception:
		return indirectPoints
	case FramePointer:
		return chainPoints
	case Scan:
		return scanPoints
	}
	if f.Gap != "" {
		return chainPoints
	}
	switch u.callBefore(f.PC, inner) {
	case exactCall:
		return exactPoints
	case indirectCall:
		return indirectPoints
	case otherCall:
		// Folklore: a stack pointer that is too low finds what an earlier
		// callee of the same function left, such as the return address of
		// Zephyr's context switch below the frame of its caller, and one
		// frame on it joins the right trace, a frame longer. Pinned by
		// TestScore, found by TestFixtureRivals on i386.
		if own, ok := u.code.Function(inner); !ok || !own.Contains(f.PC-1) {
			return otherPoints
		}
	}
	return 0
}
