package zephyr

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// complete reasons about the crashed thread's registers: from the Core, its
// attachments and the firmware. Each CPU's traps are in a file of their own.
func complete(c *elfcore.Core, p elfcore.Program) {
	t := c.Crashed()
	if t == nil {
		return
	}
	switch c.Arch {
	case arch.CortexM:
		completeCortexM(c, t)
	case arch.AArch64, arch.RV32, arch.RV64:
		completePushed(c, t, p)
	case arch.Xtensa:
		completeXtensa(c, t)
	}
	nameInterrupt(c, t)
}

// nameInterrupt makes the crashed context an interrupt if the console said so,
// where no kernel in memory tells more. The "current thread" is then the one
// that was stopped.
//
// Folklore: old Cortex-A trees say so of a k_panic in a thread, too. Test:
// TestFatalText.
func nameInterrupt(c *elfcore.Core, t *elfcore.Thread) {
	said := c.Facts[factInterrupt]
	told := t.Kind != elfcore.Task || t.Stack.State != elfcore.Missing || t.Entry.State != elfcore.Missing
	if said.State == elfcore.Missing || told || c.Arch == arch.ARM {
		return
	}
	if t.Control.State != elfcore.Missing {
		c.Facts[factInterrupted] = elfcore.Fact[string]{Value: t.Control.Value.String(), State: t.Control.State, Why: t.Control.Why}
	}
	*t = elfcore.Thread{
		Kind: elfcore.Interrupt, Regs: t.Regs, Alternatives: t.Alternatives, CPU: t.CPU,
		Name: elfcore.Fact[string]{Value: "interrupt", State: elfcore.Recovered, Why: c.Because("zephyr.interrupt", "the console says so", nowhere)},
	}
}

// completeXtensa gives the window registers the values that go with logical
// registers a0-a15 and outer windows spilled to the stack, and clears
// PS.EXCM, with which GDB takes windowing for off (esp.md 2.1).
func completeXtensa(c *elfcore.Core, t *elfcore.Thread) {
	const excm, um = 1 << 4, 1 << 5
	set := func(name string, v uint64, why elfcore.Why) {
		if r, ok := c.Arch.Reg(name); ok {
			t.Regs.Set(r, v, elfcore.Recovered, why)
		}
	}
	why := c.Because("zephyr.xtensa-window", "logical registers, outer windows spilled", nowhere)
	set("windowbase", 0, why)
	set("windowstart", 1, why)
	if ps, s := t.Regs.Get(c.Arch.Flags); s >= elfcore.Recovered && ps&um != 0 && ps&excm != 0 {
		set("ps", ps&^excm, c.Because("zephyr.xtensa-excm", fmt.Sprintf("ps was 0x%x", ps), nowhere))
	}
}
