// Package zephyr reads the crash dumps of the Zephyr RTOS in every form that
// its backends give them: console logs, the shell's print-outs, flash and
// memory images, datagrams. It also finds Zephyr's threads in any memory.
//
// The layouts are those of Zephyr 2.3 to the 2026 mainline. Read decodes a
// dump as it stands; Complete reasons with the firmware, or without one.
package zephyr

import (
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "zephyr"

// Format is how the root finds and reads Zephyr's dumps.
var Format = format.Format{
	Name:     Name,
	Magic:    []string{"ZE", "CD\x01\x00", "\xde\xb0\xde\xb0", "\xeb\x0d\xec\x0d", "ZCDU"},
	Marker:   []string{marker, fatalMarker},
	Find:     find,
	Read:     read,
	Complete: complete,
	Console: func(c *elfcore.Core, text []byte) {
		addConsole(c, plainText(text), elfcore.Pos{Source: "console", Line: 1, Off: -1})
	},
}

// Read decodes every dump in r, of size bytes, which must not be wrapped
// (gzip, base64 ...). Nothing is reasoned: registers whose meaning depends on
// the firmware are suspect or missing.
func Read(r io.ReaderAt, size int64) ([]*elfcore.Core, error) {
	in := format.Input{ReaderAt: r, Size: size}
	hits, err := find(in)
	if err != nil {
		return nil, err
	}
	var cores []*elfcore.Core
	for _, h := range hits {
		c, e := read(in, h)
		if e != nil {
			err = e
			continue
		}
		cores = append(cores, c)
	}
	if len(cores) > 0 {
		err = nil
	}
	return cores, err
}

// find looks for binary dumps first: a flash image also holds the marker, in
// the firmware's strings.
func find(in format.Input) ([]format.Hit, error) {
	if !in.Text {
		hits, err := findImages(in)
		if err != nil || len(hits) > 0 {
			return hits, err
		}
	}
	return findLog(in)
}

func read(in format.Input, h format.Hit) (c *elfcore.Core, err error) {
	if h.Text {
		c, err = readLog(in, h)
	} else {
		var b *builder
		if b, err = readImage(in, h); err == nil {
			c, err = b.core()
		}
	}
	if err != nil {
		return nil, err
	}
	placeByOrder(c)
	return c, nil
}
