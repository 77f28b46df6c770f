package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"corelift"
	"corelift/elfcore/firmware"
	"corelift/inspect/text"
	"corelift/internal/verify"
)

func verifyVerb() verb {
	return verb{
		name:  "verify",
		args:  "CORE",
		short: "tell whether stock debuggers open a core file and show the truth",
		long: `Checks a core file, of whatever program, by what stock GDB and LLDB demand of it,
and says which of them refuses it, complains or shows what is not true, and why:

    corelift verify crash.core -e build/zephyr/zephyr.elf

With -e it also checks whether core and program go together, and whether memory
is missing of which GDB would show initial values instead. A finding is

    refused   a debugger does not open the file
    wrong     a debugger shows what is not true
    warning   a debugger complains, or shows less than the file holds
    remark    worth knowing; the file is as good as it can be

The exit code is 5 if there is more than remarks, else 0.

--fix writes a copy in which everything is repaired that can be repaired without
making up a value, and says what it changed; memory and notes are kept. Then
the exit code is that of the copy:

    corelift verify vendor.core --fix -o good.core

--json prints docs/schema/verify.json.`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var v verification
			fs.StringVarP(&v.elf, "elf", "e", "", "program that the debugger is given along with the core, an ELF `FILE`")
			fs.BoolVar(&v.fix, "fix", false, "write a repaired copy to the file of -o")
			fs.StringVarP(&v.out, "output", "o", "", "`FILE` to write with --fix; \"-\" is standard output")
			fs.BoolVar(&v.overwrite, "overwrite", false, "replace a file that exists")
			fs.BoolVar(&v.json, "json", false, "print JSON")
			return func(ctx context.Context, s streams) error {
				name, err := oneInput(fs.Args())
				if err != nil {
					return err
				}
				frugal()
				return v.run(ctx, s, name)
			}
		},
	}
}

// verification is one call of the verb.
type verification struct {
	elf, out             string
	fix, overwrite, json bool
}

// verified is the JSON document of the verb, docs/schema/verify.json.
type verified struct {
	Schema   string           `json:"schema"`
	File     string           `json:"file"`
	Program  string           `json:"program,omitempty"`
	Good     bool             `json:"good"` // nothing but remarks
	Findings []verify.Finding `json:"findings"`
	Fixed    *fixedCore       `json:"fixed,omitempty"`
}

// fixedCore is the copy that --fix wrote.
type fixedCore struct {
	File    string           `json:"file"`
	Good    bool             `json:"good"`
	Changes []verify.Change  `json:"changes"`
	Left    []verify.Finding `json:"left"`
}

const verifySchema = "corelift.verify/1"

func (v *verification) run(ctx context.Context, s streams, name string) error {
	if err := v.check(s, name); err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file, which is all that debuggers open", name)
	}
	o := verify.Options{Modified: info.ModTime()}
	if v.elf != "" {
		if o.Program, err = firmware.OpenPlaced(firmware.Place{Path: v.elf}); err != nil {
			return err
		}
		defer o.Program.Close()
	}
	core, err := verify.Open(file, info.Size(), o)
	if err != nil {
		return notCore(ctx, file, name, err)
	}
	found := core.Check()
	result := &verified{Schema: verifySchema, File: name, Program: v.elf, Good: !verify.Bad(found), Findings: found}
	good := result.Good
	if v.fix {
		done := &fixedCore{File: v.out, Changes: core.Fix()}
		done.Left = core.Check()
		done.Good = !verify.Bad(done.Left)
		switch err := v.write(ctx, s, core, info); {
		case errors.Is(err, verify.ErrUnreadable):
			complain(s.err, err)
		case err != nil:
			return err
		default:
			result.Fixed, good = done, done.Good
		}
	}
	if err := v.print(s, result); err != nil || good {
		return err
	}
	return exitCode(exitDifferent)
}

// check refuses combinations of flags that can't be meant.
func (v *verification) check(s streams, name string) error {
	switch {
	case name == stdin:
		return &usageError{text: "verify takes a file, as debuggers do"}
	case v.fix && v.out == "":
		return &usageError{text: "--fix needs a file to write; give one with -o"}
	case !v.fix && v.out != "":
		return &usageError{text: "-o goes with --fix"}
	case v.out == stdin && isTerminal(s.out):
		return hinted(errors.New("a core file is no text for a terminal"), "redirect standard output, or give a file with -o")
	case v.out == stdin && v.json:
		return &usageError{text: "--json and -o - both want standard output"}
	}
	return nil
}

// notCore says what a file is that is no core file.
func notCore(ctx context.Context, file *os.File, name string, err error) error {
	if !errors.As(err, new(*verify.NotCoreError)) {
		return err
	}
	if _, other := corelift.Files(ctx, file, name); other != nil {
		return unreadable(other)
	}
	return &unreadableError{hinted(fmt.Errorf("%s: a core file that is packed, or inside another: no debugger opens it", name), "unpack it first")}
}

func (v *verification) write(ctx context.Context, s streams, core *verify.File, input os.FileInfo) error {
	if v.out == stdin {
		return core.Write(untilDone{ctx, s.out})
	}
	o := output{overwrite: v.overwrite, inputs: []os.FileInfo{input}}
	if v.elf != "" {
		if info, err := os.Stat(v.elf); err == nil {
			o.inputs = append(o.inputs, info)
		}
	}
	return o.write(ctx, v.out, core.Write)
}

// print tells what was found. If the copy goes to standard output there is
// nothing to print but talk.
func (v *verification) print(s streams, result *verified) error {
	if v.json {
		return printJSON(s.out, result)
	}
	out := s.out
	if v.out == stdin {
		out = s.err
	}
	var b strings.Builder
	printFindings(&b, result.File, result.Findings)
	if f := result.Fixed; f != nil {
		for _, c := range f.Changes {
			fmt.Fprintf(&b, "fixed    %s: %s\n", c.Rule, text.Escape(c.Did))
			printMore(&b, c.More)
		}
		name := f.File
		if name == stdin {
			name = "standard output"
		}
		printFindings(&b, name, f.Left)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printFindings(b *strings.Builder, name string, list []verify.Finding) {
	bad := 0
	for _, f := range list {
		if f.Severity > verify.Remark {
			bad += 1 + f.More
		}
	}
	name = text.Escape(name)
	verdict := "stock debuggers open it and show what it holds"
	switch {
	case bad > 0:
		verdict = count(bad, "fault")
	case len(list) > 0: // which may say that some debugger refuses it
		verdict = "no fault, but see what is said below"
	}
	fmt.Fprintf(b, "%s: %s\n", name, verdict)
	for _, f := range list {
		where := ""
		if f.Thread != nil {
			where = fmt.Sprintf(" (thread %d)", *f.Thread)
		} else if f.Offset != nil {
			where = fmt.Sprintf(" (offset %#x)", *f.Offset)
		}
		line := f.Found
		if f.Expected != "" {
			line += ", expected " + f.Expected
		}
		fmt.Fprintf(b, "%-8s %s%s: %s\n", f.Severity, f.ID, where, text.Escape(line))
		fmt.Fprintf(b, "         rule: %s\n", f.Says)
		for _, e := range f.Effects {
			fmt.Fprintf(b, "         %s %s\n", e.Debugger, e.Does)
		}
		if f.Fixable {
			fmt.Fprintf(b, "         --fix %s\n", f.Fix)
		}
		printMore(b, f.More)
	}
}

func printMore(b *strings.Builder, n int) {
	if n > 0 {
		fmt.Fprintf(b, "         and %d more like it\n", n)
	}
}
