// Package unwind walks a stack, one frame at a time, on every CPU of
// elfcore/arch: by call frame information or ARM's own tables, by the frames
// that hardware pushes on an exception, by Xtensa's register windows, by the
// place where a call leaves the return address, by the instructions that a
// function begins with, by frame pointers and, last, by a scan of the stack.
//
// It guesses nothing silently. Each frame says how it was found (Trust), each
// register how far it can be trusted (elfcore.State), and each trace why it
// ends (End). Work is bounded whatever the dump and the firmware claim.
package unwind

import (
	"slices"
	"strconv"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// Code is what the unwinder asks of the firmware; *firmware.Set has it.
type Code interface {
	elfcore.Program
	// Row gives the call frame information that holds at pc.
	Row(pc elfcore.Addr) (firmware.Row, bool)
	// Function gives the range of the function that holds a.
	Function(a elfcore.Addr) (elfcore.Range, bool)
}

// Trust says how a frame was found. The zero value is the weakest.
type Trust uint8

// The ways to find a frame, weakest first.
const (
	Scan         Trust = iota // a word of the stack that follows a call, and what follows from it
	Prologue                  // the instructions that the function begins with
	FramePointer              // the chain of frame pointers
	LinkRegister              // the return address is where the call put it
	Window                    // the base save area of Xtensa's register windows
	Exception                 // pushed by hardware, or by a signal frame
	Exidx                     // ARM's tables of unwinding instructions
	CFI                       // call frame information
	Context                   // the registers of the dump: the innermost frame
)

var trustNames = [...]string{"scan", "prologue", "frame-pointer", "link-register", "window", "exception", "exidx", "cfi", "context"}

func (t Trust) String() string {
	if int(t) < len(trustNames) {
		return trustNames[t]
	}
	return "Trust(" + strconv.Itoa(int(t)) + ")"
}

// MarshalText writes the trust's name.
func (t Trust) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Exact tells whether the pc of a frame found so is the next instruction to
// execute. In all other frames it is a return address, so that the instruction
// of interest, the call, ends right before it: look up pc-1 there, as the call
// may be the last instruction of its function.
func (t Trust) Exact() bool { return t == Context || t == Exception }

// Caller goes one step outwards: from the registers of a frame to those of its
// caller. Pass innermost for the first frame and for one whose Trust is Exact.
//
// A register read from memory has the lower of the states of the bytes and of
// the address they were found at. One that a called function preserves keeps
// its state; one that it may overwrite keeps its value, which is often still
// right, as Suspect. What no call frame information vouches for is at most
// Recovered, what a scan found is Suspect.
//
// The error, if any, is an *End.
func Caller(c *elfcore.Core, p Code, r elfcore.Registers, innermost bool) (elfcore.Registers, Trust, error) {
	if r.Arch() == nil {
		return elfcore.Registers{}, Scan, noRegisters()
	}
	s, end := newUnwinder(c, p, r.Arch()).caller(r, innermost)
	if end != nil {
		return elfcore.Registers{}, Scan, end
	}
	return s.regs, s.trust, nil
}

// unwinder holds what is the same for all steps of one walk.
type unwinder struct {
	core    *elfcore.Core
	code    Code
	arch    *arch.Arch
	fixed   []bool         // by register: no function changes it
	saved   []bool         // by register: a function that changes it restores it
	kept    []bool         // saved, and the link register: what prologues store for the caller
	entries []elfcore.Addr // functions that have no caller
	exits   []elfcore.Addr // functions that a stack's outermost one returns to

	rowsLeft int // how many rows may still be looked at to find frame registers
	deadline time.Time
	scanning bool // the outer frames of a guess are being looked at: no guess in them
}

// patience bounds a walk. Real ones take well under a millisecond; a firmware
// made for the purpose could otherwise cost milliseconds for each row.
const patience = time.Second

func (u *unwinder) expired() bool { return time.Now().After(u.deadline) }

// step is the way from one frame to its caller.
type step struct {
	regs  elfcore.Registers // of the caller
	trust Trust
	cfa   elfcore.Addr // of the frame that was left; also set with an End that came later
	// signal tells that the frame that was left is none of a function, but
	// where a signal handler returns to.
	signal bool
	whole  bool // all instructions that ran were read, see byPrologue
}

// pc is the caller's.
func (s *step) pc() elfcore.Addr {
	v, _ := s.regs.PC()
	return elfcore.Addr(v)
}

// fixedNames and savedNames add to Arch.Saved, by name as registers of a
// Layout: what code leaves alone altogether (RISC-V psABI "unallocatable", x86
// segments), and the floating point registers that a callee preserves (AAPCS,
// RISC-V psABI). AArch64 has none, as only half of v8-v15 is preserved.
var (
	fixedNames = map[*arch.Arch]string{
		arch.I386:  "cs ss ds es fs gs",
		arch.AMD64: "cs ss ds es fs gs fs_base gs_base",
		arch.RV32:  "gp tp",
		arch.RV64:  "gp tp",
	}
	savedNames = map[*arch.Arch]string{
		arch.ARM:     "d8-d15",
		arch.CortexM: "d8-d15",
		arch.RV32:    "fs0-fs11",
		arch.RV64:    "fs0-fs11",
		arch.Xtensa:  "a12-a15", // of the call0 ABI; see window.go for the other
	}
)

// entryNames are the functions under which a stack begins. Nothing returns
// from them, so that compilers need not keep a return address, and what stands
// in its place is whatever was there before.
var entryNames = []string{
	"z_thread_entry", "_thread_entry", // Zephyr, and before 1.14
	"vPortTaskWrapper",                   // FreeRTOS on ESP chips
	"_start", "__start", "Reset_Handler", // start-up code
}

// exitNames are functions whose address a kernel puts where the outermost
// function of a stack finds its return address. No call precedes them, and what
// lies before them in memory is not the caller.
var exitNames = []string{
	"prvTaskExitError",               // FreeRTOS but on ESP chips
	"rt_thread_exit", "_thread_exit", // RT-Thread to 3.x, and since
}

func newUnwinder(c *elfcore.Core, p Code, a *arch.Arch) *unwinder {
	u := &unwinder{core: c, code: p, arch: a, rowsLeft: maxWalkRows, deadline: time.Now().Add(patience)}
	u.fixed, u.saved = u.marked(fixedNames[a]), u.marked(savedNames[a])
	for i, info := range a.Regs {
		if info.Group == arch.Control {
			u.fixed[i] = true
		}
	}
	for _, r := range a.Saved {
		u.saved[r] = true
	}
	u.kept = slices.Clone(u.saved)
	if a.LR != arch.NoReg {
		u.kept[a.LR] = true
	}
	u.entries, u.exits = u.addresses(entryNames), u.addresses(exitNames)
	return u
}

func (u *unwinder) addresses(names []string) (list []elfcore.Addr) {
	for _, name := range names {
		if s, ok := u.code.Symbol(name); ok {
			list = append(list, s.Addr)
		}
	}
	return list
}

func (u *unwinder) marked(names string) []bool {
	m := make([]bool, len(u.arch.Regs))
	slots, _, err := u.arch.Slots(arch.Layout{Width: 1, Slots: names})
	if err != nil {
		panic(err) // a name in the tables above is wrong
	}
	for _, s := range slots {
		m[s.Reg] = true
	}
	return m
}

// caller tries the ways of going on from the best to the weakest. With an End
// of NoCode the step may have registers: those of a caller in code that is in
// no image.
func (u *unwinder) caller(r elfcore.Registers, exact bool) (step, *End) {
	v, state := r.PC()
	if state == elfcore.Missing {
		return step{}, u.needs(u.arch.PC)
	}
	if u.expired() {
		return step{}, gaveUp()
	}
	pc := elfcore.Addr(v & u.arch.CodeMask)
	at := lookup(pc, exact)
	row, hasRow := u.code.Row(at)
	if u.isEntry(at) {
		return step{cfa: u.outermostCFA(row, hasRow, r)}, outermost()
	}
	if s, end, ok := u.byWindow(r, pc, exact); ok {
		return s, end
	}
	var tableEnd *End
	if hasRow {
		s, end, ok := u.byTable(row, r, at, exact)
		if ok {
			return s, end
		}
		tableEnd = end
	}
	inImage := u.code.Executable(at)
	described := hasRow && !row.Exidx
	refused := tableEnd != nil && tableEnd.Kind == Undescribed
	lrLive := exact && (!described || !returnSaved(row))
	for _, way := range []struct {
		open bool
		try  func() (step, bool)
	}{
		{!described, func() (step, bool) { return u.byPrologue(r, at, exact) }},
		{exact && !described, func() (step, bool) { return u.byCall(r, pc) }},
		{!inImage || refused, func() (step, bool) { return u.byBridge(r, pc, exact) }},
		{true, func() (step, bool) { return u.byChain(r, at) }},
		{(exact || inImage) && !refused, func() (step, bool) { return u.byScan(r, at, lrLive) }},
	} {
		if !way.open {
			continue
		}
		if s, ok := way.try(); ok {
			return s, nil
		}
	}
	switch {
	case tableEnd != nil:
		return step{}, tableEnd
	case !inImage:
		return step{}, noCode(pc)
	}
	return step{}, noRule(pc)
}

// lookup is the address by which to find what holds at a frame's pc.
func lookup(pc elfcore.Addr, exact bool) elfcore.Addr {
	if exact {
		return pc
	}
	return pc - 1
}

func (u *unwinder) isEntry(at elfcore.Addr) bool {
	if len(u.entries) == 0 {
		return false
	}
	f, ok := u.code.Function(at)
	for _, e := range u.entries {
		if ok && f.Addr == e {
			return true
		}
	}
	return false
}

// outermostCFA is the CFA of a frame that has no caller, 0 if unknown; its
// variables need it.
func (u *unwinder) outermostCFA(row firmware.Row, ok bool, r elfcore.Registers) elfcore.Addr {
	if !ok {
		return 0
	}
	cfa, _, end := u.cfa(row, r)
	if end != nil {
		return 0
	}
	return elfcore.Addr(cfa)
}

// after copies the registers of a frame for its caller. By its calling
// convention a function may have changed some, and one whose code is not
// described (described false) may be about to restore others.
func (u *unwinder) after(r elfcore.Registers, described bool) elfcore.Registers {
	next := r.Clone()
	for i := range u.arch.Regs {
		n := arch.Reg(i)
		if u.fixed[i] || described && (u.saved[i] || n == u.arch.LR) {
			continue
		}
		u.lower(&next, n, elfcore.Suspect)
	}
	return next
}

// lower limits the state of a register, keeping its value.
func (u *unwinder) lower(r *elfcore.Registers, n arch.Reg, limit elfcore.State) {
	if _, s := r.Get(n); s > limit {
		b, _ := r.Bytes(n)
		r.SetBytes(n, b, limit, r.Why(n))
	}
}

// returnTo completes the caller's registers: next holds all but its pc, ret is
// the return address as found.
func (u *unwinder) returnTo(next elfcore.Registers, ret uint64, state elfcore.State, trust Trust) (step, *End) {
	cfa, _ := next.SP()
	s := step{regs: next, trust: trust, cfa: elfcore.Addr(cfa)}
	if u.arch == arch.CortexM {
		switch {
		case isExcReturn(ret):
			var end *End
			s.regs, end = u.unstack(next, uint32(ret), state)
			s.trust = Exception
			return s, end
		case isFncReturn(ret):
			s.regs = elfcore.Registers{}
			return s, otherStack("Secure state")
		case ret == resetLR:
			return s, outermost()
		}
	}
	return u.arrive(s, u.codeAddr(ret), state)
}

// arrive sets the caller's pc.
func (u *unwinder) arrive(s step, pc elfcore.Addr, state elfcore.State) (step, *End) {
	s.regs.Set(u.arch.PC, uint64(pc), state, 0)
	switch {
	case pc == 0, slices.Contains(u.exits, pc):
		return s, outermost()
	case !u.code.Executable(pc - 1):
		return s, noCode(pc)
	}
	return s, nil
}

// authBits is where AArch64 keeps a pointer authentication code in an address
// of the lower half of the address space (Arm ARM D8.10: bits 63 to the size
// of the address space, of which 48 bits is the usual one).
const authBits = 0xffff_0000_0000_0000

// codeAddr takes off what is not address in a return address: the Thumb bit,
// and a pointer authentication code if only that makes it an address of code.
func (u *unwinder) codeAddr(ret uint64) elfcore.Addr {
	pc := elfcore.Addr(ret & u.arch.CodeMask)
	if u.arch == arch.AArch64 && ret&authBits != 0 && !u.code.Executable(pc-1) && u.code.Executable(pc&^authBits-1) {
		return pc &^ authBits
	}
	return pc
}

// word reads a pointer-sized word of the stack; a gap is an End.
func (u *unwinder) word(a elfcore.Addr) (uint64, elfcore.State, *End) {
	a &= elfcore.Addr(u.arch.AddrMask())
	v, s, err := u.core.ReadUint(a, u.arch.PtrSize())
	if err != nil {
		return 0, elfcore.Missing, noStack(a)
	}
	return v, s, nil
}
