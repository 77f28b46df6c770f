package debuginfo

import "debug/dwarf"

// Function is a function with code.
type Function struct {
	Entry   Entry
	Name    string // qualified: "fw::drv::boom"; without parameters
	Linkage string // the mangled name, empty if there is none
	// Ranges are [low, high), the one it is entered by first.
	Ranges [][2]uint64

	calls callSites
}

// Function finds the function that holds an address: the innermost one, where
// functions nest. One that is not in the program does not count.
func (u *Unit) Function(pc uint64) (*Function, bool) {
	var best *span[dwarf.Offset]
	for s := range u.index().functions.at(pc) {
		if (best == nil || s.high-s.low < best.high-best.low) && u.d.live(s.low, s.high) {
			best = s
		}
	}
	if best == nil {
		return nil, false
	}
	return u.function(best.of), true
}

// function describes the function at an offset, once.
func (u *Unit) function(off dwarf.Offset) *Function {
	u.mu.Lock()
	defer u.mu.Unlock()
	f, seen := u.functions[off]
	if !seen {
		f = u.readFunction(off)
		if u.functions == nil {
			u.functions = map[dwarf.Offset]*Function{}
		}
		u.functions[off] = f
	}
	return f
}

// readFunction describes the function at an offset.
func (u *Unit) readFunction(off dwarf.Offset) *Function {
	e, _ := u.entry(int(off) - u.shift)
	f := &Function{Entry: e, Name: e.functionName(), Linkage: e.linkage()}
	e.eachRange(func(low, high uint64) bool {
		if high != 0 {
			f.Ranges = append(f.Ranges, [2]uint64{low, high})
		}
		return true
	})
	return f
}

// functionName is the qualified name as GDB writes it.
func (e Entry) functionName() string { return canonical(e.Qualified(), e.unit.style()) }

// attrMIPSLinkageName is what compilers used before DWARF 4.
const attrMIPSLinkageName dwarf.Attr = 0x2007

func (e Entry) linkage() string {
	if o := e.Inherited(dwarf.AttrLinkageName); o.Tag != 0 {
		return o.Str(dwarf.AttrLinkageName)
	}
	return e.Inherited(attrMIPSLinkageName).Str(attrMIPSLinkageName)
}
