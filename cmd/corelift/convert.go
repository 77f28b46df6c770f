package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/inspect/text"
)

func convertVerb() verb {
	return verb{
		name:  "convert",
		args:  "INPUT",
		short: "turn a crash dump into an ELF core file",
		long: `Writes an ELF core file that stock GDB and LLDB open, next to the firmware:

    corelift convert crash.log -e build/zephyr/zephyr.elf
    gdb-multiarch build/zephyr/zephyr.elf crash.core

INPUT is what the target gave: a console log, a flash or memory image, a packet
capture; also in gzip, base64, Intel HEX or UF2. "-" is standard input.

The core is written beside INPUT, its extension replaced by .core; several
dumps become .1.core, .2.core. The names of the written files are printed.
Without -e the programs in build/ and .pio/build/ are tried, below the working
directory and that of INPUT, and those of --archive; one is used only if the
dump bears it out.`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var c conversion
			c.input.declare(fs)
			fs.StringVarP(&c.out, "output", "o", "", "`FILE` to write; \"-\" is standard output")
			fs.BoolVar(&c.overwrite, "overwrite", false, "replace files that exist")
			c.input.declareMemory(fs)
			fs.StringVar(&c.script, "gdb-script", "", "`FILE` to write GDB commands to: thread names, what is missing, special\nregisters as convenience variables")
			fs.BoolVar(&c.json, "json", false, "print what was found as JSON (docs/schema/convert.json)")
			return func(ctx context.Context, s streams) error {
				name, err := oneInput(fs.Args())
				if err != nil {
					return err
				}
				return c.run(ctx, s, name)
			}
		},
	}
}

// conversion is one call of the verb.
type conversion struct {
	input     inputFlags
	out       string
	script    string
	overwrite bool
	json      bool
}

// converted is the JSON document of the verb, docs/schema/convert.json.
type converted struct {
	Schema string          `json:"schema"`
	Cores  []convertedCore `json:"cores"`
}

// convertedCore is a core file that was written, and what is known of it.
type convertedCore struct {
	File   string        `json:"file"`
	Script string        `json:"gdb_script,omitempty"`
	Info   *inspect.Info `json:"info"`
}

const convertSchema = "corelift.convert/1"

func (c *conversion) run(ctx context.Context, s streams, name string) error {
	if err := c.check(s, name); err != nil {
		return err
	}
	in, err := c.input.open(ctx, s, name, false)
	if err != nil {
		return err
	}
	defer in.close()
	if c.out == stdin && len(in.crashes) > 1 {
		return &usageError{text: fmt.Sprintf("%d dumps can't go to standard output; give a file with -o", len(in.crashes))}
	}
	code := exitComplete
	result := converted{Schema: convertSchema, Cores: []convertedCore{}}
	for _, dump := range in.crashes {
		done, err := c.one(ctx, s, in, dump)
		if errors.Is(err, context.Canceled) {
			return err
		}
		complain(s.err, err)
		code = worse(code, codeOf(err))
		if err != nil {
			continue
		}
		if done.Info.Damaged {
			code = worse(code, exitDamaged)
		}
		result.Cores = append(result.Cores, *done)
		if !c.json && c.out != stdin {
			printPath(s.out, done.File)
		}
	}
	if c.json {
		if err := printJSON(s.out, result); err != nil {
			return err
		}
	}
	return codeError(code)
}

// check refuses combinations of flags that can't be meant.
func (c *conversion) check(s streams, name string) error {
	switch {
	case name == stdin && c.out == "":
		return &usageError{text: "standard input has no name for the core file; give one with -o"}
	case c.out == stdin && c.json:
		return &usageError{text: "--json and -o - both want standard output"}
	case c.out == stdin && isTerminal(s.out):
		return hinted(errors.New("a core file is no text for a terminal"), "redirect standard output, or give a file with -o")
	case c.script == stdin:
		return &usageError{text: "--gdb-script takes a file"}
	}
	return nil
}

// one converts one dump.
func (c *conversion) one(ctx context.Context, s streams, in *capture, dump crash) (*convertedCore, error) {
	core, program, err := dump.read(ctx)
	if err != nil {
		return nil, err
	}
	detail := inspect.Summary
	if c.json || c.script != "" {
		detail = inspect.Crashed
	}
	info := inspect.Describe(core, program, dump.input, detail)
	done := &convertedCore{File: c.out, Script: c.script, Info: info}
	if done.File == "" {
		done.File = coreName(dump.input.Name)
	}
	if len(in.crashes) > 1 {
		done.File = numbered(done.File, dump.number)
		if c.script != "" {
			done.Script = numbered(c.script, dump.number)
		}
	}
	out := output{c.overwrite, in.inputs}
	if done.File == stdin {
		err = core.Write(untilDone{ctx, s.out})
	} else {
		err = out.write(ctx, done.File, core.Write)
	}
	if err != nil {
		return nil, err
	}
	if done.Script != "" {
		if written, err := os.Stat(done.File); err == nil {
			out.inputs = append(out.inputs, written) // a typing error would replace the core by its script
		}
		if err := out.write(ctx, done.Script, func(w io.Writer) error { return writeScript(w, core, info) }); err != nil {
			return nil, err
		}
	}
	tell(s.err, info, program)
	warnNewer(s.err, program)
	return done, nil
}

// printPath prints a result that scripts use as it is.
func printPath(f *os.File, path string) {
	if isTerminal(f) {
		path = text.Escape(path)
	}
	fmt.Fprintln(f, path)
}

// warnNewer: GDB warns if the program is dated later than the core. That a
// core just written is older happens only if a clock was wrong.
func warnNewer(w io.Writer, program *firmware.Set) {
	if program == nil {
		return
	}
	path := program.Images()[0].Path
	if info, err := os.Stat(path); err == nil && info.ModTime().After(time.Now()) {
		say(w, "warning: %s is dated in the future; GDB will say that it is newer than the core file", path)
	}
}
