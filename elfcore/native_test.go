package elfcore

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// These tests crash real programs and compare what is read of their cores with
// GDB.

// built compiles a program of testdata/cores and returns its path.
func built(t *testing.T, source, compiler string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	run(t, compiler, append(flags, filepath.Join("../testdata/cores", source), "-o", program)...)
	if t.Failed() {
		t.FailNow()
	}
	return program
}

// readProcess reads a core file.
func readProcess(t *testing.T, name string) (*File, *Core) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c.Format != FormatLinux || len(c.Diagnostics) != 0 {
		t.Errorf("%s, %v", c.Format, c.Diagnostics)
	}
	return f, c
}

// compareMemory compares 64 bytes at the stack pointer and at the program's
// marker with GDB.
func compareMemory(t *testing.T, c *Core, program, core string) {
	t.Helper()
	at, _ := c.Threads[0].Regs.SP()
	want := filepath.Join(t.TempDir(), "stack")
	out := gdb(t, []string{program, core}, "dump binary memory "+want+" $sp $sp+64", "p &marker")
	p := make([]byte, 64)
	if _, err := c.Memory.Read(p, Addr(at)); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(want); err != nil || !bytes.Equal(b, p) {
		t.Errorf("stack: %x, GDB shows %x (%v)", p, b, err)
	}
	_, text, _ := strings.Cut(out, "$1 = (char (*)[18]) ")
	text, _, _ = strings.Cut(text, " ")
	var a Addr
	if err := a.UnmarshalText([]byte(text)); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if _, err := c.Memory.Read(p[:18], a); err != nil || string(p[:18]) != "a marker in .data\x00" {
		t.Errorf("%q %v", p[:18], err)
	}
}

// TestKernelCores reads what this machine's kernel writes.
func TestKernelCores(t *testing.T) {
	program := built(t, "process.c", "gcc", "-g", "-O1", "-pthread")
	out, _ := run(t, "readelf", "-n", program)
	_, id, _ := strings.Cut(out, "Build ID: ")
	id, _, _ = strings.Cut(id, "\n")
	for _, x := range []struct {
		how, threads, message string
		fault                 arch.Fault
		addr                  Addr
	}{
		{"read", "3", "SIGSEGV, SEGV_MAPERR: nothing is mapped at the address", arch.FaultAccess, 0x1234},
		{"write", "0", "SIGSEGV, SEGV_ACCERR: access not permitted by the mapping", arch.FaultAccess, 1},
		{"call", "0", "SIGSEGV, SEGV_MAPERR: nothing is mapped at the address", arch.FaultInstruction, 0},
		{"noncanonical", "0", "SIGSEGV, SI_KERNEL: sent by the kernel", arch.FaultAccess, 0},
		{"divide", "0", "SIGFPE, FPE_INTDIV: integer division by zero", arch.FaultDivide, 0},
		{"illegal", "1", "SIGILL, ILL_ILLOPN: illegal operand", arch.FaultIllegal, 0},
		{"abort", "0", "SIGABRT, SI_TKILL: sent by tkill or raise", arch.FaultAbort, 0},
		{"sent", "0", "SIGSEGV, SI_TKILL: sent by tkill or raise", arch.FaultUnknown, 0},
		{"sys", "0", "SIGSYS, SI_USER: sent by kill", arch.FaultUnknown, 0},
	} {
		t.Run(x.how, func(t *testing.T) {
			core := fixture.Crash(t, program, x.how, x.threads)
			f, c := readProcess(t, core)
			if c.Arch != arch.AMD64 {
				t.Skip("expectations are those of x86-64")
			}
			if c.Crash.Message.Value != x.message || c.Crash.Fault.Value != x.fault || x.addr > 1 && c.Crash.Addr.Value != x.addr ||
				(x.addr > 0 || x.how == "call") != (c.Crash.Addr.State == Known) {
				t.Errorf("%+v", c.Crash)
			}
			if c.Program.File != "program" || c.Program.BuildID != id {
				t.Errorf("%+v, build-id %s", c.Program, id)
			}
			if c.Facts["process.arguments"].Value != program+" "+x.how+" "+x.threads && len(program) < 60 {
				t.Error(c.Facts)
			}
			compareRegisters(t, c, []string{program, core}, "ftag")
			compareMemory(t, c, program, core)
			list, err := f.Mappings()
			if i := slices.IndexFunc(list, func(m Mapping) bool { return m.File == program && m.Off == 0 }); i < 0 || err != nil {
				t.Errorf("%v %v", list, err)
			}
		})
	}
}

// TestManyThreads: every one of 500 is there, with registers of its own.
func TestManyThreads(t *testing.T) {
	program := built(t, "process.c", "gcc", "-g", "-O1", "-pthread")
	_, c := readProcess(t, fixture.Crash(t, program, "read", "499"))
	stacks := map[uint64]bool{}
	for i := range c.Threads {
		sp, _ := c.Threads[i].Regs.SP()
		stacks[sp] = true
	}
	if len(c.Threads) != 500 || len(stacks) != 500 {
		t.Errorf("%d threads, %d stacks", len(c.Threads), len(stacks))
	}
}

// TestGenerated reads what GDB's generate-core-file writes of a process.
func TestGenerated(t *testing.T) {
	program := built(t, "process.c", "gcc", "-g", "-O1", "-pthread")
	core := filepath.Join(t.TempDir(), "gdb.core")
	out, errs := run(t, "gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "run read 2", "-ex", "generate-core-file "+core, program)
	if _, err := os.Stat(core); err != nil {
		fixture.Lacking(t, "GDB can't run programs here: %s%s", out, errs)
	}
	_, c := readProcess(t, core)
	if len(c.Threads) != 3 || c.Crash.Addr.Value != 0x1234 || c.Crash.Fault.Value != arch.FaultAccess || c.Program.File != "program" {
		t.Errorf("%d threads, %+v, %+v", len(c.Threads), c.Crash, c.Program)
	}
	compareRegisters(t, c, []string{program, core}, "ftag")
	compareMemory(t, c, program, core)
}

// TestOtherCPUs crashes programs of other CPUs, under QEMU or this kernel.
func TestOtherCPUs(t *testing.T) {
	for _, x := range []struct {
		a              *arch.Arch
		target, runner string
	}{
		{arch.ARM, "arm-linux-gnueabihf", "qemu-arm"},
		{arch.AArch64, "aarch64-linux-gnu", "qemu-aarch64"},
		{arch.I386, "i386-linux-gnu", "qemu-i386"},
		{arch.I386, "i386-linux-gnu", ""},
	} {
		t.Run(x.target+" "+x.runner, func(t *testing.T) {
			program := built(t, "freestanding.c", "clang", "--target="+x.target, "-g", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fuse-ld=lld", "-Wl,--build-id")
			command := []string{x.runner, program}
			if x.runner == "" {
				command = command[1:]
			}
			core := fixture.Crash(t, command[0], command[1:]...)
			_, c := readProcess(t, core)
			if c.Arch != x.a || len(c.Threads) != 1 || c.Crash.Fault.Value != arch.FaultAccess || c.Program.BuildID == "" {
				t.Errorf("%s, %d threads, %+v, %+v", c.Arch.Name, len(c.Threads), c.Crash, c.Program)
			}
			compareRegisters(t, c, []string{program, core}, "ftag")
			compareMemory(t, c, program, core)
		})
	}
}
