package inspect

import (
	"encoding/binary"
	"math"
	"strings"

	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// qualifiers are those that can be typed.
var qualifiers = [...]struct {
	typed cexpr.Qualifiers
	kind  debuginfo.Kind
}{{cexpr.Const, debuginfo.Const}, {cexpr.Volatile, debuginfo.Volatile}, {cexpr.Restrict, debuginfo.Restrict}, {cexpr.Atomic, debuginfo.Atomic}}

// typeOf finds the type that was typed.
func (e evaluator) typeOf(n *cexpr.Type) *debuginfo.Type {
	t := e.unqualifiedOf(n)
	for _, q := range qualifiers {
		if n.Qualifiers&q.typed != 0 {
			t = t.Qualified(q.kind)
		}
	}
	return t
}

func (e evaluator) unqualifiedOf(n *cexpr.Type) *debuginfo.Type {
	switch n.Form {
	case cexpr.Reference, cexpr.RvalueReference:
		failType(n, "write *(TYPE *)&x for (TYPE &)x")
	case cexpr.Pointer:
		if n.Elem.Form == cexpr.Function {
			// What a function takes and returns does not matter to an address.
			return e.typeOfFunction(n.Elem).PointerTo()
		}
		return e.typeOf(n.Elem).PointerTo()
	case cexpr.Array:
		if n.Count == nil {
			failType(n, "an array needs a length here")
		}
		count := e.count(n.Count)
		if count < 0 || count > maxSlice {
			failType(n, "an array of that length")
		}
		return e.typeOf(n.Elem).ArrayOf(count)
	case cexpr.Function:
		failType(n, "nothing can be cast to a function, only to a pointer to one")
	}
	name := n.Base
	if n.Name != nil {
		name = strings.TrimSpace(n.Tag + " " + n.Name.Path())
	}
	if n.Base != "" {
		if t := e.builtin(n.Base); t != nil {
			return t
		}
	}
	t, ok := e.findType(name)
	if !ok {
		failType(n, "no type "+name+" here")
	}
	*e.trust = min(*e.trust, e.at.session.trusted())
	return t
}

func (e evaluator) typeOfFunction(n *cexpr.Type) *debuginfo.Type {
	return e.typeOf(n.Elem).FuncReturning()
}

func failType(n *cexpr.Type, text string) {
	panic(&cexpr.Error{Column: n.Column(), Text: text})
}

// cast converts as C does; between types of one size, other than numbers, it
// shows the same bytes as something else.
func (e evaluator) cast(n cexpr.Node, t *debuginfo.Type, o object) object {
	to := t.Plain()
	switch to.Kind {
	case debuginfo.Void:
		o.typ = t
		return o
	case debuginfo.Array, debuginfo.Struct, debuginfo.Class, debuginfo.Union, debuginfo.Variant, debuginfo.Complex:
		if at, s, ok := o.address(); ok {
			return o.at.inMemory(t, at, s)
		}
		if to.Size() == o.typ.Size() {
			o.typ = t
			return o
		}
		fail(n, "", "%s can't be shown as %s", o.typ, t)
	case debuginfo.Unknown, debuginfo.Func:
		fail(n, "", "nothing can be cast to %s", t)
	}
	if o.typ.Plain().Kind == debuginfo.Unknown { // a symbol without a type: its memory
		if at, s, ok := o.address(); ok {
			return o.at.inMemory(t, at, s)
		}
	}
	x := e.read(n, o)
	if x.absent != Present {
		return e.at.nowhere(t, x.absent, x.reason)
	}
	var result object
	switch to.Kind {
	case debuginfo.Float:
		typ := "double"
		if to.Size() == 4 {
			typ = "float"
		}
		b, ok := floatBytes(x.n.real(e, typ), int(to.Size()), e.at.Order())
		if !ok {
			fail(n, "", "a float of %d bytes can't be made", to.Size())
		}
		result = e.at.computed(t, b, x.state)
	case debuginfo.Bool:
		result = e.whole(t, truthNumber(!x.n.isZero(e)).integerBits, false)
	default:
		bits, ok := x.n.integer()
		if !ok {
			fail(n, "", "%v does not fit into an integer", x.n.float)
		}
		result = e.whole(t, bits, !unsignedTypes[x.n.typ])
	}
	result.note = x.reason
	return result.withState(x.state)
}

// whole makes an object of any integral type of an integer.
func (e evaluator) whole(t *debuginfo.Type, bits uint64, signed bool) object {
	var wide [maxInteger]byte
	if signed && int64(bits) < 0 { // __int128
		binary.LittleEndian.PutUint64(wide[8:], math.MaxUint64)
	}
	binary.LittleEndian.PutUint64(wide[:], bits)
	return e.at.constant(t, reversed(wide[:], e.at.Order()))
}
