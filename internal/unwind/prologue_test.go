package unwind

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

// agreement counts how prologues as read compare with call frame information.
type agreement struct{ functions, same, lost, missed, wrong int }

// TestPrologueAgainstCFI reads the prologue of every function of the fixture
// programs up to each of its instructions, and compares what it finds with the
// compiler's own account, call frame information.
func TestPrologueAgainstCFI(t *testing.T) {
	elfs, _ := filepath.Glob("../../testdata/firmware/*/fw.elf")
	more, _ := filepath.Glob("../../../shared/corpus/esp/esp32c3/*.elf")
	for _, path := range append(elfs, more...) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			p, err := firmware.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			n := compareAll(t, p, codes[p.Arch()][0], false)
			if n.wrong > 0 || n.same < 3*n.functions || n.lost+n.missed > n.same/20 {
				t.Error("too few right")
			}
		})
	}
}

func compareAll(t *testing.T, p *firmware.Set, c code, calls bool) (n agreement) {
	u := newUnwinder(elfcore.New("test", p.Arch(), binary.LittleEndian), p, p.Arch())
	for _, s := range p.ReadOnly() {
		for a := s.Addr; s.Exec && s.Contains(a); {
			f, ok := p.Function(a)
			if !ok || f.Addr < a {
				a++
				continue
			}
			if u.describes(f) {
				u.compare(t, c, f, calls, &n)
			}
			a = f.Addr + elfcore.Addr(f.Size)
		}
	}
	t.Logf("%+v", n)
	return n
}

// TestPrologueCompiled does the same for code as other compilers and options
// make it: ARM state, frame pointers, frames of all sizes.
func TestPrologueCompiled(t *testing.T) {
	for _, tc := range []struct{ name, tool, flags string }{
		{"arm-gcc-O2", "arm-none-eabi-gcc", "-marm -mcpu=cortex-a9 -mfloat-abi=hard -mfpu=vfpv3 -O2"},
		{"arm-gcc-O0", "arm-none-eabi-gcc", "-marm -mcpu=arm926ej-s -O0"},
		{"thumb-gcc-O0", "arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m4 -O0"},
		{"thumb-gcc-Os", "arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 -Os"},
		{"thumb1-gcc-O2", "arm-none-eabi-gcc", "-mthumb -mcpu=cortex-m0 -O2"},
		{"thumb-clang-O0", "clang", "--target=arm-none-eabi -mcpu=cortex-m4 -O0"},
		{"thumb-clang-O2", "clang", "--target=arm-none-eabi -mcpu=cortex-m33 -mfloat-abi=hard -O2"},
		{"arm-clang-O2", "clang", "--target=arm-none-eabi -mcpu=cortex-a9 -marm -O2"},
		{"aarch64-clang-O0", "clang", "--target=aarch64-none-elf -O0"},
		{"aarch64-clang-O2", "clang", "--target=aarch64-none-elf -O2"},
		{"rv32-clang-O0", "clang", "--target=riscv32-none-elf -march=rv32imac -mabi=ilp32 -O0"},
		{"rv64-clang-O2", "clang", "--target=riscv64-none-elf -march=rv64imafdc -mabi=lp64d -O2"},
		{"rv32-gcc-O0", "riscv64-unknown-elf-gcc", "-march=rv32imac -mabi=ilp32 -O0"},
		{"rv64-gcc-O2", "riscv64-unknown-elf-gcc", "-march=rv64imafdc -mabi=lp64d -O2"},
		{"x86-64-gcc-O0", "gcc", "-O0 -fno-pie -no-pie -static -fcf-protection"},
		{"x86-64-clang-O2", "clang", "-O2 -fno-pie -no-pie -static -fno-omit-frame-pointer"},
		{"i386-gcc-O0", "gcc", "-m32 -O0 -fno-pie -no-pie -static -mpreferred-stack-boundary=2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compiled(t, tc.tool, tc.flags, frames)
			c := codes[p.Arch()][0]
			if strings.Contains(tc.flags, "-marm") {
				c = arm
			}
			// A frame too large for an instruction's constant is lost, and r8 to
			// r11 go through lower registers on a Cortex-M0.
			n := compareAll(t, p, c, p.Arch().LR != arch.NoReg)
			if n.wrong > 0 || n.same < 4 || n.lost > 1 || n.missed > 0 && tc.name != "thumb1-gcc-O2" {
				t.Error("too few right")
			}
		})
	}
}

// compiled builds a program without libraries. The compiler must be there or
// the test is skipped.
func compiled(t *testing.T, tool, flags, source string) *firmware.Set {
	t.Helper()
	fixture.Need(t, tool)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "test.c"), filepath.Join(dir, "test.elf")
	if err := os.WriteFile(in, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	args := append(strings.Fields(flags), "-g", "-ffreestanding", "-nostdlib", "-fno-stack-protector", "-fno-builtin", "-Wl,-e,deep", "-Wl,--unresolved-symbols=ignore-all", in, "-o", out)
	if tool == "clang" && strings.Contains(flags, "--target") {
		args = append(args, "-fuse-ld=lld")
	}
	if text, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	p, err := firmware.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// frames has functions with frames of every kind.
const frames = `
typedef __builtin_va_list va_list;
int sink(void *p, ...);
__attribute__((noinline)) int leaf(int a) { return a * 3; }
__attribute__((noinline)) int deep(int a, int b, int c, int d, int e, int f) {
	int s = 0;
	for (int i = 0; i < a; i++) s += leaf(b + i) * leaf(c - i) + leaf(d ^ i) * leaf(e | i) + leaf(f);
	return s + a + b + c + d + e + f;
}
__attribute__((noinline)) int buffer(int a) { char b[64]; sink(b, a); return b[a]; }
__attribute__((noinline)) int large(int a) { char b[5000]; sink(b, a, b + a); return b[a] + leaf(a); }
__attribute__((noinline)) int early(int *a) { if (!a) return -1; return sink(a, 1) + sink(a, 2); }
__attribute__((noinline)) double sum(double a, double b, double c) { double s = leaf(1) * a; s += leaf(2) * b; return s + leaf(3) * c; }
__attribute__((noinline)) int grows(int n) { char *p = __builtin_alloca(n); sink(p, n); return p[0]; }
int sink(void *p, ...) { va_list v; __builtin_va_start(v, p); int r = __builtin_va_arg(v, int); __builtin_va_end(v); return r + *(char *)p; }
`

// describes tells whether call frame information says anything of a function:
// of assembly it has at most where it lies.
func (u *unwinder) describes(f elfcore.Range) bool {
	first, ok := u.code.Row(f.Addr)
	for pc := f.Addr; ok && f.Contains(pc); pc++ {
		if row, _ := u.code.Row(pc); !reflect.DeepEqual(row.CFA, first.CFA) {
			return true
		}
	}
	return false
}

// compare does so at each instruction up to the first call, or, if calls is set,
// at that call alone: clang describes prologues as a whole, and no compiler
// describes all epilogues.
func (u *unwinder) compare(t *testing.T, c code, f elfcore.Range, calls bool, n *agreement) {
	n.functions++
	pushed := int64(0)
	if u.arch.LR == arch.NoReg {
		pushed = int64(u.arch.PtrSize())
	}
	for pc := f.Addr; f.Contains(pc); {
		row, ok := u.code.Row(pc)
		p := u.readPrologue(c, f.Addr, pc)
		atCall := p.over && u.callBefore(pc, f.Addr) != noCall
		if !ok || p.over && !atCall {
			return
		}
		entry := -p.sp
		if row.CFA.Reg == p.fp {
			entry = -p.fpOff
		}
		switch {
		case calls && !atCall:
		case p.lost && row.CFA.Reg != p.fp:
			n.lost++
		case row.CFA.Kind != firmware.RuleRegister || row.CFA.Reg != u.arch.SP && row.CFA.Reg != p.fp || row.CFA.Offset != entry+pushed:
			n.wrong++
			t.Errorf("%v in %v: CFA %+v, read sp%+d fp%+d in %d", pc, f.Addr, row.CFA, p.sp, p.fpOff, p.fp)
		default:
			n.same++
			for r, off := range p.saved {
				if rule, ok := row.Regs[r]; ok && rule.Kind == firmware.RuleOffset && rule.Offset+pushed != off {
					n.wrong++
					t.Errorf("%v in %v: %s at CFA%+d, read %+d", pc, f.Addr, u.arch.Regs[r].Name, rule.Offset, off)
				}
			}
		}
		if atCall {
			n.missed += missed(u, row, p)
			return
		}
		var b [8]byte
		for i := len(b); i > 0 && u.readCode(b[:i], pc) != nil; i-- {
		}
		_, size := c.find(binary.LittleEndian.Uint64(b[:]))
		if size == 0 {
			return
		}
		pc += elfcore.Addr(size)
	}
}

// missed counts registers that the prologue stored unseen. GCC describes a group
// of stores as if the first did them all, so this can be told behind it only.
func missed(u *unwinder, row firmware.Row, p prologue) (n int) {
	for r, rule := range row.Regs {
		if _, found := p.saved[r]; !found && rule.Kind == firmware.RuleOffset && int(r) < len(u.kept) && u.kept[r] && u.arch.Regs[r].Group == arch.General {
			n++
		}
	}
	return n
}
