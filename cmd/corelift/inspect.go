package main

import (
	"context"

	"github.com/spf13/pflag"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

func inspectVerb() verb {
	return verb{
		name:  "inspect",
		args:  "INPUT",
		short: inspectShort,
		long:  inspectLong,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var e exploration
			e.input.declare(fs)
			e.input.declareDebug(fs)
			e.declareThread(fs)
			e.declareValues(fs)
			e.declareColor(fs)
			e.front.declare(fs)
			return func(ctx context.Context, s streams) error {
				name, err := oneInput(fs.Args())
				if err != nil {
					return err
				}
				return e.open(ctx, s, name)
			}
		},
	}
}

// exploration is a look around in one crash, as long as the user likes.
type exploration struct {
	inspection
	front // of this build: Delve's terminal or the plain prompt
}

// open reads the crash and hands it to the front end of this build.
func (e *exploration) open(ctx context.Context, s streams, name string) error {
	if name == "-" && e.asks() {
		return &usageError{text: "standard input can't be both the dump and the commands; name a file, or use --script"}
	}
	color, err := e.colored(s.out)
	if err != nil {
		return err
	}
	in, err := e.input.open(ctx, s, name, true)
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.crashes) > 1 {
		return &usageError{text: "inspect opens one dump; choose it with --select"}
	}
	dump := in.crashes[0]
	core, program, err := dump.read(ctx)
	if err != nil {
		return err
	}
	e.introduce(s, core, program, dump.input)
	if err := e.explore(ctx, s, inspect.New(core, program, e.options), color); err != nil {
		return err
	}
	if core.Damaged() {
		return codeError(exitDamaged)
	}
	return nil
}

// introduce tells what was opened: to a person all that is found at first sight,
// with a script only what makes its answers doubtful.
func (e *exploration) introduce(s streams, core *elfcore.Core, program *firmware.Set, in inspect.Input) {
	if e.script == "" {
		tell(s.err, inspect.Describe(core, program, in, inspect.Crashed), program)
	} else {
		tellDoubts(s.err, core, program)
	}
}
