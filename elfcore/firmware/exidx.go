package firmware

import (
	"debug/elf"
	"math/bits"
	"sort"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// This file reads ARM's own unwinding tables, .ARM.exidx and .ARM.extab
// ("Exception Handling ABI for the Arm Architecture", EHABI), which C++ and
// Rust firmware carries in flash and which strip therefore leaves alone.
//
// An entry says how to leave a function from its body, where all is pushed. Of
// prologues and epilogues it says nothing: right at every call, but not
// wherever an exception may strike.

// shtARMExidx and ptARMExidx are the type of the index as a section and as a
// segment, which remains where the section headers are stripped.
const (
	shtARMExidx = elf.SHT_LOPROC + 1
	ptARMExidx  = elf.PT_LOPROC + 1
)

// Words of an index entry and of a table entry (EHABI, 6 and 7).
const (
	exidxEntry  = 8 // bytes: where the function begins, and its unwinding
	cantUnwind  = 1
	compactBit  = 1 << 31 // else the word is a prel31 offset
	personality = 0x0f << 24
)

// exidxTable is the index. It is sorted by the linker and searched as it lies.
type exidxTable struct {
	data []byte
	addr uint64
	m    *Image
}

// readExidx finds the index, which is empty on CPUs other than 32-bit ARM.
func (m *Image) readExidx() exidxTable {
	t := exidxTable{m: m}
	if m.elf.Machine != elf.EM_ARM {
		return t
	}
	for _, s := range m.elf.Sections {
		if s.Type == shtARMExidx {
			t.data, _ = m.contents(s)
			t.addr = m.loaded(s.Addr)
			return t
		}
	}
	for _, p := range m.elf.Progs {
		if p.Type == ptARMExidx && p.Filesz <= p.Memsz {
			t.addr = m.loaded(p.Vaddr)
			t.data = make([]byte, min(p.Filesz, maxExidx))
			if !m.readConst(t.data, elfcore.Addr(t.addr)) {
				t.data = nil
			}
		}
	}
	return t
}

// maxExidx bounds an index of which only the segment is known, in bytes: the
// functions of the largest flash of a microcontroller.
const maxExidx = 1 << 20

// prel31 decodes an offset that counts from the place where it stands.
func prel31(word uint32, place uint64) uint64 {
	return (place + uint64(int64(int32(word<<1)>>1))) & 0xffff_ffff
}

// start is where the function of entry i begins.
func (t *exidxTable) start(i int) elfcore.Addr {
	word := t.m.Order.Uint32(t.data[i*exidxEntry:])
	return elfcore.Addr(prel31(word, t.addr+uint64(i*exidxEntry))) &^ 1
}

// row is the unwinding of the body of the function that holds pc. Where the
// table says that there is none its CFA and return address are undefined.
func (t *exidxTable) row(pc elfcore.Addr) (Row, bool) {
	n := len(t.data) / exidxEntry
	i := sort.Search(n, func(k int) bool { return t.start(k) > pc }) - 1
	if i < 0 || !t.m.Executable(pc) {
		return Row{}, false
	}
	row := Row{Exidx: true, Return: t.m.Arch.LR, Regs: map[arch.Reg]Rule{}, Function: t.extent(i, pc)}
	place := t.addr + uint64(i*exidxEntry) + 4
	word := t.m.Order.Uint32(t.data[i*exidxEntry+4:])
	if word == cantUnwind {
		row.Regs[row.Return] = Rule{}
		return row, true
	}
	code, ok := t.code(word, place)
	if !ok || !unwindBody(t.m.Arch, code, &row) {
		return Row{}, false
	}
	return row, true
}

// extent is the function at pc. The linker merges the entries of neighbours
// that unwind alike, so that an entry may reach over many functions.
func (t *exidxTable) extent(i int, pc elfcore.Addr) elfcore.Range {
	if _, f, ok := t.m.symbols().at(pc, functionSymbol); ok {
		return f
	}
	start, end := t.start(i), pc+1
	if (i+2)*exidxEntry <= len(t.data) {
		end = max(end, t.start(i+1))
	}
	return elfcore.Range{Addr: start, Size: uint64(end - start)}
}

// code collects the unwinding instructions that an index entry leads to: three
// bytes in place, or a table entry for one of the personality routines.
func (t *exidxTable) code(word uint32, place uint64) ([]byte, bool) {
	if word&compactBit != 0 {
		if word&^compactBit&^0xff_ffff != 0 {
			return nil, false // only the first personality fits in place
		}
		return tableWord(nil, word, 3), true
	}
	at := elfcore.Addr(prel31(word, place))
	read := func() (w uint32) {
		var b [4]byte
		ok := t.m.readConst(b[:], at)
		at += 4
		if !ok {
			return 0
		}
		return t.m.Order.Uint32(b[:])
	}
	head := read()
	var more uint32 // words that follow
	var code []byte
	switch {
	case head == 0:
		return nil, false
	case head&compactBit == 0:
		// The generic model: a routine of its own. C++'s and those of all
		// GNU languages keep their instructions as the second personality
		// does, a byte earlier, and the language's data (LSDA) behind them.
		head = read()
		more, code = head>>24, tableWord(nil, head, 3)
	case head&personality == 0:
		code = tableWord(nil, head, 3)
	case head&personality <= 2<<24:
		more, code = head>>16&0xff, tableWord(nil, head, 2)
	default:
		return nil, false
	}
	for range more {
		code = tableWord(code, read(), 4)
	}
	return code, true
}

// tableWord appends the last n bytes of a word, the most significant first.
func tableWord(code []byte, w uint32, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		code = append(code, byte(w>>(8*i)))
	}
	return code
}

// body runs unwinding instructions on the stack pointer of a function's body,
// written as a register and an offset.
type body struct {
	arch *arch.Arch
	code []byte
	row  *Row
	base arch.Reg
	off  int64 // of the virtual stack pointer from base, in bytes
	bad  bool  // an operand is missing
}

// Registers by number, which on ARM are indices too.
const (
	armR4 = 4
	armSP = 13
	armLR = 14
	armPC = 15
)

// unwindBody turns instructions into a row. It fails for those that are
// reserved, and for what a row can't say, which no compiler emits.
func unwindBody(a *arch.Arch, code []byte, row *Row) bool {
	b := body{arch: a, code: code, row: row, base: a.SP}
	for len(b.code) > 0 {
		op := b.operand()
		if op == exidxFinish {
			break
		}
		i := 0
		for i < len(exidxOps) && op&exidxOps[i].mask != exidxOps[i].bits {
			i++
		}
		if i == len(exidxOps) || !exidxOps[i].do(&b, op) || b.bad {
			return false
		}
	}
	row.CFA = Rule{Kind: RuleRegister, Reg: b.base, Offset: b.off}
	for n, rule := range row.Regs {
		rule.Offset -= b.off
		row.Regs[n] = rule
	}
	return true
}

const exidxFinish = 0xb0

// exidxOps are the instructions (EHABI, 10.3, table 4), a byte and what
// follows. All that match none are reserved.
var exidxOps = []struct {
	mask, bits byte
	do         func(b *body, op byte) bool
}{
	{0xc0, 0x00, func(b *body, op byte) bool { return b.add(int64(op&0x3f)<<2 + 4) }},
	{0xc0, 0x40, func(b *body, op byte) bool { return b.add(-(int64(op&0x3f)<<2 + 4)) }},
	{0xf0, 0x80, func(b *body, op byte) bool { // r4-r15 under a mask; an empty one refuses to unwind
		mask := uint32(op&0x0f)<<8 | uint32(b.operand())
		return mask != 0 && b.pop(mask<<armR4)
	}},
	{0xf0, 0x90, func(b *body, op byte) bool { return b.from(arch.Reg(op & 0x0f)) }},
	{0xf8, 0xa0, func(b *body, op byte) bool { return b.pop((2<<(op&7) - 1) << armR4) }},
	{0xf8, 0xa8, func(b *body, op byte) bool { return b.pop((2<<(op&7)-1)<<armR4 | 1<<armLR) }},
	{0xff, 0xb1, func(b *body, _ byte) bool { // r0-r3 under a mask
		mask := uint32(b.operand())
		return mask != 0 && mask <= 0x0f && b.pop(mask)
	}},
	{0xff, 0xb2, func(b *body, _ byte) bool { // large frames
		c := cursor{b: b.code}
		n := c.uleb()
		b.code = b.code[c.off:]
		return !c.bad && n < 1<<28 && b.add(0x204+int64(n)<<2)
	}},
	// FSTMX of old has a word of format behind the registers.
	{0xff, 0xb3, func(b *body, _ byte) bool { n := b.operand(); return b.popDouble(n>>4, n&0x0f, 4) }},
	{0xff, 0xb4, func(b *body, _ byte) bool { return b.add(4) }}, // Armv8.1-M: code that signs the return address
	{0xff, 0xb5, func(*body, byte) bool { return true }},         // which counts from here
	{0xf8, 0xb8, func(b *body, op byte) bool { return b.popDouble(8, op&7, 4) }},
	{0xff, 0xc8, func(b *body, _ byte) bool { n := b.operand(); return b.popDouble(16+n>>4, n&0x0f, 0) }},
	{0xff, 0xc9, func(b *body, _ byte) bool { n := b.operand(); return b.popDouble(n>>4, n&0x0f, 0) }},
	{0xf8, 0xd0, func(b *body, op byte) bool { return b.popDouble(8, op&7, 0) }},
}

// operand is the next byte, 0 if there is none.
func (b *body) operand() byte {
	if len(b.code) == 0 {
		b.bad = true
		return 0
	}
	op := b.code[0]
	b.code = b.code[1:]
	return op
}

func (b *body) add(n int64) bool {
	b.off += n
	return true
}

// from continues with the stack pointer that a register holds. Offsets of
// registers that were popped before would count from another base.
func (b *body) from(r arch.Reg) bool {
	if r == armSP || r == armPC || len(b.row.Regs) > 0 {
		return false
	}
	b.base, b.off = r, 0
	return true
}

// pop loads the registers of a mask, the lowest from the lowest address. A
// popped pc is where the function returns to.
func (b *body) pop(mask uint32) bool {
	if mask&(1<<armSP) != 0 {
		return false
	}
	for ; mask != 0; mask &= mask - 1 {
		n := arch.Reg(bits.TrailingZeros32(mask))
		if n == armPC {
			n = b.arch.PC
			b.row.Return = n
		}
		b.row.Regs[n] = Rule{Kind: RuleOffset, Offset: b.off}
		b.off += 4
	}
	return true
}

// popDouble loads d[first] to d[first+more]; behind them lie extra bytes.
func (b *body) popDouble(first, more byte, extra int64) bool {
	for i := uint64(first); i <= uint64(first)+uint64(more); i++ {
		n, ok := byDWARF(b.arch, armDouble0+i)
		if !ok {
			return false
		}
		b.row.Regs[n] = Rule{Kind: RuleOffset, Offset: b.off}
		b.off += 8
	}
	return b.add(extra)
}

// readConst reads code or constants of this image.
func (m *Image) readConst(p []byte, a elfcore.Addr) bool {
	s := m.at(a, (*Section).constant)
	if s == nil || uint64(len(p)) > s.Size-uint64(a-s.Addr) {
		return false
	}
	n, _ := s.Data.ReadAt(p, int64(a-s.Addr))
	return n == len(p)
}
