package text

import (
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/inspect"
)

// Threads prints the table of threads.
func (p *Printer) Threads(list *inspect.Threads) {
	rows := [][]string{{"", "id", "lwp", "name", "state", "prio", "stack: now", "peak", "size", "at"}}
	numbered := false
	for i := range list.Threads {
		t := &list.Threads[i]
		mark := " "
		if t.Crashed {
			mark = "*"
		}
		numbered = numbered || t.LWP != nil
		size := "-"
		if t.Stack != nil {
			size = fmt.Sprint(t.Stack.Value.Size)
		}
		rows = append(rows, []string{
			mark, fmt.Sprint(t.ID), fact(t.LWP), name(t), fact(t.Status), fact(t.Priority),
			usage(t.Used), usage(t.Peak), size, p.where(t),
		})
	}
	if !numbered { // only processes of a system have such numbers
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 2, 3)
		}
	}
	p.table(rows)
}

// name is the thread's; for what is no task of a system, its kind.
func name(t *inspect.ThreadRow) string {
	if t.Name == nil && t.Kind != elfcore.Task {
		return "(" + t.Kind.String() + ")"
	}
	return fact(t.Name)
}

// where is the place that a thread is at.
func (p *Printer) where(t *inspect.ThreadRow) string {
	switch {
	case t.Function != "" && t.File != "":
		return t.Function + " at " + place(t.File, t.Line)
	case t.Function != "":
		return t.Function
	case t.PC != nil:
		return p.address(t.PC.Value)
	}
	return "-"
}

// fact writes a fact, with a question mark if it is suspect.
func fact[T any](f *inspect.Fact[T]) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprint(f.Value) + question(f.State)
}

func usage(u *inspect.Usage) string {
	if u == nil {
		return "-"
	}
	return fmt.Sprint(u.Bytes) + question(u.State)
}

func question(s elfcore.State) string {
	if s == elfcore.Suspect {
		return "?"
	}
	return ""
}
