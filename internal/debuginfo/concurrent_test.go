package debuginfo

import (
	"sync"
	"testing"
)

// TestConcurrent asks everything at once; go test -race looks on.
func TestConcurrent(t *testing.T) {
	d := build(t, "clang -gdwarf-5 -O2 C").again()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { everything(d) })
	}
	all.Wait()
}
