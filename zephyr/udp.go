package zephyr

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sort"

	"corelift/elfcore"
	"corelift/internal/format"
)

// The UDP backend (#108410, coredump_backend_logging_udp.c 3ac8ad0) sends each
// piece of the stream as a datagram with a header of its own. A capture of any
// kind holds them as they were sent, so they are found by their magic.
const (
	datagramMagic  = "ZCDU"
	datagramHeader = 16
	datagramMax    = 1024 // bytes of payload
	datagramEnd    = 1    // flag: the dump is complete; no payload
)

// datagram is one datagram of a capture.
type datagram struct {
	at   int64  // in the input
	off  uint32 // in the stream
	seq  uint32 // from 0
	size int    // bytes of payload
	kept int    // those that the capture has for sure
	next int64  // where it ends in the input
	end  bool
}

func (d datagram) cut() bool { return d.kept < d.size }

func (d datagram) payload() int64 { return d.at + datagramHeader }

// parseDatagram reads a datagram's header. Only the END one is empty, so that
// offset and sequence number vouch for each other.
func parseDatagram(p []byte) (d datagram, ok bool) {
	if len(p) < datagramHeader || string(p[:4]) != datagramMagic {
		return d, false
	}
	flags := binary.LittleEndian.Uint16(p[10:])
	d = datagram{off: binary.LittleEndian.Uint32(p[4:]), seq: binary.LittleEndian.Uint32(p[12:]),
		size: int(binary.LittleEndian.Uint16(p[8:])), end: flags == datagramEnd}
	return d, flags&^datagramEnd == 0 && d.size <= datagramMax && d.end == (d.size == 0) &&
		d.off >= d.seq && uint64(d.off) <= uint64(d.seq)*datagramMax
}

// datagramScanner finds the datagrams of a capture in the order in which they
// arrived.
type datagramScanner struct {
	packets packets
	next    int64 // where the last one ends
	buf     [datagramMax]byte
}

// at is the datagram that begins at off, whose first bytes are head.
func (s *datagramScanner) at(off int64, head []byte) (d datagram, ok bool) {
	if off < s.next {
		return d, false
	}
	if d, ok = parseDatagram(head); !ok {
		return d, false
	}
	s.packets.seek(off)
	d.at = off
	room := s.packets.to - d.payload()
	if off < s.packets.from || room < 0 {
		return d, false
	}
	d.kept = int(min(int64(d.size), room))
	d.next = d.payload() + int64(d.kept)
	if !s.packets.known() {
		s.cut(&d)
	}
	s.next = d.next
	return d, true
}

// cut tells whether the next datagram begins within this one.
//
// Folklore: a datagram's payload may hold headers of datagrams, since the
// backend builds them on the stack that it sends. Only a header that goes on
// where this datagram ends is not such a copy: the capture was made with a
// snap length and this datagram is cut short. Where its bytes end is not known
// in a capture of an unknown kind. Test: TestDatagramCut.
func (s *datagramScanner) cut(d *datagram) {
	payload := s.buf[:d.kept]
	n, _ := s.packets.in.ReadAt(payload, d.payload())
	for i := 0; ; i++ {
		j := bytes.Index(payload[i:n], []byte(datagramMagic))
		if j < 0 {
			return
		}
		i += j
		var p [datagramHeader]byte
		got, _ := s.packets.in.ReadAt(p[:], d.payload()+int64(i))
		if follows, ok := parseDatagram(p[:got]); ok && follows.seq == d.seq+1 && follows.off == d.off+uint32(d.size) {
			d.kept, d.next = 0, d.payload()+int64(i)
			return
		}
	}
}

// How far the network may move a datagram within a dump, and how soon a
// capture or the network repeats one. Further away it is another dump's.
const (
	reorderReach = 16
	repeatReach  = 4
)

// session is one dump's datagrams, which stand together in a capture.
type session struct {
	first, end int64  // in the input
	top        uint32 // the highest sequence number
	recent     uint32 // bit k: top-k was seen
	seen       int    // different ones
	ended      bool
	cut        bool
	begins     bool // its first datagram has the file header
}

// take adds a datagram, unless it belongs to another dump: a target counts
// from 0 for each.
func (s *session) take(d datagram) bool {
	switch behind := int64(s.top) - int64(d.seq); {
	case s.seen == 0:
		s.first, s.top, s.recent, s.seen = d.at, d.seq, 1, 1
	case behind < 0:
		if s.ended {
			return false
		}
		s.top, s.recent = d.seq, s.recent<<min(-behind, 32)|1
		s.seen++
	case behind >= reorderReach || s.ended && d.seq == 0:
		return false
	case s.recent>>behind&1 == 0:
		s.recent |= 1 << behind
		s.seen++
	case behind > repeatReach:
		return false
	}
	s.end = max(s.end, d.next)
	s.ended = s.ended || d.end
	s.cut = s.cut || d.cut()
	return true
}

// sessionFinder collects the dumps of a capture.
type sessionFinder struct {
	datagrams datagramScanner
	list      []session
}

// visit looks at the bytes at off, which may be a datagram's.
func (f *sessionFinder) visit(off int64, head []byte) {
	d, ok := f.datagrams.at(off, head)
	if !ok {
		return
	}
	last := int64(0) // where the dump before ends
	if n := len(f.list); n > 0 {
		if f.list[n-1].take(d) {
			return
		}
		last = f.list[n-1].end
	}
	h, ok := parseFileHeader(head[datagramHeader:min(len(head), datagramHeader+d.kept)])
	s := session{begins: d.seq == 0 && ok && h.plausible()}
	s.take(d)
	if p := &f.datagrams.packets; p.known() && p.at >= last {
		s.first = p.at
	}
	f.list = append(f.list, s)
}

// hits lists the dumps. A single datagram may be anything unless a dump begins
// with it. sure tells that datagrams are what was captured: they are not left
// in a memory.
func (f *sessionFinder) hits() (hits []format.Hit, sure bool) {
	sure = f.datagrams.packets.kind != notPackets
	for _, s := range f.list {
		if s.seen > 1 || s.begins {
			hits = append(hits, format.Hit{Off: s.first, Len: s.end - s.first, Score: 90,
				Whole: s.ended && !s.cut && int64(s.seen) == int64(s.top)+1})
			sure = sure || s.seen > 1 || s.first == 0
		}
	}
	return hits, sure
}

// readDatagrams reads the dump whose datagrams begin between from and to.
func readDatagrams(p packets, from, to int64) (*builder, error) {
	in := p.in
	b := &builder{source: in.Name, hint: in.CPU, backend: "UDP datagrams", headerAt: elfcore.Pos{Off: from}}
	var list []datagram
	end := int64(-1) // size of the stream by the END datagram
	scanner := datagramScanner{packets: p}
	err := eachInitial(in, from, to, func(off int64, head []byte) {
		switch d, ok := scanner.at(off, head); {
		case !ok:
		case d.end:
			end = int64(d.off)
		case d.cut():
			b.report(elfcore.Loss, "zephyr.datagram-cut", elfcore.Pos{Off: d.at}, fmt.Sprintf("a datagram of %d bytes was captured in part", d.size),
				"", fmt.Sprintf("%d bytes are kept: capture again without a snap length", d.kept))
			if d.size = d.kept; d.size > 0 {
				list = append(list, d)
			}
		default:
			list = append(list, d)
		}
	})
	if err != nil {
		return nil, err
	}
	if end < 0 {
		b.report(elfcore.Loss, "zephyr.no-end", elfcore.Pos{Off: to}, "no END datagram", "", "the dump may be cut off here")
	}
	readStream(b, b.assemble(in, list, end))
	return b, nil
}

// piece is a run of a stream's bytes and where it stands in the input.
type piece struct {
	off, at int64
	size    int64
}

// pieces is a stream in pieces, ascending and disjoint. It reads zeros between
// them.
type pieces struct {
	in   io.ReaderAt
	list []piece
}

// before is the number of pieces that begin at off or before.
func (p *pieces) before(off int64) int {
	return sort.Search(len(p.list), func(k int) bool { return p.list[k].off > off })
}

// ReadAt fills all of buf, from wherever the pieces stand.
func (p *pieces) ReadAt(buf []byte, off int64) (int, error) {
	clear(buf)
	end := off + int64(len(buf))
	for _, k := range p.list[max(0, p.before(off)-1):] {
		from, to := max(off, k.off), min(end, k.off+k.size)
		if k.off >= end {
			break
		}
		if from >= to {
			continue
		}
		if n, err := p.in.ReadAt(buf[from-off:to-off], k.at+from-k.off); int64(n) < to-from {
			return int(from-off) + n, err
		}
	}
	return len(buf), nil
}

// pos is where a byte of the stream stands, or would, had it not been lost.
func (p *pieces) pos(off int64) elfcore.Pos {
	k := p.before(off) - 1
	if k < 0 {
		return elfcore.Pos{Off: -1}
	}
	return elfcore.Pos{Off: p.list[k].at + min(off-p.list[k].off, p.list[k].size)}
}

// maxGaps bounds, in bytes, how much of a stream can be lost, so that made-up
// offsets cost nothing.
const maxGaps = 64 << 20

// assemble puts datagrams where they belong. end is the size of the stream, -1
// if it is not known. Datagrams that differ about a byte leave a hole.
func (b *builder) assemble(in format.Input, list []datagram, end int64) stream {
	slices.SortStableFunc(list, func(x, y datagram) int { return cmp.Compare(x.off, y.off) })
	limit := int64(maxGaps)
	for _, d := range list {
		limit += int64(d.size)
	}
	p := &pieces{in: in}
	var holes []hole
	size := int64(0)
	for _, d := range list {
		off, to := int64(d.off), int64(d.off)+int64(d.size)
		if to > limit {
			b.report(elfcore.Loss, "zephyr.datagram-offset", elfcore.Pos{Off: d.at}, fmt.Sprintf("offset 0x%x", d.off), "", "this datagram is left out")
			continue
		}
		if off > size {
			holes = append(holes, b.gap(p, size, off))
		}
		if off < size {
			if at := b.conflict(p, d, min(to, size)); at.size > 0 {
				holes = append(holes, at)
			}
		}
		if to > size {
			from := max(off, size)
			p.list = append(p.list, piece{from, d.payload() + from - off, to - from})
			size = to
		}
	}
	if end = min(end, limit); end > size {
		holes = append(holes, b.gap(p, size, end))
		size = end
	}
	return stream{ReaderAt: p, size: size, pos: p.pos, holes: joinHoles(holes)}
}

// gap reports that no datagram brought the bytes off..end.
func (b *builder) gap(p *pieces, off, end int64) hole {
	b.report(elfcore.Loss, "zephyr.datagrams-lost", p.pos(off), fmt.Sprintf("no datagram brings bytes 0x%x-0x%x of the dump", off, end), "", "left out")
	return hole{off, end - off}
}

// conflict is where the start of a datagram, up to the stream's byte end,
// differs from what others brought; its size is 0 if it does not.
func (b *builder) conflict(p *pieces, d datagram, end int64) hole {
	var mine, theirs [datagramMax]byte
	n := end - int64(d.off)
	if got, err := p.in.ReadAt(mine[:n], d.payload()); int64(got) < n && err != nil {
		return hole{}
	}
	if _, err := p.ReadAt(theirs[:n], int64(d.off)); err != nil {
		return hole{}
	}
	first, last := int64(-1), int64(0)
	for i := range n {
		if mine[i] != theirs[i] {
			if first < 0 {
				first = i
			}
			last = i + 1
		}
	}
	if first < 0 {
		return hole{}
	}
	at := hole{int64(d.off) + first, last - first}
	b.report(elfcore.Loss, "zephyr.datagram-conflict", elfcore.Pos{Off: d.payload() + first},
		fmt.Sprintf("bytes 0x%x-0x%x of the dump were sent twice with different contents", at.off, at.off+at.size), "", "left out")
	return at
}

// joinHoles makes a list of holes ascending and disjoint.
func joinHoles(list []hole) (out []hole) {
	slices.SortFunc(list, func(x, y hole) int { return cmp.Compare(x.off, y.off) })
	for _, h := range list {
		if n := len(out); n > 0 && h.off <= out[n-1].off+out[n-1].size {
			out[n-1].size = max(out[n-1].size, h.off+h.size-out[n-1].off)
			continue
		}
		out = append(out, h)
	}
	return out
}
