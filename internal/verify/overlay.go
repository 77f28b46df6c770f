package verify

import (
	"io"
	"sort"
)

// overlay is a file with some bytes replaced or appended: what it would be
// without the faults that keep readers from going on.
type overlay struct {
	io.ReaderAt
	size    int64   // with what is appended
	patches []patch // sorted, disjoint
}

type patch struct {
	off  int64
	data []byte
}

func (p patch) end() int64 { return p.off + int64(len(p.data)) }

// replace puts bytes at an offset behind all earlier ones.
func (o *overlay) replace(off int64, data []byte) {
	o.patches = append(o.patches, patch{off, data})
	o.size = max(o.size, off+int64(len(data)))
}

// ReadAt is that of io.ReaderAt.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.ReaderAt.ReadAt(p, off)
	if n < len(p) && err != nil && err != io.EOF {
		return n, err
	}
	end := off + int64(len(p))
	for i := sort.Search(len(o.patches), func(i int) bool { return o.patches[i].end() > off }); i < len(o.patches) && o.patches[i].off < end; i++ {
		q := o.patches[i]
		if q.end() <= off {
			continue // headers that overlap
		}
		from := max(off, q.off)
		n = max(n, int(from-off)+copy(p[from-off:], q.data[from-q.off:]))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
