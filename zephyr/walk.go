package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"corelift/elfcore"
)

// walk reads the blocks of a dump from its lines. A target begins a fresh line
// for every block header and every payload, and fills lines with 32 bytes, so
// lines tell where blocks begin and how many of them were lost (zephyr.md 1.5).
// While a block's own lines are consistent nothing inside it is looked at:
// dumped stacks hold copies of the dumper's own headers.
type walk struct {
	*builder
	*lineStore
	ended bool // the END marker was seen
}

// readLines reads every block. ended tells whether the dump's end was marked.
func readLines(b *builder, l *lineStore, ended bool) {
	if l.ragged() {
		readRagged(b, l, ended)
		return
	}
	w := walk{b, l, ended}
	stray := 0 // first of the lines that no block header leads
	for i := 0; i < l.len(); {
		regions := len(w.regions)
		next, ok := w.block(i)
		if !ok {
			i++
			continue
		}
		w.strays(stray, i, regions)
		stray, i = next, next
	}
	w.strays(stray, l.len(), len(w.regions))
}

// strays deals with lines that no block header leads. regions is how many
// stand before them.
func (w walk) strays(from, to, regions int) {
	if from == to {
		return
	}
	if regions > 0 {
		doubtRepeated(&w.regions[regions-1], from, to-from)
	}
	w.report(elfcore.Loss, "zephyr.stray-lines", w.pos(from),
		fmt.Sprintf("%d lines, to line %d, that no block header leads", to-from, w.pos(to-1).Line), "a block",
		"left out: a block whose header line is lost, or a callback device's output")
}

// doubtRepeated: a few lines follow a region that is there in full. If it holds
// a run of as many lines twice in a row, that run may have been delivered
// twice, and have pushed the region's own last lines out of it.
func doubtRepeated(r *region, from, lines int) {
	const most = 8 // lines that a log collector may deliver again
	if lines > most || r.next != from || len(r.chunks) != 1 || r.chunks[0].state != elfcore.Known {
		return
	}
	data, equal := r.chunks[0].data, 0
	for off := 0; off+(lines+1)*lineBytes <= len(data); off += lineBytes {
		if equal++; !bytes.Equal(data[off:off+lineBytes], data[off+lines*lineBytes:][:lineBytes]) {
			equal = 0
		}
		if end := off + lineBytes; equal == lines { // behind the run's first copy
			r.chunks = []chunk{{0, data[:end], elfcore.Known}, {end, data[end:], elfcore.Suspect}}
			return
		}
	}
}

// isHeader tells whether line i has the shape of a block header.
func (w walk) isHeader(i int) bool {
	line := w.at(i)
	if line.bad || len(line.data) == 0 {
		return false
	}
	n := len(line.data)
	switch line.data[0] {
	case 'Z':
		h, ok := parseFileHeader(line.data)
		return n == fileHeaderSize && ok && h.plausible()
	case idRegisters, idKernel, idHexagon, idInfo:
		return n == shortHeader && line.data[2] == 0
	case idMemory:
		ptr := w.linePtr(n)
		if ptr == 0 || n != memoryHeader(ptr) {
			return false
		}
		_, _, ok := parseMemory(line.data, ptr)
		return ok
	case idFrozen:
		return (n == frozenHeader(4) || n == frozenHeader(8)) && line.data[2] == 0
	case idChecksum:
		return n == checksumHeader && line.data[2] == 0
	}
	return false
}

// linePtr is the pointer size; where the file header is lost the length of the
// memory header's own line tells.
func (w walk) linePtr(n int) int {
	if ptr := w.ptrSize(); ptr > 0 {
		return ptr
	}
	switch n {
	case memoryHeader(4):
		return 4
	case memoryHeader(8):
		return 8
	}
	return 0
}

// block reads the block whose header is line i and returns the line after it.
func (w walk) block(i int) (next int, ok bool) {
	if !w.isHeader(i) {
		return i, false
	}
	line := w.at(i)
	p := line.data
	switch p[0] {
	case 'Z':
		if w.header != nil {
			return i, false
		}
		h, _ := parseFileHeader(p)
		w.builder.header, w.headerAt = &h, line.at
		return w.orphan(i + 1), true
	case idRegisters, idKernel, idHexagon, idInfo:
		if p[0] == idRegisters && w.regSeen || p[0] == idKernel && w.kernelSz > 0 {
			return i, false
		}
		size := int(binary.LittleEndian.Uint16(p[3:]))
		chunks, next := w.payloadLines(i+1, size, 0, fmt.Sprintf("block '%c'", p[0]))
		w.payload(p[0], int(p[1]), size, line.at, chunks, 0)
		return next, true
	case idMemory:
		w.ptr = w.linePtr(len(p))
		start, end, _ := parseMemory(p, w.ptr)
		if end-start > uint64(int64(w.len()-i)*lineBytes)+maxLost {
			// More than this log could ever hold: clip what is kept.
			end = start + uint64(int64(w.len()-i)*lineBytes) + maxLost
		}
		chunks, next := w.payloadLines(i+1, int(end-start), start, fmt.Sprintf("memory 0x%x-0x%x", start, end))
		w.regions = append(w.regions, region{start: start, end: end, at: line.at, chunks: chunks, next: next})
		return next, true
	case idFrozen:
		head := len(p)
		size := int(binary.LittleEndian.Uint16(p[3:]))
		chunks, next := w.payloadLines(i+1, size, 0, "block 'F'")
		if body, ok := whole(chunks, size); ok || size == 0 {
			w.frozen = append(w.frozen, append(append(make([]byte, 0, head+size), p...), body...))
		}
		return next, true
	default: // idChecksum
		// It is the last block: a second one would be hashed all over again.
		if w.summed {
			return i, false
		}
		w.summed = true
		if r := w.runs[w.run(i)]; !damaged(w.diags) {
			w.checksum(w.stream(), int64(r.pos+(i-r.first)*r.size), binary.LittleEndian.Uint32(p[3:]), line.at)
		}
		return i + 1, true
	}
}

// maxLost bounds what a region may claim beyond the bytes that the log has.
const maxLost = 1 << 30

// damaged tells whether bytes are known to be lost, in which case a checksum
// over the rest says nothing.
func damaged(list []elfcore.Diagnostic) bool {
	for i := range list {
		if list[i].Severity == elfcore.Loss {
			return true
		}
	}
	return false
}

// orphan reads the register block where its header line was lost: the lines
// between the file header and the next block header. Its size must then tell
// the layout.
func (w walk) orphan(i int) int {
	if i >= w.len() || w.isHeader(i) {
		return i
	}
	j := w.nextHeader(i)
	if j == w.len() {
		return i
	}
	size := 0
	for k := i; k < j; k++ {
		size += len(w.at(k).data)
	}
	pos, count, ok := w.exact(i, size)
	if h := w.builder.header; !ok || count != j-i || !fitsOrphan(int(h.target), size, h.bits) {
		return i
	}
	at := w.pos(i)
	w.report(elfcore.Loss, "zephyr.header-lost", at, "the header line of the register block is lost", "", "its size tells the layout")
	w.registers, w.regSize, w.regVer, w.regAt, w.regSeen = []chunk{{0, w.data[pos : pos+size], elfcore.Known}}, size, -1, at, true
	return j
}

// fitsOrphan tells whether size alone tells the layout: a larger block whose
// first line is lost with the header would be as large.
func fitsOrphan(target, size int, bits uint8) bool {
	return len(inferBlocks(target, -1, size, bits)) > 0 && len(inferBlocks(target, -1, size+lineBytes, bits)) == 0
}

// nextHeader is the next line from i on that has a block header's shape.
func (w walk) nextHeader(i int) int {
	for i < w.len() && !w.isHeader(i) {
		// Full lines are never headers: step over a run of them at once.
		if r := w.runs[w.run(i)]; r.size == lineBytes {
			i = r.first + r.count
			continue
		}
		i++
	}
	return i
}

// payloadLines reads a payload of n bytes from line i on. If its lines are
// not exactly what a target writes, some were lost, damaged or repeated:
//   - a damaged line whose place is certain leaves a hole of its size;
//   - lines missing at the end, or at the end of a dump that was cut off, leave
//     the rest exact;
//   - lines missing or too many somewhere else leave the bytes suspect: each
//     may belong some lines further on or back. Only a last line that is
//     shorter than the others is where it belongs, if one line is missing.
//
// start is the payload's address, 0 if it is not memory.
func (w walk) payloadLines(i, n int, start uint64, what string) (chunks []chunk, next int) {
	if n == 0 {
		return nil, i
	}
	if pos, count, ok := w.exact(i, n); ok {
		return []chunk{{0, w.data[pos : pos+n : pos+n], elfcore.Known}}, i + count
	}
	next = w.nextHeader(i)
	want, have := (n+lineBytes-1)/lineBytes, next-i
	lost := want - have
	if have == 0 {
		w.report(elfcore.Loss, "zephyr.lines-lost", w.pos(i-1), what+": none of its lines is there", fmt.Sprintf("%d lines", want), "left out")
		return nil, next
	}
	lastSize := n - (want-1)*lineBytes
	endsAt := func(k int) bool { // line k is the payload's last one
		return lastSize < lineBytes && k < next && w.shape(k) == lastSize
	}
	first, last := w.pos(i), w.pos(next-1)
	report := func(code, found, done string) {
		w.report(elfcore.Loss, code, first, found, fmt.Sprintf("%d bytes", n), fmt.Sprintf("%d bytes kept", kept(chunks))+done)
	}
	switch cut := next == w.len() && !w.ended; {
	case lost == 0 || lost < 0 && (endsAt(i+want-1) || lastSize == lineBytes && w.oddLines(i, want) != -lost):
		// What follows is not of this block, or as many lines as are odd would.
		chunks = w.slots(i, want, n)
		report("zephyr.line-damaged", fmt.Sprintf("%s: damaged lines among lines %d to %d", what, first.Line, last.Line), "")
		return chunks, i + want
	case lost > 0 && cut:
		chunks = w.slots(i, have, n)
		first = last
		report("zephyr.truncated", fmt.Sprintf("%s: the dump ends at line %d", what, last.Line), "")
		return chunks, next
	case lost > 0 && lastSize < lineBytes && w.shape(next-1) == lineBytes:
		lost-- // the last line is lost for certain
	}
	if lost == 0 {
		chunks = w.slots(i, have, n)
		first = last
		report("zephyr.lines-lost", fmt.Sprintf("%s: its last line, after line %d, is lost", what, last.Line), "")
		return chunks, next
	}
	for k := range min(have, want) {
		if w.shape(i+k) == lineBytes && (k+1)*lineBytes <= n {
			chunks = joinChunk(chunks, chunk{k * lineBytes, w.at(i + k).data, elfcore.Suspect})
		}
	}
	if endsAt(next-1) && lost == 1 {
		// More than one lost line may have taken a header with them, and this be
		// the last line of the block behind it.
		chunks = append(chunks, chunk{n - lastSize, w.at(next - 1).data, elfcore.Known})
	}
	if lost < 0 {
		report("zephyr.lines-repeated", fmt.Sprintf("%s: %d lines too many, somewhere in lines %d to %d", what, -lost, first.Line, last.Line), ", the rest is suspect")
		return chunks, next
	}
	chunks = realign(chunks, start, w.ptrSize(), lost)
	report("zephyr.lines-lost", fmt.Sprintf("%s: %d of %d lines are lost, somewhere in lines %d to %d", what, want-have, want, first.Line, last.Line), ", the rest is suspect")
	return chunks, next
}

// shape is the number of bytes of line i, -1 if it is damaged.
func (w walk) shape(i int) int {
	r := w.runs[w.run(i)]
	if r.bad {
		return -1
	}
	return r.size
}

// oddLines is how many of the count lines from i on are not full ones.
func (w walk) oddLines(i, count int) (n int) {
	for k := range count {
		if w.shape(i+k) != lineBytes {
			n++
		}
	}
	return n
}

// slots takes the first count lines of a payload of n bytes, whose places are
// certain; a damaged one or one of the wrong length leaves a hole.
func (w walk) slots(i, count, n int) (chunks []chunk) {
	for k := range count {
		if off := k * lineBytes; w.shape(i+k) == min(lineBytes, n-off) {
			chunks = joinChunk(chunks, chunk{off, w.at(i + k).data, elfcore.Known})
		}
	}
	return chunks
}

// joinChunk appends a chunk, extending the last one if it runs on there. Lines
// are handed out with their capacity cut off, so extending copies.
func joinChunk(chunks []chunk, c chunk) []chunk {
	if n := len(chunks); n > 0 {
		if last := &chunks[n-1]; last.state == c.state && last.off+len(last.data) == c.off {
			last.data = append(last.data, c.data...)
			return chunks
		}
	}
	return append(chunks, c)
}

func kept(chunks []chunk) (n int) {
	for _, c := range chunks {
		if c.state >= elfcore.Recovered {
			n += len(c.data)
		}
	}
	return n
}

// stream is the lines' bytes in a row.
func (w walk) stream() stream {
	return stream{ReaderAt: bytes.NewReader(w.data), size: int64(len(w.data)), pos: w.posOf}
}
