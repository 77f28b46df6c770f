package memfault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// headText is how many base64 characters are decoded to look at a chunk.
const headText = 16

// findLog splits a log into coredump messages, each from its first chunk to the
// last one before another message.
func findLog(in format.Input) (hits []format.Hit, err error) {
	var cur *format.Hit // the message that goes on; nil: none, or no coredump
	var total, next int64
	var head []byte
	gaps := false
	for line, err := range capture.NewText(in, marker).Scan(0, in.Size) {
		if err != nil {
			return nil, err
		}
		for text, closed := range encoded(line.Text[line.At:]) {
			head, _ = decoded(head[:0], text[:min(len(text), headText)])
			c, ok := parseChunk(head)
			if !ok {
				gaps = true
				continue
			}
			if c.first {
				if cur = nil; !isDump(c.data) {
					continue
				}
				hits = append(hits, format.Hit{Off: line.Off, Score: 70, Text: true})
				cur = &hits[len(hits)-1]
				total, next, gaps = c.total, 0, false
			}
			if cur == nil {
				continue
			}
			size := int64(len(text)/4*3-bytes.Count(text, []byte("="))) - int64(len(head)-len(c.data))
			gaps = gaps || c.off != next || !closed
			next = c.off + size
			cur.Len = line.End - cur.Off
			cur.Whole = !c.more && !gaps && next >= total
		}
	}
	return hits, nil
}

// piece is a part of a message that arrived.
type piece struct {
	off  int64
	data []byte
	at   elfcore.Pos
}

// message collects the chunks of one message.
type message struct {
	in     format.Input
	pieces []piece // ascending, disjoint, none adjoin
	total  int64   // bytes; -1 unknown
	crc    uint16
	hasCRC bool
	ended  bool
	diags  []elfcore.Diagnostic
}

func (m *message) report(s elfcore.Severity, code string, at elfcore.Pos, found, expected, done string) {
	m.diags = append(m.diags, elfcore.Diagnostic{Severity: s, Code: "memfault." + code, At: at, Found: found, Expected: expected, Done: done})
}

func readLog(in format.Input, h format.Hit) (*elfcore.Core, error) {
	m := message{in: in, total: -1}
	var p []byte
	var last elfcore.Pos
	for line, err := range capture.NewText(in, marker).Scan(h.Off, h.Off+h.Len) {
		if err != nil {
			return nil, err
		}
		last = elfcore.Pos{Line: line.Number, Off: line.Off}
		for text, closed := range encoded(line.Text[line.At:]) {
			var ok bool
			p, ok = decoded(p[:0], text)
			c, valid := parseChunk(p)
			switch {
			case !valid && len(m.pieces) == 0, c.first && !isDump(c.data), !c.first && valid && len(m.pieces) == 0:
				continue // of the message before
			case !ok || !closed || !valid:
				m.report(elfcore.Loss, "chunk-damaged", last, "a chunk that is cut off or no base64", marker+"<base64>:", "left out")
				continue
			}
			m.add(c, last)
		}
	}
	return m.core(last)
}

// add puts a chunk where it belongs.
func (m *message) add(c chunk, at elfcore.Pos) {
	data := c.data
	if c.first {
		if len(m.pieces) > 0 {
			return // another message on the line
		}
		m.total, m.crc, m.hasCRC = c.total, c.crc, c.crcFirst
	}
	if !c.more {
		m.ended = true
		size := m.total - c.off // of the data
		if c.first {
			if size = int64(len(data)); !m.hasCRC {
				size -= 2
			}
			m.total = size
		}
		// The last chunk may have fill behind the checksum.
		if size >= 0 && size <= int64(len(data)) {
			if rest := data[size:]; !m.hasCRC && len(rest) >= 2 {
				m.crc, m.hasCRC = binary.LittleEndian.Uint16(rest), true
			}
			data = data[:size]
		}
	}
	end := int64(0)
	if n := len(m.pieces); n > 0 {
		end = m.pieces[n-1].off + int64(len(m.pieces[n-1].data))
	}
	switch {
	case c.off+int64(len(data)) <= end:
		return // sent again
	case c.off > maxUnpacked:
		m.report(elfcore.Loss, "chunk-damaged", at, fmt.Sprintf("a chunk at %d of the message", c.off), fmt.Sprintf("up to %d", maxUnpacked), "left out")
		return
	case c.off > end:
		m.report(elfcore.Loss, "chunk-lost", at, fmt.Sprintf("a chunk at %d of the message, %d bytes are missing before it", c.off, c.off-end), "", "they are absent")
	}
	skip := max(0, end-c.off)
	if n := len(m.pieces); n > 0 && c.off <= end {
		m.pieces[n-1].data = append(m.pieces[n-1].data, data[skip:]...)
		return
	}
	m.pieces = append(m.pieces, piece{c.off, bytes.Clone(data), at})
}

// maxUnpacked bounds what a message unpacks to, in bytes.
const maxUnpacked = 64 << 20

// core makes a dump of the message and a Core of that.
func (m *message) core(last elfcore.Pos) (*elfcore.Core, error) {
	if len(m.pieces) == 0 || m.pieces[0].off != 0 {
		last.Source = m.in.Name
		return nil, fmt.Errorf("%v: the first chunk of the Memfault coredump is damaged", last)
	}
	m.check(last)
	head := m.pieces[0]
	start := body(head.data)
	if start == 0 {
		head.at.Source = m.in.Name
		return nil, fmt.Errorf("%v: the project key of the Memfault message has no end", head.at)
	}
	d := dump{source: m.in.Name, Pieces: &capture.Pieces{}}
	if head.data[0]&messageRLE != 0 {
		out, used := unpack(head.data[start:], maxUnpacked)
		if lost := max(m.total, m.have()) - int64(start+used); lost > 0 {
			m.report(elfcore.Loss, "rle", last, fmt.Sprintf("%d packed bytes that cannot be unpacked", lost), "", "the dump is taken up to there: nothing tells where in it they belong")
		}
		d.Append(out)
		d.Pos = func(int64) elfcore.Pos { return head.at }
	} else {
		for _, p := range m.pieces {
			d.Lose(p.off - int64(start) - d.Size)
			d.Append(p.data[min(max(0, start-int(p.off)), len(p.data)):])
		}
		d.Pos = func(off int64) elfcore.Pos {
			i := sort.Search(len(m.pieces), func(i int) bool { return m.pieces[i].off > off+int64(start) })
			return m.pieces[max(0, i-1)].at
		}
	}
	d.diags = m.diags
	return d.core()
}

// check reports whether the message is whole and its checksum holds.
func (m *message) check(last elfcore.Pos) {
	data := m.pieces[0].data
	whole := len(m.pieces) == 1 && int64(len(data)) == m.total
	if !m.ended || int64(len(data)) < m.total && len(m.pieces) == 1 {
		m.report(elfcore.Loss, "no-end", last, fmt.Sprintf("the message ends at %d of %d bytes", m.have(), m.total), "", "what is there is kept")
	}
	if !whole || !m.hasCRC {
		return
	}
	if sum := crc16(0, data); sum != m.crc {
		m.report(elfcore.Loss, "crc", last, fmt.Sprintf("CRC 0x%04x", sum), fmt.Sprintf("0x%04x as in the message", m.crc), "some byte is wrong; which one can't be told")
	}
}

// have is where what arrived ends.
func (m *message) have() int64 {
	last := m.pieces[len(m.pieces)-1]
	return last.off + int64(len(last.data))
}
