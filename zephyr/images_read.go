package zephyr

import (
	"fmt"
	"slices"

	"corelift/elfcore"
	"corelift/internal/format"
)

// readImage reads one of the dumps that findImages found.
func readImage(in format.Input, h format.Hit) (*builder, error) {
	if p, ok := packetsAt(in, h.Off); ok {
		return readDatagrams(p, h.Off, h.Off+h.Len)
	}
	in.Size = min(in.Size, h.Off+h.Len)
	m, err := imageAt(in, gapsIn(in, h.Off, h.Len), h.Off)
	if err != nil {
		return nil, err
	}
	m.measure(freeSpace)
	b := &builder{source: in.Name, hint: in.CPU, backend: m.backend(), headerAt: elfcore.Pos{Off: m.start}}
	m.judge(b)
	m.judgeGaps(b, readStream(b, m.stream()))
	m.judgeEnd(b)
	return b, nil
}

// imageAt opens the image that begins at off: the one of findImages, which
// also took the first stream that a container can belong to.
func imageAt(in format.Input, holes []hole, off int64) (*image, error) {
	at := []int{0}
	for i := range containers {
		at = append(at, containers[i].streams...)
	}
	slices.Sort(at)
	for _, n := range at {
		start := off + int64(n)
		var p [fileHeaderSize]byte
		got, _ := in.ReadAt(p[:max(0, min(fileHeaderSize, in.Size-start))], start)
		h, ok := parseFileHeader(p[:got])
		if !ok || !h.plausible() {
			continue
		}
		if m, err := openImage(in, holes, start, off, h); err != nil || m.off == off {
			return m, err
		}
	}
	return nil, fmt.Errorf("%s: no Zephyr dump begins at offset 0x%x", in.Name, off)
}

// backend names what wrote the image, as far as it tells.
func (m *image) backend() string {
	switch {
	case m.container != nil:
		return fmt.Sprintf("%s, stream at +%d", m.name, m.start-m.off)
	case m.plain():
		return "file"
	}
	return ""
}

// judge reports what speaks against the image.
func (m *image) judge(b *builder) {
	at := elfcore.Pos{Off: m.off}
	declared := m.declared()
	switch {
	case m.sized:
	case m.container == nil:
		b.report(elfcore.Warning, "zephyr.unverified", at, "a stream without a backend's header", "",
			"taken as far as its blocks go: the board may have been reset before the dump was complete")
	case m.sizeAt == 0:
		b.report(elfcore.Warning, "zephyr.unverified", at, m.name+", which does not tell where the dump ends", "",
			"taken as far as blocks follow one another: the last ones may be left from an older dump")
	case m.canary && declared >= fileHeaderSize && declared <= uint64(m.in.Size-m.start):
		b.report(elfcore.Loss, "zephyr.end-canary", at, fmt.Sprintf("no canary behind a dump of %d bytes", declared), "de b0 de b0",
			"the size is not trusted, the dump taken as far as its blocks go")
	default:
		b.report(elfcore.Loss, "zephyr.size", at, fmt.Sprintf("the header says %d bytes", declared),
			fmt.Sprintf("up to the %d that follow", m.in.Size-m.start), "taken as far as its blocks go")
	}
	if code := m.failed(); code != 0 {
		b.report(elfcore.Loss, "zephyr.backend-error", at, fmt.Sprintf("the target stored error %d", code), "0",
			"what is there is kept")
	}
	if holds, known := m.proven(); known && !holds {
		b.report(elfcore.Loss, "zephyr.checksum", at, "the bytes do not sum up", fmt.Sprintf("0x%04x", m.storedSum()),
			"some byte of the dump is wrong; which one can't be told")
	}
}

// judgeGaps reports the bytes of the stream that the image has no record for.
// In a file the dump ends with its blocks, at end.
func (m *image) judgeGaps(b *builder, end int64) {
	for _, h := range m.stream().holes {
		from, to := max(h.off, m.start), min(h.off+h.size, m.start+m.size)
		if m.plain() && from > end {
			break
		}
		b.report(elfcore.Loss, "zephyr.gap", elfcore.Pos{Off: from},
			fmt.Sprintf("the image has nothing for 0x%x-0x%x, which the dump takes", m.in.Base+uint64(from), m.in.Base+uint64(to)), "", "left out")
	}
}

// codefusionCuts are the sizes, in bytes, of what CodeFusion Studio cuts off.
//
// Folklore: CodeFusion Studio 2.2.1 rewrites a raw read of the flash partition
// in place. It takes the dump to begin 8 bytes behind the partition's start
// instead of round_up(16, write block), so it cuts the end off. Test:
// TestCodeFusion.
var codefusionCuts = []uint64{16 - 8, 32 - 8, 64 - 8, 128 - 8, 256 - 8, 512 - 8}

// judgeEnd explains the end of a stream that was read.
func (m *image) judgeEnd(b *builder) {
	at := elfcore.Pos{Off: m.start + m.size}
	if m.canaried() && m.end == m.start+m.size+int64(len(canary)) {
		b.report(elfcore.Warning, "zephyr.buffer-full", at, "the dump fills its buffer", "free space behind it",
			"later blocks were dropped by the target: raise CONFIG_DEBUG_COREDUMP_BACKEND_IN_MEMORY_SIZE")
	}
	if !b.cutOff || len(b.regions) == 0 {
		return
	}
	last := b.regions[len(b.regions)-1]
	if m.plain() && last.file != nil && slices.Contains(codefusionCuts, last.end-last.start-last.have) {
		b.report(elfcore.Warning, "zephyr.codefusion", at, fmt.Sprintf("exactly %d bytes are missing", last.end-last.start-last.have), "",
			"kept as it is: CodeFusion Studio cuts this much off; read the flash partition again with another tool to get all")
	}
	if m.container != nil && m.skips {
		// Folklore: the target skips a payload that does not fit, but not the
		// headers and payloads after it, which stand in its place then. Test:
		// TestRetainedSkips.
		b.doubtLast()
		b.report(elfcore.Loss, "zephyr.payload-skipped", at, "the last block is cut, and this backend goes on with the next one",
			"", "the block's bytes are suspect")
	}
}
