package firmware

import (
	"bytes"
	"encoding/binary"
)

// cursor reads little-endian fields from bytes that may be damaged. A read
// past the end yields zero and sets bad, so that callers check once.
type cursor struct {
	b   []byte
	off int
	bad bool
}

// take returns the next n bytes, nil if they are not all there.
func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)-c.off) {
		c.bad = true
		return nil
	}
	p := c.b[c.off : c.off+int(n) : c.off+int(n)]
	c.off += int(n)
	return p
}

// uint reads an unsigned integer of size bytes, 1 to 8.
func (c *cursor) uint(size int) uint64 {
	var v uint64
	for i, x := range c.take(uint64(size)) {
		v |= uint64(x) << (8 * i)
	}
	return v
}

// uleb reads an unsigned LEB128, which is Go's varint.
func (c *cursor) uleb() uint64 {
	if c.bad {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.off:])
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.off += n
	return v
}

// sleb reads a signed LEB128.
func (c *cursor) sleb() int64 {
	start := c.off
	v := c.uleb()
	if c.bad {
		return 0
	}
	if bits := 7 * (c.off - start); bits < 64 && c.b[c.off-1]&0x40 != 0 {
		v |= ^uint64(0) << bits
	}
	return int64(v)
}

// str reads a string that ends in NUL.
func (c *cursor) str() string {
	if c.bad {
		return ""
	}
	n := bytes.IndexByte(c.b[c.off:], 0)
	if n < 0 {
		c.bad = true
		return ""
	}
	return string(c.take(uint64(n) + 1)[:n])
}

// more tells whether a byte is left.
func (c *cursor) more() bool { return !c.bad && c.off < len(c.b) }
