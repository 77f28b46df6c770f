package inspect

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"corelift/elfcore"
	"corelift/internal/debuginfo"
)

// ListOptions say which lines to show. Where is a function, "file.c:12" or an
// address; empty is where the frame is. Around is how many lines before and
// after; Dirs are directories to look for source files in, besides where the
// compiler saw them.
type ListOptions struct {
	Where  string
	Around int
	Dirs   []string
}

// List shows source lines. f is needed only without a Where.
func (s *Session) List(f *Frame, o ListOptions) (*Listing, error) {
	l := &Listing{Document: s.document(ListSchema), Lines: []SourceLine{}}
	dir, err := s.sourceOf(f, o.Where, l)
	if err != nil {
		return nil, err
	}
	for _, path := range sourcePaths(l.File, dir, o.Dirs) {
		lines, err := readLines(path, max(l.Line-o.Around, 1), l.Line+o.Around)
		if err != nil {
			continue
		}
		if len(lines) == 0 {
			return nil, fmt.Errorf("%s has no line %d; it is not the file that the firmware was built from", path, l.Line)
		}
		l.Found, l.Lines = path, lines
		return l, nil
	}
	return l, nil
}

// sourceOf finds file and line, and the directory of the compilation.
func (s *Session) sourceOf(f *Frame, where string, l *Listing) (dir string, err error) {
	if where == "" {
		if f == nil || f.Line == 0 {
			return "", fmt.Errorf("the frame has no source line")
		}
		l.File, l.Line, l.Function = f.File, f.Line, f.Function
		if f.at.unit != nil {
			dir = f.at.unit.Dir()
		}
		return dir, nil
	}
	if file, number, ok := cutLine(where); ok {
		if number < 1 {
			return "", fmt.Errorf("line %d; lines are numbered from 1", number)
		}
		l.File, l.Line = file, number
		for _, d := range s.datas() {
			for _, known := range d.Files() {
				if known == file || strings.HasSuffix(known, "/"+file) {
					l.File = known
					return "", nil
				}
			}
		}
		return "", fmt.Errorf("the firmware has no source file %s", file)
	}
	at, ok := parseAddr(where)
	if !ok {
		fn, found := s.functionNamed(where)
		if !found {
			return "", fmt.Errorf("no function %s; give a function, FILE:LINE or an address", where)
		}
		at, l.Function = elfcore.Addr(fn.Ranges[0][0]), fn.Name
	}
	_, u := s.debug(at)
	if u == nil {
		return "", fmt.Errorf("no source line is known for %v", at)
	}
	line, ok := u.Lines().At(uint64(at))
	if !ok {
		return "", fmt.Errorf("no source line is known for %v", at)
	}
	l.File, l.Line = line.File, line.Line
	return u.Dir(), nil
}

func (s *Session) functionNamed(name string) (*debuginfo.Function, bool) {
	for _, d := range s.datas() {
		for _, f := range d.Functions(name) {
			if len(f.Ranges) > 0 {
				return f, true
			}
		}
	}
	return nil, false
}

// cutLine splits "file.c:12".
func cutLine(where string) (file string, line int, ok bool) {
	i := strings.LastIndexByte(where, ':')
	if i <= 0 || where[i-1] == ':' {
		return "", 0, false
	}
	line, err := strconv.Atoi(where[i+1:])
	return where[:i], line, err == nil
}

func parseAddr(text string) (elfcore.Addr, bool) {
	v, err := strconv.ParseUint(text, 0, 64)
	return elfcore.Addr(v), err == nil
}

// sourcePaths are the places where a source file may be: where the compiler saw
// it, and below each directory with ever fewer of the leading parts of its path.
func sourcePaths(file, dir string, dirs []string) (paths []string) {
	full := file
	if !filepath.IsAbs(file) && dir != "" {
		full = filepath.Join(dir, file)
	}
	paths = append(paths, full)
	parts := strings.Split(strings.Trim(filepath.ToSlash(full), "/"), "/")
	for _, d := range dirs {
		for i := range parts {
			paths = append(paths, filepath.Join(append([]string{d}, parts[i:]...)...))
		}
	}
	return paths
}

// Sources finds the source files that are below directories, by what the compiler
// named them.
func (s *Session) Sources(dirs []string) map[string]string {
	found := map[string]string{}
	for _, file := range s.Files() {
		for _, path := range sourcePaths(file, "", dirs)[1:] {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				found[file] = path
				break
			}
		}
	}
	return found
}

// maxLine bounds a line of source in bytes; longer ones are generated.
const maxLine = 1 << 20

// readLines reads lines from first to last, counted from 1.
func readLines(path string, first, last int) (lines []SourceLine, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxLine)
	for n := 1; n <= last && in.Scan(); n++ {
		if n >= first {
			lines = append(lines, SourceLine{n, in.Text()})
		}
	}
	return lines, in.Err()
}
