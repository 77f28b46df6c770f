package debuginfo

import "sync"

// lazy is a value that is computed when it is first wanted. Programs have
// hundreds of units, of which few are looked into: unlike a sync.OnceValue, one
// that is never wanted costs no allocation.
type lazy[T any] struct {
	once sync.Once
	v    T
}

func (l *lazy[T]) get(compute func() T) T {
	l.once.Do(func() { l.v = compute() })
	return l.v
}
