package zephyr

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Kernel finds the threads of a Zephyr kernel in the memory of any Core. Where
// the kernel keeps what, it asks the program: its DWARF types and its debugger
// table (_kernel_thread_info_offsets).
var Kernel = format.Kernel{Name: "zephyr", Symbols: []string{"_kernel"}, Threads: addThreads}

// attachmentKernel is the attachment with the payload of a 'T' block: a copy
// of struct z_kernel.
const attachmentKernel = "zephyr.T"

// kernel reads Zephyr's structures in one Core.
type kernel struct {
	core   *elfcore.Core
	prog   elfcore.Program
	at     [memberCount]place
	table  []uint64       // the debugger table, nil if there is none
	block  []byte         // struct z_kernel as the 'T' block holds it
	object elfcore.Range  // the symbol _kernel
	irq    elfcore.Range  // the interrupt stacks of all CPUs
	image  elfcore.Range  // the program's RAM
	starts []elfcore.Addr // where threads that have never run begin

	port    *port  // nil: no rule for this CPU's switched-out threads
	saved   []slot // of k_thread.callee_saved
	scratch []slot // of k_thread.arch
}

// processor is one struct _cpu.
type processor struct {
	current elfcore.Fact[elfcore.Addr]
	nested  uint64             // interrupts that it is in
	irq     elfcore.Range      // its interrupt stack
	irqTop  elfcore.Addr       // first address above that, 0 unknown
	frozen  *elfcore.Registers // of its 'F' block
}

// maxCPUs bounds the array of struct _cpu; Zephyr's limit is 12.
const maxCPUs = 64

// nowhere is the position of what was read from target memory.
var nowhere = elfcore.Pos{Off: -1}

// addThreads puts the kernel's threads into the Core: the crashed context
// first, then the thread that it interrupted, then the kernel's list.
func addThreads(c *elfcore.Core, p elfcore.Program) {
	if c.Arch == nil {
		return
	}
	k := &kernel{core: c, prog: p, block: c.Attachment(attachmentKernel)}
	if !k.locate() {
		return
	}
	cpus, crashed := k.processors()
	current := cpus[crashed].current
	if t := c.Crashed(); current.State == elfcore.Missing && t != nil {
		current = t.Control // a dump without _kernel whose reader knew the thread
	}
	runs := map[elfcore.Addr]int{}
	for i := range cpus {
		if cpus[i].current.State != elfcore.Missing {
			runs[cpus[i].current.Value] = i
		}
	}

	var found []elfcore.Thread
	for _, at := range k.list(current, cpus) {
		t := k.thread(at)
		cpu, running := runs[at.Value]
		switch {
		case at.Value == current.Value && c.Crashed() != nil:
			k.assign(&t.CPU, crashed)
			if !k.interrupted(&t, cpus[crashed]) {
				merge(c, c.Crashed(), t)
				continue
			}
		case running:
			k.assign(&t.CPU, cpu)
			k.running(&t, cpus[cpu].frozen)
		default:
			k.switchedOut(&t)
		}
		found = append(found, t)
	}
	k.publish(found)
}

// publish sets the Core's threads: the crashed context first, then what was
// found, merged with what a reader or an earlier run knew, then the rest.
func (k *kernel) publish(found []elfcore.Thread) {
	c := k.core
	index := map[elfcore.Addr]int{}
	for i := range found {
		index[found[i].Control.Value] = i
	}
	var first, rest []elfcore.Thread
	for i := range c.Threads {
		t := c.Threads[i]
		if i == c.Crash.Thread {
			first = append(first, t)
			continue
		}
		j, known := index[t.Control.Value]
		if t.Control.State == elfcore.Missing || !known {
			rest = append(rest, t)
			continue
		}
		merge(c, &t, found[j])
		if _, s := found[j].Regs.PC(); s != elfcore.Missing {
			t.Regs = found[j].Regs
		}
		found[j] = t
	}
	c.Threads = append(append(first, found...), rest...)
	if len(first) > 0 {
		c.Crash.Thread = 0
	}
}

// merge gives dst the facts of src. Registers stay.
func merge(c *elfcore.Core, dst *elfcore.Thread, src elfcore.Thread) {
	settle(c, &dst.Control, src.Control)
	settle(c, &dst.Entry, src.Entry)
	settle(c, &dst.Stack, src.Stack)
	settle(c, &dst.Name, src.Name)
	settle(c, &dst.Status, src.Status)
	settle(c, &dst.Priority, src.Priority)
	settle(c, &dst.CPU, src.CPU)
}

// settle replaces a fact by one at least as good; the evidence names a Known
// value that had to go.
func settle[T comparable](c *elfcore.Core, have *elfcore.Fact[T], got elfcore.Fact[T]) {
	if got.State == elfcore.Missing || got.State < have.State {
		return
	}
	if have.State == elfcore.Known && have.Value != got.Value {
		got.Why = c.Because("zephyr.kernel", fmt.Sprintf("the kernel's data replace %v", have.Value), nowhere)
	}
	*have = got
}

// assign notes the CPU that a thread runs on.
func (k *kernel) assign(cpu *elfcore.Fact[int], n int) {
	*cpu = elfcore.Fact[int]{Value: n, State: elfcore.Recovered, Why: k.because("zephyr.kernel", "_kernel.cpus[].current")}
}

func (k *kernel) because(rule, text string) elfcore.Why { return k.core.Because(rule, text, nowhere) }

// report notes something odd about the kernel's data.
func (k *kernel) report(s elfcore.Severity, code, found, expected, done string) {
	k.core.Report(elfcore.Diagnostic{Severity: s, Code: code, At: nowhere, Found: found, Expected: expected, Done: done})
}

// global reads an unsigned integer of struct z_kernel. The 'T' block comes
// first: it was copied before the memory blocks.
func (k *kernel) global(off int64, size int) (uint64, elfcore.State) {
	if off+int64(size) <= int64(len(k.block)) {
		return uintOf(k.core.Order, k.block[off:off+int64(size)]), elfcore.Known
	}
	if k.object.Addr == 0 {
		return 0, elfcore.Missing
	}
	v, s, err := k.core.ReadUint(k.object.Addr+elfcore.Addr(off), size)
	if err != nil {
		return 0, elfcore.Missing
	}
	return v, s
}

// pointer is global for a pointer; a null pointer is Missing.
func (k *kernel) pointer(off int64) elfcore.Fact[elfcore.Addr] {
	v, s := k.global(off, k.core.Arch.PtrSize())
	if v == 0 {
		s = elfcore.Missing
	}
	return elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: s, Why: k.because("zephyr.kernel", "_kernel")}
}

// processors reads the state of the CPUs, one at least, and finds out which
// one crashed.
func (k *kernel) processors() (cpus []processor, crashed int) {
	array, stride, count := k.at[atCPUs], k.at[atCPU].size, int64(1)
	if stride > 0 && array.size > stride {
		count = min(array.size/stride, maxCPUs)
	}
	for i := range count {
		base := array.off + i*stride
		var p processor
		if k.at[atCurrent].ok {
			p.current = k.pointer(base + k.at[atCurrent].off)
		}
		if k.block != nil && base+k.at[atCurrent].off+int64(k.core.Arch.PtrSize()) > int64(len(k.block)) {
			k.report(elfcore.Warning, "zephyr.kernel-short", fmt.Sprintf("%d bytes of _kernel", len(k.block)),
				fmt.Sprintf("the current thread of CPU %d", i), "read from the dumped memory, if it is there")
		}
		if k.at[atNested].ok {
			p.nested, _ = k.global(base+k.at[atNested].off, 4)
		}
		each := k.irq.Size / uint64(count)
		p.irq = elfcore.Range{Addr: k.irq.Addr + elfcore.Addr(each*uint64(i)), Size: each}
		p.irqTop = p.irq.End()
		if k.at[atIRQStack].ok {
			if top := k.pointer(base + k.at[atIRQStack].off); top.State != elfcore.Missing && (each == 0 || p.irq.Contains(top.Value-1)) {
				p.irqTop = top.Value
			}
		}
		cpus = append(cpus, p)
	}
	return cpus, k.crashedCPU(cpus)
}

// crashedCPU finds the CPU that crashed: the one that the dump, its console or
// an earlier run names, else the one that runs the thread they name, else the
// first. It gives the other CPUs the registers of their 'F' blocks.
func (k *kernel) crashedCPU(cpus []processor) int {
	crashed := -1
	if f := k.core.Facts[factCPU]; f.State != elfcore.Missing {
		if n, err := strconv.Atoi(f.Value); err == nil && n >= 0 && n < len(cpus) {
			crashed = n
		}
	}
	t := k.core.Crashed()
	if t != nil && t.CPU.State != elfcore.Missing && t.CPU.Value >= 0 && t.CPU.Value < len(cpus) && crashed < 0 {
		crashed = t.CPU.Value
	}
	for _, a := range k.core.Attachments {
		if a.Name != attachFrozen {
			continue
		}
		if n, regs, ok := k.frozen(a); ok && n < len(cpus) {
			cpus[n].frozen = regs
			if regs == nil && crashed < 0 {
				crashed = n
			}
		}
	}
	if t != nil && t.Control.State != elfcore.Missing && crashed < 0 {
		for i := range cpus {
			if cpus[i].current.State != elfcore.Missing && cpus[i].current.Value == t.Control.Value {
				return i
			}
		}
	}
	return max(crashed, 0)
}

// frozen reads an 'F' block with its header (zephyr.md 2.2): id (u8), version
// (u16), size (u16), CPU (u32), thread (pointer), then registers as in an 'A'
// block of that size. No registers: this is the CPU that crashed.
func (k *kernel) frozen(a elfcore.Attachment) (cpu int, regs *elfcore.Registers, ok bool) {
	head := 9 + k.core.Arch.PtrSize()
	if len(a.Data) < head {
		return 0, nil, false
	}
	cpu, data := int(binary.LittleEndian.Uint32(a.Data[5:])), a.Data[head:]
	if len(data) == 0 {
		return cpu, nil, true
	}
	for i := range registerBlocks {
		if row := &registerBlocks[i]; row.arch == k.core.Arch && row.size == len(data) {
			r := elfcore.NewRegisters(k.core.Arch)
			row.load(k.core, &r, []chunk{{0, data, elfcore.Known}}, a.Why)
			return cpu, &r, true
		}
	}
	return 0, nil, false
}

// uintOf reads an unsigned integer of at most 8 bytes.
func uintOf(order binary.ByteOrder, b []byte) (v uint64) {
	for i := range b {
		if order == binary.BigEndian {
			v = v<<8 | uint64(b[i])
		} else {
			v |= uint64(b[i]) << (8 * i)
		}
	}
	return v
}
