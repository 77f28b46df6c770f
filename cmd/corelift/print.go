package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func printVerb() verb {
	return inspectionVerb(verb{
		name:  "print",
		args:  "INPUT EXPRESSION...",
		short: "show the values of expressions",
		long: `Evaluates expressions as typed in GDB, each in quotes:

    corelift print crash.log -e zephyr.elf 'queue[2:5]' '/x $sp' '*node->next'

Names are looked up from the innermost frame of the crashed thread on, or from
--thread and --frame. A format in front, one of /x /z /d /u /o /t /c /s /a /f,
says how to print. docs/expressions.md has all of it. Expressions that begin
with - go after --.`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		i.declareFrame(fs)
		i.declareValues(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			if len(words) == 0 {
				return finding{}, &usageError{text: "no expression given"}
			}
			f, err := i.at(s)
			if err != nil {
				return finding{}, err
			}
			out := s.Print(f, 0, words...)
			var failed []error
			for n := range out.Values {
				if a := &out.Values[n]; a.Value == nil {
					failed = append(failed, &expressionError{a})
				}
			}
			return finding{out, func(p *text.Printer) { p.Printed(out) }, failed}, nil
		}
	})
}

// blame makes an error of evaluating an expression one that shows where.
func blame(expression string, err error) error {
	a := inspect.Failed(expression, err)
	if a.Column == 0 {
		return err
	}
	return &expressionError{&a}
}

// expressionError says what is wrong with an expression, and where.
type expressionError struct{ answer *inspect.Answer }

func (e *expressionError) Error() string { return e.answer.Error }

// tell says it, with a caret below the place.
func (e *expressionError) tell(w io.Writer) {
	say(w, "%s", e.answer.Error)
	for line := range strings.Lines(e.answer.Caret()) {
		fmt.Fprintf(w, "  %s", line)
	}
	if e.answer.Hint != "" {
		hint(w, "%s", e.answer.Hint)
	}
}
