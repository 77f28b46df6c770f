package location

import (
	"encoding/binary"
	"testing"
)

var benchmarks = []struct {
	name string
	expr []byte
}{
	{"fbreg", []byte{0x91, 0x68}},
	{"addr", []byte{0x03, 0, 0x10, 0, 0}},
	{"reg", []byte{0x50}},
	{"breg-stack-value", []byte{0x70, 1, 0x9f}},
	{"breg-and-shift", []byte{0x70, 0, 0x08, 0xff, 0x1a, 0x08, 24, 0x24, 0x08, 24, 0x26, 0x9f}},
	{"pieces", []byte{0x50, 0x93, 4, 0x51, 0x93, 4}},
}

func BenchmarkEval(b *testing.B) {
	f := newFake(4, binary.LittleEndian)
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Eval(c.expr, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	f := newFake(4, binary.LittleEndian)
	for _, c := range benchmarks {
		l, err := Eval(c.expr, f)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Slice(0, 32).Read(f)
			}
		})
	}
}
