package firmware

import (
	"errors"
	"runtime"
	"runtime/debug"
)

// ErrChanged tells that a program file was cut off, or its disk failed, while
// it was in use.
var ErrChanged = errors.New("a program file became shorter or unreadable while it was read; try again")

// Guard makes a fault in a mapped file an error: a build may write a new program
// over the one that is open. Call it where work on a Set begins, in each
// goroutine:
//
//	defer firmware.Guard(&err)()
func Guard(err *error) func() {
	faults := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(faults)
		p := recover()
		if p == nil {
			return
		}
		var fault interface {
			runtime.Error
			Addr() uintptr
		}
		if e, ok := p.(error); ok && errors.As(e, &fault) {
			*err = ErrChanged
			return
		}
		panic(p)
	}
}
