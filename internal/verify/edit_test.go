package verify_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"corelift"
	"corelift/elfcore/firmware"
)

// edited is a core file in parts that a test changes; it shares no code with
// what reads and repairs it.
type edited struct {
	class elf.Class
	order binary.ByteOrder
	ident [16]byte
	head  elf.Header64
	loads []load
	notes []noted

	align   uint64 // of the note segment
	padding int    // of the notes
	tail    string // behind the notes
	many    bool   // e_phnum is PN_XNUM, with no section header
}

type load struct {
	elf.ProgHeader
	data []byte
}

type noted struct {
	owner string
	typ   uint32
	desc  []byte
}

// edit takes a core file to pieces.
func edit(t testing.TB, core []byte) *edited {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(core))
	if err != nil {
		t.Fatal(err)
	}
	c := &edited{class: f.Class, order: f.ByteOrder, align: 4, padding: 4}
	copy(c.ident[:], core)
	flags := f.ByteOrder.Uint32(core[24+12*int(f.Class):])
	c.head = elf.Header64{Type: uint16(f.Type), Machine: uint16(f.Machine), Version: 1, Flags: flags, Phentsize: 32}
	if f.Class == elf.ELFCLASS64 {
		c.head.Phentsize = 56
	}
	for _, p := range f.Progs {
		data := make([]byte, p.Filesz)
		if _, err := p.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		if p.Type != elf.PT_NOTE {
			c.loads = append(c.loads, load{p.ProgHeader, data})
			continue
		}
		up := func(n int) int { return (n + 3) &^ 3 }
		for len(data) > 0 {
			name, size := int(c.order.Uint32(data)), int(c.order.Uint32(data[4:]))
			n := noted{strings.TrimRight(string(data[12:12+name]), "\x00"), c.order.Uint32(data[8:]), bytes.Clone(data[12+up(name):][:size])}
			c.notes = append(c.notes, n)
			data = data[12+up(name)+up(size):]
		}
	}
	return c
}

// bytes puts it together again.
func (c *edited) bytes() []byte {
	var segment []byte
	pad := func() {
		for len(segment)%c.padding != 0 {
			segment = append(segment, 0)
		}
	}
	for _, n := range c.notes {
		for _, v := range []int{len(n.owner) + 1, len(n.desc), int(n.typ)} {
			segment = append32(segment, c.order, uint32(v))
		}
		segment = append(append(segment, n.owner...), 0)
		pad()
		segment = append(segment, n.desc...)
		pad()
	}
	segment = append(segment, c.tail...)
	parts := append([]load{{elf.ProgHeader{Type: elf.PT_NOTE, Align: c.align, Filesz: uint64(len(segment))}, segment}}, c.loads...)

	header, entry := 52, 32
	if c.class == elf.ELFCLASS64 {
		header, entry = 64, 56
	}
	h := c.head
	h.Ident = c.ident
	h.Ehsize, h.Phnum = uint16(header), uint16(len(parts))
	if h.Phoff == 0 {
		h.Phoff = uint64(header)
	}
	if c.many {
		h.Phnum = 0xffff
	}
	var out, data []byte
	if c.class == elf.ELFCLASS64 {
		out, _ = binary.Append(nil, c.order, h)
	} else {
		out, _ = binary.Append(nil, c.order, elf.Header32{
			Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: h.Version, Phoff: uint32(h.Phoff),
			Flags: h.Flags, Ehsize: h.Ehsize, Phentsize: h.Phentsize, Phnum: h.Phnum,
		})
	}
	at := uint64(header + entry*len(parts))
	for _, p := range parts {
		p.Off = at + uint64(len(data))
		data = append(data, p.data...)
		if c.class == elf.ELFCLASS64 {
			out, _ = binary.Append(out, c.order, elf.Prog64{Type: uint32(p.Type), Flags: uint32(p.Flags), Off: p.Off, Vaddr: p.Vaddr, Paddr: p.Paddr, Filesz: p.Filesz, Memsz: p.Memsz, Align: p.Align})
		} else {
			out, _ = binary.Append(out, c.order, elf.Prog32{Type: uint32(p.Type), Flags: uint32(p.Flags), Off: uint32(p.Off), Vaddr: uint32(p.Vaddr), Paddr: uint32(p.Paddr),
				Filesz: uint32(p.Filesz), Memsz: uint32(p.Memsz), Align: uint32(p.Align)})
		}
	}
	return append(out, data...)
}

func append32(b []byte, order binary.ByteOrder, v uint32) []byte {
	b, _ = binary.Append(b, order, v)
	return b
}

// note is the k-th note of a type.
func (c *edited) note(typ uint32, k int) *noted {
	for i := range c.notes {
		if c.notes[i].typ == typ {
			if k--; k < 0 {
				return &c.notes[i]
			}
		}
	}
	panic("no such note")
}

// drop takes out all notes of a type.
func (c *edited) drop(typ uint32) {
	var list []noted
	for _, n := range c.notes {
		if n.typ != typ {
			list = append(list, n)
		}
	}
	c.notes = list
}

func (c *edited) add(owner string, typ uint32, desc []byte) {
	c.notes = append(c.notes, noted{owner, typ, desc})
}

// insert puts a note behind the k-th NT_PRSTATUS.
func (c *edited) insert(k int, owner string, typ uint32, desc []byte) {
	for i, n := range c.notes {
		if n.typ == 1 {
			if k--; k < 0 {
				c.notes = append(c.notes[:i+1:i+1], append([]noted{{owner, typ, desc}}, c.notes[i+1:]...)...)
				return
			}
		}
	}
}

// replace changes the target description.
func (c *edited) replace(old, new string) {
	n := c.note(0xff000000, 0)
	if !bytes.Contains(n.desc, []byte(old)) {
		panic("no " + old)
	}
	n.desc = bytes.Replace(n.desc, []byte(old), []byte(new), 1)
}

// without takes a feature out of the target description.
func (c *edited) without(feature string) {
	n := c.note(0xff000000, 0)
	before, rest, ok := strings.Cut(string(n.desc), `<feature name="`+feature+`">`)
	if !ok {
		panic("no " + feature)
	}
	_, after, _ := strings.Cut(rest, "</feature>")
	n.desc = []byte(before + after)
}

// words are numbers of the size of an address.
func (c *edited) words(list ...uint64) (b []byte) {
	for _, v := range list {
		if c.class == elf.ELFCLASS64 {
			b, _ = binary.Append(b, c.order, v)
		} else {
			b = append32(b, c.order, uint32(v))
		}
	}
	return b
}

// files makes a NT_FILE with one mapping of a byte for each path.
func (c *edited) files(paths ...string) []byte {
	b := c.words(uint64(len(paths)), 1)
	for i := range paths {
		at := 0xbad0bad0 + uint64(i)*0x1000
		b = append(b, c.words(at, at+1, 0)...)
	}
	return append(b, strings.Join(paths, "\x00")+"\x00"...)
}

const firmwareDir = "../../testdata/firmware"

// elfOf is the program of a fixture.
func elfOf(cpu string) string { return filepath.Join(firmwareDir, cpu, "fw.elf") }

var bases sync.Map // cpu/scenario -> []byte

// base is the core that corelift writes of a fixture, with its firmware.
func base(t testing.TB, cpu, scenario string) []byte {
	t.Helper()
	if b, ok := bases.Load(cpu + "/" + scenario); ok {
		return b.([]byte)
	}
	log := filepath.Join(firmwareDir, cpu, scenario+".log")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	set, err := firmware.Open(elfOf(cpu))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	ctx := context.Background()
	dumps, err := corelift.Dumps(ctx, bytes.NewReader(text), log)
	if err != nil {
		t.Fatal(err)
	}
	core, err := dumps[0].Core(ctx, corelift.Options{Program: set})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := core.Write(&out); err != nil {
		t.Fatal(err)
	}
	bases.Store(cpu+"/"+scenario, out.Bytes())
	return out.Bytes()
}
