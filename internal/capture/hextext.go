package capture

import (
	"bufio"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

const minHexDigits = 32 // fewer are not worth a guess

// hexText decodes text that is nothing but hex digits: as "xxd -p" prints it,
// with white space or commas between the bytes, with 0x before each of them or
// once. Numbers of several bytes with 0x have an unknown byte order and are
// refused, and so is an odd number of digits before a blank, or in a line when
// lines differ in length: a digit was lost then, and what follows would shift.
type hexText struct {
	out      io.ByteWriter
	lines    lineLengths
	digits   int64 // in all
	token    int64 // digits of the current token
	prefixed bool  // 0x stands before it
	high     byte  // first digit of a byte that is open, in bits 4..7
	open     bool
}

func (h *hexText) feed(p []byte) error {
	for _, c := range p {
		if v := nibble[c]; v != 0 {
			if h.open = !h.open; h.open {
				h.high = v << 4
			} else if err := h.out.WriteByte(h.high | v&0xf); err != nil {
				return err
			}
			h.token++
			h.digits++
			h.lines.current++
		} else if err := h.other(c); err != nil {
			return err
		}
	}
	return nil
}

func (h *hexText) other(c byte) error {
	switch c {
	case 'x', 'X': // after a 0 that begins a token
		if h.prefixed || h.token != 1 || !h.open || h.high != 0 {
			return errNotWrapped
		}
		h.prefixed, h.open, h.token = true, false, 0
		h.digits--
		h.lines.current--
	case ' ', '\t', ',':
		if h.open {
			return errNotWrapped
		}
		return h.endToken()
	case '\r':
	case '\n':
		if !h.lines.end(2) {
			return errNotWrapped
		}
		return h.endToken()
	default:
		return errNotWrapped
	}
	return nil
}

func (h *hexText) endToken() error {
	if h.prefixed && h.token != 2 && h.token <= 16 {
		return errNotWrapped
	}
	h.token, h.prefixed = 0, false
	return nil
}

func isHexText(head []byte) bool {
	h := hexText{out: discard{}}
	return h.feed(encodedHead(head)) == nil && h.digits >= minHexDigits
}

func unwrapHexText(o *opener, in format.Input) ([]format.Input, error) {
	out := o.output()
	w := bufio.NewWriterSize(out, 64<<10)
	h := hexText{out: w}
	err := chunks(in, h.feed)
	if err == nil {
		err = h.other('\n') // ends the last line
	}
	if err != nil {
		return nil, o.refuse(err, "hex", &h.lines)
	}
	if h.open {
		o.note(elfcore.Loss, "hex-odd", h.lines.number, -1, fmt.Sprintf("%d hex digits", h.digits), "an even number", "the last digit is left out")
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return out.input(), nil
}

// encodedHead is how much of a file must look encoded before it is tried.
func encodedHead(head []byte) []byte { return head[:min(len(head), 4<<10)] }

// refuse notes that what began as encoded text is not.
func (o *opener) refuse(err error, encoding string, l *lineLengths) error {
	if err == errNotWrapped {
		o.note(elfcore.Warning, encoding+"-refused", max(1, l.number), -1, "not "+encoding+" text here, though it is up to here", "one encoding throughout", "the input is taken as it is")
	}
	return err
}

// chunks gives an input to f piece by piece; each but the last has an even
// number of bytes.
func chunks(in format.Input, f func([]byte) error) error {
	buf := make([]byte, min(64<<10, in.Size))
	for off := int64(0); off < in.Size; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), in.Size-off)]
		if n, err := in.ReadAt(buf, off); n < len(buf) {
			return fmt.Errorf("%s: offset 0x%x: %w", in.Name, off+int64(n), err)
		}
		if err := f(buf); err != nil {
			return err
		}
	}
	return nil
}

// lineLengths tells whether text can be the lines of one encoder: each line has
// a whole number of groups, or all lines but the last are equally long.
type lineLengths struct {
	number  int   // of lines ended
	current int64 // characters
	first   int64
	longest int64
	ragged  bool // a line has a part of a group
	differs bool // a line is not as long as the first
	uneven  bool // such a line was not the last
}

// end ends a line; false if the text is not of one encoder. Empty lines do not
// count.
func (l *lineLengths) end(group int64) bool {
	l.number++
	if l.current == 0 {
		return true
	}
	if l.first == 0 {
		l.first = l.current
	}
	l.uneven = l.differs
	l.differs = l.differs || l.current != l.first
	l.ragged = l.ragged || l.current%group != 0
	l.longest = max(l.longest, l.current)
	l.current = 0
	return !l.ragged || !l.uneven
}

// discard takes bytes and keeps none.
type discard struct{}

func (discard) WriteByte(byte) error { return nil }
