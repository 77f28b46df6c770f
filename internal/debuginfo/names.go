package debuginfo

import (
	"debug/dwarf"
	"slices"
	"strings"
)

// unnamedNamespace is how GDB prints a namespace without a name.
const unnamedNamespace = "(anonymous namespace)"

// Name is the entry's own name or the one of what it completes, unqualified.
func (e Entry) Name() string { return e.Inherited(dwarf.AttrName).Str(dwarf.AttrName) }

// Qualified is the name with the namespaces and types around it, "fw::Foo::run";
// empty if it has none. Functions around it don't count, nor does the unit. In C
// it is the plain name.
func (e Entry) Qualified() string {
	named := e.Inherited(dwarf.AttrName)
	name := named.Str(dwarf.AttrName)
	if scope := named.scope(); name != "" && scope != "" {
		return scope + "::" + name
	}
	return name
}

// scope is the qualified name of the innermost namespace or type around the
// entry, up to a function; empty if there is none. What is in a type without a
// name, as the call operator of a lambda expression is, has none, as in GDB.
func (e Entry) scope() string {
	if e.unit == nil || e.unit.plainNames() {
		return ""
	}
	var parts []string
	for at, ok := e.Enclosing(); ok && at.Tag != dwarf.TagSubprogram && len(parts) < maxDepth; at, ok = at.Enclosing() {
		part := at.Name()
		if part == "" {
			if at.Tag != dwarf.TagNamespace {
				break
			}
			part = unnamedNamespace
		}
		parts = append(parts, part)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "::")
}

// Enclosing is the namespace, the type with members or the function that the
// entry is in; in C only the function.
func (e Entry) Enclosing() (Entry, bool) {
	if e.unit == nil {
		return Entry{}, false
	}
	s := e.unit.index().enclosing(e.Off)
	if s == nil {
		return Entry{}, false
	}
	return e.unit.entry(int(s.off) - e.unit.shift)
}
