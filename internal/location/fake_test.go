package location

import (
	"encoding/binary"
	"errors"

	"corelift/elfcore"
)

// fake is a frame and what its unit says, all in maps.
type fake struct {
	ptr, offset int
	order       binary.ByteOrder
	regs        map[uint64]Register
	memory      elfcore.Memory
	cfa         Value
	base        []byte
	addresses   []uint64
	types       map[uint64]BaseType
	procedures  map[uint64][]byte // by offset of the unit, +1<<32 if global
	passed      map[string][]byte // by argument's location, or "parameter"
	deref       map[string][]byte
	caller      *fake
}

func (f *fake) PtrSize() int               { return f.ptr }
func (f *fake) Order() binary.ByteOrder    { return f.order }
func (f *fake) Register(n uint64) Register { return f.regs[n] }
func (f *fake) Memory(p []byte, a elfcore.Addr) (elfcore.State, error) {
	return f.memory.Read(p, a)
}
func (f *fake) OffsetSize() int   { return f.offset }
func (f *fake) CFA() Value        { return f.cfa }
func (f *fake) FrameBase() []byte { return f.base }

func (f *fake) Loaded(a uint64) uint64 { return a }

func (f *fake) Constant(i uint64) (uint64, bool) { return f.Address(i) }

func (f *fake) Address(i uint64) (uint64, bool) {
	if i >= uint64(len(f.addresses)) {
		return 0, false
	}
	return f.addresses[i], true
}

func (f *fake) BaseType(off uint64) (BaseType, bool) {
	b, ok := f.types[off]
	return b, ok
}

func (f *fake) Procedure(off uint64, global bool) ([]byte, bool) {
	if global {
		off += 1 << 32
	}
	b, ok := f.procedures[off]
	return b, ok
}

func (f *fake) Passed(a Argument) ([]byte, Scope, error) {
	from, key := f.passed, string(a.Location)
	if a.Deref {
		from = f.deref
	}
	if a.Location == nil {
		key = "parameter"
	}
	b, ok := from[key]
	if ok && b == nil {
		return nil, nil, noRegister(0, Register{Name: "pc"})
	}
	if !ok || f.caller == nil {
		return nil, nil, errors.New("no call site says so")
	}
	return b, f.caller, nil
}

// Offsets of the fake's base types.
const (
	tS8 = 0x10 + iota
	tU8
	tS16
	tU16
	tS32
	tU32
	tS64
	tU64
	tS128
	tU128
	tF32
	tF64
	tF80
	tBool
	tHuge
)

var baseTypes = map[uint64]BaseType{
	tS8: {1, 5}, tU8: {1, 8}, tS16: {2, 5}, tU16: {2, 7}, tS32: {4, 5}, tU32: {4, 7}, tS64: {8, 5}, tU64: {8, 7},
	tS128: {16, 5}, tU128: {16, 7}, tF32: {4, 4}, tF64: {8, 4}, tF80: {16, 4}, tBool: {1, 2}, tHuge: {17, 7},
}

// newFake is a frame with registers r0-r7 = 0x1000, 0x1100 ..., f0 = -1.5 in
// 8 bytes as 16, v0 of 128 bits as 17, a stale r8, and 256 bytes of memory at
// 0x1000 that hold their own offsets; 0x1100 on is Suspect; 0x1200 a gap.
func newFake(ptr int, order binary.ByteOrder) *fake {
	f := &fake{
		ptr: ptr, offset: 4, order: order, types: baseTypes,
		regs:       map[uint64]Register{},
		cfa:        Word(0x1040, elfcore.Known),
		base:       []byte{0x9c},
		addresses:  []uint64{0x1010, 0x1020},
		procedures: map[uint64][]byte{0x40: {0x33, 0x22}, 0x41: {}, 1<<32 + 0x40: {0x34, 0x22}},
	}
	for i := range uint64(8) {
		f.regs[i] = Register{Name: "r" + string(rune('0'+i)), Bits: 8 * ptr, Low: 0x1000 + 0x100*i, State: elfcore.Known}
	}
	f.regs[8] = Register{Name: "r8", Bits: 8 * ptr, Low: 0x1008, State: elfcore.Suspect}
	f.regs[9] = Register{Name: "r9", Bits: 8 * ptr}
	f.regs[16] = Register{Name: "f0", Bits: 64, Low: 0xbff8_0000_0000_0000, State: elfcore.Known}
	f.regs[17] = Register{Name: "v0", Bits: 128, Low: 0x0706050403020100, Wide: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, State: elfcore.Known}
	f.regs[18] = Register{Name: "st0", Bits: 80, Low: 1 << 63, Wide: []byte{0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xbf}, State: elfcore.Known} // -1.5
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	f.memory.Add(elfcore.NewRegion(0x1000, bytes, 6, elfcore.Known, 0))
	f.memory.Add(elfcore.NewRegion(0x1100, bytes, 6, elfcore.Suspect, 0))
	return f
}
