package inspect

import (
	"math"
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// top shows an object as GDB's print does: a pointer or reference with its type
// in front.
func (r *renderer) top(o object) Value {
	v := r.value(o, 0)
	t := o.typ.Plain()
	if (r.format == 0 || r.format == 's') && v.Presence == Present && (t.Kind == debuginfo.Pointer && !isString(o.typ) || isReference(t)) {
		v.Text = "(" + v.Type + ") " + v.Text
	}
	return v
}

// isString tells whether a type is char *, wchar_t * and the like, whatever is
// constant in it. GDB shows the type of all other pointers, of typedefs and to
// uint8_t too.
func isString(t *debuginfo.Type) bool {
	t = unqualified(t)
	if t.Kind != debuginfo.Pointer {
		return false
	}
	_, named := literalPrefixes[unqualified(t.Elem()).Name()]
	return named
}

// unqualified is a type without const and the like; typedefs stay.
func unqualified(t *debuginfo.Type) *debuginfo.Type {
	for range maxNesting {
		switch t.Kind {
		case debuginfo.Const, debuginfo.Volatile, debuginfo.Restrict, debuginfo.Atomic:
			t = t.Elem()
		}
	}
	return t
}

// formatted shows a scalar in the format asked for; false if it does not apply
// to the type.
func (r *renderer) formatted(v *Value, o object, t *debuginfo.Type, c content) bool {
	if len(c.bytes) > maxInteger {
		return false
	}
	n := o.integer(c)
	switch r.format {
	case 'd', 'u':
		n.signed = r.format == 'd'
		v.Text = n.String()
	case 'a', 'c':
		if t.Kind == debuginfo.Complex {
			return false
		}
		if t.Kind == debuginfo.Float {
			f, ok := floatValue(c.bytes, t.Order, o.at.floatFormat(t, len(c.bytes)))
			if !ok || !(math.Abs(f) < 1<<63) { // NaN neither
				return false
			}
			n = integer{lo: uint64(int64(f)), size: 8, signed: true}
		}
		if n.size > 8 {
			return false
		}
		at := elfcore.Addr(n.int()) & elfcore.Addr(o.at.session.core.Arch.AddrMask())
		if v.Text = o.at.session.pointer(at); r.format == 'c' {
			n.size, n.lo = 1, n.lo&0xff
			v.Text = charText(n, "")
		}
	case 'f':
		switch size := len(c.bytes); {
		case t.Kind == debuginfo.Float || t.Kind == debuginfo.Complex:
			return false
		case o.bits == 0 && (size == 4 || size == 8):
			v.Text = o.at.float(c.bytes, t)
		default:
			v.Text = n.String()
		}
	case 's': // strings show themselves
		return false
	default:
		v.Text = radixes[r.format].text(n)
	}
	return true
}

// radix is a way to write the bits of a number.
type radix struct {
	base   int
	prefix string
	digits int // as many of them per byte at least
}

var radixes = [...]radix{'x': {16, "0x", 0}, 'z': {16, "0x", 2}, 'o': {8, "0", 0}, 't': {2, "", 0}}

func (r radix) text(n integer) string {
	digits := n.wide().Text(r.base)
	if r.base == 8 && digits == "0" {
		return digits
	}
	return r.prefix + strings.Repeat("0", max(r.digits*n.size-len(digits), 0)) + digits
}
