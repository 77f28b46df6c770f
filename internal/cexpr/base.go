package cexpr

import (
	"slices"
	"strings"
)

// baseWords are the words of base types, and what baseTypes calls them.
var baseWords = [...]struct{ typed, word string }{
	{"void", "void"}, {"char", "char"}, {"short", "short"}, {"int", "int"}, {"long", "long"},
	{"signed", "signed"}, {"__signed__", "signed"}, {"unsigned", "unsigned"}, {"__int128", "__int128"},
	{"bool", "bool"}, {"_Bool", "bool"}, {"float", "float"}, {"double", "double"},
}

// baseTypes are the lists of words that are a type (C17, 6.7.2, and GCC's
// __int128), in alphabetical order, since any order is allowed.
var baseTypes = [...]struct{ words, name string }{
	{"void", "void"},
	{"bool", "bool"},
	{"char", "char"},
	{"char signed", "signed char"},
	{"char unsigned", "unsigned char"},
	{"short", "short"},
	{"short signed", "short"},
	{"int short", "short"},
	{"int short signed", "short"},
	{"short unsigned", "unsigned short"},
	{"int short unsigned", "unsigned short"},
	{"int", "int"},
	{"signed", "int"},
	{"int signed", "int"},
	{"unsigned", "unsigned int"},
	{"int unsigned", "unsigned int"},
	{"long", "long"},
	{"long signed", "long"},
	{"int long", "long"},
	{"int long signed", "long"},
	{"long unsigned", "unsigned long"},
	{"int long unsigned", "unsigned long"},
	{"long long", "long long"},
	{"long long signed", "long long"},
	{"int long long", "long long"},
	{"int long long signed", "long long"},
	{"long long unsigned", "unsigned long long"},
	{"int long long unsigned", "unsigned long long"},
	{"__int128", "__int128"},
	{"__int128 signed", "__int128"},
	{"__int128 unsigned", "unsigned __int128"},
	{"float", "float"},
	{"double", "double"},
	{"double long", "long double"},
}

// isBaseWord tells whether a word belongs to a base type.
func isBaseWord(word string) bool {
	for _, w := range baseWords {
		if w.typed == word {
			return true
		}
	}
	return false
}

// baseType is the name of the type that the words are, in any order: compilers and
// users call the same type "long unsigned int" and "unsigned long".
func baseType(words []string) (name string, ok bool) {
	words = slices.Clone(words)
	for i, word := range words {
		for _, w := range baseWords {
			if w.typed == word {
				words[i] = w.word
			}
		}
	}
	slices.Sort(words)
	sorted := strings.Join(words, " ")
	for _, t := range baseTypes {
		if t.words == sorted {
			return t.name, true
		}
	}
	return "", false
}
