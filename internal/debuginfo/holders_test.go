package debuginfo

import (
	"debug/dwarf"
	"slices"
	"testing"
)

// TestPlaces compares what is found at places with what reading all units finds,
// for names of variables, members and functions of every program.
func TestPlaces(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) { comparePlaces(t, p) })
	}
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { comparePlaces(t, build(t, b.command)) })
	}
}

func comparePlaces(t *testing.T, p program) {
	everywhere := places{everywhere: true}
	globals := map[string][]dwarf.Offset{}
	names := map[string]bool{} // also of what is no global
	for _, u := range p.Units() {
		for v := range u.globals("", everywhere) {
			globals[v.Entry.Name()] = append(globals[v.Entry.Name()], v.Entry.Off)
		}
		u.Root().eachBelow(func(e Entry, _ int) bool {
			if slices.Contains([]dwarf.Tag{dwarf.TagVariable, dwarf.TagMember, dwarf.TagSubprogram}, e.Tag) {
				names[e.Name()] = true
			}
			return true
		})
	}
	delete(names, "")
	const most = 40 // of a large program, any
	found := 0
	for name := range names {
		if found++; found > most {
			break
		}
		var offs []dwarf.Offset
		for _, v := range search(p.Data, name, soughtGlobals, func(u *Unit, where places) []Variable {
			return slices.Collect(u.globals(name, where))
		}) {
			offs = append(offs, v.Entry.Off)
		}
		slices.Sort(offs) // of units with code for another's names, those are last
		if !slices.Equal(offs, globals[name]) {
			t.Errorf("%s: found at %#x, not %#x", name, offs, globals[name])
		}
	}
	for f := range p.AllFunctions() {
		if found++; found > 2*most {
			break
		}
		if name := f.Entry.Name(); name != "" && !slices.ContainsFunc(p.Functions(name), func(g *Function) bool { return g.Entry.Off == f.Entry.Off }) {
			t.Errorf("function %s at %#x was not found", name, f.Entry.Off)
		}
	}
}

// TestGather looks at the order of answers, and at what becomes of a fault in a
// mapped file.
func TestGather(t *testing.T) {
	units := make([]*Unit, 100)
	for i := range units {
		units[i] = &Unit{Off: dwarf.Offset(i)}
	}
	got := gather(units, func(u *Unit) []int { return make([]int, u.Off%3) })
	if len(got) != 99 {
		t.Errorf("%d answers", len(got))
	}
	offs := gather(units, func(u *Unit) []dwarf.Offset { return []dwarf.Offset{u.Off} })
	if !slices.IsSorted(offs) {
		t.Errorf("order: %v", offs)
	}
	defer func() {
		if p := recover(); p != "fault" {
			t.Errorf("recovered %v", p)
		}
	}()
	gather(units, func(u *Unit) []int { panic("fault") })
}
