package debuginfo

import (
	"debug/dwarf"
	"encoding/binary"
	"testing"
)

// die is an entry made by hand.
type die struct {
	tag      dwarf.Tag
	attrs    []attribute
	children []*die
	off      uint32 // in the unit, once it is written
}

// attribute is an attribute of a die. value is an int64, a string, a []byte, a
// bool or the *die that it refers to; form picks among those of integers.
type attribute struct {
	name  dwarf.Attr
	form  form
	value any
}

func (d *die) with(name dwarf.Attr, value any) *die {
	f := map[bool]form{true: formString}[true]
	switch value.(type) {
	case int:
		f = formSdata
	case []byte:
		f = 0x0a // block1
	case bool:
		f = 0x0c
	case *die:
		f = 0x13 // ref4
	}
	return d.as(name, f, value)
}

func (d *die) as(name dwarf.Attr, f form, value any) *die {
	d.attrs = append(d.attrs, attribute{name, f, value})
	return d
}

func (d *die) below(children ...*die) *die {
	d.children = append(d.children, children...)
	return d
}

func newDie(tag dwarf.Tag, name string) *die {
	d := &die{tag: tag}
	if name != "" {
		d.with(dwarf.AttrName, name)
	}
	return d
}

// dwarfWriter writes one unit: every die has an abbreviation of its own.
type dwarfWriter struct {
	info, abbrev []byte
	code         uint64
	refs         map[int]*die // where offsets go
}

func (w *dwarfWriter) write(d *die) {
	w.code++
	w.abbrev = binary.AppendUvarint(w.abbrev, w.code)
	w.abbrev = binary.AppendUvarint(w.abbrev, uint64(d.tag))
	w.abbrev = append(w.abbrev, map[bool]byte{true: 1}[len(d.children) > 0])
	d.off = uint32(len(w.info))
	w.info = binary.AppendUvarint(w.info, w.code)
	for _, a := range d.attrs {
		w.abbrev = binary.AppendUvarint(w.abbrev, uint64(a.name))
		w.abbrev = binary.AppendUvarint(w.abbrev, uint64(a.form))
		switch v := a.value.(type) {
		case int:
			w.integer(a.form, int64(v))
		case string:
			w.info = append(append(w.info, v...), 0)
		case []byte:
			w.info = append(append(w.info, byte(len(v))), v...)
		case bool:
			w.info = append(w.info, map[bool]byte{true: 1}[v])
		case *die:
			w.refs[len(w.info)] = v
			w.info = append(w.info, 0, 0, 0, 0)
		}
	}
	w.abbrev = append(w.abbrev, 0, 0)
	if len(d.children) > 0 {
		for _, c := range d.children {
			w.write(c)
		}
		w.info = append(w.info, 0)
	}
}

func (w *dwarfWriter) integer(f form, v int64) {
	if f != formSdata {
		b := binary.LittleEndian.AppendUint64(nil, uint64(v))
		w.info = append(w.info, b[:formTable[f].code]...)
		return
	}
	for ; v < -64 || v > 63; v >>= 7 {
		w.info = append(w.info, byte(v)|0x80)
	}
	w.info = append(w.info, byte(v)&0x7f)
}

// sectionsOf writes a DWARF 3 unit of a 32-bit CPU with these entries.
func sectionsOf(language int, children ...*die) (info, abbrev []byte) {
	w := dwarfWriter{refs: map[int]*die{}, info: []byte{0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 4}}
	w.write((&die{tag: dwarf.TagCompileUnit}).as(dwarf.AttrLanguage, 0x05, language).below(children...))
	for at, d := range w.refs {
		binary.LittleEndian.PutUint32(w.info[at:], d.off)
	}
	binary.LittleEndian.PutUint32(w.info, uint32(len(w.info)-4))
	return w.info, append(w.abbrev, 0)
}

func dataOf(info, abbrev []byte) *Data {
	sections := map[string][]byte{".debug_info": info, ".debug_abbrev": abbrev}
	return New(func(name string) ([]byte, error) { return sections[name], nil }, binary.LittleEndian, 4, nil)
}

// madeOf is the debug information of a unit with these entries.
func madeOf(language int, children ...*die) *Data { return dataOf(sectionsOf(language, children...)) }

const (
	langC99   = 0x0c
	langCPlus = 0x04
)

// typeOf is the type of a die that was written.
func typeOf(t testing.TB, d *Data, of *die) *Type {
	t.Helper()
	e, ok := d.Entry(dwarf.Offset(of.off))
	if !ok || e.Tag != of.tag {
		t.Fatalf("no entry at %#x", of.off)
	}
	return e.Type()
}

func baseType(name string, size, encoding int) *die {
	return newDie(dwarf.TagBaseType, name).with(dwarf.AttrByteSize, size).with(dwarf.AttrEncoding, encoding)
}
