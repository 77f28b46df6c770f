package differential

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/internal/fixture"
)

var (
	matrix = flag.String("matrix", "", "directory that testdata/inspect/Makefile built; GDB's answers are kept there")
	report = flag.String("report", "", "directory for all findings that are not equal, a file for each test")
	only   = flag.String("only", "", "part of a crash's name, to compare no others")
)

// TestMatrix compares every crash of the matrix.
func TestMatrix(t *testing.T) {
	if *matrix == "" {
		t.Skip("make differential builds the matrix and names it")
	}
	kept := filepath.Join(*matrix, "gdb")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	show(t, compareAll(t, crashes(t, *matrix), kept))
}

// TestCommitted compares the crashes that are in the repository: a few of the
// matrix, and those of the fixture firmware.
func TestCommitted(t *testing.T) {
	list := crashes(t, "../../testdata/inspect/built")
	for _, log := range glob(t, "../../testdata/firmware/*/*.log") {
		dir, scenario := filepath.Split(strings.TrimSuffix(log, ".log"))
		list = append(list, crash{dir + "fw.elf", log, filepath.Base(dir) + "/gcc-Og-5/app." + scenario})
	}
	show(t, compareAll(t, list, ""))
}

// show prints the table, and fails if anything is wrong.
func show(t *testing.T, findings []finding) {
	t.Helper()
	t.Logf("\n%s\n%s", table(findings, combination), table(findings, program))
	var text strings.Builder
	var all tally
	for _, f := range findings {
		all.add(f)
		if f.class > normalised {
			text.WriteString(f.line() + "\n")
		}
		if f.class == wrong {
			t.Errorf("%s", f.line())
		}
	}
	if all.lacks() >= 1 {
		t.Errorf("%.2f %% of the variables that GDB has a value of are lacking", all.lacks())
	}
	if *report != "" {
		if err := os.WriteFile(filepath.Join(*report, t.Name()+".report"), []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// combination is "cortex-m3/gcc-O2-5".
func combination(f finding) string { return filepath.Dir(f.crash) }

// program is "values", and the compiler's level.
func program(f finding) string {
	name, _, _ := strings.Cut(filepath.Base(f.crash), ".")
	return name + " " + strings.TrimRight(filepath.Base(filepath.Dir(f.crash)), "-45")
}

// compareAll asks GDB about the crashes of one directory at a time.
func compareAll(t *testing.T, list []crash, kept string) (findings []finding) {
	gdb := fixture.Need(t, "gdb-multiarch")
	groups := map[string][]crash{}
	for _, c := range list {
		if strings.Contains(c.name, *only) {
			groups[filepath.Dir(c.name)] = append(groups[filepath.Dir(c.name)], c)
		}
	}
	var mu sync.Mutex
	t.Run("combinations", func(t *testing.T) {
		gate := make(chan struct{}, runtime.GOMAXPROCS(0))
		for name, group := range groups {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				gate <- struct{}{}
				defer func() { <-gate }()
				found := compareCores(t, gdb, kept, group, readLog)
				mu.Lock()
				findings = append(findings, found...)
				mu.Unlock()
			})
		}
	})
	return findings
}

// readLog converts a crash's log.
func readLog(t *testing.T, c crash) (*elfcore.Core, *firmware.Set, []byte, []string) {
	t.Helper()
	program, err := firmware.Open(c.elf)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	core, err := convert(log, c.log, program)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := core.Write(&file); err != nil {
		t.Fatal(err)
	}
	return core, program, file.Bytes(), expressions(t, c)
}

// compareCores asks one GDB about several crashes, twice about each. read gives
// a crash's Core, program, core file and expressions.
func compareCores(t *testing.T, gdb, kept string, group []crash,
	read func(*testing.T, crash) (*elfcore.Core, *firmware.Set, []byte, []string)) (findings []finding) {
	t.Helper()
	dir := t.TempDir()
	var ours []shown
	var jobs []job
	for _, c := range group {
		core, program, file, list := read(t, c)
		elf, err := filepath.Abs(c.elf)
		if err != nil {
			t.Fatal(err)
		}
		for suffix, data := range [][]byte{file, refill(t, file)} {
			path := filepath.Join(dir, filepath.Base(c.name)+"."+strconv.Itoa(suffix))
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, job{elf, path, list})
		}
		ours = append(ours, inspected(t, core, program, list))
	}
	theirs := askGDB(t, gdb, kept, jobs)
	for i, c := range group {
		same := aliases(t, c.elf)
		findings = append(findings, compare(c.name, rename(ours[i], same), rename(theirs[2*i], same), rename(theirs[2*i+1], same))...)
	}
	return findings
}

// expressions are those to print of a program: testdata/inspect/values.expressions.
func expressions(t *testing.T, c crash) (list []string) {
	t.Helper()
	name, _, _ := strings.Cut(filepath.Base(c.name), ".")
	text, err := os.ReadFile("../../testdata/inspect/" + name + ".expressions")
	if os.IsNotExist(err) {
		return []string{}
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}
