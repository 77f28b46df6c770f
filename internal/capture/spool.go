package capture

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
)

const memoryLimit = 8 << 20 // bytes a spool holds before it becomes a file

// spool keeps bytes that are written once and then read at any offset: in
// memory, or beyond memoryLimit in a temporary file without a name, since dumps
// hold keys.
type spool struct {
	memory []byte
	file   *os.File
	named  bool // the file could not be removed while open (Windows)
	size   int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.memory)+len(p) <= memoryLimit {
		s.memory = append(s.memory, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "corelift-*")
		if err != nil {
			return 0, err
		}
		s.file, s.named = f, os.Remove(f.Name()) != nil
		if _, err := f.Write(s.memory); err != nil {
			return 0, err
		}
		s.memory = nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.memory).ReadAt(p, off)
}

func (s *spool) Close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.named {
		if e := os.Remove(s.file.Name()); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	s.file = nil
	return err
}
