package nuttx

import "testing"

func BenchmarkLog(b *testing.B) {
	m := dumps()["riscv32"]
	big := make([]byte, 256<<10)
	for i := range big {
		big[i] = byte(i * 7 >> 3)
	}
	m.regions = append(m.regions, region{0x30000000, 7, big})
	for _, form := range []string{"hex", "base64"} {
		text := []byte(log(m.bytes(), form, false, 64, "[CPU0] [ 6] ", ""))
		b.Run(form, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				in := input(text, true)
				hits, _ := Format.Find(in)
				if _, err := Format.Read(in, hits[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
