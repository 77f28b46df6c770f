package verify

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// Sizes of what a RISC-V note of floating point registers ends in, bytes.
const (
	riscvStatus = 4 // fcsr
	riscvLinux  = 8 // fcsr and padding, under OS ABI GNU/Linux
	riscvFloats = 32
)

// floatNotes are the notes of floating point registers that debuggers compare
// the size of. FreeBSD's vary with its version.
func (f *File) floatNotes() (list []*note) {
	if f.arch == nil || f.status.System != elfcore.FormatLinux {
		return nil
	}
	for _, n := range f.notes {
		if f.floatSize(n) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// floatSize is the size that a note of floating point registers should have, 0
// if it is none. The FSAVE image of i386 is the only one besides CoreRules'.
func (f *File) floatSize(n *note) int64 {
	want := f.arch.Core.Float
	switch {
	case want.Owner == "":
		return 0
	case n.is(want.Owner, want.Type):
		_, size, _ := f.arch.Slots(want.Layout)
		if want.Narrow {
			return int64(f.riscvSize(n.size))
		}
		return int64(size)
	case f.arch == arch.I386 && n.is("CORE", notes.FPRegSet):
		for _, more := range f.arch.More {
			if more.Owner == "CORE" && more.Type == notes.FPRegSet {
				_, size, _ := f.arch.Slots(more.Layout)
				return int64(size)
			}
		}
	}
	return 0
}

// riscvSize is the size of a RISC-V note of floating point registers: 32
// registers of the width that the target description has them, or that the
// note has them if that is silent, and what the OS ABI adds.
func (f *File) riscvSize(size int64) int {
	tail := riscvLinux
	if f.osabi() == "none" || !f.process && size%8 == riscvStatus {
		tail = riscvStatus // that the OS ABI is not none is another rule's
	}
	width := 8
	if size < riscvFloats*8 {
		width = 4
	}
	if t := f.describedFloats(); t > 0 {
		width = t
	}
	return riscvFloats*width + tail
}

// describedFloats is the width of the floating point registers in the target
// description, in bytes, 0 if it has none.
func (f *File) describedFloats() int {
	if d := f.description(); d != nil {
		if x := d.feature(f.arch.Core.Float.Feature); x != nil && len(x.registers) > 0 {
			return x.registers[0].bits / 8
		}
	}
	return 0
}

// floatSizes: debuggers read no floating point registers of a note that is
// shorter, and warn of one that is longer.
func floatSizes(f *File) (list []deviation) {
	for _, n := range f.floatNotes() {
		want := f.floatSize(n)
		if n.size == want {
			continue
		}
		d := deviation{off: n.off, found: fmt.Sprintf("%d bytes of floating point registers (%s/%#x)", n.size, n.owner, n.typ), expected: fmt.Sprintf("%d bytes", want)}
		if n.size > want || n.size >= want-f.filler() {
			d.repair = func() string {
				old := n.size
				desc := make([]byte, want)
				copy(desc, n.read())
				n.set(desc)
				return fmt.Sprintf("floating point registers at %#x: %d bytes became %d", n.off, old, want)
			}
		}
		if n.read() == nil {
			d.repair = nil
		}
		list = append(list, d)
	}
	return list
}

// filler is how many bytes at the end of the note hold no register.
func (f *File) filler() int64 {
	if f.arch.Core.Float.Narrow {
		return riscvLinux - riscvStatus
	}
	slots, size, _ := f.arch.Slots(f.arch.Core.Float.Layout)
	for i := len(slots) - 1; i >= 0; i-- {
		if slots[i].Reg != arch.NoReg {
			return int64(size - slots[i].Off - slots[i].Size)
		}
	}
	return 0
}

// undescribedFloats: GDB reads the note only if the registers are described.
// Linux tells of ARM's by the auxiliary vector.
func undescribedFloats(f *File) []deviation {
	list := f.floatNotes()
	if len(list) == 0 || f.arch.Core.Float.Feature == "" || f.process || f.describedFloats() > 0 {
		return nil
	}
	d := f.description()
	if d != nil && d.fault != "" || f.arch.Core.CSR && d == nil {
		return nil // other rules'
	}
	return at(list[0].off, "floating point registers that the target description does not have", "feature "+f.arch.Core.Float.Feature, f.describeFloats)
}

// wrongOwners: notes that are taken only from the right owner.
func wrongOwners(f *File) (list []deviation) {
	if f.arch == nil || f.status.System != elfcore.FormatLinux {
		return nil
	}
	owners := map[uint32]string{notes.TDesc: "GDB", notes.RISCVCSR: "GDB"}
	if x := f.arch.Core.Float; x.Owner == "LINUX" {
		owners[x.Type] = x.Owner
	}
	none := !slices.ContainsFunc(f.notes, f.isStatus)
	for _, n := range f.notes {
		want := owners[n.typ]
		if none && n.typ == notes.PRStatus && n.size == int64(f.status.Size) {
			want = "CORE"
		} else if n.owner != "CORE" && n.owner != "LINUX" && n.owner != "GDB" {
			continue
		}
		if want == "" || n.owner == want {
			continue
		}
		list = append(list, deviation{off: n.off, found: fmt.Sprintf("note %#x of owner %q", n.typ, n.owner), expected: "owner " + want, repair: func() string {
			old := n.owner
			n.owner = want
			return fmt.Sprintf("note %#x at %#x: owner %q became %s", n.typ, n.off, old, want)
		}})
	}
	return list
}

// privateTypes are the types of notes that BFD takes for its own whatever their
// owner is.
var privateTypes = []uint32{notes.PRStatus, notes.FPRegSet, notes.PRPSInfo, notes.AuxV, typePSInfo, notes.SigInfo, notes.File}

const (
	typePSInfo = 13 // NT_PSINFO, which BFD reads as it does NT_PRPSINFO
	// renumbered is where private types go: next to our own, which no other
	// core note uses.
	renumbered = 0x434c8000
)

// publicOwners are owners whose notes BFD knows, or hands to other parsers.
var publicOwners = []string{"CORE", "LINUX", "GDB", "GNU", "FreeBSD", "NetBSD-CORE", "OpenBSD", "QNX", "SPU/"}

// privateNotes: notes of other owners whose types BFD takes for those of CORE.
func privateNotes(f *File) (list []deviation) {
	none := !slices.ContainsFunc(f.notes, f.isStatus)
	for _, n := range f.notes {
		if !slices.Contains(privateTypes, n.typ) || slices.ContainsFunc(publicOwners, func(p string) bool { return bytes.HasPrefix([]byte(n.owner), []byte(p)) }) {
			continue
		}
		switch n.typ {
		case notes.PRStatus:
			if none || n.size != int64(f.status.Size) {
				continue
			}
		case notes.PRPSInfo, typePSInfo:
			if infoRules(n.size) == nil {
				continue
			}
		}
		list = append(list, deviation{off: n.off, found: fmt.Sprintf("a private note, owner %q, of type %#x", n.owner, n.typ), expected: "a type that no core note has",
			repair: func() string {
				old := n.typ
				n.typ = renumbered | old&0x7fff
				return fmt.Sprintf("private note %q: type %#x became %#x", n.owner, old, n.typ)
			}})
	}
	return list
}

// controlNotes are the notes of RISC-V's control registers.
func (f *File) controlNotes() (list []*note) {
	if f.arch == nil || !f.arch.Core.CSR {
		return nil
	}
	for _, n := range f.notes {
		if n.is("GDB", notes.RISCVCSR) {
			list = append(list, n)
		}
	}
	return list
}

// controlSizes: values of control registers are read in the order of the
// target description.
func controlSizes(f *File) (list []deviation) {
	d := f.description()
	if d == nil {
		return nil
	}
	x := d.feature(controlFeature)
	if x == nil {
		return nil
	}
	word := int64(f.word())
	want := int64(len(x.registers)) * word
	all := f.controlNotes()
	least := want
	for _, n := range all {
		least = min(least, n.size/word*word)
	}
	for _, n := range all {
		if n.size == want {
			continue
		}
		dev := deviation{off: n.off, found: fmt.Sprintf("%d bytes of control registers", n.size), expected: fmt.Sprintf("%d, as the target description has %d registers", want, len(x.registers))}
		desc := n.read()
		switch {
		case desc == nil:
		case n.size > want:
			dev.repair = func() string {
				n.set(bytes.Clone(desc[:want]))
				return fmt.Sprintf("control registers at %#x: %d bytes became %d", n.off, len(desc), want)
			}
		case least > 0:
			dev.repair = func() string {
				f.keepRegisters(controlFeature, int(least/word))
				for _, n := range all {
					if b := n.read(); int64(len(b)) > least {
						n.set(bytes.Clone(b[:least]))
					}
				}
				return fmt.Sprintf("the target description has the first %d of %d control registers, which all notes have", least/word, want/word)
			}
		}
		list = append(list, dev)
		if n.size < want {
			break // it is repaired for all
		}
	}
	return list
}

// undescribedControl: without the description nobody knows the registers' names.
func undescribedControl(f *File) []deviation {
	all := f.controlNotes()
	if len(all) == 0 {
		return nil
	}
	if d := f.description(); d != nil && (d.fault != "" || d.feature(controlFeature) != nil) {
		return nil
	}
	return at(all[0].off, "control registers that the target description does not have", "feature "+controlFeature, nil)
}

// reducedRegisters: a 64-bit RISC-V core that claims RV32E.
func reducedRegisters(f *File) []deviation {
	if elf.Machine(f.header.Machine) != elf.EM_RISCV || f.class != elf.ELFCLASS64 || f.header.Flags&arch.RISCVEFlag == 0 {
		return nil
	}
	return at(f.flagsOff(), fmt.Sprintf("e_flags %#x", f.header.Flags), "no EF_RISCV_RVE (8) in a 64-bit file", func() string {
		f.header.Flags &^= arch.RISCVEFlag
		return fmt.Sprintf("e_flags is %#x", f.header.Flags)
	})
}

// flagsOff is where e_flags stands.
func (f *File) flagsOff() int64 { return elf.EI_NIDENT + 8 + 3*int64(f.word()) }
