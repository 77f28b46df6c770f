package cexpr

import (
	"fmt"
	"slices"
	"strconv"
)

// refusals are what C has and a dump can't do, or what is not worth its rules, and
// what to type instead.
var refusals = [...]struct{ typed, what, hint string }{
	{"=", onlyRead, "== compares"},
	{"+=", onlyRead, ""}, {"-=", onlyRead, ""}, {"*=", onlyRead, ""}, {"/=", onlyRead, ""}, {"%=", onlyRead, ""},
	{"&=", onlyRead, ""}, {"|=", onlyRead, ""}, {"^=", onlyRead, ""}, {"<<=", onlyRead, ""}, {">>=", onlyRead, ""},
	{"++", onlyRead, "+ + is two signs, + 1 the next value"},
	{"--", onlyRead, "- - is two signs, - 1 the previous value"},
	{"(", onlyRead + ", nothing can be called", "casts are (type)x"},
	{",", "expected one expression", ""},
	{"alignof", "alignments are not known", ""},
	{"_Alignof", "alignments are not known", ""},
	{"offsetof", "offsetof is a macro", "write &((TYPE *)0)->MEMBER"},
	{"static_cast", "casts are written as in C", "write (TYPE)x"},
	{"reinterpret_cast", "casts are written as in C", "write (TYPE)x"},
	{"const_cast", "casts are written as in C", "write (TYPE)x"},
	{"dynamic_cast", "casts are written as in C", "write (TYPE)x"},
}

const onlyRead = "expressions only read"

// refuse fails if what comes next is refused. A word is only in front of its bracket.
func (p *parser) refuse() {
	t := p.peek()
	if t.kind != symbol && (t.kind != word || !p.tokens[p.i+1].is("(") && !p.tokens[p.i+1].is("<")) {
		return
	}
	for _, r := range refusals {
		if r.typed != t.text {
			continue
		}
		hint := r.hint
		if h := p.castHint(); h != "" {
			hint = h
		}
		fail(t.pos, hint, "%s, found %s", r.what, quote(t.text))
	}
}

// unexpected fails with what was wanted instead of what comes next.
func (p *parser) unexpected(want string) {
	t := p.peek()
	found := "the end"
	if t.kind != atEnd {
		found = quote(t.text)
	}
	fail(t.pos, p.castHint(), "expected %s, found %s", want, found)
}

// castHint says what is no type, where (name *) lacks an operand, or where one
// follows (name).
func (p *parser) castHint() string {
	switch none := p.noType; {
	case none.close == 0:
		return ""
	case p.i == none.close && slices.Contains([]string{"*", "&", "&&"}, p.tokens[p.i-1].text),
		p.i == none.close+1 && none.next == none.close && p.isOperandAt(p.i):
		return fmt.Sprintf("there is no type %s here", quote(none.name))
	}
	return ""
}

// quote quotes what was typed for a message, the beginning of it if it is long.
func quote(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return strconv.Quote(s)
}
