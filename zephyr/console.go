package zephyr

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
)

// Zephyr's fatal handler prints registers before the dump, among them such as
// the register block lacks: r4-r11, psp and EXC_RETURN on Cortex-M, mcause on
// RISC-V, full 64-bit values where the block holds 32. Names are those of the
// arch's own register unless listed here.
var consoleNames = map[*arch.Arch]map[string]string{
	arch.CortexM: {
		"r12/ip": "r12", "r14/lr": "lr", "faulting instruction address (r15/pc)": "pc",
		"bfar address": "bfar", "mmfar address": "mmfar",
	},
	arch.ARM:     {"r12/ip": "r12", "r14/lr": "lr", "faulting instruction address (r15/pc)": "pc", "xpsr": "cpsr"},
	arch.AArch64: {"lr": "x30", "fp": "x29", "elr_eln": "pc", "esr_eln": "esr", "far_eln": "far", "spsr_eln": "cpsr"},
	arch.RV32:    {"mepc": "pc"},
	arch.RV64:    {"mepc": "pc"},
	arch.I386:    {},
	arch.AMD64:   {"rflags": "eflags"},
}

// addressRegisters are those that hold the address of a failed access, with
// the faults for which they do.
var addressRegisters = map[*arch.Arch][]string{
	arch.CortexM: {"bfar", "mmfar"},
	arch.AArch64: {"far"},
	arch.RV32:    {"mtval"},
	arch.RV64:    {"mtval"},
	arch.I386:    {"cr2"},
	arch.AMD64:   {"cr2"},
}

// consoleText is what the fatal handler's lines say.
type consoleText struct {
	registers map[arch.Reg]uint64
	lines     map[arch.Reg]int
	thread    *uint64
	name      string
	cpu       string
	assertion string
	page      *uint64 // address of an x86 page fault
}

// parseConsole reads the fatal handler's lines, plain text. Where several
// crashes stand in the text the last one counts.
func parseConsole(a *arch.Arch, text []byte, firstLine int) (k consoleText) {
	k.registers, k.lines = map[arch.Reg]uint64{}, map[arch.Reg]int{}
	names := consoleNames[a]
	line := firstLine - 1
	for raw := range bytes.Lines(text) {
		line++
		raw = bytes.TrimRight(raw, "\r\n")
		if i := bytes.Index(raw, []byte("ASSERTION FAIL")); i >= 0 {
			k.assertion = string(raw[i:])
		}
		if i := bytes.Index(raw, []byte("ZEPHYR FATAL ERROR")); i >= 0 {
			if _, cpu, ok := strings.Cut(string(raw[i:]), "on CPU "); ok {
				k.cpu = strings.TrimSpace(cpu)
			}
		}
		if _, after, ok := bytes.Cut(raw, []byte("Page fault at address ")); ok {
			word, _, _ := bytes.Cut(after, []byte(" "))
			if v, ok := hexValue(string(word)); ok {
				k.page = &v
			}
		}
		for name, value := range capture.Pairs(raw) {
			v, ok := hexValue(value)
			if !ok {
				continue
			}
			name = strings.ToLower(name)
			if name == "current thread" {
				k.thread = &v
				if _, rest, ok := bytes.Cut(raw, []byte("(")); ok {
					k.name = string(bytes.TrimRight(rest, ") \t"))
				}
				continue
			}
			if to, ok := names[name]; ok {
				name = to
			} else {
				name, _, _ = strings.Cut(name, "/") // r0/a1
			}
			if r, ok := a.Reg(name); ok {
				k.registers[r], k.lines[r] = v, line
			}
		}
	}
	return k
}

// hexValue reads a number as the handlers print it: hexadecimal with or
// without 0x, at most 16 digits.
func hexValue(s string) (uint64, bool) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if len(s) == 0 || len(s) > 16 {
		return 0, false
	}
	v, err := strconv.ParseUint(s, 16, 64)
	return v, err == nil
}

// addConsole lets the console text fill what the dump does not hold. It must
// be of the same crash: its pc is the block's. Where both have a register the
// dump's counts.
func addConsole(c *elfcore.Core, text []byte, at elfcore.Pos) {
	k := parseConsole(c.Arch, text, at.Line)
	if k.empty() {
		return
	}
	if len(text) > elfcore.MaxAttachment {
		text = text[len(text)-elfcore.MaxAttachment:]
	}
	t := c.Crashed()
	if t != nil {
		for _, r := range []arch.Reg{c.Arch.PC, c.Arch.LR} {
			v, s := t.Regs.Get(r)
			if said, ok := k.registers[r]; ok && s != elfcore.Missing && (said^v)&(1<<32-1) != 0 {
				c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "zephyr.console-other-crash", At: at,
					Found:    fmt.Sprintf("the console text has %s 0x%x", c.Arch.Regs[r].Name, said),
					Expected: fmt.Sprintf("0x%x as in the dump", v), Done: "the text is not used"})
				return
			}
		}
	} else if len(k.registers) > 0 {
		c.Threads = append(c.Threads, elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch)})
		c.Crash.Thread = len(c.Threads) - 1
		t = c.Crashed()
	}
	c.Attach(attachConsole, text, c.Because("zephyr.console", "the fatal handler's lines", at))
	if t != nil {
		k.fill(c, t, at)
	}
	k.crash(c, at)
}

func (k *consoleText) empty() bool {
	return len(k.registers) == 0 && k.thread == nil && k.cpu == "" && k.assertion == "" && k.page == nil
}

// fill sets the registers that are missing, or of which the block has only the
// low half.
//
// Folklore: Cortex-M's handler prints the FP registers from the exception
// frame, where lazy stacking has left stale bytes (fpscr 0xaaaaaaaa). They stay
// missing. Test: the cortex-m33f fixtures.
func (k *consoleText) fill(c *elfcore.Core, t *elfcore.Thread, at elfcore.Pos) {
	half := c.Because("zephyr.low-half", "the block holds only the low 32 bits", nowhere)
	for i := range c.Arch.Regs {
		r := arch.Reg(i)
		v, ok := k.registers[r]
		if !ok || c.Arch == arch.CortexM && c.Arch.Regs[r].Group == arch.Float {
			continue
		}
		why := c.Because("zephyr.console", "", elfcore.Pos{Source: at.Source, Line: k.lines[r], Off: -1})
		have, s := t.Regs.Get(r)
		switch {
		case s == elfcore.Missing, s == elfcore.Suspect && t.Regs.Why(r) == half && uint32(have) == uint32(v):
			t.Regs.Set(r, v, elfcore.Known, why)
		case s == elfcore.Known && have != v:
			c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "zephyr.console-differs", At: elfcore.Pos{Source: at.Source, Line: k.lines[r], Off: -1},
				Found: fmt.Sprintf("%s 0x%x", c.Arch.Regs[r].Name, v), Expected: fmt.Sprintf("0x%x as in the dump", have), Done: "the dump's value is kept"})
		}
	}
	if k.thread != nil {
		why := c.Because("zephyr.console", "Current thread", at)
		if t.Control.State == elfcore.Missing {
			t.Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(*k.thread), State: elfcore.Known, Why: why}
		}
		if t.Name.State == elfcore.Missing && k.name != "" && k.name != "unknown" {
			t.Name = elfcore.Fact[string]{Value: k.name, State: elfcore.Known, Why: why}
		}
	}
}

// crash adds what the text says of the cause.
func (k *consoleText) crash(c *elfcore.Core, at elfcore.Pos) {
	why := c.Because("zephyr.console", "", at)
	if k.cpu != "" {
		c.Facts[factCPU] = elfcore.Fact[string]{Value: k.cpu, State: elfcore.Known, Why: why}
	}
	if k.assertion != "" {
		c.Crash.Message = elfcore.Fact[string]{Value: k.assertion, State: elfcore.Known, Why: why}
	}
	t := c.Crashed()
	if t != nil && c.Crash.Fault.State == elfcore.Missing && c.Arch.Fault != nil {
		if f := faultOf(c.Arch, &t.Regs); f != arch.FaultUnknown {
			c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: f, State: elfcore.Known, Why: why}
		}
	}
	if c.Crash.Addr.State != elfcore.Missing {
		return
	}
	if k.page != nil {
		c.Crash.Addr = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(*k.page), State: elfcore.Known, Why: why}
		return
	}
	if f := c.Crash.Fault.Value; t == nil || f != arch.FaultAccess && f != arch.FaultBus && f != arch.FaultAlignment && f != arch.FaultInstruction {
		return
	}
	for _, name := range addressRegisters[c.Arch] {
		r, _ := c.Arch.Reg(name)
		if v, s := t.Regs.Get(r); s == elfcore.Known {
			c.Crash.Addr = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: elfcore.Known, Why: why}
			return
		}
	}
}
