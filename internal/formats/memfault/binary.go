package memfault

import (
	"encoding/binary"
	"fmt"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// magic begins a dump. The target writes the header last, so that it marks the
// dump as complete.
const magic = "CORE"

// Sizes in bytes of the header (magic, version, total size), of a block's
// header (type, three reserved bytes, address, length) and of the footer that
// version 2 has (magic, flags, two reserved words).
const (
	headerSize = 12
	blockSize  = 12
	footerSize = 16
)

const (
	footerMagic   = 0x504d5544 // "DUMP"
	flagTruncated = 1 << 0     // the storage was too small

	newestVersion = 2
	noFooter      = 1       // the last version without one
	maxTotal      = 1 << 30 // bytes; no device stores more
	maxBlocks     = 4096    // real dumps have some dozens
)

// Types of blocks.
const (
	blockRegisters = 0
	blockMemory    = 1
	blockReason    = 5
	blockPadding   = 6
	blockMachine   = 7
	blockVendor    = 8
	blockMPU       = 9
	blockBuildID   = 12
	lastBlock      = blockBuildID
)

// header is a dump's header.
type header struct{ version, total uint32 }

// parseHeader reads a header and the first block's. What follows "CORE" in
// strings, or as an owner of ELF notes, does not pass.
func parseHeader(p []byte) (h header, ok bool) {
	if len(p) < headerSize || string(p[:4]) != magic {
		return h, false
	}
	h = header{binary.LittleEndian.Uint32(p[4:]), binary.LittleEndian.Uint32(p[8:])}
	if h.version == 0 || h.version > 2*newestVersion || h.total < headerSize+blockSize || h.total > maxTotal {
		return h, false
	}
	if len(p) < headerSize+blockSize {
		return h, true
	}
	b := parseBlock(p[headerSize:])
	return h, b.typ <= lastBlock && p[headerSize+1] == 0 && b.size <= int64(h.total)
}

// block is one block. Its payload has size bytes from off of the dump on.
type block struct {
	typ       byte
	addr      uint32
	off, size int64
	at        elfcore.Pos
}

func parseBlock(p []byte) block {
	return block{typ: p[0], addr: binary.LittleEndian.Uint32(p[4:]), size: int64(binary.LittleEndian.Uint32(p[8:]))}
}

func findBinary(in format.Input) (hits []format.Hit, err error) {
	next := int64(0) // memory in a dump may hold copies of headers
	for off, err := range capture.Magics(in, magic) {
		if err != nil {
			return nil, err
		}
		var p [headerSize + blockSize]byte
		n, _ := in.ReadAt(p[:], off)
		h, ok := parseHeader(p[:n])
		if !ok || off < next {
			continue
		}
		hit := format.Hit{Off: off, Len: min(int64(h.total), in.Size-off), Score: 80}
		if off == 0 {
			hit.Score = 95
		}
		hit.Whole = hit.Len == int64(h.total)
		hits = append(hits, hit)
		next = off + hit.Len
	}
	return hits, nil
}

func readBinary(in format.Input, h format.Hit) (*elfcore.Core, error) {
	d := dump{source: in.Name, Pieces: capture.PiecesOf(in, h.Off, h.Len)}
	return d.core()
}

// dump is a dump's bytes, as far as they are there.
type dump struct {
	*capture.Pieces
	source string
	diags  []elfcore.Diagnostic
	header header
}

// report notes something odd at off of the dump.
func (d *dump) report(s elfcore.Severity, code string, off int64, found, expected, done string) {
	d.diags = append(d.diags, elfcore.Diagnostic{Severity: s, Code: "memfault." + code, At: d.Pos(off), Found: found, Expected: expected, Done: done})
}

// peek reads n bytes at off; nil if they are not all there.
func (d *dump) peek(off, n int64) []byte {
	if d.State(off, n) == elfcore.Missing {
		return nil
	}
	p := make([]byte, n)
	d.Read(p, off)
	return p
}

// maxSmall bounds the payload of blocks that are not memory, in bytes.
const maxSmall = 64 << 10

// payload reads a block's payload; nil if it is not all there.
func (d *dump) payload(b block) []byte {
	if b.size > maxSmall {
		return nil
	}
	return d.peek(b.off, b.size)
}

// blocks lists the blocks up to the footer, as far as they can be followed.
func (d *dump) blocks() (list []block) {
	end := d.end()
	for off := int64(headerSize); off < end; {
		p := d.peek(off, blockSize)
		switch {
		case p != nil:
		case off+blockSize > end:
			d.report(elfcore.Warning, "stray-bytes", off, fmt.Sprintf("%d bytes behind the last block", end-off), "a block", "left out")
			return list
		default:
			d.report(elfcore.Loss, "block-lost", off, "the header of a block is lost", "", fmt.Sprintf("the rest of the dump, up to %d bytes, is left out", end-off))
			return list
		}
		b := parseBlock(p)
		b.off, b.at = off+blockSize, d.Pos(off)
		if len(list) == maxBlocks || b.size > end-b.off {
			d.report(elfcore.Loss, "block-size", off, fmt.Sprintf("block %d, of type %d and %d bytes", len(list)+1, b.typ, b.size),
				fmt.Sprintf("at most %d blocks, of up to the %d bytes that follow", maxBlocks, end-b.off), "it and the rest of the dump are left out")
			return list
		}
		list = append(list, b)
		off = b.off + b.size
	}
	return list
}

// end is where the blocks end.
func (d *dump) end() int64 {
	total := int64(d.header.total)
	if d.header.version <= noFooter || total < headerSize+footerSize {
		return total
	}
	return total - footerSize
}

// judgeSize reports what is missing at the end, and whether the target itself
// cut the dump. flag says what the footer says of it, "" if it is lost.
func (d *dump) judgeSize() (flag string) {
	if total := int64(d.header.total); d.Size < total {
		d.report(elfcore.Loss, "truncated", d.Size, fmt.Sprintf("the end, %d bytes too early", total-d.Size), "", "what is there is kept")
	}
	if d.header.version <= noFooter {
		return ""
	}
	p := d.peek(d.end(), footerSize)
	switch {
	case p == nil:
		return ""
	case binary.LittleEndian.Uint32(p) != footerMagic:
		d.report(elfcore.Warning, "footer", d.end(), fmt.Sprintf("0x%08x", binary.LittleEndian.Uint32(p)), fmt.Sprintf("0x%08x at the end of the dump", footerMagic), "the blocks are taken as they are")
		return ""
	case binary.LittleEndian.Uint32(p[4:])&flagTruncated != 0:
		d.report(elfcore.Loss, "target-truncated", d.end()+4, "the target's storage was too small for all regions", "", "the last region is short, others are missing")
		return "yes"
	}
	return "no"
}
