package unwind

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/location"
)

// returnSaved tells whether a row finds the return address elsewhere than in
// its own register.
func returnSaved(row firmware.Row) bool {
	rule, ok := row.Regs[row.Return]
	return ok && rule.Kind != firmware.RuleSame
}

// byTable applies what the firmware's tables say. ok is false where other ways
// may be tried.
func (u *unwinder) byTable(row firmware.Row, r elfcore.Registers, at elfcore.Addr, exact bool) (s step, end *End, ok bool) {
	if row.Exidx {
		return u.byExidx(row, r, at, exact)
	}
	s, end = u.byRow(row, r, at, exact)
	// A damaged stack is not guessed over; a register that the dump lacks is no
	// sign of damage.
	return s, end, end == nil || end.Kind != NeedsRegister
}

// byExidx applies a row of .ARM.exidx. It is right at a call; where an
// exception struck, the function may be in its prologue or epilogue, so that
// it must lead behind a call.
//
// Folklore: a table entry for a function that can't be unwound does not mean
// that nothing called it: linkers add one for all code without a table, such
// as C next to C++. And assembly between .fnstart and .fnend without more is
// said to keep its return address in lr, which it can't where it makes a call.
// Tests: TestExidxCantUnwind, TestExidxFinish.
func (u *unwinder) byExidx(row firmware.Row, r elfcore.Registers, at elfcore.Addr, exact bool) (s step, end *End, ok bool) {
	switch {
	case row.CFA.Kind == firmware.RuleUndefined:
		return s, undescribed(row.Function.Addr), false
	case !exact && !returnSaved(row):
		return s, nil, false
	case !exact:
		s, end = u.byRow(row, r, at, exact)
		return s, end, end == nil || end.Kind != NeedsRegister
	}
	if s, ok := u.byPrologue(r, at, exact); ok && s.whole {
		return s, nil, true
	}
	if s, end = u.byRow(row, r, at, exact); end != nil || s.trust == Exidx && u.callBefore(s.pc(), at) < indirectCall ||
		s.trust == Exception && !u.plausible(s.regs) {
		return s, end, false
	}
	for i := range u.arch.Regs {
		u.lower(&s.regs, arch.Reg(i), elfcore.Recovered)
	}
	return s, nil, true
}

// byRow applies a row. at is the address the row was found by.
func (u *unwinder) byRow(row firmware.Row, r elfcore.Registers, at elfcore.Addr, exact bool) (step, *End) {
	cfa, state, end := u.cfa(row, r)
	if end != nil && end.Kind == NeedsRegister {
		if v, s, ok := u.frameRegister(row, r, at); ok {
			r = r.Clone()
			r.Set(row.CFA.Reg, v, s, 0)
			cfa, state, end = u.cfa(row, r)
		}
	}
	if end != nil {
		return step{}, end
	}
	s := step{cfa: elfcore.Addr(cfa)}
	if sp, known := r.SP(); known != elfcore.Missing && cfa < sp {
		return s, backwards(s.cfa)
	}
	if rule, ok := row.Regs[row.Return]; ok && rule.Kind == firmware.RuleUndefined {
		return s, outermost()
	}
	// A function that has called another one and still has its return address
	// in the link register has lost it: it never returns. Zephyr's
	// z_thread_entry and idle loops are like that on RISC-V. Pinned by
	// TestNeverReturns.
	if !exact && row.Return == u.arch.LR && !returnSaved(row) {
		return s, outermost()
	}
	ret, retState, end := u.returnAddress(row, r, cfa, state)
	if end != nil {
		return s, end
	}

	next := u.after(r, true)
	next.Set(u.arch.SP, cfa, state, r.Why(row.CFA.Reg))
	for n, rule := range row.Regs {
		if n != u.arch.PC {
			u.apply(&next, n, rule, row, r, cfa, state)
		}
	}
	trust := CFI
	switch {
	case row.Signal:
		trust = Exception
	case row.Exidx:
		trust = Exidx
	}
	found, end := u.returnTo(next, ret, retState, trust)
	found.cfa, found.signal = s.cfa, row.Signal
	return found, end
}

// cfa computes the canonical frame address: the stack pointer before the call.
func (u *unwinder) cfa(row firmware.Row, r elfcore.Registers) (uint64, elfcore.State, *End) {
	if row.CFA.Kind != firmware.RuleRegister {
		v, s, end := u.compute(row, row.CFA.Expr, r)
		return v & u.arch.AddrMask(), s, end
	}
	v, s := r.Get(row.CFA.Reg)
	if s == elfcore.Missing {
		return 0, s, u.needs(row.CFA.Reg)
	}
	return (v + uint64(row.CFA.Offset)) & u.arch.AddrMask(), s, nil
}

// returnAddress evaluates the rule of the return address column.
func (u *unwinder) returnAddress(row firmware.Row, r elfcore.Registers, cfa uint64, state elfcore.State) (uint64, elfcore.State, *End) {
	rule := row.Regs[row.Return]
	from := row.Return
	switch {
	case !returnSaved(row):
	case rule.Kind == firmware.RuleRegister:
		from = rule.Reg
	case rule.Kind == firmware.RuleOffset:
		v, s, end := u.word(elfcore.Addr(cfa + uint64(rule.Offset)))
		return v, min(s, state), end
	case rule.Kind == firmware.RuleValOffset:
		return (cfa + uint64(rule.Offset)) & u.arch.AddrMask(), state, nil
	default:
		v, s, end := u.compute(row, rule.Expr, r, location.Word(cfa, state))
		if end != nil || rule.Kind == firmware.RuleValue {
			return v, s, end
		}
		ret, saved, end := u.word(elfcore.Addr(v))
		return ret, min(s, saved), end
	}
	v, s := r.Get(from)
	if s == elfcore.Missing {
		return 0, s, u.needs(from)
	}
	return v, s, nil
}

// apply sets one register of the caller by its rule. What can't be computed is
// Missing, which is no reason to stop.
func (u *unwinder) apply(next *elfcore.Registers, n arch.Reg, rule firmware.Rule, row firmware.Row, r elfcore.Registers, cfa uint64, state elfcore.State) {
	switch rule.Kind {
	case firmware.RuleSame:
		copyRegister(next, n, r, n)
	case firmware.RuleRegister:
		copyRegister(next, n, r, rule.Reg)
	case firmware.RuleValOffset:
		next.Set(n, cfa+uint64(rule.Offset), state, 0)
	case firmware.RuleOffset:
		u.load(next, n, elfcore.Addr(cfa+uint64(rule.Offset)), state)
	case firmware.RuleExpression, firmware.RuleValue:
		v, s, end := u.compute(row, rule.Expr, r, location.Word(cfa, state))
		switch {
		case end != nil:
			next.Clear(n, 0)
		case rule.Kind == firmware.RuleValue:
			next.Set(n, v, s, 0)
		default:
			u.load(next, n, elfcore.Addr(v), s)
		}
	default:
		next.Clear(n, 0)
	}
}

func copyRegister(to *elfcore.Registers, n arch.Reg, from elfcore.Registers, m arch.Reg) {
	if b, s := from.Bytes(m); s != elfcore.Missing {
		to.SetBytes(n, b, s, from.Why(m))
	} else {
		to.Clear(n, 0)
	}
}

// load reads a saved register. Functions save no more than the ABI has them
// preserve, which is at most 64 bits: the rest of a wider register is lost, so
// that the whole is Suspect. A RISC-V with a 32-bit FPU saves 4 bytes.
func (u *unwinder) load(next *elfcore.Registers, n arch.Reg, a elfcore.Addr, state elfcore.State) {
	if int(n) >= len(u.arch.Regs) {
		return
	}
	info := u.arch.Regs[n]
	size, box := min((info.Bits+7)/8, 8), uint64(0)
	switch {
	case info.Bits > 64:
		state = min(state, elfcore.Suspect)
	case info.Group == arch.Float && u.core.Program.FloatBits == 32 && (u.arch == arch.RV32 || u.arch == arch.RV64):
		size, box = 4, 0xffff_ffff_0000_0000 // a narrow value is boxed in a NaN
	}
	v, s, err := u.core.ReadUint(a&elfcore.Addr(u.arch.AddrMask()), size)
	if err != nil {
		next.Clear(n, 0)
		return
	}
	next.Set(n, v|box, min(s, state), 0)
}
