package freertos

import (
	"encoding/binary"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// fakeProgram is a firmware made by hand; addresses from romBase are code.
type fakeProgram struct {
	arch    *arch.Arch
	symbols map[string]elfcore.Range
	fields  map[string][2]int64 // "type path": offset, size
}

const (
	romBase = 0x0800_0000
	romSize = 0x1_0000
)

func (p *fakeProgram) Arch() *arch.Arch { return p.arch }

func (p *fakeProgram) Symbol(name string) (elfcore.Range, bool) {
	r, ok := p.symbols[name]
	return r, ok
}

func (p *fakeProgram) Executable(a elfcore.Addr) bool { return a >= romBase && a < romBase+romSize }

func (p *fakeProgram) ReadConst(_ []byte, a elfcore.Addr) error { return &elfcore.GapError{Addr: a} }

func (p *fakeProgram) Field(typ, path string) (off, size int64, ok bool) {
	f, ok := p.fields[strings.TrimSpace(typ+" "+path)]
	return f[0], f[1], ok
}

// image is the RAM of a made-up FreeRTOS firmware and the program that
// describes it. Its layout is no version's, so that the reader has to ask.
type image struct {
	*fakeProgram
	order binary.ByteOrder
	data  []byte
	tasks int
}

const (
	ramBase   = 0x2000_0000
	ramSize   = 0x8000
	variables = ramBase + 0x100
	lists     = ramBase + 0x400 // of 0x40 bytes each
	tcbs      = ramBase + 0x1000
	tcbSize   = 0x100
	stacks    = ramBase + 0x2000
	stackSize = 0x400

	offState    = 0x10 // in the TCB
	offEvent    = 0x40
	offStack    = 0x70
	offEnd      = 0x78
	offName     = 0x80
	offPriority = 0x90
	offBase     = 0x98
	offCore     = 0xa0
	offNotify   = 0xa8

	priorities = 4
)

// newImage makes a firmware without tasks: all lists are empty.
func newImage(a *arch.Arch, cores int) *image {
	m := &image{data: make([]byte, ramSize), order: binary.LittleEndian}
	m.fakeProgram = &fakeProgram{a, map[string]elfcore.Range{}, map[string][2]int64{}}
	w := m.word()
	field := func(path string, off, size int64) { m.fields[path] = [2]int64{off, size} }
	const tcb = "tskTaskControlBlock "
	field("tskTaskControlBlock", 0, tcbSize)
	field(tcb+"pxTopOfStack", 0, w)
	field(tcb+"xStateListItem", offState, 5*w)
	field(tcb+"xStateListItem.pxContainer", offState+4*w, w)
	field(tcb+"xEventListItem", offEvent, 5*w)
	field(tcb+"xEventListItem.pxContainer", offEvent+4*w, w)
	field(tcb+"pxStack", offStack, w)
	field(tcb+"pxEndOfStack", offEnd, w)
	field(tcb+"pcTaskName", offName, 16)
	field(tcb+"uxPriority", offPriority, 4)
	field(tcb+"uxBasePriority", offBase, 4)
	field(tcb+"xCoreID", offCore, 4)
	field(tcb+"ucNotifyState", offNotify, 2)
	field("xLIST", 0, 0x40)
	field("xLIST xListEnd", 0x10, 3*w)
	field("xLIST xListEnd.pxNext", 0x10+w, w)
	field("xLIST xListEnd.pxPrevious", 0x10+2*w, w)
	field("xLIST_ITEM", 0, 5*w)
	field("xLIST_ITEM pxNext", w, w)
	field("xLIST_ITEM pxPrevious", 2*w, w)
	field("xLIST_ITEM pvOwner", 3*w, w)

	m.symbols["pxCurrentTCBs"] = elfcore.Range{Addr: variables, Size: uint64(w) * uint64(cores)}
	m.symbols["xSchedulerRunning"] = elfcore.Range{Addr: variables + 0x80, Size: 4}
	m.symbols["uxCurrentNumberOfTasks"] = elfcore.Range{Addr: variables + 0x88, Size: 4}
	m.put(variables+0x80, 1, 4)
	at := uint64(lists)
	for _, l := range listSymbols {
		count := uint64(1)
		if l.symbol == readySymbol {
			count = priorities
		}
		m.symbols[l.symbol] = elfcore.Range{Addr: elfcore.Addr(at), Size: 0x40 * count}
		for range count {
			m.link(at+0x10, at+0x10)
			at += 0x40
		}
	}
	return m
}

func (m *image) word() int64 { return int64(m.arch.PtrSize()) }

func (m *image) put(at, v uint64, size int) {
	for i := range size {
		m.data[at-ramBase+uint64(i)] = byte(v >> (8 * i))
	}
}

func (m *image) get(at uint64) (v uint64) {
	for i := range int(m.word()) {
		v |= uint64(m.data[at-ramBase+uint64(i)]) << (8 * i)
	}
	return v
}

// words stores pointer-sized words from an address on.
func (m *image) words(at uint64, values ...uint64) {
	for i, v := range values {
		m.put(at+uint64(i)*uint64(m.word()), v, int(m.word()))
	}
}

// link makes one item follow another.
func (m *image) link(item, next uint64) {
	m.words(item+uint64(m.word()), next)
	m.words(next+2*uint64(m.word()), item)
}

// insert puts an item of a task at the end of a list.
func (m *image) insert(tcb, off uint64, symbol string, n int) {
	list := uint64(m.symbols[symbol].Addr) + 0x40*uint64(n)
	item, end := tcb+off, list+0x10
	m.link(m.get(end+2*uint64(m.word())), item)
	m.link(item, end)
	m.words(item+3*uint64(m.word()), tcb, list)
}

// task makes a task, in a list unless symbol is empty, and returns its TCB.
func (m *image) task(name, symbol string, priority int) uint64 {
	tcb, stack := uint64(tcbs+tcbSize*m.tasks), uint64(stacks+stackSize*m.tasks)
	m.tasks++
	copy(m.data[tcb+offName-ramBase:], name)
	m.words(tcb, stack+stackSize-0x100)
	m.words(tcb+offStack, stack)
	m.words(tcb+offEnd, stack+stackSize)
	m.put(tcb+offPriority, uint64(priority), 4)
	m.put(tcb+offBase, uint64(priority), 4)
	m.put(tcb+offCore, 0x7fff_ffff, 4)
	m.put(variables+0x88, uint64(m.tasks), 4)
	if symbol != "" {
		n := 0
		if symbol == readySymbol {
			n = priority
		}
		m.insert(tcb, offState, symbol, n)
	}
	return tcb
}

// runs makes tasks the current ones, by core.
func (m *image) runs(tcbs ...uint64) { m.words(variables, tcbs...) }

// top says where a task's saved frame lies: bytes below the end of its stack.
func (m *image) top(tcb, below uint64) uint64 {
	at := m.get(tcb+offEnd) - below
	m.words(tcb, at)
	return at
}

// core makes a Core of the image whose crashed thread has a sp and no TCB.
func (m *image) core() *elfcore.Core {
	c := elfcore.New("test", m.arch, m.order)
	c.Memory.Add(elfcore.NewRegion(ramBase, m.data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
	t := elfcore.Thread{Regs: elfcore.NewRegisters(m.arch)}
	t.Regs.Set(m.arch.PC, romBase+0x100, elfcore.Known, 0)
	t.Regs.Set(m.arch.SP, stacks+stackSize-0x40, elfcore.Known, 0)
	c.Threads, c.Crash.Thread = []elfcore.Thread{t}, 0
	return c
}

// named finds a thread by name.
func named(t *testing.T, c *elfcore.Core, name string) *elfcore.Thread {
	t.Helper()
	for i := range c.Threads {
		if c.Threads[i].Name.Value == name {
			return &c.Threads[i]
		}
	}
	t.Fatalf("no task %q among %v", name, names(c))
	return nil
}

func names(c *elfcore.Core) (list []string) {
	for i := range c.Threads {
		list = append(list, c.Threads[i].Name.Value)
	}
	return list
}

// codes are the codes of all diagnostics, in order.
func codes(c *elfcore.Core) string {
	var list []string
	for _, d := range c.Diagnostics {
		list = append(list, d.Code)
	}
	return strings.Join(list, " ")
}

// wantRegs compares registers, given by name, and says that no others are set.
func wantRegs(t *testing.T, r *elfcore.Registers, want map[string]uint64) {
	t.Helper()
	for i, info := range r.Arch().Regs {
		got, state := r.Get(arch.Reg(i))
		w, listed := want[info.Name]
		switch {
		case listed && (state == elfcore.Missing || got != w):
			t.Errorf("%s = 0x%x %v, want 0x%x", info.Name, got, state, w)
		case !listed && state != elfcore.Missing:
			t.Errorf("%s = 0x%x %v, want it missing", info.Name, got, state)
		}
	}
}
