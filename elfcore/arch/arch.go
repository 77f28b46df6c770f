// Package arch describes CPUs as data: registers, the layouts they are stored
// in, what stock debuggers demand of a core file for them, and how their fault
// bits read. It knows no vendor and no file format.
package arch

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Reg is an index into Arch.Regs. It has a meaning only together with its Arch.
type Reg uint16

// NoReg stands for "this CPU has no such register".
const NoReg Reg = 0xffff

// Group sorts registers by what a debugger shows them under.
type Group uint8

// The groups of registers.
const (
	General Group = iota // integer registers, program counter, flags
	Float                // floating point data and status
	Vector               // vector data
	Control              // control, status and fault registers
)

// RegInfo names a register as GDB does. Bits is its width; DWARF its number in
// the CPU's DWARF register mapping, or -1.
type RegInfo struct {
	Name  string
	Bits  int
	DWARF int
	Group Group
}

// Layout says which register sits where in a run of bytes: every vendor's
// block, gregset, exception frame and switch frame is one. Width is the slot
// size in bytes. Slots lists them, low address first, separated by blanks:
//
//	r0-r12  a run of numbered registers
//	lr      one register
//	cs:2    one register in a slot of another width, in bytes
//	_       a slot that holds nothing of interest (written as zeros)
//	_:220   the same, 220 bytes long
//	~       a slot that holds nothing and is written as all ones
type Layout struct {
	Width int
	Slots string
}

// Slot is one register's place in a Layout. Off and Size are bytes. Reg is
// NoReg for filler, Ones tells how filler is written.
type Slot struct {
	Reg       Reg
	Off, Size int
	Ones      bool
}

// FloatNote is the register-set note that carries the floating point registers
// of one thread. An empty Owner means that the CPU has none.
type FloatNote struct {
	Owner   string
	Type    uint32
	Layout  Layout // the whole descriptor, exact size
	Feature string // as CoreRules.Feature
	// Narrow: a single precision FPU's note has the same slots, but 4 bytes
	// wide instead of Layout.Width.
	Narrow bool
}

// RegisterNote is a note that carries registers of one thread in the cores of
// an operating system, from the first byte of its descriptor on.
type RegisterNote struct {
	Owner  string
	Type   uint32
	Layout Layout
}

// CoreRules is what stock debuggers demand of a core file for this CPU. Sizes
// and offsets are bytes. Source: measured with GDB 13.1 and LLDB 14 (see
// docs/debuggers.md).
type CoreRules struct {
	OSABI         elf.OSABI
	FallbackFlags uint32 // e_flags when no firmware tells
	PRStatus      int    // descriptor size of NT_PRSTATUS, compared exactly by BFD
	PID, Regs     int    // offsets of pr_pid and pr_reg in it
	PRPSInfo      int    // descriptor size of NT_PRPSINFO
	PSPID         int    // offset of pr_pid in it, -1 if none is read
	PSName        int    // offset of pr_fname; pr_psargs follows 16 bytes on
	SigAddr       int    // offset of si_addr in NT_SIGINFO
	Float         FloatNote
	// Feature is the target description's name for the registers of pr_reg.
	// Empty: the description lists no registers.
	Feature string
	TDescOS string // <osabi> of the target description, "" leaves it out
	CSR     bool   // Control registers go into NT_RISCV_CSR (owner GDB)
	// Honest: the OS ABI honours NT_FILE, so that memory absent from the core
	// can be made unreadable instead of falling back to the ELF's sections.
	Honest bool
}

// Arch is one CPU. FPU, security and E variants are Groups and Layouts, not
// further Archs.
type Arch struct {
	Name    string
	Machine elf.Machine
	Class   elf.Class
	Regs    []RegInfo
	// PC, SP, LR, FP are the registers of those roles; LR and FP may be NoReg.
	PC, SP, LR, FP Reg
	// Flags is the processor status register (xpsr, cpsr, eflags), or NoReg.
	Flags      Reg
	Linux, BSD Layout    // pr_reg of NT_PRSTATUS
	Core       CoreRules // shared by the writer and verify
	// More are notes with further registers, besides Core.Float, that systems
	// write; of two that have a register, the first in this list counts.
	More   []RegisterNote
	Frames map[string]Layout // frames pushed by hardware, by name
	// Saved lists the registers that a called function must preserve.
	Saved []Reg
	// Absent is written into a prstatus slot whose register is missing: an
	// address that no supported chip maps, so that a debugger stops there
	// instead of following it.
	Absent uint64
	// CodeMask clears the bits of a return address that are not address
	// (the Thumb bit).
	CodeMask uint64
	// CallBefore: code ends in a call instruction.
	CallBefore func(code []byte) bool
	// CallTarget: code, whose last byte is at addr-1, ends in a direct call;
	// its target, an address without a Thumb bit. ok is false for indirect or
	// no calls.
	CallTarget func(code []byte, addr uint64) (target uint64, ok bool)
	// TrapBefore: code ends in svc, ecall, int or syscall; its size in bytes.
	TrapBefore func(code []byte) (size int, ok bool)
	// Fault reads the CPU's fault registers by name and says what they mean.
	Fault func(read func(name string) (uint64, bool)) Fault
	// FaultAddr reads the address of the access that failed. ok is false where
	// the fault registers hold none.
	FaultAddr func(read func(name string) (uint64, bool)) (addr uint64, ok bool)
}

// PtrSize is the size of an address in bytes.
func (a *Arch) PtrSize() int {
	if a.Class == elf.ELFCLASS64 {
		return 8
	}
	return 4
}

// AddrMask has every bit of an address set.
func (a *Arch) AddrMask() uint64 {
	if a.Class == elf.ELFCLASS64 {
		return ^uint64(0)
	}
	return 1<<32 - 1
}

// Reg finds a register by the name GDB uses.
func (a *Arch) Reg(name string) (Reg, bool) {
	r, ok := a.index().byName[name]
	return r, ok
}

// ByDWARF finds a register by its DWARF number.
func (a *Arch) ByDWARF(n int) (Reg, bool) {
	r, ok := a.index().byDWARF[n]
	return r, ok
}

type regIndex struct {
	byName  map[string]Reg
	byDWARF map[int]Reg
}

var (
	indexes sync.Map // *Arch -> *regIndex
	layouts sync.Map // layoutKey -> *compiled
)

func (a *Arch) index() *regIndex {
	if v, ok := indexes.Load(a); ok {
		return v.(*regIndex)
	}
	x := &regIndex{map[string]Reg{}, map[int]Reg{}}
	for i, r := range a.Regs {
		x.byName[r.Name] = Reg(i)
		if r.DWARF >= 0 {
			x.byDWARF[r.DWARF] = Reg(i)
		}
	}
	v, _ := indexes.LoadOrStore(a, x)
	return v.(*regIndex)
}

type layoutKey struct {
	a *Arch
	l Layout
}

type compiled struct {
	slots []Slot
	size  int
	err   error
}

// Slots resolves a layout for this CPU and returns the slots and their total
// size in bytes. The result is shared: do not change it. The error says which
// word of the layout is wrong: each register may have one slot.
func (a *Arch) Slots(l Layout) ([]Slot, int, error) {
	key := layoutKey{a, l}
	v, ok := layouts.Load(key)
	if !ok {
		v, _ = layouts.LoadOrStore(key, a.compile(l))
	}
	c := v.(*compiled)
	return c.slots, c.size, c.err
}

func (a *Arch) compile(l Layout) *compiled {
	c := &compiled{}
	bad := func(format string, args ...any) *compiled {
		return &compiled{err: fmt.Errorf("layout %q: "+format, append([]any{l.Slots}, args...)...)}
	}
	used := make([]bool, len(a.Regs))
	for _, word := range strings.Fields(l.Slots) {
		base, w, given := strings.Cut(word, ":")
		width := l.Width
		if given {
			width, _ = strconv.Atoi(w)
		}
		if width <= 0 || width > maxWidth {
			return bad("bad width of %q", word)
		}
		names, err := expand(base)
		if err != nil {
			return bad("%w", err)
		}
		for _, n := range names {
			s := Slot{Reg: NoReg, Off: c.size, Size: width, Ones: n == "~"}
			if n != "_" && n != "~" {
				var ok bool
				if s.Reg, ok = a.Reg(n); !ok {
					return bad("%s has no register %q", a.Name, n)
				}
				if used[s.Reg] {
					return bad("register %q is there twice", n)
				}
				used[s.Reg] = true
			}
			c.slots = append(c.slots, s)
			c.size += width
		}
	}
	return c
}

// Limits of a layout, above all that exist: the bytes of a slot and the
// registers of a run.
const (
	maxWidth = 1 << 12
	maxRun   = 64
)

// expand turns "r4-r11" into its eight names and anything else into itself.
func expand(word string) ([]string, error) {
	from, to, ok := strings.Cut(word, "-")
	if !ok {
		return []string{word}, nil
	}
	prefix := strings.TrimRight(from, "0123456789")
	lo, err1 := strconv.Atoi(from[len(prefix):])
	hi, err2 := strconv.Atoi(strings.TrimPrefix(to, prefix))
	if err1 != nil || err2 != nil || lo > hi || hi-lo >= maxRun || !strings.HasPrefix(to, prefix) {
		return nil, fmt.Errorf("bad run %q", word)
	}
	var names []string
	for i := lo; i <= hi; i++ {
		names = append(names, prefix+strconv.Itoa(i))
	}
	return names, nil
}

// run appends count registers prefix0... with consecutive DWARF numbers from
// dwarf, or -1 for all if dwarf is negative.
func run(regs []RegInfo, prefix string, first, count, bits, dwarf int, g Group) []RegInfo {
	for i := range count {
		d := -1
		if dwarf >= 0 {
			d = dwarf + i
		}
		regs = append(regs, RegInfo{prefix + strconv.Itoa(first+i), bits, d, g})
	}
	return regs
}

// named appends registers given by name, with consecutive DWARF numbers.
func named(regs []RegInfo, names string, bits, dwarf int, g Group) []RegInfo {
	for i, n := range strings.Fields(names) {
		d := -1
		if dwarf >= 0 {
			d = dwarf + i
		}
		regs = append(regs, RegInfo{n, bits, d, g})
	}
	return regs
}

// find returns the index of a register of a table that is being built.
func find(regs []RegInfo, name string) Reg {
	for i, r := range regs {
		if r.Name == name {
			return Reg(i)
		}
	}
	panic("arch: no register " + name)
}

// finds does the same for a list of names and runs.
func finds(regs []RegInfo, list string) []Reg {
	var out []Reg
	for _, word := range strings.Fields(list) {
		names, err := expand(word)
		if err != nil {
			panic(err)
		}
		for _, n := range names {
			out = append(out, find(regs, n))
		}
	}
	return out
}

// All lists every CPU, in a fixed order.
func All() []*Arch {
	return []*Arch{I386, AMD64, ARM, CortexM, AArch64, RV32, RV64, Xtensa}
}

// ByName finds a CPU by its Name.
func ByName(name string) (*Arch, bool) {
	for _, a := range All() {
		if a.Name == name {
			return a, true
		}
	}
	return nil, false
}

// ByELF finds the CPU of an ELF file. mProfile tells the two ARM profiles
// apart: true if the file's build attributes (or target description) say M.
func ByELF(m elf.Machine, c elf.Class, mProfile bool) (*Arch, bool) {
	for _, a := range All() {
		if a.Machine == m && a.Class == c && (m != elf.EM_ARM || (a == CortexM) == mProfile) {
			return a, true
		}
	}
	return nil, false
}
