package inspect

import (
	"fmt"
	"strings"
)

// Limits of what is printed of one aggregate, GDB's "print elements" and
// "print repeats": at most maxElements elements, and runs of more than
// maxSingles equal ones are printed once.
const (
	maxElements = 200
	maxSingles  = 10
)

// escapes are the characters that C has a letter for, as GDB prints them.
var escapes = map[uint32]string{'\a': `\a`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\v': `\v`, 27: `\033`, '\\': `\\`}

// character prints one character of a string or literal that is enclosed by
// quote. Anything but printable ASCII is escaped: what a dump holds must not
// reach a terminal as it is.
func character(c uint32, quote byte) string {
	if e, ok := escapes[c]; ok {
		return e
	}
	switch {
	case c == uint32(quote):
		return `\` + string(quote)
	case c >= ' ' && c < 0x7f:
		return string(rune(c))
	case c <= 0o777:
		return fmt.Sprintf(`\%03o`, c)
	}
	return fmt.Sprintf(`\x%x`, c)
}

// quoteString prints characters as GDB does: in quotes, long runs folded, the
// prefix once, a last NUL left out. more tells that there are further ones.
func quoteString(chars []uint32, prefix string, more bool) string {
	if n := len(chars); !more && n > 0 && chars[n-1] == 0 {
		chars = chars[:n-1]
	}
	if len(chars) == 0 && !more {
		return prefix + `""`
	}
	var out strings.Builder
	out.WriteString(prefix)
	open := false // inside quotes
	groups := 0
	for i := 0; i < len(chars); groups++ {
		if groups == maxElements {
			more = true
			break
		}
		run := 1
		for i+run < len(chars) && chars[i+run] == chars[i] {
			run++
		}
		if run > maxSingles {
			if open {
				out.WriteString(`", `)
			} else if i > 0 {
				out.WriteString(", ")
			}
			open = false
			fmt.Fprintf(&out, "'%s' <repeats %d times>", character(chars[i], '\''), run)
			i += run
			continue
		}
		if !open {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteByte('"')
			open = true
		}
		out.WriteString(character(chars[i], '"'))
		i++
	}
	if open {
		out.WriteByte('"')
	}
	if more {
		out.WriteString("...")
	}
	return out.String()
}
