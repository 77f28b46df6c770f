package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// debuggerVariable is the environment variable that names the debugger.
const debuggerVariable = "CORELIFT_GDB"

// debuggers lists the commands that may read a CPU's cores, the best first; *
// stands for anything. Whether one really does is found out by asking it: bare
// metal GDBs for AArch64 and x86 have no core support, Debian's gdb-multiarch
// knows no Xtensa, and a plain gdb may know one CPU or all.
var debuggers = map[string][]string{
	"arm":     {"gdb-multiarch", "arm-none-eabi-gdb", "arm-zephyr-eabi-gdb", "gdb"},
	"arm-m":   {"gdb-multiarch", "arm-none-eabi-gdb", "arm-zephyr-eabi-gdb", "gdb"},
	"aarch64": {"gdb-multiarch", "aarch64-linux-gnu-gdb", "aarch64-none-linux-gnu-gdb", "gdb", "aarch64-none-elf-gdb", "aarch64-zephyr-elf-gdb"},
	"riscv32": {"gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv32-unknown-elf-gdb", "riscv-none-elf-gdb", "riscv64-zephyr-elf-gdb", "riscv32-esp-elf-gdb", "gdb"},
	"riscv64": {"gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv-none-elf-gdb", "riscv64-zephyr-elf-gdb", "gdb"},
	"xtensa":  {"xtensa-*-elf-gdb"},
	"i386":    {"gdb-multiarch", "gdb", "x86_64-zephyr-elf-gdb"},
	"x86-64":  {"gdb-multiarch", "gdb", "x86_64-zephyr-elf-gdb"},
}

// toolDirs are places outside of $PATH where SDKs put their debuggers.
var toolDirs = []struct{ root, pattern string }{
	{"$ZEPHYR_SDK_INSTALL_DIR", "*/bin"},
	{"$ZEPHYR_SDK_INSTALL_DIR", "gnu/*/bin"},
	{"$HOME", "zephyr-sdk-*/*/bin"},
	{"$HOME", "zephyr-sdk-*/gnu/*/bin"},
	{"$HOME/.local", "zephyr-sdk-*/*/bin"},
	{"/opt", "zephyr-sdk-*/*/bin"},
	{"/opt", "zephyr-sdk-*/gnu/*/bin"},
	{"$IDF_TOOLS_PATH", "tools/*/*/*/bin"},
	{"$HOME/.espressif", "tools/*/*/*/bin"},
	{"$PLATFORMIO_CORE_DIR", "packages/*/bin"},
	{"$HOME/.platformio", "packages/*/bin"},
}

// oldestDebugger is the first major version of GDB that reads core files of
// bare metal CPUs.
const oldestDebugger = 11

// refusals are what GDB says when it can't read a core file.
var refusals = []string{
	"Core file format not supported",
	"no core file handler recognizes",
	"is not a core dump",
	"Couldn't find general-purpose registers",
}

// askTime bounds how long a debugger may take to answer.
const askTime = 30 * time.Second

// findDebugger picks the debugger for a core file. What it passes over is told
// to say.
func findDebugger(ctx context.Context, cpu, core string, say func(format string, args ...any)) (string, error) {
	if named := os.Getenv(debuggerVariable); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("$%s: %w", debuggerVariable, err)
		}
		if err := ask(ctx, path, core); err != nil {
			say("warning: %s: %v", path, err)
		}
		return path, nil
	}
	seen := map[string]bool{}
	for _, list := range []func([]string) []string{inPath, inTools} {
		for _, path := range list(debuggers[cpu]) {
			if real, err := filepath.EvalSymlinks(path); err != nil || seen[real] {
				continue
			} else {
				seen[real] = true
			}
			err := ask(ctx, path, core)
			if err == nil {
				return path, nil
			}
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			say("passing over %s: %v", path, err)
		}
	}
	return "", hinted(
		fmt.Errorf("no debugger for %s cores found; looked for %s in $PATH and the SDKs of Zephyr, Espressif and PlatformIO",
			cpu, strings.Join(debuggers[cpu], ", ")),
		"install one, or name it in $"+debuggerVariable)
}

// inPath lists the commands in $PATH, in the order of names.
func inPath(names []string) (paths []string) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, name := range names {
		for _, dir := range dirs {
			paths = append(paths, commands(dir, name)...)
		}
	}
	return paths
}

// inTools lists the commands in the SDKs' places, later versions first.
func inTools(names []string) (paths []string) {
	for _, place := range toolDirs {
		root := os.ExpandEnv(place.root)
		if !filepath.IsAbs(root) || strings.HasPrefix(root, "//") {
			continue // the variable is not set
		}
		dirs, _ := fs.Glob(os.DirFS(root), place.pattern)
		slices.Reverse(dirs)
		for _, name := range names {
			for _, dir := range dirs {
				paths = append(paths, commands(filepath.Join(root, filepath.FromSlash(dir)), name)...)
			}
		}
	}
	return paths
}

// commands lists the executables in dir that fit a name.
func commands(dir, name string) (paths []string) {
	if !filepath.IsAbs(dir) {
		return nil // as exec.LookPath: not what lies about in the working directory
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	found, _ := fs.Glob(os.DirFS(dir), name)
	for _, f := range found {
		if path, err := exec.LookPath(filepath.Join(dir, f)); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// ask finds out whether a debugger is recent enough and reads the core file.
func ask(ctx context.Context, path, core string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	command := exec.CommandContext(ctx, path, "-nx", "-batch", "-c", core, "-ex", "show version")
	command.Env = append(os.Environ(), "LC_ALL=C")
	answer, err := command.CombinedOutput()
	version := majorVersion(string(answer))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer: %w", ctx.Err())
	case version == 0 && err != nil:
		return fmt.Errorf("does not run: %w", err)
	case version == 0:
		return errors.New("not a GDB, it tells no version")
	case version < oldestDebugger:
		return fmt.Errorf("GDB %d; core files of bare metal CPUs need %d or later", version, oldestDebugger)
	}
	for _, r := range refusals {
		if strings.Contains(string(answer), r) {
			return fmt.Errorf("can't read core files of this CPU (%q)", r)
		}
	}
	return nil
}

// majorVersion finds the version in the answer to "show version", 0 if there
// is none. Vendors put their own version in parentheses before it:
//
//	GNU gdb (Arm GNU Toolchain 13.2.rel1 (Build arm-13.7)) 13.2.90.20231008-git
//	GNU gdb (crosstool-NG 1.24.0.212_d7da3a9) 9.2.90.20200913-git
func majorVersion(answer string) int {
	for line := range strings.Lines(answer) {
		if !strings.HasPrefix(line, "GNU gdb ") {
			continue
		}
		words := strings.Fields(line)
		major, _, _ := strings.Cut(words[len(words)-1], ".")
		version, _ := strconv.Atoi(major)
		return version
	}
	return 0
}
