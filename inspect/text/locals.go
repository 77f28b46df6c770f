package text

import "corelift/inspect"

// Locals prints the variables of a frame, arguments first.
func (p *Printer) Locals(l *inspect.Locals) {
	for i := range l.Arguments {
		p.variable(0, &l.Arguments[i])
	}
	for i := range l.Locals {
		p.variable(0, &l.Locals[i])
	}
	switch {
	case l.Undescribed:
		p.line("%s", noSymbols)
	case len(l.Arguments)+len(l.Locals) == 0:
		p.line("No arguments and no locals.")
	}
}
