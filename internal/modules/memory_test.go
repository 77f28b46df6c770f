package modules

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
)

// bytesOfGDB is what GDB shows of memory; nil if it can't read it.
func (c *crashed) bytesOfGDB(at elfcore.Addr, size int) []byte {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "dumped")
	c.gdb(fmt.Sprintf("dump binary memory %s 0x%x 0x%x", file, uint64(at), uint64(at)+uint64(size)))
	b, _ := os.ReadFile(file)
	return b
}

// TestMemory reads each kind of memory, and compares the bytes with GDB.
func TestMemory(t *testing.T) {
	c := crash(t, nil)
	p := c.process(Search{})
	m := &Memory{Core: p.core, Process: p}
	for _, x := range []struct {
		name, where string
		source      string
		state       elfcore.State
		path, note  string
	}{
		{"stack", "$sp", FromCore, elfcore.Known, "", ""},
		{"data", "&variable", FromCore, elfcore.Known, "", ""},
		{"code", "(long)&crash & -64", FromFile, elfcore.Recovered, c.library, ""},
		{"constant", "&constant[4096]", FromFile, elfcore.Recovered, c.library, ""},
		{"file", "data", FromFile, elfcore.Suspect, c.data, "assumed"},
		{"shared", "shared", FromFile, elfcore.Suspect, c.data, "assumed"},
		{"nothing", "0x10", Missing, elfcore.Missing, "", "no memory of the process"},
	} {
		t.Run(x.name, func(t *testing.T) {
			at := c.address(x.where)
			runs, data := read(t, m, at, 64)
			if len(runs) != 1 || runs[0].Source != x.source || runs[0].State != x.state || runs[0].Path != x.path || !strings.Contains(runs[0].Note, x.note) {
				t.Errorf("%+v", runs)
			}
			if want := c.bytesOfGDB(at, 64); !bytes.Equal(data, want) {
				t.Errorf("%x, GDB shows %x", data, want)
			}
		})
	}

	// The second page of the file that is mapped ends in it.
	data := c.address("data")
	runs, _ := read(t, m, data, 8192)
	if len(runs) != 2 || runs[0].Size != 10000-4096 || runs[0].Offset != 4096 || runs[1].Source != Missing || !strings.Contains(runs[1].Note, "behind the end of "+c.data) {
		t.Errorf("%+v", runs)
	}
	// All of the library, whose first page and data are in the core.
	library := module(t, p, c.library)
	runs, all := read(t, m, library.Addr, library.Size)
	if len(runs) < 3 || runs[0].Source != FromCore || runs[0].Size != 4096 || runs[1].Source != FromFile || runs[1].Offset != 4096 || runs[len(runs)-1].Source != FromCore {
		t.Errorf("%+v", runs)
	}
	if want := c.bytesOfGDB(library.Addr, len(all)); !bytes.Equal(all, want) {
		t.Errorf("%d bytes, not those of GDB (%d)", len(all), len(want))
	}

	// Without the file.
	if err := os.Remove(c.library); err != nil {
		t.Fatal(err)
	}
	p = c.process(Search{})
	runs, _ = read(t, &Memory{Core: p.core, Process: p}, library.Addr+4096, 64)
	if len(runs) != 1 || runs[0].Source != Missing || !strings.Contains(runs[0].Note, c.library+": no such file") {
		t.Errorf("%+v", runs)
	}
}

// TestFileShrinks: the file is cut after it was found.
func TestFileShrinks(t *testing.T) {
	c := crash(t, nil)
	p := c.process(Search{})
	at := module(t, p, c.data).Mappings[0].Addr
	for run, err := range (&Memory{Core: p.core, Process: p}).Runs(t.Context(), elfcore.Range{Addr: at, Size: 64}) {
		if err != nil || run.Source != FromFile {
			t.Fatal(run, err)
		}
		write(t, c.data, make([]byte, 10))
		if n, err := run.Data.ReadAt(make([]byte, 64), 0); n == 64 || err == nil || !strings.Contains(err.Error(), firmware.ErrChanged.Error()) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

// TestTrust: what makes bytes of a file more or less sure.
func TestTrust(t *testing.T) {
	dir := t.TempDir()
	id := []byte{1, 2, 3, 4}
	file := append(program(0x3000, id), make([]byte, 0x3000)...)
	write(t, filepath.Join(dir, "p"), file)
	header := func(at, filesz uint64, flags elf.ProgFlag) elf.ProgHeader {
		return elf.ProgHeader{Type: elf.PT_LOAD, Off: 1 << 40, Vaddr: at, Filesz: filesz, Memsz: 0x1000, Flags: flags}
	}
	c := core{
		files:  []elfcore.Mapping{{Range: elfcore.Range{Addr: 0x10000, Size: 0x6000}, File: "/p"}},
		memory: map[uint64][]byte{0x10000: file[:0x100]},
		absent: []elf.ProgHeader{
			header(0x11000, 0, elf.PF_R|elf.PF_X), header(0x12000, 0, elf.PF_R|elf.PF_W), header(0x13000, 0, 0), header(0x14000, 0x1000, elf.PF_R), header(0x20000, 0, elf.PF_R),
			header(0x21000, 0x800, elf.PF_R),
		},
	}
	p := made(t, c, Search{Sysroots: []string{dir}})
	file = append(file, make([]byte, 0x4000)...)
	m := &Memory{Core: p.core, Process: p}
	for _, x := range []struct {
		at     elfcore.Addr
		stacks bool
		state  elfcore.State
		note   string
	}{
		{0x10000, true, elfcore.Known, ""},
		{0x10100, true, elfcore.Suspect, "could write"}, // no segment tells
		{0x11000, true, elfcore.Recovered, ""},
		{0x11000, false, elfcore.Suspect, "no stacks"},
		{0x12000, true, elfcore.Suspect, "could write"},
		{0x13000, true, elfcore.Missing, "no access"},
		{0x14000, true, elfcore.Missing, "behind the end of "},
		{0x16000, true, elfcore.Missing, "no memory of the process"},
		{0x20000, true, elfcore.Missing, "not dumped"},
		{0x21000, true, elfcore.Missing, "cut off"},
		{0x21800, true, elfcore.Missing, "not dumped"},
	} {
		p.changes = x.stacks
		runs, _ := read(t, m, x.at, 16)
		if runs[0].State != x.state || !strings.Contains(runs[0].Note, x.note) || (x.note == "") != (runs[0].Note == "") {
			t.Errorf("%v: %+v", x.at, runs[0])
		}
	}
	p.changes = true
	write(t, filepath.Join(dir, "p"), file)
	runs, _ := read(t, m, 0x14000, 16)
	if runs[0].State != elfcore.Suspect || !strings.Contains(runs[0].Note, "cut off") {
		t.Errorf("%+v", runs)
	}
}

// TestFirmwareMemory: a dump of no process, with its firmware and without.
func TestFirmwareMemory(t *testing.T) {
	const dir = "../../testdata/firmware/cortex-m3/"
	set, err := firmware.Open(dir + "fw.elf")
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	code := set.ReadOnly()[0]
	c := elfcore.New("made-up", set.Arch(), set.Images()[0].Order)
	for _, x := range []struct {
		program *firmware.Set
		verdict firmware.Verdict
		source  string
		state   elfcore.State
	}{
		{set, firmware.Compatible, FromFile, elfcore.Recovered},
		{set, firmware.Unproven, FromFile, elfcore.Suspect},
		{nil, firmware.Unproven, Missing, elfcore.Missing},
	} {
		c.Program.MatchVerdict = x.verdict.String()
		runs, data := read(t, &Memory{Core: c, Program: x.program}, code.Addr+2, 16)
		if runs[0].Source != x.source || runs[0].State != x.state || len(data) > 0 && (runs[0].Section != code.Name || runs[0].Offset != 2) {
			t.Errorf("%+v", runs)
		}
	}
	writable := set.Writable()[0]
	runs, _ := read(t, &Memory{Core: c, Program: set}, writable.Addr, 4)
	if runs[0].Source != Missing || !strings.Contains(runs[0].Note, writable.Name) {
		t.Errorf("%+v", runs)
	}
	read(t, &Memory{Core: c, Program: set}, 0, 1<<32)
}
