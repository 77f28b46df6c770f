package firmware

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
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

func TestExidxInstructions(t *testing.T) {
	for _, c := range []struct {
		name string
		code []byte
		want string // "-": refused
	}{
		{"finish", []byte{0xb0, 0xb0, 0xb0}, "CFA sp+0"},
		{"nothing at all", nil, "CFA sp+0"},
		{"push {r4, lr}", []byte{0xa8, 0xb0}, "CFA sp+8 r4 c-8 lr c-4"},
		{"push {r4-r7, lr}; sub sp, #16", []byte{0x03, 0xab}, "CFA sp+36 r4 c-20 r5 c-16 r6 c-12 r7 c-8 lr c-4"},
		{"push {r4-r11}", []byte{0xa7}, "CFA sp+32 r4 c-32 r5 c-28 r6 c-24 r7 c-20 r8 c-16 r9 c-12 r10 c-8 r11 c-4"},
		{"push {r7, lr}", []byte{0x84, 0x08}, "CFA sp+8 r7 c-8 lr c-4"},
		{"push {r0-r3} of varargs", []byte{0x84, 0x08, 0x03}, "CFA sp+24 r7 c-24 lr c-20"},
		{"push {r1-r3}", []byte{0xb1, 0x0e, 0xa8}, "CFA sp+20 r1 c-20 r2 c-16 r3 c-12 r4 c-8 lr c-4"},
		{"frame pointer", []byte{0x97, 0x84, 0x08}, "CFA r7+8 r7 c-8 lr c-4"},
		{"frame pointer above", []byte{0x9b, 0x40, 0x84, 0x80}, "CFA r11+4 r11 c-8 lr c-4"},
		{"large frame", []byte{0xb2, 0x81, 0x01, 0xa8}, "CFA sp+1040 r4 c-8 lr c-4"},
		{"vpush {d8-d9}", []byte{0xd1, 0xa8}, "CFA sp+24 r4 c-8 lr c-4 d8 c-24 d9 c-16"},
		{"vpush {d0}", []byte{0xc9, 0x00}, "CFA sp+8 d0 c-8"},
		{"vpush {d16-d17}", []byte{0xc8, 0x01}, "CFA sp+16 d16 c-16 d17 c-8"},
		{"fstmx {d8-d9}", []byte{0xb9}, "CFA sp+20 d8 c-20 d9 c-12"},
		{"fstmx {d10}", []byte{0xb3, 0xa0}, "CFA sp+12 d10 c-12"},
		{"signed return address", []byte{0xb4, 0x84, 0x08, 0xb5}, "CFA sp+12 r7 c-8 lr c-4"},
		{"returns through pc", []byte{0x88, 0x01}, "CFA sp+8 r4 c-8 pc c-4 returns pc"},
		{"refused", []byte{0x80, 0x00}, "-"},
		{"reserved", []byte{0xb6}, "-"},
		{"reserved mask", []byte{0xb1, 0x10}, "-"},
		{"reserved, empty mask", []byte{0xb1, 0x00}, "-"},
		{"registers of a coprocessor", []byte{0xc0}, "-"},
		{"sp from itself", []byte{0x9d}, "-"},
		{"sp popped", []byte{0x82, 0x00}, "-"},
		{"base changes behind a pop", []byte{0xa8, 0x97}, "-"},
		{"double that there is not", []byte{0xc8, 0xff}, "-"},
		{"large frame cut off", []byte{0xb2, 0x80}, "-"},
		{"larger than memory", []byte{0xb2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "-"},
		{"mask cut off", []byte{0x84}, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := Row{Return: arch.CortexM.LR, Regs: map[arch.Reg]Rule{}}
			got := "-"
			if unwindBody(arch.CortexM, c.code, &row) {
				got = exidxText(row)
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// exidxText writes a row as in the tests above.
func exidxText(row Row) string {
	a := arch.CortexM
	if row.CFA.Kind == RuleUndefined {
		return "can't unwind"
	}
	s := fmt.Sprintf("CFA %s%+d", a.Regs[row.CFA.Reg].Name, row.CFA.Offset)
	for i, info := range a.Regs {
		if rule, ok := row.Regs[arch.Reg(i)]; ok {
			s += fmt.Sprintf(" %s c%+d", info.Name, rule.Offset)
		}
	}
	if row.Return == a.PC {
		s += " returns pc"
	}
	return s
}

// exidxImage is a program with code at 0x8000, an index at 0x10000 and tables
// at 0x11000. Entries are pairs of an address and a word.
func exidxImage(tables []uint32, entries ...uint32) *Image {
	const index, at = 0x10000, 0x11000
	le := binary.LittleEndian
	var table, list []byte
	for _, w := range tables {
		table = le.AppendUint32(table, w)
	}
	for i, w := range entries {
		if i%2 == 0 || w >= at && w < at+0x1000 {
			w = (w - uint32(index+4*i)) &^ (1 << 31) // prel31
		}
		list = le.AppendUint32(list, w)
	}
	m := &Image{Arch: arch.CortexM, symbols: func() *symbolTable { return symbolsOf() }}
	m.Order = le
	m.sections = []Section{
		{Range: elfcore.Range{Addr: 0x8000, Size: 0x1000}, Exec: true, Data: bytes.NewReader(make([]byte, 0x1000))},
		{Range: elfcore.Range{Addr: at, Size: uint64(len(table))}, Data: bytes.NewReader(table)},
	}
	t := newFrameTable(m)
	t.exidx = exidxTable{data: list, addr: index, m: m}
	m.frames = func() *frameTable { return t }
	return m
}

func TestExidx(t *testing.T) {
	m := exidxImage([]uint32{
		0x8101_8408, 0x03a2_b0b0, // at 0x11000: second personality, one word more
		0x0000_1234, 0x0197_8408, 0xb0b0_b0b0, 0xdead_beef, // at 0x11008: a routine of its own, then its data
		0x8300_0000, // at 0x11018: no such personality
		0x80a8_b0b0, // at 0x1101c: the first, out of line
	},
		0x8000, 0x80a8_b0b0,
		0x8010, 0x1_1000,
		0x8020, 0x1_1008,
		0x8030, cantUnwind,
		0x8040, 0x1_1018,
		0x8050, 0x1_101c,
		0x8060, 0x1_1ffc, // beyond the tables
		0x8070, 0x8180_0000,
		0x8080, 0x80b0_b0b0,
		0x9100, 0x80b0_b0b0, // no code
	)
	for _, c := range []struct {
		pc   elfcore.Addr
		want string
	}{
		{0x7ffe, "-"},
		{0x8000, "CFA sp+8 r4 c-8 lr c-4"},
		{0x800f, "CFA sp+8 r4 c-8 lr c-4"},
		{0x8010, "CFA sp+36 r4 c-12 r5 c-8 r6 c-4 r7 c-36 lr c-32"},
		{0x8020, "CFA r7+8 r7 c-8 lr c-4"},
		{0x8038, "can't unwind"},
		{0x8040, "-"},
		{0x8050, "CFA sp+8 r4 c-8 lr c-4"},
		{0x8060, "-"},
		{0x8070, "-"},
		{0x8ffe, "CFA sp+0"},
		{0x9100, "-"},
	} {
		got := "-"
		if row, ok := (&Set{images: []*Image{m}}).Row(c.pc); ok {
			got = exidxText(row)
			if !row.Exidx || !row.Function.Contains(c.pc) {
				t.Errorf("%v: %+v", c.pc, row)
			}
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.pc, got, c.want)
		}
	}
}

// throws is C++ with frames of every kind, and exceptions.
const throws = `
#include <stdexcept>
#include <string>
#include <vector>
#include <map>
struct Guard { int *n; ~Guard() { --*n; } };
struct Base { virtual int run(int) = 0; virtual ~Base() {} };
template <typename T> struct Of : Base { T value; int run(int n) override { Guard g{&n}; if (n < 0) throw std::runtime_error("negative"); return n + int(value); } };
__attribute__((noinline)) int twice(Base &b, int n) { return b.run(n) + b.run(n + 1); }
__attribute__((noinline)) double floats(Base &b, double x, double y) { double s = twice(b, 1) * x; return s + twice(b, 2) * y; }
__attribute__((noinline)) int large(Base &b, int n) { char buffer[3000]; for (int i = 0; i < n; i++) buffer[i] = twice(b, i); return buffer[n / 2]; }
__attribute__((noinline)) int grows(Base &b, int n) { char *p = (char *)__builtin_alloca(n); p[0] = twice(b, n); return p[0] + twice(b, p[n - 1]); }
__attribute__((noinline)) int varies(Base &b, int n, ...) { __builtin_va_list v; __builtin_va_start(v, n); int r = twice(b, __builtin_va_arg(v, int)); __builtin_va_end(v); return r; }
int main() {
	Of<double> d; d.value = 2.5; Of<int> i; i.value = 3;
	std::vector<int> all; std::map<std::string, int> names;
	try { for (int k = 3; k > -3; k--) { all.push_back(twice(d, k)); names["name" + std::to_string(k)] = large(i, k); } }
	catch (std::exception &e) { return e.what()[0] + all.size() + grows(d, 8) + varies(i, 2, 3); }
	return floats(d, 1, 2) + names.size();
}
`

// TestExidxAgainstCFI compares the two tables of a C++ program at every call.
func TestExidxAgainstCFI(t *testing.T) {
	fixture.Need(t, "arm-none-eabi-g++")
	for name, flags := range map[string]string{
		"thumb-O2":  "-mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 -O2",
		"thumb-O0":  "-mthumb -mcpu=cortex-m3 -O0",
		"thumb1-O2": "-mthumb -mcpu=cortex-m0plus -O2",
		"arm-O2":    "-marm -mcpu=cortex-a9 -mfloat-abi=hard -mfpu=vfpv3 -O2",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "throws.cc"), filepath.Join(dir, "throws.elf")
			if err := os.WriteFile(in, []byte(throws), 0o666); err != nil {
				t.Fatal(err)
			}
			args := append(strings.Fields(flags), "-g", "--specs=nosys.specs", "-Wl,--no-warnings", in, "-o", out)
			if text, err := exec.Command("arm-none-eabi-g++", args...).CombinedOutput(); err != nil {
				if bytes.Contains(text, []byte("nosys.specs")) || bytes.Contains(text, []byte("stdexcept")) {
					fixture.Lacking(t, "no C++ library for arm-none-eabi-g++")
				}
				t.Fatalf("%v: %s", err, text)
			}
			s, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			step := 2
			if strings.Contains(flags, "-marm") {
				step = 4
			}
			compareExidx(t, s, step)
		})
	}
}

func compareExidx(t *testing.T, s *Set, step int) {
	m := s.images[0]
	frames := m.frames()
	compared, lacking, wrong := 0, 0, 0
	for _, c := range m.sections {
		if !c.Exec || c.NoBits {
			continue
		}
		code := make([]byte, c.Size)
		c.Data.ReadAt(code, 0)
		for i := 4; i <= len(code); i += step {
			pc := c.Addr + elfcore.Addr(i)
			_, direct := m.Arch.CallTarget(code[:i], uint64(pc))
			cfi, ok := frames.described(pc - 1)
			if !direct || !ok || step == 4 && code[i-1]&0x0f != 0x0b { // also a Thumb bl
				continue
			}
			row, ok := frames.exidx.row(pc - 1)
			if !ok || row.CFA.Kind == RuleUndefined || len(cfi.Regs) == 0 {
				lacking++ // C without a table; code that never returns saves nothing
				continue
			}
			compared++
			if !maps.Equal(stored(m.Arch, cfi), stored(m.Arch, row)) || cfi.CFA.Reg == row.CFA.Reg && cfi.CFA.Offset != row.CFA.Offset {
				wrong++
				name, start, _ := s.SymbolAt(pc - 1)
				t.Logf("%v in %s+%d: CFI %s, exidx %s", pc, name, pc-start, exidxText(cfi), exidxText(row))
			}
		}
	}
	t.Logf("%d calls, %d more without a table, %d wrong", compared, lacking, wrong)
	if compared < 150 || wrong > 0 {
		t.Error("the tables disagree")
	}
}

// stored is where a row finds the registers that a callee preserves.
func stored(a *arch.Arch, row Row) map[arch.Reg]int64 {
	m := map[arch.Reg]int64{}
	for n, rule := range row.Regs {
		if rule.Kind == RuleOffset && (n >= armR4 && n <= 11 || n == armLR) {
			m[n] = rule.Offset
		}
	}
	return m
}

// FuzzExidx reads random tables.
func FuzzExidx(f *testing.F) {
	f.Add([]byte{0xa8, 0xb0, 0xb0, 0x80, 1, 0, 0, 0}, uint32(0x8000))
	f.Add(binary.LittleEndian.AppendUint32(nil, 0x81ff_b2ff), uint32(0x8010))
	f.Add(bytes.Repeat([]byte{0xb2}, 64), uint32(0x8fff))
	f.Fuzz(func(t *testing.T, data []byte, pc uint32) {
		words := make([]uint32, len(data)/4)
		for i := range words {
			words[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
		m := exidxImage(words, 0x8000, 0x1_1000, 0x8010, 0x1_1004, 0x8020, 0x1_1ffc, 0x8030, 1)
		m.elf = &elf.File{FileHeader: elf.FileHeader{Machine: elf.EM_ARM}}
		table := m.frames()
		for _, d := range [][]byte{table.exidx.data, data} {
			table.exidx.data = d
			row, ok := table.row(elfcore.Addr(pc))
			if ok && (row.Return != m.Arch.LR && row.Return != m.Arch.PC || row.CFA.Kind == RuleRegister && row.CFA.Reg > armLR) {
				t.Errorf("%+v", row)
			}
			for n := range row.Regs {
				if int(n) >= len(m.Arch.Regs) {
					t.Errorf("register %d", n)
				}
			}
		}
	})
}
