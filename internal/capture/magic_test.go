package capture

import (
	"bytes"
	"slices"
	"testing"

	"corelift/internal/format"
)

func TestMagics(t *testing.T) {
	data := make([]byte, 3*blockSize)
	want := []int64{0, 7, blockSize - 3, blockSize, 2*blockSize - 1, 3*blockSize - 4}
	for _, off := range want {
		copy(data[off:], "\x7fELF")
	}
	want = slices.DeleteFunc(want, func(off int64) bool { return off == blockSize-3 }) // overwritten in part
	var got []int64
	for off, err := range Magics(format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, "\x7fELF") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, off)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for size := range 4 {
		for off := range Magics(format.Input{ReaderAt: bytes.NewReader(data), Size: int64(size)}, "\x7fELF") {
			t.Error(size, off)
		}
	}
	for _, err := range Magics(format.Input{ReaderAt: bytes.NewReader(data[:100]), Size: 200}, "\x7fELF") {
		if err == nil {
			t.Error("a file that was cut: no error")
		}
	}
}
