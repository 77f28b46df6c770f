package capture

import (
	"bytes"
	"iter"
)

// Pairs yields the "name: value" pairs of a console line, as register dumps
// print them, several to a line: "r0/a1:  0x20  r1/a2:  0x00, mcause: 3". A
// name is what stands between the last value and the colon; a value is one
// word that is a number, in decimal or hexadecimal with or without 0x, without
// a comma behind it. A colon without white space behind it, as in time stamps,
// parts nothing; and where no number follows a new name begins, so prefixes
// such as "<err> os:" drop out.
func Pairs(line []byte) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		from := 0
		for at := 0; at < len(line); {
			colon := bytes.IndexByte(line[at:], ':')
			if colon < 0 {
				return
			}
			colon += at
			at = colon + 1
			if at < len(line) && line[at] != ' ' && line[at] != '\t' {
				continue
			}
			rest := bytes.TrimLeft(line[at:], " \t")
			word := rest
			if end := bytes.IndexAny(rest, " \t"); end >= 0 {
				word = rest[:end]
			}
			name := bytes.Trim(line[from:colon], " \t,")
			if !isNumber(bytes.TrimRight(word, ",")) {
				from = at
				continue
			}
			from = len(line) - len(rest) + len(word)
			at = from
			if !yield(string(name), string(bytes.TrimRight(word, ","))) {
				return
			}
		}
	}
}

func isNumber(word []byte) bool {
	word = bytes.TrimPrefix(word, []byte("0x"))
	for _, c := range word {
		if nibble[c]&isDigit == 0 {
			return false
		}
	}
	return len(word) > 0
}
