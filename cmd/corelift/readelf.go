package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"corelift"
	"corelift/inspect/text"
	"corelift/internal/readelf"
)

func readelfVerb() verb {
	return verb{
		name:  "readelf",
		args:  "INPUT...",
		short: "show headers, segments, notes and mappings of a core file",
		long: `Prints what an ELF core file holds, of any system, in the lines of GNU readelf
2.40 and with its letters, which may be combined (-hlnW). So -h is the file
header here; --help is this text. What is wrong with the file goes to standard
error, and makes the exit code 3.

-x and -p take the number or name of a section or, since cores seldom have
sections, the number of a segment in a file without. The numbers are those of
-S and -l. With --json there is one document for each file
(docs/schema/readelf.json).`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var r readelfFlags
			r.declare(fs)
			return func(ctx context.Context, s streams) error {
				o, err := r.options(fs)
				if err != nil {
					return err
				}
				frugal()
				return r.show(ctx, s, fs.Args(), o)
			}
		},
	}
}

// readelfFlags are GNU readelf's.
type readelfFlags struct {
	readelf.Options
	headers, all, json bool
	notes              string
}

// What --notes takes: the lines of GNU readelf, or those with all fields.
const (
	listNotes   = "list"
	decodeNotes = "decode"
)

func (r *readelfFlags) declare(fs *pflag.FlagSet) {
	fs.BoolVarP(&r.all, "all", "a", false, "all of -h -l -S -n, and what GNU readelf says about what\ncores lack")
	fs.BoolVarP(&r.Header, "file-header", "h", false, "the ELF header")
	fs.BoolVarP(&r.Segments, "program-headers", "l", false, "the program headers: the segments")
	fs.BoolVar(&r.Segments, "segments", false, "the same as --program-headers")
	fs.BoolVarP(&r.Sections, "section-headers", "S", false, "the section headers, if there are any")
	fs.BoolVar(&r.Sections, "sections", false, "the same as --section-headers")
	fs.BoolVarP(&r.headers, "headers", "e", false, "all of -h -l -S")
	fs.StringVarP(&r.notes, "notes", "n", "", "the notes; with `HOW`, as in --notes=decode, all fields of each")
	fs.Lookup("notes").NoOptDefVal = listNotes
	fs.BoolVar(&r.Maps, "maps", false, "the mappings of the process, as /proc/PID/maps or\nprocstat -v would")
	fs.StringArrayVarP(&r.Hex, "hex-dump", "x", nil, "bytes of `WHICH` section or segment; may be repeated")
	fs.StringArrayVarP(&r.Strings, "string-dump", "p", nil, "texts in `WHICH` section or segment; may be repeated")
	fs.BoolVarP(&r.Wide, "wide", "W", false, "lines of over 80 characters")
	fs.BoolVar(&r.json, "json", false, "print JSON")
	for _, l := range lacking {
		fs.BoolP(l.name, l.letter, false, "")
		fs.Lookup(l.name).Hidden = true
	}
}

// lacking are GNU readelf's flags about what no core file has.
var lacking = []struct{ name, letter, what string }{
	{"section-groups", "g", "section groups"},
	{"section-details", "t", "more about its sections than -S shows"},
	{"syms", "s", "symbols"},
	{"symbols", "", "symbols"},
	{"dyn-syms", "", "dynamic symbols"},
	{"relocs", "r", "relocations"},
	{"unwind", "u", "unwind tables"},
	{"dynamic", "d", "a dynamic section"},
	{"version-info", "V", "symbol versions"},
	{"arch-specific", "A", "attributes of the architecture"},
	{"archive-index", "c", "an archive's index"},
	{"histogram", "I", "hash tables of symbols"},
	{"debug-dump", "w", "debug information"},
}

// options are what the flags ask for.
func (r *readelfFlags) options(fs *pflag.FlagSet) (o readelf.Options, err error) {
	for _, l := range lacking {
		if fs.Changed(l.name) {
			return o, &usageError{text: fmt.Sprintf("--%s: a core file does not have %s; the program has, for GNU readelf", l.name, l.what)}
		}
	}
	o = r.Options
	all := r.all || r.headers
	o.Header, o.Segments, o.Sections = o.Header || all, o.Segments || all, o.Sections || all
	o.Absent, o.Contents, o.Tables = r.all, r.json, corelift.NoteTables()
	switch r.notes {
	case "":
		o.Notes = r.all
	case listNotes:
		o.Notes = true
	case decodeNotes:
		o.Notes, o.Decode = true, true
	default:
		return o, &usageError{text: fmt.Sprintf("--notes takes decode, not %q", r.notes)}
	}
	if !(o.Header || o.Segments || o.Sections || o.Notes || o.Maps || len(o.Hex)+len(o.Strings) > 0) {
		return o, &usageError{text: "nothing to show; -e shows all headers, -n the notes, --maps the mappings"}
	}
	return o, nil
}

// show describes all inputs. What can't be shown of one does not keep the
// others from being shown.
func (r *readelfFlags) show(ctx context.Context, s streams, names []string, o readelf.Options) error {
	if len(names) == 0 {
		_, err := oneInput(names)
		return err
	}
	code := exitComplete
	for _, name := range names {
		err := r.showFile(ctx, s, name, o, len(names) > 1)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		complain(s.err, err)
		code = worse(code, codeOf(err))
	}
	return codeError(code)
}

// showFile shows the core files in an input, under its name if that is wanted.
func (r *readelfFlags) showFile(ctx context.Context, s streams, name string, o readelf.Options, titled bool) error {
	in := s.in
	if name == stdin {
		name = "standard input"
	} else {
		opened, err := os.Open(name)
		if err != nil {
			return err
		}
		defer opened.Close()
		in = opened
	}
	files, err := corelift.Files(ctx, interruptible(ctx, in), name)
	if err != nil {
		return unreadable(err)
	}
	code := exitComplete
	for _, f := range files {
		d, err := readelf.Describe(f, name, o)
		if err != nil {
			return err
		}
		for _, l := range d.Diagnostics {
			say(s.err, "%s: %s", name, diagnosticLine(l))
		}
		if d.Damaged {
			code = exitDamaged
		}
		if r.json {
			err = printJSON(s.out, d)
		} else {
			if titled || len(files) > 1 {
				fmt.Fprintf(s.out, "\nFile: %s\n", text.Escape(name))
			}
			err = d.Print(s.out)
		}
		if err != nil {
			return err
		}
	}
	return codeError(code)
}
