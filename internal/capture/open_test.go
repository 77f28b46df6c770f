package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"corelift/elfcore"
)

// corpus returns a file of the shared corpus, or skips.
func corpus(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared/corpus", name))
	if err != nil {
		t.Skip("no corpus: ", err)
	}
	return data
}

// corpusLogs returns all console logs of the corpus by name.
func corpusLogs(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../../../shared/corpus/zephyr/*/coredump.log")
	if len(names) == 0 {
		t.Skip("no corpus")
	}
	logs := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		logs[filepath.Base(filepath.Dir(name))] = data
	}
	return logs
}

// random is data that no wrapper looks like and gzip cannot shrink.
func random(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = 'Z'
	return b
}

func gz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func wrapAt(s string, width int, eol string) string {
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width] + eol)
	}
	return b.String() + s
}

func utf16Text(s string, order binary.AppendByteOrder) []byte {
	b := order.AppendUint16(nil, byteOrderMark)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

// hexImage writes Intel HEX: records of 16 bytes, base records where needed.
func hexImage(start uint32, data []byte) string {
	var b strings.Builder
	high := uint32(0)
	for ; len(data) > 0; start += 16 {
		if start>>16 != high {
			high = start >> 16
			b.WriteString(hexLine(hexLinear, 0, []byte{byte(high >> 8), byte(high)}))
		}
		n := min(16, len(data))
		b.WriteString(hexLine(hexData, uint16(start), data[:n]))
		data = data[n:]
	}
	return b.String() + hexLine(hexEnd, 0, nil)
}

func hexLine(kind byte, addr uint16, data []byte) string {
	b := append([]byte{byte(len(data)), byte(addr >> 8), byte(addr), kind}, data...)
	sum := byte(0)
	for _, c := range b {
		sum -= c
	}
	return fmt.Sprintf(":%X\r\n", append(b, sum))
}

func uf2Image(start uint32, data []byte, flags uint32) []byte {
	var out []byte
	le := binary.LittleEndian
	total := (len(data) + 255) / 256
	for i := range total {
		p := data[i*256 : min(len(data), i*256+256)]
		b := make([]byte, 512)
		for k, v := range []uint32{uf2Magic0, uf2Magic1, flags, start + uint32(i*256), uint32(len(p)), uint32(i), uint32(total), 0xada52840} {
			le.PutUint32(b[4*k:], v)
		}
		copy(b[32:], p)
		le.PutUint32(b[508:], uf2Magic2)
		out = append(out, b...)
	}
	return out
}

// open unwraps data; the result is closed with the test.
func open(t testing.TB, data []byte, lim Limits) *Source {
	t.Helper()
	s, err := Open(bytes.NewReader(data), "crash", lim)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func contents(t testing.TB, s *Source, i int) []byte {
	t.Helper()
	in := s.Inputs[i]
	data := make([]byte, in.Size)
	if n, err := in.ReadAt(data, 0); n < len(data) {
		t.Fatal(n, err)
	}
	return data
}

func codes(s *Source) []string {
	var c []string
	for _, n := range s.Notes {
		c = append(c, strings.TrimPrefix(n.Code, "capture."))
	}
	return c
}

func TestOpen(t *testing.T) {
	raw := random(1000)
	digits := hex.EncodeToString(raw)
	b64 := base64.StdEncoding.EncodeToString(raw)
	var bytesOf, commas []string
	for _, c := range raw {
		bytesOf = append(bytesOf, fmt.Sprintf("%02X", c))
		commas = append(commas, fmt.Sprintf("0x%02x", c))
	}
	log := "*** Booting ***\r\n[00:00:00.020,000] <err> coredump: #CD:BEGIN#\r\nWärme: 21°\r\n"
	for _, c := range []struct {
		name     string
		data     []byte
		want     []byte
		wrappers []string
		notes    []string
	}{
		{"binary", raw, raw, nil, nil},
		{"empty", nil, nil, nil, nil},
		{"log", []byte(log), []byte(log), nil, nil},
		{"gzip", gz(raw), raw, []string{"gzip"}, nil},
		{"gzip members", append(gz(raw[:300]), gz(raw[300:])...), raw, []string{"gzip"}, nil},
		{"gzip cut", gz(raw)[:900], nil, []string{"gzip"}, []string{"gzip-cut"}},
		{"gzip header only", gz(raw)[:10], []byte{}, []string{"gzip"}, []string{"gzip-cut"}},
		{"gzip trailer", append(gz(raw), "garbage\n"...), raw, []string{"gzip"}, []string{"gzip-trailer"}},
		{"gzip checksum", spoil(gz(raw), -6), raw, []string{"gzip"}, []string{"gzip-checksum"}},
		{"gzip magic only", []byte("\x1f\x8b\x08\x00abc"), []byte("\x1f\x8b\x08\x00abc"), nil, nil},
		{"hex", []byte(digits), raw, []string{"hex text"}, nil},
		{"hex lines", []byte(wrapAt(digits, 60, "\n") + "\n"), raw, []string{"hex text"}, nil},
		{"hex odd lines", []byte(wrapAt(digits, 61, "\r\n")), raw, []string{"hex text"}, nil},
		{"hex 0x once", []byte("0x" + digits + "\n"), raw, []string{"hex text"}, nil},
		{"hex bytes", []byte(strings.Join(bytesOf, " ")), raw, []string{"hex text"}, nil},
		{"hex commas", []byte(wrapAt(strings.Join(commas, ", "), 6*16, "\n")), raw, []string{"hex text"}, nil},
		{"hex cut", []byte(digits[:1999]), raw[:999], []string{"hex text"}, []string{"hex-odd"}},
		{"hex lost digit", []byte(digits[:64] + "\n" + digits[64:127] + "\n" + digits[128:]), nil, nil, []string{"hex-refused"}},
		{"hex words", []byte(strings.Repeat("0x20001f40 ", 50)), nil, nil, nil},
		{"hex too short", []byte("deadbeef"), nil, nil, nil},
		{"hex then log", []byte(wrapAt(hex.EncodeToString(random(5000)), 64, "\n") + "\nuart:~$ \n"), nil, nil, []string{"hex-refused"}},
		{"base64", []byte(b64), raw, []string{"base64 text"}, nil},
		{"base64 lines", []byte(wrapAt(b64, 76, "\r\n") + "\r\n"), raw, []string{"base64 text"}, nil},
		{"base64 odd lines", []byte(wrapAt(b64, 77, "\n")), raw, []string{"base64 text"}, nil},
		{"base64 unpadded", []byte(strings.TrimRight(b64, "=")), raw, []string{"base64 text"}, nil},
		{"base64 cut", []byte(b64[:len(b64)-7]), raw[:len(raw)/3*3-3], []string{"base64 text"}, []string{"base64-cut"}},
		{"base64 lost character", []byte(b64[:64] + "\n" + b64[64:127] + "\n" + b64[128:192] + "\n" + b64[192:]), nil, nil, nil},
		{"words", []byte(strings.Repeat("This\nlist\nonly\nuses\nfour\nchar\nword\n", 20)), nil, nil, nil},
		{"nested", []byte(wrapAt(base64.StdEncoding.EncodeToString(gz(raw)), 64, "\n")), raw, []string{"base64 text", "gzip"}, nil},
		{"utf-16 le", utf16Text(log, binary.LittleEndian), []byte(log), []string{"utf-16"}, nil},
		{"utf-16 be", utf16Text(log+"😀", binary.BigEndian), []byte(log + "😀"), []string{"utf-16"}, nil},
		{"utf-16 appended", append(utf16Text(log, binary.LittleEndian), utf16Text(log, binary.LittleEndian)...), []byte(log + log), []string{"utf-16"}, nil},
		{"utf-16 cut", append(utf16Text(log, binary.LittleEndian), 'x'), []byte(log), []string{"utf-16"}, []string{"utf16-cut"}},
		{"utf-16 half pair", append(utf16Text(log, binary.LittleEndian), 0x3d, 0xd8), []byte(log + "\ufffd"), []string{"utf-16"}, nil},
		{"utf-16 mark only", append([]byte("\xff\xfe"), raw...), nil, nil, nil},
		{"utf-8 mark", []byte(mark8 + log), []byte(log), []string{"utf-8 byte order mark"}, nil},
		{"utf-8 mark only", append([]byte(mark8), raw...), nil, nil, nil},
		{"hex in utf-16", utf16Text(wrapAt(digits, 64, "\r\n"), binary.LittleEndian), raw, []string{"utf-16", "hex text"}, nil},
		{"intel hex", []byte(hexImage(0x0800fff0, raw)), raw, []string{"intel hex at 0x0800fff0"}, nil},
		{"intel hex cut", []byte(hexImage(0, raw)[:44]), raw[:16], []string{"intel hex at 0x00000000"}, []string{"intel-hex-cut"}},
		{"uf2", uf2Image(0x10000000, raw, 0x2000), raw, []string{"uf2 at 0x10000000"}, nil},
		{"uf2 cut", uf2Image(0x10000000, raw, 0)[:1030], raw[:512], []string{"uf2 at 0x10000000"}, []string{"uf2-cut", "uf2-missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.data, Limits{})
			if len(s.Inputs) != 1 {
				t.Fatalf("%d inputs", len(s.Inputs))
			}
			in, got := s.Inputs[0], contents(t, s, 0)
			if c.name == "gzip cut" {
				if len(got) < 500 || !bytes.HasPrefix(raw, got) {
					t.Errorf("%d bytes", len(got))
				}
				got = nil
			} else if c.wrappers == nil && c.want == nil {
				c.want = c.data
			}
			if !bytes.Equal(got, c.want) {
				t.Errorf("got %d bytes, want %d", len(got), len(c.want))
			}
			if !slices.Equal(in.Wrappers, c.wrappers) {
				t.Errorf("wrappers %q, want %q", in.Wrappers, c.wrappers)
			}
			if !slices.Equal(codes(s), c.notes) {
				t.Errorf("notes %q, want %q", codes(s), c.notes)
			}
			if want := strings.HasPrefix(string(c.want), "***"); want && !in.Text {
				t.Error("not text")
			}
			if in.Name != "crash" {
				t.Errorf("name %q", in.Name)
			}
		})
	}
}

// spoil inverts a byte, counted from the end if negative.
func spoil(b []byte, at int) []byte {
	b[(at+len(b))%len(b)] ^= 0xff
	return b
}

// No log and no flash image is taken for something wrapped.
func TestOpenCorpus(t *testing.T) {
	for name, data := range corpusLogs(t) {
		s := open(t, data, Limits{})
		if in := s.Inputs[0]; len(s.Inputs) != 1 || in.Wrappers != nil || !in.Text || in.Size != int64(len(data)) || s.Notes != nil {
			t.Errorf("%s: %+v %v", name, in, s.Notes)
		}
	}
	s := open(t, corpus(t, "zephyr/mps2_an385-div-og-threads/flash_partition_ws4.bin"), Limits{})
	if in := s.Inputs[0]; len(s.Inputs) != 1 || in.Wrappers != nil || in.Text || s.Notes != nil {
		t.Errorf("flash: %+v %v", in, s.Notes)
	}
}

// TestBase64: lines that are padded one by one are a dump's own, no wrapper.
func TestBase64(t *testing.T) {
	data := corpus(t, "esp/esp32/coredump.b64")
	s := open(t, data, Limits{})
	if in := s.Inputs[0]; !in.Text || in.Wrappers != nil || s.Notes != nil || !bytes.Equal(contents(t, s, 0), data) {
		t.Errorf("%+v %v", in, s.Notes)
	}
}

func TestUTF16(t *testing.T) {
	for name, data := range corpusLogs(t) {
		s := open(t, utf16Text(string(data), binary.LittleEndian), Limits{})
		in := s.Inputs[0]
		if !in.Text || !slices.Equal(in.Wrappers, []string{"utf-16"}) || !bytes.Equal(contents(t, s, 0), data) {
			t.Errorf("%s: %v", name, in)
		}
	}
}

func TestIntelHexRuns(t *testing.T) {
	raw := random(64)
	image := hexLine(hexSegment, 0, []byte{0x10, 0x00}) + // 0x10000
		hexLine(hexData, 0x40, raw[:16]) +
		hexLine(hexData, 0x60, raw[16:32]) + // gap of 16
		hexLine(3, 0, []byte{0, 0, 0, 0}) +
		hexLine(hexLinear, 0, []byte{0x00, 0x04}) +
		hexLine(hexData, 0, raw[32:48]) + // 0x40000: another run
		hexLine(5, 0, []byte{0, 0, 0, 0}) +
		hexLine(hexData, 8, raw[40:56]) + // over it
		hexLine(hexEnd, 0, nil)
	s := open(t, []byte(image), Limits{})
	if len(s.Inputs) != 2 || s.Inputs[0].Base != 0x10040 || s.Inputs[1].Base != 0x40000 {
		t.Fatalf("%+v", s.Inputs)
	}
	if got := s.Inputs[0].Gaps; !slices.Equal(got, []elfcore.Range{{Addr: 16, Size: 16}}) || s.Inputs[1].Gaps != nil {
		t.Errorf("gaps %v, %v", got, s.Inputs[1].Gaps)
	}
	first := slices.Concat(raw[:16], bytes.Repeat([]byte{0xff}, 16), raw[16:32])
	if got := contents(t, s, 0); !bytes.Equal(got, first) {
		t.Errorf("%x", got)
	}
	if got := contents(t, s, 1); !bytes.Equal(got, raw[32:56]) {
		t.Errorf("%x", got)
	}
	if got := codes(s); !slices.Equal(got, []string{"image-overlap"}) {
		t.Error(got)
	}
	// Every window reads as the whole does.
	in := s.Inputs[0]
	for off := range len(first) + 2 {
		for size := range len(first) - off + 3 {
			p := make([]byte, size)
			n, err := in.ReadAt(p, int64(off))
			want := first[min(off, len(first)):min(off+size, len(first))]
			if !bytes.Equal(p[:n], want) || (n < size) != (err == io.EOF) && size > 0 && off < len(first) {
				t.Fatalf("%d bytes at %d: %x, %v", size, off, p[:n], err)
			}
		}
	}
}

// A bad record leaves a gap.
func TestIntelHexBadLine(t *testing.T) {
	raw := random(64)
	lines := strings.SplitAfter(hexImage(0x1000, raw), "\r\n")
	lines[1] = strings.Replace(lines[1], ":10", ":11", 1)
	s := open(t, []byte(strings.Join(lines, "")), Limits{})
	if len(s.Inputs) != 1 || s.Inputs[0].Size != 64 || !slices.Equal(s.Inputs[0].Gaps, []elfcore.Range{{Addr: 16, Size: 16}}) {
		t.Errorf("%+v", s.Inputs)
	}
	if len(s.Notes) != 1 || s.Notes[0].Code != "capture.intel-hex-line" || s.Notes[0].At.Line != 2 || s.Notes[0].Severity != elfcore.Loss {
		t.Errorf("%+v", s.Notes)
	}
}

func TestIntelHexLostBase(t *testing.T) {
	raw := random(64)
	whole := hexImage(0xffe0, raw) // lines: 2 data, base, 2 data, end
	for _, damage := range []func(string) string{
		func(base string) string { return strings.Replace(base, "01F9", "02F9", 1) },
		func(base string) string { return "?" + base[1:] },
		func(string) string { return strings.Repeat("x", 700) + "\n" },
	} {
		lines := strings.SplitAfter(whole, "\r\n")
		lines[2] = damage(lines[2])
		s := open(t, []byte(strings.Join(lines, "")), Limits{})
		if len(s.Inputs) != 1 || s.Inputs[0].Base != 0xffe0 || s.Inputs[0].Size != 32 {
			t.Errorf("%+v", s.Inputs)
		}
		if len(s.Notes) != 1 || !strings.Contains(s.Notes[0].Done, "2 records") {
			t.Errorf("%+v", s.Notes)
		}
	}
}

func TestUF2(t *testing.T) {
	raw := random(1024)
	one := uf2Image(0x2000, raw, 0)
	second := []elfcore.Range{{Addr: 256, Size: 256}}
	t.Run("put together, with a block that is not flash", func(t *testing.T) {
		s := open(t, slices.Concat(one, uf2Image(0x9000000, raw, 1), uf2Image(0x20002000, raw[:256], 0)), Limits{})
		if len(s.Inputs) != 2 || s.Inputs[1].Base != 0x20002000 || s.Notes != nil {
			t.Errorf("%+v %+v", s.Inputs, s.Notes)
		}
	})
	t.Run("block lost", func(t *testing.T) {
		s := open(t, slices.Concat(one[:512], one[1024:]), Limits{})
		if len(s.Inputs) != 1 || !slices.Equal(s.Inputs[0].Gaps, second) || !slices.Equal(codes(s), []string{"uf2-missing"}) {
			t.Errorf("%+v %+v", s.Inputs, s.Notes)
		}
	})
	t.Run("any order, some twice", func(t *testing.T) {
		s := open(t, slices.Concat(one[:512], one[1536:], one[512:1536], one[:1024]), Limits{})
		if got := contents(t, s, 0); !bytes.Equal(got, raw) || slices.Contains(codes(s), "uf2-missing") {
			t.Errorf("%+v %+v", s.Inputs, s.Notes)
		}
	})
	t.Run("block lost of two files alike", func(t *testing.T) {
		s := open(t, slices.Concat(one[512:], uf2Image(0x9000000, raw, 0), uf2Image(0, raw[:256], 0)), Limits{})
		if len(s.Notes) != 1 || s.Notes[0].Found != "1 blocks are missing" {
			t.Errorf("%+v", s.Notes)
		}
	})
	t.Run("block damaged", func(t *testing.T) {
		s := open(t, spoil(slices.Clone(one), 1023), Limits{})
		if len(s.Inputs) != 1 || !slices.Equal(s.Inputs[0].Gaps, second) || !slices.Equal(codes(s), []string{"uf2-block"}) {
			t.Errorf("%+v %+v", s.Inputs, s.Notes)
		}
	})
}

func TestLimits(t *testing.T) {
	bomb := gz(make([]byte, 10<<20))
	for _, c := range []struct {
		name  string
		data  []byte
		lim   Limits
		limit string // empty: fits
	}{
		{"size", bomb, Limits{Size: 1 << 20}, "Size"},
		{"ratio", bomb, Limits{Ratio: 100}, "Ratio"},
		{"one layer of the best compression", bomb, Limits{}, ""},
		{"gzip in gzip", gz(gz(make([]byte, 200<<20))), Limits{}, "Ratio"},
		{"depth", gz(gz(gz(gz(gz(random(100)))))), Limits{}, "Depth"},
		{"just as deep as allowed", gz(gz(gz(gz(random(100))))), Limits{}, ""},
		{"hex", []byte(hex.EncodeToString(random(3000))), Limits{Size: 2000}, "Size"},
		{"gaps add up", []byte(strings.Repeat(hexLine(hexData, 0, []byte{1})+hexLine(hexData, 0xff00, []byte{1})+hexLine(hexLinear, 0, []byte{0, 1}), 2)), Limits{Size: 60000}, "Size"},
		{"layers add up", gz(gz(random(1000))), Limits{Size: 1500}, "Size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(bytes.NewReader(c.data), "bomb", c.lim)
			if s != nil {
				defer s.Close()
			}
			var limit *LimitError
			if errors.As(err, &limit); limit == nil != (c.limit == "") || limit != nil && limit.Limit != c.limit {
				t.Errorf("error %v, want %q", err, c.limit)
			}
		})
	}
	if _, err := Open(io.MultiReader(bytes.NewReader(make([]byte, 5000))), "-", Limits{Size: 4999}); err == nil || !strings.Contains(err.Error(), "Size of 4999 allows; save it to a file") {
		t.Error("pipe: ", err)
	}
}

// A pipe is read to its end; what is large goes to a file without a name.
func TestOpenPipe(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, size := range []int{0, 100, memoryLimit, memoryLimit + 1, 2*memoryLimit + 12345} {
		data := make([]byte, size)
		if size > 0 {
			data = random(size)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			w.Write(data)
			w.Close()
		}()
		s, err := Open(r, "-", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(contents(t, s, 0), data) {
			t.Errorf("%d bytes differ", size)
		}
		if onDisk := s.spools[0].file != nil; onDisk != (size > memoryLimit) {
			t.Errorf("%d bytes: in a file: %v", size, onDisk)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error("second Close:", err)
		}
		if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		r.Close()
	}
}

// A regular file is read in place, from where it stands.
func TestOpenInPlace(t *testing.T) {
	data := random(100000)
	name := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{0, 1234, 200000} {
		f.Seek(off, io.SeekStart)
		s, err := Open(f, "dump", Limits{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, s, 0); !bytes.Equal(got, data[min(off, int64(len(data))):]) || len(s.spools) != 0 {
			t.Errorf("at %d: %d bytes, %d spools", off, len(got), len(s.spools))
		}
	}
}

// Files of /proc say that they are empty.
func TestOpenProc(t *testing.T) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	s, err := Open(f, "status", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := contents(t, s, 0); !bytes.Contains(got, []byte("Pid:")) {
		t.Errorf("%q", got)
	}
}
