package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"corelift/elfcore"
)

// Block ids and header sizes in bytes (zephyr.md 2.2). 'M' depends on the
// pointer size.
const (
	idRegisters = 'A'
	idKernel    = 'T'
	idMemory    = 'M'
	idFrozen    = 'F'
	idChecksum  = 'C'
	idHexagon   = 'H' // vendor trees; same header as 'A'
	idInfo      = 'I'

	shortHeader    = 5
	checksumHeader = 7
)

// memoryHeader is the size of an 'M' header, frozenHeader of an 'F' header.
func memoryHeader(ptr int) int { return 3 + 2*ptr }
func frozenHeader(ptr int) int { return 9 + ptr }

// parseMemory reads an 'M' header. ok: version 1, and an end above the start.
func parseMemory(p []byte, ptr int) (start, end uint64, ok bool) {
	if len(p) < memoryHeader(ptr) || p[0] != idMemory || p[1] != 1 || p[2] != 0 {
		return 0, 0, false
	}
	start, end = word(p[3:], ptr), word(p[3+ptr:], ptr)
	return start, end, end > start
}

// word reads a little-endian pointer of 4 or 8 bytes.
func word(p []byte, ptr int) uint64 {
	if ptr == 8 {
		return binary.LittleEndian.Uint64(p)
	}
	return uint64(binary.LittleEndian.Uint32(p))
}

// stream is a dump whose bytes stand in a row: a file, a flash partition, the
// payload of datagrams, or the lines of a log that ignore block boundaries.
type stream struct {
	io.ReaderAt
	size    int64
	pos     func(off int64) elfcore.Pos // of an offset in the stream
	holes   []hole
	holesAt int64 // where, as the holes count, the stream begins
}

// peek reads up to n bytes at off.
func (s stream) peek(off int64, n int) []byte {
	p := make([]byte, max(0, min(int64(n), s.size-off)))
	got, _ := s.ReadAt(p, off)
	return p[:got]
}

// readStream reads the blocks of a stream. Anything after the last block that
// is not zeros or ones is looked through for further memory blocks: callback
// devices write bytes of their own without a header (zephyr.md 2.2). end is
// where the last block ends.
//
// Folklore: the header of a block of memory is lost, and the memory, a stack
// that the dumper ran on, holds a copy of one. The block that it seems to lead
// is suspect, since no other follows it. Test: TestCopyOfHeader.
func readStream(b *builder, s stream) (end int64) {
	defer b.punch(s)
	off := int64(0)
	if h, ok := parseFileHeader(s.intact(0, fileHeaderSize)); ok {
		b.header, b.headerAt = &h, s.pos(0)
		off = fileHeaderSize
	}
	for found := int64(-1); off < s.size; {
		next, ok := b.block(s, off)
		if ok {
			if off == found && !s.goesOn(next, b.ptrSize()) {
				b.doubtLast()
			}
			off = next
			continue
		}
		if !b.lossy && s.padding(off) {
			break
		}
		found = s.resync(off+1, b.ptrSize())
		if b.lossy {
			b.doubtLast()
		}
		b.report(elfcore.Loss, "zephyr.stray-bytes", s.pos(off),
			fmt.Sprintf("%d bytes that no block header leads", found-off), "a block",
			"skipped: a callback device's output, or a block whose header is damaged")
		off = found
	}
	return off
}

// goesOn tells whether what stands at off can follow a block of memory: another
// block, or nothing.
func (s stream) goesOn(off int64, ptr int) bool {
	p := s.intact(off, memoryHeader(ptr))
	if _, _, ok := parseMemory(p, ptr); ok {
		return true
	}
	if len(p) >= shortHeader && (p[0] == idFrozen || p[0] == idChecksum) && p[2] == 0 {
		return true
	}
	return s.solid(off) == off && s.padding(off)
}

// padding: only erased flash or zeros follow.
func (s stream) padding(off int64) bool {
	var buf [4096]byte
	for off = s.solid(off); off < s.size; off = s.solid(off) {
		n, _ := s.ReadAt(buf[:s.run(off, len(buf))], off)
		if n == 0 {
			return true
		}
		if slices.ContainsFunc(buf[:n], func(c byte) bool { return c != 0 && c != 0xff }) {
			return false
		}
		off += int64(n)
	}
	return true
}

// resync finds the next plausible memory header, whose region must fit into
// what is left; the end of the stream if there is none.
func (s stream) resync(off int64, ptr int) int64 {
	if ptr == 0 {
		return s.size
	}
	// Chunks grow, since the next header is mostly near.
	chunk, header := 256, memoryHeader(ptr)
	for off = s.solid(off); off < s.size; off, chunk = s.solid(off), min(2*chunk, 64<<10) {
		p := s.intact(off, chunk)
		for i := 0; i+header <= len(p); i++ {
			j := bytes.Index(p[i:], []byte{idMemory, 1, 0})
			if j < 0 {
				break
			}
			i += j
			if start, end, ok := parseMemory(p[i:], ptr); ok && end-start <= uint64(s.size-off-int64(i)) {
				return off + int64(i)
			}
		}
		off += int64(max(1, len(p)-header+1)) // one may begin in the last bytes
	}
	return s.size
}

// block reads one block at off and returns where the next begins.
func (b *builder) block(s stream, off int64) (next int64, ok bool) {
	ptr := b.ptrSize()
	p := s.intact(off, memoryHeader(8))
	at := s.pos(off)
	if len(p) == 0 {
		return off, false
	}
	switch p[0] {
	case idRegisters, idKernel, idHexagon, idInfo:
		// They stand before all memory; what looks like one behind it is a byte
		// of memory that lost bytes have moved there.
		if len(p) < shortHeader || p[2] != 0 || b.ptr > 0 || (p[0] == idRegisters && b.regSeen) || (p[0] == idKernel && b.kernelSz > 0) {
			return off, false
		}
		size := int(binary.LittleEndian.Uint16(p[3:]))
		data := s.peek(off+shortHeader, size)
		b.payload(p[0], int(p[1]), size, at, []chunk{{0, data, elfcore.Known}}, off+shortHeader)
		if len(data) < size {
			b.cut(s, fmt.Sprintf("block '%c' of %d bytes", p[0], size), len(data))
		}
		return off + shortHeader + int64(len(data)), true
	case idMemory:
		if ptr == 0 {
			ptr = s.guessPtr(off)
		}
		start, end, ok := parseMemory(p, ptr)
		if !ok {
			return off, false
		}
		b.ptr = ptr
		from := off + int64(memoryHeader(ptr))
		have := uint64(s.size - from)
		if want := end - start; have >= want {
			have = want
		} else {
			b.cut(s, fmt.Sprintf("memory 0x%x-0x%x", start, end), int(have))
		}
		b.regions = append(b.regions, region{start: start, end: end, at: at,
			file: io.NewSectionReader(s, from, int64(have)), have: have, streamOff: from})
		return from + int64(have), true
	case idFrozen:
		if ptr == 0 || len(p) < 5 || p[2] != 0 {
			return off, false
		}
		n := int(binary.LittleEndian.Uint16(p[3:]))
		if n > 0 && b.regSeen && n != b.regSize {
			return off, false // not of the CPU's layout
		}
		n += frozenHeader(ptr)
		data := s.peek(off, n)
		switch {
		case len(data) < n:
			b.cut(s, "block 'F'", len(data))
		case len(s.intact(off, n)) == n:
			b.frozen = append(b.frozen, data)
		}
		return off + int64(len(data)), true
	case idChecksum:
		// It is the last block: a second one would be hashed all over again.
		if len(p) < checksumHeader || p[1] != 1 || p[2] != 0 || b.summed || b.lossy && !s.padding(off+checksumHeader) {
			return off, false
		}
		if b.summed = true; len(s.holes) == 0 {
			b.checksum(s, off, binary.LittleEndian.Uint32(p[3:]), at)
		}
		return off + checksumHeader, true
	}
	return off, false
}

// guessPtr picks the pointer size of a dump whose file header is lost.
func (s stream) guessPtr(off int64) int {
	for _, ptr := range []int{4, 8} {
		if start, end, ok := parseMemory(s.peek(off, memoryHeader(ptr)), ptr); ok && end-start <= uint64(s.size-off) {
			return ptr
		}
	}
	return 4
}

// payload stores what survived of a register or kernel block, which stands at
// off of the stream.
func (b *builder) payload(id byte, version, size int, at elfcore.Pos, chunks []chunk, off int64) {
	switch id {
	case idRegisters:
		b.registers, b.regSize, b.regVer, b.regAt, b.regSeen, b.regOff = chunks, size, version, at, true, off
	case idKernel:
		b.kernel, b.kernelSz, b.kernelAt, b.kernelOff = chunks, size, at, off
	default:
		b.report(elfcore.Info, "zephyr.block-skipped", at, fmt.Sprintf("block '%c' of %d bytes", id, size), "", "skipped")
	}
}

// cut reports that the stream ends within a block.
func (b *builder) cut(s stream, what string, have int) {
	b.cutOff = true
	b.report(elfcore.Loss, "zephyr.truncated", s.pos(s.size), fmt.Sprintf("the dump ends %d bytes into %s", have, what), "",
		"what is there is kept")
}

// doubtLast makes the block before the current place suspect: where lines can
// be lost unseen, it swallowed what belongs behind it.
func (b *builder) doubtLast() {
	doubt := func(list []chunk) {
		for i := range list {
			list[i].state = elfcore.Suspect
		}
	}
	switch {
	case len(b.regions) > 0:
		b.regions[len(b.regions)-1].doubt = true
	case b.kernelSz > 0:
		doubt(b.kernel)
	default:
		doubt(b.registers)
	}
}
