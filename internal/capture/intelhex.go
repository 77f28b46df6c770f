package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Record types of Intel's Hexadecimal Object File Format Specification, rev. A.
const (
	hexData    = 0
	hexEnd     = 1
	hexSegment = 2 // address bits 4..19
	hexLinear  = 4 // address bits 16..31
	hexLast    = 5 // 3 and 5 are start addresses
)

const (
	hexOverhead = 5                       // length, address (2), type, checksum
	maxHexBytes = hexOverhead + 255       // of a record
	maxHexLine  = 1 + 2*maxHexBytes + 100 // characters, trailing blanks included
)

// hexRecord is one line: a colon, then length, address (big endian), type, data
// and a checksum that makes the sum of all bytes 0.
type hexRecord struct {
	kind byte
	addr uint16
	data []byte
}

// parseHexRecord uses buf for the data.
func parseHexRecord(buf, line []byte) (hexRecord, error) {
	if len(line) == 0 || line[0] != ':' {
		return hexRecord{}, errors.New("no colon")
	}
	b, digits := AppendHex(buf[:0], line[1:])
	if digits < len(line)-1 {
		return hexRecord{}, fmt.Errorf("character %q", line[1+digits])
	}
	if digits%2 != 0 || len(b) < hexOverhead || len(b) != int(b[0])+hexOverhead {
		return hexRecord{}, fmt.Errorf("%d digits, which is not the length it tells", digits)
	}
	sum := byte(0)
	for _, c := range b {
		sum += c
	}
	last := len(b) - 1
	if sum != 0 {
		return hexRecord{}, fmt.Errorf("checksum %02X, not %02X", b[last], b[last]-sum)
	}
	r := hexRecord{kind: b[3], addr: binary.BigEndian.Uint16(b[1:]), data: b[4:last]}
	if r.kind > hexLast || r.isBase() && len(r.data) != 2 {
		return hexRecord{}, fmt.Errorf("type %02X with %d bytes", r.kind, len(r.data))
	}
	return r, nil
}

// isBase tells whether the record sets the base address of those that follow.
func (r *hexRecord) isBase() bool { return r.kind == hexSegment || r.kind == hexLinear }

// isIntelHex wants three quarters of the first lines to be records.
func isIntelHex(head []byte) bool {
	var buf [maxHexBytes]byte
	good, bad := 0, 0
	for line := range bytes.Lines(encodedHead(head)) {
		whole := bytes.HasSuffix(line, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if _, err := parseHexRecord(buf[:], line); err == nil {
			good++
		} else if whole {
			bad++
		}
	}
	return good > 0 && good >= 3*bad
}

// intelHex flattens a file. Files that were put together have several end
// records; each resets the base.
//
// Folklore: a serial line garbles the record that sets the base, and 64 KiB of
// good data records would land at the address before. So after a bad line that
// reads as such a record, or after which addresses fall back, data is left out
// until a base record comes. TestIntelHexLostBase has it.
type intelHex struct {
	image  *image
	base   uint64
	end    int  // of the last data record, relative to base
	lost   bool // there was a bad line since then
	noBase bool // base is not known
	ended  bool // the last record was an end record

	homeless      int // data records without a known base
	bad, firstBad int // lines, number of the first
	why           error
	buf           [maxHexBytes]byte
}

func (h *intelHex) line(number int, line []byte) error {
	r, err := parseHexRecord(h.buf[:], line)
	if err != nil {
		h.spoiled(number, line, err)
		return nil
	}
	h.ended = r.kind == hexEnd
	switch r.kind {
	case hexEnd:
		h.base, h.end, h.noBase = 0, 0, false
	case hexSegment:
		h.base, h.end, h.noBase = uint64(binary.BigEndian.Uint16(r.data))<<4, 0, false
	case hexLinear:
		h.base, h.end, h.noBase = uint64(binary.BigEndian.Uint16(r.data))<<16, 0, false
	case hexData:
		if h.noBase = h.noBase || h.lost && int(r.addr) < h.end; h.noBase {
			h.homeless++
			return nil
		}
		h.end, h.lost = int(r.addr)+len(r.data), false
		return h.image.add(h.base+uint64(r.addr), r.data)
	}
	return nil
}

// spoiled counts a bad line.
func (h *intelHex) spoiled(number int, line []byte, err error) {
	if h.bad++; h.bad == 1 {
		h.firstBad, h.why = number, err
	}
	h.lost = true
	const kind = len(":LLAAAAT") // where the last digit of the type stands
	if len(line) > kind && (line[kind] == '0'+hexSegment || line[kind] == '0'+hexLinear) {
		h.noBase = true
	}
}

func unwrapIntelHex(o *opener, in format.Input) ([]format.Input, error) {
	h := intelHex{image: o.image()}
	lines := bufio.NewReaderSize(reader(in), maxHexLine)
	for number, next := 1, error(nil); next == nil; number++ {
		var line []byte
		line, next = lines.ReadSlice('\n')
		if next == bufio.ErrBufferFull {
			h.spoiled(number, line, fmt.Errorf("over %d characters", maxHexLine))
			for next == bufio.ErrBufferFull {
				_, next = lines.ReadSlice('\n')
			}
		} else if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := h.line(number, line); err != nil {
				return nil, err
			}
		}
		if next != nil && next != io.EOF {
			return nil, next
		}
	}
	if h.bad > 0 {
		done := "left out"
		if h.homeless > 0 {
			done = fmt.Sprintf("left out, with %d records whose base address is not known", h.homeless)
		}
		o.note(elfcore.Loss, "intel-hex-line", h.firstBad, -1, fmt.Sprintf("%d bad lines, the first: %v", h.bad, h.why), "Intel HEX records", done)
	}
	if !h.ended {
		o.note(elfcore.Loss, "intel-hex-cut", 0, in.Size, "no end record", "type 01 in the last line", "used up to there")
	}
	return h.image.inputs()
}
