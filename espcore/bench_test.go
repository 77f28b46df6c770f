package espcore

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"corelift/internal/format"
)

// bigLog is a log with a dump of 16 MiB of memory.
func bigLog(b *testing.B) []byte {
	r := readReal(b, "esp32c3")
	body := bytes.Clone(r.body)
	count := int(u16(body, 44))
	for i := range count { // the last task's stack becomes the big one
		if p := body[52+32*i:]; u32(p, 0) == 4 && i > 0 {
			binary.LittleEndian.PutUint32(p[4:], uint32(len(body)))
			binary.LittleEndian.PutUint32(p[16:], 0)
		}
	}
	const size = 16<<20 - 48*8
	p := body[52+32*(count-2):]
	binary.LittleEndian.PutUint32(p[4:], uint32(len(body)))
	binary.LittleEndian.PutUint32(p[16:], size)
	binary.LittleEndian.PutUint32(p[20:], size)
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	image := append(le(uint32(24+len(body)+size+4), 0x50102, 0, 0, 0, 3), append(body, data...)...)
	image = append(image, le(crc32.ChecksumIEEE(image))...)
	return []byte(logOf(base64Lines(image, []int{24, len(body), size, 4})))
}

func BenchmarkLog(b *testing.B) {
	data := bigLog(b)
	in := format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Text: true}
	hits, err := Format.Find(in)
	if err != nil || len(hits) != 1 {
		b.Fatal(hits, err)
	}
	c, err := Format.Read(in, hits[0])
	if err != nil || c.Facts[factChecksum].Value != "CRC32 holds" {
		b.Fatal(err, c.Diagnostics)
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(in.Size)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	run("find", func() { Format.Find(in) })
	run("read", func() { Format.Read(in, hits[0]) })
	run("decode", func() {
		l := &dumpLines{in: in, table: newBase64Table(), data: make([]byte, 0, in.Size)}
		l.read(0, in.Size)
	})
}

// BenchmarkForeign: what is no dump of Espressif's must cost little.
func BenchmarkForeign(b *testing.B) {
	text := []byte(strings.Repeat("[00:00:12.345,678] <inf> main: the value is 42 and the state is idle, next in 7 ms\r\n", 400000))
	for name, in := range map[string]format.Input{
		"log":   {ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Text: true},
		"image": {ReaderAt: bytes.NewReader(text), Size: int64(len(text))},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(in.Size)
			for b.Loop() {
				if hits, err := findImages(in); !in.Text && (len(hits) > 0 || err != nil) {
					b.Fatal(hits, err)
				}
				if hits, err := Format.Find(in); len(hits) > 0 || err != nil {
					b.Fatal(hits, err)
				}
			}
		})
	}
}
