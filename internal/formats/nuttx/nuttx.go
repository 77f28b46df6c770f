// Package nuttx reads the crash output of Apache NuttX: core dumps on the
// system log (hex or base64, compressed or not) and on a block device, and the
// text that an assertion prints where no core dump is configured.
//
// The dumps are ELF core files that debuggers open, but with the threads in
// the order of a hash table, none marked as the one that crashed, and without
// a signal.
//
// Source: apache/nuttx sched/misc/{coredump,assert}.c @13dd25ec, @02c329a1,
// include/nuttx/{coredump,elf}.h, libs/libc/stream, libs/libc/lzf @14dbd239,
// arch/*/src/common/*_registerdump.c, arch/*/src/common/*_tcbinfo.c.
package nuttx

import (
	"corelift/elfcore"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "nuttx"

// Format is how the root finds and reads NuttX dumps.
var Format = format.Format{
	Name:    Name,
	Magic:   []string{elfMagic, lzfMagic},
	Marker:  []string{startMarker},
	Find:    find,
	Read:    read,
	Console: console,
}

// find asks the bytes first, whatever Input.Text says: memory full of zeros and
// strings passes for text, and a log with line noise for binary.
func find(in format.Input) ([]format.Hit, error) {
	hits, err := findImages(in)
	if err != nil || len(hits) > 0 {
		return hits, err
	}
	return findLog(in)
}

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	if h.Text {
		return readLog(in, h)
	}
	return readImage(in, h)
}

// nowhere is the position of evidence that was computed.
var nowhere = elfcore.Pos{Off: -1}
