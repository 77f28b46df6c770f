package inspect_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/inspect"
)

// TestRegistersAgainstGDB compares registers, their parts and other names.
// Differs lists those that GDB has another value for: what it takes for the
// frame's beginning, and what it does not read from a core.
func TestRegistersAgainstGDB(t *testing.T) {
	for _, c := range []struct{ cpu, scenario, registers, differs string }{
		{"cortex-m3", "div", "r0 r7 r12 r13 r14 r15 a1 a4 v1 v8 sb sl ip lr sp pc xpsr", "fp"},
		{"cortex-a", "isr", "r0 r13 r15 a2 v4 sb sl ip lr sp pc cpsr", "fp"},
		{"aarch64", "isr", "x0 x29 x30 lr w0 w30 sp pc cpsr", "fp"},
		{"rv32", "isr", "ra sp gp s0 fp x1 x2 x8 x31 zero x0 t0 a0 pc mcause", ""},
		{"rv64", "isr", "ra sp gp s0 fp x1 x2 x8 x31 zero x0 t0 a0 pc mcause", ""},
		{"i386", "div", "eax ax al ah bx bl dh si di bp esp ebp esi sp pc eip eflags cs", "fp"},
		{"x86_64", "div", "rax eax ax al ah sil dil bpl spl r8 r8d r8w r8l r15l rsp rbp esp ebp bp sp pc rip eflags cs", "fp"},
	} {
		t.Run(c.cpu, func(t *testing.T) {
			t.Parallel()
			s := load(t, c.cpu, c.scenario)
			var core bytes.Buffer
			if err := s.Core().Write(&core); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "core")
			if err := os.WriteFile(path, core.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			compareRegisters(t, s, filepath.Join("../testdata/firmware", c.cpu, "fw.elf"), path, strings.Fields(c.registers))
			f, _ := s.Frame(s.Crashed(), 0)
			for _, name := range strings.Fields(c.differs) {
				if v, err := s.Eval(f, "$"+name, 0); err != nil || v.Presence != inspect.Present || v.Type != "void *" {
					t.Errorf("$%s = %v, %v", name, v, err)
				}
			}
		})
	}
}

// TestFloatRegistersAgainstGDB compares x86's registers of floating point and
// vectors, which firmware dumps lack.
func TestFloatRegistersAgainstGDB(t *testing.T) {
	dir := t.TempDir()
	program, path := filepath.Join(dir, "registers.elf"), filepath.Join(dir, "registers.core")
	toolRun(t, nil, "gcc", "-g", "-O0", "-static", "-o", program, "testdata/expr/registers.c")
	toolRun(t, nil, "gdb", "-nx", "-batch", "-ex", "run", "-ex", "generate-core-file "+path, "-ex", "kill", program)
	s := reopen(t, program, path)
	compareRegisters(t, s, program, path, strings.Fields("eflags mxcsr rax eax ax al ah r9 r9d r9w r9l fctrl fstat st0 st1 st2 st7 xmm0 xmm3 xmm3.v4_float[1] xmm3.v2_int64"))
	f, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Eval(f, "$ftag", 0); err == nil || !strings.Contains(err.Error(), "only a part of register ftag") {
		t.Errorf("$ftag = %s, %v", v.Text, err)
	}
	for x, want := range map[string]string{"$eflags & 1": "1", "/x $al": "0x88", "(signed char)$al": "-120 '\\210'", "$st2 + 1": "4.1415926535897931"} {
		if v, err := s.Eval(f, x, 0); err != nil || v.Text != want {
			t.Errorf("%s = %s, %v; want %s", x, v.Text, err, want)
		}
	}
}

func compareRegisters(t *testing.T, s *inspect.Session, program, path string, names []string) {
	t.Helper()
	f, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	expressions := make([]string, len(names))
	for i, name := range names {
		expressions[i] = "$" + name
	}
	for i, gdb := range askGDB(t, program, path, expressions) {
		want, _, _ := strings.Cut(gdb, "\t")
		if v, err := s.Eval(f, expressions[i], 0); err != nil || v.Text != want || v.State != elfcore.Known && v.State != elfcore.Recovered {
			t.Errorf("%s = %s, %v, %v; GDB %s", expressions[i], v.Text, v.State, err, want)
		}
	}
}

// TestNoSuchRegister asks for registers that a CPU lacks, and ones that the
// dump does.
func TestNoSuchRegister(t *testing.T) {
	for cpu, list := range map[string][]string{"rv32": {"x32", "w0", "eax", "ftag"}, "x86_64": {"eip", "r16d", "fp0", "x0"}, "cortex-m3": {"cpsr", "s32", "v9", "a5"}} {
		s := load(t, cpu, map[bool]string{true: "isr", false: "div"}[cpu == "rv32"])
		f, err := s.Frame(s.Crashed(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range list {
			if v, err := s.Eval(f, "$"+name, 0); err == nil || !strings.Contains(err.Error(), "has no register "+name) {
				t.Errorf("%s: $%s = %s, %v", cpu, name, v.Text, err)
			}
		}
	}
	s := load(t, "x86_64", "div")
	f, _ := s.Frame(s.Crashed(), 0)
	for _, x := range []string{"$xmm0", "$st0", "$mxcsr"} {
		if v, err := s.Eval(f, x, 0); err != nil || v.Presence != inspect.NotInDump || !strings.Contains(v.Reason, strings.TrimPrefix(x, "$")) {
			t.Errorf("%s = %+v, %v", x, v, err)
		}
	}
}
