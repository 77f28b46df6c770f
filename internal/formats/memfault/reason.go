package memfault

import (
	"fmt"

	"corelift/elfcore/arch"
)

// reason is one of Memfault's reboot reasons.
type reason struct {
	code  uint32
	text  string
	fault arch.Fault
}

// reasons are those of reboot_reason_types.h, SDK 1.43.0, that end in a dump.
var reasons = []reason{
	{0x0000, "Unknown", arch.FaultUnknown},
	{0x8000, "Unknown error", arch.FaultUnknown},
	{0x8001, "Assertion", arch.FaultAbort},
	{0x8002, "Watchdog", arch.FaultWatchdog},
	{0x8003, "Brown-out reset", arch.FaultUnknown},
	{0x8004, "Non-maskable interrupt", arch.FaultInterrupt},
	{0x8005, "Hardware watchdog", arch.FaultWatchdog},
	{0x8006, "Software watchdog", arch.FaultWatchdog},
	{0x8007, "Clock failure", arch.FaultUnknown},
	{0x8008, "Kernel panic", arch.FaultAbort},
	{0x8009, "Firmware update error", arch.FaultUnknown},
	{0x800a, "Out of memory", arch.FaultAbort},
	{0x800b, "Stack overflow", arch.FaultStack},
	{0x800c, "Task watchdog", arch.FaultWatchdog},
	{0x9100, "Bus fault", arch.FaultBus},
	{0x9200, "Memory fault", arch.FaultAccess},
	{0x9300, "Usage fault", arch.FaultIllegal},
	{0x9400, "Hard fault", arch.FaultUnknown},
	{0x9401, "Lockup", arch.FaultUnknown},
	{0x9402, "Security violation", arch.FaultSecurity},
	{0x9403, "Parity error", arch.FaultBus},
	{0x9404, "Temperature", arch.FaultUnknown},
	{0x9405, "Hardware error", arch.FaultUnknown},
}

const firstCustom = 0xa000

// isCPUFault tells whether a reason is a fault that the CPU raised.
func isCPUFault(code uint32) bool { return code >= 0x9000 && code < firstCustom }

func explainReason(code uint32) reason {
	for _, r := range reasons {
		if r.code == code {
			return r
		}
	}
	if code >= firstCustom {
		return reason{code, fmt.Sprintf("Reason 0x%04x of the application", code), arch.FaultUnknown}
	}
	return reason{code, fmt.Sprintf("Reason 0x%04x", code), arch.FaultUnknown}
}
