package inspect

import "corelift/internal/debuginfo"

// literalPrefixes are C's prefixes of literals by the name of the character's
// type. Those are no types of their own in C, but typedefs of integers.
var literalPrefixes = map[string]string{"char": "", "wchar_t": "L", "char8_t": "", "char16_t": "u", "char32_t": "U"}

// sizePrefixes are those by the size of a character that has another name.
var sizePrefixes = map[int64]string{2: "u", 4: "U"}

// textual tells whether values of a type are characters, and how a literal of
// them begins.
func textual(t *debuginfo.Type) (prefix string, ok bool) {
	for range maxNesting {
		if prefix, ok := literalPrefixes[t.Name()]; ok {
			return prefix, true
		}
		switch t.Kind {
		case debuginfo.Char:
			if t.Rust() {
				return "", true
			}
			return sizePrefixes[t.Size()], true
		case debuginfo.Typedef, debuginfo.Const, debuginfo.Volatile, debuginfo.Restrict, debuginfo.Atomic:
			t = t.Elem()
		default:
			return "", false
		}
	}
	return "", false
}
