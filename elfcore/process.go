package elfcore

import (
	"context"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// Core.Format of core files that others wrote.
const (
	FormatLinux   = "linux"   // a process of Linux, by its kernel, GDB or QEMU
	FormatFreeBSD = "freebsd" // a process of FreeBSD
	// FormatELF is any other core whose threads are laid out as Linux does, such
	// as one that GDB's generate-core-file wrote of a bare target.
	FormatELF = "elf"
)

// system is an operating system whose cores are known.
type system struct {
	name    string
	owner   string // of NT_PRSTATUS
	signals *notes.Signals
	// status lays out NT_PRSTATUS; ok is false for a CPU that the system has no
	// cores of.
	status func(*arch.Arch) (s statusNote, ok bool)
	notes  []processNote
}

// statusNote is NT_PRSTATUS. Offsets and sizes are bytes of the descriptor.
type statusNote struct {
	size             int
	cursig, sigWidth int
	pid, regs        int
	layout           arch.Layout
}

// processNote is a note of whose descriptor read takes the first limit bytes.
type processNote struct {
	owner string
	typ   uint32
	limit int64
	read  func(*process, []byte)
}

// Types of the notes that tell of a process; FreeBSD's have the owner FreeBSD.
const (
	typeThreadMisc = 7
	typeLWPInfo    = 17
)

// Offsets and sizes, in bytes, of what is read of descriptors. FreeBSD's
// prpsinfo begins with a version and its own size.
const (
	maxStatus = 4096

	bsdNameSize, bsdArgsSize = 17, 81
	bsdThreadName            = 20 // with its NUL

	lwpFlags, lwpSigInfo  = 8, 0x20 // pl_flags, and the bit that pl_siginfo is valid
	bsdSigCode, bsdSigAdr = 8, 24   // in siginfo_t
)

// systems are the known ones; the first is taken for cores that name none.
var systems = []system{
	{
		name: FormatLinux, owner: "CORE", signals: &notes.LinuxSignals,
		status: func(a *arch.Arch) (statusNote, bool) {
			return statusNote{a.Core.PRStatus, statusCursig, 2, a.Core.PID, a.Core.Regs, a.Linux}, true
		},
		notes: []processNote{
			{"CORE", notes.PRPSInfo, maxStatus, (*process).linuxInfo},
			{"CORE", notes.SigInfo, sigInfoSize, (*process).linuxSignal},
		},
	},
	{
		name: FormatFreeBSD, owner: "FreeBSD", signals: &notes.FreeBSDSignals,
		status: func(a *arch.Arch) (statusNote, bool) {
			_, size, _ := a.Slots(a.BSD)
			if a.Class == elf.ELFCLASS64 {
				return statusNote{48 + size, 36, 4, 40, 48, a.BSD}, size > 0
			}
			return statusNote{28 + size, 20, 4, 24, 28, a.BSD}, size > 0
		},
		notes: []processNote{
			{"FreeBSD", notes.PRPSInfo, maxStatus, (*process).freebsdInfo},
			{"FreeBSD", typeThreadMisc, bsdThreadName, (*process).threadName},
			{"FreeBSD", typeLWPInfo, maxStatus, (*process).lwpInfo},
		},
	},
}

// process reads the core of a process.
type process struct {
	*Core
	system *system
	status statusNote
	more   []arch.RegisterNote
	death  death
	leader int          // LWP of the first thread of a Linux process, 0 unknown
	thread *Thread      // whose notes are being read, nil before the first
	found  []notes.Note // of it, in the order of more
}

// process reads a core that another program wrote. damage is the first error
// among its notes; what follows those is lost.
func (f *File) process(ctx context.Context, list []notes.Note, damage error) (*Core, error) {
	s, err := f.system(list)
	if err != nil {
		return nil, err
	}
	mProfile := f.mProfile(list)
	a, ok := arch.ByELF(f.Header.Machine, f.Header.Class, mProfile)
	status := statusNote{}
	if ok {
		status, ok = s.status(a)
	}
	if !ok {
		return nil, &notes.FormatError{Off: machineOff, Msg: fmt.Sprintf("the registers of %v, %v, in a core of %s are not known; known are %s",
			f.Header.Machine, f.Header.Class, s.name, strings.Join(cpusOf(s), ", "))}
	}
	if damage != nil && f.physical() {
		// Kernels and GDB leave p_paddr 0, corelift does not: this may be its
		// core, and without the evidence note nobody can tell which of the
		// registers are real.
		return nil, damage
	}
	c := New(s.name, a, f.Order)
	c.Flags, c.HasFlags = f.Header.Flags, true
	c.Diagnostics = slices.Clone(f.Diagnostics)
	p := process{Core: c, system: s, status: status, more: registerNotesIn(a, s)}
	p.found = make([]notes.Note, len(p.more))
	for _, n := range list {
		if err := p.take(n); err != nil {
			return nil, err
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if damage != nil {
		c.Report(Diagnostic{Severity: Loss, Code: "core.notes", At: Pos{Off: damageOff(damage)}, Found: damage.Error(), Done: "the notes before it are read"})
	}
	if s.name == FormatLinux && (mProfile || len(c.Threads) == 0 || !ofProcess(list)) {
		c.Format = FormatELF
	}
	if len(c.Threads) == 0 {
		c.Report(Diagnostic{Severity: Loss, Code: "core.threads", At: Pos{Off: -1},
			Found:    "no NT_PRSTATUS that can be read",
			Expected: fmt.Sprintf("one of owner %s and %d bytes for each thread", s.owner, status.size),
			Done:     "there are no threads"})
	}
	c.judge(p.death, s.signals)
	p.nameLeader()
	if err := f.loads(ctx, c); err != nil {
		return nil, err
	}
	f.identify(c, list)
	return c, nil
}

// machineOff is the offset of e_machine.
const machineOff = 18

func cpusOf(s *system) (names []string) {
	for _, a := range arch.All() {
		if _, ok := s.status(a); ok {
			names = append(names, a.Name)
		}
	}
	return names
}

// systemABIs are the values of EI_OSABI in cores of Linux and of bare targets.
var systemABIs = []elf.OSABI{elf.ELFOSABI_NONE, elf.ELFOSABI_LINUX, elf.ELFOSABI_ARM, 64 /* ARM EABI */, elf.ELFOSABI_STANDALONE}

// system tells which system wrote the core.
func (f *File) system(list []notes.Note) (*system, error) {
	for i := range systems {
		s := &systems[i]
		if slices.ContainsFunc(list, func(n notes.Note) bool { return n.Owner == s.owner && n.Type == notes.PRStatus }) {
			return s, nil
		}
	}
	switch {
	case f.Header.OSABI == elf.ELFOSABI_FREEBSD:
		return &systems[1], nil
	case slices.Contains(systemABIs, f.Header.OSABI):
		for _, n := range list {
			for _, foreign := range []string{"NetBSD-CORE", "OpenBSD", "QNX"} {
				if strings.HasPrefix(n.Owner, foreign) {
					return nil, &notes.FormatError{Off: n.Off, Msg: fmt.Sprintf("a core of %s, %v, %v; known are those of Linux and FreeBSD",
						strings.TrimSuffix(foreign, "-CORE"), f.Header.Machine, f.Header.Class)}
				}
			}
		}
		return &systems[0], nil
	}
	return nil, &notes.FormatError{Off: elf.EI_OSABI, Msg: fmt.Sprintf("a core of OS ABI %v, %v, %v; known are those of Linux and FreeBSD", f.Header.OSABI, f.Header.Machine, f.Header.Class)}
}

// ofProcess tells whether the core is of a process of Linux: the auxiliary
// vector is what only a kernel has.
func ofProcess(list []notes.Note) bool {
	return slices.ContainsFunc(list, func(n notes.Note) bool { return n.Owner == "CORE" && n.Type == notes.AuxV })
}

// mProfile tells whether an ARM core is of the M profile: the target
// description says so, or xPSR of the first thread has the Thumb bit (24), which
// is reserved in CPSR.
func (f *File) mProfile(list []notes.Note) bool {
	m := arch.CortexM
	if f.Header.Machine != m.Machine {
		return false
	}
	if text := description(list); strings.Contains(text, "org.gnu.gdb.arm.") {
		return strings.Contains(text, m.Core.Feature)
	}
	i := slices.IndexFunc(list, func(n notes.Note) bool { return n.Type == notes.PRStatus && n.Size == int64(m.Core.PRStatus) })
	if i < 0 {
		return false
	}
	desc, err := list[i].Read(list[i].Size)
	r := NewRegisters(m)
	if err != nil || r.Load(m.Linux, desc[m.Core.Regs:], f.Order, Known, 0) != nil {
		return false
	}
	psr, _ := r.Get(m.Flags)
	return psr&(1<<24) != 0
}

// physical tells whether a segment has its address as p_paddr too.
func (f *File) physical() bool {
	return slices.ContainsFunc(f.Segments, func(s elf.ProgHeader) bool {
		return s.Type == elf.PT_LOAD && s.Paddr != 0 && s.Paddr == s.Vaddr
	})
}

func damageOff(err error) int64 {
	if e, ok := err.(*notes.FormatError); ok {
		return e.Off
	}
	return -1
}

// registerNotesIn lists the notes with further registers in a system's cores.
func registerNotesIn(a *arch.Arch, s *system) []arch.RegisterNote {
	if f := a.Core.Float; f.Owner != "" && s.name == FormatLinux {
		return append([]arch.RegisterNote{{Owner: f.Owner, Type: f.Type, Layout: f.Layout}}, a.More...)
	}
	return a.More
}

// take reads one note, if it is one that tells something.
func (p *process) take(n notes.Note) error {
	if n.Owner == p.system.owner && n.Type == notes.PRStatus {
		return p.begin(n)
	}
	for i, more := range p.more {
		if more.Owner == n.Owner && more.Type == n.Type {
			p.found[i] = n
			return nil
		}
	}
	for _, known := range p.system.notes {
		if known.owner == n.Owner && known.typ == n.Type {
			desc, err := n.Read(known.limit)
			if err != nil {
				return err
			}
			known.read(p, desc)
			return nil
		}
	}
	return nil
}

// end completes a thread, whose notes are all known now: with the registers of
// the best note first.
//
// Folklore: of an i386 process a 64-bit Linux makes up fiseg and foseg in the
// FSAVE image (NT_FPREGSET), which comes first; the processor saves none, as
// FXSAVE (NT_PRXFPREG) shows. Test: TestOtherCPUs.
func (p *process) end() error {
	for i, n := range p.found {
		if n.Desc == nil || p.thread == nil {
			continue
		}
		if err := p.registers(n, p.more[i].Layout); err != nil {
			return err
		}
	}
	clear(p.found)
	p.thread = nil
	return nil
}

// begin starts a thread.
func (p *process) begin(n notes.Note) error {
	if err := p.end(); err != nil {
		return err
	}
	desc, err := n.Read(maxStatus)
	if err != nil {
		return err
	}
	// BFD takes Linux' prstatus of exactly this size only; on-device writers
	// that lay out another one have another size.
	if n.Size != int64(p.status.size) {
		p.Report(Diagnostic{Severity: Loss, Code: "core.prstatus", At: Pos{Off: n.Off},
			Found: fmt.Sprintf("NT_PRSTATUS of %d bytes", n.Size), Expected: fmt.Sprintf("%d bytes for %s", p.status.size, p.Arch.Name),
			Done: "this thread is left out"})
		return nil
	}
	number := func(off, width int) int64 {
		if width == 4 {
			return int64(int32(getUint(p.Order, desc[off:][:width])))
		}
		return int64(getUint(p.Order, desc[off:][:width]))
	}
	t := Thread{ID: int32(len(p.Threads) + 1), Regs: NewRegisters(p.Arch), LWP: Fact[int]{int(number(p.status.pid, 4)), Known, 0}}
	if err := t.Regs.Load(p.status.layout, desc[p.status.regs:], p.Order, Known, 0); err != nil {
		return err
	}
	p.clearAbsent(&t.Regs, n)
	if len(p.Threads) == 0 {
		p.death.signal = int32(number(p.status.cursig, p.status.sigWidth))
	}
	p.Threads = append(p.Threads, t)
	p.thread = &p.Threads[len(p.Threads)-1]
	return nil
}

// clearAbsent takes out what Core.Write puts in the place of a missing
// register: the core may be one of ours whose evidence note is gone.
func (p *process) clearAbsent(r *Registers, n notes.Note) {
	for i := range p.Arch.Regs {
		reg := arch.Reg(i)
		if v, s := r.Get(reg); s == Known && v == p.Arch.Absent && r.AbsentValue(reg) == v {
			r.Clear(reg, p.Because("core.absent", fmt.Sprintf("%#x, which stands for a register that is missing", v), Pos{Off: n.Off}))
		}
	}
}

// registers adds the registers of a note to the thread, but for those that it
// has. A note may be longer than the layout.
func (p *process) registers(n notes.Note, l arch.Layout) error {
	_, size, err := p.Arch.Slots(l)
	if err != nil {
		return err
	}
	// Behind the registers may be padding, which not every writer counts.
	if narrow := (arch.Layout{Width: narrowFloat, Slots: l.Slots}); p.Arch.Core.Float.Narrow && n.Size < int64(size) {
		l = narrow
		_, size, _ = p.Arch.Slots(l)
	}
	desc, err := n.Read(int64(size))
	if err != nil {
		return err
	}
	more := NewRegisters(p.Arch)
	if err := more.Load(l, desc, p.Order, Known, 0); err != nil {
		p.Report(Diagnostic{Severity: Loss, Code: "core.registers", At: Pos{Off: n.Off},
			Found: fmt.Sprintf("note %s/%#x of %d bytes", n.Owner, n.Type, n.Size), Expected: fmt.Sprintf("%d bytes", size), Done: "its registers are missing"})
		return nil
	}
	for i := range p.Arch.Regs {
		reg := arch.Reg(i)
		if b, s := more.Bytes(reg); s == Known {
			if _, have := p.thread.Regs.Get(reg); have == Missing {
				p.thread.Regs.SetBytes(reg, b, Known, 0)
			}
		}
	}
	return nil
}

// text is a string of size bytes at most, which ends at its first NUL.
func text(desc []byte, off, size int) string {
	if off > len(desc) {
		return ""
	}
	b := desc[off:min(off+size, len(desc))]
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// tell records a fact of the process, unless it is empty.
func (p *process) tell(name, value string) {
	if value != "" {
		p.Facts["process."+name] = Fact[string]{value, Known, 0}
	}
}

// linuxInfo reads prpsinfo.
func (p *process) linuxInfo(desc []byte) {
	rules := &p.Arch.Core
	if len(desc) != rules.PRPSInfo {
		return
	}
	p.tell("name", text(desc, rules.PSName, nameSize))
	p.tell("arguments", strings.TrimRight(text(desc, rules.PSName+nameSize, argsSize), " "))
	if rules.PSPID >= 0 {
		p.leader = int(int32(getUint(p.Order, desc[rules.PSPID:][:4])))
		p.tell("pid", fmt.Sprint(p.leader))
	}
}

// nameLeader gives the first thread of a process its name: Linux takes pr_fname
// and pr_pid from it (fill_psinfo of Linux 6.1). GDB's gcore writes the name of
// the program there, which the thread has unless it was renamed.
func (p *process) nameLeader() {
	name := p.Facts["process.name"].Value
	if p.Format != FormatLinux || name == "" || p.leader == 0 {
		return
	}
	for i := range p.Threads {
		if t := &p.Threads[i]; t.LWP.Value == p.leader {
			t.Name = Fact[string]{name, Recovered, p.Because("process.leader", "the name of the process, which is that of its first thread", Pos{Off: -1})}
		}
	}
}

// linuxSignal reads siginfo_t of the first thread.
func (p *process) linuxSignal(desc []byte) {
	if len(desc) < sigInfoSize || len(p.Threads) != 1 {
		return
	}
	p.inform(desc, sigInfoCode, p.Arch.Core.SigAddr)
}

// inform takes siginfo_t, if it is that of the signal which ended the process.
func (p *process) inform(desc []byte, codeOff, addrOff int) {
	if int32(getUint(p.Order, desc[:4])) != p.death.signal {
		return
	}
	p.death.informed = true
	p.death.code = int32(getUint(p.Order, desc[codeOff:][:4]))
	p.death.addr = getUint(p.Order, desc[addrOff:][:p.Arch.PtrSize()])
}

// freebsdInfo reads prpsinfo, which has a pid since FreeBSD 12: before, these
// bytes were padding.
func (p *process) freebsdInfo(desc []byte) {
	name := 2 * p.Arch.PtrSize() // behind pr_version and pr_psinfosz
	p.tell("name", text(desc, name, bsdNameSize))
	p.tell("arguments", text(desc, name+bsdNameSize, bsdArgsSize))
	pid := (name + bsdNameSize + bsdArgsSize + 3) &^ 3
	if pid+4 <= len(desc) {
		if n := int32(getUint(p.Order, desc[pid:][:4])); n > 0 {
			p.tell("pid", fmt.Sprint(n))
		}
	}
}

// threadName reads thrmisc.
func (p *process) threadName(desc []byte) {
	if name := text(desc, 0, bsdThreadName); p.thread != nil && name != "" {
		p.thread.Name = Fact[string]{name, Known, 0}
	}
}

// lwpInfo reads ptrace_lwpinfo of the first thread, behind the structure's size.
func (p *process) lwpInfo(desc []byte) {
	const size, info = 4, 44 // of the number before the structure; offset of pl_siginfo in it
	at := size + (info+p.Arch.PtrSize()-1)&^(p.Arch.PtrSize()-1)
	if len(p.Threads) != 1 || len(desc) < at+bsdSigAdr+p.Arch.PtrSize() || getUint(p.Order, desc[size+lwpFlags:][:4])&lwpSigInfo == 0 {
		return
	}
	p.inform(desc[at:], bsdSigCode, bsdSigAdr)
}
