package arch

import (
	"debug/elf"
	"sync"
	"testing"
)

// roles are the registers of each role, by the names GDB uses, with their DWARF
// numbers; Arch.Saved as the CPU's procedure call standard has it.
var roles = []struct {
	a                     *Arch
	pc, sp, lr, fp, flags string
	dwarf                 map[string]int
	saved                 string
}{
	{CortexM, "pc", "sp", "lr", "r7", "xpsr", armDWARF, "r4-r11"},
	{ARM, "pc", "sp", "lr", "r11", "cpsr", armDWARF, "r4-r11"},
	{AArch64, "pc", "sp", "x30", "x29", "cpsr", map[string]int{"x0": 0, "x30": 30, "sp": 31, "pc": 32, "v0": 64, "v31": 95}, "x19-x29"},
	{RV32, "pc", "sp", "ra", "s0", "", riscvDWARF, "s0-s11"},
	{RV64, "pc", "sp", "ra", "s0", "", riscvDWARF, "s0-s11"},
	{I386, "eip", "esp", "", "ebp", "eflags", map[string]int{"eax": 0, "ecx": 1, "edx": 2, "ebx": 3, "esp": 4, "ebp": 5, "esi": 6, "edi": 7,
		"eip": 8, "eflags": 9, "st0": 11, "st7": 18, "xmm0": 21, "xmm7": 28, "es": 40, "cs": 41, "ss": 42, "ds": 43, "fs": 44, "gs": 45}, "ebx esi edi ebp"},
	{AMD64, "rip", "rsp", "", "rbp", "eflags", map[string]int{"rax": 0, "rdx": 1, "rcx": 2, "rbx": 3, "rsi": 4, "rdi": 5, "rbp": 6, "rsp": 7,
		"r8": 8, "r15": 15, "rip": 16, "xmm0": 17, "xmm15": 32, "st0": 33, "st7": 40, "eflags": 49, "es": 50, "cs": 51, "ss": 52, "ds": 53,
		"fs": 54, "gs": 55, "fs_base": 58, "gs_base": 59}, "rbx rbp r12-r15"},
	{Xtensa, "pc", "a1", "a0", "a7", "ps", map[string]int{"a0": 0, "a15": 15, "pc": -1}, ""},
}

// Sources: DWARF for the Arm Architecture, and RISC-V's psABI.
var (
	armDWARF   = map[string]int{"r0": 0, "r12": 12, "sp": 13, "lr": 14, "pc": 15, "d0": 256, "d31": 287, "fpscr": -1}
	riscvDWARF = map[string]int{"ra": 1, "sp": 2, "gp": 3, "tp": 4, "t0": 5, "t2": 7, "s0": 8, "s1": 9, "a0": 10, "a7": 17, "s2": 18, "s11": 27,
		"t3": 28, "t6": 31, "ft0": 32, "ft7": 39, "fs0": 40, "fs1": 41, "fa0": 42, "fa7": 49, "fs2": 50, "fs11": 59, "ft8": 60, "ft11": 63, "pc": -1, "mcause": -1}
)

func TestRegisters(t *testing.T) {
	for _, want := range roles {
		a := want.a
		for _, role := range []struct {
			name string
			got  Reg
			want string
		}{{"pc", a.PC, want.pc}, {"sp", a.SP, want.sp}, {"lr", a.LR, want.lr}, {"fp", a.FP, want.fp}, {"flags", a.Flags, want.flags}} {
			r, ok := a.Reg(role.want)
			if !ok {
				r = NoReg
			}
			if role.got != r {
				t.Errorf("%s: %s is register %d, want %d", a.Name, role.name, role.got, r)
			}
		}
		for name, n := range want.dwarf {
			r, ok := a.Reg(name)
			if !ok || a.Regs[r].DWARF != n {
				t.Errorf("%s: DWARF number of %s is not %d", a.Name, name, n)
				continue
			}
			if by, ok := a.ByDWARF(n); n >= 0 && (!ok || by != r) {
				t.Errorf("%s: DWARF number %d gives register %d, %v", a.Name, n, by, ok)
			}
		}
		names, numbers := map[string]bool{}, map[int]bool{}
		for _, info := range a.Regs {
			if names[info.Name] || info.DWARF >= 0 && numbers[info.DWARF] {
				t.Errorf("%s: %s or its DWARF number %d is there twice", a.Name, info.Name, info.DWARF)
			}
			names[info.Name], numbers[info.DWARF] = true, true
			if info.Bits <= 0 || info.Bits > 128 {
				t.Errorf("%s: %s has %d bits", a.Name, info.Name, info.Bits)
			}
			if info.Group == General && info.Bits > a.PtrSize()*8 {
				t.Errorf("%s: %s is wider than an address", a.Name, info.Name)
			}
		}
		slots, _, err := a.Slots(Layout{1, want.saved})
		if err != nil || len(slots) != len(a.Saved) {
			t.Errorf("%s: %d saved registers, want %d (%v)", a.Name, len(a.Saved), len(slots), err)
		}
		for i := range min(len(slots), len(a.Saved)) {
			if slots[i].Reg != a.Saved[i] {
				t.Errorf("%s: saved register %s, want %s", a.Name, a.Regs[a.Saved[i]].Name, a.Regs[slots[i].Reg].Name)
			}
		}
		// Absent must stand out, and be an address that CodeMask leaves alone.
		if a.Absent == 0 || a.Absent > a.AddrMask() || a.Absent&a.CodeMask != a.Absent {
			t.Errorf("%s: absent 0x%x", a.Name, a.Absent)
		}
	}
}

func TestNoSuchRegister(t *testing.T) {
	for _, a := range All() {
		for _, name := range []string{"", "zero", "orig_r0", "PC", "~", "_"} {
			if r, ok := a.Reg(name); ok {
				t.Errorf("%s: %q is register %d", a.Name, name, r)
			}
		}
		for _, n := range []int{-1, 1 << 20, 10000} {
			if r, ok := a.ByDWARF(n); ok {
				t.Errorf("%s: DWARF number %d is register %d", a.Name, n, r)
			}
		}
	}
}

func TestByELF(t *testing.T) {
	for _, a := range All() {
		if got, ok := ByELF(a.Machine, a.Class, a == CortexM); got != a || !ok {
			t.Errorf("%s: by ELF %v", a.Name, got)
		}
		if got, ok := ByName(a.Name); got != a || !ok {
			t.Errorf("%s: by name %v", a.Name, got)
		}
	}
	if a, ok := ByELF(elf.EM_ARM, elf.ELFCLASS64, true); ok {
		t.Error("64-bit ARM is", a.Name)
	}
	if a, ok := ByELF(elf.EM_MIPS, elf.ELFCLASS32, false); ok {
		t.Error("MIPS is", a.Name)
	}
	if a, ok := ByName("vax"); ok {
		t.Error("VAX is", a.Name)
	}
}

// Tables are made when they are first asked for, by whoever comes first.
func TestConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, a := range All() {
				a.Slots(Layout{a.PtrSize(), a.Regs[a.PC].Name + " _:3"})
				a.Reg("sp")
				a.ByDWARF(3)
			}
		})
	}
	wg.Wait()
}
