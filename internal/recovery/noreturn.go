package recovery

import (
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// The windowed ABI of Xtensa. Of a return address the upper two bits are the
// size of the call, in place of those of the region, which holds all of a
// program's code. Below the stack pointer of each frame lies its base save
// area: a0 and a1 of its caller.
const (
	windowRegion = 3 << 30
	savedA0      = 16 // bytes below the stack pointer
	savedA1      = 12

	callSize = 3 // bytes of a call, callx and entry
	entryOp  = 0x36

	// maxWindows bounds the frames of a thread that are looked at.
	maxWindows = 4096
)

// FixNoreturn lowers return addresses of Xtensa threads that are the address of
// the next function's ENTRY instruction, so that they are that of the call.
//
// Folklore: the call of a function that never returns can be the last
// instruction of its caller; its return address then is in the next function,
// on ENTRY, where no frame exists yet. Mainline GDB takes the function for
// that one and ends with "previous frame identical to this frame" after
// panic_abort; Espressif's GDB copes (esp.md 8). This edits bytes of the dump, so
// the user must ask for it. Test: TestFixNoreturn.
func FixNoreturn(c *elfcore.Core, p *firmware.Set) {
	if c.Arch != arch.Xtensa {
		return
	}
	if p == nil {
		c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "recovery.noreturn", At: nowhere,
			Found: "no firmware, which tells where functions begin", Done: "return addresses stay as they are"})
		return
	}
	registers, words := 0, 0
	for i := range c.Threads {
		registers += lowerA0(c, p, &c.Threads[i].Regs)
		words += lowerSaved(c, p, &c.Threads[i].Regs)
	}
	if registers+words > 0 {
		c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "recovery.noreturn", At: nowhere,
			Found: fmt.Sprintf("%d return addresses in registers and %d in memory on the ENTRY of the next function", registers, words),
			Done:  "lowered by 3, to the call, as you asked for: these bytes are not those of the dump"})
	}
}

// lowerA0 lowers the return address in a thread's registers.
func lowerA0(c *elfcore.Core, p *firmware.Set, r *elfcore.Registers) (n int) {
	if r.Arch() == nil {
		return 0
	}
	ret, state := r.LR()
	if state == elfcore.Missing || !onEntry(p, ret) {
		return 0
	}
	r.Set(c.Arch.LR, ret-callSize, min(state, elfcore.Recovered), noreturn(c, ret))
	return 1
}

// lowerSaved lowers those in the base save areas of a thread's frames, as far
// as these lead outwards.
func lowerSaved(c *elfcore.Core, p *firmware.Set, r *elfcore.Registers) (n int) {
	if r.Arch() == nil {
		return 0
	}
	sp, state := r.SP()
	for range maxWindows {
		if state == elfcore.Missing || sp < savedA0 {
			return n
		}
		at := elfcore.Addr(sp) - savedA0
		ret, retState, err := c.ReadWord(at)
		if err != nil || ret == 0 {
			return n
		}
		if onEntry(p, ret) {
			word := make([]byte, 4)
			c.Order.PutUint32(word, uint32(ret-callSize))
			old, _ := c.Memory.At(at)
			fixed := elfcore.NewRegion(at, word, old.Perm, min(retState, elfcore.Recovered), noreturn(c, ret))
			if c.Memory.Replace(fixed) == nil {
				n++
			}
		}
		var outer uint64
		if outer, state, err = c.ReadWord(elfcore.Addr(sp) - savedA1); err != nil || outer <= sp {
			return n
		}
		sp = outer
	}
	return n
}

// onEntry tells whether a return address follows a call and is where a
// function of the firmware begins, with ENTRY.
func onEntry(p *firmware.Set, ret uint64) bool {
	a := elfcore.Addr(ret&^windowRegion | p.Images()[0].Entry&windowRegion)
	f, ok := p.Function(a)
	if !ok || f.Addr != a || a < callSize {
		return false
	}
	var code [callSize + 1]byte
	return p.ReadConst(code[:], a-callSize) == nil && code[callSize] == entryOp && arch.Xtensa.CallBefore(code[:callSize])
}

func noreturn(c *elfcore.Core, was uint64) elfcore.Why {
	return c.Because("recovery.noreturn", fmt.Sprintf("lowered by 3, from the ENTRY of the next function to the call; the dump has 0x%08x", was), nowhere)
}
