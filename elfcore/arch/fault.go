package arch

import "fmt"

// Fault is the neutral kind of a crash. The zero value means that it cannot be
// told. CPU tables and vendors' reason tables both map to it.
type Fault uint8

// The kinds of faults.
const (
	FaultUnknown     Fault = iota
	FaultBreakpoint        // debug exception, breakpoint instruction
	FaultIllegal           // undefined instruction, wrong CPU state, no coprocessor
	FaultAbort             // panic, oops, assertion: the program ended itself
	FaultDivide            // integer division by zero or overflow
	FaultFloat             // floating point exception
	FaultBus               // bus error, external abort
	FaultAlignment         // unaligned access
	FaultAccess            // access to memory that is not there or not allowed
	FaultStack             // stack overflow
	FaultInstruction       // instruction fetch from memory that is not there
	FaultSecurity          // security or integrity violation
	FaultWatchdog          // watchdog
	FaultInterrupt         // unexpected interrupt
)

// faults holds each fault's name and the Linux signal number that a core
// carries for it, 0 where nothing tells: debuggers then name no signal. This
// is the only place that picks one.
var faults = [...]struct {
	name   string
	signal int
}{
	FaultUnknown:     {"unknown", 0},
	FaultBreakpoint:  {"breakpoint", 5},
	FaultIllegal:     {"illegal instruction", 4},
	FaultAbort:       {"abort", 6},
	FaultDivide:      {"division by zero", 8},
	FaultFloat:       {"floating point exception", 8},
	FaultBus:         {"bus error", 7},
	FaultAlignment:   {"unaligned access", 7},
	FaultAccess:      {"memory access", 11},
	FaultStack:       {"stack overflow", 11},
	FaultInstruction: {"instruction fetch", 11},
	FaultSecurity:    {"security violation", 11},
	FaultWatchdog:    {"watchdog", 6},
	FaultInterrupt:   {"unexpected interrupt", 6},
}

// Signal is the Linux signal number for the fault.
func (f Fault) Signal() int {
	if int(f) < len(faults) {
		return faults[f].signal
	}
	return faults[FaultUnknown].signal
}

// SignalFor is the signal a core for this CPU carries. Under OS ABI "none"
// GDB reads the number in the numbering of the host that it runs on, where
// only 4, 5, 6, 8 and 11 mean the same everywhere; so such CPUs use SIGSEGV
// in place of SIGBUS.
func (a *Arch) SignalFor(f Fault) int {
	s := f.Signal()
	if s == 7 && a.Core.OSABI == 0 {
		return 11
	}
	return s
}

// MarshalText writes the fault's name.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a fault's name.
func (f *Fault) UnmarshalText(text []byte) error {
	for i := range faults {
		if faults[i].name == string(text) {
			*f = Fault(i)
			return nil
		}
	}
	return fmt.Errorf("unknown fault %q", text)
}

func (f Fault) String() string {
	if int(f) < len(faults) {
		return faults[f].name
	}
	return faults[FaultUnknown].name
}

// Faults lists every kind, in numeric order.
func Faults() []Fault {
	list := make([]Fault, len(faults))
	for i := range list {
		list[i] = Fault(i)
	}
	return list
}
