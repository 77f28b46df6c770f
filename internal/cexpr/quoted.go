package cexpr

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escapes are pairs: what stands behind a backslash, and the character it is (C17,
// 6.4.4.4; \e is GCC's).
const escapes = "a\ab\be\x1bf\fn\nr\rt\tv\v\\\\''\"\"??"

// codes are the escapes with digits: which begin so, how many there are, and
// whether they are Unicode, not a byte.
var codes = [...]struct {
	prefix      string
	base        int
	least, most int
	unicode     bool
}{
	{"x", 16, 1, 1 << 10, false},
	{"u", 16, 4, 4, true},
	{"U", 16, 8, 8, true},
	{"", 8, 1, 3, false},
}

// unescape gives the bytes of what stands in quotes.
func unescape(t *token) string {
	var out []byte
	s := t.text[1 : len(t.text)-1]
	for s != "" {
		plain, rest, found := strings.Cut(s, `\`)
		out = append(out, plain...)
		if !found {
			break
		}
		var size int
		out, size = unescapeOne(out, rest)
		if size == 0 {
			_, width := utf8.DecodeRuneInString(rest)
			fail(t.end-1-len(rest)-1, `a backslash is \\`, "expected an escape sequence, found %s", quote(`\`+rest[:width]))
		}
		s = rest[size:]
	}
	return string(out)
}

// unescapeOne adds to out what the escape is that s begins with, behind its
// backslash. size is 0 if it is none.
func unescapeOne(out []byte, s string) (added []byte, size int) {
	for i := 0; i < len(escapes); i += 2 {
		if s != "" && s[0] == escapes[i] {
			return append(out, escapes[i+1]), 1
		}
	}
	for _, c := range codes {
		digits, ok := strings.CutPrefix(s, c.prefix)
		if !ok {
			continue
		}
		n := 0
		for n < min(len(digits), c.most) && isDigitOf(digits[n], c.base) {
			n++
		}
		value, err := strconv.ParseUint(digits[:n], c.base, 32)
		switch {
		case n < c.least || err != nil:
		case c.unicode && utf8.ValidRune(rune(value)):
			return utf8.AppendRune(out, rune(value)), len(c.prefix) + n
		case !c.unicode && value <= 0xff:
			return append(out, byte(value)), len(c.prefix) + n
		}
		break
	}
	return out, 0
}

func isDigitOf(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil
}

func readChar(t *token) Node {
	s := unescape(t)
	if len(s) != 1 {
		fail(t.pos, "", "expected a character of one byte, found %s", quote(t.text))
	}
	return &Char{t.at(), s[0]}
}
