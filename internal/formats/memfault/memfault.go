// Package memfault reads the coredumps of the Memfault firmware SDK: as they
// lie in flash or RAM, and as the SDK exports them in chunks to a console.
//
// Source: memfault-firmware-sdk, memfault_coredump.c, coredump_impl.h,
// memfault_chunk_transport.c, memfault_data_packetizer.c, memfault_rle.c,
// versions of 2019 to 1.43.0.
package memfault

import (
	"corelift/elfcore"
	"corelift/internal/format"
)

// Name is the format's name, in Core.Format.
const Name = "memfault"

// Format is how the root finds and reads Memfault's coredumps.
var Format = format.Format{
	Name:   Name,
	Magic:  []string{magic},
	Marker: []string{marker},
	Find:   find,
	Read:   read,
}

// find looks for binary dumps first: a flash image may hold the marker, in the
// firmware's strings.
func find(in format.Input) ([]format.Hit, error) {
	if !in.Text {
		hits, err := findBinary(in)
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
	return readBinary(in, h)
}
