package firmware

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// usual are the places where build systems leave a program: west, west with
// sysbuild, ESP-IDF and plain CMake, PlatformIO.
var usual = []string{
	"build/zephyr/zephyr.elf",
	"build/*/zephyr/zephyr.elf",
	"build/*.elf",
	".pio/build/*/firmware.elf",
}

// Usual lists the programs in the usual places below a project's directory,
// sorted, each file once.
func Usual(dir string) (paths []string) {
	seen := map[string]bool{}
	for _, pattern := range usual {
		// Relative to dir, which may have meta characters in its own name.
		found, _ := fs.Glob(os.DirFS(dir), pattern)
		for _, name := range found {
			path := filepath.Join(dir, filepath.FromSlash(name))
			real, err := filepath.EvalSymlinks(path)
			if err != nil || seen[real] {
				continue
			}
			if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
				continue
			}
			seen[real] = true
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
