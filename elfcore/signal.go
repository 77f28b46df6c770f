package elfcore

import (
	"fmt"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// signalFaults say which fault a signal of a process, or better its code, tells
// of. addr: si_addr is the address of the access that failed.
//
// Folklore: si_addr is 0 where x86 has no address: after a general protection
// fault (SI_KERNEL) and an alignment check (BUS_ADRALN); FreeBSD gives the
// program counter for BUS_OBJERR. Tests: TestSignals, TestLinuxProcess.
var signalFaults = []struct {
	name  string
	fault arch.Fault
	addr  bool
}{
	{"SEGV_MAPERR", arch.FaultAccess, true},
	{"SEGV_ACCERR", arch.FaultAccess, true},
	{"SEGV_BNDERR", arch.FaultAccess, true},
	{"SEGV_PKUERR", arch.FaultAccess, true},
	{"SEGV_MTESERR", arch.FaultSecurity, true},
	{"SEGV_MTEAERR", arch.FaultSecurity, false},
	{"SEGV_CPERR", arch.FaultSecurity, false},
	{"BUS_ADRALN", arch.FaultAlignment, false},
	{"BUS_ADRERR", arch.FaultBus, true},
	{"BUS_MCEERR_AR", arch.FaultBus, true},
	{"FPE_INTDIV", arch.FaultDivide, false},
	{"FPE_INTOVF", arch.FaultDivide, false},
	{"SIGSEGV", arch.FaultAccess, false},
	{"SIGBUS", arch.FaultBus, false},
	{"SIGFPE", arch.FaultFloat, false},
	{"SIGILL", arch.FaultIllegal, false},
	{"SIGTRAP", arch.FaultBreakpoint, false},
	{"SIGABRT", arch.FaultAbort, false},
}

// signalsOf names the signals of cores that a system wrote.
var signalsOf = map[string]*notes.Signals{FormatLinux: &notes.LinuxSignals, FormatELF: &notes.LinuxSignals, FormatFreeBSD: &notes.FreeBSDSignals}

// Signal is the number and name of the signal that ended a process, as its core
// states it; of other crashes the one that stands for the fault in a core file.
// It is 0, without a name, if nothing tells. FreeBSD's processes have FreeBSD's
// numbers, all others Linux'.
func (c *Core) Signal() (number int, name string) {
	signals, stated := signalsOf[c.Format]
	if stated {
		number = int(c.Crash.Reason.Value)
	} else {
		signals, number = &notes.LinuxSignals, c.Arch.SignalFor(c.Crash.Fault.Value)
	}
	if number == 0 {
		return 0, ""
	}
	return number, signals.Name(int32(number))
}

// death is the signal that ended a process. Code and addr, siginfo_t's, are
// there if informed is set.
type death struct {
	signal   int32
	informed bool
	code     int32
	addr     uint64
}

// judge tells the Core's crash from the signal that ended the process.
func (c *Core) judge(d death, s *notes.Signals) {
	if d.signal == 0 || len(c.Threads) == 0 {
		return // a process that lives on
	}
	// Systems write the thread that got the signal first.
	c.Crash.Thread = 0
	c.Crash.Reason = Fact[uint64]{Value: uint64(d.signal), State: Known}
	name := s.Name(d.signal)
	text, code := name, ""
	if d.informed {
		var meaning string
		if code, meaning = s.Code(d.signal, d.code); code == "" {
			text = fmt.Sprintf("%s, code %d", name, d.code)
		} else {
			text = fmt.Sprintf("%s, %s: %s", name, code, meaning)
		}
	}
	c.Crash.Message = Fact[string]{Value: text, State: Known}
	if d.informed && s.Sent(d.code) && name != "SIGABRT" {
		return
	}
	for _, row := range signalFaults {
		if row.name != name && row.name != code {
			continue
		}
		c.Crash.Fault = Fact[arch.Fault]{Value: row.fault, State: Known}
		if !d.informed {
			c.Crash.Fault.State = Recovered
			c.Crash.Fault.Why = c.Because("process.signal", "the signal alone, for the core does not hold its code", Pos{Off: -1})
		}
		if row.addr {
			c.Crash.Addr = Fact[Addr]{Value: Addr(d.addr), State: Known}
			if pc, s := c.Threads[0].Regs.PC(); row.fault == arch.FaultAccess && s == Known && pc&c.Arch.CodeMask == d.addr&c.Arch.CodeMask {
				c.Crash.Fault.Value = arch.FaultInstruction
			}
		}
		return
	}
}
