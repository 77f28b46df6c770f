package text

import (
	"fmt"

	"corelift/elfcore"
	"corelift/inspect"
)

// indent is that of a frame's variables, as in GDB's "bt full".
const indent = 8

// solid are the ways to find a frame that leave no doubt. The others are shown.
var solid = map[string]bool{"context": true, "cfi": true, "exidx": true, "exception": true, "window": true}

// Stacks prints stacks, each under its thread's name unless there is only one.
// With locals each frame is followed by its variables.
func (p *Printer) Stacks(list *inspect.Stacks, locals bool) {
	for i := range list.Stacks {
		st := &list.Stacks[i]
		if i > 0 {
			p.end()
		}
		if len(list.Stacks) > 1 {
			p.line("%s:", threadTitle(&st.Thread))
		}
		p.Stack(st, locals)
	}
}

// threadTitle is `Thread 1 "main" (crashed)`.
func threadTitle(t *inspect.ThreadRef) string {
	title := fmt.Sprintf("Thread %d", t.ID)
	if t.Kind != elfcore.Task {
		title += " " + t.Kind.String()
	}
	if t.Name != "" {
		title += fmt.Sprintf(" \"%s\"", Escape(t.Name))
	}
	if t.Crashed {
		title += " (crashed)"
	}
	return title
}

// Stack prints the frames of one thread, and why there are no more unless the
// outermost was found.
func (p *Printer) Stack(st *inspect.Stack, locals bool) {
	for i := range st.Frames {
		f := &st.Frames[i]
		p.Frame(f)
		if locals {
			p.locals(f)
		}
	}
	switch st.End.Kind {
	case "outermost":
	case "limit":
		p.line("(More stack frames follow: %s)", Escape(st.End.Text))
	default:
		p.line("%s", p.paint(warningStyle, "Backtrace stopped: "+st.End.Text))
	}
}

// Frame prints a frame as GDB does, with how it was found where that leaves
// doubt:
//
//	#2  0x000003f4 in worker (arg=0x0) at src/app.c:260  [scan]
func (p *Printer) Frame(f *inspect.Frame) {
	if f.Gap != "" && f.Level > 0 {
		p.line("   ~ %s", p.paint(warningStyle, f.Gap))
	}
	fmt.Fprintf(p.out, "#%-3d", f.Level)
	if f.Signal {
		p.line("<signal handler called>")
		return
	}
	switch {
	case f.State == elfcore.Missing:
		fmt.Fprintf(p.out, "<not in dump> in ")
	case f.MidLine:
		fmt.Fprintf(p.out, "%s in ", p.address(f.PC))
	}
	name := f.Function
	if name == "" {
		name = "??"
	}
	fmt.Fprintf(p.out, "%s (", p.paint(functionStyle, name))
	for i := range f.Arguments {
		if i > 0 {
			p.out.WriteString(", ")
		}
		p.out.WriteString(p.argument(&f.Arguments[i]))
	}
	p.out.WriteByte(')')
	if f.File != "" {
		fmt.Fprintf(p.out, " at %s", p.paint(placeStyle, place(f.File, f.Line)))
	}
	if mark := Mark(f); mark != "" {
		fmt.Fprintf(p.out, "  %s", p.paint(warningStyle, mark))
	}
	p.end()
}

// Mark is how a frame was found where that leaves doubt, "[scan]"; else "".
func Mark(f *inspect.Frame) string {
	switch {
	case !solid[f.Trust]:
		return "[" + f.Trust + "]"
	case f.State == elfcore.Suspect:
		return "[pc may be wrong]"
	}
	return ""
}

func place(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }

// locals prints the variables of a frame's blocks, innermost first.
func (p *Printer) locals(f *inspect.Frame) {
	switch {
	case len(f.Locals) > 0:
		for i := range f.Locals {
			p.variable(indent, &f.Locals[i])
		}
	case f.Function == "" || f.Offset != nil:
		p.line("%*s%s", indent, "", noSymbols)
	default:
		p.line("%*sNo locals.", indent, "")
	}
}

// noSymbols are GDB's words for a frame without debug information.
const noSymbols = "No symbol table info available."
