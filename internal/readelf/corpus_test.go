package readelf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/internal/fixture"
	"corelift/internal/readelf"
)

// corpus is a directory of core files: that of CORELIFT_CORES, which scripts/cores
// has filled, or one with a few that it builds.
var corpus = sync.OnceValues(func() (dir string, err error) {
	if dir = os.Getenv("CORELIFT_CORES"); dir != "" {
		return dir, nil
	}
	dir, err = os.MkdirTemp("", "cores")
	if err != nil || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return dir, err
	}
	built = dir
	out, err := exec.Command("../../scripts/cores", dir, "sigsegv", "threads-4", "sigsegv-gcore", "arm-qemu", "riscv32-qemu").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("scripts/cores: %w\n%s", err, out)
	}
	return dir, err
})

var built string // by corpus, to be removed

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// eachCore runs a test on every core of the corpus.
func eachCore(t *testing.T, do func(t *testing.T, name string, f *elfcore.File)) {
	dir, err := corpus()
	if err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.core"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		fixture.Lacking(t, "no process could be made to crash here")
	}
	for _, name := range append(files, "../../elfcore/testdata/freebsd-amd64.core") {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".core"), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			f, err := elfcore.Open(file, info.Size())
			if err != nil {
				t.Fatal(err)
			}
			do(t, name, f)
		})
	}
}

// tool runs a tool and returns what it prints to standard output.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var complaints bytes.Buffer
	c := exec.Command(fixture.Need(t, name), args...)
	c.Env, c.Stderr = append(os.Environ(), "LC_ALL=C"), &complaints
	out, err := c.Output()
	if err != nil {
		t.Logf("%s %s: %v %s", name, strings.Join(args, " "), err, complaints.String())
	}
	return string(out)
}

// describe is what the letters of the command line ask for.
func describe(t *testing.T, f *elfcore.File, name, letters string) *readelf.Document {
	t.Helper()
	has := func(any string) bool { return strings.ContainsAny(letters, any) }
	d, err := readelf.Describe(f, name, readelf.Options{
		Header: has("hea"), Sections: has("Sea"), Segments: has("lea"), Notes: has("na"), Absent: has("a"), Wide: has("W"),
		Tables: corelift.NoteTables(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// apart lists where our text differs from GNU readelf 2.40's: what stands in
// its place there, and why.
var apart = []struct {
	why, gnu string
	ours     *regexp.Regexp
}{{
	"readelf 2.40 decodes NT_FILE of 32-bit cores alone; llvm-readelf is compared instead, in TestCorpusMappedFiles",
	"$1    Cannot decode 64-bit note in 32-bit build\n", listed64,
}}

var listed64 = regexp.MustCompile(`(NT_FILE \(mapped files\)[\t\n])    Page size: \d+\n {17}Start .*\n(?:    0x\w{16}  0x\w{16}  0x\w{16}\n        .*\n)*`)

// differ tells where our text differs from another one.
func differ(theirs, ours string) string {
	t, o := strings.SplitAfter(theirs, "\n"), strings.SplitAfter(ours, "\n")
	for i := range min(len(t), len(o)) {
		if t[i] != o[i] {
			return fmt.Sprintf("line %d:\ntheirs %.300q\nours   %.300q", i+1, t[i], o[i])
		}
	}
	if len(t) != len(o) {
		i := min(len(t), len(o))
		return fmt.Sprintf("%d lines, ours %d:\ntheirs %.300q\nours   %.300q", len(t), len(o), t[i:min(i+3, len(t))], o[i:min(i+3, len(o))])
	}
	return ""
}

// forever tells whether other tools compare so many segments with so many
// sections that it takes them a minute.
func forever(f *elfcore.File) bool {
	sections, _, _ := f.SectionCount()
	return sections > 10_000 && len(f.Segments) > 10_000
}

// TestCorpusGNU compares texts byte for byte with GNU readelf's.
func TestCorpusGNU(t *testing.T) {
	fixture.NeedGNUReadelf(t)
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		for _, letters := range []string{"h", "n", "S", "l", "hln", "e", "a"} {
			for _, wide := range []string{"", "W"} {
				if strings.ContainsAny(letters, "lea") && forever(f) {
					continue
				}
				var ours strings.Builder
				if err := describe(t, f, name, letters+wide).Print(&ours); err != nil {
					t.Fatal(err)
				}
				text := ours.String()
				for _, a := range apart {
					text = a.ours.ReplaceAllString(text, a.gnu)
				}
				if d := differ(tool(t, "readelf", "-"+letters+wide, name), text); d != "" {
					t.Errorf("-%s%s: %s", letters, wide, d)
				}
			}
		}
	})
}

// facts are the values of a core file that all readers tell.
type facts struct{ segments, sections, notes []string }

// ours are the facts of the JSON form.
func ours(t *testing.T, f *elfcore.File, name string) (got facts) {
	t.Helper()
	text, err := json.Marshal(describe(t, f, name, "hSln"))
	if err != nil {
		t.Fatal(err)
	}
	type address string // 0x…
	var d struct {
		Segments []struct {
			Type           string
			Offset         uint64
			Addr, Physical address
			FileSize       uint64 `json:"file_size"`
			MemSize        uint64 `json:"mem_size"`
			Flags, Align   uint64
		}
		Sections []struct {
			Name, Type          string
			Addr                address
			Offset, Size, Align uint64
		}
		Notes []struct {
			Notes []struct {
				Owner string
				Size  uint64
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Segments {
		got.segments = append(got.segments, fact(s.Type, s.Offset, s.Addr, s.Physical, s.FileSize, s.MemSize, s.Flags, s.Align))
	}
	for _, s := range d.Sections {
		got.sections = append(got.sections, fact(s.Name, s.Type, s.Addr, s.Offset, s.Size, s.Align))
	}
	for _, s := range d.Notes {
		for _, n := range s.Notes {
			got.notes = append(got.notes, fact(n.Owner, n.Size))
		}
	}
	return got
}

// fact joins values; numbers, also those in texts, are written alike.
func fact(values ...any) string {
	var words []string
	for _, v := range values {
		s := fmt.Sprint(v)
		if n, err := strconv.ParseUint(s, 0, 64); err == nil {
			s = fmt.Sprintf("%#x", n)
		}
		words = append(words, s)
	}
	return strings.Join(words, " ")
}

// flags are p_flags from three letters or blanks.
func flags(letters string) (v uint64) {
	for i, c := range "EWR" {
		if strings.ContainsRune(letters, c) {
			v |= 1 << i
		}
	}
	return v
}

var (
	euSegment = regexp.MustCompile(`(?m)^  (\S+) +(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+) ([R ][W ][E ]) (0x\w+)$`)
	euSection = regexp.MustCompile(`(?m)^\[ *\d+\] (.{20}) (\S+) +(\w{8,}) (\w{6,}) (\w{6,}) +\d+ \S* +\d+ +\d+ +(\d+)$`)
	euNote    = regexp.MustCompile(`(?m)^  (\S.*?) +(\d+)  \S.*$`)
	llvmNote  = regexp.MustCompile(`(?m)^  (\S.*?) +(0x[0-9a-f]{8})\t`)
)

// TestCorpusElfutils compares the facts with eu-readelf's.
func TestCorpusElfutils(t *testing.T) {
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		var want facts
		got := ours(t, f, name)
		if forever(f) {
			got.segments = nil
		} else {
			for _, m := range euSegment.FindAllStringSubmatch(tool(t, "eu-readelf", "-l", name), -1) {
				want.segments = append(want.segments, fact(m[1], m[2], m[3], m[4], m[5], m[6], flags(m[7]), m[8]))
			}
		}
		for _, m := range euSection.FindAllStringSubmatch(tool(t, "eu-readelf", "-S", name), -1) {
			want.sections = append(want.sections, fact(strings.TrimSpace(m[1]), m[2], "0x"+m[3], "0x"+m[4], "0x"+m[5], m[6]))
		}
		for _, m := range euNote.FindAllStringSubmatch(tool(t, "eu-readelf", "-n", name), -1) {
			if m[1] != "Owner" {
				want.notes = append(want.notes, fact(m[1], m[2]))
			}
		}
		// Folklore: where there are sections, eu-readelf 0.188 looks for notes and
		// names in them alone, even if it is but the one that counts the segments.
		if len(got.sections) == 1 {
			got.sections, got.notes, want.sections = nil, nil, nil
		}
		compare(t, want, got)
	})
}

// TestCorpusLLVM compares the facts with llvm-readelf's: its JSON form, but for the
// notes, of which LLVM 14 writes no valid one.
func TestCorpusLLVM(t *testing.T) {
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		var files []map[string]struct {
			ProgramHeaders []struct {
				ProgramHeader struct {
					Type                                                                  struct{ Value string }
					Offset, VirtualAddress, PhysicalAddress, FileSize, MemSize, Alignment uint64
					Flags                                                                 struct{ RawFlags uint64 }
				}
			}
			Sections []struct {
				Section struct {
					Name, Type                              struct{ Value string }
					Address, Offset, Size, AddressAlignment uint64
				}
			}
		}
		if err := json.Unmarshal([]byte(tool(t, "llvm-readelf", "--elf-output-style=JSON", "-l", "-S", name)), &files); err != nil {
			t.Fatal(err)
		}
		var want facts
		for _, file := range files[0] {
			for _, p := range file.ProgramHeaders {
				s := p.ProgramHeader
				want.segments = append(want.segments, fact(strings.TrimPrefix(s.Type.Value, "PT_"), s.Offset, s.VirtualAddress, s.PhysicalAddress, s.FileSize, s.MemSize, s.Flags.RawFlags, s.Alignment))
			}
			for _, p := range file.Sections {
				s := p.Section
				want.sections = append(want.sections, fact(s.Name.Value, strings.TrimPrefix(s.Type.Value, "SHT_"), s.Address, s.Offset, s.Size, s.AddressAlignment))
			}
		}
		for _, m := range llvmNote.FindAllStringSubmatch(tool(t, "llvm-readelf", "-n", name), -1) {
			want.notes = append(want.notes, fact(m[1], m[2]))
		}
		got := ours(t, f, name)
		// Folklore: of 70,000 segments, LLVM 14 knows 65,535 (PN_XNUM taken for a
		// number); what it shows of them is right.
		const most = 0xffff
		if len(want.segments) == most && len(got.segments) > most {
			got.segments = got.segments[:most]
		}
		compare(t, want, got)
	})
}

// TestCorpusMappedFiles compares the text of NT_FILE of 64-bit cores with
// llvm-readelf's, for apart's reason.
func TestCorpusMappedFiles(t *testing.T) {
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		var text strings.Builder
		if err := describe(t, f, name, "n").Print(&text); err != nil {
			t.Fatal(err)
		}
		got, want := listed64.FindString(text.String()), listed64.FindString(tool(t, "llvm-readelf", "-n", name))
		if d := differ(want, got); d != "" {
			t.Error(d)
		}
	})
}

func compare(t *testing.T, want, got facts) {
	t.Helper()
	for _, x := range []struct {
		what      string
		want, got []string
	}{{"segments", want.segments, got.segments}, {"sections", want.sections, got.sections}, {"notes", want.notes, got.notes}} {
		if slices.Equal(x.want, x.got) {
			continue
		}
		t.Errorf("%d %s, ours %d", len(x.want), x.what, len(x.got))
		for i := range min(len(x.want), len(x.got)) {
			if x.want[i] != x.got[i] {
				t.Errorf("%s %d: %s, ours %s", x.what, i, x.want[i], x.got[i])
				break
			}
		}
	}
}
