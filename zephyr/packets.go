package zephyr

import (
	"encoding/binary"

	"corelift/internal/format"
)

// packetKind is a file format for captured packets.
type packetKind uint8

const (
	notPackets packetKind = iota
	pcapFile              // draft-ietf-opsawg-pcap
	pcapngFile            // draft-ietf-opsawg-pcapng
)

// Magic numbers of the formats, in the file's byte order: pcap with
// microseconds and with nanoseconds, pcapng's block type and byte order.
const (
	pcapMicro   = 0xa1b2c3d4
	pcapNano    = 0xa1b23c4d
	pcapngBlock = 0x0a0d0d0a
	pcapngOrder = 0x1a2b3c4d
)

// Sizes in bytes, and the types of pcapng's blocks that hold a packet; their
// headers are alike.
const (
	pcapHeader     = 24 // of the file
	pcapRecord     = 16 // of a record's header
	pcapngStart    = 8  // of any block's type and size
	pcapngEnd      = 4  // of the size, which is told again
	pcapngRecord   = 28 // of a packet block's header
	pcapngObsolete = 2
	pcapngEnhanced = 6
)

// packets tells where the packets of a capture begin and end, so that one that
// was cut short is not read on into the next. In anything else, and behind a
// record that does not fit, the rest of the input passes for one packet.
type packets struct {
	in       format.Input
	kind     packetKind
	order    binary.ByteOrder
	broken   bool
	at       int64 // where the record begins
	from, to int64 // its packet
	next     int64 // the record behind it
}

// known tells whether the packet's bounds are known.
func (p *packets) known() bool { return p.kind != notPackets && !p.broken }

// openPackets looks for the magic numbers.
func openPackets(in format.Input) packets {
	p := packets{in: in, to: in.Size}
	var head [pcapHeader]byte
	n, _ := in.ReadAt(head[:], 0)
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch magic := order.Uint32(head[:]); {
		case n < len(head):
		case magic == pcapMicro || magic == pcapNano:
			p.kind, p.order, p.next, p.to = pcapFile, order, pcapHeader, 0
		case magic == pcapngBlock && order.Uint32(head[8:]) == pcapngOrder:
			p.kind, p.order, p.to = pcapngFile, order, 0
		}
	}
	return p
}

// packetsAt are the packets that hold a dump that was found at off: at a
// datagram, or at the record of a capture. ok: there are any.
func packetsAt(in format.Input, off int64) (p packets, ok bool) {
	var head [datagramHeader]byte
	n, _ := in.ReadAt(head[:], off)
	if _, ok := parseDatagram(head[:n]); ok {
		return packets{in: in, to: in.Size}, true
	}
	p = openPackets(in)
	p.next = off
	return p, p.kind != notPackets
}

// seek goes on to the packet that the byte at off, which must not be before
// the packet's record, is in.
func (p *packets) seek(off int64) {
	for p.known() && off >= p.next {
		p.read()
	}
}

// read reads the next record's header.
func (p *packets) read() {
	var h [pcapngRecord]byte
	p.in.ReadAt(h[:], p.next) // a record that the file has not all of does not fit
	var from, to, size int64
	if p.kind == pcapFile {
		from, size = pcapRecord, pcapRecord+int64(p.order.Uint32(h[8:]))
		to = size
	} else {
		from, size = pcapngStart, int64(p.order.Uint32(h[4:]))
		to = size - pcapngEnd
		if kind := p.order.Uint32(h[:]); kind == pcapngEnhanced || kind == pcapngObsolete {
			from = pcapngRecord
			to = min(to, from+int64(p.order.Uint32(h[20:])))
		}
	}
	p.at = p.next
	if size < pcapngStart+pcapngEnd || size > p.in.Size-p.at {
		p.broken, p.from, p.to = true, p.at, p.in.Size
		return
	}
	p.from, p.to, p.next = p.at+from, p.at+to, p.at+size
}
