package mcoredump

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

const (
	armVFP = 0x400 // NT_ARM_VFP, of owner LINUX

	statusSize, statusRegs = 148, 72 // NT_PRSTATUS: descriptor, and pr_reg in it, in bytes
	floatSize              = 260

	maxSegments = 4096 // one for each thread
)

// Layouts of the descriptors. The M profile has sixteen double registers only.
var (
	general = arch.Layout{Width: 4, Slots: "r0-r12 sp lr pc xpsr"}
	floats  = arch.Layout{Width: 8, Slots: "d0-d15 _:128 fpscr:4"}
)

// own tells whether a core file is MCoreDump's, by what the writer always does
// alike: e_flags and p_paddr 0, p_align 1, p_flags, contents without gaps in
// the order of the headers, and register notes only. Linux, GDB, NuttX and
// corelift itself do each of this otherwise.
func own(f *elfcore.File) bool {
	h := &f.Header
	if h.Machine != elf.EM_ARM || h.Class != elf.ELFCLASS32 || h.Data != elf.ELFDATA2LSB || h.Flags != 0 || h.Entry != 0 || h.ShOff != 0 ||
		len(f.Segments) == 0 || len(f.Segments) > maxSegments {
		return false
	}
	next := f.Segments[0].Off
	for i, s := range f.Segments {
		typ, flags := elf.PT_LOAD, elf.PF_R|elf.PF_W
		if i == 0 {
			typ, flags = elf.PT_NOTE, elf.PF_R
		}
		if s.Type != typ || s.Flags != flags || s.Align != 1 || s.Paddr != 0 || s.Off != next {
			return false
		}
		next += s.Filesz
	}
	for n, err := range f.Notes() {
		if err != nil {
			break // cut off: the headers must do
		}
		if !isStatus(n) && !isFloat(n) {
			return false
		}
	}
	return true
}

func isStatus(n notes.Note) bool {
	return n.Owner == "CORE" && n.Type == notes.PRStatus && n.Size == statusSize
}
func isFloat(n notes.Note) bool {
	return n.Owner == "LINUX" && n.Type == armVFP && n.Size == floatSize
}

// length is how many bytes the headers say that the file has.
func length(f *elfcore.File) (size int64) {
	for _, s := range f.Segments {
		size = max(size, int64(s.Off+s.Filesz))
	}
	return size
}

// core makes the Core. The error says why nothing could be saved.
func (d *dump) core() (*elfcore.Core, error) {
	f, err := elfcore.Open(d, d.size)
	if err != nil {
		at := d.pos(0)
		at.Source = d.source
		return nil, fmt.Errorf("%v: the core of this MCoreDump %s: %w", at, d.form, err)
	}
	if !own(f) {
		at := d.pos(0)
		at.Source = d.source
		return nil, fmt.Errorf("%v: the core in this %s is not as MCoreDump writes it for ARM", at, d.form)
	}
	if d.state == elfcore.Missing {
		d.state = elfcore.Known
	}
	c := elfcore.New(Name, arch.CortexM, binary.LittleEndian)
	here := c.Because("mcoredump.core", "", d.pos(0))
	c.Facts["mcoredump.form"] = elfcore.Fact[string]{Value: d.form, State: elfcore.Known, Why: here}
	d.memory(c, f)
	stated := d.threads(c, f)
	if size := length(f); d.size < size {
		d.report(elfcore.Loss, "truncated", d.pos(d.size), fmt.Sprintf("the core ends %d bytes too early", size-d.size), "", "what is there is kept")
	}
	d.choose(c, f, stated)
	if d.message != "" {
		why := c.Because("mcoredump.assert", "", d.line)
		c.Crash.Message = elfcore.Fact[string]{Value: d.message, State: elfcore.Known, Why: why}
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultAbort, State: elfcore.Known, Why: why}
	}
	for _, x := range d.diags {
		c.Report(x)
	}
	return c, nil
}

// memory puts the segments in: each thread's stack, from sp on. That of the
// current thread has a fixed size and may run over others.
func (d *dump) memory(c *elfcore.Core, f *elfcore.File) {
	const addressSpace = 1 << 32
	for _, s := range f.Segments[1:] {
		data := f.Data(s)
		for _, x := range c.Memory.Add(elfcore.Region{
			Range: elfcore.Range{Addr: elfcore.Addr(s.Vaddr), Size: min(uint64(data.Size()), addressSpace-s.Vaddr)},
			Perm:  elfcore.PermR | elfcore.PermW, State: d.state, Data: data,
			Why: c.Because("mcoredump.segment", "", d.pos(int64(s.Off))),
		}) {
			d.report(elfcore.Info, "overlap-differs", d.pos(int64(s.Off)), fmt.Sprintf("%v is in the core twice with different bytes", x), "", "the first is kept")
		}
	}
}

// threads reads the register notes. It returns each thread's sp as it stands
// in the core.
func (d *dump) threads(c *elfcore.Core, f *elfcore.File) (stated []uint64) {
	for n, err := range f.Notes() {
		if err != nil {
			d.report(elfcore.Loss, "notes", d.pos(0), err.Error(), "register notes", "the threads up to there are kept")
			break
		}
		desc, err := n.Read(n.Size)
		if err != nil {
			continue // Notes reports that the segment is cut off
		}
		why := c.Because("mcoredump.note", "", d.pos(n.Off))
		if isStatus(n) {
			t := elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch)}
			t.Regs.Load(general, desc[statusRegs:], c.Order, d.state, why) // of the size that isStatus saw
			sp, _ := t.Regs.SP()
			stated = append(stated, sp)
			realign(c, &t)
			c.Threads = append(c.Threads, t)
		} else if k := len(c.Threads); k > 0 {
			loadFloats(c, &c.Threads[k-1].Regs, desc, d.state, why)
		}
	}
	return stated
}

// xPSR's exception number, and its note in a stacked one that the CPU pushed
// one more word to align the stack.
const (
	xpsrException = 0x1ff
	xpsrAligned   = 1 << 9
)

// realign corrects sp.
//
// Folklore: MCoreDump takes sp for the end of the stacked frame and forgets the
// word that the CPU may have pushed above it, so half of all threads have an sp
// that is too low by 4. An xPSR that was read live has 0 in that bit. Test:
// TestThreads.
func realign(c *elfcore.Core, t *elfcore.Thread) {
	xpsr, state := t.Regs.Get(c.Arch.Flags)
	if xpsr&xpsrAligned != 0 {
		sp, _ := t.Regs.SP()
		t.Regs.Set(c.Arch.SP, sp+4, min(state, elfcore.Recovered),
			c.Because("mcoredump.sp-aligned", fmt.Sprintf("the core has 0x%08x, below the word that aligned the stack", sp), elfcore.Pos{Off: -1}))
	}
	if xpsr&xpsrException != 0 {
		t.Kind = elfcore.Interrupt
	}
}

// loadFloats sets the floating point registers, if any were saved: a thread
// that did not use the FPU has zeros throughout.
//
// Folklore: for the current thread FPSCR is stored right behind d15, where the
// note has d16, which this profile lacks. Test: TestThreads.
func loadFloats(c *elfcore.Core, r *elfcore.Registers, desc []byte, s elfcore.State, why elfcore.Why) {
	if !slices.ContainsFunc(desc, func(b byte) bool { return b != 0 }) {
		return
	}
	r.Load(floats, desc, c.Order, s, why) // isFloat saw its size
	fpscr, _ := c.Arch.Reg("fpscr")
	if v := c.Order.Uint32(desc[128:]); v != 0 {
		r.Set(fpscr, uint64(v), min(s, elfcore.Recovered), c.Because("mcoredump.fpscr", "it stands behind d15", elfcore.Pos{Off: -1}))
	}
}

// A segment begins at sp rounded down to lineSize. That of the current thread
// ends one of currentSizes above sp: the first if the threads of the system are
// dumped, the second if it alone is.
const lineSize = 64

var currentSizes = []uint64{1024, 1536}

// choose finds the thread that crashed. The order of threads, that of
// RT-Thread's object list, does not tell, nor does any note; but for the
// current thread sp is what the segment was made from, while for all others it
// is above the frame that begins the segment.
func (d *dump) choose(c *elfcore.Core, f *elfcore.File, stated []uint64) {
	loads := f.Segments[1:]
	var current []int
	for i, sp := range stated[:min(len(stated), len(loads))] {
		if sp-loads[i].Vaddr < lineSize && slices.Contains(currentSizes, loads[i].Vaddr+loads[i].Memsz-sp) {
			current = append(current, i)
		}
	}
	switch {
	case len(c.Threads) == 0:
	case len(current) == 1:
		c.Crash.Thread = current[0]
		d.report(elfcore.Info, "current", d.pos(0), fmt.Sprintf("%d threads, no mark on the one that crashed", len(c.Threads)), "",
			fmt.Sprintf("number %d is taken for it: its stack was dumped in the way of the current thread's", current[0]+1))
	case len(c.Threads) == 1:
		c.Crash.Thread = 0
	default:
		d.report(elfcore.Warning, "current", d.pos(0), fmt.Sprintf("%d threads, no mark on the one that crashed", len(c.Threads)), "", "it can't be told; look at each")
	}
}
