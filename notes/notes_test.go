package notes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// raw builds a note with declared sizes that need not be true.
func raw(o binary.AppendByteOrder, nameSize, descSize, typ uint32, body string) string {
	b := o.AppendUint32(nil, nameSize)
	b = o.AppendUint32(b, descSize)
	b = o.AppendUint32(b, typ)
	return string(b) + body
}

func TestAll(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	core := raw(le, 5, 2, 1, "CORE\x00\x00\x00\x00ab\x00\x00")
	for _, x := range []struct {
		name  string
		data  string
		align int
		order binary.ByteOrder
		want  string // owner/type/descriptor of each note
		err   string
	}{
		{"none", "", 4, le, "", ""},
		{"two", core + raw(le, 4, 4, 3, "GNU\x00wxyz"), 4, le, "CORE/1/ab GNU/3/wxyz ", ""},
		{"big endian", raw(be, 4, 3, 7, "GNU\x00xyz\x00"), 4, be, "GNU/7/xyz ", ""},
		{"no padding after the last", raw(le, 4, 3, 7, "GNU\x00xyz"), 4, le, "GNU/7/xyz ", ""},
		{"p_align 0 and 1 pad to 4", core, 1, le, "CORE/1/ab ", ""},
		{"p_align 8", raw(le, 5, 2, 1, "CORE\x00\x00\x00\x00\x00\x00\x00\x00ab\x00\x00\x00\x00\x00\x00") + raw(le, 4, 0, 2, "GNU\x00"), 8, le, "CORE/1/ab GNU/2/ ", ""},
		// Folklore: ESP-IDF pads names with left-over bytes of the previous
		// one, and one line of it counts the name without its NUL.
		{"left-over bytes in the name", raw(le, 8, 1, 1, "CORE\x00_CO"+"a\x00\x00\x00"), 4, le, "CORE/1/a ", ""},
		{"name without a NUL", raw(le, 4, 1, 1, "COREa\x00\x00\x00"), 4, le, "CORE/1/a ", ""},
		{"no name", raw(le, 0, 1, 9, "a\x00\x00\x00"), 4, le, "/9/a ", ""},
		{"cut header", core + "\x05\x00\x00", 4, le, "CORE/1/ab ", "offset 0x18: note header cut off"},
		{"long name", core + raw(le, 0xffffffff, 0, 0, "x"), 4, le, "CORE/1/ab ", "offset 0x18: note name of 4294967295 bytes in a segment with 1 left"},
		{"name over the end", raw(le, 9, 0, 0, "12345678"), 4, le, "", "note name of 9 bytes in a segment with 8 left"},
		{"absurd name", raw(le, 300, 0, 0, strings.Repeat("x", 300)), 4, le, "", "note name of 300 bytes"},
		{"long descriptor", raw(le, 4, 0xfffffffe, 0, "GNU\x00x"), 4, le, "", "note descriptor of 4294967294 bytes in a segment with 1 left"},
	} {
		var got strings.Builder
		var failed error
		// Bytes around the segment must not be looked at.
		for n, err := range All(strings.NewReader("before"+x.data+"after"), 6, int64(len(x.data)), x.align, x.order) {
			if err != nil {
				failed = err
				break
			}
			desc, err := n.Read(100)
			if err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
			got.WriteString(n.Owner + "/" + string('0'+rune(n.Type)) + "/" + string(desc) + " ")
		}
		if got.String() != x.want {
			t.Errorf("%s: want %q, got %q", x.name, x.want, got.String())
		}
		var f *FormatError
		switch {
		case x.err == "" && failed != nil, x.err != "" && !errors.As(failed, &f):
			t.Errorf("%s: want the error %q, got %v", x.name, x.err, failed)
		case x.err != "":
			f.Off -= 6
			if !strings.Contains(f.Error(), x.err) {
				t.Errorf("%s: want the error %q, got %v", x.name, x.err, f)
			}
		}
	}
}

// TestAllOnShortFile: the segment claims bytes that the file does not have.
func TestAllOnShortFile(t *testing.T) {
	data := raw(binary.LittleEndian, 5, 8, 1, "CORE\x00\x00\x00\x00")
	for cut := 1; cut < len(data); cut++ {
		for n, err := range All(strings.NewReader(data[:cut]), 0, 1<<40, 4, binary.LittleEndian) {
			if err != nil {
				continue
			}
			if _, err := n.Read(100); err == nil {
				t.Errorf("cut at %d: %+v", cut, n)
			}
		}
	}
}

func TestReadLimits(t *testing.T) {
	n := Note{Size: 1 << 40, Desc: strings.NewReader("12345678")}
	if b, err := n.Read(4); string(b) != "1234" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	if b, err := n.Read(100); string(b) != "12345678" || err == nil {
		t.Errorf("%q %v", b, err)
	}
}

func FuzzAll(f *testing.F) {
	f.Add([]byte(raw(binary.LittleEndian, 5, 2, 1, "CORE\x00\x00\x00\x00ab\x00\x00")), int64(0), int64(24), 4, false)
	f.Add([]byte(raw(binary.BigEndian, 0xffffffff, 0xffffffff, 1, "")), int64(0), int64(1<<40), 8, true)
	f.Fuzz(func(t *testing.T, data []byte, off, size int64, align int, big bool) {
		if off < 0 || size < 0 || off > int64(len(data)) || size > 1<<40 {
			return
		}
		order := binary.ByteOrder(binary.LittleEndian)
		if big {
			order = binary.BigEndian
		}
		last := off - 1
		for n, err := range All(bytes.NewReader(data), off, size, align, order) {
			if err != nil {
				break
			}
			if n.Off <= last || n.DescOff+n.Size > off+size || len(n.Owner) > maxOwner {
				t.Fatalf("%+v", n)
			}
			last = n.Off
			if _, err := n.Read(1 << 20); err != nil && n.DescOff+min(n.Size, 1<<20) <= int64(len(data)) {
				t.Fatal(err)
			}
		}
	})
}
