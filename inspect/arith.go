package inspect

import (
	"math"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// number is a C value in a computation: an integer of one of C's types from int
// on, or a double.
type number struct {
	typ         string // "int", "unsigned long" ... or "double"
	integerBits uint64
	float       float64
}

// integer is the number as an integer; floats are cut off as C does.
func (n number) integer() uint64 {
	if n.typ == "double" {
		return uint64(int64(n.float))
	}
	return n.integerBits
}

// real is the number as a float.
func (n number) real(size func(string) int) float64 {
	switch {
	case n.typ == "double":
		return n.float
	case unsignedTypes[n.typ]:
		return float64(n.wrap(size).integerBits)
	}
	return float64(int64(n.wrap(size).integerBits))
}

// rank orders C's integer types (C17, 6.3.1.1).
var rank = map[string]int{"int": 0, "unsigned int": 1, "long": 2, "unsigned long": 3, "long long": 4, "unsigned long long": 5}

var rankNames = [...]string{"int", "unsigned int", "long", "unsigned long", "long long", "unsigned long long"}

var unsignedTypes = map[string]bool{"unsigned int": true, "unsigned long": true, "unsigned long long": true}

// wrap cuts the integer to the size of its type and sign extends it.
func (n number) wrap(size func(string) int) number {
	if n.typ == "double" {
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

// literal is a constant as C types it (C17, 6.4.4.1): the first type in which it
// fits. Sizes are those of 32 bits; wider targets differ only in long.
func literal(n cexpr.Node) number {
	switch n := n.(type) {
	case *cexpr.Float:
		return number{typ: "double", float: n.Value}
	case *cexpr.Char:
		return number{typ: "char", integerBits: uint64(int8(n.Value))}
	case *cexpr.Bool:
		return number{typ: "bool", integerBits: truthNumber(n.Value).integerBits}
	case *cexpr.Int:
		at := 2 * n.Long
		if n.Unsigned {
			at++
		}
		for ; at < len(rankNames)-1; at++ {
			unsigned := unsignedTypes[rankNames[at]]
			limit := uint64(math.MaxInt32)
			if at >= 4 {
				limit = math.MaxInt64
			}
			if unsigned {
				limit = 2*limit + 1
			}
			if n.Value <= limit && (!unsigned || n.Unsigned || n.Base != 10) {
				break
			}
			if n.Unsigned {
				at++
			}
		}
		return number{typ: rankNames[min(at, len(rankNames)-1)], integerBits: n.Value}
	}
	return number{typ: "int"} // NULL
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
	case debuginfo.Struct, debuginfo.Class, debuginfo.Union, debuginfo.Variant, debuginfo.Void, debuginfo.Unknown, debuginfo.Complex, debuginfo.MemberPointer:
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
		f, ok := floatValue(c.bytes, e.at.Order(), e.at.session.x87())
		if !ok {
			fail(n, "", "floats of %d bytes can't be computed with", len(c.bytes))
		}
		x.n = number{typ: "double", float: f}
		return x
	}
	i := readInteger(c.bytes, e.at.Order(), t.Signed)
	if o.bits > 0 && t.Signed {
		i = i.extend(o.bits)
	}
	x.n = number{typ: e.promoted(t), integerBits: uint64(i.int())}
	return x
}

// promoted is the type that C computes with for an object's type.
func (e evaluator) promoted(t *debuginfo.Type) string {
	size := int(t.Size())
	switch {
	case t.Kind == debuginfo.Pointer:
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
	case "long long", "unsigned long long":
		return 8
	case "char", "bool":
		return 1
	}
	return 4
}

// number makes an object of a number.
func (e evaluator) number(n number) object {
	t := e.builtin(n.typ)
	if n.typ == "double" {
		b := make([]byte, 8)
		e.at.Order().PutUint64(b, math.Float64bits(n.float))
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
	case n.typ == "double" && op == "-":
		n.float = -n.float
	case n.typ == "double" && op == "~":
		return n, false
	case x.typ.Plain().Kind == debuginfo.Pointer:
		return n, false
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
	return x.n.real(e.size) != 0
}

// count is a node's value as an index.
func (e evaluator) count(n cexpr.Node) int64 {
	x := e.value(n)
	if x.absent != Present {
		fail(n, "", "%s is %s", n, absent[x.absent])
	}
	if x.n.typ == "double" {
		fail(n, "", "%s is no integer", n)
	}
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
		return e.row(e.eval(n.X), count)
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

// pointed is what a pointer or an array has elements of, nil for numbers.
func pointed(t *debuginfo.Type) *debuginfo.Type {
	switch t = t.Plain(); t.Kind {
	case debuginfo.Pointer, debuginfo.Array:
		return t.Elem()
	}
	return nil
}

// pointerArithmetic does p+i, i+p, p-i and p-q.
func (e evaluator) pointerArithmetic(n *cexpr.Binary, x, y operand) (object, bool) {
	a, b := pointed(x.typ), pointed(y.typ)
	if n.Op != "+" && n.Op != "-" || a == nil && b == nil || a == nil && n.Op == "-" {
		return object{}, false
	}
	if a == nil {
		x, y, a, b = y, x, b, a
	}
	size := max(a.Size(), 1)
	if b != nil {
		if n.Op == "+" {
			fail(n, "", "two pointers can't be added")
		}
		return e.number(number{typ: "long", integerBits: uint64(int64(x.n.integerBits-y.n.integerBits) / size)}), true
	}
	step := y.n.integer() * uint64(size)
	if n.Op == "-" {
		step = -step
	}
	at := elfcore.Addr(x.n.integerBits+step) & elfcore.Addr(e.at.session.core.Arch.AddrMask())
	return e.makePointer(a.PointerTo(), at, elfcore.Known), true
}

// common is the type in which C computes with two operands (C17, 6.3.1.8).
func (e evaluator) common(x, y number) string {
	if x.typ == "double" || y.typ == "double" {
		return "double"
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
		if t == "double" {
			return v, op + " needs integers"
		}
		return e.shift(op, x, y)
	}
	if t == "double" {
		return computeFloat(op, x.real(e.size), y.real(e.size))
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

func computeFloat(op string, a, b float64) (v number, text string) {
	v.typ = "double"
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
