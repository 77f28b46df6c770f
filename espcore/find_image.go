package espcore

import (
	"bytes"
	"fmt"
	"io"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/format"
)

const (
	blockSize  = 256 << 10
	sectorSize = 4 << 10 // a partition begins with one
	lead       = 24      // the longest header
)

// finder collects the images in an input. What lies within one is not looked
// at: memory holds copies of headers.
type finder struct {
	in     format.Input
	images []*image
	next   int64 // nothing before it
	budget int64 // bytes that checksums may still read; keeps hostile inputs linear
}

// findImages finds core images and ELF cores: ELF bodies wherever they stand,
// by their magic; bodies with a list of tasks, which have none, at the starts
// of flash sectors.
func findImages(in format.Input) ([]format.Hit, error) {
	images, err := searchImages(in)
	if err != nil {
		return nil, err
	}
	var hits []format.Hit
	for _, m := range images {
		hits = append(hits, m.hit())
	}
	return hits, nil
}

func searchImages(in format.Input) ([]*image, error) {
	f := &finder{in: in, budget: 2 * in.Size}
	buf := make([]byte, min(blockSize+lead, in.Size))
	for off := int64(0); off < in.Size; off += blockSize {
		b := buf[:min(int64(len(buf)), in.Size-off)]
		if n, err := in.ReadAt(b, off); n < len(b) {
			return nil, fmt.Errorf("%s: offset 0x%x: %w", in.Name, off+int64(n), err)
		}
		f.block(b, off)
	}
	return f.images, nil
}

// block looks at the bytes from off on: at each sector's start, and at the
// magics in it.
func (f *finder) block(b []byte, off int64) {
	end := min(blockSize, len(b))
	magic := index(b, 0)
	for sector := 0; sector < end; sector += sectorSize {
		f.sector(b[sector:], off+int64(sector))
		for ; magic < min(end, sector+sectorSize); magic = index(b, magic+1) {
			f.elf(off + int64(magic))
		}
	}
}

// index is where the ELF magic stands next; the length of b if nowhere.
func index(b []byte, from int) int {
	if i := bytes.Index(b[from:], []byte(elfMagic)); i >= 0 {
		return from + i
	}
	return len(b)
}

// elf looks at an ELF header.
func (f *finder) elf(off int64) {
	var head [elfHeaderSize]byte
	if n, _ := f.in.ReadAt(head[:], off); off < f.next || n < len(head) || !isChipELF(head[:]) {
		return
	}
	before := make([]byte, min(lead, off-f.next))
	if n, _ := f.in.ReadAt(before, off-int64(len(before))); n < len(before) {
		return
	}
	m := &image{}
	if v, header := versionBefore(before, f.in.Size-off); v != nil {
		m.setHeader(v, header)
		off -= m.body
	} else if !f.bare(off) {
		return
	}
	f.add(m, off)
}

// isChipELF tells whether an ELF header is one that a chip writes.
func isChipELF(h []byte) bool {
	machine := little.Uint16(h[elfMachineAt:])
	return string(h[:7]) == elfMagic+"\x01\x01\x01" && little.Uint16(h[elfTypeAt:]) == 4 &&
		(machine == uint16(arch.Xtensa.Machine) || machine == uint16(arch.RV32.Machine)) && little.Uint16(h[elfPhEntSizeAt:]) == segmentSize
}

// bare tells whether an ELF core that stands alone is a chip's: it has one of
// Espressif's notes, or its threads are numbered by TCBs of a chip.
func (f *finder) bare(off int64) bool {
	m := &image{content: content{ReaderAt: io.NewSectionReader(f.in, off, f.in.Size-off), size: f.in.Size - off}}
	a := m.cpu()
	if a == nil {
		return false
	}
	d := &dump{image: m, Core: elfcore.New(Name, a, little)}
	d.pos = d.posIn(off)
	if f.budget -= m.size; f.budget < 0 {
		return false
	}
	d.readELF()
	if d.version != nil || d.info.extra != nil || d.info.details != nil || d.flags != nil {
		return true
	}
	for _, t := range d.tasks {
		if !holdsAnyTCB(a, t.tcb) {
			return false
		}
	}
	return len(d.tasks) > 0
}

// sector looks for a body with a list of tasks.
func (f *finder) sector(p []byte, off int64) {
	if off < f.next || len(p) < lead || string(p[:4]) == "\xff\xff\xff\xff" {
		return
	}
	m := &image{}
	total := int64(little.Uint32(p))
	v := versionOf(little.Uint16(p[versionAt:]))
	switch {
	case v != nil && !v.elf:
		m.setHeader(v, bytes.Clone(p[:v.header]))
		size := little.Uint32(p[tcbSizeAt:])
		if m.chip == nil || little.Uint32(p[tasksAt:]) == 0 || total <= m.body || !plausibleTCB(size) || !f.leads(m, off, size) {
			return
		}
	case f.isAncient(p, off):
		m.setHeader(&ancient, bytes.Clone(p[:ancient.header]))
	default:
		return
	}
	f.add(m, off)
}

func plausibleTCB(size uint32) bool { return size >= 64 && size <= 4096 && size%4 == 0 }

// leads tells whether a task that this chip can have follows the header at off.
func (f *finder) leads(m *image, off int64, tcbSize uint32) bool {
	var p [taskHeader]byte
	if n, _ := f.in.ReadAt(p[:], off+m.body); n < len(p) {
		return false
	}
	r := recordAt(p[:], m.body, tcbSize)
	return r.plausible(m.chip)
}

// isAncient tells whether an image without a version begins at off: all of its
// tasks are plausible, and they fill it to the byte.
func (f *finder) isAncient(p []byte, off int64) bool {
	total, count, size := int64(little.Uint32(p)), little.Uint32(p[4:]), little.Uint32(p[8:])
	if count == 0 || count > maxTasks || !plausibleTCB(size) || total > f.in.Size-off {
		return false
	}
	at := int64(ancient.header)
	for range count {
		var h [taskHeader]byte
		if n, _ := f.in.ReadAt(h[:], off+at); n < len(h) {
			return false
		}
		r := recordAt(h[:], at, size)
		if !r.plausible(chipByID(0)) {
			return false
		}
		at = r.next()
	}
	return at == total
}

// add takes the image at off.
func (f *finder) add(m *image, off int64) {
	size := f.in.Size - off
	if m.header != nil {
		size = min(size, m.total)
	} else {
		size = f.extent(off, size)
	}
	m.content = content{ReaderAt: io.NewSectionReader(f.in, off, size), size: size, parts: partsOf(f.in, off, size)}
	m.off = off
	m.pos = m.posIn(off)
	m.at = m.pos(0)
	if f.budget -= size; f.budget >= 0 {
		m.sum = m.verify()
	}
	m.whence = "image"
	f.images = append(f.images, m)
	// A length that no checksum proves must not hide what follows.
	f.next = off + size
	if m.header != nil && !m.sum.holds {
		f.next = off + min(size, m.body+elfHeaderSize)
	}
}

// extent is the size of a bare ELF core of up to size bytes.
func (f *finder) extent(off, size int64) int64 {
	m := &image{content: content{ReaderAt: io.NewSectionReader(f.in, off, size), size: size}}
	segments, _ := m.segments()
	end := int64(elfHeaderSize)
	for _, s := range segments {
		end = max(end, int64(s.off)+int64(s.filesz))
	}
	return min(end, size)
}

// posIn gives positions of an image at off of an input.
func (m *image) posIn(off int64) func(int64) elfcore.Pos {
	return func(at int64) elfcore.Pos { return elfcore.Pos{Off: off + at} }
}

// hit is the image as a find.
func (m *image) hit() format.Hit {
	h := format.Hit{Off: m.off, Len: m.size, Score: 80, Whole: m.total <= m.size}
	switch {
	case m.sum.holds:
		h.Score = 100
	case m.sum.kind != sumUnknown:
		h.Whole = false
	case m.version == &ancient:
		h.Score = 50
	}
	return h
}

// readImage reads one of the images that findImages found.
func readImage(in format.Input, h format.Hit) (*elfcore.Core, error) {
	part := in
	part.ReaderAt, part.Size = io.NewSectionReader(in, h.Off, h.Len), h.Len
	var head [lead + len(elfMagic)]byte
	n, _ := part.ReadAt(head[:], 0)
	f := &finder{in: part, budget: 2 * part.Size}
	f.sector(head[:n], 0)
	for at := index(head[:n], 0); at < n && len(f.images) == 0; at = index(head[:n], at+1) {
		f.elf(int64(at))
	}
	if len(f.images) == 0 || f.images[0].off != 0 {
		return nil, fmt.Errorf("%s: no Espressif dump begins at offset 0x%x", in.Name, h.Off)
	}
	m := f.images[0]
	m.pos = m.posIn(h.Off)
	m.at = m.pos(0)
	c, err := m.core()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	fromFlash(c, in, h)
	return c, nil
}
