package verify

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// pr_fname and pr_psargs, which follows it, in bytes.
const nameSize, argsSize = 16, 80

// infoRules are the rules of a CPU whose NT_PRPSINFO has so many bytes, nil if
// none has. CPUs of one size have one layout.
func infoRules(size int64) *arch.CoreRules {
	for _, a := range arch.All() {
		if r := &a.Core; size == int64(r.PRPSInfo) && r.PSPID >= 0 {
			return r
		}
	}
	return nil
}

// infos are the notes that name the program.
func (f *File) infos() (list []*note) {
	if f.status.System != elfcore.FormatLinux {
		return nil
	}
	for _, n := range f.notes {
		if n.is("CORE", notes.PRPSInfo) {
			list = append(list, n)
		}
	}
	return list
}

// infoSizes: a NT_PRPSINFO of another size is no name to debuggers.
func infoSizes(f *File) (list []deviation) {
	for _, n := range f.infos() {
		rules := &f.arch.Core
		if n.size == int64(rules.PRPSInfo) {
			continue
		}
		d := deviation{off: n.off, found: fmt.Sprintf("NT_PRPSINFO of %d bytes", n.size), expected: fmt.Sprintf("%d bytes", rules.PRPSInfo)}
		if from := infoRules(n.size); from != nil && n.read() != nil {
			d.repair = func() string {
				old, desc := n.read(), make([]byte, rules.PRPSInfo)
				copy(desc[rules.PSName:], old[from.PSName:][:nameSize+argsSize])
				if rules.PSPID >= 0 {
					copy(desc[rules.PSPID:][:4], old[from.PSPID:])
				}
				n.set(desc)
				return fmt.Sprintf("NT_PRPSINFO at %#x: %d bytes became %d, with the name and process id of the other CPU's layout", n.off, len(old), len(desc))
			}
		}
		list = append(list, d)
	}
	return list
}

// nameIn is pr_fname; ok is false if the size of the note is wrong.
func (f *File) nameIn(n *note) (name string, ok bool) {
	desc := n.read()
	if len(desc) != f.arch.Core.PRPSInfo {
		return "", false
	}
	b, _, _ := bytes.Cut(desc[f.arch.Core.PSName:][:nameSize], []byte{0})
	return string(b), true
}

// named is the NT_PRPSINFO that GDB takes the program's name from, the last;
// and the name.
func (f *File) named() (last *note, name string) {
	for _, n := range f.infos() {
		if s, ok := f.nameIn(n); ok {
			last, name = n, s
		}
	}
	return last, name
}

// otherName tells whether GDB takes the core for that of another program.
func (f *File) otherName() (last *note, name string, other bool) {
	p := f.program()
	last, name = f.named()
	if p == nil || last == nil || otherMachine(f) != nil || p.BuildID != "" && f.buildID() == p.BuildID {
		return last, name, false
	}
	return last, name, name != p.Name
}

// lastName: of several names GDB takes the last, LLDB one for each thread.
func lastName(f *File) []deviation {
	last, name, other := f.otherName()
	if !other {
		return nil
	}
	for _, n := range f.infos() {
		if s, ok := f.nameIn(n); ok && s == f.program().Name {
			return at(last.off, fmt.Sprintf("%q in the last NT_PRPSINFO", name), fmt.Sprintf("%q, as in the one at %#x", s, n.off), func() string {
				f.move(map[*note][]*note{last: {n}})
				return fmt.Sprintf("the NT_PRPSINFO that names %s is the last now", s)
			})
		}
	}
	return nil
}

// programName: GDB compares the name with that of the program's file.
func programName(f *File) []deviation {
	last, name, other := f.otherName()
	if !other || lastName(f) != nil {
		return nil
	}
	p := f.program()
	d := deviation{off: last.off, found: fmt.Sprintf("program name %q", name), expected: fmt.Sprintf("%q", p.Name)}
	switch {
	case f.buildID() != "":
		// The core says which program it is of, and it is not this one.
	case len(p.Name) <= nameSize:
		d.repair = func() string {
			desc := bytes.Clone(last.read())
			copy(desc[f.arch.Core.PSName:][:nameSize], make([]byte, nameSize))
			copy(desc[f.arch.Core.PSName:][:nameSize], p.Name)
			last.set(desc)
			return fmt.Sprintf("the program's name is %q, as you say that it is this one", p.Name)
		}
	case p.BuildID != "":
		d.repair = func() string {
			id, _ := hex.DecodeString(p.BuildID)
			f.notes = append(f.notes, newNote("GNU", notes.BuildID, id))
			return "the build-id is that of the program, as you say that it is this one; its name is too long to match"
		}
	}
	return []deviation{d}
}

// buildID is the core's, empty if it has none: of its note, or of the memory of
// the process.
func (f *File) buildID() string {
	for _, n := range f.notes {
		if n.is("GNU", notes.BuildID) {
			return hex.EncodeToString(n.read())
		}
	}
	if f.mapped == nil && f.process {
		f.mapped = new(string)
		if c, err := f.core.Core(context.Background()); err == nil {
			*f.mapped = c.Program.BuildID
		}
	}
	if f.mapped == nil {
		return ""
	}
	return *f.mapped
}

// otherBuildID: GDB says nothing if the names agree.
func otherBuildID(f *File) []deviation {
	p := f.program()
	if p == nil || p.BuildID == "" || otherMachine(f) != nil || f.buildID() == "" || p.BuildID == f.buildID() {
		return nil
	}
	return at(-1, "build-id "+f.buildID(), p.BuildID+", the program's", nil)
}

// otherMachine: nothing fits if CPU, class or byte order differ.
func otherMachine(f *File) []deviation {
	p := f.program()
	if p == nil || p.Arch.Machine == elf.Machine(f.header.Machine) && p.Arch.Class == f.class && p.Order == f.order {
		return nil
	}
	return at(machineOff, fmt.Sprintf("%v, %v, %v", elf.Machine(f.header.Machine), f.class, f.order), fmt.Sprintf("%v, %v, %v, as the program", p.Arch.Machine, p.Arch.Class, p.Order), nil)
}

// machineOff is the offset of e_machine.
const machineOff = 18

// otherFlags: without the program e_flags tell the float ABI and RV32E.
func otherFlags(f *File) []deviation {
	p := f.program()
	if p == nil || f.process || f.arch == nil || p.Arch != f.arch {
		return nil
	}
	want := p.Flags
	if f.arch == arch.RV64 {
		want &^= arch.RISCVEFlag
	}
	if f.header.Flags == want {
		return nil
	}
	return at(f.flagsOff(), fmt.Sprintf("e_flags %#x", f.header.Flags), fmt.Sprintf("%#x, as in the program", want), func() string {
		f.header.Flags = want
		return fmt.Sprintf("e_flags is %#x", want)
	})
}

// auxEntry is AT_ENTRY, auxNull the end of the auxiliary vector.
const auxNull, auxEntry = 0, 9

// entry: LLDB places the program by AT_ENTRY. In a process the program may lie
// anywhere, and its system knows where.
func entry(f *File) []deviation {
	p := f.program()
	if p == nil || f.process || f.arch == nil || !f.readByLLDB() || f.status.System != elfcore.FormatLinux || otherMachine(f) != nil {
		return nil
	}
	expected := fmt.Sprintf("AT_ENTRY %#x", p.Entry)
	for _, n := range f.notes {
		if !n.is("CORE", notes.AuxV) {
			continue
		}
		desc, word := n.read(), f.word()
		end := 0
		for ; len(desc)-end >= 2*word; end += 2 * word {
			switch f.address(desc[end:]) {
			case auxNull:
			case auxEntry:
				value := f.address(desc[end+word:])
				if value == p.Entry {
					return nil
				}
				at := end + word
				return []deviation{{off: n.off, found: fmt.Sprintf("AT_ENTRY %#x", value), expected: expected, repair: func() string {
					f.put(n, at, word, p.Entry)
					return fmt.Sprintf("AT_ENTRY: %#x became %#x", value, p.Entry)
				}}}
			default:
				continue
			}
			break
		}
		return []deviation{{off: n.off, found: "no AT_ENTRY", expected: expected, repair: func() string {
			e := encoder{class: f.class, order: f.order, out: bytes.Clone(desc[:end])}
			e.words(auxEntry, p.Entry)
			n.set(append(e.out, desc[end:]...))
			return fmt.Sprintf("AT_ENTRY is %#x", p.Entry)
		}}}
	}
	return at(-1, "no auxiliary vector", expected, func() string {
		e := encoder{class: f.class, order: f.order}
		e.words(auxEntry, p.Entry, auxNull, 0)
		f.notes = append(f.notes, newNote("CORE", notes.AuxV, e.out))
		return fmt.Sprintf("an auxiliary vector has AT_ENTRY %#x", p.Entry)
	})
}

// newerProgram: GDB warns if the program was built after the crash. If the name
// differs it says that instead.
func newerProgram(f *File) []deviation {
	p := f.program()
	if _, _, other := f.otherName(); p == nil || other || f.options.Modified.IsZero() {
		return nil
	}
	info, err := os.Stat(p.Path)
	if err != nil || info.ModTime().Unix() <= f.options.Modified.Unix() {
		return nil
	}
	return at(-1, "a core of "+f.options.Modified.UTC().Format(time.DateTime), "one that is not older than the program, of "+info.ModTime().UTC().Format(time.DateTime), func() string {
		f.options.Modified = time.Now()
		return "the copy is newer than the program"
	})
}
