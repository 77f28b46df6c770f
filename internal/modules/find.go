package modules

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Search says where files may be on this machine.
type Search struct {
	// Sysroots are directories below which files have the target's paths. The
	// first that has a file which fits counts. Without one, files are looked for
	// under the target's own paths.
	Sysroots []string
	// DebugDirs hold files named by their build-id, as GDB's
	// debug-file-directory: .build-id/ab/cdef.
	DebugDirs []string
	// Servers are asked for what is nowhere else, nil if there are none.
	Servers *Servers
}

// Ways in which a file was found. From a server it is "debuginfod" and its URL.
const (
	BySysroot = "sysroot"
	ByHost    = "host" // the target's path, on this machine
	ByBuildID = "build-id"
	byServer  = "debuginfod"
)

// Location is where the file of a module is on this machine.
type Location struct {
	Path string // empty if it was not found
	How  string // BySysroot, ByHost, ByBuildID, or "debuginfod URL"
	// Proven tells that the file's build-id is that in the core. Else nothing
	// speaks against it, but nothing more than its name for it.
	Proven bool
	// Program tells that it is an executable or shared object, and Bias what was
	// added to its addresses.
	Program bool
	Bias    elfcore.Addr
	// Rejected says of each place that was looked at why the file there is not
	// the one, in the order of the search. The texts quote the core and are raw.
	Rejected []string
}

// Missed says in one line why there is no file.
func (l *Location) Missed() string { return strings.Join(l.Rejected, "; ") }

// place is a file that may be the one.
type place struct{ path, how string }

// Find looks for the file of a module: below the sysroots or where the target
// had it, by build-id in the debug directories, then at the servers. It looks
// once. The error is that of ctx; a file that is not found is none.
func (p *Process) Find(ctx context.Context, m *Module) (*Location, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.found[m]; l != nil {
		return l, nil
	}
	l := &Location{}
	if m.Path != VDSO {
		p.look(ctx, m, l)
	} else {
		l.Rejected = []string{"the kernel's own code, which is in no file"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.found[m] = l
	return l, nil
}

// look goes through the places.
func (p *Process) look(ctx context.Context, m *Module, l *Location) {
	take := func(x place) bool {
		err := p.suits(m, x, l)
		if err != nil {
			l.Rejected = append(l.Rejected, fmt.Sprintf("%s: %v", x.path, cause(err)))
			return false
		}
		l.Path, l.How = x.path, x.how
		return true
	}
	if slices.ContainsFunc(p.search.named(m.Path, l), take) {
		return
	}
	id := m.buildID()
	if id == "" {
		return
	}
	if slices.ContainsFunc(p.search.byID(id), take) || p.search.Servers == nil {
		return
	}
	file, from, refused := p.search.Servers.Executable(ctx, id)
	l.Rejected = append(l.Rejected, refused...)
	if file != "" {
		take(place{file, byServer + " " + from})
	}
}

// deleted is what Linux appends to the path of a file that was unlinked while
// it was mapped (proc(5)). What has the name now is another file.
const deleted = " (deleted)"

// named are the places that have a target's path.
func (s *Search) named(target string, l *Location) (list []place) {
	target = strings.TrimSuffix(target, deleted)
	if !path.IsAbs(target) {
		l.Rejected = append(l.Rejected, "no absolute path, so it says nothing of where the file is")
		return nil
	}
	for _, root := range s.Sysroots {
		file, err := within(root, target)
		if err != nil {
			l.Rejected = append(l.Rejected, fmt.Sprintf("%s: %v", filepath.Join(root, target), cause(err)))
			continue
		}
		list = append(list, place{file, BySysroot})
	}
	if len(s.Sysroots) == 0 {
		list = append(list, place{filepath.FromSlash(path.Clean(target)), ByHost})
	}
	return list
}

// byID are the places that have a build-id as their name.
func (s *Search) byID(id string) (list []place) {
	for _, dir := range s.DebugDirs {
		if len(id) > 2 {
			list = append(list, place{filepath.Join(dir, ".build-id", id[:2], id[2:]), ByBuildID})
		}
	}
	return list
}

// cause is an error without the path or URL, which is said already.
func cause(err error) error {
	var file *os.PathError
	var address *url.Error
	switch {
	case errors.As(err, &file):
		return file.Err
	case errors.As(err, &address):
		return address.Err
	}
	return err
}

func (m *Module) buildID() string {
	if m.Object == nil {
		return ""
	}
	return m.Object.BuildID
}

// suits tells why a file can't be that of a module, nil if it may; what it
// found out about it goes into l.
func (p *Process) suits(m *Module, x place, l *Location) error {
	f, size, err := openRegular(x.path)
	if err != nil {
		return err
	}
	defer f.Close()
	o, err := elfcore.ReadObject(io.NewSectionReader(f, 0, size), size)
	if m.Object == nil {
		return p.assume(m, x, o, l)
	}
	if err != nil {
		return fmt.Errorf("the core has a program there, this file is none: %w", err)
	}
	if err := m.differs(o); err != nil {
		return err
	}
	proven := m.Object.BuildID != ""
	if !proven {
		if err := p.assumable(m, x); err != nil {
			return err
		}
	}
	l.Proven, l.Program, l.Bias = proven, true, m.Object.Bias
	return nil
}

// differs says by what a program is another one than that whose headers are in
// the core.
func (m *Module) differs(o *elfcore.Object) error {
	if want := m.Object.BuildID; want != "" && o.BuildID != want {
		return fmt.Errorf("its build-id is %s, that in the core %s", orNone(o.BuildID), want)
	}
	// A file of the same build-id may still be another one: patchelf moves
	// segments and keeps the note.
	if o.Type != m.Object.Type || o.Machine != m.Object.Machine || o.Class != m.Object.Class || o.Entry != m.Object.Entry || !slices.Equal(loads(o), loads(m.Object)) {
		return errors.New("its program headers are not those in the core")
	}
	return nil
}

// Differs says by what a program that the user says was loaded as a module is
// another one; nil if nothing in the core speaks against it. m may be nil.
func (p *Process) Differs(m *Module, path string) error {
	if m == nil || m.Object == nil {
		return nil // what there is was compared by Bias
	}
	f, size, err := openRegular(path)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	o, err := elfcore.ReadObject(f, size)
	if err != nil {
		return err
	}
	return m.differs(o)
}

func orNone(id string) string {
	if id == "" {
		return "unknown"
	}
	return id
}

func loads(o *elfcore.Object) (list []elf.ProgHeader) {
	for _, s := range o.Segments {
		if s.Type == elf.PT_LOAD {
			s.Paddr = 0 // of no meaning to a process
			list = append(list, s)
		}
	}
	return list
}

// assumable tells why a file that nothing proves must not be taken for that of
// the target.
func (p *Process) assumable(m *Module, x place) error {
	switch {
	case strings.HasSuffix(m.Path, deleted):
		return errors.New("the file that was mapped had been deleted, and nothing in the core proves that this is the same")
	case x.how == ByHost && p.core.Format != runtime.GOOS:
		return fmt.Errorf("a file of this machine, but the core is of another system (%s), and nothing in it proves that this is the same; --sysroot DIR says where its files are", p.core.Format)
	}
	return nil
}

// assume is suits for a module of whose headers the core has none: o is nil if
// the file is no program.
func (p *Process) assume(m *Module, x place, o *elfcore.Object, l *Location) error {
	if err := p.assumable(m, x); err != nil {
		return err
	}
	if o == nil {
		if m.Main {
			return errors.New("no program, but the executable is mapped from it")
		}
		return nil
	}
	if a, ok := arch.ByELF(o.Machine, o.Class, false); !ok || a != p.core.Arch {
		return fmt.Errorf("a program for %v, %v, but the core is of %s", o.Machine, o.Class, p.core.Arch.Name)
	}
	bias, err := p.bias(m, o)
	if err != nil {
		return err
	}
	l.Program, l.Bias = true, bias
	return nil
}

// Bias is what was added to the addresses of a program that the user says was
// loaded as a module, in whose place another build may stand. The error says why
// that can't be told.
func (p *Process) Bias(m *Module, path string) (elfcore.Addr, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, cause(err))
	}
	defer f.Close()
	o, err := elfcore.ReadObject(f, size)
	switch {
	case err != nil, o.Type != elf.ET_DYN:
		return 0, nil // who opens it says what it is; or linked at fixed addresses
	case m == nil:
		return 0, fmt.Errorf("%s: the core does not tell where it was loaded", path)
	case m.Object != nil:
		return m.Object.Bias, nil
	}
	bias, err := p.bias(m, o)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return bias, err
}

// bias is what was added to the addresses of a program that was loaded as a
// module of whose headers the core has none. The error says why it was not.
func (p *Process) bias(m *Module, o *elfcore.Object) (elfcore.Addr, error) {
	if len(m.Mappings) > 0 {
		bias, ok := m.bias(o)
		switch {
		case !ok:
			return 0, errors.New("its segments are not those that were mapped")
		case m.Main && p.entry != 0 && bias+elfcore.Addr(o.Entry) != p.entry:
			return 0, fmt.Errorf("it begins to run at %v, the program in the core at %v", bias+elfcore.Addr(o.Entry), p.entry)
		}
		return bias, nil
	}
	// The executable of a core without a list of files.
	i := slices.IndexFunc(o.Segments, func(s elf.ProgHeader) bool { return s.Type == elf.PT_PHDR })
	bias := p.entry - elfcore.Addr(o.Entry)
	switch {
	case p.entry == 0 || o.Type != elf.ET_DYN && bias != 0, i >= 0 && bias+elfcore.Addr(o.Segments[i].Vaddr) != p.headers,
		i < 0 && bias+o.Extent().Addr+elfcore.Addr(headerSize(o.Class)) != p.headers:
		return 0, fmt.Errorf("its entry point and program headers are not where the program in the core has them (%v, %v)", p.entry, p.headers)
	}
	return bias, nil
}

// bias is what was added to a program's addresses, by where its segments were
// mapped; ok is false if no single one explains all mappings.
func (m *Module) bias(o *elfcore.Object) (bias elfcore.Addr, ok bool) {
	if len(m.Mappings) == 0 {
		return 0, false
	}
	for _, bias := range biases(o, m.Mappings[0]) {
		if !slices.ContainsFunc(m.Mappings, func(x elfcore.Mapping) bool { return !slices.Contains(biases(o, x), bias) }) {
			return bias, true
		}
	}
	return 0, false
}

// biases are those that explain one mapping. Systems map whole pages, so that
// one may hold bytes of neighbouring segments.
func biases(o *elfcore.Object, x elfcore.Mapping) (list []elfcore.Addr) {
	for _, s := range loads(o) {
		if s.Off-x.Off < x.Size || x.Off-s.Off < s.Filesz {
			list = append(list, x.Addr+elfcore.Addr(s.Off-x.Off-s.Vaddr))
		}
	}
	return list
}

// openRegular opens a file only if it is a regular one with contents: what a core
// names may be a device or a pipe here, which must not be touched, or a file of
// /proc, whose reading may block.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, 0, err
	}
	// It may have become a pipe since, which would block.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(info)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func regular(info os.FileInfo) error {
	for _, kind := range irregular {
		if info.Mode()&kind.mode != 0 {
			return errors.New(kind.what + ", no regular file")
		}
	}
	if info.Size() == 0 {
		return errors.New("an empty file")
	}
	return nil
}

// irregular are the kinds of files that are not opened, the last one any other.
var irregular = []struct {
	mode os.FileMode
	what string
}{
	{os.ModeDir, "a directory"},
	{os.ModeDevice, "a device"},
	{os.ModeNamedPipe, "a pipe"},
	{os.ModeSocket, "a socket"},
	{os.ModeType, "something else"},
}

// HasServers tells whether there are servers to ask for files.
func (p *Process) HasServers() bool { return p.search.Servers != nil }

// DebugFile gets the separate debug file of a build-id, in lower-case hex, from
// the servers. The error says why there is none.
func (p *Process) DebugFile(ctx context.Context, id string) (path string, err error) {
	path, _, refused := p.search.Servers.DebugInfo(ctx, id)
	if path == "" {
		return "", errors.New(strings.Join(refused, "; "))
	}
	return path, nil
}
