package capture

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"corelift/internal/format"
)

// Magics yields the offsets, ascending, at which a byte string begins, in
// constant memory and at memory speed if its first byte is rare. An error of
// reading ends it.
func Magics(in format.Input, magic string) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		buf := make([]byte, min(in.Size, blockSize+int64(len(magic))-1))
		for off := int64(0); in.Size-off >= int64(len(magic)); {
			p := buf[:min(int64(len(buf)), in.Size-off)]
			if n, err := in.ReadAt(p, off); n < len(p) {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF // somebody cut the file under us
				}
				yield(0, fmt.Errorf("%s: offset 0x%x: %w", in.Name, off+int64(n), err))
				return
			}
			for at := 0; ; at++ {
				i := bytes.Index(p[at:], []byte(magic))
				if i < 0 {
					break
				}
				if at += i; !yield(off+int64(at), nil) {
					return
				}
			}
			off += int64(len(p) - len(magic) + 1)
		}
	}
}
