package zephyr

import (
	"slices"
	"strings"

	"corelift/elfcore"
)

// placeByOrder fills in where the crashed thread's structure and stack lie, as far
// as the dump alone tells: a thread's structure is followed by its stack, and a
// MIN dump holds exactly these two (zephyr.md 6). Kernel does it better where
// the firmware is known.
func placeByOrder(c *elfcore.Core) {
	t := c.Crashed()
	list := regionList(c)
	if t == nil || len(list) < 2 || t.Stack.State != elfcore.Missing {
		return
	}
	i := 0
	if t.Control.State != elfcore.Missing {
		i = slices.IndexFunc(list[:len(list)-1], func(r elfcore.Range) bool { return r.Addr == t.Control.Value })
	} else if len(list) != 2 {
		return
	}
	if i < 0 || !describes(c, list[i], list[i+1]) {
		return
	}
	control, stack := list[i], list[i+1]
	// The stack of an interrupt's crash is not that of the thread.
	if sp, s := t.Regs.SP(); s >= elfcore.Suspect && sp != 0 && !near(stack, elfcore.Addr(sp)) {
		return
	}
	why := c.Because("zephyr.thread-blocks", "the thread's structure, which says where its stack lies, and the stack follow one another", nowhere)
	if t.Control.State == elfcore.Missing {
		t.Control = elfcore.Fact[elfcore.Addr]{Value: control.Addr, State: elfcore.Recovered, Why: why}
	}
	t.Stack = elfcore.Fact[elfcore.Range]{Value: stack, State: elfcore.Recovered, Why: why}
}

// maxThreadStruct bounds struct k_thread, in bytes; x86 with lazily saved
// vector state is the largest.
const maxThreadStruct = 4096

// describes tells whether a k_thread says where the stack lies: its stack_info
// holds start and size. The dump may begin the stack later, at sp.
func describes(c *elfcore.Core, control, stack elfcore.Range) bool {
	ptr := elfcore.Addr(c.Arch.PtrSize())
	var start uint64 // the word before
	for p := elfcore.Addr(0); uint64(p) < min(control.Size, maxThreadStruct); p += ptr {
		v, _, err := c.ReadWord(control.Addr + p)
		if err != nil {
			v = 0 // lost
		} else if start != 0 && elfcore.Addr(start) <= stack.Addr && elfcore.Addr(start+v) == stack.End() {
			return true
		}
		start = v
	}
	return false
}

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
