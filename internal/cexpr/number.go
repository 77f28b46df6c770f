package cexpr

import (
	"errors"
	"strconv"
	"strings"
)

// bases are the prefixes of integers.
var bases = [...]struct {
	prefix string
	base   int
}{{"0x", 16}, {"0b", 2}, {"0", 8}, {"", 10}}

// suffixes are those of integers (C17, 6.4.4.1), in small letters.
var suffixes = [...]struct {
	text     string
	unsigned bool
	long     int
}{
	{"ull", true, 2}, {"llu", true, 2}, {"ll", false, 2},
	{"ul", true, 1}, {"lu", true, 1}, {"l", false, 1}, {"u", true, 0}, {"", false, 0},
}

func readNumber(t *token) Node {
	lower := strings.ToLower(t.text)
	hex, bin := strings.HasPrefix(lower, "0x"), strings.HasPrefix(lower, "0b")
	if strings.Contains(lower, ".") || hex && strings.Contains(lower, "p") || !hex && !bin && strings.Contains(lower, "e") {
		return readFloat(t, lower)
	}
	n := &Int{at: t.at()}
	for _, s := range suffixes {
		if digits, ok := strings.CutSuffix(lower, s.text); ok {
			lower, n.Unsigned, n.Long = digits, s.unsigned, s.long
			break
		}
	}
	for _, b := range bases {
		// A lone 0 is octal in C, which makes no difference but to who reads Base.
		if digits, ok := strings.CutPrefix(lower, b.prefix); ok && lower != "0" || b.base == 10 {
			lower, n.Base = digits, b.base
			break
		}
	}
	value, err := strconv.ParseUint(lower, n.Base, 64)
	t.check(err, "64 bits")
	n.Value = value
	return n
}

func readFloat(t *token, lower string) Node {
	f := &Float{at: t.at()}
	if last := lower[len(lower)-1]; last == 'f' || last == 'l' {
		lower, f.Suffix = lower[:len(lower)-1], last
	}
	var err error
	if strings.Contains(lower, "_") { // a separator of Go's
		err = strconv.ErrSyntax
	} else {
		f.Value, err = strconv.ParseFloat(lower, 64)
	}
	t.check(err, "a double")
	return f
}

// check fails on an error of strconv about a number. most is what it has to fit.
func (t *token) check(err error, most string) {
	switch {
	case err == nil:
	case errors.Is(err, strconv.ErrRange):
		fail(t.pos, "", "expected a number that fits %s, found %s", most, quote(t.text))
	case strings.ContainsAny(t.text, "_'"):
		fail(t.pos, "digits have no separators here", "expected a number, found %s", quote(t.text))
	case strings.Trim(t.text, digits) == "":
		fail(t.pos, "a leading 0 makes a number octal", "expected a number, found %s", quote(t.text))
	default:
		fail(t.pos, "", "expected a number, found %s", quote(t.text))
	}
}
