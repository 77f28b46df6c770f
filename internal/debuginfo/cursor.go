package debuginfo

import (
	"bytes"
	"encoding/binary"
)

// cursor reads a section from off. After the first read beyond the end all
// reads give zeros and bad is set, so that callers check once.
type cursor struct {
	b   []byte
	off int
	big bool // big endian
	bad bool
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if c.bad || c.off > len(c.b) || n > uint64(len(c.b)-c.off) {
		c.bad = true
		return nil
	}
	p := c.b[c.off : c.off+int(n) : c.off+int(n)]
	c.off += int(n)
	return p
}

// uint reads an unsigned integer of size bytes, 0 to 8.
func (c *cursor) uint(size int) uint64 {
	return integer(c.take(uint64(size)), c.big)
}

// integer decodes up to 8 bytes.
func integer(p []byte, big bool) (v uint64) {
	switch {
	case big:
		for _, x := range p {
			v = v<<8 | uint64(x)
		}
	case len(p) == 4:
		return uint64(binary.LittleEndian.Uint32(p))
	default:
		for i, x := range p {
			v |= uint64(x) << (8 * i)
		}
	}
	return v
}

// uleb reads an unsigned LEB128. Bits beyond 64 are dropped, as by GDB: a signed
// one of 64 bits has copies of its sign there.
func (c *cursor) uleb() uint64 {
	v, _ := c.leb()
	return v
}

// leb reads an LEB128, and returns how many bits it has.
func (c *cursor) leb() (v uint64, bits int) {
	if c.bad {
		return 0, 0
	}
	for i := c.off; i < len(c.b); i++ {
		x := c.b[i]
		v |= uint64(x&0x7f) << bits
		bits += 7
		if x < 0x80 {
			c.off = i + 1
			return v, bits
		}
	}
	c.bad = true
	return 0, 0
}

// pair reads two unsigned LEB128, both mostly of one byte.
func (c *cursor) pair() (a, b uint64) {
	if !c.bad && c.off+1 < len(c.b) {
		if x, y := c.b[c.off], c.b[c.off+1]; x|y < 0x80 {
			c.off += 2
			return uint64(x), uint64(y)
		}
	}
	return c.uleb(), c.uleb()
}

// sleb reads a signed LEB128.
func (c *cursor) sleb() int64 {
	v, bits := c.leb()
	if bits > 0 && bits < 64 && c.b[c.off-1]&0x40 != 0 {
		v |= ^uint64(0) << bits
	}
	return int64(v)
}

// str reads a string that ends in NUL, and returns it without that.
func (c *cursor) str() []byte {
	if c.bad || c.off > len(c.b) {
		c.bad = true
		return nil
	}
	n := bytes.IndexByte(c.b[c.off:], 0)
	if n < 0 {
		c.bad = true
		return nil
	}
	return c.take(uint64(n) + 1)[:n]
}

// length reads the length of a unit or table and the size of the offsets in
// it, 4 or 8 bytes (DWARF 5, 7.4), and returns where that ends.
func (c *cursor) length() (end, offSize int) {
	n, offSize := c.uint(4), 4
	switch {
	case n == 0xffffffff:
		n, offSize = c.uint(8), 8
	case n >= 0xfffffff0: // reserved
		c.bad = true
	}
	if c.bad || n > uint64(len(c.b)-c.off) {
		c.bad = true
		return len(c.b), offSize
	}
	return c.off + int(n), offSize
}
