package espcore

import (
	"bytes"
	"testing"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Bytes that an unwrapped image file does not have are absent.
func TestPartsOf(t *testing.T) {
	in := format.Input{ReaderAt: bytes.NewReader(make([]byte, 100)), Size: 100,
		Gaps: []elfcore.Range{{Addr: 5, Size: 10}, {Addr: 40, Size: 8}, {Addr: 90, Size: 10}}}
	for _, c := range []struct {
		off, size int64
		want      []part
	}{
		{15, 20, nil},
		{10, 50, []part{{5, 30, elfcore.Known}, {38, 50, elfcore.Known}}},
		{50, 50, []part{{0, 40, elfcore.Known}}},
	} {
		got := partsOf(in, c.off, c.size)
		if len(got) != len(c.want) {
			t.Fatalf("%d+%d: %v, want %v", c.off, c.size, got, c.want)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%d+%d: %v, want %v", c.off, c.size, got, c.want)
			}
		}
	}
}
