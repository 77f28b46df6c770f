// Package text prints the results of package inspect for people, in the words
// of GDB where it has some. What stems from dumps and programs is escaped.
package text

import (
	"bufio"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/inspect"
)

// Printer writes results as text. It keeps the first error of writing for
// Flush.
type Printer struct {
	out    *bufio.Writer
	color  bool
	digits int // of an address
}

// New makes a printer for the results of a session. color is for terminals.
func New(w io.Writer, s *inspect.Session, color bool) *Printer {
	return &Printer{bufio.NewWriter(w), color, 2 * s.Core().Arch.PtrSize()}
}

// Flush writes what was printed so far.
func (p *Printer) Flush() error { return p.out.Flush() }

// Title prints a line that says what follows; nothing if it is empty.
func (p *Printer) Title(title string) {
	if title != "" {
		p.line("%s", Escape(title))
	}
}

// style is the escape sequence (ECMA-48, SGR) that begins a coloured text.
type style string

// The styles: GDB's colours for functions and files, and one for what is not
// sure.
const (
	functionStyle style = "\x1b[33m"
	placeStyle    style = "\x1b[32m"
	warningStyle  style = "\x1b[31m"

	endStyle = "\x1b[m"
)

// paint escapes a text and gives it a colour.
func (p *Printer) paint(s style, text string) string {
	text = Escape(text)
	if !p.color || text == "" {
		return text
	}
	return string(s) + text + endStyle
}

// address writes an address with all its digits, as GDB does.
func (p *Printer) address(a elfcore.Addr) string { return fmt.Sprintf("0x%0*x", p.digits, uint64(a)) }

// line prints a line of texts that are escaped already.
func (p *Printer) line(format string, args ...any) {
	fmt.Fprintf(p.out, format, args...)
	p.end()
}

// end ends a line.
func (p *Printer) end() { p.out.WriteByte('\n') }
