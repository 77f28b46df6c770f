package zephyr

import "corelift/elfcore/arch"

// reason is one of Zephyr's fatal reason codes.
type reason struct {
	text  string
	fault arch.Fault
}

// reasons holds the codes that mean the same on every CPU, armReasons those of
// the ARM family from 16 on (zephyr.md 2.3, in the order of Zephyr 3.4's
// include/zephyr/arch/arm/aarch32/error.h).
var (
	reasons = []reason{
		{"CPU exception", arch.FaultUnknown},
		{"Unhandled interrupt", arch.FaultInterrupt},
		{"Stack overflow", arch.FaultStack},
		{"Kernel oops", arch.FaultAbort},
		{"Kernel panic", arch.FaultAbort},
	}
	armReasons = []reason{
		{"Memory fault", arch.FaultAccess},
		{"Memory fault while stacking", arch.FaultStack},
		{"Memory fault while unstacking", arch.FaultStack},
		{"Data access violation", arch.FaultAccess},
		{"Instruction access violation", arch.FaultInstruction},
		{"Memory fault in lazy FP state preservation", arch.FaultAccess},
		{"Bus fault", arch.FaultBus},
		{"Bus fault while stacking", arch.FaultStack},
		{"Bus fault while unstacking", arch.FaultStack},
		{"Precise data bus error", arch.FaultBus},
		{"Imprecise data bus error", arch.FaultBus},
		{"Instruction bus error", arch.FaultInstruction},
		{"Bus fault in lazy FP state preservation", arch.FaultBus},
		{"Usage fault", arch.FaultIllegal},
		{"Division by zero", arch.FaultDivide},
		{"Unaligned access", arch.FaultAlignment},
		{"Stack overflow", arch.FaultStack},
		{"No coprocessor", arch.FaultIllegal},
		{"Illegal EXC_RETURN", arch.FaultIllegal},
		{"Illegal EPSR", arch.FaultIllegal},
		{"Undefined instruction", arch.FaultIllegal},
		{"Secure fault", arch.FaultSecurity},
		{"Secure fault: invalid entry point", arch.FaultSecurity},
		{"Secure fault: integrity signature", arch.FaultSecurity},
		{"Secure fault: exception return", arch.FaultSecurity},
		{"Secure fault: attribution unit", arch.FaultSecurity},
		{"Secure fault: transition", arch.FaultSecurity},
		{"Secure fault: lazy state preservation", arch.FaultSecurity},
		{"Secure fault: lazy state error", arch.FaultSecurity},
		{"Undefined instruction", arch.FaultIllegal}, // 45: Cortex-A/R from here on
		{"Alignment fault", arch.FaultAlignment},
		{"Background fault", arch.FaultAccess},
		{"Permission fault", arch.FaultAccess},
		{"Synchronous external abort", arch.FaultBus},
		{"Asynchronous external abort", arch.FaultBus},
		{"Synchronous parity error", arch.FaultBus},
		{"Asynchronous parity error", arch.FaultBus},
		{"Debug event", arch.FaultBreakpoint},
		{"Translation fault", arch.FaultAccess},
		{"Unsupported exclusive access", arch.FaultAccess},
	}
)

const firstArchReason = 16

// explainReason gives the text and the neutral fault of a reason code. Codes
// that nobody assigned have no text: applications may pass any number.
func explainReason(a *arch.Arch, code uint64) reason {
	if code < uint64(len(reasons)) {
		return reasons[code]
	}
	if i := code - firstArchReason; (a == arch.CortexM || a == arch.ARM) && i < uint64(len(armReasons)) {
		return armReasons[i]
	}
	return reason{}
}
