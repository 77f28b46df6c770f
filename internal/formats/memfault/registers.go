package memfault

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// registerBlock is the layout of one CPU's register block. finish, unless nil,
// completes what the block does not hold as such; p is the block.
type registerBlock struct {
	arch   *arch.Arch
	layout arch.Layout
	finish func(b *builder, t *elfcore.Thread, p []byte, k block)
}

// registerBlocks are the MfltRegState of the SDK's panics/arch headers. No two
// have the same size.
var registerBlocks = []registerBlock{
	{arch.CortexM, arch.Layout{Width: 4, Slots: "_ r4-r11 exc_return"}, unstack},                                           // 40 bytes
	{arch.ARM, arch.Layout{Width: 4, Slots: "r0-r12 sp lr pc cpsr"}, nil},                                                  // 68
	{arch.AArch64, arch.Layout{Width: 8, Slots: "sp pc cpsr x0-x30"}, nil},                                                 // 272
	{arch.RV32, arch.Layout{Width: 4, Slots: "pc ra sp gp tp t0-t6 s0-s11 a0-a7 mstatus mtvec mcause mtval mhartid"}, nil}, // 148
	{arch.Xtensa, arch.Layout{Width: 4, Slots: "_ pc ps a0-a15 sar lbeg lend lcount exccause excvaddr"}, settleWindow},     // 100
}

func (r *registerBlock) size() int64 {
	_, size, err := r.arch.Slots(r.layout)
	if err != nil {
		panic(err) // a layout of the table above, which a test resolves in full
	}
	return int64(size)
}

// archOf is the CPU of a machine type: e_machine in the low half, a subtype in
// the high one (1 for ARM: Cortex-R).
func archOf(machine uint32) *arch.Arch {
	for i := range registerBlocks {
		a := registerBlocks[i].arch
		if uint16(a.Machine) == uint16(machine) && (a != arch.CortexM || machine>>16 == 0) {
			return a
		}
	}
	return nil
}

// load sets the registers of a block, which has the row's size.
func (r *registerBlock) load(b *builder, t *elfcore.Thread, p []byte, k block, why elfcore.Why) {
	if err := t.Regs.Load(r.layout, p, b.core.Order, elfcore.Known, why); err != nil {
		panic(err) // the size was checked
	}
	if r.finish != nil {
		r.finish(b, t, p, k)
	}
	b.core.ReadMapped(&t.Regs)
}

const (
	excBasic    = 1 << 4 // EXC_RETURN: no FP registers in the frame
	excThread   = 1 << 3 // EXC_RETURN: a thread was interrupted, no handler
	xpsrAligned = 1 << 9 // the CPU pushed one more word to align the stack

	basicFrame, extendedFrame = 32, 104 // bytes
)

// unstack completes a Cortex-M block, which holds the address of the exception
// frame: the registers that the CPU pushed there, and sp before it did.
//
// The FP registers of an extended frame are left alone: with lazy stacking
// their slots hold stale bytes.
func unstack(b *builder, t *elfcore.Thread, p []byte, k block) {
	c := b.core
	frame := elfcore.Addr(binary.LittleEndian.Uint32(p))
	exc := binary.LittleEndian.Uint32(p[9*4:])
	if exc&excThread == 0 {
		t.Kind = elfcore.Interrupt
	}
	kind, sp := "basic", uint64(frame)+basicFrame
	if exc&excBasic == 0 {
		kind, sp = "extended", uint64(frame)+extendedFrame
	}
	why := c.Because("memfault.frame", fmt.Sprintf("%s exception frame at %v", kind, frame), k.at)
	pushed := make([]byte, basicFrame)
	state, err := c.Memory.Read(pushed, frame)
	if err != nil {
		b.report(elfcore.Warning, "frame-missing", k.off, fmt.Sprintf("the exception frame at %v is not in the dump", frame), "",
			"r0-r3, r12, lr, pc and xpsr are missing, sp may be too low by 4")
		t.Regs.Set(c.Arch.SP, sp, elfcore.Suspect, why)
		return
	}
	state = min(state, elfcore.Recovered)
	if err := t.Regs.Load(c.Arch.Frames["basic"], pushed, c.Order, state, why); err != nil {
		panic(err) // pushed has the frame's size
	}
	if xpsr, _ := t.Regs.Get(c.Arch.Flags); xpsr&xpsrAligned != 0 {
		sp += 4
	}
	t.Regs.Set(c.Arch.SP, sp, state, why)
}

// Ways in which Xtensa's registers were collected.
const activeWindow = 1

const (
	psUM   = 1 << 5
	psEXCM = 1 << 4
)

// settleWindow makes an Xtensa block what debuggers can unwind (docs of
// Espressif's cores: esp.md 2.1). All outer windows were spilled to the stack,
// so a0..a15 are the first window; and PS.EXCM, which the exception set, would
// switch windows off.
func settleWindow(b *builder, t *elfcore.Thread, p []byte, k block) {
	c := b.core
	if how := binary.LittleEndian.Uint32(p); how != activeWindow {
		t.Regs = elfcore.NewRegisters(c.Arch)
		b.report(elfcore.Info, "unverified", k.off, fmt.Sprintf("Xtensa registers collected in the way %d", how), "1, the active window", "registers left out; the raw block is kept")
		return
	}
	why := c.Because("memfault.window", "the outer windows are on the stack", k.at)
	for _, name := range []string{"windowbase", "windowstart"} {
		n, _ := c.Arch.Reg(name)
		t.Regs.Set(n, 0, elfcore.Recovered, why)
	}
	if ps, _ := t.Regs.Get(c.Arch.Flags); ps&psUM != 0 && ps&psEXCM != 0 {
		t.Regs.Set(c.Arch.Flags, ps&^psEXCM, elfcore.Recovered, c.Because("memfault.excm", fmt.Sprintf("ps was 0x%x; with EXCM set debuggers take windows for switched off", ps), k.at))
	}
}
