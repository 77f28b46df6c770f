package debuginfo

import (
	"strconv"
	"strings"
)

// String writes the type as GDB's whatis does in the language of its unit:
// "const struct k_thread *", "int (*(*)[3])(char)", "fw::Ring<int, 4> &",
// "[u8; 4]".
func (t *Type) String() string {
	var w typeWriter
	if t.language == languageRust {
		w.rust(t)
	} else {
		w.declaration(t)
	}
	return w.String()
}

// typeWriter writes types the way C declares them: the innermost type first,
// then what is in front of the name that is left out, then what is behind.
type typeWriter struct {
	strings.Builder
	parts int // visited so far
}

// maxParts bounds the types that one is written with. Functions branch, and
// damage makes them their own parameters and results.
const maxParts = 1 << 11

// exhausted counts a part, and tells whether there are too many.
func (w *typeWriter) exhausted() bool {
	w.parts++
	return w.parts > maxParts
}

// bare is a type without its qualifiers, and those.
func (t *Type) bare() (*Type, qualifiers) {
	var quals qualifiers
	for range maxChain {
		q := t.Kind.qualifier()
		if q == 0 {
			break
		}
		quals |= q
		t = t.Elem()
	}
	return t, quals
}

// derived tells whether a type is written around another's name.
func (t *Type) derived() bool {
	switch t.Kind {
	case Pointer, Reference, RvalueReference, MemberPointer, Array, Func:
		return true
	}
	return false
}

func (w *typeWriter) declaration(t *Type) {
	w.base(t)
	if t, _ := t.bare(); t.derived() && !t.Vector {
		w.WriteByte(' ')
	}
	w.prefix(t, false, false)
	w.suffix(t, false)
}

// tagWords stand before the tags of types in C, and before the braces of those
// without one in C++, too.
var tagWords = [...]string{Struct: "struct ", Class: "class ", Union: "union ", Enum: "enum ", Variant: "struct ", Unspecified: ""}

// base writes the type that others are derived from.
func (w *typeWriter) base(t *Type) {
	for !w.exhausted() {
		bare, quals := t.bare()
		if bare.derived() {
			t = bare.Elem()
			continue
		}
		w.qualifiers(quals, t.language)
		if quals != 0 {
			w.WriteByte(' ')
		}
		name, word := bare.Name(), ""
		if int(bare.Kind) < len(tagWords) {
			word = tagWords[bare.Kind]
		}
		switch {
		case name == "" && word != "":
			w.WriteString(word + "{...}")
		case name == "":
			w.WriteString("<unknown type>")
		case bare.language == languageC:
			w.WriteString(word + name)
		default:
			w.WriteString(name)
		}
		return
	}
	w.WriteString("<unknown type>")
}

// qualifierWords are the words for qualifierKinds in C and C++.
var qualifierWords = [...][2]string{{"const", "const"}, {"volatile", "volatile"}, {"restrict", "__restrict__"}, {"_Atomic", "std::atomic"}}

func (w *typeWriter) qualifiers(quals qualifiers, l language) {
	between := ""
	for i, words := range qualifierWords {
		if quals&(1<<i) == 0 {
			continue
		}
		w.WriteString(between)
		w.WriteString(words[min(l, languageCPlus)])
		between = " "
	}
}

// prefix writes what stands before the name: asterisks and open parentheses.
// pointed tells that a pointer or reference to it follows, spaced that more does.
func (w *typeWriter) prefix(t *Type, pointed, spaced bool) {
	t, quals := t.bare()
	if !t.derived() || w.exhausted() {
		return
	}
	switch t.Kind {
	case Pointer:
		w.prefix(t.Elem(), true, true)
		w.WriteByte('*')
		if quals != 0 {
			w.WriteByte(' ')
			w.qualifiers(quals, t.language)
			if spaced {
				w.WriteByte(' ')
			}
		}
	case Reference:
		w.prefix(t.Elem(), true, false)
		w.WriteByte('&')
	case RvalueReference:
		w.prefix(t.Elem(), true, false)
		w.WriteString("&&")
	case MemberPointer:
		if t.Elem().Plain().Kind == Func {
			w.WriteByte('(')
		} else {
			w.prefix(t.Elem(), false, false)
		}
		w.WriteString(t.class().Name() + "::*")
	case Func:
		w.prefix(t.Elem(), false, false)
		if pointed {
			w.WriteByte('(')
		}
	case Array:
		w.prefix(t.Elem(), false, spaced)
		if pointed {
			w.WriteByte('(')
		}
	}
}

// suffix writes what stands behind the name: close parentheses, dimensions and
// parameters.
func (w *typeWriter) suffix(t *Type, pointed bool) {
	t, _ = t.bare()
	if !t.derived() || w.exhausted() {
		return
	}
	switch t.Kind {
	case Pointer, Reference, RvalueReference:
		w.suffix(t.Elem(), true)
		return
	case MemberPointer:
		if t.Elem().Plain().Kind == Func {
			w.WriteByte(')')
		}
	case Func:
		if pointed {
			w.WriteByte(')')
		}
		w.params(t)
	case Array:
		if pointed {
			w.WriteByte(')')
		}
		w.dimension(t)
	}
	w.suffix(t.Elem(), false)
}

func (w *typeWriter) dimension(t *Type) {
	b := t.Bound()
	n := ""
	switch {
	case b.Known:
		n = strconv.FormatInt(b.Count, 10)
	case b.Expr != nil, b.Variable.unit != nil:
		n = "variable length"
	}
	if t.Vector {
		w.WriteString(" __attribute__ ((vector_size(" + n + ")))")
	} else {
		w.WriteString("[" + n + "]")
	}
}

func (w *typeWriter) params(t *Type) {
	params, variadic := t.Params()
	w.WriteByte('(')
	for i, p := range params {
		if i > 0 {
			w.WriteString(", ")
		}
		if w.parts >= maxParts {
			w.WriteString("...")
			break
		}
		w.declaration(p)
	}
	switch {
	case variadic && len(params) > 0:
		w.WriteString(", ...")
	case variadic && t.language != languageC:
		w.WriteString("...") // in C "..." alone is how compilers describe "()"
	case len(params) == 0 && t.prototyped():
		w.WriteString("void")
	}
	w.WriteByte(')')
}

// rust writes a type as Rust does. rustc gives names to all but arrays and the
// types of functions.
func (w *typeWriter) rust(t *Type) {
	name := t.Name()
	switch {
	case w.exhausted():
		w.WriteString("...")
	case t.Kind == Void:
		w.WriteString("()")
	case name != "":
		w.WriteString(name)
	case t.Kind == Array:
		w.WriteByte('[')
		w.rust(t.Elem())
		if n, ok := t.Count(); ok {
			w.WriteString("; " + strconv.FormatInt(n, 10))
		}
		w.WriteByte(']')
	case t.Kind == Func:
		w.WriteString("fn (")
		params, _ := t.Params()
		for i, p := range params {
			if i > 0 {
				w.WriteString(", ")
			}
			w.rust(p)
		}
		w.WriteByte(')')
		if result := t.Elem(); result.Kind != Void {
			w.WriteString(" -> ")
			w.rust(result)
		}
	case t.Kind == Pointer:
		w.WriteString("*mut ")
		w.rust(t.Elem())
	default:
		w.WriteString("<unknown type>")
	}
}
