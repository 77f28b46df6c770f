package espcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/notes"
)

// note makes a note with a name as it stands, NUL or not.
func note(name string, typ uint32, desc []byte) []byte {
	b := append(le(uint32(len(name)), uint32(len(desc)), typ), name...)
	b = append(b, make([]byte, -len(b)&3)...)
	b = append(b, desc...)
	return append(b, make([]byte, -len(b)&3)...)
}

func infoNote(version uint32, sha string) []byte {
	return note("ESP_CORE_DUMP_INFO\x00", 8266, append(le(version), append([]byte(sha), make([]byte, 68-len(sha))...)...))
}

// TestNotes decodes the real dumps' notes and made ones by the table.
func TestNotes(t *testing.T) {
	extra := le(0x3ffafba0, 0, 29, 1, 0x10)
	for i := range 16 {
		extra = append(extra, le([]uint32{194, 177}[i&1], uint32(i))...)
	}
	made := infoNote(0x00050104, "0123456789abcdef")
	made = append(made, note("ESP_CHIP_REV\x00", 8266, le(103))...)
	made = append(made, note("EXTRA_INFO\x00", 677, extra)...)
	made = append(made, note("ESP_EXTRA_INFO\x00", 677, le(0x3fc8ec30))...)
	made = append(made, note("TASK_INFO\x00", 678, append(le(1, 2, 0x3fc8ec30, 0x3fc80000, 64), make([]byte, 16)...))...)
	made = append(made, note("ESP_PANIC_DETAILS", 679, []byte("oops"))...)
	var got strings.Builder
	for n, err := range notes.All(bytes.NewReader(made), 0, int64(len(made)), 4, binary.LittleEndian) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range Notes {
			if c.Owner != n.Owner || c.Type != n.Type {
				continue
			}
			fields, err := c.Fields(n, notes.Context{Arch: arch.RV32, Order: binary.LittleEndian})
			if err != nil {
				t.Error(err)
			}
			for _, f := range fields[:min(4, len(fields))] {
				got.WriteString(f.Name + " " + f.Text + "; ")
			}
		}
	}
	const want = "version 1.4; chip esp32c3; SHA-256 of the program 0123456789abcdef; chip revision v1.3; " +
		"crashed task 0x3ffafba0; exccause 0x0000001d; excvaddr 0x00000010; eps2 0x00000000; crashed task 0x3fc8ec30; " +
		"task 1; flags 0x00000002; TCB 0x3fc8ec30; stack 0x3fc80000; details oops; "
	if got.String() != want {
		t.Errorf("%s\nwant\n%s", got.String(), want)
	}
	for _, c := range Notes { // short and empty ones are errors or nothing
		for size := range 80 {
			n := notes.Note{Owner: c.Owner, Type: c.Type, Size: int64(size), Desc: bytes.NewReader(make([]byte, size))}
			fields, err := c.Fields(n, notes.Context{})
			for _, f := range fields {
				if f.Off+f.Size > int64(size) || err != nil {
					t.Errorf("%s of %d bytes: %+v %v", c.Name, size, f, err)
				}
			}
		}
	}
}

// savedELF is a core as the vendor's tool saves it from a BIN image: notes and
// segments of its own making.
func (r *real) savedELF() []byte {
	status := make([]byte, 588)
	machine := uint16(elf.EM_XTENSA)
	var first, last []byte
	for i, task := range r.tasks {
		clear(status)
		copy(status[24:], le(task.tcb))
		w := task.stackBytes // of an XtExcFrame: pc, ps, a0-a15, sar, ..., lbeg, lend, lcount
		copy(status[72:], w[4:12])
		copy(status[72+8:], w[88:100])
		copy(status[72+20:], w[76:80])
		copy(status[72+256:], w[12:76])
		first = append(first, note("CORE\x00", 1, status)...)
		last = append(last, note("TASK_INFO\x00", 678, append(le(uint32(i), 0, task.tcb, task.stack, uint32(len(w))), make([]byte, 16)...))...)
	}
	extra := le(r.tasks[0].tcb, 0, u32(r.tasks[0].stackBytes, 80), 1, u32(r.tasks[0].stackBytes, 84), 177, 0, 178, 0)
	last = append(last, note("EXTRA_INFO\x00", 677, append(extra, make([]byte, 148-len(extra))...))...)
	last = append(last, infoNote(uint32(r.chip)<<16|3, "")...)
	last = append(last, note("ESP_CHIP_REV\x00", 8266, le(r.rev))...)
	type load struct {
		typ, addr uint32
		data      []byte
	}
	loads := []load{{4, 0, first}}
	for _, task := range r.tasks {
		loads = append(loads, load{1, task.tcb, task.tcbBytes}, load{1, task.stack, task.stackBytes})
	}
	loads = append(loads, load{4, 0, last})
	head := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = binary.LittleEndian.AppendUint16(head, machine)
	head = append(head, le(1, 0, 52, 0, 0)...)
	for _, v := range []uint16{52, 32, uint16(len(loads)), 40, 0, 0} {
		head = binary.LittleEndian.AppendUint16(head, v)
	}
	var data []byte
	for _, l := range loads {
		n := uint32(len(l.data))
		head = append(head, le(l.typ, uint32(52+32*len(loads)+len(data)), l.addr, l.addr, n, n, 6, 0)...)
		data = append(data, l.data...)
	}
	return append(head, data...)
}

// TestSavedByVendor reads ELF cores that the vendor's tool saved.
func TestSavedByVendor(t *testing.T) {
	r := readReal(t, "esp32")
	c := core(t, r.savedELF())
	if got, want := describe(t, c), describe(t, core(t, r.image)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	epc1, _ := c.Arch.Reg("epc1")
	if _, state := c.Threads[0].Regs.Get(epc1); state != elfcore.Missing || c.Facts[factChip].Value != "esp32" || c.Facts[factRevision].Value != "v3.0" ||
		c.Facts[factISR].State != elfcore.Missing || len(codes(c)) > 0 {
		t.Errorf("epc1 %v, %+v, %v", state, c.Facts, c.Diagnostics)
	}
	bad := r.savedELF() // the flags of the second task: its stack is bad
	at := bytes.Index(bad, append(le(1, 0, r.tasks[1].tcb), le(r.tasks[1].stack)...))
	bad[at+4] = 2
	c = core(t, bad)
	if _, state := c.Threads[1].Regs.PC(); state != elfcore.Missing {
		t.Errorf("a bad stack's pc is %v", state)
	}
}
