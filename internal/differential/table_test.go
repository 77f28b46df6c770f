package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tally counts findings by kind and class.
type tally struct {
	n         [kinds][classes]int
	stale     int // of the equal variables, shown as "may be stale"
	valueless int // of the equal ones, those of which both say that there is no value
}

func (t *tally) add(f finding) {
	t.n[f.kind][f.class]++
	if f.kind == local && f.class <= normalised {
		if f.stale {
			t.stale++
		}
		if absent(f.theirs) {
			t.valueless++
		}
	}
}

// lacks is the part of the variables that GDB has a value of and the inspector
// lacks, in percent.
func (t *tally) lacks() float64 {
	v := t.n[local]
	values := v[equal] + v[normalised] - t.valueless + v[lacking] + v[wrong]
	return 100 * float64(v[lacking]) / float64(max(values, 1))
}

// table renders a line for each group of crashes and one for all.
func table(findings []finding, group func(finding) string) string {
	groups := map[string]*tally{}
	var all tally
	var names []string
	for _, f := range findings {
		g := group(f)
		if groups[g] == nil {
			groups[g] = &tally{}
			names = append(names, g)
		}
		groups[g].add(f)
		all.add(f)
	}
	slices.Sort(names)
	var out strings.Builder
	fmt.Fprintf(&out, "%-24s| %-33s | %-72s | %s\n", "", "frames", "variables", "expressions")
	fmt.Fprintf(&out, "%-24s| %6s %8s %9s %6s | %7s %6s %6s %6s %8s %7s %8s %6s %7s | %6s %7s %5s\n", "",
		"equal", "lacking", "only ours", "wrong",
		"equal", "none", "stale", "filler", "gdb wrng", "lacking", "onlyours", "wrong", "lack %",
		"equal", "lacking", "wrong")
	row := func(name string, t *tally) {
		f, v, e := t.n[aFrame], t.n[local], t.n[expression]
		fmt.Fprintf(&out, "%-24s| %6d %8d %9d %6d | %7d %6d %6d %6d %8d %7d %8d %6d %7.2f | %6d %7d %5d\n", name,
			f[equal], f[lacking], f[onlyOurs], f[wrong],
			v[equal]+v[normalised], t.valueless, t.stale, v[filler], v[gdbWrong], v[lacking], v[onlyOurs], v[wrong], t.lacks(),
			e[equal]+e[normalised], e[lacking], e[wrong])
	}
	for _, name := range names {
		row(name, groups[name])
	}
	row("all", &all)
	return out.String()
}

func itoa(n int) string { return strconv.Itoa(n) }

// line describes one finding for people.
func (f finding) line() string {
	what := f.function
	if f.kind != aFrame {
		what += " " + f.variable
	}
	stale := ""
	if f.stale {
		stale = " (may be stale)"
	}
	return fmt.Sprintf("%-9s %s thread %d #%d %s\n\tours: %s%s\n\tgdb:  %s\n\t%s", f.class, f.crash, f.thread, f.level, what, f.ours, stale, f.theirs, f.reason)
}
