package readelf

import (
	"bufio"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"corelift/elfcore"
)

// Dump is the contents of a section, or of a segment in a file that has no
// sections. Size is what the file says, in bytes. Data or Strings are there
// only if Options.Contents asked for them.
type Dump struct {
	Kind    string       `json:"kind"` // "hex" or "strings"
	Of      string       `json:"of"`   // "section" or "segment"
	Number  int          `json:"number"`
	Name    string       `json:"name,omitempty"` // of the section
	Addr    elfcore.Addr `json:"addr"`           // of the first byte
	Offset  uint64       `json:"offset"`         // in the file
	Size    uint64       `json:"size"`
	Data    string       `json:"data,omitempty"` // hexadecimal digits
	Strings []DumpString `json:"strings,omitempty"`

	label string // as the text has it
	in    *io.SectionReader
}

// DumpString is a text in a section, Offset bytes from its start.
type DumpString struct {
	Offset int64  `json:"offset"`
	Text   string `json:"text"`
}

// The values of Dump.Kind.
const (
	kindHex     = "hex"
	kindStrings = "strings"
)

// maxContents bounds the bytes that a Document keeps of all its dumps.
const maxContents = 4 << 20

// describeDumps finds what Hex and Strings name, in the order of the file as
// GNU readelf dumps it.
func (d *Document) describeDumps(f *elfcore.File, o Options) error {
	sections, err := d.readSections()
	if err != nil {
		return err
	}
	var all []Dump
	if len(sections) > 1 {
		all = sectionDumps(sections)
	} else {
		all = segmentDumps(f.Segments)
	}
	chosen := map[int]map[string]bool{} // kinds by number
	for _, asked := range []struct {
		kind  string
		names []string
	}{{kindHex, o.Hex}, {kindStrings, o.Strings}} {
		for _, name := range asked.names {
			found, err := selected(all, name)
			if err != nil {
				return fmt.Errorf("%s: %w", d.File, err)
			}
			for _, n := range found {
				if chosen[n] == nil {
					chosen[n] = map[string]bool{}
				}
				chosen[n][asked.kind] = true
			}
		}
	}
	for n := range all {
		for _, kind := range []string{kindHex, kindStrings} {
			if chosen[n][kind] {
				all[n].Kind = kind
				if err := d.addDump(all[n]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func sectionDumps(sections []elfcore.Section) []Dump {
	all := make([]Dump, len(sections))
	for n := range sections {
		s := &sections[n]
		size := s.Size
		if s.Type == elf.SHT_NOBITS {
			size = 0
		}
		all[n] = Dump{Of: "section", Number: n, Name: s.Name, Addr: elfcore.Addr(s.Addr), Offset: s.Offset, Size: size}
	}
	return all
}

func segmentDumps(segments []elf.ProgHeader) []Dump {
	all := make([]Dump, len(segments))
	for n, s := range segments {
		all[n] = Dump{Of: "segment", Number: n, Addr: elfcore.Addr(s.Vaddr), Offset: s.Off, Size: s.Filesz}
	}
	return all
}

// NoDumpError says that a file has no contents of the name or number given.
type NoDumpError struct{ text string }

func (e *NoDumpError) Error() string { return e.text }

// selected are the indexes of what a name or number (decimal, 0x, 0) stands for.
func selected(all []Dump, name string) (found []int, err error) {
	number, err := strconv.ParseUint(name, 0, 32)
	if err == nil && number < uint64(len(all)) {
		return []int{int(number)}, nil
	}
	for n := range all {
		if d := &all[n]; d.Of == "section" && d.Name == name {
			found = append(found, n)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(all) == 0:
		return nil, &NoDumpError{"there are neither sections nor segments"}
	case all[0].Of == "section":
		return nil, &NoDumpError{fmt.Sprintf("there is no section %q", name)}
	case err == nil:
		return nil, &NoDumpError{fmt.Sprintf("there is no segment %d, the last is %d", number, len(all)-1)}
	}
	return nil, &NoDumpError{fmt.Sprintf("there is no section %q: the file has segments only, which have numbers", name)}
}

// addDump adds a dump, with its contents if they are asked for.
func (d *Document) addDump(p Dump) error {
	if p.label = fmt.Sprintf("segment %d", p.Number); p.Of == "section" {
		p.label = "section '" + d.sectionName(&d.sections[p.Number]) + "'"
	}
	p.in = d.file.Data(elf.ProgHeader{Off: p.Offset, Filesz: p.Size})
	if have := p.in.Size(); uint64(have) < p.Size {
		d.report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "core.truncated", At: elfcore.Pos{Off: d.file.Size()},
			Found: fmt.Sprintf("the end of the file, in %s at 0x%x", p.label, p.Offset), Expected: fmt.Sprintf("%d bytes", p.Size),
			Done: fmt.Sprintf("%d are shown", have)})
	}
	if d.options.Contents {
		if d.contents += p.in.Size(); d.contents > maxContents {
			return fmt.Errorf("%s: more than %d MiB to dump, which is the limit for JSON", d.File, maxContents>>20)
		}
		data := make([]byte, p.in.Size())
		if _, err := io.ReadFull(p.reader(), data); err != nil {
			return err
		}
		if p.Kind == kindHex {
			p.Data = hex.EncodeToString(data)
		} else {
			p.Strings = stringsIn(data)
		}
	}
	d.Dumps = append(d.Dumps, p)
	return nil
}

func (p *Dump) reader() *io.SectionReader { return io.NewSectionReader(p.in, 0, p.in.Size()) }

// printDumps prints contents as they are read. An error of reading ends it, and
// stays in the writer.
func (d *Document) printDumps(w *writer) {
	for i := range d.Dumps {
		p := &d.Dumps[i]
		if p.Size == 0 {
			w.printf("S%s has no data to dump.\n", p.label[1:])
			continue
		}
		var err error
		if p.Kind == kindHex {
			w.printf("\nHex dump of %s:\n", p.label)
			err = w.hexDump(p.reader(), uint64(p.Addr))
		} else {
			w.printf("\nString dump of %s:\n", p.label)
			err = w.stringDump(p.reader())
		}
		if err != nil {
			w.fail(err)
			return
		}
		w.WriteByte('\n')
	}
}

// hexDump prints lines of 16 bytes in groups of four, and their characters.
func (w *writer) hexDump(r io.Reader, addr uint64) error {
	const perLine, group = 16, 4
	in := bufio.NewReaderSize(r, 64<<10)
	data := make([]byte, perLine)
	line := make([]byte, 0, 80)
	for {
		n, err := io.ReadFull(in, data)
		if n == 0 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return ignoreEOF(err)
		}
		line = append(line[:0], "  "...)
		line = appendHex(line, addr, 8)
		line = append(line, ' ')
		for i := range perLine {
			if i < n {
				line = append(line, hexDigits[data[i]>>4], hexDigits[data[i]&15])
			} else {
				line = append(line, "  "...)
			}
			if i%group == group-1 {
				line = append(line, ' ')
			}
		}
		for _, c := range data[:n] {
			if !printable(c) {
				c = '.'
			}
			line = append(line, c)
		}
		w.Write(append(line, '\n'))
		addr += perLine
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// printable are the characters of ASCII that take a place.
func printable(c byte) bool { return c >= ' ' && c < 0x7f }

// stringDump prints what looks like text: from a printable character up to a
// zero or the end of the line.
//
// Folklore: what readelf 2.40 finds behind the end of a line it takes for the
// same text, indented and without its offset, even if control characters or a
// zero that does not follow at once are in between. Test: TestGNUDumps.
func (w *writer) stringDump(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var piece []byte // of the text, not yet printed
	var inText, goesOn, some bool
	flush := func() {
		w.WriteString(visible(string(piece)))
		piece = piece[:0]
	}
	for at := 0; ; at++ {
		c, err := in.ReadByte()
		if err != nil {
			flush()
			if inText {
				w.WriteByte('\n')
			}
			if !some {
				w.WriteString("  No strings found in this section.")
			}
			return ignoreEOF(err)
		}
		if !inText {
			if !printable(c) {
				continue
			}
			if goesOn {
				w.WriteString("            ")
			} else {
				w.printf("  [%6x]  ", at)
			}
			inText, goesOn, some = true, false, true
		}
		switch {
		case c == 0:
			flush()
			w.WriteByte('\n')
			inText = false
		case c == '\n':
			flush()
			w.WriteString("\\n\n")
			next, _ := in.Peek(1)
			inText, goesOn = false, len(next) > 0 && next[0] != 0
		default:
			// A text may be as long as the file. It is cut between characters,
			// if it has any.
			if n := len(piece); n > 4<<10 && utf8.RuneStart(c) || n > 8<<10 {
				flush()
			}
			piece = append(piece, c)
		}
	}
}

// stringsIn lists the texts, of any number of lines each.
func stringsIn(data []byte) []DumpString {
	all, count := string(data), 0
	for range texts(all) {
		count++
	}
	list := make([]DumpString, 0, count) // growing it would take several times as much
	for at, text := range texts(all) {
		list = append(list, DumpString{int64(at), text})
	}
	return list
}

// texts yields what begins with a printable character and ends before a zero,
// with its offset.
func texts(all string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for at := 0; at < len(all); at++ {
			if !printable(all[at]) {
				continue
			}
			text, _, _ := strings.Cut(all[at:], "\x00")
			if !yield(at, text) {
				return
			}
			at += len(text)
		}
	}
}
