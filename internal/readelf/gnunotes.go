package readelf

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"corelift/notes"
)

// The notes as GNU readelf 2.40 prints them, standard output byte for byte
// (TestGNUNotes, TestCorpusGNU) but for what docs/readelf.md lists
// (TestNotesApart).

// gnuNote is a note and what of its file its text depends on.
type gnuNote struct {
	notes.Note
	order   binary.ByteOrder
	word    int // bytes of an address
	machine elf.Machine
	wide    bool
}

func (n *gnuNote) reader() io.Reader { return io.NewSectionReader(n.Desc, 0, n.Size) }

// printNotes prints what readelf -n does, and with Options.Decode the fields of
// each note in place of GNU readelf's description.
func (d *Document) printNotes(w *writer) {
	if len(d.file.Segments) == 0 {
		w.printf("No notes found file.\n")
		return
	}
	for i := range d.Notes {
		s := &d.Notes[i]
		w.printf("\nDisplaying notes found at file offset 0x%08x with length 0x%08x:\n", s.Offset, s.Size)
		w.printf("  %-20s %-10s\tDescription\n", "Owner", "Data size")
		for k := range s.Notes {
			d.printNote(w, &s.Notes[k])
		}
	}
}

// printNote prints one note: a line, with the description on it if lines may be
// wide, else behind it.
func (d *Document) printNote(w *writer, n *Note) {
	note := n.note()
	text, _ := gnuType(note, d.file.Header.Machine)
	w.printf("  %-20s 0x%08x\t%s", ownerColumn(note, d.options.Wide), n.Size, text)
	if d.options.Decode {
		w.WriteByte('\n')
		w.printDecoded(n, d.options.Wide)
		return
	}
	between, missing := byte('\n'), ""
	if d.options.Wide {
		between, missing = '\t', "\n"
	}
	w.WriteByte(between)
	g := d.gnuNote(note)
	if !gnuOwnerOf(note).print(w, &g) {
		w.WriteString(missing)
	}
}

func (d *Document) gnuNote(n notes.Note) gnuNote {
	return gnuNote{n, d.file.Order, addressBits(d.file.Header.Class) / 8, d.file.Header.Machine, d.options.Wide}
}

// ownerColumn is an owner's name; a note without any has "(NONE)". In a segment
// aligned to 8 a missing name looks like one that is empty.
func ownerColumn(n notes.Note, wide bool) string {
	const header = 12
	switch name := visible(n.Owner); {
	case name == "" && n.DescOff-n.Off == header:
		return "(NONE)"
	case wide:
		return name
	default:
		return cut(name, 20)
	}
}

// printData prints the bytes of a descriptor.
func (w *writer) printData(n *gnuNote) bool {
	if n.Size == 0 {
		return false
	}
	w.WriteString("   description data: ")
	w.printBytes(n.reader())
	return true
}

// printBytes prints bytes in hexadecimal, and ends the line.
func (w *writer) printBytes(r io.Reader) {
	var in [1 << 10]byte
	var out [3 * len(in)]byte
	for {
		n, err := io.ReadFull(r, in[:])
		for i, b := range in[:n] {
			out[3*i], out[3*i+1], out[3*i+2] = hexDigits[b>>4], hexDigits[b&15], ' '
		}
		w.Write(out[:3*n])
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				w.fail(ignoreEOF(err))
			}
			w.WriteByte('\n')
			return
		}
	}
}

// failReading keeps an error of reading. What is wrong with the format is among
// the diagnostics already.
func (w *writer) failReading(err error) {
	if !errors.As(err, new(*notes.FormatError)) {
		w.fail(err)
	}
}

// listsFiles tells whether GNU readelf takes a note for a list of mapped files.
func listsFiles(n notes.Note) bool {
	return n.Type == notes.File && strings.HasPrefix(n.Owner, coreOwner)
}

// printCore prints the files of NT_FILE; of other notes nothing.
func (w *writer) printCore(n *gnuNote) bool {
	if !listsFiles(n.Note) {
		return false
	}
	page, files, err := n.files()
	if err != nil {
		w.failReading(err)
		return false
	}
	w.printf("    Page size: %d\n", int64(page))
	w.printf("    %*s%*s%*s\n", 2+2*n.word, "Start", 4+2*n.word, "End", 4+2*n.word, "Page Offset")
	for f, err := range files {
		if err != nil {
			w.failReading(err)
			break
		}
		w.printf("    0x%0*x  0x%0*x  0x%0*x\n        %s\n", 2*n.word, f.start, 2*n.word, f.end, 2*n.word, f.page, visible(f.path))
	}
	return true
}

// mappedFile is an entry of NT_FILE; page is where it begins, in pages of the
// file.
type mappedFile struct {
	start, end, page uint64
	path             string
}

// maxPath bounds a path in NT_FILE, in bytes; Linux's have 4096 at most.
const maxPath = 16 << 10

// files reads NT_FILE: the size of a page, and the entries as they are asked
// for. Errors are *notes.FormatError or those of reading; that of an entry is
// the last.
func (n *gnuNote) files() (page uint64, files iter.Seq2[mappedFile, error], err error) {
	bad := func(text string) error { return &notes.FormatError{Off: n.DescOff, Msg: "NT_FILE: " + text} }
	head := make([]byte, 2*n.word)
	if n.Size < int64(len(head)) {
		return 0, nil, bad("too short for its header")
	}
	var last [1]byte
	if _, err := n.Desc.ReadAt(head, 0); err != nil {
		return 0, nil, err
	}
	if _, err := n.Desc.ReadAt(last[:], n.Size-1); err != nil {
		return 0, nil, err
	}
	count, row := n.number(head), int64(3*n.word)
	if last[0] != 0 {
		return 0, nil, bad("the last path has no end")
	}
	if count > uint64((n.Size-int64(len(head)))/row) {
		return 0, nil, bad(fmt.Sprintf("too short for %d files", count))
	}
	return n.number(head[n.word:]), func(yield func(mappedFile, error) bool) {
		from, to := int64(len(head)), int64(len(head))+row*int64(count)
		rows := bufio.NewReader(io.NewSectionReader(n.Desc, from, to-from))
		paths := bufio.NewReaderSize(io.NewSectionReader(n.Desc, to, n.Size-to), maxPath)
		entry := make([]byte, row)
		for i := range count {
			if _, err := io.ReadFull(rows, entry); err != nil {
				yield(mappedFile{}, err)
				return
			}
			path, err := paths.ReadSlice(0)
			switch {
			case err == io.EOF:
				err = bad(fmt.Sprintf("paths for %d of %d files", i, count))
			case err == bufio.ErrBufferFull:
				err = bad(fmt.Sprintf("path %d is longer than %d bytes", i, maxPath))
			}
			if err != nil {
				yield(mappedFile{}, err)
				return
			}
			f := mappedFile{n.number(entry), n.number(entry[n.word:]), n.number(entry[2*n.word:]), string(path[:len(path)-1])}
			if !yield(f, nil) {
				return
			}
		}
	}, nil
}

// number reads a number of an address's size.
func (n *gnuNote) number(b []byte) uint64 {
	if n.word == 4 {
		return uint64(n.order.Uint32(b))
	}
	return n.order.Uint64(b)
}

// maxGNU limits what is read of the notes that have a text, in bytes.
const maxGNU = 64 << 10

// printPackage prints what a distribution says of a package, JSON.
func (w *writer) printPackage(n *gnuNote) bool {
	const packaging = 0xcafe1a7e
	if n.Type != packaging {
		return false
	}
	text, err := n.Read(maxGNU)
	w.fail(err)
	text, _, _ = bytes.Cut(text, []byte{0})
	w.printf("    Packaging Metadata: %s\n", visible(string(text)))
	return true
}

// printGNU prints the notes of owner GNU, which programs have.
func (w *writer) printGNU(n *gnuNote) bool {
	desc, err := n.Read(maxGNU)
	w.fail(err)
	word := func(i int) uint32 { return n.order.Uint32(desc[4*i:]) }
	switch n.Type {
	case 1:
		if len(desc) < 16 {
			w.printf("    <corrupt GNU_ABI_TAG>\n")
			break
		}
		systems := []string{"Linux", "Hurd", "Solaris", "FreeBSD", "NetBSD", "Syllable", "NaCl"}
		system := "Unknown"
		if word(0) < uint32(len(systems)) {
			system = systems[word(0)]
		}
		w.printf("    OS: %s, ABI: %d.%d.%d\n", system, word(1), word(2), word(3))
	case 2:
		w.WriteString("      Hardware Capabilities: ")
		if len(desc) < 8 {
			w.WriteByte('\n')
			break
		}
		w.printf("num entries: %d, enabled mask: %x\n", word(0), word(1))
	case notes.BuildID:
		w.printf("    Build ID: %x\n", desc)
	case 4:
		version, _, _ := bytes.Cut(desc, []byte{0})
		w.printf("    Version: %s\n", visible(string(version)))
	case 5:
		w.printProperties(n, desc)
	default:
		w.WriteString("    Description data: ")
		w.printBytes(n.reader())
	}
	return true
}
