package inspect

import (
	"encoding/binary"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// scalar shows what is neither an aggregate nor an array.
func (r *renderer) scalar(v *Value, o object, t *debuginfo.Type, depth int) {
	switch t.Kind {
	case debuginfo.Void, debuginfo.Unknown:
		*v = v.missing(NoLocation, "")
		v.Text = "<incomplete type>"
		return
	case debuginfo.Func:
		r.function(v, o)
		return
	}
	if t.Kind == debuginfo.Unspecified && t.String() == "decltype(nullptr)" { // it has no size, and one value
		v.Presence, v.State, v.Text = Present, elfcore.Known, "nullptr"
		return
	}
	c := o.read()
	if c.presence != Present {
		*v = v.missing(c.presence, c.reason)
		return
	}
	v.Presence, v.State, v.Reason = Present, c.state, c.reason
	if c.bytes == nil { // it exists, but has no bytes
		r.synthetic(v, o, t, depth)
		return
	}
	if r.format != 0 && r.formatted(v, o, t, c) {
		return
	}
	switch t.Kind {
	case debuginfo.Float:
		v.Text = o.at.float(c.bytes, t)
	case debuginfo.Complex:
		half := len(c.bytes) / 2
		v.Text = o.at.float(c.bytes[:half], t) + " + " + o.at.float(c.bytes[half:], t) + "i"
	case debuginfo.Pointer, debuginfo.Reference, debuginfo.RvalueReference, debuginfo.Address, debuginfo.Unspecified, debuginfo.MemberPointer:
		r.pointer(v, o, t, c, depth)
	case debuginfo.Bool, debuginfo.Char, debuginfo.Int, debuginfo.Uint, debuginfo.Enum:
		if len(c.bytes) > maxInteger {
			*v = v.missing(Unreadable, fmt.Sprintf("an integer of %d bytes", len(c.bytes)))
			return
		}
		v.Text = numberText(o.integer(c), t)
		if prefix, ok := textual(o.typ); ok {
			v.Text = charText(o.integer(c), prefix)
		} else if o.flags != "" {
			v.Text = flagsText(o.integer(c).uint(), o.flags)
		}
	default: // decimal floating point, strings of Fortran
		*v = v.missing(Unreadable, "values of this type can't be shown; try /x")
	}
}

// integer is the number that the object's contents are.
func (o object) integer(c content) integer {
	t := o.typ.Plain()
	n := readInteger(c.bytes, t.Order, t.Signed)
	if o.bits > 0 {
		n = n.extend(o.bits, int(t.Size()))
	}
	return n
}

func (a *activation) float(b []byte, t *debuginfo.Type) string {
	text, ok := formatFloat(b, t.Order, a.floatFormat(t, len(b)))
	if !ok {
		return fmt.Sprintf("<a float of %d bytes>", len(b))
	}
	return text
}

// floatFormat is the format of floats of a type that take some bytes: x87's long
// double can have the size of _Float128, and __bf16 that of _Float16. It is zero
// for a size that no format has.
func (a *activation) floatFormat(t *debuginfo.Type, size int) floatFormat {
	cpu, name := a.session.core.Arch.Name, t.String()
	switch {
	case size == 2 && (name == "__bf16" || name == "bfloat16"):
		return bfloat16Format
	case size >= x87Format.size && (cpu == "i386" || cpu == "x86-64") && !strings.Contains(name, "128"):
		return x87Format
	}
	return floatFormats[size]
}

// numberText shows a number as its type has it.
func numberText(n integer, t *debuginfo.Type) string {
	switch t.Kind {
	case debuginfo.Bool:
		switch n.uint() {
		case 0:
			return "false"
		case 1:
			return "true"
		}
		return n.String()
	case debuginfo.Enum:
		return enumText(n, t)
	}
	return n.String()
}

// charText shows a character: 97 'a'.
func charText(n integer, prefix string) string {
	c := uint32(n.uint())
	if n.size < 4 {
		c &= 1<<(8*n.size) - 1
	}
	return fmt.Sprintf("%v %s'%s'", n, prefix, character(c, '\''))
}

// enumText names an enumerator, or those whose bits a value of flags has.
//
// A type counts as flags as in GDB 13: no enumerator is negative or has more
// than one bit.
func enumText(n integer, t *debuginfo.Type) string {
	flags := true
	enumerators := t.Enumerators()
	for _, e := range enumerators {
		if e.Value == n.int() {
			return e.Name
		}
		flags = flags && e.Value >= 0 && e.Value&(e.Value-1) == 0
	}
	rest := n.uint()
	if !flags {
		return n.String()
	}
	if rest == 0 {
		return "0"
	}
	var parts []string
	for _, e := range enumerators {
		if v := uint64(e.Value); rest&v != 0 {
			parts = append(parts, e.Name)
			rest &^= v
		}
	}
	if rest != 0 {
		parts = append(parts, fmt.Sprintf("unknown: 0x%x", rest))
	}
	return "(" + strings.Join(parts, " | ") + ")"
}

// function shows a function itself: its type and address.
func (r *renderer) function(v *Value, o object) {
	at, s, ok := o.address()
	if !ok {
		*v = v.missing(NoLocation, "")
		return
	}
	v.Presence, v.State = Present, s
	v.Text = "{" + v.Type + "} " + o.at.session.pointer(at)
}

// synthetic shows a pointer to an object that is nowhere in memory but whose
// contents the compiler tells.
func (r *renderer) synthetic(v *Value, o object, t *debuginfo.Type, depth int) {
	v.Text, v.State = "<synthetic pointer>", elfcore.Known
	if target, ok := o.implied(t); ok {
		v.Children = []Variable{{Value: r.value(target, depth+1)}}
	}
}

// pointer shows an address, the symbol there, and the string that it points to.
func (r *renderer) pointer(v *Value, o object, t *debuginfo.Type, c content, depth int) {
	n := readInteger(c.bytes, t.Order, false)
	switch {
	case t.Kind == debuginfo.MemberPointer:
		v.Text = o.at.memberPointer(c.bytes, t)
		return
	case len(c.bytes) > 8:
		*v = v.missing(Unreadable, fmt.Sprintf("a pointer of %d bytes", len(c.bytes)))
		return
	}
	at := elfcore.Addr(n.uint())
	v.Pointer = &at
	v.Text = o.at.session.pointer(at)
	switch t.Kind {
	case debuginfo.Reference, debuginfo.RvalueReference:
		target := r.value(o.at.inMemory(t.Elem(), at, c.state), depth+1)
		if v.Text = fmt.Sprintf("@0x%x", n.uint()); depth == 0 { // a member that is a reference is not followed
			v.Text += ": " + target.Text
		}
		v.Children = []Variable{{Value: target}}
	case debuginfo.Pointer:
		if _, ok := textual(t.Elem()); ok && at != 0 {
			text, s := o.at.session.stringAt(at, t.Elem())
			v.Text += " " + text
			if s != elfcore.Missing {
				v.State = min(v.State, s)
			}
		}
	}
}

// memberPointer shows a pointer to a member, which is its offset; or to a method,
// which is two words, the function and what is added to "this" (Itanium C++ ABI,
// 2.3).
func (a *activation) memberPointer(b []byte, t *debuginfo.Type) string {
	if t.Elem().Plain().Kind != debuginfo.Func {
		return "0x" + readInteger(b, t.Order, false).wide().Text(16)
	}
	half := len(b) / 2
	text := a.session.pointer(elfcore.Addr(readInteger(b[:half], t.Order, false).uint()))
	if adjust := readInteger(b[half:], t.Order, true); adjust.int() != 0 {
		text += ", this adjustment " + adjust.String()
	}
	return text
}

// pointer shows an address with the symbol that holds it: 0x20000010 <state+4>.
// That of a function may have the Thumb bit.
func (s *Session) pointer(at elfcore.Addr) string {
	text := fmt.Sprintf("0x%x", uint64(at))
	if s.program != nil {
		code := at & elfcore.Addr(s.core.Arch.CodeMask)
		if _, ok := s.program.Function(code); ok {
			at = code
		}
	}
	name, start, ok := s.symbolAt(at)
	switch {
	case !ok:
		return text
	case at == start:
		return fmt.Sprintf("%s <%s>", text, name)
	}
	return fmt.Sprintf("%s <%s+%d>", text, name, at-start)
}

func (s *Session) symbolAt(at elfcore.Addr) (string, elfcore.Addr, bool) {
	if s.program == nil {
		return "", 0, false
	}
	name, start, ok := s.program.SymbolAt(at)
	return demangled(name), start, ok
}

// characters splits bytes into characters.
func characters(b []byte, size int, order binary.ByteOrder) []uint32 {
	chars := make([]uint32, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		chars = append(chars, uint32(readInteger(b[:size], order, false).uint()))
	}
	return chars
}

// stringAt reads the string at an address, up to its NUL or maxElements
// characters. What can't be read is said so.
func (s *Session) stringAt(at elfcore.Addr, elem *debuginfo.Type) (string, elfcore.State) {
	size := int(elem.Size())
	if size != 1 && size != 2 && size != 4 {
		return "", elfcore.Missing
	}
	prefix, _ := textual(elem)
	var chars []uint32
	lowest := elfcore.Known
	b := make([]byte, size)
	for len(chars) < maxElements {
		state, err := s.read(b, at+elfcore.Addr(len(chars)*size))
		if err != nil {
			if len(chars) == 0 {
				return absent[NotInDump], elfcore.Missing
			}
			return quoteString(chars, prefix, true) + absent[NotInDump], lowest
		}
		lowest = min(lowest, state)
		c := uint32(readInteger(b, s.core.Order, false).uint())
		if c == 0 {
			return quoteString(append(chars, 0), prefix, false), lowest
		}
		chars = append(chars, c)
	}
	return quoteString(chars, prefix, true), lowest
}
