package freertos

import (
	"fmt"

	"corelift/elfcore"
)

// listSymbol is one of the kernel's lists, or an array of them. item is the
// member of the TCB by which tasks are in it.
type listSymbol struct {
	symbol, status string
	item           int
}

const (
	readySymbol     = "pxReadyTasksLists" // an array, by priority
	pendingSymbol   = "xPendingReadyList" // in multi-core kernels an array, by core
	suspendedSymbol = "xSuspendedTaskList"
)

// listSymbols are all lists of tasks.c that own tasks. pxDelayedTaskList and
// pxOverflowDelayedTaskList point to the two delayed lists.
var listSymbols = []listSymbol{
	{readySymbol, statusReady, atState},
	{pendingSymbol, statusReady, atEvent},
	{"xDelayedTaskList1", statusBlocked, atState},
	{"xDelayedTaskList2", statusBlocked, atState},
	{suspendedSymbol, statusSuspended, atState},
	{"xTasksWaitingTermination", statusDeleted, atState},
}

// list is a listSymbol in memory: count lists of each bytes. count is 0 if the
// program does not describe lists.
type list struct {
	listSymbol
	elfcore.Range
	count, each uint64
}

// walk reads the tasks of a list, or of all lists of an array. A list that is
// cut somewhere is read from its other end too.
func (k *kernel) walk(l *list) (out []elfcore.Fact[elfcore.Addr]) {
	for _, m := range []int{atEnd, atFirst, atLast, atNext, atPrevious, atOwner, l.item} {
		if !k.at[m].ok {
			return nil
		}
	}
	for i := uint64(0); i < l.count && k.items > 0; i++ {
		at := l.Addr + elfcore.Addr(i*l.each)
		found, whole := k.follow(l, at, atFirst, atNext)
		out = append(out, found...)
		if !whole {
			found, _ = k.follow(l, at, atLast, atPrevious)
			out = append(out, found...)
		}
	}
	return out
}

// follow reads one list in one direction. whole tells that it came to the end,
// or that the dump does not have the list at all.
//
// Folklore: a crash amid an insertion or a removal leaves a link that leads
// into another list, whose end mark is no item and has no owner. TestCutLists.
func (k *kernel) follow(l *list, at elfcore.Addr, first, next int) (out []elfcore.Fact[elfcore.Addr], whole bool) {
	end := at + elfcore.Addr(k.at[atEnd].off)
	why := k.because("freertos.list", l.symbol)
	link, s := k.word(at + elfcore.Addr(k.at[first].off))
	if s == elfcore.Missing || link == 0 { // not dumped; not yet initialised
		return nil, true
	}
	visited := map[elfcore.Addr]bool{}
	for item := elfcore.Addr(link); item != end; {
		owner, owns := k.word(item + elfcore.Addr(k.at[atOwner].off))
		follows, links := k.word(item + elfcore.Addr(k.at[next].off))
		switch {
		case visited[item]:
			k.report(elfcore.Warning, "freertos.list-loop", fmt.Sprintf("%s at %v: item %v a second time", l.symbol, at, item),
				"the list's end", "read from both ends")
			return out, false
		case k.items == 0:
			k.report(elfcore.Warning, "freertos.list-long", fmt.Sprintf("more than %d items in lists", maxItems), "", "the rest is left out")
			return out, true
		case owns == elfcore.Missing || links == elfcore.Missing:
			k.report(elfcore.Info, "freertos.list-cut", fmt.Sprintf("%s at %v: the item at %v is not in the dump", l.symbol, at, item),
				"an item of a task", "read from both ends")
			return out, false
		case !k.owned(elfcore.Addr(owner), item, l.item):
			k.report(elfcore.Warning, "freertos.list-wild", fmt.Sprintf("%s at %v: a link to %v", l.symbol, at, item),
				"an item of a task", "read from both ends")
			return out, false
		}
		k.items--
		visited[item] = true
		s = min(s, owns)
		out = append(out, elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(owner), State: s, Why: why})
		item, s = elfcore.Addr(follows), min(s, links)
	}
	return out, true
}

// owned tells whether an item lies where its owner has one, which is what
// proves both.
func (k *kernel) owned(tcb, item elfcore.Addr, member int) bool {
	return item == tcb+elfcore.Addr(k.at[member].off) && uint64(tcb)%uint64(k.core.Arch.PtrSize()) == 0
}
