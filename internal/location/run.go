package location

import (
	"errors"

	"corelift/elfcore"
)

// The functions of the table of operators, in the order of DWARF 5, 2.5.1 and
// 2.6.1. Operands and stack are checked before.

func address(m *machine, x operands) error {
	if m.scope != nil {
		x.a = m.scope.Loaded(x.a)
	}
	m.push(Word(x.a, elfcore.Known))
	return nil
}

// constant is a number.
//
// Folklore: by the standard it is cut to the size of an address (2.5.1.1). GCC
// writes none that is wider; Clang for 32-bit targets means it when it says
// "consts -2, stack_value" of a long long, or "constu 0x123456789a, lit8, shr,
// stack_value, piece 1" of a struct's byte. GDB 13 shows 4294967294 for the
// first. So what does not fit has 8 bytes, and as the value itself every
// constant has: the object takes as many as it needs (TestWideConstant).
func constant(m *machine, x operands) error {
	v := Word(x.a, elfcore.Known)
	if m.address.size == 8 {
		m.push(v)
		return nil
	}
	wide := Value{lo: x.a, kind: kind{unsigned, 8}, State: elfcore.Known}
	if m.off < len(m.expr) && m.expr[m.off] == opStackValue {
		m.off++
		m.push(v)
		return m.give(Piece{Kind: Implicit, Bytes: wide.bytes(m.frame.Order())}, value)
	}
	v.kind = m.address
	if v = v.cut(); x.a != v.lo && x.a != uint64(v.Int()) {
		v = wide
	}
	m.push(v)
	return nil
}

func literal(m *machine, x operands) error {
	x.a = uint64(x.op - opLit0)
	return constant(m, x)
}

// addressIndex and constantIndex take an entry of .debug_addr.
func addressIndex(m *machine, x operands) error { return indexed(m, x, m.scope.Address) }

func constantIndex(m *machine, x operands) error { return indexed(m, x, m.scope.Constant) }

func indexed(m *machine, x operands, entry func(index uint64) (uint64, bool)) error {
	v, ok := entry(x.a)
	if !ok {
		return m.fail(Broken, "no entry %d in .debug_addr", x.a)
	}
	m.push(Word(v, elfcore.Known))
	return nil
}

func constType(m *machine, x operands) error {
	k, err := m.typed(x.a)
	if err != nil {
		return err
	}
	if len(x.block) != int(k.size) {
		return m.fail(Broken, "a constant of %d bytes of a type of %d", len(x.block), k.size)
	}
	m.push(makeValue(k, x.block, m.frame.Order(), elfcore.Known))
	return nil
}

// Registers (2.5.1.2).

func based(m *machine, x operands) error { return m.based(uint64(x.op-opBreg0), x.a) }

func basedX(m *machine, x operands) error { return m.based(x.a, x.b) }

func (m *machine) based(n, off uint64) error {
	v, err := m.register(n, m.address)
	if err != nil {
		return err
	}
	v.lo += off
	m.push(v)
	return nil
}

func frameBased(m *machine, x operands) error {
	base := m.scope.FrameBase()
	if base == nil {
		return m.fail(Broken, "the function has no frame base")
	}
	v, err := m.nested(base, m.frame, m.scope)
	if err != nil {
		return err
	}
	if !v.kind.integral() {
		return m.fail(Broken, "the frame base is no integer")
	}
	m.push(Word(v.lo+x.a, v.State))
	return nil
}

func regvalType(m *machine, x operands) error {
	k, err := m.typed(x.b)
	if err != nil {
		return err
	}
	v, err := m.register(x.a, k)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

// The stack (2.5.1.3).

func dup(m *machine, _ operands) error { return m.pick(0) }

func over(m *machine, _ operands) error { return m.pick(1) }

func pick(m *machine, x operands) error { return m.pick(int(x.a)) }

func (m *machine) pick(n int) error {
	if n >= len(m.stack)-m.base {
		return m.fail(Broken, "the stack has no entry %d", n)
	}
	m.stack = append(m.stack, m.stack[len(m.stack)-1-n])
	return nil
}

func drop(m *machine, _ operands) error {
	m.pop()
	return nil
}

func swap(m *machine, _ operands) error {
	s := m.stack[len(m.stack)-2:]
	s[0], s[1] = s[1], s[0]
	return nil
}

// rot makes the top entry the third.
func rot(m *machine, _ operands) error {
	s := m.stack[len(m.stack)-3:]
	s[0], s[1], s[2] = s[2], s[0], s[1]
	return nil
}

func deref(m *machine, _ operands) error { return m.deref(int(m.address.size), m.address) }

func derefSize(m *machine, x operands) error {
	if x.a == 0 || x.a > uint64(m.address.size) {
		return m.fail(Broken, "%d bytes, on a target with addresses of %d", x.a, m.address.size)
	}
	return m.deref(int(x.a), m.address)
}

func derefType(m *machine, x operands) error {
	k, err := m.typed(x.b)
	if err != nil {
		return err
	}
	if x.a != uint64(k.size) {
		return m.fail(Broken, "%d bytes of a type of %d", x.a, k.size)
	}
	return m.deref(int(k.size), k)
}

func (m *machine) deref(size int, k kind) error {
	v, err := m.memory(m.pop(), size, k)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

func object(m *machine, _ operands) error {
	if len(m.object) == 0 {
		return m.fail(Unsupported, "there is no object here")
	}
	m.push(m.object[0])
	return nil
}

func cfa(m *machine, _ operands) error {
	v := m.scope.CFA()
	if v.State == elfcore.Missing {
		return m.fail(NotInDump, "the frame's address is not known")
	}
	m.push(v)
	return nil
}

// Arithmetic (2.5.1.4).

// done ends an operator that computes.
func (m *machine) done(v Value, err error) error {
	if err != nil {
		return m.fail(Broken, "%v", err)
	}
	m.push(v)
	return nil
}

func unary(m *machine, x operands) error { return m.done(unaries[x.op](m.pop())) }

func calculate(m *machine, x operands) error {
	b, a := m.pop(), m.pop()
	return m.done(arithmetics[x.op].apply(a, b))
}

// plusConstant takes its operand as of the type of the stack's.
func plusConstant(m *machine, x operands) error {
	v := m.pop()
	if !v.kind.integral() {
		return m.done(v, errTypes)
	}
	return m.done(arithmetics[opPlus].apply(v, Value{lo: x.a, kind: v.kind, State: elfcore.Known}.cut()))
}

func shiftLeft(m *machine, _ operands) error   { return m.shift(true, false) }
func shiftRight(m *machine, _ operands) error  { return m.shift(false, false) }
func shiftSigned(m *machine, _ operands) error { return m.shift(false, true) }

func (m *machine) shift(left, arith bool) error {
	count, v := m.pop(), m.pop()
	return m.done(shift(v, count, left, arith))
}

func compare(m *machine, x operands) error {
	b, a := m.pop(), m.pop()
	c, ordered, err := order(a, b)
	v := Word(0, min(a.State, b.State))
	if ordered && comparisons[x.op](c) || !ordered && x.op == opNe {
		v.lo = 1
	}
	return m.done(v, err)
}

// Control flow (2.5.1.5).

func skip(m *machine, x operands) error {
	to := int64(m.off) + int64(x.a)
	if to < 0 || to > int64(len(m.expr)) {
		return m.fail(Broken, "a jump out of the expression")
	}
	m.off = int(to)
	return nil
}

func bra(m *machine, x operands) error {
	v := m.pop()
	if !v.kind.integral() {
		return m.done(v, errTypes)
	}
	m.trust = min(m.trust, v.State)
	if v.lo|v.hi == 0 {
		return nil
	}
	return skip(m, x)
}

func call(m *machine, x operands) error { return m.call(x.a, false) }

func callRef(m *machine, x operands) error { return m.call(x.a, true) }

// call runs a procedure on the same stack. An entry without a location has no
// effect.
func (m *machine) call(off uint64, global bool) error {
	expr, ok := m.scope.Procedure(off, global)
	if !ok {
		return m.fail(Broken, "no entry at offset 0x%x", off)
	}
	return m.run(expr)
}

// Types (2.5.1.6).

// typedOrAddress is typed, but 0 stands for the generic type.
func (m *machine) typedOrAddress(off uint64) (kind, error) {
	if off == 0 {
		return m.address, nil
	}
	return m.typed(off)
}

func convert(m *machine, x operands) error {
	k, err := m.typedOrAddress(x.a)
	if err != nil {
		return err
	}
	v, ok := m.pop().convert(k)
	if !ok {
		return m.fail(Unsupported, "the value has no counterpart in the type")
	}
	m.push(v)
	return nil
}

func reinterpret(m *machine, x operands) error {
	k, err := m.typedOrAddress(x.a)
	if err != nil {
		return err
	}
	v, ok := m.pop().reinterpret(k)
	if !ok {
		return m.fail(Broken, "the types differ in size")
	}
	m.push(v)
	return nil
}

// Special operators (2.5.1.7).

func nop(*machine, operands) error { return nil }

// entryValue is what a register held when the function was entered, or what
// memory it pointed to. Only the caller can tell.
//
// Folklore: the standard allows any expression; GCC and Clang write a register,
// a typed register, and "breg 0, deref" for an argument passed by reference.
// GDB takes no other.
func entryValue(m *machine, x operands) error {
	r := reader{expr: x.block, big: m.big}
	code := byte(r.fixed(1))
	first, n := fold(code)
	o := r.operands(code, m.table[first].operands, int(m.address.size), m.offsetSize())
	a, k, size := Argument{Location: x.block}, m.address, uint64(8)
	switch first {
	case opReg0, opRegx:
	case opRegval, opGNURegval:
		var err error
		if k, err = m.typed(o.b); err != nil {
			return err
		}
		a.Location = registerLocation(o.a)
	case opBreg0:
		a.Location, a.Deref = []byte{opReg0 + n}, true
		switch next := r.fixed(1); {
		case o.a != 0:
			r.bad = true
		case next == opDerefSize:
			size = r.fixed(1)
			r.bad = r.bad || size == 0
		case next != opDeref:
			r.bad = true
		}
	default:
		r.bad = true
	}
	if r.bad || r.off != len(r.expr) {
		return m.fail(Unsupported, "the value on entry of more than a register")
	}
	v, err := m.passed(a)
	if err != nil {
		return err
	}
	if k != m.address && k != v.kind {
		if !v.kind.integral() || k.size > v.kind.size && !m.narrows(v.kind.size) {
			return m.fail(OptimisedOut, "the caller passed a value of another type")
		}
		v.kind = k // the low bytes, as in a register
		v = v.cut()
	}
	if size < 8 {
		v.lo &= 1<<(8*size) - 1
	}
	m.push(v)
	return nil
}

// narrows tells whether the next operator converts to an integer of no more
// than some bytes.
//
// Folklore: GCC for 32-bit CPUs says that a register on entry has an 8-byte type
// and converts it to 4 bytes at once ("entry_value (regval_type a0 long long),
// convert unsigned int", all over newlib on RISC-V). The upper half, of which
// nothing is known, never counts.
func (m *machine) narrows(size uint8) bool {
	next := m.reader
	switch byte(next.fixed(1)) {
	case opConvert, opGNUConvert:
		k, err := m.typedOrAddress(next.operands(opConvert, "u", int(m.address.size), m.offsetSize()).a)
		return err == nil && !next.bad && k.integral() && k.size <= size
	}
	return false
}

// registerLocation is the shortest expression that says a register, which is
// what compilers write.
func registerLocation(n uint64) []byte {
	if n < 32 {
		return []byte{opReg0 + byte(n)}
	}
	b := []byte{opRegx}
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// parameterRef is what the caller passed for a parameter that the compiler
// removed (GCC's -fipa-sra).
func parameterRef(m *machine, x operands) error {
	v, err := m.passed(Argument{Parameter: x.a})
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

// passed evaluates what a caller passed, in the caller's frame.
func (m *machine) passed(a Argument) (Value, error) {
	expr, caller, err := m.scope.Passed(a)
	if known := (*Error)(nil); errors.As(err, &known) {
		return Value{}, err
	}
	if err != nil {
		return Value{}, m.here(&Error{Reason: OptimisedOut, Text: err.Error(), cause: err})
	}
	return m.nested(expr, caller, caller)
}

// Places (2.6.1.1).

func register(m *machine, x operands) error { return m.inRegister(uint64(x.op - opReg0)) }

func registerX(m *machine, x operands) error { return m.inRegister(x.a) }

func (m *machine) inRegister(n uint64) error {
	return m.give(Piece{Kind: InRegister, Register: n, State: elfcore.Known}, whole)
}

func implicitValue(m *machine, x operands) error {
	return m.give(Piece{Kind: Implicit, Bytes: x.block, State: elfcore.Known}, whole)
}

func stackValue(m *machine, _ operands) error {
	return m.give(Piece{Kind: Implicit}, value)
}

func implicitPointer(m *machine, x operands) error {
	return m.give(Piece{Kind: ImplicitPointer, Entry: x.a, Delta: int64(x.b), State: elfcore.Known}, whole)
}

// uninit says that what was described is not initialised yet.
func uninit(m *machine, _ operands) error {
	m.place.State = min(m.place.State, elfcore.Suspect)
	if len(m.stack) > m.base {
		top := &m.stack[len(m.stack)-1]
		top.State = min(top.State, elfcore.Suspect)
	}
	return nil
}

// Pieces (2.6.1.2).

func piece(m *machine, x operands) error {
	if x.a > maxPiece/8 {
		return m.fail(Broken, "a piece of %d bytes", x.a)
	}
	return m.piece(8*x.a, 0)
}

func bitPiece(m *machine, x operands) error { return m.piece(x.a, x.b) }

func (m *machine) piece(bits, off uint64) error {
	if bits > maxPiece || off > maxPiece {
		return m.fail(Broken, "a piece of %d bits at %d", bits, off)
	}
	var p Piece
	if m.given != none || len(m.stack) > m.base {
		if err := m.take(&p); err != nil {
			return err
		}
	}
	p.Bits, p.BitOff = int64(bits), int64(off)
	if m.pieces == nil {
		m.pieces = make([]Piece, 0, 2)
	}
	if bits > 0 {
		m.pieces = append(m.pieces, p)
	}
	return nil
}
