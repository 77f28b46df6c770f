package zephyr

import (
	"strings"

	"corelift/elfcore"
)

// placeByOrder fills in where the crashed thread's structure and stack lie, as far
// as the dump alone tells: a MIN dump holds exactly these two, in this order
// (zephyr.md 6). Kernel does it better where the firmware is known.
func placeByOrder(c *elfcore.Core) {
	t := c.Crashed()
	if t == nil {
		return
	}
	list := regionList(c)
	if len(list) < 2 || t.Stack.State != elfcore.Missing {
		return
	}
	control, stack := list[0], list[1]
	known := t.Control.State != elfcore.Missing && t.Control.Value == control.Addr
	if !known && (len(list) != 2 || control.Size > maxThreadStruct) {
		return
	}
	// The stack of an interrupt's crash is not that of the thread.
	if sp, s := t.Regs.SP(); s >= elfcore.Suspect && sp != 0 && !near(stack, elfcore.Addr(sp)) {
		return
	}
	why := c.Because("zephyr.thread-blocks", "a dump begins with the faulting thread's structure and stack", nowhere)
	if t.Control.State == elfcore.Missing {
		t.Control = elfcore.Fact[elfcore.Addr]{Value: control.Addr, State: elfcore.Recovered, Why: why}
	}
	t.Stack = elfcore.Fact[elfcore.Range]{Value: stack, State: elfcore.Recovered, Why: why}
}

// maxThreadStruct bounds struct k_thread, in bytes; x86 with lazily saved
// vector state is the largest.
const maxThreadStruct = 4096

// near: a may point into the range or right behind it.
func near(r elfcore.Range, a elfcore.Addr) bool { return r.Contains(a) || a == r.End() }

// regionList is the dump's memory blocks in their order.
func regionList(c *elfcore.Core) (list []elfcore.Range) {
	for _, word := range strings.Fields(c.Facts[factRegions].Value) {
		from, to, _ := strings.Cut(word, "-")
		var a, b elfcore.Addr
		if a.UnmarshalText([]byte(from)) == nil && b.UnmarshalText([]byte(to)) == nil {
			list = append(list, elfcore.Range{Addr: a, Size: uint64(b - a)})
		}
	}
	return list
}
