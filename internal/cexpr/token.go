package cexpr

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	atEnd    kind = iota
	symbol        // operators, brackets
	word          // a name's part, or a keyword
	quoted        // in single quotes, which text still has
	text          // in double quotes, which text still has
	number        // begins like one
	register      // $name
)

type token struct {
	kind     kind
	pos, end int    // in the line
	text     string // line[pos:end]
	// match is the index of the token that closes the bracket, 0 if none does.
	// A "<" is a bracket if it adjoins the word before it, as GDB has it too; its ">"
	// may be one half of a ">>".
	match int
}

// at is where the token is, as errors count.
func (t *token) at() at { return at(t.pos + 1) }

// is tells whether the token is that operator or bracket.
func (t *token) is(s string) bool { return t.kind == symbol && t.text == s }

// symbols are the operators and brackets, the longer ones first.
var symbols = [...]string{
	"<<=", ">>=", "...",
	"->", "::", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"+", "-", "*", "/", "%", "<", ">", "=", "!", "~", "&", "|", "^", "?", ":", ".", ",", ";",
	"(", ")", "[", "]", "{", "}", "@",
}

const (
	digits    = "0123456789"
	blanks    = " \t\r\n\v\f"
	anonymous = "(anonymous namespace)" // as demanglers and GDB call it
)

// scan cuts line[pos:] into tokens, the last of which is atEnd.
func scan(line string, pos int) []token {
	s := scanner{line: line, pos: pos}
	for s.next() {
	}
	matchBrackets(s.tokens)
	return s.tokens
}

type scanner struct {
	line   string
	pos    int
	tokens []token
}

// next adds one token; it answers false after the last one.
func (s *scanner) next() bool {
	s.pos = len(s.line) - len(strings.TrimLeft(s.line[s.pos:], blanks))
	rest := s.line[s.pos:]
	if rest == "" {
		s.add(atEnd, 0)
		return false
	}
	switch c := rest[0]; {
	case strings.HasPrefix(rest, anonymous):
		s.add(word, len(anonymous))
	case c == '{' && s.after("::"): // Rust: core::fmt::{impl#3}::fmt
		s.add(word, s.braced(rest))
	case isWord(rest):
		s.add(word, s.fileName(rest))
	case c == '$':
		s.add(register, 1+wordLen(rest[1:]))
	case c == '\'':
		s.add(quoted, s.inQuotes(rest))
	case c == '"':
		s.add(text, s.inQuotes(rest))
	case isDigit(c) && s.after("."): // Rust: tuple.0.1
		s.add(word, len(rest)-len(strings.TrimLeft(rest, digits)))
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]) && !s.afterOperand():
		s.add(number, numberLen(rest))
	default:
		s.symbol(rest)
	}
	return true
}

// braced gives the size of a part in braces. Quotes can go around it.
func (s *scanner) braced(rest string) int {
	end := strings.IndexAny(rest, `}'\`)
	if end < 0 || rest[end] != '}' {
		fail(s.pos, "", "expected a closing }")
	}
	return end + 1
}

func (s *scanner) add(k kind, size int) {
	s.tokens = append(s.tokens, token{kind: k, pos: s.pos, end: s.pos + size, text: s.line[s.pos : s.pos+size]})
	s.pos += size
}

func (s *scanner) symbol(rest string) {
	for _, sym := range symbols {
		if strings.HasPrefix(rest, sym) {
			s.add(symbol, len(sym))
			return
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if r == utf8.RuneError && size == 1 {
		fail(s.pos, "", "expected text in UTF-8, found the byte 0x%02x", rest[0])
	}
	hint := ""
	if unicode.In(r, unicode.Pi, unicode.Pf) {
		hint = "quotes are plain ' and \""
	}
	fail(s.pos, hint, "expected an expression, found %s", quote(rest[:size]))
}

// after tells whether the token before is that symbol, and adjoins.
func (s *scanner) after(sym string) bool {
	n := len(s.tokens)
	return n > 0 && s.tokens[n-1].is(sym) && s.tokens[n-1].end == s.pos
}

// afterOperand tells whether the token before ends a value, so that a point is
// for a member.
func (s *scanner) afterOperand() bool {
	if len(s.tokens) == 0 {
		return false
	}
	last := &s.tokens[len(s.tokens)-1]
	return last.end == s.pos && (last.kind > symbol || last.is(")") || last.is("]"))
}

// inQuotes gives the size of what the quote that rest begins with ends. Behind a
// backslash, it does not.
func (s *scanner) inQuotes(rest string) int {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case rest[0]:
			return i + 1
		}
	}
	fail(s.pos, "", "expected a closing %c", rest[0])
	return 0
}

// sourceFiles are the endings of files whose variables are named with the file,
// without quotes: uart.c::state. For the member y of x in a base class h, x.h::y
// must be x.'h'::y.
var sourceFiles = [...]string{"c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "ino", "rs"}

// fileName gives the size of the word at the beginning of rest, which is a
// whole file name in front of "::".
func (s *scanner) fileName(rest string) int {
	first := wordLen(rest)
	if s.after(".") || s.after("->") {
		return first
	}
	end := first
	for {
		if !strings.HasPrefix(rest[end:], ".") {
			return first
		}
		size := wordLen(rest[end+1:])
		ending := rest[end+1 : end+1+size]
		end += 1 + size
		if strings.HasPrefix(rest[end:], "::") && slices.Contains(sourceFiles[:], ending) {
			return end
		}
		if size == 0 {
			return first
		}
	}
}

// numberLen gives the size of what is meant to be a number: more than valid
// numbers, so that errors name the whole. Unlike C's preprocessing numbers
// (C17, 6.4.8), 0xe+1 is a sum, as users expect.
func numberLen(rest string) int {
	hex := strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X")
	for i := 1; ; i++ {
		if i == len(rest) {
			return i
		}
		last := rest[i-1] | 0x20
		sign := (rest[i] == '+' || rest[i] == '-') && (last == 'p' && hex || last == 'e' && !hex)
		separator := rest[i] == '\'' && i+1 < len(rest) && isDigit(rest[i+1])
		if !isASCIIWord(rest[i]) && rest[i] != '.' && !sign && !separator {
			return i
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isASCIIWord(c byte) bool {
	return isDigit(c) || c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// isWord tells whether s begins with a word.
func isWord(s string) bool {
	return s != "" && s[0] != '$' && !isDigit(s[0]) && wordLen(s) > 0
}

// wordLen gives the size of the letters, digits, underscores and dollar signs at the
// beginning of s. GCC allows dollar signs within names.
func wordLen(s string) int {
	for i, r := range s {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return i
		}
	}
	return len(s)
}

// matchBrackets fills in what closes the brackets, in one pass.
func matchBrackets(tokens []token) {
	var open []int // brackets not closed yet
	top := func() string {
		if len(open) == 0 {
			return ""
		}
		return tokens[open[len(open)-1]].text
	}
	closeTop := func(by int) {
		tokens[open[len(open)-1]].match = by
		open = open[:len(open)-1]
	}
	for i := range tokens {
		t := &tokens[i]
		if t.kind != symbol {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			open = append(open, i)
		case "<":
			if i > 0 && tokens[i-1].end == t.pos && (tokens[i-1].kind == word || tokens[i-1].is("::")) {
				open = append(open, i)
			}
		case ")", "]", "}":
			for top() == "<" { // was less than
				open = open[:len(open)-1]
			}
			if opens(top(), t.text) {
				closeTop(i)
			}
		case ">":
			if top() == "<" {
				closeTop(i)
			}
		case ">>":
			// Only two open brackets make it two closing ones; beside one, it shifts.
			if n := len(open); n >= 2 && top() == "<" && tokens[open[n-2]].text == "<" {
				closeTop(i)
				closeTop(i)
			}
		}
	}
}

// opens tells whether the brackets belong together.
func opens(left, right string) bool {
	i := strings.Index("([{", left)
	return left != "" && i >= 0 && ")]}"[i] == right[0]
}
