package espcore

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// xtensaPanic is a panic of an ESP32 as IDF prints it, its backtrace without
// blanks between the pairs.
const xtensaPanic = `I (300) main: go
Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.

Core  1 register dump:
PC      : 0x400d1234  PS      : 0x00060730  A0      : 0x800d5678  A1      : 0x3ffb5000  
A2      : 0x00000000  A3      : 0x00000001  A4      : 0x3ffb5010  A5      : 0x00000000  
A6      : 0x00000000  A7      : 0x00000000  A8      : 0x800d1230  A9      : 0x3ffb4fe0  
A10     : 0x00000000  A11     : 0x00000000  A12     : 0x00000000  A13     : 0x00000000  
A14     : 0x00000000  A15     : 0x00000000  SAR     : 0x00000010  EXCCAUSE: 0x0000001c  
EXCVADDR: 0x00000024  LBEG    : 0x4000c349  LEND    : 0x4000c36b  LCOUNT  : 0x00000000  

Backtrace:0x400d1231:0x3ffb50000x400d5675:0x3ffb5020 0x40085910:0x3ffb5040 |<-CORRUPTED

ELF file SHA256: 1b43c5e74

Rebooting...
`

func TestPanicRISCV(t *testing.T) {
	whole := core(t, fixtureFile(t, "esp32c3.b64"))
	text := string(fixtureFile(t, "esp32c3-panic.txt"))
	stamped := ""
	for i, l := range strings.SplitAfter(text, "\n") {
		stamped += fmt.Sprintf("[12:00:%02d.5] \x1b[0;31m%s", i%60, l)
	}
	for name, data := range map[string]string{"text": text, "upper case": strings.ReplaceAll(strings.ToUpper(text), "0X", "0x"), "stamped": stamped} {
		if name == "upper case" { // the words are as they are, the digits not
			for _, w := range []string{"abort() was called at PC", "register dump:", "Stack memory:", "Core ", "Rebooting...", "ELF file SHA256:"} {
				data = strings.ReplaceAll(data, strings.ToUpper(w), w)
			}
		}
		c := core(t, []byte(data))
		if c.Arch != arch.RV32 || len(c.Threads) != 1 || c.Crash.Thread != 0 {
			t.Fatalf("%s: %v %d threads", name, c.Arch.Name, len(c.Threads))
		}
		for n, r := range c.Arch.Regs {
			v, state := c.Threads[0].Regs.Get(arch.Reg(n))
			want, expected := whole.Threads[0].Regs.Get(arch.Reg(n))
			if v != want || state != expected {
				t.Errorf("%s: %s %#x %v, want %#x %v", name, r.Name, v, state, want, expected)
			}
		}
		if c.Crash.Fault.Value != arch.FaultAbort || c.Program.SHA256Prefix != "7d946a8e8" || c.Memory.Run(0x3fc8ea70).Size != 1024 ||
			!strings.HasPrefix(c.Crash.Message.Value, "abort() was called at PC 0x42009351") && name != "upper case" || c.Threads[0].CPU.Value != 0 || c.Damaged() {
			t.Errorf("%s: %+v %v", name, c.Crash, c.Diagnostics)
		}
	}
}

func TestPanicXtensa(t *testing.T) {
	c := core(t, []byte(xtensaPanic))
	if c.Arch != arch.Xtensa || len(c.Threads) != 1 || c.Threads[0].CPU.Value != 1 {
		t.Fatalf("%v %d", c.Arch.Name, len(c.Threads))
	}
	for name, want := range map[string]uint64{"pc": 0x400d1234, "ps": 0x60720, "a0": 0x800d5678, "a1": 0x3ffb5000, "a15": 0, "exccause": 28, "excvaddr": 0x24, "lend": 0x4000c36b} {
		r, _ := c.Arch.Reg(name)
		if v, state := c.Threads[0].Regs.Get(r); v != want || state < elfcore.Recovered {
			t.Errorf("%s %#x %v", name, v, state)
		}
	}
	const pairs = "0x400d1231:0x3ffb5000 0x400d5675:0x3ffb5020 0x40085910:0x3ffb5040"
	if string(c.Attachment(attachTrace)) != pairs || c.Facts[factTrace].Value != pairs+" CORRUPTED" {
		t.Errorf("%q %+v", c.Attachment(attachTrace), c.Facts[factTrace])
	}
	if c.Crash.Fault.Value != arch.FaultAccess || c.Crash.Addr.Value != 0x24 || c.Crash.Reason.Value != 28 {
		t.Errorf("%+v", c.Crash)
	}
	// abort() prints no registers.
	c = core(t, []byte("abort() was called at PC 0x400d66b9 on core 0\n\n\nBacktrace: 0x4008110a:0x3ffb4ec0 0x40085109:0x3ffb4ee0\n\nRebooting...\n"))
	pc, state := c.Threads[0].Regs.PC()
	if pc != 0x4008110d || state != elfcore.Recovered || c.Crash.Fault.Value != arch.FaultAbort {
		t.Errorf("%#x %v %+v", pc, state, c.Crash)
	}
	a2, _ := c.Arch.Reg("a2")
	if _, state := c.Threads[0].Regs.Get(a2); state != elfcore.Missing {
		t.Errorf("a2 %v", state)
	}
}

// TestPanicCauses: what the texts mean.
func TestPanicCauses(t *testing.T) {
	for text, want := range map[string]arch.Fault{
		"Guru Meditation Error: Core  0 panic'ed (Interrupt wdt timeout on CPU0).":                                                                                        arch.FaultWatchdog,
		"Guru Meditation Error: Core  0 panic'ed (Unhandled debug exception).\nDebug exception reason: Stack canary watchpoint triggered (main)":                          arch.FaultStack,
		"Guru Meditation Error: Core  0 panic'ed (IntegerDivideByZero). Exception was unhandled.":                                                                         arch.FaultDivide,
		"Guru Meditation Error: Core  0 panic'ed (Cache error).":                                                                                                          arch.FaultAccess,
		"assert failed: xQueueSemaphoreTake queue.c:1545 (pxQueue)":                                                                                                       arch.FaultAbort,
		"***ERROR*** A stack overflow in task blink has been detected.":                                                                                                   arch.FaultStack,
		"I (5) x: y\nGuru Meditation Error: Core  0 panic'ed (IllegalInstruction). Exception was unhandled.\nMemory dump at 0x400d1234: 00000000 00000000 00000000 (bad)": arch.FaultIllegal,
	} {
		c := core(t, []byte(text+"\n\nBacktrace: 0x4008110a:0x3ffb4ec0\n"))
		if c.Crash.Fault.Value != want || c.Crash.Message.State != elfcore.Known {
			t.Errorf("%q: %+v", text, c.Crash)
		}
	}
}

// TestTwoCores: a register dump of each.
func TestTwoCores(t *testing.T) {
	second := strings.ReplaceAll(xtensaPanic[strings.Index(xtensaPanic, "Core  1 register"):strings.Index(xtensaPanic, "Backtrace")], "Core  1", "Core  0")
	text := strings.Replace(xtensaPanic, "Backtrace:", strings.ReplaceAll(second, "0x400d1234", "0x400d4444")+"Backtrace:", 1)
	c := core(t, []byte(text))
	if len(c.Threads) != 2 || c.Crash.Thread != 0 || c.Threads[0].CPU.Value != 1 || c.Threads[1].CPU.Value != 0 {
		t.Fatalf("%d threads, %+v", len(c.Threads), c.Crash)
	}
	if pc, _ := c.Threads[1].Regs.PC(); pc != 0x400d4444 {
		t.Errorf("%#x", pc)
	}
}

// TestMerged: a panic's text and the dump of the same crash are one.
func TestMerged(t *testing.T) {
	r := readReal(t, "esp32c3")
	text, _, _ := strings.Cut(string(fixtureFile(t, "esp32c3-panic.txt")), "Rebooting")
	want := describe(t, core(t, r.image))
	c := core(t, []byte("boot\n"+text+logOf(base64Lines(r.image, r.writes(24, len(r.image))))))
	if got := describe(t, c); strings.Count(got, "\n") < strings.Count(want, "\n") || len(c.Threads) != 3 || c.Attachment(attachPanic) == nil || len(codes(c)) > 0 {
		t.Errorf("%v\n%s", c.Diagnostics, got)
	}
	// A BIN image knows neither the reason nor the program.
	bin := r.bin(binVersions[2], false)
	c = core(t, []byte("boot\n"+text+logOf(base64Lines(bin, []int{len(bin)}))))
	if c.Crash.Fault.Value != arch.FaultAbort || c.Program.SHA256Prefix != "7d946a8e8" || c.Facts[factPanic].Value == "" || c.Threads[0].CPU.State != elfcore.Known {
		t.Errorf("%+v %+v %v", c.Crash, c.Program, c.Facts)
	}
	// Another crash's text is not.
	c = core(t, []byte(strings.ReplaceAll(text, "0x40380698", "0x40381111")+logOf(base64Lines(bin, []int{len(bin)}))))
	if c.Facts[factPanic].Value != "" || !slices.Contains(codes(c), "esp.console-other-crash") {
		t.Errorf("%v %v", c.Facts, codes(c))
	}
	// After a reset it is another crash.
	list := cores(t, []byte(text+"Rebooting...\nESP-ROM:esp32c3\nrst:0x3\n"+logOf(base64Lines(bin, []int{len(bin)}))))
	if len(list) != 2 || len(list[0].Threads) != 1 || len(list[1].Threads) != 3 || list[1].Facts[factPanic].Value != "" {
		t.Errorf("%d dumps", len(list))
	}
	// The text can come in a file of its own.
	c = core(t, bin)
	Format.Console(c, []byte("boot\n"+text+"Rebooting...\n"))
	if c.Program.SHA256Prefix != "7d946a8e8" || c.Crash.Fault.Value != arch.FaultAbort {
		t.Errorf("%+v %+v", c.Program, c.Crash)
	}
	// Where the dump was swallowed the text is left.
	c = core(t, []byte(text+startLine+"\nCore dump started (further output muted)\n"+endLine+"\nRebooting...\n"))
	if len(c.Threads) != 1 || !c.Damaged() {
		t.Errorf("%d threads, %v", len(c.Threads), c.Diagnostics)
	}
}
