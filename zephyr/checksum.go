package zephyr

import (
	"fmt"
	"hash/crc32"
	"io"

	"corelift/elfcore"
)

// checksum compares a 'C' block (open pull request #118694: CRC-32/IEEE of
// every byte before it) with the stream. A difference marks the result, it
// never stops it.
func (b *builder) checksum(s stream, off int64, want uint32, at elfcore.Pos) {
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(s, 0, off)); err != nil {
		return
	}
	if got := h.Sum32(); got != want {
		b.report(elfcore.Loss, "zephyr.checksum", at, fmt.Sprintf("CRC-32 0x%08x", got), fmt.Sprintf("0x%08x", want),
			"some byte of the dump is wrong; which one can't be told")
	}
}
