package freertos

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// frameBelow is where the tests put a frame, in bytes below the stack's end.
const frameBelow = 0x180

// pushCortexM stores a frame as the hardware and a PendSV handler do: slots
// names the handler's words, lowest first. It returns the registers that the
// task has.
func pushCortexM(m *image, tcb uint64, slots string, exc, xpsr uint64) map[string]uint64 {
	at := m.top(tcb, frameBelow)
	want := map[string]uint64{}
	value := uint64(0x1100)
	push := func(names string, keep bool) {
		for name := range strings.FieldsSeq(names) {
			v := value
			switch value += 8; name {
			case "exc_return":
				m.words(at, exc)
				at += 4
				continue
			case "pc":
				v = romBase + 0x200
			case "xpsr":
				v = xpsr
			case "control":
				v = 3
			case "psplim":
				v = stacks
			}
			m.words(at, v)
			at += 4
			if keep && name != "_" {
				want[name] = v
			}
		}
	}
	push(slots, true)
	hasExc := strings.Contains(slots, "exc_return")
	if extended := exc&0x10 == 0 && hasExc; extended {
		for i := 8; i < 16; i++ {
			m.words(at, uint64(i), uint64(i)<<4)
			want[fmt.Sprint("d", i)] = uint64(i) | uint64(i)<<36
			at += 8
		}
		push("r0 r1 r2 r3 r12 lr pc xpsr", true)
		for i := range uint64(8) {
			m.words(at, i+1, i+2)
			want[fmt.Sprint("d", i)] = i + 1 | (i+2)<<32
			at += 8
		}
		push("fpscr _", true)
	} else {
		push("r0 r1 r2 r3 r12 lr pc xpsr", true)
	}
	want["sp"] = at + (xpsr>>9&1)*4
	want["xpsr"] = xpsr &^ 0x200
	return want
}

func TestCortexMFrames(t *testing.T) {
	const general = "r4 r5 r6 r7 r8 r9 r10 r11"
	for _, tc := range []struct {
		slots string
		exc   []uint64
	}{
		{general, []uint64{0}},
		{general + " exc_return", []uint64{0xffff_fffd, 0xffff_ffed}},
		{"psplim exc_return " + general, []uint64{0xffff_fffd, 0xffff_ffbc, 0xffff_ffac}},
		{"_ psplim exc_return " + general, []uint64{0xffff_ffbc, 0xffff_ffac}},
		{"exc_return " + general, []uint64{0xffff_fffd}},
		{"control " + general + " exc_return", []uint64{0xffff_fffd, 0xffff_ffed}},
		{"psplim control exc_return " + general, []uint64{0xffff_fffd, 0xffff_ffac}},
		{"_ psplim control exc_return " + general, []uint64{0xffff_ffbc}},
		{"control " + general, []uint64{0}},
	} {
		for _, exc := range tc.exc {
			for _, xpsr := range []uint64{0x0100_0000, 0x6100_0200} {
				t.Run(fmt.Sprintf("%s/%x/%x", tc.slots, exc, xpsr), func(t *testing.T) {
					m := newImage(arch.CortexM, 1)
					m.runs(m.task("main", readySymbol, 1))
					want := pushCortexM(m, m.task("it", readySymbol, 0), tc.slots, exc, xpsr)
					c := m.core()
					addThreads(c, m)
					it := named(t, c, "it")
					wantRegs(t, &it.Regs, want)
					if len(it.Alternatives) > 0 {
						t.Errorf("%d other readings", len(it.Alternatives))
					}
					if _, s := it.Regs.SP(); s != elfcore.Recovered {
						t.Errorf("sp is %v", s)
					}
				})
			}
		}
	}
}

// A pc outside the program is only believed next to an EXC_RETURN.
func TestFrameOutsideProgram(t *testing.T) {
	for slots, want := range map[string]elfcore.State{
		"r4 r5 r6 r7 r8 r9 r10 r11":            elfcore.Missing,
		"r4 r5 r6 r7 r8 r9 r10 r11 exc_return": elfcore.Suspect,
	} {
		m := newImage(arch.CortexM, 1)
		m.runs(m.task("main", readySymbol, 1))
		tcb := m.task("it", readySymbol, 0)
		at := pushCortexM(m, tcb, slots, 0xffff_fffd, 0x0100_0000)["sp"]
		m.words(at-8, 0x1000_0000)
		c := m.core()
		addThreads(c, m)
		it := named(t, c, "it")
		if _, s := it.Regs.PC(); s != want {
			t.Errorf("%s: pc is %v, want %v", slots, s, want)
		}
	}
}

// What can't be a frame leaves the registers missing, with the reason.
func TestNoFrame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		arch   *arch.Arch
		change func(m *image, c *elfcore.Core, tcb uint64)
		why    string
	}{
		{"zeros", arch.CortexM, func(*image, *elfcore.Core, uint64) {}, "no frame of a known port"},
		{"zeros", arch.RV32, func(*image, *elfcore.Core, uint64) {}, "no frame of a known port"},
		{"wild", arch.CortexM, func(m *image, _ *elfcore.Core, tcb uint64) { m.words(tcb, 0xffff_fff0) }, "no frame of a known port"},
		{"handler's xpsr", arch.CortexM, func(m *image, _ *elfcore.Core, tcb uint64) {
			pushCortexM(m, tcb, "r4 r5 r6 r7 r8 r9 r10 r11", 0, 0x0100_000e)
		}, "no frame of a known port"},
		{"secure", arch.CortexM, func(m *image, _ *elfcore.Core, tcb uint64) {
			pushCortexM(m, tcb, "_ psplim exc_return r4 r5 r6 r7 r8 r9 r10 r11", 0xffff_fffd, 0x0100_0000)
		}, "no frame of a known port"},
		{"no top", arch.CortexM, func(m *image, _ *elfcore.Core, _ uint64) { delete(m.fields, "tskTaskControlBlock pxTopOfStack") }, "pxTopOfStack is not in"},
		{"RV32E", arch.RV32, func(_ *image, c *elfcore.Core, _ uint64) { c.Flags = arch.RISCVEFlag }, "no rule"},
		{"Xtensa", arch.Xtensa, func(*image, *elfcore.Core, uint64) {}, "no rule"},
	} {
		t.Run(tc.name+" "+tc.arch.Name, func(t *testing.T) {
			m := newImage(tc.arch, 1)
			m.runs(m.task("main", readySymbol, 1))
			tcb := m.task("it", readySymbol, 0)
			c := m.core()
			tc.change(m, c, tcb)
			addThreads(c, m)
			it := named(t, c, "it")
			wantRegs(t, &it.Regs, nil)
			if text := c.Explain(it.Regs.Why(c.Arch.PC)).Text; !strings.Contains(text, tc.why) {
				t.Errorf("evidence %q, want %q", text, tc.why)
			}
		})
	}
}

func TestRISCVFrames(t *testing.T) {
	const general = " ra t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6 "
	for _, a := range []*arch.Arch{arch.RV32, arch.RV64} {
		for _, slots := range []string{
			"pc" + general + "mstatus", "pc" + general + "_ mstatus", "pc mstatus" + general + "_", "pc ra sp gp tp" + general[3:],
		} {
			if a == arch.RV64 && strings.Contains(slots, "sp") {
				continue // ESP-IDF has no 64 bit chips
			}
			t.Run(a.Name+" "+slots, func(t *testing.T) {
				m := newImage(a, 1)
				m.runs(m.task("main", readySymbol, 1))
				tcb := m.task("it", readySymbol, 0)
				at := m.top(tcb, frameBelow)
				want := map[string]uint64{}
				words := strings.Fields(slots)
				end := at + uint64(len(words))*uint64(m.word())
				for i, name := range words {
					v := uint64(0x2200 + i)
					switch name {
					case "pc":
						v = romBase + 0x200
					case "mstatus":
						v = 0x1880
					case "sp":
						v = end
					}
					m.words(at+uint64(i)*uint64(m.word()), v)
					want[name] = v
				}
				delete(want, "_")
				want["sp"] = end
				c := m.core()
				addThreads(c, m)
				it := named(t, c, "it")
				wantRegs(t, &it.Regs, want)
				if len(it.Alternatives) > 0 {
					t.Errorf("%d other readings", len(it.Alternatives))
				}
			})
		}
	}
}

// A crash in an interrupt: the task is below it, at psp.
func TestInterrupted(t *testing.T) {
	for _, tc := range []struct {
		name           string
		change         func(r *elfcore.Registers)
		readings       int
		extended, none bool
	}{
		{"by lr", func(r *elfcore.Registers) { r.Set(arch.CortexM.LR, 0xffff_fffd, elfcore.Known, 0) }, 1, false, false},
		{"extended", func(r *elfcore.Registers) { r.Set(cortexM.excReturn, 0xffff_ffed, elfcore.Known, 0) }, 1, true, false},
		{"nested", func(r *elfcore.Registers) { r.Set(cortexM.excReturn, 0xffff_fff1, elfcore.Known, 0) }, 2, false, false},
		{"no psp", func(r *elfcore.Registers) { r.Clear(cortexM.psp, 0) }, 0, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newImage(arch.CortexM, 1)
			tcb := m.task("main", readySymbol, 1)
			m.runs(tcb)
			all := pushCortexM(m, tcb, "", 0, 0x0100_0000)
			psp := m.get(tcb)
			want := maps.Clone(all)
			if tc.extended {
				want["sp"] = psp + 104
			}
			c := m.core()
			r := &c.Crashed().Regs
			r.Set(m.arch.Flags, 0x0100_000b, elfcore.Known, 0)
			r.Set(cortexM.psp, psp, elfcore.Known, 0)
			tc.change(r)
			addThreads(c, m)
			main := named(t, c, "main")
			if main == c.Crashed() || main.Status.Value != statusRunning || len(c.Threads) != 2 {
				t.Fatalf("threads %+v", c.Threads)
			}
			if tc.none {
				want = nil
			}
			wantRegs(t, &main.Regs, want)
			if len(main.Alternatives) != max(tc.readings-1, 0) {
				t.Errorf("%d other readings", len(main.Alternatives))
			}
		})
	}
}
