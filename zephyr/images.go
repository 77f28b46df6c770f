package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"corelift/elfcore"
	"corelift/internal/format"
)

// image is a dump that stands in bytes: a stream, behind a container's header
// or bare. Offsets are in the input.
type image struct {
	*container // nil: a bare stream
	in         format.Input
	holes      []hole // of the input
	header     []byte // of the container
	off        int64  // of the container, or of the stream if it is bare
	start      int64  // of the stream
	size       int64  // of the stream
	end        int64  // after the stream and what belongs to it
	blocks     int64  // bytes of the stream that its blocks take, one after the other
	last       int64  // where in the stream its last payload begins
	cut        bool   // the blocks end too early
	sized      bool   // something tells the stream's size
}

// openImage looks for a container's header before the stream at start, not
// before floor.
func openImage(in format.Input, holes []hole, start, floor int64, h fileHeader) (*image, error) {
	m := &image{in: in, holes: holes, off: start, start: start}
	var buf [longest]byte
	before := buf[:min(longest, start-floor)]
	if n, err := in.ReadAt(before, start-int64(len(before))); n < len(before) {
		return nil, fmt.Errorf("%s: offset 0x%x: %w", in.Name, start-int64(len(before)-n), err)
	}
	m.identify(before, h.bits)
	return m, nil
}

// plain: the input is the stream and nothing else.
func (m *image) plain() bool { return m.container == nil && m.start == 0 }

// identify finds the container in the bytes before the stream. Its header must
// be all there, unlike the padding behind it.
func (m *image) identify(before []byte, bits uint8) {
	for i := range containers {
		c := &containers[i]
		for _, n := range c.streams {
			if c.bits == bits && n <= len(before) && bytes.HasPrefix(before[len(before)-n:], []byte(c.magic)) &&
				len(within(m.holes, m.start-int64(n), int64(c.streams[0]))) == 0 {
				m.container, m.header, m.off = c, slices.Clone(before[len(before)-n:]), m.start-int64(n)
				return
			}
		}
	}
}

// measure finds out where the stream ends. The size that a header tells is
// taken if it fits; else the stream ends with its blocks, since a flash image
// goes on with other things. look bounds how many bytes behind an in-memory
// dump are searched for its end canary.
func (m *image) measure(look int64) {
	m.size = m.in.Size - m.start
	if m.container != nil && m.room > 0 {
		m.size = min(m.size, m.off+m.room-m.start)
	}
	m.blocks, m.last, m.cut = m.stream().extent()
	declared := m.declared()
	switch {
	case m.plain():
		m.sized, m.end = true, m.in.Size
	case declared < fileHeaderSize || declared > uint64(m.size):
	case m.canary:
		m.end, m.sized = m.endCanary(m.start+int64(declared), look)
	default:
		m.sized, m.end = true, m.start+int64(declared)
	}
	switch {
	case !m.sized:
		m.size = m.written()
		m.end = m.start + m.size
	case !m.plain():
		m.size = int64(declared)
	}
	m.cut = m.cut || m.size < m.blocks
}

// declared is the size of the stream by the container's header, 0 if none.
func (m *image) declared() uint64 {
	if m.container == nil || m.sizeAt == 0 {
		return 0
	}
	return word(m.header[m.sizeAt:], 1<<(m.bits-3))
}

// endCanary is where the canary behind an in-memory dump ends, if it stands
// within look bytes.
func (m *image) endCanary(from, look int64) (end int64, ok bool) {
	buf := make([]byte, min(look, m.in.Size-from))
	n, _ := m.in.ReadAt(buf, from)
	i := bytes.Index(buf[:n], []byte(canary))
	return from + int64(i) + int64(len(canary)), i >= 0
}

// erasedRun is the shortest run of 0xff bytes, one flush of the flash
// backend's buffer, that is taken for flash that was not written.
const erasedRun = 64

// written is the size of a stream that ends with its blocks, less the erased
// flash at the end of the last one.
//
// Folklore: the flash backend writes its header last, so a board that resets
// while it dumps leaves a bare stream; its last block of memory says how long
// it was meant to be, and the erased bytes in it would pass for memory that
// holds 0xff. Test: TestInterrupted.
func (m *image) written() int64 {
	end := m.blocks
	var buf [4096]byte
	for erased := true; erased && end > m.last; {
		p := buf[:min(int64(len(buf)), end-m.last)]
		if n, _ := m.in.ReadAt(p, m.start+end-int64(len(p))); n < len(p) {
			break
		}
		for len(p) > 0 && p[len(p)-1] == 0xff {
			p = p[:len(p)-1]
			end--
		}
		erased = len(p) == 0
	}
	if m.blocks-end < erasedRun {
		return m.blocks
	}
	m.cut = true
	return end
}

// proven tells whether the container's checksum holds; known is false where it
// has none or its bytes are not all there.
func (m *image) proven() (holds, known bool) {
	if m.container == nil || m.sumAt == 0 || !m.sized || len(m.stream().holes) > 0 {
		return false, false
	}
	var sum uint16
	buf := make([]byte, min(64<<10, m.size))
	for off := int64(0); off < m.size; {
		n, _ := m.in.ReadAt(buf[:min(int64(len(buf)), m.size-off)], m.start+off)
		if n == 0 {
			return false, false
		}
		for _, c := range buf[:n] {
			sum += uint16(c)
		}
		off += int64(n)
	}
	return sum == m.storedSum(), true
}

func (m *image) storedSum() uint16 { return binary.LittleEndian.Uint16(m.header[m.sumAt:]) }

// failed is the error that the backend stored, 0 if none.
func (m *image) failed() int32 {
	if m.container == nil || m.faultAt == 0 {
		return 0
	}
	return int32(binary.LittleEndian.Uint32(m.header[m.faultAt:]))
}

func (m *image) stream() stream {
	return stream{ReaderAt: io.NewSectionReader(m.in, m.start, m.size), size: m.size,
		pos:   func(off int64) elfcore.Pos { return elfcore.Pos{Off: m.start + off} },
		holes: within(m.holes, m.start, m.size), holesAt: m.start}
}

// extent walks the blocks of a stream as far as they follow one another.
func (s stream) extent() (end, last int64, cut bool) {
	var b builder
	if h, ok := parseFileHeader(s.peek(0, fileHeaderSize)); ok {
		b.header, end = &h, fileHeaderSize
	}
	last = end
	for end < s.size {
		next, ok := b.block(s, end)
		if !ok {
			break
		}
		end, last = next, next
		if len(b.regions) > 0 {
			last = b.regions[0].streamOff
		}
		b.regions, b.frozen, b.diags = b.regions[:0], nil, nil
	}
	return end, last, b.cutOff
}
