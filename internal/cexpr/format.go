package cexpr

import (
	"fmt"
	"strings"
)

// Format is how a value shall be printed: the letter that GDB uses for it, or 0
// for the type's own way.
//
//	x hexadecimal      d signed decimal     u unsigned decimal
//	o octal            t binary             c character
//	s string           a address, symbol    f floating point
//	z hexadecimal with leading zeros
type Format byte

const (
	formats   = "xduotcsafz"
	theFormat = "the formats are x d u o t c s a f z"
)

// ParseFormat reads a format's letter, "x". An error is an *Error.
func ParseFormat(letter string) (Format, error) {
	switch {
	case len(letter) == 1 && strings.Contains(formats, letter):
		return Format(letter[0]), nil
	case strings.Trim(letter, digits) != letter:
		return 0, &Error{1, fmt.Sprintf("print takes no count, found %s", quote(letter)), "write ARRAY[0]@4 for 4 elements"}
	case letter == "":
		return 0, &Error{1, "expected a format", theFormat}
	}
	return 0, &Error{1, fmt.Sprintf("%s is not a format", quote(letter)), theFormat}
}

// readFormat reads the "/x" in front of an expression. start is where the
// expression begins.
func readFormat(text string) (f Format, start int) {
	rest := strings.TrimLeft(text, blanks)
	if !strings.HasPrefix(rest, "/") {
		return 0, 0
	}
	first := len(text) - len(rest) + 1
	end := first
	for end < len(text) && isASCIIWord(text[end]) {
		end++
	}
	f, err := ParseFormat(text[first:end])
	if err, ok := err.(*Error); ok {
		fail(first, err.Hint, "%s", err.Text)
	}
	return f, end
}
