package inspect

import (
	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// variant shows a Rust enum by the form that its discriminant tells:
// msg::Move{x: 1, y: 2}.
func (r *renderer) variant(v *Value, o object, t *debuginfo.Type, depth int) {
	variants, _ := t.Variants()
	discriminant := int64(0)
	if d := variants.Discriminant; d.Type.Plain().Kind != debuginfo.Void {
		c := o.member(d).read()
		if c.presence != Present {
			*v = v.missing(c.presence, c.reason)
			return
		}
		if c.bytes == nil { // a pointer to something that is nowhere in memory
			*v = v.missing(OptimisedOut, "the enum's form is not in memory")
			return
		}
		discriminant = o.member(d).integer(c).int()
		v.State, v.Reason = c.state, c.reason
	}
	form, ok := variants.Of(discriminant)
	if !ok || len(form.Members) == 0 {
		*v = v.missing(Unreadable, "no form of the enum has the discriminant in memory")
		return
	}
	m := form.Members[0]
	c := Variable{Name: m.Name, Value: Value{Type: m.Type.String(), Kind: kindNames[debuginfo.Struct]}}
	fields, _ := r.fields(&c.Value, o.member(m), m.Type.Plain(), depth+1)
	text := v.Type + "::" + m.Name
	if len(c.Children) > 0 {
		c.gather()
		text += fields
		if c.Presence == Present && (c.State < v.State || v.State == elfcore.Missing) {
			v.State, v.Reason = c.State, c.Reason
		}
	}
	c.Text = text
	v.Presence, v.Text, v.Children = Present, text, []Variable{c}
}
