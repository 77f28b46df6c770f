package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

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
	out := bufio.NewWriterSize(w, 64<<10)
	e := json.NewEncoder(plainJSON{out})
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return err
	}
	return out.Flush()
}

// plainJSON takes JSON, whole characters at a time.
type plainJSON struct{ out *bufio.Writer }

func (w plainJSON) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r < 0x7f:
			w.out.WriteByte(rest[0])
		case strconv.IsPrint(r):
			w.out.Write(rest[:size])
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(w.out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(w.out, `\u%04x`, r)
		}
		rest = rest[size:]
	}
	return len(p), nil // errors are kept by out
}
