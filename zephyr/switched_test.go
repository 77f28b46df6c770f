package zephyr

import (
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// The second thread of each image does not run; fill makes its saved context.
// Values are distinct so that no register can pass for another.
func TestSwitchedOut(t *testing.T) {
	const (
		self  = threadAt + threadSz
		saved = self + offSaved
		frame = stackAt + stackSz + 0x100 // on its stack
		pc    = romBase + 0x123<<1
	)
	armNames := strings.Fields("v1 v2 v3 v4 v5 v6 v7 v8 psp")
	describe := func(p *fakeProgram, w int64, names ...string) {
		for i, n := range names {
			p.describe("k_thread", offSaved+int64(i)*w, w, "callee_saved."+n)
		}
	}
	hardware := func(m *ram, at, xpsr uint64) {
		m.words(at, 0xa0, 0xa1, 0xa2, 0xa3, 0xac, 0xae, pc, xpsr)
	}
	basic := map[string]uint64{
		"r0": 0xa0, "r1": 0xa1, "r2": 0xa2, "r3": 0xa3, "r12": 0xac, "lr": 0xae, "pc": pc, "xpsr": 0x61000000, "sp": frame + 32,
		"r4": 1, "r5": 2, "r6": 3, "r7": 4, "r8": 5, "r9": 6, "r10": 7, "r11": 8,
	}
	with := func(base map[string]uint64, pairs ...any) map[string]uint64 {
		out := map[string]uint64{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i].(string)] = uint64(pairs[i+1].(int))
		}
		return out
	}
	call := func(p *fakeProgram) { p.rom[pc-romBase-5] = 0xe8 }

	for _, test := range []struct {
		name  string
		arch  *arch.Arch
		fill  func(m *ram, p *fakeProgram)
		want  map[string]uint64
		state elfcore.State // of pc, if not Known
	}{
		{"cortex-m", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
		}, basic, 0},
		{"cortex-m aligned", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000200)
		}, with(basic, "sp", frame+36), 0},
		{"cortex-m extended", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			p.describe("k_thread", offArch+9, 1, "arch.mode_exc_return")
			p.describe("k_thread", offArch+12, 64, "arch.preempt_float")
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			m.bytes(self+offArch+9, 0xed, 1)
			m.words(self+offArch+12, 16, 17, 18)
			hardware(m, frame, 0x61100000)
		}, with(basic, "sp", frame+104, "d8", 17<<32|16, "d9", 18, "d10", 0, "d11", 0, "d12", 0, "d13", 0, "d14", 0, "d15", 0), 0},
		{"cortex-m kept exc_return of another meaning", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			p.describe("k_thread", offArch+9, 1, "arch.mode_exc_return")
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
		}, basic, 0},
		{"cortex-m without DWARF", arch.CortexM, func(m *ram, p *fakeProgram) {
			clear(p.fields)
			p.debugTable(4, 15, 1, offCurrent, offThreads, offEntry, offNext, offState, 0, offPrio, offSaved+32, offName, offArch)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
		}, basic, 0},
		{"cortex-m dead", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.bytes(self+offState, stateDead, 1)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
		}, basic, elfcore.Suspect},
		{"cortex-m in code loaded at run time", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
			m.words(frame+24, 0x20003f00)
		}, with(basic, "pc", 0x20003f00), elfcore.Suspect},
		{"cortex-m dead and nowhere", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.bytes(self+offState, stateDead, 1)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000000)
			m.words(frame+24, 0x20003f00)
		}, nil, 0},
		{"cortex-m psp outside the dump", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, 0x30000000)
		}, nil, 0},
		{"cortex-m frame that is none", arch.CortexM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame, 0x61000003)
		}, nil, 0},
		{"cortex-m switch frame", arch.CortexM, func(m *ram, p *fakeProgram) {
			p.describe("k_thread", offSaved, 4, "switch_handle")
			p.describe("z_frame", 0, 64, "", "u")
			p.describe("z_frame", 0, 64, "u")
			p.describe("switch_frame", 0, 4, "", "r0")
			p.describe("switch_frame", 0, 4, strings.Fields("apsr r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 lr pc")...)
			m.words(saved, frame)
			m.words(frame, 0x1000000, 0xa0, 0xa1, 0xa2, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8, 0xac, 0xae, pc+1)
		}, with(basic, "xpsr", 0x1000000, "sp", frame+64), 0},
		{"cortex-m switch frame with FPU and guard", arch.CortexM, func(m *ram, p *fakeProgram) {
			p.describe("k_thread", offSaved, 4, "switch_handle")
			p.describe("z_frame", 0, 4, "have_fpu", "u")
			p.describe("z_frame_fpu", 136, 68, "u")
			p.describe("z_frame_fpu", 0, 204, "")
			p.describe("switch_frame", 0, 68, "")
			p.describe("switch_frame", 4, 4, strings.Fields("apsr r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 lr pc")...)
			m.words(saved, frame)
			m.words(frame, 1)
			m.words(frame+136, 0xdead, 0x1000000, 0xa0, 0xa1, 0xa2, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8, 0xac, 0xae, pc+1)
		}, with(basic, "xpsr", 0x1000000, "sp", frame+204), 0},
		{"cortex-a arch_switch", arch.ARM, func(m *ram, p *fakeProgram) {
			describe(p, 4, append(armNames, "lr")...)
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame, pc+1)
		}, map[string]uint64{"r4": 1, "r5": 2, "r6": 3, "r7": 4, "r8": 5, "r9": 6, "r10": 7, "r11": 8, "sp": frame, "lr": pc + 1, "pc": pc}, 0},
		{"cortex-r svc with FPU", arch.ARM, func(m *ram, p *fakeProgram) {
			describe(p, 4, armNames...)
			p.describe("k_thread", offArch, 64, "arch.preempt_float")
			p.describe("__fpu_sf", 0, 72, "")
			m.words(saved, 1, 2, 3, 4, 5, 6, 7, 8, frame)
			hardware(m, frame+72, 0x6000011f)
		}, func() map[string]uint64 {
			w := with(basic, "cpsr", 0x6000011f, "sp", frame+104)
			delete(w, "xpsr")
			return w
		}(), 0},
		{"aarch64", arch.AArch64, func(m *ram, p *fakeProgram) {
			describe(p, 8, strings.Fields("x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 sp_el0 sp_elx lr")...)
			m.words(saved, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 99, frame, pc)
		}, map[string]uint64{"x19": 19, "x20": 20, "x21": 21, "x22": 22, "x23": 23, "x24": 24, "x25": 25, "x26": 26,
			"x27": 27, "x28": 28, "x29": 29, "sp": frame, "x30": pc, "pc": pc}, 0},
		{"aarch64 without DWARF, size_t of 8", arch.AArch64, func(m *ram, p *fakeProgram) {
			clear(p.fields)
			p.debugTable(8, 11, 1, offCurrent, offThreads, offEntry, offNext, offState, 0xffffffff, offPrio, offSaved+96, offName, offArch)
			m.words(saved, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 99, frame, pc)
		}, map[string]uint64{"x19": 19, "x20": 20, "x21": 21, "x22": 22, "x23": 23, "x24": 24, "x25": 25, "x26": 26,
			"x27": 27, "x28": 28, "x29": 29, "sp": frame, "x30": pc, "pc": pc}, 0},
		{"riscv64", arch.RV64, func(m *ram, p *fakeProgram) {
			describe(p, 8, strings.Fields("sp ra s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11")...)
			m.words(saved, frame, pc, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111)
		}, map[string]uint64{"sp": frame, "ra": pc, "pc": pc, "s0": 100, "s1": 101, "s2": 102, "s3": 103, "s4": 104, "s5": 105,
			"s6": 106, "s7": 107, "s8": 108, "s9": 109, "s10": 110, "s11": 111}, 0},
		{"riscv32e", arch.RV32, func(m *ram, p *fakeProgram) {
			describe(p, 4, strings.Fields("sp ra s0 s1")...)
			m.words(saved, frame, pc, 100, 101, 0xbad)
		}, map[string]uint64{"sp": frame, "ra": pc, "pc": pc, "s0": 100, "s1": 101}, 0},
		{"riscv in code loaded at run time", arch.RV32, func(m *ram, p *fakeProgram) {
			describe(p, 4, strings.Fields("sp ra s0 s1")...)
			m.words(saved, frame, 0x20003f00, 100, 101)
		}, map[string]uint64{"sp": frame, "ra": 0x20003f00, "pc": 0x20003f00, "s0": 100, "s1": 101}, elfcore.Suspect},
		{"riscv with tp first", arch.RV32, func(m *ram, p *fakeProgram) { // DWARF knows the order
			describe(p, 4, strings.Fields("tp sp s0 ra s1")...)
			m.words(saved, 0xbad, frame, 100, pc, 101)
		}, map[string]uint64{"sp": frame, "ra": pc, "pc": pc, "s0": 100, "s1": 101}, 0},
		{"i386", arch.I386, func(m *ram, p *fakeProgram) {
			describe(p, 4, "esp")
			call(p)
			m.words(saved, frame)
			m.words(frame, 0xbad, 5, 3, 6, 7, pc, 0x202)
		}, map[string]uint64{"ebp": 5, "ebx": 3, "esi": 6, "edi": 7, "eip": pc, "esp": frame + 24}, 0},
		{"i386 with eax saved", arch.I386, func(m *ram, p *fakeProgram) {
			describe(p, 4, "esp")
			call(p)
			m.words(saved, frame)
			m.words(frame, 0xbad, 5, 3, 6, 7, romBase+0x700, pc)
		}, map[string]uint64{"ebp": 5, "ebx": 3, "esi": 6, "edi": 7, "eip": pc, "esp": frame + 28}, 0},
		{"i386 never started", arch.I386, func(m *ram, p *fakeProgram) {
			describe(p, 4, "esp")
			p.symbols["z_x86_thread_entry_wrapper"] = elfcore.Range{Addr: pc}
			m.words(saved, frame)
			m.words(frame, 0, 0, 0, 0, 7, pc)
		}, map[string]uint64{"ebp": 0, "ebx": 0, "esi": 0, "edi": 7, "eip": pc, "esp": frame + 24}, 0},
		{"i386 no return address", arch.I386, func(m *ram, p *fakeProgram) {
			describe(p, 4, "esp")
			m.words(saved, frame)
			m.words(frame, 0xbad, 5, 3, 6, 7, pc, pc)
		}, nil, 0},
		{"x86-64", arch.AMD64, func(m *ram, p *fakeProgram) {
			describe(p, 8, strings.Fields("rsp rbx rbp r12 r13 r14 r15 rip rflags")...)
			m.words(saved, frame, 3, 5, 12, 13, 14, 15, pc, 0x202)
		}, map[string]uint64{"rsp": frame, "rbx": 3, "rbp": 5, "r12": 12, "r13": 13, "r14": 14, "r15": 15, "rip": pc, "eflags": 0x202}, 0},
		{"x86-64 preempted", arch.AMD64, func(m *ram, p *fakeProgram) {
			describe(p, 8, strings.Fields("rsp rbx rbp r12 r13 r14 r15 rip rflags")...)
			p.describe("k_thread", offArch, 1, "arch.flags")
			p.describe("k_thread", offArch+8, 8, strings.Fields("arch.rax arch.rcx arch.rdx arch.rsi arch.rdi arch.r8 arch.r9 arch.r10 arch.r11")...)
			m.words(saved, frame, 3, 5, 12, 13, 14, 15, pc, 0x202)
			m.words(self+offArch, amd64All, 0xa, 0xc, 0xd, 0x51, 0xd1, 8, 9, 10, 11)
		}, map[string]uint64{"rsp": frame, "rbx": 3, "rbp": 5, "r12": 12, "r13": 13, "r14": 14, "r15": 15, "rip": pc, "eflags": 0x202,
			"rax": 0xa, "rcx": 0xc, "rdx": 0xd, "rsi": 0x51, "rdi": 0xd1, "r8": 8, "r9": 9, "r10": 10, "r11": 11}, 0},
		{"xtensa", arch.Xtensa, func(m *ram, p *fakeProgram) {}, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newRAM(test.arch.PtrSize())
			p := m.threads(test.arch, "first", "second")
			test.fill(m, p)
			c := m.core(test.arch, stackAt+0x100)
			Kernel.Threads(c, p)
			if len(c.Threads) != 2 {
				t.Fatalf("%d threads", len(c.Threads))
			}
			regs := &c.Threads[1].Regs
			wantRegs(t, regs, test.want)
			_, state := regs.PC()
			switch {
			case test.want == nil && regs.Why(test.arch.PC) == 0:
				t.Error("no reason given for the missing registers")
			case test.want != nil && state != max(test.state, elfcore.Suspect) && (test.state != 0 || state != elfcore.Known):
				t.Errorf("pc is %v", state)
			}
			if sp, s := regs.SP(); test.name == "cortex-m kept exc_return of another meaning" && s != elfcore.Suspect {
				t.Errorf("sp 0x%x is %v", sp, s)
			}
			if unsupported := slices.Contains(codes(c), "zephyr.switched-out-unsupported"); unsupported != (test.arch == arch.Xtensa) {
				t.Errorf("diagnostics %v", codes(c))
			}
		})
	}
}

// RV32E without DWARF: e_flags tell that no s2 follows s1.
func TestSwitchedOutFlags(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.RV32, "first", "second")
	clear(p.fields)
	p.debugTable(4, 11, 1, offCurrent, offThreads, offEntry, offNext, offState, 0, offPrio, offSaved, offName, offArch)
	m.words(thread(1)+offSaved, stack(1), romBase, 100, 101, 0xbad)
	c := m.core(arch.RV32, stackAt+0x100)
	c.Flags = arch.RISCVEFlag
	Kernel.Threads(c, p)
	wantRegs(t, &c.Threads[1].Regs, map[string]uint64{"sp": stack(1), "ra": romBase, "pc": romBase, "s0": 100, "s1": 101})
}

// v8-M pushes r4-r11 below the frame when it must hide them from the other
// security state.
func TestExceptionFrames(t *testing.T) {
	m := newRAM(4)
	p := m.threads(arch.CortexM, "only")
	const at = stackAt + 0x80
	m.words(at, signature|1, 0, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 12, 14, romBase, 0x01000000)
	x := &context{kernel: &kernel{core: m.core(arch.CortexM, 0), prog: p}, limit: elfcore.Known, thread: &elfcore.Thread{}}
	x.thread.Regs = elfcore.NewRegisters(arch.CortexM)
	if !x.exceptionFrame(at, true, elfcore.Known) {
		t.Fatal("no frame")
	}
	wantRegs(t, &x.thread.Regs, map[string]uint64{"r0": 0, "r1": 1, "r2": 2, "r3": 3, "r12": 12, "lr": 14, "pc": romBase, "xpsr": 0x01000000,
		"sp": at + 72, "r4": 4, "r5": 5, "r6": 6, "r7": 7, "r8": 8, "r9": 9, "r10": 10, "r11": 11})
}

// Every layout must resolve for its CPU, and every name be a register.
func TestPortTables(t *testing.T) {
	for a, p := range ports {
		names := strings.Fields(string(p.saved + " " + p.esf + " " + p.scratch))
		if a == arch.CortexM {
			names = append(names, strings.Fields(string(switchFrame))...)
		}
		for _, word := range names {
			member, register, renamed := strings.Cut(word, "=")
			if !renamed {
				register = member
			}
			if _, ok := a.Reg(register); !ok && register != "" {
				t.Errorf("%s: no register %q", a.Name, register)
			}
		}
		if !strings.Contains(" "+strings.ReplaceAll(string(p.saved), "=", " "), " "+p.anchor) {
			t.Errorf("%s: no anchor %q", a.Name, p.anchor)
		}
	}
	for _, l := range append(i386Frames, i386Interrupt) {
		if _, _, err := arch.I386.Slots(l); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := arch.ARM.Slots(armBasic); err != nil {
		t.Error(err)
	}
}
