package inspect

import (
	"slices"

	"corelift/internal/debuginfo"
)

// charNames are C's names of characters that are not types of their own there,
// but typedefs or integers.
var charNames = []string{"wchar_t", "char8_t", "char16_t", "char32_t"}

// textual tells whether values of a type are characters.
func textual(t *debuginfo.Type) bool {
	for range maxNesting {
		if t.Kind == debuginfo.Char || slices.Contains(charNames, t.Name()) {
			return true
		}
		switch t.Kind {
		case debuginfo.Typedef, debuginfo.Const, debuginfo.Volatile, debuginfo.Restrict, debuginfo.Atomic:
			t = t.Elem()
		default:
			return false
		}
	}
	return false
}
