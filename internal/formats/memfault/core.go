package memfault

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// texts are the blocks that hold text, and the facts made of them.
var texts = map[byte]string{
	2: "memfault.device-serial", 3: "memfault.firmware-version", 4: "memfault.hardware-version",
	10: "memfault.software-version", 11: "memfault.software-type",
}

// raw are blocks that are kept as they are.
var raw = map[byte]string{blockVendor: "memfault.vendor-dump", blockMPU: "memfault.mpu"}

const factTruncated = "memfault.target-truncated"

// builder makes a Core of a dump's blocks.
type builder struct {
	*dump
	core   *elfcore.Core
	blocks []block
}

// core makes the Core. The error says why nothing could be saved.
func (d *dump) core() (*elfcore.Core, error) {
	head := d.peek(0, headerSize)
	var ok bool
	if d.header, ok = parseHeader(head); !ok {
		return nil, fmt.Errorf("%s: %v: the header of the Memfault dump is lost", d.source, d.Pos(0))
	}
	if d.header.version > newestVersion {
		d.report(elfcore.Warning, "version", 4, fmt.Sprintf("version %d", d.header.version), "1 or 2", "read as version 2")
	}
	b := &builder{dump: d, blocks: d.blocks()}
	flag := d.judgeSize()
	cpu, row := b.machine()
	if cpu == nil {
		return nil, fmt.Errorf("%s: %v: neither the registers nor the machine type of this Memfault dump say for which CPU it is", d.source, d.Pos(0))
	}
	b.core = elfcore.New(Name, cpu, binary.LittleEndian)
	here := b.core.Because("memfault.dump", "", d.Pos(0))
	b.fact("memfault.version", fmt.Sprint(d.header.version), here)
	switch {
	case d.header.version <= noFooter:
		b.core.Facts[factTruncated] = elfcore.Fact[string]{Why: b.core.Because("memfault.version", "not in this version", d.Pos(4))}
	case flag != "":
		b.fact(factTruncated, flag, here)
	}
	b.memory()
	b.threads(row)
	b.identity()
	b.cause()
	for _, x := range d.diags {
		b.core.Report(x)
	}
	return b.core, nil
}

func (b *builder) fact(key, value string, why elfcore.Why) {
	b.core.Facts[key] = elfcore.Fact[string]{Value: value, State: elfcore.Known, Why: why}
}

// machine tells the CPU by the machine type block, and the layout of the
// register blocks by their size. Sizes are unique, so that a dump whose
// machine type is cut off is told by them alone.
func (b *builder) machine() (*arch.Arch, *registerBlock) {
	machine, known := uint32(0), false
	size, at := int64(-1), int64(0)
	for _, k := range b.blocks {
		switch {
		case k.typ == blockMachine && k.size == 4:
			if p := b.payload(k); p != nil {
				machine, known = binary.LittleEndian.Uint32(p), true
			}
		case k.typ == blockRegisters && size < 0:
			size, at = k.size, k.off
		}
	}
	for i := range registerBlocks {
		r := &registerBlocks[i]
		if r.size() != size || known && uint16(r.arch.Machine) != uint16(machine) {
			continue
		}
		if !known {
			b.report(elfcore.Warning, "no-machine", at, "the machine type is lost", "", fmt.Sprintf("%d bytes of registers are taken for %s", size, r.arch.Name))
		}
		return r.arch, r
	}
	if size >= 0 && known {
		b.report(elfcore.Warning, "registers-unknown", at, fmt.Sprintf("%d bytes of registers for machine type 0x%x", size, machine), "a known layout", "registers left out; the raw block is kept")
	}
	return archOf(machine), nil
}

// threads makes a thread of each register block: Memfault stores one for each
// CPU.
func (b *builder) threads(row *registerBlock) {
	c := b.core
	for _, k := range b.blocks {
		if k.typ != blockRegisters {
			continue
		}
		why := c.Because("memfault.registers", "", k.at)
		p := b.payload(k)
		if p == nil {
			b.report(elfcore.Loss, "registers-lost", k.off, "a block of registers is not all there", "", "these registers are missing")
			continue
		}
		c.Attach("memfault.registers", p, why)
		t := elfcore.Thread{Regs: elfcore.NewRegisters(c.Arch)}
		if row != nil && k.size == row.size() {
			row.load(b, &t, p, k, why)
		}
		c.Threads = append(c.Threads, t)
	}
	if len(c.Threads) > 1 {
		for i := range c.Threads {
			c.Threads[i].CPU = elfcore.Fact[int]{Value: i, State: elfcore.Suspect, Why: c.Because("memfault.cpu", "the order of the register blocks", b.Pos(0))}
		}
		b.report(elfcore.Warning, "cpus", headerSize, fmt.Sprintf("registers of %d CPUs", len(c.Threads)), "", "the first is taken for the one that crashed: the dump does not tell")
	}
	if len(c.Threads) > 0 {
		c.Crash.Thread = 0
	}
}

// addressSpace is the size in bytes of what a block's address can reach.
const addressSpace = 1 << 32

// memory puts the regions in. What stands at fixed addresses, such as the
// fault registers, comes as memory too.
func (b *builder) memory() {
	for _, k := range b.blocks {
		if k.typ != blockMemory || k.size == 0 {
			continue
		}
		why := b.core.Because("memfault.memory", "", k.at)
		have := int64(0)
		where := elfcore.Range{Addr: elfcore.Addr(k.addr), Size: min(uint64(k.size), addressSpace-uint64(k.addr))}
		for r := range b.Regions(where, k.off, elfcore.PermR|elfcore.PermW, why) {
			have += int64(r.Size)
			for _, d := range b.core.Memory.Add(r) {
				b.report(elfcore.Info, "overlap-differs", k.off, fmt.Sprintf("%v is in the dump twice with different bytes", d), "", "the first is kept")
			}
		}
		if have < k.size {
			b.report(elfcore.Loss, "memory-lost", k.off, fmt.Sprintf("%d of %d bytes at 0x%08x", have, k.size, k.addr), "", "the others are absent")
		}
	}
}

// identity reads the blocks that say what crashed.
func (b *builder) identity() {
	c := b.core
	for _, k := range b.blocks {
		name, isText := texts[k.typ]
		keep, isRaw := raw[k.typ]
		if !isText && !isRaw && k.typ != blockBuildID && k.typ <= lastBlock {
			continue
		}
		why := c.Because("memfault.block", "", k.at)
		p := b.payload(k)
		switch {
		case k.typ > lastBlock:
			b.report(elfcore.Info, "block-unknown", k.off-blockSize, fmt.Sprintf("a block of type %d with %d bytes", k.typ, k.size), "", "skipped")
		case p == nil:
			b.report(elfcore.Loss, "block-lost", k.off, fmt.Sprintf("a block of type %d is not all there", k.typ), "", "left out")
		case isText:
			b.fact(name, string(p), why)
		case isRaw:
			c.Attach(keep, p, why)
			b.report(elfcore.Info, "block-raw", k.off-blockSize, fmt.Sprintf("a block of type %d (%s)", k.typ, keep), "", "kept as it is, not decoded")
		default:
			c.Program.BuildID = hex.EncodeToString(p)
		}
	}
	c.Program.Version = c.Facts["memfault.software-version"].Value
	c.Program.Project = c.Facts["memfault.software-type"].Value
}

// cause tells why the target crashed. For faults of the CPU its fault registers
// say more than the reason; otherwise they may be left from an older fault.
func (b *builder) cause() {
	c := b.core
	why := c.Because("memfault.fault-registers", "", b.Pos(0))
	for _, k := range b.blocks {
		if k.typ != blockReason || k.size != 4 {
			continue
		}
		p := b.payload(k)
		if p == nil {
			continue
		}
		code := binary.LittleEndian.Uint32(p)
		from := c.Because("memfault.reason", "", k.at)
		r := explainReason(code)
		c.Crash.Reason = elfcore.Fact[uint64]{Value: uint64(code), State: elfcore.Known, Why: from}
		c.Crash.Message = elfcore.Fact[string]{Value: r.text, State: elfcore.Known, Why: from}
		if isCPUFault(code) {
			c.JudgeFault(why)
		}
		if c.Crash.Fault.State == elfcore.Missing && r.fault != arch.FaultUnknown {
			c.Crash.Fault = elfcore.Fact[arch.Fault]{Value: r.fault, State: elfcore.Known, Why: from}
		}
	}
	if c.Crash.Reason.State == elfcore.Missing {
		c.JudgeFault(why)
	}
}
