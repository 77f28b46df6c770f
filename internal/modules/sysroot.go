package modules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a path may lead over, as in Linux
// (path_resolution(7)).
const maxLinks = 40

// within resolves a path of the target below a directory, as if that were the
// root directory: neither ".." nor an absolute symbolic link leaves it. The
// result has no links but those in root itself; the file need not exist.
func within(root, target string) (string, error) {
	var done []string // below root
	left := strings.Split(filepath.ToSlash(target), "/")
	for links := 0; len(left) > 0; {
		name := left[0]
		left = left[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)]
			continue
		}
		if !filepath.IsLocal(name) {
			return "", errors.New("no name for a file on this machine")
		}
		at := filepath.Join(root, filepath.Join(done...), name)
		info, err := os.Lstat(at)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			done = append(done, name)
			continue
		}
		if links++; links > maxLinks {
			return "", errors.New("too many symbolic links")
		}
		to, err := os.Readlink(at)
		if err != nil {
			return "", err
		}
		to = filepath.ToSlash(to)
		if strings.HasPrefix(to, "/") {
			done = nil
		}
		left = append(strings.Split(to, "/"), left...)
	}
	return filepath.Join(append([]string{root}, done...)...), nil
}
