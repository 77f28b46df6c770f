package inspect

import (
	"encoding/binary"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// Detail is how much Describe looks at.
type Detail uint8

// The levels of detail.
const (
	Summary Detail = iota // no registers but pc and sp
	Crashed               // registers of the crashed thread, reasons of the firmware's verdict
	All                   // registers of all threads
)

// Describe gathers what is known of a crash. Without a firmware p is nil.
func Describe(c *elfcore.Core, p *firmware.Set, in Input, d Detail) *Info {
	info := &Info{
		Schema: InfoSchema, Input: in, Format: c.Format,
		CPU:     CPU{c.Arch.Name, c.Arch.PtrSize() * 8, c.Order == binary.BigEndian},
		Crash:   crash(c),
		Facts:   map[string]*Fact[string]{},
		Threads: []Thread{}, Memory: []Region{},
		Damaged: c.Damaged(), Diagnostics: c.Diagnostics, Suppressed: c.Suppressed,
	}
	for name, f := range c.Facts {
		// That a fact is missing is worth telling if there is a reason.
		if f.State != elfcore.Missing || f.Why != 0 {
			info.Facts[name] = &Fact[string]{f.Value, f.State, source(c, f.Why)}
		}
	}
	info.Firmware = identity(&c.Program)
	if info.Firmware != nil && p != nil && d > Summary {
		info.Firmware.Reasons = p.Match(c).Reasons
	}
	for i := range c.Threads {
		t := thread(c, p, i)
		if d == All || d == Crashed && t.Crashed {
			t.Registers = registers(c, &threadOf(c, p, i).Regs)
		}
		info.Threads = append(info.Threads, t)
	}
	for r := range c.Memory.All() {
		info.Memory = append(info.Memory, Region{r.Range, r.State, access(r.Perm), source(c, r.Why)})
	}
	if p != nil {
		info.Uncovered = uncovered(c, p)
	}
	return info
}

// source explains a piece of evidence.
func source(c *elfcore.Core, w elfcore.Why) Source {
	e := c.Explain(w)
	return Source{e.Rule, e.Text, e.At.Line}
}

// fact explains a fact, nil if it is missing.
func fact[T any](c *elfcore.Core, f elfcore.Fact[T]) *Fact[T] {
	if f.State == elfcore.Missing {
		return nil
	}
	return &Fact[T]{f.Value, f.State, source(c, f.Why)}
}

func crash(c *elfcore.Core) Crash {
	signal, name := c.Signal()
	out := Crash{
		Reason: fact(c, c.Crash.Reason), Message: fact(c, c.Crash.Message), Address: fact(c, c.Crash.Addr),
		Signal: signal, SignalName: name,
	}
	if f := fact(c, c.Crash.Fault); f != nil {
		out.Fault = &Fact[string]{f.Value.String(), f.State, f.Source}
	}
	if t := c.Crashed(); t != nil {
		out.Thread = t.ID
	}
	return out
}

// identity is what is known of the firmware, nil if nothing is.
func identity(id *elfcore.Identity) *Firmware {
	if *id == (elfcore.Identity{}) {
		return nil
	}
	f := &Firmware{
		File: id.File, BuildID: id.BuildID, SHA256Prefix: id.SHA256Prefix, Project: id.Project, Version: id.Version,
		Assumed: id.Assumed, Match: id.MatchVerdict,
	}
	if id.HasEntry {
		f.Entry = &id.Entry
	}
	return f
}

func thread(c *elfcore.Core, p *firmware.Set, i int) Thread {
	t := threadOf(c, p, i)
	out := Thread{
		ID: t.ID, Kind: t.Kind, Crashed: i == c.Crash.Thread,
		LWP: fact(c, t.LWP), Name: fact(c, t.Name), Status: fact(c, t.Status), Priority: fact(c, t.Priority), CPU: fact(c, t.CPU),
		Control: fact(c, t.Control), Entry: fact(c, t.Entry), Stack: fact(c, t.Stack),
		PC: address(c, &t.Regs, c.Arch.PC), SP: address(c, &t.Regs, c.Arch.SP),
	}
	out.EntrySymbol, out.PCSymbol = symbol(p, out.Entry), symbol(p, out.PC)
	floats := hasFloats(&t.Regs)
	for n, info := range c.Arch.Regs {
		shown := info.Group == arch.General || floats && isFloat(info)
		if !shown || !has(c, arch.Reg(n)) {
			continue
		}
		_, state := t.Regs.Get(arch.Reg(n))
		switch state {
		case elfcore.Missing:
			out.Missing = append(out.Missing, info.Name)
		case elfcore.Suspect:
			out.Suspect = append(out.Suspect, info.Name)
		}
		if info.Group == arch.General {
			*out.Count.of(state)++
		}
	}
	return out
}

// of is the counter of a state.
func (n *Count) of(s elfcore.State) *int {
	return [...]*int{elfcore.Missing: &n.Missing, elfcore.Suspect: &n.Suspect, elfcore.Recovered: &n.Recovered, elfcore.Known: &n.Known}[s]
}

func isFloat(r arch.RegInfo) bool { return r.Group == arch.Float || r.Group == arch.Vector }

// hasFloats tells whether a thread has any floating point register. Then its
// core has them all, and a debugger shows values for those that are missing.
func hasFloats(r *elfcore.Registers) bool {
	if r.Arch() == nil {
		return false
	}
	for n, info := range r.Arch().Regs {
		if _, state := r.Get(arch.Reg(n)); isFloat(info) && state != elfcore.Missing {
			return true
		}
	}
	return false
}

// has tells whether this variant of the CPU has a register: the E variants of
// RISC-V end at x15.
func has(c *elfcore.Core, n arch.Reg) bool {
	embedded := c.Arch == arch.RV32 && c.HasFlags && c.Flags&arch.RISCVEFlag != 0
	return !embedded || c.Arch.Regs[n].DWARF < 16
}

// address makes a fact of a register that holds one.
func address(c *elfcore.Core, r *elfcore.Registers, n arch.Reg) *Fact[elfcore.Addr] {
	v, state := r.Get(n)
	return fact(c, elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: state, Why: r.Why(n)})
}

// symbol names an address of code.
func symbol(p *firmware.Set, at *Fact[elfcore.Addr]) *Symbol {
	if p == nil || at == nil {
		return nil
	}
	code := at.Value & elfcore.Addr(p.Arch().CodeMask)
	name, start, ok := p.SymbolAt(code)
	if !ok {
		return nil
	}
	return &Symbol{name, uint64(code - start)}
}

func (s Symbol) String() string {
	if s.Offset == 0 {
		return s.Name
	}
	return fmt.Sprintf("%s+0x%x", s.Name, s.Offset)
}

var groupNames = map[arch.Group]string{arch.General: "general", arch.Float: "float", arch.Vector: "vector", arch.Control: "control"}

// registers lists those that are there, those that lack with a reason, and the
// missing general ones.
func registers(c *elfcore.Core, r *elfcore.Registers) (list []Register) {
	for i, info := range c.Arch.Regs {
		n := arch.Reg(i)
		value, state := r.Bytes(n)
		if state == elfcore.Missing && (info.Group != arch.General && r.Why(n) == 0 || !has(c, n)) {
			continue
		}
		out := Register{Name: info.Name, Group: groupNames[info.Group], State: state, Source: source(c, r.Why(n))}
		if state != elfcore.Missing {
			slices.Reverse(value)
			out.Value = fmt.Sprintf("0x%x", value)
		}
		list = append(list, out)
	}
	return list
}

func access(perm uint32) (letters string) {
	for _, a := range []struct {
		bit    uint32
		letter string
	}{{elfcore.PermR, "r"}, {elfcore.PermW, "w"}, {elfcore.PermX, "x"}} {
		if perm&a.bit != 0 {
			letters += a.letter
		}
	}
	return letters
}

func uncovered(c *elfcore.Core, p *firmware.Set) (list []Uncovered) {
	for _, s := range p.Writable() {
		u := Uncovered{Section: s.Name, Range: s.Range}
		for _, gap := range c.Memory.Missing(s.Range) {
			u.Missing += gap.Size
		}
		if u.Missing > 0 {
			list = append(list, u)
		}
	}
	return list
}
