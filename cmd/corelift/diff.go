package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"corelift"
	"corelift/inspect"
	"corelift/inspect/text"
)

func diffVerb() verb {
	return verb{
		name:  "diff",
		args:  "A B",
		short: "tell what differs between two dumps",
		long: `Compares two dumps, each a dump as for convert or a core file: the cause of the
crash, the identity of the program, threads and their registers, and memory.
With a firmware (-e, for both) also the stacks, and variables down to the
member or element that changed:

    corelift diff monday.log tuesday.log -e zephyr.elf

If B is of another build, --elf-b names its program. Then variables are
compared by name, and pointers by what they point to.

The exit code is 5 if a value differs that both dumps hold and are sure of,
whatever else there is to say. It is 3 if none does, but something could not be
compared: only one of the dumps has it, it is suspect, or a dump is damaged. It
is 0 if both hold the same. What neither dump holds can't differ. --json prints
docs/schema/diff.json.`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var d differ
			d.a.input.declare(fs)
			fs.StringVar(&d.elf, "elf-b", "", "firmware of B, an ELF `FILE`. Unset: that of A")
			fs.StringVar(&d.pick, "select-b", "", "`WHICH` dump of B. Unset: as for A")
			fs.StringVar(&d.log, "log-b", "", "`FILE` with console text of B's crash; --log is that of A's")
			d.a.input.declareDebug(fs)
			fs.IntVar(&d.limit, "limit", 20, "show at most `N` entries of each list, 0 for all")
			d.a.declareColor(fs)
			fs.BoolVar(&d.a.json, "json", false, "print JSON")
			return func(ctx context.Context, s streams) error {
				switch {
				case fs.NArg() != 2:
					return &usageError{text: "give two dumps, A and B"}
				case fs.Arg(0) == stdin && fs.Arg(1) == stdin:
					return &usageError{text: "one of A and B must be a file"}
				case d.limit < 0:
					return &usageError{text: "--limit can't be negative"}
				}
				return d.run(ctx, s, fs.Arg(0), fs.Arg(1))
			}
		},
	}
}

// differ is what the command line asks for. The flags are those of A; of B are
// the fields that have one of their own.
type differ struct {
	a              inspection
	elf, pick, log string
	limit          int
}

func (d *differ) run(ctx context.Context, s streams, nameA, nameB string) error {
	color, err := d.a.colored(s.out)
	if err != nil {
		return err
	}
	b := d.a.input
	b.elf, b.pick, b.log = cmp.Or(d.elf, b.elf), cmp.Or(d.pick, b.pick), d.log
	o := inspect.DifferenceOptions{Limit: d.limit}
	x, err := openSession(ctx, s, &d.a.input, nameA, &o.A)
	if err != nil {
		return d.blame(s, nameA, err)
	}
	y, err := openSession(ctx, s, &b, nameB, &o.B)
	if err != nil {
		return d.blame(s, nameB, err)
	}
	out, err := inspect.Compare(ctx, x, y, o)
	if err != nil {
		return err
	}
	if d.a.json {
		err = printJSON(s.out, out)
	} else {
		p := text.New(s.out, x, color)
		p.Difference(out)
		err = p.Flush()
	}
	if err != nil {
		return err
	}
	return codeError(verdictCodes[out.Verdict])
}

// verdictCodes are the exit codes of the verdicts.
var verdictCodes = map[inspect.Verdict]int{inspect.Equal: exitComplete, inspect.Undecided: exitDamaged, inspect.Different: exitDifferent}

// blame says which of the two is of another firmware. Other errors name it.
func (d *differ) blame(s streams, name string, err error) error {
	if !errors.As(err, new(*corelift.MismatchError)) {
		return err
	}
	say(s.err, "%s:", name)
	complain(s.err, err)
	if d.elf == "" {
		hint(s.err, "if B is of another build, --elf-b names its firmware")
	}
	return exitCode(exitMismatch)
}

// openSession opens the one dump of an input, which stays open: its memory is read
// on demand.
func openSession(ctx context.Context, s streams, flags *inputFlags, name string, input *inspect.Input) (*inspect.Session, error) {
	in, err := flags.open(ctx, s, name, true)
	if err != nil {
		return nil, err
	}
	if len(in.crashes) != 1 {
		return nil, &usageError{text: fmt.Sprintf("%s holds %d dumps; --select and --select-b take one", name, len(in.crashes))}
	}
	core, program, err := in.crashes[0].read(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	tellDoubts(s.err, core, program)
	*input = in.crashes[0].input
	return inspect.New(core, program, inspect.Options{}), nil
}
