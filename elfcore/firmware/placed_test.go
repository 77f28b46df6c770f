package firmware

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// made compiles sources, by name, with a compiler and flags. The result lies in
// dir.
func made(t *testing.T, dir, name, source string, command ...string) string {
	t.Helper()
	from, to := filepath.Join(dir, name+".c"), filepath.Join(dir, name)
	if err := os.WriteFile(from, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(fixture.Need(t, command[0]), append(command[1:], from, "-o", to)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return to
}

// TestPlaced: symbols, sections, constants and unwinding of a program that was
// loaded elsewhere are those of the program where it was linked, further on.
func TestPlaced(t *testing.T) {
	const source = `
		const char text[] = "constant";
		int counter = 3;
		__thread int own = 5;
		static int __attribute__((noinline)) helper(int n) { return n ? counter + helper(n - 1) * n : 1; }
		int f(int n) { return helper(n) + text[n]; }
		int main(void) { return f(3); }`
	for name, x := range map[string]struct {
		bias    uint64
		command []string
	}{
		"x86-64":      {0x5555_5555_4000, []string{"gcc", "-fPIE", "-pie"}},
		"i386":        {0x5655_5000, []string{"clang", "--target=i386-linux-gnu", "-fPIE", "-pie", "-fuse-ld=lld"}},
		"AArch64":     {0x55_0000_0000, []string{"clang", "--target=aarch64-linux-gnu", "-fPIE", "-pie", "-fuse-ld=lld"}},
		"ARM, tables": {0x40_0000, []string{"clang", "--target=armv7-linux-gnueabihf", "-fPIE", "-pie", "-fuse-ld=lld", "-funwind-tables", "-fno-asynchronous-unwind-tables", "-Wl,--defsym=__aeabi_unwind_cpp_pr0=0"}},
		"at the end":  {0xffff_0000, []string{"clang", "--target=i386-linux-gnu", "-fPIE", "-pie", "-fuse-ld=lld"}}, // wraps around
		"debug_frame": {0x1000_0000, []string{"gcc", "-fPIE", "-pie", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := made(t, t.TempDir(), "program", source, append(x.command, "-g", "-O1", "-nostdlib", "-ffreestanding", "-Wl,-e,main")...)
			at := func(bias uint64) *Set {
				s, err := OpenPlaced(Place{Path: path, Bias: bias})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			linked, moved := at(0), at(x.bias)
			move := func(a elfcore.Addr) elfcore.Addr {
				return (a + elfcore.Addr(x.bias)) & elfcore.Addr(linked.Arch().AddrMask())
			}
			for _, symbol := range []string{"text", "counter", "helper", "f", "main"} {
				want, ok := linked.Symbol(symbol)
				got, found := moved.Symbol(symbol)
				if !ok || !found || got.Addr != move(want.Addr) || got.Size != want.Size {
					t.Fatalf("%s: %v, moved %v %v", symbol, want, got, found)
				}
				if name, start, ok := moved.SymbolAt(got.Addr + 1); name != symbol || start != got.Addr || !ok {
					t.Errorf("%s at %v, not %s", name, start, symbol)
				}
				section, _ := linked.SectionAt(want.Addr)
				if there, _ := moved.SectionAt(got.Addr); there != section || moved.Executable(got.Addr) != linked.Executable(want.Addr) {
					t.Errorf("%s is in %s, moved in %s", symbol, section, there)
				}
			}
			if r, ok := moved.Symbol("own"); ok {
				t.Errorf("a variable that each thread has is at %v", r)
			}
			var text [9]byte
			r, _ := moved.Symbol("text")
			if err := moved.ReadConst(text[:], r.Addr); err != nil || string(text[:]) != "constant\x00" {
				t.Errorf("%q %v", text, err)
			}
			rows := 0
			for _, name := range []string{"helper", "f", "main"} {
				f, _ := linked.Symbol(name)
				for pc := f.Addr; pc < f.End(); pc++ {
					want, ok := linked.Row(pc)
					got, found := moved.Row(move(pc))
					if want.Function.Size > 0 {
						want.Function.Addr = move(want.Function.Addr)
					}
					if ok != found || !reflect.DeepEqual(got, want) {
						t.Fatalf("%v: %+v, moved %+v", pc, want, got)
					}
					if ok {
						rows++
					}
				}
			}
			if rows == 0 {
				t.Error("no call frame information")
			}
			if _, ok := moved.Row(r.Addr - elfcore.Addr(x.bias)); ok {
				t.Error("call frame information where the program was linked")
			}
		})
	}
}

// TestInterposed: a library's variable is where the executable defines it,
// unless the library is bound to its own.
func TestInterposed(t *testing.T) {
	const library = `
		int plain = 1;
		__attribute__((visibility("hidden"))) int hidden = 1;
		__attribute__((visibility("protected"))) int protected = 1;
		static int local = 1;
		int library(void) { return plain + hidden + protected + local++; }`
	const executable = `
		int plain = 2, hidden = 2, protected = 2, local = 2;
		int main(void) { return 0; }`
	const bias = 0x7fff_0000_0000
	for name, x := range map[string]struct {
		flags []string
		want  string
	}{
		"usual":    {nil, "plain"},
		"symbolic": {[]string{"-Wl,-Bsymbolic"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			main := made(t, dir, "main", executable, "gcc", "-rdynamic")
			shared := made(t, dir, "library", library, append([]string{"gcc", "-shared", "-fPIC"}, x.flags...)...)
			s, err := OpenPlaced(Place{Path: main, Bias: 0x1000_0000})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Add(Place{Path: shared, Bias: bias}); err != nil {
				t.Fatal(err)
			}
			for _, symbol := range []string{"plain", "hidden", "protected", "local"} {
				own, ok := s.images[1].symbols().named(symbol)
				if !ok {
					t.Fatal(symbol)
				}
				theirs, _ := s.images[0].symbols().named(symbol)
				r, ok := s.Interposed(symbol, own.Addr)
				if ok != (symbol == x.want) || ok && r != theirs {
					t.Errorf("%s of the library at %v, taken to be at %v %v", symbol, own, r, ok)
				}
				if r, ok := s.Interposed(symbol, own.Addr+1); ok {
					t.Errorf("another %s of the library, taken to be at %v", symbol, r)
				}
				if r, ok := s.Interposed(symbol, theirs.Addr); ok {
					t.Errorf("%s of the executable at %v, taken to be at %v", symbol, theirs, r)
				}
			}
		})
	}
}

// TestExternLocal: a variable of a library is not what the executable has of the
// same name for one file only.
func TestExternLocal(t *testing.T) {
	dir := t.TempDir()
	main := made(t, dir, "main", "static volatile int both = 2; int own = 1; int main(void) { return both + own; }", "gcc")
	library := made(t, dir, "library", "int both = 1; int library(void) { return both; }", "gcc", "-shared", "-fPIC")
	s, err := OpenPlaced(Place{Path: main, Bias: 0x1000_0000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Add(Place{Path: library, Bias: 0x7fff_0000_0000}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.images[0].symbols().named("both"); !ok {
		t.Fatal("the executable has none")
	}
	for name, m := range map[string]*Image{"both": s.images[1], "own": s.images[0]} {
		want, has := m.symbols().named(name)
		if got, ok := s.Extern(name); !has || !ok || got != want {
			t.Errorf("%s at %v %v, want %v", name, got, ok, want)
		}
	}
}
