package elfcore

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestBlocks reads what the file has, at its end too, and at once.
func TestBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	file := make([]byte, 100*blockSize+123)
	for i := range file {
		file[i] = byte(random.Uint32())
	}
	plain, b := bytes.NewReader(file), &blocks{r: bytes.NewReader(file)}
	var all sync.WaitGroup
	for seed := range uint64(4) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(3, seed))
			for range 2000 {
				off, size := random.Int64N(int64(len(file))+100), random.IntN(2*blockSize)
				want, have := make([]byte, size), make([]byte, size)
				n, wantErr := plain.ReadAt(want, off)
				m, err := b.ReadAt(have, off)
				if n != m || !bytes.Equal(want[:n], have[:m]) || n < size && !errors.Is(err, io.EOF) || n == size && err != nil && wantErr == nil {
					t.Errorf("%d bytes at %d: %d, %v, want %d, %v", size, off, m, err, n, wantErr)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestBlocksFailure passes on what the reader says, also the second time.
func TestBlocksFailure(t *testing.T) {
	r := &failing{errors.New("disk")}
	b := &blocks{r: r}
	for range 2 {
		if n, err := b.ReadAt(make([]byte, 8), 0); n != 0 || err != r.err {
			t.Errorf("%d, %v", n, err)
		}
	}
}

type failing struct{ err error }

func (f *failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
