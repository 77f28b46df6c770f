package inspect

import (
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
		discriminant = readInteger(c.bytes, o.at.Order(), d.Type.Plain().Signed).int()
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
	c.Text = v.Type + "::" + m.Name
	if len(c.Children) > 0 {
		c.gather()
		c.Text += fields
		v.State, v.Reason = c.State, c.Reason
	}
	v.Presence, v.Text, v.Children = Present, c.Text, []Variable{c}
}
