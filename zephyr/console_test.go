package zephyr

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// crashText is what the handler prints on Cortex-M3.
const crashText = `E: ***** BUS FAULT *****
E:   Precise data bus error
E:   BFAR Address: 0x70000004
E: r0/a1:  0x00000109  r1/a2:  0x00007f00  r2/a3:  0x200000f0
E: r3/a4:  0x70000000 r12/ip:  0x00000000 r14/lr:  0x000009a7
E:  xpsr:  0x01000000
E: r4/v1:  0x20000050  r5/v2:  0x00000918  r6/v3:  0x00000000
E: r7/v4:  0x3d000000  r8/v5:  0x00007648  r9/v6:  0x00000000
E: r10/v7: 0x00000000  r11/v8: 0x00000000    psp:  0x20002c08
E: EXC_RETURN: 0xfffffffd
E: Faulting instruction address (r15/pc): 0x00000912
E: >>> ZEPHYR FATAL ERROR 25: Unknown error on CPU 0
E: Current thread: 0x20000400 (worker: (a))
`

// said makes the registers that a text says of the last crash in it.
func registersOf(t *testing.T, a *arch.Arch, text string) map[string]uint64 {
	t.Helper()
	crashes := parseConsole(a, plainText([]byte(text)), 1)
	if len(crashes) == 0 {
		return nil
	}
	regs := map[string]uint64{}
	for r, s := range crashes[len(crashes)-1].registers {
		regs[a.Regs[r].Name] = s.value
	}
	return regs
}

func TestConsoleRegisters(t *testing.T) {
	for name, c := range map[string]struct {
		arch *arch.Arch
		text string
		want map[string]uint64
		size int
	}{
		"Cortex-M": {arch.CortexM, crashText, map[string]uint64{"r0": 0x109, "lr": 0x9a7, "r11": 0, "psp": 0x20002c08, "exc_return": 0xfffffffd, "pc": 0x912, "bfar": 0x70000004}, 19},
		"colours, stamps": {arch.CortexM, strings.ReplaceAll(strings.ReplaceAll(crashText, "E: ", "[00:00:00.020,000] \x1b[1;31m<err> os: "), "\n", "\x1b[0m\r\n"),
			map[string]uint64{"r10": 0, "pc": 0x912, "r9": 0}, 19},
		"RISC-V": {arch.RV64, `E:  mcause: 11, Environment call from M-mode
E:   mtval: 0
E:      a0: 000000008000bd50    t0: 0000000080007860
E:      a2: ffffffffc0ffef10    t2: 0000000000000000
E:      sp: 000000008000bd40
E:      ra: 0000000080000930
E:    mepc: 0000000080000964
E: mstatus: 0000000a00001880
E:      s0: 0000000000000007    s6: 0000000000000009
E: call trace:
E:       0: sp: 000000008000bdc0   ra: 0000000080000a78 [blow_up+0x1c]
E:       1: sp: 000000008000bdf0   ra: 0000000080000b78
E: >>> ZEPHYR FATAL ERROR 3: Kernel oops on CPU 1
`, map[string]uint64{"mcause": 11, "a2": 0xffffffffc0ffef10, "sp": 0x8000bd40, "ra": 0x80000930, "pc": 0x80000964, "s0": 7, "s6": 9, "mstatus": 0xa00001880}, 12},
		"ARM64": {arch.AArch64, `<err> os: ELR_ELn: 0x0000000040000490
<err> os: ESR_ELn: 0x0000000002000000
<err> os: x0:  0x0000000040002338  x1:  0x000000005a5a1234
<err> os: x18: 0x0000000000000003  lr:  0x0000000040000900
<err> os: 
<err> os: backtrace  0: fp: 0x0000000040003eb0 lr: 0x0000000040000a00
<err> os: >>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0
`, map[string]uint64{"pc": 0x40000490, "esr": 0x2000000, "x0": 0x40002338, "x1": 0x5a5a1234, "x18": 3, "x30": 0x40000900}, 6},
		"x86": {arch.I386, `E: EAX: 0x00000109, EBX: 0x00000918, ECX: 0x00000000, EDX: 0x00000000
E: ESI: 0x00001239, EDI: 0x0010d200, EBP: 0x00000000, ESP: 0x00110ee8
E: EFLAGS: 0x00000206 CS: 0x0008 CR3: 0x00118000
E: call trace:
E: EIP: 0x00100714
E:      0: 0x0010bbcc (0x5)
`, map[string]uint64{"eax": 0x109, "esp": 0x110ee8, "cs": 8, "cr3": 0x118000, "eip": 0x100714}, 12},
		"without pc": {arch.RV32, "E: s1: 25\nE: a0: 10\n", map[string]uint64{}, 0},
		"two values": {arch.CortexM, "E: r4: 5\nE: r4: 6\nE: r5: 7 pc: 8\n", map[string]uint64{"r5": 7, "pc": 8}, 2},
	} {
		got := registersOf(t, c.arch, c.text)
		for n, v := range c.want {
			if have, ok := got[n]; !ok || have != v {
				t.Errorf("%s: %s is %#x (%v), want %#x", name, n, have, ok, v)
			}
		}
		if len(got) != c.size {
			t.Errorf("%s: %d registers, want %d: %v", name, len(got), c.size, got)
		}
	}
}

// TestConsoleStrangers: lines that name registers and mean something else.
func TestConsoleStrangers(t *testing.T) {
	want := registersOf(t, arch.CortexM, crashText)
	far := strings.Repeat("I: all is well\n", 50)
	for name, text := range map[string]string{
		"an application's values":  "<inf> app: r9: 77 psp: 5\n" + crashText,
		"of the same level":        "E: r9: 77 msp: 5\n" + far + crashText,
		"behind the error":         crashText + far + "E: msp: 5\n",
		"crash before":             strings.ReplaceAll(crashText, "0x0000", "0x1111") + "*** Booting Zephyr OS ***\n" + crashText,
		"crash before, no boot":    strings.ReplaceAll(crashText, "0x0000", "0x1111") + crashText,
		"handled one before, r9":   "E: ***** MPU FAULT *****\nE: r9/v6: 0x77 msp: 0x6\nE: Faulting instruction address (r15/pc): 0x66\nE: >>> ZEPHYR FATAL ERROR 19: x on CPU 0\n" + crashText,
		"shell's answer":           "uart:~$ regs\nr9: 77 control: 5\n" + crashText,
		"assertion of its own":     strings.ReplaceAll(crashText, "0x0000", "0x1111") + "ASSERTION FAIL [0] @ a.c:1\n" + crashText,
		"prompt redrawn within it": strings.ReplaceAll(crashText, "E: ", "uart:~$ \x1b[8D\x1b[JE: "),
	} {
		crashes := parseConsole(arch.CortexM, plainText([]byte(text)), 1)
		var got map[string]uint64
		for _, k := range crashes { // the last with registers
			if len(k.registers) > 0 {
				got = map[string]uint64{}
				for r, s := range k.registers {
					got[arch.CortexM.Regs[r].Name] = s.value
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %x", name, got)
		}
		for n, v := range want {
			if got[n] != v {
				t.Errorf("%s: %s is %#x, want %#x", name, n, got[n], v)
			}
		}
	}
}

// TestConsoleFacts: what else the lines say.
func TestConsoleFacts(t *testing.T) {
	text := "ASSERTION FAIL [x > 0] @ app.c:7\n" + crashText + "E: Halting system\n"
	k := parseConsole(arch.CortexM, []byte(text), 100)
	if len(k) != 1 || *k[0].thread != 0x20000400 || k[0].name != "worker: (a)" || k[0].cpu != "0" || *k[0].reason != 25 ||
		k[0].assertion != "ASSERTION FAIL [x > 0] @ app.c:7" || k[0].registers[arch.CortexM.PC].line != 111 {
		t.Errorf("%+v", k)
	}
	if end := text[k[0].end:]; end != "E: Halting system\n" {
		t.Errorf("its text ends before %q", end)
	}
	k = parseConsole(arch.I386, []byte("E: Page fault at address 0xdeadbee0 (error code 0x2)\n"), 1)
	if len(k) != 1 || *k[0].page != 0xdeadbee0 {
		t.Errorf("%+v", k)
	}
}

// blockCore is a core of a register block alone.
func blockCore(a *arch.Arch, set map[string]uint64) *elfcore.Core {
	c := elfcore.New(Name, a, binary.LittleEndian)
	regs := elfcore.NewRegisters(a)
	why := c.Because(blockRule, "", nowhere)
	for n, v := range set {
		r, _ := a.Reg(n)
		regs.Set(r, v, elfcore.Known, why)
	}
	c.Threads, c.Crash.Thread = []elfcore.Thread{{Regs: regs}}, 0
	return c
}

// TestConsoleOther: the text of another crash is not used, but one that fits
// further up is.
func TestConsoleOther(t *testing.T) {
	block := map[string]uint64{"r0": 0x109, "r1": 0x7f00, "lr": 0x9a7, "pc": 0x912}
	r4 := func(c *elfcore.Core) elfcore.State {
		r, _ := arch.CortexM.Reg("r4")
		_, s := c.Crashed().Regs.Get(r)
		return s
	}
	for name, x := range map[string]struct {
		text string
		want elfcore.State
		code string
	}{
		"same":                       {crashText, elfcore.Known, ""},
		"other pc":                   {strings.ReplaceAll(crashText, "0x00000912", "0x00000914"), elfcore.Missing, "zephyr.console-other-crash"},
		"other r1":                   {strings.ReplaceAll(crashText, "0x00007f00", "0x00007f01"), elfcore.Missing, "zephyr.console-other-crash"},
		"another one behind":         {crashText + "*** Booting\n" + strings.ReplaceAll(crashText, "0x00000912", "0x00000914"), elfcore.Known, ""},
		"the thread of another":      {"E: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\n", elfcore.Missing, "zephyr.console-other-crash"},
		"no registers, same reason":  {"E: >>> ZEPHYR FATAL ERROR 25: Unknown error on CPU 0\nE: Current thread: 0x20000400 (worker)\n", elfcore.Missing, ""},
		"nothing that says anything": {"hello\nr4: 5\n", elfcore.Missing, ""},
	} {
		c := blockCore(arch.CortexM, block)
		c.Crash.Reason = elfcore.Fact[uint64]{Value: 25, State: elfcore.Known}
		Format.Console(c, []byte(strings.ReplaceAll(x.text, "\n", "\r\n")))
		codes := strings.Join(codesOf(c), " ")
		if r4(c) != x.want || codes != x.code {
			t.Errorf("%s: r4 is %v, %s", name, r4(c), codes)
		}
	}
}

// TestConsoleFills: what is missing, half there, or suspect for a lost line.
// What the dump has stays.
func TestConsoleFills(t *testing.T) {
	c := blockCore(arch.RV64, map[string]uint64{"ra": 0x80000930})
	set := func(name string, v uint64, s elfcore.State, rule string) arch.Reg {
		r, _ := c.Arch.Reg(name)
		c.Crashed().Regs.Set(r, v, s, c.Because(rule, "", nowhere))
		return r
	}
	half := set("a0", 0x8000bd50, elfcore.Suspect, halfRule)
	other := set("a2", 0x12345678, elfcore.Suspect, "zephyr.elsewhere")
	shifted := set("a4", 0x77, elfcore.Suspect, blockRule)
	const text = "E: a0: ffffffff8000bd50 a2: 5 a4: ffffffffc0ffee07 a5: 9 ra: 80000930\nE: mepc: 80000964\n"
	Format.Console(c, []byte(text))
	a5, _ := c.Arch.Reg("a5")
	for _, x := range []struct {
		r     arch.Reg
		v     uint64
		state elfcore.State
	}{
		{half, 0xffffffff8000bd50, elfcore.Known}, {other, 0x12345678, elfcore.Suspect}, {shifted, 0xffffffffc0ffee07, elfcore.Known}, {a5, 9, elfcore.Known},
	} {
		if v, s := c.Crashed().Regs.Get(x.r); v != x.v || s != x.state {
			t.Errorf("%s is %#x (%v), want %#x (%v)", c.Arch.Regs[x.r].Name, v, s, x.v, x.state)
		}
	}
	// A half that differs is of another crash.
	c.Crashed().Regs.Set(half, 0x11111111, elfcore.Suspect, c.Because(halfRule, "", nowhere))
	Format.Console(c, []byte(text))
	if !strings.Contains(strings.Join(codesOf(c), " "), "zephyr.console-other-crash") {
		t.Error(codesOf(c))
	}
}

// TestConsoleOnly: the register block is lost, the text has it all.
func TestConsoleOnly(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.Min)
	lines := strings.SplitAfter(string(d.WithConsole()), "\n")
	var kept []string
	for i, line := range lines {
		if !strings.Contains(line, "#CD:41") && !(i > 2 && strings.Contains(strings.Join(lines[max(0, i-3):i], ""), "#CD:41")) {
			kept = append(kept, line)
		}
	}
	got := readDamaged(kept)
	for _, lie := range lies(got, d) {
		t.Error(lie)
	}
	for _, n := range []string{"r0", "r7", "pc", "psp"} {
		r, _ := got.Arch.Reg(n)
		if _, s := got.Crashed().Regs.Get(r); s != elfcore.Known {
			t.Errorf("%s is %v", n, s)
		}
	}
	if v, s := got.Crashed().Regs.SP(); v != uint64(c.Crashed().Registers["sp"]) || s != elfcore.Recovered {
		t.Errorf("sp is %#x (%v)", v, s)
	}
}

// TestConsoleInterrupt: the current thread is not what crashed.
func TestConsoleInterrupt(t *testing.T) {
	c := crash(t, "cortex-m3/isr")
	_, cores := readLogs(t, textInput(string(c.Log)))
	if x := cores[0].Crashed(); x.Name.State != elfcore.Missing || x.Control.Value == 0 {
		t.Errorf("name %+v, control %+v", x.Name, x.Control)
	}
	if !bytes.Contains(cores[0].Attachment(attachConsole), []byte("Fault during interrupt handling")) {
		t.Error("no console text")
	}
}

func TestHexValue(t *testing.T) {
	for text, want := range map[string]uint64{"0x20": 0x20, "20": 0x20, "0X20": 0x20, "ffffffffffffffff": 1<<64 - 1, "0x0": 0} {
		if v, ok := hexValue(text); !ok || v != want {
			t.Errorf("%s: %#x %v", text, v, ok)
		}
	}
	for _, text := range []string{"", "0x", "0xg", "0x11112222333344445", "-1", "1_0"} {
		if v, ok := hexValue(text); ok {
			t.Errorf("%q: %#x", text, v)
		}
	}
}
