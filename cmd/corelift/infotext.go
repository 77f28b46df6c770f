package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"corelift/elfcore"
	"corelift/inspect"
	"corelift/inspect/text"
)

// printInfo prints an Info as text: sections with a title, their lines
// indented, columns aligned.
func printInfo(w io.Writer, i *inspect.Info) error {
	var t page
	for _, section := range []func(*page, *inspect.Info){
		infoInput, infoCrash, infoFirmware, infoFacts, infoThreads, infoRegisters, infoMemory, infoDiagnostics,
	} {
		before := t.Len()
		section(&t, i)
		if t.Len() > before {
			t.WriteByte('\n')
		}
	}
	text := strings.TrimSuffix(t.String(), "\n")
	_, err := io.WriteString(w, text)
	return err
}

// page gathers the text. Everything that is not a literal is escaped.
type page struct{ bytes.Buffer }

func (p *page) title(format string, args ...any) {
	fmt.Fprintf(p, "%s\n", text.Escape(fmt.Sprintf(format, args...)))
}

// table aligns rows; the last cell of a row may be empty.
func (p *page) table(rows [][]string) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for len(row) > 1 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		for n := range row {
			row[n] = text.Escape(row[n])
		}
		fmt.Fprintf(t, "  %s\n", strings.Join(row, "\t"))
	}
	t.Flush()
}

func infoInput(p *page, i *inspect.Info) {
	p.title("%s: %s", i.Input.Name, headline(i))
	if len(i.Input.Dumps) < 2 {
		return
	}
	var rows [][]string
	for _, d := range i.Input.Dumps {
		row := []string{fmt.Sprintf("dump %d", d.Number), d.Format, fmt.Sprintf("%d bytes at %d", d.Size, d.Offset), "whole", ""}
		if !d.Whole {
			row[3] = "not whole"
		}
		if d.Number == i.Input.Dump {
			row[4] = "<- this one"
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

func infoCrash(p *page, i *inspect.Info) {
	p.title("crash")
	var rows [][]string
	c := &i.Crash
	if c.Reason != nil {
		rows = append(rows, []string{"reason", fmt.Sprint(c.Reason.Value), trust(c.Reason.State, c.Reason.Source)})
	}
	if c.Message != nil {
		rows = append(rows, []string{"message", c.Message.Value, trust(c.Message.State, c.Message.Source)})
	}
	if c.Fault != nil {
		rows = append(rows, []string{"fault", c.Fault.Value, trust(c.Fault.State, c.Fault.Source)})
	}
	if c.Address != nil {
		rows = append(rows, []string{"address", c.Address.Value.String(), trust(c.Address.State, c.Address.Source)})
	}
	signal := "none: nothing tells the kind of fault"
	if c.Signal != 0 {
		signal = fmt.Sprintf("%d (%s)", c.Signal, c.SignalName)
	}
	rows = append(rows, []string{"signal", signal})
	p.table(rows)
}

func infoFirmware(p *page, i *inspect.Info) {
	f := i.Firmware
	if f == nil {
		return
	}
	p.title("firmware")
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	file := f.File
	if f.Assumed {
		file += " (assumed)"
	}
	add("file", file)
	add("build-id", f.BuildID)
	add("SHA-256", f.SHA256Prefix)
	add("project", f.Project)
	add("version", f.Version)
	if f.Entry != nil {
		add("entry", f.Entry.String())
	}
	add("match", f.Match)
	for _, reason := range f.Reasons {
		rows = append(rows, []string{"", reason})
	}
	p.table(rows)
}

// maxFact is how much of a fact is shown, in characters; JSON has it all.
const maxFact = 100

func infoFacts(p *page, i *inspect.Info) {
	if len(i.Facts) == 0 {
		return
	}
	p.title("facts")
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(i.Facts)) {
		value := []rune(i.Facts[name].Value)
		if len(value) > maxFact {
			value = append(value[:maxFact], []rune(" ...")...)
		}
		rows = append(rows, []string{name, string(value), trust(i.Facts[name].State, i.Facts[name].Source)})
	}
	p.table(rows)
}

func infoThreads(p *page, i *inspect.Info) {
	p.title("threads (registers: known, recovered, suspect, missing)")
	rows := [][]string{{"", "id", "lwp", "kind", "name", "state", "prio", "cpu", "registers", "pc", "sp", "stack", "control", "entry"}}
	numbered := false
	for n := range i.Threads {
		t := &i.Threads[n]
		numbered = numbered || t.LWP != nil
		mark := ""
		if t.Crashed {
			mark = "*"
		}
		rows = append(rows, []string{
			mark, fmt.Sprint(t.ID), value(t.LWP), t.Kind.String(), value(t.Name), value(t.Status), value(t.Priority), value(t.CPU),
			fmt.Sprintf("%d,%d,%d,%d", t.Count.Known, t.Count.Recovered, t.Count.Suspect, t.Count.Missing),
			place(t.PC, t.PCSymbol), value(t.SP), value(t.Stack), value(t.Control), place(t.Entry, t.EntrySymbol),
		})
	}
	if !numbered { // only processes of a system have such numbers
		for n := range rows {
			rows[n] = slices.Delete(rows[n], 2, 3)
		}
	}
	p.table(rows)
}

// value writes a fact, marked if it is suspect.
func value[T any](f *inspect.Fact[T]) string {
	switch {
	case f == nil:
		return "-"
	case f.State == elfcore.Suspect:
		return fmt.Sprintf("%v?", f.Value)
	}
	return fmt.Sprint(f.Value)
}

func infoRegisters(p *page, i *inspect.Info) {
	for n := range i.Threads {
		t := &i.Threads[n]
		if len(t.Registers) == 0 {
			continue
		}
		p.title("registers of thread %d", t.ID)
		var rows [][]string
		for _, r := range t.Registers {
			rows = append(rows, []string{r.Name, r.Value, trust(r.State, r.Source)})
		}
		p.table(rows)
	}
}

// trust says what is behind a value; nothing if it simply stands in the dump.
func trust(s elfcore.State, from inspect.Source) string {
	if s == elfcore.Known && from.Text == "" {
		return ""
	}
	return text.Standing(s, from)
}

func infoMemory(p *page, i *inspect.Info) {
	p.title("memory")
	var rows [][]string
	for _, r := range i.Memory {
		rows = append(rows, []string{r.Range.String(), byteCount(r.Size), r.Access, text.Standing(r.State, r.Source)})
	}
	for _, u := range i.Uncovered {
		rows = append(rows, []string{u.Range.String(), byteCount(u.Size), "", fmt.Sprintf("missing: %d bytes of %s", u.Missing, u.Section)})
	}
	p.table(rows)
}

func infoDiagnostics(p *page, i *inspect.Info) {
	if len(i.Diagnostics) == 0 {
		return
	}
	p.title("odd about the input")
	for _, d := range i.Diagnostics {
		fmt.Fprintf(p, "  %s\n", text.Escape(diagnosticLine(d)))
	}
	for _, code := range slices.Sorted(maps.Keys(i.Suppressed)) {
		p.title("  and %d more of %s", i.Suppressed[code], code)
	}
}
