package capture

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

// isGzip: RFC 1952, 2.3: ID1, ID2, CM 8, and no reserved flag.
func isGzip(head []byte) bool {
	return len(head) >= 10 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0
}

// unwrapGzip inflates all members. Of a file that is cut off or damaged it
// yields the bytes up to there.
func unwrapGzip(o *opener, in format.Input) ([]format.Input, error) {
	r := bufio.NewReader(reader(in))
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, errNotWrapped
	}
	out := o.output()
	trailer := false
	for err == nil {
		z.Multistream(false)
		if _, err = io.Copy(out, z); err == nil {
			err = z.Reset(r)
			trailer = err != nil
		}
	}
	done := fmt.Sprintf("the first %d bytes are used", out.size)
	var corrupt flate.CorruptInputError
	switch {
	case err == io.EOF:
	case trailer && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)):
		o.note(elfcore.Warning, "gzip-trailer", 0, -1, "bytes after the gzip data that are not gzip", "nothing or a further member", done)
	case errors.Is(err, io.ErrUnexpectedEOF):
		o.note(elfcore.Loss, "gzip-cut", 0, in.Size, "gzip data is cut off", "the end of the stream, CRC and length", done)
	case errors.Is(err, gzip.ErrChecksum):
		o.note(elfcore.Loss, "gzip-checksum", 0, -1, "gzip CRC or length is wrong", "", done+", some of them may be wrong")
	case errors.As(err, &corrupt):
		o.note(elfcore.Loss, "gzip-damaged", 0, int64(corrupt), "compressed data is damaged", "", done)
	default:
		return nil, err
	}
	return out.input(), nil
}
