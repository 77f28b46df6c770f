package corelift_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

var update = flag.Bool("update", false, "write the generated documents anew")

const compatibilityDoc = "docs/compatibility.md"

// TestCompatibility converts each register-block version of each crash, and
// the native version in each memory mode, opens all of them in gdb and
// compares with the live target. The figures are docs/compatibility.md.
func TestCompatibility(t *testing.T) {
	gdb := fixture.Need(t, "gdb-multiarch")
	var mu sync.Mutex
	sections := map[string]string{}
	t.Run("cpu", func(t *testing.T) {
		byCPU(t, func(t *testing.T, cases []*fixture.Case) {
			sums := openAll(t, gdb, cases)
			mu.Lock()
			defer mu.Unlock()
			sections[cases[0].CPU] = section(cases, sums)
		})
	})
	if t.Failed() && !*update {
		return
	}
	doc := compatibilityHead
	for _, cpu := range slices.Sorted(maps.Keys(sections)) {
		doc += sections[cpu]
	}
	if *update {
		if err := os.WriteFile(compatibilityDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(compatibilityDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, []byte(doc)) {
		t.Errorf("%s is out of date (go test -run TestCompatibility -update .):\n%s", compatibilityDoc, firstDifference(string(have), doc))
	}
}

func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(h), len(w)) {
		if h[i] != w[i] {
			return fmt.Sprintf("line %d:\n- %s\n+ %s", i+1, h[i], w[i])
		}
	}
	return "the lengths differ"
}

// matrix is every dump of the document: blocks in LINKER_RAM, then modes.
func matrix(c *fixture.Case) (list []*fixture.Dump) {
	for _, b := range c.Blocks() {
		list = append(list, c.Build(b, fixture.RAMKernel))
	}
	for _, m := range fixture.Modes() {
		list = append(list, c.Build(c.NativeBlock(), m))
	}
	return list
}

func openAll(t *testing.T, gdb string, cases []*fixture.Case) (sums []tally) {
	dir := t.TempDir()
	var dumps []*fixture.Dump
	var cores []*elfcore.Core
	var paths []string
	for _, c := range cases {
		for _, d := range matrix(c) {
			core, err := convert(t, d.Stream(), d.Name(), program(t, c.ELF))
			if err != nil {
				t.Errorf("%s: %v", d.Name(), err)
				continue
			}
			dumps, cores = append(dumps, d), append(cores, core)
			paths = append(paths, writeCore(t, dir, len(paths), core))
		}
	}
	for i, s := range look(t, gdb, cases[0], paths) {
		sum, f := judge(dumps[i], cores[i], s)
		f.report(t, dumps[i].Name())
		required(t, sum)
		sums = append(sums, sum)
	}
	return sums
}

// required: a dump of the firmware's own Zephyr version with all of the RAM
// must show every frame and every variable as live gdb did.
func required(t *testing.T, s tally) {
	d := s.dump
	if !d.Lists() || d.Mode.Name == fixture.ThreadsKernel.Name || d.Block.Name != d.Case.NativeBlock().Name {
		return
	}
	if s.globals < s.globalTotal {
		t.Errorf("%s: %d of %d global variables as live", d.Name(), s.globals, s.globalTotal)
	}
	if why := excused[d.Case.Name()]; why != "" {
		return
	}
	if len(s.short) > 0 {
		t.Errorf("%s: frames as live: %v; missing registers: %v", d.Name(), s.short, s.lacks)
	}
}

// excused are crashes of whose own version a stock gdb can't show all frames,
// with the reason.
var excused = map[string]string{}

const compatibilityHead = `# What comes out of each dump version

Made by ` + "`go test -run TestCompatibility -update .`" + `; the test fails when this file is out of date. Each cell is one crash of
testdata/firmware in the shape that one Zephyr version gives its dump, converted, opened in stock gdb-multiarch without a
warning, and compared with what a live debugger saw on the crashing instruction:

    9+6-2  6/6  29/29  30/31

- general registers of the crashed context: **known** (stand in the dump) + **recovered** (follow from it by a rule) - **missing**.
  A known or recovered register that is wrong fails the test.
- frames of the crashed context equal to the live ones (function, file, line, pc) / all of its frames;
- the same for all other threads together;
- local variables of the crashed context equal to the live ones / all.

`

// section is the document's part on one CPU.
func section(cases []*fixture.Case, sums []tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", cases[0].CPU)
	native := cases[0].NativeBlock().Name
	table(&b, cases, sums, "register block", func(s tally) string {
		if s.dump.Mode.Name != fixture.RAMKernel.Name {
			return ""
		}
		return fmt.Sprintf("%s, %d bytes", s.dump.Block.Name, len(s.dump.Block.Data))
	})
	fmt.Fprintf(&b, "Block %s in each memory mode:\n\n", native)
	table(&b, cases, sums, "memory", func(s tally) string {
		if s.dump.Block.Name != native {
			return ""
		}
		return s.dump.Mode.Name
	})
	lines := map[string]bool{}
	for _, s := range sums {
		if s.dump.Lists() && len(s.short) > 0 {
			lines[fmt.Sprintf("- %s, %s, %s: %s; missing: %s\n", s.dump.Block.Name, s.dump.Mode.Name, s.dump.Case.Scenario,
				strings.Join(s.short, ", "), orNone(s.lacks))] = true
		}
	}
	if len(lines) > 0 {
		b.WriteString("Traces shorter than the live ones:\n\n" + strings.Join(slices.Sorted(maps.Keys(lines)), "") + "\n")
	}
	return b.String()
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, " ")
}

// table has a row for each value of key and a column for each scenario.
func table(b *strings.Builder, cases []*fixture.Case, sums []tally, head string, key func(tally) string) {
	fmt.Fprintf(b, "| %s |", head)
	for _, c := range cases {
		fmt.Fprintf(b, " %s |", c.Scenario)
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---|", len(cases)))
	var order []string
	rows := map[string]map[string]string{}
	for _, s := range sums {
		k := key(s)
		if k == "" {
			continue
		}
		if rows[k] == nil {
			rows[k] = map[string]string{}
			order = append(order, k)
		}
		rows[k][s.dump.Case.Scenario] = fmt.Sprintf("%d+%d-%d  %d/%d  %d/%d  %d/%d", s.known, s.recovered, s.missing,
			s.frames, s.frameTotal, s.others, s.otherTotal, s.locals, s.localTotal)
	}
	for _, k := range order {
		fmt.Fprintf(b, "| %s |", k)
		for _, c := range cases {
			fmt.Fprintf(b, " %s |", rows[k][c.Scenario])
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}
