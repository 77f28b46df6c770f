// Package mcoredump reads the cores that MCoreDump writes on RT-Thread targets:
// ELF files as such, in a RAM buffer, or as hex on a console. All are of ARM's
// M profile.
//
// Source: Rbb666/MCoreDump at 60107232, src/coredump.c, src/faultdump.c,
// osal/rtthread.c, arch/armv7m/armv7m.c, and its ARM note fillers.
package mcoredump

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "mcoredump"

// Format is how the root finds and reads MCoreDump's cores.
var Format = format.Format{
	Name:   Name,
	Magic:  []string{bufferMagic, elfMagic},
	Marker: []string{markStart},
	Find:   find,
	Read:   read,
}

const (
	elfMagic    = "\x7fELF"
	bufferMagic = "PDMC" // 0x434d4450, little endian
	// bufferHeader is the size in bytes of what precedes the core in the RAM
	// buffer: magic, size of the core, checksum.
	bufferHeader = 12
	maxBuffer    = 64 << 20 // bytes of a buffer; the default is 8 KiB
)

// find looks for binary cores first: a memory image may hold the marker, in the
// firmware's strings.
func find(in format.Input) ([]format.Hit, error) {
	if in.Text {
		return findLog(in)
	}
	if f, err := elfcore.Open(in, in.Size); err == nil && own(f) {
		size := length(f)
		return []format.Hit{{Len: min(size, in.Size), Score: 90, Whole: size <= in.Size}}, nil
	}
	hits, err := findBuffers(in)
	if err != nil || len(hits) > 0 {
		return hits, err
	}
	return findLog(in)
}

// findBuffers finds RAM buffers in memory images.
func findBuffers(in format.Input) (hits []format.Hit, err error) {
	next := int64(0)
	for off, err := range capture.Magics(in, bufferMagic) {
		if err != nil {
			return nil, err
		}
		var p [bufferHeader + len(elfMagic)]byte
		if n, _ := in.ReadAt(p[:], off); n < len(p) || off < next || string(p[bufferHeader:]) != elfMagic {
			continue
		}
		size := int64(binary.LittleEndian.Uint32(p[4:]))
		if size == 0 || size > maxBuffer {
			continue
		}
		next = min(off+bufferHeader+size, in.Size)
		hits = append(hits, format.Hit{Off: off, Len: next - off, Score: 90, Whole: next-off == bufferHeader+size})
	}
	return hits, nil
}

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	if h.Text {
		return readLog(in, h)
	}
	var head [bufferHeader]byte
	n, _ := in.ReadAt(head[:], h.Off)
	d := dump{source: in.Name, from: h.Off, form: "file", ReaderAt: io.NewSectionReader(in, h.Off, h.Len), size: h.Len}
	if n == len(head) && string(head[:len(bufferMagic)]) == bufferMagic {
		d.form, d.from, d.size = "RAM buffer", h.Off+bufferHeader, h.Len-bufferHeader
		d.ReaderAt = io.NewSectionReader(in, d.from, d.size)
		if d.size == int64(binary.LittleEndian.Uint32(head[4:])) {
			// In the buffer the checksum lacks the final inversion.
			d.check(^binary.LittleEndian.Uint32(head[8:]))
		}
	}
	return d.core()
}

// dump is the bytes of one core.
type dump struct {
	io.ReaderAt
	size    int64
	source  string
	form    string
	from    int64 // of the core in the input, -1 if it is text
	line    elfcore.Pos
	diags   []elfcore.Diagnostic
	message string        // of an assertion, printed before the core
	state   elfcore.State // of what stands in the core; 0: Known
}

// pos is the position of a byte of the core: in text, of its first line.
func (d *dump) pos(off int64) elfcore.Pos {
	if d.from < 0 {
		return d.line
	}
	return elfcore.Pos{Off: d.from + off}
}

func (d *dump) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	d.diags = append(d.diags, elfcore.Diagnostic{Severity: s, Code: "mcoredump." + code, At: at, Found: found, Expected: expected, Done: done})
}

// check compares the core's CRC-32 (IEEE).
func (d *dump) check(want uint32) {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(d, 0, d.size)); err != nil {
		return // reading the core reports it
	}
	if sum.Sum32() != want {
		d.report(elfcore.Loss, "crc", d.pos(0), fmt.Sprintf("CRC 0x%08x", sum.Sum32()), fmt.Sprintf("0x%08x as stored with the core", want), "some byte is wrong; which one can't be told")
	}
}
