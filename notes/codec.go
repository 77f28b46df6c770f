package notes

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore/arch"
)

// Context is what a codec may need to know of the file. Arch is nil if the
// CPU is not known.
type Context struct {
	Arch  *arch.Arch
	Order binary.ByteOrder
	Is64  bool
	// Control names the registers of GDB's NT_RISCV_CSR in order, from the
	// target description of the same file; nil if it has none.
	Control []string
}

// Field is one decoded field. Off and Size are bytes of the descriptor. Text
// may quote the input and is raw: escape before showing.
type Field struct {
	Name string `json:"name"`
	Text string `json:"value"`
	Off  int64  `json:"offset"`
	Size int64  `json:"size"`
}

// Codec decodes the notes of one (Owner, Type): by Record, or by Fields where a
// record can't tell it all; Holds says then, for the documentation, what the
// fields are. Size, in bytes, is for a structure that has the owner and type of
// another system's and is told by its size; 0 takes all others.
type Codec struct {
	Owner  string
	Type   uint32
	Size   int64
	Name   string
	Record Record
	Fields func(Note, Context) ([]Field, error)
	Holds  string
}

// Decode returns the fields of a note in the order of the descriptor. With an
// error, a *FormatError or one of reading, come those before the fault.
func (c *Codec) Decode(n Note, x Context) ([]Field, error) {
	if c.Fields != nil {
		return c.Fields(n, x)
	}
	d := open(n, x)
	d.record(c.Record)
	return d.done()
}

// Table is a set of codecs, keyed by (Owner, Type). Formats export their own;
// nothing registers itself.
type Table []Codec

// Find returns the codec for a note, nil if there is none. One for the size of
// the note goes before one for all.
func (t Table) Find(n Note) (found *Codec) {
	for i := range t {
		c := &t[i]
		if c.Type != n.Type || c.Owner != n.Owner {
			continue
		}
		switch c.Size {
		case n.Size:
			return c
		case 0:
			found = c
		}
	}
	return found
}

// Limits of one note: of the bytes that are read and of the fields. Linux lists
// 65,530 mapped files unless told otherwise; of FreeBSD's lists, that of
// processes has some 130 fields for each thread.
const (
	maxDesc   = 16 << 20
	maxFields = 100_000
)

// decoder takes fields off a descriptor, in order.
type decoder struct {
	Context
	note   Note
	desc   []byte
	at     int // of the next byte in desc
	fields []Field
	err    error
}

func open(n Note, x Context) *decoder {
	d := &decoder{Context: x, note: n}
	if d.desc, d.err = n.Read(maxDesc); n.Size > maxDesc {
		d.failAt(maxDesc, "note of %d bytes, of which %d are decoded", n.Size, maxDesc)
	}
	return d
}

func (d *decoder) done() ([]Field, error) { return d.fields, d.err }

// fail notes the first error, at the next byte.
func (d *decoder) fail(format string, args ...any) { d.failAt(d.at, format, args...) }

func (d *decoder) failAt(at int, format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{d.note.DescOff + int64(at), fmt.Sprintf(format, args...)}
	}
}

// left is how many bytes remain.
func (d *decoder) left() int { return len(d.desc) - d.at }

// add makes a field of the next size bytes, which must be there.
func (d *decoder) add(name, text string, size int) {
	d.addAt(name, text, d.at, size)
	d.at = min(d.at+size, len(d.desc))
}

func (d *decoder) addAt(name, text string, at, size int) {
	if len(d.fields) == maxFields {
		d.fail("more than %d fields", maxFields)
		d.at = len(d.desc)
		return
	}
	d.fields = append(d.fields, Field{name, text, int64(at), int64(size)})
}

// pointer is the size of an address in bytes.
func (d *decoder) pointer() int {
	if d.Is64 {
		return 8
	}
	return 4
}

// uint reads an unsigned integer of width bytes at an offset.
func (d *decoder) uint(at, width int) uint64 { return number(d.Order, d.desc[at:][:width]) }

// number reads an unsigned integer of up to 8 bytes.
func number(order binary.ByteOrder, b []byte) (v uint64) {
	for i := range b {
		c := b[i]
		if order != binary.BigEndian {
			c = b[len(b)-1-i]
		}
		v = v<<8 | uint64(c)
	}
	return v
}

// registers makes a field of each register of a layout. What the descriptor
// lacks is left out: systems write the registers that a CPU has.
func (d *decoder) registers(l arch.Layout) {
	slots, size, err := d.Arch.Slots(l)
	if err != nil {
		d.fail("%v", err)
		return
	}
	base := d.at
	for _, s := range slots {
		if s.Reg == arch.NoReg || base+s.Off+s.Size > len(d.desc) {
			continue
		}
		info := d.Arch.Regs[s.Reg]
		// A slot may be wider than its register.
		width := min(s.Size, max((info.Bits+7)/8, 1))
		at := base + s.Off
		if d.Order == binary.BigEndian {
			at += s.Size - width
		}
		d.addAt(info.Name, hexNumber(d.Order, d.desc[at:][:width]), base+s.Off, s.Size)
	}
	d.at = min(base+size, len(d.desc))
}

// hexNumber shows a number of any width.
func hexNumber(order binary.ByteOrder, b []byte) string {
	text := make([]byte, 2+2*len(b))
	copy(text, "0x")
	for i := range b {
		c := b[i]
		if order != binary.BigEndian {
			c = b[len(b)-1-i]
		}
		const digits = "0123456789abcdef"
		text[2+2*i], text[3+2*i] = digits[c>>4], digits[c&15]
	}
	return string(text)
}
