package inspect

import (
	"slices"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/cexpr"
	"corelift/internal/debuginfo"
)

// registerNames are what expressions can say of a CPU's registers besides their
// names in Arch.Regs. Lists are separated by blanks and have runs, "r0-r3".
type registerNames struct {
	data, code string            // registers that hold addresses, which GDB shows as pointers
	flags      map[string]string // bits with a name, "CF@0", and numbers, "EL@2-3"
	parts      []registerPart
	// partial are those of which the dump has less than the name stands for.
	partial string
}

// registerPart are registers by other names, or some of their bits.
type registerPart struct {
	names, of string // in the same order; of is empty for those that are always 0
	shift     int    // of the lowest bit
	kind      debuginfo.Kind
	bits      int // 0: all
}

// The names of x86's registers are those of GDB 13, which has no $sp of 16 bits.
const (
	x86Flags  = "CF@0 PF@2 AF@4 ZF@6 SF@7 TF@8 IF@9 DF@10 OF@11 NT@14 RF@16 VM@17 AC@18 VIF@19 VIP@20 ID@21"
	x86MXCSR  = "IE@0 DE@1 ZE@2 OE@3 UE@4 PE@5 DAZ@6 IM@7 DM@8 ZM@9 OM@10 UM@11 PM@12 FZ@15"
	armSingle = "d0-d15"
)

// armParts are the names of the ARM ABI (AAPCS32, 6.1.1), and halves of double
// registers.
var armParts = []registerPart{
	{names: "a1-a4 v1-v8 sb sl ip r13-r15", of: "r0-r3 r4-r11 r9 r10 r12 sp lr pc"},
	{names: "s0 s2 s4 s6 s8 s10 s12 s14 s16 s18 s20 s22 s24 s26 s28 s30", of: armSingle, kind: debuginfo.Float, bits: 32},
	{names: "s1 s3 s5 s7 s9 s11 s13 s15 s17 s19 s21 s23 s25 s27 s29 s31", of: armSingle, kind: debuginfo.Float, bits: 32, shift: 32},
}

var riscvNames = registerNames{
	data: "sp gp tp s0", code: "ra",
	parts: []registerPart{
		{names: "zero x0"},
		{names: "x1-x31", of: "ra sp gp tp t0-t2 s0-s1 a0-a7 s2-s11 t3-t6"},
	},
}

// namesOf are the further names by Arch.Name.
var namesOf = map[string]registerNames{
	"arm-m": {data: "sp msp psp", parts: armParts},
	"arm":   {data: "sp", parts: armParts},
	"aarch64": {
		data: "sp",
		flags: map[string]string{
			"cpsr": "SP@0 EL@2-3 nRW@4 F@6 I@7 A@8 D@9 BTYPE@10-11 SSBS@12 IL@20 SS@21 PAN@22 UAO@23 DIT@24 TCO@25 V@28 C@29 Z@30 N@31",
			"fpsr": "IOC@0 DZC@1 OFC@2 UFC@3 IXC@4 IDC@7 QC@27 V@28 C@29 Z@30 N@31",
			"fpcr": "FIZ@0 AH@1 NEP@2 IOE@8 DZE@9 OFE@10 UFE@11 IXE@12 EBF@13 IDE@15 Len@16-18 FZ16@19 Stride@20-21 RMode@22-23 FZ@24 DN@25 AHP@26",
		},
		parts: []registerPart{
			{names: "lr", of: "x30"},
			{names: "w0-w30", of: "x0-x30", kind: debuginfo.Uint, bits: 32},
		},
	},
	"riscv32": riscvNames,
	"riscv64": riscvNames,
	"xtensa":  {data: "a1"},
	"i386": {
		data:  "esp ebp",
		flags: map[string]string{"eflags": x86Flags, "mxcsr": x86MXCSR},
		parts: []registerPart{
			{names: "ax bx cx dx si di bp", of: "eax ebx ecx edx esi edi ebp", kind: debuginfo.Int, bits: 16},
			{names: "al bl cl dl", of: "eax ebx ecx edx", kind: debuginfo.Int, bits: 8},
			{names: "ah bh ch dh", of: "eax ebx ecx edx", kind: debuginfo.Int, bits: 8, shift: 8},
		},
		partial: "ftag",
	},
	"x86-64": {
		data:  "rsp rbp",
		flags: map[string]string{"eflags": x86Flags, "mxcsr": x86MXCSR},
		parts: []registerPart{
			{names: "eax ebx ecx edx esi edi ebp esp r8d-r15d", of: "rax rbx rcx rdx rsi rdi rbp rsp r8-r15", kind: debuginfo.Int, bits: 32},
			{names: "ax bx cx dx si di bp r8w-r15w", of: "rax rbx rcx rdx rsi rdi rbp r8-r15", kind: debuginfo.Int, bits: 16},
			{names: "al bl cl dl sil dil bpl spl r8l-r15l", of: "rax rbx rcx rdx rsi rdi rbp rsp r8-r15", kind: debuginfo.Int, bits: 8},
			{names: "ah bh ch dh", of: "rax rbx rcx rdx", kind: debuginfo.Int, bits: 8, shift: 8},
		},
		partial: "ftag",
	},
}

// expand writes out the runs in a list of names: "r8d-r10d" is r8d, r9d, r10d.
func expand(list string) (names []string) {
	for word := range strings.FieldsSeq(list) {
		first, last, run := strings.Cut(word, "-")
		if !run {
			names = append(names, word)
			continue
		}
		const digits = "0123456789"
		at := strings.IndexAny(first, digits)
		number := strings.TrimRight(first[at:], "abcdefghijklmnopqrstuvwxyz")
		suffix := first[at+len(number):]
		n, _ := strconv.Atoi(number)
		end, _ := strconv.Atoi(strings.TrimSuffix(last[at:], suffix))
		for ; n <= end; n++ {
			names = append(names, first[:at]+strconv.Itoa(n)+suffix)
		}
	}
	return names
}

// roles are names of registers that every CPU has.
//
// Folklore: what GDB 13 shows as $fp is such a register on RISC-V only; on other
// CPUs it is where it takes the frame to begin, which prologue analysis tells it.
var roles = map[string]func(*arch.Arch) arch.Reg{
	"pc": func(a *arch.Arch) arch.Reg { return a.PC },
	"sp": func(a *arch.Arch) arch.Reg { return a.SP },
	"fp": func(a *arch.Arch) arch.Reg { return a.FP },
}

// registerNamed finds a register, and which part of it a name stands for.
func registerNamed(cpu *arch.Arch, name string) (r arch.Reg, p registerPart, ok bool) {
	index := func(name string) (arch.Reg, bool) {
		i := slices.IndexFunc(cpu.Regs, func(r arch.RegInfo) bool { return r.Name == name })
		return arch.Reg(i), i >= 0
	}
	if r, ok = index(name); ok {
		return r, p, true
	}
	if role, ok := roles[name]; ok {
		r = role(cpu)
		return r, p, r != arch.NoReg
	}
	for _, p := range namesOf[cpu.Name].parts {
		i := slices.Index(expand(p.names), name)
		switch {
		case i < 0:
			continue
		case p.of == "":
			return arch.NoReg, p, true
		}
		r, ok = index(expand(p.of)[i])
		return r, p, ok
	}
	return r, p, false
}

// register is a register of the frame.
func (e evaluator) register(n *cexpr.Register) object {
	cpu := e.at.session.core.Arch
	names := namesOf[cpu.Name]
	r, part, ok := registerNamed(cpu, n.Name)
	switch {
	case !ok:
		fail(n, "see corelift regs -a for the names", "%s has no register %s", cpu.Name, n.Name)
	case r == arch.NoReg:
		return e.number(number{typ: "long"})
	}
	info := cpu.Regs[r]
	if slices.Contains(expand(names.partial), info.Name) {
		fail(n, "", "the dump has only a part of register %s", info.Name)
	}
	t := e.registerType(r, names)
	b, state := e.at.frame().Regs.Bytes(r)
	if part.bits > 0 {
		t = e.numberType(part.kind, part.bits)
	} else if n.Name == "fp" {
		t = e.builtin("void").PointerTo()
	}
	if state == elfcore.Missing {
		reason := "register " + info.Name + " is not in the dump"
		if e.at.trace.thread == nil {
			reason = "there is no frame"
		}
		return e.at.nowhere(t, NotInDump, reason)
	}
	b = b[part.shift/8:][:t.Size()]
	o := e.at.computed(t, reversed(b, e.at.Order()), state)
	o.flags = names.flags[info.Name]
	if state == elfcore.Suspect {
		o.note = "may be stale"
	}
	return o
}

// registerType is how GDB shows a register.
func (e evaluator) registerType(r arch.Reg, names registerNames) *debuginfo.Type {
	cpu := e.at.session.core.Arch
	info := cpu.Regs[r]
	value := info.DWARF >= 0 // not a status register
	switch {
	case r == cpu.PC, slices.Contains(expand(names.code), info.Name):
		return e.builtin("void").FuncReturning().PointerTo()
	case slices.Contains(expand(names.data), info.Name):
		return e.builtin("void").PointerTo()
	case info.Group == arch.Float && info.Bits == 80:
		return e.at.types().Invented("i387_ext", debuginfo.Float, 10, true)
	case info.Group == arch.Float && value && info.Bits == 64 && cpu.Core.Float.Narrow:
		return e.narrow()
	case info.Group == arch.Float && value:
		return e.numberType(debuginfo.Float, info.Bits)
	case info.Bits == 128:
		return e.vector()
	}
	if info.Bits == 8*cpu.PtrSize() && len(names.flags) == 0 {
		return e.builtin("long")
	}
	return e.numberType(debuginfo.Int, info.Bits)
}

// numberType is the type of a number in a register.
func (e evaluator) numberType(k debuginfo.Kind, bits int) *debuginfo.Type {
	switch {
	case k == debuginfo.Float && bits == 64:
		return e.builtin("double")
	case k == debuginfo.Float:
		return e.builtin("float")
	case k == debuginfo.Uint:
		return e.at.types().Invented("uint"+strconv.Itoa(bits)+"_t", k, int64(bits/8), false)
	}
	return e.at.types().Invented("int"+strconv.Itoa(bits)+"_t", k, int64(bits/8), true)
}

// narrow is a register of RISC-V's FPU, which may hold numbers of either size.
func (e evaluator) narrow() *debuginfo.Type {
	if e.at.session.core.Program.FloatBits == 32 {
		return e.builtin("float")
	}
	return e.union("riscv_double", []debuginfo.Member{
		{Name: "float", Type: e.builtin("float")}, {Name: "double", Type: e.builtin("double")},
	})
}

// vectorLanes are the ways to see 128 bits, in the order of GDB.
var vectorLanes = []struct {
	name, elem string
	kind       debuginfo.Kind
	size       int64 // of an element, bytes
}{
	{"v8_bfloat16", "bfloat16", debuginfo.Float, 2},
	{"v8_half", "half", debuginfo.Float, 2},
	{"v4_float", "float", debuginfo.Float, 4},
	{"v2_double", "double", debuginfo.Float, 8},
	{"v16_int8", "int8_t", debuginfo.Int, 1},
	{"v8_int16", "int16_t", debuginfo.Int, 2},
	{"v4_int32", "int32_t", debuginfo.Int, 4},
	{"v2_int64", "int64_t", debuginfo.Int, 8},
	{"uint128", "uint128_t", debuginfo.Uint, 16},
}

// vector is a register of 128 bits, whose elements may be anything.
func (e evaluator) vector() *debuginfo.Type {
	const size = 16
	var lanes []debuginfo.Member
	for _, l := range vectorLanes {
		t := e.at.types().Invented(l.elem, l.kind, l.size, l.kind != debuginfo.Uint)
		if l.size < size {
			t = t.ArrayOf(size / l.size)
			t.Vector = true
		}
		lanes = append(lanes, debuginfo.Member{Name: l.name, Type: t})
	}
	return e.union("vec128", lanes)
}

func (e evaluator) union(name string, members []debuginfo.Member) *debuginfo.Type {
	size := int64(0)
	for _, m := range members {
		size = max(size, m.Type.Size())
	}
	return e.at.types().Invented(name, debuginfo.Union, size, false, members...)
}

// flagsText names the bits that are set in a register, as GDB does: [ ZF PF ],
// and the numbers in it: [ EL=1 ].
func flagsText(bits uint64, names string) string {
	text := "["
	for name := range strings.FieldsSeq(names) {
		name, place, _ := strings.Cut(name, "@")
		first, last, number := strings.Cut(place, "-")
		low, _ := strconv.Atoi(first)
		switch {
		case number:
			high, _ := strconv.Atoi(last)
			text += " " + name + "=" + strconv.FormatUint(bits>>low&(1<<(high-low+1)-1), 10)
		case bits>>low&1 != 0:
			text += " " + name
		}
	}
	return text + " ]"
}
