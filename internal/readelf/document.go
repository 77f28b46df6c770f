// Package readelf describes ELF core files: their headers, segments, sections
// and notes as facts (Document, which is the JSON form), and in the text of GNU
// readelf 2.40, line for line. Where the text is other on purpose: docs/readelf.md.
package readelf

import (
	"errors"
	"io"

	"corelift/elfcore"
	"corelift/notes"
)

// Schema names the version of Document's JSON form, docs/schema/readelf.json.
const Schema = "corelift.readelf/1"

// Options say what of a file to describe, and how to print it.
type Options struct {
	Header   bool // the ELF header
	Segments bool // the program headers
	Sections bool // the section headers
	Notes    bool
	Decode   bool // the notes with their fields
	Maps     bool // the mappings of the process
	// Absent prints what GNU readelf -a says about what no core file has: a
	// dynamic section, relocations, symbols, versions.
	Absent bool
	Wide   bool // lines of over 80 characters
	// Hex and Strings select contents to dump, by number or name of a section;
	// by number of a segment in a file that has no sections.
	Hex, Strings []string
	// Contents keeps what is dumped in the Document, 4 MiB at most, and with
	// Decode the bytes of notes that nothing decodes. Print needs neither.
	Contents bool
	Tables   notes.Table // knows the notes
}

// Document holds the facts about a core file that were asked for. What was not
// asked for is nil; a list that is empty was.
type Document struct {
	Schema      string               `json:"schema"`
	File        string               `json:"file"`
	Header      *Header              `json:"header,omitempty"`
	Sections    []Section            `json:"sections,omitzero"`
	Segments    []Segment            `json:"segments,omitzero"`
	Dumps       []Dump               `json:"dumps,omitzero"`
	Notes       []NoteSegment        `json:"notes,omitzero"`
	Maps        []Map                `json:"maps,omitzero"`
	Damaged     bool                 `json:"damaged"` // bytes of the file were lost, or say what can't be
	Diagnostics []elfcore.Diagnostic `json:"diagnostics,omitempty"`

	file    *elfcore.File
	options Options
	// All section headers once read, and whether the file has names for them.
	sections            []elfcore.Section
	sectionsRead, named bool
	contents            int64 // bytes of all dumps that are kept
}

// Describe reads what o asks for. Name is that of the file as the user knows
// it. What is wrong in the file stands in Diagnostics; the error is for reading
// it, and for contents to dump that it does not have.
func Describe(f *elfcore.File, name string, o Options) (*Document, error) {
	d := &Document{Schema: Schema, File: name, file: f, options: o}
	d.report(f.Diagnostics...)
	for _, part := range []struct {
		wanted   bool
		describe func(*elfcore.File, Options) error
	}{
		{o.Header, d.describeHeader},
		{o.Sections, d.describeSections},
		{o.Segments, d.describeSegments},
		{len(o.Hex)+len(o.Strings) > 0, d.describeDumps},
		{o.Notes, d.describeNotes},
		{o.Maps, d.describeMaps},
	} {
		if !part.wanted {
			continue
		}
		if err := part.describe(f, o); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// report adds what is odd about the file.
func (d *Document) report(list ...elfcore.Diagnostic) {
	for _, l := range list {
		d.Damaged = d.Damaged || l.Severity == elfcore.Loss
	}
	d.Diagnostics = append(d.Diagnostics, list...)
}

// lost reports what is wrong with the file, and what was done about it. Errors
// of reading it are returned.
func (d *Document) lost(code, done string, err error) error {
	var format *notes.FormatError
	if !errors.As(err, &format) {
		return err
	}
	d.report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: code, At: elfcore.Pos{Off: format.Off}, Found: format.Msg, Done: done})
	return nil
}

// Print writes the document as GNU readelf 2.40 does, parts in its order.
func (d *Document) Print(out io.Writer) error {
	w := newWriter(out)
	o := &d.options
	for _, part := range []struct {
		wanted bool
		print  func(*writer)
	}{
		{o.Header, d.printHeader},
		{o.Sections, d.printSections},
		{o.Absent, d.printNoGroups},
		{o.Segments, d.printSegments},
		{o.Absent, d.printAbsent},
		{len(d.Dumps) > 0, d.printDumps},
		{o.Notes, d.printNotes},
		{o.Maps, d.printMaps},
	} {
		if part.wanted {
			part.print(w)
		}
	}
	return w.end()
}
