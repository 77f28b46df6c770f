package zephyr

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"corelift/internal/format"
)

// bigLog is the log of a dump of one region, size bytes of text or a little
// more, as a UART with time stamps shows it.
func bigLog(size int, prefix string) []byte {
	var text bytes.Buffer
	text.Grow(size + 4096)
	n := 0
	line := func(p string) {
		fmt.Fprintf(&text, prefix, n/1000%1000, n%1000)
		text.WriteString(marker)
		text.WriteString(p)
		text.WriteString("\r\n")
		n++
	}
	lines := size / (len(fmt.Sprintf(prefix, 0, 0)) + len(marker) + 2*lineBytes + 2)
	line("BEGIN#")
	line("5a4501000300050019000000")
	line("4102004400")
	block := noise(68, 1)
	line(fmt.Sprintf("%x", block[:32]))
	line(fmt.Sprintf("%x", block[32:64]))
	line(fmt.Sprintf("%x", block[64:]))
	line(fmt.Sprintf("4d0100%x%x", little(4, 0x20000000), little(4, 0x20000000+uint64(lines)*lineBytes)))
	data := noise(lineBytes<<8, 2)
	for i := range lines {
		line(fmt.Sprintf("%x", data[i&0xff*lineBytes:][:lineBytes]))
	}
	line("END#")
	return text.Bytes()
}

// BenchmarkLog finds, decodes and completes a dump in a log. dump-bytes is its
// size, heap-bytes what its Core and the reader keep, allocated-bytes all that
// was allocated meanwhile.
func BenchmarkLog(b *testing.B) {
	const stamps = "[00:00:00.%03d,%03d] <err> coredump: "
	for _, c := range []struct {
		name, prefix string
		size         int
	}{
		{"64KiB", stamps, 64 << 10},
		{"64MiB", stamps, 64 << 20},
		{"64MiB bare", "E: %.0d%.0d", 64 << 20},
		{"64MiB stamps that grow", "[%d.%d] E: ", 64 << 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			text := bigLog(c.size, c.prefix)
			in := format.Input{ReaderAt: bytes.NewReader(text), Size: int64(len(text)), Text: true}
			b.SetBytes(in.Size)
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.ReadMemStats(&before)
				hits, err := find(in)
				if err != nil || len(hits) != 1 {
					b.Fatal(hits, err)
				}
				core, err := read(in, hits[0])
				if err != nil || core.Damaged() {
					b.Fatal(core, err)
				}
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(core)
			}
			b.ReportMetric(float64(len(text)/(len(fmt.Sprintf(c.prefix, 0, 0))+len(marker)+2*lineBytes+2)*lineBytes), "dump-bytes")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc), "allocated-bytes")
		})
	}
}
