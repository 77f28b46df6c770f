package inspect

import (
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// top shows an object as GDB's print does: a pointer with its type in front.
func (r *renderer) top(o object) Value {
	v := r.value(o, 0)
	t := o.typ.Plain()
	if r.format != 0 || v.Presence != Present || t.Kind != debuginfo.Pointer || t.Elem().Plain().Kind == debuginfo.Char && isTypedChar(o.typ) {
		return v
	}
	v.Text = "(" + v.Type + ") " + v.Text
	return v
}

// isTypedChar tells whether a pointer is one to characters as it is declared:
// GDB shows the type of a typedef'd one.
func isTypedChar(t *debuginfo.Type) bool { return t.Kind == debuginfo.Pointer }

// formatted shows a scalar in the format asked for; false if it does not apply
// to the type.
func (r *renderer) formatted(v *Value, o object, t *debuginfo.Type, c content) bool {
	n := readInteger(c.bytes, o.at.Order(), t.Signed)
	if o.bits > 0 && t.Signed {
		n = n.extend(o.bits)
		n.size = max(int(t.Size()), 1)
	}
	bits := uint(8 * min(n.size, 8))
	raw := n.lo
	if bits < 64 {
		raw &= 1<<bits - 1
	}
	switch r.format {
	case 'x':
		v.Text = fmt.Sprintf("0x%x", raw)
	case 'o':
		v.Text = fmt.Sprintf("%#o", raw)
	case 't':
		v.Text = fmt.Sprintf("%b", raw)
	case 'z':
		v.Text = fmt.Sprintf("0x%0*x", 2*n.size, raw)
	case 'd':
		n.signed = true
		v.Text = n.String()
	case 'u':
		n.signed = false
		n.lo = raw
		v.Text = n.String()
	case 'a':
		v.Text = o.at.session.codePointer(elfcore.Addr(raw))
	case 'c':
		n.size, n.lo = 1, raw&0xff
		n.signed = t.Signed || t.Kind != debuginfo.Char
		v.Text = charText(n)
	case 'f':
		text, ok := formatFloat(c.bytes, o.at.Order(), o.at.session.x87() && t.Kind == debuginfo.Float)
		if !ok {
			return false
		}
		v.Text = text
	default: // 's': strings show themselves
		return false
	}
	if n.hi != 0 && strings.IndexByte("xz", byte(r.format)) >= 0 {
		v.Text = fmt.Sprintf("0x%x%016x", n.hi, n.lo)
	}
	return true
}
