package zephyr

import (
	"bytes"
	"fmt"
	"slices"
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

// consoleDecimal are printed as decimal numbers, all others in hexadecimal.
var consoleDecimal = map[string]bool{"mcause": true}

// consoleText is what the fatal handler's lines say of one crash.
type consoleText struct {
	said      []said
	registers map[arch.Reg]said // those of said that are the handler's
	thread    *uint64
	name      string
	interrupt bool    // the thread is the one that was interrupted
	reason    *uint64 // number of the fatal error
	printed   said    // its line and tag
	cpu       string
	assertion string
	page      *uint64 // address of an x86 page fault
	end       int     // of its last line in the text
}

// said is a register's value as a line says it. tag is the word before the
// line's first name, mostly the log module; digits are those that were printed.
type said struct {
	reg    arch.Reg
	value  uint64
	digits int
	line   int
	tag    string
}

// parseConsole reads the fatal handler's lines of each crash in a plain text.
// The handler prints the registers first, then the error, then the thread.
func parseConsole(a *arch.Arch, text []byte, firstLine int) (crashes []consoleText) {
	var k consoleText
	over := false // the error was printed
	next := func() {
		if k.settle(a); !k.empty() {
			crashes = append(crashes, k)
		}
		k, over = consoleText{}, false
	}
	begin := func() {
		if over {
			next()
		}
	}
	line, off := firstLine-1, 0
	for raw := range bytes.Lines(text) {
		line++
		off += len(raw)
		raw = bytes.TrimRight(raw, "\r\n")
		if bytes.Contains(raw, []byte(bootMarker)) {
			next()
		}
		if i := bytes.Index(raw, []byte("ASSERTION FAIL")); i >= 0 {
			begin()
			k.assertion, k.end = string(raw[i:]), off
		}
		if i := bytes.Index(raw, []byte(fatalMarker)); i >= 0 {
			begin()
			over, k.end = true, off
			number, _, whole := strings.Cut(strings.TrimPrefix(string(raw[i:]), fatalMarker+" "), ":")
			if v, ok := decimalValue(number); ok && whole {
				k.reason = &v
				k.printed = said{line: line, tag: lastWord(bytes.TrimSuffix(bytes.TrimSpace(raw[:i]), []byte(">>>")))}
			}
			if _, cpu, ok := strings.Cut(string(raw[i:]), "on CPU "); ok {
				k.cpu = strings.TrimSpace(cpu)
			}
		}
		if _, after, ok := bytes.Cut(raw, []byte("Page fault at address ")); ok {
			word, _, _ := bytes.Cut(after, []byte(" "))
			if v, ok := hexValue(string(word)); ok {
				begin()
				k.page, k.end = &v, off
			}
		}
		if bytes.Contains(raw, []byte(interruptLine)) {
			k.interrupt = true
		}
		tag, first := "", true
		for name, value := range capture.Pairs(raw) {
			if first {
				first, tag = false, lastWord(raw[:max(0, bytes.Index(raw, []byte(name+":")))])
			}
			v, ok := hexValue(value)
			if !ok {
				continue
			}
			if name = strings.ToLower(name); name == "current thread" {
				k.thread, k.end = &v, off
				_, rest, _ := bytes.Cut(raw, []byte("urrent thread:"))
				k.name = inParentheses(rest)
				continue
			}
			if to, ok := consoleNames[a][name]; ok {
				name = to
			} else if before, _, ok := strings.Cut(name, "/"); ok && !strings.Contains(name, " ") { // more than a name if a colon got lost
				name = before // r0/a1
			}
			if consoleDecimal[name] {
				if v, ok = decimalValue(value); !ok {
					continue
				}
			}
			if r, ok := a.Reg(name); ok {
				begin()
				k.said, k.end = append(k.said, said{r, v, len(strings.TrimPrefix(value, "0x")), line, tag}), off
			}
		}
	}
	next()
	return crashes
}

// interruptLine is what the handler says of a crash in an interrupt.
const interruptLine = "Fault during interrupt handling"

// lastWord is what text ends with, "" if it is blank.
func lastWord(text []byte) string {
	words := bytes.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return string(words[len(words)-1])
}

// inParentheses is what stands in the parentheses that end p, "" without them.
func inParentheses(p []byte) string {
	_, p, _ = bytes.Cut(p, []byte("("))
	p, ok := bytes.CutSuffix(bytes.TrimSpace(p), []byte(")"))
	if !ok {
		return ""
	}
	return string(p)
}

// handlerLines is how far from the pc, in lines, the handler prints the others.
const handlerLines = 40

// settle picks the registers that the handler printed: near the pc or, where
// that line is lost, the reason, and by the same log module. One that it printed
// with two values is left out.
//
// Folklore: an application's line "s1: 25" is about a sensor, and the lines of
// the handler's own stack trace, "0: sp: 8000bd40 ra: 80000a78", are about the
// caller. Their tags are "app:" and "0:". Test: TestConsoleStrangers.
func (k *consoleText) settle(a *arch.Arch) {
	k.registers = map[arch.Reg]said{}
	pc := k.printed
	if at := slices.IndexFunc(k.said, func(s said) bool { return s.reg == a.PC }); at >= 0 {
		pc = k.said[at]
	} else if k.reason == nil {
		return
	}
	twice := map[arch.Reg]bool{}
	for _, s := range k.said {
		if s.tag != pc.tag || s.line < pc.line-handlerLines || s.line > pc.line+handlerLines {
			continue
		}
		have, ok := k.registers[s.reg]
		twice[s.reg] = twice[s.reg] || ok && have.value != s.value
		k.registers[s.reg] = s
	}
	for r := range twice {
		if twice[r] {
			delete(k.registers, r)
		}
	}
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

func decimalValue(s string) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil
}

// plainText takes the escape sequences out of a console's text.
func plainText(text []byte) (plain []byte) {
	for line := range bytes.Lines(text) {
		plain = append(capture.AppendPlain(plain, bytes.TrimRight(line, "\r\n")), '\n')
	}
	return plain
}

// window is the plain text of a part of a log.
type window struct {
	text []byte
	line int     // the number of its first line
	ends []int64 // where its lines end, in the log
}

func readWindow(t *capture.Text, from, to int64) (w window, err error) {
	for line, err := range t.Lines(from, to) {
		if err != nil {
			return w, err
		}
		if len(w.ends) == 0 {
			w.line = line.Number
		}
		w.text = append(capture.AppendPlain(w.text, line.Text), '\n')
		w.ends = append(w.ends, line.End)
	}
	return w, nil
}

// addConsole lets the console text, which must be plain, fill what the dump
// does not hold. It must be of the same crash: its registers are the block's,
// as far as that goes. Where several crashes stand in the text the last that
// fits counts; where both have a register the dump's does.
func addConsole(c *elfcore.Core, text []byte, at elfcore.Pos) {
	var other *elfcore.Diagnostic
	for _, k := range slices.Backward(parseConsole(c.Arch, text, at.Line)) {
		differs := k.differs(c, at)
		if differs == nil {
			k.add(c, text[max(0, k.end-elfcore.MaxAttachment):k.end], at)
			return
		}
		if other == nil {
			other = differs
		}
	}
	if other != nil {
		c.Report(*other)
	}
}

// differs says in what the text is about another crash than the dump; nil if
// it may be the same.
func (k *consoleText) differs(c *elfcore.Core, at elfcore.Pos) *elfcore.Diagnostic {
	other := func(found, expected string) *elfcore.Diagnostic {
		return &elfcore.Diagnostic{Severity: elfcore.Warning, Code: "zephyr.console-other-crash", At: at,
			Found: "the console text has " + found, Expected: expected + " as in the dump", Done: "the text is not used"}
	}
	if have := c.Crash.Reason; k.reason != nil && have.State != elfcore.Missing && *k.reason&0xffff != have.Value {
		return other(fmt.Sprintf("reason %d", *k.reason), fmt.Sprint(have.Value))
	}
	t := c.Crashed()
	if t == nil {
		return nil
	}
	for i, info := range c.Arch.Regs {
		r := arch.Reg(i)
		if info.Group != arch.General || r == c.Arch.Flags {
			continue // the handler rewrites flags
		}
		said, ok := k.registers[r]
		v, s := t.Regs.Get(r)
		mask := c.Arch.AddrMask()
		if s == elfcore.Suspect && c.Explain(t.Regs.Why(r)).Rule == halfRule {
			mask = 1<<32 - 1
		} else if s < elfcore.Recovered {
			continue
		}
		if ok && (said.value^v)&mask != 0 {
			return other(fmt.Sprintf("%s 0x%x", info.Name, said.value), fmt.Sprintf("0x%x", v))
		}
	}
	return nil
}

func (k *consoleText) add(c *elfcore.Core, text []byte, at elfcore.Pos) {
	if c.Crashed() == nil && len(k.registers) > 0 {
		c.Threads = append(c.Threads, elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch)})
		c.Crash.Thread = len(c.Threads) - 1
	}
	c.Attach(attachConsole, text, c.Because("zephyr.console", "the fatal handler's lines", at))
	if t := c.Crashed(); t != nil {
		k.fill(c, t, at)
	}
	k.crash(c, at)
}

func (k *consoleText) empty() bool {
	return len(k.registers) == 0 && k.thread == nil && k.reason == nil && k.cpu == "" && k.assertion == "" && k.page == nil
}

// fill sets the registers that are missing, or of which the block has only the
// low half, or that lines lost from the block have made suspect.
//
// Folklore: Cortex-M's handler prints the FP registers from the exception
// frame, where lazy stacking has left stale bytes (fpscr 0xaaaaaaaa). They stay
// missing. Test: the cortex-m33f fixtures.
func (k *consoleText) fill(c *elfcore.Core, t *elfcore.Thread, at elfcore.Pos) {
	for i := range c.Arch.Regs {
		r := arch.Reg(i)
		said, ok := k.registers[r]
		if !ok || c.Arch == arch.CortexM && c.Arch.Regs[r].Group == arch.Float {
			continue
		}
		v, pos := said.value, elfcore.Pos{Source: at.Source, Line: said.line, Off: -1}
		have, s := t.Regs.Get(r)
		rule := c.Explain(t.Regs.Why(r)).Rule
		switch {
		case s == elfcore.Missing, s == elfcore.Suspect && (rule == blockRule || rule == halfRule && uint32(have) == uint32(v)):
			t.Regs.Set(r, v, elfcore.Known, c.Because("zephyr.console", "", pos))
		case s == elfcore.Known && have != v:
			c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "zephyr.console-differs", At: pos,
				Found: fmt.Sprintf("%s 0x%x", c.Arch.Regs[r].Name, v), Expected: fmt.Sprintf("0x%x as in the dump", have), Done: "the dump's value is kept"})
		}
	}
	if k.thread != nil {
		why := c.Because("zephyr.console", "Current thread", at)
		if t.Control.State == elfcore.Missing {
			t.Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(*k.thread), State: elfcore.Known, Why: why}
		}
		if t.Name.State == elfcore.Missing && k.name != "" && k.name != "unknown" && !k.interrupt {
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
	if k.interrupt {
		c.Facts[factInterrupt] = elfcore.Fact[string]{Value: interruptLine, State: elfcore.Known, Why: why}
	}
	if k.reason != nil && c.Crash.Reason.State == elfcore.Missing {
		setReason(c, *k.reason, why) // the dump's file header is lost
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
		if c.Crash.Fault.State == elfcore.Missing {
			c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultAccess, State: elfcore.Known, Why: why}
		}
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
