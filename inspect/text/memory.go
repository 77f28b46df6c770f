package text

import (
	"fmt"

	"corelift/elfcore"
	"corelift/inspect"
)

// perLine is how many units a line has by their size in bytes, as in GDB's x.
var perLine = map[int]int{1: 8, 2: 8, 4: 4, 8: 2}

// Examined prints memory: the address, the symbol there, and its units. What is
// not in the dump has one line, however long it is.
func (p *Printer) Examined(m *inspect.Examined) {
	width := perLine[m.Size]
	if m.Format == "s" {
		width = 1
	}
	for cells := m.Cells; len(cells) > 0; {
		n := alike(cells)
		if cells[0].Presence == inspect.Present {
			n = min(n, width)
		}
		p.cells(cells[:n], m.Size)
		cells = cells[n:]
	}
}

// alike is how many of the first cells are all there, or all not.
func alike(cells []inspect.Cell) (n int) {
	for n < len(cells) && (cells[n].Presence == inspect.Present) == (cells[0].Presence == inspect.Present) {
		n++
	}
	return n
}

// cells prints a line.
func (p *Printer) cells(cells []inspect.Cell, size int) {
	first := &cells[0]
	fmt.Fprint(p.out, p.address(first.Address))
	if first.Symbol != nil {
		fmt.Fprintf(p.out, " <%s>", Escape(offset(first.Symbol)))
	}
	p.out.WriteByte(':')
	lowest := elfcore.Known
	for i := range cells {
		fmt.Fprintf(p.out, "\t%s", Escape(cells[i].Text))
		lowest = min(lowest, cells[i].State)
		if first.Presence != inspect.Present {
			fmt.Fprintf(p.out, " (%d bytes)", len(cells)*size)
			break
		}
	}
	if lowest == elfcore.Suspect {
		fmt.Fprintf(p.out, "  %s", p.paint(warningStyle, "(may be stale)"))
	}
	p.end()
}

// offset is a symbol with a decimal offset, as GDB writes it.
func offset(s *inspect.Symbol) string {
	if s.Offset == 0 {
		return s.Name
	}
	return fmt.Sprintf("%s+%d", s.Name, s.Offset)
}
