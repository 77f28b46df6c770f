package location

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"

	"corelift/elfcore"
)

// Limits. Compilers stay far below; a loop, a procedure that calls itself and
// call sites that refer to each other don't.
const (
	maxSteps = 10_000  // operators executed, nested expressions included
	maxStack = 1024    // entries
	maxDepth = 64      // nested expressions
	maxPiece = 1 << 40 // bits of one piece, so that sums don't overflow
)

// Eval finds where an object lies. The error, if any, is an *Error.
func Eval(expr []byte, s Scope) (Location, error) {
	m := newMachine(s, s, nil)
	defer m.free()
	if err := m.run(expr); err != nil {
		return Location{}, err
	}
	return m.location(expr)
}

// Compute finds a value: a bound, the place of a member, an argument at a call
// site. initial goes onto the stack first; its first entry is also the object
// of DW_OP_push_object_address. An expression that says a register means what
// is in it. The error, if any, is an *Error.
func Compute(expr []byte, s Scope, initial ...Value) (Value, error) {
	return compute(expr, s, s, initial)
}

// ComputeCFI is Compute for call frame information, in which operators that
// need a Scope are not allowed. initial is the CFA, or nothing in an expression
// that defines the CFA (DWARF 5, 6.4.2).
func ComputeCFI(expr []byte, f Frame, initial ...Value) (Value, error) {
	return compute(expr, f, nil, initial)
}

func compute(expr []byte, f Frame, s Scope, initial []Value) (Value, error) {
	m := newMachine(f, s, initial)
	defer m.free()
	if err := m.run(expr); err != nil {
		return Value{}, err
	}
	return m.value()
}

// machine evaluates one expression and those nested in it.
type machine struct {
	context
	reader       // of the expression that runs
	at      int  // offset of the operator that runs
	code    byte // of it
	address kind // the generic type
	stack   []Value
	// place is the simple location description that no DW_OP_piece has taken
	// yet. While none is given, it is memory at the address on the stack. None
	// is where a nested expression begins and ends.
	place   Piece
	given   given
	trust   elfcore.State // the lowest of the conditions that jumps depended on
	steps   int           // left
	depth   int
	table   *[256]operator // operators, which itself would be an initialisation cycle
	scratch [maxValue]byte // for memory: a buffer that an interface takes would be allocated
}

// context is what an expression nested in another has for its own.
type context struct {
	frame  Frame
	scope  Scope // nil in call frame information
	base   int   // of the stack
	object []Value
	pieces []Piece // nil if there was no DW_OP_piece
}

// given says how much of a place stands in machine.place.
type given uint8

const (
	none  given = iota
	whole       // all
	value       // all but an Implicit one's value, which is on the stack
)

var machines = sync.Pool{New: func() any { return new(machine) }}

func newMachine(f Frame, s Scope, initial []Value) *machine {
	m := machines.Get().(*machine)
	m.frame, m.scope, m.object = f, s, initial
	m.address = kind{generic, uint8(f.PtrSize())}
	m.big = isBig(f.Order())
	m.trust, m.steps, m.depth, m.table = elfcore.Known, maxSteps, 0, &operators
	for _, v := range initial {
		m.push(v)
	}
	return m
}

// free keeps the machine for the next expression, without references.
func (m *machine) free() {
	m.context, m.reader, m.stack = context{}, reader{}, m.stack[:0]
	m.place, m.given = Piece{}, none
	machines.Put(m)
}

func (m *machine) fail(p Presence, format string, args ...any) error {
	return m.here(&Error{Reason: p, Text: fmt.Sprintf(format, args...)})
}

// here places an error at the operator that runs, if one does.
func (m *machine) here(err *Error) error {
	if m.depth == 0 {
		return err
	}
	first, n := fold(m.code)
	err.Op, err.Off = m.table[first].name, m.at
	switch {
	case err.Op == "":
		err.Op = fmt.Sprintf("operator 0x%02x", m.code)
	case first == opLit0 || first == opReg0 || first == opBreg0:
		err.Op = err.Op[:len(err.Op)-1] + strconv.Itoa(int(n))
	}
	return err
}

// push cuts values of the generic type to the target's addresses.
func (m *machine) push(v Value) {
	if v.kind.class == generic {
		v.kind = m.address
		v = v.cut()
	}
	m.stack = append(m.stack, v)
}

// pop needs the number of operands in the table of operators to be right.
func (m *machine) pop() Value {
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v
}

// run executes an expression on the stack as it is.
func (m *machine) run(expr []byte) error {
	if m.depth++; m.depth > maxDepth {
		return m.fail(Unsupported, "more than %d nested expressions", maxDepth)
	}
	outer, at, code := m.reader, m.at, m.code
	m.reader = reader{expr: expr, big: outer.big}
	for m.off < len(m.expr) {
		if err := m.step(); err != nil {
			return err
		}
	}
	m.reader, m.at, m.code = outer, at, code
	m.depth--
	return nil
}

func (m *machine) step() error {
	m.at, m.code = m.off, m.expr[m.off]
	m.off++
	first, _ := fold(m.code)
	o := &m.table[first]
	switch m.steps--; {
	case o.run == nil:
		return m.fail(Unsupported, "%s", cmp.Or(o.refuse, "unknown"))
	case m.steps < 0:
		return m.fail(Unsupported, "still running after %d operators", maxSteps)
	case m.scope == nil && o.scope:
		return m.fail(Broken, "not allowed in call frame information")
	case m.given != none && !o.closes:
		return m.fail(Broken, "only a piece may follow the description of a place")
	case len(m.stack)-m.base < o.pops:
		return m.fail(Broken, "the stack has fewer than %d entries", o.pops)
	case len(m.stack) > maxStack:
		return m.fail(Unsupported, "the stack has over %d entries", maxStack)
	}
	x := operands{op: m.code}
	if o.operands != "" {
		x = m.operands(m.code, o.operands, int(m.address.size), m.offsetSize())
	}
	if m.bad {
		return m.fail(Broken, "the expression ends inside the operator")
	}
	return o.run(m, x)
}

func (m *machine) offsetSize() int {
	if m.scope == nil {
		return 4
	}
	return m.scope.OffsetSize()
}

// nested evaluates an expression to a value, on a stack of its own and perhaps
// in another frame.
func (m *machine) nested(expr []byte, f Frame, s Scope) (Value, error) {
	outer := m.context
	m.context = context{frame: f, scope: s, base: len(m.stack)}
	if err := m.run(expr); err != nil {
		return Value{}, err
	}
	v, err := m.value()
	m.stack, m.given = m.stack[:m.base], none
	m.context = outer
	return v, err
}

// value is the result as a value.
func (m *machine) value() (v Value, err error) {
	switch p := &m.place; {
	case m.pieces != nil:
		err = m.fail(Unsupported, "a value in pieces where a single one is needed")
	case m.given == whole && p.Kind == InRegister:
		v, err = m.register(p.Register, m.address)
		v.State = min(v.State, p.State)
	case m.given == whole && p.Kind == Implicit && len(p.Bytes) <= int(m.address.size):
		v = Value{lo: number(p.Bytes, m.big), kind: m.address, State: p.State}
	case m.given == whole:
		err = m.fail(Unsupported, "a place where a number is needed")
	case len(m.stack) == m.base:
		err = m.fail(OptimisedOut, "the expression is empty")
	default:
		v = m.stack[len(m.stack)-1]
	}
	v.State = min(v.State, m.trust)
	return v, err
}

// location is the result as a place.
func (m *machine) location(expr []byte) (Location, error) {
	l := Location{Pieces: m.pieces, big: m.big}
	switch {
	case len(expr) == 0:
		l.Pieces = []Piece{{}}
	case l.Pieces != nil && m.given != none:
		return Location{}, m.fail(Broken, "the last place has no piece")
	case l.Pieces == nil:
		l.Pieces = make([]Piece, 1)
		if err := m.take(&l.Pieces[0]); err != nil {
			return Location{}, err
		}
	}
	for i := range l.Pieces {
		p := &l.Pieces[i]
		p.State = min(p.State, m.trust)
	}
	return l, nil
}

// take ends a simple location description.
func (m *machine) take(p *Piece) error {
	given := m.given
	m.given = none
	if given != none {
		*p = m.place
	}
	if given == whole {
		return nil
	}
	if len(m.stack) == m.base {
		return m.fail(Broken, "no result on the stack")
	}
	v := m.pop()
	p.State = v.State
	switch {
	case given == value && p.Bytes == nil:
		p.Bytes = v.bytes(m.frame.Order())
	case given == none && !v.kind.integral():
		return m.fail(Broken, "the address is no integer")
	case given == none:
		v.kind = m.address
		p.Kind, p.Addr = InMemory, elfcore.Addr(v.cut().lo)
	}
	return nil
}

// give describes a place.
func (m *machine) give(p Piece, g given) error {
	m.place, m.given = p, g
	return nil
}

// register reads a register's low bytes as a value of a type.
func (m *machine) register(n uint64, k kind) (Value, error) {
	r := m.frame.Register(n)
	if r.State == elfcore.Missing {
		return Value{}, m.here(noRegister(n, r))
	}
	if k.class == generic {
		return Value{lo: r.Low, kind: k, State: r.State}.cut(), nil
	}
	image := registerImage(r, int64(k.bits()))
	if len(image) < int(k.size) {
		return Value{}, m.fail(Unsupported, "register %s of %d bits is too narrow for a type of %d bytes", r.Name, r.Bits, k.size)
	}
	return makeValue(k, image[:k.size], binary.LittleEndian, r.State), nil
}

// memory reads size bytes as a value of a type.
func (m *machine) memory(a Value, size int, k kind) (Value, error) {
	if !a.kind.integral() {
		return a, m.fail(Broken, "the address is no integer")
	}
	a.kind = m.address
	b := m.scratch[:size]
	s, err := m.frame.Memory(b, elfcore.Addr(a.cut().lo))
	if err != nil {
		return a, m.here(noMemory(err))
	}
	return makeValue(k, b, m.frame.Order(), min(s, a.State)), nil
}

// typed is the type at an offset of the unit.
func (m *machine) typed(off uint64) (kind, error) {
	b, ok := m.scope.BaseType(off)
	if !ok {
		return kind{}, m.fail(Broken, "no base type at offset 0x%x of the unit", off)
	}
	k, ok := b.kind()
	if !ok {
		return kind{}, m.fail(Unsupported, "values of a type of %d bytes", b.Size)
	}
	return k, nil
}
