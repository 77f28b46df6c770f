package location

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"corelift/elfcore"
)

// TestPlaces: what each description of a place gives.
func TestPlaces(t *testing.T) {
	const known = elfcore.Known
	tests := []struct {
		name string
		expr []byte
		want []Piece
	}{
		{"empty", nil, []Piece{{}}},
		{"memory", op(0x70, 4), []Piece{{Kind: InMemory, Addr: 0x1004, State: known}}},
		{"memory by a typed address", op(0x70, 4, 0xa8, tS64), []Piece{{Kind: InMemory, Addr: 0x1004, State: known}}},
		{"reg", op(0x53), []Piece{{Kind: InRegister, Register: 3, State: known}}},
		{"regx", op(0x90, 0xac, 2), []Piece{{Kind: InRegister, Register: 300, State: known}}},
		{"uninitialised", op(0x53, 0xf0), []Piece{{Kind: InRegister, Register: 3, State: elfcore.Suspect}}},
		{"stack_value", op(0x70, 4, 0x9f), []Piece{{Kind: Implicit, Bytes: []byte{4, 0x10, 0, 0}, State: known}}},
		{"stack_value of a type", cat(float64s(1), op(0x9f)), []Piece{{Kind: Implicit, Bytes: []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, State: known}}},
		{"stale stack_value", op(0x78, 0, 0x9f), []Piece{{Kind: Implicit, Bytes: []byte{8, 0x10, 0, 0}, State: elfcore.Suspect}}},
		{"implicit_value", op(0x9e, 3, 1, 2, 3), []Piece{{Kind: Implicit, Bytes: []byte{1, 2, 3}, State: known}}},
		{"implicit_pointer", op(0xa0, 4, 3, 2, 1, 8), []Piece{{Kind: ImplicitPointer, Entry: 0x01020304, Delta: 8, State: known}}},
		{"GNU_implicit_pointer", op(0xf2, 4, 3, 2, 1, 0x7f), []Piece{{Kind: ImplicitPointer, Entry: 0x01020304, Delta: -1, State: known}}},
		{"pieces", op(0x50, 0x93, 4, 0x93, 2, 0x70, 8, 0x93, 1, 0x30, 0x9f, 0x93, 4), []Piece{
			{Kind: InRegister, Register: 0, State: known, Bits: 32},
			{Bits: 16},
			{Kind: InMemory, Addr: 0x1008, State: known, Bits: 8},
			{Kind: Implicit, Bytes: make([]byte, 8), State: known, Bits: 32},
		}},
		{"bit_pieces", op(0x50, 0x9d, 3, 5, 0x9d, 5, 0), []Piece{{Kind: InRegister, State: known, Bits: 3, BitOff: 5}, {Bits: 5}}},
		{"an address for two pieces", op(0x70, 0, 0x12, 0x93, 4, 0x23, 8, 0x93, 4), []Piece{
			{Kind: InMemory, Addr: 0x1000, State: known, Bits: 32}, {Kind: InMemory, Addr: 0x1008, State: known, Bits: 32},
		}},
		{"empty pieces", op(0x50, 0x93, 0, 0x93, 0), []Piece{}},
		{"implicit pointer in a piece", op(0xa0, 4, 0, 0, 0, 0, 0x93, 4), []Piece{{Kind: ImplicitPointer, Entry: 4, State: known, Bits: 32}}},
		{"pieces chosen by a stale condition", op(0x78, 0, 0x28, 0, 0, 0x50, 0x93, 4), []Piece{{Kind: InRegister, State: elfcore.Suspect, Bits: 32}}},
	}
	for _, tt := range tests {
		l, err := Eval(tt.expr, newFake(4, binary.LittleEndian))
		if err != nil || !reflect.DeepEqual(l.Pieces, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, l.Pieces, err, tt.want)
		}
	}
}

// TestWideConstant: constants keep what a computed value loses.
func TestWideConstant(t *testing.T) {
	for _, tt := range []struct {
		name  string
		order binary.ByteOrder
		expr  []byte
		want  string
	}{
		{"consts", binary.LittleEndian, op(0x11, 0x7e, 0x9f), "feffffffffffffff"},
		{"constu", binary.LittleEndian, op(0x10, 0xbc, 0xb5, 0xe2, 0xb3, 0xc5, 0xc6, 0x04, 0x9f), "bc9a785634120000"},
		{"lit", binary.LittleEndian, op(0x35, 0x9f), "0500000000000000"},
		{"big-endian", binary.BigEndian, op(0x11, 0x7e, 0x9f), "fffffffffffffffe"},
		{"in a piece", binary.LittleEndian, op(0x35, 0x9f, 0x93, 4, 0x93, 4), "05000000----"},
		{"shifted", binary.LittleEndian, op(0x10, 0xbc, 0xb5, 0xe2, 0xb3, 0xc5, 0xc6, 0x04, 0x08, 32, 0x25, 0x9f), "3412000000000000"},
		{"sign extended in 64 bits", binary.LittleEndian, op(0x0e, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x32, 0x25, 0x9f), "c0ffff3f----"},
		{"computed", binary.LittleEndian, op(0x11, 0x7e, 0x1f, 0x9f), "02000000----"},
		{"jumped over", binary.LittleEndian, op(0x11, 0x7e, 0x31, 0x28, 1, 0, 0x33, 0x9f), "feffffff----"},
		{"address", binary.LittleEndian, op(0x03, 4, 0, 0, 0x80, 0x9f), "04000080----"},
	} {
		f := newFake(4, tt.order)
		l, err := Eval(tt.expr, f)
		if got := show(l.Slice(0, 64).Read(f)); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
		if v, err := Compute(op(0x11, 0x7e, 0x9f), f); err != nil || v.Int() != -2 {
			t.Errorf("as a value: %d, %v", v.Int(), err)
		}
	}
}

// TestAddress: what has an address, and members of it.
func TestAddress(t *testing.T) {
	whole := At(0x1000, elfcore.Recovered)
	for _, tt := range []struct {
		name string
		loc  Location
		want elfcore.Addr
		ok   bool
	}{
		{"whole", whole, 0x1000, true},
		{"member", whole.Slice(32, 16), 0x1004, true},
		{"member of a member", whole.Slice(32, 16).Slice(8, 8), 0x1005, true},
		{"bit-field", whole.Slice(33, 3), 0, false},
		{"past a member's end", whole.Slice(0, 8).Slice(8, 8), 0, false},
		{"across a member's end", whole.Slice(0, 16).Slice(8, 16), 0, false},
		{"nothing", whole.Slice(0, 0), 0, false},
		{"before", whole.Slice(-8, 8), 0, false},
		{"constant", Location{Pieces: []Piece{{Kind: Implicit, Bytes: []byte{1}}}}, 0, false},
	} {
		a, s, ok := tt.loc.Address()
		if ok != tt.ok || a != tt.want || ok != (s == elfcore.Recovered) {
			t.Errorf("%s: %v %v %v", tt.name, a, s, ok)
		}
	}
	pointer := Location{Pieces: []Piece{{Kind: ImplicitPointer, Entry: 7, Delta: 4}}}
	if entry, delta, ok := pointer.Slice(0, 32).Pointer(); entry != 7 || delta != 4 || !ok {
		t.Errorf("pointer: %d %d %v", entry, delta, ok)
	}
	if _, _, ok := pointer.Slice(8, 24).Pointer(); ok {
		t.Error("a part of a pointer is none")
	}
}

// TestTooLarge: a size that the file says allocates nothing.
func TestTooLarge(t *testing.T) {
	f := newFake(4, binary.LittleEndian)
	c := At(0x1000, elfcore.Known).Slice(0, 1<<40).Read(f)
	if c.Bytes != nil || c.Presence != Unsupported || c.Err == nil {
		t.Errorf("%+v", c)
	}
	if got := c.Err.Error(); got != "137438953472 bytes are more than can be read at once" {
		t.Error(got)
	}
}

// TestExtended: numbers of the x87.
func TestExtended(t *testing.T) {
	for _, tt := range []struct {
		fraction uint64
		top      uint16
		want     float64
	}{
		{1 << 63, 0x3fff, 1},
		{1 << 63, 0xc000, -2},
		{0xc90fdaa22168c235, 0x4000, math.Pi},
		{0, 0, 0},
		{0, 0x8000, math.Copysign(0, -1)},
		{1 << 63, 0x7fff, math.Inf(1)},
		{1 << 63, 0xffff, math.Inf(-1)},
		{3 << 62, 0x7fff, math.NaN()},
		{1, 0, 0}, // far too small for a double
	} {
		b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(nil, tt.fraction), tt.top)
		got := extended(b)
		if math.Float64bits(got) != math.Float64bits(tt.want) && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%x: got %v, want %v", b, got, tt.want)
		}
	}
}

// one is a part of an object and what it must read as: "-" for a byte that is
// optimised out, "?" for one not in the dump, "*" for an implicit pointer's.
type one struct {
	off, size int64
	want      string
	state     elfcore.State
}

func show(c Content) string {
	if c.Each == nil && c.Presence == Present {
		return fmt.Sprintf("%x", c.Bytes)
	}
	var b strings.Builder
	for i, p := range c.Each {
		b.WriteString(map[Presence]string{OptimisedOut: "-", NotInDump: "?", Synthetic: "*", Present: fmt.Sprintf("%02x", c.Bytes[i])}[p])
	}
	return b.String()
}

// TestRead slices and reads locations.
func TestRead(t *testing.T) {
	const known, suspect, missing = elfcore.Known, elfcore.Suspect, elfcore.Missing
	half := op(0x51, 0x93, 4, 0x93, 4, 0x70, 0x10, 0x93, 4, 0x59, 0x93, 4) // r1, nothing, memory at 0x1010, r9
	bits := op(0x35, 0x9f, 0x9d, 3, 0, 0x93, 0, 0x71, 0, 0x9d, 6, 8, 0x9d, 7, 0)
	tests := []struct {
		name  string
		order binary.ByteOrder
		expr  []byte
		reads []one
	}{
		{"memory", binary.LittleEndian, op(0x70, 0x10), []one{
			{0, 32, "10111213", known}, {8, 16, "1112", known}, {4, 8, "11", known}, {3, 5, "02", known}, {12, 12, "2101", known},
		}},
		{"memory", binary.BigEndian, op(0x70, 0x10), []one{
			{0, 32, "10111213", known}, {8, 16, "1112", known}, {4, 8, "01", known}, {3, 5, "10", known}, {4, 12, "0011", known}, {0, 3, "00", known}, {8, 4, "01", known},
		}},
		{"stale memory", binary.LittleEndian, op(0x70, 0xfe, 0x01), []one{{0, 16, "feff", known}, {0, 32, "feff0001", suspect}}},
		{"stale address", binary.LittleEndian, op(0x78, 0), []one{{0, 8, "08", suspect}}},
		{"gap", binary.LittleEndian, op(0x71, 0xfc, 0x01), []one{{0, 32, "fcfdfeff", suspect}, {0, 64, "fcfdfeff????", suspect}, {32, 16, "??", missing}, {28, 8, "?", missing}, {20, 8, "ff", suspect}}},
		{"register", binary.LittleEndian, op(0x51), []one{{0, 32, "00110000", known}, {0, 8, "00", known}, {8, 8, "11", known}, {0, 64, "00110000----", known}, {32, 32, "----", missing}}},
		{"register", binary.BigEndian, op(0x51), []one{{0, 32, "00001100", known}, {0, 16, "1100", known}, {0, 64, "----00001100", known}}},
		{"stale register", binary.LittleEndian, op(0x58), []one{{0, 32, "08100000", suspect}}},
		{"missing register", binary.LittleEndian, op(0x59), []one{{0, 32, "????", missing}, {8, 8, "?", missing}}},
		{"unknown register", binary.LittleEndian, op(0x90, 99), []one{{0, 32, "????", missing}}},
		{"wide register", binary.LittleEndian, op(0x90, 17), []one{{0, 128, "000102030405060708090a0b0c0d0e0f", known}, {64, 32, "08090a0b", known}}},
		{"wide register", binary.BigEndian, op(0x90, 17), []one{{0, 32, "03020100", known}}},
		{"x87 double", binary.LittleEndian, op(0x90, 18), []one{
			{0, 64, "000000000000f8bf", known}, {0, 32, "0000c0bf", known},
			{0, 80, "00000000000000c0ffbf", known}, {0, 96, "00000000000000c0ffbf0000", known}, {0, 128, "00000000000000c0ffbf000000000000", known},
		}},
		{"constant", binary.LittleEndian, op(0x35, 0x9f), []one{{0, 32, "05000000", known}, {0, 8, "05", known}, {0, 1, "01", known}, {1, 2, "02", known}, {0, 64, "0500000000000000", known}}},
		{"value", binary.BigEndian, op(0x35, 0x23, 0, 0x9f), []one{{0, 32, "00000005", known}, {0, 8, "05", known}, {0, 64, "----00000005", known}, {24, 8, "05", known}}},
		{"implicit", binary.BigEndian, op(0x9e, 4, 1, 2, 3, 4), []one{{0, 32, "01020304", known}, {8, 8, "02", known}}},
		{"empty", binary.LittleEndian, nil, []one{{0, 32, "----", missing}, {8, 8, "-", missing}}},
		{"implicit pointer", binary.LittleEndian, op(0xa0, 4, 0, 0, 0, 0), []one{{0, 32, "****", missing}}},
		{"half", binary.LittleEndian, half, []one{
			{0, 32, "00110000", known}, {32, 32, "----", missing}, {64, 32, "10111213", known}, {96, 32, "????", missing},
			{0, 128, "00110000----10111213????", known}, {16, 32, "0000--", known}, {88, 16, "13?", known}, {128, 8, "-", missing}, {120, 16, "?-", missing},
		}},
		{"half", binary.BigEndian, half, []one{{0, 32, "00001100", known}, {16, 32, "1100--", known}, {64, 32, "10111213", known}}},
		// 101, then bits 8-13 of 0x0100 (0x01, of which 6: 000001), then 7 that are lost.
		{"bits", binary.LittleEndian, bits, []one{{0, 3, "05", known}, {3, 6, "01", known}, {0, 9, "0d00", known}, {0, 16, "0d-", known}, {9, 7, "-", missing}}},
		// Big-endian: 0x71 0: memory at 0x1100 is 00 01 ..., bits 8-13 from the top of 01 are 000000.
		{"bits", binary.BigEndian, bits, []one{{0, 3, "05", known}, {3, 6, "00", known}, {0, 9, "0140", known}}},
		{"high half of a register", binary.LittleEndian, op(0x51, 0x9d, 8, 8, 0x51, 0x9d, 8, 0), []one{{0, 16, "1100", known}}},
		{"high half of a register", binary.BigEndian, op(0x51, 0x9d, 8, 8, 0x51, 0x9d, 8, 0), []one{{0, 16, "1100", known}}},
		{"past the register", binary.LittleEndian, op(0x51, 0x9d, 16, 24), []one{{0, 16, "00-", known}, {0, 8, "00", known}, {8, 8, "-", missing}}},
	}
	for _, tt := range tests {
		f := newFake(4, tt.order)
		if tt.name == "bits" {
			f.memory = elfcore.Memory{}
			f.memory.Add(elfcore.NewRegion(0x1100, []byte{0, 1, 2, 3}, 6, known, 0))
		}
		l, err := Eval(tt.expr, f)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for _, r := range tt.reads {
			c := l.Slice(r.off, r.size).Read(f)
			if got := show(c); got != r.want || c.State != r.state {
				t.Errorf("%s, %v: %d bits at %d: got %s %v, want %s %v", tt.name, tt.order, r.size, r.off, got, c.State, r.want, r.state)
			}
			if lost := strings.Contains(r.want, "?"); lost != (c.Err != nil) {
				t.Errorf("%s, %v: %d bits at %d: error %v", tt.name, tt.order, r.size, r.off, c.Err)
			}
			if again := l.Slice(0, 256).Slice(r.off, r.size).Read(f); tt.order == binary.LittleEndian && tt.name != "x87 double" && show(again) != r.want {
				t.Errorf("%s: %d bits at %d, sliced twice: got %s, want %s", tt.name, r.size, r.off, show(again), r.want)
			}
		}
	}
}
