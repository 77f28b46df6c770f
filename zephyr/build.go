package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Names of attachments: raw pieces of the dump from which later stages reason.
const (
	attachRegisters = "zephyr.A"
	attachFrozen    = "zephyr.F" // with its header: another CPU's registers
	attachConsole   = "zephyr.console"
)

// Rules of evidence that later stages look for.
const (
	blockRule = "zephyr.block"
	halfRule  = "zephyr.low-half" // the value is the low word of the register
)

// Names of facts.
const (
	factTarget  = "zephyr.target"
	factBlock   = "zephyr.block"
	factVersion = "zephyr.header-version"
	factRegions = "zephyr.regions" // memory blocks in the order of the dump
	factBackend = "zephyr.backend"
	factCPU     = "zephyr.cpu"

	factInterrupt   = "zephyr.interrupt"   // the handler's line that the crash was in one
	factInterrupted = "zephyr.interrupted" // address of the thread that it stopped
)

// fileHeader is the first 12 bytes of a dump (zephyr.md 2.1).
type fileHeader struct {
	version, target uint16
	bits, flags     uint8
	reason          uint32
}

const fileHeaderSize = 12

// parseFileHeader reads the header. It accepts any version: what follows is
// checked by its own sizes.
func parseFileHeader(p []byte) (h fileHeader, ok bool) {
	if len(p) < fileHeaderSize || p[0] != 'Z' || p[1] != 'E' {
		return h, false
	}
	h = fileHeader{
		binary.LittleEndian.Uint16(p[2:]), binary.LittleEndian.Uint16(p[4:]), p[6], p[7],
		binary.LittleEndian.Uint32(p[8:]),
	}
	return h, h.bits == 0 || h.bits == 5 || h.bits == 6
}

// plausible tells whether a header found by searching is more than chance.
func (h fileHeader) plausible() bool {
	return h.version >= 1 && h.version <= 4 && h.target <= 16 && (h.bits == 5 || h.bits == 6)
}

// chunk is a run of bytes of a payload that survived. off is its place in the
// payload, state how sure that place is.
type chunk struct {
	off   int
	data  []byte
	state elfcore.State
}

// region is one 'M' block as it was read.
type region struct {
	start, end uint64
	at         elfcore.Pos
	chunks     []chunk
	file       io.ReaderAt // instead of chunks: bytes that stay in the file
	have       uint64      // of file
	streamOff  int64       // of file in its stream
	next       int         // the line after it
	doubt      bool        // bytes may stand in the wrong place
}

// builder collects the blocks of one dump and makes a Core of them. Damage is
// the caller's to find: it hands over only what survived.
type builder struct {
	header    *fileHeader
	headerAt  elfcore.Pos
	registers []chunk
	regSize   int
	regVer    int // -1 lost
	regAt     elfcore.Pos
	regSeen   bool
	kernel    []chunk
	kernelSz  int
	kernelAt  elfcore.Pos
	frozen    [][]byte
	ptr       int // pointer size in bytes of the memory headers, 0 none seen
	regions   []region
	diags     []elfcore.Diagnostic
	reported  map[string]int // how many of each code, those that diags leaves out too
	source    string
	hint      *arch.Arch // CPU of the user's firmware, nil if none
	backend   string

	lossy             bool  // parts may be missing from the stream unseen
	cutOff            bool  // the stream ended within a block
	summed            bool  // the checksum block was seen
	regOff, kernelOff int64 // of the payloads in the stream
}

// maxReports is how many diagnostics of a code are kept, as many as a Core has.
const maxReports = 100

// report notes something odd about the input.
func (b *builder) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	if b.reported == nil {
		b.reported = map[string]int{}
	}
	if b.reported[code]++; b.reported[code] <= maxReports {
		b.diags = append(b.diags, elfcore.Diagnostic{Severity: s, Code: code, At: at, Found: found, Expected: expected, Done: done})
	}
}

// ptrSize is the pointer size in bytes; where the header is lost or does not
// say, that of the memory headers so far, 0 if none.
func (b *builder) ptrSize() int {
	if b.header == nil || b.header.bits == 0 {
		return b.ptr
	}
	return 1 << (b.header.bits - 3)
}

// whole turns chunks into one slice if they cover size bytes, all known.
func whole(chunks []chunk, size int) ([]byte, bool) {
	if len(chunks) == 1 && chunks[0].off == 0 && len(chunks[0].data) == size && chunks[0].state == elfcore.Known {
		return chunks[0].data, true
	}
	return nil, false
}

// stateOf is the state of payload bytes off..off+n: that of the chunk that
// holds them all, else Missing.
func stateOf(chunks []chunk, off, n int) ([]byte, elfcore.State) {
	for _, c := range chunks {
		if off >= c.off && off+n <= c.off+len(c.data) {
			return c.data[off-c.off : off-c.off+n], c.state
		}
	}
	return nil, elfcore.Missing
}

// chooseBlock finds the layout of the register block, and which arch the dump
// is for when the file header was lost.
func (b *builder) chooseBlock() (*registerBlock, *arch.Arch) {
	target, bits := -1, uint8(0)
	if b.header != nil {
		target, bits = int(b.header.target), b.header.bits
	}
	if !b.regSeen {
		return nil, b.orHint(archOf(target, bits))
	}
	if target >= 0 && b.regVer >= 0 {
		if row, ok := findBlock(uint16(target), bits, uint16(b.regVer), b.regSize); ok {
			return row, row.arch
		}
	}
	fit := inferBlocks(target, b.regVer, b.regSize, bits)
	if narrow := inferBlocks(target, b.regVer, b.regSize, map[int]uint8{4: 5, 8: 6}[b.ptr]); len(narrow) > 0 {
		fit = narrow
	}
	if p, ok := whole(b.registers, b.regSize); ok {
		fit = tellApart(fit, p)
	}
	if b.header == nil && b.hint != nil {
		fit = slices.DeleteFunc(fit, func(r *registerBlock) bool { return r.arch != b.hint })
	}
	if len(fit) > 0 && sameArch(fit) && (b.header == nil || b.regVer < 0) {
		what := "file header"
		if b.header != nil {
			what = "register block's header"
		}
		b.report(elfcore.Loss, "zephyr.block-inferred", b.regAt, "the "+what+" is lost",
			"", fmt.Sprintf("a block of %d bytes is taken for %s version %d", b.regSize, fit[0].arch.Name, fit[0].version))
		return fit[0], fit[0].arch
	}
	if a := archOf(target, bits); a != nil {
		b.report(elfcore.Warning, "zephyr.block-unknown", b.regAt,
			fmt.Sprintf("register block version %d of %d bytes", b.regVer, b.regSize),
			"a layout of "+targetNames[uint16(target)], "registers left out; the raw block is kept")
		return nil, a
	}
	return nil, b.orHint(nil)
}

// orHint is the CPU of the user's firmware where the dump does not tell its own.
func (b *builder) orHint(a *arch.Arch) *arch.Arch {
	if a == nil && b.header == nil && b.hint != nil && (b.ptr == 0 || b.ptr == b.hint.PtrSize()) {
		b.report(elfcore.Loss, "zephyr.cpu-from-firmware", b.headerAt, "the file header is lost", "", "taken for a dump of the firmware's CPU, "+b.hint.Name)
		return b.hint
	}
	return a
}

func sameArch(rows []*registerBlock) bool {
	for _, r := range rows {
		if r.arch != rows[0].arch || r.layout != rows[0].layout {
			return false
		}
	}
	return true
}

// archOf is the CPU of a target code, nil if it is not known.
func archOf(target int, bits uint8) *arch.Arch {
	for i := range registerBlocks {
		if r := &registerBlocks[i]; int(r.target) == target && (bits == 0 || r.bits == bits) {
			return r.arch
		}
	}
	return nil
}

// core makes the Core. The error says why nothing could be saved.
func (b *builder) core() (*elfcore.Core, error) {
	row, cpu := b.chooseBlock()
	if b.header == nil && !b.regSeen && len(b.regions) == 0 {
		return nil, fmt.Errorf("%s: the middle of a Zephyr dump: no block's header is there, so nothing tells where its bytes belong", b.where())
	}
	if cpu == nil {
		switch {
		case b.header == nil:
			return nil, fmt.Errorf("%s: a Zephyr dump whose file header is lost, and nothing tells for which CPU it is", b.where())
		default:
			return nil, fmt.Errorf("%s: a Zephyr dump for target code %d with %d-byte pointers, which is not supported",
				b.where(), b.header.target, b.ptrSize())
		}
	}
	c := elfcore.New(Name, cpu, binary.LittleEndian)
	c.Diagnostics = b.diags
	c.Suppressed = map[string]int{}
	for code, n := range b.reported {
		if n > maxReports {
			c.Suppressed[code] = n - maxReports
		}
	}
	here := c.Because("zephyr.dump", "", b.headerAt)
	if h := b.header; h != nil {
		c.Facts[factVersion] = elfcore.Fact[string]{Value: fmt.Sprint(h.version), State: elfcore.Known, Why: here}
		c.Facts[factTarget] = elfcore.Fact[string]{Value: targetNames[h.target], State: elfcore.Known, Why: here}
		if h.version > 2 {
			c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "zephyr.version", At: b.headerAt,
				Found: fmt.Sprintf("header version %d", h.version), Expected: "1 or 2", Done: "read as version 2"})
		}
		// The target passes the reason through a 16-bit conversion.
		setReason(c, uint64(h.reason&0xffff), here)
	}
	if b.backend != "" {
		c.Facts[factBackend] = elfcore.Fact[string]{Value: b.backend, State: elfcore.Known}
	}
	if b.regSeen {
		b.loadRegisters(c, row)
	}
	if p, ok := whole(b.kernel, b.kernelSz); ok && b.kernelSz > 0 {
		c.Attach(attachmentKernel, p, c.Because("zephyr.kernel-block", "", b.kernelAt))
	}
	for _, f := range b.frozen {
		c.Attach(attachFrozen, f, here)
	}
	b.loadMemory(c)
	b.loadFault(c)
	return c, nil
}

// setReason notes the fatal reason and what it means.
func setReason(c *elfcore.Core, code uint64, why elfcore.Why) {
	r := explainReason(c.Arch, code)
	c.Crash.Reason = elfcore.Fact[uint64]{Value: code, State: elfcore.Known, Why: why}
	if r.text != "" {
		c.Crash.Message = elfcore.Fact[string]{Value: r.text, State: elfcore.Known, Why: why}
	}
	if r.fault != arch.FaultUnknown {
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: r.fault, State: elfcore.Known, Why: why}
	}
}

func (b *builder) where() string {
	at := b.headerAt
	if b.header == nil && b.regSeen {
		at = b.regAt
	}
	at.Source = b.source
	return at.String()
}

// loadRegisters makes the crashed thread from the register block.
func (b *builder) loadRegisters(c *elfcore.Core, row *registerBlock) {
	why := c.Because(blockRule, "", b.regAt)
	if p, ok := whole(b.registers, b.regSize); ok {
		c.Attach(attachRegisters, p, why)
	}
	t := elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch)}
	if row != nil {
		c.Facts[factBlock] = elfcore.Fact[string]{
			Value: fmt.Sprintf("%s version %d, %d bytes", row.arch.Name, row.version, row.size), State: elfcore.Known, Why: why}
		row.load(c, &t.Regs, b.registers, why)
	}
	c.Threads = append(c.Threads, t)
	c.Crash.Thread = 0
}

// load sets the registers that survived.
func (row *registerBlock) load(c *elfcore.Core, regs *elfcore.Registers, chunks []chunk, why elfcore.Why) {
	slots, _, err := c.Arch.Slots(row.layout)
	if err != nil {
		panic(err) // a layout of the table above, which a test resolves in full
	}
	for _, s := range slots {
		if s.Reg == arch.NoReg {
			continue
		}
		b, state := stateOf(chunks, s.Off, s.Size)
		if state == elfcore.Missing {
			continue
		}
		var word [8]byte
		copy(word[:], b)
		w := why
		if row.halves && state == elfcore.Known {
			state, w = elfcore.Suspect, c.Because(halfRule, "the block holds only the low 32 bits", nowhere)
		}
		regs.Set(s.Reg, binary.LittleEndian.Uint64(word[:]), state, w)
	}
	for _, group := range row.zero {
		clearZeros(c, regs, group)
	}
	if row.target == targetCortexM && row.version == 3 {
		if flag, s := stateOf(chunks, 68, 4); s != elfcore.Known || binary.LittleEndian.Uint32(flag) == 0 {
			clearGroup(c, regs, "r4-r11", "zephyr.callee-invalid", "the block says that r4-r11 were not captured")
		}
	}
	if row.frameSP {
		// Whether sp is adjusted can't be told from the block: Complete does.
		if v, s := regs.Get(c.Arch.SP); s == elfcore.Known {
			regs.Set(c.Arch.SP, v, elfcore.Suspect, c.Because("zephyr.sp-as-dumped", "before or after the exception frame", nowhere))
		}
	}
}

// clearZeros makes a group of registers missing if each of it that is there is
// zero.
func clearZeros(c *elfcore.Core, regs *elfcore.Registers, group string) {
	slots, _, err := c.Arch.Slots(arch.Layout{Width: 1, Slots: group})
	if err != nil {
		panic(err)
	}
	there := false
	for _, s := range slots {
		v, state := regs.Get(s.Reg)
		if v != 0 {
			return
		}
		there = there || state != elfcore.Missing
	}
	if !there {
		return
	}
	clearGroup(c, regs, group, "zephyr.zero-not-captured", "all of "+group+" are zero, which this block holds when they were not captured")
}

func clearGroup(c *elfcore.Core, regs *elfcore.Registers, group, rule, text string) {
	slots, _, err := c.Arch.Slots(arch.Layout{Width: 1, Slots: group})
	if err != nil {
		panic(err)
	}
	why := c.Because(rule, text, nowhere)
	for _, s := range slots {
		regs.Clear(s.Reg, why)
	}
}

// maxPieces bounds the pieces of memory of one dump: far more than a target
// writes, and few enough to be sorted in.
const maxPieces = 1 << 15

// loadMemory puts the regions in. The dump's first region wins where two
// overlap, as in Zephyr's own reader; bytes that differ are reported, since
// the system ran on while it was dumped.
func (b *builder) loadMemory(c *elfcore.Core) {
	var list []string
	room := maxPieces
	for _, r := range b.regions {
		if pieces := max(1, len(r.chunks)); pieces > room {
			c.Report(elfcore.Diagnostic{Severity: elfcore.Loss, Code: "zephyr.too-many-pieces", At: r.at,
				Found:    fmt.Sprintf("%d blocks of memory, this one in %d pieces", len(b.regions), pieces),
				Expected: fmt.Sprintf("%d pieces at most", maxPieces), Done: "the first ones are kept"})
			r.chunks = r.chunks[:min(room, len(r.chunks))]
		}
		if room -= max(1, len(r.chunks)); room < 0 {
			break
		}
		list = append(list, fmt.Sprintf("0x%x-0x%x", r.start, r.end))
		why := c.Because("zephyr.memory", "", r.at)
		state := elfcore.Known
		if r.doubt {
			state = elfcore.Suspect
		}
		var differs []elfcore.Range
		if r.file != nil {
			differs = c.Memory.Add(elfcore.Region{Range: elfcore.Range{Addr: elfcore.Addr(r.start), Size: r.have},
				Perm: elfcore.PermR | elfcore.PermW, State: state, Why: why, Data: r.file})
		}
		for _, k := range r.chunks {
			differs = append(differs, c.Memory.Add(elfcore.Region{
				Range: elfcore.Range{Addr: elfcore.Addr(r.start + uint64(k.off)), Size: uint64(len(k.data))},
				Perm:  elfcore.PermR | elfcore.PermW, State: min(k.state, state), Why: why, Data: bytes.NewReader(k.data)})...)
		}
		for _, d := range differs {
			c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "zephyr.overlap-differs", At: r.at,
				Found: fmt.Sprintf("%v is in the dump twice with different bytes", d), Done: "the first is kept"})
		}
	}
	if len(list) > 0 {
		c.Facts[factRegions] = elfcore.Fact[string]{Value: strings.Join(list, " "), State: elfcore.Known}
	}
}

// loadFault lets the CPU's own fault registers refine a reason that says
// nothing (x86's vector stands in the block).
func (b *builder) loadFault(c *elfcore.Core) {
	t := c.Crashed()
	if t == nil || c.Crash.Fault.State != elfcore.Missing || c.Arch.Fault == nil {
		return
	}
	if f := faultOf(c.Arch, &t.Regs); f != arch.FaultUnknown {
		c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: f, State: elfcore.Known,
			Why: c.Because("zephyr.fault-registers", "", nowhere)}
	}
}

func faultOf(a *arch.Arch, regs *elfcore.Registers) arch.Fault {
	return a.Fault(func(name string) (uint64, bool) {
		r, ok := a.Reg(name)
		if !ok {
			return 0, false
		}
		v, s := regs.Get(r)
		return v, s >= elfcore.Recovered
	})
}
