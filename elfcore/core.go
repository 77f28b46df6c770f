// Package elfcore holds the neutral model of one crash, the writer that turns
// it into an ELF core file for stock debuggers, and the reader of core files:
// of its own, and of processes of Linux and FreeBSD.
//
// Readers of vendor formats build a Core, stages refine it, everything else
// only reads it. Each register, byte range and fact has a State whose zero
// value is Missing, so what nobody set is never shown as a value.
//
// # Limits of the reader
//
// A core file may have any size: its memory is read where it lies, on demand,
// and no allocation is larger than the bytes that the file has for it. A file
// may have 1,048,576 segments and as many notes. Of one descriptor the first
// 16 MiB are decoded, into 262,144 fields at most; a note's name has up to 256
// bytes, a target description 64 KiB, and our own evidence note 64 MiB. What is
// beyond is an error with its offset, or a diagnostic.
package elfcore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"corelift/elfcore/arch"
)

// State says how far a value can be trusted. The zero value is Missing.
type State uint8

// The states, worst first.
const (
	Missing   State = iota // not in the dump
	Suspect                // there, but perhaps stale, shifted or damaged
	Recovered              // computed by a named rule
	Known                  // stands in the dump as such
)

var stateNames = [...]string{"missing", "suspect", "recovered", "known"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "State(" + strconv.Itoa(int(s)) + ")"
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	return unname(stateNames[:], text, (*uint8)(s), "state")
}

func unname(names []string, text []byte, to *uint8, what string) error {
	for i, n := range names {
		if n == string(text) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("unknown %s %q", what, text)
}

// Addr is an address of the target, in bytes. Its text form is hexadecimal.
type Addr uint64

func (a Addr) String() string { return fmt.Sprintf("0x%08x", uint64(a)) }

// MarshalText writes the address as "0x20001f40".
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a number in Go's notation.
func (a *Addr) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 64)
	*a = Addr(n)
	return err
}

// Range is a run of Size bytes. It may end at 1<<64.
type Range struct {
	Addr Addr   `json:"addr"`
	Size uint64 `json:"size"`
}

// Contains tells whether a lies in the range.
func (r Range) Contains(a Addr) bool { return uint64(a-r.Addr) < r.Size }

// End is the address after the last byte; 0 for a range that ends at 1<<64.
func (r Range) End() Addr { return r.Addr + Addr(r.Size) }

// last is the address of the last byte of a range that is not empty.
func (r Range) last() Addr { return r.Addr + Addr(r.Size-1) }

func (r Range) String() string { return fmt.Sprintf("%v-%v", r.Addr, r.End()) }

// Pos is a place in an input. Line counts from 1, 0 if the input is not text.
// Off is in bytes, -1 if unknown.
type Pos struct {
	Source string `json:"source,omitempty"`
	Line   int    `json:"line,omitempty"`
	Off    int64  `json:"off"`
}

func (p Pos) String() string {
	var where string
	switch {
	case p.Line > 0:
		where = "line " + strconv.Itoa(p.Line)
	case p.Off >= 0:
		where = fmt.Sprintf("offset 0x%x", p.Off)
	}
	if p.Source == "" {
		return where
	}
	return strings.TrimSuffix(p.Source+": "+where, ": ")
}

// Why is an index into Core.Evidence; 0 stands for none.
type Why uint32

// Evidence tells which rule produced a value and from where. Rule is a stable
// identifier such as "zephyr.sp-unadjusted".
type Evidence struct {
	Rule string `json:"rule"`
	Text string `json:"text,omitempty"`
	At   Pos    `json:"at"`
}

// Fact is a value with its trust and the reason for it.
type Fact[T any] struct {
	Value T     `json:"value"`
	State State `json:"state"`
	Why   Why   `json:"why,omitempty"`
}

// Severity ranks diagnostics. Loss means that bytes of the input were lost.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Warning
	Loss
)

var severityNames = [...]string{"info", "warning", "loss"}

func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	return unname(severityNames[:], text, (*uint8)(s), "severity")
}

// Diagnostic says what is odd about the input and what was done about it. Code
// is stable. The texts may quote the input and are raw: escape before showing.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	At       Pos      `json:"at"`
	Found    string   `json:"found,omitempty"`
	Expected string   `json:"expected,omitempty"`
	Done     string   `json:"done,omitempty"`
}

// ThreadKind tells what a thread of the model stands for.
type ThreadKind uint8

// The kinds of threads.
const (
	Task      ThreadKind = iota // a thread of the operating system
	Interrupt                   // interrupt or exception context
	CPU                         // a CPU of which no thread is known
)

var kindNames = [...]string{"task", "interrupt", "cpu"}

func (k ThreadKind) String() string { return kindNames[min(int(k), len(kindNames)-1)] }

// MarshalText writes the kind's name.
func (k ThreadKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *ThreadKind) UnmarshalText(text []byte) error {
	return unname(kindNames[:], text, (*uint8)(k), "thread kind")
}

// Thread is one context that can be unwound. ID is 1, 2, 3 ..., assigned by
// the last stage and the same in the core file, info and inspect. Control is
// the address of the operating system's thread structure, LWP the number by
// which a system knows the thread of a process (pr_pid, GDB's LWP).
type Thread struct {
	ID           int32        `json:"id"`
	LWP          Fact[int]    `json:"lwp,omitzero"`
	Kind         ThreadKind   `json:"kind,omitempty"`
	Regs         Registers    `json:"-"`
	Alternatives []Registers  `json:"-"` // rival readings; recovery picks one, then clears
	Control      Fact[Addr]   `json:"control,omitzero"`
	Entry        Fact[Addr]   `json:"entry,omitzero"`
	Stack        Fact[Range]  `json:"stack,omitzero"`
	Name         Fact[string] `json:"name,omitzero"`
	Status       Fact[string] `json:"status,omitzero"`
	Priority     Fact[int]    `json:"priority,omitzero"`
	CPU          Fact[int]    `json:"cpu,omitzero"`
}

// Crash is what is known of the cause. Thread is an index into Core.Threads,
// -1 if unknown. Reason is the vendor's raw number, Message its text.
type Crash struct {
	Thread  int              `json:"thread"`
	Fault   Fact[arch.Fault] `json:"fault,omitzero"`
	Addr    Fact[Addr]       `json:"addr,omitzero"`
	Reason  Fact[uint64]     `json:"reason,omitzero"`
	Message Fact[string]     `json:"message,omitzero"`
}

// Attachment is a raw piece of the dump that later stages reason from: a
// register block, a kernel block, console text. At most MaxAttachment bytes.
type Attachment struct {
	Name string `json:"name"`
	Why  Why    `json:"why,omitempty"`
	Data []byte `json:"data"`
}

// MaxAttachment limits Attachment.Data, in bytes.
const MaxAttachment = 64 << 10

// Identity names the program that crashed. Empty means unknown.
type Identity struct {
	BuildID      string `json:"build_id,omitempty"`       // lower-case hex
	BuildIDAdded bool   `json:"build_id_added,omitempty"` // BuildID is that of File; the dump has none
	SHA256Prefix string `json:"sha256_prefix,omitempty"`
	Project      string `json:"project,omitempty"`
	Version      string `json:"version,omitempty"`
	File         string `json:"file,omitempty"`  // base name of the firmware ELF
	Entry        Addr   `json:"entry,omitempty"` // its e_entry as written, Thumb bit included
	HasEntry     bool   `json:"has_entry,omitempty"`
	FloatBits    int    `json:"float_bits,omitempty"` // width of the FPU its ABI uses, 0 none
	Assumed      bool   `json:"assumed,omitempty"`    // found by itself, not named by the user
	MatchVerdict string `json:"match,omitempty"`
	HideInitial  bool   `json:"honest_memory,omitempty"` // NT_FILE is written: memory absent here is unreadable
}

// Core is one crash. Format is the name of the format that read it and picks
// the format's Complete when a written core is opened again. Flags is e_flags.
type Core struct {
	Format      string
	Arch        *arch.Arch
	Order       binary.ByteOrder
	Flags       uint32
	HasFlags    bool // Flags come from the firmware
	Threads     []Thread
	Memory      Memory
	KeepSuspect bool // Write keeps memory of state Suspect
	Crash       Crash
	Program     Identity
	Facts       map[string]Fact[string]
	Attachments []Attachment
	Evidence    []Evidence // [0] is unused
	Diagnostics []Diagnostic
	Suppressed  map[string]int // diagnostics beyond the limit, by code

	interned map[Evidence]Why
}

// New makes an empty Core with no crashed thread.
func New(format string, a *arch.Arch, order binary.ByteOrder) *Core {
	return &Core{Format: format, Arch: a, Order: order, Crash: Crash{Thread: -1}, Facts: map[string]Fact[string]{}}
}

// maxEvidence bounds the evidence of one core; a hostile dump can't grow it.
const maxEvidence = 1 << 16

// Because interns a piece of evidence and returns its number.
func (c *Core) Because(rule, text string, at Pos) Why {
	e := Evidence{rule, text, at}
	if c.interned == nil {
		c.interned = map[Evidence]Why{}
		for i, have := range c.Evidence {
			if i > 0 {
				c.interned[have] = Why(i)
			}
		}
	}
	if w, ok := c.interned[e]; ok {
		return w
	}
	if len(c.Evidence) == 0 {
		c.Evidence = append(c.Evidence, Evidence{})
	}
	if len(c.Evidence) >= maxEvidence {
		return 0
	}
	w := Why(len(c.Evidence))
	c.Evidence = append(c.Evidence, e)
	c.interned[e] = w
	return w
}

// Explain returns the evidence behind w; the zero Evidence if there is none.
func (c *Core) Explain(w Why) Evidence {
	if int(w) < len(c.Evidence) {
		return c.Evidence[w]
	}
	return Evidence{}
}

// maxPerCode is how many diagnostics of one code are kept.
const maxPerCode = 100

// Report keeps up to 100 diagnostics of a code and counts the rest.
func (c *Core) Report(d Diagnostic) {
	n := 0
	for i := range c.Diagnostics {
		if c.Diagnostics[i].Code == d.Code {
			n++
		}
	}
	if n < maxPerCode {
		c.Diagnostics = append(c.Diagnostics, d)
		return
	}
	if c.Suppressed == nil {
		c.Suppressed = map[string]int{}
	}
	c.Suppressed[d.Code]++
}

// Damaged tells whether any diagnostic says that bytes of the input were lost.
func (c *Core) Damaged() bool {
	for i := range c.Diagnostics {
		if c.Diagnostics[i].Severity == Loss {
			return true
		}
	}
	return false
}

// Attach keeps data as an attachment, cut to MaxAttachment bytes.
func (c *Core) Attach(name string, data []byte, why Why) {
	c.Attachments = append(c.Attachments, Attachment{name, why, data[:min(len(data), MaxAttachment)]})
}

// Attachment returns the data of the first attachment of that name, or nil.
func (c *Core) Attachment(name string) []byte {
	for i := range c.Attachments {
		if c.Attachments[i].Name == name {
			return c.Attachments[i].Data
		}
	}
	return nil
}

// Crashed is the crashed thread, or nil.
func (c *Core) Crashed() *Thread {
	if i := c.Crash.Thread; i >= 0 && i < len(c.Threads) {
		return &c.Threads[i]
	}
	return nil
}

// ReadWord reads a pointer-sized word at a.
func (c *Core) ReadWord(a Addr) (uint64, State, error) {
	return c.ReadUint(a, c.Arch.PtrSize())
}

// ReadUint reads an unsigned integer of 1 to 8 bytes at a.
func (c *Core) ReadUint(a Addr, size int) (uint64, State, error) {
	var b [8]byte
	s, err := c.Memory.Read(b[:size], a)
	return getUint(c.Order, b[:size]), s, err
}

// Program is the firmware as readers and kernels see it.
type Program interface {
	// Arch is the CPU of the program, nil if there is no program.
	Arch() *arch.Arch
	// Symbol gives a symbol's address (Thumb bit cleared) and size in bytes.
	Symbol(name string) (Range, bool)
	// Executable tells whether a lies in code.
	Executable(a Addr) bool
	// ReadConst reads code and read-only data, never initial .data.
	ReadConst(p []byte, a Addr) error
	// Field gives offset and size, in bytes, of a member of a type:
	// Field("k_thread", "callee_saved.psp"). An empty path gives the
	// type's own size.
	Field(typ, path string) (off, size int64, ok bool)
}

// NoProgram is the Program of a dump without a firmware.
type NoProgram struct{}

// Arch returns nil.
func (NoProgram) Arch() *arch.Arch { return nil }

// Symbol finds nothing.
func (NoProgram) Symbol(string) (Range, bool) { return Range{}, false }

// Executable is false everywhere.
func (NoProgram) Executable(Addr) bool { return false }

// ReadConst fails.
func (NoProgram) ReadConst(_ []byte, a Addr) error { return &GapError{Addr: a} }

// Field finds nothing.
func (NoProgram) Field(string, string) (int64, int64, bool) { return 0, 0, false }
