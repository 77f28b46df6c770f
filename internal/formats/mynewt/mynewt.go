// Package mynewt reads the core dumps of Apache Mynewt, which lie in a flash
// area.
//
// Source: apache/mynewt-core, sys/coredump (coredump.c at 0b3ca007 and a later
// one, coredump.h at 0f223f41), kernel/os/src/arch/cortex_m4/os_fault.c at
// 0a87469f.
package mynewt

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "mynewt"

// Format is how the root finds and reads Mynewt's core dumps.
var Format = format.Format{Name: Name, Magic: []string{magic}, Find: find, Read: read}

// magic is 0x690c47c3, little endian. The target writes it last.
const magic = "\xc3\x47\x0c\x69"

// Sizes in bytes of the header (magic, size of everything) and of what leads a
// part (type, pad, 16-bit length, address).
const (
	headerSize = 8
	partHeader = 8
)

// Types of parts.
const (
	partImage     = 1 // SHA-256 of the image in its slot
	partMemory    = 2
	partRegisters = 3

	hashSize = 32

	maxSize  = 64 << 20 // bytes; no device has as much RAM
	maxParts = 4096     // 64 KiB of RAM take one or two
)

// registers is the block of Mynewt's Cortex-M ports, the only ones known to
// dump. sp is the value before the exception.
var registers = arch.Layout{Width: 4, Slots: "r0-r12 sp lr pc xpsr"}

// part is one part, whose payload has size bytes from off of the input on.
type part struct {
	typ       byte
	addr      uint32
	off, size int64
}

const xpsrException = 0x1ff // number of the exception, 0 in a thread

// parsePart reads what leads a part; ok is false if p does not begin with one.
func parsePart(p []byte) (t part, ok bool) {
	if len(p) < partHeader || p[0] < partImage || p[0] > partRegisters || p[1] != 0 {
		return t, false
	}
	return part{typ: p[0], size: int64(binary.LittleEndian.Uint16(p[2:])), addr: binary.LittleEndian.Uint32(p[4:])}, true
}

// find looks for the header, behind which the registers always come first.
func find(in format.Input) (hits []format.Hit, err error) {
	if in.Text {
		return nil, nil
	}
	next := int64(0)
	for off, err := range capture.Magics(in, magic) {
		if err != nil {
			return nil, err
		}
		var p [headerSize + partHeader]byte
		if n, _ := in.ReadAt(p[:], off); n < len(p) || off < next {
			continue
		}
		size := int64(binary.LittleEndian.Uint32(p[4:]))
		first, ok := parsePart(p[headerSize:])
		if !ok || first.typ != partRegisters || size < int64(len(p)) || size > maxSize {
			continue
		}
		h := format.Hit{Off: off, Len: min(size, in.Size-off), Score: 90}
		h.Whole = h.Len == size
		next = off + h.Len
		hits = append(hits, h)
	}
	return hits, nil
}

// reader is one dump that is being read.
type reader struct {
	in    format.Input
	hit   format.Hit
	total int64 // by the header
	core  *elfcore.Core
}

func (r *reader) report(s elfcore.Severity, code string, off int64, found, expected, done string) {
	r.core.Report(elfcore.Diagnostic{Severity: s, Code: "mynewt." + code, At: elfcore.Pos{Off: off}, Found: found, Expected: expected, Done: done})
}

func (r *reader) why(rule string, off int64) elfcore.Why {
	return r.core.Because("mynewt."+rule, "", elfcore.Pos{Off: off})
}

// end is where what is there of the dump ends in the input.
func (r *reader) end() int64 { return r.hit.Off + r.hit.Len }

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	var head [headerSize]byte
	if n, _ := in.ReadAt(head[:], h.Off); n < len(head) {
		return nil, fmt.Errorf("%s: offset 0x%x: the header of the Mynewt core dump is cut off", in.Name, h.Off)
	}
	r := &reader{in, h, int64(binary.LittleEndian.Uint32(head[4:])), elfcore.New(Name, arch.CortexM, binary.LittleEndian)}
	for off, n := h.Off+headerSize, 0; off < r.end(); n++ {
		t, ok := r.partAt(off)
		if !ok || n == maxParts {
			r.report(elfcore.Loss, "part", off, fmt.Sprintf("%d bytes that no part leads", r.end()-off), "", "left out")
			break
		}
		r.part(t)
		off = t.off + t.size
	}
	if h.Len < r.total {
		r.report(elfcore.Loss, "truncated", r.end(), fmt.Sprintf("the end, %d bytes too early", r.total-h.Len), "", "what is there is kept")
	}
	if sp, s := r.sp(); s == elfcore.Known {
		if _, held := r.core.Memory.At(elfcore.Addr(sp)); !held {
			r.report(elfcore.Warning, "no-stack", h.Off, fmt.Sprintf("sp is 0x%08x, where the dump has no memory", sp), "",
				"there may be no backtrace: old versions of Mynewt drop 64 KiB at a time, since a length has 16 bits")
		}
	}
	return r.core, nil
}

func (r *reader) sp() (uint64, elfcore.State) {
	if t := r.core.Crashed(); t != nil {
		return t.Regs.SP()
	}
	return 0, elfcore.Missing
}

// partAt reads what leads a part.
//
// Folklore: a length has 16 bits, so that a part of 64 KiB or more says too
// little. Where what is left of the dump by its header is more than the part
// says, by a multiple of 64 KiB, and no part follows it, the rest belongs to it.
// (The first version even writes no more than it says; newer ones split such
// memory.) Test: TestLengthOverflow.
func (r *reader) partAt(off int64) (part, bool) {
	var p [partHeader]byte
	n, _ := r.in.ReadAt(p[:min(partHeader, r.end()-off)], off)
	t, ok := parsePart(p[:n])
	if t.off = off + partHeader; !ok || t.typ != partMemory {
		return t, ok
	}
	left := r.hit.Off + r.total - t.off
	if left <= t.size || (left-t.size)%(1<<16) != 0 {
		return t, true
	}
	n, _ = r.in.ReadAt(p[:], t.off+t.size)
	if _, follows := parsePart(p[:n]); !follows {
		r.report(elfcore.Warning, "length-overflow", off, fmt.Sprintf("a part of %d bytes, %d are left", t.size, left), "", "all are taken: the length has 16 bits only")
		t.size = left
	}
	return t, true
}

// part reads one part.
func (r *reader) part(t part) {
	have := max(0, min(t.size, r.end()-t.off))
	at := t.off - partHeader
	if t.typ == partMemory {
		const addressSpace = 1 << 32
		for _, d := range r.core.Memory.Add(elfcore.Region{
			Range: elfcore.Range{Addr: elfcore.Addr(t.addr), Size: min(uint64(have), addressSpace-uint64(t.addr))},
			Perm:  elfcore.PermR | elfcore.PermW, State: elfcore.Known, Why: r.why("memory", at), Data: io.NewSectionReader(r.in, t.off, have),
		}) {
			r.report(elfcore.Info, "overlap-differs", at, fmt.Sprintf("%v is in the dump twice with different bytes", d), "", "the first is kept")
		}
		return
	}
	data := make([]byte, have) // 64 KiB at most
	r.in.ReadAt(data, t.off)
	switch {
	case have < t.size:
		r.report(elfcore.Loss, "part-cut", at, fmt.Sprintf("%d of %d bytes of a part of type %d", have, t.size, t.typ), "", "left out")
	case t.typ == partImage:
		r.image(data, at)
	default:
		r.registers(data, at)
	}
}

// image keeps the hash by which Mynewt knows an image. It is that of the image
// in flash, header included, not of the ELF file; so it is a fact, and nothing
// that a firmware could be compared with.
func (r *reader) image(hash []byte, at int64) {
	if len(hash) != hashSize {
		r.report(elfcore.Warning, "image-hash", at, fmt.Sprintf("%d bytes", len(hash)), fmt.Sprint(hashSize), "kept as it is")
	}
	r.core.Facts["mynewt.image-sha256"] = elfcore.Fact[string]{Value: hex.EncodeToString(hash), State: elfcore.Known, Why: r.why("image", at)}
}

// registers makes the thread.
func (r *reader) registers(data []byte, at int64) {
	why := r.why("registers", at)
	r.core.Attach("mynewt.registers", data, why)
	t := elfcore.Thread{Regs: elfcore.NewRegisters(r.core.Arch)}
	if _, size, _ := r.core.Arch.Slots(registers); len(data) == size {
		t.Regs.Load(registers, data, r.core.Order, elfcore.Known, why) // of the layout's size
		r.report(elfcore.Info, "cpu", at, fmt.Sprintf("%d bytes of registers; the dump names no CPU", len(data)), "", "taken for a Cortex-M: its ports write this layout")
		if xpsr, _ := t.Regs.Get(r.core.Arch.Flags); xpsr&xpsrException != 0 {
			t.Kind = elfcore.Interrupt
		}
	} else {
		r.report(elfcore.Info, "unverified", at, fmt.Sprintf("%d bytes of registers", len(data)), fmt.Sprintf("%d, as the Cortex-M ports write", size), "registers left out; the raw block is kept")
	}
	r.core.Threads, r.core.Crash.Thread = append(r.core.Threads, t), 0
}
