package zephyr

import (
	"bytes"
	"encoding/binary"
	"slices"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// framePattern looks for an exception frame in memory by the register values
// that the block holds: the frame lies where the CPU or the entry stub pushed
// it, and the handler runs below it (zephyr.md 3.0).
type framePattern struct {
	slots  []arch.Slot
	values []uint64
	masks  []uint64
	size   int // bytes
}

// newPattern makes a pattern of those registers of a layout that are certain.
// Registers of which only the low half is known match by it.
//
// Folklore: with a line lost from the block the values behind it belong up to
// 32 bytes further on. They match the dumper's own copy of the block in RAM.
// Test: TestDropEachLine.
func newPattern(c *elfcore.Core, regs *elfcore.Registers, l arch.Layout) framePattern {
	slots, size, err := c.Arch.Slots(l)
	if err != nil {
		panic(err) // a layout of this package, which a test resolves in full
	}
	f := framePattern{size: size}
	for _, s := range slots {
		if s.Reg == arch.NoReg {
			continue
		}
		v, state := regs.Get(s.Reg)
		mask := uint64(1)<<(8*min(s.Size, 8)-1)<<1 - 1
		if state == elfcore.Suspect && c.Explain(regs.Why(s.Reg)).Rule == halfRule {
			mask = 1<<32 - 1
		} else if state < elfcore.Recovered {
			continue
		}
		f.slots, f.values, f.masks = append(f.slots, s), append(f.values, v&mask), append(f.masks, mask)
	}
	return f
}

// matches tells whether data begins with the frame.
func (f *framePattern) matches(data []byte) bool {
	if len(data) < f.size {
		return false
	}
	for i, s := range f.slots {
		var v uint64
		if s.Size == 8 {
			v = binary.LittleEndian.Uint64(data[s.Off:])
		} else {
			v = uint64(binary.LittleEndian.Uint32(data[s.Off:]))
		}
		if v&f.masks[i] != f.values[i] {
			return false
		}
	}
	return true
}

// Values other than zero that a pattern needs to prove anything, by themselves
// and where the frame is expected.
const (
	tellingAnywhere = 3
	tellingThere    = 2
)

// telling is how many different values other than zero the pattern has.
func (f *framePattern) telling() int {
	set := map[uint64]bool{}
	for _, v := range f.values {
		if v != 0 {
			set[v] = true
		}
	}
	return len(set)
}

// trustFrame is how far a value can be trusted that follows from where a frame
// of size bytes lies. In memory that may be shifted it may lie elsewhere. Where
// bytes above it are lost it may be a copy that the handler made below the
// frame itself, which is lost.
func trustFrame(c *elfcore.Core, t *elfcore.Thread, at elfcore.Addr, size int) elfcore.State {
	s, _ := c.Memory.Read(make([]byte, size), at)
	for _, r := range append(regionList(c), t.Stack.Value) {
		if r.Contains(at) && len(c.Memory.Missing(elfcore.Range{Addr: at, Size: uint64(r.End() - at)})) > 0 {
			s = min(s, elfcore.Suspect)
		}
	}
	return min(s, elfcore.Recovered)
}

// at tells whether the frame lies at an address.
func (f *framePattern) at(c *elfcore.Core, a elfcore.Addr) bool {
	data := make([]byte, f.size)
	_, err := c.Memory.Read(data, a)
	return err == nil && f.matches(data)
}

// searchLimit bounds how much memory is searched for a frame, searchWindow how
// much of it is read at once, in bytes.
const (
	searchLimit  = 64 << 20
	searchWindow = 64 << 10
)

// search lists where the frame lies within a range, lowest address first.
// step is the alignment of frames in bytes.
func (f *framePattern) search(c *elfcore.Core, within elfcore.Range, step int) (hits []elfcore.Addr) {
	if f.telling() < tellingAnywhere {
		return nil
	}
	left := uint64(searchLimit)
	for a := within.Addr; within.Contains(a) && left > 0; {
		run := c.Memory.Run(a)
		if run.Size == 0 {
			next, ok := nextRegion(c, a)
			if !ok || !within.Contains(next) {
				break
			}
			a = next
			continue
		}
		if rest := within.Size - uint64(a-within.Addr); run.Size > rest {
			run.Size = rest
		}
		run.Size = min(run.Size, left)
		left -= run.Size
		hits = f.searchRun(c, run, step, hits)
		if run.End() <= a {
			break // ran to the end of the address space
		}
		a = run.End()
	}
	return hits
}

// searchRun appends the hits in a range without gaps.
func (f *framePattern) searchRun(c *elfcore.Core, run elfcore.Range, step int, hits []elfcore.Addr) []elfcore.Addr {
	buf := make([]byte, min(run.Size, searchWindow))
	at, word := f.anchor()
	for from := uint64(-run.Addr & elfcore.Addr(step-1)); from+uint64(f.size) <= run.Size; {
		data := buf[:min(uint64(len(buf)), run.Size-from)]
		if _, err := c.Memory.Read(data, run.Addr+elfcore.Addr(from)); err != nil {
			break
		}
		end := (len(data)-f.size)/step*step + step // where the next window begins
		for off := 0; off < end; off += step {
			i := bytes.Index(data[off+at:], word)
			if off += i; i < 0 || off >= end {
				break
			}
			if off%step == 0 && f.matches(data[off:]) {
				hits = append(hits, run.Addr+elfcore.Addr(from)+elfcore.Addr(off))
			}
			off -= off % step
		}
		from += uint64(end)
	}
	return hits
}

// anchor is the pattern's largest value, and where it stands: what memory is
// searched for first, small values being everywhere.
func (f *framePattern) anchor() (at int, word []byte) {
	best := 0
	for i := range f.slots {
		if f.values[i] > f.values[best] {
			best = i
		}
	}
	word = binary.LittleEndian.AppendUint64(nil, f.values[best])[:min(4, f.slots[best].Size)]
	return f.slots[best].Off, word
}

func nextRegion(c *elfcore.Core, a elfcore.Addr) (elfcore.Addr, bool) {
	for r := range c.Memory.All() {
		if r.Addr > a {
			return r.Addr, true
		}
	}
	return 0, false
}

// everywhere is the whole address space but its last byte.
var everywhere = elfcore.Range{Size: ^uint64(0)}

// find lists where the faulting context's frame may lie, the likeliest first.
// In a known stack the highest hit is the frame that the CPU or the entry stub
// pushed; lower ones are copies that the handler made. Elsewhere the dumper's
// own static register block matches as well, and is left out: it goes on as
// the block does.
func (f *framePattern) find(c *elfcore.Core, t *elfcore.Thread, step int) []elfcore.Addr {
	if t.Stack.State != elfcore.Missing {
		if hits := f.search(c, t.Stack.Value, step); len(hits) > 0 {
			return hits[len(hits)-1:]
		}
	}
	block := c.Attachment(attachRegisters)
	copied := make([]byte, len(block))
	hits := slices.DeleteFunc(f.search(c, everywhere, step), func(a elfcore.Addr) bool {
		_, err := c.Memory.Read(copied, a)
		return err == nil && len(block) > f.size && bytes.Equal(copied, block)
	})
	slices.Reverse(hits)
	return hits[:min(len(hits), maxFrames)]
}

// maxFrames bounds how many places of a frame are weighed against each other.
const maxFrames = 16
