package zephyr

// container is what a backend puts before the stream that it stores. Numbers
// are offsets in bytes from the container's start, little-endian; 0 where the
// backend has no such field.
type container struct {
	name    string
	magic   string
	bits    uint8 // log2 of size_t's bits, which are the stream's pointer bits
	streams []int // where the stream may begin
	sizeAt  int   // size_t: bytes of the stream
	faultAt int   // s32: the error that ended the dump, 0 none
	sumAt   int   // u16: sum of the stream's bytes
	canary  bool  // the magic stands again behind the stream and the space that is left
	room    int64 // the most that it stores, container included; 0 no limit
	skips   bool  // a payload that does not fit is left out, its header is not
}

const (
	flashMagic = "CD\x01\x00"
	canary     = "\xde\xb0\xde\xb0"
)

// containers lists the backends of zephyr.md 4. One with more magic stands
// before one that it could be taken for.
var containers = []container{
	// coredump_backend_flash_partition.c, 01b8849: a packed header of 16 or 20
	// bytes, rounded up to the flash's write block of 1 to 512 bytes.
	{name: "flash partition", magic: flashMagic, bits: 5, streams: []int{16, 32, 64, 128, 256, 512}, sizeAt: 4, sumAt: 10, faultAt: 12},
	{name: "flash partition", magic: flashMagic, bits: 6, streams: []int{20, 24, 32, 64, 128, 256, 512}, sizeAt: 4, sumAt: 14, faultAt: 16},
	// coredump_backend_in_memory.c, 241de3f.
	{name: "in-memory buffer", magic: canary, bits: 5, streams: []int{8}, sizeAt: 4, canary: true},
	{name: "in-memory buffer", magic: canary, bits: 6, streams: []int{12}, sizeAt: 4, canary: true},
	// coredump_backend_intel_adsp_mem_window.c, 2123308: 0x0DEC0DEB and the
	// stream in a slot of 4096 bytes.
	{name: "ADSP memory window", magic: "\xeb\x0d\xec\x0d", bits: 5, streams: []int{4}, room: 4096},
	// coredump_backend_retained_mem.c, b46a178, never merged: not packed.
	{name: "retained memory", magic: "CD", bits: 5, streams: []int{12}, sizeAt: 4, faultAt: 8, skips: true},
	{name: "retained memory", magic: "CD", bits: 6, streams: []int{24}, sizeAt: 8, faultAt: 16, skips: true},
}

// longest is the largest of containers' streams.
const longest = 512
