package inspect

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// reversed turns target bytes into little-endian order.
func reversed(b []byte, order binary.ByteOrder) []byte {
	if order == binary.ByteOrder(binary.LittleEndian) {
		return b
	}
	out := make([]byte, len(b))
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return out
}

// integer is a number of up to 128 bits as it stands in memory.
type integer struct {
	lo, hi uint64
	size   int // bytes
	signed bool
}

// maxInteger is the size of the widest integer in bytes, __int128.
const maxInteger = 16

// readInteger takes bytes in target order, maxInteger at most.
func readInteger(b []byte, order binary.ByteOrder, signed bool) integer {
	var wide [maxInteger]byte
	copy(wide[:], reversed(b, order))
	return integer{binary.LittleEndian.Uint64(wide[:]), binary.LittleEndian.Uint64(wide[8:]), min(len(b), maxInteger), signed}
}

// uint is the low 64 bits.
func (n integer) uint() uint64 { return n.lo }

// int is the value, sign extended if the type is signed.
func (n integer) int() int64 {
	if shift := 64 - 8*n.size; n.signed && shift > 0 {
		return int64(n.lo<<shift) >> shift
	}
	return int64(n.lo)
}

// extend makes a bit-field of some bits a number of as many bytes as its type
// has.
func (n integer) extend(bits int64, size int) integer {
	if shift := 64 - bits; n.signed && shift > 0 && shift < 64 {
		n.lo = uint64(int64(n.lo<<shift) >> shift)
	}
	n.size = max(n.size, min(size, 8))
	n.lo = n.lo << (64 - 8*n.size) >> (64 - 8*n.size)
	return n
}

// wide are the number's bits as a number without a sign.
func (n integer) wide() *big.Int {
	v := new(big.Int).SetUint64(n.hi)
	v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(n.lo))
	one := big.NewInt(1)
	return v.And(v, one.Sub(one.Lsh(one, uint(8*n.size)), big.NewInt(1)))
}

func (n integer) String() string {
	switch {
	case n.size > 8:
		v := n.wide()
		if n.signed && v.Bit(8*n.size-1) != 0 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n.size)))
		}
		return v.String()
	case n.signed:
		return strconv.FormatInt(n.int(), 10)
	}
	return strconv.FormatUint(n.lo, 10)
}

// floatFormat is a binary floating point format. Precision counts the bits of
// the significand with the leading one.
type floatFormat struct{ size, exponent, precision int }

// floatFormats are those of the C compilers for the CPUs of elfcore/arch, by
// size in bytes: IEEE 754 binary16 to binary128, and x87's of 80 bits in 10, 12
// or 16 bytes.
var floatFormats = map[int]floatFormat{2: {2, 5, 11}, 4: {4, 8, 24}, 8: {8, 11, 53}, 16: {16, 15, 113}}

// Formats that have the size of another one.
var (
	x87Format      = floatFormat{10, 15, 64}
	bfloat16Format = floatFormat{2, 8, 8}
)

// formatFloat prints a floating point number with the digits that tell it from
// its neighbours: ceil(1 + precision * log10(2)), as GDB does.
func formatFloat(b []byte, order binary.ByteOrder, f floatFormat) (string, bool) {
	b = reversed(b, order)
	if f.size == 0 || len(b) < f.size {
		return "", false
	}
	b = b[:f.size]
	digits := int(math.Ceil(1 + float64(f.precision)*math.Log10(2)))
	switch f.size {
	case 4:
		if v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b))); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'g', digits, 64), true
		}
	case 8:
		if v := math.Float64frombits(binary.LittleEndian.Uint64(b)); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'g', digits, 64), true
		}
	}
	return f.format(b, digits), true
}

// format prints what Go has no type for. b is little-endian.
func (f floatFormat) format(b []byte, digits int) string {
	raw := new(big.Int)
	for i := len(b) - 1; i >= 0; i-- {
		raw.Lsh(raw, 8).Or(raw, big.NewInt(int64(b[i])))
	}
	stored := f.size*8 - 1 - f.exponent // bits of the significand that are stored
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(stored)), big.NewInt(1))
	fraction := new(big.Int).And(raw, mask)
	exponent := int(new(big.Int).And(new(big.Int).Rsh(raw, uint(stored)), big.NewInt(1<<f.exponent-1)).Int64())
	sign := ""
	if raw.Bit(f.size*8-1) == 1 {
		sign = "-"
	}
	bias := 1<<(f.exponent-1) - 1
	explicit := stored == f.precision // x87 stores the leading one
	switch {
	case exponent == 1<<f.exponent-1:
		if explicit {
			fraction.SetBit(fraction, stored-1, 0)
		}
		if fraction.Sign() == 0 {
			return sign + "inf"
		}
		return fmt.Sprintf("%snan(0x%x)", sign, fraction)
	case exponent == 0:
		exponent = 1
	case !explicit:
		fraction.SetBit(fraction, stored, 1)
	}
	if fraction.Sign() == 0 {
		return sign + "0"
	}
	v := new(big.Float).SetPrec(uint(f.precision)).SetInt(fraction)
	v.SetMantExp(v, exponent-bias-(f.precision-1))
	text := v.Text('g', digits)
	if strings.Contains(text, ".") && !strings.Contains(text, "e") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return sign + text
}

// floatValue is a float as a double, which holds any of at most 8 bytes.
func floatValue(b []byte, order binary.ByteOrder, format floatFormat) (float64, bool) {
	switch little := reversed(b, order); len(b) {
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(little))), true
	case 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(little)), true
	}
	text, ok := formatFloat(b, order, format)
	f, err := strconv.ParseFloat(text, 64)
	return f, ok && err == nil
}

// floatBytes is a float of 4 or 8 bytes in the target's order.
func floatBytes(f float64, size int, order binary.ByteOrder) ([]byte, bool) {
	b := make([]byte, size)
	switch size {
	case 4:
		order.PutUint32(b, math.Float32bits(float32(f)))
	case 8:
		order.PutUint64(b, math.Float64bits(f))
	default:
		return nil, false
	}
	return b, true
}
