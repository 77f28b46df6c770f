// Package inspect answers questions about a crash: what is known of it, where
// each fact comes from, and what is not known. Its result structs are the JSON
// documents that corelift prints; text is printed from the same structs.
//
// Texts in the results may quote the dump or the firmware and are raw: escape
// them before they reach a terminal.
package inspect

import "corelift/elfcore"

// InfoSchema names the version of Info's JSON form, docs/schema/info.json.
const InfoSchema = "corelift.info/1"

// Info is everything that is known of one crash without looking into frames
// and variables. What is unknown is nil or empty.
type Info struct {
	Schema      string                   `json:"schema"`
	Input       Input                    `json:"input"`
	Format      string                   `json:"format"`
	CPU         CPU                      `json:"cpu"`
	Crash       Crash                    `json:"crash"`
	Firmware    *Firmware                `json:"firmware,omitempty"`
	Facts       map[string]*Fact[string] `json:"facts,omitempty"`
	Threads     []Thread                 `json:"threads"`
	Memory      []Region                 `json:"memory"`
	Uncovered   []Uncovered              `json:"uncovered,omitempty"`
	Damaged     bool                     `json:"damaged"` // bytes of the input were lost
	Diagnostics []elfcore.Diagnostic     `json:"diagnostics,omitempty"`
	Suppressed  map[string]int           `json:"suppressed,omitempty"` // diagnostics beyond the limit, by code
}

// Input says where the dump was found. Dump is its number, from 1; Dumps are
// all that the input holds.
type Input struct {
	Name     string   `json:"name"`
	Wrappers []string `json:"wrappers,omitempty"` // outermost first
	Dump     int      `json:"dump"`
	Dumps    []Found  `json:"dumps"`
}

// Found is one dump of an input. Offset and Size are bytes of the unwrapped
// input; Whole tells that no part of it seems to be missing.
type Found struct {
	Number int    `json:"number"`
	Format string `json:"format"`
	Whole  bool   `json:"whole"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
}

// CPU names the processor. Bits is the size of its addresses.
type CPU struct {
	Name      string `json:"name"`
	Bits      int    `json:"bits"`
	BigEndian bool   `json:"big_endian,omitempty"`
}

// Fact is a value with its trust and what produced it. A fact that is missing
// is nil; in Info.Facts, where its absence has a reason, one without a value.
type Fact[T any] struct {
	Value T             `json:"value"`
	State elfcore.State `json:"state"`
	Source
}

// Source is the evidence behind a value. Rule is a stable identifier.
type Source struct {
	Rule string `json:"rule,omitempty"`
	Text string `json:"text,omitempty"`
	Line int    `json:"line,omitempty"` // of the input, from 1
}

// Crash is the cause. Thread is the crashed thread's ID, 0 if unknown; Reason
// the vendor's number, Message its text; Fault the neutral kind of crash and
// Signal the one that the core file states, or carries for it: of a FreeBSD
// process as FreeBSD numbers them, else as Linux does.
type Crash struct {
	Thread     int32               `json:"thread,omitempty"`
	Reason     *Fact[uint64]       `json:"reason,omitempty"`
	Message    *Fact[string]       `json:"message,omitempty"`
	Fault      *Fact[string]       `json:"fault,omitempty"`
	Address    *Fact[elfcore.Addr] `json:"address,omitempty"`
	Signal     int                 `json:"signal"`
	SignalName string              `json:"signal_name"`
}

// Firmware is what is known of the program that crashed. Match is a verdict
// such as "compatible", empty if no program was compared; Assumed tells that
// the user did not name the file.
type Firmware struct {
	File         string        `json:"file,omitempty"`
	Entry        *elfcore.Addr `json:"entry,omitempty"`
	BuildID      string        `json:"build_id,omitempty"`
	SHA256Prefix string        `json:"sha256_prefix,omitempty"`
	Project      string        `json:"project,omitempty"`
	Version      string        `json:"version,omitempty"`
	Assumed      bool          `json:"assumed,omitempty"`
	Match        string        `json:"match,omitempty"`
	Reasons      []string      `json:"reasons,omitempty"`
}

// Thread is one context. Missing and Suspect name registers that a debugger
// shows a value for all the same: the general ones, and those of floating point
// if the thread has any. Count counts the general ones by state. Registers
// holds all that are there or for whose absence there is a reason; it is nil
// unless asked for.
type Thread struct {
	ID          int32                `json:"id"`
	Kind        elfcore.ThreadKind   `json:"kind"`
	Crashed     bool                 `json:"crashed,omitempty"`
	LWP         *Fact[int]           `json:"lwp,omitempty"` // its number in the system of a process
	Name        *Fact[string]        `json:"name,omitempty"`
	Status      *Fact[string]        `json:"status,omitempty"`
	Priority    *Fact[int]           `json:"priority,omitempty"`
	CPU         *Fact[int]           `json:"cpu,omitempty"`
	Control     *Fact[elfcore.Addr]  `json:"control,omitempty"` // address of the kernel's structure
	Entry       *Fact[elfcore.Addr]  `json:"entry,omitempty"`
	EntrySymbol *Symbol              `json:"entry_symbol,omitempty"`
	Stack       *Fact[elfcore.Range] `json:"stack,omitempty"`
	PC          *Fact[elfcore.Addr]  `json:"pc,omitempty"`
	PCSymbol    *Symbol              `json:"pc_symbol,omitempty"`
	SP          *Fact[elfcore.Addr]  `json:"sp,omitempty"`
	Count       Count                `json:"count"`
	Missing     []string             `json:"missing,omitempty"`
	Suspect     []string             `json:"suspect,omitempty"`
	Registers   []Register           `json:"registers,omitempty"`
}

// Count is how many of a thread's general registers are in which state.
type Count struct {
	Known     int `json:"known"`
	Recovered int `json:"recovered"`
	Suspect   int `json:"suspect"`
	Missing   int `json:"missing"`
}

// Symbol is an address in terms of the program. Offset is in bytes.
type Symbol struct {
	Name   string `json:"name"`
	Offset uint64 `json:"offset"`
}

// Register is one register. Value is hexadecimal at full width, "0x000004be";
// empty if the register is missing.
type Register struct {
	Name  string        `json:"name"`
	Group string        `json:"group"` // "general", "float", "vector", "control"
	Value string        `json:"value,omitempty"`
	State elfcore.State `json:"state"`
	Source
}

// Region is memory of the dump, or that the firmware added (then Recovered).
// Size is in bytes; Access has the letters of "rwx" that apply.
type Region struct {
	elfcore.Range
	State  elfcore.State `json:"state"`
	Access string        `json:"access,omitempty"`
	Source
}

// Uncovered is memory that the firmware can write and of which the dump lacks
// Missing bytes.
type Uncovered struct {
	Section string `json:"section"`
	elfcore.Range
	Missing uint64 `json:"missing"`
}
