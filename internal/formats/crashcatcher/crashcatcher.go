// Package crashcatcher reads the dumps of CrashCatcher, versions 2 and 3, for
// ARM's M profile: binary, or as hex on a console.
//
// Source: adamgreen/CrashCatcher at 0222f9d3, Core/src/CrashCatcher.c and
// HexDump/src/HexDump.c; adamgreen/CrashDebug at ae191d7a.
package crashcatcher

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "crashcatcher"

// Format is how the root finds and reads CrashCatcher's dumps.
var Format = format.Format{
	Name:   Name,
	Magic:  []string{magic + "\x03\x00", magic + "\x02\x00"},
	Marker: markers[:],
	Find:   find,
	Read:   read,
}

// magic begins a dump; its major and minor version follow.
const magic = "cC"

func find(in format.Input) ([]format.Hit, error) {
	if in.Text {
		return findLog(in)
	}
	return findBinary(in)
}

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	switch {
	case !h.Text:
		return readBinary(in, h)
	case h.Score == scoreGDB:
		return readGDBLog(in, h)
	}
	return readLog(in, h)
}

// version is the third byte of a dump.
type version byte

func (v version) known() bool { return v == 2 || v == 3 }

// field is one call of the target's dump function, or a part of one: size
// bytes that hold the registers of slots. In text, each field is a line.
type field struct {
	size  int
	slots string
}

const (
	signatureField = iota
	flagsField
)

const flagFloat = 1 << 0

var (
	headFields = []field{
		{4, "_"}, // signature
		{4, "_"}, // flags
		{16, "r0-r3"}, {16, "r4-r7"}, {16, "r8-r11"},
		{4, "r12"}, {4, "sp"}, {12, "lr pc xpsr"},
	}
	// handlerFields are the fault handler's own; its xPSR has the number of
	// the exception. Version 2 lacks them.
	handlerFields = []field{{12, "msp psp _"}}
	floatFields   = []field{
		{16, "d0:8 d1:8"}, {16, "d2:8 d3:8"}, {16, "d4:8 d5:8"}, {16, "d6:8 d7:8"},
		{16, "d8:8 d9:8"}, {16, "d10:8 d11:8"}, {16, "d12:8 d13:8"}, {16, "d14:8 d15:8"}, {4, "fpscr"},
	}
)

// fieldsOf lists the fields before the first region.
func fieldsOf(v version, float bool) (list []field) {
	list = append(list, headFields...)
	if v >= 3 {
		list = append(list, handlerFields...)
	}
	if float {
		list = append(list, floatFields...)
	}
	return list
}

// handler is the index of the handler's field in version 3.
var handler = len(headFields)

// overflowMark follows the regions if the catcher's own stack overflowed.
const overflowMark = "\xac\xce\x55\xed"

// builder makes a Core of a dump.
type builder struct {
	core    *elfcore.Core
	version version
	regs    elfcore.Registers
}

func newBuilder(v version, at elfcore.Pos) *builder {
	b := &builder{core: elfcore.New(Name, arch.CortexM, binary.LittleEndian), version: v}
	b.regs = elfcore.NewRegisters(b.core.Arch)
	b.fact("version", fmt.Sprintf("%d.0", v), at)
	return b
}

func (b *builder) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	b.core.Report(elfcore.Diagnostic{Severity: s, Code: "crashcatcher." + code, At: at, Found: found, Expected: expected, Done: done})
}

func (b *builder) fact(key, value string, at elfcore.Pos) {
	b.core.Facts["crashcatcher."+key] = elfcore.Fact[string]{Value: value, State: elfcore.Known, Why: b.core.Because("crashcatcher.dump", "", at)}
}

// load sets the registers of field i of the head, whose bytes are data.
func (b *builder) load(i int, f field, data []byte, at elfcore.Pos) {
	why := b.core.Because("crashcatcher.registers", "", at)
	if err := b.regs.Load(arch.Layout{Width: 4, Slots: f.slots}, data, b.core.Order, elfcore.Known, why); err != nil {
		panic(err) // data has the field's size, which a test compares with its slots
	}
	if i == handler && b.version >= 3 {
		b.fact("exception", fmt.Sprint(b.core.Order.Uint32(data[8:])&xpsrException), at)
	}
}

const xpsrException = 0x1ff

// region puts memory in.
func (b *builder) region(r elfcore.Region, at elfcore.Pos) {
	r.Perm, r.Why = elfcore.PermR|elfcore.PermW, b.core.Because("crashcatcher.region", "", at)
	for _, d := range b.core.Memory.Add(r) {
		b.report(elfcore.Info, "overlap-differs", at, fmt.Sprintf("%v is in the dump twice with different bytes", d), "", "the first is kept")
	}
}

// overflow notes that the target found its catcher's stack overrun.
func (b *builder) overflow(at elfcore.Pos) {
	b.fact("stack-overflow", "yes", at)
	b.report(elfcore.Warning, "stack-overflow", at, "the stack of the fault handler overflowed while it dumped", "", "what lies below it in memory may be wrong")
}

// finish makes the thread. breakpoint: the target says that it is no crash.
func (b *builder) finish(at elfcore.Pos, breakpoint bool) *elfcore.Core {
	c := b.core
	c.ReadMapped(&b.regs)
	t := elfcore.Thread{Regs: b.regs}
	if xpsr, _ := b.regs.Get(c.Arch.Flags); xpsr&xpsrException != 0 {
		t.Kind = elfcore.Interrupt
	}
	c.Threads, c.Crash.Thread = []elfcore.Thread{t}, 0
	if b.version < 3 {
		c.Facts["crashcatcher.exception"] = elfcore.Fact[string]{Why: c.Because("crashcatcher.version", "not in this version", at)}
	}
	why := c.Because("crashcatcher.fault-registers", "", at)
	if breakpoint {
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: arch.FaultBreakpoint, State: elfcore.Known, Why: why}
		c.Crash.Message = elfcore.Fact[string]{Value: "Breakpoint in the program", State: elfcore.Known, Why: why}
	}
	c.JudgeFault(why)
	return c
}
