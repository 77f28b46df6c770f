package mynewt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/format"
)

var le = binary.LittleEndian

// tlv is a part whose length is cut to 16 bits, as the first version did.
func tlv(typ byte, addr uint32, data []byte) []byte {
	b := le.AppendUint16([]byte{typ, 0}, uint16(len(data)))
	return append(le.AppendUint32(b, addr), data...)
}

func dumpOf(parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := le.AppendUint32(nil, 0x690c47c3)
	return append(le.AppendUint32(b, uint32(8+len(body))), body...)
}

// regs is 17 words, 0x100 to 0x110, but for sp and psr.
func regs() (b []byte) {
	for i := range uint32(17) {
		v := 0x100 + i
		switch i {
		case 13:
			v = 0x20000040
		case 16:
			v = 0x01000000
		}
		b = le.AppendUint32(b, v)
	}
	return tlv(3, 0, b)
}

var hash = bytes.Repeat([]byte{0xab, 0xcd}, 16)

func ram(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func sample() []byte {
	return dumpOf(regs(), tlv(1, 0, hash), tlv(2, 0x20000000, ram(600)), tlv(2, 0x10000000, ram(50)))
}

func input(data []byte) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Name: "dump", Size: int64(len(data))}
}

func one(t testing.TB, data []byte) (*elfcore.Core, format.Hit) {
	t.Helper()
	in := input(data)
	hits, err := find(in)
	if err != nil || len(hits) != 1 {
		t.Fatalf("hits %v, error %v", hits, err)
	}
	c, err := read(in, hits[0])
	if err != nil {
		t.Fatal(err)
	}
	return c, hits[0]
}

func value(c *elfcore.Core, name string) string {
	n, ok := c.Arch.Reg(name)
	v, s := c.Threads[0].Regs.Get(n)
	if !ok || s == elfcore.Missing {
		return "missing"
	}
	return fmt.Sprintf("%v 0x%x", s, v)
}

func codes(c *elfcore.Core) string {
	var list []string
	for _, d := range c.Diagnostics {
		list = append(list, fmt.Sprintf("%v %s", d.Severity, strings.TrimPrefix(d.Code, "mynewt.")))
	}
	return strings.Join(list, ", ")
}

func numbered(c *elfcore.Core) *elfcore.Core {
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	return c
}

func TestRead(t *testing.T) {
	for name, data := range map[string][]byte{
		"file":                       sample(),
		"flash area, erased behind":  append(sample(), bytes.Repeat([]byte{0xff}, 3000)...),
		"flash image, magic in code": slices.Concat([]byte("\xc3\x47\x0c\x69 code"), make([]byte, 500), sample(), bytes.Repeat([]byte{0xff}, 3000)),
	} {
		core, hit := one(t, data)
		if codes(core) != "info cpu" || !hit.Whole || hit.Len != int64(len(sample())) {
			t.Errorf("%s: %s, %+v", name, codes(core), hit)
		}
		for i := range 13 {
			if got, want := value(core, fmt.Sprintf("r%d", i)), fmt.Sprintf("known 0x%x", 0x100+i); got != want {
				t.Errorf("%s: r%d: %s", name, i, got)
			}
		}
		if value(core, "sp") != "known 0x20000040" || value(core, "lr") != "known 0x10e" || value(core, "pc") != "known 0x10f" || value(core, "xpsr") != "known 0x1000000" {
			t.Errorf("%s: %s %s", name, value(core, "sp"), value(core, "pc"))
		}
		if core.Facts["mynewt.image-sha256"].Value != strings.Repeat("abcd", 16) || core.Program.SHA256Prefix != "" || core.Memory.Len() != 2 || core.Crash.Thread != 0 {
			t.Errorf("%s: %+v", name, core)
		}
		b := make([]byte, 600)
		if _, err := core.Memory.Read(b, 0x20000000); err != nil || !bytes.Equal(b, ram(600)) {
			t.Errorf("%s: memory differs: %v", name, err)
		}
		if err := numbered(core).Write(io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// TestOtherRegisters: a block of another size is kept, not guessed at.
func TestOtherRegisters(t *testing.T) {
	core, _ := one(t, dumpOf(tlv(3, 0, make([]byte, 140)), tlv(2, 0x20000000, ram(16))))
	if codes(core) != "info unverified" || value(core, "pc") != "missing" || value(core, "r0") != "missing" || len(core.Attachment("mynewt.registers")) != 140 {
		t.Errorf("%s, pc %s", codes(core), value(core, "pc"))
	}
}

// TestLengthOverflow: 64 KiB and more, as a version that counts in 16 bits but
// writes all of it would dump them, as one that splits them, and as the one
// that loses them.
func TestLengthOverflow(t *testing.T) {
	all := ram(0x10000 + 600)
	for _, x := range []struct {
		name  string
		data  []byte
		size  uint64
		codes string
	}{
		{"all written", dumpOf(regs(), tlv(2, 0x20000000, all)), 0x10258, "warning length-overflow, info cpu"},
		{"64 KiB", dumpOf(regs(), tlv(2, 0x20000000, all[:0x10000])), 0x10000, "warning length-overflow, info cpu"},
		{"split", dumpOf(regs(), tlv(2, 0x20000000, all[:0xfffc]), tlv(2, 0x2000fffc, all[0xfffc:])), 0x10258, "info cpu"},
		{"cut on the target", dumpOf(regs(), tlv(2, 0x20000000, all[:32])), 32, "info cpu, warning no-stack"},
	} {
		core, _ := one(t, x.data)
		list := strings.Split(codes(core), ", ")
		want := strings.Split(x.codes, ", ")
		slices.Sort(list)
		slices.Sort(want)
		if !slices.Equal(list, want) {
			t.Errorf("%s: %v, want %v", x.name, list, want)
		}
		b := make([]byte, x.size)
		if _, err := core.Memory.Read(b, 0x20000000); err != nil || !bytes.Equal(b, all[:x.size]) || core.Memory.Run(0x20000000).Size != x.size {
			t.Errorf("%s: memory differs: %v, %d bytes", x.name, err, core.Memory.Run(0x20000000).Size)
		}
	}
}

// TestDamage cuts a dump everywhere and breaks what leads a part.
func TestDamage(t *testing.T) {
	data := sample()
	whole, _ := one(t, data)
	for n := range data {
		in := input(data[:n])
		hits, err := find(in)
		if err != nil || n >= 16 && len(hits) != 1 {
			t.Fatal(hits, err)
		}
		for _, h := range hits {
			core, err := read(in, h)
			if err != nil || !core.Damaged() || h.Whole {
				t.Errorf("cut at %d: %v, no loss reported", n, err)
				continue
			}
			for i := range core.Threads {
				for k := range core.Arch.Regs {
					v, s := core.Threads[i].Regs.Get(arch.Reg(k))
					if w, _ := whole.Threads[0].Regs.Get(arch.Reg(k)); s != elfcore.Missing && v != w {
						t.Errorf("cut at %d: register %d", n, k)
					}
				}
			}
			for r := range core.Memory.All() {
				p, q := make([]byte, r.Size), make([]byte, r.Size)
				r.Data.ReadAt(p, 0)
				if _, err := whole.Memory.Read(q, r.Addr); err != nil || !bytes.Equal(p, q) {
					t.Errorf("cut at %d: memory at %v: %v", n, r.Range, err)
				}
			}
		}
	}
	broken := slices.Clone(data)
	broken[8+8+68] = 9 // the image's part
	core, _ := one(t, broken)
	if codes(core) != "info cpu, loss part, warning no-stack" || value(core, "pc") != "known 0x10f" {
		t.Errorf("%v", core.Diagnostics)
	}
}

func TestNotOurs(t *testing.T) {
	for _, x := range []string{"", "\xc3\x47\x0c\x69", "\xc3\x47\x0c\x69\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\xc3\x47\x0c\x69\xff\xff\xff\xff\x03\x00\x44\x00\x00\x00\x00\x00"} {
		if hits, err := find(input([]byte(x))); err != nil || len(hits) > 0 {
			t.Errorf("%q: %v %v", x, hits, err)
		}
	}
}

// TestFixture: the committed dump is what the builder makes.
func TestFixture(t *testing.T) {
	const path = "testdata/core.bin"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, sample(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, sample()) {
		t.Errorf("%s: %v, or it differs; UPDATE=1 writes it", path, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add(dumpOf(regs(), tlv(2, 0xfffffff0, ram(100))))
	f.Add(dumpOf(tlv(3, 0, nil), tlv(2, 0x20000000, ram(0x10010))))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := input(data)
		hits, err := find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off < 0 || h.Len < 0 || h.Off+h.Len > in.Size {
				t.Fatalf("%+v of %d", h, in.Size)
			}
			if core, err := read(in, h); err == nil {
				if err := numbered(core).Write(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
