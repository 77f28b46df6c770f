package arch

import (
	"debug/elf"
	"strings"
	"testing"
)

// cores are the facts of what debuggers demand, as measured with GDB 13.1 and
// LLDB 14 (docs/debuggers.md). Sizes and offsets are bytes. order is that of
// pr_reg; orig stands for the number of the system call, written as -1.
var cores = []struct {
	a                    *Arch
	machine              elf.Machine
	class                elf.Class
	osabi                elf.OSABI
	status, pid, reg     int
	regSize, width       int
	info, infoPID, fname int
	fpOwner              string
	fpType               uint32
	fpSize, fpNarrow     int
	order                string
}{
	{CortexM, 40, 1, 3, 148, 24, 72, 72, 4, 124, 12, 28, "LINUX", 0x400, 260, 0,
		"r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc xpsr orig"},
	{ARM, 40, 1, 3, 148, 24, 72, 72, 4, 124, 12, 28, "LINUX", 0x400, 260, 0,
		"r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc cpsr orig"},
	{AArch64, 183, 2, 3, 392, 32, 112, 272, 8, 136, 24, 40, "CORE", 2, 528, 0,
		"x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 x30 sp pc cpsr"},
	{RV32, 243, 1, 0, 204, 24, 72, 128, 4, 128, 16, 32, "CORE", 2, 32*8 + 4, 32*4 + 4,
		"pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"},
	{RV64, 243, 2, 0, 376, 32, 112, 256, 8, 136, 24, 40, "CORE", 2, 32*8 + 4, 32*4 + 4,
		"pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"},
	{AMD64, 62, 2, 3, 336, 32, 112, 216, 8, 136, 24, 40, "CORE", 2, 512, 0,
		"r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig rip cs eflags rsp ss fs_base gs_base ds es fs gs"},
	{I386, 3, 1, 3, 144, 24, 72, 68, 4, 124, 12, 28, "LINUX", 0x46e62b7f, 512, 0,
		"ebx ecx edx esi edi ebp eax ds es fs gs orig eip cs eflags esp ss"},
	{Xtensa, 94, 1, 0, 588, 24, 72, 512, 4, 128, -1, 32, "", 0, 0, 0,
		"pc ps lbeg lend lcount sar windowstart windowbase threadptr _ a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15 _"},
}

func TestCores(t *testing.T) {
	if len(cores) != len(All()) {
		t.Errorf("%d CPUs in the table, not %d", len(cores), len(All()))
	}
	for _, want := range cores {
		a, rules := want.a, &want.a.Core
		got := []int{int(a.Machine), int(a.Class), int(rules.OSABI), rules.PRStatus, rules.PID, rules.Regs, rules.PRPSInfo, rules.PSPID, rules.PSName}
		for i, n := range []int{int(want.machine), int(want.class), int(want.osabi), want.status, want.pid, want.reg, want.info, want.infoPID, want.fname} {
			if got[i] != n {
				t.Errorf("%s: number %d is %d, want %d", a.Name, i, got[i], n)
			}
		}
		if si := 8 + a.PtrSize(); rules.SigAddr != si {
			t.Errorf("%s: si_addr at %d, want %d", a.Name, rules.SigAddr, si)
		}
		// pr_fpvalid and padding follow pr_reg.
		if end := rules.Regs + want.regSize + a.PtrSize(); end != rules.PRStatus {
			t.Errorf("%s: pr_fpvalid ends at %d of %d", a.Name, end, rules.PRStatus)
		}
		if rules.PSName+16+80 != rules.PRPSInfo {
			t.Errorf("%s: pr_psargs ends at %d of %d", a.Name, rules.PSName+96, rules.PRPSInfo)
		}
		checkSize(t, a, "pr_reg", a.Linux, want.regSize)
		checkOrder(t, a, a.Linux, want.order)
		f := rules.Float
		if f.Owner != want.fpOwner || f.Type != want.fpType || f.Narrow != (want.fpNarrow > 0) {
			t.Errorf("%s: floating point note %+v", a.Name, f)
		}
		checkSize(t, a, "floating point", f.Layout, want.fpSize)
		if f.Narrow {
			checkSize(t, a, "narrow floating point", Layout{4, f.Layout.Slots}, want.fpNarrow)
		}
		// A core that RISC-V's description does not call bare loses its CSRs,
		// any other one must not (docs/debuggers.md).
		if rules.CSR != (rules.TDescOS == "none") || rules.Honest != (rules.OSABI == elf.ELFOSABI_LINUX) {
			t.Errorf("%s: OS ABI %v, %q", a.Name, rules.OSABI, rules.TDescOS)
		}
	}
}

func checkSize(t *testing.T, a *Arch, what string, l Layout, want int) {
	t.Helper()
	slots, size, err := a.Slots(l)
	if err != nil || size != want {
		t.Errorf("%s: %s: %d bytes, want %d (%v)", a.Name, what, size, want, err)
	}
	at := 0
	for _, s := range slots {
		if s.Off != at || s.Size <= 0 {
			t.Errorf("%s: %s: slot of %d bytes at %d, want it at %d", a.Name, what, s.Size, s.Off, at)
		}
		at += s.Size
	}
}

func checkOrder(t *testing.T, a *Arch, l Layout, want string) {
	t.Helper()
	slots, _, _ := a.Slots(l)
	var got []string
	for _, s := range slots {
		switch {
		case s.Ones:
			got = append(got, "orig")
		case s.Reg == NoReg:
			got = append(got, "_")
		default:
			got = append(got, a.Regs[s.Reg].Name)
		}
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s: order %s\nwant %s", a.Name, s, want)
	}
}

// The BSD layouts are struct reg of FreeBSD's machine/reg.h.
func TestBSD(t *testing.T) {
	for _, want := range []struct {
		a    *Arch
		size int
	}{{I386, 76}, {AMD64, 176}, {ARM, 68}, {CortexM, 68}, {AArch64, 272}, {RV32, 132}, {RV64, 264}, {Xtensa, 0}} {
		checkSize(t, want.a, "BSD", want.a.BSD, want.size)
	}
}

func TestFrames(t *testing.T) {
	want := map[string]int{"basic": 32, "extended": 104, "state": 40}
	for name, size := range want {
		checkSize(t, CortexM, name, CortexM.Frames[name], size)
	}
	for _, a := range All() {
		if a != CortexM && len(a.Frames) > 0 || a == CortexM && len(a.Frames) != len(want) {
			t.Errorf("%s has %d frames that this test does not know", a.Name, len(a.Frames))
		}
	}
	checkOrder(t, CortexM, CortexM.Frames["extended"], "r0 r1 r2 r3 r12 lr pc xpsr d0 d1 d2 d3 d4 d5 d6 d7 fpscr _")
	checkOrder(t, CortexM, CortexM.Frames["state"], "_ _ r4 r5 r6 r7 r8 r9 r10 r11")
}

// The FXSAVE image, at GDB's offsets (i387-tdep.c, fxsave_offset).
func TestFXSave(t *testing.T) {
	offsets := map[string]int{"fctrl": 0, "fstat": 2, "ftag": 4, "fop": 6, "fioff": 8, "fiseg": 12, "fooff": 16, "foseg": 20,
		"mxcsr": 24, "st0": 32, "st7": 144, "xmm0": 160, "xmm7": 272}
	for _, a := range []*Arch{I386, AMD64} {
		slots, _, _ := a.Slots(a.Core.Float.Layout)
		found := 0
		for _, s := range slots {
			if s.Reg == NoReg {
				continue
			}
			if off, ok := offsets[a.Regs[s.Reg].Name]; ok {
				found++
				if s.Off != off {
					t.Errorf("%s: %s at %d, want %d", a.Name, a.Regs[s.Reg].Name, s.Off, off)
				}
			}
		}
		if found != len(offsets) {
			t.Errorf("%s: %d of %d registers", a.Name, found, len(offsets))
		}
	}
}

func TestBadLayouts(t *testing.T) {
	for _, tc := range []struct {
		width       int
		slots, want string
	}{
		{4, "r0 r99 lr", `layout "r0 r99 lr": arm has no register "r99"`},
		{4, "xpsr", `layout "xpsr": arm has no register "xpsr"`},
		{4, "r0-r13", `layout "r0-r13": arm has no register "r13"`},
		{4, "r0-r3 lr r2", `layout "r0-r3 lr r2": register "r2" is there twice`},
		{4, "r3-r0", `layout "r3-r0": bad run "r3-r0"`},
		{4, "r0-d3", `layout "r0-d3": bad run "r0-d3"`},
		{4, "r0-r2000000000", `layout "r0-r2000000000": bad run "r0-r2000000000"`},
		{4, "r-r", `layout "r-r": bad run "r-r"`},
		{4, "r0:0", `layout "r0:0": bad width of "r0:0"`},
		{4, "r0:x", `layout "r0:x": bad width of "r0:x"`},
		{4, "_:9223372036854775807", `layout "_:9223372036854775807": bad width of "_:9223372036854775807"`},
		{0, "r0", `layout "r0": bad width of "r0"`},
	} {
		for range 2 { // compiled, and from the cache
			slots, size, err := ARM.Slots(Layout{tc.width, tc.slots})
			if err == nil || err.Error() != tc.want || slots != nil || size != 0 {
				t.Errorf("%q: %v (%d slots, %d bytes)", tc.slots, err, len(slots), size)
			}
		}
	}
	if slots, size, err := ARM.Slots(Layout{}); slots != nil || size != 0 || err != nil {
		t.Error("empty layout", slots, size, err)
	}
}
