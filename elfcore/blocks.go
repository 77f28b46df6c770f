package elfcore

import (
	"io"
	"sync"
)

// blocks reads a file in blocks and keeps some. Stacks and variables are read a
// word at a time; a system call for each is a tenth of the time in which all
// stacks of a large program are printed. It is safe for concurrent use.
type blocks struct {
	r    io.ReaderAt
	mu   sync.Mutex
	kept [64]*block // by number modulo 64
}

const blockSize = 4 << 10 // bytes

// block is the bytes from number*blockSize on, fewer at the end of the file.
type block struct {
	number int64
	data   []byte
	err    error // why there are no more
}

// ReadAt is that of io.ReaderAt.
func (b *blocks) ReadAt(p []byte, off int64) (int, error) {
	if len(p) >= blockSize || off < 0 {
		return b.r.ReadAt(p, off)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(p) {
		at := off + int64(n)
		k := b.block(at / blockSize)
		from := int(at % blockSize)
		if from >= len(k.data) {
			return n, k.err
		}
		n += copy(p[n:], k.data[from:])
	}
	return n, nil
}

// block reads a block, or finds it.
func (b *blocks) block(number int64) *block {
	slot := &b.kept[number%int64(len(b.kept))]
	if *slot == nil {
		*slot = &block{number: -1, data: make([]byte, 0, blockSize)}
	}
	k := *slot
	if k.number != number {
		n, err := b.r.ReadAt(k.data[:blockSize], number*blockSize)
		k.number, k.data, k.err = number, k.data[:n], err
	}
	return k
}
