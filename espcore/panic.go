package espcore

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// attachTrace and attachPanic name raw pieces of the panic handler's text.
const (
	attachTrace = "esp.backtrace" // "0xPC:0xSP 0xPC:0xSP ...", addresses of calls, innermost first
	attachPanic = "esp.console"
)

// panicText is what the panic handler printed of one crash (esp.md 5).
type panicText struct {
	first   elfcore.Pos
	raw     []byte // its lines, plain
	begin   string // the first line: what happened
	reason  string // in "panic'ed (reason)"
	details []string
	cpus    []cpuText
	stack   []stackLine
	pairs   [][2]uint64 // of pc and sp
	broken  string      // how the backtrace ends: "CORRUPTED" or "CONTINUES"
	sha     string
	at      map[string]int // line numbers
}

// cpuText is one core's register dump, by lower-case names.
type cpuText struct {
	number int // -1 unknown
	values map[string]uint64
	line   int
}

// stackLine is a line of the stack's dump.
type stackLine struct {
	addr elfcore.Addr
	data []byte
}

// limits of a panic's text.
const (
	maxDetails = 16
	maxPairs   = 1024
	maxCPUs    = 8
)

// readPanic reads the text of a window.
func readPanic(in format.Input, text *capture.Text, from, to int64) (*panicText, error) {
	p := &panicText{first: elfcore.Pos{Off: from}, at: map[string]int{}}
	for line, err := range text.Lines(from, to) {
		if err != nil {
			return nil, err
		}
		if p.first.Line == 0 {
			p.first.Line = line.Number
		}
		start := len(p.raw)
		p.raw = append(capture.AppendPlain(p.raw, line.Text), '\n')
		if !p.line(string(bytes.TrimRight(p.raw[start:], " \t\n")), line.Number) {
			break
		}
	}
	return p, nil
}

// line takes one line; false if the crash ends with it.
func (p *panicText) line(s string, number int) bool {
	for _, l := range panicLines {
		_, rest, ok := strings.Cut(s, l.marker)
		if !ok {
			continue
		}
		switch l.kind {
		case evReset:
			return false
		case evBegin:
			if p.begin == "" {
				p.begin, p.at["begin"] = l.marker+rest, number
				if _, after, ok := strings.Cut(rest, "panic'ed ("); ok {
					p.reason = after
					if i := strings.LastIndex(after, ")"); i >= 0 {
						p.reason = after[:i]
					}
				}
				return true
			}
		case evRegisters:
			p.registers(s, number)
			return true
		case evTrace:
			p.trace(rest, number)
			return true
		}
	}
	if _, rest, ok := strings.Cut(s, "ELF file SHA256:"); ok {
		p.sha, p.at["sha"] = hexPrefix(strings.TrimSpace(rest)), number
		return true
	}
	if p.stackLine(s) || p.values(s) {
		return true
	}
	if s = strings.TrimSpace(s); p.begin != "" && len(p.cpus) == 0 && len(p.pairs) == 0 && s != "" && len(p.details) < maxDetails {
		p.details = append(p.details, s)
	}
	return true
}

// registers begins a register dump: "Core  0 register dump:".
func (p *panicText) registers(s string, number int) {
	if len(p.cpus) == maxCPUs {
		return
	}
	cpu := cpuText{number: -1, values: map[string]uint64{}, line: number}
	if _, rest, ok := strings.Cut(s, "Core "); ok {
		word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.Atoi(word); err == nil {
			cpu.number = n
		}
	}
	p.cpus = append(p.cpus, cpu)
}

// values takes the registers of a line. The last word of a name is the name: a
// time stamp may stand before it.
func (p *panicText) values(s string) bool {
	if len(p.cpus) == 0 {
		return false
	}
	cpu, any := &p.cpus[len(p.cpus)-1], false
	for name, value := range capture.Pairs([]byte(s)) {
		fields := strings.Fields(name)
		v, err := strconv.ParseUint(value, 0, 32)
		if len(fields) == 0 || err != nil || !strings.HasPrefix(value, "0x") {
			continue
		}
		name = strings.ToLower(fields[len(fields)-1])
		if _, have := cpu.values[name]; !have {
			cpu.values[name] = v
		}
		any = true
	}
	return any
}

// trace takes the pairs of a backtrace. They are looked for by their pattern:
// some releases print nothing between them.
func (p *panicText) trace(s string, number int) {
	if len(p.pairs) > 0 {
		return // of another core
	}
	p.at["trace"] = number
	for _, word := range []string{"CORRUPTED", "CONTINUES"} {
		if strings.Contains(s, "|<-"+word) {
			p.broken = word
		}
	}
	for len(p.pairs) < maxPairs {
		i := strings.Index(s, "0x")
		if i < 0 {
			return
		}
		s = s[i:]
		pc, rest, ok := hexWord(s)
		if ok && strings.HasPrefix(rest, ":0x") {
			if sp, after, ok := hexWord(rest[1:]); ok {
				p.pairs = append(p.pairs, [2]uint64{pc, sp})
				s = after
				continue
			}
		}
		s = s[2:]
	}
}

// hexWord reads a number of up to 8 digits behind 0x.
func hexWord(s string) (v uint64, rest string, ok bool) {
	digits := hexPrefix(s[2:min(len(s), 10)])
	v, err := strconv.ParseUint(digits, 16, 32)
	return v, s[2+len(digits):], err == nil
}

// hexPrefix is the hex digits at the start of s.
func hexPrefix(s string) string {
	for i := range len(s) {
		if !isHex(s[i]) {
			return s[:i]
		}
	}
	return s
}

// stackLine takes "3fc8ea70: 0xa5a5a5a5 0x...", with or without something
// before it. A damaged word ends it.
func (p *panicText) stackLine(s string) bool {
	i := strings.Index(s, ": 0x")
	if i < 8 || len(hexPrefix(s[i-8:i])) != 8 {
		return false
	}
	if i > 8 && s[i-9] != ' ' && s[i-9] != '\t' {
		return false
	}
	a, err := strconv.ParseUint(s[i-8:i], 16, 32)
	if err != nil {
		return false
	}
	l := stackLine{addr: elfcore.Addr(a)}
	for _, word := range strings.Fields(s[i+1:]) {
		v, rest, ok := uint64(0), "", false
		if strings.HasPrefix(word, "0x") && len(word) == 10 {
			v, rest, ok = hexWord(word)
		}
		if !ok || rest != "" {
			break
		}
		l.data = little.AppendUint32(l.data, uint32(v))
	}
	p.stack = append(p.stack, l)
	return true
}

// crashed tells whether a crash can be made of the text.
func (p *panicText) crashed() bool {
	for _, c := range p.cpus {
		if len(c.values) > 0 {
			return true
		}
	}
	return p.begin != "" && len(p.pairs) > 0
}

// cpu is the CPU by the names of its registers. Only Xtensa prints no
// registers with a backtrace.
func (p *panicText) cpu() *arch.Arch {
	for _, c := range p.cpus {
		if _, ok := c.values["mepc"]; ok {
			return arch.RV32
		}
		if _, ok := c.values["mcause"]; ok {
			return arch.RV32
		}
	}
	return arch.Xtensa
}

// consoleNames are registers that the panic handler names in its own way.
var consoleNames = map[string]string{"mepc": "pc", "s0/fp": "s0"}

// load sets the registers of a dump of them.
func (c *cpuText) load(regs *elfcore.Registers, why elfcore.Why) {
	for name, v := range c.values {
		if to, ok := consoleNames[name]; ok {
			name = to
		}
		if r, ok := regs.Arch().Reg(name); ok {
			regs.Set(r, v, elfcore.Known, why)
		}
	}
}

func (p *panicText) pos(what string) elfcore.Pos {
	return elfcore.Pos{Source: p.first.Source, Line: p.at[what], Off: -1}
}

// core makes a crash of the text alone.
func (p *panicText) core() *elfcore.Core {
	c := elfcore.New(Name, p.cpu(), little)
	for i := range p.cpus {
		cpu := &p.cpus[i]
		if len(cpu.values) == 0 {
			continue
		}
		t := elfcore.Thread{Kind: elfcore.CPU, Regs: elfcore.NewRegisters(c.Arch)}
		cpu.load(&t.Regs, c.Because("esp.console", "register dump", elfcore.Pos{Line: cpu.line, Off: -1}))
		p.fix(c, &t.Regs)
		if cpu.number >= 0 {
			t.CPU = elfcore.Fact[int]{Value: cpu.number, State: elfcore.Known, Why: c.Because("esp.console", "register dump", elfcore.Pos{Line: cpu.line, Off: -1})}
		}
		c.Threads = append(c.Threads, t)
	}
	if len(c.Threads) == 0 {
		c.Threads = append(c.Threads, p.traced(c))
	}
	c.Crash.Thread = 0
	p.addStack(c)
	p.describe(c)
	return c
}

// fix repairs the registers of an Xtensa as those of a dump.
func (p *panicText) fix(c *elfcore.Core, regs *elfcore.Registers) {
	if c.Arch == arch.Xtensa {
		d := &dump{image: &image{at: p.first}, Core: c}
		d.fixXtensa(regs)
	}
}

// traced makes a thread of a backtrace alone, as an Xtensa's abort prints it.
// Its addresses are reduced by 3, so that they lie in the calls.
func (p *panicText) traced(c *elfcore.Core) elfcore.Thread {
	t := elfcore.Thread{Kind: elfcore.CPU, Regs: elfcore.NewRegisters(c.Arch)}
	why := c.Because("esp.backtrace", "the first pair of the backtrace, 3 added to its pc", p.pos("trace"))
	t.Regs.Set(c.Arch.PC, p.pairs[0][0]+3, elfcore.Recovered, why)
	t.Regs.Set(c.Arch.SP, p.pairs[0][1], elfcore.Recovered, why)
	p.fix(c, &t.Regs)
	return t
}

// addStack adds the memory that the text shows.
func (p *panicText) addStack(c *elfcore.Core) {
	why := c.Because("esp.console", "Stack memory", p.first)
	for i := 0; i < len(p.stack); {
		run := p.stack[i]
		for i++; i < len(p.stack) && p.stack[i].addr == run.addr+elfcore.Addr(len(run.data)); i++ {
			run.data = append(run.data, p.stack[i].data...)
		}
		if uint64(run.addr)+uint64(len(run.data)) <= 1<<32 {
			c.Memory.Add(elfcore.NewRegion(run.addr, run.data, elfcore.PermR|elfcore.PermW, elfcore.Known, why))
		}
	}
}

// describe records what the text says of the cause and the program, where the
// dump does not.
func (p *panicText) describe(c *elfcore.Core) {
	if len(bytes.TrimSpace(p.raw)) > 0 {
		c.Attach(attachPanic, p.raw, c.Because("esp.console", "the panic handler's text", p.first))
	}
	know := func(key, value, where string) elfcore.Why {
		why := c.Because("esp.console", "the panic handler's text", p.pos(where))
		if value != "" && c.Facts[key].State == elfcore.Missing {
			c.Facts[key] = elfcore.Fact[string]{Value: value, State: elfcore.Known, Why: why}
		}
		return why
	}
	if t := c.Crashed(); t != nil && c.Crash.Reason.State == elfcore.Missing {
		setCause(c, t, p.first)
	}
	if p.begin != "" {
		why := know(factPanic, strings.Join(append([]string{p.begin}, p.details...), "\n"), "begin")
		p.cause(c, why)
	}
	if p.sha != "" {
		know(factSHA, strings.ToLower(p.sha), "sha")
		if c.Program.SHA256Prefix == "" {
			c.Program.SHA256Prefix = strings.ToLower(p.sha)
		}
	}
	if len(p.pairs) > 0 {
		var b strings.Builder
		for i, pair := range p.pairs {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "0x%08x:0x%08x", pair[0], pair[1])
		}
		why := know(factTrace, strings.TrimSpace(b.String()+" "+p.broken), "trace")
		c.Attach(attachTrace, []byte(b.String()), why)
	}
}

// cause takes what happened from the first line.
func (p *panicText) cause(c *elfcore.Core, why elfcore.Why) {
	if c.Facts[factPanic].Why != why {
		return // the dump said so itself
	}
	fault := arch.FaultUnknown
	for _, s := range append([]string{p.begin}, p.details...) {
		if f := faultOfText(s); f != arch.FaultAbort {
			fault = f
		}
	}
	if p.reason != "" {
		if fault == arch.FaultUnknown {
			fault = faultOfReason(c.Arch, p.reason)
		}
	} else if fault == arch.FaultUnknown {
		fault = arch.FaultAbort
	}
	c.Crash.Message = elfcore.Fact[string]{Value: p.begin, State: elfcore.Known, Why: why}
	if fault != arch.FaultUnknown {
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: fault, State: elfcore.Known, Why: why}
	}
	if p.reason == "" {
		c.Crash.Addr = elfcore.Fact[elfcore.Addr]{} // of the store that ends the program
	}
}

// fill lets the text tell what a dump of the same crash does not. It must be of
// that crash: its pc is the dump's.
func (p *panicText) fill(c *elfcore.Core) {
	if p.begin == "" && !p.crashed() {
		return
	}
	t := c.Crashed()
	if t != nil {
		if said, ok := p.pc(); ok {
			if pc, state := t.Regs.PC(); state != elfcore.Missing && (said^pc)&(1<<30-1) != 0 {
				c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "esp.console-other-crash", At: p.first,
					Found: fmt.Sprintf("the panic text has pc 0x%08x", said), Expected: fmt.Sprintf("0x%08x as in the dump", pc), Done: "the text is not used"})
				return
			}
		}
		p.fillRegisters(c, t)
	}
	if len(p.stack) > 0 {
		p.addStack(c)
	}
	p.describe(c)
}

// pc is the crashed context's, if the text tells.
func (p *panicText) pc() (uint64, bool) {
	for _, c := range p.cpus {
		for _, name := range []string{"mepc", "pc"} {
			if v, ok := c.values[name]; ok {
				return v, true
			}
		}
	}
	if len(p.pairs) > 0 {
		return p.pairs[0][0] + 3, true
	}
	return 0, false
}

// fillRegisters sets registers of the crashed thread that are missing.
func (p *panicText) fillRegisters(c *elfcore.Core, t *elfcore.Thread) {
	if len(p.cpus) == 0 || p.cpu() != c.Arch {
		return
	}
	cpu := &p.cpus[0]
	why := c.Because("esp.console", "register dump", elfcore.Pos{Line: cpu.line, Off: -1})
	said := elfcore.NewRegisters(c.Arch)
	cpu.load(&said, why)
	p.fix(c, &said)
	for i := range c.Arch.Regs {
		r := arch.Reg(i)
		if _, state := t.Regs.Get(r); state != elfcore.Missing {
			continue
		}
		if v, state := said.Get(r); state != elfcore.Missing {
			t.Regs.Set(r, v, state, said.Why(r))
		}
	}
	if cpu.number >= 0 && t.CPU.State == elfcore.Missing {
		t.CPU = elfcore.Fact[int]{Value: cpu.number, State: elfcore.Known, Why: why}
	}
}

// console is format.Format's Console.
func console(c *elfcore.Core, text []byte) {
	in := format.Input{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Name: "console", Text: true}
	hits, err := findLog(in)
	if err != nil {
		return
	}
	t := capture.NewText(in)
	for i := len(hits) - 1; i >= 0; i-- { // the last is the likeliest
		p, err := readPanic(in, t, hits[i].Off, hits[i].Off+hits[i].Len)
		if err != nil || !p.crashed() {
			continue
		}
		p.first.Source = in.Name
		p.fill(c)
		return
	}
}
