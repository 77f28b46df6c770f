package main

import (
	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func localsVerb() verb {
	return inspectionVerb(verb{
		name:  "locals",
		args:  "INPUT",
		short: "show the arguments and local variables of a frame",
		long: `Prints the arguments and the local variables of a frame, of the innermost
block first. "corelift help bt" explains the remarks.`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		i.declareFrame(fs)
		i.declareValues(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			f, err := i.mustAt(s, words)
			if err != nil {
				return finding{}, err
			}
			out := s.Locals(f)
			return finding{document: out, print: func(p *text.Printer) { p.Locals(out) }}, nil
		}
	})
}
