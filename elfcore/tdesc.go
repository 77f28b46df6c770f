package elfcore

import (
	"fmt"
	"strings"

	"corelift/elfcore/arch"
)

const controlFeature = "org.gnu.gdb.riscv.csr"

// TargetDescription is the XML that Write gives GDB as the target description,
// empty if the CPU needs none. Errors are those of Write about registers.
func (c *Core) TargetDescription() (string, error) {
	set, err := c.registerNotes()
	if err != nil {
		return "", err
	}
	// GDB wants the registers described even if no thread has them when the
	// firmware's ABI uses them: "bfd requires flen 4, but target has flen 0".
	floats := c.Program.FloatBits > 0
	for i := range c.Threads {
		if r := &c.Threads[i].Regs; r.arch != nil {
			hasFloat, _ := set.of(r)
			floats = floats || hasFloat
		}
	}
	return c.targetDescription(set, floats), nil
}

// targetDescription is the XML that tells GDB the registers and the OS ABI;
// empty if the CPU needs none. It lists a feature only if its notes exist:
// GDB refuses the whole core if a mandatory register is missing, and a
// register without a note can break unwinding (Cortex-M's msp and psp do).
func (c *Core) targetDescription(set registerNotes, floats bool) string {
	rules := &c.Arch.Core
	if rules.Feature == "" && rules.TDescOS == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">`)
	if rules.TDescOS != "" {
		fmt.Fprintf(&b, "<osabi>%s</osabi>", rules.TDescOS)
	}
	if rules.Feature != "" {
		c.feature(&b, rules.Feature, set.status.layout)
		if floats {
			c.feature(&b, rules.Float.Feature, set.float.layout)
		}
		if set.control.owner != "" {
			// GDB reads the values in the order of this list.
			c.feature(&b, controlFeature, set.control.layout)
		}
	}
	b.WriteString("</target>")
	return b.String()
}

// feature lists a layout's registers as one feature.
func (c *Core) feature(b *strings.Builder, name string, l arch.Layout) {
	a := c.Arch
	slots, _, _ := a.Slots(l)
	fmt.Fprintf(b, `<feature name="%s">`, name)
	if a.Core.CSR && name == a.Core.Feature {
		fmt.Fprintf(b, `<reg name="zero" bitsize="%d"/>`, a.PtrSize()*8) // in no note, but mandatory
	}
	for _, s := range slots {
		if s.Reg == arch.NoReg {
			continue
		}
		info := a.Regs[s.Reg]
		if c.flags()&arch.RISCVEFlag != 0 && a.Core.CSR && info.Group == arch.General && info.DWARF >= 16 {
			continue // RV32E has x0..x15 only
		}
		bits := min(info.Bits, s.Size*8)
		kind := ""
		switch {
		case s.Reg == a.SP:
			kind = ` type="data_ptr"`
		case s.Reg == a.PC:
			kind = ` type="code_ptr"`
		case info.Group == arch.Float && info.DWARF >= 0: // status registers have no DWARF number
			kind = map[int]string{32: ` type="ieee_single"`, 64: ` type="ieee_double"`}[bits]
		}
		fmt.Fprintf(b, `<reg name="%s" bitsize="%d"%s/>`, info.Name, bits, kind)
	}
	b.WriteString("</feature>")
}
