package espcore

import (
	"encoding/binary"
	"fmt"
)

// checksum is what ends an image.
type checksum uint8

const (
	sumUnknown checksum = iota
	sumNone
	sumCRC32
	sumSHA256
)

// sums holds name and size in bytes of each checksum.
var sums = [...]struct {
	name string
	size int
}{sumUnknown: {"unknown checksum", 0}, sumNone: {"no checksum", 0}, sumCRC32: {"CRC32", 4}, sumSHA256: {"SHA-256", 32}}

// version is a layout of the image's header (esp.md 1.1, 1.2). Offsets are in
// bytes, 0 where the field does not exist.
type version struct {
	number uint16 // low half of the version word
	elf    bool   // the body is an ELF core, else a list of tasks
	header int    // size of the header
	sum    checksum
	segs   int  // offset of the number of memory segments
	rev    int  // offset of the chip's revision
	panics bool // firmware that writes it can store panic details
}

// versions of ESP-IDF, in the order of esp.md 1.1: IDF before 4.1, 4.1, 5.2;
// then ELF bodies of 4.1, 5.2 and 6.0.
var versions = []version{
	{number: 0x0001, header: 16, sum: sumCRC32},
	{number: 0x0002, header: 20, sum: sumCRC32, segs: 16},
	{number: 0x0003, header: 24, sum: sumCRC32, segs: 16, rev: 20},
	{number: 0x0100, elf: true, header: 20, sum: sumCRC32},
	{number: 0x0101, elf: true, header: 20, sum: sumSHA256},
	{number: 0x0102, elf: true, header: 24, sum: sumCRC32, rev: 20, panics: true},
	{number: 0x0103, elf: true, header: 24, sum: sumSHA256, rev: 20, panics: true},
	{number: 0x0104, elf: true, header: 12, sum: sumSHA256, rev: 8, panics: true},
}

// ancient is the header of IDF 3.x, which has no version word. Only the ESP32
// existed then.
var ancient = version{header: 12, sum: sumNone}

// tasksAt and tcbSizeAt are offsets in the headers of BIN images.
const (
	versionAt = 4
	tasksAt   = 8
	tcbSizeAt = 12
)

func (v *version) String() string {
	body := "BIN"
	switch {
	case v == &ancient:
		return "before versions, BIN, " + sums[v.sum].name
	case v.elf:
		body = "ELF"
	}
	return fmt.Sprintf("%d.%d %s, %s", v.number>>8, v.number&0xff, body, sums[v.sum].name)
}

// versionOf finds the layout by the version word's low half.
func versionOf(number uint16) *version {
	for i := range versions {
		if versions[i].number == number {
			return &versions[i]
		}
	}
	return nil
}

// elfHeaders are the sizes of header before which an ELF body was seen.
var elfHeaders = []int{12, 20, 24}

// versionBefore finds the layout of the header that ends where an ELF body
// begins. Before it stand the bytes of before.
//
// A minor that nobody knows yet has an ELF body all the same: its header is
// taken for one of the sizes known, if the length in it can be right.
func versionBefore(before []byte, follow int64) (v *version, header []byte) {
	for _, n := range elfHeaders {
		if n > len(before) {
			break
		}
		h := before[len(before)-n:]
		number := binary.LittleEndian.Uint16(h[versionAt:])
		total := int64(binary.LittleEndian.Uint32(h))
		known := versionOf(number)
		switch {
		case total <= int64(n)+elfHeaderSize || number>>8 != 1:
		case known != nil && known.header == n:
			return known, h
		case known == nil && chipByID(binary.LittleEndian.Uint16(h[versionAt+2:])) != nil && total <= int64(n)+follow:
			return &version{number: number, elf: true, header: n, panics: true}, h
		}
	}
	return nil, nil
}
