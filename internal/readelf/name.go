package readelf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// visible makes a text of the file fit for a terminal. Control characters of
// ASCII show as GNU readelf has them in names, ^A; bytes that are not UTF-8 and
// characters that can't be seen as Go writes them, \xff and \u202e.
func visible(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) })
	if i < 0 {
		return s
	}
	b := []byte(s[:i])
	for s = s[i:]; s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x%02x`, s[0])
		case r < ' ' || r == 0x7f:
			b = append(b, '^', byte(r)^0x40)
		case !strconv.IsPrint(r):
			q := strconv.QuoteRune(r)
			b = append(b, q[1:len(q)-1]...)
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return string(b)
}

// cut is a text of width characters at most: a longer one ends in "[...]".
func cut(s string, width int) string {
	const end = "[...]"
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-len(end)]) + end
}
