package inspect

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/location"
)

// An activation is what location expressions are evaluated on.
var _ location.Scope = (*activation)(nil)

// PtrSize is the size of an address in bytes.
func (a *activation) PtrSize() int { return a.session.core.Arch.PtrSize() }

// Order is the byte order of the target.
func (a *activation) Order() binary.ByteOrder { return a.session.core.Order }

// Register gives a register as it was in the frame, or as a function that has
// not turned Xtensa's window yet will find it.
func (a *activation) Register(n uint64) location.Register {
	cpu := a.session.core.Arch
	if turn := uint64(a.frame().Turn); turn > 0 && n < windowRegs {
		if n += turn; n >= windowRegs {
			return location.Register{Name: fmt.Sprintf("a%d", n-turn), Bits: cpu.PtrSize() * 8}
		}
	}
	alias, aliased := aliasOf(cpu, n)
	switch {
	case aliased && alias.of < 0:
		return location.Register{Name: alias.name, Bits: cpu.PtrSize() * 8, State: elfcore.Known}
	case aliased:
		n = uint64(alias.of)
	}
	i, ok := cpu.ByDWARF(int(min(n, math.MaxInt32)))
	if !ok {
		return location.Register{}
	}
	regs := &a.frame().Regs
	value, state := regs.Get(i)
	r := location.Register{Name: cpu.Regs[i].Name, Bits: cpu.Regs[i].Bits, Low: value, State: state}
	if r.Bits > 64 && state != elfcore.Missing {
		r.Wide, _ = regs.Bytes(i)
	}
	if aliased {
		r.Name, r.Bits, r.Low = alias.name, 32, value>>alias.shift&math.MaxUint32
	}
	return r
}

// windowRegs are the registers of Xtensa's window, a0 to a15, DWARF numbers 0 to
// 15 as well.
const windowRegs = 16

// alias is a DWARF number that is no register of Arch.Regs: 32 bits of another
// one, from bit shift on, or, with of negative, a register that is always 0.
type alias struct {
	of    int // DWARF number
	shift int
	name  string
}

// aliasOf knows the old numbers of ARM's single registers, two to a double one,
// which GCC and Clang still use ("DWARF for the Arm Architecture", 4.1), and
// RISC-V's x0.
func aliasOf(cpu *arch.Arch, n uint64) (alias, bool) {
	const single0, double0 = 64, 256
	switch {
	case cpu.Machine == elf.EM_ARM && n >= single0 && n < single0+32:
		i := int(n - single0)
		return alias{double0 + i/2, i % 2 * 32, fmt.Sprintf("s%d", i)}, true
	case cpu.Machine == elf.EM_RISCV && n == 0:
		return alias{of: -1, name: "zero"}, true
	}
	return alias{}, false
}

// Memory reads the dump's memory, and code and constants of the firmware.
func (a *activation) Memory(p []byte, at elfcore.Addr) (elfcore.State, error) {
	return a.session.read(p, at)
}

// CFA is the frame's canonical frame address.
func (a *activation) CFA() location.Value {
	f := a.frame()
	if f.CFA == 0 {
		return location.Value{}
	}
	_, state := f.Regs.SP()
	if f.tail { // the next function may have overwritten what was there
		state = min(state, elfcore.Suspect)
	}
	return location.Word(uint64(f.CFA), state)
}

// FrameBase is the expression that frame-relative variables start from.
func (a *activation) FrameBase() []byte {
	if a.fn == nil {
		return nil
	}
	expr, _ := a.fn.FrameBase(a.lookup())
	return expr
}

// OffsetSize is the size of a reference to another unit.
func (a *activation) OffsetSize() int { return a.unit.OffsetSize() }

// Loaded is where an address of the program's file was loaded.
func (a *activation) Loaded(at uint64) uint64 { return a.unit.Loaded(at) }

// Address and Constant are entries of the unit's part of .debug_addr.
func (a *activation) Address(index uint64) (uint64, bool) { return a.unit.Address(index) }

func (a *activation) Constant(index uint64) (uint64, bool) { return a.unit.Constant(index) }

// BaseType describes a base type of the unit.
func (a *activation) BaseType(off uint64) (location.BaseType, bool) {
	e, ok := a.data.Entry(a.unit.Off + dwarf.Offset(off))
	if !ok || e.Tag != dwarf.TagBaseType {
		return location.BaseType{}, false
	}
	size, _ := e.Uint(dwarf.AttrByteSize)
	encoding, _ := e.Uint(dwarf.AttrEncoding)
	return location.BaseType{Size: size, Encoding: encoding}, true
}

// Procedure is the location of an entry.
func (a *activation) Procedure(off uint64, global bool) ([]byte, bool) {
	at := dwarf.Offset(off)
	if !global {
		at += a.unit.Off
	}
	e, ok := a.data.Entry(at)
	if !ok {
		return nil, false
	}
	expr, _ := e.Block(dwarf.AttrLocation)
	return expr, true
}

var (
	errNoCaller   = errors.New("the caller is not known")
	errNoCallSite = errors.New("the caller does not say what it passed")
)

// Passed finds what the caller passed in an argument.
func (a *activation) Passed(arg location.Argument) ([]byte, location.Scope, error) {
	caller := a.caller()
	// The pc of an interrupted frame is no return address, even if a call is right
	// before it.
	if caller == nil || caller.fn == nil || caller.frame().Trust.Exact() {
		return nil, nil, errNoCaller
	}
	site, ok := caller.fn.CallSite(uint64(caller.frame().PC))
	// What was passed to another function, which ended with a jump to this one,
	// says nothing; nor does it if this one may have jumped to itself.
	if !ok || caller.callee(site, a.fn) != a.fn || a.session.reaches(a.fn) {
		return nil, nil, errNoCallSite
	}
	for _, p := range site.Params {
		same := slices.Equal(p.Location, arg.Location)
		if arg.Location == nil {
			same = p.Parameter.Off == a.unit.Off+dwarf.Offset(arg.Parameter)
		}
		switch {
		case same && !arg.Deref:
			return p.Value, caller, nil
		case same && p.DataValue != nil:
			return p.DataValue, caller, nil
		}
	}
	return nil, nil, errNoCallSite
}

// read fills p from the dump, or from what the program cannot change. A gap that
// an error names is as large as it is known to be.
func (s *Session) read(p []byte, at elfcore.Addr) (elfcore.State, error) {
	state := elfcore.Known
	for len(p) > 0 {
		n, one, err := s.readSome(p, at)
		if err != nil {
			return elfcore.Missing, err
		}
		state = min(state, one)
		p, at = p[n:], at+elfcore.Addr(n)
	}
	return state, nil
}

// readSome fills the beginning of p from either of the two.
func (s *Session) readSome(p []byte, at elfcore.Addr) (n uint64, state elfcore.State, err error) {
	if run := s.core.Memory.Run(at); run.Size > 0 {
		n = min(run.Size, uint64(len(p)))
		state, err = s.core.Memory.Read(p[:n], at)
		return n, state, err
	}
	n = uint64(len(p))
	if gaps := s.core.Memory.Missing(elfcore.Range{Addr: at, Size: n}); len(gaps) > 0 {
		n = gaps[0].Size
	}
	if s.program == nil {
		return 0, elfcore.Missing, &elfcore.GapError{Addr: at, Size: n}
	}
	err = s.program.ReadConst(p[:n], at)
	gap := (*elfcore.GapError)(nil)
	if !errors.As(err, &gap) {
		return n, s.constantState(at, n), err
	}
	if n = uint64(gap.Addr - at); n > 0 {
		return n, s.constantState(at, n), s.program.ReadConst(p[:n], at)
	}
	return 0, elfcore.Missing, err
}

// constantState is the State of code and read-only data that the program has for a
// gap of the dump.
func (s *Session) constantState(at elfcore.Addr, size uint64) elfcore.State {
	if s.program.Assumed(elfcore.Range{Addr: at, Size: size}) {
		return min(elfcore.Suspect, s.trusted())
	}
	return s.trusted()
}
