package elfcore

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// The judges of what Write writes are the debuggers themselves. A test whose
// tool is not installed is skipped, or fails where CORELIFT_TOOLS=required.

// run runs a tool and returns what it printed on both channels.
func run(t *testing.T, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	path := fixture.Need(t, name)
	var out, errors bytes.Buffer
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr = &out, &errors
	c.Env = append(os.Environ(), "LC_ALL=C")
	if err := c.Run(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errors.String())
	}
	return out.String(), errors.String()
}

// gdb runs commands and returns everything GDB said.
func gdb(t *testing.T, files []string, commands ...string) string {
	t.Helper()
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set pagination off"}
	for _, c := range commands {
		args = append(args, "-ex", c)
	}
	// The exit status is that of the last command.
	out, errors := run(t, "gdb-multiarch", append(append(args, "-ex", "echo \\n"), files...)...)
	return out + errors
}

// calm fails if a debugger's output holds one of the known complaints.
func calm(t *testing.T, out string) {
	t.Helper()
	complaints := []string{"warning:", "internal-error", "requires flen"}
	if text, err := os.ReadFile("../../shared/corpus/gdb-expect/warnings.tsv"); err == nil {
		for line := range strings.Lines(string(text)) {
			if c, _, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(c, "#") {
				complaints = append(complaints, c)
			}
		}
	}
	for _, c := range complaints {
		if strings.Contains(out, c) {
			t.Errorf("%q in:\n%s", c, out)
		}
	}
}

func coreFile(t *testing.T, c *Core) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "crash.core")
	if err := os.WriteFile(name, written(t, c), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// expression is how GDB is asked for a register as one number.
func expression(a *arch.Arch, info arch.RegInfo) string {
	switch {
	case strings.HasPrefix(info.Name, "xmm"):
		return "$" + info.Name + ".uint128"
	case strings.HasPrefix(info.Name, "v") && info.Group == arch.Vector:
		return "$" + info.Name + ".q.u[0]"
	case a.Machine == elf.EM_RISCV && info.Group == arch.Float && info.DWARF >= 0:
		return "$" + info.Name + ".double"
	}
	return "$" + info.Name
}

// checkRegisters compares every register of every thread with what GDB shows,
// except those named, of a core that we wrote.
func checkRegisters(t *testing.T, c *Core, files []string, except ...string) {
	t.Helper()
	out := compareRegisters(t, c, files, except...)
	calm(t, out)
	if signal := "Program terminated with signal SIGILL, Illegal instruction."; !strings.Contains(out, signal) {
		t.Errorf("want %q in:\n%s", signal, out)
	}
}

// compareRegisters does the same for any core, and returns what GDB said.
func compareRegisters(t *testing.T, c *Core, files []string, except ...string) string {
	t.Helper()
	commands := []string{"thread apply all info registers"}
	for i := range c.Threads {
		commands = append(commands, fmt.Sprintf("thread %d", i+1))
		for _, info := range c.Arch.Regs {
			commands = append(commands, fmt.Sprintf(`echo \n@%d.%s=`, c.Threads[i].ID, info.Name), "output/x "+expression(c.Arch, info))
		}
		commands = append(commands, `echo \n`)
	}
	out := gdb(t, files, commands...)
	shown := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^@(\S+)=(\S+)$`).FindAllStringSubmatch(out, -1) {
		shown[m[1]] = m[2]
	}
	compared := 0
	for i := range c.Threads {
		if !strings.Contains(out, fmt.Sprintf("\nThread %d (", c.Threads[i].ID)) {
			t.Errorf("no thread %d in:\n%s", c.Threads[i].ID, out)
		}
		for n, info := range c.Arch.Regs {
			value, state := c.Threads[i].Regs.Bytes(arch.Reg(n))
			if state == Missing || slices.Contains(except, info.Name) {
				continue
			}
			slices.Reverse(value)
			want := "0x" + cmp.Or(strings.TrimLeft(hex.EncodeToString(value), "0"), "0")
			if got := shown[fmt.Sprintf("%d.%s", c.Threads[i].ID, info.Name)]; got != want {
				t.Errorf("thread %d: %s: want %s, GDB shows %q", c.Threads[i].ID, info.Name, want, got)
			}
			compared++
		}
	}
	t.Logf("%d registers compared", compared)
	return out
}

// TestGDB opens a core of every CPU without an ELF.
func TestGDB(t *testing.T) {
	archs(t, func(t *testing.T, a *arch.Arch) {
		if a == arch.Xtensa {
			t.Skip("stock GDB has no Xtensa")
		}
		c := madeUp(a)
		// GDB shows the full tag word, FXSAVE and our register the abridged one.
		checkRegisters(t, c, []string{"-c", coreFile(t, c)}, "ftag")
		out := gdb(t, []string{"-c", coreFile(t, c)}, "x/s 0x20000000", "p/x $_siginfo._sifields._sigfault.si_addr")
		if !strings.Contains(out, "the memory of the crash") {
			t.Errorf("memory:\n%s", out)
		}
		if a.Core.TDescOS != "none" && !strings.Contains(out, "$1 = 0x12345678") {
			t.Errorf("si_addr:\n%s", out)
		}
	})
}

// TestGDBVariants opens cores that depend on more than the CPU.
func TestGDBVariants(t *testing.T) {
	general := func(c *Core, threads ...int) {
		for _, i := range threads {
			for n, info := range c.Arch.Regs {
				if info.Group != arch.General {
					c.Threads[i].Regs.Clear(arch.Reg(n), 0)
				}
			}
		}
	}
	for _, x := range []struct {
		name   string
		a      *arch.Arch
		change func(*Core)
	}{
		{"floats in one thread", arch.CortexM, func(c *Core) { general(c, 1, 2) }},
		{"floats in one thread", arch.ARM, func(c *Core) { general(c, 0, 2) }},
		{"floats in one thread", arch.AArch64, func(c *Core) { general(c, 1, 2) }},
		{"floats in one thread", arch.RV64, func(c *Core) { general(c, 1, 2) }},
		{"floats in one thread", arch.AMD64, func(c *Core) { general(c, 0, 1) }},
		{"floats in one thread", arch.I386, func(c *Core) { general(c, 0, 1) }},
		{"no floats", arch.CortexM, func(c *Core) { general(c, 0, 1, 2) }},
		{"no floats", arch.ARM, func(c *Core) { general(c, 0, 1, 2) }},
		{"no floats", arch.AArch64, func(c *Core) { general(c, 0, 1, 2) }},
		{"no floats", arch.RV32, func(c *Core) { general(c, 0, 1, 2) }},
		{"no floats", arch.AMD64, func(c *Core) { general(c, 0, 1, 2) }},
		{"no floats", arch.I386, func(c *Core) { general(c, 0, 1, 2) }},
		{"big endian", arch.CortexM, func(c *Core) { c.Order = binary.BigEndian }},
		{"double float ABI, no floats", arch.RV64, func(c *Core) {
			general(c, 0, 1, 2)
			c.Flags, c.HasFlags, c.Program.FloatBits = 5, true, 64
		}},
		{"single float ABI, no floats", arch.RV32, func(c *Core) {
			general(c, 0, 1, 2)
			c.Flags, c.HasFlags, c.Program.FloatBits = 3, true, 32
		}},
		{"single float ABI, wide floats", arch.RV32, func(c *Core) {
			c.Flags, c.HasFlags, c.Program.FloatBits = 3, true, 32
		}},
		{"RV32E", arch.RV32, func(c *Core) {
			general(c, 0, 1, 2)
			c.Flags, c.HasFlags = arch.RISCVEFlag, true
			for i := range c.Threads {
				for n, info := range c.Arch.Regs {
					if info.DWARF >= 16 {
						c.Threads[i].Regs.Clear(arch.Reg(n), 0)
					}
				}
			}
		}},
		{"two control registers", arch.RV32, func(c *Core) {
			general(c, 0, 1, 2)
			for i, names := range []string{"mcause mtval", "mcause mtval mstatus", "mtval"} {
				for _, name := range strings.Fields(names) {
					n, _ := c.Arch.Reg(name)
					c.Threads[i].Regs.Set(n, uint64(0x100*i+7), Known, 0)
				}
			}
		}},
	} {
		t.Run(x.a.Name+" "+x.name, func(t *testing.T) {
			c := madeUp(x.a)
			x.change(c)
			except := []string{"ftag"}
			if x.name == "two control registers" {
				// No note for a thread that lacks one of the crashed thread's.
				c.Threads[2].Regs.Clear(must(c.Arch.Reg("mtval")), 0)
				except = append(except, "mstatus")
			}
			checkRegisters(t, c, []string{"-c", coreFile(t, c)}, except...)
		})
	}
}

func must(n arch.Reg, ok bool) arch.Reg {
	if !ok {
		panic("no such register")
	}
	return n
}

// TestGDBSingleFloats: the narrow note is read as such.
func TestGDBSingleFloats(t *testing.T) {
	c := madeUp(arch.RV32)
	c.Flags, c.HasFlags, c.Program.FloatBits = 3, true, 32
	for i := range c.Threads {
		for n, info := range c.Arch.Regs {
			if info.Group == arch.Float {
				c.Threads[i].Regs.Set(arch.Reg(n), uint64(math.Float32bits(float32(100*i+n))), Known, 0)
			}
		}
	}
	out := gdb(t, []string{"-c", coreFile(t, c)}, "thread 3", "p $fa0")
	calm(t, out)
	if want := fmt.Sprintf("$1 = %d", 200+int(must(c.Arch.Reg("fa0")))); !strings.Contains(out, want) {
		t.Errorf("want %s in:\n%s", want, out)
	}
}

// TestGDBWithoutThreads pins that memory is readable in a core that has no
// thread. GDB says truly that there are no registers.
func TestGDBWithoutThreads(t *testing.T) {
	c := madeUp(arch.CortexM)
	c.Threads, c.Crash.Thread = nil, -1
	out := gdb(t, []string{"-c", coreFile(t, c)}, "x/s 0x20000000", "p $pc")
	if !strings.Contains(out, "the memory of the crash") || !strings.Contains(out, "$1 = <unavailable>") {
		t.Error(out)
	}
}

// TestReadelf: the readers of ELF files have nothing to complain about.
func TestReadelf(t *testing.T) {
	archs(t, func(t *testing.T, a *arch.Arch) {
		for name, c := range map[string]*Core{"made up": madeUp(a), "awkward": awkward(a)} {
			core := coreFile(t, c)
			// That is -a but for -u: of any ARM file without section headers,
			// be it a note and nothing else, readelf -u says nothing, exit 1.
			all := strings.Fields("readelf -W -h -l -S -s -r -d -V -A -I -n")
			for _, tool := range [][]string{all, {"eu-readelf", "-a"}, {"llvm-readelf", "-a"}} {
				t.Run(name+" "+tool[0], func(t *testing.T) {
					out, errors := run(t, tool[0], append(tool[1:], core)...)
					if errors != "" || strings.Contains(out, "arning") || strings.Contains(out, "orrupt") {
						t.Errorf("%s%s", out, errors)
					}
				})
			}
		}
	})
	t.Run("70,000 segments", func(t *testing.T) {
		c := New("", arch.CortexM, binary.LittleEndian)
		for i := range 70_000 {
			c.Memory.Add(NewRegion(Addr(i*16), []byte{byte(i)}, PermR, Known, 0))
		}
		out, errors := run(t, "readelf", "-h", coreFile(t, c))
		if errors != "" || !strings.Contains(out, "65535 (70001)") {
			t.Errorf("%s%s", out, errors)
		}
	})
}

// lldb runs commands. Without its Python module it talks of tracebacks, which
// are not about the core.
func lldb(t *testing.T, files string, commands ...string) string {
	t.Helper()
	args := []string{"--no-lldbinit", "--batch", "-o", "target create --core " + files}
	for _, c := range commands {
		args = append(args, "-o", c)
	}
	out, _ := run(t, "lldb", args...)
	return out
}

// lldbNames are registers that LLDB calls otherwise.
var lldbNames = map[string]string{"x29": "fp", "x30": "lr", "eflags": "rflags"}

// TestLLDB compares the general registers of all threads.
func TestLLDB(t *testing.T) {
	for _, a := range []*arch.Arch{arch.CortexM, arch.ARM, arch.AArch64, arch.AMD64, arch.I386} {
		t.Run(a.Name, func(t *testing.T) {
			c := madeUp(a)
			commands := []string{"thread list"}
			for i := range c.Threads {
				commands = append(commands, fmt.Sprintf("thread select %d", i+1), "register read")
			}
			out := lldb(t, coreFile(t, c), commands...)
			parts := strings.Split(out, "(lldb) register read")
			if len(parts) != 4 || strings.Contains(out, "Unsupported OS") {
				t.Fatal(out)
			}
			for i := range c.Threads {
				if line := fmt.Sprintf("thread #%d: tid = %d, ", i+1, i+1); !strings.Contains(parts[0], line) {
					t.Errorf("want %q in:\n%s", line, parts[0])
				}
				shown := map[string]uint64{}
				for _, m := range regexp.MustCompile(`(?m)^ *(\w+) = (0x[0-9a-f]+)`).FindAllStringSubmatch(parts[i+1], -1) {
					shown[m[1]], _ = strconv.ParseUint(m[2], 0, 64)
				}
				for n, info := range a.Regs {
					name := info.Name
					if other := lldbNames[name]; other != "" && (name != "eflags" || a == arch.AMD64) {
						name = other
					}
					if a == arch.CortexM && name == "xpsr" {
						name = "cpsr"
					}
					if _, ok := shown[name]; !ok && strings.HasSuffix(name, "_base") {
						continue // LLDB lists them apart
					}
					if want, _ := c.Threads[i].Regs.Get(arch.Reg(n)); info.Group == arch.General && shown[name] != want {
						t.Errorf("thread %d: %s: want %#x, LLDB shows %#x", i+1, name, want, shown[name])
					}
				}
			}
			if n := strings.Count(parts[0], "stop reason = signal SIGILL"); n < 3 {
				t.Errorf("%d of 3 stop reasons in:\n%s", n, parts[0])
			}
		})
	}
}

// firmware is one of the project's own crash programs with the registers that
// a live debugger saw.
type firmware struct {
	elf     string
	Threads []struct {
		Registers map[string]string
		Frames    []struct{ Function string }
	}
}

var firmwareArchs = map[string]*arch.Arch{
	"cortex-m3": arch.CortexM, "cortex-m33f": arch.CortexM, "cortex-a": arch.ARM, "aarch64": arch.AArch64,
	"rv32": arch.RV32, "rv32e": arch.RV32, "rv64": arch.RV64, "i386": arch.I386, "x86_64": arch.AMD64,
}

// crashOf makes a core of a program's registers and code, without any RAM.
func crashOf(t *testing.T, name, scenario string) (*Core, firmware) {
	t.Helper()
	dir := "../testdata/firmware/" + name + "/"
	text, err := os.ReadFile(dir + scenario + ".json")
	if err != nil {
		t.Skip(err)
	}
	f := firmware{elf: dir + "fw.elf"}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	program, err := elf.Open(f.elf)
	if err != nil {
		t.Skip(err)
	}
	defer program.Close()
	raw, err := os.ReadFile(f.elf)
	if err != nil {
		t.Fatal(err)
	}
	a := firmwareArchs[name]
	c := New("made-up", a, program.ByteOrder)
	// e_flags follows three addresses and eight bytes of other fields.
	c.Flags, c.HasFlags = program.ByteOrder.Uint32(raw[elf.EI_NIDENT+8+3*a.PtrSize():]), true
	c.Program = Identity{File: "fw.elf", Entry: Addr(program.Entry), HasEntry: true}
	for i, thread := range f.Threads {
		c.Threads = append(c.Threads, Thread{ID: int32(i + 1), Regs: NewRegisters(a)})
		for name, text := range thread.Registers {
			if n, ok := a.Reg(name); ok {
				v, err := strconv.ParseUint(text, 0, 64)
				if err != nil {
					t.Fatal(err)
				}
				c.Threads[i].Regs.Set(n, v, Known, 0)
			}
		}
	}
	c.Crash.Thread = 0
	for _, s := range program.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_WRITE != 0 || s.Type != elf.SHT_PROGBITS {
			continue
		}
		data, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		c.Memory.Add(NewRegion(Addr(s.Addr), data, PermR|PermX, Recovered, 0))
	}
	return c, f
}

// TestProgram opens cores together with their ELF: symbols, no warning.
func TestProgram(t *testing.T) {
	for name, a := range firmwareArchs {
		t.Run(name, func(t *testing.T) {
			c, f := crashOf(t, name, "undef")
			core := coreFile(t, c)
			out := gdb(t, []string{f.elf, core}, "thread apply all frame function blow_up", "thread apply all info symbol $pc")
			calm(t, out)
			if !strings.Contains(out, "Core was generated by `fw.elf'.") || !strings.Contains(out, "blow_up") {
				t.Error(out)
			}
			if a.Core.OSABI == elf.ELFOSABI_LINUX {
				out := lldb(t, core+" "+f.elf, "bt 1")
				if !strings.Contains(out, "fw.elf`blow_up") {
					t.Error(out) // AT_ENTRY is what lines the symbols up
				}
			}
		})
	}
}

// TestProgramNames shows what the rules on names and build-ids are for.
func TestProgramNames(t *testing.T) {
	const warning = "core file may not match specified executable file"
	c, f := crashOf(t, "cortex-m3", "undef")
	text, err := os.ReadFile(f.elf)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		file, say string
		warns     bool
	}{
		{"fw.elf", "fw.elf", false},
		{"fw.elf", "other.elf", true},
		{"sixteen-bytes.el", "sixteen-bytes.el", false},
		{"a-name-of-some-length.elf", "a-name-of-some-length.elf", false},
	} {
		elf := filepath.Join(t.TempDir(), x.file)
		if err := os.WriteFile(elf, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Program.File = x.say
		out := gdb(t, []string{elf, coreFile(t, c)}, "p 1")
		if strings.Contains(out, warning) != x.warns {
			t.Errorf("%+v:\n%s", x, out)
		}
		if !x.warns {
			calm(t, out)
		}
	}
}

// TestBuildID: an equal build-id makes a long name match.
func TestBuildID(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "p.c"), filepath.Join(dir, "a-name-of-some-length.elf")
	if err := os.WriteFile(source, []byte("void _start(void) { for (;;) ; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-g", "-nostdlib", "-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567", "-o", program, source)
	c := madeUp(arch.CortexM)
	c.Program = Identity{File: filepath.Base(program), BuildID: "0123456789abcdef0123456789abcdef01234567"}
	out := gdb(t, []string{program, coreFile(t, c)}, "p 1")
	calm(t, out)
	if !strings.Contains(out, "Core was generated by `"+c.Program.File+"'.") {
		t.Error(out)
	}
}

// TestHideInitial: a variable that is not in the core must not show the value
// that its program starts with.
func TestHideInitial(t *testing.T) {
	for _, name := range []string{"cortex-m3", "cortex-a", "aarch64", "i386", "x86_64"} {
		t.Run(name, func(t *testing.T) {
			c, f := crashOf(t, name, "undef")
			if out := gdb(t, []string{f.elf, coreFile(t, c)}, "p g_counter"); !strings.Contains(out, "$1 = 1000") {
				t.Errorf("without the note:\n%s", out)
			}
			c.Program.HideInitial = true
			core := coreFile(t, c)
			out := gdb(t, []string{f.elf, core}, "p g_counter", "p g_config.port", fmt.Sprintf("x/xb %#x", c.Arch.Absent))
			if !strings.Contains(out, "$1 = 17777") || strings.Count(out, "Cannot access memory") != 2 {
				t.Errorf("with the note:\n%s", out)
			}
			calm(t, out)
			if out := lldb(t, core+" "+f.elf, "bt 1"); !strings.Contains(out, "fw.elf`blow_up") {
				t.Errorf("LLDB with the note:\n%s", out)
			}
		})
	}
}

// TestNullCall: GDB unwinds a call through NULL by the link register if it
// can't read the four bytes at the pc. On a Cortex-M with its vector table at
// 0 it can, takes the table for the function, and stops.
func TestNullCall(t *testing.T) {
	for name, a := range firmwareArchs {
		if a.LR == arch.NoReg || name == "rv32e" {
			continue // the return address is on the stack
		}
		t.Run(name, func(t *testing.T) {
			c, f := crashOf(t, name, "null")
			const frame1 = "in blow_up ("
			if name != "cortex-m3" {
				if out := gdb(t, []string{f.elf, coreFile(t, c)}, "bt 2"); !strings.Contains(out, frame1) {
					t.Error(out)
				}
				return
			}
			c.Program.HideInitial = true
			if out := gdb(t, []string{f.elf, coreFile(t, c)}, "bt 2"); strings.Contains(out, frame1) {
				t.Errorf("no longer needed:\n%s", out)
			}
			table, _ := c.Memory.At(0)
			var without Memory
			for r := range c.Memory.All() {
				if r.Addr == table.Addr {
					r = table.Part(Range{4, table.Size - 4})
				}
				without.Add(r)
			}
			c.Memory = without
			out := gdb(t, []string{f.elf, coreFile(t, c)}, "bt 2")
			calm(t, out)
			if !strings.Contains(out, frame1) {
				t.Error(out)
			}
		})
	}
}
