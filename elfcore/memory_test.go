package elfcore

import (
	"errors"
	"testing"
)

func TestReplace(t *testing.T) {
	made := func() (m Memory) {
		m.Add(NewRegion(0x100, []byte("abcd"), PermR, Known, 0))
		m.Add(NewRegion(0x104, []byte("efgh"), PermR, Suspect, 0))
		m.Add(NewRegion(0x200, []byte("away"), PermR, Known, 0))
		return m
	}
	for _, x := range []struct {
		at      Addr
		data    string
		want    string
		regions int
	}{
		{0x100, "A", "Abcdefgh", 4},
		{0x101, "BC", "aBCdefgh", 5},
		{0x102, "CDEF", "abCDEFgh", 4},
		{0x100, "ABCDEFGH", "ABCDEFGH", 2},
		{0x104, "EFGH", "abcdEFGH", 3},
		{0x104, "", "abcdefgh", 3},
	} {
		m := made()
		if err := m.Replace(NewRegion(x.at, []byte(x.data), PermR, Recovered, 7)); err != nil {
			t.Error(err)
		}
		got := make([]byte, 8)
		if _, err := m.Read(got, 0x100); err != nil || string(got) != x.want || m.Len() != x.regions {
			t.Errorf("%q at %v: %q in %d regions, %v; want %q in %d", x.data, x.at, got, m.Len(), err, x.want, x.regions)
		}
		if r, _ := m.At(x.at); x.data != "" && (r.Why != 7 || r.State != Recovered || r.Addr != x.at) {
			t.Errorf("%q at %v: %+v", x.data, x.at, r)
		}
	}
	m := made()
	var gap *GapError
	if err := m.Replace(NewRegion(0x106, []byte("ghi"), PermR, Known, 0)); !errors.As(err, &gap) || gap.Addr != 0x108 || m.Len() != 3 {
		t.Errorf("%v, %d regions", err, m.Len())
	}
}
