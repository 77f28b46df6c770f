package espcore

import "slices"

// invalid marks what is not in the alphabet: more bits than three bytes have.
const invalid = 0xff << 24

// base64Table holds the bits of each character, at each of the four places in
// a group.
type base64Table [4][256]uint32

// The standard decoder takes twice as long for lines of 64 characters.
func newBase64Table() *base64Table {
	t := &base64Table{}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for place := range t {
		for c := range t[place] {
			t[place][c] = invalid
		}
		for v := range len(alphabet) {
			t[place][alphabet[v]] = uint32(v) << (18 - 6*place)
		}
	}
	return t
}

// append decodes text, all of which must be whole groups, padded or not.
// Padding ends a group, not the text. If ok is false dst is as it was.
func (t *base64Table) append(dst, text []byte) (_ []byte, ok bool) {
	if len(text) == 0 || len(text)%4 != 0 {
		return dst, false
	}
	size := len(dst)
	dst = slices.Grow(dst, len(text)/4*3)
	out := dst[size : size+len(text)/4*3]
	n := 0
	for ; len(text) >= 4; text = text[4:] {
		a, b, c, d := text[0], text[1], text[2], text[3]
		v := t[0][a] | t[1][b] | t[2][c] | t[3][d]
		if v < 1<<24 {
			o := out[n : n+3]
			o[0], o[1], o[2] = byte(v>>16), byte(v>>8), byte(v)
			n += 3
			continue
		}
		if d != '=' {
			return dst, false
		}
		out[n] = byte((t[0][a] | t[1][b]) >> 16)
		n++
		if v = t[0][a] | t[1][b]; c != '=' {
			v |= t[2][c]
			out[n] = byte(v >> 8)
			n++
		}
		if v >= 1<<24 {
			return dst, false
		}
	}
	return dst[:size+n], true
}

// isBase64 tells whether a character can stand in a line of base64.
func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}
