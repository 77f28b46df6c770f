package zephyr

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"corelift/elfcore"
)

// maxThreads bounds the walk along the kernel's list. maxName bounds a thread's
// name in bytes; with its NUL it has 32 unless configured otherwise.
const (
	maxThreads  = 1024
	maxName     = 256
	defaultName = 32
)

// list is every thread known to the kernel: the current one of the crashed
// CPU, the kernel's list in its order, then current threads of other CPUs that
// the list does not reach.
func (k *kernel) list(current elfcore.Fact[elfcore.Addr], cpus []processor) (out []elfcore.Fact[elfcore.Addr]) {
	seen := map[elfcore.Addr]bool{}
	add := func(f elfcore.Fact[elfcore.Addr]) {
		if f.State == elfcore.Missing || seen[f.Value] {
			return
		}
		seen[f.Value] = true
		if k.believable(f) {
			out = append(out, f)
		}
	}
	add(current)
	for _, f := range k.walkList() {
		add(f)
	}
	for i := range cpus {
		add(cpus[i].current)
	}
	return out
}

// walkList follows _kernel.threads through k_thread.next_thread until it ends
// or stops making sense.
func (k *kernel) walkList() (out []elfcore.Fact[elfcore.Addr]) {
	if !k.at[atThreads].ok || !k.at[atNext].ok {
		return nil
	}
	visited := map[elfcore.Addr]bool{}
	for at := k.pointer(k.at[atThreads].off); at.State != elfcore.Missing && at.Value != 0; {
		switch {
		case visited[at.Value]:
			k.report(elfcore.Warning, "zephyr.thread-list-loop", fmt.Sprintf("thread %v a second time", at.Value),
				"the end of the list", "the list ends there")
			return out
		case len(out) == maxThreads:
			k.report(elfcore.Warning, "zephyr.thread-list-long", fmt.Sprintf("more than %d threads", maxThreads),
				"the end of the list", "the rest is left out")
			return out
		case !k.believable(at):
			return out
		}
		visited[at.Value] = true
		out = append(out, at)
		next, s, err := k.core.ReadWord(at.Value + elfcore.Addr(k.at[atNext].off))
		if err != nil {
			k.report(elfcore.Info, "zephyr.thread-list-cut", fmt.Sprintf("thread %v is not in the dump", at.Value),
				"the address of the next thread", "the list ends there")
			return out
		}
		at.Value, at.State = elfcore.Addr(next), min(s, at.State)
	}
	return out
}

// believable tells whether a pointer can point to a k_thread: aligned, and
// into dumped memory or at least the RAM image that the program describes (a
// dump of one thread names others that it does not hold).
func (k *kernel) believable(at elfcore.Fact[elfcore.Addr]) bool {
	_, dumped := k.core.Memory.At(at.Value)
	if (dumped || k.image.Contains(at.Value)) && uint64(at.Value)%uint64(k.core.Arch.PtrSize()) == 0 {
		return true
	}
	k.report(elfcore.Warning, "zephyr.thread-list-wild", fmt.Sprintf("a thread at %v", at.Value),
		"an aligned address in RAM", "not followed")
	return false
}

// thread reads the facts of a k_thread; what is not in the dump stays Missing.
func (k *kernel) thread(at elfcore.Fact[elfcore.Addr]) elfcore.Thread {
	why := k.because("zephyr.k-thread", "struct k_thread")
	word := k.core.Arch.PtrSize()
	t := elfcore.Thread{Regs: elfcore.NewRegisters(k.core.Arch), Control: at, Name: k.name(at.Value, why)}
	if v, s := k.member(at.Value, atEntry, word); s != elfcore.Missing {
		t.Entry = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(v & k.core.Arch.CodeMask), State: s, Why: why}
	}
	if v, s := k.member(at.Value, atPriority, 1); s != elfcore.Missing {
		t.Priority = elfcore.Fact[int]{Value: int(int8(v)), State: s, Why: why}
	}
	if v, s := k.member(at.Value, atState, 1); s != elfcore.Missing {
		t.Status = elfcore.Fact[string]{Value: statusText(uint8(v), "prestart or sleeping"), State: s, Why: why}
	}
	start, s1 := k.member(at.Value, atStackStart, word)
	size, s2 := k.member(at.Value, atStackSize, word)
	if s := min(s1, s2); s != elfcore.Missing && size > 0 && size <= k.core.Arch.AddrMask()-start {
		t.Stack = elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: elfcore.Addr(start), Size: size}, State: s, Why: why}
	}
	return t
}

// member reads an unsigned integer of a k_thread.
func (k *kernel) member(thread elfcore.Addr, m, size int) (uint64, elfcore.State) {
	if !k.at[m].ok {
		return 0, elfcore.Missing
	}
	v, s, err := k.core.ReadUint(thread+elfcore.Addr(k.at[m].off), size)
	if err != nil {
		return 0, elfcore.Missing
	}
	return v, s
}

// name reads a thread's name up to its NUL. One that has none or does not
// print is kept as it is, but suspect.
func (k *kernel) name(thread elfcore.Addr, why elfcore.Why) (f elfcore.Fact[string]) {
	if !k.at[atName].ok {
		return f
	}
	size := uint64(defaultName)
	if n := k.at[atName].size; n > 0 {
		size = uint64(n)
	}
	at := thread + elfcore.Addr(k.at[atName].off)
	b := make([]byte, min(size, maxName, k.core.Memory.Run(at).Size))
	s, err := k.core.Memory.Read(b, at)
	if err != nil || len(b) == 0 || b[0] == 0 {
		return f
	}
	text, _, ended := bytes.Cut(b, []byte{0})
	if !ended || !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = elfcore.Suspect
		k.report(elfcore.Info, "zephyr.thread-name", fmt.Sprintf("name %q of thread %v", text, thread),
			"printable text that ends", "kept as it is")
	}
	return elfcore.Fact[string]{Value: string(text), State: s, Why: why}
}

// stateBits names the bits of thread_state; they are macros, so DWARF does not.
//
// Folklore: bit 2 meant "prestart" (created, never started) until 4.0 and means
// "sleeping" since 4.1. The saved frame decides: one that was fabricated for a
// first start begins at a known symbol. TestStatus.
var stateBits = [8]string{"dummy", "pending", "", "dead", "suspended", "aborting", "suspending", "queued"}

const (
	stateDummy = 0x01 // what runs before the first thread
	stateBit2  = 0x04
	stateDead  = 0x08
)

// statusText spells out thread_state and gives the raw value as well. bit2 is
// the word for the bit without a name of its own.
func statusText(bits uint8, bit2 string) string {
	if bits == 0 {
		return "ready (0x00)"
	}
	var words []string
	for i, word := range stateBits {
		if bits>>i&1 == 0 {
			continue
		}
		if word == "" {
			word = bit2
		}
		words = append(words, word)
	}
	return fmt.Sprintf("%s (0x%02x)", strings.Join(words, ", "), bits)
}
