//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

// Package terminal is Delve's terminal, its Starlark and its JSON-RPC server on a
// crash: an implementation of Delve's service.Client over an inspect.Session.
//
// Delve's process layer has no part in it. Delve calls tasks goroutines; the
// commands tasks and task are added. Delve's terminal builds for Linux on amd64,
// arm64, 386 and ppc64le, for macOS, and for Windows on amd64; so does this
// package.
//
// Delve promises no stability of the packages used here: their version is pinned
// in go.mod. Texts of the dump and the firmware are made printable on their way
// to Delve, which prints them as they are.
package terminal

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-delve/delve/pkg/config"
	"github.com/go-delve/delve/pkg/terminal"
	"go.starlark.net/starlark"

	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// Options steer Run.
type Options struct {
	Thread int32  // ID of the task selected at first, 0 for the crashed one
	Script string // a file of commands, or of Starlark (.star), to run instead of asking the user
	Color  bool   // whether standard output may be coloured

	Sources []string // directories to look for source files in
}

// GDB's "print elements" and "print max-depth" are the limits of what is
// printed; Delve's 64 and 1 hide most of a C structure.
var maxElements, maxDepth = 200, 20

// settings are Delve's, instead of those in the user's file for Go programs.
func settings(color bool) *config.Config {
	conf := &config.Config{
		Prompt:  "(corelift) ",
		Aliases: map[string][]string{"goroutine": {"task"}},

		MaxStringLen: &maxElements, MaxArrayValues: &maxElements, MaxVariableRecurse: &maxDepth,
	}
	if !color {
		const plain = "\x1b[0m" // what is unset has a colour
		conf.SourceListLineColor, conf.SourceListArrowColor = plain, plain
		conf.SourceListStringColor, conf.SourceListCommentColor, conf.SourceListTabColor = plain, plain, plain
		conf.StackTraceFunctionColor, conf.StackTraceBasenameColor = plain, plain
	}
	return conf
}

// prelude adds commands to Delve's.
//
//go:embed prelude.star
var prelude string

const greeting = `Delve's terminal on a crash: it can be asked anything, but does not run.
A task is what Delve calls a goroutine: tasks lists them, task N goes to one.
Expressions are C (help expressions). Frames: bt, frame N, up, down. Variables: args, locals, print.`

// Run lets the user, on standard input and output, or a script ask about a
// crash. The error of a script names its line.
func Run(ctx context.Context, s *inspect.Session, o Options) error {
	c, err := newClient(s, o.Thread)
	if err != nil {
		return err
	}
	if o.Script != "" || !isTerminal(os.Stdout) {
		// Then Delve writes neither colours nor through a pager.
		os.Setenv("TERM", "dumb")
	}
	dir, err := os.MkdirTemp("", "corelift-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	commands := terminal.DebugCommands(c)
	conf := settings(o.Color)
	if len(o.Sources) > 0 {
		for file, path := range s.Sources(o.Sources) {
			conf.SubstitutePath = append(conf.SubstitutePath, config.SubstitutePathRule{From: file, To: path})
		}
	}
	t := terminal.New(c, conf, false)
	execute := func(path string) error { return commands.Call("source "+path, t) }

	path := filepath.Join(dir, "corelift.star")
	if err := os.WriteFile(path, []byte(prelude), 0o600); err != nil {
		return err
	}
	if err := execute(path); err != nil {
		t.Close()
		return err
	}
	if o.Script != "" {
		defer t.Close()
		return attend(ctx, func() error { return script(o.Script, dir, execute) })
	}
	if file, err := config.GetConfigFilePath("history"); err == nil {
		os.MkdirAll(filepath.Dir(file), 0o700) // or Delve complains that it can't save its history
	}
	if isTerminal(os.Stdin) {
		fmt.Println(greeting)
	}
	status, err := t.Run()
	if err == nil && status != 0 {
		err = fmt.Errorf("the terminal ended with status %d", status)
	}
	return err
}

// attend lets an interrupt end a script that does not end.
func attend(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		defer firmware.Guard(&err)()
		err = work()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// script runs a file. Starlark runs as it is. A file of commands becomes
// Starlark, line by line: it alone ends at the first error and passes it on.
func script(path, dir string, execute func(path string) error) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if filepath.Ext(path) == ".star" {
		return located(execute(full), full, path)
	}
	commands, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(string(commands)) {
		line = strings.TrimSpace(line)
		if line == "exit" || line == "quit" || line == "q" {
			break
		}
		if line != "" && line[0] != '#' {
			fmt.Fprintf(&b, "dlv_command(%v)", starlark.String(line))
		}
		b.WriteByte('\n')
	}
	file := filepath.Join(dir, "commands.star")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return located(execute(file), file, path)
}

// located says in which line of a file an error of Starlark happened. name is
// what the user calls the file.
func located(err error, file, name string) error {
	var failed *starlark.EvalError
	if !errors.As(err, &failed) {
		return err
	}
	for i := range failed.CallStack {
		if at := failed.CallStack.At(i).Pos; at.Filename() == file {
			// Delve's own errors begin with the place already.
			return fmt.Errorf("%s:%d: %s", name, at.Line, strings.TrimPrefix(failed.Msg, at.String()+": "))
		}
	}
	return err
}

// isTerminal tells whether a file is one of characters: a terminal, or /dev/null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
