package debuginfo

import (
	"debug/dwarf"
	"strings"
)

// Name is a tag or the name of a typedef or base type, qualified, as GDB writes
// it: "k_thread", "unsigned long", "fw::Ring<int, 4>"; empty for anonymous and
// derived types.
func (t *Type) Name() string {
	if p := t.name.p.Load(); p != nil {
		return *p
	}
	return t.name.set(t.readName())
}

func (t *Type) readName() string {
	switch t.Kind {
	case Void:
		return "void"
	case Array, Func, Const, Volatile, Restrict, Atomic, MemberPointer:
		return ""
	case Pointer, Reference, RvalueReference:
		if t.language != languageRust {
			return "" // Rust's pointers have names: "*const u8", "&str"
		}
	}
	return canonical(t.entry.declared().Qualified(), t.language)
}

// declared is where a class that is defined elsewhere is declared: what is
// around that, qualifies its name. Type units have the definition outside of
// all namespaces.
func (e Entry) declared() Entry {
	for range maxOrigins {
		at, ok := e.Ref(dwarf.AttrSpecification)
		if !ok {
			break
		}
		e = at
	}
	return e
}

// canonical writes a name as GDB does, which is not always how the compiler
// did: GCC's "long unsigned int" is "unsigned long", and template arguments
// have one form.
func canonical(name string, l language) string {
	if l == languageRust {
		return name
	}
	if s, ok := canonicalInteger(name); ok {
		return s
	}
	if l == languageCPlus && strings.Contains(name, "<") {
		return canonicalTemplate(name)
	}
	return name
}

// integerWords are the words that make up those names, each at most as often as
// here (C11, 6.7.2).
var integerWords = []struct {
	word string
	most int
}{{"unsigned", 1}, {"signed", 1}, {"short", 1}, {"long", 2}, {"char", 1}, {"int", 1}}

// canonicalInteger is GDB's name of an integer type in any of C's spellings,
// whose words may stand in any order. ok is false for others.
func canonicalInteger(name string) (s string, ok bool) {
	var counts [6]int
	for word := range strings.FieldsSeq(name) {
		i := 0
		for i < len(integerWords) && integerWords[i].word != word {
			i++
		}
		if i == len(integerWords) || counts[i] == integerWords[i].most {
			return "", false
		}
		counts[i]++
	}
	unsigned, signed, short, long, char, number := counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]
	base := "int"
	switch {
	case unsigned+signed > 1, char > 0 && short+long+number > 0, short > 0 && long > 0, unsigned+signed+short+long+char+number == 0:
		return "", false
	case char > 0 && signed > 0:
		return "signed char", true
	case char > 0:
		base = "char"
	case short > 0:
		base = "short"
	case long == 2:
		base = "long long"
	case long == 1:
		base = "long"
	}
	if unsigned > 0 {
		base = "unsigned " + base
	}
	return base, true
}
