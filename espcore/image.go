package espcore

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// image is a core image, or an ELF core without its header.
type image struct {
	content
	version *version // nil: a bare ELF core, or the header is lost
	header  []byte
	total   int64 // of header, body, padding and checksum; 0 unknown
	body    int64 // where the body begins
	chip    *chip // nil: unknown
	chipID  uint16
	sum     sumResult
	off     int64       // of the header, in the input
	at      elfcore.Pos // of the header
	whence  string      // what it stood in, for evidence
	sparse  bool        // bytes are lost, and not at the end only
	known   []segment   // program headers that were found by themselves; nil: read them
}

var little = binary.LittleEndian

// setHeader takes a header of a known layout.
func (m *image) setHeader(v *version, header []byte) {
	m.version, m.header, m.body = v, header, int64(v.header)
	m.total = int64(little.Uint32(header))
	if v == &ancient {
		m.chip = chipByID(0)
		return
	}
	m.setChip(little.Uint16(header[versionAt+2:]))
}

func (m *image) setChip(id uint16) { m.chipID, m.chip = id, chipByID(id) }

// field reads a word of the header; ok is false where the version has none.
func (m *image) field(off int) (v uint32, ok bool) {
	if m.header == nil || off == 0 {
		return 0, false
	}
	return little.Uint32(m.header[off:]), true
}

// end is where the body ends, the padding of flash included.
func (m *image) end() int64 {
	if m.header == nil {
		return m.size
	}
	return min(m.size, max(m.body, m.total-int64(sums[m.version.sum].size)))
}

// cpu is the CPU by the ELF header, else by the chip; nil if neither tells.
func (m *image) cpu() *arch.Arch {
	var b [2]byte
	if m.version == nil || m.version.elf {
		if m.read(b[:], m.body+18) != elfcore.Missing {
			if a, ok := arch.ByELF(elf.Machine(little.Uint16(b[:])), elf.ELFCLASS32, false); ok && (a == arch.Xtensa || a == arch.RV32) {
				return a
			}
		}
	}
	if m.chip != nil {
		return m.chip.arch
	}
	return nil
}

// sumResult is what a checksum says of an image.
type sumResult struct {
	kind  checksum // sumUnknown: there is none, or its bytes are not there
	holds bool
	found string // the one that stands in the image, in hex
}

// verify computes the checksum over everything before it. An image of a
// version that nobody knows yet may have either.
func (m *image) verify() (r sumResult) {
	if m.version == nil || m.total > m.size || m.parts != nil {
		return r
	}
	kinds := []checksum{m.version.sum}
	switch m.version.sum {
	case sumNone:
		return r
	case sumUnknown:
		kinds = []checksum{sumSHA256, sumCRC32}
	}
	for _, kind := range kinds {
		n := int64(sums[kind].size)
		if m.total < int64(m.version.header)+n {
			continue
		}
		var h hash.Hash = crc32.NewIEEE()
		if kind == sumSHA256 {
			h = sha256.New()
		}
		want := make([]byte, n)
		if _, err := io.Copy(h, io.NewSectionReader(m, 0, m.total-n)); err != nil || m.read(want, m.total-n) == elfcore.Missing {
			return r
		}
		got := h.Sum(nil)
		if kind == sumCRC32 {
			// Sum gives the number most significant byte first, the image stores it last.
			little.PutUint32(got, binary.BigEndian.Uint32(got))
		}
		r = sumResult{kind, string(got) == string(want), hex.EncodeToString(want)}
		if r.holds {
			return r
		}
	}
	if m.version.sum == sumUnknown {
		return sumResult{}
	}
	return r
}

// revision is a chip's revision as Espressif prints it: 300 is v3.0.
func revision(n uint32) string { return fmt.Sprintf("v%d.%d", n/100, n%100) }
