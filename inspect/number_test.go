package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIntegers(t *testing.T) {
	for _, c := range []struct {
		bytes  string
		order  binary.ByteOrder
		signed bool
		text   string
	}{
		{"ff", binary.LittleEndian, true, "-1"},
		{"ff", binary.LittleEndian, false, "255"},
		{"0080", binary.LittleEndian, true, "-32768"},
		{"8000", binary.BigEndian, true, "-32768"},
		{"010000", binary.LittleEndian, true, "1"},
		{"ffffff", binary.LittleEndian, true, "-1"},
		{"ffffffffffffffff", binary.LittleEndian, false, "18446744073709551615"},
		{"ffffffffffffffff", binary.LittleEndian, true, "-1"},
		{"00000000000000000100000000000000", binary.LittleEndian, false, "18446744073709551616"},
		{"ffffffffffffffffffffffffffffffff", binary.LittleEndian, true, "-1"},
		{"80000000000000000000000000000000", binary.BigEndian, true, "-170141183460469231731687303715884105728"},
		{"", binary.LittleEndian, true, "0"},
	} {
		if got := readInteger(fromHex(t, c.bytes), c.order, c.signed).String(); got != c.text {
			t.Errorf("%s, signed %v: %s, want %s", c.bytes, c.signed, got, c.text)
		}
	}
}

func TestBitFieldsExtend(t *testing.T) {
	for _, c := range []struct {
		bits   uint64
		width  int64
		size   int
		signed bool
		text   string
		hex    string
	}{
		{0x17, 5, 4, true, "-9", "fffffff7"},
		{0x17, 5, 4, false, "23", "17"},
		{0x1, 1, 4, true, "-1", "ffffffff"},
		{0x1, 1, 1, false, "1", "1"},
		{0x1ffffffff, 33, 8, false, "8589934591", "1ffffffff"},
		{0x1ffffffff, 33, 8, true, "-1", "ffffffffffffffff"},
		{0x8000000000000000, 64, 8, true, "-9223372036854775808", "8000000000000000"},
		{0x7fff, 15, 2, true, "-1", "ffff"},
	} {
		n := integer{lo: c.bits, size: int(c.width+7) / 8, signed: c.signed}.extend(c.width, c.size)
		if n.String() != c.text || n.wide().Text(16) != c.hex {
			t.Errorf("%#x of %d bits: %s, %x; want %s, %s", c.bits, c.width, n, n.wide(), c.text, c.hex)
		}
	}
}

// The texts are those of GDB 13.
func TestFloats(t *testing.T) {
	for _, c := range []struct {
		bytes  string // big-endian
		format floatFormat
		text   string
	}{
		{"3fc00000", floatFormats[4], "1.5"},
		{"3dcccccd", floatFormats[4], "0.100000001"},
		{"7149f2ca", floatFormats[4], "1.00000002e+30"},
		{"000116c2", floatFormats[4], "9.9999461e-41"},
		{"00000001", floatFormats[4], "1.40129846e-45"},
		{"7fc00001", floatFormats[4], "nan(0x400001)"},
		{"ff800000", floatFormats[4], "-inf"},
		{"80000000", floatFormats[4], "-0"},
		{"3fb999999999999a", floatFormats[8], "0.10000000000000001"},
		{"412e848000000000", floatFormats[8], "1000000"},
		{"4341c37937e08000", floatFormats[8], "10000000000000000"},
		{"4376345785d8a000", floatFormats[8], "1e+17"},
		{"3f1a36e2eb1c432d", floatFormats[8], "0.0001"},
		{"3ee4f8b588e368f1", floatFormats[8], "1.0000000000000001e-05"},
		{"0000000000000001", floatFormats[8], "4.9406564584124654e-324"},
		{"fff8000000000123", floatFormats[8], "-nan(0x8000000000123)"},
		{"4000d000000000000000", x87Format, "3.25"},
		{"3ffbcccccccccccccccd", x87Format, "0.100000000000000000001"},
		{"00000000000000000000", x87Format, "0"},
		{"ffff8000000000000000", x87Format, "-inf"},
		{"7fffc000000000000001", x87Format, "nan(0x4000000000000001)"},
		{"0000000000004000d000000000000000", x87Format, "3.25"},
		{"3fff8000000000000000000000000000", floatFormats[16], "1.5"},
		{"7fff0000000000000000000000000000", floatFormats[16], "inf"},
		{"3e00", floatFormats[2], "1.5"},
		{"0001", floatFormats[2], "5.9605e-08"},
		{"7c00", floatFormats[2], "inf"},
		{"3f80", bfloat16Format, "1"},
		{"ff7f", bfloat16Format, "-3.39e+38"},
	} {
		if got, ok := formatFloat(fromHex(t, c.bytes), binary.BigEndian, c.format); !ok || got != c.text {
			t.Errorf("%s: %s, want %s", c.bytes, got, c.text)
		}
	}
	for _, size := range []int{0, 1, 3, 5, 9, 17, 32} {
		if got, ok := formatFloat(make([]byte, size), binary.LittleEndian, floatFormats[size]); ok {
			t.Errorf("%d bytes are the float %s", size, got)
		}
	}
}

func TestQuoteString(t *testing.T) {
	long := make([]uint32, 300)
	for i := range long {
		long[i] = 'a' + uint32(i%26)
	}
	chars := func(s string) (list []uint32) {
		for _, c := range []byte(s) {
			list = append(list, uint32(c))
		}
		return list
	}
	for _, c := range []struct {
		chars  []uint32
		prefix string
		more   bool
		text   string
	}{
		{nil, "", false, `""`},
		{nil, "", true, `...`},
		{chars("hello\x00"), "", false, `"hello"`},
		{chars("hello\x00"), "", true, `"hello\000"...`},
		{chars("a\x00b"), "", false, `"a\000b"`},
		{chars("\x00\x00"), "", false, `"\000"`},
		{chars("q\" b\\ \x1b[31m\x80\n"), "", false, `"q\" b\\ \033[31m\200\n"`},
		{chars("xaaaaaaaaaay"), "", false, `"xaaaaaaaaaay"`},
		{chars("xaaaaaaaaaaay"), "", false, `"x", 'a' <repeats 11 times>, "y"`},
		{chars("aaaaaaaaaaabbbbbbbbbbb"), "", false, `'a' <repeats 11 times>, 'b' <repeats 11 times>`},
		{chars("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "", false, `'\000' <repeats 11 times>`},
		{[]uint32{0xe9, 0x20ac}, "u", false, `u"\351\x20ac"`},
		{[]uint32{0x1f600}, "U", false, `U"\x1f600"`},
		{[]uint32{'x', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'y'}, "L", false, `L"x", 'a' <repeats 11 times>, "y"`},
	} {
		if got := quoteString(c.chars, c.prefix, c.more); got != c.text {
			t.Errorf("%v: %s, want %s", c.chars, got, c.text)
		}
	}
	if got := quoteString(long, "", false); len(got) != 2+200+3 || got[201:] != `"...` {
		t.Errorf("300 characters: %s", got)
	}
}
