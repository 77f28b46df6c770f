package cexpr

import (
	"fmt"
	"strings"
	"unicode"
)

// Error says what is wrong with an expression, and where. Evaluators use it for
// their own errors too, with the column of a node.
type Error struct {
	Column int    // of the byte in the text, from 1
	Text   string // what was expected, what was found
	Hint   string // what to type instead; empty if there is no advice
}

func (e *Error) Error() string {
	text := fmt.Sprintf("column %d: %s", e.Column, e.Text)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// fail ends the parsing with an error at the byte at offset.
func fail(offset int, hint, format string, args ...any) {
	panic(&Error{Column: offset + 1, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// Characters of the line that Caret shows before and after the error.
const caretBefore, caretAfter = 50, 25

// Caret shows where in line the error is: the line, or the part of it around the
// error, and a caret below. Control characters, which could do anything to a
// terminal, show as "?".
func (e *Error) Caret(line string) string {
	column := min(max(e.Column-1, 0), len(line))
	before, after := []rune(line[:column]), []rune(line[column:])
	head, tail := "", ""
	if len(before) > caretBefore {
		head, before = "...", before[len(before)-caretBefore:]
	}
	if len(after) > caretAfter {
		after, tail = after[:caretAfter], "..."
	}
	shown := func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}
	// The blanks keep the tabs, so that the caret stays below its character.
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	left := head + strings.Map(shown, string(before))
	return left + strings.Map(shown, string(after)) + tail + "\n" + strings.Map(blank, left) + "^\n"
}
