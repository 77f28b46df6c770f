package text

import (
	"fmt"

	"corelift/elfcore"
	"corelift/inspect"
)

// Registers prints the registers of a frame.
func (p *Printer) Registers(set *inspect.RegisterSet) {
	var rows [][]string
	for _, r := range set.Registers {
		value, symbol := r.Value, ""
		if value == "" {
			value = "<not in dump>"
		}
		if r.Symbol != nil {
			symbol = "<" + offset(r.Symbol) + ">"
		}
		rows = append(rows, []string{r.Name, value, symbol, standing(r.State, r.Source)})
	}
	p.table(rows)
}

// standing says how far a value can be trusted and why; nothing if it stands in
// the dump.
func standing(s elfcore.State, from inspect.Source) string {
	if s == elfcore.Known {
		return ""
	}
	text := s.String()
	if from.Rule != "" {
		text += " by " + from.Rule
	}
	if from.Text != "" {
		text += ": " + from.Text
	}
	if from.Line > 0 {
		text += fmt.Sprintf(" (line %d)", from.Line)
	}
	return text
}
