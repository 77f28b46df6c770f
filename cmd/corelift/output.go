package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// coreName is the name of an input's core file: the extension replaced. A name
// that is nothing but an extension keeps it.
func coreName(input string) string {
	base := filepath.Base(input)
	return strings.TrimSuffix(input, filepath.Ext(strings.TrimLeft(base, "."))) + ".core"
}

// numbered puts a dump's number before the extension: crash.2.core.
func numbered(path string, n int) string {
	extension := filepath.Ext(path)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(path, extension), n, extension)
}

// output writes files. Dumps hold keys and personal data, so only the user may
// read them.
type output struct {
	overwrite bool
	inputs    []os.FileInfo // never written to
}

// write makes a file whole or not at all: a temporary one beside it takes its
// place at the end. What exists and is no regular file, such as a pipe or the
// null device, is written into.
func (o *output) write(ctx context.Context, path string, content func(io.Writer) error) (err error) {
	switch info, err := os.Stat(path); {
	case err != nil:
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case o.isInput(info):
		return hinted(fmt.Errorf("%s is an input and would be overwritten", path), "choose another file with -o")
	case !info.Mode().IsRegular():
		return into(ctx, path, content)
	case !o.overwrite:
		return existsError(path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if err := content(untilDone{ctx, file}); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return o.commit(file.Name(), path)
}

func existsError(path string) error {
	return hinted(fmt.Errorf("%s exists", path), "--overwrite replaces it, -o writes another file")
}

func (o *output) isInput(info os.FileInfo) bool {
	for _, input := range o.inputs {
		if os.SameFile(info, input) {
			return true
		}
	}
	return false
}

// commit gives the temporary file its name. A link, unlike a renaming, fails
// if another process has made the file meanwhile.
func (o *output) commit(temporary, path string) error {
	if !o.overwrite {
		switch err := os.Link(temporary, path); {
		case err == nil:
			return os.Remove(temporary)
		case errors.Is(err, fs.ErrExist):
			return existsError(path)
		}
		// The file system has no links.
	}
	return os.Rename(temporary, path)
}

// into writes to what is there.
func into(ctx context.Context, path string, content func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := content(untilDone{ctx, file}); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// untilDone fails once its context is done.
type untilDone struct {
	ctx context.Context
	io.Writer
}

func (w untilDone) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

// isTerminal tells whether somebody reads along.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
