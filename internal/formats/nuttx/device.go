package nuttx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// findImages finds dumps in bytes: a file, or the image of a block device, on
// which the dump begins with the first sector. Uncompressed ones are also found
// in the midst of other things, such as a whole flash.
func findImages(in format.Input) (hits []format.Hit, err error) {
	if n := lzfLength(capture.PiecesOf(in, 0, in.Size)); n > 0 {
		if isImage(head(capture.PiecesOf(in, 0, n))) {
			return []format.Hit{{Len: n, Score: 90, Whole: true}}, nil
		}
	}
	next := int64(0) // nothing before it
	for off, err := range capture.Magics(in, elfMagic) {
		if err != nil {
			return nil, err
		}
		p := capture.PiecesOf(in, off, in.Size-off)
		if off < next || !isImage(p) {
			continue
		}
		next = off + 1
		m, ok := openImage(p)
		if !ok {
			continue
		}
		h := format.Hit{Off: off, Len: min(m.filled(), p.Size), Score: 90, Whole: m.length <= p.Size}
		if next = off + m.tasks.note(m.tasks.count); h.Whole {
			next = off + h.Len
		}
		hits = append(hits, h)
	}
	return hits, nil
}

// head is the start of a compressed dump, enough for its headers and the first
// task's notes.
func head(p *capture.Pieces) *capture.Pieces {
	var q capture.Pieces
	for off := int64(0); q.Size < headSize; {
		b, ok := lzfAt(p, off)
		if !ok {
			break
		}
		data, ok := b.unpack(p, off)
		if !ok {
			break
		}
		q.Append(data)
		off += b.end()
	}
	return &q
}

const headSize = 64 << 10

// readImage decodes a dump that findImages found.
func readImage(in format.Input, h format.Hit) (*elfcore.Core, error) {
	b := builder{stored: capture.PiecesOf(in, h.Off, h.Len), source: in.Name}
	b.decode()
	c, err := b.core()
	if err == nil && h.Off == 0 && h.Len < in.Size {
		b.device(in, h.Len)
	}
	return c, err
}

// infoMagic is that of struct coredump_info_s, in the last sectors of a block
// device. Between it and the size stand struct utsname and struct timespec,
// whose sizes depend on the configuration.
var infoMagic = binary.LittleEndian.AppendUint32(nil, 0x434f5245)

const (
	infoArea = 64 << 10 // bytes at the end of the device in which it is looked for
	infoSize = 2 << 10  // bytes that it has at most
)

// device reads the record that the target writes last: it proves the dump to
// be complete, for its size must be what the dump has.
func (b *builder) device(in format.Input, size int64) {
	from := max(size, in.Size-infoArea) &^ 3
	area := make([]byte, in.Size-from)
	n, _ := in.ReadAt(area, from)
	area = area[:n]
	for at := 0; ; at += 4 {
		i := bytes.Index(area[at:], infoMagic)
		if i < 0 {
			break
		}
		at += i
		record := area[at:min(len(area), at+infoSize)]
		for off := 4; off+4 <= len(record); off += 4 {
			if v := int64(binary.LittleEndian.Uint32(record[off:])); v != size && (b.compressed || !b.m.complete(v)) {
				continue
			}
			why := b.c.Because("nuttx.info-record", "its size is the dump's", elfcore.Pos{Off: from + int64(at)})
			b.c.Facts[factDevice] = elfcore.Fact[string]{Value: fmt.Sprintf("info record at 0x%x", from+int64(at)), State: elfcore.Known, Why: why}
			if name := systemName(record[4:off]); name != "" {
				b.c.Facts[factVersion] = elfcore.Fact[string]{Value: name, State: elfcore.Known, Why: why}
			}
			return
		}
	}
	b.report(elfcore.Info, "no-info-record", elfcore.Pos{Off: in.Size}, "no record of the dump's size in the last sectors", "",
		"if this is the image of a block device, the dump may be an older one or incomplete")
}

// systemName joins the strings of struct utsname.
func systemName(b []byte) string {
	var words []string
	for _, s := range bytes.FieldsFunc(b, func(c rune) bool { return c == 0 }) {
		if bytes.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
			break // struct timespec
		}
		words = append(words, string(s))
	}
	return strings.Join(words, " ")
}
