package main

import (
	"slices"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func regsVerb() verb {
	return inspectionVerb(verb{
		name:  "regs",
		args:  "INPUT",
		short: "show the registers of a frame",
		long: `Prints the registers as they were in a frame, with the symbol that they point
to, and how far they can be trusted unless they stand in the dump. In outer
frames a register that the called function may have overwritten is suspect.`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		all := fs.BoolP("all", "a", false, "show floating point and control registers too")
		i.declareFrame(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			f, err := i.mustAt(s, words)
			if err != nil {
				return finding{}, err
			}
			out := s.Registers(f)
			if !*all {
				out.Registers = slices.DeleteFunc(out.Registers, func(r inspect.FrameRegister) bool { return r.Group != "general" })
			}
			return finding{document: out, print: func(p *text.Printer) { p.Registers(out) }}, nil
		}
	})
}
