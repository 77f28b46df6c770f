// Package verify tells whether stock debuggers open a core file and show the
// truth, by the rules that elfcore's writer follows, and makes a copy that they
// do open. The rules are a table (rules.go), measured with GDB 13.1 and LLDB 14;
// each has a test, which shows its symptom if one of these two does.
//
// A File is the core as debuggers see it. Check lists what breaks a rule, Fix
// repairs in memory what can be repaired without inventing a value, Write
// writes the result. Contents stay in the file that was opened.
//
// # Limits
//
// Those of elfcore.Open. Descriptors of notes that are looked into have up to
// 16 MiB, target descriptions 64 KiB; longer ones are kept as they are.
package verify

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// Severity says how bad it is to break a rule. The zero value is Remark.
type Severity uint8

// The severities, mildest first.
const (
	Remark  Severity = iota // worth knowing; the file is as good as it can be
	Warning                 // a debugger complains, or shows less than the file holds
	Wrong                   // a debugger shows what is not true
	Refused                 // a debugger does not open the file
)

var severities = [...]string{"remark", "warning", "wrong", "refused"}

func (s Severity) String() string {
	if int(s) < len(severities) {
		return severities[s]
	}
	return "Severity(" + strconv.Itoa(int(s)) + ")"
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Options are what else is known.
type Options struct {
	// Program is the executable that is given to the debugger along with the
	// core, nil if there is none.
	Program *firmware.Set
	// Modified is when the core was written, as its file system says; zero if
	// nothing does.
	Modified time.Time
	// Exists tells whether a debugger finds a file. The default asks this machine.
	Exists func(path string) bool
}

// Finding is one place where a core breaks a rule.
type Finding struct {
	*Rule
	Severity Severity `json:"severity"`
	Offset   *int64   `json:"offset,omitempty"` // in the file, bytes
	Thread   *int32   `json:"thread,omitempty"` // its id in the core
	Found    string   `json:"found"`
	Expected string   `json:"expected,omitempty"`
	Fixable  bool     `json:"fixable"`
	More     int      `json:"more,omitempty"` // findings of the rule that follow and are not listed
}

// Change is something that Fix did.
type Change struct {
	Rule string `json:"rule"`
	Did  string `json:"did"`
	More int    `json:"more,omitempty"` // changes by the rule that follow and are not listed
}

// most is how many findings or changes of a rule are listed.
const most = 100

// Bad tells whether findings are more than remarks.
func Bad(list []Finding) bool {
	return slices.ContainsFunc(list, func(f Finding) bool { return f.Severity > Remark })
}

// NotCoreError says why a file is no ELF core file.
type NotCoreError struct{ Err error }

func (e *NotCoreError) Error() string { return e.Err.Error() }

// Unwrap returns the *notes.FormatError.
func (e *NotCoreError) Unwrap() error { return e.Err }

// File is a core file as debuggers see it, and after Fix as they will.
type File struct {
	options Options
	header  elf.Header64 // as it stands in the file, of either class
	class   elf.Class
	order   binary.ByteOrder
	core    *elfcore.File // nil if the headers can't be read
	broken  error         // why
	lost    string        // where the number of segments should be, if it is not there

	segments []*segment // all, in the order of the file
	notes    []*note    // of all note segments
	damage   []error    // of the notes

	arch   *arch.Arch     // nil if the CPU is not known
	status elfcore.Status // Size is 0 if the system is not known
	// process: the core is of a process, whose memory stems from mapped files,
	// not of a bare target.
	process bool

	parsed    *description // the target description
	described bool         // parsed is set

	mapped *string // build-id in the memory of a process, nil if not looked for

	regions []elfcore.Region // of the segments' bytes, nil if not asked for yet
	overlap elfcore.Range
}

// program is the executable's main image, nil if there is none.
func (f *File) program() *firmware.Image {
	if f.options.Program == nil {
		return nil
	}
	return f.options.Program.Images()[0]
}

// exists tells whether a debugger finds a file.
func (f *File) exists(path string) bool {
	if f.options.Exists != nil {
		return f.options.Exists(path)
	}
	_, err := os.Stat(path)
	return err == nil
}

// Check lists what breaks a rule, in the order of Rules; of each rule the first
// 100 places.
func (f *File) Check() []Finding {
	list := []Finding{}
	for i := range rules {
		r := &rules[i]
		for k, d := range r.deviations(f) {
			if k >= most {
				list[len(list)-1].More++
				continue
			}
			found := Finding{Rule: r, Severity: r.Severity, Found: d.found, Expected: d.expected, Fixable: d.repair != nil}
			if d.remark {
				found.Severity = Remark
			}
			if d.off >= 0 {
				found.Offset = &d.off
			}
			if d.hasThread {
				found.Thread = &d.thread
			}
			list = append(list, found)
		}
	}
	return list
}

// maxPasses bounds how often Fix goes through the rules: what one repairs may
// show another what to do.
const maxPasses = 4

// Fix repairs what can be repaired, and says what it did, of each rule the first
// 100 changes. What can't be repaired Check still finds afterwards.
func (f *File) Fix() []Change {
	changes := []Change{}
	for range maxPasses {
		repaired := 0
		for i := range rules {
			count := 0
			for _, d := range rules[i].deviations(f) {
				if d.repair == nil {
					continue
				}
				did := d.repair()
				f.described = false // it may have been of the notes
				if count++; count > most {
					changes[len(changes)-1].More++
				} else {
					changes = append(changes, Change{Rule: rules[i].ID, Did: did})
				}
			}
			repaired += count
		}
		if repaired == 0 {
			break
		}
	}
	return changes
}

// deviation is a place where a core breaks a rule. repair, if there is one,
// changes the File and says what it did.
type deviation struct {
	off             int64 // in the file, bytes; -1 for nowhere
	thread          int32
	hasThread       bool
	remark          bool
	found, expected string
	repair          func() string
}

// at is a deviation at an offset of the file.
func at(off int64, found, expected string, repair func() string) []deviation {
	return []deviation{{off: off, found: found, expected: expected, repair: repair}}
}

// Open reads the headers and notes of a core file of size bytes. Errors are
// *NotCoreError and those of r. A core file that no debugger opens is no error:
// Check says why.
func Open(r io.ReaderAt, size int64, o Options) (*File, error) {
	f := &File{options: o}
	if err := f.open(r, size); err != nil {
		return nil, err
	}
	return f, nil
}
