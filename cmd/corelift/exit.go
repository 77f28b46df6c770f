package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"corelift"
)

// Exit codes.
const (
	exitComplete = 0
	exitFailed   = 1 // wrong usage, or reading or writing failed
	exitUnknown  = 2 // the input is not recognised
	exitDamaged  = 3 // produced, but the input was damaged or incomplete
	exitMismatch = 4 // the firmware does not match

	exitDifferent = 5 // a comparison or a check has another outcome than it should
)

// fromBest orders the exit codes; of several dumps the worst counts.
var fromBest = []int{exitComplete, exitDamaged, exitDifferent, exitMismatch, exitUnknown, exitFailed}

func worse(a, b int) int {
	if slices.Index(fromBest, a) > slices.Index(fromBest, b) {
		return a
	}
	return b
}

// exitCode is the error of a verb that has said all there is to say.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// codeError gives a code as an error, nil if all is well.
func codeError(code int) error {
	if code == exitComplete {
		return nil
	}
	return exitCode(code)
}

// usageError says what is wrong with the command line.
type usageError struct{ verb, text string }

func (e *usageError) Error() string { return e.text }

// unreadableError: the input is a dump, but nothing of it could be saved.
type unreadableError struct{ error }

func (e *unreadableError) Unwrap() error { return e.error }

// hintedError carries advice.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }

func hinted(err error, hint string) error { return &hintedError{err, hint} }

// codeOf is the exit code of an error.
func codeOf(err error) int {
	var code exitCode
	var unknown *corelift.UnknownError
	var noCore *corelift.NoCoreError
	var unreadable *unreadableError
	var mismatch *corelift.MismatchError
	switch {
	case err == nil:
		return exitComplete
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &mismatch):
		return exitMismatch
	case errors.As(err, &unknown), errors.As(err, &noCore), errors.As(err, &unreadable):
		return exitUnknown
	}
	return exitFailed
}

// fewReasons is how many reasons of a mismatch are told; with --allow-mismatch
// info lists all.
const fewReasons = 5

// complain prints an error with its hints.
func complain(w io.Writer, err error) {
	var mismatch *corelift.MismatchError
	var usage *usageError
	var advised *hintedError
	var expression *expressionError
	switch {
	case err == nil, errors.As(err, new(exitCode)):
	case errors.As(err, &mismatch):
		reasons := mismatch.Match.Reasons
		say(w, "%s is not the firmware of this dump", mismatch.File)
		for _, reason := range reasons[:min(fewReasons, len(reasons))] {
			say(w, "  %s", reason)
		}
		if more := len(reasons) - fewReasons; more > 0 {
			say(w, "  and %s", count(more, "further observation"))
		}
		if mismatch.Match.Named {
			hint(w, "the file must be the one that was flashed, byte for byte; --archive DIR looks for it")
		}
		hint(w, "--allow-mismatch uses it all the same, -e none goes without")
	case errors.As(err, &usage):
		say(w, "%s", err)
		hint(w, "corelift help%s", strings.TrimRight(" "+usage.verb, " "))
	case errors.As(err, &expression):
		expression.tell(w)
	case errors.As(err, &advised):
		say(w, "%s", err)
		hint(w, "%s", advised.hint)
	default:
		say(w, "%s", err)
	}
}
