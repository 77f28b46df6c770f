package nuttx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
)

// core makes a Core of the text alone.
func (a *assertText) core(source string) (*elfcore.Core, error) {
	cpu := a.cpu()
	if cpu == nil {
		return nil, errors.New(source + ": the text of a NuttX assertion without a register by which its CPU is known; get all of the log")
	}
	c := elfcore.New(Name, cpu, binary.LittleEndian)
	c.Threads = []elfcore.Thread{{Regs: elfcore.NewRegisters(cpu)}}
	c.Crash.Thread = 0
	a.add(c)
	return c, nil
}

// console adds the console's text to a dump that came without.
func console(c *elfcore.Core, text []byte) {
	a := assertText{pid: -1}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if a.line(capture.AppendPlain(nil, bytes.TrimRight(line, "\r\n"))) && a.number == 0 {
			a.number, a.off = number, -1
		}
	}
	switch found := byName(c, a.name, c.Crash.Thread); {
	case found < 0 || found == c.Crash.Thread:
	case c.Crash.Thread >= 0:
		c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "nuttx.console-other-crash", At: a.pos(),
			Found: fmt.Sprintf("the console text names task %q", a.name), Expected: c.Facts[factCrashed].Value, Done: "the text is not used"})
		return
	default:
		c.Crash.Thread = found
		c.Facts[factCrashed] = elfcore.Fact[string]{Value: a.name, State: elfcore.Recovered, Why: c.Because("nuttx.log-task", a.message, a.pos())}
	}
	a.add(c)
}

// add puts what the text says into a Core. What a dump has already stays.
func (a *assertText) add(c *elfcore.Core) {
	why := c.Because("nuttx.assertion", "", a.pos())
	if a.message != "" {
		c.Crash.Message = elfcore.Fact[string]{Value: a.message, State: elfcore.Known, Why: why}
	}
	for _, f := range []struct{ name, text string }{{factVersion, a.version}, {factProcess, a.process}} {
		if _, have := c.Facts[f.name]; f.text != "" && !have {
			c.Facts[f.name] = elfcore.Fact[string]{Value: f.text, State: elfcore.Known, Why: why}
		}
	}
	for _, s := range a.words() {
		c.Memory.Add(elfcore.NewRegion(elfcore.Addr(s.addr), s.data, elfcore.PermR|elfcore.PermW, elfcore.Known, why))
	}
	t := c.Crashed()
	if t == nil {
		return
	}
	if t.Name.State == elfcore.Missing && a.name != "" {
		t.Name = elfcore.Fact[string]{Value: a.name, State: elfcore.Known, Why: why}
	}
	a.fill(c, t, why)
	a.cause(c, t, why)
}

// fill sets the registers that are missing. A dump is made some calls after
// its text, so unless its pc is the text's these are not of the same moment.
func (a *assertText) fill(c *elfcore.Core, t *elfcore.Thread, why elfcore.Why) {
	names := slices.Sorted(maps.Keys(a.registers))
	for _, name := range names {
		v := a.registers[name]
		r, ok := a.register(c.Arch, name)
		if have, s := t.Regs.PC(); ok && r == c.Arch.PC && s != elfcore.Missing && have != v.number {
			return
		}
	}
	for _, name := range names {
		v := a.registers[name]
		r, ok := a.register(c.Arch, name)
		if _, s := t.Regs.Get(r); !ok || s != elfcore.Missing {
			continue
		}
		state := elfcore.Known
		if c.Arch.Regs[r].Group == arch.Control && c.Arch == arch.Xtensa && !a.isPanic() {
			// Folklore: Xtensa's registers are printed with CAUSE and VADDR
			// of some earlier exception, or of none. Test: TestAssertXtensa.
			state = elfcore.Suspect
		}
		t.Regs.Set(r, v.number, state, why)
	}
}

// isPanic: the text is of an exception, not of a condition in the program.
func (a *assertText) isPanic() bool { return strings.HasPrefix(a.message, assertMarker+" panic") }

// cause works out the fault: by the fault registers, or it was a condition of
// the program.
func (a *assertText) cause(c *elfcore.Core, t *elfcore.Thread, why elfcore.Why) {
	for name, v := range a.faults {
		if r, ok := c.Arch.Reg(name); ok {
			t.Regs.Set(r, v.number, elfcore.Known, why)
		}
	}
	c.JudgeFault(why)
	if c.Crash.Fault.State == elfcore.Missing && a.message != "" {
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultAbort, State: elfcore.Known, Why: why}
	}
}

// words are the stack dumps, lines that follow one another joined, without what
// lies behind the stack.
//
// Folklore: the target prints whole lines, and zeros for words behind the end
// of the stack. They would pass for memory. Where the log has lost where the
// stack ends, zeros at the end of a dump's last line are left out. Test:
// TestStackEnd.
func (a *assertText) words() []stackWords {
	list := make([]stackWords, 0, len(a.stacks))
	for i, s := range a.stacks {
		end := s.addr + uint64(len(s.data))
		switch {
		case s.limit != 0 && s.addr >= s.limit:
			continue
		case s.limit != 0:
			s.data = s.data[:min(end, s.limit)-s.addr]
		case i+1 == len(a.stacks) || a.stacks[i+1].addr != end:
			for n := len(s.data) - s.size; n >= 0 && len(bytes.Trim(s.data[n:], "\x00")) == 0; n -= s.size {
				s.data = s.data[:n]
			}
		}
		if n := len(list); n > 0 && list[n-1].addr+uint64(len(list[n-1].data)) == s.addr {
			list[n-1].data = append(list[n-1].data, s.data...)
		} else {
			list = append(list, s)
		}
	}
	return list
}

// pos is where the text stands.
func (a *assertText) pos() elfcore.Pos {
	if a.number == 0 {
		return nowhere
	}
	return elfcore.Pos{Line: a.number, Off: a.off}
}
