package modules

import (
	"bytes"
	"context"
	"os"
	"testing"

	"corelift/elfcore"
)

// FuzzModules lists the modules of any core, looks for them below a sysroot, and
// reads all of the memory that it tells of.
func FuzzModules(f *testing.F) {
	root := f.TempDir()
	id := []byte{1, 2, 3, 4}
	write(f, root+"/p", append(program(0x3000, id), make([]byte, 0x3000)...))
	c := core{
		files: []elfcore.Mapping{
			{Range: elfcore.Range{Addr: 0x10000, Size: 0x1000}, File: "/p"},
			{Range: elfcore.Range{Addr: 0x11000, Size: 0x2000}, Off: 0x1000, File: "/p"},
			{Range: elfcore.Range{Addr: 0x20000, Size: 0x1000}, File: "/q (deleted)"},
		},
		memory: map[uint64][]byte{0x10000: program(0x3000, id), 0x30000: program(0x100, nil), 0x40000: []byte("/p\x00")},
		vector: []uint64{auxHeaders, 0x10040, auxEntry, 0x10000, auxVDSO, 0x30000, auxExecFn, 0x40000},
	}
	f.Add(c.bytes())
	c.files = nil
	f.Add(c.bytes())
	b, err := os.ReadFile("../../elfcore/testdata/freebsd-amd64.core")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := elfcore.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		c, err := file.Core(context.Background())
		if err != nil {
			return
		}
		c.Format = elfcore.FormatLinux
		p, _ := Of(file, c, Search{Sysroots: []string{root}, DebugDirs: []string{root}})
		memory := &Memory{Core: c, Process: p}
		for _, m := range p.Modules {
			l, err := p.Find(context.Background(), m)
			if err != nil || l.Path == "" && len(l.Rejected) == 0 || l.Proven && m.Object.BuildID == "" {
				t.Fatalf("%+v %+v %v", m, l, err)
			}
			read(t, memory, m.Addr, min(max(m.Size, 1), 1<<20))
		}
		p.Main()
		read(t, memory, 0, 1<<20)
	})
}
