package main

import (
	"fmt"
	"io"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// tell says in a few lines what was found.
func tell(w io.Writer, i *inspect.Info, program *firmware.Set) {
	say(w, "%s: %s", i.Input.Name, headline(i))
	if reason := cause(&i.Crash); reason != "" {
		say(w, "crash: %s", reason)
	}
	if t := crashed(i); t != nil {
		say(w, "crashed thread: %s", threadLine(t))
		if len(t.Missing) > 0 {
			say(w, "missing in it: %s", inspect.Runs(t.Missing))
		}
		if len(t.Suspect) > 0 {
			say(w, "suspect in it: %s", inspect.Runs(t.Suspect))
		}
	} else {
		say(w, "crashed thread: unknown")
	}
	switch {
	case program == nil:
		say(w, "firmware: none; -e adds names and all that follows from them")
	case i.Firmware.Assumed:
		say(w, "firmware: %s, %s; assumed, since you named none (-e)", program.Images()[0].Path, i.Firmware.Match)
	default:
		say(w, "firmware: %s, %s", program.Images()[0].Path, i.Firmware.Match)
	}
	tellDiagnostics(w, i)
}

// headline is format, CPU and amount.
func headline(i *inspect.Info) string {
	parts := []string{fmt.Sprintf("%s dump of %s", i.Format, i.CPU.Name)}
	if len(i.Input.Wrappers) > 0 {
		parts[0] += " in " + strings.Join(i.Input.Wrappers, " in ")
	}
	var size, suspect uint64
	for _, r := range i.Memory {
		size += r.Size
		if r.State == elfcore.Suspect {
			suspect += r.Size
		}
	}
	memory := byteCount(size) + " in " + count(len(i.Memory), "region")
	if suspect > 0 {
		memory += fmt.Sprintf(" (%s suspect)", byteCount(suspect))
	}
	return strings.Join(append(parts, count(len(i.Threads), "thread"), memory), ", ")
}

// cause joins what is known of the crash's reason.
func cause(c *inspect.Crash) string {
	var parts []string
	if c.Reason != nil {
		parts = append(parts, fmt.Sprintf("reason %d", c.Reason.Value))
	}
	if c.Message != nil && (c.Fault == nil || !strings.EqualFold(c.Message.Value, c.Fault.Value)) {
		parts = append(parts, c.Message.Value)
	}
	if c.Fault != nil {
		parts = append(parts, fmt.Sprintf("%s (%s)", c.Fault.Value, c.SignalName))
	}
	if c.Address != nil {
		parts = append(parts, "address "+c.Address.Value.String())
	}
	return strings.Join(parts, ", ")
}

func crashed(i *inspect.Info) *inspect.Thread {
	for n := range i.Threads {
		if i.Threads[n].Crashed {
			return &i.Threads[n]
		}
	}
	return nil
}

func threadLine(t *inspect.Thread) string {
	line := fmt.Sprint(t.ID)
	if t.Name != nil {
		line += fmt.Sprintf(" %q", t.Name.Value)
	}
	if t.PC != nil {
		line += " at " + place(t.PC, t.PCSymbol)
	}
	return line
}

// place writes an address with its symbol.
func place(at *inspect.Fact[elfcore.Addr], s *inspect.Symbol) string {
	if at == nil {
		return "?"
	}
	if s == nil {
		return at.Value.String()
	}
	return fmt.Sprintf("%v %v", at.Value, *s)
}

// fewOf is how many diagnostics of one code are told; info lists all.
const fewOf = 5

// tellDiagnostics prints the diagnostics, the worst first.
func tellDiagnostics(w io.Writer, i *inspect.Info) {
	for _, severity := range []elfcore.Severity{elfcore.Loss, elfcore.Warning, elfcore.Info} {
		var codes []string
		byCode := map[string][]elfcore.Diagnostic{}
		for _, d := range i.Diagnostics {
			if d.Severity != severity {
				continue
			}
			if byCode[d.Code] == nil {
				codes = append(codes, d.Code)
			}
			byCode[d.Code] = append(byCode[d.Code], d)
		}
		for _, code := range codes {
			list := byCode[code]
			for _, d := range list[:min(fewOf, len(list))] {
				say(w, "%s", diagnosticLine(d))
			}
			if more := len(list) - fewOf + i.Suppressed[code]; more > 0 {
				say(w, "%v: %d more like it (corelift info)", severity, more)
			}
		}
	}
}

func diagnosticLine(d elfcore.Diagnostic) string {
	line := d.Severity.String() + ": "
	if at := d.At.String(); at != "" {
		line += at + ": "
	}
	line += d.Found
	if d.Expected != "" {
		line += ", expected " + d.Expected
	}
	if d.Done != "" {
		line += "; " + d.Done
	}
	return line
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// byteCount writes a size in bytes or, from 10 KiB on, in KiB.
func byteCount(n uint64) string {
	if n < 10<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
