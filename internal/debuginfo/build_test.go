package debuginfo

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// builds are the ways in which the sources in testdata/code are compiled: each
// a compiler, its options, and the sources. All optimise, drop unused sections
// and describe the rest differently.
var builds = []struct{ name, command string }{
	{"gcc-5-og", "gcc -gdwarf-5 -Og C"},
	{"gcc-5-o2", "gcc -gdwarf-5 -O2 C"},
	{"gcc-4-o2", "gcc -gdwarf-4 -O2 C"},
	{"gcc-4-o0", "gcc -gdwarf-4 -O0 C"},
	{"gcc-3-o2", "gcc -gdwarf-3 -gstrict-dwarf -O2 C"},
	{"gcc-2-o2", "gcc -gdwarf-2 -gstrict-dwarf -O2 C"},
	{"gcc-64-5", "gcc -gdwarf-5 -gdwarf64 -O2 C"},
	{"gcc-64-4", "gcc -gdwarf-4 -gdwarf64 -O2 C"},
	{"gcc-lto", "gcc -gdwarf-5 -flto -O2 C"},
	{"gcc-types-4", "g++ -gdwarf-4 -fdebug-types-section -O2 CC"},
	{"gcc-types-5", "g++ -gdwarf-5 -fdebug-types-section -O2 CC"},
	{"g++-5-og", "g++ -gdwarf-5 -Og CC"},
	{"g++-4-o0", "g++ -gdwarf-4 -O0 CC"},
	{"clang-5-o2", "clang -gdwarf-5 -O2 C"},
	{"clang-4-o2", "clang -gdwarf-4 -O2 C"},
	{"clang-5-og", "clang -gdwarf-5 -Og C"},
	{"clang-lld", "clang -gdwarf-5 -O2 -fuse-ld=lld C"},
	{"clang-lld-4", "clang -gdwarf-4 -O2 -fuse-ld=lld C"},
	{"clang-lto", "clang -gdwarf-5 -O2 -flto -fuse-ld=lld C"},
	{"clang++-5", "clang++ -gdwarf-5 -O2 CC"},
	{"clang++-4-o0", "clang++ -gdwarf-4 -O0 CC"},
	{"arm-5-og", "arm-none-eabi-gcc -mcpu=cortex-m4 -gdwarf-5 -Og C"},
	{"arm-4-os", "arm-none-eabi-gcc -mcpu=cortex-m4 -gdwarf-4 -Os C"},
	{"arm-0", "arm-none-eabi-gcc -mcpu=cortex-m4 -gdwarf-4 -Og -Wl,-Ttext=0 C"},
	{"riscv-5-o2", "riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 -gdwarf-5 -O2 C"},
	{"riscv-0", "riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 -gdwarf-4 -Og -Wl,-Ttext=0 C"},
	{"clang-arm", "clang --target=armv7em-none-eabi -mcpu=cortex-m4 -gdwarf-5 -Os -fuse-ld=lld C"},
	{"clang-riscv", "clang --target=riscv32 -march=rv32imac -gdwarf-4 -O2 -fuse-ld=lld C"},
	{"clang-big", "clang --target=powerpc-linux-gnu -gdwarf-5 -O2 -fuse-ld=lld C"},
	{"rust-5", "rustc -Cdebuginfo=2 -Copt-level=2 RS -Cdwarf-version=5"},
	{"rust-4", "rustc -Cdebuginfo=2 -Copt-level=0 RS -Cdwarf-version=4"},
}

// buildSources are the sources and options that a language needs.
var buildSources = map[string]string{
	"C":  "-w -ffreestanding -ffunction-sections -fdata-sections -Wl,--gc-sections -nostdlib -static -Wl,-e,main testdata/code/main.c testdata/code/other.c",
	"CC": "-w -ffunction-sections -Wl,--gc-sections -fno-exceptions -fno-rtti -nostdlib -static -Wl,-e,main -Wl,--unresolved-symbols=ignore-all testdata/code/main.cc",
	"RS": "testdata/code/main.rs",
}

// build compiles one of builds.
func build(t testing.TB, command string) program {
	t.Helper()
	out := filepath.Join(t.TempDir(), "code.elf")
	args := []string{"-o", out}
	for _, arg := range strings.Fields(command) {
		if more, ok := buildSources[arg]; ok {
			args = append(args, strings.Fields(more)...)
		} else {
			args = append(args, arg)
		}
	}
	compiler := args[2]
	needs(t, compiler)
	if text, err := exec.Command(compiler, append(args[3:], args[:2]...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return openProgram(t, out)
}

func TestBuildsAgainstGDB(t *testing.T) {
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { compareGDB(t, build(t, b.command)) })
	}
}

func TestBuildsAgainstStandardLibrary(t *testing.T) {
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			entries, attrs := compareEntries(t, build(t, b.command))
			t.Logf("%d entries, %d attributes equal", entries, attrs)
		})
	}
}
