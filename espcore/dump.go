package espcore

import (
	"fmt"
	"io"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Names of facts.
const (
	factChip     = "esp.chip"
	factRevision = "esp.chip-revision"
	factVersion  = "esp.version"
	factSHA      = "esp.sha256-prefix"
	factPanic    = "esp.panic"
	factCause    = "esp.exccause" // Xtensa
	factMcause   = "esp.mcause"   // RISC-V
	factISR      = "esp.isr"
	factTrace    = "esp.backtrace"
	factChecksum = "esp.checksum"

	factPartition = "esp.partition" // label of the flash partition
)

// dump is an image on its way to a Core.
type dump struct {
	*image
	*elfcore.Core
	tasks     []task
	flags     []taskFlags
	info      coreInfo
	crashed   elfcore.Addr // TCB of the crashed task; 0, where no TCB is, if unknown
	skipped   bool         // the crashed task was too broken to be stored
	isr       elfcore.Fact[bool]
	blocks    int   // of memory
	firstNote int64 // where the first of an ELF body's notes stands
}

// block is memory that stands in the image.
type block struct {
	addr elfcore.Addr
	off  int64
	size int64
}

// task is one task as it stands in the image.
type task struct {
	tcb   elfcore.Addr
	state elfcore.State // of the bytes that tell
	at    int64
	stack *block
	note  *elfcore.Registers // nil: the registers are in the stack
	flags uint32             // of TASK_INFO
}

// broken: by the flags of the vendor's tool the stack is bad.
func (t *task) broken() bool { return t.flags&taskStackBad != 0 }

// coreInfo is what Espressif's own notes say.
type coreInfo struct {
	sha          string
	shaState     elfcore.State
	details      []string // texts of the panic handler, in its order
	detailsState elfcore.State
	revision     *uint32
	extra        []uint32 // words of ESP_EXTRA_INFO
	extraState   elfcore.State
	made         bool // extra was made by the vendor's tool
}

// core decodes the image.
func (m *image) core() (*elfcore.Core, error) {
	a := m.cpu()
	if a == nil {
		return nil, fmt.Errorf("%s: neither the version word nor the ELF header tells the CPU; the image's start is damaged", m.at)
	}
	d := &dump{image: m, Core: elfcore.New(Name, a, little)}
	d.checksum()
	if m.version != nil && !m.version.elf {
		d.readBIN()
	} else {
		d.readELF()
	}
	if len(d.tasks) == 0 && d.Memory.Len() == 0 {
		return nil, fmt.Errorf("%s: the image holds no task and no memory", m.at)
	}
	d.facts()
	d.threads()
	d.cause()
	return d.Core, nil
}

func (d *dump) report(s elfcore.Severity, code string, off int64, found, expected, done string) {
	d.Report(elfcore.Diagnostic{Severity: s, Code: code, At: d.pos(off), Found: found, Expected: expected, Done: done})
}

// lost reports that bytes of the input were lost.
func (d *dump) lost(code string, off int64, found, expected, done string) {
	d.report(elfcore.Loss, code, off, found, expected, done)
}

func (d *dump) know(key, value string, state elfcore.State, why elfcore.Why) {
	d.Facts[key] = elfcore.Fact[string]{Value: value, State: state, Why: why}
}

// absent says that a fact is missing because its version of the image has none.
func (d *dump) absent(keys ...string) {
	for _, key := range keys {
		d.Facts[key] = elfcore.Fact[string]{Why: d.Because("esp.version", "not in this version", d.at)}
	}
}

// checksum reports what the checksum says. A bad one marks the result.
func (d *dump) checksum() {
	if d.sparse {
		have := int64(0)
		for _, p := range d.within(0, d.size) {
			have += p.end - p.off
		}
		d.lost("esp.lines-lost", 0, fmt.Sprintf("%d bytes on the lines", have), fmt.Sprintf("%d", max(d.total, d.size)),
			"each line is put where its size fits; what could stand in two places is suspect")
	}
	if d.version == nil {
		return
	}
	if d.total > d.size && !d.sparse {
		d.lost("esp.cut", d.size, fmt.Sprintf("the end of the image after %d bytes", d.size), fmt.Sprintf("%d", d.total), "what is there is used")
	}
	r := d.sum
	why := d.Because("esp.checksum", "", d.at)
	switch {
	case r.holds:
		d.know(factChecksum, sums[r.kind].name+" holds", elfcore.Known, why)
	case r.kind != sumUnknown:
		d.know(factChecksum, sums[r.kind].name+" does not hold", elfcore.Known, why)
		d.lost("esp.checksum", d.total-int64(sums[r.kind].size), "the bytes do not have the "+sums[r.kind].name+" that stands behind them", r.found,
			"some byte of the dump is wrong; which one can't be told")
	case d.version.sum == sumUnknown:
		d.report(elfcore.Warning, "esp.unverified", versionAt, fmt.Sprintf("version 0x%04x, and neither CRC32 nor SHA-256 holds", d.version.number), "a version known", "read as an ELF body")
	case d.version == &ancient:
		d.report(elfcore.Info, "esp.unverified", 0, "a header without a version", "", "nothing proves that the dump is whole and right")
	}
}

// addMemory adds n bytes at off of the image as memory.
func (d *dump) addMemory(a elfcore.Addr, off, n int64) {
	if n <= 0 {
		return
	}
	if d.blocks++; d.blocks > maxSegments {
		if d.blocks == maxSegments+1 {
			d.lost("esp.segments", off, fmt.Sprintf("more than %d segments", maxSegments), "", "the others are left out")
		}
		return
	}
	if uint64(a)+uint64(n) > 1<<32 {
		d.lost("esp.segment-range", off, fmt.Sprintf("%d bytes at %v", n, a), "32-bit addresses", "left out")
		return
	}
	have := int64(0)
	for _, p := range d.within(off, min(n, d.end()-off)) {
		have += p.end - p.off
		why := elfcore.Why(0)
		if p.state != elfcore.Known {
			why = d.Because("esp.place", "lines of the log are lost around it, so it may stand elsewhere", d.at)
		}
		differs := d.Memory.Add(elfcore.Region{
			Range: elfcore.Range{Addr: a + elfcore.Addr(p.off-off), Size: uint64(p.end - p.off)}, Perm: elfcore.PermR | elfcore.PermW,
			State: p.state, Why: why, Data: io.NewSectionReader(d.ReaderAt, p.off, p.end-p.off),
		})
		for _, r := range differs {
			d.report(elfcore.Info, "esp.overlap", p.off, fmt.Sprintf("two segments differ in %v", r), "the same bytes", "the first one counts")
		}
	}
	if have < n {
		d.lost("esp.memory-lost", off, fmt.Sprintf("%d bytes of memory at %v", have, a), fmt.Sprintf("%d", n), "the others are absent")
	}
}

// facts records what the image says of itself and of its program.
func (d *dump) facts() {
	why := d.Because("esp.header", d.whence, d.at)
	known := elfcore.Known
	if d.version == &ancient {
		known = elfcore.Recovered
		why = d.Because("esp.header", "only the ESP32 existed when images had no version", d.at)
	}
	if d.chip != nil {
		d.know(factChip, d.chip.name, known, why)
	} else if d.version != nil {
		d.report(elfcore.Warning, "esp.chip", versionAt, fmt.Sprintf("chip %d", d.chipID), "a chip known", "its memory ranges are not checked")
	}
	if d.version != nil {
		d.know(factVersion, d.version.String(), elfcore.Known, why)
	}
	d.versionFacts(why)
}

// versionFacts records what only some versions hold.
func (d *dump) versionFacts(why elfcore.Why) {
	v, i := d.version, &d.info
	if rev, ok := d.headerRevision(); ok {
		d.know(factRevision, revision(rev), elfcore.Known, why)
	} else if i.revision != nil {
		d.know(factRevision, revision(*i.revision), elfcore.Known, why)
	} else if v != nil && v.rev == 0 {
		d.absent(factRevision)
	}
	if v != nil && !v.elf {
		d.absent(factSHA, factPanic, factISR)
		return
	}
	if i.sha != "" {
		d.Program.SHA256Prefix = i.sha
		d.know(factSHA, i.sha, i.shaState, d.Because("esp.note", noteInfo, d.at))
	}
	switch {
	case len(i.details) > 0:
		d.know(factPanic, strings.Join(i.details, "\n"), i.detailsState, d.Because("esp.note", notePanic, d.at))
	case v != nil && !v.panics:
		d.absent(factPanic)
	}
	switch {
	case d.isr.State != elfcore.Missing:
		d.know(factISR, yesNo(d.isr.Value), d.isr.State, d.isr.Why)
	case i.extra != nil:
		d.absent(factISR)
	}
}

func (d *dump) headerRevision() (uint32, bool) {
	if d.version == nil {
		return 0, false
	}
	return d.field(d.version.rev)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// threads makes a thread of each task, and one more where the crash happened
// in an interrupt: the task's frame then is the interrupt's.
func (d *dump) threads() {
	crashed := d.crashedTask()
	for i := range d.tasks {
		t := &d.tasks[i]
		thread := elfcore.Thread{Regs: d.context(t, i == crashed), Control: elfcore.Fact[elfcore.Addr]{Value: t.tcb, State: t.state}}
		if i != crashed {
			d.Threads = append(d.Threads, thread)
			continue
		}
		d.Crash.Thread = len(d.Threads)
		d.causeRegisters(&thread.Regs)
		thread.CPU = coreOf(&thread.Regs)
		if d.isr.Value {
			interrupted := elfcore.Thread{Regs: d.interrupted(t), Control: thread.Control}
			thread.Kind, thread.Control = elfcore.Interrupt, elfcore.Fact[elfcore.Addr]{}
			d.Threads = append(d.Threads, thread, interrupted)
			continue
		}
		d.Threads = append(d.Threads, thread)
	}
}

// coreOf is the core that a context ran on, by a RISC-V's mhartid.
func coreOf(regs *elfcore.Registers) (cpu elfcore.Fact[int]) {
	if r, ok := regs.Arch().Reg("mhartid"); ok {
		if v, state := regs.Get(r); state != elfcore.Missing {
			cpu = elfcore.Fact[int]{Value: int(v), State: state, Why: regs.Why(r)}
		}
	}
	return cpu
}

// crashedTask is an index into tasks, -1 if the crashed one is not among them.
func (d *dump) crashedTask() int {
	if d.skipped {
		d.report(elfcore.Warning, "esp.crashed-skipped", d.body, "the crashed task was too broken for the firmware to store", "", "no thread is the crashed one")
		return -1
	}
	for i := range d.tasks {
		if t := &d.tasks[i]; t.state != elfcore.Missing && t.tcb == d.crashed {
			return i
		}
	}
	// The first is it; but the first that is left of a damaged image may be another.
	if len(d.tasks) == 0 || d.firstNote != 0 && d.tasks[0].at != d.firstNote || d.crashed != 0 && d.tasks[0].state != elfcore.Missing {
		return -1
	}
	return 0
}

// interrupted is the registers of the task that the crashing interrupt
// stopped. They stand where its TCB says, on the stack that a segment behind
// that of the interrupt's holds.
func (d *dump) interrupted(t *task) elfcore.Registers {
	regs := elfcore.NewRegisters(d.Arch)
	top, state, err := d.ReadUint(t.tcb, 4)
	if err != nil || state == elfcore.Missing || !d.loadFrame(elfcore.Addr(top), &regs, false) {
		d.report(elfcore.Warning, "esp.interrupted", t.at, fmt.Sprintf("no frame of the interrupted task at %v", t.tcb), "at pxTopOfStack", "its registers are missing")
		return elfcore.NewRegisters(d.Arch)
	}
	if d.Arch == arch.Xtensa {
		d.fixXtensa(&regs)
	}
	return regs
}

// causeRegisters sets the registers that tell the cause from the notes.
func (d *dump) causeRegisters(regs *elfcore.Registers) {
	w := d.info.extra
	if d.Arch != arch.Xtensa {
		return
	}
	why := d.Because("esp.note", noteExtra, d.at)
	for i := firstPair; i+1 < min(len(w), xtensaISR); i += 2 {
		if d.info.made && i > firstPair+2 {
			return // zeros that the vendor's tool made up
		}
		if r, ok := d.Arch.Reg(specialName(i, w[i])); ok {
			regs.Set(r, uint64(w[i+1]), d.info.extraState, why)
		}
	}
}
