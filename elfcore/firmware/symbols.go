package firmware

import (
	"bytes"
	"cmp"
	"debug/elf"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"corelift/elfcore"
)

// symbol is one entry of the symbol table. Name is an offset into the string
// table, in bytes.
type symbol struct {
	elfcore.Range
	name uint32
	rank uint8 // local, weak, global: the higher is preferred
	kind elf.SymType
	home elf.SectionIndex
	// bound: exported, but its own program uses this one whatever others
	// define (STV_PROTECTED).
	bound bool
}

// symbolTable is read in one pass over the raw bytes, which is what makes it
// fast: debug/elf makes a string of every name.
type symbolTable struct {
	names []byte
	all   []symbol // all that have a name of their own, in the file's order
	code  []mark   // ARM mapping symbols, by address
	// complete: the table has the functions that are not exported, too.
	complete bool

	hash   func() nameHash
	byAddr func() addrIndex
}

// mark is a mapping symbol: from addr on there are instructions of one kind
// ('t' Thumb, 'a' ARM, 'x' A64 or RISC-V) or data ('d').
type mark struct {
	addr elfcore.Addr
	kind byte
}

// The kinds of symbols that at looks for.
func anySymbol(k elf.SymType) bool { return functionSymbol(k) || objectSymbol(k) }

func functionSymbol(k elf.SymType) bool { return k == elf.STT_FUNC }

func objectSymbol(k elf.SymType) bool { return k == elf.STT_OBJECT }

// readSymbols reads .symtab, of the separate debug file if the program has none,
// or the symbols that a stripped library exports; without any the table is
// empty.
func (m *Image) readSymbols() *symbolTable {
	t := m.newSymbols()
	from := &m.file
	if m.elf.Section(".symtab") == nil {
		if from = m.debug(); from == nil {
			return m.exported()
		}
	}
	m.fill(t, from, ".symtab", ".strtab")
	t.complete = len(t.all) > 0
	return t
}

// readExported reads the symbols that other programs of the process may use.
func (m *Image) readExported() *symbolTable {
	t := m.newSymbols()
	m.fill(t, &m.file, ".dynsym", ".dynstr")
	return t
}

func (m *Image) newSymbols() *symbolTable {
	t := &symbolTable{}
	t.hash = sync.OnceValue(t.hashNames)
	t.byAddr = sync.OnceValue(func() addrIndex { return t.sortByAddr(m.sections) })
	return t
}

// fill reads the symbols and their names from sections of a file.
func (m *Image) fill(t *symbolTable, from *file, symbols, names string) {
	raw, err := from.contents(from.elf.Section(symbols))
	if err != nil {
		return
	}
	if t.names, err = from.contents(from.elf.Section(names)); err != nil {
		return
	}
	entry := elf.Sym32Size
	if m.elf.Class == elf.ELFCLASS64 {
		entry = elf.Sym64Size
	}
	t.all = make([]symbol, 0, len(raw)/entry)
	for ; len(raw) >= entry; raw = raw[entry:] {
		var s symbol
		var info, other byte
		s.name = m.Order.Uint32(raw)
		if entry == elf.Sym64Size {
			info, other, s.home = raw[4], raw[5], elf.SectionIndex(m.Order.Uint16(raw[6:]))
			s.Addr, s.Size = elfcore.Addr(m.Order.Uint64(raw[8:])), m.Order.Uint64(raw[16:])
		} else {
			s.Addr, s.Size = elfcore.Addr(m.Order.Uint32(raw[4:])), uint64(m.Order.Uint32(raw[8:]))
			info, other, s.home = raw[12], raw[13], elf.SectionIndex(m.Order.Uint16(raw[14:]))
		}
		s.kind, s.bound = elf.ST_TYPE(info), elf.ST_VISIBILITY(other) == elf.STV_PROTECTED
		// The value of STT_TLS is an offset into each thread's block, no address.
		if s.home == elf.SHN_UNDEF || s.kind == elf.STT_SECTION || s.kind == elf.STT_FILE || s.kind == elf.STT_TLS ||
			int(s.name) >= len(t.names) || t.names[s.name] == 0 {
			continue
		}
		switch elf.ST_BIND(info) {
		case elf.STB_LOCAL:
			if kind, ok := t.mapping(s); ok {
				t.code = append(t.code, mark{s.Addr, kind})
				continue
			}
		case elf.STB_WEAK:
			s.rank = 1
		default:
			s.rank = 2
		}
		if s.home != elf.SHN_ABS {
			s.Addr = elfcore.Addr(m.loaded(uint64(s.Addr)))
		}
		if s.kind == elf.STT_FUNC {
			s.Addr &= elfcore.Addr(m.Arch.CodeMask)
		}
		t.all = append(t.all, s)
	}
	slices.SortStableFunc(t.code, func(a, b mark) int { return cmp.Compare(a.addr, b.addr) })
}

// mapping recognises the mapping symbols of the ARM and RISC-V ABIs: "$t",
// "$d.12", "$xrv32imac".
func (t *symbolTable) mapping(s symbol) (kind byte, ok bool) {
	n := t.names[s.name:]
	if s.kind != elf.STT_NOTYPE || len(n) < 3 || n[0] != '$' || strings.IndexByte("tadx", n[1]) < 0 {
		return 0, false
	}
	return n[1], n[2] == 0 || n[2] == '.' || n[1] == 'x'
}

// nameOf is a symbol's name.
func (t *symbolTable) nameOf(s *symbol) []byte {
	n := t.names[s.name:]
	n = n[:min(len(n), maxName)]
	if i := bytes.IndexByte(n, 0); i >= 0 {
		n = n[:i]
	}
	return n
}

// nameHash is a chained hash table like that of an ELF .hash section: heads by
// hash, then next by symbol, both index+1.
type nameHash struct {
	seed        maphash.Seed
	heads, next []uint32
}

// maxName bounds names, in bytes: a damaged string table may have no ends.
const maxName = 4096

func (t *symbolTable) hashNames() nameHash {
	size := 1
	for size < len(t.all) {
		size *= 2
	}
	h := nameHash{maphash.MakeSeed(), make([]uint32, size), make([]uint32, len(t.all))}
	for i := range t.all {
		sum := maphash.Bytes(h.seed, t.nameOf(&t.all[i]))
		head := &h.heads[sum&uint64(size-1)]
		h.next[i], *head = *head, uint32(i+1)
	}
	return h
}

// named finds the extent of a symbol by its name.
func (t *symbolTable) named(name string) (r elfcore.Range, ok bool) {
	if s := t.lookup(name); s != nil {
		return s.Range, true
	}
	return r, false
}

// lookup finds a symbol by its name, nil if there is none. Of several the
// highest rank wins, then the first in the file.
func (t *symbolTable) lookup(name string) (best *symbol) {
	h := t.hash()
	for i := h.heads[maphash.String(h.seed, name)&uint64(len(h.heads)-1)]; i != 0; i = h.next[i-1] {
		s := &t.all[i-1]
		if string(t.nameOf(s)) == name && (best == nil || s.rank >= best.rank) {
			best = s
		}
	}
	return best
}

// interposable tells whether the program uses another one's variable in place of
// its own at an address, if one of the same name comes first in the process: it
// is exported, and the program was not bound to its own (ld -Bsymbolic, System V
// gABI, DT_SYMBOLIC and DF_SYMBOLIC).
func (m *Image) interposable(name string, at elfcore.Addr) bool {
	s := m.exported().lookup(name)
	return s != nil && s.Addr == at && !s.bound && !m.bindsItself()
}

// bindsItself tells whether the program looks for symbols in itself first.
func (m *Image) bindsItself() (yes bool) {
	defer recovered(new(error))
	if old, _ := m.elf.DynValue(elf.DT_SYMBOLIC); len(old) > 0 {
		return true
	}
	flags, _ := m.elf.DynValue(elf.DT_FLAGS)
	return len(flags) > 0 && elf.DynFlag(flags[0])&elf.DF_SYMBOLIC != 0
}

// addrIndex holds the functions and objects by address.
type addrIndex struct {
	list []uint32 // in all, sorted as spans wants them; of one address the best last
	spans
}

func (t *symbolTable) sortByAddr(sections []Section) addrIndex {
	keys := make([]sortKey, 0, len(t.all))
	for i := range t.all {
		if s := &t.all[i]; anySymbol(s.kind) && s.home < elf.SHN_LORESERVE && s.Addr < maxAddr {
			const sized = 1 << 7
			keys = append(keys, sortKey{uint64(s.Addr), s.rank | uint8(min(s.Size, 1))*sized, uint32(i)})
		}
	}
	keys = inOrder(keys)
	x := addrIndex{list: make([]uint32, len(keys))}
	ranges := make([]elfcore.Range, len(keys))
	// A symbol without a size reaches to the next, at most to the end of its
	// section. Backwards, so that several at one address get the same.
	end := maxAddr
	for i := len(keys) - 1; i >= 0; i-- {
		x.list[i] = keys[i].index
		r := t.all[keys[i].index].Range
		if i+1 < len(keys) && ranges[i+1].Addr > r.Addr {
			end = ranges[i+1].Addr
		}
		if r.Size == 0 {
			r.Size = 1
			for k := range sections {
				if c := &sections[k]; c.Contains(r.Addr) {
					r.Size = min(c.Size-uint64(r.Addr-c.Addr), uint64(end-r.Addr))
				}
			}
		}
		r.Size = min(r.Size, uint64(maxAddr-r.Addr))
		ranges[i] = r
	}
	x.spans = newSpans(ranges)
	return x
}

// at finds the symbol of a wanted kind that holds an address; of nested ones
// the innermost.
func (t *symbolTable) at(a elfcore.Addr, want func(elf.SymType) bool) (name string, r elfcore.Range, ok bool) {
	x := t.byAddr()
	for i := range x.holding(a) {
		if s := &t.all[x.list[i]]; want(s.kind) {
			return string(t.nameOf(s)), x.ranges[i], true
		}
	}
	return "", elfcore.Range{}, false
}
