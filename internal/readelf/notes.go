package readelf

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"corelift/elfcore"
	"corelift/notes"
)

// NoteSegment is one note segment. Offset, Size and Align are bytes as the
// program header has them.
type NoteSegment struct {
	Offset uint64 `json:"offset"`
	Size   uint64 `json:"size"`
	Align  uint64 `json:"align"`
	Notes  []Note `json:"notes"`
}

// Note is one note. Offset is that of its header in the file and Descriptor
// that of its contents, of Size bytes. Name is empty if the type is not known.
// Decoded is nil unless Options.Decode asked for it.
type Note struct {
	Owner      string `json:"owner"`
	Type       uint32 `json:"type"`
	Name       string `json:"name,omitempty"`
	Offset     int64  `json:"offset"`
	Descriptor int64  `json:"descriptor"`
	Size       int64  `json:"size"`
	*Decoded

	contents io.ReaderAt
}

// Decoded is what a note holds: Fields, or Data where nothing decodes it and
// Options.Contents asked for it.
type Decoded struct {
	Fields []notes.Field `json:"fields,omitempty"`
	Data   string        `json:"data,omitempty"`  // hexadecimal digits
	Error  string        `json:"error,omitempty"` // why the fields end where they do
}

// note is the note as it was read.
func (n *Note) note() notes.Note {
	return notes.Note{Owner: n.Owner, Type: n.Type, Off: n.Offset, DescOff: n.Descriptor, Size: n.Size, Desc: n.contents}
}

// maxNotes limits how many notes are listed: Linux allows 32,768 threads unless
// told otherwise, and x86-64 has up to seven notes for each.
const maxNotes = 1 << 18

// describeNotes lists the notes of all note segments that have any byte.
// Segments that overlap are read until they add up to the size of the file, so
// that a hostile file can't multiply.
func (d *Document) describeNotes(f *elfcore.File, o Options) error {
	d.Notes = []NoteSegment{}
	var x notes.Context
	if o.Decode {
		x = f.Context()
	}
	bytes, count := f.Size(), maxNotes
	for _, s := range f.Segments {
		if s.Type != elf.PT_NOTE || s.Filesz == 0 {
			continue
		}
		if bytes -= f.Data(s).Size(); bytes < 0 {
			return d.reportNotes(&notes.FormatError{Off: int64(s.Off), Msg: "note segments overlap"}, "the segments before it are shown")
		}
		n := NoteSegment{Offset: s.Off, Size: s.Filesz, Align: s.Align, Notes: []Note{}}
		err := d.describeSegment(&n, f.NotesIn(s), count, x)
		count -= len(n.Notes)
		d.Notes = append(d.Notes, n)
		if err := d.reportNotes(err, "the notes before it are shown"); err != nil {
			return err
		}
	}
	return nil
}

// describeSegment lists up to limit notes of a segment.
func (d *Document) describeSegment(s *NoteSegment, list iter.Seq2[notes.Note, error], limit int, x notes.Context) error {
	for n, err := range list {
		if err == nil {
			err = d.checkFiles(n)
		}
		if err != nil {
			return err
		}
		if len(s.Notes) == limit {
			return &notes.FormatError{Off: n.Off, Msg: fmt.Sprintf("more than %d notes", maxNotes)}
		}
		described := describeNote(n, d.options.Tables)
		if d.options.Decode {
			if err := d.decode(&described, x); err != nil {
				return err
			}
		}
		s.Notes = append(s.Notes, described)
	}
	return nil
}

// checkFiles reads the list of mapped files once, so that what is wrong with it
// is known before any of it is printed.
func (d *Document) checkFiles(n notes.Note) error {
	if !listsFiles(n) {
		return nil
	}
	g := d.gnuNote(n)
	_, files, err := g.files()
	if err == nil {
		for _, err = range files {
		}
	}
	return d.reportNotes(err, "the files before it are shown")
}

// reportNotes reports what is wrong in a note segment; what is no error of the
// file's format is returned.
func (d *Document) reportNotes(err error, done string) error {
	var format *notes.FormatError
	if !errors.As(err, &format) {
		return err
	}
	d.report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "core.notes", At: elfcore.Pos{Off: format.Off},
		Found: format.Msg, Done: done})
	return nil
}

func describeNote(n notes.Note, tables notes.Table) Note {
	name := ""
	if c := tables.Find(n); c != nil {
		name = c.Name
	} else if text, known := gnuType(n, elf.EM_NONE); known {
		name, _, _ = strings.Cut(text, " (")
	}
	return Note{Owner: n.Owner, Type: n.Type, Name: name, Offset: n.Off, Descriptor: n.DescOff, Size: n.Size, contents: n.Desc}
}

// decode adds the fields of a note, or where none are known all its bytes, if
// the Document is to keep them.
// What is wrong with a note is told with it, and is no loss: its bytes are
// there, and may be a structure that the tables don't know.
func (d *Document) decode(n *Note, x notes.Context) error {
	var found Decoded
	note := n.note()
	if c := d.options.Tables.Find(note); c != nil {
		var err error
		if found.Fields, err = c.Decode(note, x); err != nil {
			if found.Error = err.Error(); !errors.As(err, new(*notes.FormatError)) {
				return err
			}
		}
	}
	if len(found.Fields) == 0 && d.options.Contents {
		var b strings.Builder
		if _, err := io.Copy(hex.NewEncoder(&b), io.NewSectionReader(note.Desc, 0, n.Size)); err != nil {
			return err
		}
		found.Data = b.String()
	}
	n.Decoded = &found
	return nil
}
