package text

import "corelift/inspect"

// Printed prints the values of expressions; those without one are left out, as
// errors go elsewhere.
func (p *Printer) Printed(list *inspect.Printed) {
	for i := range list.Values {
		if a := &list.Values[i]; a.Value != nil {
			p.line("%s = %s", Escape(a.Expression), p.explained(a.Value))
		}
	}
}
