package location

import (
	"cmp"
	"errors"
	"math"
	"math/big"
)

// arithmetic is one operator on two operands of the same type: on integers of
// up to 8 bytes, extended to 64 bits by their sign; on wider ones; on floats,
// nil if it is for integers only. Results wrap to the type (DWARF 5, 2.5.1.4).
type arithmetic struct {
	word  func(a, b uint64, signed bool) uint64
	wide  func(z, a, b *big.Int) *big.Int
	float func(a, b float64) float64
	// unsign: the generic type counts as unsigned. It makes a difference to two.
	//
	// Folklore: DW_OP_div is signed by the standard's word, DW_OP_mod is not,
	// and so unsigned as the generic type's arithmetic is. GDB does the same.
	unsign bool
	divide bool // b must not be 0
}

// Operators by their code.
var (
	arithmetics = [...]arithmetic{
		opAnd:   {word: func(a, b uint64, _ bool) uint64 { return a & b }, wide: (*big.Int).And},
		opDiv:   {word: quotient, wide: (*big.Int).Quo, float: func(a, b float64) float64 { return a / b }, divide: true},
		opMinus: {word: func(a, b uint64, _ bool) uint64 { return a - b }, wide: (*big.Int).Sub, float: func(a, b float64) float64 { return a - b }},
		opMod:   {word: remainder, wide: (*big.Int).Rem, unsign: true, divide: true},
		opMul:   {word: func(a, b uint64, _ bool) uint64 { return a * b }, wide: (*big.Int).Mul, float: func(a, b float64) float64 { return a * b }},
		opOr:    {word: func(a, b uint64, _ bool) uint64 { return a | b }, wide: (*big.Int).Or},
		opPlus:  {word: func(a, b uint64, _ bool) uint64 { return a + b }, wide: (*big.Int).Add, float: func(a, b float64) float64 { return a + b }},
		opXor:   {word: func(a, b uint64, _ bool) uint64 { return a ^ b }, wide: (*big.Int).Xor},
	}
	comparisons = [...]func(c int) bool{
		opEq: func(c int) bool { return c == 0 },
		opGe: func(c int) bool { return c >= 0 },
		opGt: func(c int) bool { return c > 0 },
		opLe: func(c int) bool { return c <= 0 },
		opLt: func(c int) bool { return c < 0 },
		opNe: func(c int) bool { return c != 0 },
	}
	unaries = [...]func(Value) (Value, error){
		opAbs: absolute,
		opNeg: negate,
		opNot: complement,
	}
)

// Go defines MinInt64 / -1 as MinInt64, and the remainder as 0.
func quotient(a, b uint64, signed bool) uint64 {
	if signed {
		return uint64(int64(a) / int64(b))
	}
	return a / b
}

func remainder(a, b uint64, signed bool) uint64 {
	if signed {
		return uint64(int64(a) % int64(b))
	}
	return a % b
}

var (
	errTypes  = errors.New("operands of different or unfit types")
	errDivide = errors.New("division by zero")
)

// pair brings two operands to one type, which they must have by the standard.
//
// Folklore: Clang mixes typed values with literals, which are of the generic
// type ("breg13 0, convert DW_ATE_signed_8, convert DW_ATE_signed_32, lit2,
// mul" on RV64); GDB refuses that. A number that fits means the same in the
// type, so it takes the type. One that is narrower than the type is refused:
// whether it had a sign, and more bits before it was cut, nobody knows.
func pair(a, b *Value) error {
	switch {
	case a.kind == b.kind:
	case a.kind.class == generic && b.kind.integral():
		return a.adapt(b.kind)
	case b.kind.class == generic && a.kind.integral():
		return b.adapt(a.kind)
	default:
		return errTypes
	}
	return nil
}

// adapt gives a value of the generic type another type of its size or narrower.
func (v *Value) adapt(k kind) error {
	r := Value{lo: v.lo, kind: k, State: v.State}.cut()
	if k.size > v.kind.size || r.lo != v.lo && r.as(signed).Int() != v.Int() {
		return errTypes
	}
	*v = r
	return nil
}

func (o *arithmetic) apply(a, b Value) (Value, error) {
	if err := pair(&a, &b); err != nil {
		return a, err
	}
	k, state := a.kind, min(a.State, b.State)
	if k.class == float && o.float != nil {
		return ofFloat(k, o.float(a.float(), b.float()), state), nil
	}
	if !k.integral() {
		return a, errTypes
	}
	if o.divide && b.lo == 0 && b.hi == 0 {
		return a, errDivide
	}
	sign := k.class == signed || k.class == generic && !o.unsign
	if k.size > 8 {
		return ofWide(k, o.wide(new(big.Int), a.wide(sign), b.wide(sign)), state), nil
	}
	x, y := a.lo, b.lo
	if sign {
		x, y = uint64(a.Int()), uint64(b.Int())
	}
	return Value{o.word(x, y, sign), 0, k, state}.cut(), nil
}

// order compares, the generic type as signed; ordered is false if one is NaN.
func order(a, b Value) (c int, ordered bool, err error) {
	err = pair(&a, &b)
	switch k := a.kind; {
	case err != nil:
	case k.class == float:
		x, y := a.float(), b.float()
		return cmp.Compare(x, y), !math.IsNaN(x) && !math.IsNaN(y), nil
	case k.class == opaque:
		err = errTypes
	case k.size > 8:
		c = a.wide(k.class != unsigned).Cmp(b.wide(k.class != unsigned))
	case k.class == unsigned:
		c = cmp.Compare(a.lo, b.lo)
	default:
		c = cmp.Compare(a.Int(), b.Int())
	}
	return c, true, err
}

// shift is left if to the left, else right: filled with the sign bit if arith.
// The count may have any integer type. One that is not less than the width
// leaves 0, or copies of the sign.
func shift(v, count Value, left, arith bool) (Value, error) {
	if !v.kind.integral() || !count.kind.integral() {
		return v, errTypes
	}
	k, n := v.kind, v.kind.bits()
	if count.hi == 0 && count.lo < uint64(n) {
		n = uint(count.lo)
	}
	state := min(v.State, count.State)
	switch {
	case k.size > 8 && left:
		z := v.wide(false)
		return ofWide(k, z.Lsh(z, n), state), nil
	case k.size > 8:
		z := v.wide(arith)
		return ofWide(k, z.Rsh(z, n), state), nil
	case left:
		v.lo <<= n
	case arith:
		v.lo = uint64(v.as(signed).Int() >> n)
	default:
		v.lo >>= n
	}
	return Value{v.lo, 0, k, state}.cut(), nil
}

// negate is 0 - v, but -0.0 for the float 0.
func negate(v Value) (Value, error) {
	switch {
	case v.kind.class == float:
		return ofFloat(v.kind, -v.float(), v.State), nil
	case v.kind.class == opaque:
		return v, errTypes
	}
	v.lo, v.hi = -v.lo, ^v.hi
	if v.lo == 0 {
		v.hi++
	}
	return v.cut(), nil
}

func absolute(v Value) (Value, error) {
	switch {
	case v.kind.class == float:
		return ofFloat(v.kind, math.Abs(v.float()), v.State), nil
	case v.kind.class == opaque:
		return v, errTypes
	}
	if c, _, err := order(v, Value{kind: v.kind}); err != nil || c >= 0 {
		return v, err
	}
	return negate(v)
}

func complement(v Value) (Value, error) {
	if !v.kind.integral() {
		return v, errTypes
	}
	v.lo, v.hi = ^v.lo, ^v.hi
	return v.cut(), nil
}
