package inspect

import (
	"math"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// number is a C value in a computation: an integer of one of C's types from int
// on, or a floating point number.
type number struct {
	typ         string // "int", "unsigned long" ... or "float", "double"
	integerBits uint64
	float       float64
}

// isFloat tells whether the number is a floating point one. A long double is
// read as a double, and its results are doubles.
func (n number) isFloat() bool { return floatRank[n.typ] > 0 }

// floatRank orders C's floating point types (C17, 6.3.1.8).
var floatRank = map[string]int{"float": 1, "double": 2}

// integer is the number as an integer; floats are cut off as C does. C leaves
// open what becomes of those that don't fit: ok is false.
func (n number) integer() (bits uint64, ok bool) {
	switch {
	case !n.isFloat():
		return n.integerBits, true
	case n.float >= 1<<63 && n.float < 1<<64:
		return uint64(n.float), true
	}
	return uint64(int64(n.float)), math.Abs(n.float) <= 1<<63 // NaN is not
}

// real is the number as a float, rounded to a type.
func (n number) real(e evaluator, typ string) float64 {
	f := n.float
	switch bits := n.wrap(e.size).integerBits; {
	case n.isFloat():
	case typ == "float" && unsignedTypes[n.typ]:
		f = float64(float32(bits))
	case typ == "float":
		f = float64(float32(int64(bits)))
	case unsignedTypes[n.typ]:
		f = float64(bits)
	default:
		f = float64(int64(bits))
	}
	if typ == "float" {
		return float64(float32(f))
	}
	return f
}

// isZero tells whether the number is one that C takes for false.
func (n number) isZero(e evaluator) bool {
	if n.isFloat() {
		return n.float == 0
	}
	return n.wrap(e.size).integerBits == 0
}

// rank orders C's integer types (C17, 6.3.1.1).
var rank = map[string]int{"int": 0, "unsigned int": 1, "long": 2, "unsigned long": 3, "long long": 4, "unsigned long long": 5}

var rankNames = [...]string{"int", "unsigned int", "long", "unsigned long", "long long", "unsigned long long"}

var unsignedTypes = map[string]bool{"unsigned int": true, "unsigned long": true, "unsigned long long": true}

// wrap cuts the integer to the size of its type and sign extends it.
func (n number) wrap(size func(string) int) number {
	if n.isFloat() {
		return n
	}
	shift := 64 - 8*size(n.typ)
	if unsignedTypes[n.typ] {
		n.integerBits = n.integerBits << shift >> shift
	} else {
		n.integerBits = uint64(int64(n.integerBits<<shift) >> shift)
	}
	return n
}

func truthNumber(b bool) number {
	if b {
		return number{typ: "int", integerBits: 1}
	}
	return number{typ: "int"}
}

// literal is a constant.
func (e evaluator) literal(n cexpr.Node) number {
	switch n := n.(type) {
	case *cexpr.Float:
		if n.Suffix == 'f' {
			return number{typ: "float", float: float64(float32(n.Value))}
		}
		return number{typ: "double", float: n.Value}
	case *cexpr.Char:
		return number{typ: "char", integerBits: uint64(int8(n.Value))}
	case *cexpr.Bool:
		return number{typ: "bool", integerBits: truthNumber(n.Value).integerBits}
	case *cexpr.Int:
		return e.integerLiteral(n)
	}
	return number{typ: "int"} // NULL
}

// integerLiteral is an integer constant as C types it (C17, 6.4.4.1): of the
// first type in which it fits. Decimal ones become unsigned only if they are
// written so.
func (e evaluator) integerLiteral(n *cexpr.Int) number {
	for at := 2 * n.Long; at < len(rankNames); at++ {
		typ := rankNames[at]
		width := 8 * e.size(typ)
		if !unsignedTypes[typ] {
			width--
		}
		if n.Value>>width == 0 && (n.Unsigned && unsignedTypes[typ] || !n.Unsigned && (n.Base != 10 || !unsignedTypes[typ])) {
			return number{typ: typ, integerBits: n.Value}
		}
	}
	return number{typ: rankNames[len(rankNames)-1], integerBits: n.Value}
}

// operand is a number that was read from an object, or why there is none.
type operand struct {
	n      number
	typ    *debuginfo.Type // of the object
	state  elfcore.State
	absent Presence
	reason string
}

// value reads a node's value as a number: integers promoted, arrays and
// functions as their address.
func (e evaluator) value(n cexpr.Node) operand { return e.read(n, e.eval(n)) }

func (e evaluator) read(n cexpr.Node, o object) operand {
	t := o.typ.Plain()
	x := operand{typ: o.typ, absent: Present}
	switch t.Kind {
	case debuginfo.Reference, debuginfo.RvalueReference:
		return e.read(n, e.deref(n, o))
	case debuginfo.Array, debuginfo.Func:
		at, s, ok := o.address()
		if !ok {
			x.absent, x.reason = NoLocation, "it has no address"
			if o.absent != Present {
				x.absent, x.reason = o.absent, o.reason
			}
		}
		x.n, x.state = number{typ: "unsigned long", integerBits: uint64(at)}, s
		return x
	case debuginfo.Bool, debuginfo.Char, debuginfo.Int, debuginfo.Uint, debuginfo.Enum, debuginfo.Float, debuginfo.Address, debuginfo.Pointer, debuginfo.Unspecified:
	default:
		fail(n, "", "%s is no number", o.typ)
	}
	c := o.read()
	x.absent, x.reason, x.state = c.presence, c.reason, c.state
	if c.presence != Present {
		return x
	}
	if c.bytes == nil {
		x.absent, x.reason = OptimisedOut, "it is a pointer to something that is nowhere in memory"
		return x
	}
	if t.Kind == debuginfo.Float {
		f, ok := floatValue(c.bytes, t.Order, e.at.floatFormat(t, len(c.bytes)))
		if !ok {
			fail(n, "", "floats of %d bytes can't be computed with", len(c.bytes))
		}
		x.n = number{typ: "double", float: f}
		if len(c.bytes) <= 4 {
			x.n.typ = "float"
		}
		return x
	}
	if len(c.bytes) > 8 {
		fail(n, "", "integers of %d bytes can't be computed with", len(c.bytes))
	}
	x.n = number{typ: e.promoted(t), integerBits: uint64(o.integer(c).int())}
	return x
}

// promoted is the type that C computes with for an object's type.
func (e evaluator) promoted(t *debuginfo.Type) string {
	if _, known := rank[t.Name()]; known && t.Kind != debuginfo.Enum {
		return t.Name()
	}
	size := int(t.Size())
	switch {
	case t.Kind == debuginfo.Pointer || t.Kind == debuginfo.Address || t.Kind == debuginfo.Unspecified:
		return "unsigned long"
	case size < 4 || size == 4 && t.Signed:
		return "int"
	case size == 4:
		return "unsigned int"
	case e.size("long") == size && t.Name() != "long long" && t.Name() != "unsigned long long":
		if t.Signed {
			return "long"
		}
		return "unsigned long"
	case t.Signed:
		return "long long"
	}
	return "unsigned long long"
}

// size is the size of a C type on the target in bytes.
func (e evaluator) size(name string) int {
	switch name {
	case "long", "unsigned long":
		return e.at.PtrSize()
	case "long long", "unsigned long long", "double":
		return 8
	case "char", "bool":
		return 1
	}
	return 4
}

// number makes an object of a number.
func (e evaluator) number(n number) object {
	t := e.builtin(n.typ)
	if n.isFloat() {
		b, _ := floatBytes(n.float, e.size(n.typ), e.at.Order())
		return e.at.constant(t, b)
	}
	n = n.wrap(e.size)
	b := make([]byte, 8)
	e.at.Order().PutUint64(b, n.integerBits)
	return e.at.constant(t, b)
}

// unary applies - + ~.
func (x operand) unary(op string) (number, bool) {
	n := x.n
	switch {
	case pointed(x.typ) != nil, n.isFloat() && op == "~":
		return n, false
	case n.isFloat() && op == "-":
		n.float = -n.float
	case op == "-":
		n.integerBits = -n.integerBits
	case op == "~":
		n.integerBits = ^n.integerBits
	}
	return n, true
}

// truth is a node's value as a condition. One that is absent is no condition.
func (e evaluator) truth(n cexpr.Node) bool {
	x := e.value(n)
	if x.absent != Present {
		fail(n, "", "%s is %s", n, absent[x.absent])
	}
	*e.trust = min(*e.trust, x.state)
	return !x.n.isZero(e)
}

// count is a node's value as an index.
func (e evaluator) count(n cexpr.Node) int64 {
	x := e.value(n)
	if x.absent != Present {
		fail(n, "", "%s is %s", n, absent[x.absent])
	}
	if x.n.isFloat() {
		fail(n, "", "%s is no integer", n)
	}
	*e.trust = min(*e.trust, x.state)
	return int64(x.n.integerBits)
}

func (e evaluator) binary(n *cexpr.Binary) object {
	switch n.Op {
	case "&&":
		return e.number(truthNumber(e.truth(n.X) && e.truth(n.Y)))
	case "||":
		return e.number(truthNumber(e.truth(n.X) || e.truth(n.Y)))
	case "@":
		count := e.count(n.Y)
		if count <= 0 || count > maxSlice {
			fail(n, "", "%d elements", count)
		}
		return e.row(n, e.eval(n.X), count)
	}
	o, p := e.eval(n.X), e.eval(n.Y)
	x, y := e.read(n.X, o), e.read(n.Y, p)
	for _, one := range []operand{x, y} {
		if one.absent != Present {
			return e.at.nowhere(e.builtin("int"), one.absent, one.reason)
		}
	}
	state := min(x.state, y.state)
	if result, ok := e.pointerArithmetic(n, x, y); ok {
		return result.withState(state)
	}
	v, text := e.compute(n.Op, x.n, y.n)
	if text != "" {
		fail(n, "", "%s", text)
	}
	return e.number(v).withState(state)
}

// pointed is what a pointer or an array has elements of, or a function; nil for
// numbers.
func pointed(t *debuginfo.Type) *debuginfo.Type {
	switch t = t.Plain(); t.Kind {
	case debuginfo.Pointer, debuginfo.Array:
		return t.Elem()
	case debuginfo.Func:
		return t
	}
	return nil
}

// comparisons are the operators that take two pointers, or one and a number,
// besides + and -.
var comparisons = map[string]bool{"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true}

// pointerArithmetic does p+i, i+p, p-i and p-q. Not ok: no operand is a pointer,
// or they are compared.
func (e evaluator) pointerArithmetic(n *cexpr.Binary, x, y operand) (result object, ok bool) {
	a, b := pointed(x.typ), pointed(y.typ)
	switch {
	case a == nil && b == nil, comparisons[n.Op] && !x.n.isFloat() && !y.n.isFloat():
		return object{}, false
	case n.Op == "+" && a != nil && b != nil:
		fail(n, "", "two pointers can't be added")
	case n.Op != "+" && n.Op != "-", a == nil && n.Op == "-", x.n.isFloat(), y.n.isFloat():
		fail(n, "cast it: (unsigned long)p", "%s does not go with a pointer and %s", n.Op, map[bool]string{true: "a pointer", false: "that number"}[a != nil && b != nil])
	}
	if a == nil {
		x, y, a, b = y, x, b, a
	}
	size := max(e.stride(n, a), 1)
	if b != nil {
		distance := number{typ: "long", integerBits: x.n.integerBits - y.n.integerBits}.wrap(e.size)
		return e.number(number{typ: "long", integerBits: uint64(int64(distance.integerBits) / size)}), true
	}
	step := y.n.integerBits * uint64(size)
	if n.Op == "-" {
		step = -step
	}
	at := elfcore.Addr(x.n.integerBits+step) & elfcore.Addr(e.at.session.core.Arch.AddrMask())
	return e.makePointer(a.PointerTo(), at, elfcore.Known), true
}

// common is the type in which C computes with two operands (C17, 6.3.1.8).
func (e evaluator) common(x, y number) string {
	if x.isFloat() || y.isFloat() {
		if floatRank[y.typ] > floatRank[x.typ] {
			return y.typ
		}
		return x.typ
	}
	a, b := rank[x.typ], rank[y.typ]
	hi, lo := max(a, b), min(a, b)
	// A signed type that is no wider than an unsigned one of lower rank can't
	// hold its values.
	if hi%2 == 0 && lo%2 == 1 && e.size(rankNames[hi]) == e.size(rankNames[lo]) {
		hi++
	}
	return rankNames[hi]
}

// compute applies an operator to numbers; text says why it can't.
func (e evaluator) compute(op string, x, y number) (v number, text string) {
	t := e.common(x, y)
	if op == "<<" || op == ">>" {
		if floatRank[t] > 0 {
			return v, op + " needs integers"
		}
		return e.shift(op, x, y)
	}
	if floatRank[t] > 0 {
		return computeFloat(op, x.real(e, t), y.real(e, t), t)
	}
	x.typ, y.typ = t, t
	a, b := x.wrap(e.size).integerBits, y.wrap(e.size).integerBits
	unsigned := unsignedTypes[t]
	v.typ = t
	switch op {
	case "+":
		v.integerBits = a + b
	case "-":
		v.integerBits = a - b
	case "*":
		v.integerBits = a * b
	case "/", "%":
		switch {
		case b == 0:
			return v, "division by zero"
		case unsigned && op == "/":
			v.integerBits = a / b
		case unsigned:
			v.integerBits = a % b
		case op == "/":
			v.integerBits = uint64(int64(a) / int64(b))
		default:
			v.integerBits = uint64(int64(a) % int64(b))
		}
	case "&":
		v.integerBits = a & b
	case "|":
		v.integerBits = a | b
	case "^":
		v.integerBits = a ^ b
	default:
		less := int64(a) < int64(b)
		if unsigned {
			less = a < b
		}
		return compare(op, less, a == b)
	}
	return v, ""
}

func (e evaluator) shift(op string, x, y number) (v number, text string) {
	v.typ = x.typ
	a, by := x.wrap(e.size).integerBits, y.integerBits
	switch {
	case by >= uint64(8*e.size(x.typ)):
		return v, "a shift by more than the width of the type"
	case op == "<<":
		v.integerBits = a << by
	case unsignedTypes[x.typ]:
		v.integerBits = a >> by
	default:
		v.integerBits = uint64(int64(a) >> by)
	}
	return v, ""
}

// computeFloat computes in double, which for one operation on two floats gives
// the same as computing in float: number rounds it.
func computeFloat(op string, a, b float64, typ string) (v number, text string) {
	v.typ = typ
	switch op {
	case "+":
		v.float = a + b
	case "-":
		v.float = a - b
	case "*":
		v.float = a * b
	case "/":
		v.float = a / b
	case "%", "&", "|", "^":
		return v, op + " needs integers"
	default:
		if (math.IsNaN(a) || math.IsNaN(b)) && op != "!=" {
			return truthNumber(false), ""
		}
		return compare(op, a < b, a == b)
	}
	return v, ""
}

func compare(op string, less, equal bool) (number, string) {
	results := map[string]bool{"<": less, "<=": less || equal, ">": !less && !equal, ">=": !less, "==": equal, "!=": !equal}
	r, known := results[op]
	if !known {
		return number{}, op + " is not an operator here"
	}
	return truthNumber(r), ""
}
