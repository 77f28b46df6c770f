package zephyr

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// laid is a crashed context by hand: a register block and memory in which the
// exception frame lies.
type laid struct {
	core *elfcore.Core
	mem  []byte
}

const (
	laidBase  = 0x20000000
	laidSize  = 0x1000
	laidStack = 0x20000400 // to the end
)

func lay(a *arch.Arch, block map[string]uint64) *laid {
	l := &laid{blockCore(a, block), noise(laidSize, 5)}
	return l
}

// put lays words of a layout out, by register name; names that are missing
// leave what is there.
func (l *laid) put(t *testing.T, at elfcore.Addr, layout arch.Layout, values map[string]uint64) {
	t.Helper()
	slots, _, err := l.core.Arch.Slots(layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		if s.Reg == arch.NoReg {
			continue
		}
		if v, ok := values[l.core.Arch.Regs[s.Reg].Name]; ok {
			copy(l.mem[int(at)-laidBase+s.Off:], little(s.Size, v))
		}
	}
}

// dump puts the memory in, less the holes.
func (l *laid) dump(state elfcore.State, holes ...elfcore.Range) {
	at := elfcore.Addr(laidBase)
	add := func(end elfcore.Addr) {
		if end > at {
			l.core.Memory.Add(elfcore.NewRegion(at, l.mem[at-laidBase:end-laidBase], elfcore.PermR, state, 0))
		}
	}
	for _, h := range holes {
		add(h.Addr)
		at = h.End()
	}
	add(laidBase + laidSize)
	l.core.Facts[factRegions] = elfcore.Fact[string]{Value: fmt.Sprintf("0x%x-0x%x", laidBase, laidBase+laidSize), State: elfcore.Known}
}

func (l *laid) knownStack() {
	l.core.Crashed().Stack = elfcore.Fact[elfcore.Range]{Value: elfcore.Range{Addr: laidStack, Size: laidBase + laidSize - laidStack}, State: elfcore.Recovered}
}

// readings are what complete makes of it: "sp state rule", the first first.
func (l *laid) readings(p elfcore.Program) (list []string) {
	complete(l.core, p)
	t := l.core.Crashed()
	for _, r := range append([]elfcore.Registers{t.Regs}, t.Alternatives...) {
		v, s := r.SP()
		list = append(list, fmt.Sprintf("%x %v %s", v, s, strings.TrimPrefix(l.core.Explain(r.Why(l.core.Arch.SP)).Rule, "zephyr.sp-")))
	}
	return list
}

var cortexMBlock = map[string]uint64{
	"r0": 0x11, "r1": 0x22, "r2": 0x33, "r3": 0x44, "r12": 0x55, "lr": 0x667, "pc": 0x778, "xpsr": 0x01000000,
}

// TestCortexMStackPointer: what the block's sp means shows from where the frame
// lies, and what lies above it.
func TestCortexMStackPointer(t *testing.T) {
	const frame = 0x20000800
	basic := arch.CortexM.Frames["basic"]
	for _, c := range []struct {
		name   string
		sp     uint64
		xpsr   uint64 // in the frame
		exc    uint64 // EXC_RETURN of the console, 0 none
		copies []elfcore.Addr
		stack  bool // known
		want   []string
	}{
		{"unadjusted", frame, 0x01000000, 0, nil, false, []string{"20000820 recovered unstacked", "20000868 recovered unstacked"}},
		{"unadjusted, aligned", frame, 0x01000200, 0, nil, false, []string{"20000824 recovered unstacked", "2000086c recovered unstacked"}},
		{"unadjusted, basic", frame, 0x01000000, 0xfffffffd, nil, false, []string{"20000820 recovered unstacked"}},
		{"unadjusted, extended", frame, 0x01000000, 0xffffffed, nil, false, []string{"20000868 recovered unstacked"}},
		{"unadjusted, no EXC_RETURN", frame, 0x01000000, 0x7, nil, false, []string{"20000820 recovered unstacked", "20000868 recovered unstacked"}},
		{"adjusted", frame + 32, 0x01000000, 0, nil, false, []string{"20000820 known adjusted"}},
		{"adjusted, aligned", frame + 36, 0x01000200, 0, nil, false, []string{"20000824 known adjusted"}},
		{"adjusted, extended", frame + 104, 0x01000000, 0, nil, false, []string{"20000868 known adjusted"}},
		{"adjusted, extended, aligned", frame + 108, 0x01000200, 0, nil, false, []string{"2000086c known adjusted"}},
		{"adjusted, a copy below", frame + 32, 0x01000000, 0, []elfcore.Addr{frame - 0x100}, false, []string{"20000820 known adjusted"}},
		{"zero", 0, 0x01000000, 0xfffffffd, nil, false, []string{"20000820 recovered unstacked"}},
		{"zero, a copy below", 0, 0x01000000, 0xfffffffd, []elfcore.Addr{frame - 0x100}, true, []string{"20000820 recovered unstacked"}},
		{"zero, a copy below, stack unknown", 0, 0x01000000, 0xfffffffd, []elfcore.Addr{frame - 0x100}, false, []string{"20000820 recovered unstacked", "20000720 recovered unstacked"}},
		{"zero, a copy elsewhere", 0, 0x01000000, 0xfffffffd, []elfcore.Addr{laidBase + 0x100}, true, []string{"20000820 recovered unstacked"}},
		{"stale", 0x20000500, 0x01000000, 0xfffffffd, nil, false, []string{"20000820 recovered unstacked"}},
		{"stale, outside", 0x30000000, 0x01000000, 0xfffffffd, nil, true, []string{"20000820 recovered unstacked"}},
	} {
		l := lay(arch.CortexM, cortexMBlock)
		regs := &l.core.Crashed().Regs
		regs.Set(arch.CortexM.SP, c.sp, elfcore.Suspect, l.core.Because("zephyr.sp-as-dumped", "", nowhere))
		if c.exc != 0 {
			regs.Set(cmReg.excReturn, c.exc, elfcore.Known, 0)
		}
		l.put(t, frame, basic, cortexMBlock)
		l.put(t, frame, basic, map[string]uint64{"xpsr": c.xpsr})
		for _, at := range c.copies {
			l.put(t, at, basic, cortexMBlock)
		}
		l.dump(elfcore.Known)
		if c.stack {
			l.knownStack()
		}
		if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestCortexMProcessStack: psp of the console points to the frame where the
// block's sp is stale, whatever copies there are.
func TestCortexMProcessStack(t *testing.T) {
	l := lay(arch.CortexM, cortexMBlock)
	for _, at := range []elfcore.Addr{0x20000600, 0x20000800, 0x20000a00} {
		l.put(t, at, arch.CortexM.Frames["basic"], cortexMBlock)
	}
	l.dump(elfcore.Known)
	regs := &l.core.Crashed().Regs
	regs.Set(cmReg.psp, 0x20000800, elfcore.Known, 0)
	regs.Set(cmReg.excReturn, 0xfffffffd, elfcore.Known, 0)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != "[20000820 recovered unstacked]" {
		t.Error(got)
	}
}

// TestCortexMUnproven: no frame in memory, no memory, too few registers.
func TestCortexMUnproven(t *testing.T) {
	asDumped := func(c *elfcore.Core, sp uint64) {
		c.Crashed().Regs.Set(c.Arch.SP, sp, elfcore.Suspect, c.Because("zephyr.sp-as-dumped", "", nowhere))
	}
	unconfirmed := "[20000820 suspect unconfirmed 20000840 suspect unconfirmed 20000888 suspect unconfirmed]"
	l := lay(arch.CortexM, cortexMBlock)
	asDumped(l.core, 0x20000820)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != unconfirmed {
		t.Errorf("no memory: %v", got)
	}
	l = lay(arch.CortexM, cortexMBlock)
	asDumped(l.core, 0x20000820)
	l.dump(elfcore.Known)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != unconfirmed {
		t.Errorf("no frame: %v", got)
	}
	l = lay(arch.CortexM, cortexMBlock)
	asDumped(l.core, 0)
	l.dump(elfcore.Known)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != "[0 missing not-found]" {
		t.Errorf("sp 0: %v", got)
	}
	// The block lost its first line: the pattern has no register.
	l = lay(arch.CortexM, nil)
	asDumped(l.core, 0x20000820)
	l.dump(elfcore.Known)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != unconfirmed {
		t.Errorf("no registers: %v", got)
	}
	// All of them zero, and so is memory.
	zero := map[string]uint64{"r0": 0, "r1": 0, "r2": 0, "r3": 0, "r12": 0, "lr": 0, "pc": 0, "xpsr": 0}
	l = lay(arch.CortexM, zero)
	clear(l.mem)
	asDumped(l.core, 0x20000820)
	l.dump(elfcore.Known)
	if got := l.readings(elfcore.NoProgram{}); fmt.Sprint(got) != unconfirmed {
		t.Errorf("zeros: %v", got)
	}
}

// TestFrameTrust: a frame in memory that may be shifted, or below memory that
// is lost, may be another one or lie elsewhere.
func TestFrameTrust(t *testing.T) {
	for _, c := range []struct {
		name  string
		state elfcore.State
		holes []elfcore.Range
		stack bool
		want  string
	}{
		{"whole", elfcore.Known, nil, true, "[20000820 recovered unstacked]"},
		{"shifted", elfcore.Suspect, nil, true, "[20000820 suspect unstacked]"},
		{"hole above", elfcore.Known, []elfcore.Range{{Addr: 0x20000a00, Size: 32}}, true, "[20000820 suspect unstacked]"},
		{"hole above, stack unknown", elfcore.Known, []elfcore.Range{{Addr: 0x20000a00, Size: 32}}, false, "[20000820 suspect unstacked]"},
		{"hole below", elfcore.Known, []elfcore.Range{{Addr: 0x20000600, Size: 32}}, true, "[20000820 recovered unstacked]"},
	} {
		l := lay(arch.CortexM, cortexMBlock)
		l.put(t, 0x20000800, arch.CortexM.Frames["basic"], cortexMBlock)
		l.core.Crashed().Regs.Set(cmReg.excReturn, 0xfffffffd, elfcore.Known, 0)
		l.dump(c.state, c.holes...)
		if c.stack {
			l.knownStack()
		}
		if got := fmt.Sprint(l.readings(elfcore.NoProgram{})); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestStateContext: Zephyr took the additional state context of v8-M for the
// frame that lies above it.
func TestStateContext(t *testing.T) {
	const context = 0x20000800
	truth := map[string]uint64{
		"r0": 0xa0, "r1": 0xa1, "r2": 0xa2, "r3": 0xa3, "r12": 0xac, "lr": 0xae1, "pc": 0xaf2, "xpsr": 0x21000000,
		"r4": 0xb4, "r5": 0xb5, "r6": 0xb6, "r7": 0xb7, "r8": 0xb8, "r9": 0xb9, "r10": 0xba, "r11": 0xbb,
	}
	misread := map[string]uint64{"r0": signature | 1, "r1": 0, "r2": 0xb4, "r3": 0xb5, "r12": 0xb6, "lr": 0xb7, "pc": 0xb8, "xpsr": 0xb9}
	for _, sp := range []uint64{context, context + 32, 0} {
		for _, dumped := range []bool{true, false} {
			l := lay(arch.CortexM, misread)
			regs := &l.core.Crashed().Regs
			regs.Set(arch.CortexM.SP, sp, elfcore.Suspect, 0)
			regs.Set(cmReg.excReturn, 0xffffffdd, elfcore.Known, 0)
			l.put(t, context, arch.Layout{Width: 4, Slots: "r0 r1"}, misread)
			l.put(t, context, arch.CortexM.Frames["state"], truth)
			l.put(t, context+stateContext, arch.CortexM.Frames["basic"], truth)
			if dumped {
				l.dump(elfcore.Known)
			}
			got := l.readings(elfcore.NoProgram{})
			regs = &l.core.Crashed().Regs
			if dumped && fmt.Sprint(got) != "[20000848 recovered unstacked]" {
				t.Errorf("sp %#x: %v", sp, got)
			}
			for n, want := range truth {
				r, _ := l.core.Arch.Reg(n)
				v, s := regs.Get(r)
				switch held := n >= "r4" && n <= "r9" && len(n) == 2; {
				case dumped || held:
					if v != want || s != elfcore.Recovered {
						t.Errorf("sp %#x, dumped %v: %s is %#x (%v), want %#x", sp, dumped, n, v, s, want)
					}
				case s >= elfcore.Recovered:
					t.Errorf("sp %#x, not dumped: %s is %#x (%v)", sp, n, v, s)
				}
			}
		}
	}
}

// TestFloatRegisters: s0-s15 of an extended frame count only if FPCCR says that
// they were stored.
func TestFloatRegisters(t *testing.T) {
	for value, want := range map[uint64]elfcore.State{0: elfcore.Recovered, fpLSPACT: elfcore.Missing} {
		l := lay(arch.CortexM, cortexMBlock)
		l.put(t, 0x20000800, arch.CortexM.Frames["extended"], cortexMBlock)
		l.core.Crashed().Regs.Set(cmReg.excReturn, 0xffffffed, elfcore.Known, 0)
		l.dump(elfcore.Known)
		l.core.Memory.Add(elfcore.NewRegion(fpccr, little(4, value), elfcore.PermR, elfcore.Known, 0))
		l.readings(elfcore.NoProgram{})
		d1, _ := l.core.Arch.Reg("d1")
		v, s := l.core.Crashed().Regs.Get(d1)
		if s != want || s != elfcore.Missing && v != binary.LittleEndian.Uint64(l.mem[0x800+32+8:]) {
			t.Errorf("FPCCR %d: d1 is %#x (%v)", value, v, s)
		}
	}
}

// TestPushedFrames: sp, s0 and the upper halves from the entry stub's frame.
func TestPushedFrames(t *testing.T) {
	values := func(a *arch.Arch, names string) map[string]uint64 {
		slots, _, err := a.Slots(arch.Layout{Width: 1, Slots: names})
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]uint64{}
		for i, s := range slots {
			m[a.Regs[s.Reg].Name] = 0x1111*uint64(i+1) | map[bool]uint64{true: 0xffffffff00000000}[a.PtrSize() == 8 && i%3 == 0]
		}
		return m
	}
	for _, c := range []struct {
		name  string
		frame *pushedFrame
		arch  *arch.Arch
		regs  string
		low   bool // the block has low words
		sp    uint64
		esf   int64 // size of the program's struct arch_esf, 0 no program
		want  []string
		s0    elfcore.State
	}{
		{"ARM64 v1", &arm64Pushed, arch.AArch64, "x0-x18 x30 cpsr pc", false, 0, 0,
			[]string{"200008b0 recovered", "200008c0 recovered", "200008d0 recovered"}, elfcore.Missing},
		{"ARM64 v1, its type", &arm64Pushed, arch.AArch64, "x0-x18 x30 cpsr pc", false, 0, 192, []string{"200008c0 recovered"}, elfcore.Recovered},
		{"ARM64 v2", &arm64Pushed, arch.AArch64, "x0-x18 x30 cpsr pc", false, 0x200008c0, 0, []string{"200008c0 known"}, elfcore.Missing},
		{"RV32", &rv32Pushed, arch.RV32, "ra t0-t2 a0-a7 t3-t6 pc", false, 0, 0, []string{"20000850 recovered", "20000860 recovered"}, elfcore.Recovered},
		{"RV32 with sp", &rv32Pushed, arch.RV32, "ra t0-t2 a0-a7 t3-t6 pc", false, 0x20000850, 0, []string{"20000850 known"}, elfcore.Recovered},
		{"RV32, sp of another frame", &rv32Pushed, arch.RV32, "ra t0-t2 a0-a7 t3-t6 pc", false, 0x20000900, 0, []string{"20000900 known"}, elfcore.Missing},
		{"RV32E", &rv32ePushed, arch.RV32, "ra t0-t2 a0-a5 pc", false, 0, 0, []string{"20000840 recovered"}, elfcore.Recovered},
		{"RV64", &rv64Pushed, arch.RV64, "ra t0-t2 a0-a7 t3-t6 pc", false, 0, 160, []string{"200008a0 recovered"}, elfcore.Recovered},
		{"RV64, low words", &rv64Pushed, arch.RV64, "ra t0-t2 a0-a7 t3-t6 pc", true, 0, 160, []string{"200008a0 recovered"}, elfcore.Recovered},
	} {
		truth := values(c.arch, c.regs)
		l := lay(c.arch, truth)
		regs := &l.core.Crashed().Regs
		if c.low {
			for n, v := range truth {
				r, _ := c.arch.Reg(n)
				regs.Set(r, v&(1<<32-1), elfcore.Suspect, l.core.Because(halfRule, "", nowhere))
			}
		}
		if c.sp != 0 {
			regs.Set(c.arch.SP, c.sp, elfcore.Known, 0)
		}
		l.put(t, 0x20000800, c.frame.layout, truth)
		l.dump(elfcore.Known)
		var p elfcore.Program = elfcore.NoProgram{}
		fp, fpOff := "s0", map[*arch.Arch]int64{arch.RV32: 72, arch.RV64: 144}[c.arch]
		if c.frame == &rv32ePushed {
			fpOff = 48
		}
		if c.arch == arch.AArch64 {
			fp, fpOff = "x29", 176
		}
		if c.esf != 0 {
			fake := newFakeProgram(c.arch)
			fake.fields["arch_esf "] = [2]int64{0, c.esf}
			fake.fields["arch_esf "+map[bool]string{true: "fp", false: "s0"}[fp == "x29"]] = [2]int64{fpOff, 8}
			p = fake
		}
		got := l.readings(p)
		for i := range got {
			got[i] = strings.Join(strings.Fields(got[i])[:2], " ")
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		regs = &l.core.Crashed().Regs
		r, _ := c.arch.Reg(fp)
		if v, s := regs.Get(r); s != c.s0 || s != elfcore.Missing && v != word(l.mem[0x800+fpOff:], c.arch.PtrSize()) {
			t.Errorf("%s: %s is %#x (%v), want it %v", c.name, fp, v, s, c.s0)
		}
		for n, v := range truth {
			r, _ := c.arch.Reg(n)
			want := elfcore.Known
			if c.low {
				want = elfcore.Recovered
			}
			if have, s := regs.Get(r); have != v || s != want {
				t.Errorf("%s: %s is %#x (%v), want %#x (%v)", c.name, n, have, s, v, want)
			}
		}
	}
}

// TestXtensa: logical registers, window 0, no exception.
func TestXtensa(t *testing.T) {
	get := func(c *elfcore.Core, name string) string {
		r, _ := c.Arch.Reg(name)
		v, s := c.Crashed().Regs.Get(r)
		return fmt.Sprintf("%x %v", v, s)
	}
	for ps, want := range map[uint64]string{0x60730: "60720 recovered", 0x60710: "60710 known", 0x60720: "60720 known"} {
		l := lay(arch.Xtensa, map[string]uint64{"ps": ps, "pc": 0x40080000})
		l.readings(elfcore.NoProgram{})
		if got := get(l.core, "ps"); got != want {
			t.Errorf("ps %#x: %s, want %s", ps, got, want)
		}
		if get(l.core, "windowbase") != "0 recovered" || get(l.core, "windowstart") != "1 recovered" {
			t.Errorf("window %s, %s", get(l.core, "windowbase"), get(l.core, "windowstart"))
		}
	}
	l := lay(arch.Xtensa, nil)
	ps, _ := arch.Xtensa.Reg("ps")
	l.core.Crashed().Regs.Set(ps, 0x60730, elfcore.Suspect, 0)
	l.readings(elfcore.NoProgram{})
	if got := get(l.core, "ps"); got != "60730 suspect" {
		t.Errorf("a suspect ps is %s", got)
	}
}

// TestSearchWindows: frames at the borders of what is read at once, in runs of
// several regions, at both ends of memory.
func TestSearchWindows(t *testing.T) {
	c := blockCore(arch.CortexM, cortexMBlock)
	f := newPattern(c, &c.Crashed().Regs, cortexMPattern)
	data := make([]byte, 3*searchWindow)
	slots, _, _ := c.Arch.Slots(cortexMPattern)
	want := []int{0, 0x100, searchWindow - 28, searchWindow + 32, 2*searchWindow - 16, 3*searchWindow - 28}
	for _, at := range want {
		for _, s := range slots {
			binary.LittleEndian.PutUint32(data[at+s.Off:], uint32(cortexMBlock[c.Arch.Regs[s.Reg].Name]))
		}
	}
	c.Memory.Add(elfcore.NewRegion(laidBase, data[:1000], elfcore.PermR, elfcore.Known, 0))
	c.Memory.Add(elfcore.NewRegion(laidBase+1000, data[1000:], elfcore.PermR, elfcore.Known, 0))
	hits := f.search(c, everywhere, 4)
	if len(hits) != len(want) {
		t.Fatalf("%v", hits)
	}
	for i, at := range want {
		if hits[i] != laidBase+elfcore.Addr(at) {
			t.Errorf("hit %d at %v, want %#x", i, hits[i], laidBase+at)
		}
	}
	if hits := f.search(c, elfcore.Range{Addr: laidBase + 4, Size: searchWindow}, 4); len(hits) != 2 {
		t.Errorf("in a part: %v", hits)
	}
	top := elfcore.Addr(0xffffff00)
	c.Memory.Add(elfcore.NewRegion(top, append(make([]byte, 256-28), data[:28]...), elfcore.PermR, elfcore.Known, 0))
	if hits := f.search(c, elfcore.Range{Addr: top, Size: 256}, 4); len(hits) != 1 || hits[0] != 0xffffffe4 {
		t.Errorf("at the top: %v", hits)
	}
}

// TestPlaceByOrder: a thread's structure says where its stack lies.
func TestPlaceByOrder(t *testing.T) {
	const control, stack = 0x20000000, 0x20000800
	for _, c := range []struct {
		name         string
		regions      string
		start, size  uint64 // as the structure has it
		known        uint64 // the console's thread
		sp           uint64
		stack, where elfcore.Addr
	}{
		{"MIN", "0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, 0, 0x20000f00, stack, control},
		{"from sp on", "0x20000000-0x20000100 0x20000a00-0x20001000", stack, 0x800, 0, 0x20000a00, 0x20000a00, control},
		{"no sp", "0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, 0, 0, stack, control},
		{"empty stack", "0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, 0, 0x20001000, stack, control},
		{"two banks of RAM", "0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x700, 0, 0x20000f00, 0, 0},
		{"on another stack", "0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, 0, 0x20000080, 0, 0},
		{"of several", "0x30000000-0x30000010 0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, control, 0x20000f00, stack, control},
		{"of several, unknown", "0x30000000-0x30000010 0x20000000-0x20000100 0x20000800-0x20001000", stack, 0x800, 0, 0x20000f00, 0, 0},
		{"the last one", "0x20000800-0x20001000 0x20000000-0x20000100", stack, 0x800, control, 0x20000f00, 0, control},
	} {
		l := lay(arch.CortexM, map[string]uint64{"pc": 1})
		clear(l.mem[:0x100])
		copy(l.mem[0x40:], append(little(4, c.start), little(4, c.size)...))
		l.dump(elfcore.Known)
		l.core.Facts[factRegions] = elfcore.Fact[string]{Value: c.regions, State: elfcore.Known}
		x := l.core.Crashed()
		x.Regs.Set(arch.CortexM.SP, c.sp, elfcore.Suspect, 0)
		if c.known != 0 {
			x.Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(c.known), State: elfcore.Known}
		}
		placeByOrder(l.core)
		if x.Stack.Value.Addr != c.stack || x.Control.Value != c.where {
			t.Errorf("%s: stack %v, control %v", c.name, x.Stack.Value, x.Control.Value)
		}
	}
}
