package corelift

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// maxTries bounds the programs of an archive that are compared with a dump
// which names none.
const maxTries = 256

// attempt is a candidate that the dump was read with.
type attempt struct {
	set   *firmware.Set
	core  *elfcore.Core
	match firmware.Match
}

func (a *attempt) path() string { return a.set.Images()[0].Path }

// better tells whether the evidence supports a more than b, which may be nil.
func (a *attempt) better(b *attempt) bool {
	return b == nil || a.match.Verdict > b.match.Verdict || a.match.Verdict == b.match.Verdict && a.match.Score > b.match.Score
}

// rivals tells whether the evidence supports both alike and they are not the
// same build.
func (a *attempt) rivals(b *attempt) bool {
	if b == nil || a.match.Verdict != b.match.Verdict || a.match.Score != b.match.Score {
		return false
	}
	x, y := a.set.Images()[0], b.set.Images()[0]
	return (x.BuildID == "" || x.BuildID != y.BuildID) && x.SHA256() != y.SHA256()
}

// Assume finds the firmware of a Core that a core file was read as, among
// o.Candidates and in o.Archive; nil if the evidence supports none, or several
// alike. It records what it took, and why not, in the Core.
func Assume(ctx context.Context, c *elfcore.Core, o Options) (*firmware.Set, error) {
	paths, notes, err := candidates(ctx, o, func() (*arch.Arch, elfcore.Identity) { return c.Arch, c.Program })
	if err != nil {
		return nil, err
	}
	best, remarks := pick(paths, func(path string) (*attempt, []elfcore.Diagnostic) {
		set := o.openCandidate(path)
		if set == nil {
			return nil, nil
		}
		return judged(set, c, set.Match(c))
	})
	report(c, append(notes, remarks...))
	if best == nil {
		return nil, nil
	}
	c.Program.Assumed, c.Program.MatchVerdict = true, best.match.Verdict.String()
	return best.set, nil
}

// Check compares a Core that a core file was read as with o.Program, and records
// the verdict in the Core. A program that does not match is a *MismatchError
// unless o.Force is set.
func Check(c *elfcore.Core, o Options) error {
	m := o.Program.Match(c)
	if m.Verdict == firmware.Different && !o.Force {
		return &MismatchError{o.Program.Images()[0].Path, m}
	}
	c.Program.File, c.Program.MatchVerdict, c.Program.Assumed = o.Program.Images()[0].Name, m.Verdict.String(), false
	reportMatch(c, o.Program, m)
	return nil
}

// assume tries the candidates and what the archive has. It takes the one that
// the evidence supports best; none if it supports several alike.
func (d Dump) assume(ctx context.Context, o Options) (*elfcore.Core, error) {
	paths, notes, err := candidates(ctx, o, func() (*arch.Arch, elfcore.Identity) {
		// The identity is in the dump, which needs no program to be read.
		c, _, err := d.core(ctx, Options{Console: o.Console})
		if err != nil {
			return nil, elfcore.Identity{}
		}
		return c.Arch, c.Program
	})
	if err != nil {
		return nil, err
	}
	trial := o
	trial.Candidates, trial.Archive, trial.Force = nil, "", false
	best, remarks := pick(paths, func(path string) (*attempt, []elfcore.Diagnostic) { return d.try(ctx, trial, path) })
	notes = append(notes, remarks...)
	if best != nil {
		best.core.Program.Assumed = true
		if o.Assumed != nil {
			o.Assumed(best.set)
		}
		return report(best.core, notes), nil
	}
	c, _, err := d.core(ctx, trial)
	if err != nil {
		return nil, err
	}
	return report(c, notes), nil
}

// pick tries programs and keeps the one that the evidence supports best, nil if
// there is none or there are several. The remarks say why.
func pick(paths []string, try func(path string) (*attempt, []elfcore.Diagnostic)) (best *attempt, remarks []elfcore.Diagnostic) {
	var alike []string // the evidence supports these as well as the best
	var rejected []elfcore.Diagnostic
	for _, path := range paths {
		a, refused := try(path)
		switch {
		case a == nil:
			rejected = append(rejected, refused...)
		case a.better(best):
			if best != nil {
				best.set.Close()
			}
			best, alike = a, nil
		default:
			if a.rivals(best) {
				alike = append(alike, path)
			}
			a.set.Close()
		}
	}
	switch {
	case best == nil:
		return nil, rejected
	case len(alike) == 0:
		return best, nil
	}
	best.set.Close()
	return nil, append([]elfcore.Diagnostic{{Severity: elfcore.Warning, Code: "firmware.ambiguous", At: elfcore.Pos{Off: -1},
		Found: fmt.Sprintf("the dump fits each of %s (%v)", strings.Join(append([]string{best.path()}, alike...), ", "), best.match.Verdict),
		Done:  "none is used; name the right one with -e"}}, rejected...)
}

// candidates lists the files to try, and what there is to say of the search:
// what the archive has of the program that the dump names; if nothing, or it
// names none, whatever may fit. A CPU that is nil is not known.
func candidates(ctx context.Context, o Options, identify func() (*arch.Arch, elfcore.Identity)) (paths []string, notes []elfcore.Diagnostic, err error) {
	if o.Archive == "" {
		return o.Candidates, nil, nil
	}
	note := func(s elfcore.Severity, found, done string) {
		notes = append(notes, elfcore.Diagnostic{Severity: s, Code: "firmware.archive", At: elfcore.Pos{Off: -1}, Found: found, Done: done})
	}
	cpu, id := identify()
	found, named, err := firmware.Archive(ctx, o.Archive, cpu, id)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		note(elfcore.Warning, err.Error(), "the archive was not searched to its end")
	}
	switch {
	case !named:
		done := fmt.Sprintf("%d programs in %s were compared with what it shows", min(len(found), maxTries), o.Archive)
		if len(found) > maxTries {
			done += fmt.Sprintf(", %d were not", len(found)-maxTries)
			found = found[:maxTries]
		}
		note(elfcore.Info, "the dump holds neither build-id nor SHA-256 of its program", done)
	case len(found) > 0:
		return found, notes, nil
	default:
		note(elfcore.Warning, fmt.Sprintf("no program in %s has %s, which the dump names", o.Archive, identityOf(id)), "")
	}
	return append(found, o.Candidates...), notes, nil
}

// try reads the dump with a program that the user did not name. It gives nil
// if the evidence does not support it, and says why; nothing for what is no
// program, or with which the dump can't be read.
func (d Dump) try(ctx context.Context, o Options, path string) (a *attempt, refused []elfcore.Diagnostic) {
	set := o.openCandidate(path)
	if set == nil {
		return nil, nil
	}
	o.Program = set
	c, m, err := d.core(ctx, o)
	if err != nil && !errors.As(err, new(*MismatchError)) {
		set.Close()
		return nil, nil
	}
	return judged(set, c, m)
}

// openCandidate opens a program with those that go with it; nil if it is none.
func (o *Options) openCandidate(path string) *firmware.Set {
	set, err := firmware.Open(append([]string{path}, o.With...)...)
	if err != nil {
		return nil
	}
	set.SearchDebug(o.DebugDirs...)
	return set
}

// judged keeps a program only if the evidence supports it, else says why not.
func judged(set *firmware.Set, c *elfcore.Core, m firmware.Match) (a *attempt, refused []elfcore.Diagnostic) {
	if m.Verdict > firmware.Unproven {
		return &attempt{set, c, m}, nil
	}
	defer set.Close()
	return nil, []elfcore.Diagnostic{{Severity: elfcore.Info, Code: "firmware.not-assumed", At: elfcore.Pos{Off: -1},
		Found: fmt.Sprintf("%s: %v: %s", set.Images()[0].Path, m.Verdict, strings.Join(m.Reasons, "; ")),
		Done:  "not used, since you did not name it; use -e to insist"}}
}

// identityOf says what names the program of a dump.
func identityOf(id elfcore.Identity) string {
	if id.BuildID != "" {
		return "build-id " + id.BuildID
	}
	return "SHA-256 " + id.SHA256Prefix
}

func report(c *elfcore.Core, list []elfcore.Diagnostic) *elfcore.Core {
	for _, d := range list {
		c.Report(d)
	}
	return c
}
