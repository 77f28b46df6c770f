package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"corelift/inspect/text"
)

// say prints a line of talk. Texts among args are escaped.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "corelift: %s\n", text.Escape(fmt.Sprintf(format, args...)))
}

// hint prints a line of advice.
func hint(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "hint: %s\n", text.Escape(fmt.Sprintf(format, args...)))
}

// printJSON prints a document. encoding/json escapes the control characters of
// ASCII only; the others are escaped here, which JSON allows in every text and
// keeps a terminal safe.
func printJSON(w io.Writer, document any) error {
	plain, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, r := range string(plain) {
		switch {
		case r < 0x7f || strconv.IsPrint(r):
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
