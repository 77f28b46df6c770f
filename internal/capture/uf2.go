package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"corelift/elfcore"
	"corelift/internal/format"
)

// A UF2 file (github.com/microsoft/uf2) is blocks of 512 bytes, little endian:
// magic 0, magic 1, flags, target address, payload size, block number, number
// of blocks, family or file size, 476 bytes of payload, magic at the end.
const (
	uf2Block   = 512
	uf2Data    = 32
	uf2MaxData = 476
	uf2Magic0  = 0x0a324655
	uf2Magic1  = 0x9e5d5157
	uf2Magic2  = 0x0ab16f30
	// Flags of blocks that are not for the flash: "not main flash" and "file
	// container", whose address is an offset in a file.
	uf2NotFlash = 0x00000001 | 0x00001000
)

func isUF2(head []byte) bool {
	word := binary.LittleEndian.Uint32
	return len(head) >= uf2Block && word(head) == uf2Magic0 && word(head[4:]) == uf2Magic1 && word(head[uf2Block-4:]) == uf2Magic2
}

// unwrapUF2 flattens an image, whatever family it is for.
func unwrapUF2(o *opener, in format.Input) ([]format.Input, error) {
	m := o.image()
	word := binary.LittleEndian.Uint32
	bad, firstBad := 0, int64(-1)
	numbers := uf2Numbers{}
	r := reader(in)
	var b [uf2Block]byte
	for off := int64(0); ; off += uf2Block {
		_, err := io.ReadFull(r, b[:])
		if err == io.EOF {
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			o.note(elfcore.Loss, "uf2-cut", 0, off, fmt.Sprintf("a block of %d bytes", in.Size-off), "512", "left out")
			break
		}
		if err != nil {
			return nil, err
		}
		size := word(b[16:])
		if !isUF2(b[:]) || size > uf2MaxData {
			if bad++; bad == 1 {
				firstBad = off
			}
			continue
		}
		numbers.add(word(b[24:]), word(b[20:]), word(b[12:]))
		if word(b[8:])&uf2NotFlash != 0 {
			continue
		}
		if err := m.add(uint64(word(b[12:])), b[uf2Data:uf2Data+size]); err != nil {
			return nil, err
		}
	}
	if bad > 0 {
		o.note(elfcore.Loss, "uf2-block", 0, firstBad, fmt.Sprintf("%d bad blocks", bad), "UF2 magic numbers and at most 476 bytes", "left out")
	}
	if missing := numbers.missing(); missing > int64(bad) {
		o.note(elfcore.Loss, "uf2-missing", 0, -1, fmt.Sprintf("%d blocks are missing", missing-int64(bad)), "as many as the blocks say", "left out")
	}
	return m.inputs()
}

// uf2Numbers collects the blocks that are there, by the number of blocks that
// they tell: each is its number, then its address. That is 8 bytes for each 512
// of the file.
type uf2Numbers map[uint32][]uint64

func (n uf2Numbers) add(total, number, addr uint32) {
	n[total] = append(n[total], uint64(number)<<32|uint64(addr))
}

// missing counts the blocks that are not there. Blocks may come in any order
// and more than once. Files that were put together are alike in their numbers,
// not in their addresses: what one number has most of is how many files there
// are.
func (n uf2Numbers) missing() (count int64) {
	for total, list := range n {
		slices.Sort(list)
		list = slices.Compact(list)
		files, same := int64(0), int64(0)
		for i, b := range list {
			if i == 0 || b>>32 != list[i-1]>>32 {
				same = 0
			}
			same++
			files = max(files, same)
		}
		count += max(0, files*int64(total)-int64(len(list)))
	}
	return count
}
