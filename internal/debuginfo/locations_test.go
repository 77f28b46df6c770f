package debuginfo

import (
	"bufio"
	"bytes"
	"debug/dwarf"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// listed is a variable with a location list, as llvm-dwarfdump prints it.
type listed struct {
	off    dwarf.Offset
	ranges [][2]uint64
}

// TestLocationsAgainstLLVM compares at which addresses each variable has a
// location: in every range of every list, at its ends, and just outside.
func TestLocationsAgainstLLVM(t *testing.T) {
	needs(t, "llvm-dwarfdump")
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { compareLists(t, build(t, b.command)) })
	}
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) { compareLists(t, p) })
	}
}

func compareLists(t *testing.T, p program) {
	lists, ranges := 0, 0
	for _, l := range dumpedLists(t, p) {
		e, ok := p.Entry(l.off)
		if !ok {
			t.Fatalf("no entry %#x", l.off)
		}
		v := Variable{Entry: e}
		lists++
		for _, r := range l.ranges {
			if r[0] >= r[1] {
				continue
			}
			ranges++
			for _, pc := range []uint64{r[0] - 1, r[0], r[1] - 1, r[1]} {
				inside := false
				for _, r := range l.ranges {
					inside = inside || r[0] <= pc && pc < r[1]
				}
				place := v.Location(pc)
				if got := place.Kind == Expr || place.Kind == None; got != inside {
					t.Errorf("entry %#x at %#x: %+v, in list: %v", l.off, pc, place, inside)
				}
			}
		}
	}
	t.Logf("%d lists, %d ranges", lists, ranges)
}

// dumpedLists runs llvm-dwarfdump.
func dumpedLists(t *testing.T, p program) (lists []listed) {
	c := exec.Command("llvm-dwarfdump", "--debug-info", p.path)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var at dwarf.Offset
	var tag string
	inList := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		var low, high uint64
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "0x"):
			_, _ = fmt.Sscanf(line, "0x%x: %s", &at, &tag)
			inList = false
		case strings.HasPrefix(trimmed, "DW_AT_"):
			inList = strings.HasPrefix(trimmed, "DW_AT_location") && (tag == "DW_TAG_variable" || tag == "DW_TAG_formal_parameter")
			if inList {
				lists = append(lists, listed{off: at})
			}
		case inList && strings.HasPrefix(trimmed, "["):
			if _, err := fmt.Sscanf(trimmed, "[0x%x, 0x%x)", &low, &high); err == nil {
				l := &lists[len(lists)-1]
				l.ranges = append(l.ranges, [2]uint64{low, high})
			}
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	return lists
}

// TestConstants reads constants of C++'s static members and folded variables.
func TestConstants(t *testing.T) {
	for _, compiler := range []string{"g++ -gdwarf-5 -O2 CC", "clang++ -gdwarf-4 -O2 CC"} {
		p := build(t, compiler)
		found := p.Globals("fw::drv::Base::limit")
		if len(found) == 0 {
			t.Fatalf("%s: no constant", compiler)
		}
		if place := found[0].Location(0); place.Kind != Constant || !bytes.Equal(place.Const[:4], []byte{12, 0, 0, 0}) {
			t.Errorf("%s: %+v", compiler, place)
		}
	}
}

// TestDamagedList cuts a list off: there is no place, but not because the
// variable is optimised out.
func TestDamagedList(t *testing.T) {
	p := build(t, "gcc -gdwarf-5 -O2 C")
	lists := dumpedLists(t, p)
	whole := p.bytes(secLoclists)
	for _, l := range lists {
		if len(l.ranges) == 0 {
			continue
		}
		pc := l.ranges[len(l.ranges)-1][0]
		for cut := range whole {
			d := p.with(secLoclists, whole[:cut])
			e, _ := d.Entry(l.off)
			place := Variable{Entry: e}.Location(pc)
			if place.Kind != Unreadable && place.Kind != Expr || (place.Kind == Unreadable) != (place.Err != nil) {
				t.Fatalf("cut at %#x: %+v", cut, place)
			}
			e, _ = p.Entry(l.off)
			if want := (Variable{Entry: e}).Location(pc); place.Kind == Expr && !bytes.Equal(place.Expr, want.Expr) {
				t.Fatalf("cut at %#x: expression %x, whole %x", cut, place.Expr, want.Expr)
			}
		}
		return
	}
	t.Fatal("no lists")
}
