//go:build corelift_plain || !((linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64))

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/go-delve/liner"
	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/text"
)

const (
	inspectShort = "look around in a crash by typing verbs"
	inspectLong  = `Opens INPUT once, and asks for verbs to look into it with:

    corelift inspect crash.log -e zephyr.elf
    (corelift) bt --full
    (corelift) thread 2
    (corelift) up
    (corelift) print /x node->next

The verbs, with their flags, are those of the command line that look into a
crash, without INPUT: "help" lists them. They begin from the thread and frame
that were chosen last.

This build lacks Delve's terminal, its Starlark and its server, which Delve has
for Linux on amd64, arm64, 386 and ppc64le, macOS, and Windows on amd64.`
)

// front is what the flags say of the prompt.
type front struct{ script string }

func (f *front) declare(fs *pflag.FlagSet) {
	fs.StringVar(&f.script, "script", "", "run the verbs in `FILE`, up to the first that fails, instead of asking")
}

// asks tells whether commands come from standard input.
func (f *front) asks() bool { return f.script == "" }

// prompt is the state between two lines.
type prompt struct {
	streams
	session *inspect.Session
	color   bool
	thread  int32
	frame   int
	options inspect.Options
}

func (e *exploration) explore(ctx context.Context, s streams, session *inspect.Session, color bool) error {
	p := &prompt{s, session, color, e.chosen(session), 0, e.options}
	if e.script != "" {
		return p.file(ctx, e.script)
	}
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetCompleter(p.complete)
	for ctx.Err() == nil {
		typed, err := line.Prompt("(corelift) ")
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case errors.Is(err, io.EOF):
			_, err = fmt.Fprintln(s.out)
			return err
		case err != nil:
			return err
		}
		line.AppendHistory(typed)
		if err := p.run(typed); errors.Is(err, errLeave) {
			return nil
		} else if err != nil {
			complain(s.err, err)
		}
	}
	return ctx.Err()
}

// file runs the lines of a file.
func (p *prompt) file(ctx context.Context, name string) error {
	if strings.HasSuffix(name, ".star") {
		return hinted(fmt.Errorf("%s: this build has no Starlark", name), "write a file of verbs")
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan() && ctx.Err() == nil; n++ {
		if err := p.run(lines.Text()); errors.Is(err, errLeave) {
			return nil
		} else if err != nil {
			complain(p.err, err)
			return fmt.Errorf("%s ended at line %d", name, n)
		}
	}
	return errors.Join(lines.Err(), ctx.Err())
}

var errLeave = errors.New("leave")

// moves are the commands that have no verb: they choose thread and frame.
var moves = map[string]struct {
	help string
	do   func(p *prompt, arg string) error
}{
	"thread": {"thread N: go to a thread", func(p *prompt, arg string) error { return p.move(arg, true, 0) }},
	"frame":  {"frame N: go to a frame", func(p *prompt, arg string) error { return p.move(arg, false, 0) }},
	"up":     {"up: go to the caller", func(p *prompt, arg string) error { return p.move("1", false, +1) }},
	"down":   {"down: go to the called function", func(p *prompt, arg string) error { return p.move("1", false, -1) }},
	"exit":   {"exit: leave", func(*prompt, string) error { return errLeave }},
}

// shorthands are GDB's.
var shorthands = map[string]string{"p": "print", "x": "examine", "l": "list", "f": "frame", "where": "bt", "q": "exit", "quit": "exit", "h": "help"}

// run does what a line says.
func (p *prompt) run(line string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if full, ok := shorthands[name]; ok {
		name = full
	}
	switch {
	case name == "" || name[0] == '#':
		return nil
	case name == "help" && rest == "":
		return p.help()
	case name == "help":
		name, rest = rest, "--help"
	}
	if m, ok := moves[name]; ok {
		return m.do(p, rest)
	}
	v, ok := findVerb(name)
	if !ok || v.look == nil {
		return hinted(fmt.Errorf("no command %q", name), "help lists them")
	}
	return p.look(v, rest)
}

// look runs a verb on the crash.
func (p *prompt) look(v verb, rest string) error {
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.Usage = func() {}
	i := new(inspection)
	do := v.look(fs, i)
	i.thread, i.frame, i.options = p.thread, p.frame, p.options // unless flags say other
	if err := fs.Parse(words(v, rest)); errors.Is(err, pflag.ErrHelp) {
		_, err := fmt.Fprintf(p.out, "%s\n\nFlags:\n%s", v.long, fs.FlagUsages())
		return err
	} else if err != nil {
		return hinted(err, "help "+v.name)
	}
	found, err := do(p.session, fs.Args())
	if err != nil {
		return err
	}
	out := text.New(p.out, p.session, p.color)
	found.print(out)
	return errors.Join(append(found.complaints, out.Flush())...)
}

// words splits the rest of a line. That of print is one expression, unless it
// begins with a flag.
func words(v verb, rest string) []string {
	if v.name == "print" && rest != "" && !strings.HasPrefix(rest, "--") {
		return []string{"--", rest}
	}
	return strings.Fields(rest)
}

// move goes to another thread or frame. A direction counts from the present one.
func (p *prompt) move(arg string, thread bool, direction int) error {
	n, err := strconv.Atoi(arg)
	if err != nil {
		return fmt.Errorf("expected a number, found %q", arg)
	}
	id, level := p.thread, n
	switch {
	case thread:
		id, level = int32(n), 0
	case direction != 0:
		level = p.frame + direction
	}
	f, err := p.session.Frame(id, level)
	if err != nil {
		return err
	}
	p.thread, p.frame = id, level
	f.Arguments = p.session.Locals(f).Arguments
	out := text.New(p.out, p.session, p.color)
	out.Frame(f)
	return out.Flush()
}

func (p *prompt) help() error {
	var b strings.Builder
	for _, v := range verbs() {
		if v.look != nil {
			fmt.Fprintf(&b, "  %-12s%s\n", v.name, v.short)
		}
	}
	for _, name := range []string{"thread", "frame", "up", "down", "exit"} {
		usage, what, _ := strings.Cut(moves[name].help, ": ")
		fmt.Fprintf(&b, "  %-12s%s\n", usage, what)
	}
	_, err := io.WriteString(p.out, b.String()+"\nhelp VERB explains a verb and its flags.\n")
	return err
}

// complete completes the first word of a line.
func (p *prompt) complete(line string) (list []string) {
	for _, v := range verbs() {
		if v.look != nil && strings.HasPrefix(v.name, line) {
			list = append(list, v.name)
		}
	}
	for name := range moves {
		if strings.HasPrefix(name, line) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
