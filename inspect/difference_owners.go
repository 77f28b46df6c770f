package inspect

import (
	"cmp"
	"slices"
	"sort"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// Owner is what holds bytes that differ and are no variable's. Kind is "stack",
// Name then a thread; "padding", which is between the members of the variable
// Name; "symbol", "section"; or "memory" that the program does not know. Addr is
// the first byte that differs, Bytes how many do.
type Owner struct {
	Kind  string       `json:"kind"`
	Name  string       `json:"name,omitempty"`
	Addr  elfcore.Addr `json:"addr"`
	Bytes uint64       `json:"bytes"`
}

// global is a variable that exists once and has an address.
type global struct {
	elfcore.Range
	debuginfo.Variable
	differ uint64       // bytes
	first  elfcore.Addr // of these
}

// owners tells who holds bytes. They are asked about by rising address.
type owners struct {
	session *Session           // of A
	have    [2][]elfcore.Range // memory of the dumps
	stacks  []owned
	globals *globals // nil if no variables are compared
	others  []*Owner
	known   map[Owner]*Owner // by Kind and Name

	here   elfcore.Range // what follows belongs to one of these two
	global *global
	other  *Owner
}

// owned is a stack, or a stack pointer, with its thread.
type owned struct {
	elfcore.Range
	name string
}

func (c *comparison) newOwners() *owners {
	o := &owners{session: c.a, have: c.have, globals: c.shared, known: map[Owner]*Owner{}}
	for _, s := range []*Session{c.a, c.b} {
		for i := range s.core.Threads {
			t := &s.core.Threads[i]
			name := "thread " + called(s.ref(t))
			if t.Stack.State != elfcore.Missing {
				o.stacks = append(o.stacks, owned{t.Stack.Value, name})
			} else if sp, state := t.Regs.SP(); state != elfcore.Missing {
				o.stacks = append(o.stacks, owned{elfcore.Range{Addr: elfcore.Addr(sp)}, name})
			}
		}
	}
	slices.SortStableFunc(o.stacks, func(x, y owned) int { return cmp.Compare(x.Addr, y.Addr) })
	return o
}

// attribute counts bytes that differ for what holds them.
func (c *comparison) attribute(r elfcore.Range) {
	for r.Size > 0 {
		n := c.owners.count(r)
		r = elfcore.Range{Addr: r.Addr + elfcore.Addr(n), Size: r.Size - n}
	}
}

// count counts the bytes of a range that belong to what holds the first, and
// returns how many those are.
func (o *owners) count(r elfcore.Range) uint64 {
	if !o.here.Contains(r.Addr) {
		o.find(r.Addr)
	}
	n := min(r.Size, o.here.Size-uint64(r.Addr-o.here.Addr))
	var first *elfcore.Addr
	var bytes *uint64
	if o.global != nil {
		first, bytes = &o.global.first, &o.global.differ
	} else {
		first, bytes = &o.other.Addr, &o.other.Bytes
	}
	if *bytes == 0 {
		*first = r.Addr
	}
	*bytes += n
	return n
}

// unnamed is how much memory without a symbol is taken to be without one, in
// bytes.
const unnamed = 64

// find looks for the owner of an address, and how far it reaches. A stack comes
// first: to the program it is but an array of bytes.
func (o *owners) find(at elfcore.Addr) {
	o.global, o.other = nil, nil
	region := o.region(at)
	o.here = between(at, lastOf(region))
	for _, s := range o.stacks {
		switch {
		case s.Contains(at):
			o.clip(s.Range)
			o.other = o.as("stack", s.name)
			return
		case s.Addr > at && s.Size > 0:
			o.here = between(at, min(lastOf(o.here), s.Addr-1))
		}
	}
	if g := o.globals.at(at, &o.here); g != nil {
		o.global = g
		return
	}
	program := o.session.program
	if program == nil {
		o.other = o.as(o.unknown(region))
		return
	}
	if name, start, ok := program.SymbolAt(at); ok {
		o.here.Size = o.reach(at, start)
		o.other = o.as("symbol", demangled(name))
		return
	}
	if name, _ := program.SectionAt(at); name != "" {
		o.here.Size = min(o.here.Size, unnamed)
		o.other = o.as("section", name)
		return
	}
	o.here.Size = min(o.here.Size, unnamed)
	o.other = o.as(o.unknown(region))
}

// region is what surrounds an address that both dumps have, without a gap in
// either.
func (o *owners) region(at elfcore.Addr) elfcore.Range {
	x, y := around(at, o.have[0]), around(at, o.have[1])
	return between(max(x.Addr, y.Addr), min(lastOf(x), lastOf(y)))
}

// clip limits here to a range that holds its beginning.
func (o *owners) clip(to elfcore.Range) {
	o.here = between(o.here.Addr, min(lastOf(o.here), lastOf(to)))
}

// reach is how many bytes from an address on belong to the symbol that begins at
// start.
func (o *owners) reach(at, start elfcore.Addr) uint64 {
	return uint64(sort.Search(int(min(o.here.Size, 1<<31)-1), func(n int) bool {
		_, s, ok := o.session.program.SymbolAt(at + elfcore.Addr(n) + 1)
		return !ok || s != start
	})) + 1
}

// unknown is memory outside of the program. A process' stack has no other sign
// than that a stack pointer points there.
func (o *owners) unknown(region elfcore.Range) (kind, name string) {
	for _, s := range o.stacks {
		if s.Size == 0 && region.Contains(s.Addr) {
			return "stack", s.name
		}
	}
	return "memory", region.String()
}

func (o *owners) as(kind, name string) *Owner {
	key := Owner{Kind: kind, Name: name}
	have := o.known[key]
	if have == nil {
		have = &key
		o.known[key] = have
		o.others = append(o.others, have)
	}
	return have
}

// globals are the variables that exist once, by address.
type globals struct {
	list []global
	ends []elfcore.Addr // the highest last address of those up to each
}

func (s *Session) globals() *globals {
	g := &globals{}
	frame := s.outside()
	for _, d := range s.datas() {
		for v := range d.AllGlobals() {
			size := v.Type().Size()
			if size <= 0 {
				continue
			}
			if at, _, ok := frame.global(v).address(); ok {
				r := elfcore.Range{Addr: at, Size: min(uint64(size)-1, uint64(^at)) + 1}
				g.list = append(g.list, global{Range: r, Variable: v})
			}
		}
	}
	slices.SortStableFunc(g.list, func(x, y global) int {
		return cmp.Or(cmp.Compare(x.Addr, y.Addr), cmp.Compare(x.Size, y.Size), cmp.Compare(x.Name, y.Name))
	})
	// Variables of header files are described in each unit.
	g.list = slices.CompactFunc(g.list, func(x, y global) bool { return x.Range == y.Range })
	end := elfcore.Addr(0)
	for i := range g.list {
		end = max(end, lastOf(g.list[i].Range))
		g.ends = append(g.ends, end)
	}
	return g
}

// at finds the variable that holds an address, of several the one that begins
// last; nil if none does. It limits here to what this is true of.
func (g *globals) at(at elfcore.Addr, here *elfcore.Range) *global {
	if g == nil {
		return nil
	}
	next := sort.Search(len(g.list), func(i int) bool { return g.list[i].Addr > at })
	end := lastOf(*here)
	if next < len(g.list) {
		end = min(end, g.list[next].Addr-1)
	}
	for i := next - 1; i >= 0 && g.ends[i] >= at; i-- {
		if v := &g.list[i]; v.Contains(at) {
			*here = between(at, min(end, lastOf(v.Range)))
			return v
		}
		// Behind the variables that end before it, an outer one may go on.
	}
	*here = between(at, end)
	return nil
}
