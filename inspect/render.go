package inspect

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// renderer turns objects into values, with the limits of one answer.
type renderer struct {
	format cexpr.Format             // 0 for each type's own
	budget int                      // objects that may still be shown
	scan   int64                    // bytes that may still be compared to fold runs
	shared map[*debuginfo.Type]bool // virtual base classes that were shown
}

// maxObjects bounds what one answer shows, and maxNesting how deep: damaged
// debug information can claim anything.
const (
	maxObjects = 1 << 14
	maxNesting = 20       // GDB's "print max-depth"
	maxChars   = 64 << 10 // bytes of a string, as GDB's "max-value-size"
	maxScan    = 16 << 20 // bytes
	maxSpan    = 4 << 10  // bytes at once
	absentCost = 64       // what is not there is read byte by byte
)

func newRenderer(f cexpr.Format) *renderer {
	return &renderer{format: f, budget: maxObjects, scan: maxScan, shared: map[*debuginfo.Type]bool{}}
}

// kindNames are the words of Value.Kind.
var kindNames = map[debuginfo.Kind]string{
	debuginfo.Void: "void", debuginfo.Bool: "bool", debuginfo.Char: "char", debuginfo.Int: "int", debuginfo.Uint: "uint",
	debuginfo.Float: "float", debuginfo.Complex: "complex", debuginfo.Address: "pointer", debuginfo.Pointer: "pointer",
	debuginfo.Reference: "reference", debuginfo.RvalueReference: "reference", debuginfo.MemberPointer: "member-pointer",
	debuginfo.Array: "array", debuginfo.Struct: "struct", debuginfo.Class: "class", debuginfo.Union: "union",
	debuginfo.Variant: "variant", debuginfo.Enum: "enum", debuginfo.Func: "function", debuginfo.Unspecified: "pointer",
}

// value shows an object as a member or an element is shown: without the type
// in front that GDB's print gives pointers.
func (r *renderer) value(o object, depth int) Value {
	t := o.typ.Plain()
	v := Value{Type: o.typ.String(), Kind: kindNames[t.Kind], Reason: o.note}
	if size := t.Size(); size > 0 {
		v.Size = size
	}
	if at, s, ok := o.address(); ok {
		v.Address, v.State = &at, s
	}
	if r.budget--; r.budget < 0 || depth > maxNesting {
		v.Presence, v.Text = Present, "..."
		if depth > maxNesting {
			v.Text = "{...}"
		}
		return v
	}
	if o.absent != Present {
		return v.missing(o.absent, o.reason)
	}
	switch t.Kind {
	case debuginfo.Array:
		r.array(&v, o, t, depth)
	case debuginfo.Struct, debuginfo.Class, debuginfo.Union:
		if t.Rust() {
			r.rust(&v, o, t, depth)
		} else {
			r.structure(&v, o, t, depth)
		}
	case debuginfo.Variant:
		r.variant(&v, o, t, depth)
	default:
		r.scalar(&v, o, t, depth)
	}
	if v.Presence == Present && v.State == elfcore.Suspect && v.Reason == "" {
		v.Reason = o.at.doubt(o.loc)
	}
	return v
}

// missing makes a value that is not there.
func (v Value) missing(p Presence, reason string) Value {
	v.Presence, v.State, v.Text = p, elfcore.Missing, absent[p]
	if reason != "" {
		v.Reason = reason
	}
	return v
}

// gather sums up an aggregate's parts: the lowest state of those that are there,
// and absent as a whole if all are. If that is for one reason, it is said once.
func (v *Value) gather() {
	if len(v.Children) == 0 {
		v.Presence = Present
		if v.State == elfcore.Missing {
			v.State = elfcore.Known
		}
		return
	}
	first := &v.Children[0]
	v.Presence, v.State, v.Reason = first.Presence, elfcore.Missing, first.Reason
	same := true
	for i := range v.Children {
		c := &v.Children[i]
		same = same && c.Presence == first.Presence
		switch {
		case c.Presence != Present:
			if v.Presence != Present {
				v.Presence = min(v.Presence, c.Presence)
			}
		case v.Presence != Present, v.State == elfcore.Missing, c.State < v.State && c.State != elfcore.Missing: // Missing: left out, not read
			v.Presence, v.State, v.Reason = Present, c.State, c.Reason
		}
	}
	if v.Presence != Present && same {
		v.Text = absent[v.Presence]
	}
}

// structure shows a structure, class or union: {a = 1, {x = 2}}.
func (r *renderer) structure(v *Value, o object, t *debuginfo.Type, depth int) {
	var out strings.Builder
	out.WriteByte('{')
	for _, m := range t.Members() {
		if r.budget < 0 {
			out.WriteString(", ...")
			break
		}
		if m.Virtual { // there is but one, whoever inherits it
			if r.shared[m.Type.Plain()] {
				continue
			}
			r.shared[m.Type.Plain()] = true
		}
		c := Variable{Name: m.Name, Value: r.value(o.member(m), depth+1)}
		if len(v.Children) > 0 {
			out.WriteString(", ")
		}
		switch {
		case m.Base:
			fmt.Fprintf(&out, "<%s> = ", m.Type.Plain().String())
		case m.Static:
			out.WriteString("static " + m.Name + " = ")
		case m.Name != "":
			out.WriteString(m.Name + " = ")
		}
		out.WriteString(c.Text)
		v.Children = append(v.Children, c)
	}
	if len(v.Children) == 0 {
		out.WriteString("<No data fields>")
	}
	v.Text = out.String() + "}"
	v.gather()
}

// array shows an array, long runs of equal elements folded; one of characters
// as a string.
func (r *renderer) array(v *Value, o object, t *debuginfo.Type, depth int) {
	elem := t.Elem()
	n, known := t.Count()
	if !known || n <= 0 {
		// GDB shows a flexible array's address: how long it is nothing tells. If
		// its length was optimised out, it is said, for the text may go on behind it.
		if at, s, ok := o.address(); ok {
			v.Presence, v.State, v.Text = Present, s, o.at.session.pointer(at)
			if o.note != "" {
				v.State = min(s, elfcore.Suspect)
			}
			if _, ok := textual(elem); ok && (r.format == 0 || r.format == 's') {
				text, _ := o.at.session.stringAt(at, elem)
				v.Text += " " + text
			}
			return
		}
		*v = v.missing(NoLocation, "the program does not say how long it is")
		return
	}
	v.Count = &n
	if prefix, ok := textual(elem); ok && (r.format == 0 || r.format == 's') && !t.Vector && !t.Rust() {
		if r.charArray(v, o, elem, prefix, n) {
			return
		}
	}
	var out strings.Builder
	brackets := "{}"
	if t.Rust() {
		brackets = "[]"
	}
	out.WriteByte(brackets[0])
	shown := 0
	for i := int64(0); i < n; {
		if shown >= maxElements || r.budget < 0 {
			out.WriteString("...")
			break
		}
		c := r.value(o.element(elem, i), depth+1)
		run := int64(1) + r.repeats(o, elem, c, i, n)
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(c.Text)
		if run > maxSingles {
			fmt.Fprintf(&out, " <repeats %d times>", run)
			shown += maxSingles
			v.Children = append(v.Children, Variable{Name: fmt.Sprintf("[%d:%d]", i, i+run), Value: c})
			i += run
			continue
		}
		v.Children = append(v.Children, Variable{Name: "[" + strconv.FormatInt(i, 10) + "]", Value: c})
		shown++
		i++
	}
	v.Text = out.String() + brackets[1:]
	v.gather()
}

// repeats counts how many elements after i are shown alike. It compares ever
// longer spans of them.
func (r *renderer) repeats(o object, elem *debuginfo.Type, first Value, i, n int64) (count int64) {
	size := elem.Size()
	if size <= 0 {
		return 0
	}
	one := o.span(elem, i, 1)
	if first.Presence == Present && one.bytes == nil {
		return 0
	}
	for step := int64(1); i+1+count < n && r.scan > 0; {
		k := max(min(step, n-i-1-count, maxSpan/size), 1)
		r.scan -= k * size
		if one.presence != Present {
			r.scan -= k * size * absentCost
		}
		switch {
		case o.span(elem, i+1+count, k).repeats(one):
			count += k
			step = 2 * k
		case k == 1:
			return count
		default:
			step = k / 2
		}
	}
	return count
}

// span reads elements of an array, from i on.
func (o object) span(elem *debuginfo.Type, i, count int64) content {
	first, bits := o.element(elem, i), 8*elem.Size()
	if _, _, ok := first.address(); !ok {
		first = o.part(elem, i*bits, count*bits)
	}
	return first.readBits(count * bits)
}

// repeats tells whether the content is that of one object, once or more.
func (c content) repeats(one content) bool {
	switch n := len(one.bytes); {
	case c.presence != one.presence || c.state != one.state:
		return false
	case c.presence != Present:
		return c.state == elfcore.Missing // not even a part is there
	default:
		return len(c.bytes) >= n && bytes.Equal(c.bytes[:n], one.bytes) && bytes.Equal(c.bytes[n:], c.bytes[:len(c.bytes)-n])
	}
}

// charArray shows an array of characters as a string; false if it is not
// wholly there.
func (r *renderer) charArray(v *Value, o object, elem *debuginfo.Type, prefix string, n int64) bool {
	size := elem.Size()
	if size != 1 && size != 2 && size != 4 {
		return false
	}
	shown := min(n, maxChars/size)
	c := o.readBits(shown * size * 8)
	if c.presence != Present || c.bytes == nil {
		return false // perhaps a part is there
	}
	chars := characters(c.bytes, int(size), o.at.Order())
	v.Presence, v.State, v.Reason = Present, c.state, c.reason
	v.Text = quoteString(chars, prefix, n > shown)
	return true
}
