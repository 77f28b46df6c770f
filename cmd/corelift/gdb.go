package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

func gdbVerb() verb {
	return verb{
		name:  "gdb",
		args:  "INPUT [-- GDB-ARGUMENTS]",
		short: "open a dump in the installed GDB that fits",
		long: `Converts INPUT to a temporary core file and opens it, with the firmware and a
script that names threads and what is missing, in GDB. Arguments after -- are
passed on:

    corelift gdb crash.log -- -batch -ex bt

The debugger is $CORELIFT_GDB, else the first in $PATH, the Zephyr SDK,
~/.espressif or ~/.platformio that reads core files of the CPU. INPUT may also
be a core file that corelift wrote. The exit code is that of GDB.`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var in inputFlags
			in.declare(fs)
			in.declareMemory(fs)
			return func(ctx context.Context, s streams) error {
				words, pass := fs.Args(), []string(nil)
				if dash := fs.ArgsLenAtDash(); dash >= 0 {
					words, pass = words[:dash], words[dash:]
				}
				name, err := oneInput(words)
				if err != nil {
					return err
				}
				return openInGDB(ctx, s, &in, name, pass)
			}
		},
	}
}

// openInGDB opens a dump in GDB.
func openInGDB(ctx context.Context, s streams, flags *inputFlags, name string, pass []string) error {
	in, err := flags.open(ctx, s, name, true)
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.crashes) > 1 {
		return &usageError{text: "gdb opens one dump; choose it with --select"}
	}
	dump := in.crashes[0]
	core, program, err := dump.read(ctx)
	if err != nil {
		return err
	}
	info := inspect.Describe(core, program, dump.input, inspect.Crashed)
	dir, err := os.MkdirTemp("", "corelift-") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	session := session{core: filepath.Join(dir, "crash.core"), script: filepath.Join(dir, "crash.gdb"), program: program}
	if err := session.write(ctx, core, info); err != nil {
		return err
	}
	tell(s.err, info, program)
	path, err := findDebugger(ctx, core.Arch.Name, session.core, func(format string, args ...any) { say(s.err, format, args...) })
	if err != nil {
		return err
	}
	say(s.err, "debugger: %s", path)
	return attend(s, exec.Command(path, append(session.arguments(), pass...)...))
}

// session is what GDB is given.
type session struct {
	core, script string
	program      *firmware.Set
}

func (d *session) write(ctx context.Context, core *elfcore.Core, info *inspect.Info) error {
	var out output
	if err := out.write(ctx, d.core, core.Write); err != nil {
		return err
	}
	return out.write(ctx, d.script, func(w io.Writer) error {
		// The other images before threads are named, for what that may print.
		for n, image := range d.images() {
			if n > 0 {
				if err := addSymbols(w, image); err != nil {
					return err
				}
			}
		}
		return writeScript(w, core, info)
	})
}

// images are the paths of the programs, absolute so that none looks like a flag.
func (d *session) images() (paths []string) {
	if d.program == nil {
		return nil
	}
	for _, image := range d.program.Images() {
		path, err := filepath.Abs(image.Path)
		if err != nil {
			path = image.Path
		}
		paths = append(paths, path)
	}
	return paths
}

func (d *session) arguments() []string {
	arguments := []string{"-q"}
	if images := d.images(); len(images) > 0 {
		arguments = append(arguments, images[0])
	}
	return append(arguments, "-c", d.core, "-x", d.script)
}

// addSymbols writes the command that loads another program's symbols. GDB
// splits its words as a shell does.
func addSymbols(w io.Writer, path string) error {
	if strings.ContainsAny(path, "\r\n") {
		return fmt.Errorf("%s: GDB takes no file whose name has a line break", path)
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, " ", `\ `, "\t", "\\\t").Replace(path)
	_, err := fmt.Fprintf(w, "add-symbol-file %s\n", quoted)
	return err
}

// attend runs GDB to its end and returns its exit code. An interrupt from the
// terminal reaches GDB by itself, which takes it as "stop what you do"; other
// signals are passed on.
func attend(s streams, gdb *exec.Cmd) error {
	gdb.Stdin, gdb.Stdout, gdb.Stderr = s.in, s.out, s.err
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := gdb.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- gdb.Wait() }()
	for {
		select {
		case received := <-signals:
			if received != os.Interrupt {
				gdb.Process.Signal(received)
			}
		case err := <-done:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return err
			}
			return codeError(exitStatus(gdb.ProcessState))
		}
	}
}

// exitStatus is what a shell would say: for a process that a signal ended, 128
// and the signal's number.
func exitStatus(p *os.ProcessState) int {
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.ExitCode()
}
