package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape makes text of unknown origin fit for a terminal: control characters,
// those that change the direction of writing or can't be seen, and bytes that
// are not UTF-8 are shown as Go writes them ("\x1b", "\u202e").
func Escape(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unprintable(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

func unprintable(r rune) bool { return !strconv.IsPrint(r) }
