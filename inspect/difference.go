package inspect

import (
	"context"
	"fmt"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// DifferenceSchema names the version of Difference's JSON form,
// docs/schema/diff.json.
const DifferenceSchema = "corelift.diff/1"

// Verdict is the outcome of a comparison. Different: both dumps hold a value that
// can be trusted, and the two differ. Undecided: nothing like that was found, but
// something only one of the dumps holds, or holds in another State; or a value
// differs that is suspect; or something could not be compared. Equal: neither.
type Verdict string

// The verdicts.
const (
	Equal     Verdict = "equal"
	Undecided Verdict = "undecided"
	Different Verdict = "different"
)

// Difference is what differs between two crashes, A and B. What is alike is at
// most counted. A list has as many entries as DifferenceOptions.Limit says; the
// field whose name ends in LeftOut counts those beyond.
type Difference struct {
	Schema  string  `json:"schema"`
	Verdict Verdict `json:"verdict"`
	A       Side    `json:"a"`
	B       Side    `json:"b"`
	// Crash, Program and Facts are about the cause, the identity of the program
	// in the dumps, and what else their formats tell.
	Crash   []Change `json:"crash,omitempty"`
	Program []Change `json:"program,omitempty"`
	Facts   []Change `json:"facts,omitempty"`
	// Threads are those with a difference; ThreadsAlike counts the others that
	// both dumps have.
	Threads        []ThreadDifference   `json:"threads,omitempty"`
	ThreadsLeftOut int                  `json:"threads_left_out,omitempty"`
	ThreadsAlike   int                  `json:"threads_alike"`
	Memory         MemoryDifference     `json:"memory"`
	Variables      *VariablesDifference `json:"variables,omitempty"` // nil without a program
	// Uncompared says for what reasons the dumps would not be called equal, even
	// if no value differed.
	Uncompared []string `json:"uncompared,omitempty"`
}

// Side is one of the two dumps.
type Side struct {
	Input    Input     `json:"input"`
	Format   string    `json:"format"`
	Firmware *Firmware `json:"firmware,omitempty"`
	Damaged  bool      `json:"damaged"` // bytes of the input were lost
}

// Change is a fact that differs, or its State. A side that does not have it is
// nil.
type Change struct {
	Name string        `json:"name"`
	A    *Fact[string] `json:"a,omitempty"`
	B    *Fact[string] `json:"b,omitempty"`
}

// differs tells whether both sides have a value that can be trusted, and not the
// same.
func (c *Change) differs() bool {
	return c.A != nil && c.B != nil && c.A.Value != c.B.Value && sure(c.A.State, c.B.State)
}

// sure tells whether two values can be trusted, so that it means something if
// they differ.
func sure(a, b elfcore.State) bool { return min(a, b) > elfcore.Suspect }

// DifferenceOptions steer Compare.
type DifferenceOptions struct {
	// A and B say where the dumps were found.
	A, B Input
	// Limit is the most entries of a list, 0 for all.
	Limit int
}

// Compare tells what differs between two crashes. Swapping them swaps A and B in
// the result, and nothing else but the order of threads; what both have is
// called as in A. The error is the context's, that of reading a dump, or says
// that the CPUs are not the same.
//
// Variables are compared if both sessions have a program. If that is the same
// one, memory is compared by address and only variables that hold a byte which
// differs are looked at; if it is not, variables are compared by name, pointers
// by what they point to, and memory by extent alone.
func Compare(ctx context.Context, a, b *Session, o DifferenceOptions) (*Difference, error) {
	if a.core.Arch != b.core.Arch || a.core.Order != b.core.Order {
		return nil, fmt.Errorf("%s is of %s, %s of %s: their registers and memory can't be compared",
			o.A.Name, a.core.Arch.Name, o.B.Name, b.core.Arch.Name)
	}
	if a.program != nil && b.program != nil && sameProgram(a.program, b.program) {
		b = New(b.core, a.program, Options{Initial: b.initial}) // its debug information is read once
	}
	c := &comparison{ctx: ctx, a: a, b: b, limit: o.Limit, pointers: map[*debuginfo.Type]bool{},
		have: [2][]elfcore.Range{extents(&a.core.Memory), extents(&b.core.Memory)}, result: &Difference{
			Schema: DifferenceSchema, Verdict: Equal,
			A: a.side(o.A), B: b.side(o.B),
		}}
	if a.program != nil && a.program == b.program {
		c.shared = a.globals()
	}
	c.owners = c.newOwners()
	c.facts()
	c.threads()
	if err := c.memory(); err != nil {
		return nil, err
	}
	c.variables()
	for _, o := range c.owners.others {
		if o.Bytes == 0 {
			continue
		}
		if c.full(len(c.result.Memory.Others)) {
			c.result.Memory.OthersLeftOut++
			continue
		}
		c.result.Memory.Others = append(c.result.Memory.Others, *o)
	}
	return c.result, nil
}

func (s *Session) side(in Input) Side {
	return Side{in, s.core.Format, identity(&s.core.Program), s.core.Damaged()}
}

// comparison is the state of Compare.
type comparison struct {
	ctx    context.Context
	a, b   *Session
	limit  int
	result *Difference
	shared *globals           // variables of the program of both; nil if there is none, or not one
	owners *owners            // of bytes that differ
	have   [2][]elfcore.Range // memory of the dumps, without a gap

	pointers map[*debuginfo.Type]bool // whether a type holds one
}

// different notes that a value differs.
func (c *comparison) different() { c.result.Verdict = Different }

// uncompared notes why the dumps can't be called equal.
func (c *comparison) uncompared(format string, args ...any) {
	c.result.Uncompared = append(c.result.Uncompared, fmt.Sprintf(format, args...))
	if c.result.Verdict == Equal {
		c.result.Verdict = Undecided
	}
}

// full tells whether a list has all the entries that it may have.
func (c *comparison) full(n int) bool { return c.limit > 0 && n >= c.limit }

// facts compares what is known of the cause and of the program.
func (c *comparison) facts() {
	r := c.result
	for _, side := range []struct {
		name string
		*Side
	}{{"A", &r.A}, {"B", &r.B}} {
		if side.Damaged {
			c.uncompared("%s is damaged: bytes of it were lost", side.name)
		}
	}
	x, y := crash(c.a.core), crash(c.b.core)
	r.Crash = c.changes("facts of the crash",
		changed("fault", x.Fault, y.Fault),
		changed("reason", x.Reason, y.Reason),
		changed("message", x.Message, y.Message),
		changed("address", x.Address, y.Address),
		changed("signal", signal(&x), signal(&y)))
	r.Program = c.changes("facts of the program", identities(&c.a.core.Program, &c.b.core.Program)...)
	var facts []Change
	for name := range both(c.a.core.Facts, c.b.core.Facts) {
		facts = append(facts, changed(name, fact(c.a.core, c.a.core.Facts[name]), fact(c.b.core, c.b.core.Facts[name])))
	}
	r.Facts = c.changes("facts of the format", facts...)
}

// signal is the one that a core file carries for the crash: the system's, or
// what the fault stands for.
func signal(c *Crash) *Fact[string] {
	if c.Fault == nil {
		return nil
	}
	return &Fact[string]{fmt.Sprintf("%d %s", c.Signal, c.SignalName), c.Fault.State, Source{}}
}

// identities compares what the dumps, and not programs found for them, say of
// the program that ran.
func identities(a, b *elfcore.Identity) (list []Change) {
	own := func(id *elfcore.Identity) string {
		if id.BuildIDAdded {
			return ""
		}
		return id.BuildID
	}
	for _, c := range []struct{ name, a, b string }{
		{"build-id", own(a), own(b)},
		{"SHA-256", a.SHA256Prefix, b.SHA256Prefix},
		{"project", a.Project, b.Project},
		{"version", a.Version, b.Version},
	} {
		list = append(list, changed(c.name, word(c.a), word(c.b)))
	}
	return list
}

// word is a fact that is known unless it is empty.
func word(s string) *Fact[string] {
	if s == "" {
		return nil
	}
	return &Fact[string]{Value: s, State: elfcore.Known}
}

// changed makes a Change of two facts, alike or not.
func changed[T any](name string, a, b *Fact[T]) Change {
	return Change{name, written(a), written(b)}
}

func written[T any](f *Fact[T]) *Fact[string] {
	if f == nil {
		return nil
	}
	return &Fact[string]{fmt.Sprint(f.Value), f.State, f.Source}
}

// changes keeps the facts that differ. whose names them all.
func (c *comparison) changes(whose string, list ...Change) (kept []Change) {
	var lone []string
	for _, x := range list {
		switch {
		case x.differs():
			c.different()
		case x.A == nil && x.B == nil, x.A != nil && x.B != nil && x.A.Value == x.B.Value && x.A.State == x.B.State:
			continue
		default: // that of only one side, of another State, or suspect
			lone = append(lone, x.Name)
		}
		kept = append(kept, x)
	}
	if len(lone) > 0 {
		c.uncompared("%s that are not in both dumps, or not for sure: %s", whose, Runs(lone))
	}
	return kept
}
