// Package espcore reads the crash data of Espressif chips in every form that
// ESP-IDF and its tools give them: core images in flash and on the console, the
// ELF cores inside them, whole flash images, and the text of the panic handler.
//
// The layouts are those of ESP-IDF 3.x to 6.0 (esp.md). Tasks are known by the
// address of their TCB only; their names are FreeRTOS's to tell.
package espcore

import (
	"io"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "espcore"

// Format is how the root finds and reads Espressif's dumps.
var Format = format.Format{
	Name:    Name,
	Magic:   []string{elfMagic},
	Marker:  []string{startMarker, endMarker},
	Find:    find,
	Read:    read,
	Console: console,
	Notes:   Notes,
}

// Read decodes every dump in r, of size bytes, which must not be wrapped
// (gzip, hex ...): core images, flash images, ELF cores. A console log is
// text and comes through the root. The error is nil if anything was read.
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

// find looks for binary dumps first: a flash image also holds the panic
// handler's words, in the firmware's strings.
func find(in format.Input) ([]format.Hit, error) {
	if !in.Text {
		hits, err := findImages(in)
		if err != nil || len(hits) > 0 {
			return hits, err
		}
	}
	return findLog(in)
}

func read(in format.Input, h format.Hit) (*elfcore.Core, error) {
	if h.Text {
		return readLog(in, h)
	}
	return readImage(in, h)
}
