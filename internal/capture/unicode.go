package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"corelift/elfcore"
	"corelift/internal/format"
)

const (
	byteOrderMark = 0xfeff
	mark8         = "\xef\xbb\xbf" // the mark in UTF-8
)

func isUTF8Mark(head []byte) bool {
	return bytes.HasPrefix(head, []byte(mark8)) && mostlyText(head[len(mark8):])
}

func unwrapUTF8Mark(_ *opener, in format.Input) ([]format.Input, error) {
	size := in.Size - int64(len(mark8))
	return []format.Input{{ReaderAt: io.NewSectionReader(in, int64(len(mark8)), size), Size: size}}, nil
}

// utf16Order is the byte order that a byte order mark tells; nil without one.
func utf16Order(head []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return binary.LittleEndian
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return binary.BigEndian
	}
	return nil
}

// isUTF16 wants half of the characters after the mark to be ASCII, since a flash
// image may begin with these bytes.
func isUTF16(head []byte) bool {
	order := utf16Order(head)
	if order == nil {
		return false
	}
	units := head[2:]
	ascii := 0
	for i := 0; i+2 <= len(units); i += 2 {
		if c := order.Uint16(units[i:]); c < 0x7f && isTextRune(rune(c)) {
			ascii++
		}
	}
	return ascii > 0 && ascii*4 >= len(units)
}

// unwrapUTF16 recodes to UTF-8.
//
// Folklore: "type COM3 > crash.log" in PowerShell 5 writes UTF-16, and a second
// session appended with ">>" puts a mark into the middle: all marks are
// dropped. TestUTF16 reads a log that way.
func unwrapUTF16(o *opener, in format.Input) ([]format.Input, error) {
	out := o.output()
	var order binary.ByteOrder
	var text []byte
	high := rune(0) // a high surrogate that waits for its low one
	err := chunks(in, func(p []byte) error {
		if order == nil {
			order = utf16Order(p)
		}
		text = text[:0]
		for ; len(p) >= 2; p = p[2:] {
			c := rune(order.Uint16(p))
			if high != 0 {
				whole := utf16.DecodeRune(high, c)
				text = utf8.AppendRune(text, whole)
				high = 0
				if whole != utf8.RuneError {
					continue
				}
			}
			switch {
			case c == byteOrderMark:
			case c >= 0xd800 && c < 0xdc00:
				high = c
			default:
				text = utf8.AppendRune(text, c)
			}
		}
		if len(p) > 0 {
			o.note(elfcore.Loss, "utf16-cut", 0, in.Size-1, "UTF-16 text ends with half a character", "an even number of bytes", "dropped")
		}
		_, err := out.Write(text)
		return err
	})
	if err == nil && high != 0 {
		_, err = out.Write([]byte(string(utf8.RuneError)))
	}
	return out.input(), err
}

// isText samples an input.
func isText(in format.Input) bool {
	const piece, pieces = 4 << 10, 16
	if in.Size == 0 {
		return false
	}
	step := max(piece, (in.Size-piece)/(pieces-1))
	var text []byte
	buf := make([]byte, piece)
	for off := int64(0); off < in.Size; off += step {
		n, _ := in.ReadAt(buf[:min(piece, in.Size-off)], off)
		text = append(text, buf[:n]...)
	}
	return mostlyText(text)
}

// mostlyText tells whether three quarters are text, in ASCII or UTF-8. NUL
// bytes, with which a floating UART line floods a log, count neither way unless
// there is hardly anything else. Of random bytes 40 percent pass for text, of
// erased flash none.
func mostlyText(b []byte) bool {
	text, zeros := 0, 0
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		switch {
		case c == 0:
			zeros++
		case c == utf8.RuneError && n == 1:
		case isTextRune(c):
			text += n
		}
		i += n
	}
	return text > 0 && text*4 >= (len(b)-zeros)*3 && text*8 >= len(b)
}

func isTextRune(c rune) bool {
	return c >= ' ' && c != 0x7f || c == '\t' || c == '\n' || c == '\r' || c == '\b' || c == esc
}
