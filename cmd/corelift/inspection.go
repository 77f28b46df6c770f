package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/inspect/text"
)

// inspection is what the verbs that look into a crash have in common.
type inspection struct {
	input   inputFlags
	thread  int32
	frame   int
	options inspect.Options
	json    bool
	color   string
}

// inspectionVerb makes a verb that looks into each dump of an input. declare
// adds the verb's own flags and returns what looks; words are the arguments
// after INPUT.
func inspectionVerb(v verb, declare func(*pflag.FlagSet, *inspection) look) verb {
	v.look = declare
	v.setup = func(fs *pflag.FlagSet) func(context.Context, streams) error {
		i := new(inspection)
		do := declare(fs, i)
		i.input.declare(fs)
		i.input.declareDebug(fs)
		i.declareColor(fs)
		fs.BoolVar(&i.json, "json", false, "print JSON")
		return func(ctx context.Context, s streams) error {
			if fs.NArg() == 0 {
				_, err := oneInput(nil)
				return err
			}
			return i.run(ctx, s, fs.Arg(0), fs.Args()[1:], do)
		}
	}
	return v
}

// declareFrame adds the flags that choose a frame.
func (i *inspection) declareFrame(fs *pflag.FlagSet) {
	i.declareThread(fs)
	fs.IntVar(&i.frame, "frame", 0, "frame `N` of the thread, as bt numbers them")
}

func (i *inspection) declareThread(fs *pflag.FlagSet) {
	fs.Func("thread", "thread `N`, as the verb threads numbers them. Unset: the crashed one", func(arg string) error {
		n, err := strconv.ParseInt(arg, 10, 32)
		if err == nil && n < 1 {
			err = errors.New("threads are numbered from 1")
		}
		i.thread = int32(n)
		return err
	})
}

func (i *inspection) declareColor(fs *pflag.FlagSet) {
	fs.StringVar(&i.color, "color", "auto", "`WHEN` to use colour: auto, on a terminal unless $NO_COLOR is set;\nalways or never")
}

// declareValues adds the flags about values of variables.
func (i *inspection) declareValues(fs *pflag.FlagSet) {
	fs.BoolVar(&i.options.Initial, "initial", false, "show the initial value, labelled as such, of variables whose memory\nis not in the dump")
}

// look is what a verb does with one crash.
type look func(s *inspect.Session, words []string) (finding, error)

// finding is the answer of a verb: a document for --json, of which print shows
// the same. What could not be answered is in complaints.
type finding struct {
	document   any
	print      func(*text.Printer)
	complaints []error
}

// run looks into every dump that was chosen.
func (i *inspection) run(ctx context.Context, s streams, name string, words []string, do look) error {
	color, err := i.colored(s.out)
	if err != nil {
		return err
	}
	in, err := i.input.open(ctx, s, name, true)
	if err != nil {
		return err
	}
	defer in.close()
	code := exitComplete
	for _, dump := range in.crashes {
		title := ""
		if len(in.crashes) > 1 {
			title = fmt.Sprintf("Dump %d:", dump.number)
		}
		errs := i.one(ctx, s, dump, title, words, do, color)
		for _, err := range errs {
			if errors.Is(err, context.Canceled) || errors.As(err, new(*usageError)) {
				return err
			}
			complain(s.err, err)
			code = worse(code, codeOf(err))
		}
	}
	return codeError(code)
}

// one looks into one dump. The errors are what could not be answered.
func (i *inspection) one(ctx context.Context, s streams, dump crash, title string, words []string, do look, color bool) []error {
	core, program, err := dump.read(ctx)
	if err != nil {
		return []error{err}
	}
	tellDoubts(s.err, core, program)
	session := inspect.New(core, program, i.options)
	found, err := do(session, words)
	switch {
	case err != nil:
		return []error{err}
	case i.json:
		err = printJSON(s.out, found.document)
	default:
		p := text.New(s.out, session, color)
		p.Title(title)
		found.print(p)
		err = p.Flush()
	}
	errs := append(found.complaints, err)
	if core.Damaged() {
		errs = append(errs, exitCode(exitDamaged))
	}
	return errs
}

// at is the frame that was asked for; nil if there is no thread to have one.
func (i *inspection) at(s *inspect.Session) (*inspect.Frame, error) {
	if i.thread == 0 && len(s.Core().Threads) == 0 {
		return nil, nil
	}
	return s.Frame(i.chosen(s), i.frame)
}

// mustAt is at for verbs that take no further words and need a frame.
func (i *inspection) mustAt(s *inspect.Session, words []string) (*inspect.Frame, error) {
	if err := noWords(words); err != nil {
		return nil, err
	}
	f, err := i.at(s)
	if f == nil && err == nil {
		err = errNoThread
	}
	return f, err
}

var errNoThread = errors.New("no thread is known, hence no stack")

// chosen is the ID of the thread that was asked for.
func (i *inspection) chosen(s *inspect.Session) int32 {
	if i.thread == 0 {
		return s.Crashed()
	}
	return i.thread
}

// colored tells whether to use colour.
func (i *inspection) colored(out *os.File) (bool, error) {
	switch i.color {
	case "auto":
		return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(out), nil
	case "always", "never":
		return i.color == "always", nil
	}
	return false, &usageError{text: fmt.Sprintf("--color takes auto, always or never, not %q", i.color)}
}

// tellDoubts says what makes answers poorer or doubtful than they could be.
func tellDoubts(w io.Writer, core *elfcore.Core, program *firmware.Set) {
	told := false // what is wrong with the firmware
	for _, d := range core.Diagnostics {
		if d.Severity == elfcore.Loss || d.Code == "firmware.match" || d.Code == "firmware.ambiguous" || d.Code == modulesMissing || d.Code == modulesAssumed {
			say(w, "%s", diagnosticLine(d))
			told = told || d.Code == "firmware.match" || d.Code == modulesMissing
		}
	}
	if program == nil {
		say(w, "no firmware: neither names nor variables are known")
		if !told {
			hint(w, "give the program (ELF) that crashed with -e FILE")
		}
		return
	}
	image := program.Images()[0]
	if core.Program.Assumed {
		say(w, "firmware: %s, %s; assumed, since you named none (-e)", image.Path, core.Program.MatchVerdict)
	}
	if err := image.DebugError(); err != nil {
		for line := range strings.Lines(err.Error()) {
			say(w, "%s: %s", image.Path, strings.TrimSuffix(line, "\n"))
		}
		if len(image.Debug().Units()) == 0 {
			hint(w, "--debug-dir DIR says where separate debug files are")
		}
	}
}

// noWords refuses arguments after INPUT.
func noWords(words []string) error {
	if len(words) > 0 {
		return &usageError{text: "more than one INPUT: " + strings.Join(words, " ")}
	}
	return nil
}
