package inspect

import (
	"encoding/binary"
	"errors"
	"math"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
	"corelift/internal/location"
)

// object is something of a type at a place: a variable, a member of one, what
// a pointer points to, or the result of an operator. Nothing is read until its
// contents are asked for.
type object struct {
	typ    *debuginfo.Type
	at     *activation // what registers are read from; never nil
	loc    location.Location
	bits   int64    // width of a bit-field, 0 if it is none
	absent Presence // why there is no place; Present if there is one
	reason string
	note   string // how the value came about, if that matters
	flags  string // of a register: the names of its bits
}

// nowhere is an object without a place.
func (a *activation) nowhere(t *debuginfo.Type, p Presence, reason string) object {
	return object{typ: t, at: a, absent: p, reason: reason}
}

// placed is an object at a location.
func (a *activation) placed(t *debuginfo.Type, l location.Location) object {
	return object{typ: t, at: a, loc: l, absent: Present}
}

// inMemory is an object at an address, which can be trusted as far as s.
func (a *activation) inMemory(t *debuginfo.Type, at elfcore.Addr, s elfcore.State) object {
	at &= elfcore.Addr(a.session.core.Arch.AddrMask())
	return a.placed(t, location.At(at, s))
}

// computed is an object that is nowhere on the target; b is in its byte order.
func (a *activation) computed(t *debuginfo.Type, b []byte, s elfcore.State) object {
	return a.placed(t, location.Location{Pieces: []location.Piece{{Kind: location.Implicit, State: s, Bytes: b}}})
}

// size is the object's size in bits; 0 if it is not known.
func (o object) size() int64 {
	if o.bits > 0 {
		return o.bits
	}
	return max(o.typ.Size(), 0) * 8
}

// part is size bits of the object from bit off on.
func (o object) part(t *debuginfo.Type, off, size int64) object {
	if off < 0 { // a damaged member; location.Slice gives something empty
		return o.at.nowhere(t, NoLocation, "it begins before the object that it is a part of")
	}
	p := o
	p.typ, p.bits, p.flags = t, 0, ""
	if o.absent == Present {
		p.loc = o.loc.Slice(off, size)
	}
	return p
}

// member is a member of a structure, class or union, or a base class of it.
func (o object) member(m debuginfo.Member) object {
	switch size := max(m.Type.Size(), 0) * 8; {
	case m.Static:
		return o.at.static(m)
	case m.Location != nil:
		return o.moved(m)
	case m.BitSize > 0:
		p := o.part(m.Type, m.BitOff, m.BitSize)
		p.bits = m.BitSize
		return p
	case size > 0:
		return o.part(m.Type, m.Off*8, size)
	}
	// A flexible array, or something without a size.
	if at, s, ok := o.address(); ok {
		return o.at.inMemory(m.Type, at+elfcore.Addr(m.Off), s)
	}
	return o.part(m.Type, 0, 0)
}

// moved is a member whose place is computed from the object's, as that of a
// virtual base class.
func (o object) moved(m debuginfo.Member) object {
	at, s, ok := o.address()
	if !ok {
		return o.at.nowhere(m.Type, NoLocation, "its place depends on that of an object in memory")
	}
	v, err := location.Compute(m.Location, o.at.in(m.Entry.Unit()), location.Word(uint64(at), s))
	if err != nil {
		return o.at.failed(m.Type, err)
	}
	return o.at.inMemory(m.Type, elfcore.Addr(v.Uint()), v.State)
}

// element is an element of an array. In memory, as in C, there are elements
// before the first and behind the last one.
func (o object) element(t *debuginfo.Type, i int64) object {
	size := max(t.Size(), 0)
	if at, s, ok := o.address(); ok {
		return o.at.inMemory(t, at+elfcore.Addr(uint64(i)*uint64(size)), s)
	}
	n, known := o.typ.Plain().Count()
	if i < 0 || known && i >= n || i > math.MaxInt64/8/max(size, 1) {
		return o.at.nowhere(t, NoLocation, "it is not in memory, and the array has no such element")
	}
	return o.part(t, 8*i*size, 8*size)
}

// presences are inspect's words for those of package location.
var presences = map[location.Presence]Presence{
	location.Broken: Unreadable, location.Unsupported: Unreadable, location.OptimisedOut: OptimisedOut,
	location.NotInDump: NotInDump, location.Synthetic: Present, location.Present: Present,
}

// failed is an object whose location can't be told.
func (a *activation) failed(t *debuginfo.Type, err error) object {
	known := (*location.Error)(nil)
	if !errors.As(err, &known) {
		return a.nowhere(t, Unreadable, err.Error())
	}
	p := presences[known.Reason]
	if p == Unreadable {
		return a.nowhere(t, p, err.Error()) // names the operator
	}
	return a.nowhere(t, p, known.Text)
}

// content is what an object holds.
type content struct {
	bytes    []byte // in the target's order
	presence Presence
	state    elfcore.State
	reason   string // why it is absent or can't be trusted
}

// read reads the object.
func (o object) read() content { return o.readBits(o.size()) }

// readBits reads the first bits of the object.
func (o object) readBits(bits int64) content {
	if o.absent != Present {
		return content{presence: o.absent, reason: o.reason}
	}
	if bits <= 0 {
		return content{presence: NoLocation, reason: "its size is not known"}
	}
	l := o.loc.Slice(0, bits)
	got := l.Read(o.view())
	c := content{got.Bytes, presences[got.Presence], got.State, o.note}
	if c.presence == NotInDump && o.at.session.initial {
		if c, ok := o.at.initial(l); ok {
			return c
		}
	}
	if got.Err != nil {
		c.reason = got.Err.Error()
	}
	if got.Presence == location.Synthetic {
		c.bytes = nil
	}
	if c.presence == Present && c.state == elfcore.Suspect && c.reason == "" {
		c.reason = o.at.doubt(l)
	}
	return c
}

// view is what the object is read from. Bits of bit-fields are counted in the
// order of their type, which GCC's scalar_storage_order can make another one
// than the target's.
func (o object) view() location.Frame {
	if order := o.typ.Plain().Order; o.bits > 0 && order != o.at.Order() {
		return reordered{o.at, order}
	}
	return o.at
}

// reordered is an activation with another byte order.
type reordered struct {
	*activation
	order binary.ByteOrder
}

func (r reordered) Order() binary.ByteOrder { return r.order }

// doubt says why a value may be wrong.
func (a *activation) doubt(l location.Location) string {
	if a.session.mismatched() {
		return differs
	}
	for _, p := range l.Pieces {
		if p.Kind == location.InRegister {
			r := a.Register(p.Register)
			if r.State == elfcore.Suspect && a.depth > 0 {
				return "may be stale: " + r.Name + " is not preserved by the call"
			}
		}
	}
	return "may be stale"
}

// address is where the object lies in memory.
func (o object) address() (elfcore.Addr, elfcore.State, bool) {
	if o.absent != Present || o.bits > 0 {
		return 0, elfcore.Missing, false
	}
	return o.loc.Address()
}
