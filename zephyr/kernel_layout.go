package zephyr

import (
	"fmt"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// place is where a member lies in its structure, in bytes. size is 0 if it is
// not known.
type place struct {
	off, size int64
	ok        bool
}

// The members that the stage reads.
const (
	atCPUs = iota // in struct z_kernel
	atThreads
	atCPU     // the whole of struct _cpu
	atCurrent // in struct _cpu
	atNested
	atIRQStack
	atEntry // in struct k_thread, from here on
	atNext
	atState
	atPriority
	atName
	atStackStart
	atStackSize
	atArch
	atExcReturn
	atPreemptFloat
	atArchFlags
	atSwitchHandle
	atCalleeSaved
	memberCount
)

// Entries of the debugger table that are not offsets of a member below
// (zephyr.md 5.2).
const (
	tableVersion  = 0
	tableStackPtr = 8
	tableCPUSize  = 15
	tableCPUCount = 16
)

// members tells where each member is found: by DWARF under one of its names
// ("type path"; Zephyr renamed some), else by its entry in the debugger table.
// Entry 0 stands for none; relative ones count from k_thread.arch.
var members = [memberCount]struct {
	dwarf    []string
	entry    int
	relative bool
}{
	atCPUs:         {dwarf: []string{"z_kernel cpus", "_kernel cpus"}},
	atThreads:      {dwarf: []string{"z_kernel threads", "_kernel threads"}, entry: 2},
	atCPU:          {dwarf: []string{"_cpu "}},
	atCurrent:      {dwarf: []string{"_cpu current"}, entry: 1},
	atNested:       {dwarf: []string{"_cpu nested"}},
	atIRQStack:     {dwarf: []string{"_cpu irq_stack"}},
	atEntry:        {dwarf: []string{"k_thread entry"}, entry: 3},
	atNext:         {dwarf: []string{"k_thread next_thread"}, entry: 4},
	atState:        {dwarf: []string{"k_thread base.thread_state"}, entry: 5},
	atPriority:     {dwarf: []string{"k_thread base.prio"}, entry: 7},
	atName:         {dwarf: []string{"k_thread name"}, entry: 9},
	atStackStart:   {dwarf: []string{"k_thread stack_info.start"}},
	atStackSize:    {dwarf: []string{"k_thread stack_info.size"}},
	atArch:         {dwarf: []string{"k_thread arch"}, entry: 10},
	atExcReturn:    {dwarf: []string{"k_thread arch.mode_exc_return"}, entry: 13, relative: true},
	atPreemptFloat: {dwarf: []string{"k_thread arch.preempt_float"}, entry: 11, relative: true},
	atArchFlags:    {dwarf: []string{"k_thread arch.flags"}},
	atSwitchHandle: {dwarf: []string{"k_thread switch_handle"}},
	atCalleeSaved:  {dwarf: []string{"k_thread callee_saved"}},
}

// startSymbols are where threads that have never run begin: the saved pc of
// their fabricated frame.
var startSymbols = []string{
	"z_thread_entry", "_thread_entry", "z_riscv_thread_start", "z_arm64_exit_exc", "z_x86_thread_entry_wrapper",
}

// locate finds out where everything lies. It returns false if neither table
// nor DWARF tells, and then nothing can be said about threads.
func (k *kernel) locate() bool {
	k.table = k.readTable()
	for m := range k.at {
		k.at[m] = k.find(m)
	}
	if !k.at[atCurrent].ok && !k.at[atNext].ok && !k.at[atState].ok {
		return false
	}
	k.object, _ = k.prog.Symbol("_kernel")
	first, ok1 := k.prog.Symbol("_image_ram_start")
	if end, ok2 := k.prog.Symbol("_image_ram_end"); ok1 && ok2 && end.Addr > first.Addr {
		k.image = elfcore.Range{Addr: first.Addr, Size: uint64(end.Addr - first.Addr)}
	}
	for _, symbol := range []string{"z_interrupt_stacks", "_interrupt_stack"} {
		if k.irq.Size == 0 {
			k.irq, _ = k.prog.Symbol(symbol)
		}
	}
	for _, symbol := range startSymbols {
		if r, ok := k.prog.Symbol(symbol); ok {
			k.starts = append(k.starts, r.Addr)
		}
	}
	k.locateCPUs()
	if k.port = ports[k.core.Arch]; k.port != nil {
		k.saved = k.locateSaved()
		k.scratch = k.layout(k.port.scratch, "k_thread", "arch.", 0)
	}
	return true
}

// find looks a member up, in DWARF first: it tells the size as well, and
// members that the table does not have.
func (k *kernel) find(m int) place {
	for _, ref := range members[m].dwarf {
		typ, path, _ := strings.Cut(ref, " ")
		if p := k.field(typ, path); p.ok {
			return p
		}
	}
	v, ok := k.tableEntry(members[m].entry)
	if ok && members[m].relative {
		base, hasBase := k.tableEntry(members[atArch].entry)
		v, ok = v+base, hasBase
	}
	return place{off: v, ok: ok}
}

// field asks DWARF for a member, or with an empty path for the size of a type.
// What can't be an offset in a kernel structure is not believed.
func (k *kernel) field(typ, path string) place {
	off, size, ok := k.prog.Field(typ, path)
	if !ok || off < 0 || off >= maxOffset || size < 0 || size >= maxOffset {
		return place{}
	}
	return place{off, size, true}
}

// locateCPUs completes what the table leaves out about struct _cpu.
func (k *kernel) locateCPUs() {
	k.at[atCPUs].ok = true // cpus is the first member in every version
	size, okSize := k.tableEntry(tableCPUSize)
	count, okCount := k.tableEntry(tableCPUCount)
	if k.at[atCPU].size == 0 && okSize && okCount {
		k.at[atCPU].size, k.at[atCPUs].size = size, size*min(count, maxCPUs)
	}
	// struct _cpu begins "uint32_t nested; char *irq_stack; k_thread *current"
	// in every version; an offset of current that fits is the proof.
	if ptr := int64(k.core.Arch.PtrSize()); !k.at[atNested].ok && k.at[atCurrent].ok && k.at[atCurrent].off == 2*ptr {
		k.at[atNested], k.at[atIRQStack] = place{ok: true}, place{off: ptr, ok: true}
	}
}

// maxTable bounds the debugger table; it has 17 entries today. maxOffset
// bounds what is believed as an offset; it also catches 0xffffffff, the mark
// of an entry that the CPU does not have.
const (
	maxTable  = 64
	maxOffset = 1 << 20
)

// readTable reads the debugger table, under its name of today or before 2.6.
func (k *kernel) readTable() []uint64 {
	for _, prefix := range []string{"_kernel_thread_info", "_kernel_openocd"} {
		table, ok1 := k.prog.Symbol(prefix + "_offsets")
		count, ok2 := k.prog.Symbol(prefix + "_num_offsets")
		width, ok3 := k.prog.Symbol(prefix + "_size_t_size")
		if ok1 && ok2 && ok3 {
			return k.readTableAt(table, count, width)
		}
	}
	return nil
}

func (k *kernel) readTableAt(table, count, width elfcore.Range) []uint64 {
	// The width is a uint8_t in Zephyr; other builders of the table make it a size_t.
	w, ok := k.constant(width.Addr, int(max(width.Size, 1)))
	if !ok || w != 4 && w != 8 {
		k.report(elfcore.Warning, "zephyr.table-width", fmt.Sprintf("size_t of %d bytes at %v", w, width.Addr), "4 or 8", "debugger table not used")
		return nil
	}
	n, ok := k.constant(count.Addr, int(w))
	if table.Size > 0 {
		n = min(n, table.Size/w)
	}
	n = min(n, maxTable)
	entries := make([]uint64, 0, n)
	for i := range n {
		v, readable := k.constant(table.Addr+elfcore.Addr(i*w), int(w))
		ok = ok && readable
		entries = append(entries, v)
	}
	// Version 0 is a version 1 that ends after the stack pointer.
	if !ok || n == 0 || entries[tableVersion] > 1 {
		k.report(elfcore.Warning, "zephyr.table-version", fmt.Sprintf("debugger table at %v that is not readable or of an unknown version", table.Addr),
			"version 1", "debugger table not used")
		return nil
	}
	return entries
}

// constant reads an unsigned integer of at most 8 bytes of the program.
func (k *kernel) constant(a elfcore.Addr, size int) (uint64, bool) {
	var b [8]byte
	if size > len(b) || k.prog.ReadConst(b[:size], a) != nil {
		return 0, false
	}
	return uintOf(k.core.Order, b[:size]), true
}

// tableEntry is an entry of the debugger table that is there and implemented.
func (k *kernel) tableEntry(i int) (int64, bool) {
	if i <= 0 || i >= len(k.table) || k.table[i] >= maxOffset {
		return 0, false
	}
	return int64(k.table[i]), true
}

// fields lists the pointer-sized members of a C structure that hold registers,
// in the order of their declaration. A member is called as its register unless
// "member=register" says otherwise; nothing after the = skips the member.
type fields string

// slot is a register's place in a structure, in bytes.
type slot struct {
	member string
	reg    arch.Reg
	off    int64
}

// layout resolves fields for one structure: by DWARF as "prefix+member" of a
// type, which drops members that this build does not have; without DWARF of
// the type, one after the other from base.
func (k *kernel) layout(f fields, typ, prefix string, base int64) []slot {
	described := k.field(typ, strings.TrimSuffix(prefix, ".")).ok
	var slots []slot
	for i, word := range strings.Fields(string(f)) {
		member, register, renamed := strings.Cut(word, "=")
		if !renamed {
			register = member
		}
		s := slot{member, arch.NoReg, base + int64(i*k.core.Arch.PtrSize())}
		if r, ok := k.core.Arch.Reg(register); ok {
			s.reg = r
		}
		if described {
			p := k.field(typ, prefix+member)
			if !p.ok {
				continue
			}
			s.off = p.off
		}
		slots = append(slots, s)
	}
	return slots
}

// locateSaved finds the members of k_thread.callee_saved. Without DWARF the
// table's one entry, the saved stack pointer, gives the place of all, and
// e_flags tell whether RV32E ends them after s1.
func (k *kernel) locateSaved() []slot {
	names := strings.Fields(string(k.port.saved))
	base := int64(0)
	if !k.at[atCalleeSaved].ok {
		anchor, ok := k.tableEntry(tableStackPtr)
		if !ok {
			return nil
		}
		i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n+"=", k.port.anchor+"=") })
		if base = anchor - int64(i*k.core.Arch.PtrSize()); base < 0 {
			return nil
		}
		if k.port == &riscvPort && k.core.Flags&arch.RISCVEFlag != 0 {
			names = names[:4]
		}
	}
	return k.layout(fields(strings.Join(names, " ")), "k_thread", "callee_saved.", base)
}
