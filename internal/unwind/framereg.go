package unwind

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// maxRows bounds how many addresses of one function are asked for their row: a
// hostile entry may claim to cover the whole address space. maxWalkRows bounds
// them for a whole walk, of which each frame may lie in such a function.
const (
	maxRows     = 4096
	maxWalkRows = 4 * maxRows
)

// FrameRegister computes a frame pointer that the dump lacks. Many targets
// store only the registers that a call may change; code that addresses its
// frame by r7, s0 or x29 can't be unwound without that one, nor can any
// debugger unwind it, as soon as one frame of the trace needs it.
//
// It walks outwards to the first frame whose CFA is given by a register that
// is Missing in r and that no frame inside it has touched, so that the value
// there is the value in r. In that frame's function the last row before the
// register takes over gives the CFA by the stack pointer; where the function
// has not moved the stack pointer since, the two rows together give the
// register. The value counts only if the return address that it leads to
// follows a call. It is to be taken as Recovered.
func FrameRegister(c *elfcore.Core, p Code, r elfcore.Registers) (reg arch.Reg, value uint64, ok bool) {
	if r.Arch() == nil {
		return arch.NoReg, 0, false
	}
	u := newUnwinder(c, p, r.Arch())
	touched := map[arch.Reg]bool{}
	for exact, n := true, 0; n < maxThrough; n++ {
		pc, _ := r.PC()
		at := lookup(elfcore.Addr(pc&u.arch.CodeMask), exact)
		if row, hasRow := p.Row(at); hasRow {
			if _, _, end := u.cfa(row, r); end != nil {
				if touched[row.CFA.Reg] || end.Kind != NeedsRegister {
					return arch.NoReg, 0, false
				}
				value, _, ok = u.frameRegister(row, r, at)
				return row.CFA.Reg, value, ok
			}
			for n, rule := range row.Regs {
				touched[n] = touched[n] || rule.Kind != firmware.RuleSame
			}
		}
		s, end := u.caller(r, exact)
		if end != nil || s.trust <= FramePointer {
			return arch.NoReg, 0, false
		}
		r, exact = s.regs, s.trust.Exact()
	}
	return arch.NoReg, 0, false
}

// maxThrough is how many frames FrameRegister looks through.
const maxThrough = 32

// frameRegister is the value that row.CFA.Reg must have at the address at.
func (u *unwinder) frameRegister(row firmware.Row, r elfcore.Registers, at elfcore.Addr) (uint64, elfcore.State, bool) {
	sp, state := r.SP()
	if state == elfcore.Missing || row.CFA.Kind != firmware.RuleRegister || row.CFA.Reg == u.arch.SP || !row.Function.Contains(at) {
		return 0, elfcore.Missing, false
	}
	bySP, ok := u.beforeSwitch(row, at)
	if !ok {
		return 0, elfcore.Missing, false
	}
	state = min(state, elfcore.Recovered)
	value := (sp + uint64(bySP.CFA.Offset-row.CFA.Offset)) & u.arch.AddrMask()
	tried := r.Clone()
	tried.Set(row.CFA.Reg, value, state, 0)
	cfa, cfaState, end := u.cfa(row, tried)
	if end != nil || cfa < sp {
		return 0, elfcore.Missing, false
	}
	ret, _, end := u.returnAddress(row, tried, cfa, cfaState)
	if end != nil || u.callBefore(u.codeAddr(ret), at) == noCall {
		return 0, elfcore.Missing, false
	}
	return value, state, true
}

// beforeSwitch finds the last row that gives the CFA by the stack pointer before
// row's register takes over for the first time. Later returns to the stack
// pointer are epilogues in the middle of the function, where it has moved.
func (u *unwinder) beforeSwitch(row firmware.Row, at elfcore.Addr) (last firmware.Row, ok bool) {
	unit := instructionAlign[u.arch]
	if unit == 0 {
		unit = 2
	}
	pc := row.Function.Addr
	for range min(maxRows, u.rowsLeft) {
		if u.rowsLeft--; u.expired() {
			break
		}
		now, has := u.code.Row(pc)
		switch {
		case !has || now.CFA.Kind != firmware.RuleRegister:
		case now.CFA.Reg == row.CFA.Reg:
			return last, ok
		case now.CFA.Reg == u.arch.SP:
			last, ok = now, true
		}
		if at-pc < unit {
			break
		}
		pc += unit
	}
	return last, false
}

// instructionAlign is how far apart rows can be, in bytes; 2 on all others.
var instructionAlign = map[*arch.Arch]elfcore.Addr{arch.I386: 1, arch.AMD64: 1, arch.Xtensa: 1, arch.AArch64: 4}
