package firmware

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// fde is a frame description entry: the rules for one run of code.
type fde struct {
	elfcore.Range
	cie     *cie
	program []byte // instructions, as the compiler wrote them
}

// cie is a common information entry. The factors are in bytes.
type cie struct {
	augmented bool // 'z': entries have augmentation data, preceded by its length
	signal    bool // 'S': the frame was entered by an exception, not by a call
	pointer   byte // encoding of addresses, DW_EH_PE_*
	code      uint64
	data      int64
	ret       uint64 // DWARF number of the return address column
	program   []byte
}

// DW_EH_PE_*: how .eh_frame encodes a pointer (Linux Standard Base, 10.5.1).
const (
	peForm     = 0x0f // mask
	peApply    = 0xf0 // mask
	peAbsolute = 0x00
	pePCRel    = 0x10
	peULEB     = 0x01
	peSLEB     = 0x09
	peSigned   = 0x08
)

// peSizes are the sizes of the fixed forms in bytes, addressSize for the size
// of an address.
var peSizes = [16]int{0x00: addressSize, 0x02: 2, 0x03: 4, 0x04: 8, 0x08: addressSize, 0x0a: 2, 0x0b: 4, 0x0c: 8}

const addressSize = -1

// frameSection reads .debug_frame or .eh_frame. Each entry is read by itself,
// so that a damaged or foreign one costs only its own function.
type frameSection struct {
	data  []byte
	addr  uint64 // where it is in memory; pointers may be relative to that
	bias  uint64 // to be added to those that are not
	eh    bool
	word  int             // bytes of an address
	known map[uint64]*cie // by offset; nil for those that can't be used
}

// entry is one entry's frame. at is the offset of its id field.
type entry struct {
	body  cursor // after the id; body.b ends where the entry ends
	at    uint64
	id    uint64
	isCIE bool
	next  uint64
}

// entryAt reads the entry at an offset. ok is false where the section ends or
// a length is wrong: what follows can't be found then.
func (f *frameSection) entryAt(off uint64) (e entry, ok bool) {
	if off >= uint64(len(f.data)) {
		return e, false
	}
	c := cursor{b: f.data, off: int(off)}
	size, none := 4, uint64(0xffffffff)
	length := c.uint(4)
	if length == 0xffffffff { // 64-bit DWARF
		length, size, none = c.uint(8), 8, ^uint64(0)
	}
	if f.eh {
		size, none = 4, 0
	}
	e.at = uint64(c.off)
	e.next = e.at + length
	if c.take(length); c.bad {
		return e, false
	}
	e.body = cursor{b: f.data[:e.next], off: int(e.at)}
	e.id = e.body.uint(size)
	e.isCIE = e.id == none
	return e, true
}

// each calls yield for every frame description entry that can be read. An
// entry of length 0 ends one object's .eh_frame; others may follow.
func (f *frameSection) each(yield func(fde)) {
	for off := uint64(0); ; {
		e, ok := f.entryAt(off)
		if !ok {
			return
		}
		off = e.next
		if e.isCIE || e.body.bad {
			continue
		}
		if f.eh {
			e.id = e.at - e.id // counts back from itself
		}
		c := f.common(e.id)
		if c == nil {
			continue
		}
		d := fde{cie: c}
		d.Addr = elfcore.Addr(f.pointer(&e.body, c.pointer))
		if c.pointer&peApply == peAbsolute {
			d.Addr += elfcore.Addr(f.bias)
		}
		d.Size = f.pointer(&e.body, c.pointer&peForm)
		if c.augmented {
			e.body.take(e.body.uleb())
		}
		if !e.body.bad {
			d.program = e.body.b[e.body.off:]
			yield(d)
		}
	}
}

// common reads the common information entry at an offset, once.
func (f *frameSection) common(off uint64) *cie {
	c, seen := f.known[off]
	if !seen {
		if e, ok := f.entryAt(off); ok && e.isCIE {
			c = f.parseCIE(e.body)
		}
		f.known[off] = c
	}
	return c
}

func (f *frameSection) parseCIE(b cursor) *cie {
	c := &cie{}
	version := b.uint(1)
	augmentation := b.str()
	switch version {
	case 1, 3:
	case 4: // clang and rustc: address and segment selector size were added
		if address, segment := b.uint(1), b.uint(1); address != uint64(f.word) || segment != 0 {
			return nil
		}
	default:
		return nil
	}
	c.code, c.data = b.uleb(), b.sleb()
	if version == 1 {
		c.ret = b.uint(1)
	} else {
		c.ret = b.uleb()
	}
	// Without 'z' there is no data that says how long it is, so that all letters
	// must be known to have none. gas writes "S" into .debug_frame.
	extra := cursor{}
	letters, augmented := strings.CutPrefix(augmentation, "z")
	if augmented {
		c.augmented = true
		extra.b = b.take(b.uleb())
	}
	for _, letter := range letters {
		switch {
		case letter == 'S':
			c.signal = true
		case letter == 'B', letter == 'G': // AArch64: signed with key B, tagged stack
		case !augmented:
			return nil
		case letter == 'L': // encoding of the language's data, which is not read
			extra.uint(1)
		case letter == 'P': // personality routine
			f.pointer(&extra, byte(extra.uint(1))&peForm)
		case letter == 'R':
			c.pointer = byte(extra.uint(1))
		default:
			return nil
		}
	}
	b.bad = b.bad || extra.bad
	if b.bad {
		return nil
	}
	c.program = b.b[b.off:]
	return c
}

// pointer reads an address in one of the encodings; others set bad.
func (f *frameSection) pointer(b *cursor, encoding byte) uint64 {
	at := f.addr + uint64(b.off)
	var v uint64
	switch size := peSizes[encoding&peForm]; {
	case size == addressSize:
		v = b.uint(f.word)
	case size > 0:
		v = b.uint(size)
		if encoding&peSigned != 0 {
			unused := 64 - 8*size
			v = uint64(int64(v<<unused) >> unused)
		}
	case encoding&peForm == peULEB:
		v = b.uleb()
	case encoding&peForm == peSLEB:
		v = uint64(b.sleb())
	default:
		b.bad = true
	}
	switch encoding & peApply {
	case peAbsolute:
	case pePCRel:
		v += at
	default:
		b.bad = true
	}
	return v
}

// frameTable holds an image's frame description entries by address.
type frameTable struct {
	image *Image
	arch  *arch.Arch
	list  []fde // sorted as spans wants them
	spans
	symbols func() *symbolTable
	exidx   exidxTable

	mu    sync.Mutex
	ready map[int]*delveEntry // those that were asked for, by index; nil: no use
}

// readFrames indexes the entries of .debug_frame and .eh_frame that lie in
// code, and on ARM finds .ARM.exidx. An ELF has any of them, or an .eh_frame of
// four bytes.
func (m *Image) readFrames() *frameTable {
	t := newFrameTable(m)
	t.exidx = m.readExidx()
	if data, err := m.debugContents(".debug_frame"); err == nil {
		t.add(frameSection{data: data, bias: m.Bias, word: m.Arch.PtrSize(), known: map[uint64]*cie{}}, m)
	}
	s := m.elf.Section(".eh_frame")
	if data, err := m.contents(s); err == nil {
		t.add(frameSection{data: data, addr: m.loaded(s.Addr), bias: m.Bias, eh: true, word: m.Arch.PtrSize(), known: map[uint64]*cie{}}, m)
	}
	t.sort()
	return t
}

func newFrameTable(m *Image) *frameTable {
	return &frameTable{image: m, arch: m.Arch, symbols: m.symbols, ready: map[int]*delveEntry{}}
}

// usualEntry is about the size of an entry, in bytes.
const usualEntry = 48

func (t *frameTable) add(f frameSection, m *Image) {
	t.list = slices.Grow(t.list, len(f.data)/usualEntry)
	f.each(func(d fde) {
		d.Addr &= elfcore.Addr(m.Arch.CodeMask & m.Arch.AddrMask())
		home := m.at(d.Addr, func(s *Section) bool { return s.Exec && !s.NoBits })
		if home != nil && d.Size > 0 && d.Size <= home.Size-uint64(d.Addr-home.Addr) {
			t.list = append(t.list, d)
		}
	})
}

func (t *frameTable) sort() {
	slices.SortStableFunc(t.list, func(a, b fde) int { return cmp.Compare(a.Addr, b.Addr) })
	ranges := make([]elfcore.Range, len(t.list))
	for i := range t.list {
		ranges[i] = t.list[i].Range
	}
	t.spans = newSpans(ranges)
}

// deadZone is where entries of removed code end up: linkers resolve addresses
// in removed sections to 0 plus the offset in the section, which is 0 with
// -ffunction-sections and else less than an object's code.
const deadZone = 16 << 10

// find picks the entry that describes pc.
//
// Folklore: --gc-sections leaves the entries of removed functions behind, at
// address 0 and a little beyond. Where code really lies there (most Cortex-M
// parts have flash at 0) they cover live functions. So of several entries the
// one that agrees with a function symbol wins, and in that zone an entry must
// have the very range of one. Test: TestDeadEntries.
func (t *frameTable) find(pc elfcore.Addr) (index int, ok bool) {
	candidates := slices.Collect(t.holding(pc))
	if len(candidates) == 1 && !t.image.inDeadZone(t.list[candidates[0]].Addr) {
		return candidates[0], true
	}
	best := -1
	for _, i := range candidates {
		switch agrees := t.agreement(t.list[i].Range); {
		case agrees > best:
			index, best, ok = i, agrees, true
		case agrees == best && !t.list[i].same(&t.list[index]):
			ok = false // nothing tells them apart
		}
	}
	if ok && best < sameRange && t.image.inDeadZone(t.list[index].Addr) && t.symbols().complete {
		return 0, false
	}
	return index, ok
}

// same tells whether two entries say the same, as those of folded copies do.
func (d *fde) same(other *fde) bool {
	return d.Range == other.Range && bytes.Equal(d.program, other.program) && bytes.Equal(d.cie.program, other.cie.program)
}

// How an entry agrees with the function symbols.
const (
	noFunction = iota // none begins where the entry does
	sameStart
	sameRange
)

func (t *frameTable) agreement(r elfcore.Range) int {
	switch _, f, ok := t.symbols().at(r.Addr, functionSymbol); {
	case ok && f == r:
		return sameRange
	case ok && f.Addr == r.Addr:
		return sameStart
	}
	return noFunction
}
