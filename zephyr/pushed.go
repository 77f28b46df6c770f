package zephyr

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// ARM64 and RISC-V: the entry stub pushes the registers onto the faulting
// thread's stack, in an order of its own. Where the block lacks sp (ARM64
// version 1, RISC-V before 4.0) or s0, or has only half of each register (RV64
// before 3.7), that frame has them: the stack pointer before the fault is its
// end (zephyr.md 3.5, 3.6).

// pushedFrame is the stub's frame on one CPU.
type pushedFrame struct {
	layout arch.Layout
	// size is the frame's size in bytes where no type of the firmware tells;
	// sizes lists what other configurations make of it.
	size   uint64
	others []uint64
	extra  []frameMember
}

// frameMember is a register behind the common part. off is its place without
// a firmware, -1 if it may not be there at all.
type frameMember struct {
	member, reg string
	off         int64
}

// The frame's type, since 3.7 and before.
var frameTypes = []string{"arch_esf", "__esf", "z_arch_esf_t"}

var (
	arm64Pushed = pushedFrame{
		layout: arch.Layout{Width: 8, Slots: "x0-x18 x30 cpsr pc"}, size: 176, others: []uint64{192, 208},
		extra: []frameMember{{"fp", "x29", -1}},
	}
	rv32Pushed = pushedFrame{
		layout: arch.Layout{Width: 4, Slots: "ra t0-t2 t3-t6 a0-a7 pc"}, size: 80, others: []uint64{96},
		extra: []frameMember{{"mstatus", "mstatus", 68}, {"s0", "s0", 72}},
	}
	rv32ePushed = pushedFrame{
		layout: arch.Layout{Width: 4, Slots: "ra t0-t2 a0-a5 pc"}, size: 64,
		extra: []frameMember{{"mstatus", "mstatus", 44}, {"s0", "s0", 48}},
	}
	rv64Pushed = pushedFrame{
		layout: arch.Layout{Width: 8, Slots: "ra t0-t2 t3-t6 a0-a7 pc"}, size: 160, others: []uint64{176, 192},
		extra: []frameMember{{"mstatus", "mstatus", 136}, {"s0", "s0", 144}},
	}
)

func pushedFrameOf(c *elfcore.Core, regs *elfcore.Registers) *pushedFrame {
	switch c.Arch {
	case arch.AArch64:
		return &arm64Pushed
	case arch.RV64:
		return &rv64Pushed
	}
	// RV32E has no t3; its blocks hold neither.
	if t3, ok := c.Arch.Reg("t3"); ok {
		if _, s := regs.Get(t3); s == elfcore.Missing {
			return &rv32ePushed
		}
	}
	return &rv32Pushed
}

func completePushed(c *elfcore.Core, t *elfcore.Thread, p elfcore.Program) {
	f := pushedFrameOf(c, &t.Regs)
	pattern := newPattern(c, &t.Regs, f.layout)
	sp, spState := t.Regs.SP()
	typ, size := frameType(p)
	sizes := append([]uint64{f.size}, f.others...)
	if typ != "" {
		sizes = []uint64{size}
	}
	base := t.Regs.Clone()
	var readings []elfcore.Registers
	for _, frame := range pattern.find(c, t, c.Arch.PtrSize()) {
		for _, n := range sizes {
			end := uint64(frame) + n
			if spState >= elfcore.Recovered && sp != end {
				continue // a copy, or a frame of another size
			}
			r := base.Clone()
			why := c.Because("zephyr.frame", fmt.Sprintf("the entry stub's frame at %v, %d bytes", frame, n), nowhere)
			if spState < elfcore.Recovered {
				r.Set(c.Arch.SP, end, trustFrame(c, t, frame, pattern.size), why)
			}
			f.widen(c, &r, frame, why)
			f.members(c, p, typ, &r, frame, n, why)
			readings = append(readings, r)
		}
	}
	if len(readings) > 0 {
		t.Regs, t.Alternatives = readings[0], readings[1:]
	}
}

// frameType is the name and size in bytes of the frame's type.
func frameType(p elfcore.Program) (string, uint64) {
	for _, typ := range frameTypes {
		if _, size, ok := p.Field(typ, ""); ok && size > 0 {
			return typ, uint64(size)
		}
	}
	return "", 0
}

// widen replaces registers of which the block has only the low half.
func (f *pushedFrame) widen(c *elfcore.Core, r *elfcore.Registers, frame elfcore.Addr, why elfcore.Why) {
	slots, size, _ := c.Arch.Slots(f.layout)
	data := make([]byte, size)
	state, err := c.Memory.Read(data, frame)
	if err != nil {
		return
	}
	for _, s := range slots {
		if have, st := r.Get(s.Reg); st == elfcore.Suspect && s.Size == 8 {
			if v := binary.LittleEndian.Uint64(data[s.Off:]); uint32(v) == uint32(have) {
				r.Set(s.Reg, v, min(state, elfcore.Recovered), why)
			}
		}
	}
}

// members takes registers that only the frame holds.
func (f *pushedFrame) members(c *elfcore.Core, p elfcore.Program, typ string, r *elfcore.Registers, frame elfcore.Addr, size uint64, why elfcore.Why) {
	for _, m := range f.extra {
		off := m.off
		if typ != "" {
			o, _, ok := p.Field(typ, m.member)
			if !ok {
				continue
			}
			off = o
		}
		reg, ok := c.Arch.Reg(m.reg)
		if _, s := r.Get(reg); !ok || off < 0 || uint64(off) >= size || s != elfcore.Missing {
			continue
		}
		if v, s, err := c.ReadWord(frame + elfcore.Addr(off)); err == nil {
			r.Set(reg, v, min(s, elfcore.Recovered), why)
		}
	}
}
