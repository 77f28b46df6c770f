//go:build !corelift_plain && ((linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64))

package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/pflag"

	"corelift/inspect"
	"corelift/inspect/terminal"
)

const (
	inspectShort = "look around in a crash with Delve's terminal or Starlark"
	inspectLong  = `Opens INPUT in the terminal of Delve, the debugger of Go: command line with
history and completion, Starlark for scripts, and a server for Delve's clients.

    corelift inspect crash.log -e zephyr.elf
    (corelift) bt
    (corelift) task 2
    (corelift) frame 1 print *node
    (corelift) source walk.star

What differs from Delve on a Go program:

    A goroutine is a task of the operating system, and so is a thread. "tasks"
    lists them with name, state and priority, "task N" goes to one. "goroutines"
    and "goroutine" do the same.
    Expressions are C, as corelift print takes them: print /x reg->status[2].
    "help print" is Delve's and tells of Go's; "help expressions" tells of these.
    Nothing runs and nothing can be set: break, continue, call and the like say so.
    A value that is absent or in doubt says so in words, which scripts get as a
    string: <optimized out>, <not in dump>, (may be stale). Frames found in a
    weaker way than by unwinding tables name it, as bt does: [scan].
    disassemble knows AArch64, RV64 and x86.

--script runs a file instead: Starlark if it ends in .star, else commands, up to
the first that fails. With --headless "dlv connect ADDRESS" and editors take the
terminal's place; they can read all of the dump, but change nothing.`
)

// front is what the flags say of the terminal, and of the server in its place.
type front struct {
	script   string
	sources  []string
	headless bool
	listen   string
}

func (f *front) declare(fs *pflag.FlagSet) {
	fs.StringVar(&f.script, "script", "", "run `FILE`, Starlark (.star) or commands, instead of asking")
	fs.StringArrayVar(&f.sources, "source-dir", nil, "`DIR` to look for source files in; may be repeated")
	fs.BoolVar(&f.headless, "headless", false, "serve Delve's clients until one detaches")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:0", "`ADDRESS` for them: HOST:PORT, or unix:PATH for a socket file.\nWithout a HOST only this machine is served")
}

// asks tells whether commands come from standard input.
func (f *front) asks() bool { return f.script == "" && !f.headless }

func (e *exploration) explore(ctx context.Context, s streams, session *inspect.Session, color bool) error {
	switch {
	case e.headless && e.script != "":
		return &usageError{text: "a script needs the terminal, which --headless goes without"}
	case !e.headless:
		return terminal.Run(ctx, session, terminal.Options{Thread: e.thread, Script: e.script, Sources: e.sources, Color: color})
	}
	l, err := e.listener(s)
	if err != nil {
		return err
	}
	defer l.Close()
	// Editors wait for this line of Delve's.
	fmt.Fprintf(s.out, "API server listening at: %s\n", l.Addr())
	return terminal.Serve(ctx, l, session, e.thread)
}

// listener begins to listen.
func (f *front) listener(s streams) (net.Listener, error) {
	if path, ok := strings.CutPrefix(f.listen, "unix:"); ok {
		return net.Listen("unix", path)
	}
	host, port, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("--listen takes HOST:PORT or unix:PATH, not %q", f.listen)}
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err == nil && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		say(s.err, "everyone who reaches %s can read the dump", l.Addr())
	}
	return l, err
}
