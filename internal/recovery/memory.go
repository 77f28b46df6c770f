package recovery

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// SelfContained adds the firmware's code and read-only data, so that the core
// can be opened without it. Never initial values of data that the program may
// have changed. Where the dump has bytes, those stay.
func SelfContained(c *elfcore.Core, p *firmware.Set) {
	null, hidden := nullCode(c, p)
	for _, s := range p.ReadOnly() {
		why := c.Because(firmware.OwnBytes, s.Name, nowhere)
		perm := uint32(elfcore.PermR)
		if s.Exec {
			perm |= elfcore.PermX
		}
		r := elfcore.Region{Range: s.Range, Perm: perm, State: elfcore.Recovered, Why: why, Data: s.Data}
		if hidden {
			r = without(r, null)
		}
		c.Memory.Add(r)
	}
}

// HideInitial makes memory that is in neither the dump nor the firmware's
// read-only sections unreadable in debuggers that would otherwise show initial
// values as if they were the crash's (docs/debuggers.md). Since that takes the
// firmware's sections out of sight as a whole, its code must be in the core.
func HideInitial(c *elfcore.Core, p *firmware.Set) {
	if !c.Arch.Core.Honest {
		return
	}
	SelfContained(c, p)
	c.Program.HideInitial = true
}

// Uncovered lists the writable sections of the firmware of which the dump
// lacks a part: what a debugger shows there are initial values.
func Uncovered(c *elfcore.Core, p *firmware.Set) (list []firmware.Section) {
	for _, s := range p.Writable() {
		if len(c.Memory.Missing(s.Range)) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// CalledNull tells whether the crash is a call through a null pointer while
// code lies at address 0. GDB then takes the vector table for the innermost
// function and stops there, unless it can't read it.
func CalledNull(c *elfcore.Core, p *firmware.Set) bool {
	_, ok := nullCode(c, p)
	return ok
}

// nullCode is what must be left out of the core so that GDB finds the caller of
// a null pointer: the bytes at the pc, which must lie in the firmware.
func nullCode(c *elfcore.Core, p *firmware.Set) (elfcore.Range, bool) {
	t := c.Crashed()
	if t == nil {
		return elfcore.Range{}, false
	}
	if pc, s := t.Regs.PC(); pc != 0 || s < elfcore.Recovered {
		return elfcore.Range{}, false
	}
	for _, s := range p.ReadOnly() {
		if s.Addr == 0 && s.Size > nullGap {
			return elfcore.Range{Size: nullGap}, true
		}
	}
	return elfcore.Range{}, false
}

// nullGap is how many bytes at address 0 are left out: GDB tries to read one
// instruction (measured, docs/debuggers.md).
const nullGap = 4

// without cuts a gap off the head of the region that begins with it.
func without(r elfcore.Region, gap elfcore.Range) elfcore.Region {
	if r.Addr != gap.Addr {
		return r
	}
	return r.Part(elfcore.Range{Addr: gap.End(), Size: r.Size - gap.Size})
}

// ReportUncovered warns of RAM that the dump lacks.
func ReportUncovered(c *elfcore.Core, list []firmware.Section, hidden bool) {
	severity := elfcore.Warning
	if hidden {
		severity = elfcore.Info
	}
	for _, s := range list {
		var n uint64
		for _, gap := range c.Memory.Missing(s.Range) {
			n += gap.Size
		}
		done := "GDB will show the firmware's initial values there, not those of the crash"
		if hidden {
			done = "unreadable in the core, so that initial values are not shown for those of the crash"
		}
		c.Report(elfcore.Diagnostic{Severity: severity, Code: "memory.uncovered", At: nowhere,
			Found: fmt.Sprintf("%d of %d bytes of %s (%v) are not in the dump", n, s.Size, s.Name, s.Range), Done: done})
	}
}
