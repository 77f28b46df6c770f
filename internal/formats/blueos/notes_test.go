package blueos

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// TestNotes decodes the notes of a 32-bit and of a 64-bit device.
func TestNotes(t *testing.T) {
	order := binary.LittleEndian
	for _, x := range []struct {
		arch *arch.Arch
		is64 bool
		typ  uint32
		at   map[int]uint32
		size int
		want string
	}{
		{arch.CortexM, false, notes.PRStatus, map[int]uint32{0: 10, 20: 7, 24: 1, 36: 0x11, 36 + 4*13: 0x22, 36 + 4*16: 0x33}, statusSize,
			"signo=10 code=0 errno=0 pid=7 ppid=1 pgrp=0 sid=0 r0=0x00000011 r1=0x00000000 "},
		{arch.RV64, true, notes.PRStatus, map[int]uint32{28: 7, 44: 0x11, 52: 0x22}, statusSize,
			"signo=0 code=0 errno=0 pid=7 ppid=0 pgrp=0 sid=0 pc=0x0000000000000011 ra=0x0000000000000022 sp=0x0000000000000000 "},
		{nil, true, notes.PRStatus, map[int]uint32{28: 7}, statusSize, "signo=0 code=0 errno=0 pid=7 ppid=0 pgrp=0 sid=0 "},
		{arch.CortexM, false, notes.SigInfo, map[int]uint32{0: 10, 4: 0x8200, 8: 0x20000000, 12: 0x8201}, reasonSize,
			"signo=10 code=0x00008200 fault_addr=0x20000000 arch_specific=0x00008201 "},
		{arch.RV64, true, notes.SigInfo, map[int]uint32{0: 6, 8: 0x123, 16: 5}, reasonSize64,
			"signo=6 code=0x00000000 fault_addr=0x0000000000000123 arch_specific=0x0000000000000005 "},
	} {
		desc := make([]byte, x.size)
		for at, v := range x.at {
			order.PutUint32(desc[at:], v)
		}
		n := notes.Note{Owner: "CORE", Type: x.typ, Size: int64(x.size), Desc: bytes.NewReader(desc)}
		fields, err := Notes.Find(n).Decode(n, notes.Context{Arch: x.arch, Order: order, Is64: x.is64})
		var got strings.Builder
		for _, f := range fields {
			got.WriteString(f.Name + "=" + f.Text + " ")
		}
		if err != nil || !strings.HasPrefix(got.String(), x.want) {
			t.Errorf("%s: %v", &got, err)
		}
		n.Desc = bytes.NewReader(desc[:8])
		if _, err := Notes.Find(n).Decode(n, notes.Context{Arch: x.arch, Order: order, Is64: x.is64}); err == nil && x.typ == notes.PRStatus {
			t.Error("no error for a note that is cut")
		}
	}
}
