package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// thread is a NT_PRSTATUS and the notes up to the next one.
type thread struct {
	status *note
	notes  []*note
	id     int32
	desc   []byte // of status, if its size is right
}

// isStatus tells whether a note starts a thread, whatever its size.
func (f *File) isStatus(n *note) bool {
	return n.typ == notes.PRStatus && (n.owner == "CORE" || n.owner == "LINUX" || n.owner == "FreeBSD")
}

// starts lists what the writer meant to be threads, also those whose
// NT_PRSTATUS debuggers don't take for one. Notes before the first belong to
// none.
func (f *File) starts() (list []*thread) {
	for _, n := range f.notes {
		if f.isStatus(n) {
			list = append(list, &thread{status: n})
		} else if len(list) > 0 {
			t := list[len(list)-1]
			t.notes = append(t.notes, n)
		}
	}
	return list
}

// threads lists the threads that debuggers see.
func (f *File) threads() (list []*thread) {
	for _, t := range f.starts() {
		if t.status.size != int64(f.status.Size) || f.status.Size == 0 {
			continue
		}
		if t.desc = t.status.read(); t.desc != nil {
			t.id = int32(f.number(t.desc[f.status.ID:], 4))
			list = append(list, t)
		}
	}
	return list
}

// number reads an integer of size bytes.
func (f *File) number(b []byte, size int) (v uint64) {
	for i, c := range b[:size] {
		if f.order == binary.LittleEndian {
			v |= uint64(c) << (8 * i)
		} else {
			v = v<<8 | uint64(c)
		}
	}
	return v
}

// put replaces an integer of a note's descriptor.
func (f *File) put(n *note, off, size int, v uint64) {
	desc := bytes.Clone(n.read())
	for i := range size {
		shift := 8 * i
		if f.order != binary.LittleEndian {
			shift = 8 * (size - 1 - i)
		}
		desc[off+i] = byte(v >> shift)
	}
	n.set(desc)
}

// register reads a register of a thread's NT_PRSTATUS.
func (f *File) register(t *thread, reg arch.Reg) (uint64, bool) {
	desc := t.status.read()
	slots, _, err := f.arch.Slots(f.status.Layout)
	if err != nil || len(desc) < f.status.Size {
		return 0, false
	}
	for _, s := range slots {
		if s.Reg == reg {
			return f.number(desc[f.status.Registers+s.Off:], s.Size), true
		}
	}
	return 0, false
}

// noThreads: without a NT_PRSTATUS there are no registers.
func noThreads(f *File) []deviation {
	if f.status.Size == 0 || slices.ContainsFunc(f.notes, func(n *note) bool { return n.typ == notes.PRStatus }) {
		return nil
	}
	return at(-1, "no NT_PRSTATUS", "one for each thread", nil)
}

// statusSizes: BFD compares the size of NT_PRSTATUS exactly.
func statusSizes(f *File) (list []deviation) {
	for _, n := range f.notes {
		if f.status.Size == 0 || !f.isStatus(n) || n.size == int64(f.status.Size) {
			continue
		}
		d := deviation{off: n.off, found: fmt.Sprintf("NT_PRSTATUS of %d bytes", n.size), expected: fmt.Sprintf("%d bytes", f.status.Size)}
		if desc, ok := f.resized(n); ok {
			d.repair = func() string {
				old := n.size
				n.set(desc)
				return fmt.Sprintf("NT_PRSTATUS at %#x: %d bytes became %d; pc and stack pointer show that its registers lie where they should", n.off, old, n.size)
			}
		}
		list = append(list, d)
	}
	return list
}

// resized gives a NT_PRSTATUS its size, if what it has where the registers
// should be are registers: the pc lies in code and the stack pointer in memory.
// A note that ends within the registers lacks some, which nobody may make up.
func (f *File) resized(n *note) ([]byte, bool) {
	_, size, err := f.arch.Slots(f.status.Layout)
	desc := n.read()
	if err != nil || len(desc) < f.status.Registers+size {
		return nil, false
	}
	fixed := make([]byte, f.status.Size)
	copy(fixed, desc)
	r := elfcore.NewRegisters(f.arch)
	if r.Load(f.status.Layout, fixed[f.status.Registers:], f.order, elfcore.Known, 0) != nil {
		return nil, false
	}
	pc, _ := r.PC()
	sp, _ := r.SP()
	return fixed, f.isCode(elfcore.Addr(pc&f.arch.CodeMask)) && f.isMemory(elfcore.Addr(sp))
}

// isCode tells whether an address lies in an executable segment or in the
// program's code.
func (f *File) isCode(a elfcore.Addr) bool {
	if f.options.Program != nil && !f.process && f.options.Program.Executable(a) {
		return true
	}
	r, ok := f.region(a)
	return ok && r.Perm&elfcore.PermX != 0
}

// isMemory tells whether the core has the byte at an address, or the one below
// it: a stack that is empty points behind its end.
func (f *File) isMemory(a elfcore.Addr) bool {
	_, at := f.region(a)
	_, below := f.region(a - 1)
	return at || below
}

// duplicateIDs: two threads of one id, which GDB and LLDB take for one.
func duplicateIDs(f *File) (list []deviation) {
	threads := f.threads()
	used := map[int32]bool{}
	for _, t := range threads {
		used[t.id] = true
	}
	seen := map[int32]bool{}
	next := int32(1)
	for _, t := range threads {
		if t.id == 0 || !seen[t.id] {
			seen[t.id] = true
			continue
		}
		list = append(list, deviation{off: t.status.off, thread: t.id, hasThread: true,
			found: fmt.Sprintf("thread id %d for the second time", t.id), expected: "ids that are unique",
			repair: f.renumber(t, used, &next)})
	}
	return list
}

// zeroIDs: GDB takes a thread of id 0 for the process.
func zeroIDs(f *File) (list []deviation) {
	threads := f.threads()
	used := map[int32]bool{}
	for _, t := range threads {
		used[t.id] = true
	}
	next := int32(1)
	for _, t := range threads {
		if t.id == 0 {
			list = append(list, deviation{off: t.status.off, thread: 0, hasThread: true,
				found: "thread id 0", expected: "an id that is not 0", repair: f.renumber(t, used, &next)})
		}
	}
	return list
}

// renumber gives a thread the next id that none has.
func (f *File) renumber(t *thread, used map[int32]bool, next *int32) func() string {
	return func() string {
		for used[*next] {
			*next++
		}
		used[*next] = true
		f.put(t.status, f.status.ID, 4, uint64(*next))
		return fmt.Sprintf("the thread at %#x of id %d has id %d now", t.status.off, t.id, *next)
	}
}

// signals: GDB names the signal of the last thread.
func signals(f *File) (list []deviation) {
	threads := f.threads()
	if len(threads) == 0 {
		return nil
	}
	signal := func(t *thread) uint64 { return f.number(t.desc[f.status.Cursig:], f.status.CursigSize) }
	// The first thread is the one that crashed. If it has no signal, the only
	// one that others have is meant.
	want := signal(threads[0])
	for _, t := range threads {
		if want == 0 {
			want = signal(t)
		}
	}
	for _, t := range threads {
		if s := signal(t); s != want {
			list = append(list, deviation{off: t.status.off, thread: t.id, hasThread: true,
				found: fmt.Sprintf("signal %d", s), expected: fmt.Sprintf("%d, as in the thread that crashed", want),
				repair: func() string {
					f.put(t.status, f.status.Cursig, f.status.CursigSize, want)
					return fmt.Sprintf("signal of thread %d: %d became %d", t.id, s, want)
				}})
		}
	}
	return list
}

// ofThread are the notes that belong to the NT_PRSTATUS before them.
func ofThread(n *note) bool {
	return n.owner == "LINUX" && n.typ != notes.PRStatus || n.is("CORE", notes.FPRegSet) || n.is("CORE", notes.SigInfo) || n.is("GDB", notes.RISCVCSR)
}

// noteOrder: a thread's note that does not follow its NT_PRSTATUS.
func noteOrder(f *File) (list []deviation) {
	type kind struct {
		owner string
		typ   uint32
	}
	threads := f.starts()
	place := map[*note]int{} // the thread that a note belongs to, from 1
	for i, t := range threads {
		for _, n := range t.notes {
			place[n] = i + 1
		}
	}
	var kinds []kind
	byKind := map[kind][]*note{}
	for _, n := range f.notes {
		if k := (kind{n.owner, n.typ}); ofThread(n) && len(threads) > 0 {
			if byKind[k] == nil {
				kinds = append(kinds, k)
			}
			byKind[k] = append(byKind[k], n)
		}
	}
	behind := map[*note][]*note{} // what goes behind a NT_PRSTATUS, of all kinds
	for _, k := range kinds {
		same := byKind[k]
		i := slices.IndexFunc(same, func(n *note) bool { return place[n] == 0 })
		for j := 1; j < len(same) && i < 0; j++ {
			if place[same[j]] == place[same[j-1]] {
				i = j
			}
		}
		if i < 0 {
			continue
		}
		d := deviation{off: same[i].off, found: fmt.Sprintf("note %s/%#x before the NT_PRSTATUS of any thread", k.owner, k.typ), expected: "it behind that of its thread"}
		if p := place[same[i]]; p > 0 {
			d.found = fmt.Sprintf("note %s/%#x for the second time behind one NT_PRSTATUS", k.owner, k.typ)
		}
		// As many as threads: there is one way to give each thread one. Else
		// nobody knows whose it is.
		if len(same) == len(threads) {
			for i, n := range same {
				behind[threads[i].status] = append(behind[threads[i].status], n)
			}
			d.repair = func() string {
				f.move(behind) // once for all
				clear(behind)
				return fmt.Sprintf("the %d notes %s/%#x stand behind the NT_PRSTATUS of one thread each, in the order of the threads", len(same), k.owner, k.typ)
			}
		}
		list = append(list, d)
	}
	return list
}

// move puts notes behind those that the map has them under.
func (f *File) move(behind map[*note][]*note) {
	moved := map[*note]bool{}
	for _, list := range behind {
		for _, n := range list {
			moved[n] = true
		}
	}
	if len(moved) == 0 {
		return
	}
	list := make([]*note, 0, len(f.notes))
	for _, n := range f.notes {
		if !moved[n] {
			list = append(append(list, n), behind[n]...)
		}
	}
	f.notes = list
}

// magic are the values of EXC_RETURN that GDB knows without the security
// extension, which no core describes.
var magic = []uint64{0xffffffe1, 0xffffffe9, 0xffffffed, 0xfffffff1, 0xfffffff9, 0xfffffffd}

// exceptionReturns are the threads of a Cortex-M whose link register holds
// EXC_RETURN: the innermost frame is that of an exception handler.
func (f *File) exceptionReturns(do func(i int, t *thread, value uint64)) {
	if f.arch != arch.CortexM {
		return
	}
	for i, t := range f.threads() {
		if lr, ok := f.register(t, f.arch.LR); ok && slices.Contains(magic, lr) {
			do(i, t, lr)
		}
	}
}

// FPCCR and FPCAR of the Armv7-M and Armv8-M floating point extension.
const fpccr = 0xe000ef34

// floatFrames: GDB needs FPCCR to unwind a frame with floating point registers,
// which bit 4 of EXC_RETURN tells.
func floatFrames(f *File) (list []deviation) {
	f.exceptionReturns(func(_ int, t *thread, lr uint64) {
		if _, ok := f.region(fpccr); ok || lr&(1<<4) != 0 {
			return
		}
		list = append(list, deviation{off: t.status.off, thread: t.id, hasThread: true,
			found: fmt.Sprintf("lr %#x, an exception frame with floating point registers", lr), expected: "FPCCR and FPCAR in the core, 8 bytes at 0xe000ef34"})
	})
	return list
}

// processStacks: GDB looks for the exception frame on the handler's own stack,
// whatever bit 2 of EXC_RETURN says. Of other threads nobody asks first.
func processStacks(f *File) (list []deviation) {
	f.exceptionReturns(func(i int, t *thread, lr uint64) {
		if i == 0 && lr&(1<<2) != 0 {
			list = append(list, deviation{off: t.status.off, thread: t.id, hasThread: true,
				found: fmt.Sprintf("lr %#x, an exception frame on the process stack", lr), expected: "the registers of the code that was interrupted as the first thread"})
		}
	})
	return list
}
