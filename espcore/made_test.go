package espcore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Dumps are made from the real ones by code that shares nothing with the
// readers.

func fixtureFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// real is one of the real dumps: chip 0 or 5.
type real struct {
	name  string
	chip  uint16
	rev   uint32
	image []byte // header, ELF body, CRC32
	body  []byte // the ELF body
	tasks []taskBytes
}

type taskBytes struct {
	tcb, stack           uint32 // addresses
	tcbBytes, stackBytes []byte
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

func le(list ...uint32) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func reals(t testing.TB) []*real {
	return []*real{readReal(t, "esp32"), readReal(t, "esp32c3")}
}

func readReal(t testing.TB, name string) *real {
	t.Helper()
	r := &real{name: name}
	for line := range strings.Lines(string(fixtureFile(t, name+".b64"))) {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		r.image = append(r.image, b...)
	}
	r.chip, r.rev, r.body = u16(r.image, 6), u32(r.image, 20), r.image[24:len(r.image)-4]
	var loads []taskBytes
	for i := range int(u16(r.body, 44)) {
		p := r.body[52+32*i:]
		if u32(p, 0) == 1 {
			loads = append(loads, taskBytes{tcb: u32(p, 8), tcbBytes: r.body[u32(p, 4):][:u32(p, 16)]})
		}
	}
	for i := 0; i+1 < len(loads); i += 2 { // TCB and stack by turns
		s := loads[i+1]
		r.tasks = append(r.tasks, taskBytes{loads[i].tcb, s.tcb, loads[i].tcbBytes, s.tcbBytes})
	}
	return r
}

// imageVersion describes a header to make: see esp.md 1.1.
type imageVersion struct {
	low    uint16
	header int
	sha    bool
}

var (
	binVersions = []imageVersion{{0x0001, 16, false}, {0x0002, 20, false}, {0x0003, 24, false}}
	elfVersions = []imageVersion{{0x0100, 20, false}, {0x0101, 20, true}, {0x0102, 24, false}, {0x0103, 24, true}, {0x0104, 12, true},
		{0x0105, 12, true}, {0x0142, 24, false}} // the last two do not exist yet
)

// wrap puts a header before a body and a checksum behind it; flash pads it to
// 32 bytes.
func (v imageVersion) wrap(chip uint16, rev, tasks, tcbSize, segs uint32, body []byte, flash bool) []byte {
	size := v.header + len(body)
	if flash {
		size = (size + 31) / 32 * 32
	}
	sum := 4
	if v.sha {
		sum = 32
	}
	header := le(uint32(size+sum), uint32(chip)<<16|uint32(v.low), tasks, tcbSize, segs, rev)
	if v.header == 12 {
		header = le(uint32(size+sum), uint32(chip)<<16|uint32(v.low), rev)
	}
	b := append(header[:v.header:v.header], body...)
	b = append(b, make([]byte, size-len(b))...)
	if v.sha {
		h := sha256.Sum256(b)
		return append(b, h[:]...)
	}
	return append(b, le(crc32.ChecksumIEEE(b))...)
}

// elf makes an image of another version with the same ELF body.
func (r *real) elf(v imageVersion, flash bool) []byte {
	body := bytes.Clone(r.body)
	for i := range int(u16(body, 44)) { // the version word in the note
		if p := body[52+32*i:]; u32(p, 0) == 4 {
			notes := body[u32(p, 4):][:u32(p, 16)]
			if at := bytes.Index(notes, []byte("ESP_CORE_DUMP_INFO")); at >= 0 {
				binary.LittleEndian.PutUint16(notes[at+20:], v.low)
			}
		}
	}
	return v.wrap(r.chip, r.rev, 0, 0, 0, body, flash)
}

// bin makes an image with a list of tasks.
func (r *real) bin(v imageVersion, flash bool, segs ...taskBytes) []byte {
	var body []byte
	for _, t := range r.tasks {
		body = append(body, le(t.tcb, t.stack, t.stack+uint32(len(t.stackBytes)))...)
		body = append(append(body, t.tcbBytes...), t.stackBytes...)
	}
	for _, s := range segs {
		body = append(append(body, le(s.stack, uint32(len(s.stackBytes)))...), s.stackBytes...)
	}
	return v.wrap(r.chip, r.rev, uint32(len(r.tasks)), uint32(len(r.tasks[0].tcbBytes)), uint32(len(segs)), body, flash)
}

// ancient makes an image of IDF 3.x, without a version.
func (r *real) ancient() []byte {
	b := r.bin(imageVersion{0x0001, 16, false}, false)
	b = b[16 : len(b)-4]
	return append(le(uint32(len(b)+12), uint32(len(r.tasks)), uint32(len(r.tasks[0].tcbBytes))), b...)
}

// erased is flash that nobody wrote.
func erased(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }

// inPartition is an image in its partition: behind it what the last write of
// 32 bytes took along, then erased flash.
func inPartition(image []byte) []byte {
	b := append(bytes.Clone(image), make([]byte, (32-len(image)%32)%32)...)
	return append(b, erased(64<<10-len(b))...)
}

// inFlash is a flash image with a partition table, a program and a core dump
// partition at 0x110000.
func inFlash(image []byte, table bool, shas ...string) []byte {
	b := erased(0x200000)
	entry := func(at int, typ, subtype byte, off, size uint32, label string) {
		e := append([]byte{0xaa, 0x50, typ, subtype}, le(off, size)...)
		copy(b[at:], append(append(e, label...), make([]byte, 20-len(label))...))
	}
	if table {
		entry(0x8000, 1, 2, 0x9000, 0x6000, "nvs")
		entry(0x8020, 0, 0, 0x10000, 0x100000, "factory")
		entry(0x8040, 1, 3, 0x110000, 0x10000, "coredump")
		entry(0x8060, 0, 0x10, 0x120000, 0x10000, "ota_0")
	}
	for i, sha := range shas {
		app := make([]byte, 0x120)
		app[0] = 0xe9
		copy(app[0x20:], le(0xabcd5432))
		copy(app[0x20+16:], fmt.Sprintf("v1.%d", i))
		copy(app[0x20+48:], "blinky")
		h, _ := hex.DecodeString(sha)
		copy(app[0x20+144:], h)
		copy(b[[]int{0x10000, 0x120000}[i]:], app)
	}
	copy(b[0x110000:], image)
	return b
}

// writes are the sizes of the firmware's writes of an image with an ELF body.
func (r *real) writes(header, total int) []int {
	sizes := []int{header, 52}
	count := int(u16(r.body, 44))
	for range count {
		sizes = append(sizes, 32)
	}
	for i := range count {
		p := r.body[52+32*i:]
		off, size := int(u32(p, 4)), int(u32(p, 16))
		if u32(p, 0) == 1 {
			sizes = append(sizes, size)
			continue
		}
		for at := off; at < off+size; {
			name, desc := (int(u32(r.body, at))+3)/4*4, (int(u32(r.body, at+4))+3)/4*4
			sizes = append(sizes, 12, name, desc)
			at += 12 + name + desc
		}
	}
	have := 0
	for _, n := range sizes {
		have += n
	}
	return append(sizes, total-have)
}

// base64Lines makes the lines of an image as the firmware prints them.
func base64Lines(image []byte, writes []int) (lines []string) {
	for _, n := range writes {
		for n > 0 {
			k := min(48, n)
			lines = append(lines, base64.StdEncoding.EncodeToString(image[:k]))
			image, n = image[k:], n-k
		}
	}
	return lines
}

const (
	startLine = "================= CORE DUMP START ================="
	endLine   = "================= CORE DUMP END ================="
)

// logOf is a plain log of one dump.
func logOf(lines []string) string {
	return "I (1234) esp_core_dump_uart: Print core dump to uart...\r\n" + startLine + "\r\n" + strings.Join(lines, "\r\n") + "\r\n" + endLine +
		"\r\nCoredump checksum='12345678'\r\nI (2000) esp_core_dump_uart: Core dump has been written to uart.\r\nRebooting...\r\n"
}

// open unwraps what a user hands in.
func open(t testing.TB, data []byte) format.Input {
	t.Helper()
	s, err := capture.Open(bytes.NewReader(data), "dump", capture.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if len(s.Inputs) != 1 {
		t.Fatalf("%d inputs", len(s.Inputs))
	}
	return s.Inputs[0]
}

// cores reads every dump of what a user hands in.
func cores(t testing.TB, data []byte) (list []*elfcore.Core) {
	t.Helper()
	in := open(t, data)
	hits, err := Format.Find(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		c, err := Format.Read(in, h)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func core(t testing.TB, data []byte) *elfcore.Core {
	t.Helper()
	list := cores(t, data)
	if len(list) != 1 {
		t.Fatalf("%d dumps, want 1", len(list))
	}
	return list[0]
}

// describe is the threads, registers and memory of a core. The registers that
// no BIN image holds are left out.
func describe(t testing.TB, c *elfcore.Core) string {
	t.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "crashed %d\n", c.Crash.Thread)
	for i := range c.Threads {
		th := &c.Threads[i]
		fmt.Fprintf(&s, "%v %v:", th.Kind, th.Control.Value)
		for n, r := range c.Arch.Regs {
			if v, state := th.Regs.Get(arch.Reg(n)); state != elfcore.Missing && !strings.HasPrefix(r.Name, "ep") {
				fmt.Fprintf(&s, " %s=%x", r.Name, v)
			}
		}
		s.WriteByte('\n')
	}
	for r := range c.Memory.All() {
		p := make([]byte, r.Size)
		if n, err := r.Data.ReadAt(p, 0); n < len(p) {
			t.Fatalf("%v: %v", r.Range, err)
		}
		fmt.Fprintf(&s, "%v %v %x\n", r.Range, r.State, sha256.Sum256(p))
	}
	return s.String()
}

// codes are the diagnostics of a core above Info.
func codes(c *elfcore.Core) (list []string) {
	for _, d := range c.Diagnostics {
		if d.Severity > elfcore.Info && !slices.Contains(list, d.Code) {
			list = append(list, d.Code)
		}
	}
	return list
}
