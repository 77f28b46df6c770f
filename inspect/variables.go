package inspect

import (
	"debug/dwarf"
	"encoding/binary"
	"slices"

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
			list = append(list, Variable{v.Name, v.Depth, r.value(a.variable(v), 0)})
		}
	}
	return list
}

// variable finds out where a variable is in the frame.
func (a *activation) variable(v debuginfo.Variable) object {
	t := v.Type()
	switch p := v.Location(a.lookup()); p.Kind {
	case debuginfo.Constant:
		return a.constant(t, p.Const)
	case debuginfo.Expr:
		return a.evaluate(t, p.Expr)
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

// evaluate runs a location expression.
func (a *activation) evaluate(t *debuginfo.Type, expr []byte) object {
	loc, err := location.Eval(expr, a)
	if err != nil {
		return a.failed(t, err)
	}
	if at, _, ok := loc.Address(); ok && a.session.dropped(at, expr) {
		return a.nowhere(t, NoLocation, "the linker dropped it: it is used nowhere")
	}
	return a.placed(t, loc).sized()
}

// opAddr is DW_OP_addr, the expression of a variable with a fixed address.
const opAddr = 0x03

// dropped tells whether a fixed address is that of a variable that the linker
// removed: --gc-sections leaves its debug information behind, with the address
// 0 (GNU ld, lld before 11) or one at the end of the address space (DWARF
// Issue 200609.1). A variable can truly be at 0, in tightly coupled memory, so
// a symbol or the dump may vouch for it.
func (s *Session) dropped(at elfcore.Addr, expr []byte) bool {
	if len(expr) == 0 || expr[0] != opAddr && !slices.Contains(indexedAddresses, expr[0]) {
		return false
	}
	mask := elfcore.Addr(s.core.Arch.AddrMask())
	if at >= mask-1 {
		return true
	}
	if s.program == nil || s.program.Holds(at) {
		_, start, ok := s.symbolAt(at)
		return at == 0 && !(ok && start == at)
	}
	return true
}

// indexedAddresses are DW_OP_addrx and GNU's older DW_OP_GNU_addr_index.
var indexedAddresses = []byte{0xa1, 0xfb}

// declared is a variable that is defined in another unit.
func (a *activation) declared(v debuginfo.Variable) object {
	for _, other := range a.data.Globals(v.Name) {
		if other.Entry.Off == v.Entry.Off {
			continue
		}
		if p := other.Location(a.lookup()); p.Kind == debuginfo.Expr {
			at := *a
			at.unit = other.Entry.Unit()
			return at.evaluate(v.Type(), p.Expr)
		}
	}
	return a.nowhere(v.Type(), OptimisedOut, "")
}

// static is a static member of a class.
func (a *activation) static(m debuginfo.Member) object {
	v := debuginfo.Variable{Name: m.Entry.Qualified(), Entry: m.Entry}
	if p := v.Location(a.lookup()); p.Kind == debuginfo.Constant {
		return a.constant(m.Type, p.Const)
	}
	if a.data == nil {
		return a.nowhere(m.Type, OptimisedOut, "")
	}
	return a.declared(v)
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
	target := o.at.variable(debuginfo.Variable{Name: e.Name(), Entry: e})
	elem := t.Elem()
	size := max(elem.Size(), 0)
	if delta < 0 || delta+size > max(target.typ.Size(), 0) {
		return object{}, false
	}
	return target.part(elem, delta*8, size*8), true
}
