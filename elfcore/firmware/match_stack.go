package firmware

import (
	"debug/elf"
	"fmt"
	"sort"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Limits of the examination of stacks.
const (
	maxThreads = 64
	maxFrames  = 64
	// longestCall is how many bytes before a return address tell whether it
	// follows a call, and of what (RISC-V: auipc and jalr).
	longestCall = 8
	maxSweep    = 64 << 10 // bytes of a function that are decoded to find pc in
)

// trail is what one reading of a thread's registers leads to.
type trail struct {
	calls   int // frames whose return address follows a call of the frame's function
	others  int // follows a call of another: a tail call, or another program
	unknown int // follows an indirect call
	against []string
}

// better orders rival readings.
func (t trail) better(other trail) bool {
	if len(t.against) != len(other.against) {
		return len(t.against) < len(other.against)
	}
	return t.calls > other.calls
}

// stacks walks the threads' stacks, the crashed thread's first.
func (x *examiner) stacks() {
	var sum trail
	add := func(i int) {
		t := &x.core.Threads[i]
		best := x.walk(t.Regs)
		for _, rival := range t.Alternatives {
			if w := x.walk(rival); w.better(best) {
				best = w
			}
		}
		for _, reason := range best.against {
			say(&x.weak, "thread %s: %s", x.label(i), reason)
		}
		sum.calls += best.calls
		sum.others += best.others
		sum.unknown += best.unknown
	}
	crashed := x.core.Crash.Thread
	if x.core.Crashed() != nil {
		add(crashed)
	}
	for i := range min(len(x.core.Threads), maxThreads) {
		if i != crashed {
			add(i)
		}
	}
	x.counts[kindCalls] = sum.calls
	if all := sum.calls + sum.others + sum.unknown; all > 0 {
		say(&x.found, "%d return addresses follow calls in %s, %d of them calls of the function that returns there, %d indirect",
			all, x.main.Name, sum.calls, sum.unknown)
	}
}

// walk follows a stack by call frame information alone, which is what makes an
// agreement mean something: a scan would find what it looks for.
func (x *examiner) walk(r elfcore.Registers) (t trail) {
	a := x.main.Arch
	pc, state := r.PC()
	if state < elfcore.Recovered || r.Arch() != a {
		return t
	}
	against := func(format string, args ...any) { t.against = append(t.against, fmt.Sprintf(format, args...)) }
	if reason := x.misplaced(x.code(pc)); reason != "" {
		against("pc 0x%08x %s", pc, reason)
	}
	// Folklore: lr is an ordinary register between a function's first and last
	// instruction, and GCC does compute with it. It counts only if it points
	// into code; and then alone it proves nothing. Test: TestMatchEdges.
	if lr, state := r.LR(); state >= elfcore.Recovered && x.set.Executable(x.code(lr)) && !x.returns(x.code(lr)) {
		against("lr 0x%08x: the bytes before it in %s are not a call", lr, x.main.Name)
	}
	for depth := range maxFrames {
		f, ok := x.caller(r, depth)
		if !ok || !x.set.Executable(f.ret) {
			return t // the end, what was not dumped, or code of another image (ROM)
		}
		code := x.codeBefore(f.ret)
		switch target, direct := a.CallTarget(code, uint64(f.ret)); {
		case !a.CallBefore(code):
			if !f.inRegister && !x.returns(f.ret) {
				against("return address %v of %s: the bytes before it in %s are not a call", f.ret, f.name, x.main.Name)
			}
			return t
		case !direct:
			t.unknown++
		case f.start != 0 && x.code(target) == f.start:
			t.calls++
		default:
			t.others++
		}
		r = f.regs
	}
	return t
}

// callerFrame is where a frame returns to.
type callerFrame struct {
	ret        elfcore.Addr
	inRegister bool // the return address was still in its register
	regs       elfcore.Registers
	name       string       // of the inner frame's function
	start      elfcore.Addr // where calls of it lead, 0 if not known
}

// caller finds the caller of the frame that r are the registers of.
func (x *examiner) caller(r elfcore.Registers, depth int) (f callerFrame, ok bool) {
	a := x.main.Arch
	value, _ := r.PC()
	pc := x.code(value)
	lookup := pc
	if depth > 0 {
		lookup-- // the call may be the function's last instruction
	}
	row, found := x.set.Row(lookup)
	found = found && (depth > 0 || !row.Exidx) // which holds at calls, not wherever a crash may be
	if depth == 0 && !found {
		if _, known := x.set.Function(pc); !known || !x.set.Executable(pc) {
			return x.afterBadJump(r)
		}
	}
	if !found || row.CFA.Kind != RuleRegister {
		return f, false
	}
	base, state := r.Get(row.CFA.Reg)
	if state < elfcore.Recovered {
		return f, false
	}
	cfa := (base + uint64(row.CFA.Offset)) & a.AddrMask()
	if sp, state := r.SP(); depth > 0 && state >= elfcore.Recovered && cfa <= sp {
		return f, false // stacks grow down; this would go round
	}
	f.regs = elfcore.NewRegisters(a)
	for _, n := range a.Saved {
		x.restore(&f.regs, &r, n, row, cfa)
	}
	rule, saved := row.Regs[row.Return]
	if f.inRegister = !saved || rule.Kind == RuleSame; f.inRegister && depth > 0 && !row.Signal {
		return f, false // a call has overwritten it
	}
	x.restore(&f.regs, &r, row.Return, row, cfa)
	ret, state := f.regs.Get(row.Return)
	if state < elfcore.Recovered {
		return f, false
	}
	f.ret = x.code(ret)
	f.regs.Set(a.PC, uint64(f.ret), elfcore.Recovered, 0)
	f.regs.Set(a.SP, cfa, elfcore.Recovered, 0)
	f.name, f.start = x.function(lookup, row)
	return f, true
}

// restore sets one register of the caller.
func (x *examiner) restore(to, from *elfcore.Registers, n arch.Reg, row Row, cfa uint64) {
	v, state := from.Get(n)
	rule, ok := row.Regs[n]
	if !ok {
		rule.Kind = RuleSame
	}
	switch rule.Kind {
	case RuleSame:
	case RuleOffset:
		var err error
		if v, state, err = x.core.ReadWord(elfcore.Addr((cfa + uint64(rule.Offset)) & x.main.Arch.AddrMask())); err != nil {
			state = elfcore.Missing
		}
	case RuleValOffset:
		v, state = cfa+uint64(rule.Offset), elfcore.Recovered
	case RuleRegister:
		v, state = from.Get(rule.Reg)
	default:
		state = elfcore.Missing
	}
	to.Set(n, v, state, 0)
}

// afterBadJump is the caller of a function that is none: pc went astray, but
// the call left the return address where calls do.
func (x *examiner) afterBadJump(r elfcore.Registers) (f callerFrame, ok bool) {
	a := x.main.Arch
	f.regs, f.name, f.inRegister = r.Clone(), "a jump out of the code", true
	ret, state := r.LR()
	if a.LR == arch.NoReg {
		sp, known := r.SP()
		if known < elfcore.Recovered {
			return f, false
		}
		var err error
		if ret, state, err = x.core.ReadWord(elfcore.Addr(sp)); err != nil {
			return f, false
		}
		f.regs.Set(a.SP, sp+uint64(a.PtrSize()), elfcore.Recovered, 0)
	}
	if state < elfcore.Recovered {
		return f, false
	}
	f.ret = x.code(ret)
	f.regs.Set(a.PC, uint64(f.ret), elfcore.Recovered, 0)
	return f, true
}

// function names the function of a frame and tells where calls of it lead. GCC
// moves unlikely code out of a function, to "name.cold".
func (x *examiner) function(pc elfcore.Addr, row Row) (string, elfcore.Addr) {
	for _, m := range x.set.images {
		if name, r, ok := m.symbols().at(pc, functionSymbol); ok {
			if whole, _, cold := strings.Cut(name, ".cold"); cold {
				if r, ok := m.symbols().named(whole); ok {
					return whole, r.Addr
				}
			}
			return name, r.Addr
		}
	}
	return row.Function.Addr.String(), row.Function.Addr
}

// codeBefore is as much code before an address as tells of a call.
func (x *examiner) codeBefore(a elfcore.Addr) []byte {
	var code [longestCall]byte
	for n := len(code); n >= 2; n-- {
		if x.set.ReadConst(code[:n], a-elfcore.Addr(n)) == nil {
			return code[:n]
		}
	}
	return nil
}

// returns tells whether an address is one that calls return to. Threads that
// have not run yet return to the beginning of a function, which nobody called,
// and signal handlers to code that ends them, which call frame information
// describes from a byte before on. Test: TestSignalHandler.
func (x *examiner) returns(a elfcore.Addr) bool {
	if x.main.Arch.CallBefore(x.codeBefore(a)) {
		return true
	}
	if row, ok := x.set.Row(a - 1); ok && row.Signal {
		return true
	}
	f, ok := x.set.Function(a)
	return ok && f.Addr == a
}

// misplaced says why no instruction can be at pc; empty if one can, or if that
// can't be told.
func (x *examiner) misplaced(pc elfcore.Addr) string {
	f, ok := x.set.Function(pc)
	if !ok || !x.set.Executable(pc) {
		return ""
	}
	start := f.Addr
	mode := byte(0)
	for _, m := range x.set.images {
		marks := m.symbols().code
		if i := sort.Search(len(marks), func(i int) bool { return marks[i].addr > pc }); i > 0 && marks[i-1].addr >= f.Addr {
			start, mode = marks[i-1].addr, marks[i-1].kind
			break
		}
	}
	if mode == 'd' {
		return "is data in the code of " + x.main.Name
	}
	size := instructionSize(x.main, mode)
	code := make([]byte, min(uint64(pc-start)+2, maxSweep))
	if size == nil || x.set.ReadConst(code, start) != nil {
		return ""
	}
	for at := start; at != pc; at += elfcore.Addr(size(code[at-start:])) {
		if at > pc {
			name, _, _ := x.set.SymbolAt(pc)
			return fmt.Sprintf("is in the middle of an instruction of %s in %s", name, x.main.Name)
		}
		if uint64(at-start)+2 > uint64(len(code)) {
			return ""
		}
	}
	return ""
}

// instructionSize returns the function that tells an instruction's size in
// bytes by its first two; nil if there is none for the code.
func instructionSize(m *Image, mode byte) func([]byte) int {
	switch {
	case m.elf.Machine == elf.EM_ARM && mode == 't':
		return func(code []byte) int { // Armv7-M manual, A5.1
			if code[1]>>3 >= 0x1d {
				return 4
			}
			return 2
		}
	case m.elf.Machine == elf.EM_RISCV:
		return func(code []byte) int {
			if code[0]&3 == 3 {
				return 4
			}
			return 2
		}
	case m.elf.Machine == elf.EM_AARCH64:
		return func([]byte) int { return 4 }
	}
	return nil
}
