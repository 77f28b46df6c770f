package espcore

import (
	"bytes"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// readLog decodes one crash of a log.
func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	part := in
	part.ReaderAt, part.Size = io.NewSectionReader(in, h.Off, h.Len), h.Len
	events, err := findEvents(part)
	if err != nil {
		return nil, err
	}
	text := capture.NewText(in)
	panicEnd := h.Off + min(h.Len, 2*panicBytes)
	var c *elfcore.Core
	for i := range events {
		if e := &events[i]; e.kind <= evBare {
			panicEnd = min(panicEnd, h.Off+e.off)
			c, err = readDump(in, text, event{e.kind, h.Off + e.off, h.Off + e.end, e.ended})
			break
		}
	}
	p, perr := readPanic(in, text, h.Off, panicEnd)
	if perr != nil {
		return nil, perr
	}
	switch {
	case c != nil:
		p.fill(c)
		return c, nil
	case p.crashed():
		c = p.core()
		if err != nil {
			c.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "esp.no-dump", At: elfcore.Pos{Off: h.Off}, Found: err.Error(), Done: "the panic handler's text is used alone"})
		}
		return c, nil
	case err == nil:
		err = fmt.Errorf("%s: no registers between offset 0x%x and 0x%x", in.Name, h.Off, h.Off+h.Len)
	}
	return nil, err
}

// readDump decodes the dump of an event.
func readDump(in format.Input, text *capture.Text, e event) (*elfcore.Core, error) {
	l := &dumpLines{in: in, table: newBase64Table()}
	from := e.off
	if e.kind == evDump {
		for line, err := range text.Lines(e.off, e.end) {
			if err != nil {
				return nil, err
			}
			plain := capture.AppendPlain(nil, line.Text)
			l.prefix = appendShape(nil, plain[:max(0, bytes.Index(plain, []byte(rule)))])
			from = line.End
			break
		}
	} else {
		l.prefix = barePrefix(text, e)
	}
	e.end = max(e.end, from) // of a START that something else follows on its line
	l.data = make([]byte, 0, (e.end-from)/4*3)
	if err := l.read(from, e.end); err != nil {
		return nil, err
	}
	at, _ := text.Number(e.off)
	m, err := l.image(from, e)
	if err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", in.Name, at, err)
	}
	m.whence = "console log"
	m.at = elfcore.Pos{Line: at, Off: e.off}
	m.pos = func(int64) elfcore.Pos { return m.at }
	c, err := m.core()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	l.judge(c, text, e)
	return c, nil
}

// barePrefix is the shape of what stands before the base64 on the first line.
func barePrefix(text *capture.Text, e event) []byte {
	for line, err := range text.Lines(e.off, e.end) {
		if err != nil {
			break
		}
		if plain := bytes.TrimRight(capture.AppendPlain(nil, line.Text), " \t"); len(plain) > 0 {
			return appendShape(nil, plain[:payloadAt(plain)])
		}
	}
	return nil
}

// image makes an image of the lines. Where some are missing, or some too many,
// they are decoded again one by one and put in their places.
func (l *dumpLines) image(from int64, e event) (*image, error) {
	if len(l.data) == 0 {
		return nil, fmt.Errorf("no base64 between the markers; idf.py monitor keeps it to itself (\"further output muted\"): record the port with another program")
	}
	m := l.header()
	if m == nil {
		return nil, fmt.Errorf("the base64 does not begin with the header of a core dump; its first lines are lost")
	}
	m.content = content{ReaderAt: bytes.NewReader(l.data), size: int64(len(l.data))}
	if m.header != nil && m.total < m.size {
		m.size = m.total
	}
	if m.sum = m.verify(); m.sum.holds || m.version == &ancient || int64(len(l.data)) == m.total {
		return m, nil
	}
	l.data, l.keep, l.foreign, l.damaged = l.data[:0], true, 0, 0
	if err := l.read(from, e.end); err != nil {
		return nil, err
	}
	if m.version == nil || m.version.elf {
		if m.place(l, !e.ended && l.damaged == 0) {
			return m, nil
		}
	}
	if e.ended || l.damaged > 0 {
		// The list of tasks does not tell where lines are lost.
		m.parts, m.sparse = []part{{0, m.size, elfcore.Suspect}}, true
	}
	return m, nil
}

// header finds the header of the image; nil if there is none.
func (l *dumpLines) header() *image {
	m := &image{}
	for _, n := range append([]int{0}, elfHeaders...) {
		if !bytes.HasPrefix(l.data[min(n, len(l.data)):], []byte(elfMagic)) {
			continue
		}
		if v, h := versionBefore(l.data[:n], 1<<32); v != nil {
			m.setHeader(v, bytes.Clone(h))
		}
		m.body = int64(n)
		return m
	}
	if len(l.data) < lead {
		return nil
	}
	if v := versionOf(little.Uint16(l.data[versionAt:])); v != nil {
		m.setHeader(v, bytes.Clone(l.data[:v.header]))
		return m
	}
	if little.Uint32(l.data[4:]) <= maxTasks && plausibleTCB(little.Uint32(l.data[8:])) {
		m.setHeader(&ancient, bytes.Clone(l.data[:ancient.header]))
		return m
	}
	return nil
}

// judge reports what was odd about the lines.
func (l *dumpLines) judge(c *elfcore.Core, text *capture.Text, e event) {
	whole := c.Facts[factChecksum].Value != "" && !c.Damaged()
	if !e.ended && e.kind == evDump {
		s := elfcore.Loss
		if whole {
			s = elfcore.Info
		}
		c.Report(elfcore.Diagnostic{Severity: s, Code: "esp.no-end", At: l.posAt(text, e.end), Found: "no END marker", Expected: rule[:len(rule)-1] + endMarker, Done: "the dump may be cut off here"})
	}
	if l.foreign > 0 {
		c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "esp.foreign-lines", At: l.posAt(text, e.off), Found: fmt.Sprintf("%d lines that are not the dump's", l.foreign), Done: "left out"})
	}
	if l.damaged > 0 {
		s := elfcore.Loss
		if whole {
			s = elfcore.Info
		}
		c.Report(elfcore.Diagnostic{Severity: s, Code: "esp.damaged-lines", At: l.posAt(text, l.first), Found: fmt.Sprintf("%d lines that are damaged base64, the first here", l.damaged), Done: "left out"})
	}
}
