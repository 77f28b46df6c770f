package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
)

// frameBuilder writes a .debug_frame, independently of the reader.
type frameBuilder struct{ bytes.Buffer }

func (b *frameBuilder) entry(parts ...[]byte) (off uint32) {
	off = uint32(b.Len())
	body := bytes.Join(parts, nil)
	binary.Write(b, binary.LittleEndian, uint32(len(body)))
	b.Write(body)
	return off
}

func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// The parts of common entries by version; code 2, data -4, return column 14.
var (
	version1 = []byte{1, 0, 2, 0x7c, 14}
	version4 = []byte{4, 0, 4, 0, 2, 0x7c, 14}
	none     = u32(0xffffffff)
	spIs0    = []byte{0x0c, 13, 0} // DW_CFA_def_cfa sp, 0
)

// tableOf indexes a section for Cortex-M code at 0x8000.
func tableOf(section []byte, symbols *symbolTable, eh bool) *frameTable {
	m := &Image{Arch: arch.CortexM, symbols: func() *symbolTable { return symbols }}
	m.sections = []Section{{Range: elfcore.Range{Addr: 0, Size: 0x10000}, Exec: true, Data: bytes.NewReader(nil)}}
	t := newFrameTable(m)
	t.add(frameSection{data: section, eh: eh, word: 4, known: map[uint64]*cie{}}, m)
	t.sort()
	return t
}

func TestInstructions(t *testing.T) {
	const at = 0x8000
	// Each program runs behind "CFA is sp+0, r4 is at CFA-4".
	initial := append(bytes.Clone(spIs0), 0x80|4, 1)
	for _, c := range []struct {
		name    string
		program []byte
		want    map[string]string // at the end of the function; nil: no row
	}{
		{"offset", []byte{0x0e, 16, 0x80 | 5, 2}, map[string]string{"CFA": "r13+16", "r4": "c-4", "r5": "c-8"}},
		{"restore to the initial rule", []byte{0x80 | 4, 3, 0xc0 | 4}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"restore to none", []byte{0x80, 3, 0xc0}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"restore extended", []byte{0x80 | 5, 3, 0x06, 5, 0x06, 4}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"remember", []byte{0x0a, 0x80 | 4, 9, 0x0e, 8, 0x0b}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"recall without remember", []byte{0x0b}, nil},
		{"val_offset is scaled", []byte{0x14, 5, 2}, map[string]string{"CFA": "r13+0", "r4": "c-4", "r5": "v-8"}},
		{"val_offset_sf", []byte{0x15, 5, 0x7e}, map[string]string{"CFA": "r13+0", "r4": "c-4", "r5": "v+8"}},
		{"negative offset", []byte{0x2f, 5, 2}, map[string]string{"CFA": "r13+0", "r4": "c-4", "r5": "c+8"}},
		{"pointer authentication", []byte{0x2d, 0x0e, 4, 0x2c}, map[string]string{"CFA": "r13+4", "r4": "c-4"}},
		{"arguments size", []byte{0x2e, 4}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"set_loc has the size of an address", []byte{0x01, 4, 0x80, 0, 0, 0x0e, 4}, map[string]string{"CFA": "r13+4", "r4": "c-4"}},
		{"beyond the function", []byte{0x40 | 63, 0x0e, 4}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"vector register that is not known", []byte{0x05, 0x80, 0x10, 1}, map[string]string{"CFA": "r13+0", "r4": "c-4"}},
		{"halves of d8", []byte{0x05, 80, 6, 0x05, 81, 5}, map[string]string{"CFA": "r13+0", "r4": "c-4", "r264": "c-24"}},
		{"same value, undefined", []byte{0x08, 5, 0x07, 4}, map[string]string{"CFA": "r13+0", "r5": "s"}},
		{"expressions", []byte{0x0f, 2, 0x70, 0, 0x10, 5, 1, 0x30, 0x16, 6, 1, 0x30}, map[string]string{"CFA": "exp", "r4": "c-4", "r5": "exp", "r6": "vexp"}},
		{"unknown instruction", []byte{0x17}, nil},
		{"operand cut off", []byte{0x0e, 0x80}, nil},
		{"block cut off", []byte{0x0f, 9, 0}, nil},
		{"CFA in a register that is not known", []byte{0x0d, 99}, nil},
	} {
		for version, head := range map[string][]byte{"version 1": version1, "version 4": version4} {
			t.Run(c.name+"/"+version, func(t *testing.T) {
				var b frameBuilder
				b.entry(none, head, initial)
				b.entry(u32(0), u32(at), u32(8), c.program)
				row, ok := tableOf(b.Bytes(), symbolsOf(), false).row(at + 7)
				if ok != (c.want != nil) {
					t.Fatal(ok, row)
				}
				if ok && !maps.Equal(text(arch.CortexM, row), c.want) {
					t.Errorf("%v, want %v", text(arch.CortexM, row), c.want)
				}
			})
		}
	}
}

// TestCommonEntries: the ways in which a common entry can be of no use, and
// that one does not spoil the others.
func TestCommonEntries(t *testing.T) {
	for _, c := range []struct {
		name string
		head []byte
		ok   bool
	}{
		{"version 3", []byte{3, 0, 2, 0x7c, 14}, true},
		{"version 2", []byte{2, 0, 2, 0x7c, 14}, false},
		{"addresses of another size", []byte{4, 0, 8, 0, 2, 0x7c, 14}, false},
		{"segments", []byte{4, 0, 4, 4, 2, 0x7c, 14}, false},
		{"old GCC", []byte("\x01eh\x00\x00\x00\x00\x00\x02\x7c\x0e"), false},
		{"letters", []byte("\x01zPLRS\x00\x02\x7c\x0e\x07\x00\x01\x02\x03\x04\x00\x00"), true},
		{"signal frame by gas", []byte("\x01S\x00\x02\x7c\x0e"), true},
		{"letter with data of unknown length", []byte("\x01R\x00\x02\x7c\x0e\x00"), false},
		{"unknown letter", []byte("\x01zY\x00\x02\x7c\x0e\x00"), false},
		{"cut off", []byte{1, 0, 0x80}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b frameBuilder
			program := spIs0
			if c.name == "cut off" {
				program = nil
			}
			b.entry(none, c.head, program)
			augmentation := []byte(nil)
			if bytes.ContainsRune(c.head, 'z') {
				augmentation = []byte{4, 0, 0, 0, 0}
			}
			b.entry(u32(0), u32(0x8000), u32(8), augmentation, []byte{0x0e, 4})
			good := b.entry(none, version1, spIs0)
			b.entry(u32(good), u32(0x9000), u32(8))
			b.entry(u32(0x7777), u32(0xa000), u32(8)) // no such common entry
			b.Write([]byte{0xff, 0xff, 0, 0, 1})      // cut off
			table := tableOf(b.Bytes(), symbolsOf(), false)
			row, ok := table.row(0x8000)
			if ok != c.ok || ok && (row.Signal != bytes.ContainsRune(c.head, 'S') || row.CFA.Offset != 4) {
				t.Error(ok, row)
			}
			if row, ok := table.row(0x9007); !ok || row.Return != arch.CortexM.LR || row.Function.Addr != 0x9000 {
				t.Error("the good one:", ok, row)
			}
			if _, ok := table.row(0xa000); ok {
				t.Error("a row without a common entry")
			}
		})
	}
}

func TestDeadEntries(t *testing.T) {
	function := func(a, size uint64) symbol {
		return symbol{elfcore.Range{Addr: elfcore.Addr(a), Size: size}, alpha, 2, elf.STT_FUNC, 1, false}
	}
	var b frameBuilder
	b.entry(none, version1, spIs0)
	for i, r := range [][2]uint32{
		{0, 0x40}, {0, 0x20}, {0, 0x20}, // live and two dead at 0
		{0x100, 0x40},                // dead, over a function without an entry
		{0x200, 0x40}, {0x200, 0x40}, // two that nothing tells apart
		{0x9000, 0x40},               // code without a symbol
		{0xfffffff0, 0x8},            // clang's mark of removed code
		{0x20000, 0x10}, {0x9800, 0}, // not code, empty
	} {
		b.entry(u32(0), u32(r[0]), u32(r[1]), []byte{0x0e, byte(4 * i)})
	}
	table := tableOf(b.Bytes(), symbolsOf(function(0, 0x40), function(0x100, 0x30), function(0x200, 0x40)), false)
	for pc, want := range map[elfcore.Addr]int64{0x00: 0, 0x1f: 0, 0x3f: 0, 0x40: -1, 0x108: -1, 0x208: -1, 0x9010: 24, 0xfffffff4: -1, 0x20000: -1, 0x9800: -1} {
		row, ok := table.row(pc)
		if ok != (want >= 0) || ok && row.CFA.Offset != want {
			t.Errorf("%v: %v %v, want %d", pc, ok, row.CFA, want)
		}
	}
}

func BenchmarkRow(b *testing.B) {
	s := open(b, "testdata/cortex-m3-og.elf")
	f, _ := s.Symbol("branches")
	for b.Loop() {
		s.Row(f.Addr + 20)
	}
}

// TestTrapFrame: a handler in assembly describes the frame that it pushes on
// the stack of the code that it interrupted, the pc in a column of its own.
func TestTrapFrame(t *testing.T) {
	for _, c := range []struct {
		tool, flags, source string
		link                string
	}{
		{"riscv64-unknown-elf-gcc", "-march=rv32imac_zicsr -mabi=ilp32", `
			.cfi_startproc
			.cfi_signal_frame
			.cfi_return_column 64
			addi sp, sp, -16
			.cfi_def_cfa_offset 16
			sw ra, 0(sp)
			.cfi_offset ra, -16
			csrr t0, mepc
			sw t0, 8(sp)
			.cfi_offset 64, -8
			nop
			.cfi_endproc`, "ra"},
		{"aarch64-linux-gnu-gcc", "-no-pie -static", `
			.cfi_startproc
			.cfi_signal_frame
			.cfi_return_column 33
			stp x30, x0, [sp, #-16]!
			.cfi_def_cfa_offset 16
			.cfi_offset x30, -16
			mrs x0, elr_el1
			str x0, [sp, #8]
			.cfi_offset 33, -8
			nop
			.cfi_endproc`, "x30"},
	} {
		t.Run(c.tool, func(t *testing.T) {
			fixture.Need(t, c.tool)
			dir := t.TempDir()
			in, out := filepath.Join(dir, "trap.s"), filepath.Join(dir, "trap.elf")
			source := ".cfi_sections .debug_frame\n.globl _start\n.type _start, %function\n_start:\n" + c.source + "\n.size _start, .-_start\n"
			if err := os.WriteFile(in, []byte(source), 0o666); err != nil {
				t.Fatal(err)
			}
			args := append(strings.Fields(c.flags), "-nostdlib", in, "-o", out)
			if text, err := exec.Command(c.tool, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			s, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			f, _ := s.Symbol("_start")
			row, ok := s.Row(f.Addr + elfcore.Addr(f.Size) - 1)
			link, _ := s.Arch().Reg(c.link)
			if !ok || !row.Signal || row.Return != s.Arch().PC || row.CFA.Offset != 16 ||
				row.Regs[s.Arch().PC].Offset != -8 || row.Regs[link].Offset != -16 {
				t.Errorf("%v %+v", ok, row)
			}
		})
	}
}
