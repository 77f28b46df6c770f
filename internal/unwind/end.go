package unwind

import (
	"fmt"
	"strconv"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// EndKind sorts the reasons why a trace ends.
type EndKind uint8

// The reasons why a trace ends.
const (
	Outermost     EndKind = iota // nothing called this frame
	NoStack                      // the stack is not in the dump at At
	NoCode                       // the return address At is in no image
	NoRule                       // nothing tells who called the code at At
	NeedsRegister                // a register is needed that is not in the dump
	Backwards                    // the stack pointer would go inwards, to At
	Loop                         // a frame repeats at At
	OtherStack                   // the interrupted code has a stack of its own, unknown where
	Expression                   // the rule at At is a DWARF expression that can't be evaluated
	Undescribed                  // the firmware's table says that the function at At can't be unwound
	Limit                        // as many frames as were asked for, or as much time as there is
)

var endNames = [...]string{
	Outermost: "outermost", NoStack: "no-stack", NoCode: "no-code", NoRule: "no-rule", NeedsRegister: "needs-register",
	Backwards: "backwards", Loop: "loop", OtherStack: "other-stack", Expression: "expression", Undescribed: "undescribed", Limit: "limit",
}

func (k EndKind) String() string {
	if int(k) < len(endNames) {
		return endNames[k]
	}
	return "EndKind(" + strconv.Itoa(int(k)) + ")"
}

// End says why a trace ends, as data and in words.
type End struct {
	Kind EndKind
	At   elfcore.Addr // what At stands for depends on Kind; 0 if nothing
	Text string
}

func (e *End) Error() string { return e.Text }

func endAt(k EndKind, at elfcore.Addr, format string) *End {
	return &End{k, at, fmt.Sprintf(format, at)}
}

func outermost() *End               { return &End{Kind: Outermost, Text: "outermost frame"} }
func noStack(a elfcore.Addr) *End   { return endAt(NoStack, a, "stack not in dump at %v") }
func noCode(a elfcore.Addr) *End    { return endAt(NoCode, a, "code not in any image at %v") }
func noRule(a elfcore.Addr) *End    { return endAt(NoRule, a, "nothing tells the caller of %v") }
func backwards(a elfcore.Addr) *End { return endAt(Backwards, a, "stack runs backwards to %v") }
func loop(a elfcore.Addr) *End      { return endAt(Loop, a, "loop: the frame at %v repeats") }
func undescribed(a elfcore.Addr) *End {
	return endAt(Undescribed, a, ".ARM.exidx says that %v can't be unwound")
}
func limited() *End     { return &End{Kind: Limit, Text: "frame limit reached"} }
func gaveUp() *End      { return &End{Kind: Limit, Text: "gave up after " + patience.String()} }
func noRegisters() *End { return &End{Kind: NeedsRegister, Text: "no registers"} }

func otherStack(owner string) *End {
	return &End{Kind: OtherStack, Text: "the caller runs on the stack of " + owner + ", which is not in the dump"}
}

func expression(function elfcore.Addr, err error) *End {
	return &End{Kind: Expression, At: function, Text: fmt.Sprintf("call frame information of %v: %v", function, err)}
}

func (u *unwinder) needs(r arch.Reg) *End {
	name := fmt.Sprintf("number %d", r)
	if int(r) < len(u.arch.Regs) {
		name = u.arch.Regs[r].Name
	}
	return &End{Kind: NeedsRegister, Text: "unwinding needs register " + name + ", which is not in the dump"}
}
