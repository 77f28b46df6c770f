package blueos

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

func input(data []byte, text bool) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "dump", Text: text}
}

// readAll reads every dump of an input.
func readAll(t *testing.T, data []byte, text bool) (cores []*elfcore.Core, hits []format.Hit) {
	t.Helper()
	in := input(data, text)
	hits, err := Format.Find(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		c, err := Format.Read(in, h)
		if err != nil {
			t.Fatal(err)
		}
		cores = append(cores, c)
	}
	return cores, hits
}

func readOne(t *testing.T, data []byte, text bool) *elfcore.Core {
	t.Helper()
	cores, _ := readAll(t, data, text)
	if len(cores) != 1 {
		t.Fatalf("%d dumps", len(cores))
	}
	return cores[0]
}

// compare checks registers and memory, the latter as far as it is there.
func compare(t *testing.T, what string, c *elfcore.Core, m *made, whole bool) {
	t.Helper()
	if len(c.Threads) != 1 || c.Crash.Thread != 0 {
		t.Fatalf("%s: threads %d, crashed %d", what, len(c.Threads), c.Crash.Thread)
	}
	for name, want := range m.registers(c.Arch.Name) {
		r, _ := c.Arch.Reg(name)
		if r == c.Arch.SP && !whole {
			continue // its repair needs the stack
		}
		if got, s := c.Threads[0].Regs.Get(r); got != want || s != elfcore.Suspect {
			t.Errorf("%s: %s: %#x %v, want %#x", what, name, got, s, want)
		}
	}
	for _, l := range m.loads {
		for i, want := range l.data {
			got, _, err := c.ReadUint(elfcore.Addr(l.addr)+elfcore.Addr(i), 1)
			if err == nil && byte(got) != want || err != nil && whole {
				t.Fatalf("%s: byte at %#x: %#x %v, want %#x", what, l.addr+uint64(i), got, err, want)
			}
		}
	}
}

func has(c *elfcore.Core, code string) bool {
	for _, d := range c.Diagnostics {
		if d.Code == "blueos."+code {
			return true
		}
	}
	return false
}

func TestLayouts(t *testing.T) {
	for _, c := range cpus {
		for _, l := range append(c.contexts, c.dumped) {
			if _, size, err := c.arch.Slots(l); err != nil || size%8 != 0 {
				t.Errorf("%s: %q: %d bytes, %v", c.arch.Name, l.Slots, size, err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	for name, m := range dumps() {
		_, hits := readAll(t, m.bytes(), true) // zeros and ASCII: may pass for text
		c := readOne(t, m.bytes(), false)
		compare(t, name, c, m, true)
		if c.Arch.Name != name || c.Damaged() || !hits[0].Whole || hits[0].Len != int64(len(m.bytes())) {
			t.Errorf("%s: %s %v %+v", name, c.Arch.Name, c.Diagnostics, hits)
		}
		if has(c, "header-order") != (m.bits == 32) || !has(c, "saved-context") || !has(c, "unverified") {
			t.Errorf("%s: %v", name, c.Diagnostics)
		}
		if f := c.Facts[factThread]; f.Value != "5" || c.Facts[factSignal].Value != fmt.Sprint(m.signo) {
			t.Errorf("%s: %v", name, c.Facts)
		}
	}
}

func TestHeaderOrder(t *testing.T) {
	m := dumps()["arm-m"]
	m.standard = true
	c := readOne(t, m.bytes(), false)
	compare(t, "standard", c, m, true)
	if has(c, "header-order") {
		t.Error(c.Diagnostics)
	}
}

func TestFaults(t *testing.T) {
	for _, x := range []struct {
		cpu            string
		signo          int32
		addr, specific uint64
		fault          arch.Fault
		crashAddr      string
	}{
		{"arm-m", 11, 0x30, 0x82, arch.FaultAccess, "0x00000030"},  // DACCVIOL, MMARVALID
		{"arm-m", 4, 0x30, 0x02, arch.FaultAccess, ""},             // the device reads its UNDEFINSTR bit here
		{"arm-m", 11, 0x30, 0x02000000, arch.FaultDivide, ""},      // the device takes it for a MemManage fault
		{"arm-m", 4, 0, 0, arch.FaultUnknown, ""},                  // vector table read
		{"aarch64", 11, 0x96000045, 0x25, arch.FaultAccess, ""},    // ESR is not an address
		{"aarch64", 4, 0, 0x22, arch.FaultAlignment, ""},           // EC only
		{"riscv32", 10, 0, 2, arch.FaultIllegal, ""},               // the device says SIGBUS
		{"riscv32", 10, 0, 3, arch.FaultBreakpoint, ""},            //
		{"riscv64", 11, 0x1234, 7, arch.FaultAccess, "0x00001234"}, //
		{"riscv64", 10, 0x777, 1, arch.FaultInstruction, "0x00000777"},
		{"riscv64", 6, 0, 0, arch.FaultAbort, ""}, // panic
	} {
		m := dumps()[x.cpu]
		m.signo, m.addr, m.specific, m.code = x.signo, x.addr, x.specific, uint32(x.specific)
		c := readOne(t, m.bytes(), false)
		got := ""
		if c.Crash.Addr.State != elfcore.Missing {
			got = c.Crash.Addr.Value.String()
		}
		if c.Crash.Fault.Value != x.fault || got != x.crashAddr || c.Crash.Reason.Value != x.specific {
			t.Errorf("%+v: %v, address %q", x, c.Crash.Fault, got)
		}
	}
}

// TestTrapContext: no instruction could be fetched from the pc, so the context
// is that of the trap and no older one.
func TestTrapContext(t *testing.T) {
	m := dumps()["riscv64"]
	m.addr, m.specific, m.signo = m.regs[0], 1, 10
	c := readOne(t, m.bytes(), false)
	if v, s := c.Threads[0].Regs.PC(); v != m.regs[0] || s != elfcore.Known || has(c, "saved-context") {
		t.Error(v, s, c.Diagnostics)
	}
}

func TestStackPointer(t *testing.T) {
	m := dumps()["arm-m"]
	m.regs[16] |= 1 << 9 // the CPU aligned the frame
	m.context("arm-m")
	if sp, _ := readOne(t, m.bytes(), false).Threads[0].Regs.SP(); sp != 0x20001100+64+4 {
		t.Errorf("aligned: %#x", sp)
	}
	// Hard float: s16-s31 lie between r11 and r0.
	m = dumps()["arm-m"]
	stack := m.loads[1].data
	copy(stack[0x100+96:], bytes.Clone(stack[0x100+32:0x100+64]))
	clear(stack[0x100+32 : 0x100+96])
	if sp, _ := readOne(t, m.bytes(), false).Threads[0].Regs.SP(); sp != 0x20001100+200 {
		t.Errorf("hard float: %#x", sp)
	}
	// Nothing proves it: as dumped, the others for recovery to choose from.
	m = dumps()["aarch64"]
	clear(m.loads[1].data)
	c := readOne(t, m.bytes(), false)
	var sps []uint64
	for _, a := range c.Threads[0].Alternatives {
		sp, _ := a.SP()
		sps = append(sps, sp)
	}
	if sp, s := c.Threads[0].Regs.SP(); sp != 0x20001100 || s != elfcore.Suspect || fmt.Sprint(sps) != fmt.Sprint([]uint64{0x20001100 + 800, 0x20001100 + 272}) {
		t.Errorf("%#x %v, %#x", sp, s, sps)
	}
	// The thread has never been switched away from.
	m = dumps()["riscv32"]
	clear(m.regs)
	c = readOne(t, m.bytes(), false)
	if _, s := c.Threads[0].Regs.PC(); s != elfcore.Missing || !has(c, "no-context") {
		t.Error(s, c.Diagnostics)
	}
}

func TestBackToBack(t *testing.T) {
	a, b := dumps()["riscv64"], dumps()["riscv64"]
	b.regs[0] = 0x99
	b.context("riscv64")
	cores, hits := readAll(t, append(a.bytes(), b.bytes()...), false)
	if len(cores) != 2 || !hits[0].Whole || !hits[1].Whole {
		t.Fatal(hits)
	}
	compare(t, "first", cores[0], a, true)
	compare(t, "second", cores[1], b, true)
	// The file system was full.
	cores, hits = readAll(t, append(a.bytes(), b.bytes()[:2000]...), false)
	if len(cores) != 2 || hits[1].Len != 2000 || hits[1].Whole {
		t.Fatal(hits)
	}
	compare(t, "first", cores[0], a, true)
	if compare(t, "second", cores[1], b, false); !cores[1].Damaged() {
		t.Error("damage not told")
	}
}

func TestMemoryImage(t *testing.T) {
	m := dumps()["arm-m"]
	ram := make([]byte, 100_000)
	copy(ram[0x123:], "\x7fELF and something else")
	copy(ram[0x1000:], m.bytes())
	copy(ram[0x8000:], m.bytes())
	cores, hits := readAll(t, ram, false)
	if len(cores) != 1 || hits[0].Off != 0x1000 {
		t.Fatal(hits)
	}
	compare(t, "ram", cores[0], m, true)
}

// TestAddressSpace: a header that lies does not make a core that can't be written.
func TestAddressSpace(t *testing.T) {
	m := dumps()["riscv32"]
	m.loads[1].addr = 0xffffff00
	c := readOne(t, m.bytes(), false)
	if written(t, c); !c.Damaged() || !has(c, "address") {
		t.Error(c.Diagnostics)
	}
}

func TestTruncated(t *testing.T) {
	for name, m := range dumps() {
		data := m.bytes()
		for n := 0; n < len(data); n += 64 {
			in := input(data[:n], false)
			hits, err := Format.Find(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hits {
				c, err := Format.Read(in, h)
				if err != nil {
					t.Fatal(err)
				}
				if h.Whole || !c.Damaged() {
					t.Errorf("%s cut at %d: %+v %v", name, n, h, c.Diagnostics)
				}
				if n > 2000 {
					compare(t, fmt.Sprint(name, " cut at ", n), c, m, false)
				}
			}
			if n > 300 && len(hits) != 1 {
				t.Errorf("%s cut at %d: %d hits", name, n, len(hits))
			}
		}
	}
}

func TestLog(t *testing.T) {
	for name, m := range dumps() {
		lines := strings.SplitAfter(m.log(), "\n")
		lines = lines[:len(lines)-1]
		edit := func(f func(i int, line string) string) string {
			var s strings.Builder
			for i, l := range lines {
				s.WriteString(f(i, l))
			}
			return s.String()
		}
		for _, x := range []struct {
			name  string
			text  string
			whole bool
		}{
			{"plain", "boot\n" + m.log() + "again\n", true},
			{"prefixed", edit(func(i int, l string) string { return fmt.Sprintf("\x1b[32m[00:0%d] \x1b[0m%s", i%10, l) }), true},
			{"foreign lines", edit(func(i int, l string) string { return "wifi: added be\n" + l + "[info] beef\n" }), true},
			{"wrapped at 80 columns", edit(func(i int, l string) string {
				if i < len(lines)-1 && len(l) > 80 {
					return l[:80] + "\n" + l[80:]
				}
				return l
			}), true},
			{"carriage returns", strings.ReplaceAll(m.log(), "\n", "\r\n"), true},
			{"damaged line", edit(func(i int, l string) string {
				if i == 25 {
					return l[:70] + "[info] wifi\n"
				}
				return l
			}), false},
			{"lost line", edit(func(i int, l string) string {
				if i == 25 {
					return ""
				}
				return l
			}), false},
			{"cut off", strings.Join(lines[:len(lines)-5], ""), false},
		} {
			what := name + ", " + x.name
			c := readOne(t, []byte(x.text), true)
			if x.name != "lost line" {
				compare(t, what, c, m, x.whole)
			}
			if c.Damaged() == x.whole {
				t.Errorf("%s: %v", what, c.Diagnostics)
			}
			if x.name == "lost line" {
				for r := range c.Memory.All() {
					if r.State != elfcore.Suspect {
						t.Errorf("%s: %v is %v", what, r.Range, r.State)
					}
				}
			}
		}
	}
}

func TestLogs(t *testing.T) {
	m := dumps()["riscv32"]
	log := m.log()
	cut := log[:len(log)/2]
	cores, hits := readAll(t, []byte("a\n"+cut+"reset\n"+log+"b\n"+log), true)
	if len(cores) != 3 || hits[0].Whole || !hits[1].Whole || !hits[2].Whole {
		t.Fatal(hits)
	}
	compare(t, "last", cores[2], m, true)
	// The hex text of somebody else's core.
	if hits, err := Format.Find(input([]byte("coredump start : {\n7f454c46"+strings.Repeat("01", 3000)+"\n} coredump end\n"), true)); len(hits) > 0 || err != nil {
		t.Error(hits, err)
	}
	in := input([]byte("boot\n[COREDUMP] ELF buffer exhausted (65536)\n"), true)
	hits, _ = Format.Find(in)
	if len(hits) != 1 {
		t.Fatal(hits)
	}
	if _, err := Format.Read(in, hits[0]); err == nil || !strings.Contains(err.Error(), "CONFIG_COREDUMP_BUF_SIZE") {
		t.Error(err)
	}
}

// gdb opens a core file and returns everything GDB said.
func gdb(t *testing.T, core []byte, commands ...string) string {
	t.Helper()
	path := fixture.Need(t, "gdb-multiarch")
	name := filepath.Join(t.TempDir(), "crash.core")
	if err := os.WriteFile(name, core, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-c", name}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	out, _ := exec.Command(path, append(args, "-ex", "echo \\n")...).CombinedOutput()
	return string(out)
}

func written(t *testing.T, c *elfcore.Core) []byte {
	t.Helper()
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDebugger shows what a stock GDB makes of the target's own file, and of
// ours.
func TestDebugger(t *testing.T) {
	signals := map[string]string{"arm-m": "SIGFPE", "aarch64": "SIGSEGV", "riscv32": "SIGILL", "riscv64": "SIGSEGV"}
	for name, m := range dumps() {
		t.Run(name, func(t *testing.T) {
			before := gdb(t, m.bytes(), "p/x $pc", "x/s 0x20000000")
			if regexp.MustCompile(`\$1 = 0x[0-9a-f]+`).MatchString(before) {
				t.Errorf("before: GDB has registers:\n%s", before)
			}
			if readable := strings.Contains(before, `"`+name); readable != (m.bits == 64) {
				t.Errorf("before: memory readable: %v\n%s", readable, before)
			}

			c := readOne(t, []byte(m.log()), true)
			var names, commands []string
			for n := range m.registers(name) {
				names = append(names, n)
				commands = append(commands, "echo @"+n+"=", "output/x $"+n, `echo \n`)
			}
			after := gdb(t, written(t, c), append(commands, "info threads", "x/s 0x20000000")...)
			if strings.Contains(after, "warning") || !strings.Contains(after, `"`+name) || !strings.Contains(after, "Program terminated with signal "+signals[name]) {
				t.Errorf("after:\n%s", after)
			}
			for _, n := range names {
				want := m.registers(name)[n]
				got := regexp.MustCompile(`@` + n + `=(0x[0-9a-f]+)`).FindStringSubmatch(after)
				if got == nil {
					t.Errorf("after: no %s in\n%s", n, after)
				} else if v, _ := strconv.ParseUint(got[1], 0, 64); v != want {
					t.Errorf("after: %s is %#x, want %#x", n, v, want)
				}
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, m := range dumps() {
		f.Add(m.bytes(), false)
		f.Add([]byte(m.log()), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		in := input(data, text)
		hits, err := Format.Find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off < 0 || h.Len < 0 || h.Off+h.Len > in.Size {
				t.Fatalf("%+v of %d bytes", h, in.Size)
			}
			if c, err := Format.Read(in, h); err == nil {
				for i := range c.Threads {
					c.Threads[i].ID = int32(i + 1)
				}
				if err := c.Write(&bytes.Buffer{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

var update = flag.Bool("update", false, "write testdata anew")

// TestCommitted: the dump in testdata is what the builder makes, so that a
// change of both it and the reader is seen.
func TestCommitted(t *testing.T) {
	m := dumps()["arm-m"]
	if *update {
		if err := os.WriteFile("testdata/arm-m.log", []byte(m.log()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("testdata/arm-m.log")
	if err != nil || string(got) != m.log() {
		t.Errorf("not what the builder makes (go test -update): %v", err)
	}
	compare(t, "committed", readOne(t, got, true), m, true)
}
