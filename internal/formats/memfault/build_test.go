package memfault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
	"corelift/internal/format"
)

var le = binary.LittleEndian

const root = "../../.."

// undef is the crash of the fixture firmware from which dumps are built.
func undef(t testing.TB) *fixture.Case {
	t.Helper()
	cases, err := fixture.Load(root + "/testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	return cases[slices.IndexFunc(cases, func(c *fixture.Case) bool { return c.Name() == "cortex-m3/undef" })]
}

func words(list ...uint32) (b []byte) {
	for _, v := range list {
		b = le.AppendUint32(b, v)
	}
	return b
}

// blk is a block as the target writes it, with padding before memory.
type blk struct {
	typ  byte
	addr uint32
	data []byte
}

// dumpOf writes a dump; version 2 has a footer.
func dumpOf(version, flags uint32, blocks ...blk) []byte {
	var out []byte
	put := func(b blk) {
		out = append(out, b.typ, 0, 0, 0)
		out = append(append(out, words(b.addr, uint32(len(b.data)))...), b.data...)
	}
	for _, b := range blocks {
		if pad := -len(out) & 3; b.typ == 1 && pad > 0 {
			put(blk{6, 0, make([]byte, pad)})
		}
		put(b)
	}
	if version > 1 {
		out = append(out, words(0x504d5544, flags, 0, 0)...)
	}
	return append(words(0x45524f43, version, uint32(12+len(out))), out...)
}

var buildID = []byte("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67")

// cortexM is the dump that the SDK would have written of a case.
func cortexM(c *fixture.Case, version uint32) []byte {
	r := func(name string) uint32 { return uint32(c.Crashed().Registers[name]) }
	block := words(uint32(c.NativeBlock().Frame.Addr))
	for i := 4; i < 12; i++ {
		block = append(block, words(r(fmt.Sprintf("r%d", i)))...)
	}
	block = append(block, words(0xfffffffd)...)
	ram := c.Native.RAM()
	return dumpOf(version, 0,
		blk{0, 0, block},
		blk{12, 0, buildID},
		blk{2, 0, []byte("DAABBCCDD")}, blk{10, 0, []byte("1.2.3")}, blk{11, 0, []byte("app-fw")}, blk{4, 0, []byte("evt")},
		blk{7, 0, words(40)},
		blk{5, 0, words(0x9300)},
		blk{1, 0xe000ed24, words(0x70008, 0x10000, 0x40000000, 0, 0xe000edf8, 0xe000edf8, 0)},
		blk{1, 0xe000ed04, words(0x803, 0)},
		blk{1, uint32(ram.Addr), ram.Data},
	)
}

func uvarint(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }

// packed is the SDK's run-length encoding: numbers are zigzag varints.
func packed(p []byte) (out []byte) {
	for len(p) > 0 {
		n := 1
		for n < len(p) && p[n] == p[0] {
			n++
		}
		if n >= 3 {
			out = append(append(out, uvarint(2*n)...), p[0])
			p = p[n:]
			continue
		}
		n = 1
		for n < len(p) && !(n+2 < len(p) && p[n] == p[n+1] && p[n] == p[n+2]) {
			n++
		}
		out = append(append(out, uvarint(2*n-1)...), p[:n]...)
		p = p[n:]
	}
	return out
}

// xmodem is CRC-16/XMODEM, bit by bit.
func xmodem(p []byte) uint16 {
	rem := uint32(0)
	for _, c := range append(slices.Clone(p), 0, 0) {
		for bit := 7; bit >= 0; bit-- {
			rem = rem<<1 | uint32(c>>bit&1)
			if rem&0x10000 != 0 {
				rem ^= 0x11021
			}
		}
	}
	return uint16(rem)
}

// sending is how a message goes out.
type sending struct {
	rle, key, old bool // old: checksum before the message
	mtu           int  // bytes of a chunk
	fill          bool // chunks have a fixed size
}

// chunks is a message in chunks.
func (s sending) chunks(typ byte, dump []byte) (list [][]byte) {
	message := []byte{typ}
	if s.key {
		message[0] |= 0x40
		message = append(message, "0123456789abcdef0123456789abcdef\x00"...)
	}
	if s.rle {
		message[0] |= 0x80
		dump = packed(dump)
	}
	message = append(message, dump...)
	sum := le.AppendUint16(nil, xmodem(message))
	if 3+len(message) <= s.mtu {
		if s.old {
			return [][]byte{slices.Concat([]byte{0}, sum, message)}
		}
		return [][]byte{slices.Concat([]byte{1 << 3}, message, sum)}
	}
	tail := len(sum)
	first := append([]byte{1<<6 | 1<<3}, uvarint(len(message))...)
	if s.old {
		first, tail = append(append([]byte{1 << 6}, uvarint(len(message))...), sum...), 0
	}
	n := s.mtu - len(first)
	list = append(list, append(first, message[:n]...))
	for at := n; ; at += n {
		head := append([]byte{1 << 7}, uvarint(at)...)
		n = min(s.mtu-len(head), len(message)-at)
		c := append(head, message[at:at+n]...)
		if at+n == len(message) && s.mtu-len(c) >= tail {
			if !s.old {
				c = append(c, sum...)
			}
			if s.fill {
				c = append(c, bytes.Repeat([]byte{0xba}, s.mtu-len(c))...)
			}
			return append(list, c)
		}
		c[0] |= 1 << 6
		list = append(list, c)
	}
}

// log is a console with an event, the dump's chunks and other output.
func (s sending) log(dump []byte) string {
	var b strings.Builder
	write := func(i int, chunk []byte) {
		fmt.Fprintf(&b, "[00:00:%02d.%03d,000] <inf> mflt: MC:%s:\r\n", i/1000, i%1000, base64.StdEncoding.EncodeToString(chunk))
	}
	b.WriteString("*** Booting ***\r\nMC: is no chunk\r\n")
	event := sending{mtu: 40}.chunks(2, bytes.Repeat([]byte("event"), 30))
	for i, c := range event {
		write(i, c)
	}
	for i, c := range s.chunks(1, dump) {
		if i == 2 {
			b.WriteString("another line\r\n")
		}
		write(i, c)
	}
	for i, c := range event {
		write(i, c)
	}
	return b.String()
}

func input(data []byte, text bool) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Name: "dump", Size: int64(len(data)), Text: text}
}

// one reads the only dump of an input.
func one(t testing.TB, data []byte, text bool) (*elfcore.Core, format.Hit) {
	t.Helper()
	in := input(data, text)
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

// diagnostics lists codes of diagnostics, each with its severity.
func diagnostics(c *elfcore.Core) (list []string) {
	for _, d := range c.Diagnostics {
		if s := fmt.Sprintf("%v %s", d.Severity, d.Code); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// value is a register as the Core has it: "known 0x1".
func value(c *elfcore.Core, thread int, name string) string {
	n, ok := c.Arch.Reg(name)
	if !ok {
		return "no such register"
	}
	v, s := c.Threads[thread].Regs.Get(n)
	if s == elfcore.Missing {
		return "missing"
	}
	return fmt.Sprintf("%v 0x%x", s, v)
}

// sum identifies the memory of a Core.
func sum(t testing.TB, c *elfcore.Core) string {
	var b strings.Builder
	for r := range c.Memory.All() {
		p := make([]byte, r.Size)
		if n, err := r.Data.ReadAt(p, 0); n < len(p) {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%v %v %08x\n", r.Range, r.State, crc32.ChecksumIEEE(p))
	}
	return b.String()
}

func numbered(c *elfcore.Core) *elfcore.Core {
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	return c
}

// noise is bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b
}

// golden compares with, or under UPDATE=1 writes, a committed file.
func golden(t *testing.T, name string, data []byte) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, data) {
		t.Errorf("%s: %v, or it differs; UPDATE=1 writes it", path, err)
	}
}
