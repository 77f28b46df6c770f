package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

func btVerb() verb {
	return inspectionVerb(verb{
		name:  "bt",
		args:  "INPUT",
		short: "show the stack of the crashed thread, or of all",
		long: `Prints the stack of the crashed thread, innermost frame first, as GDB does:

    #0  blow_up (s=0x200000a0 <g_sensors+128>) at src/app.c:243
    #1  0x000003f4 in worker (arg=0x0) at src/app.c:260

A frame without remark was found by the compiler's unwinding tables, or in
registers that the dump or the hardware has saved. Others name the weaker way
at the end of the line: [link-register], [frame-pointer], [prologue] (from the
function's first instructions), [tail-call] (it left by a jump, so that only the
code tells of it) and [scan] (a word of the stack that follows a call; it may be
left from an earlier one). A line "~ code not in any image" is in front of
frames of which nothing is known, and a last line says why the trace ends early.

"(may be stale)" marks a value in a register that the functions called since
could overwrite, "(firmware differs)" what a firmware that does not match the dump
led to (--allow-mismatch). <optimized out> is nowhere, <not in dump> in memory that was
not saved.`,
	}, func(fs *pflag.FlagSet, i *inspection) look {
		all := fs.BoolP("all", "a", false, "show all threads")
		full := fs.Bool("full", false, "show the local variables of each frame")
		limit := fs.Int("limit", 0, "show at most `N` frames of a thread. Unset: all")
		i.declareThread(fs)
		i.declareValues(fs)
		return func(s *inspect.Session, words []string) (finding, error) {
			if err := noWords(words); err != nil {
				return finding{}, err
			}
			switch {
			case *limit < 0:
				return finding{}, &usageError{text: fmt.Sprintf("--limit takes 0 or more, not %d", *limit)}
			case *all && fs.Changed("thread"):
				return finding{}, &usageError{text: "--all and --thread exclude each other"}
			}
			if len(s.Core().Threads) == 0 {
				return finding{}, errNoThread
			}
			ids := []int32{i.chosen(s)}
			if *all {
				ids = ids[:0]
				for _, t := range s.Core().Threads {
					ids = append(ids, t.ID)
				}
			}
			out, err := s.Stacks(ids, inspect.StackOptions{Arguments: true, Locals: *full, Limit: *limit})
			if err != nil {
				return finding{}, err
			}
			return finding{document: out, print: func(p *text.Printer) { p.Stacks(out, *full) }}, nil
		}
	})
}
