package readelf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

// image is a core file to build byte by byte: ELF header, program headers,
// body, section headers. The header's fields follow from these unless change
// has another idea.
type image struct {
	class    elf.Class
	order    binary.ByteOrder
	header   elf.Header64 // Machine, Flags, Entry, Shstrndx
	osabi    byte
	segments []elf.Prog64
	body     []byte
	sections []elf.Section64
	change   func(*elf.Header64)
}

func (m *image) bytes() []byte {
	var b bytes.Buffer
	put := func(v any) {
		if m.class == elf.ELFCLASS32 {
			v = narrow(v)
		}
		if err := binary.Write(&b, m.order, v); err != nil {
			panic(err)
		}
	}
	sizes := [3]uint16{64, 56, 64}
	if m.class == elf.ELFCLASS32 {
		sizes = [3]uint16{52, 32, 40}
	}
	h := m.header
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION], h.Ident[elf.EI_OSABI] = byte(m.class), byte(elf.ELFDATA2LSB), 1, m.osabi
	if m.order == binary.BigEndian {
		h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	h.Type, h.Version, h.Ehsize = uint16(elf.ET_CORE), 1, sizes[0]
	if h.Phnum = uint16(len(m.segments)); h.Phnum > 0 {
		h.Phoff, h.Phentsize = uint64(sizes[0]), sizes[1]
	}
	if h.Shnum = uint16(len(m.sections)); h.Shnum > 0 {
		h.Shoff = uint64(sizes[0]) + uint64(sizes[1])*uint64(len(m.segments)) + uint64(len(m.body))
		h.Shentsize = sizes[2]
	}
	if m.change != nil {
		m.change(&h)
	}
	put(h)
	for _, s := range m.segments {
		put(s)
	}
	b.Write(m.body)
	for _, s := range m.sections {
		put(s)
	}
	return b.Bytes()
}

// bodyAt is where the body begins.
func (m *image) bodyAt() uint64 {
	if m.class == elf.ELFCLASS32 {
		return 52 + 32*uint64(len(m.segments))
	}
	return 64 + 56*uint64(len(m.segments))
}

// narrow makes a structure one of 32 bits.
func narrow(v any) any {
	switch v := v.(type) {
	case elf.Header64:
		return elf.Header32{Ident: v.Ident, Type: v.Type, Machine: v.Machine, Version: v.Version, Entry: uint32(v.Entry), Phoff: uint32(v.Phoff),
			Shoff: uint32(v.Shoff), Flags: v.Flags, Ehsize: v.Ehsize, Phentsize: v.Phentsize, Phnum: v.Phnum, Shentsize: v.Shentsize, Shnum: v.Shnum, Shstrndx: v.Shstrndx}
	case elf.Prog64:
		return elf.Prog32{Type: v.Type, Off: uint32(v.Off), Vaddr: uint32(v.Vaddr), Paddr: uint32(v.Paddr), Filesz: uint32(v.Filesz),
			Memsz: uint32(v.Memsz), Flags: v.Flags, Align: uint32(v.Align)}
	case elf.Section64:
		return elf.Section32{Name: v.Name, Type: v.Type, Flags: uint32(v.Flags), Addr: uint32(v.Addr), Off: uint32(v.Off), Size: uint32(v.Size),
			Link: v.Link, Info: v.Info, Addralign: uint32(v.Addralign), Entsize: uint32(v.Entsize)}
	}
	return v
}

// optionsOf are the options that letters of the command line stand for.
func optionsOf(letters string) Options {
	has := func(any string) bool { return strings.ContainsAny(letters, any) }
	return Options{Header: has("hea"), Sections: has("Sea"), Segments: has("lea"), Absent: has("a"), Wide: has("W")}
}

// text is what the options make of a core file.
func text(core []byte, o Options) (string, error) {
	f, err := elfcore.Open(bytes.NewReader(core), int64(len(core)))
	if err != nil {
		return "", err
	}
	d, err := Describe(f, "core", o)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = d.Print(&b)
	return b.String(), err
}

// sameAsGNU compares the texts of core files with GNU readelf's.
func sameAsGNU(t *testing.T, cores [][]byte, o Options, args ...string) {
	t.Helper()
	path, dir := fixture.NeedGNUReadelf(t), t.TempDir()
	failed := 0
	for len(cores) > 0 {
		batch := cores[:min(len(cores), 1000)]
		cores = cores[len(batch):]
		command := exec.Command(path, args...)
		for i, core := range append(batch, batch[0]) { // for one alone there is no title
			name := filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(name, core, 0o600); err != nil {
				t.Fatal(err)
			}
			command.Args = append(command.Args, name)
		}
		command.Env = append(os.Environ(), "LC_ALL=C")
		out, _ := command.Output() // it exits with 1 for a file that is odd
		parts := strings.Split(string(out), "\nFile: "+dir+string(filepath.Separator))
		if len(parts) != len(batch)+2 {
			t.Fatalf("%d texts of %d files", len(parts), len(batch)+1)
		}
		for i, core := range batch {
			_, gnu, _ := strings.Cut(parts[i+1], "\n")
			ours, err := text(core, o)
			if err != nil {
				t.Error(err)
			}
			if gnu != ours && failed < 5 {
				failed++
				t.Errorf("%v, file %d: % x\ngnu:\n%s\nours:\n%s", args, i, core[:min(len(core), 64)], firstDifference(gnu, ours), firstDifference(ours, gnu))
			}
		}
	}
}

// firstDifference is the first line of a that b has not, and the next.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return strings.Join(x[i:min(i+2, len(x))], "\n")
		}
	}
	return "(the end)"
}
