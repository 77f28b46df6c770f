package text

import (
	"strings"
	"text/tabwriter"
)

// table prints rows with aligned columns. The cells are escaped; empty ones at
// the end of a row are left out.
func (p *Printer) table(rows [][]string) {
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for len(row) > 1 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		for n := range row {
			row[n] = Escape(row[n])
		}
		t.Write([]byte(strings.Join(row, "\t") + "\n"))
	}
	t.Flush()
}
