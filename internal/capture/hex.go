package capture

import "slices"

// isDigit is set in the entries of nibble that are hex digits.
const isDigit = 0x10

var nibble = [256]byte{
	'0': isDigit, '1': isDigit | 1, '2': isDigit | 2, '3': isDigit | 3, '4': isDigit | 4,
	'5': isDigit | 5, '6': isDigit | 6, '7': isDigit | 7, '8': isDigit | 8, '9': isDigit | 9,
	'a': isDigit | 10, 'b': isDigit | 11, 'c': isDigit | 12, 'd': isDigit | 13, 'e': isDigit | 14, 'f': isDigit | 15,
	'A': isDigit | 10, 'B': isDigit | 11, 'C': isDigit | 12, 'D': isDigit | 13, 'E': isDigit | 14, 'F': isDigit | 15,
}

// AppendHex appends the bytes that the hex digits at the start of text stand
// for, both cases, and returns the number of digits. If that is odd, the last
// digit was not used. What follows the digits (text[digits:]) is for the caller
// to judge: nothing, an escape sequence, or damage.
func AppendHex(dst, text []byte) (_ []byte, digits int) {
	size := len(dst)
	dst = slices.Grow(dst, len(text)/2)[:size+len(text)/2]
	out := dst[size:]
	for ; len(text)-digits >= 8; digits += 8 { // unrolled: a dump is long
		t, o := text[digits:digits+8], out[digits/2:digits/2+4]
		a, b, c, d := nibble[t[0]], nibble[t[1]], nibble[t[2]], nibble[t[3]]
		e, f, g, h := nibble[t[4]], nibble[t[5]], nibble[t[6]], nibble[t[7]]
		if a&b&c&d&e&f&g&h&isDigit == 0 {
			break
		}
		o[0], o[1], o[2], o[3] = a<<4|b&0xf, c<<4|d&0xf, e<<4|f&0xf, g<<4|h&0xf
	}
	for ; len(text)-digits >= 2; digits += 2 {
		a, b := nibble[text[digits]], nibble[text[digits+1]]
		if a&b&isDigit == 0 {
			break
		}
		out[digits/2] = a<<4 | b&0xf
	}
	size += digits / 2
	if digits < len(text) && nibble[text[digits]] != 0 {
		digits++
	}
	return dst[:size], digits
}
