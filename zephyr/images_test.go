package zephyr

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/format"
)

// madeBlock is one block of a made dump. The target sends header and payload as
// two pieces.
type madeBlock struct{ header, payload []byte }

// madeDump is a dump's pieces; flatten makes the stream of them.
type madeDump []madeBlock

func (d madeDump) flatten() (p []byte) {
	for _, b := range d {
		p = append(append(p, b.header...), b.payload...)
	}
	return p
}

func little(size int, v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:size] }

// noise makes n bytes that look like nothing else: no runs, no magics.
func noise(n int, seed uint32) []byte {
	p := make([]byte, n)
	for i := range p {
		seed = seed*1664525 + 1013904223
		p[i] = byte(seed>>24)&0x3f | 0x80
	}
	return p
}

// makeDump makes a dump of a CPU with ptr-byte pointers: registers and regions
// of the given sizes from 0x20000000 on, 64 KiB apart.
func makeDump(ptr int, regions ...int) madeDump {
	target, bits, version, size := uint64(3), byte(5), uint64(2), 68
	if ptr == 8 {
		target, bits, version, size = 6, 6, 1, 176
	}
	head := slices.Concat([]byte("ZE\x02\x00"), little(2, target), []byte{bits, 0}, little(4, 30))
	d := madeDump{{header: head},
		{slices.Concat([]byte{'A'}, little(2, version), little(2, uint64(size))), noise(size, 1)}}
	for i, n := range regions {
		start := uint64(0x20000000 + i*0x10000)
		d = append(d, madeBlock{slices.Concat([]byte("M\x01\x00"), little(ptr, start), little(ptr, start+uint64(n))), noise(n, uint32(i)+2)})
	}
	return d
}

// bytesum is the flash backend's checksum.
func bytesum(p []byte) (sum uint16) {
	for _, c := range p {
		sum += uint16(c)
	}
	return sum
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// inFlash makes a flash partition of a stream.
func inFlash(ptr, writeBlock int, stream []byte) []byte {
	p := slices.Concat([]byte("CD\x01\x00"), little(ptr, uint64(len(stream))), little(2, 0), little(2, uint64(bytesum(stream))), little(4, 0))
	p = append(p, erased(roundUp(len(p), writeBlock)-len(p))...)
	p = append(p, stream...)
	return append(p, make([]byte, roundUp(len(p), writeBlock)-len(p))...)
}

func inRetained(ptr int, stream []byte) []byte {
	p := slices.Concat([]byte("CD"), make([]byte, ptr-2), little(ptr, uint64(len(stream))), little(4, 0), make([]byte, ptr-4))
	return append(p, stream...)
}

// inBuffer makes an in-memory buffer with room bytes for the stream.
func inBuffer(ptr, room int, stream []byte) []byte {
	stream = stream[:min(room, len(stream))]
	p := slices.Concat([]byte("\xde\xb0\xde\xb0"), little(ptr, uint64(len(stream))), stream, noise(room-len(stream), 77))
	return append(p, "\xde\xb0\xde\xb0"...)
}

func erased(n int) []byte { return bytes.Repeat([]byte{0xff}, n) }

func input(p []byte) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(p), Size: int64(len(p)), Name: "dump.bin"}
}

// readAll finds and reads all dumps in p.
func readAll(t testing.TB, p []byte) ([]format.Hit, []*elfcore.Core) {
	t.Helper()
	in := input(p)
	hits, err := findImages(in)
	if err != nil {
		t.Fatal(err)
	}
	var cores []*elfcore.Core
	for _, h := range hits {
		b, err := readImage(in, h)
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.core()
		if err != nil {
			t.Fatal(err)
		}
		cores = append(cores, c)
	}
	return hits, cores
}

// readOne reads the only dump in p.
func readOne(t testing.TB, p []byte) (format.Hit, *elfcore.Core) {
	t.Helper()
	hits, cores := readAll(t, p)
	if len(cores) != 1 {
		t.Fatalf("%d dumps found, want 1: %v", len(cores), hits)
	}
	return hits[0], cores[0]
}

// content is what a core holds of a dump: memory, registers and the reason.
func content(t testing.TB, c *elfcore.Core) string {
	t.Helper()
	var s strings.Builder
	for r := range c.Memory.All() {
		p := make([]byte, r.Size)
		if n, err := r.Data.ReadAt(p, 0); uint64(n) < r.Size {
			t.Fatalf("%v: %v", r.Range, err)
		}
		fmt.Fprintf(&s, "%v %v %x\n", r.Range, r.State, p)
	}
	fmt.Fprintf(&s, "%x %x %v\n", c.Attachment(attachRegisters), c.Attachment(attachmentKernel), c.Crash.Reason.Value)
	return s.String()
}

func codesOf(c *elfcore.Core) (list []string) {
	for _, d := range c.Diagnostics {
		list = append(list, d.Code)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestContainers reads one dump from every container, alone and in the middle
// of a memory image, and finds the same as in the plain stream.
func TestContainers(t *testing.T) {
	type row struct {
		name    string
		ptr     int
		image   []byte
		backend string
		score   int
	}
	var rows []row
	for _, ptr := range []int{4, 8} {
		stream := makeDump(ptr, 300, 4096).flatten()
		for _, wb := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512} {
			at := roundUp(12+ptr, wb)
			rows = append(rows, row{fmt.Sprintf("flash/%d/%d", ptr, wb), ptr, inFlash(ptr, wb, stream), fmt.Sprintf("flash partition, stream at +%d", at), 100})
		}
		rows = append(rows,
			row{fmt.Sprintf("retained/%d", ptr), ptr, inRetained(ptr, stream), fmt.Sprintf("retained memory, stream at +%d", 3*ptr), 80},
			row{fmt.Sprintf("memory/%d", ptr), ptr, inBuffer(ptr, 8000, stream), fmt.Sprintf("in-memory buffer, stream at +%d", 4+ptr), 100})
	}
	around := noise(5000, 99)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, plain := readOne(t, makeDump(r.ptr, 300, 4096).flatten())
			want := content(t, plain)
			for _, image := range [][]byte{r.image, append(slices.Clone(r.image), erased(9000)...), slices.Concat(around, r.image, around)} {
				hit, c := readOne(t, image)
				if got := content(t, c); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if !hit.Whole || hit.Score != r.score {
					t.Errorf("hit %+v, want whole and score %d", hit, r.score)
				}
				if got := c.Facts[factBackend].Value; got != r.backend {
					t.Errorf("backend %q, want %q", got, r.backend)
				}
				if len(c.Diagnostics) > 0 {
					t.Errorf("diagnostics: %+v", c.Diagnostics)
				}
			}
		})
	}
}

func TestPlainStream(t *testing.T) {
	stream := makeDump(4, 300, 4096).flatten()
	for _, tail := range []int{0, 1, 5000} {
		hit, c := readOne(t, append(slices.Clone(stream), erased(tail)...))
		if !hit.Whole || hit.Off != 0 || len(c.Diagnostics) > 0 {
			t.Errorf("%d erased bytes behind: %+v %+v", tail, hit, c.Diagnostics)
		}
	}
}

// TestADSPWindow: a window of 4096 bytes has no size; what follows is stale.
func TestADSPWindow(t *testing.T) {
	magic := []byte{0xeb, 0x0d, 0xec, 0x0d}
	short := makeDump(4, 300).flatten()
	_, plain := readOne(t, short)
	hit, c := readOne(t, slices.Concat(magic, short, noise(4096, 5)))
	if got, want := content(t, c), content(t, plain); got != want || hit.Len != int64(4+len(short)) {
		t.Errorf("%+v got\n%s\nwant\n%s", hit, got, want)
	}
	long := makeDump(4, 300, 8000).flatten()
	_, c = readOne(t, slices.Concat(magic, long))
	var size uint64
	for r := range c.Memory.All() {
		size = r.Size
	}
	if want := uint64(4092 - (len(long) - 8000)); size != want {
		t.Errorf("%d bytes kept, want those of the slot: %d", size, want)
	}
	if got := codesOf(c); !slices.Equal(got, []string{"zephyr.truncated", "zephyr.unverified"}) {
		t.Errorf("diagnostics %v", got)
	}
}

// TestDamagedContainers: each kind of damage is named and all else is kept.
func TestDamagedContainers(t *testing.T) {
	stream := makeDump(4, 300, 1000).flatten()
	_, plain := readOne(t, stream)
	all := content(t, plain)
	edit := func(p []byte, at int, with ...byte) []byte {
		p = slices.Clone(p)
		copy(p[at:], with)
		return p
	}
	flash, buffer := inFlash(4, 32, stream), inBuffer(4, 2000, stream)
	for _, tc := range []struct {
		name  string
		image []byte
		same  bool
		codes []string
	}{
		{"checksum", edit(flash, 10, 0, 0), true, []string{"zephyr.checksum"}},
		{"byte", edit(flash, len(flash)-100, 1), false, []string{"zephyr.checksum"}},
		{"error", edit(flash, 12, 0xf4, 0xff, 0xff, 0xff), true, []string{"zephyr.backend-error"}},
		{"size too large", append(edit(flash, 4, 0, 0, 1, 0), erased(1000)...), true, []string{"zephyr.size"}},
		{"size 0", edit(flash, 4, 0, 0), true, []string{"zephyr.size"}},
		{"size too small", edit(flash, 4, 200, 0), false, []string{"zephyr.checksum", "zephyr.truncated"}},
		{"truncated", flash[:len(flash)-60], false, []string{"zephyr.size", "zephyr.truncated"}},
		{"no end canary", edit(buffer, len(buffer)-4, 0), true, []string{"zephyr.end-canary"}},
		{"not finished", edit(edit(buffer, len(buffer)-4, 0), 4, 0, 0), true, []string{"zephyr.size"}},
		{"overflow", inBuffer(4, 1000, stream), false, []string{"zephyr.buffer-full", "zephyr.truncated"}},
		{"retained error", edit(inRetained(4, stream), 8, 0xf4, 0xff, 0xff, 0xff), true, []string{"zephyr.backend-error"}},
		{"bare", slices.Concat(noise(100, 3), stream, noise(100, 4)), true, []string{"zephyr.unverified"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hit, c := readOne(t, tc.image)
			if got := codesOf(c); !slices.Equal(got, tc.codes) {
				t.Errorf("diagnostics %v, want %v: %+v", got, tc.codes, c.Diagnostics)
			}
			if same := content(t, c) == all; same != tc.same {
				t.Errorf("same content: %v, want %v", same, tc.same)
			}
			if hit.Whole {
				t.Error("whole")
			}
		})
	}
}

// TestTruncatedImages cuts images at every length: what is read is a part of
// what was there, and damage is told.
func TestTruncatedImages(t *testing.T) {
	for _, ptr := range []int{4, 8} {
		stream := makeDump(ptr, 50, 200).flatten()
		_, plain := readOne(t, stream)
		for name, image := range map[string][]byte{
			"plain": stream, "flash": inFlash(ptr, 64, stream), "retained": inRetained(ptr, stream), "memory": inBuffer(ptr, 600, stream),
		} {
			first := bytes.Index(image, stream[:12]) + 12 + 5 // needs a block
			for n := first; n < len(image); n++ {
				in := input(image[:n])
				hits, err := findImages(in)
				if err != nil || len(hits) != 1 {
					t.Fatalf("%s cut to %d bytes: %v %v", name, n, hits, err)
				}
				b, err := readImage(in, hits[0])
				if err != nil {
					t.Fatal(err)
				}
				c, err := b.core()
				if err != nil {
					t.Fatal(err)
				}
				for r := range c.Memory.All() {
					got, want := make([]byte, r.Size), make([]byte, r.Size)
					if _, err := c.Memory.Read(got, r.Addr); err != nil {
						t.Fatal(err)
					}
					if _, err := plain.Memory.Read(want, r.Addr); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%s cut to %d bytes: memory at %v differs (%v)", name, n, r.Addr, err)
					}
				}
				whole := content(t, c) == content(t, plain)
				atBlock := name == "plain" && (n == 12+5+len(plain.Attachment(attachRegisters)) || n == len(stream)-200-3-2*ptr)
				if !whole && !c.Damaged() && !atBlock {
					t.Fatalf("%s cut to %d bytes: no loss is told", name, n)
				}
			}
		}
	}
}

// TestCodeFusion: a file that CodeFusion Studio cut names it.
func TestCodeFusion(t *testing.T) {
	stream := makeDump(4, 300, 1000).flatten()
	for wb, short := range map[int]int{1: 8, 16: 8, 32: 24, 64: 56, 512: 504} {
		// What it does: from the stream on, up to magic + 8 + size.
		cut := inFlash(4, wb, stream)[roundUp(16, wb) : 8+len(stream)]
		if len(cut) != len(stream)-short {
			t.Fatalf("write block %d: %d bytes are cut off, want %d", wb, len(stream)-len(cut), short)
		}
		_, c := readOne(t, cut)
		if got := codesOf(c); !slices.Equal(got, []string{"zephyr.codefusion", "zephyr.truncated"}) {
			t.Errorf("write block %d: diagnostics %v", wb, got)
		}
	}
	_, c := readOne(t, stream[:len(stream)-9])
	if got := codesOf(c); !slices.Equal(got, []string{"zephyr.truncated"}) {
		t.Errorf("9 bytes short: diagnostics %v", got)
	}
}

// TestInterrupted: a board that reset while it dumped leaves no header, and
// erased flash where memory was to be stored.
func TestInterrupted(t *testing.T) {
	whole := makeDump(4, 300, 4096).flatten()
	stored := roundUp(len(whole)-3000, 64)
	partition := slices.Concat(erased(16), whole[:stored], erased(16384-16-stored))
	other := inFlash(4, 16, makeDump(4, 128).flatten())
	for name, image := range map[string][]byte{
		"alone": partition, "before another": slices.Concat(partition, other), "within another's partition": slices.Concat(partition[:2048], other),
	} {
		t.Run(name, func(t *testing.T) {
			_, cores := readAll(t, image)
			if want := 1 + strings.Count(name, "another"); len(cores) != want {
				t.Fatalf("%d dumps, want %d", len(cores), want)
			}
			c := cores[0]
			if got := codesOf(c); !slices.Equal(got, []string{"zephyr.truncated", "zephyr.unverified"}) {
				t.Errorf("diagnostics %v", got)
			}
			var size uint64
			for r := range c.Memory.All() {
				size = r.Size
			}
			if want := uint64(4096 - (len(whole) - stored)); size != want {
				t.Errorf("%d bytes of the last region, want %d", size, want)
			}
			if len(cores) > 1 && len(cores[1].Diagnostics) > 0 {
				t.Errorf("the other: %+v", cores[1].Diagnostics)
			}
		})
	}
}

// TestRetainedSkips: the backend leaves out a payload that does not fit, so
// that the next block stands in its place.
func TestRetainedSkips(t *testing.T) {
	d := makeDump(4, 300, 4096, 200)
	d[3].payload = nil
	_, c := readOne(t, inRetained(4, d.flatten()))
	if got := codesOf(c); !slices.Equal(got, []string{"zephyr.payload-skipped", "zephyr.truncated"}) {
		t.Errorf("diagnostics %v", got)
	}
	for r := range c.Memory.All() {
		if known := r.State == elfcore.Known; known != (r.Addr == 0x20000000) {
			t.Errorf("%v is %v", r.Range, r.State)
		}
	}
}

// TestFlashImage finds two dumps in 8 MiB of firmware, strings and erased
// flash, and nothing else; one lies across the blocks of the scan.
func TestFlashImage(t *testing.T) {
	image := erased(8 << 20)
	copy(image, noise(1<<20, 1))
	for i := range 2000 {
		copy(image[i*500:], "ZEPHYR\x00CD\x01\x00ZE%s ZCDU #CD:BEGIN# \xde\xb0\xde\xb0ZE\x02\x00\xeb\x0d\xec\x0dZCDU\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00")
	}
	a, b := makeDump(4, 700).flatten(), makeDump(8, 9000).flatten()
	copy(image[3<<20-10:], inFlash(4, 8, a))
	copy(image[5<<20-5000:], inFlash(8, 16, b))
	hits, cores := readAll(t, image)
	want := []format.Hit{
		{Off: 3<<20 - 10, Len: int64(16 + len(a)), Score: 100, Whole: true},
		{Off: 5<<20 - 5000, Len: int64(32 + len(b)), Score: 100, Whole: true},
	}
	if !slices.Equal(hits, want) {
		t.Errorf("hits %+v, want %+v", hits, want)
	}
	for i, c := range cores {
		if len(c.Diagnostics) > 0 {
			t.Errorf("dump %d: %+v", i, c.Diagnostics)
		}
	}
}

// TestNested: copies of a dump in a dump's memory are memory.
func TestNested(t *testing.T) {
	inner := makeDump(4, 100).flatten()
	d := makeDump(4, 2000, 300)
	copy(d[2].payload[500:], inFlash(4, 1, inner))
	copy(d[2].payload[1200:], inner)
	copy(d[3].payload, inBuffer(4, 200, inner))
	for name, image := range map[string][]byte{"plain": d.flatten(), "flash": inFlash(4, 4, d.flatten()), "memory": inBuffer(4, 4000, d.flatten())} {
		if hits, _ := readAll(t, image); len(hits) != 1 {
			t.Errorf("%s: hits %+v", name, hits)
		}
	}
}

// TestCallback: raw bytes of a callback device stand between blocks.
func TestCallback(t *testing.T) {
	d := slices.Insert(makeDump(4, 300, 500), 3, madeBlock{payload: noise(700, 9)})
	for name, image := range map[string][]byte{"plain": d.flatten(), "flash": inFlash(4, 4, d.flatten())} {
		hit, c := readOne(t, image)
		n := 0
		for range c.Memory.All() {
			n++
		}
		if got := codesOf(c); n != 2 || !slices.Equal(got, []string{"zephyr.stray-bytes"}) {
			t.Errorf("%s: %d regions, diagnostics %v, %+v", name, n, got, hit)
		}
	}
}

// TestChecksumBlocks: a second 'C' block is not believed; hashing for each of
// many would take for ever.
func TestChecksumBlocks(t *testing.T) {
	stream := append(makeDump(4, 100).flatten(), bytes.Repeat([]byte("C\x01\x00abcd"), 1<<17)...)
	if _, c := readOne(t, stream); !slices.Contains(codesOf(c), "zephyr.checksum") {
		t.Error(codesOf(c))
	}
}

// TestGaps takes each 16 bytes out of an image that has records. Lost bytes are
// absent and told, wherever they were; what is behind the dump matters not.
func TestGaps(t *testing.T) {
	d := makeDump(4, 300, 1000, 64)
	stream := d.flatten()
	flash := append(inFlash(4, 64, stream), erased(4096)...)
	whole := 300 + 1000 + 64
	for name, tc := range map[string]struct {
		image    []byte
		at       int // of the stream
		boundary int // of the records
	}{"flash": {flash, 64, 0}, "flash across": {flash, 64, 5}, "file": {stream, 0, 0}, "bare": {slices.Concat(erased(256), stream, erased(512)), 256, 0}} {
		for from := tc.boundary; from < len(tc.image); from += 16 {
			in := input(slices.Clone(tc.image))
			gap := elfcore.Range{Addr: elfcore.Addr(from), Size: min(16, uint64(len(tc.image)-from))}
			in.Gaps, in.Base = []elfcore.Range{gap}, 0x8000
			filled := tc.image[from:gap.End()]
			in.ReaderAt = bytes.NewReader(slices.Concat(tc.image[:from], erased(len(filled)), tc.image[gap.End():]))
			hits, err := findImages(in)
			if from < tc.at+fileHeaderSize+shortHeader && int(gap.End()) > tc.at && len(hits) == 0 {
				continue // nothing tells that there is a dump
			}
			if err != nil || len(hits) != 1 {
				t.Fatalf("%s, gap %v: %+v %v", name, gap, hits, err)
			}
			b, err := readImage(in, hits[0])
			if err != nil {
				t.Fatal(err)
			}
			c, err := b.core()
			if err != nil {
				t.Fatalf("%s, gap %v: %v", name, gap, err)
			}
			if c.Crashed() != nil {
				part(t, d, c)
			}
			size := 0
			for r := range c.Memory.All() {
				size += int(r.Size)
			}
			inside := from < tc.at+len(stream) && int(gap.End()) > tc.at
			if told := slices.Contains(codesOf(c), "zephyr.gap"); name != "bare" && (told != inside || hits[0].Whole == inside && inside) {
				t.Errorf("%s, gap %v: told %v, whole %v", name, gap, told, hits[0].Whole)
			}
			if !inside && size != whole {
				t.Errorf("%s, gap %v: %d bytes of memory", name, gap, size)
			}
			if slices.Contains(codesOf(c), "zephyr.checksum") {
				t.Errorf("%s, gap %v: the checksum of bytes that are not there", name, gap)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	// Where, in a word that the user can look for.
	in := input(flash)
	in.Base, in.Gaps = 0x08010000, []elfcore.Range{{Addr: 400, Size: 16}, {Addr: 2000, Size: 1000}}
	b, err := readImage(in, format.Hit{Off: 0, Len: int64(64 + len(stream))})
	if err != nil {
		t.Fatal(err)
	}
	if d := b.diags; len(d) != 1 || d[0].Severity != elfcore.Loss || d[0].At.Off != 400 || !strings.Contains(d[0].Found, "0x8010190-0x80101a0") {
		t.Errorf("%+v", d)
	}
}

// TestCopyOfHeader: with its header lost, a block's own copy of a header leads
// nothing.
func TestCopyOfHeader(t *testing.T) {
	d := makeDump(4, 300, 1000, 700)
	copy(d[3].payload[100:], d[3].header)
	in := input(d.flatten())
	header := bytes.Index(d.flatten(), d[3].header)
	in.Gaps = []elfcore.Range{{Addr: elfcore.Addr(header), Size: 5}}
	b, err := readImage(in, format.Hit{Len: in.Size})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.core()
	if err != nil {
		t.Fatal(err)
	}
	part(t, d, c)
}

var markerLine = regexp.MustCompile(`#CD:([0-9a-f]+)`)

// logBytes concatenates the hex of a log.
func logBytes(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("no corpus: %v", err)
	}
	var p []byte
	for _, m := range markerLine.FindAllSubmatch(text, -1) {
		b, err := hex.DecodeString(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, b...)
	}
	return p
}

// TestCorpusPartition: a real dump's flash partition holds what its log does.
func TestCorpusPartition(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpus", "zephyr", "mps2_an385-div-og-threads")
	stream := logBytes(t, filepath.Join(dir, "coredump.log"))
	image, err := os.ReadFile(filepath.Join(dir, "flash_partition_ws4.bin"))
	if err != nil {
		t.Fatal(err)
	}
	hit, c := readOne(t, image)
	_, plain := readOne(t, stream)
	if content(t, c) != content(t, plain) || len(plain.Threads) != 1 || len(c.Diagnostics) > 0 {
		t.Errorf("%+v", c.Diagnostics)
	}
	if want := (format.Hit{Off: 0, Len: int64(16 + len(stream)), Score: 100, Whole: true}); hit != want {
		t.Errorf("hit %+v, want %+v", hit, want)
	}
}

// failing is an input that can't be read from some offset on.
type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, io.ErrClosedPipe
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadError(t *testing.T) {
	in := input(noise(3<<20, 1))
	in.ReaderAt = failing{in.ReaderAt, 2 << 20}
	if _, err := findImages(in); err == nil || !strings.Contains(err.Error(), "dump.bin: offset 0x100000") {
		t.Errorf("error %v", err)
	}
}

// FuzzImage reads arbitrary bytes as every kind of image.
func FuzzImage(f *testing.F) {
	for _, ptr := range []int{4, 8} {
		stream := makeDump(ptr, 40, 100).flatten()
		f.Add(stream)
		f.Add(inFlash(ptr, 32, stream))
		f.Add(slices.Concat(inFlash(ptr, 4, stream), inRetained(ptr, stream), inBuffer(ptr, 300, stream)))
		f.Add(slices.Concat([]byte{0xeb, 0x0d, 0xec, 0x0d}, stream, []byte("C\x01\x00abcd")))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		in := input(p)
		hits, err := findImages(in)
		if err != nil {
			t.Fatal(err)
		}
		end := int64(0)
		for _, h := range hits {
			if h.Off < end || h.Len <= 0 || h.Off+h.Len > in.Size {
				t.Fatalf("hits overlap or leave the input: %+v", hits)
			}
			end = h.Off + h.Len
			b, err := readImage(in, h)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := b.core(); err == nil {
				content(t, c)
				if h.Whole && c.Damaged() && h.Score == 100 && !slices.Contains(codesOf(c), "zephyr.stray-bytes") && !slices.Contains(codesOf(c), "zephyr.checksum") {
					t.Fatalf("whole, but damaged: %v", codesOf(c))
				}
			}
		}
	})
}

func BenchmarkFlashImage(b *testing.B) {
	image := erased(64 << 20)
	for i := range 16 << 20 {
		image[i] = byte(uint32(i) * 2654435761 >> 13)
	}
	copy(image[40<<20:], inFlash(4, 8, makeDump(4, 60000).flatten()))
	b.SetBytes(int64(len(image)))
	for b.Loop() {
		if hits, err := findImages(input(image)); err != nil || len(hits) != 1 {
			b.Fatal(hits, err)
		}
	}
}

func BenchmarkFlashPartition(b *testing.B) {
	image := inFlash(4, 8, makeDump(4, 300, 64000).flatten())
	b.SetBytes(int64(len(image)))
	for b.Loop() {
		readOne(b, image)
	}
}
