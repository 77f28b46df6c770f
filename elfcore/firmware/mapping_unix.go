//go:build unix && !solaris && !illumos && !aix

package firmware

import (
	"os"
	"syscall"
)

func mapWhole(f *os.File, size int) (data []byte, release func() error, err error) {
	data, err = syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE)
	return data, func() error { return syscall.Munmap(data) }, err
}
