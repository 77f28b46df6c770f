package unwind

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

// truth is what a live debugger saw, see testdata/firmware/README.md.
type truth struct {
	Threads []struct {
		Name, Kind string
		Registers  map[string]string
		Frames     []struct {
			PC       string
			Function string
			Inlined  bool
		}
	}
}

// fixtures calls run for each captured crash of the fixture programs.
func fixtures(t *testing.T, run func(t *testing.T, p *firmware.Set, c *elfcore.Core, want truth)) {
	logs, err := filepath.Glob("../../testdata/firmware/*/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no fixture programs: run make firmware")
	}
	for _, log := range logs {
		name := strings.TrimSuffix(log, ".log")
		t.Run(filepath.Base(filepath.Dir(log))+"/"+filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name + ".json")
			if errors.Is(err, fs.ErrNotExist) {
				t.Skip("no truth for this log")
			}
			var want truth
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			p, err := firmware.Open(filepath.Join(filepath.Dir(log), "fw.elf"))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			c := elfcore.New("test", p.Arch(), binary.LittleEndian)
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			loadMemory(t, c, data)
			run(t, p, c, want)
		})
	}
}

// loadMemory takes the memory blocks out of a Zephyr log (zephyr.md 1.1, 2.2).
func loadMemory(t testing.TB, c *elfcore.Core, log []byte) {
	t.Helper()
	var dump []byte
	for s := bufio.NewScanner(bytes.NewReader(log)); s.Scan(); {
		_, payload, _ := strings.Cut(s.Text(), "#CD:")
		if b, err := hex.DecodeString(strings.TrimSpace(payload)); err == nil {
			dump = append(dump, b...)
		}
	}
	le := binary.LittleEndian
	for at := 12; at < len(dump); {
		switch b := dump[at:]; b[0] {
		case 'A', 'T':
			at += 5 + int(le.Uint16(b[3:]))
		case 'M':
			start, end, head := uint64(le.Uint32(b[3:])), uint64(le.Uint32(b[7:])), 11
			if c.Arch.PtrSize() == 8 {
				start, end, head = le.Uint64(b[3:]), le.Uint64(b[11:]), 19
			}
			data := b[head:][:end-start]
			c.Memory.Add(elfcore.NewRegion(elfcore.Addr(start), data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
			at += head + len(data)
		default:
			t.Fatalf("block %q at %d", b[0], at)
		}
	}
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func registersOf(t *testing.T, a *arch.Arch, from map[string]string) elfcore.Registers {
	t.Helper()
	r := elfcore.NewRegisters(a)
	for name, v := range from {
		n, ok := a.Reg(name)
		if !ok {
			t.Fatalf("%s has no register %s", a.Name, name)
		}
		r.Set(n, number(t, v), elfcore.Known, 0)
	}
	return r
}

// TestFixtures walks every thread of every fixture from the registers that the
// live debugger saw, and compares with its frames. A trace may go on where the
// debugger's ended, through assembly without call frame information.
func TestFixtures(t *testing.T) {
	fixtures(t, func(t *testing.T, p *firmware.Set, c *elfcore.Core, want truth) {
		for _, thread := range want.Threads {
			frames := Walk(c, p, registersOf(t, c.Arch, thread.Registers), 0)
			var got, pcs []elfcore.Addr
			for _, f := range frames {
				got = append(got, f.PC)
			}
			for _, f := range thread.Frames {
				if !f.Inlined {
					pcs = append(pcs, elfcore.Addr(number(t, f.PC)))
				}
			}
			if len(got) < len(pcs) || !slices.Equal(got[:len(pcs)], pcs) {
				t.Errorf("%s: %v, want %v", thread.Name, got, pcs)
			}
			end := frames[len(frames)-1].End
			t.Logf("%s: %d of %d frames, score %d, %v", thread.Name, len(got), len(pcs), Score(c, p, frames), end)
			if thread.Kind == "task" && end.Kind != Outermost {
				t.Errorf("%s: ends with %v", thread.Name, end)
			}
			for i, f := range frames[1:min(len(frames), len(pcs))] {
				if f.Trust < LinkRegister {
					t.Errorf("%s: frame %d by %v", thread.Name, i+1, f.Trust)
				}
			}
		}
	})
}

// TestFixtureRivals: the stack pointer of the truth beats those that are off
// by what exception frames differ in, in every thread.
func TestFixtureRivals(t *testing.T) {
	fixtures(t, func(t *testing.T, p *firmware.Set, c *elfcore.Core, want truth) {
		for _, thread := range want.Threads {
			r := registersOf(t, c.Arch, thread.Registers)
			sp, _ := r.SP()
			right := Score(c, p, Walk(c, p, r, 0))
			for _, off := range []int64{-176, -152, -104, -80, -72, -40, -36, -32, -4, 4, 32, 36, 40, 72, 80, 104, 152, 176} {
				rival := r.Clone()
				rival.Set(c.Arch.SP, sp+uint64(off), elfcore.Known, 0)
				if got := Score(c, p, Walk(c, p, rival, 0)); got > right-10 {
					t.Errorf("%s: sp%+d scores %d, the truth %d", thread.Name, off, got, right)
				}
			}
		}
	})
}

func BenchmarkFixture(b *testing.B) {
	const dir = "../../testdata/firmware/cortex-m3/"
	p, err := firmware.Open(dir + "fw.elf")
	if err != nil {
		b.Skip(err)
	}
	defer p.Close()
	log, err := os.ReadFile(dir + "undef.log")
	if err != nil {
		b.Skip(err)
	}
	c := elfcore.New("test", p.Arch(), binary.LittleEndian)
	loadMemory(b, c, log)
	r := regs(p.Arch(), map[string]uint64{"pc": 0x49e, "sp": 0x20001130, "lr": 0xfffffcd8})
	b.ReportAllocs()
	for b.Loop() {
		Score(c, p, Walk(c, p, r, 0))
	}
}

// noTables is a firmware without call frame information.
type noTables struct{ *firmware.Set }

func (noTables) Row(elfcore.Addr) (row firmware.Row, ok bool) { return row, false }

// TestFixturesWithoutTables walks every thread of every fixture as if the
// firmware had no tables. All frames but scanned ones must still be right, up
// to those functions of assembly that no one can know.
func TestFixturesWithoutTables(t *testing.T) {
	var threads, whole, right, wrong int
	by := map[Trust]int{}
	fixtures(t, func(t *testing.T, p *firmware.Set, c *elfcore.Core, want truth) {
		for _, thread := range want.Threads {
			frames := Walk(c, noTables{p}, registersOf(t, c.Arch, thread.Registers), 0)
			var pcs []elfcore.Addr
			for _, f := range thread.Frames {
				if !f.Inlined {
					pcs = append(pcs, elfcore.Addr(number(t, f.PC)))
				}
			}
			threads++
			i := 0
			for i < min(len(frames), len(pcs)) && frames[i].PC == pcs[i] {
				by[frames[i].Trust]++
				i++
			}
			right += i
			switch {
			case i == len(pcs):
				whole++
			case i < len(frames) && frames[i].Trust == Scan:
				wrong++
				t.Logf("%s: frame %d is %v by a scan, want %v", thread.Name, i, frames[i].PC, pcs[i])
			case i < len(frames):
				t.Errorf("%s: frame %d is %v by %v, want %v", thread.Name, i, frames[i].PC, frames[i].Trust, pcs[i])
			default:
				t.Logf("%s: %d of %d frames, %v", thread.Name, i, len(pcs), frames[len(frames)-1].End)
			}
		}
	})
	t.Logf("%d of %d traces whole, %d frames right, %d wrong by a scan; by %v", whole, threads, right, wrong, by)
}
