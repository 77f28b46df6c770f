package zephyr

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/internal/format"
)

// sent makes the datagrams of a dump as the UDP backend sends them: each call
// of the dumper's output in pieces of up to 1024 bytes, and END.
func sent(d madeDump) (list [][]byte) {
	off, seq := 0, 0
	send := func(p []byte, flags uint64) {
		list = append(list, slices.Concat([]byte("ZCDU"), little(4, uint64(off)), little(2, uint64(len(p))), little(2, flags), little(4, uint64(seq)), p))
		off, seq = off+len(p), seq+1
	}
	for _, b := range d {
		for _, piece := range [][]byte{b.header, b.payload} {
			for p := range slices.Chunk(piece, 1024) {
				send(p, 0)
			}
		}
	}
	send(nil, 1)
	return list
}

// captured makes a pcap file of datagrams, of which snap bytes were kept.
func captured(snap int, list ...[]byte) []byte {
	p := slices.Concat(little(4, 0xa1b2c3d4), little(2, 2), little(2, 4), make([]byte, 8), little(4, uint64(snap)), little(4, 1))
	for i, d := range list {
		packet := slices.Concat(bytes.Repeat([]byte{0x52}, 14), bytes.Repeat([]byte{0x45}, 20), []byte{0xd0, 0, 0x45, 0x71, byte((len(d) + 8) >> 8), byte(len(d) + 8), 0, 0}, d)
		kept := min(snap, len(packet))
		p = slices.Concat(p, little(4, uint64(i)), little(4, 0), little(4, uint64(kept)), little(4, uint64(len(packet))), packet[:kept])
	}
	return p
}

// capturedNG makes a pcapng file of datagrams, of which snap bytes were kept.
func capturedNG(snap int, list ...[]byte) (p []byte) {
	block := func(kind uint64, body []byte) {
		body = append(body, make([]byte, -len(body)&3)...)
		size := little(4, uint64(len(body)+12))
		p = slices.Concat(p, little(4, kind), size, body, size)
	}
	block(0x0a0d0d0a, slices.Concat(little(4, 0x1a2b3c4d), little(4, 1), erased(8)))
	block(1, slices.Concat(little(4, 1), little(4, uint64(snap))))
	for _, d := range list {
		packet := append(bytes.Repeat([]byte{0x45}, 42), d...)
		kept := min(snap, len(packet))
		block(6, slices.Concat(make([]byte, 12), little(4, uint64(kept)), little(4, uint64(len(packet))), packet[:kept]))
	}
	return p
}

// TestDatagrams reads a dump from captures that lost nothing.
func TestDatagrams(t *testing.T) {
	for _, ptr := range []int{4, 8} {
		d := makeDump(ptr, 300, 5000)
		_, plain := readOne(t, d.flatten())
		want := content(t, plain)
		list := sent(d)
		swapped := slices.Clone(list)
		for i := 0; i+2 < len(swapped); i += 3 {
			swapped[i], swapped[i+2] = swapped[i+2], swapped[i]
		}
		var twice [][]byte
		for _, p := range list {
			twice = append(twice, p, p)
		}
		for name, image := range map[string][]byte{
			"in a row": slices.Concat(list...), "pcapng": capturedNG(1<<18, list...),
			"pcap":    captured(1<<18, list...),
			"swapped": captured(1<<18, swapped...), "twice": captured(1<<18, twice...),
			"END early": captured(1<<18, append(slices.Insert(slices.Clone(list[:len(list)-1]), len(list)-4, list[len(list)-1]), list[len(list)-1])...),
		} {
			t.Run(fmt.Sprint(name, ptr), func(t *testing.T) {
				hit, c := readOne(t, image)
				if got := content(t, c); got != want || !hit.Whole || len(c.Diagnostics) > 0 {
					t.Errorf("%+v %+v got\n%s\nwant\n%s", hit, c.Diagnostics, got, want)
				}
				if got := c.Facts[factBackend].Value; got != "UDP datagrams" {
					t.Errorf("backend %q", got)
				}
			})
		}
	}
}

// TestDatagramsLost loses each datagram once: all others are kept, nothing is
// made up, and the loss is told.
func TestDatagramsLost(t *testing.T) {
	d := makeDump(4, 300, 5000, 64)
	_, plain := readOne(t, d.flatten())
	list := sent(d)
	for i, lost := range list {
		hits, err := findImages(input(captured(1<<18, slices.Delete(slices.Clone(list), i, i+1)...)))
		if err != nil || len(hits) != 1 || hits[0].Whole {
			t.Fatalf("datagram %d lost: %+v %v", i, hits, err)
		}
		b, err := readImage(input(captured(1<<18, slices.Delete(slices.Clone(list), i, i+1)...)), hits[0])
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.core()
		if i == 0 {
			continue // the file header: the target is not known then
		}
		if err != nil {
			t.Fatal(err)
		}
		if !c.Damaged() {
			t.Errorf("datagram %d lost: %+v", i, c.Diagnostics)
		}
		size := uint64(0)
		for r := range c.Memory.All() {
			size += r.Size
			got, want := make([]byte, r.Size), make([]byte, r.Size)
			c.Memory.Read(got, r.Addr)
			if _, err := plain.Memory.Read(want, r.Addr); err != nil || !bytes.Equal(got, want) {
				t.Errorf("datagram %d lost: %v differs (%v)", i, r.Range, err)
			}
		}
		if payload := len(lost) - 16; payload >= 64 && i > 3 && size != uint64(5364-payload) {
			t.Errorf("datagram %d lost: %d bytes of memory, want %d", i, size, 5364-payload)
		}
	}
}

// TestDatagramCut: captures with a snap length, and a payload that holds a copy
// of its own header. In a capture of an unknown kind it is not known where the
// bytes of a datagram end.
func TestDatagramCut(t *testing.T) {
	d := makeDump(4, 300, 3000)
	list := sent(d)
	const kept = 500 - 14 - 20 - 8 - 16 // of each of the three datagrams that are cut
	unknown := captured(500, list...)
	copy(unknown, "none")
	for name, tc := range map[string]struct {
		image []byte
		size  uint64
	}{"pcap": {captured(500, list...), 300 + 3*kept}, "pcapng": {capturedNG(500, list...), 300 + 3*kept}, "unknown": {unknown, 300}} {
		_, c := readOne(t, tc.image)
		if got := codesOf(c); !slices.Equal(got, []string{"zephyr.datagram-cut", "zephyr.datagrams-lost"}) {
			t.Errorf("%s: diagnostics %v", name, got)
		}
		size := uint64(0)
		for r := range c.Memory.All() {
			size += r.Size
		}
		if size != tc.size {
			t.Errorf("%s: %d bytes of memory, want %d", name, size, tc.size)
		}
		part(t, d, c)
	}
	copy(d[3].payload[100:], list[6][:16])
	_, plain := readOne(t, d.flatten())
	if _, c := readOne(t, captured(1<<18, sent(d)...)); content(t, c) != content(t, plain) || c.Damaged() {
		t.Errorf("a copy of a header: %+v", c.Diagnostics)
	}
}

// part checks that what a core knows is what the dump holds.
func part(t *testing.T, d madeDump, c *elfcore.Core) {
	t.Helper()
	_, plain := readOne(t, d.flatten())
	for r := range c.Memory.All() {
		got, want := make([]byte, r.Size), make([]byte, r.Size)
		c.Memory.Read(got, r.Addr)
		if _, err := plain.Memory.Read(want, r.Addr); r.State == elfcore.Known && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%v differs (%v)", r.Range, err)
		}
	}
	for i := range c.Arch.Regs {
		got, state := c.Crashed().Regs.Get(arch.Reg(i))
		if want, _ := plain.Crashed().Regs.Get(arch.Reg(i)); state == elfcore.Known && got != want {
			t.Errorf("%s is 0x%x, want 0x%x", c.Arch.Regs[i].Name, got, want)
		}
	}
}

// TestDatagramAlone: all that was captured of a dump is its first datagram. What
// else the capture holds, be it a stream, is no part of the dump.
func TestDatagramAlone(t *testing.T) {
	d := makeDump(4, 600)
	stream := d.flatten()
	alone := slices.Concat([]byte("ZCDU"), make([]byte, 4), little(2, 400), make([]byte, 6), stream[:400])
	other := append([]byte("foreign"), makeDump(4, 5000).flatten()[:1000]...)
	far := slices.Concat([]byte("ZCDU"), little(4, 0xffffff00), little(2, 100), make([]byte, 6), noise(100, 3))
	for name, tc := range map[string]struct {
		image []byte
		size  uint64
	}{
		"pcap": {captured(1<<18, alone, other), 400 - 12 - 5 - 68 - 11}, "pcapng": {capturedNG(1<<18, other, alone, other), 400 - 12 - 5 - 68 - 11},
		"as it was sent": {slices.Concat(alone, other), 400 - 12 - 5 - 68 - 11}, "unknown": {slices.Concat(noise(100, 5), alone), 400 - 12 - 5 - 68 - 11},
		"cut": {captured(42+16+200, alone, other), 200 - 12 - 5 - 68 - 11}, "far offset": {captured(1<<18, alone, far, other), 400 - 12 - 5 - 68 - 11},
	} {
		t.Run(name, func(t *testing.T) {
			hit, c := readOne(t, tc.image)
			if hit.Whole || !c.Damaged() || !slices.Contains(codesOf(c), "zephyr.no-end") {
				t.Errorf("%+v %v", hit, codesOf(c))
			}
			size := uint64(0)
			for r := range c.Memory.All() {
				size += r.Size
			}
			if size != tc.size {
				t.Errorf("%d bytes of memory, want %d", size, tc.size)
			}
			part(t, d, c)
		})
	}
	for name, image := range map[string][]byte{"nothing of a dump": captured(1<<18, other), "not the first": captured(1<<18, sent(d)[3], other)} {
		if hits, err := findImages(input(image)); len(hits) > 0 || err != nil {
			t.Errorf("%s: %+v %v", name, hits, err)
		}
	}
	// A stale datagram in a memory does not hide the dump that is kept there.
	hit, c := readOne(t, slices.Concat(noise(100, 5), alone, noise(3000, 6), inBuffer(4, 2000, stream), noise(100, 7)))
	if part(t, d, c); !hit.Whole || len(c.Diagnostics) > 0 {
		t.Errorf("%+v %v", hit, c.Diagnostics)
	}
}

// TestDatagramConflict: bytes that were sent twice with different contents are
// left out.
func TestDatagramConflict(t *testing.T) {
	list := sent(makeDump(4, 300))
	other := slices.Clone(list[4])
	other[16+100]++
	other[16+103]++
	image := slices.Concat(slices.Insert(slices.Clone(list), 5, other)...)
	hit, c := readOne(t, image)
	if got := codesOf(c); !slices.Equal(got, []string{"zephyr.datagram-conflict"}) {
		t.Errorf("%+v diagnostics %v", hit, got)
	}
	if got, want := c.Diagnostics[0].At.Off, int64(bytes.LastIndex(image, other)+16+100); got != want {
		t.Errorf("at 0x%x, want 0x%x", got, want)
	}
	var ranges []elfcore.Range
	for r := range c.Memory.All() {
		ranges = append(ranges, r.Range)
	}
	if want := []elfcore.Range{{Addr: 0x20000000, Size: 100}, {Addr: 0x20000068, Size: 196}}; !slices.Equal(ranges, want) {
		t.Errorf("memory %v, want %v", ranges, want)
	}
}

// TestSessions parts the dumps of a boot loop.
func TestSessions(t *testing.T) {
	one, two := sent(makeDump(4, 300, 2000)), sent(makeDump(4, 600))
	tiny := [][]byte{one[0], slices.Concat([]byte("ZCDU"), little(4, 12), little(2, 0), little(2, 1), little(4, 1))}
	for name, tc := range map[string]struct {
		lists [][][]byte
		whole []bool
	}{
		"complete":          {[][][]byte{one, two, one}, []bool{true, true, true}},
		"first without END": {[][][]byte{one[:len(one)-1], two}, []bool{false, true}},
		"reset":             {[][][]byte{one[:6], two}, []bool{false, true}},
		"late":              {[][][]byte{one[4:], two}, []bool{false, true}},
		"tiny":              {[][][]byte{tiny, tiny, two}, []bool{true, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			hits, err := findImages(input(captured(1<<18, slices.Concat(tc.lists...)...)))
			var whole []bool
			for _, h := range hits {
				whole = append(whole, h.Whole)
			}
			if err != nil || !slices.Equal(whole, tc.whole) {
				t.Errorf("%+v %v", hits, err)
			}
		})
	}
}

// TestDatagramOffsets: a far offset costs neither memory nor time.
func TestDatagramOffsets(t *testing.T) {
	list := sent(makeDump(4, 300))
	far := slices.Concat([]byte("ZCDU"), little(4, 0xfffffff0), little(2, 4), little(2, 0), little(4, 0x00ffffff), []byte("away"))
	end := slices.Concat([]byte("ZCDU"), little(4, 0xfffffff4), little(2, 0), little(2, 1), little(4, 0x01000000))
	_, c := readOne(t, slices.Concat(append(list[:len(list)-1], far, end)...))
	if got := codesOf(c); !slices.Contains(got, "zephyr.datagram-offset") || !slices.Contains(got, "zephyr.datagrams-lost") {
		t.Errorf("diagnostics %v", got)
	}
}

// FuzzUDP shuffles, drops and damages datagrams and reads what is left.
func FuzzUDP(f *testing.F) {
	f.Add(slices.Concat(sent(makeDump(4, 300, 2000))...), int64(0))
	f.Add(captured(1<<18, sent(makeDump(8, 1500))...), int64(1))
	f.Add(captured(400, append(sent(makeDump(4, 700)), sent(makeDump(4, 60))...)...), int64(7))
	f.Fuzz(func(t *testing.T, p []byte, seed int64) {
		if seed != 0 { // move datagrams about
			parts := bytes.SplitAfter(p, []byte("ZCDU"))
			rnd := rand.New(rand.NewSource(seed))
			for range parts {
				i := rnd.Intn(len(parts))
				j := min(len(parts)-1, i+rnd.Intn(3))
				parts[i], parts[j] = parts[j], parts[i]
			}
			p = slices.Concat(parts...)
		}
		in := input(p)
		hits, err := findImages(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Off+h.Len > in.Size {
				t.Fatalf("%+v leaves the input", h)
			}
			readHit(t, in, h)
		}
	})
}

func readHit(t *testing.T, in format.Input, h format.Hit) {
	b, err := readImage(in, h)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := b.core(); err == nil {
		content(t, c)
	}
}
