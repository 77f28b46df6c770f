package capture

import (
	"bufio"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

const (
	minBase64     = 64 // characters in all; fewer are not worth a guess
	minBase64Line = 32 // of the longest line; a list of words has none
)

// base64Text decodes text that is nothing but base64 (RFC 4648, 4), on one line
// or many. Padding ends it.
//
// Folklore: ESP-IDF encodes and pads each line by itself, so "AAAAAA==" stands
// in the middle of a dump (esp.md 1.4). That is no wrapper, but lines of a log:
// their lengths tell where a lost line is missing, so the format gets them as
// they are. TestBase64 hands such a dump through.
type base64Text struct {
	out    io.ByteWriter
	lines  lineLengths
	total  int64  // characters
	bits   uint32 // of the open group, the latest lowest
	chars  int    // of the open group, 0..3
	pads   int    // seen in the open group
	closed bool   // blanks ended the line
	ended  bool   // padding ended the text
}

func (b *base64Text) feed(p []byte) error {
	for _, c := range p {
		v, ok := base64Value(c)
		switch {
		case ok:
			if b.closed || b.ended {
				return errNotWrapped
			}
			b.count()
			b.bits = b.bits<<6 | uint32(v)
			if b.chars++; b.chars == 4 {
				if err := b.group(); err != nil {
					return err
				}
			}
		case c == '=':
			if b.chars < 2 {
				return errNotWrapped
			}
			b.count()
			b.ended = true
			if b.pads++; b.chars+b.pads == 4 {
				if err := b.group(); err != nil {
					return err
				}
			}
		case c == '\n':
			if !b.lines.end(4) || b.pads > 0 {
				return errNotWrapped
			}
			b.closed = false
		case c == '\r', c == ' ', c == '\t':
			b.closed = b.lines.current > 0
		default:
			return errNotWrapped
		}
	}
	return nil
}

func (b *base64Text) count() {
	b.total++
	b.lines.current++
}

// group writes the bytes of the open group: one less than it has characters.
func (b *base64Text) group() error {
	b.bits <<= 6 * (4 - b.chars)
	for i := range b.chars - 1 {
		if err := b.out.WriteByte(byte(b.bits >> (16 - 8*i))); err != nil {
			return err
		}
	}
	b.bits, b.chars, b.pads = 0, 0, 0
	return nil
}

func base64Value(c byte) (v byte, ok bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}

// isBase64Text leaves alone what begins as hex text, though all of that is
// base64 too.
func isBase64Text(head []byte) bool {
	b := base64Text{out: discard{}}
	return b.feed(encodedHead(head)) == nil && b.total >= minBase64 &&
		max(b.lines.longest, b.lines.current) >= minBase64Line && !isHexText(head)
}

func unwrapBase64Text(o *opener, in format.Input) ([]format.Input, error) {
	out := o.output()
	w := bufio.NewWriterSize(out, 64<<10)
	b := base64Text{out: w}
	err := chunks(in, b.feed)
	if err == nil && !b.lines.end(4) {
		err = errNotWrapped
	}
	if err != nil {
		return nil, o.refuse(err, "base64", &b.lines)
	}
	switch {
	case b.chars == 1:
		o.note(elfcore.Loss, "base64-cut", b.lines.number, -1, fmt.Sprintf("%d characters", b.total), "groups of four", "the last character is left out")
	case b.chars > 1: // padding left off, as many encoders do
		if err := b.group(); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return out.input(), nil
}
