package main

import (
	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func threadsVerb() verb {
	return inspectionVerb(verb{
		name:  "threads",
		args:  "INPUT",
		short: "list the threads with state, priority and stack use",
		long: `Lists the threads, the crashed one marked with *, with the function that each
is in. The columns under stack are what is in use, the most that ever was, told
by the bytes that still hold the kernel's fill pattern (0xaa or 0xa5), and the
size. The core of a process has lwp, the number of the thread in its system. What
the dump does not tell is "-".`,
	}, func(*pflag.FlagSet, *inspection) look {
		return func(s *inspect.Session, words []string) (finding, error) {
			out := s.Threads()
			return finding{document: out, print: func(p *text.Printer) { p.Threads(out) }}, noWords(words)
		}
	})
}
