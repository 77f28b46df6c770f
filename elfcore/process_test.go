package elfcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// processCore is a core as Linux writes it: madeUp, without our own note and
// with an auxiliary vector.
func processCore(t testing.TB, a *arch.Arch) []byte {
	t.Helper()
	c := madeUp(a)
	c.Program.File, c.Program.HasEntry = "made-up", true
	return stripped(t, c)
}

// stripped writes a core whose evidence note nobody knows, and without
// physical addresses.
func stripped(t testing.TB, c *Core) []byte {
	t.Helper()
	b := written(t, c)
	b[bytes.Index(b, []byte("corelift"))] = 'C'
	sizes := sizesOf(c.Arch.Class)
	paddr := 12
	if c.Arch.PtrSize() == 8 {
		paddr = 24
	}
	for i := range 1 + c.Memory.Len() {
		clear(b[sizes.header+i*sizes.program+paddr:][:c.Arch.PtrSize()])
	}
	return b
}

func readCore(t testing.TB, b []byte) (*File, *Core) {
	t.Helper()
	f, err := openBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Core(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

// TestLinuxProcess reads the registers of every CPU, in the layouts that GDB
// confirms (TestGDB).
func TestLinuxProcess(t *testing.T) {
	archs(t, func(t *testing.T, a *arch.Arch) {
		testProcess(t, a, binary.LittleEndian)
		testProcess(t, a, binary.BigEndian)
	})
}

func testProcess(t *testing.T, a *arch.Arch, order binary.ByteOrder) {
	want := madeUp(a)
	want.Order = order
	for i := range want.Threads {
		switch a {
		case arch.CortexM:
			want.Threads[i].Regs.Set(a.Flags, 1<<24, Known, 0)
		case arch.ARM:
			want.Threads[i].Regs.Set(a.Flags, 0x10, Known, 0)
		}
	}
	want.Program.HasEntry, want.Program.File = true, "made-up"
	_, c := readCore(t, stripped(t, want))
	format := FormatLinux
	if a == arch.CortexM {
		format = FormatELF
	}
	if c.Format != format || c.Arch != a || len(c.Threads) != 3 || c.Crash.Thread != 0 {
		t.Fatal(c.Format, c.Arch.Name, len(c.Threads))
	}
	for i := range c.Threads {
		for n, info := range a.Regs {
			value, _ := want.Threads[i].Regs.Bytes(arch.Reg(n))
			got, state := c.Threads[i].Regs.Bytes(arch.Reg(n))
			switch {
			case info.Name == "ftag", info.Name == "scompare1": // no note has them as a whole
			case info.Group == arch.Control:
				if state != Missing {
					t.Errorf("%s is there", info.Name)
				}
			case state != Known || !bytes.Equal(value, got):
				t.Errorf("thread %d: %s is %x (%v), want %x", i, info.Name, got, state, value)
			}
		}
		if lwp := c.Threads[i].LWP; lwp.Value != i+1 || lwp.State != Known {
			t.Errorf("LWP %+v", lwp)
		}
	}
	if c.Facts["process.name"].Value != "made-up" {
		t.Error(c.Facts)
	}
	// Core.Write says SI_KERNEL, which has no address.
	if c.Crash.Reason.Value != 4 || c.Crash.Fault.Value != arch.FaultIllegal || c.Crash.Addr.State != Missing {
		t.Errorf("%+v", c.Crash)
	}
	p := make([]byte, 23)
	if s, err := c.Memory.Read(p, 0x20000000); string(p) != "the memory of the crash" || s != Known || err != nil {
		t.Errorf("%q %v %v", p, s, err)
	}
}

// TestLostEvidence: what Core.Write puts in the place of missing registers is
// no value, and a core of ours that was cut within the notes is refused.
func TestLostEvidence(t *testing.T) {
	c := madeUp(arch.AMD64)
	rbx, _ := c.Arch.Reg("rbx")
	c.Threads[1].Regs.Clear(rbx, 0)
	b := written(t, c)
	b[bytes.Index(b, []byte("corelift"))] = 'C'
	_, got := readCore(t, b)
	if v, s := got.Threads[1].Regs.Get(rbx); s != Missing {
		t.Errorf("rbx is %#x", v)
	}
	if why := got.Explain(got.Threads[1].Regs.Why(rbx)); why.Rule != "core.absent" {
		t.Error(why)
	}
	for cut := 64 + 2*56 + 12; cut < bytes.Index(b, []byte("the memory")); cut += 16 {
		f, err := openBytes(b[:cut])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Core(context.Background()); err == nil || !strings.Contains(err.Error(), "note") {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// TestSignals maps signals and codes to faults.
func TestSignals(t *testing.T) {
	for _, x := range []struct {
		signals      *notes.Signals
		signal, code int32
		fault        arch.Fault
		addr         State
		message      string
	}{
		{&notes.LinuxSignals, 11, 1, arch.FaultAccess, Known, "SIGSEGV, SEGV_MAPERR: nothing is mapped at the address"},
		{&notes.LinuxSignals, 11, 0x80, arch.FaultAccess, Missing, "SIGSEGV, SI_KERNEL: sent by the kernel"},
		{&notes.LinuxSignals, 11, 0, arch.FaultUnknown, Missing, "SIGSEGV, SI_USER: sent by kill"},
		{&notes.LinuxSignals, 11, 77, arch.FaultAccess, Missing, "SIGSEGV, code 77"},
		{&notes.LinuxSignals, 6, -6, arch.FaultAbort, Missing, "SIGABRT, SI_TKILL: sent by tkill or raise"},
		{&notes.LinuxSignals, 7, 1, arch.FaultAlignment, Missing, "SIGBUS, BUS_ADRALN: invalid address alignment"},
		{&notes.LinuxSignals, 7, 2, arch.FaultBus, Known, "SIGBUS, BUS_ADRERR: no physical memory at the address"},
		{&notes.LinuxSignals, 8, 1, arch.FaultDivide, Missing, "SIGFPE, FPE_INTDIV: integer division by zero"},
		{&notes.LinuxSignals, 8, 3, arch.FaultFloat, Missing, "SIGFPE, FPE_FLTDIV: floating point division by zero"},
		{&notes.LinuxSignals, 31, 1, arch.FaultUnknown, Missing, "SIGSYS, SYS_SECCOMP: system call denied by seccomp"},
		{&notes.LinuxSignals, 64, 0, arch.FaultUnknown, Missing, "signal 64, SI_USER: sent by kill"},
		{&notes.FreeBSDSignals, 10, 2, arch.FaultBus, Known, "SIGBUS, BUS_ADRERR: no physical memory at the address"},
		{&notes.FreeBSDSignals, 10, 3, arch.FaultBus, Missing, "SIGBUS, BUS_OBJERR: hardware error of the object"},
		{&notes.FreeBSDSignals, 8, 2, arch.FaultDivide, Missing, "SIGFPE, FPE_INTDIV: integer division by zero"},
		{&notes.FreeBSDSignals, 11, 0x10001, arch.FaultUnknown, Missing, "SIGSEGV, SI_USER: sent by kill"},
		{&notes.FreeBSDSignals, 6, 0x10007, arch.FaultAbort, Missing, "SIGABRT, SI_LWP: sent by thr_kill"},
	} {
		c := New("", arch.AMD64, binary.LittleEndian)
		c.Threads = make([]Thread, 1)
		c.judge(death{x.signal, true, x.code, 0x1234}, x.signals)
		if c.Crash.Fault.Value != x.fault || c.Crash.Addr.State != x.addr || c.Crash.Message.Value != x.message || c.Crash.Thread != 0 {
			t.Errorf("signal %d, code %d: %+v", x.signal, x.code, c.Crash)
		}
	}
	// Without a code the signal tells; a jump to nowhere is one; no signal, no crash.
	c := New("", arch.AMD64, binary.LittleEndian)
	c.Threads = []Thread{{Regs: NewRegisters(arch.AMD64)}}
	c.judge(death{}, &notes.LinuxSignals)
	if c.Crash.Thread != -1 || c.Crash.Reason.State != Missing {
		t.Errorf("%+v", c.Crash)
	}
	c.judge(death{signal: 11}, &notes.LinuxSignals)
	if c.Crash.Fault.Value != arch.FaultAccess || c.Crash.Fault.State != Recovered || c.Crash.Addr.State != Missing {
		t.Errorf("%+v", c.Crash)
	}
	c.Threads[0].Regs.Set(arch.AMD64.PC, 0x1234, Known, 0)
	c.judge(death{11, true, 1, 0x1234}, &notes.LinuxSignals)
	if c.Crash.Fault.Value != arch.FaultInstruction {
		t.Errorf("%+v", c.Crash)
	}
}

// bsdFacts are the facts of one CPU's cores, by others.md 8: the registers in
// their order, with the size of those that are not words.
type bsdFacts struct {
	a                   *arch.Arch
	name                string // FreeBSD's
	status, float, proc int    // sizes of the descriptors, of a struct kinfo_proc
	order, floats       string
	cursig, id, at      int // offsets in NT_PRSTATUS
}

var freebsd = []bsdFacts{
	{arch.AMD64, "amd64", 224, 512, 1088, "r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax -:4 fs:2 gs:2 -:4 es:2 ds:2 rip cs eflags rsp ss", "", 36, 40, 48},
	{arch.I386, "i386", 104, 176, 768, "fs es ds edi esi ebp - ebx edx ecx eax - - eip cs eflags esp ss gs",
		"fctrl:2 -:2 fstat:2 -:2 -:4 fioff:4 fiseg:2 fop:2 fooff:4 foseg:2 -:2 st0:10 st1:10 st2:10 st3:10 st4:10 st5:10 st6:10 st7:10", 20, 24, 28},
	{arch.AArch64, "arm64", 320, 528, 1088, "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 x30 sp pc cpsr", "", 36, 40, 48},
	{arch.RV64, "riscv", 312, 520, 1088, "ra sp gp tp t0 t1 t2 t3 t4 t5 t6 s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 a0 a1 a2 a3 a4 a5 a6 a7 pc -", "", 36, 40, 48},
	{arch.ARM, "arm", 96, 100, 816, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc cpsr", "", 20, 24, 28},
}

// fill writes the registers of an order and returns their values: the place in
// the order times 0x0101, plus the thread.
func fill(b []byte, order binary.ByteOrder, word int, names string, thread int) map[string]uint64 {
	values := map[string]uint64{}
	at := 0
	for i, name := range strings.Fields(names) {
		width := word
		name, size, given := strings.Cut(name, ":")
		if given {
			fmt.Sscan(size, &width)
		}
		v := uint64(0x0101*(i+1) + thread)
		if name == "cpsr" && word == 4 {
			v = 0x10 // user mode
		}
		putUint(order, b[at:][:width], v)
		if name != "-" {
			values[name] = v
		}
		at += width
	}
	return values
}

// build makes a core of two threads.
func (x *bsdFacts) build() []byte {
	m := newImage(x.a, binary.LittleEndian)
	m.osabi = elf.ELFOSABI_FREEBSD
	word := x.a.PtrSize()
	e := encoder{order: m.order, pointer: word}
	part := func() *encoder { return &encoder{order: m.order, pointer: word} }

	info := part() // version, its size, fname[17], psargs[81], pid
	info.u32(1)
	info.bytes(nil, word-4)
	info.addr(120)
	info.bytes([]byte("crasher"), 17)
	info.bytes([]byte("crasher"), 81)
	info.bytes(nil, -len(info.out)&3)
	info.u32(4321)
	e.note("FreeBSD", 3, info.out)
	for thread := range 2 {
		status := make([]byte, x.status)
		m.order.PutUint32(status, 1)
		m.order.PutUint32(status[x.cursig:], 11)
		m.order.PutUint32(status[x.id:], uint32(100100+thread))
		fill(status[x.at:], m.order, word, x.order, thread)
		e.note("FreeBSD", 1, status)
		floats := make([]byte, x.float)
		fill(floats, m.order, word, x.floats, thread)
		e.note("FreeBSD", 2, floats)
		e.note("FreeBSD", 7, append([]byte(fmt.Sprintf("worker %d\x00", thread)), make([]byte, 15)...)[:24])
		lwp := part() // structsize, lwpid, event, flags, two sets of signals, siginfo_t
		lwp.u32(160)
		lwp.u32(uint32(100100 + thread))
		lwp.u32(0)
		lwp.u32(0x20)
		lwp.bytes(nil, 32)
		if word == 8 {
			lwp.bytes(nil, 4)
		}
		for _, v := range []uint32{11, 0, 1, 77, 0, 0} {
			lwp.u32(v)
		}
		lwp.addr(0xdeadb0)
		lwp.bytes(nil, 160)
		e.note("FreeBSD", 17, lwp.out)
	}
	procs := part() // structsize, layout, eight pointers, pid
	procs.u32(uint32(x.proc))
	for range 2 {
		one := part()
		one.u32(uint32(x.proc))
		one.bytes(nil, 4+8*word)
		one.u32(4321)
		one.bytes(nil, x.proc-len(one.out))
		procs.out = append(procs.out, one.out...)
	}
	e.note("FreeBSD", 8, procs.out)
	files := part() // one: structsize, type, fd, ref_count, flags, offset; the path
	files.u32(1392)
	for _, v := range []uint32{384, 1, 3, 1, 1, 0, 77, 0} {
		files.u32(v)
	}
	files.bytes(nil, 4+368-len(files.out))
	files.bytes([]byte("/etc/motd"), 16)
	e.note("FreeBSD", 9, files.out)
	vm := part()
	vm.u32(1160)
	for _, r := range []struct {
		start, end, off uint64
		protection      uint32
		path            string
	}{{0x200000, 0x201000, 0, 1, "/bin/crasher"}, {0x201000, 0x202000, 0x1000, 5, "/bin/crasher"}, {0x300000, 0x301000, 0, 3, ""}} {
		one := part()
		size := (136 + len(r.path) + 1 + 7) &^ 7
		one.u32(uint32(size))
		one.u32(2)
		for _, v := range []uint64{r.start, r.end, r.off, 0} {
			one.uint(v, 8)
		}
		one.bytes(nil, 16)
		one.u32(r.protection)
		one.bytes(nil, 136-len(one.out))
		one.bytes([]byte(r.path), size-136)
		vm.out = append(vm.out, one.out...)
	}
	vm.u32(0) // fills up
	e.note("FreeBSD", 10, vm.out)
	for _, n := range []struct {
		typ    uint32
		values []uint32 // behind structsize
	}{{11, []uint32{0, 5}}, {12, []uint32{0o022}}, {13, slices.Repeat([]uint32{1 << 20, 0, 1<<32 - 1, 1<<31 - 1}, 16)}, {14, []uint32{1302001}}} {
		small := part()
		small.u32(map[uint32]uint32{11: 4, 12: 2, 13: 256, 14: 4}[n.typ])
		for _, v := range n.values {
			small.u32(v)
		}
		if n.typ == 12 {
			small.out = small.out[:6]
		}
		e.note("FreeBSD", n.typ, small.out)
	}
	strings := part()
	strings.u32(uint32(word))
	strings.addr(0x7ffffff0)
	e.note("FreeBSD", 15, strings.out)
	aux := part()
	aux.u32(uint32(2 * word))
	for _, v := range []uint64{3, 0x200000 + uint64(sizesOf(x.a.Class).header), 9, 0x201010, 0, 0} {
		aux.addr(v)
	}
	e.note("FreeBSD", 16, aux.out)

	// The executable's first page: a header and a build-id.
	program := newImage(x.a, m.order)
	program.loads = make([]elf.ProgHeader, 2)
	program.loads[0] = elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 0x200000, Filesz: 0x1000}
	id := part()
	id.note("GNU", 3, []byte{0xab, 0xcd, 0xef})
	program.loads[1] = elf.ProgHeader{Type: elf.PT_NOTE, Vaddr: 0x200000 + program.headers(), Filesz: uint64(len(id.out)), Align: 4}
	page := append(program.file(nil), id.out...)

	m.loads = make([]elf.ProgHeader, 2)
	m.loads[0] = elf.ProgHeader{Type: elf.PT_NOTE, Off: m.headers(), Filesz: uint64(len(e.out)), Align: 4}
	m.loads[1] = elf.ProgHeader{Type: elf.PT_LOAD, Flags: 4, Off: m.headers() + uint64(len(e.out)), Vaddr: 0x200000, Filesz: uint64(len(page)), Memsz: 0x1000}
	return m.file(append(e.out, page...))
}

// TestFreeBSD reads cores built byte for byte.
func TestFreeBSD(t *testing.T) {
	for _, x := range freebsd {
		t.Run(x.a.Name, func(t *testing.T) {
			f, c := readCore(t, x.build())
			if c.Format != FormatFreeBSD || c.Arch != x.a || len(c.Threads) != 2 || len(c.Diagnostics) != 0 {
				t.Fatal(c.Format, c.Arch.Name, len(c.Threads), c.Diagnostics)
			}
			for i := range c.Threads {
				thread := &c.Threads[i]
				if thread.LWP.Value != 100100+i || thread.Name.Value != fmt.Sprintf("worker %d", i) || thread.ID != int32(i+1) {
					t.Errorf("%+v", thread.facts())
				}
				want := fill(make([]byte, x.status), binary.LittleEndian, x.a.PtrSize(), x.order, i)
				maps.Copy(want, fill(make([]byte, x.float), binary.LittleEndian, x.a.PtrSize(), x.floats, i))
				for name, v := range want {
					n, ok := x.a.Reg(name)
					got, state := thread.Regs.Get(n)
					if !ok || state != Known || got != v {
						t.Errorf("thread %d: %s is %#x (%v), want %#x", i, name, got, state, v)
					}
				}
			}
			if c.Crash.Thread != 0 || c.Crash.Reason.Value != 11 || c.Crash.Addr.Value != 0xdeadb0 || c.Crash.Fault.Value != arch.FaultAccess {
				t.Errorf("%+v", c.Crash)
			}
			if c.Facts["process.name"].Value != "crasher" || c.Facts["process.pid"].Value != "4321" {
				t.Error(c.Facts)
			}
			if c.Program.File != "crasher" || c.Program.BuildID != "abcdef" {
				t.Errorf("%+v", c.Program)
			}
			list, err := f.Mappings()
			want := []Mapping{
				{Range{0x200000, 0x1000}, PermR, true, 0, "/bin/crasher"},
				{Range{0x201000, 0x1000}, PermR | PermX, true, 0x1000, "/bin/crasher"},
				{Range{0x300000, 0x1000}, PermR | PermW, true, 0, ""},
			}
			if !slices.Equal(list, want) || err != nil {
				t.Errorf("%v %v", list, err)
			}
		})
	}
}

var (
	update = flag.Bool("update", false, "rewrite the core file in testdata")
	cores  = flag.String("cores", "", "directory to write the FreeBSD cores of all CPUs to, for scripts/cores")
)

// TestFreeBSDFile: the core that tests of the command line use is this one.
// go test -update writes it.
func TestFreeBSDFile(t *testing.T) {
	const name = "testdata/freebsd-amd64.core"
	built := freebsd[0].build()
	write := func(name string, core []byte) {
		if err := os.WriteFile(name, core, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		write(name, built)
	}
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, built) {
		t.Errorf("%s is out of date (%v)", name, err)
	}
	if *cores != "" {
		for _, x := range freebsd {
			write(filepath.Join(*cores, "freebsd-"+x.name+".core"), x.build())
		}
	}
}

// TestFreeBSDFloats reads the notes of floating point registers that lie as no
// layout of Linux does.
func TestFreeBSDFloats(t *testing.T) {
	for _, x := range []struct {
		a     *arch.Arch
		typ   uint32
		size  int
		where map[string]int // offsets in the descriptor
	}{
		{arch.AMD64, 2, 512, map[string]int{"st0": 32, "xmm15": 400, "mxcsr": 24}},
		{arch.AMD64, 0x200, 16, map[string]int{"fs_base": 0, "gs_base": 8}},
		{arch.I386, 0x202, 832, map[string]int{"xmm7": 272, "mxcsr": 24, "ftag": 4}},
		{arch.AArch64, 2, 528, map[string]int{"v0": 0, "v31": 496, "fpsr": 512, "fpcr": 516}},
		{arch.RV64, 2, 520, map[string]int{"ft0": 0, "fs0": 128, "ft11": 496, "fcsr": 512}},
		{arch.ARM, 0x400, 264, map[string]int{"d0": 0, "d31": 248, "fpscr": 256}},
	} {
		for name, off := range x.where {
			c := New("", x.a, binary.LittleEndian)
			thread := &Thread{Regs: NewRegisters(x.a)}
			p := process{Core: c, system: &systems[1], more: x.a.More, thread: thread, found: make([]notes.Note, len(x.a.More))}
			desc := make([]byte, x.size)
			desc[off] = 0x5a
			n := notes.Note{Owner: "FreeBSD", Type: x.typ, Size: int64(x.size), Desc: bytes.NewReader(desc)}
			if err := p.take(n); err != nil {
				t.Fatal(err)
			}
			if err := p.end(); err != nil {
				t.Fatal(err)
			}
			reg, _ := x.a.Reg(name)
			if v, s := thread.Regs.Get(reg); v != 0x5a || s != Known {
				t.Errorf("%s, note %#x: %s is %#x (%v)", x.a.Name, x.typ, name, v, s)
			}
		}
	}
}

// TestOddNotes: a note that is too short loses its registers only, and other
// systems' cores are named.
func TestOddNotes(t *testing.T) {
	read := func(build func(e *encoder)) (*Core, error) {
		m := newImage(arch.AMD64, binary.LittleEndian)
		e := encoder{order: m.order, pointer: 8}
		build(&e)
		m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: sizesOf64(arch.AMD64), Filesz: uint64(len(e.out)), Align: 4}}
		f, err := openBytes(m.file(e.out))
		if err != nil {
			t.Fatal(err)
		}
		return f.Core(context.Background())
	}
	c, err := read(func(e *encoder) {
		e.note("CORE", notes.FPRegSet, make([]byte, 512)) // of no thread
		e.note("CORE", notes.PRStatus, make([]byte, 336))
		e.note("CORE", notes.FPRegSet, make([]byte, 400))
	})
	if err != nil || len(c.Threads) != 1 || len(c.Diagnostics) != 1 || c.Diagnostics[0].Code != "core.registers" {
		t.Fatal(err, c)
	}
	if _, s := c.Threads[0].Regs.PC(); s != Known {
		t.Error("the program counter is lost too")
	}
	if _, err := read(func(e *encoder) { e.note("NetBSD-CORE@1", 33, make([]byte, 8)) }); err == nil || !strings.Contains(err.Error(), "a core of NetBSD, EM_X86_64") {
		t.Error(err)
	}
}

// TestOwnNote decodes what is in the evidence note.
func TestOwnNote(t *testing.T) {
	f, err := openBytes(written(t, awkward(arch.CortexM)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range f.Notes() {
		if n.Owner != ownOwner {
			continue
		}
		fields, err := Notes.Find(n).Decode(n, f.Context())
		got := fmt.Sprint(fields)
		if err != nil || !strings.Contains(got, "{format made-up") || !strings.Contains(got, "{threads 3") || !strings.Contains(got, "{esp.chip esp32") {
			t.Error(got, err)
		}
	}
}

// TestMappedFiles reads NT_FILE, whole and damaged.
func TestMappedFiles(t *testing.T) {
	build := func(count uint64, names string) []byte {
		m := newImage(arch.I386, binary.BigEndian)
		e := encoder{order: m.order, pointer: 4}
		for _, v := range []uint64{count, 4096, 0x1000, 0x3000, 0, 0x8000, 0x9000, 5} {
			e.addr(v)
		}
		n := encoder{order: m.order, pointer: 4}
		n.note("CORE", notes.File, append(e.out, names...))
		m.loads = []elf.ProgHeader{{Type: elf.PT_NOTE, Off: 52 + 32, Filesz: uint64(len(n.out)), Align: 4}}
		return m.file(n.out)
	}
	both := []Mapping{{Range: Range{0x1000, 0x2000}, File: "/a"}, {Range: Range{0x8000, 0x1000}, Off: 5 * 4096, File: "/b c"}}
	for _, x := range []struct {
		count uint64
		names string
		want  []Mapping
		err   string
	}{
		{2, "/a\x00/b c\x00", both, ""},
		{0, "", nil, ""},
		{2, "/a\x00/b c", both[:1], "path of mapped file 1 cut off"},
		{3, "/a\x00/b c\x00", nil, "3 mapped files in a note of 40 bytes"},
		{1 << 31, "", nil, "2147483648 mapped files"},
	} {
		f, err := openBytes(build(x.count, x.names))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Mappings()
		if !slices.Equal(got, x.want) || (err == nil) != (x.err == "") || err != nil && !strings.Contains(err.Error(), x.err) {
			t.Errorf("%d, %q: %v %v", x.count, x.names, got, err)
		}
	}
}

// FuzzFileCore reads any file as a core of a process.
func FuzzFileCore(f *testing.F) {
	for _, a := range arch.All() {
		f.Add(processCore(f, a))
	}
	for _, x := range freebsd {
		f.Add(x.build())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := openBytes(data)
		if err != nil {
			return
		}
		mapped, _ := file.Mappings()
		for _, m := range mapped {
			if m.Addr+Addr(m.Size) < m.Addr {
				t.Fatalf("%+v", m)
			}
		}
		file.AuxVector()
		file.Sections()
		x := file.Context()
		for n, err := range file.Notes() {
			if err != nil {
				continue
			}
			for _, table := range []notes.Table{notes.Core, notes.Linux, notes.FreeBSD, notes.GDB, notes.GNU} {
				if codec := table.Find(n); codec != nil {
					codec.Decode(n, x)
				}
			}
		}
		c, err := file.Core(context.Background())
		if err != nil {
			return
		}
		for r := range c.Memory.All() {
			if r.Size == 0 || r.State == Missing {
				t.Fatalf("%+v", r)
			}
			p := make([]byte, 1)
			if _, err := c.Memory.Read(p, r.last()); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if len(data) < 1<<16 && c.Write(&b) == nil {
			same(t, c, reopened(t, b.Bytes()))
		}
	})
}
