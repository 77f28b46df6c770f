package inspect

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	"corelift/elfcore"
)

// ThreadDifference is a thread that differs, or that only one dump has: then the
// other side is nil. Match says by what the two were found to be one thread.
type ThreadDifference struct {
	A         *ThreadRef           `json:"a,omitempty"`
	B         *ThreadRef           `json:"b,omitempty"`
	Match     string               `json:"match,omitempty"` // "control", "lwp", "name", "id" or "crash"
	Changes   []Change             `json:"changes,omitempty"`
	Registers []RegisterDifference `json:"registers,omitempty"`
	Stack     *StackDifference     `json:"stack,omitempty"`
}

// RegisterDifference is a register that differs, at full width in hexadecimal,
// with what the values point to.
type RegisterDifference struct {
	Change
	SymbolA *Symbol `json:"symbol_a,omitempty"`
	SymbolB *Symbol `json:"symbol_b,omitempty"`
}

// StackDifference tells where two stacks part. Alike counts the innermost frames
// that have the same function and line. A and B are the frames behind those; nil
// for a stack that has no more. FramesA and FramesB count all.
type StackDifference struct {
	Alike   int    `json:"alike"`
	A       *Frame `json:"a,omitempty"`
	B       *Frame `json:"b,omitempty"`
	FramesA int    `json:"frames_a"`
	FramesB int    `json:"frames_b"`
}

// identifier is what a thread is known by. Of threads with one key the first of
// A is the first of B.
type identifier struct {
	name string
	key  func(*elfcore.Thread) (key any, ok bool)
}

// identifiers are tried in this order. The address of its control block tells a
// thread of one firmware, its number one of a process. Both may change from run
// to run, names don't.
var identifiers = []identifier{
	{"control", func(t *elfcore.Thread) (any, bool) { return t.Control.Value, t.Control.State != elfcore.Missing }},
	{"lwp", func(t *elfcore.Thread) (any, bool) { return t.LWP.Value, t.LWP.State != elfcore.Missing }},
	{"name", func(t *elfcore.Thread) (any, bool) { return t.Name.Value, t.Name.State != elfcore.Missing }},
}

// pair is a thread in both dumps, or in one.
type pair struct {
	a, b  *elfcore.Thread
	match string
}

// pairs finds which threads of two dumps are the same: in the order of A, then
// those that only B has. Two that crashed are compared even if they are not.
func pairs(first, second *elfcore.Core) []pair {
	a, x := first.Threads, first.Crashed()
	b, y := second.Threads, second.Crashed()
	var list []pair
	left := map[*elfcore.Thread]bool{} // of B
	for i := range a {
		list = append(list, pair{a: &a[i]})
	}
	for i := range b {
		left[&b[i]] = true
	}
	take := func(p *pair, other *elfcore.Thread, match string) {
		p.b, p.match = other, match
		delete(left, other)
	}
	for _, id := range identifiers {
		found := map[[2]any][]*elfcore.Thread{}
		for i := range b {
			if k, ok := id.key(&b[i]); ok && left[&b[i]] {
				of := [2]any{b[i].Kind, k}
				found[of] = append(found[of], &b[i])
			}
		}
		for i := range list {
			p := &list[i]
			k, ok := id.key(p.a)
			if of := [2]any{p.a.Kind, k}; ok && p.b == nil && len(found[of]) > 0 {
				take(p, found[of][0], id.name)
				found[of] = found[of][1:]
			}
		}
	}
	numbered := map[int32]*elfcore.Thread{}
	for i := range b {
		numbered[b[i].ID] = &b[i]
	}
	for i := range list { // the number says little, but nothing says otherwise
		p := &list[i]
		if t := numbered[p.a.ID]; p.b == nil && left[t] && p.a.Kind == t.Kind && !contradicts(p.a, t) {
			take(p, t, "id")
		}
		if p.a == x && p.b == nil && left[y] {
			take(p, y, "crash")
		}
	}
	for i := range b {
		if left[&b[i]] {
			list = append(list, pair{b: &b[i]})
		}
	}
	return list
}

// contradicts tells whether two threads are known by something that differs.
func contradicts(a, b *elfcore.Thread) bool {
	for _, id := range identifiers {
		x, ok := id.key(a)
		if y, also := id.key(b); ok && also && x != y {
			return true
		}
	}
	return false
}

// threads compares the threads, and tells whether the same one crashed.
func (c *comparison) threads() {
	r := c.result
	first, second := believed(c.a.core, c.a.program), believed(c.b.core, c.b.program)
	x, y := first.Crashed(), second.Crashed()
	same := x == nil && y == nil
	var only [2][]string
	for _, p := range pairs(first, second) {
		var d ThreadDifference
		switch {
		case p.b == nil:
			d.A = c.a.ref(p.a)
			only[0] = append(only[0], called(d.A))
		case p.a == nil:
			d.B = c.b.ref(p.b)
			only[1] = append(only[1], called(d.B))
		default:
			same = same || p.a == x && p.b == y && p.match != "crash"
			if d = c.thread(p); d.Changes == nil && d.Registers == nil && d.Stack == nil {
				r.ThreadsAlike++
				continue
			}
		}
		if c.full(len(r.Threads)) {
			r.ThreadsLeftOut++
			continue
		}
		r.Threads = append(r.Threads, d)
	}
	for i, side := range []string{"A", "B"} {
		if n := len(only[i]); n > 0 {
			c.uncompared("only %s has %s", side, c.enumerate("thread", only[i]))
		}
	}
	if !same {
		r.Crash = append(r.Crash, c.changes("facts of the crash", Change{"thread", c.a.crashedName(), c.b.crashedName()})...)
	}
}

// enumerate lists names, as many as a list may have.
func (c *comparison) enumerate(what string, names []string) string {
	if len(names) != 1 {
		what += "s"
	}
	text := what
	for i, name := range names {
		if c.full(i) {
			return fmt.Sprintf("%s and %d more", text, len(names)-i)
		}
		if i > 0 {
			text += ","
		}
		text += " " + name
	}
	return text
}

func (s *Session) ref(t *elfcore.Thread) *ThreadRef {
	ref := s.reference(t)
	return &ref
}

// called is how a thread is called in a sentence: 2 (idle).
func called(t *ThreadRef) string {
	if t.Name == "" {
		return fmt.Sprint(t.ID)
	}
	return fmt.Sprintf("%d (%s)", t.ID, t.Name)
}

// crashedName names the crashed thread; nil if that is not known.
func (s *Session) crashedName() *Fact[string] {
	t := s.core.Crashed()
	if t == nil {
		return nil
	}
	return &Fact[string]{Value: called(s.ref(t)), State: s.trusted()}
}

// thread compares a thread that both dumps have.
func (c *comparison) thread(p pair) ThreadDifference {
	d := ThreadDifference{A: c.a.ref(p.a), B: c.b.ref(p.b), Match: p.match}
	whose := "of thread " + called(d.A)
	x, y := c.a.core, c.b.core
	d.Changes = c.changes("facts "+whose,
		changed("name", fact(x, p.a.Name), fact(y, p.b.Name)),
		changed("status", fact(x, p.a.Status), fact(y, p.b.Status)),
		changed("priority", fact(x, p.a.Priority), fact(y, p.b.Priority)),
		changed("CPU", fact(x, p.a.CPU), fact(y, p.b.CPU)),
		changed("lwp", fact(x, p.a.LWP), fact(y, p.b.LWP)),
		changed("control", fact(x, p.a.Control), fact(y, p.b.Control)),
		changed("entry", fact(x, p.a.Entry), fact(y, p.b.Entry)),
		changed("stack", fact(x, p.a.Stack), fact(y, p.b.Stack)))
	d.Registers = c.registers(whose, p)
	if c.a.program != nil && c.b.program != nil {
		d.Stack = c.stack(p)
	}
	return d
}

// registers compares those of the innermost frame.
func (c *comparison) registers(whose string, p pair) (list []RegisterDifference) {
	found := map[string]*[2]*Fact[string]{}
	var names []string
	for side, regs := range [][]Register{registers(c.a.core, &p.a.Regs), registers(c.b.core, &p.b.Regs)} {
		for _, r := range regs {
			if found[r.Name] == nil {
				found[r.Name] = new([2]*Fact[string])
				names = append(names, r.Name)
			}
			if r.State != elfcore.Missing {
				found[r.Name][side] = &Fact[string]{r.Value, r.State, r.Source}
			}
		}
	}
	var all []Change
	for _, name := range names {
		all = append(all, Change{name, found[name][0], found[name][1]})
	}
	for _, x := range c.changes("registers "+whose, all...) {
		list = append(list, RegisterDifference{x, c.a.pointsTo(x.A), c.b.pointsTo(x.B)})
	}
	return list
}

// pointsTo names what a register may point to; nil if nothing is there.
func (s *Session) pointsTo(f *Fact[string]) *Symbol {
	if f == nil {
		return nil
	}
	at, ok := parseAddr(f.Value)
	if !ok || at < lowest {
		return nil
	}
	return s.symbolOf(at)
}

// stack compares two stacks; nil if their frames are alike.
func (c *comparison) stack(p pair) *StackDifference {
	x, errA := c.a.Stack(p.a.ID, StackOptions{})
	y, errB := c.b.Stack(p.b.ID, StackOptions{})
	if errA != nil || errB != nil {
		return nil // two threads have one ID
	}
	d := &StackDifference{FramesA: len(x.Frames), FramesB: len(y.Frames)}
	for d.Alike < min(d.FramesA, d.FramesB) && alike(&x.Frames[d.Alike], &y.Frames[d.Alike]) {
		d.Alike++
	}
	if d.Alike == max(d.FramesA, d.FramesB) {
		return nil
	}
	if d.Alike < d.FramesA {
		d.A = &x.Frames[d.Alike]
	}
	if d.Alike < d.FramesB {
		d.B = &y.Frames[d.Alike]
	}
	switch name := called(c.a.ref(p.a)); {
	case d.A == nil || d.B == nil:
		c.uncompared("the stack of thread %s ends after %d frames in one dump", name, d.Alike)
	case sure(d.A.State, d.B.State):
		c.different()
	default:
		c.uncompared("frame %d of thread %s is not for sure", d.Alike, name)
	}
	return d
}

// alike tells whether two frames are at the same line of the same function, or
// where no line is known at the same place.
func alike(a, b *Frame) bool {
	switch {
	case a.Function != b.Function || a.File != b.File || a.Line != b.Line:
		return false
	case a.File != "":
		return true
	case a.Offset != nil && b.Offset != nil:
		return *a.Offset == *b.Offset
	}
	return a.PC == b.PC
}

// both yields the keys of two maps in their order.
func both[K cmp.Ordered, V any](a, b map[K]V) iter.Seq[K] {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Values(slices.Compact(keys))
}
