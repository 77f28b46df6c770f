// Command corelift turns microcontroller crash dumps into ELF core files that
// stock debuggers open, and shows stacks and variables without one.
//
// Rules of its output: results go to standard output, all other talk to
// standard error, each line as "corelift: text", in lower case and without a
// full stop; advice follows in lines "hint: text". Text that stems from dumps,
// programs or file names is escaped. Exit codes are in exit.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"corelift/elfcore/firmware"
)

// streams are the standard streams of the process.
type streams struct{ in, out, err *os.File }

func main() {
	// A run lasts milliseconds. Fewer collections save a quarter of its CPU time
	// where DWARF is read (18 to 14 ms on a 3.7 MB ELF); GOGC still counts.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	// A signal ends the work in hand, so that no temporary file stays; a second
	// one ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// frugal takes that back, for verbs that read no DWARF but any file: a hostile
// one of 1 MiB makes documents of 40 MiB. Users' GOGC and GOMEMLIMIT still count.
func frugal() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(48 << 20)
	}
}

// verb is one of the things that corelift can do.
type verb struct {
	name  string
	args  string // as the usage line shows them
	short string // one line for the list of verbs
	long  string // the rest of its help
	// setup declares the flags and returns what to do once they were parsed.
	setup func(*pflag.FlagSet) func(context.Context, streams) error
	// look is what a verb that looks into a crash does there, nil for others:
	// setup without the flags about what to open.
	look func(*pflag.FlagSet, *inspection) look
}

// verbs lists them in the order of the help text.
func verbs() []verb {
	return []verb{
		convertVerb(), infoVerb(),
		btVerb(), threadsVerb(), regsVerb(), localsVerb(), printVerb(), examineVerb(), memVerb(), listVerb(), symbolVerb(), diffVerb(),
		readelfVerb(), verifyVerb(),
		inspectVerb(), gdbVerb(), versionVerb(), helpVerb(), completionVerb(),
	}
}

func findVerb(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// newFlags makes a verb's flag set.
func (v verb) newFlags() (*pflag.FlagSet, func(context.Context, streams) error) {
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs, v.setup(fs)
}

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	err := dispatch(ctx, args, s)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	complain(s.err, err)
	return codeOf(err)
}

// synonyms are flags in the place of a verb that everybody tries.
var synonyms = map[string]string{"-h": "help", "--help": "help", "--version": "version"}

func dispatch(ctx context.Context, args []string, s streams) (err error) {
	defer firmware.Guard(&err)()
	if len(args) == 0 {
		return &usageError{text: "no verb given"}
	}
	name := args[0]
	if verb, ok := synonyms[name]; ok {
		name = verb
	}
	v, ok := findVerb(name)
	if !ok {
		return &usageError{text: fmt.Sprintf("unknown verb %q", name)}
	}
	fs, do := v.newFlags()
	err = fs.Parse(args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return v.help(s.out)
	case err != nil:
		return &usageError{v.name, flagText(err)}
	}
	err = do(ctx, s)
	if u := (*usageError)(nil); errors.As(err, &u) {
		u.verb = v.name
	}
	return err
}

// flagText says what is wrong with the flags, without names of Go's functions.
func flagText(err error) string {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err.Error()
	}
	cause := invalid.Unwrap()
	if number := (*strconv.NumError)(nil); errors.As(cause, &number) {
		cause = number.Err
	}
	return fmt.Sprintf("--%s %q: %v", invalid.GetFlag().Name, invalid.GetValue(), cause)
}

// oneInput takes the INPUT from the command line.
func oneInput(words []string) (string, error) {
	switch len(words) {
	case 0:
		return "", &usageError{text: "no INPUT given; - stands for standard input"}
	case 1:
		return words[0], nil
	}
	return "", &usageError{text: "more than one INPUT: " + strings.Join(words, " ")}
}
