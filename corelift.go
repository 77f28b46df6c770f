// Package corelift turns microcontroller crash dumps into ELF core files that
// stock debuggers open. Dumps finds them in an input; Dump.Core reads one and
// reasons about it, with or without the firmware; elfcore.Core.Write writes it.
package corelift

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/espcore"
	"corelift/internal/capture"
	"corelift/internal/format"
	"corelift/internal/formats/blueos"
	"corelift/internal/formats/crashcatcher"
	"corelift/internal/formats/mcoredump"
	"corelift/internal/formats/memfault"
	"corelift/internal/formats/mynewt"
	"corelift/internal/formats/nuttx"
	"corelift/internal/freertos"
	"corelift/internal/recovery"
	"corelift/zephyr"
)

// formats and kernels are all that corelift knows. Adding one is a line here.
var (
	formats = []format.Format{
		zephyr.Format,
		espcore.Format,
		memfault.Format,
		nuttx.Format,
		blueos.Format,
		mcoredump.Format,
		crashcatcher.Format,
		mynewt.Format,
	}
	kernels = []format.Kernel{zephyr.Kernel, freertos.Kernel}
)

// Dump is one dump found in an input, not yet decoded. It stays readable as
// long as the input does.
type Dump struct {
	Number int    // from 1, in the order of the input
	Format string // "zephyr"
	Whole  bool   // no part of it seems to be missing
	Off    int64  // where it begins, in bytes of the unwrapped input
	Size   int64  // in bytes, console text included

	format *format.Format
	in     format.Input
	hit    format.Hit
	notes  []elfcore.Diagnostic
}

// Honesty says what debuggers shall see where the dump has no RAM.
type Honesty uint8

// The choices of Options.Honest.
const (
	HonestAuto Honesty = iota // unreadable where the dump lacks RAM that the firmware initialises
	HonestOff                 // the firmware's initial values
	HonestOn                  // unreadable
)

// Options steer Dump.Core. The zero value reads a dump without a firmware.
type Options struct {
	// Program is the firmware that the user named, nil if none.
	Program *firmware.Set
	// Candidates are firmware files to try where Program is nil. The best is
	// used if the evidence supports it, and recorded as assumed.
	Candidates []string
	// Archive is a directory in which to look for the firmware where Program
	// is nil: by the identity that the dump holds, else as Candidates.
	Archive string
	// With are files of other programs on the target (ROM, bootloader), which
	// go with whichever candidate is taken.
	With []string
	// DebugDirs are where the separate debug file of a candidate may be.
	DebugDirs []string
	// Assumed, unless nil, is told which candidate was taken. It must stay
	// open as long as the Core is read.
	Assumed func(*firmware.Set)
	// Force goes on with a firmware that does not match.
	Force bool
	// Console is text of the target's console that goes with a binary dump.
	Console []byte
	// SelfContained adds the firmware's code and read-only data.
	SelfContained bool
	Honest        Honesty
	// KeepSuspect writes memory of which it is not sure that it is right.
	KeepSuspect bool
	// FixNoreturn lowers return addresses of Xtensa threads that lie on the
	// next function's ENTRY, for GDBs that stop there. It edits dumped bytes.
	FixNoreturn bool
}

// UnknownError says that an input holds no dump that corelift knows.
type UnknownError struct{ Name, Looks string }

func (e *UnknownError) Error() string {
	if e.Looks == "" {
		return e.Name + ": not a crash dump I know"
	}
	return fmt.Sprintf("%s: not a crash dump I know: %s", e.Name, e.Looks)
}

// MismatchError says that the firmware is not the one that crashed.
type MismatchError struct {
	File  string
	Match firmware.Match
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is not the firmware of this dump: %s", e.File, strings.Join(e.Match.Reasons, "; "))
}

// Dumps finds every dump in an input, without decoding any. Wrappers (gzip,
// base64, Intel HEX ...) are taken off. A regular file is read where it lies
// and must stay open; anything else is read to its end. Errors: *UnknownError,
// and those of reading.
func Dumps(ctx context.Context, src io.Reader, name string) ([]Dump, error) {
	source, err := capture.Open(src, name, capture.Limits{})
	if err != nil {
		return nil, err
	}
	list, err := find(ctx, source)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		looks := ""
		if len(source.Inputs) > 0 {
			looks = looksLike(source.Inputs[0])
		}
		return nil, errors.Join(&UnknownError{name, looks}, source.Close())
	}
	return list, nil
}

// find lists the dumps in an opened capture.
func find(ctx context.Context, source *capture.Source) ([]Dump, error) {
	var list []Dump
	for _, in := range source.Inputs {
		var found []Dump
		for i := range formats {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			f := &formats[i]
			hits, err := f.Find(in)
			if err != nil {
				return nil, err
			}
			var covered int64
			for _, h := range hits {
				if h.Score >= sureScore {
					covered += h.Len
				}
				found = append(found, Dump{Format: f.Name, Whole: h.Whole, Off: h.Off, Size: h.Len, format: f, in: in, hit: h, notes: source.Notes})
			}
			if covered > in.Size/2 {
				break // what another vendor could have left there is not worth a search
			}
		}
		list = append(list, likeliest(found)...)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Off < list[j].Off })
	for i := range list {
		list[i].Number = i + 1
	}
	return list, nil
}

// sureScore is the Score from which on a dump is hardly chance.
const sureScore = 80

// likeliest drops the dumps that overlap one of another format which is surer:
// a vendor's dump may embed another's, or share its first bytes.
func likeliest(found []Dump) []Dump {
	return slices.DeleteFunc(slices.Clone(found), func(d Dump) bool {
		return slices.ContainsFunc(found, func(o Dump) bool {
			return o.format != d.format && o.hit.Score > d.hit.Score && d.Off < o.Off+o.Size && o.Off < d.Off+d.Size
		})
	})
}

// Wrappers says, outermost first, what was taken off to get at the dump.
func (d Dump) Wrappers() []string { return d.in.Wrappers }

// Core decodes the dump and reasons about it: threads from the kernel in its
// memory, registers that the vendor's block lacks, the firmware's identity.
// Errors: *MismatchError, and why nothing of the dump could be saved.
func (d Dump) Core(ctx context.Context, o Options) (*elfcore.Core, error) {
	if o.Program == nil && (len(o.Candidates) > 0 || o.Archive != "") {
		return d.assume(ctx, o)
	}
	c, _, err := d.core(ctx, o)
	return c, err
}

// core does the work with the firmware named, and says how that matches.
func (d Dump) core(ctx context.Context, o Options) (c *elfcore.Core, m firmware.Match, err error) {
	defer firmware.Guard(&err)()
	if err := ctx.Err(); err != nil {
		return nil, m, err
	}
	if o.Program != nil {
		d.in.CPU = o.Program.Arch()
	}
	if c, err = d.format.Read(d.in, d.hit); err != nil {
		return nil, m, err
	}
	report(c, d.notes)
	if len(o.Console) > 0 && d.format.Console != nil {
		d.format.Console(c, o.Console)
	}
	set := o.Program
	if set != nil && set.Arch() != c.Arch {
		// Nothing can be reasoned with a program for another CPU.
		m = set.Match(c)
		if !o.Force {
			return nil, m, &MismatchError{set.Images()[0].Path, m}
		}
		reportMatch(c, set, m)
		set = nil
	}
	if set != nil && c.Program.SHA256Prefix != "" {
		go set.Images()[0].SHA256() // Match will need it, and the other core is idle
	}
	reason(c, d.format, set)
	if set != nil {
		m = set.Match(c)
		if m.Verdict == firmware.Different && !o.Force {
			return nil, m, &MismatchError{set.Images()[0].Path, m}
		}
		identify(c, set, m)
	}
	if o.FixNoreturn {
		recovery.FixNoreturn(c, set)
	}
	if set != nil {
		memory(c, set, o)
	}
	c.KeepSuspect = o.KeepSuspect
	return c, m, nil
}

// reason runs the stages that need more than the dump's own layout.
func reason(c *elfcore.Core, f *format.Format, set *firmware.Set) {
	var p elfcore.Program = elfcore.NoProgram{}
	if set != nil {
		p = set
		for _, k := range kernels {
			if slices.ContainsFunc(k.Symbols, func(name string) bool { _, ok := p.Symbol(name); return ok }) {
				k.Threads(c, p)
			}
		}
	}
	if f.Complete != nil {
		f.Complete(c, p)
	}
	recovery.Rules(c, set)
	order(c)
}

// order puts the crashed thread first, which debuggers select, and numbers all.
func order(c *elfcore.Core) {
	if i := c.Crash.Thread; i > 0 && i < len(c.Threads) {
		t := c.Threads[i]
		c.Threads = slices.Insert(slices.Delete(c.Threads, i, i+1), 0, t)
		c.Crash.Thread = 0
	}
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
}

// identify records which firmware it is.
func identify(c *elfcore.Core, set *firmware.Set, m firmware.Match) {
	img := set.Images()[0]
	c.Flags, c.HasFlags = img.Flags, true
	c.Program.File, c.Program.Entry, c.Program.HasEntry = img.Name, elfcore.Addr(img.Entry), true
	c.Program.FloatBits, c.Program.MatchVerdict = img.FloatBits, m.Verdict.String()
	if img.BuildID != "" && c.Program.BuildID == "" {
		c.Program.BuildID, c.Program.BuildIDAdded = img.BuildID, true
	}
	reportMatch(c, set, m)
}

// reportMatch tells how well the firmware's identity is proven.
func reportMatch(c *elfcore.Core, set *firmware.Set, m firmware.Match) {
	if m.Verdict >= firmware.Compatible {
		return
	}
	c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "firmware.match", At: elfcore.Pos{Off: -1},
		Found: fmt.Sprintf("%s: %v: %s", set.Images()[0].Path, m.Verdict, strings.Join(m.Reasons, "; ")),
		Done:  "names, frames and values may be those of another program"})
}

// memory decides what of the firmware goes into the core.
func memory(c *elfcore.Core, set *firmware.Set, o Options) {
	uncovered := recovery.Uncovered(c, set)
	hide := o.Honest == HonestOn || o.Honest == HonestAuto && (len(uncovered) > 0 || recovery.CalledNull(c, set))
	if hide {
		recovery.HideInitial(c, set)
	}
	if o.SelfContained && !c.Program.HideInitial { // not every CPU can hide, which adds the code
		recovery.SelfContained(c, set)
	}
	recovery.ReportUncovered(c, uncovered, c.Program.HideInitial)
}
