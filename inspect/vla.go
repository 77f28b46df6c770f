package inspect

import (
	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/location"
)

// sized is a type in which arrays of variable length (C17, 6.7.6.2) have the
// length that they have in the frame. s says how far that can be trusted.
//
// Where the frame does not know it, the type stays as it is; reason says why.
func (a *activation) sized(t *debuginfo.Type) (_ *debuginfo.Type, s elfcore.State, reason string) {
	array := t.Plain()
	if array.Kind != debuginfo.Array || t.Size() >= 0 || a.unit == nil {
		return t, elfcore.Known, ""
	}
	elem, s, reason := a.sized(array.Elem())
	n, count := array.Bound().Count, content{presence: Present, state: elfcore.Known}
	if b := array.Bound(); !b.Known {
		n, count = a.bound(b)
	}
	switch {
	case reason != "":
		return t, elfcore.Known, reason
	case count.presence != Present:
		return t, elfcore.Known, "its length is " + absent[count.presence]
	case n < 0 || n > maxSlice:
		return t, elfcore.Known, "its length makes no sense"
	}
	return elem.ArrayOf(n), min(s, count.state), ""
}

// sized is the object with its type sized.
func (o object) sized() object {
	t, s, reason := o.at.sized(o.typ)
	if o.typ = t; reason != "" {
		o.note = reason
	} else if s == elfcore.Suspect {
		o.note = "may be stale: its length is"
	}
	return o.withState(s)
}

// bound is the number of elements that the program keeps somewhere; the content
// says whether it is there.
func (a *activation) bound(b debuginfo.Bound) (n int64, c content) {
	switch {
	case b.Expr != nil:
		v, err := location.Compute(b.Expr, a)
		if err != nil {
			return 0, content{presence: a.failed(nil, err).absent}
		}
		n, c = v.Int(), content{presence: Present, state: v.State}
	case b.Variable.Unit() != nil:
		o := a.variable(debuginfo.Variable{Entry: b.Variable})
		if c = o.read(); c.presence == Present && c.bytes != nil {
			n = o.integer(c).int()
		}
	}
	if b.Upper {
		n++
	}
	return n, c
}
