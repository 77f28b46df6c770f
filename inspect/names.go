package inspect

import (
	"debug/dwarf"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// demangled is a C++ or Rust symbol's name as its author wrote it, without
// parameters; other names are themselves.
func demangled(name string) string {
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") {
		return name
	}
	return demangle.Filter(name, demangle.NoParams, demangle.NoEnclosingParams)
}

// functionName is a function's qualified name.
//
// Folklore: a lambda's call operator is a member of a class without a name, so
// that its debug information gives no more than "operator()"; Clang's does so,
// and names templates with a lambda by its place: "each<(lambda at a.cpp:9:1)>".
// Their symbols have the rest, "fill(int)::$_0::operator()", which GDB shows.
// Test: internal/differential, objects.
func functionName(s debuginfo.Scope) string {
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

// roles are names of registers that every CPU has.
var roles = map[string]func(*arch.Arch) arch.Reg{
	"pc": func(a *arch.Arch) arch.Reg { return a.PC },
	"sp": func(a *arch.Arch) arch.Reg { return a.SP },
}

// register is a register of the frame.
func (e evaluator) register(n *cexpr.Register) object {
	cpu := e.at.session.core.Arch
	i := slices.IndexFunc(cpu.Regs, func(r arch.RegInfo) bool { return r.Name == n.Name })
	if i < 0 {
		if role, ok := roles[n.Name]; ok {
			i = int(role(cpu))
		} else {
			fail(n, "see corelift regs -a for the names", "%s has no register %s", cpu.Name, n.Name)
		}
	}
	r, info := arch.Reg(i), cpu.Regs[i]
	t := e.registerType(r, info)
	b, state := e.at.frame().Regs.Bytes(r)
	if state == elfcore.Missing {
		reason := "register " + info.Name + " is not in the dump"
		if e.at.trace.thread == nil {
			reason = "there is no frame"
		}
		return e.at.nowhere(t, NotInDump, reason)
	}
	o := e.at.constant(t, reversed(b, e.at.Order())).withState(state)
	if state == elfcore.Suspect {
		o.note = "may be stale"
	}
	return o
}

// registerType is how GDB shows a register.
func (e evaluator) registerType(r arch.Reg, info arch.RegInfo) *debuginfo.Type {
	cpu := e.at.session.core.Arch
	switch {
	case r == cpu.PC:
		return e.builtin("void").FuncReturning().PointerTo()
	case r == cpu.SP:
		return e.builtin("void").PointerTo()
	case info.Group == arch.Float && info.Bits == 32:
		return e.builtin("float")
	case info.Group == arch.Float && info.Bits == 64:
		return e.builtin("double")
	case info.Bits == 64:
		return e.builtin("long long")
	case info.Bits == 32:
		return e.builtin("int")
	case info.Bits == 16:
		return e.builtin("unsigned short")
	}
	return e.builtin("unsigned char").ArrayOf(int64(info.Bits+7) / 8)
}
