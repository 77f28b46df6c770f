package inspect_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/internal/fixture"
)

// toolRun runs a tool and gives what it printed.
func toolRun(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	fixture.Need(t, name)
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), append(env, "LC_ALL=C.UTF-8")...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// bare are the flags for a CPU without libraries.
var bare = []string{"-nostdlib", "-static", "-ffreestanding"}

// builds are the programs of testdata/expr whose values GDB is asked for.
var builds = []struct {
	source, compiler string
	flags            []string
}{
	{"values.c", "gcc", []string{"-static", "-gdwarf-5"}},
	{"values.c", "gcc", []string{"-static", "-gdwarf-4", "-gstrict-dwarf"}},
	{"values.c", "clang", []string{"-static", "-gdwarf-5"}},
	{"swapped.c", "arm-none-eabi-gcc", append([]string{"-mcpu=cortex-m4", "-gdwarf-5"}, bare...)},
	{"swapped.c", "gcc", append([]string{"-gdwarf-4"}, bare...)},
	{"classes.cc", "g++", []string{"-static", "-std=c++20", "-gdwarf-5"}},
	{"classes.cc", "g++", []string{"-static", "-std=c++20", "-gdwarf-4"}},
	{"classes.cc", "clang++", []string{"-static", "-std=c++20", "-gdwarf-5"}},
	{"values.c", "arm-none-eabi-gcc", append([]string{"-mcpu=cortex-m4", "-gdwarf-4"}, bare...)},
	{"values.c", "arm-none-eabi-gcc", append([]string{"-mcpu=cortex-m4", "-gdwarf-2", "-gstrict-dwarf"}, bare...)},
	{"values.c", "riscv64-unknown-elf-gcc", append([]string{"-march=rv32imac", "-mabi=ilp32", "-gdwarf-5"}, bare...)},
	{"values.c", "riscv64-unknown-elf-gcc", append([]string{"-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-gdwarf-5"}, bare...)},
	{"values.c", "clang", append([]string{"--target=aarch64-none-elf", "-fuse-ld=lld", "-gdwarf-5"}, bare...)},
	{"values.c", "clang", append([]string{"--target=i386-none-elf", "-fuse-ld=lld", "-gdwarf-5"}, bare...)},
}

// differs lists the expressions of which GDB 13 shows something else, and why
// that is right.
var differs = []struct{ expression, reason string }{
	{`^/[ac] (fbig|fnan|finf|dninf|nan2|ldbig)$`, "no integer holds it; GDB shows the largest"},
	{`^/[ac] (z|zf|i128|u128)$`, "GDB gives up, corelift shows it as it is"},
	{`u128$`, "GDB does not know that clang's unsigned __int128 is that"},
	{`callback$|^\*\*fn$|^\*holder|^\*fn$`, "GDB takes a function for its first byte, and has it at its address with the Thumb bit"},
	{`cvec$`, "GDB shows vectors of characters as numbers"},
	{`cbad$|^\(char \*\)16$|^\*(pnull|bad|i)$`, "it is not in the dump; GDB says that it can't read it"},
	{`^-0\.0$`, "GDB subtracts it from 0"},
	{`^\(_Bool\)0\.5$`, "C17, 6.3.1.2; GDB cuts it off first"},
	{`^sizeof\(int\) - 5 > 0$`, "size_t is unsigned (C17, 6.5.3.4)"},
	{`^(u|ul) \+ ll$|^ull \+ 1$|^bits\.[wx] \+ 1$|^sw\.e \+ 1$|^tight\.e - 1$`, "C17, 6.3.1.8: of two types of one size the one of higher rank, long long"},
	{`^([iu] \+ l|l \+ ul|\(long\)&seq\[1\] - .*)$`, "C17, 6.3.1.8; where both have one size, GDB takes an int"},
	{`^yes \+ yes$|^-c7$`, "C17, 6.3.1.1: both are computed with as int or unsigned int"},
	{`^ld [+*]`, "computed as double, and says so"},
	{`^\(long double\)1$`, "corelift makes none"},
	{`^\(void \(\*\)\((int|void)\)\)`, "corelift forgets the parameters of a type that was typed"},
	{`^(\*?&)?(bits|sw)\.[ab]$`, "C17, 6.5.3.2: bit-fields have no address"},
	{`^(\*this|self|self\.member)$`, "corelift shows the numbers that pointers to members are"},
	{`^level == `, "GDB has C++'s bool"},
	{`^(wide|&letter)$`, "GDB takes a character apart"},
	{`^nothing$`, "GDB does not know std::nullptr_t"},
	{`^fw::drv::Ring<short, 2>::limit$`, "GCC describes it only as a member"},
	{`^\(int\)(bits|p)$`, "C17, 6.5.4: structures are no numbers"},
	{`^&name$`, "the length of the array is known here"},
	{`^&nothing$`, "GDB finds no symbol of size 0"},
}

// TestExpressionsAgainstGDB compares what expressions print, and of what type
// they are.
func TestExpressionsAgainstGDB(t *testing.T) {
	for _, b := range builds {
		t.Run(b.source+" "+b.compiler+" "+strings.Join(b.flags, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program := filepath.Join(dir, "values.elf")
			toolRun(t, nil, b.compiler, append([]string{"-w", "-O0", "-o", program, filepath.Join("testdata", "expr", b.source)}, b.flags...)...)
			path := filepath.Join(dir, "values.core")
			expressions := readExpressions(t, filepath.Join("testdata", "expr", b.source+".txt"))
			if slices.Contains(b.flags, "-nostdlib") {
				writeStart(t, program, path)
			} else {
				expressions = append(expressions, readExpressions(t, filepath.Join("testdata", "expr", b.source+".frame.txt"))...)
				toolRun(t, nil, "gdb", "-nx", "-batch", "-ex", "run", "-ex", "generate-core-file "+path, "-ex", "kill", program)
			}
			compareExpressions(t, program, path, expressions)
		})
	}
}

// readExpressions reads a file of expressions, one a line. A line that begins
// with "=" lists variables, each of which is asked for in every way; one with
// "#" is a comment.
func readExpressions(t testing.TB, path string) (list []string) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "="):
			for _, name := range strings.Fields(line[1:]) {
				list = append(list, name, "&"+name, "*&"+name, "sizeof "+name)
				for _, letter := range "xduotcaz" {
					list = append(list, fmt.Sprintf("/%c %s", letter, name))
				}
			}
		default:
			list = append(list, line)
		}
	}
	return list
}

// writeStart writes the core of a program that is about to begin.
func writeStart(t testing.TB, program, path string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := firmware.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cpu := p.Arch()
	c := elfcore.New("test", cpu, f.ByteOrder)
	regs := elfcore.NewRegisters(cpu)
	for n := range cpu.Regs {
		if cpu.Regs[n].Group == arch.General {
			regs.Set(arch.Reg(n), 0, elfcore.Known, 0)
		}
	}
	regs.Set(cpu.PC, f.Entry&^1, elfcore.Known, 0)
	c.Threads = []elfcore.Thread{{ID: 1, Regs: regs}}
	c.Crash.Thread = 0
	c.HasFlags, c.Flags = true, flagsOf(t, program, f.ByteOrder)
	for _, s := range f.Progs {
		if s.Type == elf.PT_LOAD && s.Memsz > 0 {
			data := make([]byte, s.Memsz)
			if _, err := s.ReadAt(data[:s.Filesz], 0); err != nil {
				t.Fatal(err)
			}
			c.Memory.Add(elfcore.NewRegion(elfcore.Addr(s.Vaddr), data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
		}
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// flagsOf are e_flags of an ELF file, which debug/elf does not give.
func flagsOf(t testing.TB, path string, order binary.ByteOrder) uint32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b[elf.EI_CLASS] == byte(elf.ELFCLASS32) {
		return order.Uint32(b[36:])
	}
	return order.Uint32(b[48:])
}

// reopen makes a session of a program and a core file.
func reopen(t testing.TB, program, path string) *inspect.Session {
	t.Helper()
	p, err := firmware.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfcore.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	core, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return inspect.New(core, p, inspect.Options{})
}

// askGDB evaluates expressions in GDB: value, a tab, type; or "error: ...".
func askGDB(t testing.TB, program, path string, expressions []string) []string {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "ask"), filepath.Join(dir, "answer")
	if err := os.WriteFile(in, []byte(strings.Join(expressions, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := toolRun(t, []string{"ASK=" + in, "ANSWER=" + out}, "gdb-multiarch", "-nx", "-batch", program, path, "-x", "testdata/expr/gdb.py")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err, text)
	}
	answers := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(answers) != len(expressions) {
		t.Fatalf("%d answers to %d expressions\n%s", len(answers), len(expressions), text)
	}
	return answers
}

func compareExpressions(t *testing.T, program, path string, expressions []string) {
	s := reopen(t, program, path)
	frame, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	equal, failed, known := 0, 0, 0
	for i, gdb := range askGDB(t, program, path, expressions) {
		x := expressions[i]
		v, err := s.Eval(frame, x, 0)
		have := v.Text + "\t" + v.Type
		if err != nil {
			have = fmt.Sprint("error: ", err)
		}
		if strings.HasPrefix(x, "sizeof") { // in C size_t, which GDB takes for an int
			have, _, _ = strings.Cut(have, "\t")
			gdb, _, _ = strings.Cut(gdb, "\t")
		}
		switch {
		case have == gdb:
			equal++
		case strings.HasPrefix(have, "error: ") && strings.HasPrefix(gdb, "error: "):
			failed++
		case slices.ContainsFunc(differs, func(d struct{ expression, reason string }) bool {
			return regexp.MustCompile(d.expression).MatchString(x)
		}):
			known++
		default:
			t.Errorf("%s\n gdb %s\nhave %s", x, gdb, have)
		}
	}
	t.Logf("%d equal, %d fail in both, %d differ for a known reason", equal, failed, known)
}
