package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/internal/modules"
)

// stdin names standard input on the command line, noFirmware no program.
const (
	stdin      = "-"
	noFirmware = "none"
)

// inputFlags say what to read and how to reason about it.
type inputFlags struct {
	elf           string
	with          []string
	archive       string
	log           string
	pick          string
	force         bool
	selfContained bool
	honest        string
	keepSuspect   bool
	fixNoreturn   bool
	debugDirs     []string
	sysroots      []string
}

// honesty are the words that --honest-memory takes.
var honesty = map[string]corelift.Honesty{"auto": corelift.HonestAuto, "on": corelift.HonestOn, "off": corelift.HonestOff}

func (f *inputFlags) declare(fs *pflag.FlagSet) {
	fs.StringVarP(&f.elf, "elf", "e", "", "firmware that crashed, an ELF `FILE` with symbols; \"none\" does\nwithout. Unset: programs in the usual build directories are tried")
	fs.StringArrayVar(&f.with, "with", nil, "`FILE` of another program on the target, such as a bootloader or the\nchip's ROM; may be repeated")
	fs.StringVar(&f.archive, "archive", "", "`DIR` to search for the firmware, without -e: by the build-id or SHA-256\nin the dump, else by what it shows. Unset: $CORELIFT_ARCHIVE")
	fs.StringVar(&f.log, "log", "", "`FILE` with console text of the crash, which can hold registers\nthat a binary dump lacks")
	fs.StringVar(&f.pick, "select", "", "`WHICH` dump of several: a number, last or all. Unset: the last\nthat is whole")
	fs.BoolVar(&f.force, "allow-mismatch", false, "go on with a firmware that does not match the dump")
}

// declareMemory adds the flags about the memory of a core file.
func (f *inputFlags) declareMemory(fs *pflag.FlagSet) {
	fs.BoolVar(&f.selfContained, "self-contained", false, "add the code and read-only data of the firmware to the core")
	fs.StringVar(&f.honest, "honest-memory", "auto", "`WHEN` to make RAM that the dump lacks unreadable, instead of showing\ninitial values of the firmware: auto, on or off")
	fs.Lookup("honest-memory").NoOptDefVal = "on"
	fs.BoolVar(&f.keepSuspect, "keep-suspect", false, "write memory too of which it is not sure that it is right")
	fs.BoolVar(&f.fixNoreturn, "fix-noreturn", false, "lower return addresses on Xtensa that lie on the next function's entry,\nwhere mainline GDB stops; edits bytes of the dump")
}

// declareDebug adds the flag about where debug information is.
func (f *inputFlags) declareDebug(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.debugDirs, "debug-dir", []string{"/usr/lib/debug"}, "`DIR` with separate debug files, as GDB's debug-file-directory; may\nbe repeated")
	f.declareSysroot(fs)
}

// capture is an opened input with the dumps that were chosen from it.
type capture struct {
	name    string
	inputs  []os.FileInfo // files that were read and must not be written to
	dumps   []inspect.Found
	crashes []crash
	file    io.Closer
}

// crash is a dump that was chosen, not yet read. Read returns the firmware
// too, nil if there is none. process is that of a system's core, else nil.
type crash struct {
	number  int
	input   inspect.Input
	read    func(context.Context) (*elfcore.Core, *firmware.Set, error)
	process *modules.Process
}

func (c *capture) close() {
	if c.file != nil {
		c.file.Close()
	}
}

// open finds the dumps of an input and chooses among them. Core files, of
// corelift or of a system's process, are taken too if cores is set.
func (f *inputFlags) open(ctx context.Context, s streams, name string, cores bool) (_ *capture, err error) {
	honest, ok := honesty[f.honest]
	if !ok && f.honest != "" {
		return nil, &usageError{text: fmt.Sprintf("--honest-memory takes auto, on or off, not %q", f.honest)}
	}
	file := s.in
	c := &capture{name: "standard input"}
	if name != stdin {
		opened, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		file, c.name, c.file = opened, name, opened
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if info, err := file.Stat(); err == nil {
		c.inputs = append(c.inputs, info)
	}
	o := corelift.Options{Force: f.force, SelfContained: f.selfContained, Honest: honest, KeepSuspect: f.keepSuspect, FixNoreturn: f.fixNoreturn, DebugDirs: f.debugDirs}
	var other coreFile // may yet be a dump of a format
	var unread error
	if cores {
		if other, unread, err = openCore(ctx, file, c.name); err != nil {
			return nil, err
		}
		if other.ofProcess() {
			return c, f.takeProcess(ctx, s, c, other, o)
		}
	}
	if err := f.openOthers(c, &o); err != nil {
		return nil, err
	}
	if f.elf == "" {
		o.Candidates = candidates(name)
	}
	if other.core != nil && other.core.Format != elfcore.FormatELF {
		return c, c.take(other.core, nil, o)
	}
	dumps, err := corelift.Dumps(ctx, interruptible(ctx, file), c.name)
	if errors.As(err, new(*corelift.UnknownError)) {
		switch {
		case other.core != nil:
			return c, c.take(other.core, nil, o)
		case unread != nil:
			err = unread
		}
	}
	if err != nil {
		return nil, err
	}
	for _, d := range dumps {
		c.dumps = append(c.dumps, inspect.Found{Number: d.Number, Format: d.Format, Whole: d.Whole, Offset: d.Off, Size: d.Size})
	}
	chosen, err := choose(c.dumps, f.pick)
	if err != nil {
		return nil, err
	}
	for _, n := range chosen {
		c.crashes = append(c.crashes, c.crash(dumps[n-1], o))
	}
	if f.pick == "" && len(dumps) > 1 {
		which := "the last that is whole"
		if !c.dumps[chosen[0]-1].Whole {
			which = "the last, since none is whole"
		}
		say(s.err, "%s holds %d dumps; taking number %d, %s (--select takes others)", c.name, len(dumps), chosen[0], which)
	}
	return c, nil
}

// interruptible makes reading from what may never end, such as a serial port,
// end with the context. Files are passed as they are.
func interruptible(ctx context.Context, file *os.File) io.Reader {
	info, err := file.Stat()
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeCharDevice) == 0 {
		return file
	}
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(in, file)
		in.CloseWithError(err)
	}()
	return out
}

var errWithNone = &usageError{text: "--with goes with a main program, but -e says none"}

// openOthers opens the files that go with the input.
func (f *inputFlags) openOthers(c *capture, o *corelift.Options) (err error) {
	var paths []string
	switch f.elf {
	case noFirmware:
		if len(f.with) > 0 {
			return errWithNone
		}
	case "":
		if o.Archive, err = f.searched(); err != nil {
			return err
		}
		paths, o.With = f.with, f.with
	default:
		paths = append([]string{f.elf}, f.with...)
	}
	if len(paths) > 0 {
		program, err := firmware.Open(paths...)
		if err != nil {
			return hinted(err, "-e takes the program (ELF), INPUT is the dump")
		}
		if f.elf == "" {
			program.Close() // opened again with each program that is tried
		} else {
			program.SearchDebug(f.debugDirs...)
			program.ReadAhead()
			o.Program = program
		}
	}
	if f.log != "" {
		if o.Console, err = readConsole(f.log); err != nil {
			return err
		}
		paths = append(paths, f.log)
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			c.inputs = append(c.inputs, info)
		}
	}
	return nil
}

// archiveVariable is the environment's default of --archive.
const archiveVariable = "CORELIFT_ARCHIVE"

// searched is the directory of --archive; empty if there is none.
func (f *inputFlags) searched() (string, error) {
	dir, from := f.archive, "--archive"
	if dir == "" {
		dir, from = os.Getenv(archiveVariable), "$"+archiveVariable
	}
	if dir == "" {
		return "", nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	return dir, nil
}

// maxConsole bounds the text of --log, in bytes.
const maxConsole = 64 << 20

func readConsole(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConsole+1))
	if err == nil && len(text) > maxConsole {
		err = hinted(fmt.Errorf("%s: more than %d MiB", path, maxConsole>>20), "cut out the part around the crash")
	}
	return text, err
}

// candidates are programs in the usual places below the working directory and
// the directory of the input.
func candidates(input string) []string {
	paths := firmware.Usual(".")
	if dir := filepath.Dir(input); input != stdin && dir != "." {
		for _, path := range firmware.Usual(dir) {
			if !slices.ContainsFunc(paths, func(have string) bool { return sameFile(have, path) }) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// choose picks dumps by number, from 1. By default the last whole one, for it
// is the crash that the user has just seen; a log often ends in a dump that is
// still being printed.
func choose(dumps []inspect.Found, pick string) ([]int, error) {
	last := len(dumps)
	switch pick {
	case "":
		for n := last; n > 0; n-- {
			if dumps[n-1].Whole {
				return []int{n}, nil
			}
		}
		return []int{last}, nil
	case "last":
		return []int{last}, nil
	case "all":
		var all []int
		for _, d := range dumps {
			all = append(all, d.Number)
		}
		return all, nil
	}
	n, err := strconv.Atoi(pick)
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("--select takes a number, last or all, not %q", pick)}
	}
	if n < 1 || n > last {
		return nil, &usageError{text: fmt.Sprintf("--select %d, but the dumps are numbered 1 to %d", n, last)}
	}
	return []int{n}, nil
}

// crash makes a dump ready to be read.
func (c *capture) crash(d corelift.Dump, o corelift.Options) crash {
	input := inspect.Input{Name: c.name, Wrappers: d.Wrappers(), Dump: d.Number, Dumps: c.dumps}
	return crash{number: d.Number, input: input, read: func(ctx context.Context) (*elfcore.Core, *firmware.Set, error) {
		program := o.Program
		o.Assumed = func(s *firmware.Set) {
			program = s
			c.read(s)
		}
		core, err := d.Core(ctx, o)
		if err != nil {
			return nil, nil, unreadable(err)
		}
		if program != nil && program.Arch() != core.Arch {
			program = nil // forced, but it can tell nothing of another CPU
		}
		return core, program, nil
	}}
}

// unreadable tells failures of the dump from those of the system.
func unreadable(err error) error {
	if errors.As(err, new(*corelift.MismatchError)) || errors.As(err, new(*fs.PathError)) || errors.Is(err, context.Canceled) {
		return err
	}
	return &unreadableError{err}
}

// coreType is e_type of core files, at byte 16.
const coreType = 4

// coreFile is a core file with what was read of it.
type coreFile struct {
	file *elfcore.File
	core *elfcore.Core
}

// openCore reads a core file; core is nil for any other file. Some targets
// write broken ones, which only their formats know: for those unread says what
// is wrong. A core of corelift that can't be read is an error.
func openCore(ctx context.Context, file *os.File, name string) (c coreFile, unread, err error) {
	var head [18]byte
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return c, nil, nil // a pipe: core files are read at any offset
	}
	if n, _ := file.ReadAt(head[:], 0); n < len(head) || string(head[:4]) != "\x7fELF" || head[16]+head[17] != coreType {
		return c, nil, nil
	}
	if c.file, err = elfcore.Open(file, info.Size()); err == nil {
		c.core, err = c.file.Core(ctx)
	}
	if err == nil || ctx.Err() != nil {
		return c, nil, ctx.Err()
	}
	err = unreadable(fmt.Errorf("%s: %w", name, err))
	if errors.As(err, new(*elfcore.OwnError)) {
		return c, nil, err
	}
	return c, err, nil
}

// take makes a core file the one dump of the input. One of another program
// than the user named is refused.
func (c *capture) take(core *elfcore.Core, process *modules.Process, o corelift.Options) error {
	if o.Program != nil {
		if err := corelift.Check(core, o); err != nil {
			return err
		}
		if o.Program.Arch() != core.Arch {
			o.Program = nil
		}
	}
	c.only(core, process, func(ctx context.Context) (*firmware.Set, error) {
		if o.Program != nil {
			return o.Program, nil
		}
		return corelift.Assume(ctx, core, o)
	})
	return nil
}

// only makes a core that was read the one dump of the input.
func (c *capture) only(core *elfcore.Core, process *modules.Process, program func(context.Context) (*firmware.Set, error)) {
	c.dumps = []inspect.Found{{Number: 1, Format: core.Format, Whole: true, Size: c.inputs[0].Size()}}
	input := inspect.Input{Name: c.name, Dump: 1, Dumps: c.dumps}
	c.crashes = []crash{{number: 1, input: input, process: process, read: func(ctx context.Context) (*elfcore.Core, *firmware.Set, error) {
		set, err := program(ctx)
		return core, set, err
	}}}
}

// read notes that the files of a program were read.
func (c *capture) read(s *firmware.Set) {
	for _, image := range s.Images() {
		if info, err := os.Stat(image.Path); err == nil {
			c.inputs = append(c.inputs, info)
		}
	}
}
