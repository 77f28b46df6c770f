package capture

import (
	"bytes"
	"io"
	"iter"
	"sort"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Pieces are the bytes of one dump, put together from a capture. Some may be
// lost: they read as zeros, so ask State before using any. Offsets and sizes
// are in bytes.
type Pieces struct {
	Size int64
	Pos  func(off int64) elfcore.Pos // where in the input a byte stands

	file  io.ReaderAt // the bytes, where they stay in the input
	data  []byte      // the bytes, where they were put together
	lost  []gap       // ascending, apart from each other
	doubt int64       // bytes from here on stand, but perhaps not in their place; 0 none
}

// gap is the bytes from..to of Pieces, which are lost.
type gap struct{ from, to int64 }

// PiecesOf is a part of an input, of which only the input's gaps are lost. It
// is cut at the end of the input and not before it.
func PiecesOf(in format.Input, off, size int64) *Pieces {
	size = max(0, min(size, in.Size-off))
	p := &Pieces{file: io.NewSectionReader(in, off, size), Size: size,
		Pos: func(at int64) elfcore.Pos { return elfcore.Pos{Off: off + at} }}
	for _, g := range in.GapsIn(off, size) {
		p.lost = append(p.lost, gap{max(0, int64(g.Addr)-off), min(size, int64(g.End())-off)})
	}
	return p
}

// Append adds bytes that are there.
func (p *Pieces) Append(b []byte) {
	p.data = append(p.data, b...)
	p.Size = int64(len(p.data))
}

// Lose adds n bytes that are not.
func (p *Pieces) Lose(n int64) {
	if n <= 0 {
		return
	}
	if k := len(p.lost) - 1; k >= 0 && p.lost[k].to == p.Size {
		p.lost[k].to += n
	} else {
		p.lost = append(p.lost, gap{p.Size, p.Size + n})
	}
	p.data = append(p.data, make([]byte, n)...)
	p.Size = int64(len(p.data))
}

// ReadAt reads as io.ReaderAt does.
func (p *Pieces) ReadAt(b []byte, off int64) (int, error) {
	if p.file != nil {
		return p.file.ReadAt(b, off)
	}
	return bytes.NewReader(p.data).ReadAt(b, off)
}

// Doubt says that it is not sure how many bytes are missing before off: all
// from there on may stand in the wrong place.
func (p *Pieces) Doubt(off int64) {
	if p.doubt == 0 || off < p.doubt {
		p.doubt = max(1, off)
	}
}

// Doubtful tells whether Doubt was said of any byte.
func (p *Pieces) Doubtful() bool { return p.doubt > 0 && p.doubt < p.Size }

// State is that of the n bytes at off: Missing if one of them is lost or
// behind the end, Suspect if they may stand in the wrong place.
func (p *Pieces) State(off, n int64) elfcore.State {
	i := sort.Search(len(p.lost), func(i int) bool { return p.lost[i].to > off })
	switch {
	case off < 0 || n < 0 || off > p.Size || n > p.Size-off || i < len(p.lost) && p.lost[i].from < off+n:
		return elfcore.Missing
	case p.doubt > 0 && off+n > p.doubt:
		return elfcore.Suspect
	}
	return elfcore.Known
}

// Read fills b from off and returns its State; b is not to be used if that is
// Missing.
func (p *Pieces) Read(b []byte, off int64) elfcore.State {
	s := p.State(off, int64(len(b)))
	if s == elfcore.Missing {
		return s
	}
	if n, _ := p.ReadAt(b, off); n < len(b) {
		return elfcore.Missing
	}
	return s
}

// Regions yields what is there of the bytes at off as memory: lost bytes part
// it. Its State is that of the bytes.
func (p *Pieces) Regions(where elfcore.Range, off int64, perm uint32, why elfcore.Why) iter.Seq[elfcore.Region] {
	return func(yield func(elfcore.Region) bool) {
		if off < 0 || off >= p.Size {
			return
		}
		end := off + int64(min(where.Size, uint64(p.Size-off)))
		i := sort.Search(len(p.lost), func(i int) bool { return p.lost[i].to > off })
		for at := off; at < end; {
			to := end
			if i < len(p.lost) {
				to = min(to, p.lost[i].from)
			}
			if p.doubt > at {
				to = min(to, p.doubt)
			}
			if to > at {
				r := elfcore.Region{Range: elfcore.Range{Addr: where.Addr + elfcore.Addr(at-off), Size: uint64(to - at)},
					Perm: perm, State: p.State(at, to-at), Why: why, Data: io.NewSectionReader(p, at, to-at)}
				if !yield(r) {
					return
				}
			}
			if at = to; i < len(p.lost) && at == p.lost[i].from {
				at = p.lost[i].to
				i++
			}
		}
	}
}
