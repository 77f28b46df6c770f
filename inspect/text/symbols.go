package text

import (
	"fmt"

	"corelift/inspect"
)

// Symbols prints what an address or a name stands for.
func (p *Printer) Symbols(list *inspect.Symbols) {
	for i := range list.Symbols {
		p.symbol(&list.Symbols[i])
	}
}

func (p *Printer) symbol(s *inspect.SymbolRow) {
	name := s.Plain
	if name == "" {
		name = s.Name
	}
	what := "no symbol"
	if name != "" {
		what = p.paint(functionStyle, name)
		if s.Offset > 0 {
			what += fmt.Sprintf("+%d", s.Offset)
		}
	}
	if s.Section != "" {
		what += fmt.Sprintf(" in section %s of %s", Escape(s.Section), Escape(s.Image))
	}
	if s.Size > 0 {
		what += fmt.Sprintf(", %d bytes", s.Size)
	}
	if s.InDump != nil && !*s.InDump {
		what += ", not in the dump"
	}
	p.line("%s: %s", p.address(s.Address), what)
	if s.Plain != "" {
		p.line("  symbol %s", Escape(s.Name))
	}
	if s.File != "" {
		p.line("  at %s", p.paint(placeStyle, place(s.File, s.Line)))
	}
	for _, in := range s.Inlines {
		p.line("  in %s, inlined at %s", p.paint(functionStyle, in.Function), p.paint(placeStyle, place(in.File, in.Line)))
	}
}
