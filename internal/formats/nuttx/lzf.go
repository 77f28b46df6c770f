package nuttx

import (
	"bytes"
	"encoding/binary"
	"sort"

	"corelift/elfcore"
	"corelift/internal/capture"
)

// lzfMagic begins each block of a compressed stream.
const lzfMagic = "ZV"

// maxDump bounds what a compressed dump unpacks to, in bytes.
const maxDump = 256 << 20

// lzfBlock is the header of a block: 'Z' 'V', a type, then big endian the size
// of its bytes, before that for type 1 their size in the stream. Sizes are in
// bytes, header not included; plain blocks are not compressed.
type lzfBlock struct {
	plain            bool
	head, size, data int64 // data is what size unpacks to
}

func (b lzfBlock) end() int64 { return b.head + b.size }

// lzfExpands is how many bytes LZF makes of one at most: 264 of three.
const lzfExpands = 88

// lzfAt reads the header of a block. Most of what only looks like one fails.
func lzfAt(p *capture.Pieces, off int64) (b lzfBlock, ok bool) {
	var h [7]byte
	if p.Read(h[:5], off) == elfcore.Missing || string(h[:2]) != lzfMagic {
		return b, false
	}
	n := int64(binary.BigEndian.Uint16(h[3:]))
	switch h[2] {
	case 0:
		return lzfBlock{true, 5, n, n}, n > 0
	case 1:
		if p.Read(h[:], off) == elfcore.Missing {
			return b, false
		}
		b = lzfBlock{false, 7, n, int64(binary.BigEndian.Uint16(h[5:]))}
		return b, n > 0 && b.data > 0 && b.data <= n*lzfExpands
	}
	return b, false
}

// follows tells whether off is where another block may begin: at one, at the
// end, or where bytes are lost.
func follows(p *capture.Pieces, off int64) bool {
	if off >= p.Size || p.State(off, min(5, p.Size-off)) == elfcore.Missing {
		return true
	}
	_, ok := lzfAt(p, off)
	return ok
}

// lzfLength is how many bytes of p blocks take that follow one another.
func lzfLength(p *capture.Pieces) (off int64) {
	for {
		b, ok := lzfAt(p, off)
		if !ok || off+b.end() > p.Size {
			return off
		}
		off += b.end()
	}
}

// unpacked is a stream of blocks, decompressed.
type unpacked struct {
	*capture.Pieces
	damaged []int64 // offsets in the stream of blocks that are lost
	skips   int     // how often the chain of blocks was broken
	cut     bool    // the last block is not all there
	full    bool    // the limit is reached
}

// unpack decompresses a stream. A block of which bytes are lost is lost as a
// whole, but its header says how much it is. Where headers are lost too the
// next one is looked for; then nothing tells how much is missing, unless the
// caller found that out: gap, 0 if unknown.
func unpack(p *capture.Pieces, gap int64) unpacked {
	u := unpacked{Pieces: &capture.Pieces{}}
	type start struct{ in, out int64 } // of a block
	var starts []start
	for off := int64(0); off < p.Size; {
		if u.Size > maxDump {
			u.full = true
			break
		}
		starts = append(starts, start{off, u.Size})
		b, ok := lzfAt(p, off)
		if next := off + b.end(); ok && next > p.Size {
			u.damaged, u.cut = append(u.damaged, off), true
			break
		} else if ok && follows(p, next) {
			data, ok := b.unpack(p, off)
			if ok {
				u.Append(data)
			} else {
				u.damaged = append(u.damaged, off)
				u.Lose(b.data)
			}
			off = next
			continue
		}
		u.damaged = append(u.damaged, off)
		if u.skips++; gap > 0 {
			u.Lose(gap)
		} else {
			u.Doubt(u.Size)
		}
		off = resync(p, off+1)
	}
	u.Pos = func(at int64) elfcore.Pos {
		i := sort.Search(len(starts), func(i int) bool { return starts[i].out > at }) - 1
		if i < 0 {
			return p.Pos(0)
		}
		return p.Pos(starts[i].in)
	}
	return u
}

// resync finds the next block behind a broken one.
func resync(p *capture.Pieces, off int64) int64 {
	var buf [4096]byte
	for off < p.Size {
		n, _ := p.ReadAt(buf[:min(int64(len(buf)), p.Size-off)], off)
		i := bytes.Index(buf[:n], []byte(lzfMagic))
		if i < 0 {
			off += int64(max(1, n-len(lzfMagic)+1))
			continue
		}
		off += int64(i)
		if b, ok := lzfAt(p, off); ok && follows(p, off+b.end()) {
			return off
		}
		off++
	}
	return p.Size
}

// unpack decompresses one block at off. ok is false if it is damaged.
func (b lzfBlock) unpack(p *capture.Pieces, off int64) ([]byte, bool) {
	in := make([]byte, b.size)
	if p.Read(in, off+b.head) == elfcore.Missing {
		return nil, false
	}
	if b.plain {
		return in, true
	}
	out := make([]byte, 0, b.data)
	for len(in) > 0 {
		c := int(in[0])
		in = in[1:]
		if c < 32 { // c+1 bytes as they are
			if len(in) <= c || len(out)+c+1 > cap(out) {
				return nil, false
			}
			out, in = append(out, in[:c+1]...), in[c+1:]
			continue
		}
		n := c >> 5
		if n == 7 {
			if len(in) == 0 {
				return nil, false
			}
			n, in = n+int(in[0]), in[1:]
		}
		n += 2
		if len(in) == 0 {
			return nil, false
		}
		from := len(out) - 1 - (c&31<<8 | int(in[0]))
		in = in[1:]
		if from < 0 || len(out)+n > cap(out) {
			return nil, false
		}
		for range n { // may overlap itself
			out = append(out, out[from])
			from++
		}
	}
	return out, len(out) == cap(out)
}
