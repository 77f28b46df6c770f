package zephyr

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

// sound checks what must hold of every core, whatever it was read from: memory
// can be read, no more of it than the input had, and all registers too.
func sound(t *testing.T, c *elfcore.Core, input int) {
	t.Helper()
	var size uint64
	for r := range c.Memory.All() {
		size += r.Size
		var b [1]byte
		if _, err := c.Memory.Read(b[:], r.Addr); err != nil {
			t.Error(err)
		}
		if _, err := c.Memory.Read(b[:], r.Addr+elfcore.Addr(r.Size-1)); err != nil {
			t.Error(err)
		}
		if r.State == elfcore.Missing {
			t.Errorf("%v is missing and there", r.Range)
		}
	}
	if size > uint64(input) {
		t.Errorf("%d bytes of memory from %d of input", size, input)
	}
	if x := c.Crashed(); x != nil {
		for _, r := range append(slices.Clone(x.Alternatives), x.Regs) {
			for i := range c.Arch.Regs {
				r.Bytes(arch.Reg(i))
			}
		}
	}
	for code, n := range c.Suppressed {
		if n <= 0 {
			t.Errorf("%d %s suppressed", n, code)
		}
	}
}

// FuzzLog reads arbitrary text.
func FuzzLog(f *testing.F) {
	for _, path := range []string{"../testdata/firmware/cortex-m3/div.log", "../testdata/firmware/rv64/panic.log", "../testdata/documentation-sample/coredump.log"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		begin := bytes.Index(text, []byte(marker))
		from, to := max(0, begin-900), min(len(text), begin+3000)
		f.Add(text[from:to])
		f.Add(append(slices.Clone(text[begin:to]), text[from:to]...))
		f.Add(slices.Concat(text[from:begin], text[from:to], text[from:begin]))
	}
	f.Add([]byte(marker + "5a4501000300050019000000410200440009" + strings.Repeat("4d0100", 9) + "\n" + marker + "4d01000000002010000020aabb\n"))
	f.Add([]byte("#CD:BEGIN#\n#CD:LOCATION 0x20\n#CD:ERROR CANNOT DUMP#\n#CD:5a45\n#CD:END#\n#CD:430100ffffffff\n"))
	f.Add([]byte(crashText + "*** Booting\n" + strings.ReplaceAll(crashText, "r15", "R15") + "#CD:LOCATION 0x20\n" + crashText + crashText))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := format.Input{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Name: "fuzz", Text: true}
		hits, err := findLog(in)
		if err != nil {
			t.Fatal(err)
		}
		end := int64(0)
		for _, h := range hits {
			if h.Off < end || h.Len <= 0 || h.Off+h.Len > in.Size {
				t.Fatalf("hit %+v in %d bytes, after one that ends at %d", h, in.Size, end)
			}
			end = h.Off + h.Len
			c, err := read(in, h)
			if err != nil {
				continue
			}
			complete(c, elfcore.NoProgram{})
			sound(t, c, len(text))
		}
		for _, a := range arch.All() {
			parseConsole(a, text, 1)
		}
	})
}

// FuzzStream reads arbitrary bytes as a stream, with holes in it.
func FuzzStream(f *testing.F) {
	for _, ptr := range []int{4, 8} {
		stream := withKernel(ptr, makeDump(ptr, 80, 33, 1)).flatten()
		f.Add(stream, uint16(0), uint16(0), false)
		f.Add(stream, uint16(100), uint16(32), true)
		f.Add(append(stream, "C\x01\x00abcdstray"...), uint16(7), uint16(1), true)
	}
	f.Add([]byte("ZE\x01\x00\x05\x00\x05\x00\x00\x00\x00\x00F\x01\x00\x04\x00abcdefghijkM\x01\x00\x00\x00\x00\x00\xff\xff\xff\xff"), uint16(3), uint16(3), false)
	f.Fuzz(func(t *testing.T, data []byte, at, size uint16, lossy bool) {
		var holes []hole
		if size > 0 && int(at)+int(size) <= len(data) {
			holes = []hole{{int64(at), int64(size)}}
		}
		b := &builder{source: "fuzz", lossy: lossy}
		readStream(b, stream{ReaderAt: bytes.NewReader(data), size: int64(len(data)), holes: holes,
			pos: func(off int64) elfcore.Pos { return elfcore.Pos{Off: off} }})
		c, err := b.core()
		if err != nil {
			return
		}
		placeByOrder(c)
		complete(c, elfcore.NoProgram{})
		sound(t, c, len(data))
	})
}

// FuzzDamage loses, repeats and changes lines of a real log: nothing that is
// known or recovered may be wrong. Each op is a line and what happens to it.
func FuzzDamage(f *testing.F) {
	f.Add([]byte{10, 0, 0, 20, 0, 1})
	f.Add([]byte{40, 0, 0})
	f.Add([]byte{12, 0, 3})
	c := crash(f, "cortex-m33/undef")
	d := c.Build(c.NativeBlock(), fixture.ThreadsKernel)
	whole := marked(d.Payloads())
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) != 3 {
			return // one place only: what several losses leave may look whole
		}
		lines := slices.Clone(whole)
		i := 1 + int(binary.LittleEndian.Uint16(ops))%(len(lines)-2)
		switch op := ops[2] % 4; op {
		case 0:
			lines = without(lines, i, 1)
		case 1:
			lines = slices.Insert(lines, i, lines[i])
		case 2:
			at := len(marker) + int(ops[2]/4)%(len(lines[i])-len(marker)-1)
			lines[i] = lines[i][:at] + "\n"
		case 3:
			at := len(marker) + int(ops[2]/4)%(len(lines[i])-len(marker)-1)
			lines[i] = lines[i][:at] + "~" + lines[i][at+1:]
		}
		got := readDamaged(lines)
		if got == nil {
			return
		}
		for _, lie := range lies(got, d) {
			t.Errorf("line %d, %d: %s", i+1, ops[2], lie)
		}
	})
}
