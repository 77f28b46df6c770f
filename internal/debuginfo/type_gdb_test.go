package debuginfo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// needs skips the test if a tool is missing, or fails it where all are
// required.
func needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		fixture.Need(t, tool)
	}
}

// buildTypes compiles a source of testdata/types.
func buildTypes(t testing.TB, source, compiler string, flags ...string) program {
	t.Helper()
	needs(t, compiler)
	out := filepath.Join(t.TempDir(), "types.elf")
	args := append([]string{"-w", "-g", "-o", out, "testdata/types/" + source}, flags...)
	if text, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", compiler, args, err, text)
	}
	return openProgram(t, out)
}

// ask puts questions to GDB.
func ask(t testing.TB, p program, questions []string) []string {
	t.Helper()
	needs(t, "gdb-multiarch")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "ask"), filepath.Join(dir, "answer")
	if err := os.WriteFile(in, []byte(strings.Join(questions, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("gdb-multiarch", "-nx", "-batch", "-x", "testdata/types/ask.py", p.path)
	c.Env = append(os.Environ(), "ASK="+in, "ANSWER="+out, "LC_ALL=C.UTF-8")
	text, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	answers := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions\n%s", len(answers), len(questions), text)
	}
	return answers
}

// bare are the flags for a CPU whose libraries may not be there; bigEndian is
// such a CPU that lld links for.
var bare = []string{"-nostdlib", "-static", "-ffreestanding", "-Wl,-e,main", "-Wl,--unresolved-symbols=ignore-all"}

const bigEndian = "--target=powerpc-linux-gnu"

var typeBuilds = []struct {
	source, compiler string
	flags            []string
}{
	{"types.c", "gcc", []string{"-gdwarf-5"}},
	{"types.c", "gcc", []string{"-gdwarf-4"}},
	{"types.c", "gcc", []string{"-gdwarf-3", "-gstrict-dwarf"}},
	{"types.c", "gcc", []string{"-gdwarf-2", "-gstrict-dwarf"}},
	{"types.c", "gcc", []string{"-gdwarf-5", "-gdwarf64"}},
	{"types.c", "gcc", []string{"-gdwarf-4", "-fdebug-types-section"}},
	{"types.c", "gcc", []string{"-gdwarf-5", "-fdebug-types-section"}},
	{"types.c", "clang", []string{"-gdwarf-5"}},
	{"types.c", "clang", []string{"-gdwarf-4"}},
	{"types.c", "clang", []string{"-gdwarf-2"}},
	{"types.c", "arm-none-eabi-gcc", append([]string{"-gdwarf-5", "-mcpu=cortex-m4"}, bare...)},
	{"types.c", "arm-none-eabi-gcc", append([]string{"-gdwarf-4", "-mcpu=cortex-m4"}, bare...)},
	{"types.c", "riscv64-unknown-elf-gcc", append([]string{"-gdwarf-4", "-gstrict-dwarf", "-march=rv32imac", "-mabi=ilp32"}, bare...)},
	{"types.c", "clang", append([]string{"-gdwarf-5", bigEndian, "-fuse-ld=lld"}, bare...)},
	{"types.c", "clang", append([]string{"-gdwarf-4", bigEndian, "-fuse-ld=lld"}, bare...)},
	{"types.c", "clang", append([]string{"-gdwarf-2", bigEndian, "-fuse-ld=lld"}, bare...)},
	{"types.cc", "g++", []string{"-gdwarf-5"}},
	{"types.cc", "g++", []string{"-gdwarf-4"}},
	{"types.cc", "g++", []string{"-gdwarf-5", "-fdebug-types-section"}},
	{"types.cc", "clang++", []string{"-gdwarf-5"}},
	{"types.cc", "clang++", []string{"-gdwarf-4"}},
}

// gdbWrong are answers of GDB 13 that the source shows to be wrong, and ours.
var gdbWrong = map[string]struct{ gdb, have string }{
	"whatis np":   {"int", "decltype(nullptr)"},
	"whatis fpv":  {"int (*)(void)", "int (*)(...)"},
	"whatis u128": {"unsigned int __int128", "unsigned __int128"},
}

// TestTypesAgainstGDB compares how types are written and laid out.
func TestTypesAgainstGDB(t *testing.T) {
	for _, b := range typeBuilds {
		t.Run(b.source+" "+b.compiler+" "+strings.Join(b.flags, " "), func(t *testing.T) {
			t.Parallel()
			compareTypes(t, buildTypes(t, b.source, b.compiler, b.flags...))
		})
	}
}

func compareTypes(t *testing.T, p program) {
	var questions, want []string
	seen := map[string]bool{}
	add := func(question, answer string) {
		if !seen[question] {
			questions, want, seen[question] = append(questions, question), append(want, answer), true
		}
	}
	for v := range p.AllGlobals() {
		if v.Depth == 0 {
			add("whatis "+v.Name, v.Type().String())
		}
	}
	for f := range p.AllFunctions() {
		add("whatis "+f.Name, f.Entry.Type().String())
	}
	for typ := range p.AllTypes() {
		plain := typ.Plain()
		if typ.Kind == Typedef || plain.Incomplete() || strings.Contains(typ.String(), "{...}") {
			continue
		}
		fields := []string{fmt.Sprint(plain.Size())}
		for _, m := range plain.Members() {
			at := fmt.Sprint(m.Off * 8)
			if m.BitSize > 0 {
				at = fmt.Sprint(m.BitOff)
			}
			switch {
			case m.Static:
				at = "static"
			case m.Virtual:
				at = "None"
			case m.Name != "" && !m.Base:
				add("whatis (("+typ.String()+" *)0)->"+m.Name, m.Type.String())
			}
			name := m.Name
			if m.Base {
				name = m.Type.Name() // perhaps a typedef's
			}
			fields = append(fields, fmt.Sprintf("%s@%s:%d", name, at, m.BitSize))
		}
		for _, e := range plain.Enumerators() {
			fields = append(fields, fmt.Sprintf("%s@%d:0", e.Name, e.Value))
		}
		if len(fields) > 1 {
			add("fields "+typ.String(), strings.Join(fields, " "))
		}
	}
	equal, silent := 0, 0
	for i, got := range ask(t, p, questions) {
		wrong, known := gdbWrong[questions[i]]
		switch {
		case known && got == wrong.gdb && want[i] == wrong.have:
		case strings.HasPrefix(got, "error:"):
			t.Logf("%s: gdb: %s; have %s", questions[i], got, want[i])
			silent++
		case got == want[i]:
			equal++
		default:
			t.Errorf("%s\n gdb %s\nhave %s", questions[i], got, want[i])
		}
	}
	if t.Logf("%d equal, %d that gdb can't answer", equal, silent); equal < 100 {
		t.Errorf("only %d compared", equal)
	}
}
