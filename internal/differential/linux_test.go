package differential

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
	"corelift/internal/modules"
)

var (
	anyELF  = flag.String("elf", "", "program of -dump")
	anyDump = flag.String("dump", "", "core file or dump of -elf, to compare by itself")
)

// TestGiven compares a crash that the command line names, such as a large
// program's.
func TestGiven(t *testing.T) {
	if *anyDump == "" {
		t.Skip("-elf and -dump name a crash")
	}
	show(t, compareFile(t, fixture.Need(t, "gdb-multiarch"), "given/given/"+filepath.Base(*anyDump), *anyELF, *anyDump, []string{}))
}

// TestLinux compares `bt --full` of a native core of a static program, built
// here, that crashes in a callback of its C library.
func TestLinux(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("needs Linux on x86-64")
	}
	gcc, gdb := fixture.Need(t, "gcc"), fixture.Need(t, "gdb")
	expressions := []string{"items", "sorted", "order", "precise", "*sorted[1]", "nowhere", "items[0].next->name", "$rip", "$rsp"}
	var findings []finding
	for _, linked := range []string{"-static", "-static-pie", "-pie"} {
		for _, level := range []string{"-O0", "-Og", "-O2", "-Os"} {
			t.Run(linked+level, func(t *testing.T) {
				dir := t.TempDir()
				elf, core := filepath.Join(dir, "native"), filepath.Join(dir, "native.core")
				run(t, gcc, linked, "-fPIE", "-g", level, "-o", elf, "../../testdata/inspect/src/native.c", "-lm")
				run(t, gdb, "-nx", "-batch", "-ex", "set disable-randomization off", "-ex", "run", "-ex", "generate-core-file "+core, "-ex", "kill", elf)
				findings = append(findings, compareFile(t, gdb, "linux/gcc"+linked+level+"/native.crash", elf, core, expressions)...)
			})
		}
	}
	show(t, findings)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// compareFile compares one core file, or one dump.
func compareFile(t *testing.T, gdb, name, elf, path string, expressions []string) []finding {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var program *firmware.Set
	file, core, err := reopen(data)
	if err == nil {
		program = processPrograms(t, file, core)
	} else {
		if program, err = firmware.Open(elf); err != nil {
			t.Fatal(err)
		}
		if core, err = convert(data, path, program); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := core.Write(&file); err != nil {
			t.Fatal(err)
		}
		data = file.Bytes()
	}
	return compareCores(t, gdb, "", []crash{{name: name, elf: elf}}, func(*testing.T, crash) (*elfcore.Core, *firmware.Set, []byte, []string) {
		return core, program, data, expressions
	})
}

// processPrograms opens the executable and the libraries of a process.
func processPrograms(t *testing.T, file *elfcore.File, core *elfcore.Core) *firmware.Set {
	t.Helper()
	p, err := modules.Of(file, core, modules.Search{})
	if err != nil {
		t.Fatal(err)
	}
	place := func(m *modules.Module) firmware.Place {
		l, err := p.Find(context.Background(), m)
		if err != nil || l.Path == "" {
			t.Fatal(m.Path, err, l)
		}
		return firmware.Place{Path: l.Path, Bias: uint64(l.Bias)}
	}
	set, err := firmware.OpenPlaced(place(p.Main()))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Programs() {
		if !m.Main {
			if err := set.Add(place(m)); err != nil {
				t.Fatal(err)
			}
		}
	}
	set.SearchDebug("/usr/lib/debug") // Debian's libc6-dbg
	return set
}

// reopen reads a core file that is none of ours.
func reopen(data []byte) (*elfcore.File, *elfcore.Core, error) {
	f, err := elfcore.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	core, err := f.Core(context.Background())
	return f, core, err
}
