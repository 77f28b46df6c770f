package elfcore

import (
	"corelift/elfcore/arch"
	"corelift/notes"
)

// maxDescription bounds a target description, in bytes; GDB's longest, of
// x86-64 with AVX-512, has some 20 KiB.
const maxDescription = 64 << 10

// Context is what the codecs of notes need to know of this file: its CPU, if it
// is known, and the registers that its target description lists.
func (f *File) Context() notes.Context {
	list, _ := f.list()
	x := notes.Context{Order: f.Order, Is64: f.pointer() == 8, Control: notes.Registers(description(list), controlFeature)}
	if a, ok := arch.ByELF(f.Header.Machine, f.Header.Class, f.mProfile(list)); ok {
		x.Arch = a
	}
	return x
}

// description is the file's target description, empty if there is none.
func description(list []notes.Note) string {
	for _, n := range list {
		if n.Owner == "GDB" && n.Type == notes.TDesc {
			text, _ := n.Read(maxDescription)
			return string(text)
		}
	}
	return ""
}
