package debuginfo

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// gather asks units something, on all CPUs, and joins the answers in the units'
// order. A panic of ask, which is a fault in a mapped file, goes on in the
// caller's goroutine.
func gather[T any](units []*Unit, ask func(*Unit) []T) (all []T) {
	answers := make([][]T, len(units))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(units)); i = next.Add(1) - 1 {
			answers[i] = ask(units[i])
		}
	}
	var others sync.WaitGroup
	var fault atomic.Value
	for range min(runtime.GOMAXPROCS(0), len(units)) - 1 {
		others.Go(func() {
			debug.SetPanicOnFault(true) // of this goroutine only
			defer func() {
				if p := recover(); p != nil {
					fault.Store([]any{p}) // panics may differ in type, which Store does not like
				}
			}()
			work()
		})
	}
	func() {
		defer others.Wait() // also if this panics: nobody may read a file that is closed then
		work()
	}()
	if p := fault.Load(); p != nil {
		panic(p.([]any)[0])
	}
	for _, a := range answers {
		all = append(all, a...)
	}
	return all
}
