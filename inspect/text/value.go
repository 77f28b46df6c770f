package text

import (
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/inspect"
)

// variable prints a line "name = value", indented.
func (p *Printer) variable(indent int, v *inspect.Variable) {
	p.line("%*s%s = %s", indent, "", Escape(v.Name), p.explained(&v.Value))
}

// explained is a value, or why there is none.
func (p *Printer) explained(v *inspect.Value) string {
	if v.Presence == inspect.Present || v.Reason == "" {
		return p.value(v)
	}
	return p.value(v) + " " + p.paint(warningStyle, "("+v.Reason+")")
}

// value is a value, marked if it may be wrong.
func (p *Printer) value(v *inspect.Value) string {
	text := Escape(v.Text)
	if mark := Doubt(v); mark != "" {
		text += " " + p.paint(warningStyle, mark)
	}
	return text
}

// Doubt is the mark of a value that is there but may be wrong, the gist of the
// reason: "(may be stale)". Others have none, "".
func Doubt(v *inspect.Value) string {
	if v.Presence != inspect.Present || v.State > elfcore.Suspect {
		return ""
	}
	gist, _, _ := strings.Cut(v.Reason, ":")
	if gist == "" {
		gist = "may be stale"
	}
	return "(" + gist + ")"
}

// aggregates are the kinds of values that are left out of a list of arguments,
// as with GDB's "print frame-arguments scalars".
var aggregates = map[string]bool{"array": true, "struct": true, "class": true, "union": true, "variant": true}

// argument is a function's argument as a line of bt shows it.
func (p *Printer) argument(v *inspect.Variable) string {
	aggregate := aggregates[v.Kind]
	if v.Kind == "reference" && len(v.Children) > 0 {
		aggregate = aggregates[v.Children[0].Kind]
	}
	if aggregate && v.Presence == inspect.Present {
		return fmt.Sprintf("%s=...", Escape(v.Name))
	}
	return fmt.Sprintf("%s=%s", Escape(v.Name), p.value(&v.Value))
}
