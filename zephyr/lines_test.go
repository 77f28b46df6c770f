package zephyr

import (
	"bytes"
	"testing"
)

// stored makes a store of lines of these sizes; a negative one is damaged.
func stored(sizes ...int) *lineStore {
	l := &lineStore{}
	for i, n := range sizes {
		l.add(bytes.Repeat([]byte{byte(i + 1)}, max(n, -n)), n < 0, 10+i, int64(100*i))
	}
	return l
}

func TestExact(t *testing.T) {
	for _, c := range []struct {
		sizes      []int
		i, n       int
		pos, count int
		ok         bool
	}{
		{[]int{32, 32, 4}, 0, 68, 0, 3, true},
		{[]int{32, 32, 4}, 1, 36, 32, 2, true},
		{[]int{32, 32, 32}, 0, 64, 0, 2, true},
		{[]int{5, 32, 32, 32}, 2, 64, 37, 2, true},
		{[]int{32, 32, 32, 4}, 0, 68, 0, 0, false}, // a line too many before the last
		{[]int{32, 32}, 0, 68, 0, 0, false},
		{[]int{32, 4, 32}, 0, 68, 0, 0, false},
		{[]int{32, -32, 4}, 0, 68, 0, 0, false},
		{[]int{32, 32, 5}, 0, 68, 0, 0, false},
		{[]int{32, 0, 32}, 0, 64, 0, 0, false},
		{[]int{4, 4}, 0, 8, 0, 0, false},
		{[]int{4, 4}, 1, 4, 4, 1, true},
		{[]int{}, 0, 4, 0, 0, false},
		{[]int{4}, 1, 4, 0, 0, false},
		{[]int{4}, 0, 0, 0, 0, true},
		{[]int{32}, 0, 1 << 40, 0, 0, false},
	} {
		pos, count, ok := stored(c.sizes...).exact(c.i, c.n)
		if ok != c.ok || ok && (pos != c.pos || count != c.count) {
			t.Errorf("%v from %d, %d bytes: %d %d %v, want %d %d %v", c.sizes, c.i, c.n, pos, count, ok, c.pos, c.count, c.ok)
		}
	}
}

// TestLineStore: runs of equal lines give back each line with its place.
func TestLineStore(t *testing.T) {
	l := stored(12, 5, 32, 32, 32, -31, 32, 0, 32, 4)
	want := []int{12, 5, 32, 32, 32, 31, 32, 0, 32, 4}
	if l.len() != len(want) || len(l.runs) != 8 {
		t.Fatalf("%d lines in %d runs", l.len(), len(l.runs))
	}
	for i, n := range want {
		d := l.at(i)
		if len(d.data) != n || d.bad != (n == 31) || d.at.Line != 10+i || d.at.Off != int64(100*i) {
			t.Errorf("line %d: %d bytes, bad %v, at %+v", i, len(d.data), d.bad, d.at)
		}
		if n > 0 && (d.data[0] != byte(i+1) || cap(d.data) != n) {
			t.Errorf("line %d holds %x, capacity %d", i, d.data, cap(d.data))
		}
		if l.pos(i) != d.at {
			t.Errorf("line %d is at %v", i, l.pos(i))
		}
	}
	for off, line := range map[int64]int{0: 10, 11: 10, 12: 11, 17: 12, 48: 12, 49: 13, 112: 14, 113: 15, 400: 19} {
		if at := l.posOf(off); at.Line != line {
			t.Errorf("byte %d is on line %d, want %d", off, at.Line, line)
		}
	}
	if at := (&lineStore{}).pos(0); at.Line != 0 || at.Off != -1 {
		t.Errorf("no lines: %v", at)
	}
}

// TestDecode: what makes a line a damaged one.
func TestDecode(t *testing.T) {
	full := string(bytes.Repeat([]byte("5a"), 32))
	for _, c := range []struct {
		payload string
		size    int
		bad     bool
	}{
		{"4102004400", 5, false}, {"4102004400 ", 5, false}, {"4102004400\t#", 5, false}, {"4102004400\x1b[0m", 5, false},
		{"410200440", 4, true}, {"4102004400x", 5, true}, {"41020044000", 5, true}, {"4102?04400", 2, true}, {"", 0, false}, {"?", 0, true},
		{full, 32, false}, {full + "\x1b[0m", 32, false}, {full + "E: #", 32, false}, {full + "2026-11", 32, true}, {full + "<err>", 32, false},
		{full + "5a5a5a5a", 32, true}, {full[:63], 31, true}, {full[:62], 31, false}, {full[:63] + "\x1b", 31, true}, {full[:62] + ".", 31, true},
		{"ABCDEF0a", 4, false},
	} {
		l := &lineStore{}
		l.decode([]byte(c.payload), 1, 0)
		if d := l.at(0); len(d.data) != c.size || d.bad != c.bad {
			t.Errorf("%q: %d bytes, bad %v", c.payload, len(d.data), d.bad)
		}
	}
}
