package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/modules"
)

// declareSysroot adds the flag about where the files of a process are.
func (f *inputFlags) declareSysroot(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.sysroots, "sysroot", nil, "`DIR` with the files of the process, by the paths that they had there;\nmay be repeated. Unset: this machine's own. Then --debug-dir and the\nservers of $DEBUGINFOD_URLS are asked by build-id")
}

// ofProcess tells whether it is the core of a process, not of a chip.
func (c *coreFile) ofProcess() bool {
	return c.core != nil && (c.core.Format == elfcore.FormatLinux || c.core.Format == elfcore.FormatFreeBSD)
}

// takeProcess makes the core of a process the one dump of the input. Its program
// is the one that the user named, else the one that the core names: what lies in
// build directories is another. The shared objects follow in either case.
func (f *inputFlags) takeProcess(ctx context.Context, s streams, c *capture, file coreFile, o corelift.Options) error {
	p, err := f.process(s, file)
	if err != nil {
		return err
	}
	switch f.elf {
	case noFirmware:
		if len(f.with) > 0 {
			return errWithNone
		}
		return c.take(file.core, p, o)
	case "":
		return f.takeFound(ctx, c, p, file.core, o)
	}
	main, err := placed(p, p.Main(), f.elf)
	if err == nil {
		o.Program, err = firmware.OpenPlaced(main)
	}
	if err != nil {
		return hinted(err, "-e takes the program (ELF), INPUT is the dump")
	}
	if err := f.assemble(ctx, p, file.core, o.Program); err != nil {
		o.Program.Close()
		return err
	}
	c.read(o.Program)
	if err := c.take(file.core, p, o); err != nil {
		return err
	}
	return f.checkWith(p, file.core)
}

// takeFound is takeProcess with the program that the core names. One that can't
// be found, or does not fit, is none.
func (f *inputFlags) takeFound(ctx context.Context, c *capture, p *modules.Process, core *elfcore.Core, o corelift.Options) (err error) {
	if o.Archive, err = f.searched(); err != nil {
		return err
	}
	l, err := executable(ctx, p, core)
	if err != nil {
		return err
	}
	if l != nil {
		o.Program, err = firmware.OpenPlaced(firmware.Place{Path: l.Path, Bias: uint64(l.Bias), Assumed: !l.Proven})
		if err == nil {
			if err := f.assemble(ctx, p, core, o.Program); err != nil {
				o.Program.Close()
				return err
			}
			err = corelift.Check(core, o)
		}
		if err == nil {
			c.read(o.Program)
			core.Program.Assumed = !l.Proven
			c.only(core, p, func(context.Context) (*firmware.Set, error) { return o.Program, nil })
			return f.checkWith(p, core)
		}
		note(core, modulesMissing, err.Error(), "it is not used; -e names another")
		if o.Program != nil {
			o.Program.Close()
			o.Program = nil
		}
	}
	return c.take(core, p, o)
}

// process lists the files that were mapped into the process of a core.
func (f *inputFlags) process(s streams, file coreFile) (*modules.Process, error) {
	for _, dir := range f.sysroots {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a directory", dir)
		}
		if err != nil {
			return nil, fmt.Errorf("--sysroot: %w", err)
		}
	}
	asking := func(url string) { say(s.err, "asking for %s", url) }
	p, err := modules.Of(file.file, file.core, modules.Search{
		Sysroots: f.sysroots, DebugDirs: f.debugDirs, Servers: modules.ServersOf(os.Getenv, asking),
	})
	if err != nil {
		file.core.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "modules.list", At: elfcore.Pos{Off: -1},
			Found: "the list of mapped files is damaged: " + err.Error(), Done: "the files before the fault are known"})
	}
	return p, nil
}

// Codes of diagnostics about the files of a process.
const (
	modulesMissing = "modules.missing"
	modulesAssumed = "modules.assumed"
)

func note(core *elfcore.Core, code, found, done string) {
	core.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: code, At: elfcore.Pos{Off: -1}, Found: found, Done: done})
}

// executable finds the program that the core names, nil if that is not possible.
func executable(ctx context.Context, p *modules.Process, core *elfcore.Core) (*modules.Location, error) {
	m := p.Main()
	if m == nil {
		note(core, modulesMissing, "the core does not tell which file its program is", "-e FILE names it")
		return nil, nil
	}
	l, err := p.Find(ctx, m)
	switch {
	case err != nil:
		return nil, err
	case l.Path == "":
		note(core, modulesMissing, fmt.Sprintf("%s, the program, was not found: %s", m.Path, l.Missed()), "--sysroot DIR says where its files are")
		return nil, nil
	case !l.Proven:
		note(core, modulesAssumed, l.Path+" has the name of the program, but nothing in the core proves that it is the same", "it is used")
	}
	return l, nil
}

// assemble adds the shared objects of a process to its program. One that is
// missing leaves its functions without names, which is said; one that the user
// named must be there.
func (f *inputFlags) assemble(ctx context.Context, p *modules.Process, core *elfcore.Core, set *firmware.Set) error {
	given := map[*modules.Module]bool{p.Main(): true}
	for _, name := range f.with {
		m := p.Named(filepath.Base(name))
		given[m] = true
		with, err := placed(p, m, name)
		if err == nil {
			err = set.Add(with)
		}
		if err != nil {
			return hinted(err, "--with takes a shared object of the process")
		}
	}
	for _, m := range p.Programs() {
		if given[m] {
			continue
		}
		l, err := p.Find(ctx, m)
		switch {
		case err != nil:
			return err
		case l.Path == "":
			note(core, modulesMissing, fmt.Sprintf("%s was not found: %s", m.Path, l.Missed()), "what lies in it has no names")
			continue
		case !l.Program:
			continue
		case !l.Proven:
			note(core, modulesAssumed, l.Path+" has the name of a shared object, but nothing in the core proves that it is the same", "it is used")
		}
		if err := set.Add(firmware.Place{Path: l.Path, Bias: uint64(l.Bias), Assumed: !l.Proven}); err != nil {
			note(core, modulesMissing, err.Error(), "what lies in it has no names")
		}
	}
	if kernel, ok := p.Kernel(); ok {
		if err := set.Add(kernel); err != nil {
			note(core, modulesMissing, err.Error(), "signal handlers can't be left")
		}
	}
	set.SearchDebug(f.debugDirs...)
	if p.HasServers() {
		set.FetchDebug(func(id string) (string, error) { return p.DebugFile(ctx, id) })
	}
	set.ReadAhead()
	return nil
}

// checkWith compares the shared objects that the user named with those that were
// loaded, after the program was: another build would give wrong answers with no
// sign of it. Forced, its values are suspect, as those of all of the process.
func (f *inputFlags) checkWith(p *modules.Process, core *elfcore.Core) error {
	for _, name := range f.with {
		err := p.Differs(p.Named(filepath.Base(name)), name)
		switch {
		case err == nil:
		case !f.force:
			return &corelift.MismatchError{File: name, Match: firmware.Match{Verdict: firmware.Different, Reasons: []string{err.Error()}}}
		default:
			core.Program.MatchVerdict = firmware.Different.String()
			note(core, "firmware.match", fmt.Sprintf("%s: %v: %v", name, firmware.Different, err), "names, frames and values may be those of another program")
		}
	}
	return nil
}

// placed says where a file that the user named was loaded: where the module was
// that it stands for, nil if there is none.
func placed(p *modules.Process, m *modules.Module, name string) (firmware.Place, error) {
	bias, err := p.Bias(m, name)
	return firmware.Place{Path: name, Bias: uint64(bias)}, err
}
