package zephyr

import (
	"encoding/binary"

	"corelift/internal/format"
)

// findImages finds the dumps in bytes that are not text: files, flash and
// memory images of any size, captured datagrams. Datagrams come first, as what
// they carry would pass for images (zephyr.md 4.7); but memory holds a stale one
// now and then.
func findImages(in format.Input) ([]format.Hit, error) {
	images := imageFinder{in: in, holes: gapsIn(in, 0, in.Size), budget: in.Size + 4*freeSpace}
	sessions := sessionFinder{datagrams: datagramScanner{packets: openPackets(in)}}
	err := eachInitial(in, 0, in.Size, func(off int64, head []byte) {
		images.visit(off, head)
		sessions.visit(off, head)
	})
	if err == nil {
		err = images.err
	}
	if hits, sure := sessions.hits(); sure || err != nil || len(images.hits) == 0 {
		return hits, err
	}
	return images.hits, nil
}

// freeSpace is how far behind an in-memory dump its end canary is looked for.
const freeSpace = 1 << 20

// imageFinder collects images. What lies within one is not looked at: memory
// holds copies of headers.
type imageFinder struct {
	in     format.Input
	holes  []hole // of the input
	hits   []format.Hit
	next   int64 // nothing before it
	bare   int64 // no bare streams before it
	budget int64 // bytes that may be read behind the blocks of what is found; keeps hostile images linear
	err    error
}

// visit looks at the bytes at off, which may be a stream's header.
func (f *imageFinder) visit(off int64, head []byte) {
	if off < f.next || f.err != nil {
		return
	}
	h, ok := parseFileHeader(head)
	if !ok || !h.plausible() {
		return
	}
	m, err := openImage(f.in, f.holes, off, f.next, h)
	if err != nil {
		f.err = err
		return
	}
	bare := m.container == nil && !m.plain()
	if bare && (off < f.bare || !h.leads(head[fileHeaderSize:]) || f.sent(off)) {
		return
	}
	f.add(m, bare)
}

// sent tells whether the stream at off is the payload of a datagram: it ends
// with that, and the capture goes on with bytes of its own.
func (f *imageFinder) sent(off int64) bool {
	var p [datagramHeader]byte
	n, _ := f.in.ReadAt(p[:], max(0, off-datagramHeader))
	_, ok := parseDatagram(p[:n])
	return ok
}

func (f *imageFinder) add(m *image, bare bool) {
	m.measure(min(freeSpace, f.budget))
	holds, summed := false, false
	if m.size <= max(m.blocks, f.budget) {
		holds, summed = m.proven()
	}
	proven := holds || m.canaried()
	if m.container != nil && !proven {
		f.budget = max(0, f.budget-max(0, m.size-m.blocks)-freeSpace)
	}

	if n := len(f.hits); n > 0 {
		last := &f.hits[n-1]
		last.Len = min(last.Len, m.off-last.Off)
	}
	f.hits = append(f.hits, format.Hit{Off: m.off, Len: m.end - m.off, Score: m.score(proven),
		Whole: m.sized && !m.cut && m.failed() == 0 && (holds || !summed) && len(m.stream().holes) == 0})

	f.next, f.bare = m.start+m.blocks, m.end
	switch {
	case proven:
		f.next = m.end
	case m.plain():
		f.bare = m.blocks
	case !m.sized:
		// Its last block may have been cut off by another dump.
		f.next = m.start + m.last
	}
}

// canaried: canaries stand on both ends.
func (m *image) canaried() bool { return m.container != nil && m.canary && m.sized }

// score is how sure it is that this is a dump, as format.Hit has it.
func (m *image) score(proven bool) int {
	switch {
	case proven:
		return 100
	case m.plain():
		return 90
	case m.container != nil:
		return 80
	}
	return 60
}

// leads tells whether p is the header of a block that can follow a file
// header. A bare stream needs it as a proof.
func (h fileHeader) leads(p []byte) bool {
	if len(p) < shortHeader {
		return false
	}
	version, size := binary.LittleEndian.Uint16(p[1:]), int(binary.LittleEndian.Uint16(p[3:]))
	switch p[0] {
	case idRegisters:
		_, ok := findBlock(h.target, h.bits, version, size)
		return ok
	case idKernel:
		return version == 1 && size > 0
	}
	_, _, ok := parseMemory(p, 1<<(h.bits-3))
	return ok
}
