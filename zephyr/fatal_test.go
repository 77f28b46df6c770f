package zephyr

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

// withoutMarkers is a log whose lines with dump bytes are left out.
func withoutMarkers(log []byte) string {
	var text strings.Builder
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(marker)) {
			text.Write(line)
		}
	}
	return text.String()
}

// readFatalText reads the only crash of a log without a dump.
func readFatalText(t *testing.T, in format.Input) (*elfcore.Core, format.Hit) {
	t.Helper()
	hits, err := find(in)
	if err != nil || len(hits) != 1 || hits[0].Score != fatalScore {
		t.Fatalf("hits %+v, %v", hits, err)
	}
	c, err := read(in, hits[0])
	if err != nil {
		t.Fatal(err)
	}
	complete(c, elfcore.NoProgram{})
	return c, hits[0]
}

// fixtureCPU is the CPU of the fixtures in a directory, or in several whose
// names begin so, and how many registers their texts and truths both have.
type fixtureCPU struct {
	dir       string
	cpu       *arch.Arch
	registers int
}

var fixtureCPUs = []fixtureCPU{
	{"cortex-m", arch.CortexM, 16}, {"cortex-a", arch.ARM, 15}, {"rv32e", arch.RV32, 11}, {"rv32", arch.RV32, 17}, {"rv64", arch.RV64, 17},
	{"aarch64", arch.AArch64, 21}, {"i386", arch.I386, 11}, {"x86_64", arch.AMD64, 18},
}

// TestFatalText: of each crash the registers that the handler prints are those
// that a live debugger saw, and sp where it can be computed.
func TestFatalText(t *testing.T) {
	cases, err := fixture.Load("../testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			want := fixtureCPUs[slices.IndexFunc(fixtureCPUs, func(f fixtureCPU) bool { return strings.HasPrefix(c.CPU, f.dir) })]
			core, hit := readFatalText(t, textInput(withoutMarkers(c.Log)))
			x := core.Crashed()
			if core.Arch != want.cpu || x == nil || !hit.Whole || core.Damaged() || core.Memory.Len() > 0 {
				t.Fatalf("%s, hit %+v, %v", core.Arch.Name, hit, codesOf(core))
			}
			live := c.Crashed().Registers
			right := 0
			for i, info := range core.Arch.Regs {
				r := arch.Reg(i)
				v, s := x.Regs.Get(r)
				truth, ok := live[info.Name]
				switch {
				case s == elfcore.Missing || !ok:
					continue
				case r == core.Arch.PC:
					v -= c.Truth.TrapSize
				case r == core.Arch.Flags:
					truth, v = 0, 0 // the stop in a debugger changes some
				}
				if right++; v != uint64(truth) {
					t.Errorf("%s is %#x (%v), live %#x", info.Name, v, s, uint64(truth))
				}
			}
			if right < want.registers {
				t.Errorf("%d registers, want %d", right, want.registers)
			}
			if _, s := x.Regs.PC(); s != elfcore.Known {
				t.Errorf("pc is %v", s)
			}
			if sp, s := x.Regs.SP(); core.Arch == arch.CortexM && c.Scenario != "isr" && (s != elfcore.Recovered || sp != uint64(live["sp"])) {
				t.Errorf("sp is %#x (%v)", sp, s)
			}
			current := elfcore.Addr(c.Current().Control)
			if core.Crash.Reason.Value != uint64(c.Native.Reason) {
				t.Errorf("crash %+v", core.Crash)
			}
			if interrupt := c.Scenario == "isr" && core.Arch != arch.ARM; !interrupt && (x.Kind != elfcore.Task || x.Control.Value != current) ||
				interrupt && (x.Kind != elfcore.Interrupt || x.Name.Value != "interrupt" || x.Control.State != elfcore.Missing || core.Facts[factInterrupted].Value != current.String()) {
				t.Errorf("thread %v %q at %v; %v", x.Kind, x.Name.Value, x.Control, core.Facts)
			}
			if x.Name.Value != c.Crashed().Name && c.Crashed().Kind == "task" {
				t.Errorf("name %q", x.Name.Value)
			}
		})
	}
}

// TestFatalCorpus: the same of real crashes, the boards' own text.
func TestFatalCorpus(t *testing.T) {
	logs, _ := filepath.Glob("../../shared/corpus/zephyr/*/coredump.log")
	if len(logs) == 0 {
		t.Skip("no corpus")
	}
	for _, path := range logs {
		log, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, cores := readLogs(t, textInput(string(log)))
		whole := cores[0]
		complete(whole, elfcore.NoProgram{})
		core, hit := readFatalText(t, textInput(withoutMarkers(log)))
		if core.Arch != whole.Arch || !hit.Whole || core.Damaged() {
			t.Errorf("%s: %s, hit %+v, %v", path, core.Arch.Name, hit, codesOf(core))
		}
		for i, info := range core.Arch.Regs {
			v, s := core.Crashed().Regs.Get(arch.Reg(i))
			if have, state := whole.Crashed().Regs.Get(arch.Reg(i)); s != elfcore.Missing && (v != have || state == elfcore.Missing) {
				t.Errorf("%s: %s is %#x (%v), in the dump %#x (%v)", path, info.Name, v, s, have, state)
			}
		}
	}
}

// fatalCrash is crashText with another pc, to tell crashes apart.
func fatalCrash(pc int) string {
	return strings.ReplaceAll(crashText, "0x00000912", fmt.Sprintf("0x%08x", pc))
}

// pcs are the program counters of a log's crashes, those of dumps negative.
func pcs(t *testing.T, text string) (list []int) {
	t.Helper()
	hits, cores := readLogs(t, textInput(text))
	for i, c := range cores {
		if c == nil {
			list = append(list, 0)
			continue
		}
		pc, _ := c.Crashed().Regs.PC()
		if hits[i].Score == fatalScore {
			list = append(list, int(pc))
		} else {
			list = append(list, -int(pc))
		}
	}
	return list
}

const boot = "*** Booting Zephyr OS build v4.1.0 ***\n"

// TestFatalOrDump: which texts are crashes of their own, and in what order.
func TestFatalOrDump(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.Min)
	own := string(d.WithConsole()) // boot and crash at 0x4be
	noBoot := strings.ReplaceAll(own, bootMarker, "hello")
	dump := joined(marked(d.Payloads()))
	far := strings.Repeat("<inf> app: all is well\n", 2000)
	for name, x := range map[string]struct {
		text string
		want []int
	}{
		"one":                    {boot + crashText, []int{0x912}},
		"a boot loop":            {boot + fatalCrash(2) + boot + fatalCrash(4) + boot + fatalCrash(6) + boot, []int{2, 4, 6}},
		"twice in a boot":        {boot + fatalCrash(2) + fatalCrash(4), []int{2, 4}},
		"far apart":              {fatalCrash(2) + far + fatalCrash(4), []int{2, 4}},
		"text, dump":             {boot + fatalCrash(2) + own, []int{2, -0x4be}},
		"dump, text":             {own + boot + fatalCrash(2), []int{-0x4be, 2}},
		"dump, text, no boot":    {own + fatalCrash(2), []int{-0x4be, 2}},
		"text, dump, text, dump": {boot + fatalCrash(2) + own + boot + fatalCrash(4) + own + boot, []int{2, -0x4be, 4, -0x4be}},
		"two, dump":              {boot + fatalCrash(2) + boot + fatalCrash(4) + own, []int{2, 4, -0x4be}},
		"same boot as the dump":  {boot + fatalCrash(2) + noBoot, []int{-0x4be}},
		"long before the dump":   {boot + fatalCrash(2) + far + noBoot, []int{2, -0x4be}},
		"dump cut off, text":     {own[:len(own)/2] + "\n" + boot + fatalCrash(2), []int{-0x4be, 2}},
		"empty dump":             {boot + crashText + "#CD:BEGIN#\n#CD:END#\n", []int{0x912}},
		"dump in memory":         {boot + crashText + "#CD:LOCATION 0x20000000\n#CD:BEGIN#\n#CD:END#\n", []int{-0x912}},
		"middle of a dump":       {boot + crashText + marker + strings.Repeat("ab", 32) + "\n", []int{-0x912}},
		"stored dump":            {boot + withoutMarkers(c.Log) + boot + dump, []int{-0x4be}},
		"words only":             {"grep 'ZEPHYR FATAL ERROR' a.log\nZEPHYR FATAL ERROR 4: what is it?\n>>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\nCurrent thread: 0x20000400 (main)\n", nil},
		"words, then a crash":    {"ZEPHYR FATAL ERROR %d: %s\n" + crashText, []int{0x912}},
		"no reason":              {strings.ReplaceAll(crashText, "ERROR 25", "ERROR ?"), nil},
		"no registers near":      {strings.ReplaceAll(crashText, "E: >>>", far+"E: >>>"), nil},
		"another CPU":            {strings.NewReplacer("r0/a1", "a0", "r15/pc", "blink", "EXC_RETURN", "status", "r3/a4", "r3").Replace(crashText), nil},
	} {
		if got := pcs(t, x.text); !slices.Equal(got, x.want) {
			t.Errorf("%s: %#x, want %#x", name, got, x.want)
		}
	}
}

// TestFatalStored: a dump that is printed after the next boot uses the text of
// its crash, which stands before that.
func TestFatalStored(t *testing.T) {
	c := crash(t, "cortex-m3/undef")
	d := c.Build(c.NativeBlock(), fixture.Min)
	_, cores := readLogs(t, textInput(boot+withoutMarkers(c.Log)+boot+string(d.ShellHex())))
	psp, s := cores[0].Crashed().Regs.Get(cmReg.psp)
	if len(cores) != 1 || s != elfcore.Known || psp == 0 {
		t.Errorf("%d dumps, psp %#x (%v)", len(cores), psp, s)
	}
}

// TestFatalNoDump: what became of the dump is told. Only lost bytes are damage.
func TestFatalNoDump(t *testing.T) {
	for text, damaged := range map[string]bool{
		"#CD:LOCATION 0x20000000\n":              false,
		marker + strings.Repeat("ab", 32) + "\n": true,
	} {
		hits, cores := readLogs(t, textInput(crashText+text))
		if len(hits) != 1 || hits[0].Whole || cores[0].Damaged() != damaged || !slices.Contains(codesOf(cores[0]), "zephyr.no-dump") {
			t.Errorf("%q: %+v, %v", text, hits, codesOf(cores[0]))
		}
	}
}

// TestFatalCut: a line of the text is lost, or the text ends or begins earlier,
// anywhere. What is there is right.
func TestFatalCut(t *testing.T) {
	text := strings.ReplaceAll(crashText, "worker: (a)", "worker")
	full, _ := readFatalText(t, textInput(text))
	crashed := full.Crashed()
	check := func(name, cut string) {
		_, cores := readLogs(t, textInput(cut))
		for _, c := range cores {
			complete(c, elfcore.NoProgram{})
			for i, info := range c.Arch.Regs {
				v, s := c.Crashed().Regs.Get(arch.Reg(i))
				if want, _ := full.Crashed().Regs.Get(arch.Reg(i)); s != elfcore.Missing && v != want && info.Name != "bfar" {
					t.Errorf("%s: %s is %#x, want %#x", name, info.Name, v, want)
				}
			}
			if strings.HasPrefix(name, "without") {
				continue // a digit that is lost from a number of any width
			}
			if x := c.Crashed(); x.Control.State > 0 && x.Control.Value != crashed.Control.Value || x.Name.State > 0 && x.Name.Value != crashed.Name.Value ||
				c.Crash.Reason.Value != full.Crash.Reason.Value {
				t.Errorf("%s: %+v %+v %+v", name, x.Control, x.Name, c.Crash.Reason)
			}
		}
	}
	for i := range len(text) {
		check(fmt.Sprintf("ends at %d", i), text[:i])
		check(fmt.Sprintf("begins at %d", i), text[i:])
		check(fmt.Sprintf("line end at %d", i), text[:i]+"\n"+text[i:])
		check(fmt.Sprintf("without %d", i), text[:i]+text[i+1:])
	}
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		check("without line "+lines[i], joined(without(lines, i, 1)))
	}
	c, hit := readFatalText(t, textInput(joined(without(lines, 10, 1))))
	if _, s := c.Crashed().Regs.PC(); hit.Whole || s != elfcore.Missing {
		t.Errorf("pc is %v, hit %+v", s, hit)
	}
	if lr, s := c.Crashed().Regs.LR(); lr != 0x9a7 || s != elfcore.Known {
		t.Errorf("lr is %#x (%v)", lr, s)
	}
}

// TestFatalProfile: M, or A and R, where the text has no EXC_RETURN.
func TestFatalProfile(t *testing.T) {
	short := strings.ReplaceAll(crashText, "E: EXC_RETURN: 0xfffffffd\n", "")
	for name, x := range map[string]struct {
		text       string
		hint, want *arch.Arch
	}{
		"Thumb":                 {short, nil, arch.CortexM},
		"jump to 0":             {strings.ReplaceAll(short, "0x01000000", "0x20000000"), nil, arch.CortexM},
		"system mode":           {strings.ReplaceAll(short, "0x01000000", "0x6000003f"), nil, arch.ARM},
		"no status":             {strings.ReplaceAll(short, "xpsr", "unknown"), nil, arch.CortexM},
		"the firmware":          {short, arch.ARM, arch.ARM},
		"not the firmware":      {crashText, arch.ARM, arch.CortexM},
		"a firmware of its own": {short, arch.RV32, arch.CortexM},
	} {
		in := textInput(x.text)
		in.CPU = x.hint
		if c, _ := readFatalText(t, in); c.Arch != x.want {
			t.Errorf("%s: %s, want %s", name, c.Arch.Name, x.want.Name)
		}
	}
}

// TestFatalStack: sp is above the frame, if that is known to lie at psp.
func TestFatalStack(t *testing.T) {
	for name, x := range map[string]struct {
		old, new string
		want     uint64
	}{
		"basic":             {"", "", 0x20002c28},
		"aligned":           {"0x01000000", "0x01000200", 0x20002c2c},
		"extended":          {"0xfffffffd", "0xffffffed", 0x20002c70},
		"main stack":        {"0xfffffffd", "0xfffffff9", 0},
		"no EXC_RETURN":     {"EXC_RETURN", "unknown", 0},
		"no xPSR":           {"xpsr", "unknown", 0},
		"no psp":            {"psp", "unknown", 0},
		"v8-M state below":  {"0x00000109", "0xfefa125b", 0},
		"not an EXC_RETURN": {"0xfffffffd", "0x0000000d", 0},
	} {
		c, _ := readFatalText(t, textInput(strings.ReplaceAll(crashText, x.old, x.new)))
		sp, s := c.Crashed().Regs.SP()
		if want := map[bool]elfcore.State{true: elfcore.Recovered}[x.want != 0]; sp != x.want || s != want {
			t.Errorf("%s: sp is %#x (%v), want %#x", name, sp, s, x.want)
		}
	}
}

// TestFatalDressed: the text as consoles and loggers show it.
func TestFatalDressed(t *testing.T) {
	full, _ := readFatalText(t, textInput(crashText))
	for name, dress := range map[string]func(string) string{
		"colours":      func(s string) string { return "[00:00:00.020,000] \x1b[1;31m<err> os: " + s[3:] + "\x1b[0m\r\n" },
		"thread names": func(s string) string { return "[00000020] <err> [worker] os: " + s[3:] + "\r\r\n" },
		"terminal":     func(s string) string { return "[08:01:07.020] " + s + "\n\r" },
		"NUL bytes":    func(s string) string { return "\x00" + s + "\x00\r\n" },
		"printk":       func(s string) string { return s[3:] + "\n" },
	} {
		var text strings.Builder
		for line := range strings.Lines(crashText) {
			text.WriteString(dress(strings.TrimSuffix(line, "\n")))
		}
		c, hit := readFatalText(t, textInput(text.String()))
		for i, info := range full.Arch.Regs {
			v, s := c.Crashed().Regs.Get(arch.Reg(i))
			if want, state := full.Crashed().Regs.Get(arch.Reg(i)); v != want || s != state {
				t.Errorf("%s: %s is %#x (%v), want %#x (%v)", name, info.Name, v, s, want, state)
			}
		}
		if !hit.Whole {
			t.Errorf("%s: %+v", name, hit)
		}
	}
}
