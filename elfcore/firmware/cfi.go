package firmware

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// RuleKind tells how a register of the caller is found.
type RuleKind uint8

// The kinds of rules (DWARF 5, 6.4.1).
const (
	RuleUndefined  RuleKind = iota // not recoverable
	RuleSame                       // unchanged
	RuleOffset                     // stored at CFA + Offset
	RuleValOffset                  // is CFA + Offset
	RuleRegister                   // is the callee's register Reg
	RuleExpression                 // stored at the address that Expr computes
	RuleValue                      // is what Expr computes
)

// Rule is one register's rule. Offset is in bytes.
type Rule struct {
	Kind   RuleKind
	Reg    arch.Reg
	Offset int64
	Expr   []byte
}

// Row is the call frame information that holds at one pc. CFA is RuleRegister
// with an Offset (register plus offset) or RuleValue. Registers absent from
// Regs are unchanged if the callee preserves them, else unknown. Return is the
// column of the return address. Signal marks a frame entered by an exception.
//
// Exidx marks a row of .ARM.exidx, where no call frame information covers the
// pc. It holds in the body of the function, so at each of its calls, but not
// in prologue and epilogue. One with an undefined CFA is the table's word that
// the function can't be unwound.
type Row struct {
	CFA    Rule
	Regs   map[arch.Reg]Rule
	Return arch.Reg
	Signal bool
	Exidx  bool
	// Function is the range of code that the entry covers.
	Function elfcore.Range
}
