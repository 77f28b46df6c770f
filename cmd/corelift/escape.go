package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape makes text of unknown origin fit for a terminal: control characters,
// those that change the direction of writing or can't be seen, and bytes that
// are not UTF-8 are shown as Go writes them ("\x1b", "\u202e").
func escape(s string) string {
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

// say prints a line of talk. Texts among args are escaped.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "corelift: %s\n", escape(fmt.Sprintf(format, args...)))
}

// hint prints a line of advice.
func hint(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "hint: %s\n", escape(fmt.Sprintf(format, args...)))
}

// printJSON prints a document. encoding/json escapes the control characters of
// ASCII only; the others are escaped here, which JSON allows in every text and
// keeps a terminal safe.
func printJSON(w io.Writer, document any) error {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range string(text) {
		switch {
		case r < 0x7f || !unprintable(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('\n')
	_, err = io.WriteString(w, b.String())
	return err
}
