package location

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"corelift/elfcore"
)

// Bytes of expressions. Operators are written as numbers next to their names
// in the tables' comments.
func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func op(b ...byte) []byte { return b }

// num is DW_OP_const8u.
func num(v uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0x0e}, v) }

// typed is DW_OP_const_type.
func typed(t byte, b ...byte) []byte { return cat(op(0xa4, t, byte(len(b))), b) }

func int32s(t byte, v int32) []byte {
	return typed(t, binary.LittleEndian.AppendUint32(nil, uint32(v))...)
}

func int64s(t byte, v int64) []byte {
	return typed(t, binary.LittleEndian.AppendUint64(nil, uint64(v))...)
}

func int128s(t byte, lo, hi uint64) []byte {
	return typed(t, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, lo), hi)...)
}

func float64s(v float64) []byte { return int64s(tF64, int64(math.Float64bits(v))) }
func float32s(v float32) []byte { return int32s(tF32, int32(math.Float32bits(v))) }

const (
	min32 = 0x80000000
	min64 = 1 << 63
)

// TestValues evaluates each operator that leaves a value, on 32 and 64 bits.
func TestValues(t *testing.T) {
	tests := []struct {
		name   string
		expr   []byte
		at32   uint64
		at64   uint64
		differ bool // at64 counts, else at32 is right for both
	}{
		{name: "addr", expr: op(0x03, 1, 2, 3, 4, 0, 0, 0, 0), at32: 0x04030201}, // as long as an address
		{name: "const1u", expr: op(0x08, 0xff), at32: 0xff},
		{name: "const1s", expr: op(0x09, 0xff), at32: 0xffffffff, at64: math.MaxUint64, differ: true},
		{name: "const2u", expr: op(0x0a, 0xfe, 0xff), at32: 0xfffe},
		{name: "const2s", expr: op(0x0b, 0xfe, 0xff), at32: 0xfffffffe, at64: math.MaxUint64 - 1, differ: true},
		{name: "const4u", expr: op(0x0c, 0xfe, 0xff, 0xff, 0xff), at32: 0xfffffffe},
		{name: "const4s", expr: op(0x0d, 0xfe, 0xff, 0xff, 0xff), at32: 0xfffffffe, at64: math.MaxUint64 - 1, differ: true},
		{name: "const8u", expr: num(0x1122334455667788), at32: 0x1122334455667788},
		{name: "const8s", expr: op(0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), at32: 0xffffffff, at64: math.MaxUint64, differ: true},
		{name: "constu", expr: op(0x10, 0xe5, 0x8e, 0x26), at32: 624485},
		{name: "constu padded", expr: op(0x10, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), at32: 1},
		{name: "consts", expr: op(0x11, 0x9b, 0xf1, 0x59), at32: 0xfff6789b, at64: 0xfffffffffff6789b, differ: true},
		{name: "consts of 10 bytes", expr: op(0x11, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), at32: 0xffffffff, at64: math.MaxUint64, differ: true},
		{name: "lit0", expr: op(0x30), at32: 0},
		{name: "lit31", expr: op(0x4f), at32: 31},
		{name: "addrx", expr: op(0xa1, 1), at32: 0x1020},
		{name: "constx", expr: op(0xa2, 0), at32: 0x1010},
		{name: "GNU_addr_index", expr: op(0xfb, 1), at32: 0x1020},
		{name: "GNU_const_index", expr: op(0xfc, 0), at32: 0x1010},

		{name: "breg3", expr: op(0x73, 0x04), at32: 0x1304},
		{name: "breg3 negative", expr: op(0x73, 0x7c), at32: 0x12fc},
		{name: "bregx", expr: op(0x92, 3, 0x04), at32: 0x1304},
		{name: "breg wraps", expr: op(0x70, 0x80, 0x60, 0x0a, 0, 0x10, 0x1c), at32: 0xfffff000, at64: 0xfffffffffffff000, differ: true},
		{name: "fbreg", expr: op(0x91, 0x68), at32: 0x1028},
		{name: "reg as value", expr: op(0x53), at32: 0x1300},
		{name: "regval_type", expr: op(0xa5, 3, tU16), at32: 0x1300},
		{name: "regval_type of a float", expr: op(0xa5, 16, tF64, 0xa8, tS32), at32: 0xffffffff},
		{name: "GNU_regval_type", expr: op(0xf5, 3, tU8), at32: 0},
		{name: "regval_type of 16 bytes", expr: op(0xa5, 17, tU128, 0x08, 72, 0x25), at32: 0x0f0e0d0c0b0a09},

		{name: "dup", expr: op(0x35, 0x12, 0x22), at32: 10},
		{name: "drop", expr: op(0x35, 0x36, 0x13), at32: 5},
		{name: "over", expr: op(0x35, 0x36, 0x14), at32: 5},
		{name: "pick 0", expr: op(0x35, 0x36, 0x37, 0x15, 0), at32: 7},
		{name: "pick 2", expr: op(0x35, 0x36, 0x37, 0x15, 2), at32: 5},
		{name: "swap", expr: op(0x35, 0x32, 0x16, 0x1c), at32: 0xfffffffd, at64: math.MaxUint64 - 2, differ: true},
		{name: "rot top", expr: op(0x31, 0x32, 0x33, 0x17), at32: 2},
		{name: "rot second", expr: op(0x31, 0x32, 0x33, 0x17, 0x13), at32: 1},
		{name: "rot third", expr: op(0x31, 0x32, 0x33, 0x17, 0x13, 0x13), at32: 3},
		{name: "deref", expr: op(0x70, 0x04, 0x06), at32: 0x07060504, at64: 0x0b0a090807060504, differ: true},
		{name: "deref_size 1", expr: op(0x70, 0x04, 0x94, 1), at32: 4},
		{name: "deref_size 3", expr: op(0x70, 0x04, 0x94, 3), at32: 0x060504},
		{name: "deref_type", expr: op(0x70, 0x04, 0xa6, 8, tU64, 0x08, 32, 0x25), at32: 0x0b0a0908},
		{name: "deref_type signed", expr: op(0x70, 0xf0, 0x01, 0xa6, 1, tS8, 0xa8, tS32), at32: 0xfffffff0},
		{name: "GNU_deref_type", expr: op(0x70, 0x04, 0xf6, 2, tU16), at32: 0x0504},
		{name: "call_frame_cfa", expr: op(0x9c), at32: 0x1040},

		{name: "abs", expr: op(0x09, 0xfb, 0x19), at32: 5},
		{name: "abs of the least", expr: cat(num(min32), op(0x19)), at32: min32},
		{name: "and", expr: op(0x3c, 0x3a, 0x1a), at32: 8},
		{name: "div", expr: op(0x09, 0xf9, 0x32, 0x1b), at32: 0xfffffffd, at64: math.MaxUint64 - 2, differ: true}, // -7/2
		{name: "div least", expr: cat(num(min32), op(0x09, 0xff, 0x1b)), at32: min32, at64: math.MaxUint64 - min32 + 1, differ: true},
		{name: "div least 64", expr: cat(int64s(tU64, min64>>1), op(0x31, 0x24, 0xa8, 0, 0x09, 0xff, 0x1b)), at32: 0, at64: min64, differ: true},
		{name: "minus", expr: op(0x33, 0x35, 0x1c), at32: 0xfffffffe, at64: math.MaxUint64 - 1, differ: true},
		{name: "mod", expr: op(0x09, 0xf9, 0x34, 0x1d), at32: 1}, // -7 as unsigned
		{name: "mul", expr: cat(num(0x80000001), op(0x33, 0x1e)), at32: 0x80000003, at64: 0x180000003, differ: true},
		{name: "neg", expr: op(0x35, 0x1f), at32: 0xfffffffb, at64: math.MaxUint64 - 4, differ: true},
		{name: "not", expr: op(0x35, 0x20), at32: 0xfffffffa, at64: math.MaxUint64 - 5, differ: true},
		{name: "or", expr: op(0x3c, 0x3a, 0x21), at32: 14},
		{name: "plus", expr: cat(num(0xfffffff0), op(0x08, 0x20, 0x22)), at32: 0x10, at64: 0x100000010, differ: true},
		{name: "plus_uconst", expr: cat(num(0xfffffff0), op(0x23, 0x20)), at32: 0x10, at64: 0x100000010, differ: true},
		{name: "shl", expr: op(0x33, 0x08, 31, 0x24), at32: min32, at64: 3 << 31, differ: true},
		{name: "shl by the width", expr: op(0x33, 0x08, 64, 0x24), at32: 0},
		{name: "shr", expr: cat(num(0xfffffff0), op(0x34, 0x25)), at32: 0x0fffffff},
		{name: "shr by more", expr: cat(num(math.MaxUint64), op(0x09, 0xff, 0x25)), at32: 0},
		{name: "shra", expr: cat(num(0xfffffff0), op(0x34, 0x26)), at32: 0xffffffff, at64: 0x0fffffff, differ: true},
		{name: "shra by more", expr: op(0x09, 0xf0, 0x08, 200, 0x26), at32: 0xffffffff, at64: math.MaxUint64, differ: true},
		{name: "xor", expr: op(0x3c, 0x3a, 0x27), at32: 6},

		{name: "eq", expr: op(0x35, 0x35, 0x29), at32: 1},
		{name: "ne", expr: op(0x35, 0x35, 0x2e), at32: 0},
		{name: "lt signed", expr: cat(num(min32), op(0x30, 0x2d)), at32: 1, at64: 0, differ: true},
		{name: "gt signed", expr: cat(num(min32), op(0x30, 0x2b)), at32: 0, at64: 1, differ: true},
		{name: "le", expr: op(0x35, 0x35, 0x2c), at32: 1},
		{name: "ge", expr: op(0x35, 0x36, 0x2a), at32: 0},
		{name: "skip", expr: op(0x35, 0x2f, 1, 0, 0x36, 0x96), at32: 5},
		{name: "skip to the end", expr: op(0x35, 0x2f, 1, 0, 0x36), at32: 5},
		{name: "bra taken", expr: op(0x35, 0x31, 0x28, 1, 0, 0x36), at32: 5},
		{name: "bra not taken", expr: op(0x35, 0x30, 0x28, 1, 0, 0x36), at32: 6},
		{name: "loop", expr: op(0x30, 0x3a, 0x16, 0x23, 3, 0x16, 0x31, 0x1c, 0x12, 0x28, 0xf6, 0xff, 0x13), at32: 30}, // 10 times +3
		{name: "call2", expr: op(0x35, 0x98, 0x40, 0), at32: 8},
		{name: "call4", expr: op(0x35, 0x99, 0x40, 0, 0, 0), at32: 8},
		{name: "call_ref", expr: op(0x35, 0x9a, 0x40, 0, 0, 0), at32: 9},
		{name: "call of an entry without location", expr: op(0x35, 0x98, 0x41, 0), at32: 5},
		{name: "nop", expr: op(0x35, 0x96), at32: 5},

		{name: "const_type signed", expr: cat(int32s(tS32, -8), int32s(tS32, 2), op(0x1b)), at32: 0xfffffffc},
		{name: "const_type unsigned div", expr: cat(int32s(tU32, -8), int32s(tU32, 2), op(0x1b)), at32: 0x7ffffffc},
		{name: "GNU_const_type", expr: op(0xf4, tU8, 1, 200), at32: 200},
		{name: "signed mod", expr: cat(int32s(tS32, -7), int32s(tS32, 4), op(0x1d)), at32: 0xfffffffd},
		{name: "unsigned 64 div", expr: cat(int64s(tU64, -2), int64s(tU64, 3), op(0x1b)), at32: (math.MaxUint64 - 1) / 3},
		{name: "unsigned 64 mod", expr: cat(int64s(tU64, -2), int64s(tU64, 5), op(0x1d)), at32: (math.MaxUint64 - 1) % 5},
		{name: "8 bits wrap", expr: cat(typed(tU8, 200), typed(tU8, 100), op(0x22)), at32: 44},
		{name: "signed 8 bits mul", expr: cat(typed(tS8, 0x80), typed(tS8, 0xff), op(0x1e)), at32: 0x80},
		{name: "signed 8 bits least / -1", expr: cat(typed(tS8, 0x80), typed(tS8, 0xff), op(0x1b)), at32: 0x80},
		{name: "signed 64 least / -1", expr: cat(int64s(tS64, math.MinInt64), int64s(tS64, -1), op(0x1b)), at32: min64},
		{name: "signed 64 least % -1", expr: cat(int64s(tS64, math.MinInt64), int64s(tS64, -1), op(0x1d)), at32: 0},
		{name: "unsigned compare", expr: cat(int32s(tU32, -8), int32s(tU32, 2), op(0x2b)), at32: 1},
		{name: "unsigned abs", expr: cat(int32s(tU32, -8), op(0x19)), at32: 0xfffffff8},
		{name: "typed plus_uconst", expr: cat(typed(tU8, 250), op(0x23, 10)), at32: 4},
		{name: "shr of a signed type is logical", expr: cat(int32s(tS32, -16), op(0x34, 0x25)), at32: 0x0fffffff},
		{name: "shra of an unsigned type is not", expr: cat(int32s(tU32, -16), op(0x34, 0x26)), at32: 0xffffffff},
		{name: "mixed with a literal", expr: cat(op(0x35, 0xa8, tU32), op(0x36, 0xa8, tU32), op(0x22)), at32: 11},
		{name: "narrower type and literal", expr: cat(typed(tU8, 250), op(0x39, 0x22)), at32: 3},
		{name: "negative literal and narrower type", expr: cat(op(0x09, 0xfe), typed(tS8, 3), op(0x1e)), at32: 0xfa},
		{name: "bool", expr: cat(typed(tBool, 1), op(0xa8, 0)), at32: 1},

		{name: "convert sign extends", expr: cat(typed(tS8, 0x80), op(0xa8, tS64)), at32: 0xffffffffffffff80},
		{name: "convert zero extends", expr: cat(typed(tU8, 0x80), op(0xa8, tS64)), at32: 0x80},
		{name: "convert narrows", expr: cat(int64s(tS64, 0x1234), op(0xa8, tU8)), at32: 0x34},
		{name: "convert to generic", expr: cat(int64s(tU64, 0x100000001), op(0xa8, 0)), at32: 1, at64: 0x100000001, differ: true},
		{name: "convert from generic", expr: op(0x09, 0xff, 0xa8, tS64), at32: math.MaxUint64},
		{name: "zero extend as compilers do", expr: op(0x09, 0xff, 0xa8, tU32, 0xa8, tU64), at32: 0xffffffff},
		{name: "GNU_convert", expr: op(0x08, 0xff, 0xf7, tS8, 0xf7, tS32), at32: 0xffffffff},
		{name: "int to double", expr: op(0x09, 0xfd, 0xa8, tS32, 0xa8, tF64), at32: math.Float64bits(-3)},
		{name: "unsigned to double", expr: cat(int64s(tU64, -1), op(0xa8, tF64)), at32: math.Float64bits(1 << 64)},
		{name: "int to float rounds once", expr: cat(int64s(tS64, 1<<54+1<<30+1), op(0xa8, tF32)), at32: uint64(math.Float32bits(1<<54 + 1<<31))},
		{name: "double to int truncates", expr: cat(float64s(-3.9), op(0xa8, tS32)), at32: 0xfffffffd},
		{name: "double to float", expr: cat(float64s(0.1), op(0xa8, tF32)), at32: uint64(math.Float32bits(0.1))},
		{name: "float to double", expr: cat(float32s(0.1), op(0xa8, tF64)), at32: math.Float64bits(float64(float32(0.1)))},
		{name: "reinterpret", expr: cat(float32s(1), op(0xa9, tU32)), at32: 0x3f800000},
		{name: "GNU_reinterpret", expr: cat(int32s(tU32, 0x3f800000), op(0xf9, tF32, 0xa8, tS32)), at32: 1},
		{name: "double plus", expr: cat(float64s(1.5), float64s(2), op(0x22)), at32: math.Float64bits(3.5)},
		{name: "double minus", expr: cat(float64s(1.5), float64s(2), op(0x1c)), at32: math.Float64bits(-0.5)},
		{name: "double mul", expr: cat(float64s(1.5), float64s(2), op(0x1e)), at32: math.Float64bits(3)},
		{name: "double div by 0", expr: cat(float64s(1.5), float64s(0), op(0x1b)), at32: math.Float64bits(math.Inf(1))},
		{name: "float div", expr: cat(float32s(1), float32s(3), op(0x1b)), at32: uint64(math.Float32bits(float32(1) / 3))},
		{name: "double neg 0", expr: cat(float64s(0), op(0x1f)), at32: min64},
		{name: "double abs", expr: cat(float64s(-2), op(0x19)), at32: math.Float64bits(2)},
		{name: "double lt", expr: cat(float64s(-2), float64s(1), op(0x2d)), at32: 1},
		{name: "NaN eq", expr: cat(float64s(math.NaN()), float64s(math.NaN()), op(0x29)), at32: 0},
		{name: "NaN ne", expr: cat(float64s(math.NaN()), float64s(math.NaN()), op(0x2e)), at32: 1},
		{name: "NaN ge", expr: cat(float64s(math.NaN()), float64s(1), op(0x2a)), at32: 0},

		{name: "128 plus", expr: cat(int128s(tU128, math.MaxUint64, 0), int128s(tU128, 1, 0), op(0x22, 0x08, 64, 0x25)), at32: 1},
		{name: "128 mul", expr: cat(int128s(tU128, math.MaxUint64, 0), int128s(tU128, math.MaxUint64, 0), op(0x1e, 0x08, 64, 0x25)), at32: math.MaxUint64 - 1},
		{name: "128 wraps", expr: cat(int128s(tU128, math.MaxUint64, math.MaxUint64), int128s(tU128, 2, 0), op(0x22)), at32: 1},
		{name: "128 signed div", expr: cat(int128s(tS128, math.MaxUint64-8, math.MaxUint64), int128s(tS128, 2, 0), op(0x1b)), at32: math.MaxUint64 - 3}, // -9/2
		{name: "128 least / -1", expr: cat(int128s(tS128, 0, min64), int128s(tS128, math.MaxUint64, math.MaxUint64), op(0x1b, 0x08, 64, 0x25)), at32: min64},
		{name: "128 shl", expr: cat(int128s(tS128, 1, 0), op(0x08, 100, 0x24, 0x08, 64, 0x25)), at32: 1 << 36},
		{name: "128 shra", expr: cat(int128s(tS128, 0, min64), op(0x08, 120, 0x26)), at32: math.MaxUint64 - 127},
		{name: "128 compare", expr: cat(int128s(tS128, 0, min64), int128s(tS128, 0, 0), op(0x2d)), at32: 1},
		{name: "128 neg", expr: cat(int128s(tS128, 1, 0), op(0x1f, 0x08, 64, 0x25)), at32: math.MaxUint64},
		{name: "128 abs", expr: cat(int128s(tS128, math.MaxUint64, math.MaxUint64), op(0x19)), at32: 1},
		{name: "128 not", expr: cat(int128s(tU128, 0, 0), op(0x20, 0x08, 64, 0x25)), at32: math.MaxUint64},
		{name: "convert to 128", expr: cat(typed(tS8, 0xff), op(0xa8, tS128, 0x08, 64, 0x26)), at32: math.MaxUint64},
		{name: "convert from 128", expr: cat(int128s(tS128, 5, 7), op(0xa8, tU64)), at32: 5},

		{name: "entry_value", expr: op(0xa3, 1, 0x50), at32: 0x2222},
		{name: "GNU_entry_value", expr: op(0xf3, 1, 0x50), at32: 0x2222},
		{name: "entry_value of the caller's", expr: op(0xa3, 1, 0x51), at32: 0x2223},
		{name: "entry_value of regx", expr: op(0xa3, 2, 0x90, 40), at32: 0x77},
		{name: "entry_value of what it points to", expr: op(0xa3, 3, 0x70, 0, 0x06), at32: 0x99},
		{name: "entry_value of a byte it points to", expr: op(0xa3, 4, 0x71, 0, 0x94, 1), at32: 0x34},
		{name: "entry_value typed", expr: op(0xa3, 3, 0xa5, 16, tF64, 0xa8, tS32), at32: 2},
		{name: "entry_value of a char", expr: op(0xa3, 3, 0xf5, 0, tU8), at32: 0x22},
		{name: "entry_value of a float passed as bits", expr: op(0xa3, 3, 0xa5, 10, tF32, 0xa8, tS32), at32: 1},
		{name: "entry_value of a high register, typed", expr: op(0xa3, 4, 0xa5, 0xac, 2, tU32), at32: 0x78},
		{name: "GNU_parameter_ref", expr: op(0xfa, 0, 0, 0, 0), at32: 0x55},
	}
	for _, tt := range tests {
		for _, ptr := range []int{4, 8} {
			t.Run(fmt.Sprint(tt.name, "/", 8*ptr), func(t *testing.T) {
				expr := tt.expr
				if tt.name == "addr" {
					expr = expr[:1+ptr]
				}
				want := tt.at32
				if tt.differ && ptr == 8 {
					want = tt.at64
				}
				v, err := Compute(expr, newCall(ptr))
				if err != nil {
					t.Fatal(err)
				}
				if v.Uint() != want || v.State != elfcore.Known {
					t.Errorf("got 0x%x %v, want 0x%x", v.Uint(), v.State, want)
				}
			})
		}
	}
}

// newCall is newFake with a caller that passed 0x2222 in r0, what it was itself
// passed in r1 plus 1, and more.
func newCall(ptr int) *fake {
	outermost := newFake(ptr, binary.LittleEndian)
	middle := newFake(ptr, binary.LittleEndian)
	middle.caller = outermost
	middle.passed = map[string][]byte{"\x54": {0x0a, 0x22, 0x22}}
	f := newFake(ptr, binary.LittleEndian)
	f.caller = middle
	f.passed = map[string][]byte{
		"\x50":         {0x0a, 0x22, 0x22},
		"\x51":         {0xa3, 1, 0x54, 0x23, 1},
		"\x90\x28":     {0x08, 0x77},
		"\x60":         float64s(2.5),
		"\x53":         {0x30, 0x9f, 0x93, 4},
		"\x55":         {0x79, 0}, // r9, which is missing there
		"\x5a":         {0x0c, 0, 0, 0x80, 0x3f},
		"\x56":         nil,
		"parameter":    {0x08, 0x55},
		"\x90\xac\x02": {0x08, 0x78},
	}
	f.deref = map[string][]byte{"\x50": {0x08, 0x99}, "\x51": {0x0a, 0x34, 0x12}}
	return f
}

// TestFails lists what has no result, with the reason and its text.
func TestFails(t *testing.T) {
	tests := []struct {
		name string
		expr []byte
		why  Presence
		text string
	}{
		{"underflow", op(0x35, 0x22), Broken, "DW_OP_plus at offset 1: the stack has fewer than 2 entries"},
		{"plus_uconst on nothing", op(0x23, 1), Broken, "fewer than 1"},
		{"pick too deep", op(0x35, 0x15, 1), Broken, "no entry 1"},
		{"division by zero", op(0x35, 0x30, 0x1b), Broken, "DW_OP_div at offset 2: division by zero"},
		{"mod by zero", op(0x35, 0x30, 0x1d), Broken, "division by zero"},
		{"128 by zero", cat(int128s(tU128, 1, 0), int128s(tU128, 0, 0), op(0x1b)), Broken, "division by zero"},
		{"cut operand", op(0x0c, 1, 2), Broken, "DW_OP_const4u at offset 0: the expression ends inside the operator"},
		{"cut LEB128", op(0x10, 0x80), Broken, "ends inside"},
		{"cut block", op(0x9e, 5, 1), Broken, "ends inside"},
		{"huge block", op(0x9e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), Broken, "ends inside"},
		{"nothing left", op(0x35, 0x13), Broken, "no result"},
		{"jump before the start", op(0x2f, 0xfc, 0xff), Broken, "a jump out"},
		{"jump past the end", op(0x2f, 1, 0), Broken, "a jump out"},
		{"endless", op(0x2f, 0xfd, 0xff), Unsupported, "DW_OP_skip at offset 0: still running after 10000"},
		{"endless pushes", op(0x30, 0x2f, 0xfc, 0xff), Unsupported, "the stack has over 1024"},
		{"endless recursion", op(0x98, 0x42, 0), Unsupported, "nested"},
		{"unknown", op(0x01), Unsupported, "operator 0x01 at offset 0: unknown"},
		{"call of nothing", op(0x98, 0x99, 0), Broken, "no entry at offset 0x99"},
		{"xderef", op(0x35, 0x35, 0x18), Unsupported, "DW_OP_xderef at offset 2: address spaces"},
		{"xderef_size", op(0x35, 0x35, 0x95, 1), Unsupported, "address spaces"},
		{"xderef_type", op(0x35, 0x35, 0xa7, 1, tU8), Unsupported, "address spaces"},
		{"TLS", op(0x35, 0x9b), Unsupported, "DW_OP_form_tls_address at offset 1: thread-local storage"},
		{"GNU TLS", op(0x35, 0xe0), Unsupported, "thread-local storage"},
		{"WASM", op(0xed, 0, 0), Unsupported, "DW_OP_WASM_location at offset 0"},
		{"GNU_encoded_addr", op(0xf1, 0), Unsupported, "DW_OP_GNU_encoded_addr"},
		{"GNU_variable_value", op(0xfd, 0, 0, 0, 0), Unsupported, "DW_OP_GNU_variable_value"},
		{"deref_size 0", op(0x70, 0, 0x94, 0), Broken, "0 bytes"},
		{"deref_size 5", op(0x70, 0, 0x94, 5), Broken, "5 bytes, on a target with addresses of 4"},
		{"no memory", op(0x75, 0, 0x06), NotInDump, "DW_OP_deref at offset 2: memory not in dump at 0x00001500"},
		{"half a word", op(0x71, 0xfe, 0x01, 0x06), NotInDump, "memory not in dump at 0x00001200"},
		{"missing register", op(0x79, 0), NotInDump, "DW_OP_breg9 at offset 0: register r9 is not in the dump"},
		{"unknown register", op(0x92, 0xac, 2, 0), NotInDump, "register 300 (DWARF number) is not in the dump"},
		{"missing register as a type", op(0xa5, 9, tU32), NotInDump, "register r9"},
		{"narrow register", op(0xa5, 0, tU64), Unsupported, "register r0 of 32 bits is too narrow for a type of 8 bytes"},
		{"no such address", op(0xa1, 2), Broken, "no entry 2 in .debug_addr"},
		{"no such type", op(0x35, 0xa8, 0x77), Broken, "no base type at offset 0x77"},
		{"type too large", op(0x35, 0xa8, tHuge), Unsupported, "a type of 17 bytes"},
		{"const_type of another size", typed(tU32, 1), Broken, "a constant of 1 bytes of a type of 4"},
		{"deref_type of another size", op(0x70, 0, 0xa6, 2, tU32), Broken, "2 bytes of a type of 4"},
		{"reinterpret of another size", op(0x35, 0xa9, tU64), Broken, "differ in size"},
		{"mixed types", cat(int64s(tS64, 1), int32s(tS32, 1), op(0x22)), Broken, "operands of different"},
		{"mixed signs", cat(int32s(tU32, 1), int32s(tS32, 1), op(0x22)), Broken, "operands of different"},
		{"float and", cat(float64s(1), float64s(1), op(0x1a)), Broken, "unfit types"},
		{"float mod", cat(float64s(1), float64s(1), op(0x1d)), Broken, "unfit types"},
		{"float not", cat(float64s(1), op(0x20)), Broken, "unfit types"},
		{"float shl", cat(float64s(1), op(0x31, 0x24)), Broken, "unfit types"},
		{"float plus_uconst", cat(float64s(1), op(0x23, 1)), Broken, "unfit types"},
		{"float bra", cat(float64s(1), op(0x28, 0, 0)), Broken, "unfit types"},
		{"float address", cat(float64s(1), op(0x06)), Broken, "the address is no integer"},
		{"float place", float64s(1), Broken, "the address is no integer"},
		{"double out of range", cat(float64s(1e10), op(0xa8, tS32)), Unsupported, "no counterpart"},
		{"NaN to int", cat(float64s(math.NaN()), op(0xa8, tS32)), Unsupported, "no counterpart"},
		{"long double plus", cat(int128s(tF80, 0, 0), int128s(tF80, 0, 0), op(0x22)), Broken, "unfit types"},
		{"long double converted", cat(int128s(tF80, 0, 0), op(0xa8, tF64)), Unsupported, "no counterpart"},
		{"long double negated", cat(int128s(tF80, 0, 0), op(0x1f)), Broken, "unfit types"},
		{"long double abs", cat(int128s(tF80, 0, 0), op(0x19)), Broken, "unfit types"},
		{"long double compared", cat(int128s(tF80, 0, 0), int128s(tF80, 0, 0), op(0x29)), Broken, "unfit types"},
		{"register then something", op(0x50, 0x35), Broken, "only a piece may follow"},
		{"value then something", op(0x35, 0x9f, 0x35), Broken, "only a piece may follow"},
		{"last place without piece", op(0x50, 0x93, 4, 0x51), Broken, "the last place has no piece"},
		{"huge piece", op(0x50, 0x93, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), Broken, "a piece of"},
		{"far bit_piece", op(0x50, 0x9d, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), Broken, "a piece of 1 bits at"},
		{"no object", op(0x97), Unsupported, "no object"},
		{"no caller for a parameter", op(0xa3, 1, 0x56), NotInDump, "register pc is not in the dump"},
		{"const_type of nothing", typed(0x77, 1), Broken, "no base type"},
		{"regval_type of nothing", op(0xa5, 0, 0x77), Broken, "no base type"},
		{"deref_type of nothing", op(0x70, 0, 0xa6, 1, 0x77), Broken, "no base type"},
		{"reinterpret as nothing", op(0x35, 0xa9, 0x77), Broken, "no base type"},
		{"entry_value as nothing", op(0xa3, 3, 0xa5, 0, 0x77), Broken, "no base type"},
		{"deref_type of a gap", op(0x75, 0, 0xa6, 1, tU8), NotInDump, "memory not in dump"},
		{"compare mixed", cat(int64s(tS64, 1), int32s(tS32, 1), op(0x2d)), Broken, "operands of different"},
		{"literal with a float", cat(op(0x31), float64s(1), op(0x22)), Broken, "operands of different"},
		{"generic with a wider type", cat(op(0x31), int64s(tS64, 1), op(0x22)), Broken, "operands of different"},
		{"generic that does not fit", cat(op(0x0a, 0, 1), typed(tU8, 1), op(0x22)), Broken, "operands of different"},
		{"piece of a float", cat(float64s(1), op(0x93, 8)), Broken, "the address is no integer"},
		{"no call site", op(0xa3, 1, 0x57), OptimisedOut, "DW_OP_entry_value at offset 0: no call site says so"},
		{"missing in the caller", op(0xa3, 1, 0x55), NotInDump, "register r9 is not in the dump"},
		{"pieces passed", op(0xa3, 1, 0x53), Unsupported, "a value in pieces"},
		{"empty entry_value", op(0xa3, 0), Unsupported, "more than a register"},
		{"entry_value of an expression", op(0xa3, 2, 0x70, 4), Unsupported, "more than a register"},
		{"entry_value of two", op(0xa3, 2, 0x50, 0x51), Unsupported, "more than a register"},
		{"entry_value of no bytes", op(0xa3, 4, 0x70, 0, 0x94, 0), Unsupported, "more than a register"},
		{"entry_value cut", op(0xa3, 1, 0x90), Unsupported, "more than a register"},
		{"entry_value of a narrower float", op(0xa3, 3, 0xa5, 16, tF32), OptimisedOut, "another type"},
		{"entry_value of another size", op(0xa3, 3, 0xa5, 0, tU64, 0x9f), OptimisedOut, "another type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newCall(4)
			f.procedures[0x42] = []byte{0x98, 0x42, 0}
			l, err := Eval(tt.expr, f)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v", l, err)
			}
			if e.Reason != tt.why || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %d %q, want %d %q", e.Reason, err, tt.why, tt.text)
			}
		})
	}
	if _, err := Eval(op(0xfa, 0, 0, 0, 0), newFake(4, binary.LittleEndian)); err == nil || err.Error() != "DW_OP_GNU_parameter_ref at offset 0: no call site says so" {
		t.Error(err)
	}
	if _, err := Compute(nil, newFake(4, binary.LittleEndian)); err == nil || err.Error() != "the expression is empty" {
		t.Error(err)
	}
	var gap *elfcore.GapError
	if _, err := Eval(op(0x75, 0, 0x06), newFake(4, binary.LittleEndian)); !errors.As(err, &gap) || gap.Addr != 0x1500 {
		t.Errorf("the gap is lost: %v", err)
	}
}

// TestNoFrameBase: unknown CFA and frame base.
func TestNoFrameBase(t *testing.T) {
	f := newFake(4, binary.LittleEndian)
	f.cfa = Value{}
	for _, base := range [][]byte{nil, {0x9c}, {0x59}, {}, {0x91, 0}, float64s(1)} {
		f.base = base
		l, err := Eval(op(0x91, 0), f)
		if err == nil {
			t.Errorf("frame base %x: got %v", base, l)
		}
	}
	f.base = []byte{0x58} // the value of r8, which is stale
	l, err := Eval(op(0x91, 0x08), f)
	if a, s, ok := l.Address(); err != nil || a != 0x1010 || s != elfcore.Suspect || !ok {
		t.Errorf("got %v %v %v, %v", a, s, ok, err)
	}
}

// TestStates: a result is as good as the worst that it was computed from.
func TestStates(t *testing.T) {
	tests := []struct {
		name string
		expr []byte
		want elfcore.State
	}{
		{"known", op(0x70, 0, 0x71, 0, 0x22), elfcore.Known},
		{"register", op(0x78, 0), elfcore.Suspect},
		{"memory", op(0x71, 0, 0x06), elfcore.Suspect},
		{"memory at a stale address", op(0x78, 0, 0x94, 1), elfcore.Suspect},
		{"sum", op(0x70, 0, 0x78, 0, 0x22), elfcore.Suspect},
		{"sum the other way", op(0x78, 0, 0x70, 0, 0x22), elfcore.Suspect},
		{"comparison", op(0x70, 0, 0x78, 0, 0x29), elfcore.Suspect},
		{"shift", op(0x31, 0x78, 0, 0x24), elfcore.Suspect},
		{"negation", op(0x78, 0, 0x1f), elfcore.Suspect},
		{"conversion", op(0x78, 0, 0xa8, tS64), elfcore.Suspect},
		{"typed register", op(0xa5, 8, tU16), elfcore.Suspect},
		{"typed float", op(0xa5, 8, tS32, 0xa8, tF64, 0xa8, tF32), elfcore.Suspect},
		{"dropped", op(0x70, 0, 0x78, 0, 0x13), elfcore.Known},
		{"uninitialised", op(0x70, 0, 0xf0), elfcore.Suspect},
		{"uninitialised register", op(0x50, 0xf0), elfcore.Suspect},
		{"a jump by a stale condition", op(0x78, 0, 0x28, 1, 0, 0x35, 0x36), elfcore.Suspect},
	}
	for _, tt := range tests {
		v, err := Compute(tt.expr, newFake(4, binary.LittleEndian))
		if err != nil || v.State != tt.want {
			t.Errorf("%s: got %v, %v, want %v", tt.name, v.State, err, tt.want)
		}
	}
}

// TestOffsets64: references between units have 8 bytes in 64-bit DWARF.
func TestOffsets64(t *testing.T) {
	f := newFake(4, binary.LittleEndian)
	f.offset = 8
	l, err := Eval(op(0xa0, 1, 2, 3, 4, 5, 0, 0, 0, 0x7c), f)
	entry, delta, ok := l.Pointer()
	if err != nil || !ok || entry != 0x504030201 || delta != -4 {
		t.Errorf("got 0x%x %d %v, %v", entry, delta, ok, err)
	}
	if v, err := Compute(op(0x35, 0x9a, 0x40, 0, 0, 0, 0, 0, 0, 0), f); err != nil || v.Uint() != 9 {
		t.Errorf("got %v, %v", v, err)
	}
}

// TestBigEndian: operands and memory.
func TestBigEndian(t *testing.T) {
	f := newFake(4, binary.BigEndian)
	for name, tt := range map[string]struct {
		expr []byte
		want uint64
	}{
		"const2u":    {op(0x0a, 1, 2), 0x0102},
		"addr":       {op(0x03, 1, 2, 3, 4), 0x01020304},
		"deref":      {op(0x70, 4, 0x06), 0x04050607},
		"deref_size": {op(0x70, 4, 0x94, 3), 0x040506},
		"skip":       {op(0x35, 0x2f, 0, 1, 0x36), 5},
		"const_type": {op(0xa4, tU16, 2, 1, 2), 0x0102},
		"implicit":   {op(0x9e, 2, 1, 2), 0x0102},
		"128":        {op(0x70, 4, 0xa6, 16, tU128), 0x0c0d0e0f10111213},
	} {
		if v, err := Compute(tt.expr, f); err != nil || v.Uint() != tt.want {
			t.Errorf("%s: got 0x%x, %v, want 0x%x", name, v.Uint(), err, tt.want)
		}
	}
}

// TestInitial: the stack and the object that a caller gives; call frame
// information and what it must not hold.
func TestInitial(t *testing.T) {
	f := newFake(4, binary.LittleEndian)
	object := Word(0x1010, elfcore.Recovered)
	// A virtual base's place: *(object's first word - 24) (C++ ABI).
	v, err := Compute(op(0x12, 0x94, 1, 0x22), f, object)
	if err != nil || v.Uint() != 0x1020 || v.State != elfcore.Recovered {
		t.Errorf("got 0x%x %v, %v", v.Uint(), v.State, err)
	}
	if v, err := Compute(op(0x13, 0x97, 0x23, 4), f, object); err != nil || v.Uint() != 0x1014 {
		t.Errorf("push_object_address: got 0x%x, %v", v.Uint(), err)
	}
	if v, err := ComputeCFI(op(0x1c), f, Word(0x2000, elfcore.Known), Word(1<<33+8, elfcore.Known)); err != nil || v.Uint() != 0x1ff8 {
		t.Errorf("ComputeCFI: got 0x%x, %v", v.Uint(), err)
	}
	for _, code := range []byte{0x91, 0x97, 0x98, 0x99, 0x9a, 0x9c, 0xa1, 0xa2, 0xa4, 0xa5, 0xa6, 0xa8, 0xa9} {
		_, err := ComputeCFI(op(code, 0, 0, 0, 0, 0, 0, 0), f, object)
		if err == nil || !strings.Contains(err.Error(), "not allowed in call frame information") {
			t.Errorf("operator 0x%02x: %v", code, err)
		}
	}
	if v, err := ComputeCFI(nil, f); err == nil {
		t.Errorf("an empty expression is %v", v)
	}
}

// TestInt reads results with a sign.
func TestInt(t *testing.T) {
	f := newFake(4, binary.LittleEndian)
	for _, tt := range []struct {
		expr []byte
		want int64
	}{
		{op(0x09, 0xff), -1},
		{int32s(tU32, -1), 0xffffffff},
		{int64s(tS64, -1), -1},
		{typed(tS8, 0xff), -1},
	} {
		if v, err := Compute(tt.expr, f); err != nil || v.Int() != tt.want {
			t.Errorf("%x: got %d, %v, want %d", tt.expr, v.Int(), err, tt.want)
		}
	}
}
