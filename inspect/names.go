package inspect

import (
	"debug/dwarf"
	"strings"

	"github.com/ianlancetaylor/demangle"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// demangled is a C++ or Rust symbol's name as its author wrote it, without
// parameters; other names are themselves.
func demangled(name string) string {
	if !mangled(name) {
		return name
	}
	return demangle.Filter(name, demangle.NoParams, demangle.NoEnclosingParams)
}

func mangled(name string) bool { return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") }

// functionName is a function's qualified name.
//
// Folklore: a lambda's call operator is a member of a class without a name, so
// that its debug information gives no more than "operator()"; Clang's does so,
// and names templates with a lambda by its place: "each<(lambda at a.cpp:9:1)>".
// Their symbols have the rest, "fill(int)::$_0::operator()", which GDB shows.
// Test: internal/differential, objects.
//
// C functions, too, may have a symbol of another name (asm("name")): GDB shows
// __GI___qsort_r for glibc's __qsort_r. Test: internal/differential, TestLinux.
func functionName(s debuginfo.Scope) string {
	if s.Linkage != "" && !mangled(s.Linkage) && !strings.Contains(s.Name, "::") {
		return s.Linkage
	}
	if s.Linkage == "" || !insideNameless(s.Entry) && !strings.Contains(s.Name, "(lambda at ") {
		return s.Name
	}
	return demangle.Filter(s.Linkage, demangle.NoParams)
}

// insideNameless tells whether a function is a member of a class without a name.
func insideNameless(e debuginfo.Entry) bool {
	class, ok := e.Inherited(dwarf.AttrName).Enclosing()
	return ok && (class.Tag == dwarf.TagClassType || class.Tag == dwarf.TagStructType) && class.Name() == ""
}

// outside is an activation without a frame, in which global names have a value.
func (s *Session) outside() *activation {
	a := &activation{session: s, trace: &trace{whole: true}, walked: &walked{}}
	if datas := s.datas(); len(datas) > 0 {
		a.data = datas[0]
	}
	return a
}

// datas are the debug information of all programs.
func (s *Session) datas() (list []*debuginfo.Data) {
	if s.program != nil {
		for _, m := range s.program.Images() {
			list = append(list, m.Debug())
		}
	}
	return list
}

// types is where types are looked up first.
func (a *activation) types() *debuginfo.Data {
	if a.data != nil {
		return a.data
	}
	return a.session.noTypes()
}

// isType tells the parser whether a name is that of a type here.
func (e evaluator) isType(name string) bool {
	if _, variable := e.local(name); variable {
		return false
	}
	_, ok := e.findType(name)
	return ok && len(e.at.globals(name)) == 0
}

func (e evaluator) findType(name string) (*debuginfo.Type, bool) {
	if t, ok := e.at.types().Type(name); ok {
		return t, true
	}
	for _, d := range e.at.session.datas() {
		if t, ok := d.Type(name); ok {
			return t, true
		}
	}
	return nil, false
}

// builtin is a type of C itself.
func (e evaluator) builtin(name string) *debuginfo.Type { return e.at.types().Builtin(name) }

// name finds what a name stands for, in the order of C's scopes.
func (e evaluator) name(n *cexpr.Name) object {
	full := n.Path()
	if len(n.Parts) == 1 && !n.Global {
		if v, ok := e.local(full); ok {
			return e.at.variable(v)
		}
		if this, ok := e.local("this"); ok {
			if m, ok := e.deref(n, e.at.variable(this)).find(full); ok {
				return m
			}
		}
	}
	if o, ok := e.globalNamed(n); ok {
		return o
	}
	if o, ok := e.enumerator(full); ok {
		return o
	}
	if o, ok := e.function(full); ok {
		return o
	}
	if o, ok := e.symbol(full); ok {
		return o
	}
	hint := ""
	if e.at.session.program == nil {
		hint = "give the firmware with -e FILE: without it only addresses and registers have a value"
	}
	fail(n, hint, "no symbol %s here", full)
	return object{}
}

// local finds a variable of the frame, the innermost of those with the name.
func (e evaluator) local(name string) (debuginfo.Variable, bool) {
	if e.at.fn == nil {
		return debuginfo.Variable{}, false
	}
	best := -1
	vars := e.at.scope.Variables(e.at.lookup())
	for i, v := range vars {
		if v.Name == name && (best < 0 || v.Depth > vars[best].Depth) {
			best = i
		}
	}
	if best < 0 {
		return debuginfo.Variable{}, false
	}
	return vars[best], true
}

// enumerator finds a constant of an enum.
func (e evaluator) enumerator(name string) (object, bool) {
	for _, d := range e.at.session.datas() {
		if t, value, ok := d.Enumerator(name, e.at.unit); ok {
			b := make([]byte, 8)
			e.at.Order().PutUint64(b, uint64(value))
			return e.at.constant(t, b), true
		}
	}
	return object{}, false
}

func (e evaluator) function(name string) (object, bool) {
	for _, d := range e.at.session.datas() {
		if found := d.Functions(name); len(found) > 0 && len(found[0].Ranges) > 0 {
			f := found[0]
			return e.at.inMemory(f.Entry.Type(), elfcore.Addr(f.Ranges[0][0]), elfcore.Known), true
		}
	}
	return object{}, false
}

// symbol is something of which only the address is known.
func (e evaluator) symbol(name string) (object, bool) {
	if e.at.session.program == nil {
		return object{}, false
	}
	r, ok := e.at.session.program.Symbol(name)
	return e.at.inMemory(e.builtin(""), r.Addr, elfcore.Known), ok
}
