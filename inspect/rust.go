package inspect

import (
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// rust shows a Rust structure: Point {x: 1, y: 2}, a tuple (1, 2), a tuple
// structure Pair(1, 2), a slice &[u16] [1, 2], a str "text".
func (r *renderer) rust(v *Value, o object, t *debuginfo.Type, depth int) {
	if r.slice(v, o, t, depth) {
		return
	}
	fields, tuple := r.fields(v, o, t, depth)
	switch name := t.Name(); {
	case tuple && strings.HasPrefix(name, "("):
		v.Text = fields
	case tuple:
		v.Text = name + fields
	default:
		v.Text = name + " " + fields
	}
	v.gather()
}

// fields shows what is between the braces, which are parentheses for a tuple:
// rustc calls its members __0, __1.
func (r *renderer) fields(v *Value, o object, t *debuginfo.Type, depth int) (text string, tuple bool) {
	var parts []string
	members := t.Members()
	tuple = len(members) > 0 && members[0].Name == "__0" || len(members) == 0 && t.Name() == "()"
	for _, m := range members {
		if r.budget < 0 {
			parts = append(parts, "...")
			break
		}
		c := Variable{Name: m.Name, Value: r.value(o.member(m), depth+1)}
		v.Children = append(v.Children, c)
		if tuple {
			parts = append(parts, c.Text)
		} else {
			parts = append(parts, m.Name+": "+c.Text)
		}
	}
	text = strings.Join(parts, ", ")
	if tuple {
		return "(" + text + ")", true
	}
	return "{" + text + "}", false
}

// slice shows a pointer with a length as what it points to; false if it is none.
func (r *renderer) slice(v *Value, o object, t *debuginfo.Type, depth int) bool {
	name := t.Name()
	text := name == "&str" || name == "&mut str"
	if !text && !strings.HasPrefix(name, "&[") && !strings.HasPrefix(name, "&mut [") {
		return false
	}
	data, ok1 := o.find("data_ptr")
	length, ok2 := o.find("length")
	if !ok1 || !ok2 {
		return false
	}
	at, n := data.read(), length.read()
	if at.presence != Present || n.presence != Present || at.bytes == nil {
		return false
	}
	count := readInteger(n.bytes, o.at.Order(), false).int()
	if count < 0 || count > maxSlice {
		return false
	}
	to := elfcore.Addr(readInteger(at.bytes, o.at.Order(), false).uint())
	elem := data.typ.Plain().Elem()
	if count == 0 {
		v.Presence, v.State, v.Text = Present, min(at.state, n.state), map[bool]string{true: `""`, false: name + " []"}[text]
		return true
	}
	target := o.at.inMemory(elem.ArrayOf(count), to, min(at.state, n.state))
	if text {
		return r.str(v, target, count)
	}
	shown := r.value(target, depth+1)
	v.Presence, v.State, v.Reason, v.Children, v.Count = shown.Presence, shown.State, shown.Reason, shown.Children, shown.Count
	v.Text = name + " " + shown.Text
	return true
}

// str shows bytes as text.
func (r *renderer) str(v *Value, o object, count int64) bool {
	shown := min(count, maxScan)
	c := o.readBits(shown * 8)
	if c.presence != Present {
		*v = v.missing(c.presence, c.reason)
		return true
	}
	// A str has no NUL at its end, which quoteString would take off.
	v.Text = quoteString(append(characters(c.bytes, 1, o.at.Order()), 0), "", shown < count)
	v.Presence, v.State, v.Reason, v.Count = Present, c.state, c.reason, &count
	return true
}
