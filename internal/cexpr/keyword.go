package cexpr

import "slices"

// constants are the words that are values. Code knows NULL as a macro; here it is
// one everywhere.
var constants = [...]string{"true", "false", "NULL", "nullptr"}

// tags begin the name of a type.
var tags = [...]string{"struct", "union", "enum", "class"}

// qualifiers are the spellings of type qualifiers. The first of each is how it prints.
var qualifiers = [...]struct {
	word string
	bit  Qualifiers
}{
	{"const", Const}, {"volatile", Volatile}, {"restrict", Restrict}, {"_Atomic", Atomic},
	{"__const", Const}, {"__const__", Const}, {"__volatile", Volatile}, {"__volatile__", Volatile},
	{"__restrict", Restrict}, {"__restrict__", Restrict},
}

// qualifier is the bit of a word, 0 if it is none.
func qualifier(word string) Qualifiers {
	for _, q := range qualifiers {
		if q.word == word {
			return q.bit
		}
	}
	return 0
}

// isTypeWord tells whether a word begins a type.
func isTypeWord(word string) bool {
	return isBaseWord(word) || qualifier(word) != 0 || slices.Contains(tags[:], word)
}

// isKeyword tells whether a word is no name, unless it stands in quotes or behind
// "::", "." or "->".
func isKeyword(word string) bool {
	return word == "sizeof" || slices.Contains(constants[:], word) || isTypeWord(word)
}
