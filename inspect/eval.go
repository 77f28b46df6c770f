package inspect

import (
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
	"corelift/internal/location"
)

// Eval evaluates an expression as C and GDB write it (docs/expressions.md) in a
// frame; without one, f nil, only what needs no frame has a value. The
// expression may begin with a format, "/x "; else format applies, 0 for the
// type's own. The error is a *cexpr.Error, which names the column.
//
// That a value is absent is no error: the Value says so.
func (s *Session) Eval(f *Frame, expr string, format cexpr.Format) (v Value, err error) {
	err = s.evaluate(f, expr, func(e evaluator, x *cexpr.Expr) {
		if x.Format != 0 {
			format = x.Format
		}
		o := e.eval(x.Root)
		if o.absent == Present && o.typ.Plain().Kind == debuginfo.Unknown {
			fail(x.Root, "cast it: (int)"+x.Root.String(), "the type of %s is unknown", x.Root)
		}
		v = newRenderer(format).top(o.withState(*e.trust))
	})
	return v, err
}

// evaluate parses an expression and does something with it that may fail.
func (s *Session) evaluate(f *Frame, expr string, do func(evaluator, *cexpr.Expr)) (err error) {
	trust := elfcore.Known
	e := evaluator{s.activation(f), &trust}
	x, err := cexpr.Parse(expr, e.isType)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			failed, ok := p.(*cexpr.Error)
			if !ok {
				panic(p)
			}
			err = failed
		}
	}()
	do(e, x)
	return nil
}

// activation is a frame's; without a frame, one in which there are only globals.
func (s *Session) activation(f *Frame) *activation {
	if f != nil && f.at != nil {
		return f.at
	}
	return s.outside()
}

// evaluator computes the value of a tree. Errors are panics of *cexpr.Error,
// which evaluate turns into what it returns: nearly every step can fail.
type evaluator struct {
	at    *activation
	trust *elfcore.State // the lowest of the conditions and indices that chose the result
}

func fail(n cexpr.Node, hint, format string, args ...any) {
	panic(&cexpr.Error{Column: n.Column(), Text: fmt.Sprintf(format, args...), Hint: hint})
}

func (e evaluator) eval(n cexpr.Node) object {
	switch n := n.(type) {
	case *cexpr.Name:
		return e.name(n).fromProgram()
	case *cexpr.Register:
		return e.register(n)
	case *cexpr.Int, *cexpr.Float, *cexpr.Char, *cexpr.Bool, *cexpr.Null:
		return e.number(e.literal(n))
	case *cexpr.Str:
		return e.at.computed(e.builtin("char").ArrayOf(int64(len(n.Value)+1)), append([]byte(n.Value), 0), elfcore.Known)
	case *cexpr.Unary:
		return e.unary(n)
	case *cexpr.Binary:
		return e.binary(n)
	case *cexpr.Conditional:
		if e.truth(n.If) {
			return e.eval(n.Then)
		}
		return e.eval(n.Else)
	case *cexpr.Member:
		return e.member(n)
	case *cexpr.Index:
		return e.index(n)
	case *cexpr.Slice:
		return e.slice(n)
	case *cexpr.Cast:
		return e.cast(n, e.typeOf(n.Type), e.eval(n.X))
	case *cexpr.Memory:
		at, s := e.pointer(n.X)
		return e.at.inMemory(e.typeOf(n.Type), at, s)
	case *cexpr.Sizeof:
		return e.sizeof(n)
	}
	panic(&cexpr.Error{Column: n.Column(), Text: fmt.Sprintf("%T can't be evaluated", n)})
}

func (e evaluator) unary(n *cexpr.Unary) object {
	switch n.Op {
	case "&":
		return e.addressOf(n)
	case "*":
		return e.deref(n, e.eval(n.X))
	case "!":
		return e.number(truthNumber(!e.truth(n.X)))
	}
	x := e.value(n.X)
	if x.absent != Present {
		return e.at.nowhere(e.builtin("int"), x.absent, x.reason)
	}
	v, ok := x.unary(n.Op)
	if !ok {
		fail(n, "", "%s needs a number, not %s", n.Op, x.typ)
	}
	return e.number(v).withState(x.state)
}

// addressOf makes a pointer to where something is.
func (e evaluator) addressOf(n *cexpr.Unary) object {
	o := e.eval(n.X)
	if isReference(o.typ) { // it is another name of what it refers to
		o = e.deref(n, o)
	}
	at, s, ok := o.address()
	switch {
	case ok:
		return e.makePointer(o.typ.PointerTo(), at, s)
	case o.absent != Present:
		return e.at.nowhere(o.typ.PointerTo(), o.absent, o.reason)
	case o.bits > 0:
		fail(n, "", "%s is a bit-field, which has no address", n.X)
	}
	where := "it is a value, not an object in memory"
	if len(o.loc.Pieces) > 0 && o.loc.Pieces[0].Kind == location.InRegister {
		where = "it is in register " + e.at.Register(o.loc.Pieces[0].Register).Name
	}
	fail(n, "", "%s has no address: %s", n.X, where)
	return o
}

func (e evaluator) makePointer(t *debuginfo.Type, at elfcore.Addr, s elfcore.State) object {
	b := make([]byte, 8)
	e.at.Order().PutUint64(b, uint64(at))
	return e.at.constant(t, b).withState(s)
}

// withState lowers the state of a computed object.
func (o object) withState(s elfcore.State) object {
	for i := range o.loc.Pieces {
		o.loc.Pieces[i].State = min(o.loc.Pieces[i].State, s)
	}
	return o
}

// deref follows a pointer. A number counts as the address of a long, which is
// what GDB makes of it.
func (e evaluator) deref(n cexpr.Node, o object) object {
	t := o.typ.Plain()
	switch t.Kind {
	case debuginfo.Pointer, debuginfo.Reference, debuginfo.RvalueReference:
		if target, ok := o.implied(t); ok {
			return target
		}
		if t.Elem().Plain().Kind == debuginfo.Void {
			fail(n, "cast it: *(char *)p", "%s does not say what it points to", o.typ)
		}
		return e.follow(o, t.Elem())
	case debuginfo.Array:
		return o.element(t.Elem(), 0)
	case debuginfo.Func:
		return o
	case debuginfo.Int, debuginfo.Uint, debuginfo.Address:
		return e.follow(o, e.builtin("long"))
	}
	fail(n, "", "%s is no pointer", o.typ)
	return o
}

// follow is what lies at the address that o holds.
func (e evaluator) follow(o object, t *debuginfo.Type) object {
	c := o.read()
	if c.presence != Present {
		return e.at.nowhere(t, c.presence, c.reason)
	}
	if c.bytes == nil {
		return e.at.nowhere(t, OptimisedOut, "it is nowhere in memory")
	}
	return o.at.inMemory(t, elfcore.Addr(o.integer(c).uint()), c.state).sized()
}

// pointer is the value of a node as an address.
func (e evaluator) pointer(n cexpr.Node) (elfcore.Addr, elfcore.State) {
	x := e.value(n)
	if x.absent != Present {
		fail(n, "", "%s is %s", n, absent[x.absent])
	}
	if x.n.isFloat() {
		fail(n, "", "%s is no address", n)
	}
	return elfcore.Addr(x.n.integerBits), x.state
}

func isReference(t *debuginfo.Type) bool {
	k := t.Plain().Kind
	return k == debuginfo.Reference || k == debuginfo.RvalueReference
}

// member picks a member of a structure, through a pointer to one as well:
// users don't care for the difference.
func (e evaluator) member(n *cexpr.Member) object {
	o := e.eval(n.X)
	for range 2 {
		switch o.typ.Plain().Kind {
		case debuginfo.Pointer, debuginfo.Reference, debuginfo.RvalueReference:
			o = e.deref(n, o)
		case debuginfo.Array: // it stands for the address of its first element
			if n.Arrow {
				o = e.deref(n, o)
			}
		}
	}
	parts := n.Name.Parts
	name := parts[len(parts)-1]
	if class := strings.Join(parts[:len(parts)-1], "::"); class != "" {
		t, ok := e.findType(class)
		if ok {
			o, ok = o.base(t.Plain())
		}
		if !ok {
			fail(n, "", "%s has no base class %s", o.typ, class)
		}
	}
	m, ok := o.find(name)
	if !ok {
		if o.typ.Incomplete() {
			fail(n, "", "%s is declared, but its members are not described", o.typ)
		}
		hint := ""
		if names := memberNames(o.typ); names != "" {
			hint = "it has " + names
		}
		fail(n, hint, "%s has no member %s", o.typ, n.Name.Path())
	}
	return m
}

// find looks for a member by name, in anonymous ones too; then, since a class
// hides what its base classes have, in those.
func (o object) find(name string) (object, bool) {
	return o.search(func(m *debuginfo.Member) bool { return m.Name == name }, map[*debuginfo.Type]bool{})
}

// base is the part of an object that is of a class, or the whole.
func (o object) base(class *debuginfo.Type) (object, bool) {
	if o.typ.Plain() == class {
		return o, true
	}
	return o.search(func(m *debuginfo.Member) bool { return m.Base && m.Type.Plain() == class }, map[*debuginfo.Type]bool{})
}

// search goes through the members that can be named without naming what they are
// in. Each type is looked at once, as damaged ones contain themselves.
func (o object) search(want func(*debuginfo.Member) bool, seen map[*debuginfo.Type]bool) (found object, ok bool) {
	t := o.typ.Plain()
	if seen[t] {
		return found, false
	}
	seen[t] = true
	members := t.Members()
	for i := range members {
		if want(&members[i]) {
			return o.member(members[i]), true
		}
	}
	for _, bases := range []bool{false, true} {
		for i := range members {
			if m := &members[i]; m.Base == bases && (bases || m.Name == "") {
				if found, ok = o.member(*m).search(want, seen); ok {
					return found, true
				}
			}
		}
	}
	return found, false
}

// memberNames lists the members of a type for an error's hint, if few.
func memberNames(t *debuginfo.Type) string {
	var names []string
	for _, m := range t.Members() {
		if m.Name != "" {
			names = append(names, m.Name)
		}
	}
	if len(names) > maxElements/10 {
		names = append(names[:maxElements/10], "...")
	}
	return strings.Join(names, ", ")
}

func (e evaluator) index(n *cexpr.Index) object {
	i := e.count(n.I)
	return e.elementAt(n, e.eval(n.X), i)
}

// elementAt is the i-th element of an array or behind a pointer.
func (e evaluator) elementAt(n cexpr.Node, o object, i int64) object {
	switch t := o.typ.Plain(); t.Kind {
	case debuginfo.Array:
		e.stride(n, t.Elem())
		return o.element(t.Elem(), i)
	case debuginfo.Pointer:
		e.stride(n, t.Elem())
		return e.deref(n, o).element(t.Elem(), i)
	}
	fail(n, "", "%s is neither an array nor a pointer", o.typ)
	return o
}

// stride is the distance of elements in bytes.
func (e evaluator) stride(n cexpr.Node, t *debuginfo.Type) int64 {
	switch size := t.Size(); {
	case size >= 0:
		return size
	case t.Plain().Kind == debuginfo.Void || t.Plain().Kind == debuginfo.Func:
		return 1 // as GCC has it
	}
	fail(n, "", "the size of %s is not known", t)
	return 0
}

// maxSlice bounds the elements of a slice or of ptr@n.
const maxSlice = 1 << 20

// slice is the elements from Low up to High, without that.
func (e evaluator) slice(n *cexpr.Slice) object {
	o := e.eval(n.X)
	low := int64(0)
	if n.Low != nil {
		low = e.count(n.Low)
	}
	count, known := o.typ.Plain().Count()
	high := count
	switch {
	case n.High != nil:
		high = e.count(n.High)
	case !known:
		fail(n, "name its end: x[0:8]", "the length of %s is not known", n.X)
	}
	if high < low || high-low > maxSlice {
		fail(n, "", "from %d to %d is no slice", low, high)
	}
	if t := o.typ.Plain(); t.Kind == debuginfo.Array && o.absent == Present {
		if _, _, ok := o.address(); !ok { // parts of it may be in registers
			if size := t.Elem().Size(); low >= 0 && known && high <= count && size > 0 {
				return o.part(t.Elem().ArrayOf(high-low), 8*low*size, 8*(high-low)*size)
			}
			fail(n, "", "%s is not in memory, and has no such elements", n.X)
		}
	}
	return e.row(n, e.elementAt(n, o, low), high-low)
}

// row is n objects of which o is the first.
func (e evaluator) row(n cexpr.Node, o object, count int64) object {
	t := o.typ.ArrayOf(count)
	if o.absent != Present {
		return o.at.nowhere(t, o.absent, o.reason)
	}
	at, s, ok := o.address()
	if !ok {
		fail(n, "", "nothing follows it: it is not in memory")
	}
	return o.at.inMemory(t, at, s)
}

func (e evaluator) sizeof(n *cexpr.Sizeof) object {
	var t *debuginfo.Type
	if n.Type != nil {
		t = e.typeOf(n.Type)
	} else {
		t = e.eval(n.X).typ
	}
	size := t.Size()
	if size < 0 {
		fail(n, "", "the size of %s is not known", t)
	}
	return e.number(number{integerBits: uint64(size), typ: "unsigned long"})
}
