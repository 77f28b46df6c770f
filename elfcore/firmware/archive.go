package firmware

import (
	"cmp"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// Limits of the search of an archive. The files are those of any kind.
const (
	maxArchiveDepth = 16
	maxArchiveFiles = 100_000
	maxArchiveSize  = 1 << 30 // bytes of a program
)

// Archive finds the programs below dir that a dump names: those of its
// build-id, else those whose SHA-256, of the whole file, begins as the dump
// says. named tells whether the dump names its program; if not, all programs
// for its CPU are listed. A nil CPU stands for any.
//
// Programs are known by their ELF header, whatever their files are called.
// Links to directories are not followed. The list is sorted, but of one build
// the largest file comes first: it has what was stripped from the others. The
// error is that of a directory that can't be searched, or says which limit was
// reached; then the list has what was found so far.
func Archive(ctx context.Context, dir string, a *arch.Arch, id elfcore.Identity) (paths []string, named bool, err error) {
	list, err := programs(ctx, dir, a)
	build, hash := strings.ToLower(id.BuildID), strings.ToLower(id.SHA256Prefix)
	named = build != "" || hash != ""
	if build != "" {
		paths = matching(ctx, list, func(m *Image) bool { return m.BuildID == build })
		size := func(path string) int64 {
			info, err := os.Stat(path)
			if err != nil {
				return 0
			}
			return info.Size()
		}
		slices.SortStableFunc(paths, func(x, y string) int { return cmp.Compare(size(y), size(x)) })
	}
	if len(paths) == 0 && hash != "" {
		paths = matching(ctx, list, func(m *Image) bool { return strings.HasPrefix(m.SHA256(), hash) })
	}
	if !named {
		paths = slices.DeleteFunc(list, unfinished)
	}
	if ctx.Err() != nil {
		return nil, named, ctx.Err()
	}
	return paths, named, err
}

// Folklore: a Zephyr build links several times and leaves the trials beside
// zephyr.elf. They have its code, some at the same addresses. Test: TestArchive.
var zephyrTrial = regexp.MustCompile(`^zephyr_pre\d+\.elf$`)

func unfinished(path string) bool { return zephyrTrial.MatchString(filepath.Base(path)) }

// programs lists the ELF programs below dir, sorted.
func programs(ctx context.Context, dir string, a *arch.Arch) (list []string, err error) {
	files := 0
	tree := os.DirFS(dir)
	walk := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil:
			return nil // may not be read: the others can be
		case entry.IsDir():
			if strings.Count(name, "/") >= maxArchiveDepth {
				return fs.SkipDir
			}
			return nil
		}
		if files++; files > maxArchiveFiles {
			return fmt.Errorf("%s: more than %d files; the others are not looked at", dir, maxArchiveFiles)
		}
		if path := filepath.Join(dir, filepath.FromSlash(name)); isProgram(path, a) {
			list = append(list, path)
		}
		return nil
	})
	return list, walk
}

// isProgram tells by the first bytes whether a file is a program for a CPU.
func isProgram(path string, a *arch.Arch) bool {
	// Not opened before it is known to be a file: opening a pipe can wait forever.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() < headSize || info.Size() > maxArchiveSize {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var h [headSize]byte
	if n, _ := f.ReadAt(h[:], 0); n < len(h) || string(h[:4]) != elf.ELFMAG {
		return false
	}
	// Little endian, as all programs that Open takes.
	return h[elf.EI_DATA] == byte(elf.ELFDATA2LSB) && h[16] == byte(elf.ET_EXEC) &&
		(a == nil || elf.Class(h[elf.EI_CLASS]) == a.Class && elf.Machine(uint16(h[18])|uint16(h[19])<<8) == a.Machine)
}

// matching opens programs, several at a time since hashing reads all of their
// bytes, and keeps those for which want is true, in their order.
func matching(ctx context.Context, list []string, want func(*Image) bool) (found []string) {
	keep := make([]bool, len(list))
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		wait.Go(func() {
			for i := range next {
				if s, err := Open(list[i]); err == nil {
					keep[i] = want(s.images[0])
					s.Close()
				}
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wait.Wait()
	for i, path := range list {
		if keep[i] {
			found = append(found, path)
		}
	}
	return found
}
