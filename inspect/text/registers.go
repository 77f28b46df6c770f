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
		standing := ""
		if r.State != elfcore.Known {
			standing = Standing(r.State, r.Source)
		}
		rows = append(rows, []string{r.Name, value, symbol, standing})
	}
	p.table(rows)
}

// Standing is a state with its evidence: "recovered by RULE: TEXT (line 12)".
func Standing(s elfcore.State, from inspect.Source) string {
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
