package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"corelift/inspect"
)

func infoVerb() verb {
	return verb{
		name:  "info",
		args:  "INPUT",
		short: "show what a dump holds and how far it can be trusted",
		long: `Prints the crash, its threads, the registers with their state, the memory and
everything odd about the input. Each value is known (stands in the dump),
recovered (computed by the rule named), suspect or missing.

INPUT is a dump as for convert, or a core file that corelift wrote. With --json
there is one document for each dump (docs/schema/info.json).`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var in inputFlags
			in.declare(fs)
			all := fs.BoolP("all", "a", false, "show the registers of all threads")
			json := fs.Bool("json", false, "print JSON")
			return func(ctx context.Context, s streams) error {
				name, err := oneInput(fs.Args())
				if err != nil {
					return err
				}
				detail := inspect.Crashed
				if *all {
					detail = inspect.All
				}
				return showInfo(ctx, s, &in, name, detail, *json)
			}
		},
	}
}

func showInfo(ctx context.Context, s streams, flags *inputFlags, name string, detail inspect.Detail, json bool) error {
	in, err := flags.open(ctx, s, name, true)
	if err != nil {
		return err
	}
	defer in.close()
	code := exitComplete
	for n, dump := range in.crashes {
		core, program, err := dump.read(ctx)
		if errors.Is(err, context.Canceled) {
			return err
		}
		complain(s.err, err)
		code = worse(code, codeOf(err))
		if err != nil {
			continue
		}
		info := inspect.Describe(core, program, dump.input, detail)
		if info.Damaged {
			code = worse(code, exitDamaged)
		}
		if json {
			err = printJSON(s.out, info)
		} else {
			if n > 0 {
				fmt.Fprintln(s.out)
			}
			err = printInfo(s.out, info)
		}
		if err != nil {
			return err
		}
	}
	return codeError(code)
}
