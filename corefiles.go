package corelift

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"

	"corelift/elfcore"
	"corelift/internal/capture"
	"corelift/internal/format"
)

// NoCoreError says that an input holds no ELF core file, and what it is.
type NoCoreError struct{ Name, Looks string }

func (e *NoCoreError) Error() string {
	return fmt.Sprintf("%s: not an ELF core file: %s", e.Name, e.Looks)
}

// Files opens the ELF core files in an input, of any system. Wrappers are
// taken off, and what was odd about them stands first in Diagnostics. As with
// Dumps, a regular file is read where it lies and must stay open; anything else
// is read to its end. Errors: *NoCoreError, *notes.FormatError where a core file
// can't be read, and those of reading.
func Files(ctx context.Context, src io.Reader, name string) ([]*elfcore.File, error) {
	source, err := capture.Open(src, name, capture.Limits{})
	if err != nil {
		return nil, err
	}
	var files []*elfcore.File
	for _, in := range source.Inputs {
		if !hasType(in, elf.ET_CORE) {
			continue
		}
		f, err := elfcore.Open(in, in.Size)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), source.Close())
		}
		f.Diagnostics = append(source.Notes[:len(source.Notes):len(source.Notes)], f.Diagnostics...)
		files = append(files, f)
	}
	if len(files) > 0 {
		return files, nil
	}
	looks, err := notCore(ctx, source)
	if err == nil {
		err = &NoCoreError{name, looks}
	}
	return nil, errors.Join(err, source.Close())
}

// hasType tells whether an input is an ELF file of one of the types.
func hasType(in format.Input, types ...elf.Type) bool {
	var head [20]byte
	n, _ := in.ReadAt(head[:], 0)
	return slices.ContainsFunc(types, func(t elf.Type) bool { return isELF(byte(t))(head[:n]) })
}

// notCore says what an input without a core file holds.
func notCore(ctx context.Context, source *capture.Source) (string, error) {
	for _, in := range source.Inputs {
		if hasType(in, elf.ET_REL, elf.ET_EXEC, elf.ET_DYN) {
			return "it is a program (ELF), which GNU readelf shows", nil
		}
	}
	dumps, err := find(ctx, source)
	switch {
	case err != nil:
		return "", err
	case len(dumps) > 0:
		return fmt.Sprintf("it is a crash dump of %s; corelift convert makes a core file of it", dumps[0].Format), nil
	case len(source.Inputs) == 0:
		return "it is empty", nil
	}
	return looksLike(source.Inputs[0]), nil
}
