package text

import (
	"fmt"
	"strings"

	"corelift/inspect"
)

// Listing prints source lines, the one asked for marked; where it is, if the
// file was not found.
func (p *Printer) Listing(l *inspect.Listing) {
	head := p.paint(placeStyle, place(l.File, l.Line))
	if l.Function != "" {
		head = p.paint(functionStyle, l.Function) + " at " + head
	}
	p.line("%s", head)
	for _, line := range l.Lines {
		mark := "  "
		if line.Number == l.Line {
			mark = "=>"
		}
		// Tabs keep their meaning: what stands before them is 8 characters wide.
		fields := strings.Split(line.Text, "\t")
		for i := range fields {
			fields[i] = Escape(fields[i])
		}
		text := fmt.Sprintf("%s%5d %s", mark, line.Number, strings.Join(fields, "\t"))
		p.line("%s", strings.TrimRight(text, " \t"))
	}
}
