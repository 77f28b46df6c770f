package cexpr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// levelOf tells how tightly the parts of a node hold together.
func levelOf(n Node) level {
	switch n := n.(type) {
	case *Conditional:
		return levelConditional
	case *Binary:
		return binaryLevel(n.Op)
	case *Unary, *Cast, *Memory, *Sizeof:
		return levelUnary
	case *Int, *Float: // a point behind them would be theirs
		return levelUnary
	}
	return levelPostfix
}

// as prints a node where one of a level is expected.
func as(least level, n Node) string {
	if levelOf(n) < least {
		return "(" + n.String() + ")"
	}
	return n.String()
}

// join puts a blank between two texts where they would grow together: in - -x.
func join(left, right string) string {
	if right != "" && strings.HasSuffix(left, right[:1]) && right[0] != '*' {
		return left + " " + right
	}
	return left + right
}

func (n *Name) String() string { return n.spell(false) }

// spell prints a name, or the name of a member. Parts that could be taken for
// something else get quotes.
func (n *Name) spell(member bool) string {
	spelled := make([]string, len(n.Parts))
	for i, part := range n.Parts {
		plain := part == anonymous || isWord(part) && wordLen(part) == len(part)
		switch {
		case i > 0 || n.Global:
		case member && len(n.Parts) > 1:
			plain = plain && !slices.Contains(sourceFiles[:], part)
		case member:
			plain = plain || strings.Trim(part, digits) == ""
		default:
			plain = plain && !isKeyword(part)
		}
		if !plain {
			part = "'" + part + "'"
		}
		spelled[i] = part
	}
	name := strings.Join(spelled, "::")
	if n.Global {
		return "::" + name
	}
	return name
}

func (n *Register) String() string { return "$" + n.Name }

func (n *Int) String() string {
	s := strconv.FormatUint(n.Value, n.Base)
	for _, b := range bases {
		if b.base == n.Base {
			s = b.prefix + s
		}
	}
	for _, suffix := range suffixes {
		if suffix.unsigned == n.Unsigned && suffix.long == n.Long {
			return s + suffix.text
		}
	}
	return s
}

func (n *Float) String() string {
	s := strconv.FormatFloat(n.Value, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if n.Suffix != 0 {
		s += string(rune(n.Suffix))
	}
	return s
}

func (n *Char) String() string { return "'" + escape(string([]byte{n.Value}), '\'') + "'" }
func (n *Str) String() string  { return `"` + escape(n.Value, '"') + `"` }

// escape spells bytes between quotes. Octal codes have an end, unlike others.
func escape(s string, quote byte) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (n *Bool) String() string { return strconv.FormatBool(n.Value) }
func (n *Null) String() string { return "NULL" }

func (n *Unary) String() string { return join(n.Op, as(levelUnary, n.X)) }

func (n *Binary) String() string {
	l := binaryLevel(n.Op)
	return as(l, n.X) + " " + n.Op + " " + as(l+1, n.Y)
}

func (n *Conditional) String() string {
	return as(levelOrOr, n.If) + " ? " + n.Then.String() + " : " + n.Else.String()
}

func (n *Member) String() string {
	operator := "."
	if n.Arrow {
		operator = "->"
	}
	return as(levelPostfix, n.X) + operator + n.Name.spell(true)
}

func (n *Index) String() string { return as(levelPostfix, n.X) + "[" + n.I.String() + "]" }

func (n *Slice) String() string {
	s := as(levelPostfix, n.X) + "["
	if n.Low != nil {
		s += n.Low.String()
	}
	s += ":"
	if n.High != nil {
		s = join(s, n.High.String())
	}
	return s + "]"
}

func (n *Cast) String() string   { return "(" + n.Type.String() + ")" + as(levelUnary, n.X) }
func (n *Memory) String() string { return "{" + n.Type.String() + "} " + as(levelUnary, n.X) }

func (n *Sizeof) String() string {
	if n.Type != nil {
		return "sizeof(" + n.Type.String() + ")"
	}
	if _, ok := n.X.(*Cast); ok { // sizeof (int)x would be sizeof(int)
		return "sizeof (" + n.X.String() + ")"
	}
	return "sizeof " + as(levelUnary, n.X)
}

// String prints the type as C.
func (t *Type) String() string { return t.declare("") }

// declare prints the type with a declarator around inner.
func (t *Type) declare(inner string) string {
	switch t.Form {
	case Named:
		words := t.Qualifiers.words()
		if t.Tag != "" {
			words = append(words, t.Tag)
		}
		if t.Base != "" {
			words = append(words, t.Base)
		} else {
			words = append(words, t.Name.String())
		}
		if inner != "" {
			words = append(words, inner)
		}
		return strings.Join(words, " ")
	case Array:
		count := ""
		if t.Count != nil {
			count = t.Count.String()
		}
		return t.Elem.declare(inner + "[" + count + "]")
	case Function:
		return t.Elem.declare(inner + "(" + t.parameters() + ")")
	}
	words := t.Qualifiers.words()
	if inner != "" && len(words) > 0 {
		words = append(words, "")
	}
	inner = join(t.Form.symbol(), strings.Join(words, " ")+inner)
	if t.Elem.Form == Array || t.Elem.Form == Function {
		inner = "(" + inner + ")"
	}
	return t.Elem.declare(inner)
}

func (t *Type) parameters() string {
	var all []string
	for _, p := range t.Params {
		all = append(all, p.String())
	}
	if t.Variadic {
		all = append(all, "...")
	}
	if all == nil {
		return "void"
	}
	return strings.Join(all, ", ")
}

// symbol is what makes a declarator of a form that points.
func (f Form) symbol() string {
	for _, p := range pointers {
		if p.form == f {
			return p.symbol
		}
	}
	return ""
}

// words are the spellings of the qualifiers.
func (q Qualifiers) words() (words []string) {
	for _, known := range qualifiers {
		if q&known.bit != 0 {
			words = append(words, known.word)
			q &^= known.bit
		}
	}
	return words
}
