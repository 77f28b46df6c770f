package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

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
	var bad, missing int
	firstBad := int64(-1)
	expect, total := uint32(0), uint32(0) // next block number, number of blocks
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
			m.lost = true
			continue
		}
		// Numbers begin anew where files were put together.
		number := word(b[20:])
		if number == 0 {
			missing += int(total - min(expect, total))
		} else if number > expect {
			missing += int(number - expect)
			m.lost = true
		}
		expect, total = number+1, word(b[24:])
		if word(b[8:])&uf2NotFlash != 0 {
			continue
		}
		if err := m.add(uint64(word(b[12:])), b[uf2Data:uf2Data+size]); err != nil {
			return nil, err
		}
	}
	missing += int(total - min(expect, total))
	if bad > 0 {
		o.note(elfcore.Loss, "uf2-block", 0, firstBad, fmt.Sprintf("%d bad blocks", bad), "UF2 magic numbers and at most 476 bytes", "left out")
	}
	if missing > bad {
		o.note(elfcore.Loss, "uf2-missing", 0, -1, fmt.Sprintf("%d blocks are missing", missing-bad), "consecutive block numbers", "left out")
	}
	return m.inputs()
}
