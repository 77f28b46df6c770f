package espcore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// cause is a reason as the panic handler prints it.
type cause struct {
	name  string
	fault arch.Fault // FaultUnknown: the CPU's own table says
}

// exccauses are the hardware's (ESP-IDF, xtensa/panic_arch.c).
var exccauses = map[uint64]string{
	0: "IllegalInstruction", 1: "Syscall", 2: "InstructionFetchError", 3: "LoadStoreError", 4: "Level1Interrupt",
	5: "Alloca", 6: "IntegerDivideByZero", 7: "PCValue", 8: "Privileged", 9: "LoadStoreAlignment",
	12: "InstrPDAddrError", 13: "LoadStorePIFDataError", 14: "InstrPIFAddrError", 15: "LoadStorePIFAddrError",
	16: "InstTLBMiss", 17: "InstTLBMultiHit", 18: "InstFetchPrivilege", 20: "InstrFetchProhibited",
	24: "LoadStoreTLBMiss", 25: "LoadStoreTLBMultihit", 26: "LoadStorePrivilege", 28: "LoadProhibited", 29: "StoreProhibited",
	32: "Cp0Dis", 33: "Cp1Dis", 34: "Cp2Dis", 35: "Cp3Dis", 36: "Cp4Dis", 37: "Cp5Dis", 38: "Cp6Dis", 39: "Cp7Dis",
}

// pseudoCauses are the panic handler's own, stored as 64 and up (ESP-IDF,
// panic_reason.h).
var pseudoCauses = []cause{
	{"Unknown reason", arch.FaultUnknown},
	{"Unhandled debug exception", arch.FaultBreakpoint},
	{"Double exception", arch.FaultAbort},
	{"Unhandled kernel exception", arch.FaultAbort},
	{"Coprocessor exception", arch.FaultIllegal},
	{"Interrupt wdt timeout on CPU0", arch.FaultWatchdog},
	{"Interrupt wdt timeout on CPU1", arch.FaultWatchdog},
	{"Cache error", arch.FaultAccess}, // ESP32: "Cache disabled but cached memory region accessed"
}

const (
	firstPseudo = 64
	noExccause  = 0xffff     // unknown, or the task was skipped
	noMcause    = 0xdeadc0de // a register dump without a crash
	otherCPU    = 1 << 12    // of an interrupt's number: the second core's watchdog (ESP32-P4)
	firstNumber = 16         // of an interrupt; below are exceptions
)

// mcauses are exceptions (privileged manual, table 3.6).
var mcauses = map[uint64]string{
	0: "Instruction address misaligned", 1: "Instruction access fault", 2: "Illegal instruction", 3: "Breakpoint",
	4: "Load address misaligned", 5: "Load access fault", 6: "Store address misaligned", 7: "Store access fault",
	8: "Environment call from U-mode", 9: "Environment call from S-mode", 11: "Environment call from M-mode",
	12: "Instruction page fault", 13: "Load page fault", 15: "Store page fault",
}

// mcauseInterrupts are the interrupts that end in the panic handler, by their
// number without the top bit (ESP-IDF, soc.h of the chips with one core).
var mcauseInterrupts = map[uint64]cause{
	24: {"Interrupt wdt timeout", arch.FaultWatchdog},
	25: {"Cache error", arch.FaultAccess},
	26: {"Memory protection fault", arch.FaultAccess},
	27: {"Stack protection fault", arch.FaultStack},
}

// xtensaCauseOf explains EXCCAUSE as a dump stores it.
func xtensaCauseOf(n uint64) cause {
	if i := n - firstPseudo; i < uint64(len(pseudoCauses)) {
		return pseudoCauses[i]
	}
	return cause{name: exccauses[n]}
}

// riscvCauseOf explains MCAUSE as a dump stores it.
func riscvCauseOf(n uint64) cause {
	n &^= 1 << 31
	if n&^otherCPU >= firstNumber {
		return mcauseInterrupts[n&^otherCPU]
	}
	return cause{name: mcauses[n]}
}

// panicWords tell the fault in texts of the panic handler; the first that is in the
// text counts. Any other text means that the program ended itself.
var panicWords = []struct {
	words string
	fault arch.Fault
}{
	{"stack overflow", arch.FaultStack},
	{"Stack canary", arch.FaultStack},
	{"Stack protection fault", arch.FaultStack},
	{"wdt timeout", arch.FaultWatchdog},
	{"watchdog", arch.FaultWatchdog},
}

func faultOfText(text string) arch.Fault {
	for _, w := range panicWords {
		if strings.Contains(text, w.words) {
			return w.fault
		}
	}
	return arch.FaultAbort
}

// faultOfReason is what the reason in "panic'ed (reason)" means.
func faultOfReason(a *arch.Arch, reason string) arch.Fault {
	names, register := exccauses, "exccause"
	if a == arch.RV32 {
		names, register = mcauses, "mcause"
	}
	for n, name := range names {
		if name == reason {
			return a.Fault(func(r string) (uint64, bool) { return n, r == register })
		}
	}
	for _, c := range slices.AppendSeq(slices.Clone(pseudoCauses), maps.Values(mcauseInterrupts)) {
		if c.name == reason {
			return c.fault
		}
	}
	return arch.FaultUnknown
}

// cause says why the crash happened. The panic handler's text counts most:
// abort() and assertions end in a store to address 0, whose cause is not the
// reason.
func (d *dump) cause() {
	t := d.Core.Crashed()
	if t == nil {
		return
	}
	setCause(d.Core, t, d.at)
	if len(d.info.details) > 0 {
		text := strings.Join(d.info.details, "; ")
		why := d.Because("esp.note", notePanic, d.at)
		d.Crash.Message = elfcore.Fact[string]{Value: text, State: d.info.detailsState, Why: why}
		d.Crash.Fault = elfcore.Fact[arch.Fault]{Value: faultOfText(text), State: d.info.detailsState, Why: why}
		d.Crash.Addr = elfcore.Fact[elfcore.Addr]{}
	}
}

// accessFaults are those whose address a register tells.
var accessFaults = map[arch.Fault]bool{arch.FaultAccess: true, arch.FaultBus: true, arch.FaultAlignment: true, arch.FaultInstruction: true}

// setCause takes the cause from the registers of the crashed thread.
func setCause(c *elfcore.Core, t *elfcore.Thread, at elfcore.Pos) {
	number, address, key, none, of := "exccause", "excvaddr", factCause, uint64(noExccause), xtensaCauseOf
	if c.Arch == arch.RV32 {
		number, address, key, none, of = "mcause", "mtval", factMcause, noMcause, riscvCauseOf
	}
	r, _ := c.Arch.Reg(number)
	n, state := t.Regs.Get(r)
	if state == elfcore.Missing || n == none {
		return
	}
	why := t.Regs.Why(r)
	x := of(n)
	text := strings.TrimSpace(fmt.Sprintf("0x%x %s", n, x.name))
	c.Facts[key] = elfcore.Fact[string]{Value: text, State: state, Why: why}
	c.Crash.Reason = elfcore.Fact[uint64]{Value: n, State: state, Why: why}
	if x.fault == arch.FaultUnknown && x.name != "" {
		x.fault = c.Arch.Fault(func(name string) (uint64, bool) { return n, name == number })
	}
	if x.fault == arch.FaultUnknown {
		return
	}
	c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: x.fault, State: state, Why: why}
	c.Crash.Message = elfcore.Fact[string]{Value: x.name, State: state, Why: why}
	if r, _ = c.Arch.Reg(address); accessFaults[x.fault] && n < firstPseudo {
		if v, state := t.Regs.Get(r); state != elfcore.Missing {
			c.Crash.Addr = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v), State: state, Why: t.Regs.Why(r)}
		}
	}
}
