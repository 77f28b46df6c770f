package readelf

// What is printed of one note at most, so that a long one does not flood a
// terminal: fields, characters of a field, bytes that nothing decodes. JSON has
// all.
const (
	maxFields = 300
	maxText   = 2000
	maxData   = 512
)

// printDecoded prints the fields of a note, with the offset and size of each if
// lines may be wide; or its bytes.
func (w *writer) printDecoded(n *Note, wide bool) {
	width := 0
	for _, f := range n.Fields[:min(len(n.Fields), maxFields)] {
		if len(f.Name) <= 24 {
			width = max(width, len(f.Name))
		}
	}
	for i, f := range n.Fields {
		if i == maxFields {
			w.printf("    ... %d more fields\n", len(n.Fields)-i)
			break
		}
		w.WriteString("    ")
		if wide {
			w.printf("+0x%04x %5d  ", f.Off, f.Size)
		}
		text, more := f.Text, len(f.Text)-maxText
		if more > 0 {
			text = text[:maxText]
		}
		w.printf("%-*s  %s", width, visible(f.Name), visible(text))
		if more > 0 {
			w.printf(" ... %d more bytes", more)
		}
		w.WriteByte('\n')
	}
	if n.Error != "" {
		w.printf("    <%s>\n", visible(n.Error))
	}
	if len(n.Fields) == 0 {
		w.printDump(n)
	}
}

// printDump prints the first bytes of a note as hexdump -C does.
func (w *writer) printDump(n *Note) {
	shown, err := n.note().Read(maxData)
	w.fail(err)
	const row = 16
	for at := 0; at < len(shown); at += row {
		line := shown[at:min(at+row, len(shown))]
		w.printf("    +0x%04x  % -*x  ", at, 3*row-1, line)
		for _, c := range line {
			if c < ' ' || c > '~' {
				c = '.'
			}
			w.WriteByte(c)
		}
		w.WriteByte('\n')
	}
	if more := n.Size - int64(len(shown)); more > 0 {
		w.printf("    ... %d more bytes\n", more)
	}
}
