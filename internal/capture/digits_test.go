package capture

import "testing"

// Every byte value in each of eight places, against the table.
func TestEightDigits(t *testing.T) {
	for place := range 8 {
		for c := range 256 {
			text := []byte("0a9FfA12")
			text[place] = byte(c)
			got, digits := AppendHex(nil, text)
			want := 8
			if nibble[c] == 0 {
				want = place
			}
			if digits != want || len(got) != want/2 {
				t.Fatalf("%q: %d digits, %x", text, digits, got)
			}
			for i, b := range got {
				if b != nibble[text[2*i]]<<4|nibble[text[2*i+1]]&0xf {
					t.Fatalf("%q: %x", text, got)
				}
			}
		}
	}
}
