package memfault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"iter"
)

// marker begins an exported chunk, "MC:<base64>:". What stands before it is a
// matter of the log.
const marker = "MC:"

// encoded yields the base64 text of each chunk on a line, from the first marker
// on. closed is false where the colon behind it is missing.
func encoded(line []byte) iter.Seq2[[]byte, bool] {
	return func(yield func(text []byte, closed bool) bool) {
		for {
			_, rest, ok := bytes.Cut(line, []byte(marker))
			if !ok {
				return
			}
			n := 0
			for n < len(rest) && isBase64(rest[n]) {
				n++
			}
			line = rest[n:]
			if n > 0 && !yield(rest[:n], len(line) > 0 && line[0] == ':') {
				return
			}
		}
	}
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}

// Bits of a chunk's first byte (memfault_chunk_transport.c). The three lowest
// are a channel, always 0; three others tell where the message's checksum is.
const (
	chunkContinues = 1 << 7 // not the first one of its message
	chunkMore      = 1 << 6 // others follow
	chunkConfig    = 7 << 3
	chunkCRCLast   = 1 << 3 // checksum behind the message; 0, until 2019: before it
)

// chunk is one decoded chunk: a part of a message.
type chunk struct {
	first, more bool
	crcFirst    bool   // the message's checksum is crc
	crc         uint16 // of a first chunk
	total       int64  // size of the message in bytes; 0 if this one is all of it
	off         int64  // where in the message data begins
	data        []byte // up to the end of the chunk: a checksum and fill may follow
}

func parseChunk(p []byte) (c chunk, ok bool) {
	if len(p) == 0 || p[0]&chunkConfig&^chunkCRCLast != 0 {
		return c, false
	}
	c = chunk{first: p[0]&chunkContinues == 0, more: p[0]&chunkMore != 0, data: p[1:]}
	c.crcFirst = c.first && p[0]&chunkCRCLast == 0
	if !c.first || c.more {
		v, n := varint(c.data)
		if n == 0 {
			return c, false
		}
		c.data = c.data[n:]
		if c.first {
			c.total = int64(v)
		} else {
			c.off = int64(v)
		}
	}
	if c.crcFirst {
		if len(c.data) < 2 {
			return c, false
		}
		c.crc, c.data = binary.LittleEndian.Uint16(c.data), c.data[2:]
	}
	return c, len(c.data) > 0
}

// varint reads an unsigned integer of up to 32 bits, seven to a byte, lowest
// first. size is 0 if there is none.
func varint(p []byte) (v uint32, size int) {
	u, n := binary.Uvarint(p[:min(len(p), 5)])
	if n <= 0 || u > 1<<32-1 {
		return 0, 0
	}
	return uint32(u), n
}

// Bits of a message's first byte (memfault_data_packetizer.c).
const (
	messageRLE  = 1 << 7
	messageKey  = 1 << 6 // a project key follows, 32 characters and a NUL
	messageType = 1<<6 - 1
	typeDump    = 1
	maxKey      = 64
)

// isDump tells whether a message that begins with data is a coredump: not an
// event, a log or a recording.
func isDump(data []byte) bool { return len(data) > 0 && data[0]&messageType == typeDump }

// body is where the dump begins in a message; 0 if the key has no end.
func body(message []byte) int {
	if message[0]&messageKey == 0 {
		return 1
	}
	return bytes.IndexByte(message[:min(len(message), 1+maxKey)], 0) + 1
}

// decoded appends the bytes of a chunk's text. What is no base64 ends it: ok is
// false then, or if the text is not of whole groups.
func decoded(dst, text []byte) (_ []byte, ok bool) {
	at := len(dst)
	dst = append(dst, make([]byte, base64.StdEncoding.DecodedLen(len(text)))...)
	n, err := base64.StdEncoding.Decode(dst[at:], text)
	return dst[:at+n], err == nil
}

// unpack undoes the run-length encoding: signed numbers, n > 0 for a byte that
// follows to be repeated n times, n < 0 for -n bytes that follow as they are.
// It stops before what is not all there and at limit bytes; used is how much of
// p was taken.
func unpack(p []byte, limit int) (out []byte, used int) {
	for used < len(p) {
		u, n := varint(p[used:])
		if n == 0 {
			break
		}
		size := int(u>>1 + u&1) // zigzag: 1 is -1, 2 is 1, 3 is -2
		rest := p[used+n:]
		if size == 0 || len(rest) == 0 || len(out) == limit {
			break
		}
		if u&1 == 0 {
			out = append(out, bytes.Repeat(rest[:1], min(size, limit-len(out)))...)
			used += n + 1
			continue
		}
		have := min(size, len(rest), limit-len(out))
		out = append(out, rest[:have]...)
		used += n + have
		if have < size {
			break
		}
	}
	return out, used
}

// crc16 is CRC-16/XMODEM, continued from sum.
func crc16(sum uint16, p []byte) uint16 {
	for _, c := range p {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}
