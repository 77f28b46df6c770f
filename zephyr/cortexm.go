package zephyr

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Cortex-M. Up to Zephyr 4.0 the block's sp is the address of the exception
// frame; since #79622 it is the value before the exception; on the SVC path of
// old trees (oops, panic, assertion) it was never set and is 0 or stale. The
// version does not tell, but the frame itself lies on the stack: hardware
// pushed r0-r3 r12 lr pc xpsr there. Whether FP registers lie above them
// stands in EXC_RETURN, which only the console text has.

const (
	stateContext = 40 // v8-M: signature, reserved word, r4-r11; in bytes

	xpsrAligned = 1 << 9 // the CPU pushed one more word to align the stack
	excBasic    = 1 << 4 // EXC_RETURN: no FP registers in the frame
	excPSP      = 1 << 2 // EXC_RETURN: the frame lies on the process stack

	// The integrity signature of the additional state context; bit 0 tells
	// whether there is no FP state (Armv8-M manual B3.22).
	signature = 0xfefa125a

	fpccr    = 0xe000ef34
	fpLSPACT = 1 << 0 // the frame's FP registers are not stored yet
)

// frameSizes are the sizes of what hardware pushes, by name, in bytes.
var frameSizes = []struct {
	layout string
	size   uint64
}{{"basic", 32}, {"extended", 104}}

// cortexMPattern leaves xPSR out: the handler rewrites its low bits.
var cortexMPattern = arch.Layout{Width: 4, Slots: "r0-r3 r12 lr pc"}

// cortexMRegs are the registers that the rules here need.
type cortexMRegs struct{ r0, psp, excReturn arch.Reg }

var cmReg = func() cortexMRegs {
	get := func(name string) arch.Reg { r, _ := arch.CortexM.Reg(name); return r }
	return cortexMRegs{get("r0"), get("psp"), get("exc_return")}
}()

func completeCortexM(c *elfcore.Core, t *elfcore.Thread) {
	pattern := newPattern(c, &t.Regs, cortexMPattern)
	base := t.Regs.Clone()
	var readings []elfcore.Registers
	add := func(frame elfcore.Addr) { readings = append(readings, unstack(c, t, &base, frame)...) }

	dumped, state := base.SP()
	if frame, ok := adjustedFrame(c, &pattern, dumped); ok && state == elfcore.Suspect {
		add(frame)
	} else if psp, s := base.Get(cmReg.psp); s == elfcore.Known && onProcessStack(&base) && pattern.telling() >= tellingThere && pattern.at(c, elfcore.Addr(psp)) {
		add(elfcore.Addr(psp))
	} else {
		for _, frame := range pattern.find(c, t, 4) {
			add(frame)
		}
	}
	switch {
	case len(readings) > 0:
	case state == elfcore.Suspect && dumped != 0:
		readings = unconfirmed(c, &base, dumped)
	default:
		if isSignature(&base) {
			misread(c, &t.Regs)
		}
		aboveFrame(c, &t.Regs)
		return
	}
	t.Regs, t.Alternatives = readings[0], readings[1:]
}

// aboveFrame computes sp where the frame is not in the dump but the console text
// says where it lay, how large it was (EXC_RETURN) and whether a word for the
// alignment was above it (xPSR).
func aboveFrame(c *elfcore.Core, r *elfcore.Registers) {
	psp, s1 := r.Get(cmReg.psp)
	xpsr, s2 := r.Get(c.Arch.Flags)
	exc, ok := excReturn(r)
	if !ok || exc&excPSP == 0 || min(s1, s2) != elfcore.Known {
		r.Clear(c.Arch.SP, c.Because("zephyr.sp-not-found", "sp was not set and its exception frame is not in the dump", nowhere))
		return
	}
	sp := psp + basicFrame
	if exc&excBasic == 0 {
		sp = psp + extendedFrame
	}
	if xpsr&xpsrAligned != 0 {
		sp += 4
	}
	r.Set(c.Arch.SP, sp, elfcore.Recovered, c.Because("zephyr.sp-from-psp", fmt.Sprintf("the exception frame lay at 0x%08x", psp), nowhere))
}

// adjustedFrame finds the exception frame from the dumped sp: at it or, if sp
// is the value before the exception, right below it. The highest match is the
// frame itself, lower ones are the handler's copies.
func adjustedFrame(c *elfcore.Core, f *framePattern, sp uint64) (elfcore.Addr, bool) {
	if sp == 0 || f.telling() < tellingThere {
		return 0, false
	}
	for _, below := range []uint64{0, 32, 36, 104, 108} {
		if at := elfcore.Addr(sp - below); f.at(c, at) {
			return at, true
		}
	}
	return 0, false
}

// excReturn is EXC_RETURN as the console text has it.
func excReturn(r *elfcore.Registers) (uint64, bool) {
	v, s := r.Get(cmReg.excReturn)
	return v, s == elfcore.Known && v>>24 == 0xff
}

func onProcessStack(r *elfcore.Registers) bool {
	v, ok := excReturn(r)
	return ok && v&excPSP != 0
}

func isSignature(r *elfcore.Registers) bool {
	v, s := r.Get(cmReg.r0)
	return s != elfcore.Missing && v&^1 == signature
}

// unstack gives the readings of the registers before an exception whose frame
// lies at an address: one where it is certain how large the frame is, else
// one for each size.
//
// Folklore: on v8-M with EXC_RETURN.DCRS clear the CPU pushes r4-r11 below the
// frame, behind a signature. Zephyr takes the signature for the frame: the
// block's r0 is 0xfefa125b, r2 is r4 and so on, pc and xpsr are nonsense. The
// true frame follows 40 bytes on. Test: TestStateContext.
func unstack(c *elfcore.Core, t *elfcore.Thread, block *elfcore.Registers, frame elfcore.Addr) (readings []elfcore.Registers) {
	regs := block.Clone()
	dumped, _ := regs.SP()
	if isSignature(&regs) {
		misread(c, &regs)
		why := c.Because("zephyr.state-context", fmt.Sprintf("the true frame lies at %v", frame+stateContext), nowhere)
		loadFrame(c, &regs, "state", frame, why)
		frame += stateContext
		loadFrame(c, &regs, "basic", frame, why)
	}
	var align uint64
	if v, _, err := c.ReadUint(frame+28, 4); err == nil && v&xpsrAligned != 0 {
		align = 4
	}
	exc, hasExc := excReturn(&regs)
	trust := trustFrame(c, t, frame, 32)
	for _, size := range frameSizes {
		sp := uint64(frame) + size.size + align
		if hasExc && (exc&excBasic != 0) != (size.layout == "basic") {
			continue
		}
		r := regs.Clone()
		state, rule := trust, "zephyr.sp-unstacked"
		if sp == dumped {
			state, rule = elfcore.Known, "zephyr.sp-adjusted"
		}
		text := fmt.Sprintf("%s exception frame at %v; the block's sp is 0x%08x", size.layout, frame, dumped)
		r.Set(c.Arch.SP, sp, state, c.Because(rule, text, nowhere))
		if size.layout == "extended" {
			loadFloat(c, &r, frame)
		}
		if sp == dumped {
			return []elfcore.Registers{r} // the target adjusted it: this size is certain
		}
		readings = append(readings, r)
	}
	return readings
}

// unconfirmed gives the readings of a dumped sp whose frame is not in the
// dump: the value before the exception, or the address of a frame.
func unconfirmed(c *elfcore.Core, block *elfcore.Registers, dumped uint64) (readings []elfcore.Registers) {
	why := c.Because("zephyr.sp-unconfirmed", "its exception frame is not in the dump; it may be too low by 32 or 104 bytes", nowhere)
	for _, add := range []uint64{0, 32, 104} {
		r := block.Clone()
		r.Set(c.Arch.SP, dumped+add, elfcore.Suspect, why)
		if isSignature(&r) {
			misread(c, &r)
		}
		readings = append(readings, r)
	}
	return readings
}

// misread moves registers that were read from the state context to where they
// belong; those that the block then does not hold are missing.
func misread(c *elfcore.Core, r *elfcore.Registers) {
	why := c.Because("zephyr.state-context", "the block was filled from the additional state context", nowhere)
	moves := []struct{ from, to string }{
		{"r2", "r4"}, {"r3", "r5"}, {"r12", "r6"}, {"lr", "r7"}, {"pc", "r8"}, {"xpsr", "r9"},
	}
	for _, m := range moves {
		from, _ := c.Arch.Reg(m.from)
		to, _ := c.Arch.Reg(m.to)
		if v, s := r.Get(from); s != elfcore.Missing {
			r.Set(to, v, min(s, elfcore.Recovered), why)
		}
	}
	for _, name := range []string{"r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"} {
		n, _ := c.Arch.Reg(name)
		r.Clear(n, why)
	}
}

// loadFrame sets the registers of a hardware frame that lies in memory.
func loadFrame(c *elfcore.Core, r *elfcore.Registers, layout string, at elfcore.Addr, why elfcore.Why) {
	l := c.Arch.Frames[layout]
	_, size, _ := c.Arch.Slots(l)
	data := make([]byte, size)
	if s, err := c.Memory.Read(data, at); err == nil {
		_ = r.Load(l, data, c.Order, min(s, elfcore.Recovered), why) // data has the layout's size
	}
}

// loadFloat takes s0-s15 from an extended frame only if a dumped FPCCR says
// that they were stored: with lazy stacking their slots hold stale bytes until
// the handler uses the FPU.
func loadFloat(c *elfcore.Core, r *elfcore.Registers, frame elfcore.Addr) {
	v, s, err := c.ReadUint(fpccr, 4)
	if err != nil || s < elfcore.Recovered || v&fpLSPACT != 0 {
		return
	}
	why := c.Because("zephyr.fp-stored", "FPCCR.LSPACT is 0", nowhere)
	data := make([]byte, 72)
	if s, err := c.Memory.Read(data, frame+32); err == nil {
		_ = r.Load(arch.Layout{Width: 8, Slots: "d0-d7 fpscr:4 _:4"}, data, c.Order, min(s, elfcore.Recovered), why)
	}
}
