package debuginfo

import "debug/dwarf"

// Variable is a variable or a parameter.
type Variable struct {
	Name  string // qualified if global: "fw::count", "main::once"
	Entry Entry
	Param bool
	Depth int // of blocks in its function
}

// DeclFile is the file that declares the variable, as in Line; empty if not
// known.
func (v Variable) DeclFile() string {
	return v.Entry.Inherited(dwarf.AttrDeclFile).file(dwarf.AttrDeclFile)
}

// DeclLine is the line there, counted from 1; 0 if not known.
func (v Variable) DeclLine() int {
	return v.Entry.Inherited(dwarf.AttrDeclLine).number(dwarf.AttrDeclLine)
}

// External tells whether other units see the variable.
func (v Variable) External() bool {
	return v.Entry.Inherited(dwarf.AttrExternal).Flag(dwarf.AttrExternal)
}

// Artificial tells whether the compiler made the variable up, as C++'s this.
func (v Variable) Artificial() bool {
	return v.Entry.Inherited(dwarf.AttrArtificial).Flag(dwarf.AttrArtificial)
}

// Symbol is the name of the variable's symbol, if it has one.
func (v Variable) Symbol() string {
	if name := v.Entry.linkage(); name != "" {
		return name
	}
	return v.Entry.Name()
}
