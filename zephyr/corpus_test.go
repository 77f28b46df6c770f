package zephyr_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

const corpusDir = "../../shared/corpus/zephyr"

// convert reads the only dump of a file, without a firmware.
func convert(t *testing.T, path string) *elfcore.Core {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("no corpus: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dumps, err := corelift.Dumps(context.Background(), bytes.NewReader(data), filepath.Base(path))
	if err != nil || len(dumps) != 1 || !dumps[0].Whole {
		t.Fatalf("%s: %+v, %v", path, dumps, err)
	}
	c, err := dumps[0].Core(context.Background(), corelift.Options{})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

// liveRegisters are those of a truth.txt: gdb's "info registers", or the list
// that the documentation's sample has.
func liveRegisters(t *testing.T, path string, a *arch.Arch) map[arch.Reg]uint64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	regs := map[arch.Reg]uint64{}
	add := func(name, value string) {
		if name == "fp" && a != arch.AArch64 {
			name = "s0"
		}
		r, ok := a.Reg(name)
		v, err := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
		if _, twice := regs[r]; ok && err == nil && strings.HasPrefix(value, "0x") && !twice {
			regs[r] = v
		}
	}
	_, live, ok := strings.Cut(string(text), "===== info registers\n")
	if ok {
		live, _, _ = strings.Cut(live, "=====")
		for line := range strings.Lines(live) {
			if f := strings.Fields(line); len(f) > 1 {
				add(f[0], f[1])
			}
		}
		return regs
	}
	f := strings.Fields(string(text))
	for i := range f[:len(f)-1] {
		add(f[i], f[i+1])
	}
	return regs
}

// TestCorpus: six real crashes and the documentation's sample. What is known or
// recovered is what the live debugger saw; sp is exact, without a symbol.
func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		dir     string
		regions int
		known   string // among others
	}{
		{"mps2_an385-null-og-min", 2, "r0-r12 lr pc"},
		{"mps2_an385-div-og-ram", 1, "r1-r12 lr pc"},
		{"mps2_an385-div-og-threads", 13, "r1-r12 lr pc"},
		{"qemu_riscv64-undef-og-min", 2, "ra t0-t2 a0-a7 t3-t6 pc"},
		{"qemu_cortex_a53-panic-o2-min", 2, "x0-x18 x30"},
		{"qemu_x86-div-o2-min", 2, "eax ecx edx ebx esp ebp esi edi eip eflags cs"},
		{"documentation-sample", 2, "eax ecx edx ebx esp ebp esi edi eip eflags cs cr3"},
	} {
		t.Run(c.dir, func(t *testing.T) {
			dir := filepath.Join(corpusDir, c.dir)
			core := convert(t, filepath.Join(dir, "coredump.log"))
			if len(core.Diagnostics) > 0 {
				t.Errorf("%+v", core.Diagnostics)
			}
			if core.Memory.Len() != c.regions {
				t.Errorf("%d regions, want %d", core.Memory.Len(), c.regions)
			}
			live := liveRegisters(t, filepath.Join(dir, "truth.txt"), core.Arch)
			regs := core.Crashed().Regs
			if v, s := regs.SP(); v != live[core.Arch.SP] || s == elfcore.Missing {
				t.Errorf("sp is %#x (%v), live %#x", v, s, live[core.Arch.SP])
			}
			for i, info := range core.Arch.Regs {
				r := arch.Reg(i)
				want, ok := live[r]
				v, s := regs.Get(r)
				if s < elfcore.Recovered || info.Group == arch.Control && !ok {
					continue
				}
				switch {
				case strings.Contains(c.dir, "an385-div") && info.Name == "r0":
					continue // the emulator writes it before it takes the exception
				case strings.Contains(c.dir, "panic") && r == core.Arch.PC && v == want+4:
					continue // behind the svc
				case strings.Contains(c.dir, "a53") && info.Name == "cpsr" && v&^0xffff == want&^0xffff:
					continue // the flags of EL1 that the stop in a debugger changes
				}
				if !ok || v != want {
					t.Errorf("%s is %#x (%v, %s), live %#x", info.Name, v, s, core.Explain(regs.Why(r)).Rule, want)
				}
			}
			slots, _, err := core.Arch.Slots(arch.Layout{Width: 1, Slots: c.known})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range slots {
				if _, state := regs.Get(s.Reg); state != elfcore.Known {
					t.Errorf("%s is %v", core.Arch.Regs[s.Reg].Name, state)
				}
			}
		})
	}
}

// TestCorpusFlash: the partition holds the same stream as the log.
func TestCorpusFlash(t *testing.T) {
	dir := filepath.Join(corpusDir, "mps2_an385-div-og-threads")
	log, flash := convert(t, filepath.Join(dir, "coredump.log")), convert(t, filepath.Join(dir, "flash_partition_ws4.bin"))
	if log.Memory.Len() != flash.Memory.Len() || len(flash.Diagnostics) > 0 {
		t.Errorf("%d and %d regions, %+v", log.Memory.Len(), flash.Memory.Len(), flash.Diagnostics)
	}
	for r := range log.Memory.All() {
		a, b := make([]byte, r.Size), make([]byte, r.Size)
		x, err1 := log.Memory.Read(a, r.Addr)
		y, err2 := flash.Memory.Read(b, r.Addr)
		if x != y || err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%v: %v %v, %v %v", r.Range, x, err1, y, err2)
		}
	}
	for i, info := range log.Arch.Regs {
		a, s := log.Crashed().Regs.Get(arch.Reg(i))
		b, z := flash.Crashed().Regs.Get(arch.Reg(i))
		// The console text beside the log has more: psp, EXC_RETURN.
		if z != elfcore.Missing && info.Name != "sp" && (a != b || s != z) {
			t.Errorf("%s: %#x (%v) and %#x (%v)", info.Name, a, s, b, z)
		}
	}
	a, _ := log.Crashed().Regs.SP()
	if b, s := flash.Crashed().Regs.SP(); a != b || s == elfcore.Missing {
		t.Errorf("sp: %#x and %#x (%v)", a, b, s)
	}
}
