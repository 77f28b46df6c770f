package capture

import (
	"bufio"
	"fmt"
	"io"
	"sort"

	"corelift/elfcore"
	"corelift/internal/format"
)

const (
	maxPieces = 1 << 20    // of an image
	maxRuns   = 1 << 10    // inputs that an image yields
	maxGap    = 64 << 10   // bytes that may be missing within an input
	erased    = byte(0xff) // what erased flash reads
)

// image is flash contents that come in pieces with target addresses.
type image struct {
	out    *output
	buffer *bufio.Writer
	size   int64 // bytes added
	pieces []piece
}

// piece is size bytes for addr, at off of the output.
type piece struct {
	addr      uint64
	off, size int64
}

func (o *opener) image() *image {
	out := o.output()
	return &image{out: out, buffer: bufio.NewWriterSize(out, 64<<10)}
}

// add appends a record.
func (m *image) add(addr uint64, data []byte) error {
	if _, err := m.buffer.Write(data); err != nil {
		return err
	}
	n := int64(len(data))
	if last := len(m.pieces) - 1; last >= 0 && m.pieces[last].addr+uint64(m.pieces[last].size) == addr {
		m.pieces[last].size += n
	} else if len(m.pieces) == maxPieces {
		return &LimitError{m.out.o.name, "pieces of an image", maxPieces, asBinary}
	} else {
		m.pieces = append(m.pieces, piece{addr, m.size, n})
	}
	m.size += n
	return nil
}

// inputs makes an Input of each run. Gaps of up to 64 KiB do not end one; they
// are filled as erased flash and listed.
func (m *image) inputs() ([]format.Input, error) {
	if err := m.buffer.Flush(); err != nil {
		return nil, err
	}
	sort.SliceStable(m.pieces, func(i, j int) bool { return m.pieces[i].addr < m.pieces[j].addr })
	var runs []*run
	end, twice := uint64(0), 0
	for _, p := range m.pieces {
		if p.addr < end {
			twice++
			over := min(int64(end-p.addr), p.size)
			p = piece{p.addr + uint64(over), p.off + over, p.size - over}
		}
		if p.size == 0 {
			continue
		}
		gap := p.addr - end
		if len(runs) == 0 || gap > maxGap {
			if len(runs) == maxRuns {
				return nil, &LimitError{m.out.o.name, "runs of an image", maxRuns, asBinary}
			}
			runs = append(runs, &run{data: m.out, base: p.addr})
			gap = 0
		}
		r := runs[len(runs)-1]
		if gap > 0 {
			if err := m.out.o.charge(int(gap)); err != nil {
				return nil, err
			}
			r.gaps = append(r.gaps, elfcore.Range{Addr: elfcore.Addr(r.size), Size: gap})
		}
		r.pieces = append(r.pieces, p)
		end = p.addr + uint64(p.size)
		r.size = int64(end - r.base)
	}
	if twice > 0 {
		m.out.o.note(elfcore.Warning, "image-overlap", 0, -1, fmt.Sprintf("%d records for addresses that other records have", twice), "each address once", "one of them is used")
	}
	var ins []format.Input
	for _, r := range runs {
		ins = append(ins, format.Input{ReaderAt: r, Size: r.size, Base: r.base, Gaps: r.gaps})
	}
	return ins, nil
}

// run is a part of an image, read in place.
type run struct {
	data   io.ReaderAt
	base   uint64
	size   int64
	pieces []piece // ascending, disjoint
	gaps   []elfcore.Range
}

func (r *run) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	if rest := r.size - off; int64(len(p)) > rest {
		p, err = p[:rest], io.EOF
	}
	addr := r.base + uint64(off)
	// The piece that addr is in or before.
	i := sort.Search(len(r.pieces), func(i int) bool { return addr-r.pieces[i].addr < uint64(r.pieces[i].size) || addr < r.pieces[i].addr })
	for n < len(p) {
		q := r.pieces[i]
		if addr < q.addr {
			gap := p[n:min(len(p), n+int(q.addr-addr))]
			for k := range gap {
				gap[k] = erased
			}
			n += len(gap)
			addr += uint64(len(gap))
			continue
		}
		in := int64(addr - q.addr)
		part := p[n:min(int64(len(p)), int64(n)+q.size-in)]
		if m, err := r.data.ReadAt(part, q.off+in); m < len(part) {
			return n + m, err
		}
		n += len(part)
		addr += uint64(len(part))
		i++
	}
	return n, err
}
