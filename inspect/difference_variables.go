package inspect

import (
	"path"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// VariablesDifference is what differs in the variables that exist once, by
// address, or by name in programs that are not the same.
type VariablesDifference struct {
	Compared int                  `json:"compared"` // variables that both dumps hold
	Changed  []VariableDifference `json:"changed,omitempty"`
	LeftOut  int                  `json:"left_out,omitempty"` // of those that changed
	// OnlyA and OnlyB are those that only one dump holds as a whole, Absent
	// counts those that neither does.
	OnlyA  Names `json:"only_a"`
	OnlyB  Names `json:"only_b"`
	Absent int   `json:"absent"`
}

// Names are the first of Count names.
type Names struct {
	Count int      `json:"count"`
	Names []string `json:"names,omitempty"`
}

// VariableDifference is a variable that changed: where, and in which of its
// parts. Name is an expression that has its value; File the source that was
// compiled. AddressB is nil if it is the same.
type VariableDifference struct {
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	File     string        `json:"file,omitempty"`
	Address  elfcore.Addr  `json:"address"`
	AddressB *elfcore.Addr `json:"address_b,omitempty"`
	Parts    []Part        `json:"parts"`
	LeftOut  int64         `json:"left_out,omitempty"` // further parts: members, elements
}

// relocated tells whether the dumps are of two programs, in which a variable or
// function may have two addresses.
func (c *comparison) relocated() bool {
	return c.a.program != nil && c.b.program != nil && c.a.program != c.b.program
}

// sameProgram tells whether two programs are laid out alike.
func sameProgram(a, b *firmware.Set) bool {
	return slices.EqualFunc(a.Images(), b.Images(), func(x, y *firmware.Image) bool { return x.Bias == y.Bias && sameBuild(x, y) })
}

// sameBuild tells whether two files are one, or have one build-id, with which
// linkers name what they put out.
func sameBuild(x, y *firmware.Image) bool {
	return x.Path == y.Path || x.BuildID != "" && x.BuildID == y.BuildID || x.SHA256() != "" && x.SHA256() == y.SHA256()
}

// variables compares those that exist once.
func (c *comparison) variables() {
	if c.a.program == nil || c.b.program == nil {
		return
	}
	v := &variablesComparison{
		comparison: c, out: &VariablesDifference{}, names: map[string]int{},
		frames: [2]*activation{c.a.outside(), c.b.outside()},
	}
	c.result.Variables = v.out
	if c.shared != nil {
		v.list(c.shared)
		for i := range c.shared.list {
			g := &c.shared.list[i]
			v.compare(g, g)
		}
	} else {
		v.byName(c.a.globals(), c.b.globals())
	}
	if v.doubtful > 0 {
		c.uncompared("variables that differ, but not for sure: %d", v.doubtful)
	}
}

// variablesComparison is the state of variables.
type variablesComparison struct {
	*comparison
	out    *VariablesDifference
	frames [2]*activation // from which there are only globals
	names  map[string]int // how many variables have it

	doubtful int // variables that differ in what not both dumps are sure of
}

func (v *variablesComparison) list(g *globals) {
	for i := range g.list {
		v.names[g.list[i].Name]++
	}
}

// byName compares the variables of two programs. Those of one name are told
// apart by their source files, then by their order.
func (v *variablesComparison) byName(a, b *globals) {
	v.list(a)
	type key struct{ name, file string }
	others := map[key][]*global{}
	for i := range b.list {
		g := &b.list[i]
		of := key{g.Name, path.Base(g.Entry.Unit().Name())}
		others[of] = append(others[of], g)
	}
	for i := range a.list {
		g := &a.list[i]
		of := key{g.Name, path.Base(g.Entry.Unit().Name())}
		if list := others[of]; len(list) > 0 {
			others[of] = list[1:]
			v.compare(g, list[0])
		} else if v.holds(0, g) {
			v.lone(&v.out.OnlyA, g)
		}
	}
	for i := range b.list {
		g := &b.list[i]
		of := key{g.Name, path.Base(g.Entry.Unit().Name())}
		if list := others[of]; len(list) > 0 && list[0] == g {
			others[of] = list[1:]
			if v.holds(1, g) {
				v.lone(&v.out.OnlyB, g)
			}
		}
	}
}

// holds tells whether a dump has the whole of a variable.
func (v *variablesComparison) holds(side int, g *global) bool {
	return around(g.Addr, v.have[side]).Contains(lastOf(g.Range))
}

// lone takes a variable that only one dump has.
func (v *variablesComparison) lone(to *Names, g *global) {
	to.Count++
	if !v.full(len(to.Names)) {
		to.Names = append(to.Names, v.name(g))
	}
}

// name is an expression for a variable.
func (v *variablesComparison) name(g *global) string {
	if v.names[g.Name] > 1 {
		return candidate{Variable: g.Variable}.inFile()
	}
	return g.Name
}

// readOnly tells whether the program can't change a variable, so that a dump
// need not hold it.
func (s *Session) readOnly(g *global) bool {
	return s.program.ReadConst(make([]byte, 1), g.Addr) == nil
}

// compare compares one variable.
func (v *variablesComparison) compare(a, b *global) {
	inA, inB := v.holds(0, a), v.holds(1, b)
	switch {
	case inA && inB:
		v.out.Compared++
	case v.a.readOnly(a):
	case inA:
		v.lone(&v.out.OnlyA, a)
	case inB:
		v.lone(&v.out.OnlyB, b)
	default:
		v.out.Absent++
	}
	if a == b && a.differ == 0 || a != b && !(inA && inB) {
		return
	}
	w := &walker{comparison: v.comparison, limit: v.limit, scan: scanned(a.Range, v.have[0])}
	full := v.full(len(v.out.Changed))
	if full {
		w.limit = 1 // is there any part?
	}
	x, y := v.frames[0].global(a.Variable), v.frames[1].global(b.Variable)
	w.walk(v.name(a), x, y, 0)
	switch {
	case w.differs:
		v.different()
	case len(w.parts) > 0:
		v.doubtful++
	case a == b:
		o := v.owners.as("padding", v.name(a))
		o.Addr, o.Bytes = a.first, a.differ
	}
	switch {
	case len(w.parts) == 0:
		return
	case full:
		v.out.LeftOut++
		return
	}
	d := VariableDifference{Name: v.name(a), Type: x.typ.String(), File: a.Entry.Unit().Name(), Address: a.Addr, Parts: w.parts, LeftOut: w.leftOut}
	if b.Addr != a.Addr {
		d.AddressB = &b.Addr
	}
	v.out.Changed = append(v.out.Changed, d)
}
