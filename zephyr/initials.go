package zephyr

import (
	"bytes"
	"fmt"
	"io"

	"corelift/internal/format"
)

const (
	scanBlock = 1 << 20 // bytes read at once
	// headSize is what a look at a stream takes: its header and that of the
	// first block.
	headSize = fileHeaderSize + 3 + 2*8
)

// eachInitial visits the places of a window, ascending, where "ZE" or "ZC"
// stands: every stream and every datagram begins with one of them. head holds
// headSize bytes from there on, fewer at the end of the input; it is valid
// until visit returns. Memory is constant.
func eachInitial(in format.Input, from, to int64, visit func(off int64, head []byte)) error {
	to = min(to, in.Size)
	buf := make([]byte, max(0, min(scanBlock, to-from)+headSize))
	for off := from; off < to; {
		n := int(min(int64(len(buf)), in.Size-off))
		if got, err := in.ReadAt(buf[:n], off); got < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF // somebody cut the file under us
			}
			return fmt.Errorf("%s: offset 0x%x: %w", in.Name, off+int64(got), err)
		}
		whole := int(min(int64(n), to-off, scanBlock)) // where a place may begin
		for i := 0; i < whole; i++ {
			j := bytes.IndexByte(buf[i:whole], 'Z')
			if j < 0 {
				break
			}
			i += j
			if i+1 < n && (buf[i+1] == 'E' || buf[i+1] == 'C') {
				visit(off+int64(i), buf[i:min(i+headSize, n)])
			}
		}
		off += int64(whole)
	}
	return nil
}
