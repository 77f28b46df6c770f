package debuginfo

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// TestSymbols looks up every function symbol of every program.
func TestSymbols(t *testing.T) {
	programs := fixtures(t)
	for _, p := range programs {
		t.Run(p.name(), func(t *testing.T) { compareSymbols(t, p) })
	}
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { compareSymbols(t, build(t, b.command)) })
	}
}

func compareSymbols(t *testing.T, p program) {
	symbols := p.functionSymbols()
	found, lines := 0, 0
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 {
			continue
		}
		pc := s.Value
		if p.elf.Machine == elf.EM_ARM {
			pc &^= 1
		}
		u, ok := p.UnitAt(pc)
		if !ok {
			continue
		}
		f, ok := u.Function(pc)
		if !ok {
			if _, ok := u.Lines().At(pc); ok {
				lines++ // in assembler
			}
			continue
		}
		found++
		if !slices.ContainsFunc(f.Ranges, func(r [2]uint64) bool { return r[0] == pc }) ||
			!slices.ContainsFunc(symbolsAt(symbols, pc), func(s elf.Symbol) bool { return symbolOf(s.Name, f) }) {
			t.Errorf("%s at %#x: found %s %s %x", s.Name, pc, f.Name, f.Linkage, f.Ranges)
		}
	}
	t.Logf("%d functions found, %d more with lines only", found, lines)
	if found == 0 {
		t.Error("none found")
	}
}

// symbolOf tells whether a symbol may be a function's: clones have more in their
// names ("main.cold"), C++'s are mangled, GCC calls the cold part of a function
// "__second_sect_of_main" in DWARF 2.
func symbolOf(symbol string, f *Function) bool {
	plain, _, _ := strings.Cut(withoutArguments(last(f.Name)), "operator")
	stem, _, _ := strings.Cut(symbol[:1]+strings.ReplaceAll(symbol[1:], "$", "."), ".")
	return strings.Contains(symbol, plain) || symbol == f.Linkage || stem == f.Linkage || strings.HasSuffix(f.Name, "_"+stem)
}

// TestFunctionsAgainstStandardLibrary compares the ranges of all functions of
// all units with those that debug/dwarf gives.
func TestFunctionsAgainstStandardLibrary(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) {
			data := standardLibrary(t, p)
			want := map[dwarf.Offset][][2]uint64{}
			for r := data.Reader(); ; {
				e, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if e == nil {
					break
				}
				if e.Tag != dwarf.TagSubprogram {
					continue
				}
				ranges, err := data.Ranges(e)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range ranges {
					if p.elf.Machine == elf.EM_ARM { // see evenCode
						r[0], r[1] = r[0]&^1, r[1]&^1
					}
					if p.live(r[0], r[1]) {
						want[e.Offset] = append(want[e.Offset], r)
					}
				}
			}
			n := 0
			for f := range p.AllFunctions() {
				if n++; !slices.Equal(f.Ranges, want[f.Entry.Off]) {
					t.Errorf("%s: %x, want %x", f.Name, f.Ranges, want[f.Entry.Off])
				}
			}
			if n != len(want) {
				t.Errorf("%d functions, want %d", n, len(want))
			}
		})
	}
}

func TestFunctionsByName(t *testing.T) {
	for _, c := range []struct {
		command, name string
		want          []string
	}{
		{"gcc -gdwarf-5 -O2 C", "deep", []string{"deep"}},
		{"gcc -gdwarf-5 -O2 C", "dropped", nil},
		{"gcc -gdwarf-5 -O2 -flto C", "deep", []string{"deep"}},
		{"clang -gdwarf-5 -O2 -fuse-ld=lld C", "never_called", nil},
		{"clang -gdwarf-4 -O2 C", "never_called", nil},
		{"g++ -gdwarf-5 -O2 CC", "boom", []string{"fw::drv::boom"}},
		{"g++ -gdwarf-4 -O0 CC", "drv::boom", []string{"fw::drv::boom"}},
		{"g++ -gdwarf-4 -O0 CC", "rv::boom", nil},
		{"clang++ -gdwarf-5 -O2 CC", "fw::drv::Uart::run", []string{"fw::drv::Uart::run"}},
		{"g++ -gdwarf-5 -Og CC", "Ring<int, 4>::push", []string{"fw::Ring<int, 4>::push"}},
		{"g++ -gdwarf-5 -Og CC", "operator()", []string{"operator()"}},
		{"clang++ -gdwarf-5 -O2 CC", "quiet", []string{"(anonymous namespace)::quiet"}},
		{"rustc -Cdebuginfo=2 -Copt-level=0 RS", "Uart::run", []string{"main::driver::Uart::run"}},
	} {
		t.Run(c.command+" "+c.name, func(t *testing.T) {
			var got []string
			for _, f := range build(t, c.command).Functions(c.name) {
				got = append(got, f.Name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCallSites checks each call site on x86-64 against the code: before the
// return address there is a call, of the function that is given.
func TestCallSites(t *testing.T) {
	for _, command := range []string{
		"gcc -gdwarf-5 -O2 C", "gcc -gdwarf-4 -O2 C", "gcc -gdwarf-5 -O2 -flto C", "clang -gdwarf-5 -O2 C", "g++ -gdwarf-4 -O2 CC",
	} {
		t.Run(command, func(t *testing.T) {
			p := build(t, command)
			text := p.elf.Section(".text")
			code, err := text.Data()
			if err != nil {
				t.Fatal(err)
			}
			direct, params := 0, 0
			for f := range p.AllFunctions() {
				for _, r := range f.Ranges {
					for pc := r[0] + 1; pc <= r[1]; pc++ {
						s, ok := f.CallSite(pc)
						if !ok {
							continue
						}
						params += len(s.Params)
						if s.Callee.Tag == 0 {
							continue
						}
						direct++
						at := pc - text.Addr
						if op := code[at-5]; op != 0xe8 && op != 0xe9 {
							t.Fatalf("%s: no call before %#x", f.Name, pc)
						}
						to := pc + uint64(int64(int32(binary.LittleEndian.Uint32(code[at-4:]))))
						u, _ := p.UnitAt(to)
						if callee, ok := u.Function(to); !ok || callee.Name != s.Callee.Qualified() {
							t.Errorf("%s: call before %#x is of %#x, not %s", f.Name, pc, to, s.Callee.Qualified())
						}
					}
				}
			}
			if direct < 3 || params < 2 {
				t.Errorf("%d call sites, %d parameters", direct, params)
			}
		})
	}
}

func TestGlobals(t *testing.T) {
	for _, c := range []struct {
		command, name string
		want          []string // qualified name, and the symbol at its address
	}{
		{"gcc -gdwarf-5 -O2 C", "counter", []string{"counter counter"}},
		{"gcc -gdwarf-5 -O2 -flto C", "rings", []string{"rings rings"}},
		{"clang -gdwarf-5 -O2 C", "hidden", []string{"hidden hidden", "hidden hidden"}},
		{"gcc -gdwarf-4 -O2 C", "elsewhere", []string{"elsewhere elsewhere"}},
		{"gcc -gdwarf-5 -Og C", "deep::calls", []string{"deep::calls calls.0"}},
		{"gcc -gdwarf-5 -Og C", "calls", []string{"deep::calls calls.0"}},
		{"clang -gdwarf-5 -O0 C", "deep::calls", []string{"deep::calls deep.calls"}},
		{"gcc -gdwarf-5 -O2 C", "nothing", nil},
		{"g++ -gdwarf-5 -O2 CC", "count", []string{"fw::count _ZN2fw5countE"}},
		{"g++ -gdwarf-4 -O0 CC", "Base::instances", []string{"fw::drv::Base::instances _ZN2fw3drv4Base9instancesE"}},
		{"clang++ -gdwarf-5 -O2 CC", "fw::drv::Base::instances", []string{"fw::drv::Base::instances _ZN2fw3drv4Base9instancesE"}},
		{"g++ -gdwarf-5 -Og CC", "run::once", []string{"fw::drv::Uart::run::once _ZZN2fw3drv4Uart3runEiE4once"}},
		{"g++ -gdwarf-5 -Og CC", "secret", []string{"(anonymous namespace)::secret _ZN12_GLOBAL__N_16secretE"}},
	} {
		t.Run(c.command+" "+c.name, func(t *testing.T) {
			p := build(t, c.command)
			symbols, _ := p.elf.Symbols()
			var got []string
			for _, v := range p.Globals(c.name) {
				place := v.Location(0)
				if place.Kind == None {
					continue // dropped
				}
				var to uint64
				switch place.Expr[0] {
				case 0x03:
					to = binary.LittleEndian.Uint64(place.Expr[1:])
				case 0xa1:
					index, _ := binary.Uvarint(place.Expr[1:])
					to, _ = v.Entry.Unit().Address(index)
				}
				for _, s := range symbols {
					if s.Value == to && elf.ST_TYPE(s.Info) == elf.STT_OBJECT {
						got = append(got, v.Name+" "+s.Name)
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
