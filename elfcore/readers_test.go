package elfcore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"corelift"
	"corelift/elfcore"
	"corelift/internal/modules"
	"corelift/internal/readelf"
	"corelift/internal/verify"
	"corelift/notes"
)

// These tests give hostile and damaged files to everything that reads core
// files: no panic, and little memory.

// everything describes all there is to a file.
var everything = readelf.Options{
	Header: true, Segments: true, Sections: true, Notes: true, Decode: true, Maps: true, Absent: true, Tables: corelift.NoteTables(),
}

// readers are the ways to read a file. What they read goes to w.
var readers = []struct {
	name string
	read func(f *elfcore.File, raw []byte, w io.Writer) error
}{
	{"Core", func(f *elfcore.File, _ []byte, w io.Writer) error {
		_, err := f.Core(context.Background())
		return err
	}},
	{"readelf", func(f *elfcore.File, _ []byte, w io.Writer) error {
		d, err := readelf.Describe(f, "core", everything)
		if err != nil {
			return err
		}
		return d.Print(w)
	}},
	{"readelf, wide and bare", func(f *elfcore.File, _ []byte, w io.Writer) error {
		o := everything
		o.Wide, o.Decode = true, false
		d, err := readelf.Describe(f, "core", o)
		if err != nil {
			return err
		}
		return d.Print(w)
	}},
	{"readelf --json", func(f *elfcore.File, _ []byte, w io.Writer) error {
		d, err := readelf.Describe(f, "core", everything)
		if err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(d)
	}},
	{"readelf -x -p", func(f *elfcore.File, _ []byte, w io.Writer) error {
		d, err := readelf.Describe(f, "core", readelf.Options{Hex: []string{"0"}, Strings: []string{"0"}})
		if err != nil {
			return err
		}
		return d.Print(w)
	}},
	{"verify", func(_ *elfcore.File, raw []byte, w io.Writer) error {
		f, err := verify.Open(bytes.NewReader(raw), int64(len(raw)), verify.Options{Exists: func(string) bool { return false }})
		if err != nil {
			return err
		}
		f.Check()
		f.Fix()
		return f.Write(w)
	}},
	{"modules", func(f *elfcore.File, _ []byte, w io.Writer) error {
		c, err := f.Core(context.Background())
		if err != nil {
			return err
		}
		p, err := modules.Of(f, c, modules.Search{Sysroots: []string{os.DevNull}})
		p.Main()
		p.Programs()
		return err
	}},
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// takes reads a file. Errors must have an offset in it, or say what it lacks.
func takes(t *testing.T, f *elfcore.File, raw []byte, read func(*elfcore.File, []byte, io.Writer) error) (output counter, taken time.Duration) {
	t.Helper()
	start := time.Now()
	err := read(f, raw, &output)
	taken = time.Since(start)
	var format *notes.FormatError
	var lacks *readelf.NoDumpError
	if err != nil && !errors.As(err, &format) && !errors.As(err, &lacks) {
		t.Errorf("%T: %v", err, err)
	}
	return output, taken
}

// allocated is what the process has allocated in its life, in bytes.
func allocated() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// peak is how much memory a function makes the process need beyond what it has,
// by the kernel's account, in bytes; 0 where that keeps none.
func peak(do func()) int64 {
	debug.FreeOSMemory()
	const reset = "5" // the high-water mark, proc(5)
	if os.WriteFile("/proc/self/clear_refs", []byte(reset), 0) != nil {
		do()
		return 0
	}
	resident := func() (kib int64) {
		status, _ := os.ReadFile("/proc/self/status")
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		fmt.Sscan(after, &kib)
		return kib
	}
	before := resident()
	do()
	return (resident() - before) << 10
}

// TestReadersHostile: no file of 1 MiB takes 64 MiB or 2 seconds, or makes a
// reader print as much.
func TestReadersHostile(t *testing.T) {
	cores := elfcore.HostileCores()
	for _, name := range slices.Sorted(maps.Keys(cores)) {
		raw := cores[name]
		f, err := elfcore.Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			continue // TestHostile
		}
		for _, r := range readers {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				var output counter
				var taken time.Duration
				before := allocated()
				memory := peak(func() { output, taken = takes(t, f, raw, r.read) })
				t.Logf("%s of %d KiB: peak %d KiB, %d KiB in all, %v, %d KiB printed", t.Name(), len(raw)>>10, memory>>10, (allocated()-before)>>10, taken, output>>10)
				if len(raw) < 2<<20 && memory > 64<<20 || output > 64<<20 || taken > 2*time.Second {
					t.Error("too much")
				}
			})
		}
	}
}

// TestReadersDamaged cuts every core at every 64 bytes, and garbles bytes: some,
// or with CORELIFT_CORES each, and some of the small cores there too.
func TestReadersDamaged(t *testing.T) {
	const every = 61 // prime, to meet every byte of a word
	type core struct {
		raw    []byte
		stride int // from one garbled byte to the next
	}
	cores := map[string]core{}
	corpus := os.Getenv("CORELIFT_CORES")
	for name, raw := range elfcore.SmallCores(t) {
		cores[name] = core{raw, every}
		if corpus != "" {
			cores[name] = core{raw, 1}
		}
	}
	small, _ := filepath.Glob(filepath.Join(corpus, "*.core"))
	for _, name := range small {
		info, err := os.Stat(name)
		if corpus == "" || err != nil || info.Size() > 32<<10 {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cores[filepath.Base(name)] = core{raw, every}
	}
	for name, c := range cores {
		t.Run(name, func(t *testing.T) {
			files, most := 0, int64(0)
			read := func(raw []byte) {
				f, err := elfcore.Open(bytes.NewReader(raw), int64(len(raw)))
				if err != nil {
					return
				}
				files++
				for _, r := range readers {
					before := allocated()
					takes(t, f, raw, r.read)
					most = max(most, allocated()-before)
				}
			}
			for cut := 0; cut < len(c.raw); cut += 64 {
				read(c.raw[:cut:cut])
			}
			garbled := slices.Clone(c.raw)
			for i := 0; i < len(garbled); i += c.stride {
				flip := []byte{0xff, 1, 0x80}[i/c.stride%3]
				garbled[i] ^= flip
				read(garbled)
				garbled[i] ^= flip
			}
			t.Logf("%d files, at most %d KiB allocated", files, most>>10)
			if most > 64<<20 {
				t.Errorf("%d MiB for one of %d bytes", most>>20, len(c.raw))
			}
		})
	}
}
