package inspect

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/debuginfo"
)

// Part is a member or element of a variable that differs, or the variable
// itself. Path is an expression that has its value. Count is how many elements
// of an array that changed alike it stands for: "queue[3:7]"; 0 if it is one.
type Part struct {
	Path  string `json:"path"`
	Count int64  `json:"count,omitempty"`
	A     Value  `json:"a"` // without Children
	B     Value  `json:"b"`
}

// walker finds the parts in which two objects of one variable differ.
type walker struct {
	*comparison
	limit   int
	parts   []Part
	differs bool // both dumps are sure of some part
	leftOut int64
	scan    int64 // bytes that may still be compared: damaged types contain themselves
}

// rescans is how often a byte is looked at: once for each level of nesting.
const rescans = maxNesting + 2

// scanned is the scan for a variable of which the dump has a part.
func scanned(r elfcore.Range, have []elfcore.Range) (n int64) {
	const each = 4096 // what is small anyway
	for _, h := range have {
		if first, end := max(h.Addr, r.Addr), min(lastOf(h), lastOf(r)); first <= end {
			n += int64(min(uint64(end-first)+1, math.MaxInt64/rescans/2))
			n = min(n, math.MaxInt64/rescans/2)
		}
	}
	return (n + each) * rescans
}

func (w *walker) full() bool { return w.limit > 0 && len(w.parts) >= w.limit || w.scan < 0 }

// walk compares two objects that have one path.
func (w *walker) walk(path string, a, b object, depth int) {
	t, u := a.typ.Plain(), b.typ.Plain()
	alike := t == u || t.Kind == u.Kind && t.Size() == u.Size() && a.typ.String() == b.typ.String()
	deep := w.relocated() && w.holdsPointers(t)
	switch {
	case alike && !deep && w.same(a, b):
	case w.full():
		w.leftOut++
	case !alike || depth > maxNesting:
		w.leaf(path, a, b)
	case t.Kind == debuginfo.Array && !whole(t):
		w.elements(path, a, b, depth)
	case structured(t) || t.Kind == debuginfo.Union && strings.HasSuffix(path, anonymous):
		w.members(strings.TrimSuffix(path, anonymous), a, b, depth)
	case deep && t.Kind == debuginfo.Union && w.sameUnion(a, b, depth):
	case deep && t.Kind != debuginfo.Union && w.samePointer(a, b):
	default:
		w.leaf(path, a, b)
	}
}

// anonymous ends the path of a member without a name. Its own members are named
// as if they were those of what it is in.
const anonymous = "."

// structured tells whether a type's members are shown by themselves. A pointer
// of Rust with a length is one value.
func structured(t *debuginfo.Type) bool {
	return (t.Kind == debuginfo.Struct || t.Kind == debuginfo.Class) && !(t.Rust() && strings.HasPrefix(t.Name(), "&"))
}

// letters are the types whose arrays are strings, rather than bytes.
var letters = []string{"char", "char8_t", "char16_t", "char32_t", "wchar_t"}

// whole tells whether an array is shown as one value: a string that is not too
// long for all of it to be shown.
func whole(t *debuginfo.Type) bool {
	n, known := t.Count()
	return known && n <= maxElements && slices.Contains(letters, t.Elem().Plain().Name())
}

// holdsPointers tells whether a type has a pointer somewhere in it.
func (c *comparison) holdsPointers(t *debuginfo.Type) bool {
	t = t.Plain()
	if holds, known := c.pointers[t]; known {
		return holds
	}
	c.pointers[t] = false // unless another member has one: damaged types contain themselves
	holds := false
	switch t.Kind {
	case debuginfo.Pointer, debuginfo.Reference, debuginfo.RvalueReference, debuginfo.MemberPointer:
		holds = true
	case debuginfo.Array:
		holds = c.holdsPointers(t.Elem())
	case debuginfo.Struct, debuginfo.Class, debuginfo.Union:
		holds = slices.ContainsFunc(t.Members(), func(m debuginfo.Member) bool { return !m.Static && c.holdsPointers(m.Type) })
	}
	c.pointers[t] = holds
	return holds
}

// members compares those of two structures.
func (w *walker) members(path string, a, b object, depth int) {
	mine, others := a.typ.Plain().Members(), b.typ.Plain().Members()
	for i, m := range mine {
		switch {
		case m.Static:
		case i >= len(others) || others[i].Name != m.Name:
			w.leaf(path, a, b) // two structures of one name
			return
		case m.Base:
			w.walk(path, a.member(m), b.member(others[i]), depth+1)
		default:
			w.walk(path+"."+m.Name, a.member(m), b.member(others[i]), depth+1)
		}
	}
}

// elements compares those of two arrays. Only those that hold a byte which
// differs are looked at, or all if they are pointers to another program.
func (w *walker) elements(path string, a, b object, depth int) {
	t, u := a.typ.Plain(), b.typ.Plain()
	elem, other := t.Elem(), u.Elem()
	size := elem.Size()
	n, known := t.Count()
	if !known || n <= 0 || size <= 0 { // how long a flexible array is nothing tells
		return
	}
	x, _, okA := a.address()
	y, _, okB := b.address()
	if !okA || !okB || n > math.MaxInt64/size {
		w.leaf(path, a, b)
		return
	}
	if size == 1 {
		w.bytes(path, a, b, x, y, n)
		return
	}
	all := w.relocated() && w.holdsPointers(elem)
	next := int64(0) // the element behind those that were looked at
	var f fold
	for off, length := range w.runs(x, y, n*size, all) {
		end := (off+length-1)/size + 1
		for i := max(off/size, next); i < end; i++ {
			p, q := a.element(elem, i), b.element(other, i)
			if i == next && f.extends(p, q) {
				part := &w.parts[len(w.parts)-1]
				part.Count = i + 1 - f.from
				part.Path = fmt.Sprintf("%s[%d:%d]", path, f.from, i+1)
				next = i + 1
				continue
			}
			f = fold{}
			if w.full() {
				w.leftOut += end - i
				break
			}
			before := len(w.parts)
			w.walk(fmt.Sprintf("%s[%d]", path, i), p, q, depth+1)
			if len(w.parts) == before+1 && !structured(elem.Plain()) && elem.Plain().Kind != debuginfo.Array {
				f = fold{i, p.read(), q.read()}
			}
			next = i + 1
		}
		next = max(next, end)
	}
}

// bytes compares two arrays of bytes. Adjacent ones that differ are one part:
// alone they say little.
func (w *walker) bytes(path string, a, b object, x, y elfcore.Addr, n int64) {
	elem, other := a.typ.Plain().Elem(), b.typ.Plain().Elem()
	for from, length := range w.runs(x, y, n, false) {
		if w.full() {
			w.leftOut += length
			continue
		}
		p, q := a.element(elem, from), b.element(other, from)
		if length == 1 {
			w.leaf(fmt.Sprintf("%s[%d]", path, from), p, q)
			continue
		}
		part := func(o object, at elfcore.Addr) object {
			return o.at.inMemory(o.typ.ArrayOf(length), at+elfcore.Addr(from), elfcore.Known).fromProgram()
		}
		w.leaf(fmt.Sprintf("%s[%d:%d]", path, from, from+length), part(p, x), part(q, y))
		w.parts[len(w.parts)-1].Count = length
	}
}

// fold is the first of adjacent elements that changed alike.
type fold struct {
	from int64
	a, b content
}

// extends tells whether two elements are as those of the fold.
func (f *fold) extends(a, b object) bool {
	return f.a.presence == Present && f.b.presence == Present && f.a.equal(a.read()) && f.b.equal(b.read())
}

// equal tells whether two contents are the same, and as sure.
func (c content) equal(d content) bool {
	return c.presence == d.presence && c.state == d.state && bytes.Equal(c.bytes, d.bytes)
}

// leaf shows two objects.
func (w *walker) leaf(path string, a, b object) {
	p := Part{Path: strings.TrimSuffix(path, anonymous), A: newRenderer(0).value(a, 0), B: newRenderer(0).value(b, 0)}
	if p.A.Text == p.B.Text && p.A.Type == p.B.Type { // a NaN, bytes that a long double does not use
		p.A.Text += rawly(a)
		p.B.Text += rawly(b)
	}
	p.A.Children, p.B.Children = nil, nil
	w.parts = append(w.parts, p)
	w.differs = w.differs || p.A.Presence == Present && p.B.Presence == Present && sure(p.A.State, p.B.State)
}

// maxRaw is how many bytes of an object are shown as such.
const maxRaw = 64

// rawly shows the bytes of an object.
func rawly(o object) string {
	c := o.read()
	if c.presence != Present {
		return ""
	}
	return " (bytes " + hex.EncodeToString(c.bytes[:min(len(c.bytes), maxRaw)]) + ")"
}

// samePointer tells whether two pointers of two programs point to the same: what
// has one name, lies at one place of the same file, or is the same text.
func (w *walker) samePointer(a, b object) bool {
	p, q := a.read(), b.read()
	if p.presence != Present || q.presence != Present || len(p.bytes) > 8 || len(q.bytes) > 8 {
		return false
	}
	x, y := elfcore.Addr(a.integer(p).uint()), elfcore.Addr(b.integer(q).uint())
	if f, g := w.a.symbolOf(x), w.b.symbolOf(y); f != nil || g != nil {
		return f != nil && g != nil && *f == *g
	}
	if f, g := w.a.imageAt(x), w.b.imageAt(y); f != nil && g != nil && sameBuild(f, g) {
		return uint64(x)-f.Bias == uint64(y)-g.Bias
	}
	_, f, isText := strings.Cut(newRenderer(0).value(a, 1).Text, " ")
	_, g, alsoText := strings.Cut(newRenderer(0).value(b, 1).Text, " ")
	if isText && alsoText && strings.HasSuffix(f, `"`) {
		return f == g
	}
	return x == y && !isText && !alsoText
}

// sameUnion tells whether two unions of two programs hold the same: bytes, or in
// a member that fills them, and has pointers, nothing else.
func (w *walker) sameUnion(a, b object, depth int) bool {
	if w.same(a, b) {
		return true
	}
	mine, others := a.typ.Plain().Members(), b.typ.Plain().Members()
	for i, m := range mine {
		if i >= len(others) || m.Static || m.Type.Size() != a.typ.Size() || !w.holdsPointers(m.Type) {
			continue
		}
		inside := &walker{comparison: w.comparison, limit: 1, scan: w.scan}
		inside.walk("", a.member(m), b.member(others[i]), depth+1)
		if w.scan = inside.scan; len(inside.parts) == 0 && inside.leftOut == 0 {
			return true
		}
	}
	return false
}

// imageAt is the program file that an address lies in; nil if none holds it.
func (s *Session) imageAt(at elfcore.Addr) *firmware.Image {
	_, path := s.program.SectionAt(at)
	i := slices.IndexFunc(s.program.Images(), func(m *firmware.Image) bool { return m.Path == path })
	if path == "" || i < 0 {
		return nil
	}
	return s.program.Images()[i]
}

// same tells whether two objects hold the same.
func (w *walker) same(a, b object) bool {
	x, _, okA := a.address()
	y, _, okB := b.address()
	if size := a.size() / 8; okA && okB && size > 0 {
		for range w.runs(x, y, size, false) {
			return false
		}
		return true
	}
	p, q := a.read(), b.read()
	return p.presence == q.presence && bytes.Equal(p.bytes, q.bytes)
}

// runs yields where memory of the two dumps differs, or only one has any: offset
// and length of each run. With all, it yields what is there in either.
func (w *walker) runs(x, y elfcore.Addr, size int64, all bool) func(func(off, n int64) bool) {
	return func(yield func(off, n int64) bool) {
		const step = 4096
		var p, q []byte
		for off := int64(0); off < size && w.scan >= 0; {
			left := uint64(size - off)
			n, inA := stretch(w.a, x+elfcore.Addr(off), left)
			m, inB := stretch(w.b, y+elfcore.Addr(off), left)
			if n = min(n, m); inA && inB {
				n = min(n, step)
			}
			w.scan -= int64(min(n, step))
			switch {
			case !inA && !inB:
			case all, inA != inB:
				if !yield(off, int64(n)) {
					return
				}
			default:
				if uint64(len(p)) < n {
					p, q = make([]byte, n), make([]byte, n)
				}
				_, errA := w.a.core.Memory.Read(p[:n], x+elfcore.Addr(off))
				_, errB := w.b.core.Memory.Read(q[:n], y+elfcore.Addr(off))
				if errA != nil || errB != nil {
					return
				}
				for at, length := range unlike(p[:n], q[:n]) {
					if !yield(off+int64(at), int64(length)) {
						return
					}
				}
			}
			off += int64(n)
		}
	}
}

// stretch is how many bytes from an address on are all in a dump, or all not.
func stretch(s *Session, at elfcore.Addr, most uint64) (n uint64, there bool) {
	if run := s.core.Memory.Run(at); run.Size > 0 {
		return min(run.Size, most), true
	}
	if gaps := s.core.Memory.Missing(elfcore.Range{Addr: at, Size: most}); len(gaps) > 0 {
		return gaps[0].Size, false
	}
	return most, false
}
