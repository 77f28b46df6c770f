package location

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"corelift/elfcore"
)

// FuzzEval runs any expression in any role. It may neither panic nor run long,
// and what it cannot read it must not show.
func FuzzEval(f *testing.F) {
	for _, seed := range [][]byte{
		{}, {0x91, 0x68}, {0x03, 0, 0x10, 0, 0}, {0x50, 0x93, 4, 0x93, 4}, {0x35, 0x30, 0x1b}, {0x2f, 0xfd, 0xff},
		{0x30, 0x3a, 0x16, 0x23, 3, 0x16, 0x31, 0x1c, 0x12, 0x28, 0xf6, 0xff, 0x13},
		{0xa3, 1, 0x50}, {0xa3, 3, 0xa5, 16, tF64, 0x9f}, {0xa5, 16, tF64, 0xa8, tS32, 0xa9, tU32, 0x9f}, {0xa0, 1, 0, 0, 0, 0},
		cat(int64s(tS64, -1<<63), int64s(tS64, -1), op(0x1b)), cat(int128s(tS128, 0, 1<<63), op(0x19, 0x1f, 0x20)),
		{0x9e, 3, 1, 2, 3}, {0x51, 0x9d, 7, 3, 0x70, 0x12, 0x9d, 13, 5}, {0x98, 0x40, 0, 0x9a, 0x40, 0, 0, 0}, {0x59}, {0x75, 0, 0x06},
	} {
		f.Add(seed, byte(0), int64(0), int64(32))
		f.Add(seed, byte(3), int64(5), int64(77))
	}
	f.Fuzz(func(t *testing.T, expr []byte, target byte, off, size int64) {
		fr := newCall(4 + int(target&1)*4)
		if target&2 != 0 {
			fr.order = binary.BigEndian
		}
		fr.procedures[0x42] = expr
		fr.caller.passed["\x52"] = expr
		fr.passed["\x52"] = expr
		start := time.Now()
		l, err := Eval(expr, fr)
		if typed := (*Error)(nil); err != nil && (!errors.As(err, &typed) || typed.Reason == Present || err.Error() == "") {
			t.Fatalf("error %#v", err)
		}
		for _, part := range []Location{l, l.Slice(off, size), l.Slice(0, size), l.Slice(0, size).Slice(off, size)} {
			check(t, part.Read(fr))
		}
		if _, err := Compute(expr, fr, Word(uint64(off), elfcore.Known)); err == nil {
			Compute(expr, fr)
		}
		if _, err := ComputeCFI(expr, fr, Word(uint64(size), elfcore.Suspect)); err != nil {
			_ = err.Error()
		}
		if d := time.Since(start); d > time.Second {
			t.Fatalf("took %v", d)
		}
	})
}

// check holds what Content promises.
func check(t *testing.T, c Content) {
	worst, any := Present, len(c.Each) == 0
	for i, p := range c.Each {
		worst, any = min(worst, p), any || p == Present
		if p != Present && c.Bytes[i] != 0 {
			t.Fatalf("byte %d is not there and 0x%02x", i, c.Bytes[i])
		}
	}
	if c.Each != nil && (len(c.Each) != len(c.Bytes) || worst != c.Presence || c.Presence == Present) {
		t.Fatalf("%+v", c)
	}
	if !any && c.State != elfcore.Missing {
		t.Fatalf("nothing is there and %v", c.State)
	}
	if (c.Err != nil) != (c.Presence == NotInDump || c.Presence == Unsupported) && c.Presence != OptimisedOut {
		t.Fatalf("%v with error %v", c.Presence, c.Err)
	}
}
