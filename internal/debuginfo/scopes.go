package debuginfo

import (
	"debug/dwarf"
	"slices"
)

// Scope is a function, or a call of one that was inlined, at an address.
type Scope struct {
	Entry   Entry  // DW_TAG_subprogram or DW_TAG_inlined_subroutine
	Name    string // as in Function
	Linkage string // as in Function
	Inlined bool
	// Where the call of an inlined function stands; zero if not inlined or not
	// given. The column counts from 1.
	CallFile             string // as in Line
	CallLine, CallColumn int
}

// maxInlined bounds how deep calls are inlined in each other.
const maxInlined = 128

// Inlines is the stack of calls at an address, outermost first: the function
// itself, then what was inlined there.
func (f *Function) Inlines(pc uint64) []Scope {
	stack := []Scope{{Entry: f.Entry, Name: f.Name, Linkage: f.Linkage}}
	for len(stack) < maxInlined {
		e, ok := inlinedAt(stack[len(stack)-1].Entry, pc)
		if !ok {
			break
		}
		s := Scope{Entry: e, Name: e.Qualified(), Linkage: e.linkage(), Inlined: true}
		s.CallFile = e.file(dwarf.AttrCallFile)
		s.CallLine, s.CallColumn = e.number(dwarf.AttrCallLine), e.number(dwarf.AttrCallColumn)
		stack = append(stack, s)
	}
	return stack
}

// number is a small constant such as a line, 0 if not given or absurd.
func (e Entry) number(a dwarf.Attr) int {
	n, _ := e.Uint(a)
	if n > 1<<31 {
		return 0
	}
	return int(n)
}

// file is the name of the file that an attribute gives the index of.
func (e Entry) file(a dwarf.Attr) string {
	n, ok := e.Uint(a)
	if !ok || n > maxFiles {
		return ""
	}
	return e.unit.Lines().File(int(n))
}

// inlinedAt finds the call inlined in a scope at an address, in any block.
func inlinedAt(scope Entry, pc uint64) (call Entry, ok bool) {
	work := maxWork
	scope.eachBelow(func(e Entry, _ int) bool {
		switch {
		case ok || work <= 0:
		case e.block():
			return !e.abbrev.ranges || e.holds(pc, &work)
		case e.Tag == dwarf.TagInlinedSubroutine && e.holds(pc, &work):
			call, ok = e, true
		}
		return false
	})
	return call, ok
}

// block tells whether an entry is a block of the scope it is in. One without
// ranges, as old GCCs wrote them, is a part of the block around it.
//
// Folklore: strict DWARF 2 does not give the line of a call that is inlined, so
// that the caller can't be shown. GDB takes the call for a block of the caller,
// its parameters for local variables, and so do we. Test: TestBuildsAgainstGDB,
// gcc-2-o2.
func (e Entry) block() bool {
	return e.Tag == dwarf.TagLexDwarfBlock ||
		e.Tag == dwarf.TagInlinedSubroutine && !(e.Has(dwarf.AttrCallFile) && e.Has(dwarf.AttrCallLine))
}

// Variables are those visible at an address in the scope: parameters first, in
// their order, then by block, innermost first. Inlined calls have scopes of
// their own. A variable declared further down is included, as in GDB: code
// moves. Declarations of variables elsewhere are not.
func (s Scope) Variables(pc uint64) []Variable {
	b := blocks{pc: pc, scope: s.Entry, work: maxWork}
	b.walk(s.Entry, 0, 0)
	slices.Reverse(b.vars)
	vars := slices.Concat(b.vars...)
	slices.SortStableFunc(vars, func(a, b Variable) int { return rank(a) - rank(b) })
	return vars
}

// blocks collects the variables of a scope at pc.
type blocks struct {
	pc    uint64
	scope Entry
	work  int
	vars  [][]Variable // by depth
}

// walk goes through a block at a depth, and the ones in it that pc is in. nested
// is how deep its entry is below the scope's.
func (b *blocks) walk(block Entry, depth, nested int) {
	inner := false // found; others that overlap are damaged
	for e := range block.Children() {
		switch {
		case e.Tag == dwarf.TagFormalParameter, e.Tag == dwarf.TagVariable:
			b.add(block, e, depth)
		case !e.block() || nested >= maxInlined:
		case !e.abbrev.ranges:
			b.walk(e, depth, nested+1)
		case !inner && e.holds(b.pc, &b.work):
			inner = true
			b.walk(e, depth+1, nested+1)
		}
	}
	if nested > 0 && !block.abbrev.ranges {
		return
	}
	for _, e := range block.dropped() {
		b.add(block, e, depth)
	}
}

// add adds a variable or parameter in a block.
func (b *blocks) add(block, e Entry, depth int) {
	name := e.Name()
	if name == "" || e.Flag(dwarf.AttrDeclaration) {
		return
	}
	for len(b.vars) <= depth {
		b.vars = append(b.vars, nil)
	}
	param := e.Tag == dwarf.TagFormalParameter && block.Off == b.scope.Off
	b.vars[depth] = append(b.vars[depth], Variable{Name: name, Entry: e, Param: param, Depth: depth})
}

// rank puts parameters first.
func rank(v Variable) int {
	if v.Param {
		return 0
	}
	return 1
}

// dropped are the variables that only the abstract instance of a function has:
// optimised out, so that GCC and Clang leave them out of the concrete instance.
// GDB shows them, in the scope of the function.
func (e Entry) dropped() (vars []Entry) {
	origin, ok := e.Ref(dwarf.AttrAbstractOrigin)
	if !ok {
		return nil
	}
	kept := map[dwarf.Offset]bool{}
	e.eachBelow(func(c Entry, _ int) bool {
		switch c.Tag {
		case dwarf.TagFormalParameter, dwarf.TagVariable:
			for range maxOrigins {
				o, ok := c.Ref(dwarf.AttrAbstractOrigin)
				if !ok {
					break
				}
				kept[o.Off] = true
				c = o
			}
		case dwarf.TagLexDwarfBlock:
			return true
		}
		return false
	})
	origin.eachBelow(func(c Entry, _ int) bool {
		switch c.Tag {
		case dwarf.TagFormalParameter, dwarf.TagVariable:
			if !kept[c.Off] {
				vars = append(vars, c)
			}
		case dwarf.TagLexDwarfBlock:
			return true
		}
		return false
	})
	return vars
}
