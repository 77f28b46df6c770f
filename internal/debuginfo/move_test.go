package debuginfo

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// moveBuilds are ways to compile a PIE which differ in how addresses are
// written: in place, as ranges of either version, in .debug_addr, in lists of
// locations.
var moveBuilds = []string{
	"gcc -gdwarf-5 -O2", "gcc -gdwarf-4 -O2", "gcc -gdwarf-4 -O0", "gcc -gdwarf-2 -gstrict-dwarf -O2",
	"gcc -gdwarf-5 -O2 -freorder-blocks-and-partition -ffunction-sections -Wl,--gc-sections",
	"clang -gdwarf-5 -O2", "clang -gdwarf-4 -O2", "clang -gdwarf-5 -O2 -gdwarf-aranges",
	"clang -gdwarf-5 -O2 -fuse-ld=lld -ffunction-sections -Wl,--gc-sections",
	"clang -gdwarf-4 -O2 -fuse-ld=lld -ffunction-sections -Wl,--gc-sections",
}

// TestMove: what is said about a program that was loaded elsewhere is what is
// said about it where it was linked, at addresses further on.
func TestMove(t *testing.T) {
	const bias = 0x5555_5555_4000
	for _, command := range moveBuilds {
		t.Run(command, func(t *testing.T) {
			words := strings.Fields(command)
			needs(t, words[0])
			out := filepath.Join(t.TempDir(), "pie")
			args := append(words[1:], "-w", "-ffreestanding", "-fPIE", "-pie", "-nostdlib", "-Wl,-e,main", "testdata/code/main.c", "testdata/code/other.c", "-o", out)
			if text, err := exec.Command(words[0], args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			p := openProgram(t, out)
			moved := New(p.section, p.order, p.ptrSize, func(start, end uint64) bool { return p.live(start-bias, end-bias) })
			moved.Move(bias)
			compareMoved(t, p.Data, moved, bias)
		})
	}
}

func compareMoved(t *testing.T, linked, moved *Data, bias uint64) {
	t.Helper()
	functions := 0
	next := slices.Collect(moved.AllFunctions())
	for i, f := range slices.Collect(linked.AllFunctions()) {
		if i >= len(next) || next[i].Name != f.Name || len(next[i].Ranges) != len(f.Ranges) {
			t.Fatalf("%s is another function or has other ranges when it is moved", f.Name)
		}
		functions++
		for k, r := range f.Ranges {
			if got := next[i].Ranges[k]; got != [2]uint64{r[0] + bias, r[1] + bias} {
				t.Errorf("%s: [%#x, %#x), moved [%#x, %#x)", f.Name, r[0], r[1], got[0], got[1])
			}
			for pc := r[0]; pc < r[1]; pc++ {
				want, got := answers(linked, pc, 0), answers(moved, pc+bias, bias)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, %#x: %q, moved %q", f.Name, pc, want, got)
				}
			}
			for pc := r[0]; pc <= r[1]; pc++ {
				a, ok := f.CallSite(pc)
				b, same := next[i].CallSite(pc + bias)
				if ok != same || a.Entry.Off != b.Entry.Off {
					t.Errorf("call before %#x: %v %v", pc, ok, same)
				}
			}
		}
		tails := slices.Clone(f.TailCalls())
		for k := range tails {
			tails[k] += bias
		}
		if got := next[i].TailCalls(); !slices.Equal(got, tails) {
			t.Errorf("%s: tail calls %#x, moved %#x", f.Name, tails, got)
		}
		line := 0
		if u, ok := linked.UnitAt(f.Ranges[0][0]); ok {
			if at, ok := u.Lines().At(f.Ranges[0][0]); ok {
				line = at.Line
			}
		}
		want, got := linked.LinePCs("main.c", line), moved.LinePCs("main.c", line)
		for k := range want {
			want[k] += bias
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("line %d: %#x, moved %#x", line, want, got)
		}
	}
	if functions < 5 || len(next) != functions {
		t.Errorf("%d functions, moved %d", functions, len(next))
	}
	if _, ok := moved.UnitAt(slices.Collect(linked.AllFunctions())[0].Ranges[0][0]); ok {
		t.Error("there is a unit where the program was linked")
	}
	globals := slices.Collect(moved.AllGlobals())
	for i, v := range slices.Collect(linked.AllGlobals()) {
		want, at, ok := staticAddress(v)
		got, _, _ := staticAddress(globals[i])
		if ok && (got != want+bias || at != globals[i].Name) {
			t.Errorf("%s: %#x, moved %#x", v.Name, want, got)
		}
	}
}

// staticAddress is the address that a variable's location is.
func staticAddress(v Variable) (addr uint64, name string, ok bool) {
	u, place := v.Entry.Unit(), v.Location(0)
	if place.Kind != Expr || len(place.Expr) < 2 {
		return 0, "", false
	}
	c := cursor{b: place.Expr, off: 1, big: u.d.big()}
	switch place.Expr[0] {
	case staticOps[0]:
		return u.Loaded(c.uint(u.AddrSize)), v.Name, true
	case staticOps[1], staticOps[2]:
		addr, ok = u.Address(c.uleb())
		return addr, v.Name, ok
	}
	return 0, "", false
}

// answers is what is known about an address, addresses less bias.
func answers(d *Data, pc, bias uint64) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	u, ok := d.UnitAt(pc)
	if !ok {
		return nil
	}
	say("unit %#x", u.Off)
	if l, ok := u.Lines().At(pc); ok {
		l.Addr -= bias
		say("%+v", l)
	}
	f, ok := u.Function(pc)
	if !ok {
		return list
	}
	base, known := f.FrameBase(pc)
	say("%s %x %v", f.Name, base, known)
	for _, s := range f.Inlines(pc) {
		say("%#x %s %s:%d:%d", s.Entry.Off, s.Name, s.CallFile, s.CallLine, s.CallColumn)
		for _, v := range s.Variables(pc) {
			p := v.Location(pc)
			say("%s %d %d %x %x %v", v.Name, v.Depth, p.Kind, p.Expr, p.Const, p.Err)
		}
	}
	return list
}
