package espcore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/fixture"
)

func expected(t *testing.T, chip string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../shared/corpus/esp", chip, "expected_output"))
	if err != nil {
		t.Skip(err)
	}
	return string(text)
}

// expectedFrames are the program counters of each thread in the vendor's
// report, -1 where it shows none.
func expectedFrames(t *testing.T, chip string) (threads [][]int64) {
	t.Helper()
	frame := regexp.MustCompile(`^#(\d+)\s+(?:0x([0-9a-f]+) in )?`)
	for _, section := range strings.Split(expected(t, chip), "= THREAD ")[1:] {
		var list []int64
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "=====") {
				break
			}
			if m := frame.FindStringSubmatch(line); m != nil {
				pc := int64(-1)
				if m[2] != "" {
					pc, _ = strconv.ParseInt(m[2], 16, 64)
				}
				list = append(list, pc)
			}
		}
		threads = append(threads, list)
	}
	return threads
}

// TestSaveAreas finds every frame of the vendor's report in the base save areas
// of our core, as esp.md 2.1 describes them. Frames of inlined functions have
// no save area.
func TestSaveAreas(t *testing.T) {
	want := expectedFrames(t, "esp32")
	c := core(t, fixtureFile(t, "esp32.b64"))
	if len(want) != len(c.Threads) {
		t.Fatalf("%d threads, want %d", len(c.Threads), len(want))
	}
	for i := range c.Threads {
		regs := &c.Threads[i].Regs
		pc, _ := regs.PC()
		sp, _ := regs.SP()
		ra, _ := regs.LR()
		found := []int64{int64(pc)}
		word := func(a uint64) uint64 {
			v, state, err := c.ReadUint(elfcore.Addr(a), 4)
			if err != nil || state != elfcore.Known {
				return 0
			}
			return v
		}
		for ra != 0 && len(found) < 20 {
			found = append(found, int64(ra&0x3fffffff|0x40000000))
			ra, sp = word(sp-16), word(sp-12)
		}
		at := 0
		for n, pc := range want[i] {
			if pc < 0 || n > 0 && pc == 0x40000000 { // no address; a zero return address
				continue
			}
			k := slices.Index(found[at:], pc)
			if k < 0 {
				t.Errorf("thread %d: no frame %#x among %#x", i+1, pc, found)
				break
			}
			at += k + 1
		}
	}
}

// gdb runs commands in gdb-multiarch on a core with the C3's firmware.
func gdb(t *testing.T, c *elfcore.Core, commands ...string) string {
	t.Helper()
	path := fixture.Need(t, "gdb-multiarch")
	program := "../../shared/corpus/esp/esp32c3/esp32c3.elf"
	if _, err := os.Stat(program); err != nil {
		t.Skip(err)
	}
	for i := range c.Threads {
		c.Threads[i].ID = int32(i + 1)
	}
	name := filepath.Join(t.TempDir(), "crash.core")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"-nx", "-batch", "-iex", "set debuginfod enabled off"}
	for _, x := range commands {
		args = append(args, "-ex", x)
	}
	out, err := exec.Command(path, append(args, program, name)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"warning:", "unavailable", "too small", "internal-error", "not match"} {
		if strings.Contains(string(out), bad) {
			t.Errorf("gdb complains: %s", out)
		}
	}
	return string(out)
}

// frames are "#0 function" of a trace.
func frames(text string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^#(\d+)\s+(?:0x[0-9a-f]+ in )?(\S+)`).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1]+" "+m[2])
	}
	return list
}

// TestGDB: the C3's dump in every kind of image, and its panic text alone, in
// the stock debugger: the frames of the vendor's report as far as they go
// without the ROM.
func TestGDB(t *testing.T) {
	r := readReal(t, "esp32c3")
	report := strings.Split(expected(t, "esp32c3"), "= THREAD ")
	for name, data := range map[string][]byte{
		"ELF": fixtureFile(t, "esp32c3.b64"), "BIN": r.bin(binVersions[2], false), "1.4": r.elf(elfVersions[4], true), "panic text": fixtureFile(t, "esp32c3-panic.txt"),
	} {
		c := core(t, data)
		for i := range c.Threads {
			commands := []string{"info threads", fmt.Sprintf("thread %d", i+1), "echo TRACE\\n", "bt"}
			if i == 0 { // the frames of the others hold stale values, which are left out
				commands = append(commands, "p $mcause", "p/x $mtvec", "p/x $mhartid")
			}
			out := gdb(t, c, commands...)
			_, trace, _ := strings.Cut(out, "TRACE")
			want := frames(report[i+1])
			if i == 0 {
				want = append(want[:4:4], "4 ??") // ets_printf is in ROM
				for _, value := range []string{"$1 = 7\n", "$2 = 0x40380001\n", "$3 = 0x0\n"} {
					if !strings.Contains(trace, value) {
						t.Errorf("%s: no %q in:\n%s", name, value, trace)
					}
				}
			}
			if got := frames(trace); !slices.Equal(got, want) {
				t.Errorf("%s, thread %d: %q, want %q", name, i+1, got, want)
			}
		}
	}
}
