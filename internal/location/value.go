package location

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"

	"corelift/elfcore"
)

// class says how the bits of a Value count.
type class uint8

const (
	generic class = iota // an address: no sign of its own (DWARF 5, 2.5.1)
	signed
	unsigned
	float  // IEEE 754, 4 or 8 bytes
	opaque // can be moved, not computed with: long double, complex, decimal
)

// kind is the type of a Value. Size is in bytes, 1 to 16.
type kind struct {
	class class
	size  uint8
}

func (k kind) integral() bool { return k.class <= unsigned }
func (k kind) bits() uint     { return 8 * uint(k.size) }

// maxValue is the widest value in bytes: __int128, long double, a vector.
const maxValue = 16

// encodings are those of DWARF 5, table 7.11, that are numbers.
var encodings = [...]class{
	0x01: unsigned, // DW_ATE_address
	0x02: unsigned, // DW_ATE_boolean
	0x04: float,
	0x05: signed,
	0x06: signed, // DW_ATE_signed_char
	0x07: unsigned,
	0x08: unsigned, // DW_ATE_unsigned_char
	0x10: unsigned, // DW_ATE_UTF
	0x11: unsigned, // DW_ATE_UCS
	0x12: unsigned, // DW_ATE_ASCII
}

// kind is false for a type that no value on the stack can have.
func (b BaseType) kind() (kind, bool) {
	if b.Size == 0 || b.Size > maxValue {
		return kind{}, false
	}
	k := kind{opaque, uint8(b.Size)}
	if b.Encoding < uint64(len(encodings)) && encodings[b.Encoding] != generic {
		k.class = encodings[b.Encoding]
	}
	if k.class == float && k.size != 4 && k.size != 8 {
		k.class = opaque
	}
	return k, true
}

// Value is an entry of the stack: up to 16 bytes with a type, and how far they
// can be trusted. The zero value is Missing.
type Value struct {
	lo, hi uint64 // zero extended
	kind   kind
	State  elfcore.State
}

// Word is a value of the generic type. It is cut to the size of an address
// where it is used.
func Word(v uint64, s elfcore.State) Value { return Value{lo: v, State: s} }

// Uint is the low 64 bits, zero extended.
func (v Value) Uint() uint64 { return v.lo }

// Int is the low 64 bits, sign extended from the value's size unless its type
// is unsigned.
func (v Value) Int() int64 {
	if bits := v.kind.bits(); v.kind.class != unsigned && bits > 0 && bits < 64 {
		return int64(v.lo<<(64-bits)) >> (64 - bits)
	}
	return int64(v.lo)
}

// as is the same bits as of another class.
func (v Value) as(c class) Value {
	v.kind.class = c
	return v
}

// cut clears what lies above the value's size.
func (v Value) cut() Value {
	switch bits := v.kind.bits(); {
	case bits < 64:
		v.lo, v.hi = v.lo&(1<<bits-1), 0
	case bits < 128:
		v.hi &= 1<<(bits-64) - 1
	}
	return v
}

// bytes are the value as it would stand in memory.
func (v Value) bytes(order binary.ByteOrder) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, maxValue), v.lo)
	b = binary.LittleEndian.AppendUint64(b, v.hi)[:v.kind.size]
	if order == binary.BigEndian {
		slices.Reverse(b)
	}
	return b
}

// makeValue reads a value from memory's bytes, as many as its size or fewer.
func makeValue(k kind, b []byte, order binary.ByteOrder, s elfcore.State) Value {
	v := Value{kind: k, State: s}
	for i := range b {
		x := b[i]
		if order == binary.BigEndian {
			x = b[len(b)-1-i]
		}
		if i < 8 {
			v.lo |= uint64(x) << (8 * i)
		} else {
			v.hi |= uint64(x) << (8 * (i - 8))
		}
	}
	return v
}

// float is the number that a value of class float is.
func (v Value) float() float64 {
	if v.kind.size == 4 {
		return float64(math.Float32frombits(uint32(v.lo)))
	}
	return math.Float64frombits(v.lo)
}

// ofFloat rounds to the size of k. For one operation on 4-byte operands
// computing in 8 bytes first gives the same as computing in 4.
func ofFloat(k kind, f float64, s elfcore.State) Value {
	v := Value{kind: k, State: s, lo: math.Float64bits(f)}
	if k.size == 4 {
		v.lo = uint64(math.Float32bits(float32(f)))
	}
	return v
}

// wide is an integer of any size.
func (v Value) wide(asSigned bool) *big.Int {
	z := new(big.Int).SetUint64(v.hi)
	z.Lsh(z, 64).Or(z, new(big.Int).SetUint64(v.lo))
	if asSigned && z.Bit(int(v.kind.bits())-1) == 1 {
		z.Sub(z, new(big.Int).Lsh(big.NewInt(1), v.kind.bits()))
	}
	return z
}

// ofWide wraps z to the size of k.
func ofWide(k kind, z *big.Int, s elfcore.State) Value {
	low := new(big.Int).And(z, new(big.Int).SetUint64(math.MaxUint64))
	z.Rsh(z, 64).And(z, new(big.Int).SetUint64(math.MaxUint64))
	return Value{low.Uint64(), z.Uint64(), k, s}.cut()
}

// convert changes the type and keeps the number, as a cast in C does
// (DWARF 5, 2.5.1.6). ok is false where C leaves the result undefined or the
// type is opaque.
//
// Folklore: the standard gives the generic type no sign, yet a wider type needs
// one ("breg0 0, convert long long" on 32 bits). GDB sign extends; so do we.
// GCC and Clang convert to a type of the same size first, which tells.
func (v Value) convert(k kind) (Value, bool) {
	switch {
	case v.kind == k:
		return v, true
	case v.kind.class == opaque || k.class == opaque:
		return v, false
	case v.kind.class == float && k.class == float:
		return ofFloat(k, v.float(), v.State), true
	case k.class == float:
		f := new(big.Float).SetInt(v.wide(v.kind.class != unsigned))
		if k.size == 4 { // at once: rounding twice is not the same
			single, _ := f.Float32()
			return ofFloat(k, float64(single), v.State), true
		}
		double, _ := f.Float64()
		return ofFloat(k, double, v.State), true
	case v.kind.class == float:
		return v.truncate(k)
	case k.size <= v.kind.size || v.kind.class == unsigned:
		return Value{v.lo, v.hi, k, v.State}.cut(), true
	case k.size <= 8:
		return Value{uint64(v.Int()), 0, k, v.State}.cut(), true
	}
	return ofWide(k, v.wide(true), v.State), true
}

// reinterpret changes the type and keeps the bits. ok is false if the sizes
// differ.
func (v Value) reinterpret(k kind) (_ Value, ok bool) {
	ok = v.kind.size == k.size
	v.kind = k
	return v, ok
}

// truncate makes an integer of a float.
func (v Value) truncate(k kind) (Value, bool) {
	f := v.float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return v, false
	}
	z, _ := big.NewFloat(f).Int(nil)
	r := ofWide(k, new(big.Int).Set(z), v.State)
	return r, r.wide(k.class != unsigned).Cmp(z) == 0
}
