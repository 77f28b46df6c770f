package elfcore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

func TestRoundTrip(t *testing.T) {
	archs(t, func(t *testing.T, a *arch.Arch) {
		for name, make := range map[string]func(*arch.Arch) *Core{
			"made up": madeUp,
			"awkward": awkward,
			"empty":   func(a *arch.Arch) *Core { return New("", a, binary.LittleEndian) },
			"big endian": func(a *arch.Arch) *Core {
				c := awkward(a)
				c.Order = binary.BigEndian
				return c
			},
			"narrow floats": func(a *arch.Arch) *Core {
				c := awkward(a)
				c.Program.FloatBits = 32
				for i := range c.Threads {
					for n, info := range a.Regs {
						if v, s := c.Threads[i].Regs.Get(arch.Reg(n)); info.Group == arch.Float {
							c.Threads[i].Regs.Set(arch.Reg(n), v&0xffffffff, s, 0)
						}
					}
				}
				return c
			},
		} {
			t.Run(name, func(t *testing.T) {
				c := make(a)
				first := written(t, c)
				got := reopened(t, first)
				same(t, c, got)
				if !bytes.Equal(first, written(t, got)) {
					t.Error("written again it differs")
				}
			})
		}
	})
}

func TestSuspectMemoryIsLeftOut(t *testing.T) {
	c := madeUp(arch.CortexM)
	c.Memory.Add(NewRegion(0x30000000, []byte("perhaps"), PermR, Suspect, 0))
	if got := reopened(t, written(t, c)); got.Memory.Len() != 1 {
		t.Errorf("%d regions, want 1", got.Memory.Len())
	}
	c.KeepSuspect = true
	got := reopened(t, written(t, c))
	same(t, c, got)
	if r, _ := got.Memory.At(0x30000000); r.State != Suspect {
		t.Errorf("kept as %v", r.State)
	}
}

// TestMissingRegisters: the slots hold arch.Absent, and the state comes back.
func TestMissingRegisters(t *testing.T) {
	archs(t, func(t *testing.T, a *arch.Arch) {
		c := New("", a, binary.LittleEndian)
		c.Threads = []Thread{{ID: 7}}
		core := written(t, c)
		var pc [8]byte
		binary.LittleEndian.PutUint64(pc[:], a.Absent)
		if !bytes.Contains(core, pc[:a.PtrSize()]) {
			t.Error("no slot with arch.Absent")
		}
		got := reopened(t, core)
		for n, info := range a.Regs {
			if _, s := got.Threads[0].Regs.Get(arch.Reg(n)); s != Missing {
				t.Errorf("%s is %v", info.Name, s)
			}
		}
	})
}

func TestWriteErrors(t *testing.T) {
	change := func(f func(*Core)) *Core {
		c := madeUp(arch.CortexM)
		f(c)
		return c
	}
	for name, c := range map[string]*Core{
		"no CPU":          change(func(c *Core) { c.Arch = nil }),
		"no byte order":   change(func(c *Core) { c.Order = nil }),
		"ID twice":        change(func(c *Core) { c.Threads[2].ID = 1 }),
		"ID 0":            change(func(c *Core) { c.Threads[0].ID = 0 }),
		"other registers": change(func(c *Core) { c.Threads[0].Regs = NewRegisters(arch.RV64) }),
		"address": change(func(c *Core) {
			c.Memory.Add(NewRegion(0x1_0000_0000, []byte{1}, 0, Known, 0))
		}),
		"past the end": change(func(c *Core) {
			c.Memory.Add(NewRegion(0xffffffff, []byte{1, 2}, 0, Known, 0))
		}),
		"short data": change(func(c *Core) {
			c.Memory.Add(Region{Range: Range{0, 10}, State: Known, Data: strings.NewReader("five.")})
		}),
		"over 4 GiB": change(func(c *Core) {
			c.Memory.Add(Region{Range: Range{0, 0xffffff00}, State: Known, Data: endless{}})
		}),
	} {
		if err := c.Write(io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if err := madeUp(arch.ARM).Write(full{}); !errors.Is(err, errFull) {
		t.Errorf("the writer's error is lost: %v", err)
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// endless is memory of any size.
type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestManySegments(t *testing.T) {
	for _, a := range []*arch.Arch{arch.CortexM, arch.RV64} {
		c := New("", a, binary.LittleEndian)
		for i := range 70_000 {
			c.Memory.Add(NewRegion(Addr(i*16), []byte{byte(i)}, PermR, Known, 0))
		}
		core := written(t, c)
		same(t, c, reopened(t, core))
	}
}

func TestWriteStreams(t *testing.T) {
	c := New("", arch.RV64, binary.LittleEndian)
	c.Memory.Add(Region{Range: Range{0, 256 << 20}, State: Known, Data: endless{}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := c.Write(io.Discard); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("256 MiB of memory took %d bytes", n)
	}
}

// tsv reads a table of the shared corpus.
func tsv(t *testing.T, name string) (rows []map[string]string) {
	t.Helper()
	text, err := os.ReadFile("../../shared/corpus/gdb-expect/" + name)
	if err != nil {
		t.Skip(err)
	}
	var head []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if head == nil {
			cells[0] = strings.TrimPrefix(cells[0], "# ")
			head = cells
			continue
		}
		row := map[string]string{}
		for i, cell := range cells {
			row[head[i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// corpusArchs maps the corpus's names.
var corpusArchs = map[string]*arch.Arch{
	"arm-m": arch.CortexM, "arm-a": arch.ARM, "arm": arch.ARM, "aarch64": arch.AArch64, "i386": arch.I386,
	"riscv32": arch.RV32, "riscv64": arch.RV64, "x86_64": arch.AMD64,
}

// TestLayouts compares sizes and offsets with the measured tables.
func TestLayouts(t *testing.T) {
	for _, row := range tsv(t, "layouts.tsv") {
		a := corpusArchs[row["arch"]]
		if a == nil {
			continue
		}
		t.Run(row["arch"], func(t *testing.T) {
			c := madeUp(a)
			c.Program.File = "fw.elf"
			c.Program.FloatBits = 64
			core := written(t, c)
			f, err := Open(bytes.NewReader(core), int64(len(core)))
			if err != nil {
				t.Fatal(err)
			}
			want := func(column string, got any) {
				t.Helper()
				text := strings.Replace(row[column], "32*flen+4", "260", 1)
				if text != fmt.Sprint(got) {
					t.Errorf("%s: want %s, got %v", column, text, got)
				}
			}
			want("e_machine", uint16(f.Header.Machine))
			want("class", f.pointer()*8)
			want("ei_osabi", uint8(f.Header.OSABI))
			_, regs, _ := a.Slots(a.Linux)
			want("reg_size", regs)
			var order []string
			for n, err := range f.Notes() {
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, fmt.Sprintf("%s/%x", n.Owner, n.Type))
				desc, _ := n.Read(n.Size)
				at := func(column string) []byte {
					off, _ := strconv.Atoi(row[column])
					return desc[off:]
				}
				switch {
				case n.Type == notes.PRStatus:
					want("prstatus", n.Size)
					if s := binary.LittleEndian.Uint16(at("cursig_off")); s != 4 {
						t.Errorf("pr_cursig %d", s)
					}
					thread := binary.LittleEndian.Uint32(at("pid_off"))
					slots, _, _ := a.Slots(a.Linux)
					for _, s := range slots {
						if s.Reg == arch.NoReg {
							continue
						}
						v, _ := c.Threads[thread-1].Regs.Bytes(s.Reg)
						if got := at("reg_off")[s.Off:][:min(s.Size, len(v))]; !bytes.Equal(got, v) {
							t.Errorf("thread %d: %s: want % x, got % x", thread, a.Regs[s.Reg].Name, v, got)
						}
					}
				case n.Type == notes.PRPSInfo && n.Owner == "CORE":
					want("prpsinfo", n.Size)
					if pid := binary.LittleEndian.Uint32(at("ps_pid_off")); pid != 1 {
						t.Errorf("pr_pid %d", pid)
					}
					for _, column := range []string{"ps_fname_off", "ps_args_off"} {
						if !bytes.HasPrefix(at(column), []byte("fw.elf\x00")) {
							t.Errorf("%s: %q", column, at(column))
						}
					}
				case n.Type == a.Core.Float.Type:
					want("fp_name", n.Owner)
					want("fp_size", n.Size)
				}
			}
			t.Log(strings.Join(order, " "))
		})
	}
}

func TestRegisterOrder(t *testing.T) {
	for _, row := range tsv(t, "regorder.tsv") {
		a := corpusArchs[row["arch"]]
		slots, _, err := a.Slots(a.Linux)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range strings.Fields(row["order"]) {
			if strings.HasPrefix(name, "orig_") {
				if slots[i].Reg != arch.NoReg || !slots[i].Ones {
					t.Errorf("%s: slot %d is not -1", a.Name, i)
				}
				continue
			}
			if name == "pstate" {
				name = "cpsr" // GDB's name for it
			}
			if got := a.Regs[slots[i].Reg].Name; got != name {
				t.Errorf("%s: slot %d: want %s, got %s", a.Name, i, name, got)
			}
		}
		if n := len(strings.Fields(row["order"])); n != len(slots) {
			t.Errorf("%s: want %d slots, got %d", a.Name, n, len(slots))
		}
	}
}

// TestNoteOrder pins the order that debuggers rely on.
func TestNoteOrder(t *testing.T) {
	c := awkward(arch.RV32)
	for n := range arch.RV32.Regs {
		c.Threads[1].Regs.Set(arch.Reg(n), 1, Known, 0)
	}
	c.Program.HideInitial = false
	core := written(t, c)
	f, _ := Open(bytes.NewReader(core), int64(len(core)))
	var got []string
	for n, err := range f.Notes() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s/%x", n.Owner, n.Type))
	}
	want := "CORE/1 CORE/3 CORE/53494749 CORE/2 GDB/900 " +
		"CORE/1 CORE/53494749 CORE/2 GDB/900 " +
		"CORE/1 CORE/53494749 " +
		"CORE/6 GNU/3 GDB/ff000000 corelift/434c0001"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("want %s\ngot  %s", want, s)
	}
}

// TestProgramName: a name that can't match is left out unless the build-id
// stands in for it.
func TestProgramName(t *testing.T) {
	for _, x := range []struct {
		file, id string
		want     bool
	}{
		{"", "", false}, {"", "00", false}, {"sixteen-bytes.el", "", true},
		{"seventeen-bytes.e", "", false}, {"seventeen-bytes.e", "00", true},
	} {
		c := madeUp(arch.ARM)
		c.Program.File, c.Program.BuildID = x.file, x.id
		f, _ := Open(bytes.NewReader(written(t, c)), 1<<20)
		found := false
		for n := range f.Notes() {
			found = found || n.Owner == "CORE" && n.Type == notes.PRPSInfo
		}
		if found != x.want {
			t.Errorf("%+v: PRPSINFO %v", x, found)
		}
	}
}

func TestTargetDescription(t *testing.T) {
	describe := func(c *Core) string {
		var xml string
		core := written(t, c)
		f, _ := Open(bytes.NewReader(core), int64(len(core)))
		for n := range f.Notes() {
			if n.Owner == "GDB" && n.Type == notes.TDesc {
				b, _ := n.Read(n.Size)
				xml = string(b)
			}
		}
		return xml
	}
	const begin = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">`
	if got := describe(madeUp(arch.AMD64)); got != begin+"<osabi>GNU/Linux</osabi></target>" {
		t.Errorf("x86-64: %s", got)
	}
	if got := describe(madeUp(arch.Xtensa)); got != "" {
		t.Errorf("xtensa: %s", got)
	}
	e := madeUp(arch.RV32)
	e.Flags, e.HasFlags = arch.RISCVEFlag, true
	e.Threads = e.Threads[:1]
	for n, info := range arch.RV32.Regs {
		if info.Group != arch.General && info.Name != "mcause" && info.Name != "mtval" {
			e.Threads[0].Regs.Clear(arch.Reg(n), 0)
		}
	}
	got := describe(e)
	if n := strings.Count(got, "<reg "); n != 16+1+2 {
		t.Errorf("RV32E: %d registers: %s", n, got)
	}
	if want := `<feature name="org.gnu.gdb.riscv.csr"><reg name="mcause" bitsize="32"/><reg name="mtval" bitsize="32"/></feature></target>`; !strings.HasSuffix(got, want) {
		t.Errorf("RV32E: want the end %s\ngot %s", want, got)
	}
	// GDB: "bfd requires flen 4, but target has flen 0".
	e.Program.FloatBits = 32
	if got := describe(e); !strings.Contains(got, `<reg name="ft0" bitsize="32" type="ieee_single"/>`) {
		t.Errorf("single float ABI without a register: %s", got)
	}
	for _, a := range arch.All() {
		xml := describe(madeUp(a))
		for _, harmful := range []string{"msp", "psp", "m-system"} {
			if strings.Contains(xml, harmful) {
				t.Errorf("%s: description has %s", a.Name, harmful)
			}
		}
	}
}

func TestFlags(t *testing.T) {
	for _, x := range []struct {
		a     *arch.Arch
		flags uint32
		has   bool
		want  uint32
	}{
		{arch.CortexM, 0, false, 0x05000000},
		{arch.CortexM, 0x05000400, true, 0x05000400},
		{arch.RV32, 9, true, 9},
		{arch.RV64, 13, true, 5},
		{arch.Xtensa, 0, false, 0x300},
	} {
		c := madeUp(x.a)
		c.Flags, c.HasFlags = x.flags, x.has
		f, _ := Open(bytes.NewReader(written(t, c)), 1<<20)
		if f.Header.Flags != x.want {
			t.Errorf("%s %#x: e_flags %#x, want %#x", x.a.Name, x.flags, f.Header.Flags, x.want)
		}
	}
}

// TestEvidenceIsSmall: a plain dump costs next to nothing.
func TestEvidenceIsSmall(t *testing.T) {
	c := madeUp(arch.CortexM)
	set, _ := c.registerNotes()
	b, err := c.own(set).encode()
	if err != nil || len(b) > 300 || !json.Valid(b) {
		t.Errorf("%d bytes, %v: %s", len(b), err, b)
	}
}

func BenchmarkWrite(b *testing.B) {
	c := awkward(arch.CortexM)
	c.Memory.Add(NewRegion(0x30000000, make([]byte, 64<<10), PermR, Known, 0))
	for b.Loop() {
		if err := c.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReopen(b *testing.B) {
	c := awkward(arch.CortexM)
	c.Memory.Add(NewRegion(0x30000000, make([]byte, 64<<10), PermR, Known, 0))
	core := written(b, c)
	for b.Loop() {
		reopened(b, core)
	}
}
