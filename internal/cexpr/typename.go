package cexpr

import (
	"slices"
	"strings"
)

// typeName reads a type (C17, 6.7.7).
func (p *parser) typeName() *Type {
	return p.declarator(p.specifiers())
}

// specifiers reads the words in front of the declarator, in any order.
func (p *parser) specifiers() *Type {
	first := p.peek()
	typ := &Type{at: first.at()}
	var base []string
	for {
		typ.Qualifiers |= p.qualifiers()
		t := p.peek()
		known := typ.Name != nil || base != nil
		switch {
		case t.kind == word && isBaseWord(t.text) && typ.Name == nil:
			base = append(base, p.next().text)
		case known:
			if base != nil {
				var ok bool
				if typ.Base, ok = baseType(base); !ok {
					fail(first.pos, "", "expected a type, found %s", quote(strings.Join(base, " ")))
				}
			}
			return typ
		case t.kind == word && slices.Contains(tags[:], t.text):
			typ.Tag = p.next().text
			if !p.isName() {
				p.unexpected("the name of the " + typ.Tag)
			}
			typ.Name = p.name(true)
		case p.isName():
			typ.Name = p.name(true)
		default:
			p.unexpected("a type")
		}
	}
}

// qualifiers reads any number of them.
func (p *parser) qualifiers() (q Qualifiers) {
	for {
		bit := qualifier(p.peek().text)
		if bit == 0 {
			return q
		}
		q |= bit
		p.next()
	}
}

// pointers are the symbols of the types that point, in a declarator.
var pointers = [...]struct {
	symbol string
	form   Form
}{{"*", Pointer}, {"&", Reference}, {"&&", RvalueReference}}

// declarator reads what is built on typ: (*[4])(int).
func (p *parser) declarator(typ *Type) *Type {
	defer p.enter()()
	if t := p.peek(); t.kind == symbol {
		for _, pointer := range pointers {
			if t.text == pointer.symbol {
				p.next()
				return p.declarator(&Type{at: t.at(), Form: pointer.form, Elem: typ, Qualifiers: p.qualifiers()})
			}
		}
	}
	// In parentheses stands what is built on all that follows them.
	open := p.peek()
	inner := p.i + 1
	if !open.is("(") || open.match == 0 || !slices.Contains([]string{"*", "&", "&&", "(", "["}, p.tokens[inner].text) {
		return p.suffixes(typ)
	}
	p.i = open.match + 1
	typ = p.suffixes(typ)
	end := p.i
	p.i = inner
	typ = p.declarator(typ)
	p.expect(")", open)
	p.i = end
	return typ
}

// suffixes reads the arrays and functions behind a declarator. The first is the
// outermost: [2][3] is two arrays of three.
func (p *parser) suffixes(typ *Type) *Type {
	defer p.enter()()
	open := p.peek()
	outer := &Type{at: open.at()}
	switch {
	case p.accept("["):
		outer.Form = Array
		if !p.peek().is("]") {
			outer.Count = p.conditional()
		}
		p.expect("]", open)
	case p.accept("("):
		outer.Form = Function
		p.parameters(outer)
		p.expect(")", open)
	default:
		return typ
	}
	outer.Elem = p.suffixes(typ)
	return outer
}

// parameters reads those of a function. (void) has none, and nothing is said of ().
func (p *parser) parameters(function *Type) {
	if p.peek().is(")") {
		return
	}
	for {
		if p.accept("...") {
			function.Variadic = true
			return
		}
		if !p.isTypeAt(p.i) {
			p.unexpected("the type of a parameter")
		}
		function.Params = append(function.Params, p.typeName())
		if !p.accept(",") {
			break
		}
	}
	if first := function.Params[0]; len(function.Params) == 1 && first.Form == Named && first.Base == "void" {
		function.Params = nil
	}
}
