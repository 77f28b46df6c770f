package zephyr

import (
	"encoding/binary"
	"slices"
	"testing"

	"corelift/elfcore"
)

// TestRealign loses lines of a region that holds words which tell their own
// address, and others that only seem to.
func TestRealign(t *testing.T) {
	const start, size = 0x20000000, 64 * lineBytes
	region := func(ptr int, put func(words func(at int, values ...uint64))) []byte {
		data := noise(size, 9)
		put(func(at int, values ...uint64) {
			for _, v := range values {
				copy(data[at:], little(ptr, v))
				at += ptr
			}
		})
		return data
	}
	// head puts an empty list head.
	head := func(words func(int, ...uint64), at int) { words(at, start+uint64(at), start+uint64(at)) }
	for _, c := range []struct {
		name          string
		put           func(words func(int, ...uint64))
		from, lines   int // lost
		before, after int // what is certain: bytes up to, lines from on; -1 nothing
	}{
		{"no anchors", func(func(int, ...uint64)) {}, 30, 1, -1, -1},
		{"one anchor on each side", func(w func(int, ...uint64)) { head(w, 320); head(w, 1600) }, 30, 1, -1, -1},
		{"two on each side", func(w func(int, ...uint64)) { head(w, 320); head(w, 640); head(w, 1600); head(w, 1800) }, 30, 1, 320, 1800},
		{"two before", func(w func(int, ...uint64)) { head(w, 320); head(w, 640) }, 30, 3, 320, -1},
		{"two behind", func(w func(int, ...uint64)) { head(w, 1600); head(w, 1608) }, 30, 5, -1, 1608},
		{"in the lost lines", func(w func(int, ...uint64)) { head(w, 32*30); head(w, 32*30+8); head(w, 1600); head(w, 1608) }, 30, 1, -1, 1608},
		{"a queue's pointers", func(w func(int, ...uint64)) {
			head(w, 320)
			head(w, 640)
			w(64, start+64+32, start+64+32) // read and write pointer, of a buffer 32 bytes on
			head(w, 1600)
			head(w, 1800)
		}, 30, 1, 320, 1600},
		{"only queues' pointers", func(w func(int, ...uint64)) {
			w(64, start+64+32, start+64+32)
		}, 30, 1, -1, -1},
		{"one-element lists", func(w func(int, ...uint64)) {
			for _, at := range []int{64, 256, 512} {
				w(at, start+uint64(at)+32, start+uint64(at)+32)
				w(at+32, start+uint64(at), start+uint64(at))
			}
		}, 60, 1, -1, -1},
		{"one-element lists, lost before", func(w func(int, ...uint64)) {
			for _, at := range []int{1024, 1280, 1536} {
				w(at, start+uint64(at)+64, start+uint64(at)+64)
				w(at+64, start+uint64(at), start+uint64(at))
			}
		}, 3, 2, -1, -1},
		{"words too high to be of memory", func(w func(int, ...uint64)) { w(64, ^uint64(0), ^uint64(0)) }, 30, 1, -1, -1},
	} {
		for _, ptr := range []int{4, 8} {
			data := region(ptr, c.put)
			left := slices.Concat(data[:c.from*lineBytes], data[(c.from+c.lines)*lineBytes:])
			got := realign([]chunk{{0, left, elfcore.Suspect}}, start, ptr, c.lines)
			have := make([]elfcore.State, size)
			for _, g := range got {
				for i, b := range g.data {
					if at := g.off + i; g.state >= elfcore.Recovered {
						if have[at] = g.state; data[at] != b {
							t.Fatalf("%s, %d: byte %d is wrong", c.name, ptr, at)
						}
					}
				}
				if g.state == elfcore.Known {
					t.Errorf("%s, %d: known", c.name, ptr)
				}
			}
			before := slices.Index(have, elfcore.Missing)
			after := size
			for after > 0 && have[after-1] != elfcore.Missing {
				after--
			}
			wantBefore, wantAfter := 0, size
			if c.before >= 0 {
				wantBefore = c.before + 2*ptr
			}
			if c.after >= 0 {
				wantAfter = c.after
			}
			if c.name == "two behind" && ptr == 8 || c.name == "in the lost lines" && ptr == 8 {
				continue // the heads overlap
			}
			if before != wantBefore || after != wantAfter {
				t.Errorf("%s, %d: certain up to %d and from %d, want %d and %d", c.name, ptr, before, after, wantBefore, wantAfter)
			}
		}
	}
}

// TestRealignDamaged: a damaged line keeps its place among those that move.
func TestRealignDamaged(t *testing.T) {
	const start = 0x20000000
	data := noise(64*lineBytes, 9)
	for _, at := range []int{1600, 1608, 1900, 1908} {
		binary.LittleEndian.PutUint32(data[at:], start+uint32(at))
		binary.LittleEndian.PutUint32(data[at+4:], start+uint32(at))
	}
	left := slices.Concat(data[:20*lineBytes], data[22*lineBytes:])
	got := realign([]chunk{{0, left[:53*lineBytes], elfcore.Suspect}, {54 * lineBytes, left[54*lineBytes:], elfcore.Suspect}}, start, 4, 2)
	certain := 0
	for _, g := range got {
		if g.state != elfcore.Recovered {
			continue
		}
		certain += len(g.data)
		if string(data[g.off:g.off+len(g.data)]) != string(g.data) {
			t.Errorf("%d bytes at %d are wrong", len(g.data), g.off)
		}
	}
	if want := len(data) - 1608 - lineBytes; certain != want {
		t.Errorf("%d bytes certain, want %d", certain, want)
	}
}
