package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"corelift/internal/format"
)

// markers are strings as formats have them, to see what many cost.
var markers = []string{
	"#CD:", "================= CORE DUMP START", "================= CORE DUMP END", "MC:",
	"coredump start : {", "} coredump end", "CRASH ENCOUNTERED", "End of dump", "up_dump_register:", "stack_dump:",
}

func textInput(data []byte) format.Input {
	return format.Input{ReaderAt: bytes.NewReader(data), Name: "test", Size: int64(len(data))}
}

// syntheticLog is a capture of about size bytes; dump tells how many of 100
// lines are dump lines.
func syntheticLog(size, dump int, colour bool) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	on, off := "", ""
	if colour {
		on, off = "\x1b[1;31m", "\x1b[0m"
	}
	var b bytes.Buffer
	payload := make([]byte, 32)
	for i := 0; b.Len() < size; i++ {
		stamp := fmt.Sprintf("[00:00:%02d.%03d,000] %s<err> ", i/1000%60, i%1000, on)
		b.WriteString(stamp)
		if r.IntN(100) < dump {
			for i := range payload {
				payload[i] = byte(r.Uint32())
			}
			fmt.Fprintf(&b, "coredump: #CD:%x%s\r\n", payload, off)
		} else {
			fmt.Fprintf(&b, "sensors: temperature of node %d is %d degrees, Motor %d%s\r\n", i%7, r.IntN(90), i, off)
		}
	}
	return b.Bytes()
}

const benchSize = 64 << 20

func benchmarkScan(b *testing.B, dump int, colour bool, markers []string, decode bool) {
	in := textInput(syntheticLog(benchSize, dump, colour))
	b.SetBytes(in.Size)
	b.ResetTimer()
	var out []byte
	for b.Loop() {
		for l, err := range NewText(in, markers...).Scan(0, in.Size) {
			if err != nil {
				b.Fatal(err)
			}
			if decode {
				if len(out) > 1<<20 {
					out = out[:0]
				}
				out, _ = AppendHex(out, l.Text[l.At+len(markers[l.Marker]):])
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, c := range []struct {
		name    string
		dump    int
		colour  bool
		markers []string
		decode  bool
	}{
		{"plain dump", 100, false, markers[:1], false},
		{"coloured dump", 100, true, markers[:1], false},
		{"console", 0, false, markers[:1], false},
		{"mixed", 50, true, markers[:1], false},
		{"plain dump, all markers", 100, false, markers, false},
		{"console, all markers", 0, false, markers, false},
		{"plain dump, decoded", 100, false, markers[:1], true},
		{"coloured dump, decoded, all markers", 100, true, markers, true},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkScan(b, c.dump, c.colour, c.markers, c.decode) })
	}
}

func BenchmarkLines(b *testing.B) {
	in := textInput(syntheticLog(benchSize, 50, true))
	b.SetBytes(in.Size)
	for b.Loop() {
		for _, err := range NewText(in, markers[:1]...).Lines(0, in.Size) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppendHex(b *testing.B) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 4)
	b.SetBytes(64)
	var out []byte
	for b.Loop() {
		out, _ = AppendHex(out[:0], text)
	}
}

// BenchmarkOpen is what a typical dump costs: unwrap, sample, scan.
func BenchmarkOpen(b *testing.B) {
	data := corpus(b, "zephyr/mps2_an385-div-og-ram/coredump.log")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s, err := Open(bytes.NewReader(data), "log", Limits{})
		if err != nil {
			b.Fatal(err)
		}
		in := s.Inputs[0]
		for _, err := range NewText(in, markers...).Scan(0, in.Size) {
			if err != nil {
				b.Fatal(err)
			}
		}
		s.Close()
	}
}

func BenchmarkUnwrap(b *testing.B) {
	raw := random(8 << 20)
	for name, data := range map[string][]byte{
		"hex":       []byte(wrapAt(hex.EncodeToString(raw), 64, "\n")),
		"base64":    []byte(wrapAt(base64.StdEncoding.EncodeToString(raw), 64, "\n")),
		"intel hex": []byte(hexImage(0, raw)),
		"uf2":       uf2Image(0, raw, 0),
		"utf-16":    utf16Text(string(syntheticLog(8<<20, 50, true)), binary.LittleEndian),
		"gzip":      gz(syntheticLog(8<<20, 50, true)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				s, err := Open(bytes.NewReader(data), name, Limits{})
				if err != nil || s.Inputs[0].Wrappers == nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
