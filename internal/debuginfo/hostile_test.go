package debuginfo

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// unit4 is a unit of version 4, 32-bit, with addresses of 4 bytes.
func unit4(abbrev uint32, entries []byte) []byte {
	u := binary.LittleEndian.AppendUint32(nil, uint32(7+len(entries)))
	u = append(u, 4, 0)
	u = binary.LittleEndian.AppendUint32(u, abbrev)
	u = append(u, 4)
	return append(u, entries...)
}

// abbreviations of the hostile sections: 1 a unit, 2 a function with ranges, 3
// an inlined call with ranges, 4 a namespace, 5 a block with an origin.
var hostileAbbrevs = []byte{
	1, 0x11, 1, 0x52, 0x01, 0, 0, // entry_pc, so that 1 is not without attributes
	2, 0x2e, 1, 0x55, 0x17, 0, 0,
	3, 0x1d, 0, 0x55, 0x17, 0x58, 0x0b, 0x59, 0x0b, 0, 0,
	4, 0x39, 1, 0, 0,
	5, 0x0b, 1, 0x31, 0x13, 0x55, 0x17, 0, 0,
	0,
}

var hostileRoot = []byte{1, 0, 0, 0, 0}

// TestHostile asks everything of sections made to cost much: each answer may
// take a few passes over them, not their square.
func TestHostile(t *testing.T) {
	list := bytes.Repeat([]byte{0, 1, 0, 0, 0, 2, 0, 0}, 1<<17) // one range again and again
	for _, c := range []struct {
		name                 string
		info, abbrev, ranges []byte
	}{
		{"nested", unit4(0, append(bytes.Clone(hostileRoot), bytes.Repeat([]byte{4}, 1<<20)...)), hostileAbbrevs, nil},
		{"tiny units", tinyUnits(1 << 16), bytes.Repeat(hostileAbbrevs[:len(hostileAbbrevs)-1], 1<<14), nil},
		{"functions share a list", unit4(0, append(bytes.Clone(hostileRoot), bytes.Repeat([]byte{2, 0, 0, 0, 0, 0}, 1<<16)...)), hostileAbbrevs, list},
		{"calls share a list", unit4(0, append(append(bytes.Clone(hostileRoot), 2, 0, 0, 0, 0), bytes.Repeat([]byte{3, 8, 0, 0, 0, 1, 1}, 1<<16)...)), hostileAbbrevs,
			append([]byte{0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0, 3, 0, 0, 0, 4, 0, 0}, 1<<17)...)},
		{"blocks share an origin", unit4(0, append(append(bytes.Clone(hostileRoot), 2, 0, 0, 0, 0), bytes.Repeat([]byte{5, 16, 0, 0, 0, 0, 0, 0, 0, 0}, 1<<15)...)), hostileAbbrevs,
			[]byte{0, 1, 0, 0, 0, 2, 0, 0}},
		{"units share a list", bytes.Repeat(unit4(0, append(bytes.Clone(hostileRoot), 2, 0, 0, 0, 0, 0, 0)), 1<<14), hostileAbbrevs, list},
	} {
		t.Run(c.name, func(t *testing.T) {
			sections := map[string][]byte{".debug_info": c.info, ".debug_abbrev": c.abbrev, ".debug_ranges": c.ranges}
			d := New(func(name string) ([]byte, error) { return sections[name], nil }, binary.LittleEndian, 4, nil)
			start := time.Now()
			everything(d)
			backtrace(d, 0x150)
			took := time.Since(start)
			t.Log(took)
			if took > 5*time.Second {
				t.Error("too long")
			}
		})
	}
}

// tinyUnits are n units that each have their own offset into the abbreviations.
func tinyUnits(n int) (info []byte) {
	for i := range n {
		info = append(info, unit4(uint32(7*i), hostileRoot)...)
	}
	return info
}
