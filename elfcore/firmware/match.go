package firmware

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore"
)

// Verdict tells how a program fits a dump.
type Verdict uint8

// The verdicts, worst first.
const (
	Different  Verdict = iota // not the program that crashed
	Unproven                  // too little to tell, or one thing speaks against it
	Compatible                // what the dump shows fits, and would hardly fit another
	Same                      // the dump names this very file or build
)

var verdictNames = [...]string{"different", "unproven", "compatible", "same"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "Verdict(" + strconv.Itoa(int(v)) + ")"
}

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Match is how a Set fits a dump. Score is 0 to 100 and orders candidates of
// one verdict. Reasons are sentences, those against first; they may quote the
// dump and are raw. Named tells that the verdict comes from an identity that
// the dump holds.
type Match struct {
	Verdict Verdict
	Score   int
	Named   bool
	Reasons []string
}

// kind is a kind of evidence. Two of one kind may come from one accident; two
// kinds do not.
type kind uint8

const (
	kindCalls     kind = iota // a return address after a call of the function that returns there
	kindConstants             // read-only bytes in the dump
	kindEntries               // threads begin where functions do
	kindObjects               // memory that belongs to one variable
	kinds
)

// Evidence that is worth a verdict.
const (
	enoughKinds     = 2
	enoughConstants = 16 // bytes that are not zero
	enoughAgainst   = 2  // weak contradictions that make a strong one
	leastObject     = 64 // bytes; smaller variables lie everywhere
	leastPrefix     = 6  // digits of a SHA-256
)

// OwnBytes is the rule, in the evidence of memory, that took the bytes from the
// program: they are no proof of it.
const OwnBytes = "firmware.section"

// examiner gathers what speaks for and against one program.
type examiner struct {
	set  *Set
	core *elfcore.Core
	main *Image

	same   bool     // an identity is equal
	named  bool     // one was compared
	hard   []string // contradictions that no damage explains
	weak   []string // contradictions that a damaged stack explains
	found  []string // in favour
	counts [kinds]int
}

// checks are what is looked at besides CPU and identity, in this order.
var checks = []func(*examiner){
	(*examiner).constants,
	(*examiner).stacks,
	(*examiner).entries,
	(*examiner).objects,
}

// Match judges whether the set's main image is the program that the dump came
// from. It never changes the Core. Zephyr's dumps carry no identity, so apart
// from Espressif's and notes of build-ids all evidence is circumstantial: a
// build that differs only where the dump shows nothing is Compatible, too.
func (s *Set) Match(c *elfcore.Core) Match {
	x := &examiner{set: s, core: c, main: s.images[0]}
	fits := x.machine()
	x.identity()
	if fits {
		for _, check := range checks {
			check(x)
		}
	}
	return x.verdict()
}

func (x *examiner) verdict() Match {
	score, various := 0, 0
	for _, n := range x.counts {
		if n > 0 {
			various++
		}
	}
	// Data may lie at the same place in two builds; code hardly does.
	code := x.counts[kindCalls] > 0 || x.counts[kindConstants] > 0
	m := Match{Verdict: Unproven, Named: x.named}
	switch {
	case x.same:
		m.Verdict, score = Same, 100
	case len(x.hard) > 0 || len(x.weak) >= enoughAgainst:
		m.Verdict = Different
	case len(x.weak) == 0 && various >= enoughKinds && code:
		m.Verdict = Compatible
		fallthrough
	default:
		score = min(99, max(0, 10*various+4*x.counts[kindCalls]+2*x.counts[kindEntries]+2*x.counts[kindObjects]-20*len(x.weak)))
	}
	m.Score = score
	for _, list := range [][]string{x.hard, x.weak, x.found} {
		m.Reasons = append(m.Reasons, list...)
	}
	if len(m.Reasons) == 0 {
		m.Reasons = []string{"the dump has nothing that could be compared with " + x.main.Name}
	}
	return m
}

func say(list *[]string, format string, args ...any) {
	*list = append(*list, fmt.Sprintf(format, args...))
}

// machine compares the CPU; false ends the examination.
func (x *examiner) machine() bool {
	if c := x.core.Arch; c != nil && c != x.main.Arch {
		say(&x.hard, "the dump is from a CPU of kind %s, %s is for %s", c.Name, x.main.Name, x.main.Arch.Name)
	}
	if o := x.core.Order; o != nil && o.String() != x.main.Order.String() {
		say(&x.hard, "the dump's byte order is %v, that of %s is %v", o, x.main.Name, x.main.Order)
	}
	return len(x.hard) == 0 && x.core.Arch != nil
}

// identity compares what names the build.
func (x *examiner) identity() {
	id := x.core.Program
	if has := x.main.BuildID; has != "" && id.BuildID != "" && !id.BuildIDAdded {
		x.identical("build-id", strings.ToLower(id.BuildID), has)
	}
	if len(id.SHA256Prefix) >= leastPrefix {
		if sum := x.main.SHA256(); sum != "" {
			x.identical("SHA-256", strings.ToLower(id.SHA256Prefix), sum[:min(len(sum), len(id.SHA256Prefix))])
		}
	}
}

func (x *examiner) identical(what, dump, program string) {
	x.named = true
	if dump == program {
		x.same = true
		say(&x.found, "the %s %s in the dump is that of %s", what, dump, x.main.Name)
		return
	}
	say(&x.hard, "the dump names a program with %s %s, that of %s is %s", what, dump, x.main.Name, program)
}

// constants compares code and read-only data that the dump has too, byte by
// byte. Code that is also writable may share a section with variables.
func (x *examiner) constants() {
	equal := 0
	for i := range x.main.sections {
		s := &x.main.sections[i]
		if !s.constant() || s.Write {
			continue
		}
		for r := range x.core.Memory.All() {
			if r.State < elfcore.Recovered || x.core.Explain(r.Why).Rule == OwnBytes {
				continue
			}
			from := max(r.Addr, s.Addr)
			size := min(r.Size-uint64(from-r.Addr), s.Size-uint64(from-s.Addr))
			if !r.Contains(from) || !s.Contains(from) {
				continue
			}
			n, differs := x.compare(s, r, elfcore.Range{Addr: from, Size: size})
			equal += n
			if differs {
				return // one is enough
			}
		}
	}
	if equal >= enoughConstants {
		x.counts[kindConstants] = equal
		say(&x.found, "%d bytes of code and read-only data in the dump are those of %s", equal, x.main.Name)
	}
}

// compare counts the bytes that are equal and not zero. A difference is said.
func (x *examiner) compare(s *Section, r elfcore.Region, both elfcore.Range) (equal int, differs bool) {
	have := make([]byte, min(both.Size, 64<<10))
	for both.Size > 0 {
		n := min(both.Size, uint64(len(have)))
		if got, _ := r.Data.ReadAt(have[:n], int64(both.Addr-r.Addr)); got < int(n) {
			return equal, false
		}
		want := s.bytes[both.Addr-s.Addr:][:n]
		if !bytes.Equal(have[:n], want) {
			i := 0
			for have[i] == want[i] {
				i++
			}
			end := min(int(n), i+4)
			say(&x.hard, "read-only memory at %v is %x in the dump, %x in %s (%s)",
				both.Addr+elfcore.Addr(i), have[i:end], want[i:end], x.main.Name, s.Name)
			return equal, true
		}
		equal += int(n) - bytes.Count(have[:n], []byte{0})
		both.Addr += elfcore.Addr(n)
		both.Size -= n
	}
	return equal, false
}

// entries checks that threads begin where functions do.
func (x *examiner) entries() {
	for i := range x.core.Threads {
		e := x.core.Threads[i].Entry
		if e.State < elfcore.Recovered {
			continue
		}
		a := x.code(uint64(e.Value))
		f, known := x.set.Function(a)
		switch {
		case known && f.Addr == a:
			x.counts[kindEntries]++
		case known:
			name, start, _ := x.set.SymbolAt(a)
			say(&x.hard, "thread %s begins at %v, which in %s is %d bytes into %s", x.label(i), e.Value, x.main.Name, a-start, name)
		case !x.set.Executable(a):
			say(&x.weak, "thread %s begins at %v, where %s has no code", x.label(i), e.Value, x.main.Name)
		}
	}
	if n := x.counts[kindEntries]; n > 0 {
		say(&x.found, "%d threads begin at functions of %s", n, x.main.Name)
	}
}

// kernels are the variables in which kernels keep the running thread, and the
// structures that describe a thread.
var kernels = []struct{ symbol, typ, path, thread string }{
	{"_kernel", "z_kernel", "cpus[].current", "k_thread"}, // Zephyr
	{"pxCurrentTCB", "", "", "tskTaskControlBlock"},       // FreeRTOS
}

// objects looks for memory that can only be a certain variable.
func (x *examiner) objects() {
	named := map[string]bool{}
	thread := uint64(1) // size of a thread's structure
	for _, k := range kernels {
		if _, ok := x.main.symbols().named(k.symbol); !ok {
			continue
		}
		if _, size, ok := x.main.Debug().Field(k.thread, ""); ok && size > 0 {
			thread = uint64(size)
		}
		if x.current(k.symbol, k.typ, k.path) {
			named[k.symbol] = true
		}
	}
	for i := range x.core.Threads {
		t := &x.core.Threads[i]
		if c := t.Control; c.State >= elfcore.Recovered {
			x.object(named, i, elfcore.Range{Addr: c.Value, Size: thread}, func(o elfcore.Range) bool { return o.Addr == c.Value })
		}
		if s := t.Stack; s.State >= elfcore.Recovered && s.Value.Size > 0 {
			x.object(named, i, s.Value, func(o elfcore.Range) bool { return o == s.Value })
		}
	}
	for r := range x.core.Memory.All() {
		if x.core.Explain(r.Why).Rule == OwnBytes {
			continue
		}
		if name, o, ok := x.main.symbols().at(r.Addr, objectSymbol); ok && o == r.Range && o.Size >= leastObject {
			named[name] = true
		}
	}
	if x.counts[kindObjects] = len(named); len(named) > 0 {
		say(&x.found, "%d variables of %s lie where the dump has such", len(named), x.main.Name)
	}
}

// object compares something of a thread with the variable that it begins in:
// it is that variable, or part of it (an array of stacks, a structure around a
// thread), but does not end in another.
func (x *examiner) object(named map[string]bool, i int, r elfcore.Range, whole func(elfcore.Range) bool) {
	name, o, ok := x.main.symbols().at(r.Addr, objectSymbol)
	switch {
	case !ok || o.Size < leastObject:
	case r.Size > o.Size-uint64(r.Addr-o.Addr):
		say(&x.weak, "thread %s: %v would begin in %s of %s and end beyond it", x.label(i), r, name, x.main.Name)
	case whole(o):
		named[name] = true
	}
}

// current tells whether a kernel's variable holds a thread of the dump.
func (x *examiner) current(symbol, typ, path string) bool {
	at, ok := x.main.symbols().named(symbol)
	if typ != "" && ok {
		var off int64
		off, _, ok = x.main.Debug().Field(typ, path)
		at.Addr += elfcore.Addr(off)
	}
	if !ok {
		return false
	}
	word, state, err := x.core.ReadWord(at.Addr)
	if err != nil || state < elfcore.Recovered || word == 0 {
		return false
	}
	for i := range x.core.Threads {
		if c := x.core.Threads[i].Control; c.State >= elfcore.Recovered && uint64(c.Value) == word {
			return true
		}
	}
	if x.main.at(elfcore.Addr(word), func(s *Section) bool { return s.Write }) == nil {
		say(&x.weak, "%s of %s would be at %v, but what the dump has there (0x%x) is no thread", symbol, x.main.Name, at.Addr, word)
	}
	return false
}

// code clears the bits of a code address that are not address.
func (x *examiner) code(a uint64) elfcore.Addr { return elfcore.Addr(a & x.main.Arch.CodeMask) }

// label names a thread of the dump.
func (x *examiner) label(i int) string {
	label := strconv.Itoa(i + 1)
	if n := x.core.Threads[i].Name; n.State >= elfcore.Recovered {
		label += " (" + n.Value + ")"
	}
	return label
}
