package freertos

import "corelift/elfcore"

// place is where a member lies in its structure, in bytes.
type place struct {
	off, size int64
	ok        bool
}

// The members that the stage reads.
const (
	atTop = iota // in the TCB, from here on
	atStack
	atStackEnd
	atName
	atPriority
	atBasePriority
	atCore
	atNotify
	atState // the item by which a task is in the list of its state
	atStateList
	atEvent // the item by which it waits, or is pending
	atEventList
	atEnd // in a list, from here on: its end mark, which is an item
	atFirst
	atLast
	atNext // in an item
	atPrevious
	atOwner
	memberCount
)

// The structures, by tag and by typedef. The tags have not changed since
// version 7, but ports have been seen without.
var (
	typeTCB  = []string{"tskTaskControlBlock", "TCB_t", "tskTCB"}
	typeList = []string{"xLIST", "List_t", "xList"}
	typeItem = []string{"xLIST_ITEM", "ListItem_t", "xListItem"}
)

// members tells where each member is found, under any of its names: version 9
// renamed xGenericListItem, version 10.3 pvContainer; before version 8.2 there
// are no notifications, in 8.2 their state is an enum, since 10.4 an array.
var members = [memberCount]struct{ types, paths []string }{
	atTop:          {typeTCB, []string{"pxTopOfStack"}},
	atStack:        {typeTCB, []string{"pxStack"}},
	atStackEnd:     {typeTCB, []string{"pxEndOfStack"}},
	atName:         {typeTCB, []string{"pcTaskName"}},
	atPriority:     {typeTCB, []string{"uxPriority"}},
	atBasePriority: {typeTCB, []string{"uxBasePriority"}},
	atCore:         {typeTCB, []string{"xCoreID"}},
	atNotify:       {typeTCB, []string{"ucNotifyState", "eNotifyState"}},
	atState:        {typeTCB, []string{"xStateListItem", "xGenericListItem"}},
	atStateList: {typeTCB, []string{
		"xStateListItem.pxContainer", "xStateListItem.pvContainer", "xGenericListItem.pvContainer",
	}},
	atEvent:     {typeTCB, []string{"xEventListItem"}},
	atEventList: {typeTCB, []string{"xEventListItem.pxContainer", "xEventListItem.pvContainer"}},
	atEnd:       {typeList, []string{"xListEnd"}},
	atFirst:     {typeList, []string{"xListEnd.pxNext"}},
	atLast:      {typeList, []string{"xListEnd.pxPrevious"}},
	atNext:      {typeItem, []string{"pxNext"}},
	atPrevious:  {typeItem, []string{"pxPrevious"}},
	atOwner:     {typeItem, []string{"pvOwner"}},
}

// maxOffset bounds what is believed as an offset; maxPriorities bounds the
// array of ready lists, whose length is the program's own choice.
const (
	maxOffset     = 1 << 16
	maxPriorities = 256
)

// locate finds out where everything lies. It returns false if the program does
// not describe its tasks.
func (k *kernel) locate() bool {
	for m := range k.at {
		k.at[m] = k.find(m)
	}
	k.locateLists()
	return k.at[atTop].ok || k.at[atName].ok
}

// find looks a member up. What can't be an offset in a kernel structure is not
// believed.
func (k *kernel) find(m int) place {
	typ, _ := k.structure(members[m].types)
	for _, path := range members[m].paths {
		off, size, ok := k.prog.Field(typ, path)
		if ok && off >= 0 && off < maxOffset && size > 0 && size < maxOffset {
			return place{off, size, true}
		}
	}
	return place{}
}

// structure picks the name under which the program describes a structure, and
// tells its size in bytes. To ask for names that it does not have takes longest,
// as all units are searched.
func (k *kernel) structure(names []string) (typ string, size uint64) {
	for _, typ := range names {
		if _, size, ok := k.prog.Field(typ, ""); ok && size > 0 && size < maxOffset {
			return typ, uint64(size)
		}
	}
	return "", 0
}

// locateLists finds the kernel's lists.
func (k *kernel) locateLists() {
	_, each := k.structure(typeList)
	for _, row := range listSymbols {
		r, ok := k.prog.Symbol(row.symbol)
		if !ok {
			continue
		}
		l := list{listSymbol: row, Range: r, each: each}
		if each > 0 {
			l.count = min(max(r.Size/each, 1), maxPriorities)
			l.Size = l.count * each
		}
		if row.symbol == readySymbol {
			k.ready = l.count
		}
		k.lists = append(k.lists, l)
	}
}

// member reads an unsigned integer of a TCB; members over 8 bytes are Missing.
func (k *kernel) member(tcb elfcore.Addr, m int) (uint64, elfcore.State) {
	p := k.at[m]
	if !p.ok || p.size > 8 {
		return 0, elfcore.Missing
	}
	return k.uint(tcb+elfcore.Addr(p.off), int(p.size))
}
