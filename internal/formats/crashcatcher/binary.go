package crashcatcher

import (
	"encoding/binary"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

const (
	// headSize is the signature and the flags.
	headSize = 8
	// regionHead is the size in bytes of a region's start and end address.
	regionHead = 8
	maxRegions = 4096 // real dumps have a few
)

// parseHead reads the signature and the flags.
func parseHead(p []byte) (v version, float, ok bool) {
	if len(p) < headSize || string(p[:2]) != magic || p[3] != 0 {
		return 0, false, false
	}
	flags := binary.LittleEndian.Uint32(p[4:])
	v = version(p[2])
	return v, flags&flagFloat != 0, v.known() && flags&^flagFloat == 0
}

// findBinary: a dump is a file of its own, whose length nothing tells.
func findBinary(in format.Input) ([]format.Hit, error) {
	var p [headSize]byte
	n, _ := in.ReadAt(p[:], 0)
	if _, _, ok := parseHead(p[:n]); !ok {
		return nil, nil
	}
	return []format.Hit{{Len: in.Size, Score: 80, Whole: true}}, nil
}

func readBinary(in format.Input, h format.Hit) (*elfcore.Core, error) {
	at := func(off int64) elfcore.Pos { return elfcore.Pos{Off: h.Off + off} }
	var p [headSize]byte
	n, _ := in.ReadAt(p[:], h.Off)
	v, float, ok := parseHead(p[:n])
	if !ok {
		return nil, fmt.Errorf("%s: offset 0x%x: no CrashCatcher dump", in.Name, h.Off)
	}
	b := newBuilder(v, at(0))
	off := int64(0)
	for i, f := range fieldsOf(v, float) {
		data := make([]byte, f.size)
		if n, _ := in.ReadAt(data[:min(int64(f.size), max(0, h.Len-off))], h.Off+off); n < len(data) {
			b.report(elfcore.Loss, "truncated", at(h.Len), "the dump ends within its registers", "", "those up to there are kept")
			return b.finish(at(0), false), nil
		}
		b.load(i, f, data, at(off))
		off += int64(f.size)
	}
	b.regions(io.NewSectionReader(in, h.Off, h.Len), off, at)
	return b.finish(at(0), false), nil
}

// regions reads what follows the registers. There is no end mark: only a
// region that is too short shows that bytes are missing.
func (b *builder) regions(r *io.SectionReader, off int64, at func(int64) elfcore.Pos) {
	for n := 0; off < r.Size(); n++ {
		var p [regionHead]byte
		got, _ := r.ReadAt(p[:], off)
		if string(p[:got]) == overflowMark {
			b.overflow(at(off))
			return
		}
		start, end := binary.LittleEndian.Uint32(p[:]), binary.LittleEndian.Uint32(p[4:])
		switch {
		case got < len(p):
			b.report(elfcore.Loss, "truncated", at(off), fmt.Sprintf("%d bytes", got), "a region's start and end", "left out")
			return
		case end < start, n == maxRegions:
			b.report(elfcore.Loss, "region", at(off), fmt.Sprintf("region %d, 0x%08x-0x%08x", n+1, start, end), fmt.Sprintf("at most %d regions that end behind their start", maxRegions),
				fmt.Sprintf("the remaining %d bytes are left out", r.Size()-off))
			return
		}
		from := off + regionHead
		size := int64(end - start)
		if have := r.Size() - from; have < size {
			b.report(elfcore.Loss, "truncated", at(r.Size()), fmt.Sprintf("%d of %d bytes at 0x%08x", have, size, start), "", "the others are absent")
			size = have
		}
		b.region(elfcore.Region{Range: elfcore.Range{Addr: elfcore.Addr(start), Size: uint64(size)}, State: elfcore.Known,
			Data: io.NewSectionReader(r, from, size)}, at(off))
		off = from + size
	}
}
