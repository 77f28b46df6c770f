//go:build !unix || solaris || illumos || aix

package firmware

import (
	"errors"
	"os"
)

// mapWhole leaves it to the caller to read the file.
func mapWhole(*os.File, int) ([]byte, func() error, error) {
	return nil, nil, errors.ErrUnsupported
}
