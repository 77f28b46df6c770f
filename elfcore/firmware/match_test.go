package firmware

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// fixtures is the directory of the project's own crash programs.
const fixtures = "../../testdata/firmware"

// truth is the part of a fixture's JSON that a debugger saw.
type truth struct {
	Threads []struct {
		Name, Control string
		Current       bool
		Kind          string
		Entry         *string
		Registers     map[string]string
	}
}

// dump builds a Core from a fixture: registers and threads from the debugger's
// truth, memory from the console log. With all unset it is what Zephyr's
// smallest dump has: the crashed thread, its structure and its stack.
func dump(t testing.TB, cpu, scenario string, all bool) *elfcore.Core {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(fixtures, cpu, scenario+".json"))
	if err != nil {
		t.Skip(err)
	}
	var want truth
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	program := open(t, filepath.Join(fixtures, cpu, "fw.elf"))
	a := program.Arch()
	c := elfcore.New("test", a, binary.LittleEndian)
	for _, th := range want.Threads {
		if !all && !th.Current {
			continue
		}
		r := elfcore.NewRegisters(a)
		for name, text := range th.Registers {
			if n, ok := a.Reg(name); ok {
				if v, err := strconv.ParseUint(text, 0, 64); err == nil {
					r.Set(n, v, elfcore.Known, 0)
				}
			}
		}
		thread := elfcore.Thread{Regs: r, Name: elfcore.Fact[string]{Value: th.Name, State: elfcore.Known}}
		if v, err := strconv.ParseUint(th.Control, 0, 64); err == nil {
			thread.Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: elfcore.Known}
		}
		if th.Entry != nil {
			if f, ok := program.Symbol(*th.Entry); ok {
				thread.Entry = elfcore.Fact[elfcore.Addr]{Value: f.Addr, State: elfcore.Known}
			}
		}
		if th.Current {
			c.Crash.Thread = len(c.Threads)
		}
		c.Threads = append(c.Threads, thread)
	}
	blocks := memoryBlocks(t, filepath.Join(fixtures, cpu, scenario+".log"), a)
	if !all {
		blocks = blocks[:2]
	}
	for _, b := range blocks {
		c.Memory.Add(b)
	}
	return c
}

// memoryBlocks reads the 'M' blocks of a Zephyr console dump.
func memoryBlocks(t testing.TB, path string, a *arch.Arch) (list []elfcore.Region) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var stream []byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if _, text, ok := strings.Cut(lines.Text(), "#CD:"); ok {
			if b, err := hex.DecodeString(strings.TrimSpace(text)); err == nil {
				stream = append(stream, b...)
			}
		}
	}
	c := cursor{b: stream, off: 12} // after the file header
	for c.more() {
		switch kind := c.uint(1); kind {
		case 'M':
			c.uint(2)
			from, to := c.uint(a.PtrSize()), c.uint(a.PtrSize())
			list = append(list, elfcore.NewRegion(elfcore.Addr(from), c.take(to-from), elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
		case 'A', 'T':
			c.uint(2)
			c.take(c.uint(2))
		default:
			t.Fatalf("%s: block of kind %#x", path, kind)
		}
	}
	return list
}

func open(t testing.TB, paths ...string) *Set {
	t.Helper()
	s, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestMatchFixtures(t *testing.T) {
	logs, _ := filepath.Glob(filepath.Join(fixtures, "*", "*.log"))
	if len(logs) == 0 {
		t.Fatal("no fixtures in " + fixtures)
	}
	for _, log := range logs {
		cpu, scenario := filepath.Base(filepath.Dir(log)), strings.TrimSuffix(filepath.Base(log), ".log")
		elves, _ := filepath.Glob(filepath.Join(fixtures, cpu, "*.elf"))
		for _, path := range elves {
			for _, all := range []bool{true, false} {
				name := strings.Join([]string{cpu, scenario, filepath.Base(path), map[bool]string{true: "all", false: "min"}[all]}, "/")
				t.Run(name, func(t *testing.T) {
					m := open(t, path).Match(dump(t, cpu, scenario, all))
					right := filepath.Base(path) == "fw.elf"
					if right && scenario == "isr" && !all && m.Verdict == Unproven {
						return // the interrupt's stack is not in the smallest dump
					}
					t.Log(m.Verdict, m.Score, "\n", strings.Join(m.Reasons, "\n "))
					if right && m.Verdict < Compatible || !right && m.Verdict >= Compatible {
						t.Errorf("%v (%d)", m.Verdict, m.Score)
					}
				})
			}
		}
	}
}

// TestMatchEdges changes one thing of a dump that fits.
func TestMatchEdges(t *testing.T) {
	firmware := filepath.Join(fixtures, "cortex-m3", "fw.elf")
	if _, err := os.Stat(firmware); err != nil {
		t.Skip(err)
	}
	s := open(t, firmware)
	rodata := s.ReadOnly()[2]
	constant := make([]byte, 64)
	if err := s.ReadConst(constant, rodata.Addr); err != nil {
		t.Fatal(err)
	}
	known := func(c *elfcore.Core, role arch.Reg, v uint64) { c.Crashed().Regs.Set(role, v, elfcore.Known, 0) }
	blowUp, _ := s.Symbol("blow_up")
	for _, c := range []struct {
		name   string
		edit   func(c *elfcore.Core)
		want   Verdict
		reason string
	}{
		{"nothing", func(*elfcore.Core) {}, Compatible, "threads begin at functions"},
		// GCC computes with lr: a stray code address in it proves nothing.
		{"clobbered lr", func(c *elfcore.Core) { known(c, s.Arch().LR, uint64(blowUp.Addr)+5) }, Unproven, "are not a call"},
		{"lr that is no code", func(c *elfcore.Core) { known(c, s.Arch().LR, 0xfffffff9) }, Compatible, ""},
		{"lr at the beginning of a function", func(c *elfcore.Core) { known(c, s.Arch().LR, uint64(blowUp.Addr)+1) }, Compatible, ""},
		{"no registers", func(c *elfcore.Core) { c.Crashed().Regs = elfcore.Registers{} }, Unproven, ""},
		{"suspect registers", func(c *elfcore.Core) {
			pc, _ := c.Crashed().Regs.PC()
			c.Crashed().Regs.Set(s.Arch().PC, pc, elfcore.Suspect, 0)
		}, Unproven, ""},
		{"a rival reading that fits", func(c *elfcore.Core) {
			c.Crashed().Alternatives = []elfcore.Registers{c.Crashed().Regs.Clone()}
			known(c, s.Arch().LR, uint64(blowUp.Addr)+5)
		}, Compatible, ""},
		{"constants that are equal", func(c *elfcore.Core) {
			c.Memory.Add(elfcore.NewRegion(rodata.Addr, constant, 4, elfcore.Known, 0))
		}, Compatible, "read-only data in the dump are those"},
		{"one byte of a constant", func(c *elfcore.Core) {
			other := append([]byte(nil), constant...)
			other[9] ^= 4
			c.Memory.Add(elfcore.NewRegion(rodata.Addr, other, 4, elfcore.Known, 0))
		}, Different, "read-only memory at " + (rodata.Addr + 9).String()},
		{"another constant, but suspect", func(c *elfcore.Core) {
			c.Memory.Add(elfcore.NewRegion(rodata.Addr, make([]byte, 64), 4, elfcore.Suspect, 0))
		}, Compatible, ""},
		{"an entry inside a function", func(c *elfcore.Core) { c.Crashed().Entry.Value += 4 }, Different, "bytes into"},
		{"a thread between variables", func(c *elfcore.Core) { c.Crashed().Control.Value += 8 }, Unproven, "end beyond it"},
		{"another CPU", func(c *elfcore.Core) { c.Arch = arch.ARM }, Different, "of kind arm,"},
		{"another byte order", func(c *elfcore.Core) { c.Order = binary.BigEndian }, Different, "byte order"},
		{"a SHA-256", func(c *elfcore.Core) { c.Program.SHA256Prefix = strings.ToUpper(s.images[0].sha256()[:9]) }, Same, "SHA-256"},
		{"another SHA-256", func(c *elfcore.Core) { c.Program.SHA256Prefix = "123456789" }, Different, "SHA-256"},
		{"too little of a SHA-256", func(c *elfcore.Core) { c.Program.SHA256Prefix = "12345" }, Compatible, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := dump(t, "cortex-m3", "undef", false)
			c.edit(core)
			m := s.Match(core)
			if m.Verdict != c.want || !strings.Contains(strings.Join(m.Reasons, "\n"), c.reason) {
				t.Errorf("%v, want %v because %q:\n%s", m.Verdict, c.want, c.reason, strings.Join(m.Reasons, "\n"))
			}
			again := dump(t, "cortex-m3", "undef", false)
			c.edit(again)
			if !reflect.DeepEqual(core, again) {
				t.Error("the Core was changed")
			}
		})
	}
}

func TestMatchIdentity(t *testing.T) {
	s := open(t, "testdata/cortex-m4-o2.elf")
	for id, want := range map[string]Verdict{"": Unproven, strings.ToUpper(s.Images()[0].BuildID): Same, strings.Repeat("0", 40): Different} {
		c := elfcore.New("test", arch.CortexM, binary.LittleEndian)
		c.Program.BuildID = id
		if m := s.Match(c); m.Verdict != want || len(m.Reasons) == 0 {
			t.Errorf("%q: %v %v", id, m.Verdict, m.Reasons)
		}
	}
}

// TestMatchESP: the dump of the corpus names its program by nine digits.
func TestMatchESP(t *testing.T) {
	path := "../../../shared/corpus/esp/esp32c3/esp32c3.elf"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	c := elfcore.New("test", arch.RV32, binary.LittleEndian)
	c.Program.SHA256Prefix = "7d946a8e8"
	if m := open(t, path).Match(c); m.Verdict != Same || m.Score != 100 {
		t.Error(m)
	}
}

func TestVerdictText(t *testing.T) {
	if Different.String() != "different" || Same.String() != "same" || Verdict(9).String() != "Verdict(9)" {
		t.Error(Different, Same, Verdict(9))
	}
}

func BenchmarkMatch(b *testing.B) {
	c := dump(b, "cortex-m3", "undef", true)
	path := filepath.Join(fixtures, "cortex-m3", "fw.elf")
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Skip(err)
		}
		s.Match(c)
		s.Close()
	}
}
