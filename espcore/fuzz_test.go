package espcore

import (
	"bytes"
	"io"
	"testing"

	"corelift/internal/format"
)

// readAll finds and reads everything, and writes what it got.
func readAll(t *testing.T, in format.Input) {
	hits, err := Format.Find(in)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, h := range hits {
		if h.Off < last || h.Len < 0 || h.Off+h.Len > in.Size {
			t.Fatalf("%+v in %d bytes", h, in.Size)
		}
		last = h.Off
		c, err := Format.Read(in, h)
		if err != nil {
			continue
		}
		if c.Arch == nil || c.Crash.Thread >= len(c.Threads) {
			t.Fatalf("%+v", c.Crash)
		}
		for i := range c.Threads {
			c.Threads[i].ID = int32(i + 1)
		}
		if err := c.Write(io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzImage(f *testing.F) {
	for _, r := range reals(f) {
		f.Add(r.image)
		f.Add(r.body)
		f.Add(r.bin(binVersions[2], false))
		f.Add(r.bin(binVersions[0], true))
		f.Add(r.elf(elfVersions[4], true))
	}
	r := readReal(f, "esp32")
	f.Add(r.ancient())
	f.Add(r.savedELF())
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "fuzz"})
	})
}

func FuzzLog(f *testing.F) {
	for _, r := range reals(f) {
		lines := base64Lines(r.image, r.writes(24, len(r.image)))
		f.Add([]byte(logOf(lines)))
		f.Add([]byte(logOf(append(lines[:20:20], lines[24:]...))))
		bin := r.bin(binVersions[1], false)
		f.Add([]byte(logOf(base64Lines(bin, []int{len(bin)}))))
	}
	f.Add(fixtureFile(f, "esp32c3.b64"))
	f.Add(fixtureFile(f, "esp32c3-panic.txt"))
	f.Add([]byte(xtensaPanic))
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "fuzz", Text: true})
	})
}
