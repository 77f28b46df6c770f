// Package notes reads ELF notes: a hardened iterator over a note segment, and
// the tables in which formats describe the notes that they know.
package notes

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
)

// FormatError says what is wrong at which byte of the file.
type FormatError struct {
	Off int64
	Msg string
}

func (e *FormatError) Error() string { return fmt.Sprintf("offset 0x%x: %s", e.Off, e.Msg) }

// Note is one note. Off, DescOff and Size are bytes of the file. Owner ends
// before its first NUL. Desc is read on demand.
type Note struct {
	Owner              string
	Type               uint32
	Off, DescOff, Size int64
	Desc               io.ReaderAt
}

// Read returns the descriptor's bytes, limit at most.
func (n Note) Read(limit int64) ([]byte, error) {
	b := make([]byte, min(n.Size, limit))
	got, err := n.Desc.ReadAt(b, 0)
	if got == len(b) {
		err = nil
	}
	return b[:got], err
}

// maxOwner bounds an owner name, in bytes; the longest in use has 16.
const maxOwner = 256

// headSize is what a note has before its name: sizes of name and descriptor,
// and the type, 4 bytes each.
const headSize = 12

// All yields the notes of a segment of size bytes at off. align is the
// segment's p_align: 8 pads name and descriptor to 8 bytes, all else to 4, as
// binutils does. It stops at the first error, a *FormatError. If r is shorter
// than the segment says, a descriptor that is cut off fails when it is read.
func All(r io.ReaderAt, off, size int64, align int, o binary.ByteOrder) iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		pad := int64(4)
		if align == 8 {
			pad = 8
		}
		up := func(n int64) int64 { return (n + pad - 1) &^ (pad - 1) }
		// Header and name are read at once; few names are longer than this.
		first := make([]byte, 32)
		for at, end := off, off+size; at < end; {
			head := first[:min(int64(len(first)), end-at)]
			if len(head) < headSize {
				yield(Note{}, &FormatError{at, "note header cut off"})
				return
			}
			got, err := r.ReadAt(head, at)
			if head = head[:got]; got < headSize {
				yield(Note{}, &FormatError{at, "note header cut off: " + err.Error()})
				return
			}
			name, desc := int64(o.Uint32(head[0:])), int64(o.Uint32(head[4:]))
			if name > maxOwner || name > end-at-headSize {
				yield(Note{}, &FormatError{at, fmt.Sprintf("note name of %d bytes in a segment with %d left", name, end-at-headSize)})
				return
			}
			owner := head[headSize:]
			if name > int64(len(owner)) {
				owner = make([]byte, name)
				if n, err := r.ReadAt(owner, at+headSize); n < len(owner) {
					yield(Note{}, &FormatError{at + headSize, "note name cut off: " + err.Error()})
					return
				}
			}
			owner = owner[:name]
			for i, c := range owner {
				if c == 0 {
					owner = owner[:i]
					break
				}
			}
			data := at + up(headSize+name)
			if data > end || desc > end-data {
				yield(Note{}, &FormatError{at, fmt.Sprintf("note descriptor of %d bytes in a segment with %d left", desc, max(end-data, 0))})
				return
			}
			n := Note{string(owner), o.Uint32(head[8:]), at, data, desc, io.NewSectionReader(r, data, desc)}
			if !yield(n, nil) {
				return
			}
			at = data + up(desc)
		}
	}
}
