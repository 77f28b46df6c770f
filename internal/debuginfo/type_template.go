package debuginfo

import "strings"

// canonicalTemplate writes a C++ name with template arguments as GDB does,
// which follows the demangler: GCC's "Ring<const char*, 2>" and clang's
// "Ring<const char *, 2>" are "Ring<char const*, 2>". A name that is not
// understood stays as it is.
func canonicalTemplate(name string) string {
	budget := maxNameParts
	p := nameParser{text: name, budget: &budget}
	s := p.name(0)
	if p.bad || p.text != "" {
		return name
	}
	return s
}

// maxNameParts bounds the parts of a name that are read, looking ahead included.
const maxNameParts = 1 << 12

// nameParser reads C++ names as they stand in debug information.
type nameParser struct {
	text   string // what is left
	bad    bool
	budget *int // of parts
}

func (p *nameParser) space() { p.text = strings.TrimLeft(p.text, " ") }

// take moves over a token if it is next.
func (p *nameParser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

// word returns the identifier that is next, "" if none is.
func (p *nameParser) word() string {
	p.space()
	n := 0
	for n < len(p.text) && wordByte(p.text[n]) {
		n++
	}
	return p.text[:n]
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

func (p *nameParser) fail() string {
	p.bad = true
	return ""
}

// name reads a qualified name: parts, each with or without arguments. It leaves
// the "::" of a pointer to member.
func (p *nameParser) name(depth int) string {
	var out strings.Builder
	for first := true; ; first = false {
		if !first && (strings.HasPrefix(p.text, "::*") || !p.take("::")) {
			return out.String()
		}
		if !first {
			out.WriteString("::")
		}
		if p.take(unnamedNamespace) {
			out.WriteString(unnamedNamespace)
			continue
		}
		word := p.word()
		if *p.budget--; *p.budget < 0 || word == "" || word == "decltype" || depth > maxChain {
			return p.fail()
		}
		p.text = p.text[len(word):]
		out.WriteString(word)
		if p.take("<") {
			out.WriteString(p.arguments(depth + 1))
		}
	}
}

// arguments reads template arguments up to the closing bracket.
func (p *nameParser) arguments(depth int) string {
	list := p.list(">", depth)
	if strings.HasSuffix(list, ">") {
		list += " "
	}
	return "<" + list + ">"
}

// list reads arguments up to a closing token.
func (p *nameParser) list(end string, depth int) string {
	var args []string
	for !p.take(end) {
		if p.bad || p.text == "" || len(args) > 0 && !p.take(",") {
			return p.fail()
		}
		args = append(args, p.argument(depth))
	}
	return strings.Join(args, ", ")
}

// argument reads a type or a value.
func (p *nameParser) argument(depth int) string {
	p.space()
	switch c := p.text[:min(1, len(p.text))]; {
	case c == "":
		return p.fail()
	case strings.HasPrefix(p.text, unnamedNamespace):
	case strings.Contains("0123456789-+'\"(&{", c):
		return p.value()
	}
	return p.typeID(depth)
}

// value reads an expression without looking into it.
func (p *nameParser) value() string {
	open, quoted := 0, byte(0)
	n := 0
scan:
	for ; n < len(p.text); n++ {
		switch c := p.text[n]; {
		case quoted != 0:
			if c == '\\' {
				n++
			} else if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == '(' || c == '{' || c == '<':
			open++
		case open > 0 && (c == ')' || c == '}' || c == '>'):
			open--
		case open == 0 && (c == ',' || c == '>'):
			break scan
		}
	}
	if n > len(p.text) {
		return p.fail()
	}
	v := strings.TrimSpace(p.text[:n])
	if strings.Contains(v, " at ") { // clang's "(lambda at file.cc:21:47)"
		return p.fail()
	}
	p.text = p.text[n:]
	switch {
	case strings.HasPrefix(v, "'"):
		return "(char)" + v
	case strings.HasPrefix(v, "(& ") && strings.HasSuffix(v, ")"): // GCC's address of an object
		return "&" + v[3:len(v)-1]
	case v != "" && strings.Trim(v, "-0123456789UL") == "":
		return strings.ToLower(v)
	}
	return v
}

// typeID reads a type: what it is made of, then pointers, arrays and functions.
func (p *nameParser) typeID(depth int) string {
	var base, words, cv []string
	for {
		switch word := p.word(); {
		case word == "const" || word == "volatile":
			cv = append(cv, word)
			p.text = p.text[len(word):]
			continue
		case isIntegerWord(word):
			words = append(words, word)
			p.text = p.text[len(word):]
			continue
		case word == "" && !strings.HasPrefix(p.text, unnamedNamespace):
		case len(base)+len(words) == 0:
			base = append(base, p.name(depth+1))
			if !p.bad {
				continue
			}
		}
		break
	}
	if len(words) > 0 {
		s := strings.Join(words, " ")
		if known, ok := canonicalInteger(s); ok {
			s = known
		}
		base = append(base, s)
	}
	if len(base) == 0 {
		return p.fail()
	}
	around := p.declarator(depth + 1)
	s := base[0] + qualifying(cv)
	if around != "" && wordByte(around[0]) {
		s += " " // a pointer to member
	}
	return s + around
}

func isIntegerWord(word string) bool {
	for _, w := range integerWords {
		if w.word == word {
			return true
		}
	}
	return false
}

// qualifying writes const and volatile behind what they qualify.
func qualifying(words []string) (s string) {
	for _, q := range []string{"const", "volatile"} {
		for _, w := range words {
			if w == q {
				s += " " + q
				break
			}
		}
	}
	return s
}

// declarator reads what stands around the name that is left out, and returns
// it with the spaces that GDB puts there.
func (p *nameParser) declarator(depth int) string {
	if depth > maxChain || p.bad {
		return p.fail()
	}
	prefix := ""
	for op := p.pointer(depth); op != ""; op = p.pointer(depth) {
		prefix += op
	}
	inner := ""
	if p.space(); strings.HasPrefix(p.text, "(") && p.grouped() {
		p.take("(")
		if inner = p.declarator(depth + 1); !p.take(")") {
			return p.fail()
		}
	}
	suffix := ""
	if inner != "" {
		suffix = " (" + inner + ")"
	}
	for {
		switch {
		case p.take("["):
			end := strings.IndexByte(p.text, ']')
			if end < 0 {
				return p.fail()
			}
			suffix += " [" + strings.TrimSpace(p.text[:end]) + "]"
			p.text = p.text[end+1:]
		case inner == "" && strings.HasPrefix(p.text, "("):
			return p.fail() // a function, not a pointer to one: GDB does not know it either
		case p.take("("):
			suffix += "(" + p.list(")", depth+1) + ")"
		default:
			return prefix + suffix
		}
		if p.bad {
			return ""
		}
	}
}

// grouped tells whether a parenthesis groups a declarator, and does not open
// parameters: something that points follows, or an array's bracket.
func (p *nameParser) grouped() bool {
	q := nameParser{text: p.text[1:], budget: p.budget}
	return q.pointer(0) != "" || q.take("[")
}

// pointer reads an asterisk, a reference or a pointer to member, and its
// qualifiers.
func (p *nameParser) pointer(depth int) string {
	op := ""
	switch {
	case p.take("&&"):
		return "&&"
	case p.take("&"):
		return "&"
	case p.take("*"):
		op = "*"
	default:
		q := *p
		class := q.name(depth + 1)
		if q.bad || !q.take("::*") {
			return ""
		}
		*p, op = q, class+"::*"
	}
	var cv []string
	for word := p.word(); word == "const" || word == "volatile"; word = p.word() {
		cv = append(cv, word)
		p.text = p.text[len(word):]
	}
	return op + qualifying(cv)
}
