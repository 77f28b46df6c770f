package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"corelift/notes"
)

// SearchDebug names directories to look for separate debug files in, as GDB's
// debug-file-directory. It must be called before anything is asked of the Set.
func (s *Set) SearchDebug(dirs ...string) {
	for _, m := range s.images {
		m.debugDir = dirs
	}
}

// FetchDebug names a function that gets a debug file from elsewhere, such as a
// server, by its build-id in lower-case hex: its path, or why there is none. It
// is called when nothing is in the directories. It must be set before anything
// is asked of the Set.
func (s *Set) FetchDebug(get func(buildID string) (path string, err error)) {
	for _, m := range s.images {
		if !m.InMemory { // a vdso has all that it needs
			m.fetch = get
		}
	}
}

// debugContents is a section of debug information, of the program itself or of
// its separate debug file.
func (m *Image) debugContents(name string) ([]byte, error) {
	if s := m.debugSection(name); s != nil {
		return m.contents(s)
	}
	if apart := m.debug(); apart != nil {
		return apart.contents(apart.debugSection(name))
	}
	return nil, errNoSection
}

// apartFile is where a separate debug file may be. wrong says why a file there
// is not the one of this program, empty if it is.
type apartFile struct {
	path  string
	wrong func(*file) string
}

// findSeparate looks for the file that a stripped program's debug information
// was moved to (objcopy --only-keep-debug): by build-id, then by the name and
// checksum in .gnu_debuglink (GDB manual, Separate Debug Files). It must prove
// to be the right one: a stale file of the same name would lie. What was looked
// for in vain is kept for DebugError.
func (m *Image) findSeparate() *file {
	if m.debugSection(".debug_info") != nil && m.elf.Section(".symtab") != nil {
		return nil
	}
	for at := range m.apartFiles() {
		f, err := m.separate(at)
		switch {
		case err == nil:
			return f
		case errors.Is(err, fs.ErrNotExist):
			m.missed = append(m.missed, at.path)
		default:
			m.refused = append(m.refused, err)
		}
	}
	return nil
}

// apartFiles are the places of the debug file, those that cost most last.
func (m *Image) apartFiles() iter.Seq[apartFile] {
	return func(yield func(apartFile) bool) {
		for _, at := range slices.Concat(m.byBuildID(), m.byLink()) {
			if !yield(at) {
				return
			}
		}
		if m.fetch != nil && m.BuildID != "" {
			path, err := m.fetch(m.BuildID)
			if err != nil {
				m.refused = append(m.refused, err)
				return
			}
			yield(apartFile{path, m.hasOtherID})
		}
	}
}

// byBuildID are the places of a debug file in build-id directories.
func (m *Image) byBuildID() (list []apartFile) {
	if len(m.BuildID) <= 2 {
		return nil
	}
	for _, dir := range m.debugDir {
		list = append(list, apartFile{filepath.Join(dir, ".build-id", m.BuildID[:2], m.BuildID[2:]+".debug"), m.hasOtherID})
	}
	return list
}

func (m *Image) hasOtherID(f *file) string {
	if id := f.buildID(m.Order); id != m.BuildID {
		return fmt.Sprintf("its build-id is %q, not %q", id, m.BuildID)
	}
	return ""
}

// byLink are the places of the file that .gnu_debuglink names.
func (m *Image) byLink() (list []apartFile) {
	link, err := m.contents(m.elf.Section(".gnu_debuglink"))
	end := bytes.IndexByte(link, 0)
	at := (end + 4) &^ 3 // after the name and its NUL, aligned to 4 bytes
	if err != nil || end <= 0 || len(link) < at+4 {
		return nil
	}
	name, sum := filepath.Base(string(link[:end])), m.Order.Uint32(link[at:])
	home := filepath.Dir(m.Path)
	dirs := []string{home, filepath.Join(home, ".debug")}
	for _, dir := range m.debugDir {
		dirs = append(dirs, dir)
		if full, err := filepath.Abs(home); err == nil {
			dirs = append(dirs, filepath.Join(dir, full))
		}
	}
	for _, dir := range dirs {
		list = append(list, apartFile{filepath.Join(dir, name), func(f *file) string {
			if found := crc32.ChecksumIEEE(f.data); found != sum {
				return fmt.Sprintf("its checksum is %#08x, not %#08x", found, sum)
			}
			return ""
		}})
	}
	return list
}

// separate opens a debug file. The error says why there is none, or why it is
// not the one of this program.
func (m *Image) separate(at apartFile) (*file, error) {
	f, err := mapFile(at.path)
	if err != nil {
		return nil, err // names the path itself
	}
	wrong := "it is for another CPU"
	if err := f.readELF(); err != nil {
		wrong = err.Error()
	} else if f.elf.Machine == m.elf.Machine && f.elf.Class == m.elf.Class && f.elf.Data == m.elf.Data {
		wrong = at.wrong(&f)
	}
	if wrong != "" {
		f.release()
		return nil, fmt.Errorf("%s is not the debug file of %s: %s", at.path, m.Name, wrong)
	}
	m.apart.Store(&f)
	return &f, nil
}

// DebugError says why there is no debug information, or only a part of it, and
// what to do next: where its separate file was looked for. It is nil if all of
// it can be read.
func (m *Image) DebugError() error {
	data := m.Debug()
	if len(data.Units()) > 0 {
		return data.Err()
	}
	m.debug()
	errs := append([]error{data.Err()}, m.refused...)
	if len(m.missed) > 0 {
		errs = append(errs, fmt.Errorf("nor is there a separate debug file: looked for %s", strings.Join(m.missed, ", ")))
	}
	return errors.Join(errs...)
}

// buildID is the note "GNU", type 3, in lower-case hex; in sections or, if
// there are none, segments.
func (f *file) buildID(order binary.ByteOrder) (id string) {
	read := func(off, size, align uint64) {
		if id != "" || size > maxNote || !f.inFile(off, size) {
			return
		}
		for n, err := range notes.All(bytes.NewReader(f.data), int64(off), int64(size), int(min(align, 8)), order) {
			if err != nil {
				return
			}
			if n.Owner == "GNU" && n.Type == 3 {
				b, _ := n.Read(64)
				id = hex.EncodeToString(b)
				return
			}
		}
	}
	for _, s := range f.elf.Sections {
		if s.Type == elf.SHT_NOTE {
			read(s.Offset, s.FileSize, s.Addralign)
		}
	}
	for _, p := range f.elf.Progs {
		if p.Type == elf.PT_NOTE && len(f.elf.Sections) == 0 {
			read(p.Off, p.Filesz, p.Align)
		}
	}
	return id
}
