package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

func helpVerb() verb {
	return verb{
		name:  "help",
		args:  "[VERB]",
		short: "explain a verb, or list all",
		long:  "Explains a verb and its flags; without one, lists the verbs and the exit codes.",
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			return func(_ context.Context, s streams) error {
				switch fs.NArg() {
				case 0:
					return overview(s.out)
				case 1:
					v, ok := findVerb(fs.Arg(0))
					if !ok {
						return &usageError{text: fmt.Sprintf("unknown verb %q", fs.Arg(0))}
					}
					return v.help(s.out)
				}
				return &usageError{text: "help explains one verb at a time"}
			}
		},
	}
}

func overview(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`corelift turns microcontroller crash dumps into ELF core files that stock
debuggers open, and shows stacks and variables without one.

    corelift bt crash.log -e build/zephyr/zephyr.elf

    corelift convert crash.log -e build/zephyr/zephyr.elf
    gdb-multiarch build/zephyr/zephyr.elf crash.core

Usage: corelift VERB [flags] INPUT [args]

Verbs:
`)
	for _, v := range verbs() {
		fmt.Fprintf(&b, "  %-12s%s\n", v.name, v.short)
	}
	b.WriteString(`
Results go to standard output, all other talk to standard error. Exit codes:
  0  complete
  1  wrong usage, or reading or writing failed
  2  the input is not recognised as a dump
  3  produced, but the input was damaged or incomplete
  4  the firmware does not match the dump
  5  diff found a difference, verify a fault
Of several dumps the worst counts. "gdb" exits with the code of the debugger.

"corelift help VERB" explains a verb.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// help explains a verb.
func (v verb) help(w io.Writer) error {
	fs, _ := v.newFlags()
	usage := v.name
	if fs.HasFlags() {
		usage += " [flags]"
	}
	if v.args != "" {
		usage += " " + v.args
	}
	text := fmt.Sprintf("Usage: corelift %s\n\n%s\n", usage, v.long)
	if fs.HasFlags() {
		text += "\nFlags:\n" + fs.FlagUsages()
	}
	_, err := io.WriteString(w, text)
	return err
}
