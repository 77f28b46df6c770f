package inspect

import (
	"debug/dwarf"
	"encoding/binary"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/location"
)

// arguments and locals are the frame's variables as bt shows them.
func (a *activation) arguments() []Variable {
	return a.variables(func(v debuginfo.Variable) bool { return v.Param && v.Depth == 0 })
}

func (a *activation) locals() []Variable {
	return a.variables(func(v debuginfo.Variable) bool { return !v.Param })
}

func (a *activation) variables(want func(debuginfo.Variable) bool) (list []Variable) {
	if a.fn == nil {
		return nil
	}
	r := newRenderer(0)
	for _, v := range a.scope.Variables(a.lookup()) {
		if want(v) {
			r.budget = max(r.budget, maxElements) // one that is large must not hide others
			list = append(list, Variable{v.Name, v.Depth, r.value(a.variable(v), 0)})
		}
	}
	return list
}

// variable is a variable of the frame, or one that exists once.
func (a *activation) variable(v debuginfo.Variable) object { return a.find(v).fromProgram() }

// find finds out where a variable is in the frame.
func (a *activation) find(v debuginfo.Variable) object {
	t := v.Type()
	switch p := v.Location(a.lookup()); p.Kind {
	case debuginfo.Constant:
		return a.constant(t, p.Const)
	case debuginfo.Expr:
		return a.evaluate(v, t, p.Expr)
	case debuginfo.Unreadable:
		return a.nowhere(t, Unreadable, p.Err.Error())
	case debuginfo.None:
		if v.External() {
			return a.declared(v)
		}
	}
	return a.nowhere(t, OptimisedOut, "")
}

// constant is a value that the debug information gives itself.
func (a *activation) constant(t *debuginfo.Type, b []byte) object {
	size := int(max(t.Size(), 0))
	if size < len(b) {
		if a.Order() == binary.ByteOrder(binary.BigEndian) {
			b = b[len(b)-size:]
		} else {
			b = b[:size]
		}
	}
	return a.computed(t, b, elfcore.Known)
}

// evaluate runs the location expression of a variable.
func (a *activation) evaluate(v debuginfo.Variable, t *debuginfo.Type, expr []byte) object {
	loc, err := location.Eval(expr, a)
	if err != nil {
		return a.failed(t, err)
	}
	if at, _, ok := loc.Address(); ok && fixed(expr) {
		if a.session.dropped(v, at) {
			return a.nowhere(t, NoLocation, "the linker dropped it: it is used nowhere")
		}
		if r, ok := a.session.program.Interposed(v.Symbol(), at); ok && v.External() {
			loc = location.At(r.Addr, elfcore.Known)
		}
	}
	if size := t.Size(); size > 0 {
		loc = loc.Slice(0, 8*size) // tells where in a register it is
	}
	return a.placed(t, loc).sized()
}

// fixedAddresses are DW_OP_addr, DW_OP_addrx and GNU's older
// DW_OP_GNU_addr_index.
var fixedAddresses = []byte{0x03, 0xa1, 0xfb}

// fixed tells whether an expression is that of a variable which the linker gave
// its address.
func fixed(expr []byte) bool { return len(expr) > 0 && slices.Contains(fixedAddresses, expr[0]) }

// dropped tells whether a variable's fixed address means that the linker removed
// it: --gc-sections leaves its debug information behind, with the address 0 (GNU
// ld, lld) or one at the end of the address space (DWARF Issue 200609.1).
//
// Folklore: a variable can truly be at 0, where RAM or flash begins, and so can
// another one, or the vector table. Only a symbol of its own name there tells.
// Test: TestDropped.
func (s *Session) dropped(v debuginfo.Variable, at elfcore.Addr) bool {
	switch mask := elfcore.Addr(s.core.Arch.AddrMask()); {
	case at >= mask-1, s.program == nil, !s.program.Holds(at):
		return true
	case at != 0:
		return false
	}
	name := v.Entry.Name()
	if r, ok := s.program.Symbol(name); ok && r.Addr == at {
		return false
	}
	// Of a static variable in a function GCC makes "once.0", clang "func.once".
	symbol, start, ok := s.symbolAt(at)
	return !ok || start != at || !strings.HasPrefix(symbol, name+".") && !strings.HasSuffix(symbol, "."+name) && !strings.HasSuffix(symbol, "::"+name)
}

// declared is a variable that is defined in another unit, or elsewhere in this
// one.
func (a *activation) declared(v debuginfo.Variable) object {
	name := v.Entry.Qualified()
	for _, other := range a.data.Globals(name) {
		if other.Entry.Off == v.Entry.Off || other.Name != name {
			continue
		}
		if p := other.Location(a.lookup()); p.Kind == debuginfo.Expr {
			return a.in(other.Entry.Unit()).evaluate(v, v.Type(), p.Expr)
		}
	}
	// One of a program without debug information, such as environ, has a symbol.
	if symbol, ok := v.Entry.Symbol(); ok && a.session.program != nil {
		if r, ok := a.session.program.Extern(symbol); ok {
			return a.placed(v.Type(), location.At(r.Addr, a.session.trusted())).sized()
		}
	}
	return a.nowhere(v.Type(), OptimisedOut, "")
}

// static is a static member of a class.
func (a *activation) static(m debuginfo.Member) object {
	v := debuginfo.Variable{Name: m.Entry.Qualified(), Entry: m.Entry}
	if p := v.Location(a.lookup()); p.Kind == debuginfo.Constant {
		return a.constant(m.Type, p.Const).fromProgram()
	}
	return a.in(m.Entry.Unit()).declared(v).fromProgram()
}

// implied is what an implicit pointer points to.
func (o object) implied(t *debuginfo.Type) (object, bool) {
	entry, delta, ok := o.loc.Slice(0, o.size()).Pointer()
	if !ok || o.at.data == nil {
		return object{}, false
	}
	e, ok := o.at.data.Entry(dwarf.Offset(entry))
	if !ok {
		return object{}, false
	}
	target := o.at.in(e.Unit()).variable(debuginfo.Variable{Name: e.Name(), Entry: e})
	elem := t.Elem()
	size := max(elem.Size(), 0)
	if delta < 0 || delta+size > max(target.typ.Size(), 0) {
		return object{}, false
	}
	return target.part(elem, delta*8, size*8), true
}
