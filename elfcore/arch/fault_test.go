package arch

import "testing"

func TestSignals(t *testing.T) {
	names := map[string]bool{}
	for i, f := range Faults() {
		if int(f) != i {
			t.Errorf("%v is number %d", f, i)
		}
		if names[f.String()] || f.String() == "" {
			t.Errorf("name %q is there twice", f)
		}
		names[f.String()] = true
		text, err := f.MarshalText()
		var back Fault
		if err != nil || back.UnmarshalText(text) != nil || back != f {
			t.Errorf("%v comes back as %v", f, back)
		}
		for _, a := range All() {
			switch s := a.SignalFor(f); s {
			case 0:
				if f != FaultUnknown {
					t.Errorf("%s: %v gives no signal", a.Name, f)
				}
			case 4, 5, 6, 8, 11: // the same on every host
			case 7:
				if a.Core.TDescOS == "none" || a == Xtensa {
					t.Errorf("%s: %v gives signal 7, which hosts disagree on", a.Name, f)
				}
			default:
				t.Errorf("%s: %v gives signal %d", a.Name, f, s)
			}
		}
	}
	for f, want := range map[Fault]int{FaultUnknown: 0, FaultIllegal: 4, FaultBreakpoint: 5, FaultAbort: 6, FaultBus: 7, FaultAlignment: 7,
		FaultDivide: 8, FaultFloat: 8, FaultAccess: 11, FaultStack: 11, FaultInstruction: 11, FaultWatchdog: 6, 255: 0} {
		if got := f.Signal(); got != want {
			t.Errorf("%v: signal %d, want %d", f, got, want)
		}
	}
	if AMD64.SignalFor(FaultBus) != 7 || RV32.SignalFor(FaultBus) != 11 || RV64.SignalFor(FaultDivide) != 8 {
		t.Error("signals by CPU")
	}
	if s := Fault(255).String(); s != "unknown" {
		t.Error(s)
	}
	if f := FaultBus; f.UnmarshalText([]byte("Bus error")) == nil || f != FaultBus {
		t.Error("took a name that is none:", f)
	}
}

type values = map[string]uint64

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		a    *Arch
		regs values
		want Fault
	}{
		{CortexM, values{"cfsr": 0, "hfsr": 0}, FaultUnknown},
		{CortexM, values{"cfsr": 1 << 0}, FaultInstruction},
		{CortexM, values{"cfsr": 1<<1 | 1<<7}, FaultAccess},
		{CortexM, values{"cfsr": 1 << 3}, FaultStack},
		{CortexM, values{"cfsr": 1 << 4}, FaultStack},
		{CortexM, values{"cfsr": 1 << 5}, FaultAccess},
		{CortexM, values{"cfsr": 1 << 8}, FaultInstruction},
		{CortexM, values{"cfsr": 1<<9 | 1<<15}, FaultBus},
		{CortexM, values{"cfsr": 1 << 10}, FaultBus},
		{CortexM, values{"cfsr": 1 << 11}, FaultStack},
		{CortexM, values{"cfsr": 1 << 12}, FaultStack},
		{CortexM, values{"cfsr": 1 << 13}, FaultBus},
		{CortexM, values{"cfsr": 1 << 16}, FaultIllegal},
		{CortexM, values{"cfsr": 1 << 17}, FaultIllegal},
		{CortexM, values{"cfsr": 1 << 18}, FaultIllegal},
		{CortexM, values{"cfsr": 1 << 19}, FaultIllegal},
		{CortexM, values{"cfsr": 1 << 20}, FaultStack},
		{CortexM, values{"cfsr": 1 << 24}, FaultAlignment},
		{CortexM, values{"cfsr": 1 << 25}, FaultDivide},
		{CortexM, values{"cfsr": 1<<7 | 1<<15}, FaultUnknown}, // valid flags alone
		{CortexM, values{"cfsr": 1<<20 | 1<<4 | 1<<25, "hfsr": 1 << 30}, FaultStack},
		{CortexM, values{"cfsr": 1 << 25, "hfsr": 1 << 30}, FaultDivide},
		{CortexM, values{"cfsr": 0, "hfsr": 1 << 31}, FaultBreakpoint},
		{CortexM, values{"hfsr": 1 << 1}, FaultBus},
		{CortexM, values{"hfsr": 1 << 30}, FaultUnknown},
		{CortexM, values{"sfsr": 1 << 3, "cfsr": 0}, FaultSecurity},
		{CortexM, values{"sfsr": 1 << 6}, FaultUnknown}, // SFARVALID

		{ARM, values{"dfsr": 0x805}, FaultAccess}, // write, section translation
		{ARM, values{"dfsr": 0x001}, FaultAlignment},
		{ARM, values{"dfsr": 0x002}, FaultBreakpoint},
		{ARM, values{"dfsr": 0x008}, FaultBus},
		{ARM, values{"dfsr": 0x406}, FaultBus}, // asynchronous external
		{ARM, values{"dfsr": 0x408}, FaultBus}, // parity
		{ARM, values{"dfsr": 0x800}, FaultAccess},
		{ARM, values{"dfsr": 0x404}, FaultUnknown},
		{ARM, values{"dfsr": 0x204}, FaultAccess}, // long descriptors: level 0 translation
		{ARM, values{"dfsr": 0x221}, FaultAlignment},
		{ARM, values{"dfsr": 0x222}, FaultBreakpoint},
		{ARM, values{"dfsr": 0x211}, FaultBus},
		{ARM, values{"dfsr": 0, "ifsr": 0x00d}, FaultInstruction},
		{ARM, values{"ifsr": 0x002}, FaultBreakpoint},
		{ARM, values{"ifsr": 0x008}, FaultBus},
		{ARM, values{"dfsr": 0, "ifsr": 0}, FaultUnknown}, // no abort since reset

		{AArch64, values{"esr": 0x02000000}, FaultIllegal},
		{AArch64, values{"esr": 0x1fe00000}, FaultIllegal}, // floating point is off
		{AArch64, values{"esr": 0x36000000}, FaultSecurity},
		{AArch64, values{"esr": 0x3a000000}, FaultIllegal},
		{AArch64, values{"esr": 0x56000002}, FaultAbort},
		{AArch64, values{"esr": 0x86000004}, FaultInstruction},
		{AArch64, values{"esr": 0x86000010}, FaultBus},
		{AArch64, values{"esr": 0x8a000000}, FaultAlignment},
		{AArch64, values{"esr": 0x96000004}, FaultAccess},
		{AArch64, values{"esr": 0x92000007}, FaultAccess},
		{AArch64, values{"esr": 0x96000011}, FaultAccess}, // tag check
		{AArch64, values{"esr": 0x96000010}, FaultBus},
		{AArch64, values{"esr": 0x96000018}, FaultBus},
		{AArch64, values{"esr": 0x96000021}, FaultAlignment},
		{AArch64, values{"esr": 0x9a000000}, FaultAlignment},
		{AArch64, values{"esr": 0xb2000000}, FaultFloat},
		{AArch64, values{"esr": 0xbe000000}, FaultBus},
		{AArch64, values{"esr": 0xf2000001}, FaultBreakpoint},
		{AArch64, values{"esr": 0xc6000000}, FaultBreakpoint},
		{AArch64, values{"esr": 0x06000000}, FaultUnknown}, // wfi

		{RV32, values{"mcause": 0}, FaultAlignment},
		{RV32, values{"mcause": 1}, FaultInstruction},
		{RV32, values{"mcause": 2}, FaultIllegal},
		{RV32, values{"mcause": 3}, FaultBreakpoint},
		{RV32, values{"mcause": 5}, FaultAccess},
		{RV32, values{"mcause": 6}, FaultAlignment},
		{RV32, values{"mcause": 7}, FaultAccess},
		{RV32, values{"mcause": 11}, FaultAbort},
		{RV32, values{"mcause": 12}, FaultInstruction},
		{RV32, values{"mcause": 14}, FaultUnknown},
		{RV32, values{"mcause": 15}, FaultAccess},
		{RV32, values{"mcause": 24}, FaultUnknown},
		{RV32, values{"mcause": 0x80000007}, FaultInterrupt},
		{RV32, values{"mcause": 0x38000007}, FaultAccess}, // with a CLIC
		{RV32, values{"mcause": 0xb8ff0017}, FaultInterrupt},
		{RV32, values{"mcause": 0xdeadc0de}, FaultUnknown},
		{RV64, values{"mcause": 7}, FaultAccess},
		{RV64, values{"mcause": 1<<63 | 7}, FaultInterrupt},
		{RV64, values{"mcause": 0x80000007}, FaultUnknown}, // the top bit is bit 63
		{RV64, values{"mcause": 0xffffffff80000007}, FaultUnknown},

		{I386, values{"vector": 0}, FaultDivide},
		{I386, values{"vector": 1}, FaultBreakpoint},
		{I386, values{"vector": 3}, FaultBreakpoint},
		{I386, values{"vector": 4}, FaultUnknown}, // into
		{I386, values{"vector": 6}, FaultIllegal},
		{I386, values{"vector": 7}, FaultIllegal},
		{I386, values{"vector": 11}, FaultBus},
		{I386, values{"vector": 13}, FaultAccess},
		{AMD64, values{"vector": 14}, FaultAccess},
		{AMD64, values{"vector": 15}, FaultUnknown},
		{AMD64, values{"vector": 16}, FaultFloat},
		{AMD64, values{"vector": 17}, FaultAlignment},
		{AMD64, values{"vector": 18}, FaultBus},
		{AMD64, values{"vector": 19}, FaultFloat},
		{AMD64, values{"vector": 21}, FaultSecurity},
		{AMD64, values{"vector": 0x20}, FaultAbort},
		{AMD64, values{"vector": 0x21}, FaultUnknown},
		{AMD64, values{"vector": 1 << 63}, FaultUnknown},

		{Xtensa, values{"exccause": 0}, FaultIllegal},
		{Xtensa, values{"exccause": 6}, FaultDivide},
		{Xtensa, values{"exccause": 8}, FaultIllegal},
		{Xtensa, values{"exccause": 9}, FaultAlignment},
		{Xtensa, values{"exccause": 5}, FaultUnknown}, // alloca
		{Xtensa, values{"exccause": 20}, FaultInstruction},
		{Xtensa, values{"exccause": 28}, FaultAccess},
		{Xtensa, values{"exccause": 29}, FaultAccess},
		{Xtensa, values{"exccause": 32}, FaultIllegal},
		{Xtensa, values{"exccause": 39}, FaultIllegal},
		{Xtensa, values{"exccause": 40}, FaultUnknown},
		{Xtensa, values{"exccause": 63}, FaultAbort},
		{Xtensa, values{"exccause": 69}, FaultUnknown}, // Espressif's own
		{Xtensa, values{"exccause": 0xffff}, FaultUnknown},
	} {
		got := tc.a.Fault(func(name string) (uint64, bool) {
			if _, ok := tc.a.Reg(name); !ok {
				t.Errorf("%s has no register %s", tc.a.Name, name)
			}
			v, ok := tc.regs[name]
			return v, ok
		})
		if got != tc.want {
			t.Errorf("%s %#x: %v, want %v", tc.a.Name, tc.regs, got, tc.want)
		}
	}
	for _, a := range All() {
		if f := a.Fault(func(string) (uint64, bool) { return 0, false }); f != FaultUnknown {
			t.Errorf("%s: %v of nothing", a.Name, f)
		}
	}
}

func TestFaultAddr(t *testing.T) {
	for _, tc := range []struct {
		a    *Arch
		regs values
		want uint64 // 0: none
	}{
		{CortexM, values{"cfsr": 1<<1 | 1<<7, "mmfar": 0x1000, "bfar": 0x2000}, 0x1000},
		{CortexM, values{"cfsr": 1<<9 | 1<<15, "mmfar": 0x1000, "bfar": 0x2000}, 0x2000},
		{CortexM, values{"cfsr": 1 << 10, "bfar": 0x2000}, 0},
		{CortexM, values{"cfsr": 1<<9 | 1<<15}, 0},
		{CortexM, values{"sfsr": 1<<3 | 1<<6, "sfar": 0x3000, "cfsr": 0}, 0x3000},
		{CortexM, values{"bfar": 0x2000}, 0},
		{ARM, values{"dfsr": 0x805, "dfar": 0x1000}, 0x1000},
		{ARM, values{"dfsr": 0x406, "dfar": 0x1000}, 0},
		{ARM, values{"dfsr": 0, "dfar": 0x1000, "ifsr": 5, "ifar": 0x2000}, 0x2000},
		{ARM, values{"dfsr": 0, "dfar": 0x1000, "ifsr": 0, "ifar": 0x2000}, 0},
		{AArch64, values{"esr": 0x96000004, "far": 0x1000}, 0x1000},
		{AArch64, values{"esr": 0x96000410, "far": 0x1000}, 0},
		{AArch64, values{"esr": 0x8a000000, "far": 0x1001}, 0x1001},
		{AArch64, values{"esr": 0x02000000, "far": 0x1000}, 0},
		{AArch64, values{"far": 0x1000}, 0},
		{RV32, values{"mcause": 7, "mtval": 0x1000}, 0x1000},
		{RV32, values{"mcause": 2, "mtval": 0x1000}, 0}, // the instruction
		{RV32, values{"mcause": 0x80000007, "mtval": 0x1000}, 0},
		{RV64, values{"mcause": 13, "mtval": 0x1000}, 0x1000},
		{RV64, values{"mtval": 0x1000}, 0},
		{I386, values{"vector": 14, "cr2": 0x1000}, 0x1000},
		{AMD64, values{"vector": 13, "cr2": 0x1000}, 0},
		{AMD64, values{"cr2": 0x1000}, 0},
		{Xtensa, values{"exccause": 28, "excvaddr": 0x1000}, 0x1000},
		{Xtensa, values{"exccause": 0, "excvaddr": 0x1000}, 0},
		{Xtensa, values{"excvaddr": 0x1000}, 0},
	} {
		got, ok := tc.a.FaultAddr(func(name string) (uint64, bool) {
			if _, ok := tc.a.Reg(name); !ok {
				t.Errorf("%s has no register %s", tc.a.Name, name)
			}
			v, ok := tc.regs[name]
			return v, ok
		})
		if ok != (tc.want != 0) || ok && got != tc.want {
			t.Errorf("%s %#x: 0x%x, %v, want 0x%x", tc.a.Name, tc.regs, got, ok, tc.want)
		}
	}
}

func TestMapped(t *testing.T) {
	for _, a := range All() {
		for _, m := range a.Mapped() {
			if r, ok := a.Reg(m.Name); !ok || a.Regs[r].Group != Control || m.Addr%4 != 0 {
				t.Errorf("%s: %s at 0x%x", a.Name, m.Name, m.Addr)
			}
		}
	}
	if len(CortexM.Mapped()) == 0 || ARM.Mapped() != nil {
		t.Error("the wrong CPU has mapped registers")
	}
}
