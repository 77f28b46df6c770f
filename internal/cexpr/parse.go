package cexpr

import (
	"fmt"
	"slices"
	"strings"
)

// level is how tightly an operator binds.
type level uint8

// The levels of C (C17, 6.5), and of @ as GDB has it.
const (
	levelConditional level = iota + 1
	levelOrOr
	levelAndAnd
	levelOr
	levelXor
	levelAnd
	levelEqual
	levelOrder
	levelShift
	levelRepeat // GDB: a + 1 @ 4 is (a + 1) @ 4, a << 1 @ 4 is a << (1 @ 4)
	levelSum
	levelProduct
	levelUnary
	levelPostfix
)

// binary are the operators between two operands; all group from the left.
var binary = [...]struct {
	op    string
	level level
}{
	{"||", levelOrOr}, {"&&", levelAndAnd}, {"|", levelOr}, {"^", levelXor}, {"&", levelAnd},
	{"==", levelEqual}, {"!=", levelEqual},
	{"<", levelOrder}, {">", levelOrder}, {"<=", levelOrder}, {">=", levelOrder},
	{"<<", levelShift}, {">>", levelShift}, {"@", levelRepeat},
	{"+", levelSum}, {"-", levelSum}, {"*", levelProduct}, {"/", levelProduct}, {"%", levelProduct},
}

// binaryLevel is the level of an operator between operands, 0 if it is none.
func binaryLevel(op string) level {
	for _, b := range binary {
		if b.op == op {
			return b.level
		}
	}
	return 0
}

// unary are the operators in front of an operand.
const unary = "*&-+!~"

type parser struct {
	tokens []token
	i      int // of the token that comes next
	depth  int
	isType func(string) bool

	// noType is the last name behind a bracket that is no type: a cast may have been
	// meant. It ends before token next, the bracket at token close.
	noType struct {
		name        string
		next, close int
	}
}

func (p *parser) peek() *token { return &p.tokens[p.i] }

func (p *parser) next() *token {
	t := p.peek()
	p.i++
	return t
}

// accept takes a symbol if it comes next.
func (p *parser) accept(sym string) bool {
	if !p.peek().is(sym) {
		return false
	}
	p.i++
	return true
}

// expect takes the symbol that closes the bracket open.
func (p *parser) expect(sym string, open *token) {
	if !p.accept(sym) {
		p.unexpected(fmt.Sprintf("%s to close the %s in column %d", sym, open.text, open.pos+1))
	}
}

// enter counts operands within operands; what it returns goes back.
func (p *parser) enter() (leave func()) {
	if p.depth++; p.depth > maxDepth {
		fail(p.peek().pos, "", "the expression is nested too deeply here")
	}
	return func() { p.depth-- }
}

// conditional reads a whole expression.
func (p *parser) conditional() Node {
	defer p.enter()()
	x := p.operation(levelOrOr)
	if !p.peek().is("?") {
		return x
	}
	question := p.next()
	then := p.conditional()
	p.expect(":", question)
	return &Conditional{question.at(), x, then, p.conditional()}
}

// operation reads binary operators of a level and above.
func (p *parser) operation(least level) Node {
	x := p.operand()
	for {
		t := p.peek()
		if t.kind != symbol {
			return x
		}
		l := binaryLevel(t.text)
		if l < least {
			return x
		}
		p.next()
		x = &Binary{t.at(), t.text, x, p.operation(l + 1)}
	}
}

// operand reads an operand of a binary operator: what C calls a cast expression.
func (p *parser) operand() Node {
	defer p.enter()()
	t := p.peek()
	switch {
	case t.kind == word && t.text == "sizeof":
		return p.sizeof()
	case t.kind != symbol:
	case len(t.text) == 1 && strings.Contains(unary, t.text):
		p.next()
		return &Unary{t.at(), t.text, p.operand()}
	case t.text == "(" && p.isTypeAt(p.i+1):
		p.next()
		typ := p.typeName()
		p.expect(")", t)
		return &Cast{t.at(), typ, p.operand()}
	case t.text == "{":
		p.next()
		typ := p.typeName()
		p.expect("}", t)
		return &Memory{t.at(), typ, p.operand()}
	}
	return p.postfix()
}

// sizeof reads what C calls a unary expression, or a type in parentheses.
func (p *parser) sizeof() Node {
	c := p.next().at()
	open := p.peek()
	switch {
	case !open.is("("):
		return &Sizeof{at: c, X: p.operand()}
	case !p.isTypeAt(p.i + 1):
		return &Sizeof{at: c, X: p.postfix()}
	}
	p.next()
	typ := p.typeName()
	p.expect(")", open)
	return &Sizeof{at: c, Type: typ}
}

func (p *parser) postfix() Node {
	x := p.primary()
	for {
		t := p.peek()
		switch {
		case t.is("["):
			p.next()
			x = p.index(x, t)
		case t.is("."), t.is("->"):
			p.next()
			if k := p.peek().kind; k != word && k != quoted {
				p.unexpected("the name of a member")
			}
			name := p.name(false)
			x = &Member{name.at, x, t.text == "->", name}
		default:
			p.refuse()
			return x
		}
	}
}

// index reads what stands in the brackets behind x: an index or a slice.
func (p *parser) index(x Node, open *token) Node {
	c := open.at()
	var low, high Node
	if !p.peek().is(":") {
		low = p.conditional()
	}
	if !p.accept(":") {
		p.expect("]", open)
		return &Index{c, x, low}
	}
	if !p.peek().is("]") {
		high = p.conditional()
	}
	p.expect("]", open)
	return &Slice{c, x, low, high}
}

func (p *parser) primary() Node {
	t := p.peek()
	c := t.at()
	switch {
	case t.kind == number:
		p.next()
		return readNumber(t)
	case t.kind == text:
		p.next()
		return &Str{c, unescape(t)}
	case t.kind == register:
		p.next()
		if t.text == "$" || isDigit(t.text[1]) {
			fail(t.pos, "$name is a register", "there is no history of values, found %s", quote(t.text))
		}
		return &Register{c, t.text[1:]}
	case p.isChar():
		p.next()
		return readChar(t)
	case t.is("("):
		p.next()
		x := p.conditional()
		p.expect(")", t)
		return x
	case t.kind == word && slices.Contains(constants[:], t.text):
		p.next()
		if t.text == "true" || t.text == "false" {
			return &Bool{c, t.text == "true"}
		}
		return &Null{c}
	case t.kind == word && isTypeWord(t.text):
		fail(t.pos, "(type)x casts, sizeof(type) is its size, and a variable of that name goes in quotes", "expected a value, found the type %s", quote(t.text))
	}
	p.refuse()
	if t.kind != word && t.kind != quoted && !t.is("::") {
		p.unexpected("a value")
	}
	return p.name(false)
}
