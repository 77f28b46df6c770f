package espcore

import (
	"io"
	"sort"

	"corelift/elfcore"
	"corelift/internal/format"
)

// content is the bytes of an image as far as they are there. Offsets count
// from its header.
type content struct {
	io.ReaderAt
	size  int64  // bytes that can be read
	parts []part // ascending; nil: all are there and right
	pos   func(off int64) elfcore.Pos
}

// part is a run of bytes that are there: all of off..end.
type part struct {
	off, end int64
	state    elfcore.State
}

// partsOf is what an input has of the size bytes at off: all but its gaps.
func partsOf(in format.Input, off, size int64) (parts []part) {
	gaps := in.GapsIn(off, size)
	if len(gaps) == 0 {
		return nil
	}
	at := int64(0)
	for _, g := range gaps {
		if from := int64(g.Addr) - off; from > at {
			parts = append(parts, part{at, from, elfcore.Known})
		}
		at = int64(g.End()) - off
	}
	if at < size {
		parts = append(parts, part{at, size, elfcore.Known})
	}
	return parts
}

// within lists what is there of n bytes from off on.
func (c *content) within(off, n int64) []part {
	end := off + n
	if off < 0 || n <= 0 || end < off {
		return nil
	}
	if c.parts == nil {
		if end = min(end, c.size); off >= end {
			return nil
		}
		return []part{{off, end, elfcore.Known}}
	}
	var list []part
	first := sort.Search(len(c.parts), func(i int) bool { return c.parts[i].end > off })
	for _, p := range c.parts[first:] {
		p.off, p.end = max(p.off, off), min(p.end, end, c.size)
		if p.off >= p.end {
			break
		}
		if k := len(list) - 1; k >= 0 && list[k].end == p.off && list[k].state == p.state {
			list[k].end = p.end
			continue
		}
		list = append(list, p)
	}
	return list
}

// read fills p from off on. The State is the lowest of the bytes', Missing if
// they are not all there.
func (c *content) read(p []byte, off int64) elfcore.State {
	state, at := elfcore.Known, off
	for _, part := range c.within(off, int64(len(p))) {
		if part.off != at {
			return elfcore.Missing
		}
		state, at = min(state, part.state), part.end
	}
	if at != off+int64(len(p)) {
		return elfcore.Missing
	}
	if n, _ := c.ReadAt(p, off); n < len(p) {
		return elfcore.Missing
	}
	return state
}

// gapless is a reader of the bytes that are there; it fails at the first that
// is not.
type gapless struct{ *content }

func (g gapless) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > 0 && g.read(p, off) == elfcore.Missing {
		return 0, io.ErrUnexpectedEOF
	}
	return len(p), nil
}
