package readelf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// writer prints. What goes wrong is kept until end.
type writer struct {
	*bufio.Writer
	failed error
}

func newWriter(out io.Writer) *writer { return &writer{Writer: bufio.NewWriterSize(out, 64<<10)} }

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// fail keeps an error of reading what is printed.
func (w *writer) fail(err error) { w.failed = errors.Join(w.failed, err) }

func (w *writer) end() error { return errors.Join(w.failed, w.Flush()) }

const hexDigits = "0123456789abcdef"

// hex writes a space and a number of at least width digits, as " 0x%0*x" would
// at five times the price: cores have 70,000 segments.
func (w *writer) hex(v uint64, width int) {
	w.Write(appendHex(append(w.AvailableBuffer(), ' '), v, width))
}

func appendHex(b []byte, v uint64, width int) []byte {
	width = max(width, (bits.Len64(v)+3)/4)
	b = append(b, "0x"...)
	for width--; width >= 0; width-- {
		b = append(b, hexDigits[v>>(4*width)&15])
	}
	return b
}
