package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func examineVerb() verb {
	return inspectionVerb(verb{
		name:  "examine",
		args:  "INPUT ADDRESS",
		short: "show memory in hexadecimal or other forms",
		long: `Shows memory of the dump and, where the firmware can't change it, of the ELF,
like GDB's x. ADDRESS is an expression (see print): a number, a pointer, or an
array or structure, which stands for its address:

    corelift examine crash.log -e zephyr.elf '$sp' --count 64
    corelift examine crash.log -e zephyr.elf 'node->name' --format s`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		o := inspect.ExamineOptions{}
		fs.IntVarP(&o.Count, "count", "n", 0, "show `N` units. Unset: 16, or one string")
		fs.IntVarP(&o.Size, "size", "s", 0, "`BYTES` of a unit: 1, 2, 4 or 8. Unset: 4, or\nas long as an address for --format a")
		format := fs.StringP("format", "f", "x", "`LETTER` as of GDB's x: x hexadecimal, d decimal, u unsigned, o octal,\nt binary, a address, c character, f float, s string")
		i.declareFrame(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			if len(words) != 1 {
				return finding{}, &usageError{text: "give one ADDRESS after INPUT, in quotes if it has blanks"}
			}
			for _, flag := range []struct {
				name  string
				value int
			}{{"count", o.Count}, {"size", o.Size}} {
				if fs.Changed(flag.name) && flag.value < 1 {
					return finding{}, &usageError{text: fmt.Sprintf("--%s takes 1 or more, not %d", flag.name, flag.value)}
				}
			}
			if len(*format) != 1 {
				return finding{}, &usageError{text: fmt.Sprintf("--format takes one letter, not %q", *format)}
			}
			o.Format = (*format)[0]
			f, err := i.at(s)
			if err != nil {
				return finding{}, err
			}
			out, err := s.Examine(f, words[0], o)
			if err != nil {
				return finding{}, blame(words[0], err)
			}
			return finding{document: out, print: func(p *text.Printer) { p.Examined(out) }}, nil
		}
	})
}
