package debuginfo

import (
	"debug/dwarf"
	"sync"
)

// CallSite is what the compiler says about one call.
type CallSite struct {
	Entry Entry
	// Callee is the entry of the function that is called, perhaps only its
	// declaration. None for a call through a pointer.
	Callee Entry
	Target []byte // expression for the address that is called, nil if not given
	Params []CallParam
}

// CallParam is what an argument was at a call: where the callee found it, and
// how the caller can compute it, or what it pointed to, even after the call. All
// are expressions; DataValue is nil if it is not given. Parameter is the
// callee's entry of it, if that is given.
type CallParam struct {
	Location, Value, DataValue []byte
	Parameter                  Entry
}

// GNU's tags and attributes for DWARF 2 to 4, which DWARF 5 took over.
const (
	tagGNUCallSite          dwarf.Tag  = 0x4109
	tagGNUCallSiteParameter dwarf.Tag  = 0x410a
	attrGNUCallSiteValue    dwarf.Attr = 0x2111
	attrGNUCallSiteData     dwarf.Attr = 0x2112
	attrGNUCallSiteTarget   dwarf.Attr = 0x2113
)

// callSites are a function's call sites by return address.
type callSites struct {
	once  sync.Once
	at    map[uint64]Entry
	tails []uint64 // of those that are jumps, in the order of the entries
}

const attrGNUTailCall dwarf.Attr = 0x2115

func (f *Function) callSites() *callSites {
	f.calls.once.Do(func() {
		f.calls.at = map[uint64]Entry{}
		f.Entry.eachBelow(func(e Entry, _ int) bool {
			if e.Tag != dwarf.TagCallSite && e.Tag != tagGNUCallSite {
				return e.Tag != dwarf.TagSubprogram
			}
			if to, ok := e.Uint(either(e, dwarf.AttrCallReturnPC, dwarf.AttrLowpc)); ok {
				f.calls.at[to] = e
				if e.Flag(either(e, dwarf.AttrCallTailCall, attrGNUTailCall)) {
					f.calls.tails = append(f.calls.tails, to)
				}
			}
			return false
		})
	})
	return &f.calls
}

// TailCalls are the calls that never return here: the function's last act is a
// jump to another one. They are given by the address behind the jump, which
// CallSite takes.
func (f *Function) TailCalls() []uint64 { return f.callSites().tails }

// CallSite is the call in this function, or in one inlined in it, that returns
// to an address.
func (f *Function) CallSite(ret uint64) (CallSite, bool) {
	e, ok := f.callSites().at[ret]
	if !ok {
		return CallSite{}, false
	}
	s := CallSite{Entry: e}
	s.Callee, _ = e.Ref(either(e, dwarf.AttrCallOrigin, dwarf.AttrAbstractOrigin))
	s.Target, _ = e.Block(either(e, dwarf.AttrCallTarget, attrGNUCallSiteTarget))
	for p := range e.Children() {
		if p.Tag != dwarf.TagCallSiteParameter && p.Tag != tagGNUCallSiteParameter {
			continue
		}
		location, _ := p.Block(dwarf.AttrLocation)
		value, ok := p.Block(either(p, dwarf.AttrCallValue, attrGNUCallSiteValue))
		data, _ := p.Block(either(p, dwarf.AttrCallDataValue, attrGNUCallSiteData))
		parameter, _ := p.Ref(either(p, dwarf.AttrCallParameter, dwarf.AttrAbstractOrigin))
		if ok {
			s.Params = append(s.Params, CallParam{location, value, data, parameter})
		}
	}
	return s, true
}

// Defined is the function with code that an entry stands for: its own, that of
// the declaration or the abstract instance that it is, in whichever unit.
func (d *Data) Defined(e Entry) (*Function, bool) {
	if e.unit == nil {
		return nil, false
	}
	if low, ok := e.Uint(dwarf.AttrLowpc); ok {
		return e.unit.Function(low)
	}
	for _, f := range d.Functions(e.Qualified()) {
		if f.Implements(e) {
			return f.Entry.unit.Function(f.Ranges[0][0])
		}
	}
	return nil, false
}

// Implements tells whether the function is what an entry stands for: its
// declaration or abstract instance, or the declaration of an external function
// in another unit, which may be one of another program. Overloaded functions
// differ in nothing but their linkage name.
func (f *Function) Implements(e Entry) bool {
	if e.unit == nil {
		return false
	}
	same := e.unit.d == f.Entry.unit.d
	external := e.external() && f.Entry.external()
	linkage := e.linkage()
	for o, n := f.Entry, 0; n <= maxOrigins; n++ {
		if same && o.Off == e.Off || external && linkage != "" && o.linkage() == linkage {
			return true
		}
		var ok bool
		if o, ok = o.Origin(); !ok {
			break
		}
	}
	return external && (linkage == "" || f.Linkage == "") && means(e.functionName(), f.Name)
}

// Symbol is the name by which the linker knows an external function or variable.
func (e Entry) Symbol() (name string, ok bool) {
	if !e.external() {
		return "", false
	}
	if name = e.linkage(); name == "" {
		name = e.Name()
	}
	return name, name != ""
}

func (e Entry) external() bool { return e.Inherited(dwarf.AttrExternal).Flag(dwarf.AttrExternal) }

// either is the standard's attribute if the entry has it, else GNU's.
func either(e Entry, standard, gnu dwarf.Attr) dwarf.Attr {
	if e.Has(standard) {
		return standard
	}
	return gnu
}
