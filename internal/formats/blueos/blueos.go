// Package blueos reads the core dumps of vivo's BlueOS kernel: from its log,
// from its file and from a copy of its memory. They are ELF core files that no
// debugger can use: 32-bit ones have their program headers in the wrong field
// order, and no NT_PRSTATUS has the size and layout of any system.
//
// Source: draft pull request vivoblueos/kernel#417, commit e4fdde872226, files
// kernel/src/coredump/{mod,elf,notes,backend,regions,signal}.rs and
// arch/{arm,aarch64,riscv}.rs; no dump of a device was at hand.
package blueos

import (
	"io"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "blueos"

// Format is how the root finds and reads BlueOS dumps.
var Format = format.Format{
	Name:   Name,
	Magic:  []string{elfMagic},
	Marker: []string{endMarker},
	Find:   find,
	Read:   read,
	Notes:  Notes,
}

// find asks the bytes first, whatever Input.Text says: memory full of zeros and
// strings passes for text, and a log with line noise for binary.
func find(in format.Input) ([]format.Hit, error) {
	hits, err := findImages(in)
	if err != nil || len(hits) > 0 {
		return hits, err
	}
	return findLog(in)
}

// findImages finds every image in a file or in a copy of the target's memory.
// What lies within one is not looked at.
func findImages(in format.Input) (hits []format.Hit, err error) {
	next := int64(0) // nothing before it
	for off, err := range capture.Magics(in, elfMagic) {
		if err != nil {
			return nil, err
		}
		if off < next {
			continue
		}
		m, ok := parseImage(capture.PiecesOf(in, off, in.Size-off))
		if !ok {
			continue
		}
		if n := len(hits); n > 0 {
			hits[n-1].Len = min(hits[n-1].Len, off-hits[n-1].Off)
		}
		h := format.Hit{Off: off, Len: min(m.length, in.Size-off), Score: 90, Whole: m.length <= in.Size-off}
		if next = off + m.notes.end(); h.Whole {
			next = off + m.length
		}
		if n := len(hits); n == 0 || !same(in, hits[n-1], h) {
			hits = append(hits, h)
		}
	}
	return hits, nil
}

// same tells whether two hits hold the same bytes.
//
// Folklore: with the memory backend a copy of the RAM holds each image twice:
// where the kernel built it, and in the backend's own storage. Test:
// TestMemoryImage.
func same(in format.Input, a, b format.Hit) bool {
	if a.Len != b.Len {
		return false
	}
	var x, y [64 << 10]byte
	for at := int64(0); at < a.Len; at += int64(len(x)) {
		n := min(int64(len(x)), a.Len-at)
		if got, err := in.ReadAt(x[:n], a.Off+at); int64(got) < n && err != io.EOF {
			return false
		}
		if got, err := in.ReadAt(y[:n], b.Off+at); int64(got) < n && err != io.EOF {
			return false
		}
		if x != y {
			return false
		}
	}
	return true
}

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	if h.Text {
		return readLog(in, h)
	}
	b := builder{pieces: capture.PiecesOf(in, h.Off, h.Len), source: in.Name}
	return b.core()
}
