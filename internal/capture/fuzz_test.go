package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"testing"
)

// FuzzOpen: any bytes yield inputs that can be read, within the limits.
func FuzzOpen(f *testing.F) {
	raw := random(600)
	for _, seed := range [][]byte{
		nil, raw, gz(raw), gz(raw)[:300], gz(gz(raw)), uf2Image(0x1000, raw, 0), []byte(hexImage(0xfff0, raw)),
		[]byte(wrapAt("0x7f 0x45, 0x4c 0x46", 40, "\n")), []byte(wrapAt(base64.StdEncoding.EncodeToString(raw), 64, "\n")),
		utf16Text("[00:00] #CD:5a45\r\n", binary.LittleEndian), []byte(mark8 + "#CD:BEGIN#\n"),
		[]byte(":02000004FFFFFC\n:04FFFE00AABBCCDDF1\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Open(bytes.NewReader(data), "fuzz", Limits{Size: 1 << 20})
		var limit *LimitError
		if err != nil {
			if !errors.As(err, &limit) {
				t.Fatal(err)
			}
			return
		}
		defer s.Close()
		for _, in := range s.Inputs {
			if in.Size > max(1<<20, int64(len(data))) {
				t.Fatalf("%d bytes", in.Size)
			}
			var p [100]byte
			for off := int64(0); off < in.Size; off += 1 + in.Size/3 {
				q := p[:min(100, in.Size-off)]
				if n, err := in.ReadAt(q, off); n < len(q) {
					t.Fatalf("%d of %d bytes at %d: %v", n, len(q), off, err)
				}
			}
			for _, err := range NewText(in, markers...).Lines(0, min(in.Size, 1<<20)) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzText: lines follow each other, hold no line ends, are of limited length
// and rightly numbered; Scan yields those that hold a marker.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "a\r\n\r\nb\rc\n\r#CD:00\n", "#C\x00D:\n", "\x1b[8D\x1b[J#CD:\b\b5a\x1b[0m\r\n", "a\rb\r#CD:",
	} {
		f.Add([]byte(seed), uint16(1), uint8(0))
	}
	f.Add([]byte("#CD:0123456789abcdef"), uint16(20000), uint8(0))
	f.Add([]byte("[00:00:00.020,000] <err> coredump: #CD:0123456789abcdef0123456789abcdef\n"), uint16(40), uint8(60))
	f.Fuzz(func(t *testing.T, data []byte, times uint16, width uint8) {
		if n := len(data) * int(times); n > 2*blockSize {
			t.Skip()
		}
		data = bytes.Repeat(data, int(times))
		if width > 0 {
			data = hardWrap(data, int(width))
		}
		in := textInput(data)
		sameAsLines(t, in, 0, in.Size, markers...)
		sameAsLines(t, in, in.Size/3, in.Size-in.Size/4, markers...)
		text := NewText(in, markers...)
		end, number := int64(0), 1
		for l, err := range text.Lines(0, in.Size) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Off < end || l.End < l.Off || l.Number < number || len(l.Text) > maxLine || bytes.ContainsAny(l.Text, "\r\n\x00") {
				t.Fatalf("after offset %d, line %d: %+v", end, number, l)
			}
			number += bytes.Count(data[end:l.Off], []byte{text.eol})
			if l.Number != number {
				t.Fatalf("line %d is said to be %d", number, l.Number)
			}
			number += bytes.Count(data[l.Off:l.End], []byte{text.eol})
			end = l.End
		}
		if end != in.Size && in.Size > 0 {
			t.Fatalf("ends at %d of %d", end, in.Size)
		}
	})
}
