package elfcore

import (
	"bytes"
	"fmt"
	"math"
	"path"
	"slices"

	"corelift/notes"
)

// Mapping is a range of a process' address space as its system describes it.
// The bytes may be in the core, in the file, or nowhere.
type Mapping struct {
	Range
	// Perm is PermR | PermW | PermX. HasPerm is false where the system does not
	// tell: Linux has it in the segments only.
	Perm    uint32
	HasPerm bool
	Off     uint64 // in File, bytes
	File    string // path on the target, empty for memory of no file
}

// maxList limits the descriptors that hold a list, in bytes. Linux writes up to
// 4 MiB of NT_FILE unless told otherwise.
const maxList = 16 << 20

// Types of FreeBSD's lists.
const (
	typeVMMap   = 10
	typeBSDAuxV = 16
)

// Mappings lists the mapped files of a Linux core (NT_FILE), or all of the
// address space of a FreeBSD core (NT_PROCSTAT_VMMAP), in the order of the
// note; nothing if there is no such note. Errors are *notes.FormatError, with
// what stands before the fault, or those of the file's reader.
func (f *File) Mappings() ([]Mapping, error) {
	list, _ := f.list()
	return f.mappings(list)
}

func (f *File) mappings(list []notes.Note) ([]Mapping, error) {
	for _, n := range list {
		switch {
		case n.Owner == "CORE" && n.Type == notes.File:
			return f.linuxFiles(n)
		case n.Owner == "FreeBSD" && n.Type == typeVMMap:
			return f.freebsdMap(n)
		}
	}
	return nil, nil
}

// linuxFiles reads NT_FILE: count and page size, start, end and offset in pages
// of each mapping, then the paths, each with a NUL.
func (f *File) linuxFiles(n notes.Note) (list []Mapping, err error) {
	desc, err := n.Read(maxList)
	if err != nil {
		return nil, err
	}
	word := f.pointer()
	if len(desc) < 2*word {
		return nil, &notes.FormatError{Off: n.DescOff, Msg: "list of mapped files cut off"}
	}
	d := f.decoder(desc)
	count, page := d.addr(), d.addr()
	if count > uint64(len(d.in)/(3*word)) {
		return nil, &notes.FormatError{Off: n.DescOff, Msg: fmt.Sprintf("%d mapped files in a note of %d bytes", count, n.Size)}
	}
	names := d.in[int(count)*3*word:]
	list = make([]Mapping, 0, count)
	for i := range count {
		start, end, off := d.addr(), d.addr(), d.addr()
		size := bytes.IndexByte(names, 0)
		if size < 0 {
			return list, &notes.FormatError{Off: n.DescOff + int64(len(desc)-len(names)), Msg: fmt.Sprintf("path of mapped file %d cut off", i)}
		}
		if end < start || page != 0 && off > math.MaxUint64/page {
			return list, &notes.FormatError{Off: n.DescOff, Msg: fmt.Sprintf("mapped file %d lies at %#x-%#x, page %#x", i, start, end, off)}
		}
		// What hides initial values from GDB in our own cores is no mapping.
		if file := string(names[:size]); file != hidingName || end-start != 1 {
			list = append(list, Mapping{Range: Range{Addr(start), end - start}, Off: off * page, File: file})
		}
		names = names[size+1:]
	}
	return list, nil
}

// freebsdMap reads records of kinfo_vmentry behind the structure's size. Each
// tells its own size, its path being cut (others.md 8).
func (f *File) freebsdMap(n notes.Note) (list []Mapping, err error) {
	const (
		start, end, offset, prot, path = 8, 16, 24, 56, 136 // offsets in a record, bytes
		least                          = 64
	)
	desc, err := n.Read(maxList)
	if err != nil {
		return nil, err
	}
	for at := 4; at+4 <= len(desc); {
		r := desc[at:]
		size := int(int32(getUint(f.Order, r[:4])))
		if size == 0 {
			break // zeros fill up what the kernel had reckoned
		}
		if size < least || size > len(r) {
			return list, &notes.FormatError{Off: n.DescOff + int64(at), Msg: fmt.Sprintf("mapping of %d bytes in a note with %d left", size, len(r))}
		}
		r = r[:size]
		number := func(off, width int) uint64 { return getUint(f.Order, r[off:][:width]) }
		from, to, bits := number(start, 8), number(end, 8), number(prot, 4)
		if to < from {
			return list, &notes.FormatError{Off: n.DescOff + int64(at), Msg: fmt.Sprintf("mapping at %#x-%#x", from, to)}
		}
		list = append(list, Mapping{
			Range: Range{Addr(from), to - from}, Off: number(offset, 8), File: text(r, path, len(r)),
			// KVME_PROT_READ is 1, WRITE 2, EXEC 4: p_flags the other way round.
			Perm: uint32(bits&1<<2 | bits&2 | bits>>2&1), HasPerm: true,
		})
		at += size
	}
	return list, nil
}

// Aux is an entry of a process' auxiliary vector.
type Aux struct{ Type, Value uint64 }

// AuxProgramHeaders is the type of the entry that holds the address of the
// executable's program headers (AT_PHDR).
const AuxProgramHeaders = 3

// AuxVector reads the auxiliary vector, up to its end mark; nothing if the core
// has none. Errors are those of the file's reader.
func (f *File) AuxVector() ([]Aux, error) {
	list, _ := f.list()
	return f.auxVector(list)
}

func (f *File) auxVector(list []notes.Note) (vector []Aux, err error) {
	for _, n := range list {
		skip := 0
		switch {
		case n.Owner == "CORE" && n.Type == notes.AuxV:
		case n.Owner == "FreeBSD" && n.Type == typeBSDAuxV:
			skip = 4 // the size of an entry
		default:
			continue
		}
		desc, err := n.Read(maxStatus)
		if err != nil || len(desc) < skip {
			return nil, err
		}
		for d := f.decoder(desc[skip:]); len(d.in) >= 2*d.pointer; {
			a := Aux{d.addr(), d.addr()}
			if a.Type == auxNull {
				break
			}
			vector = append(vector, a)
		}
		break
	}
	return vector, nil
}

// identify names the executable by where its program headers are: the file
// mapped there, and its build-id from the memory of the core. What is damaged
// there stays unknown.
func (f *File) identify(c *Core, list []notes.Note) {
	vector, _ := f.auxVector(list)
	i := slices.IndexFunc(vector, func(a Aux) bool { return a.Type == AuxProgramHeaders })
	if i < 0 {
		return
	}
	at := Addr(vector[i].Value)
	maps, _ := f.mappings(list)
	for _, m := range maps {
		if m.File != "" && m.Contains(at) {
			c.Program.File = path.Base(m.File)
			break
		}
	}
	// Linkers put the program headers right behind the ELF header.
	if o, ok := c.ObjectAt(at - Addr(sizesOf(f.Header.Class).header)); ok {
		c.Program.BuildID = o.BuildID
	}
}
