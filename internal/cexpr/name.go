package cexpr

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// isTypeAt tells whether token i, behind a bracket, begins a type.
func (p *parser) isTypeAt(i int) bool {
	defer func(i int) { p.i = i }(p.i)
	p.i = i
	t := p.peek()
	switch {
	case t.kind == word && isTypeWord(t.text):
		return true
	case !p.isName() || t.kind == word && isKeyword(t.text):
		return false
	}
	name := p.name(false).Path()
	// Only before these can it be a type: debug information is not searched in vain.
	next := p.peek()
	if next.kind == word && qualifier(next.text) == 0 ||
		next.kind != word && !slices.Contains([]string{")", "*", "&", "&&", "[", "(", ","}, next.text) {
		return false
	}
	if p.isType(name) {
		return true
	}
	p.noType.name, p.noType.next, p.noType.close = name, p.i, p.tokens[i-1].match
	return false
}

// isName tells whether a name comes next.
func (p *parser) isName() bool {
	t := p.peek()
	return t.kind == word || t.kind == quoted && !p.isChar() || t.is("::")
}

// isChar tells whether a character constant comes next. What is longer is a
// name, as in GDB, and so is what has another part behind it: 'c'::count.
func (p *parser) isChar() bool {
	t := p.peek()
	return t.kind == quoted && !p.tokens[p.i+1].is("::") &&
		(utf8.RuneCountInString(t.text) == len("'c'") || t.text[1] == '\\')
}

// name reads a name with all its parts. inType: it can only be a type's.
func (p *parser) name(inType bool) *Name {
	n := &Name{at: p.peek().at()}
	n.Global = p.accept("::")
	for {
		p.part(n, inType)
		if !p.accept("::") {
			return n
		}
	}
}

// part adds the part that comes next to n, with its template arguments.
func (p *parser) part(n *Name, inType bool) {
	t := p.peek()
	if t.text == "''" {
		fail(t.pos, "", "expected a name in the quotes")
	}
	if t.kind != word && t.kind != quoted {
		p.unexpected("a name")
	}
	p.next()
	if t.kind == quoted {
		n.Parts = append(n.Parts, t.text[1:len(t.text)-1])
		return
	}
	n.Parts = append(n.Parts, t.text)
	open := p.i
	if p.peek().is("::") && p.tokens[open+1].is("<") { // Rust: Ring::<u8>::new
		open++
	}
	arguments := p.arguments(open)
	if arguments == "" {
		return
	}
	part := &n.Parts[len(n.Parts)-1]
	*part += arguments
	last := p.tokens[open].match
	if inType || !p.isOperandAt(last+1) || p.isType(n.Path()) {
		p.i = last + 1
		return
	}
	*part = t.text // a<b>c compares
}

// isOperandAt tells whether a value may begin at token i. Behind Foo<int>, it
// makes a comparison of it, unless that is a type.
func (p *parser) isOperandAt(i int) bool {
	t := &p.tokens[i]
	return t.kind > symbol ||
		slices.Contains([]string{"(", "{", "*", "&", "&&", "-", "--", "+", "++", "!", "~"}, t.text)
}

// arguments spells the template arguments that token open begins: a blank only
// between words, between operators that had one, and after commas. Empty: there
// are none.
func (p *parser) arguments(open int) string {
	last := p.tokens[open].match
	if !p.tokens[open].is("<") || last == 0 {
		return ""
	}
	var b strings.Builder
	closing := 0 // brackets that the last token closes
	for i := open; i <= last; i++ {
		t, before := &p.tokens[i], &p.tokens[i-1]
		if t.match == last {
			closing++
		}
		switch {
		case t.kind == quoted || t.kind == text:
			return "" // compilers write (char)97
		case i == open:
		case before.is(","),
			t.kind != symbol && before.kind != symbol,
			t.kind == symbol && before.kind == symbol && t.pos > before.end && !(strings.HasSuffix(before.text, ">") && (t.is(">") || t.is(">>"))):
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	if closing != len(p.tokens[last].text) {
		return "" // the other half of a ">>" closes nothing
	}
	return b.String()
}
