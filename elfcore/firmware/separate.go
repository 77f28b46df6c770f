package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"path/filepath"

	"corelift/notes"
)

// SearchDebug names directories to look for separate debug files in, as GDB's
// debug-file-directory. It must be called before anything is asked of the Set.
func (s *Set) SearchDebug(dirs ...string) {
	for _, m := range s.images {
		m.debugDir = dirs
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

// findSeparate looks for the file that a stripped program's debug information
// was moved to (objcopy --only-keep-debug): by build-id, then by the name and
// checksum in .gnu_debuglink (GDB manual, Separate Debug Files). It must prove
// to be the right one: a stale file of the same name would lie.
func (m *Image) findSeparate() *file {
	if m.debugSection(".debug_info") != nil && m.elf.Section(".symtab") != nil {
		return nil
	}
	if len(m.BuildID) > 2 {
		for _, dir := range m.debugDir {
			path := filepath.Join(dir, ".build-id", m.BuildID[:2], m.BuildID[2:]+".debug")
			if f := m.separate(path, func(f *file) bool { return f.buildID(m.Order) == m.BuildID }); f != nil {
				return f
			}
		}
	}
	link, err := m.contents(m.elf.Section(".gnu_debuglink"))
	end := bytes.IndexByte(link, 0)
	at := (end + 4) &^ 3 // after the name and its NUL, aligned to 4 bytes
	if err != nil || end <= 0 || len(link) < at+4 {
		return nil
	}
	name, sum := filepath.Base(string(link[:end])), m.Order.Uint32(link[at:])
	home := filepath.Dir(m.Path)
	places := []string{home, filepath.Join(home, ".debug")}
	for _, dir := range m.debugDir {
		places = append(places, dir)
		if full, err := filepath.Abs(home); err == nil {
			places = append(places, filepath.Join(dir, full))
		}
	}
	for _, place := range places {
		if f := m.separate(filepath.Join(place, name), func(f *file) bool { return crc32.ChecksumIEEE(f.data) == sum }); f != nil {
			return f
		}
	}
	return nil
}

// separate opens a debug file if it is one for this program.
func (m *Image) separate(path string, right func(*file) bool) *file {
	f, err := mapFile(path)
	if err != nil {
		return nil
	}
	if f.readELF() != nil || f.elf.Machine != m.elf.Machine || f.elf.Class != m.elf.Class || f.elf.Data != m.elf.Data || !right(&f) {
		f.release()
		return nil
	}
	m.apart.Store(&f)
	return &f
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
