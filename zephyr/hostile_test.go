package zephyr

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// TestHostileImages: inputs that are all headers take time in proportion to
// their size only. The limit is far above what is needed, and far below what a
// quadratic reader takes.
func TestHostileImages(t *testing.T) {
	stream := makeDump(4, 1).flatten()
	bare := makeDump(4).flatten()
	const size = 1 << 20
	fill := func(parts ...[]byte) []byte {
		return bytes.Repeat(slices.Concat(parts...), size/len(slices.Concat(parts...)))
	}
	big := little(4, 0x7fffff)
	for name, image := range map[string][]byte{
		"file headers":   fill([]byte("ZE\x02\x00\x03\x00\x05\x00\x00\x00\x00\x00")),
		"streams":        fill(stream),
		"bare":           fill(bare),
		"flash":          fill([]byte("CD\x01\x00"), little(4, 0x200000), little(2, 0), little(2, 1), little(4, 0), stream),
		"in-memory":      fill([]byte("\xde\xb0\xde\xb0"), little(4, 0x100000), bare[:17]),
		"retained":       fill([]byte("CD\x00\x00"), little(4, 0x100000), little(4, 0), stream),
		"memory blocks":  append(slices.Clone(bare), fill([]byte("M\x01\x00"), little(4, 0x20000000), little(4, 0x20000001), []byte{1})...),
		"stray bytes":    append(slices.Clone(bare), fill([]byte("xM\x01\x00"), little(4, 0x20000000), little(4, 0x20000001), []byte{1})...),
		"cut blocks":     fill(bare, []byte("M\x01\x00"), little(4, 0x20000000), big[:2], []byte{0xff, 0x20}),
		"checksums":      append(slices.Clone(bare), fill([]byte("C\x01\x00abcd"))...),
		"datagrams":      fill(slices.Concat(sent(makeDump(4, 20))...)),
		"same datagrams": fill(sent(makeDump(4, 20))[3], sent(makeDump(4, 20))[4]),
		"far datagrams":  fill([]byte("ZCDU"), little(4, 0), little(2, 12), little(2, 0), little(4, 0), bare[:12], []byte("ZCDU"), little(4, 0x3ffffff), little(2, 1), little(2, 0), little(4, 0x10000), []byte("M")),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			in := input(image)
			hits, err := findImages(in)
			if err != nil {
				t.Fatal(err)
			}
			found := time.Since(start)
			for _, h := range hits {
				b, err := readImage(in, h)
				if err != nil {
					t.Fatal(err)
				}
				b.core()
			}
			t.Log(len(hits), "hits", found, time.Since(start))
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("%d dumps found after %v, read after %v", len(hits), found, d)
			}
		})
	}
}
