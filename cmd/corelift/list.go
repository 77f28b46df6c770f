package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func listVerb() verb {
	return inspectionVerb(verb{
		name:  "list",
		args:  "INPUT [WHERE]",
		short: "show source lines of a frame, a function or an address",
		long: `Prints the lines around where the crashed thread is, or around WHERE:

    corelift list crash.log -e zephyr.elf              # the innermost frame
    corelift list crash.log -e zephyr.elf --frame 2
    corelift list crash.log -e zephyr.elf app.c:243    # also a function, 0x8000412

A file is looked for where the compiler saw it, and below each --source-dir with
ever fewer of the leading directories.`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		o := inspect.ListOptions{}
		fs.IntVar(&o.Around, "around", 5, "show `N` lines before and after")
		fs.StringArrayVar(&o.Dirs, "source-dir", nil, "`DIR` to look for source files in; may be repeated")
		i.declareFrame(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			switch {
			case len(words) > 1:
				return finding{}, &usageError{text: "list shows one place at a time"}
			case o.Around < 0:
				return finding{}, &usageError{text: fmt.Sprintf("--around takes 0 or more, not %d", o.Around)}
			case len(words) == 1:
				o.Where = words[0]
			}
			f, err := i.at(s)
			if err != nil {
				return finding{}, err
			}
			out, err := s.List(f, o)
			if err != nil {
				return finding{}, err
			}
			found := finding{document: out, print: func(p *text.Printer) { p.Listing(out) }}
			if out.Found == "" {
				found.complaints = append(found.complaints, hinted(fmt.Errorf("the source file is not here: %s", out.File),
					"--source-dir DIR says where the sources are"))
			}
			return found, nil
		}
	})
}
