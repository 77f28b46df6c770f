package firmware

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// table is one entry's rows as readelf prints them. A row holds the rules as
// text, by readelf's names of the columns.
type table struct {
	from, to uint64
	start    []uint64
	rows     []map[string]string
}

var (
	cieLine    = regexp.MustCompile(`^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ CIE .* ra=(\d+)`)
	fdeLine    = regexp.MustCompile(`^[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+)`)
	inRegister = regexp.MustCompile(`r\d+ \((\w+)\)`)
)

// readelfTables runs readelf on a file. Entries without rows of their own have
// their common entry's.
func readelfTables(t *testing.T, path string) (list []*table) {
	out, err := exec.Command("readelf", "--debug-dump=frames-interp", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	common := map[string]*table{}
	var at *table
	var columns []string
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := inRegister.ReplaceAllString(lines.Text(), "$1")
		if m := cieLine.FindStringSubmatch(line); m != nil {
			at = &table{}
			common[m[1]] = at
		} else if m := fdeLine.FindStringSubmatch(line); m != nil {
			at = &table{}
			at.from, _ = strconv.ParseUint(m[2], 16, 64)
			at.to, _ = strconv.ParseUint(m[3], 16, 64)
			if c := common[m[1]]; c != nil && len(c.rows) > 0 {
				at.start, at.rows = []uint64{at.from}, c.rows[:1]
			}
			list = append(list, at)
		} else if words := strings.Fields(line); len(words) > 1 && words[0] == "LOC" {
			columns = words[1:]
		} else if len(words) > 1 && at != nil {
			loc, err := strconv.ParseUint(words[0], 16, 64)
			if err != nil || len(words) != len(columns)+1 {
				continue
			}
			if len(at.start) > 0 && at.start[0] == loc && len(at.rows) == 1 {
				at.start, at.rows = nil, nil // the common row was only a stand-in
			}
			row := map[string]string{}
			for i, c := range columns {
				row[c] = words[i+1]
			}
			at.start, at.rows = append(at.start, loc), append(at.rows, row)
		}
	}
	return list
}

// readelfName is readelf's name of a register.
func readelfName(a *arch.Arch, n arch.Reg, row Row) string {
	switch {
	case n == row.Return:
		return "ra"
	case a == arch.ARM || a == arch.CortexM || a == arch.Xtensa:
		return "r" + strconv.Itoa(a.Regs[n].DWARF)
	}
	return a.Regs[n].Name
}

// text writes a row as readelf does. Rules that readelf shows as "u" are left
// out: it does not tell "undefined" from "not given".
func text(a *arch.Arch, row Row) map[string]string {
	out := map[string]string{}
	if row.CFA.Kind == RuleValue {
		out["CFA"] = "exp"
	} else {
		// Not the name of the return column, which CFAs do not have.
		out["CFA"] = fmt.Sprintf("%s%+d", readelfName(a, row.CFA.Reg, Row{Return: arch.NoReg}), row.CFA.Offset)
	}
	for n, rule := range row.Regs {
		switch name := readelfName(a, n, row); rule.Kind {
		case RuleSame:
			out[name] = "s"
		case RuleOffset:
			out[name] = fmt.Sprintf("c%+d", rule.Offset)
		case RuleValOffset:
			out[name] = fmt.Sprintf("v%+d", rule.Offset)
		case RuleExpression:
			out[name] = "exp"
		case RuleValue:
			out[name] = "vexp"
		case RuleRegister:
			out[name] = a.Regs[rule.Reg].Name
		}
	}
	return out
}

// TestRowsAgainstReadelf compares every row at every address with what
// binutils makes of the same bytes. Entries of removed code must give none.
func TestRowsAgainstReadelf(t *testing.T) {
	fixture.Need(t, "readelf")
	var paths []string
	for _, pattern := range []string{"testdata/*.elf", fixtures + "/*/fw.elf", "../../../shared/corpus/esp/*/*.elf"} {
		found, _ := filepath.Glob(pattern)
		paths = append(paths, found...)
	}
	// Further programs, such as a C library's, by hand.
	if extra := os.Getenv("CORELIFT_CFI_ELVES"); extra != "" {
		paths = append(paths, strings.Fields(extra)...)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) {
			s := open(t, path)
			rows, skipped := 0, 0
			for _, want := range readelfTables(t, path) {
				for pc := want.from; pc < want.to; pc++ {
					got, ok := s.Row(elfcore.Addr(pc))
					if got.Function != (elfcore.Range{Addr: elfcore.Addr(want.from), Size: want.to - want.from}) || !ok {
						skipped++ // of removed code: listed below
						t.Logf("no rows for %#x-%#x", want.from, want.to)
						break
					}
					i, _ := slices.BinarySearch(want.start, pc+1)
					expect := maps.Clone(want.rows[i-1])
					maps.DeleteFunc(expect, func(_, rule string) bool { return rule == "u" })
					for n := range 16 { // VFP: two halves by the old numbers, one double by the new
						if half, ok := expect[fmt.Sprintf("r%d", 64+2*n)]; ok {
							expect[fmt.Sprintf("r%d", 256+n)] = half
							delete(expect, fmt.Sprintf("r%d", 64+2*n))
							delete(expect, fmt.Sprintf("r%d", 65+2*n))
						}
					}
					if have := text(s.Arch(), got); !maps.Equal(have, expect) {
						t.Fatalf("pc %#x of %#x: %v, readelf %v", pc, want.from, have, expect)
					}
					rows++
				}
			}
			t.Logf("%d addresses, %d entries without rows", rows, skipped)
			if rows == 0 {
				t.Error("nothing compared")
			}
		})
	}
}
