package espcore

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// A task's registers stand at the start of its stack (esp.md 2). In all but
// the crashed task's frame what tells the cause is left over or overwritten.
var (
	// XtExcFrame, of a task that an interrupt or exception stopped.
	xtensaFrame = arch.Layout{Width: 4, Slots: "_ pc ps a0-a15 sar _ _ lbeg lend lcount"}
	xtensaCause = arch.Layout{Width: 4, Slots: "_:80 exccause excvaddr"}
	// XtSolFrame, of a task that gave up the CPU by itself: word 0 is 0. What
	// the windowed ABI lets a callee change is not in it.
	xtensaSolicited = arch.Layout{Width: 4, Slots: "_ pc ps _ a0-a3"}
	// RvExcFrame.
	riscvFrame = arch.Layout{Width: 4, Slots: "pc ra sp gp tp t0 t1 t2 s0 s1 a0-a7 s2-s11 t3-t6"}
	riscvCause = arch.Layout{Width: 4, Slots: "_:128 mstatus mtvec mcause mtval mhartid"}
)

const (
	xtensaFrameSize    = 25 * 4
	solicitedFrameSize = 8 * 4
	riscvFrameSize     = 37 * 4
	riscvContext       = 160 // bytes by which the panic handler moves sp

	psUM, psEXCM = 1 << 5, 1 << 4
)

// loadFrame sets registers from the frame that begins at a. It fails if not
// all of it is in the dump.
func (d *dump) loadFrame(a elfcore.Addr, regs *elfcore.Registers, cause bool) bool {
	plain, causes, size := riscvFrame, riscvCause, riscvFrameSize
	if d.Arch == arch.Xtensa {
		plain, causes, size = xtensaFrame, xtensaCause, xtensaFrameSize
		if exit, state, err := d.ReadUint(a, 4); err == nil && state > elfcore.Missing && exit == 0 {
			plain, causes, size = xtensaSolicited, arch.Layout{}, solicitedFrameSize
		}
	}
	frame := make([]byte, size)
	state, err := d.Memory.Read(frame, a)
	if err != nil {
		return false
	}
	why := d.Because("esp.frame", "the frame at the start of the task's stack, "+a.String(), d.at)
	if regs.Load(plain, frame, d.Order, state, why) != nil {
		return false
	}
	if cause && causes.Slots != "" {
		return regs.Load(causes, frame, d.Order, state, why) == nil
	}
	return true
}

// sameContext tells whether a frame holds the registers of a note. The
// firmware changes some bits of pc and ps on the way into the note.
func sameContext(note, frame *elfcore.Registers) bool {
	const address = 1<<30 - 1
	for _, role := range []func(*elfcore.Registers) (uint64, elfcore.State){(*elfcore.Registers).PC, (*elfcore.Registers).SP, (*elfcore.Registers).LR} {
		x, a := role(note)
		y, b := role(frame)
		if a == elfcore.Missing || b == elfcore.Missing || (x^y)&address != 0 {
			return false
		}
	}
	return true
}

// frameOf finds the frame of a task whose registers a note gives: at the start
// of its stack's segment; else, where stacks are not segments of their own,
// at pxTopOfStack, the first word of a TCB, or below the stack pointer.
func (d *dump) frameOf(t *task, note *elfcore.Registers, cause bool) (frame elfcore.Registers, ok bool) {
	var places []elfcore.Addr
	if t.stack != nil {
		places = append(places, t.stack.addr)
	}
	if top, _, err := d.ReadUint(t.tcb, 4); err == nil && t.state != elfcore.Missing {
		places = append(places, elfcore.Addr(top))
	}
	if sp, state := note.SP(); state != elfcore.Missing && d.Arch == arch.RV32 {
		places = append(places, elfcore.Addr(sp-riscvContext))
	}
	for _, a := range places {
		regs := elfcore.NewRegisters(d.Arch)
		if d.loadFrame(a, &regs, cause) && sameContext(note, &regs) {
			return regs, true
		}
	}
	return frame, false
}

// context is the registers of a task.
func (d *dump) context(t *task, crashed bool) (regs elfcore.Registers) {
	if t.stack != nil && d.chip.isFake(t.stack.addr) || t.broken() {
		return d.broken(t)
	}
	if t.note == nil { // BIN
		regs = elfcore.NewRegisters(d.Arch)
		if t.stack == nil || !d.loadFrame(t.stack.addr, &regs, crashed) {
			d.lost("esp.no-frame", t.at, fmt.Sprintf("the stack of the task at %v lacks its frame", t.tcb), "", "its registers are missing")
		}
	} else {
		regs = *t.note
		if frame, ok := d.frameOf(t, &regs, crashed); ok {
			d.complete(&regs, &frame)
		}
	}
	if d.Arch == arch.Xtensa {
		d.fixXtensa(&regs)
	}
	return regs
}

// broken is the registers of a task that the firmware could not save.
func (d *dump) broken(t *task) elfcore.Registers {
	d.report(elfcore.Warning, "esp.broken-task", t.at, fmt.Sprintf("the stack of the task at %v made no sense to the firmware", t.tcb), "", "its registers are missing")
	regs := elfcore.NewRegisters(d.Arch)
	why := d.Because("esp.broken-task", "the firmware stored a made-up frame", d.at)
	for i := range d.Arch.Regs {
		regs.Clear(arch.Reg(i), why)
	}
	return regs
}

// complete adds to the registers of a note what only the frame holds. A
// solicited frame has fewer registers than the note, where the firmware wrote
// zeros for the rest and cut the call size off a0.
func (d *dump) complete(regs, frame *elfcore.Registers) {
	solicited := false
	if d.Arch == arch.Xtensa {
		a4, _ := d.Arch.Reg("a4")
		_, state := frame.Get(a4)
		solicited = state == elfcore.Missing
	}
	if solicited {
		*regs = *frame
		return
	}
	for i, info := range d.Arch.Regs {
		if v, state := frame.Get(arch.Reg(i)); info.Group == arch.Control && state != elfcore.Missing {
			regs.Set(arch.Reg(i), v, state, frame.Why(arch.Reg(i)))
		}
	}
}

// Of an Xtensa's address of code the upper two bits are the region, all of
// whose code is in region 1. In a return address they are the call's size.
const regionMask, codeRegion = 3 << 30, 1 << 30

// fixXtensa does what the firmware and the vendor's tool do with registers
// (esp.md 2.1).
func (d *dump) fixXtensa(regs *elfcore.Registers) {
	reg := func(name string) arch.Reg { r, _ := d.Arch.Reg(name); return r }
	set := func(r arch.Reg, v uint64, rule, text string) {
		_, state := regs.Get(r)
		regs.Set(r, v, min(state, elfcore.Recovered), d.Because(rule, text, d.at))
	}
	// Folklore: the handler runs with PS.EXCM set, and GDB then believes that
	// register windows are off: it stops at frame 1. Test: TestXtensaFixes.
	if ps, state := regs.Get(reg("ps")); state != elfcore.Missing && ps&psUM != 0 && ps&psEXCM != 0 {
		set(reg("ps"), ps&^psEXCM, "esp.excm", fmt.Sprintf("PS.EXCM cleared, as the task runs with it; was 0x%08x", ps))
	}
	if pc, state := regs.PC(); state != elfcore.Missing && pc != 0 && pc&regionMask != codeRegion {
		set(d.Arch.PC, pc&^regionMask|codeRegion, "esp.region", fmt.Sprintf("region bits restored; was 0x%08x", pc))
	}
	if a0, state := regs.LR(); state != elfcore.Missing && a0 != 0 && a0&regionMask == 0 {
		set(d.Arch.LR, a0|codeRegion, "esp.region", fmt.Sprintf("region bits restored, the call's size is lost; was 0x%08x", a0))
	}
	if _, state := regs.SP(); state != elfcore.Missing {
		why := d.Because("esp.windows", "all outer windows are spilled to the stack", d.at)
		regs.Set(reg("windowbase"), 0, elfcore.Recovered, why)
		regs.Set(reg("windowstart"), 0, elfcore.Recovered, why)
	}
	regs.Clear(reg("threadptr"), d.Because("esp.threadptr", "no dump of Espressif's holds it", d.at))
}
