package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// writeScript writes GDB commands that add what a core file can't carry: what
// is missing, thread names, and special registers of the crashed thread as
// convenience variables. The dump's texts can't become commands: see echo and
// plainName.
func writeScript(w io.Writer, c *elfcore.Core, i *inspect.Info) error {
	var b strings.Builder
	b.WriteString("# GDB commands for a core file, written by corelift\n")
	echo(&b, headline(i))
	if reason := cause(&i.Crash); reason != "" {
		echo(&b, "crash: "+reason)
	}
	banner(&b, "missing", i.Threads, func(t *inspect.Thread) []string { return t.Missing })
	banner(&b, "suspect", i.Threads, func(t *inspect.Thread) []string { return t.Suspect })
	for _, d := range i.Diagnostics {
		if d.Code == "memory.uncovered" || d.Severity > elfcore.Info {
			echo(&b, diagnosticLine(d))
		}
	}
	for _, t := range i.Threads {
		if t.Name == nil {
			continue
		}
		if name := plainName(t.Name.Value); name != "" {
			fmt.Fprintf(&b, "thread apply %d -s thread name %s\n", t.ID, name)
		}
	}
	if t := crashed(i); t != nil && !c.Arch.Core.CSR { // CSRs are registers of the core
		for _, r := range t.Registers {
			if r.Group == "control" && r.State != elfcore.Missing {
				fmt.Fprintf(&b, "set $%s = %s\n", r.Name, r.Value)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// banner names registers in a certain state, threads of the same ones together.
func banner(b *strings.Builder, state string, threads []inspect.Thread, names func(*inspect.Thread) []string) {
	var order []string
	ids := map[string][]string{}
	for n := range threads {
		list := inspect.Runs(names(&threads[n]))
		if list == "" {
			continue
		}
		if ids[list] == nil {
			order = append(order, list)
		}
		ids[list] = append(ids[list], fmt.Sprint(threads[n].ID))
	}
	for _, list := range order {
		what := "thread "
		if len(ids[list]) > 1 {
			what = "threads "
		}
		echo(b, fmt.Sprintf("%s in %s%s: %s", state, what, strings.Join(ids[list], ", "), list))
	}
}

// echo makes GDB print a line. Its echo command reads backslashes, so each is
// doubled; what ends lines was escaped.
func echo(b *strings.Builder, line string) {
	fmt.Fprintf(b, "echo corelift: %s\\n\n", strings.ReplaceAll(text.Escape(line), `\`, `\\`))
}

// plainName makes a thread's name one that GDB takes as it stands: nothing that
// ends the line, or that would join it with the next.
func plainName(name string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || r == '\\' || r == '\ufffd' {
			return '?'
		}
		return r
	}, name))
}
