package verify_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
	"corelift/internal/verify"
)

const sources = "../../testdata/cores"

// compiled builds a program of testdata/cores.
func compiled(t *testing.T, source, compiler string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	args := append(flags, filepath.Join(sources, source), "-o", program)
	if out, err := exec.Command(fixture.Need(t, compiler), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// judge checks a file of the disk.
func judge(t *testing.T, core, program string) []verify.Finding {
	t.Helper()
	file, err := os.Open(core)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	o := verify.Options{Modified: info.ModTime()}
	if program != "" {
		if o.Program, err = firmware.OpenPlaced(firmware.Place{Path: program}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Program.Close() })
	}
	f, err := verify.Open(file, info.Size(), o)
	if err != nil {
		t.Fatal(err)
	}
	return f.Check()
}

// only fails unless the findings are of these rules.
func only(t *testing.T, list []verify.Finding, rules ...string) {
	t.Helper()
	var got []string
	for _, f := range list {
		got = append(got, f.ID)
	}
	if strings.Join(got, " ") != strings.Join(rules, " ") {
		t.Errorf("%v, want %v", got, rules)
		for _, f := range list {
			t.Logf("%s: %s, expected %s", f.ID, f.Found, f.Expected)
		}
	}
}

// TestProcesses: what kernels and GDB write of a process is in order.
func TestProcesses(t *testing.T) {
	for name, flags := range map[string][]string{
		"position independent": {"-g", "-O1", "-pthread"}, "static": {"-g", "-O1", "-pthread", "-static"}, "no build-id": {"-g", "-O1", "-pthread", "-Wl,--build-id=none"},
	} {
		t.Run(name, func(t *testing.T) {
			program := compiled(t, "process.c", "gcc", flags...)
			core := fixture.Crash(t, program, "read", "5")
			only(t, judge(t, core, ""))
			only(t, judge(t, core, program))
			if out := gdb(t, program, core, "bt 1"); complaints.MatchString(out) {
				t.Error(out)
			}
		})
	}
	t.Run("by GDB", func(t *testing.T) {
		program := compiled(t, "process.c", "gcc", "-g", "-O1", "-pthread")
		core := filepath.Join(t.TempDir(), "gdb.core")
		out := output(t, exec.Command(fixture.Need(t, "gdb"), "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "run read 2", "-ex", "generate-core-file "+core, program))
		if _, err := os.Stat(core); err != nil {
			fixture.Lacking(t, "GDB can't run programs here: %s", out)
		}
		only(t, judge(t, core, program))
	})
	t.Run("500 threads", func(t *testing.T) {
		program := compiled(t, "process.c", "gcc", "-g", "-O1", "-pthread")
		only(t, judge(t, fixture.Crash(t, program, "read", "499"), program))
	})
}

// TestOtherCPUs: QEMU's cores open in GDB; LLDB does not know their system.
// Repaired it does.
func TestOtherCPUs(t *testing.T) {
	for _, x := range []struct{ target, runner string }{
		{"arm-linux-gnueabihf", "qemu-arm"}, {"aarch64-linux-gnu", "qemu-aarch64"}, {"i386-linux-gnu", "qemu-i386"}, {"i386-linux-gnu", ""},
	} {
		t.Run(x.target+" "+x.runner, func(t *testing.T) {
			program := compiled(t, "freestanding.c", "clang", "--target="+x.target, "-g", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-Wl,--build-id")
			if x.runner == "" {
				only(t, judge(t, fixture.Crash(t, program), program))
				return
			}
			core := fixture.Crash(t, x.runner, program)
			only(t, judge(t, core, program), "elf.os-lldb")
			if out := lldb(t, program, core, ""); !strings.Contains(out, "Unsupported OS") {
				t.Error(out)
			}
			content, err := os.ReadFile(core)
			if err != nil {
				t.Fatal(err)
			}
			f := opened(t, content, program)
			f.Fix()
			fixed := file(t, t.TempDir(), "fixed.core", rewritten(t, f))
			if out := lldb(t, program, fixed, ""); !strings.Contains(out, "`_start at") || strings.Contains(out, "error:") {
				t.Error(out)
			}
			compare(t, registersIn(gdb(t, program, core, allRegisters)), registersIn(gdb(t, program, fixed, allRegisters)), false)
		})
	}
}

// made is a crash of three threads in which every register has a value.
func made(a *arch.Arch, order binary.ByteOrder, floats bool) *elfcore.Core {
	c := elfcore.New("made-up", a, order)
	for t := range 3 {
		thread := elfcore.Thread{ID: int32(t + 1), Regs: elfcore.NewRegisters(a)}
		for i, info := range a.Regs {
			if info.Group == arch.General || floats && info.Group != arch.Control || info.Group == arch.Control && a.Core.CSR {
				thread.Regs.Set(arch.Reg(i), uint64(0x1000*(t+1)+2*i), elfcore.Known, 0)
			}
		}
		c.Threads = append(c.Threads, thread)
	}
	c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultIllegal, State: elfcore.Known}
	c.Memory.Add(elfcore.NewRegion(0x20000000, []byte("the memory of the crash"), elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	return c
}

func written(t testing.TB, c *elfcore.Core) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOwnCores: what elfcore's writer writes passes, whatever the CPU, and Fix
// leaves it as it is, byte for byte.
func TestOwnCores(t *testing.T) {
	for _, a := range arch.All() {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, floats := range []bool{false, true} {
				core := written(t, made(a, order, floats))
				f := opened(t, core, "")
				if a == arch.Xtensa {
					only(t, f.Check(), "elf.xtensa")
				} else {
					only(t, f.Check())
				}
				if changes := f.Fix(); len(changes) > 0 {
					t.Errorf("%s: %+v", a.Name, changes)
				}
				if !bytes.Equal(rewritten(t, f), core) {
					t.Errorf("%s, %v: rewritten differently", a.Name, order)
				}
			}
		}
	}
}

// TestBigEndian repairs a core of another byte order.
func TestBigEndian(t *testing.T) {
	core := edit(t, written(t, made(arch.CortexM, binary.BigEndian, true)))
	core.note(1, 2).desc[cursig+1] = 11
	copy(core.note(1, 1).desc[id32:], []byte{0, 0, 0, 1})
	core.align = 8
	f := opened(t, core.bytes(), "")
	only(t, f.Check(), "notes.align", "threads.id", "threads.signal")
	f.Fix()
	fixed := rewritten(t, f)
	only(t, opened(t, fixed, "").Check())
	out := gdb(t, "", file(t, t.TempDir(), "fixed.core", fixed), "info threads")
	if complaints.MatchString(out) || !strings.Contains(out, "LWP 2") || !strings.Contains(out, "SIGILL") {
		t.Error(out)
	}
}

// TestXtensa: stock debuggers have no Xtensa.
func TestXtensa(t *testing.T) {
	core := written(t, made(arch.Xtensa, binary.LittleEndian, false))
	if list := opened(t, core, "").Check(); len(list) != 1 || list[0].Severity != verify.Remark || verify.Bad(list) {
		t.Errorf("%+v", list)
	}
	if out := gdb(t, "", file(t, t.TempDir(), "x.core", core), "p $pc"); !regexpAny(out, noRegisters, notSupported, notRecognised) {
		t.Error(out)
	}
}

func regexpAny(out string, list ...string) bool {
	for _, text := range list {
		if strings.Contains(out, text) {
			return true
		}
	}
	return false
}

// TestFreeBSD: a core of FreeBSD is in order, but Debian's GDB has no handler.
func TestFreeBSD(t *testing.T) {
	const core = "../../elfcore/testdata/freebsd-amd64.core"
	list := judge(t, core, "")
	only(t, list, "elf.freebsd")
	if verify.Bad(list) {
		t.Error("more than a remark")
	}
	if out := gdb(t, "", core, "p $pc"); !strings.Contains(out, `OS ABI "FreeBSD" is not built into`) {
		t.Error(out)
	}
	content, err := os.ReadFile(core)
	if err != nil {
		t.Fatal(err)
	}
	// The rules on threads hold there too, by FreeBSD's layout.
	c := edit(t, content)
	c.note(1, 1).desc[36] ^= 1
	copy(c.note(1, 1).desc[40:44], c.note(1, 0).desc[40:44])
	only(t, opened(t, c.bytes(), "").Check(), "elf.freebsd", "threads.id", "threads.signal")
}

// TestProgram: rules about core and program together.
func TestProgram(t *testing.T) {
	t.Run("another CPU", func(t *testing.T) {
		core := base(t, m3, "undef")
		list := opened(t, core, elfOf(a64)).Check()
		only(t, list, "program.machine") // and nothing about memory, which is another program's
		if out := gdb(t, elfOf(a64), file(t, t.TempDir(), "x.core", core), "bt 1"); !strings.Contains(out, mayNotMatch) {
			t.Error(out)
		}
	})
	t.Run("newer", func(t *testing.T) {
		core := file(t, t.TempDir(), "x.core", base(t, m3, "undef"))
		old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		if err := os.Chtimes(core, old, old); err != nil {
			t.Fatal(err)
		}
		only(t, judge(t, core, elfOf(m3)), "program.newer")
		if out := gdb(t, elfOf(m3), core, "bt 1"); !strings.Contains(out, "exec file is newer than core file") {
			t.Error(out)
		}
	})
	// Names of more than 16 bytes never match, build-ids do.
	source := file(t, t.TempDir(), "p.c", []byte("void _start(void) { for (;;) ; }"))
	program := filepath.Join(t.TempDir(), "a-name-of-some-length.elf")
	const id = "0123456789abcdef0123456789abcdef01234567"
	if out, err := exec.Command(fixture.Need(t, "arm-none-eabi-gcc"), "-mcpu=cortex-m3", "-mthumb", "-g", "-nostdlib", "-Wl,--build-id=0x"+id, "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	set, err := firmware.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	c := made(arch.CortexM, binary.LittleEndian, false)
	c.Flags, c.HasFlags = set.Images()[0].Flags, true
	c.Memory.Add(elfcore.NewRegion(0x9000, make([]byte, 256), elfcore.PermR|elfcore.PermW, elfcore.Known, 0)) // the program's RAM
	c.Program = elfcore.Identity{File: "short.elf", Entry: elfcore.Addr(set.Images()[0].Entry), HasEntry: true}
	t.Run("long name", func(t *testing.T) {
		core := written(t, c)
		f := opened(t, core, program)
		only(t, f.Check(), "name.program")
		if out := gdb(t, program, file(t, t.TempDir(), "x.core", core), "p 1"); !strings.Contains(out, mayNotMatch) {
			t.Error(out)
		}
		f.Fix()
		fixed := rewritten(t, f)
		only(t, opened(t, fixed, program).Check())
		if out := gdb(t, program, file(t, t.TempDir(), "y.core", fixed), "p 1"); complaints.MatchString(out) {
			t.Error(out)
		}
	})
	t.Run("build-id", func(t *testing.T) {
		c.Program.File, c.Program.BuildID = filepath.Base(program), strings.Repeat("77", 20)
		list := opened(t, written(t, c), program).Check()
		only(t, list, "name.program", "program.build-id")
		for _, x := range list {
			if x.Fixable {
				t.Error("the core says that it is of another program")
			}
		}
	})
}

// TestLostCount: a cut core of 70,000 segments has lost the section header that
// counts them, which Linux writes behind all memory.
func TestLostCount(t *testing.T) {
	c := edit(t, written(t, made(arch.AMD64, binary.LittleEndian, false)))
	c.many = true
	for i := range 70_000 {
		c.loads = append(c.loads, load{elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 0x60000000 + 16*uint64(i), Filesz: 1, Memsz: 1}, []byte{byte(i)}})
	}
	c.head.Shoff = uint64(len(c.bytes()))
	cut := c.bytes()
	section := make([]byte, 64)
	binary.LittleEndian.PutUint32(section[44:], uint32(len(c.loads)+1))
	whole := append(bytes.Clone(cut), section...)
	only(t, opened(t, whole, "").Check())
	f := opened(t, cut, "")
	only(t, f.Check(), "elf.segments")
	f.Fix()
	fixed := rewritten(t, f)
	only(t, opened(t, fixed, "").Check())
	if out := gdb(t, "", file(t, t.TempDir(), "x.core", fixed), "x/bx 0x601116f0"); !strings.Contains(out, "0x601116f0:\t0x6f") {
		t.Error(out)
	}
	// With notes elsewhere nothing tells how many there are.
	c.tail = "\x00"
	moved := c.bytes()
	binary.LittleEndian.PutUint64(moved[64+8:], binary.LittleEndian.Uint64(moved[64+8:])+4)
	if list := opened(t, moved, "").Check(); len(list) == 0 || list[0].ID != "elf.segments" || !strings.Contains(list[0].Found, "lost") {
		t.Errorf("%+v", list)
	}
}

// TestNotCores: what is no core file is an error, not a finding.
func TestNotCores(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "text": "hello, this is a text", "magic": "\x7fELF", "class": "\x7fELF\x07\x01\x01" + strings.Repeat("\x00", 60), "order": "\x7fELF\x01\x07\x01" + strings.Repeat("\x00", 60)} {
		_, err := verify.Open(strings.NewReader(content), int64(len(content)), verify.Options{})
		if !errors.As(err, new(*verify.NotCoreError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	program, err := os.ReadFile(elfOf(m3))
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify.Open(bytes.NewReader(program), int64(len(program)), verify.Options{})
	if !errors.As(err, new(*verify.NotCoreError)) {
		t.Error(err)
	}
}

// TestReopens: a repaired core of ours is still read as ours.
func TestReopens(t *testing.T) {
	core := edit(t, base(t, m33f, "undef"))
	core.align = 8
	core.add("vendor", 1, bytes.Clone(core.note(1, 0).desc))
	f := opened(t, core.bytes(), elfOf(m33f))
	only(t, f.Check(), "notes.align", "notes.private")
	f.Fix()
	fixed := rewritten(t, f)
	file, err := elfcore.Open(bytes.NewReader(fixed), int64(len(fixed)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := file.Core(context.Background())
	if err != nil || len(c.Threads) != 5 || c.Threads[1].Name.Value == "" {
		t.Errorf("%v %+v", err, c)
	}
}

// TestHostile: files of 1 MiB that are full of the same take no time and little
// memory, and what can be repaired in them is.
func TestHostile(t *testing.T) {
	core := edit(t, written(t, made(arch.CortexM, binary.LittleEndian, true)))
	description := core.note(0xff000000, 0).desc
	for name, n := range map[string]noted{
		"empty notes": {"x", 1, nil}, "threads": {"CORE", 1, nil}, "threads of one id": *core.note(1, 0), "floats": {"LINUX", 0x400, nil},
		"private": {"x", 2, nil}, "names": {"CORE", 3, nil}, "descriptions": {"GDB", 0xff000000, []byte("<")}, "long descriptions": {"GDB", 0xff000000, bytes.Repeat(description, 60)},
		"files": {"CORE", 0x46494c45, core.files(strings.Split(strings.Repeat("a ", 1000), " ")...)}, "kinds": {"LINUX", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := *core
			c.notes = []noted{}
			for size := 0; size < 1<<20; size += 12 + len(n.owner) + len(n.desc) {
				if name == "kinds" {
					n.typ++
				}
				c.notes = append(c.notes, n)
			}
			c.notes = append(c.notes, core.notes...)
			hostile := c.bytes()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			f := opened(t, hostile, "")
			list := f.Check()
			f.Fix()
			if err := f.Write(io.Discard); err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d > 20*time.Second { // what grows with the square takes minutes
				t.Errorf("%v", d)
			}
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MiB allocated, %d findings", time.Since(start).Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20, len(list))
			if len(list) > 600 {
				t.Errorf("%d findings", len(list))
			}
		})
	}
}
