package main

import (
	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func symbolVerb() verb {
	return inspectionVerb(verb{
		name:  "symbol",
		args:  "INPUT ADDRESS|NAME",
		short: "tell what lies at an address, or where a name is",
		long: `Tells which function or variable holds ADDRESS (0x..., or decimal), in which
line of the source, and what was inlined there; or where NAME is, in which
section, and whether the dump has its bytes.`,
	}, func(*pflag.FlagSet, *inspection) look {
		return func(s *inspect.Session, words []string) (finding, error) {
			if len(words) != 1 {
				return finding{}, &usageError{text: "give one ADDRESS or NAME after INPUT"}
			}
			out, err := s.Symbol(words[0])
			if err != nil {
				return finding{}, err
			}
			return finding{document: out, print: func(p *text.Printer) { p.Symbols(out) }}, nil
		}
	})
}
