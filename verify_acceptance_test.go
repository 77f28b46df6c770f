package corelift_test

import (
	"bytes"
	"testing"

	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
	"corelift/internal/verify"
)

// TestVerified: what corelift writes breaks none of the rules that it checks
// cores of others by, in every shape of every fixture, alone and with the
// firmware.
func TestVerified(t *testing.T) {
	byCPU(t, func(t *testing.T, cases []*fixture.Case) {
		for _, c := range cases {
			verified(t, c.Log, c.LogPath, c)
			for _, block := range c.Blocks() {
				for _, mode := range fixture.Modes() {
					d := c.Build(block, mode)
					verified(t, d.Stream(), d.Name(), c)
				}
			}
		}
	})
}

func verified(t *testing.T, dump []byte, name string, c *fixture.Case) {
	t.Helper()
	set := program(t, c.ELF)
	for _, with := range []*firmware.Set{set, nil} {
		core, err := convert(t, dump, name, with)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		var out bytes.Buffer
		if err := core.Write(&out); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		f, err := verify.Open(bytes.NewReader(out.Bytes()), int64(out.Len()), verify.Options{Program: with})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for _, x := range f.Check() {
			if x.Severity > verify.Remark {
				t.Errorf("%s: %v %s: %s, expected %s", name, x.Severity, x.ID, x.Found, x.Expected)
			}
		}
	}
}
