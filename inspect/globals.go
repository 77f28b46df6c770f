package inspect

import (
	"bytes"
	"cmp"
	"debug/dwarf"
	"path"
	"slices"
	"strings"

	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// candidate is a variable that exists once and may be meant by a name.
type candidate struct {
	debuginfo.Variable
	scope string // what stands before the name that was typed: "fw::drv::"
	far   distance
}

// distance says how far a variable is from the frame's scope.
type distance uint8

const (
	inUnit    distance = iota
	anywhere           // known to all units
	otherUnit          // static in another one
	elsewhere          // of a namespace that the frame is not in
)

// globals finds variables that exist once by the end of their qualified names,
// in the order of C++'s scopes: those of the frame's function, of the namespaces
// around it, of its unit, then all others. Static variables of other functions
// are not meant unless the function is named.
func (a *activation) globals(name string) (found []candidate) {
	for _, d := range a.session.datas() {
		for _, v := range d.Globals(name) {
			c := candidate{v, strings.TrimSuffix(v.Name, name), a.distance(v)}
			switch {
			case c.scope == "" || a.fn != nil && strings.HasPrefix(a.fn.Name+"::", c.scope):
			case !strings.Contains(name, "::") && insideFunction(v.Entry):
				continue
			default:
				c.far = elsewhere
			}
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, candidate.compare)
	return found
}

// compare orders candidates, the nearest first.
func (c candidate) compare(d candidate) int {
	return cmp.Or(
		cmp.Compare(c.far/elsewhere, d.far/elsewhere),
		cmp.Compare(len(d.scope), len(c.scope)),
		cmp.Compare(c.far, d.far))
}

func (a *activation) distance(v debuginfo.Variable) distance {
	switch {
	case a.unit != nil && v.Entry.Unit() == a.unit:
		return inUnit
	case v.External():
		return anywhere
	}
	return otherUnit
}

// insideFunction tells whether a variable is a static one of a function.
func insideFunction(e debuginfo.Entry) bool {
	for ok := true; ok; e, ok = e.Enclosing() {
		if e.Tag == dwarf.TagSubprogram {
			return true
		}
	}
	return false
}

// global is a variable that exists once.
func (a *activation) global(v debuginfo.Variable) object { return a.in(v.Entry.Unit()).variable(v) }

// in is the activation for what a unit describes.
func (a *activation) in(u *debuginfo.Unit) *activation {
	at := *a
	at.unit, at.data = u, u.Data()
	return &at
}

// globalNamed is what a name stands for outside of blocks: "x", "fw::x", "::x",
// "func::x", "file.c::x", "dir/file.c::x".
func (e evaluator) globalNamed(n *cexpr.Name) (object, bool) {
	found := e.at.globals(n.Path())
	if n.Global {
		found = slices.DeleteFunc(found, func(c candidate) bool { return c.scope != "" })
	}
	if len(found) == 0 && len(n.Parts) > 1 {
		found = e.inFile(n.Parts)
	}
	if len(found) == 0 {
		return object{}, false
	}
	return e.only(n, found), true
}

// only picks the nearest candidate. Others that are as near must be the same in
// all but the place, as constants of header files are, or dropped by the linker.
func (e evaluator) only(n *cexpr.Name, found []candidate) object {
	chosen, from := object{}, found[0]
	for i, c := range found {
		if found[0].compare(c) != 0 {
			break
		}
		switch o := e.at.global(c.Variable); {
		case i == 0 || chosen.absent == NoLocation:
			chosen, from = o, c
		case o.absent != NoLocation && !o.same(chosen):
			fail(n, "write "+from.inFile()+" or "+c.inFile(), "%s stands for more than one variable", n.Path())
		}
	}
	return chosen
}

// same tells whether two objects are one, or hold the same.
func (o object) same(p object) bool {
	x, _, ok := o.address()
	if y, _, also := p.address(); ok && also && x == y {
		return true
	}
	c, d := o.read(), p.read()
	return c.presence == d.presence && bytes.Equal(c.bytes, d.bytes)
}

// inFile is the name with which a candidate alone is meant.
func (c candidate) inFile() string { return path.Base(c.Entry.Unit().Name()) + "::" + c.Name }

// inFile finds the variables of the files that parts begin with.
func (e evaluator) inFile(parts []string) (found []candidate) {
	file, name := parts[0], strings.Join(parts[1:], "::")
	for _, d := range e.at.session.datas() {
		for _, v := range d.Globals(name) {
			unit := v.Entry.Unit().Name()
			if unit == file || path.Base(unit) == file || strings.HasSuffix(unit, "/"+file) || v.DeclFile() == file {
				found = append(found, candidate{Variable: v, scope: strings.TrimSuffix(v.Name, name)})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y candidate) int { return cmp.Compare(len(x.scope), len(y.scope)) })
	return found
}
