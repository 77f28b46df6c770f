package text

import (
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/inspect"
)

// Difference prints what differs between two dumps, and last the verdict.
func (p *Printer) Difference(d *inspect.Difference) {
	p.line("A: %s", side(&d.A))
	p.line("B: %s", side(&d.B))
	p.section("Crash", changes(d.Crash))
	p.section("Program", changes(d.Program))
	p.section("Facts", changes(d.Facts))
	p.threads(d)
	if d.Variables != nil {
		p.changedVariables(d.Variables)
	}
	p.memory(&d.Memory, d.Variables == nil)
	var reasons []string
	for _, r := range d.Uncompared {
		reasons = append(reasons, Escape(r))
	}
	p.section("Not compared, or not for sure", reasons)
	p.end()
	p.line("%s", verdicts[d.Verdict])
}

// verdicts are the last line.
var verdicts = map[inspect.Verdict]string{
	inspect.Equal:     "The dumps are equal.",
	inspect.Different: "The dumps are different.",
	inspect.Undecided: "No value differs for sure, but not all could be compared.",
}

// side is the name of a dump and what it is.
func side(s *inspect.Side) string {
	text := s.Input.Name
	if len(s.Input.Dumps) > 1 {
		text += fmt.Sprintf(", dump %d", s.Input.Dump)
	}
	text += " (" + s.Format + ")"
	if s.Firmware != nil && s.Firmware.File != "" {
		text += ", " + s.Firmware.File
	}
	return Escape(text)
}

// section prints lines, which are escaped, below a title; nothing if there are
// none.
func (p *Printer) section(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.end()
	p.line("%s:", title)
	for _, line := range lines {
		p.line("  %s", line)
	}
}

// changes writes facts that differ, one a line.
func changes(list []inspect.Change) (lines []string) {
	for i := range list {
		c := &list[i]
		lines = append(lines, fmt.Sprintf("%s: %s -> %s", Escape(c.Name), either(c.A, ""), either(c.B, "")))
	}
	return lines
}

// either writes one side of a change: the value, what it points to, and how far
// it can be trusted.
func either(f *inspect.Fact[string], symbol string) string {
	if f == nil {
		return "<not in dump>"
	}
	text := Escape(f.Value)
	if symbol != "" {
		text += " <" + Escape(symbol) + ">"
	}
	if f.State != elfcore.Known {
		text += " (" + f.State.String() + ")"
	}
	return text
}

// more says how many entries were left out.
func more[T int | int64](n T, what string) string {
	return fmt.Sprintf("... and %d more %s (--limit 0 shows all)", n, what)
}

// threads prints the threads that differ.
func (p *Printer) threads(d *inspect.Difference) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for i := range d.Threads {
		t := &d.Threads[i]
		switch {
		case t.B == nil:
			add("%s: only in A", threadTitle(t.A))
			continue
		case t.A == nil:
			add("%s: only in B", threadTitle(t.B))
			continue
		case threadTitle(t.A) == threadTitle(t.B):
			add("%s:", threadTitle(t.A))
		default:
			add("%s -> %s:", threadTitle(t.A), threadTitle(t.B))
		}
		for _, line := range changes(t.Changes) {
			add("  %s", line)
		}
		for i := range t.Registers {
			r := &t.Registers[i]
			add("  %-5s %s -> %s", Escape(r.Name), either(r.A, symbol(r.SymbolA)), either(r.B, symbol(r.SymbolB)))
		}
		if s := t.Stack; s != nil {
			add("  stack: %s", parting(s))
			add("    A: %s", p.parted(s.A, s.FramesA))
			add("    B: %s", p.parted(s.B, s.FramesB))
		}
	}
	if d.ThreadsLeftOut > 0 {
		add("%s", more(d.ThreadsLeftOut, "that differ"))
	}
	if len(lines) > 0 && d.ThreadsAlike > 0 {
		add("The others are alike: %d.", d.ThreadsAlike)
	}
	p.section("Threads", lines)
}

func symbol(s *inspect.Symbol) string {
	if s == nil {
		return ""
	}
	return offset(s)
}

func parting(s *inspect.StackDifference) string {
	if s.Alike == 0 {
		return "it differs from the innermost frame on"
	}
	return fmt.Sprintf("it differs from frame %d on", s.Alike)
}

// parted is the first frame of a stack that is not alike.
func (p *Printer) parted(f *inspect.Frame, frames int) string {
	if f == nil {
		return fmt.Sprintf("no more than these %d frames", frames)
	}
	text := fmt.Sprintf("#%d ", f.Level)
	if f.Function == "" {
		text += p.address(f.PC)
	} else {
		text += p.paint(functionStyle, f.Function)
	}
	if f.Offset != nil {
		text += fmt.Sprintf("+%d", *f.Offset)
	}
	if f.File != "" {
		text += " at " + p.paint(placeStyle, place(f.File, f.Line))
	}
	if mark := Mark(f); mark != "" {
		text += "  " + p.paint(warningStyle, mark)
	}
	return text
}

// changedVariables prints the variables that changed, and those that only one
// dump has.
func (p *Printer) changedVariables(d *inspect.VariablesDifference) {
	var lines []string
	for i := range d.Changed {
		v := &d.Changed[i]
		for j := range v.Parts {
			part := &v.Parts[j]
			line := fmt.Sprintf("%s: %s -> %s", Escape(part.Path), p.explained(&part.A), p.explained(&part.B))
			if part.A.Type != part.B.Type {
				line += fmt.Sprintf(" (%s -> %s)", Escape(part.A.Type), Escape(part.B.Type))
			}
			if part.Count > 0 {
				line += fmt.Sprintf(" (%d elements)", part.Count)
			}
			lines = append(lines, line)
		}
		if v.LeftOut > 0 {
			lines = append(lines, more(v.LeftOut, "parts of "+Escape(v.Name)))
		}
	}
	if d.LeftOut > 0 {
		lines = append(lines, more(d.LeftOut, "variables that changed"))
	}
	lines = append(lines, names("only in A", &d.OnlyA)...)
	lines = append(lines, names("only in B", &d.OnlyB)...)
	if d.Absent > 0 {
		lines = append(lines, fmt.Sprintf("in neither dump, which says nothing of them: %d", d.Absent))
	}
	p.section("Variables", lines)
}

func names(title string, n *inspect.Names) []string {
	if n.Count == 0 {
		return nil
	}
	line := fmt.Sprintf("%s: %s", title, Escape(strings.Join(n.Names, ", ")))
	if left := n.Count - len(n.Names); left > 0 {
		line += ", " + more(left, "variables")
	}
	return []string{line}
}

// memory prints where memory differs; runs of bytes only where no variables say
// it better.
func (p *Printer) memory(m *inspect.MemoryDifference, runs bool) {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if m.Differ > 0 {
		line := fmt.Sprintf("%d of %d bytes that both have differ", m.Differ, m.Compared)
		if m.Suspect > 0 {
			line += fmt.Sprintf("; %d of them are suspect", m.Suspect)
		}
		lines = append(lines, line)
	}
	for _, r := range m.Runs {
		if !runs {
			break
		}
		ellipsis, where := "", ""
		if r.Size*2 > uint64(len(r.A)) {
			ellipsis = "..."
		}
		if r.Symbol != nil {
			where = " <" + Escape(offset(r.Symbol)) + ">"
		}
		add("  %s%s, %s: %s%s -> %s%s", p.address(r.Addr), where, byteCount(r.Size), r.A, ellipsis, r.B, ellipsis)
	}
	if runs && m.RunsLeftOut > 0 {
		add("  %s", more(m.RunsLeftOut, "runs"))
	}
	if len(m.Others) > 0 {
		add("of these, in no variable:")
	}
	for i := range m.Others {
		o := &m.Others[i]
		add("  %s %s, from %s on", byteCount(o.Bytes), fmt.Sprintf(owners[o.Kind], Escape(o.Name)), p.address(o.Addr))
	}
	if m.OthersLeftOut > 0 {
		add("  %s", more(m.OthersLeftOut, "places"))
	}
	p.extent(&lines, "A", &m.OnlyA)
	p.extent(&lines, "B", &m.OnlyB)
	for _, d := range m.Doubts {
		add("%s at %s: %s -> %s", byteCount(d.Size), p.address(d.Addr), d.A, d.B)
	}
	if m.DoubtsLeftOut > 0 {
		add("%s", more(m.DoubtsLeftOut, "ranges that are less sure in one dump"))
	}
	p.section("Memory", lines)
}

// owners are the places of bytes that are in no variable.
var owners = map[string]string{
	"stack": "in the stack of %s", "padding": "between members of %s", "symbol": "in %s", "section": "in section %s", "memory": "at %s",
}

func (p *Printer) extent(lines *[]string, side string, e *inspect.Extent) {
	if e.Size == 0 {
		return
	}
	*lines = append(*lines, fmt.Sprintf("only in %s, %s:", side, byteCount(e.Size)))
	for _, r := range e.Ranges {
		*lines = append(*lines, fmt.Sprintf("  %s-%s", p.address(r.Addr), p.address(r.End())))
	}
	if e.LeftOut > 0 {
		*lines = append(*lines, "  "+more(e.LeftOut, "ranges"))
	}
}

func byteCount(n uint64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
