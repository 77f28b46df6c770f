package freertos

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
)

const corpus = "../../../shared/corpus/esp"

// readCorpus reads a dump and its firmware.
func readCorpus(t testing.TB, chip string) (*elfcore.Core, *firmware.Set) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpus, chip, "coredump.b64"))
	if err != nil {
		t.Skip(err)
	}
	var image []byte
	for line := range strings.Lines(string(text)) {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		image = append(image, b...)
	}
	c := readELF(t, image[24:])
	set, err := firmware.Open(filepath.Join(corpus, chip, chip+".elf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return c, set
}

// readELF takes memory, TCBs and registers from the ELF core inside a dump
// (esp.md 1.6), without espcore.
func readELF(t testing.TB, body []byte) *elfcore.Core {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := arch.ByELF(f.Machine, f.Class, false)
	c := elfcore.New("test", a, binary.LittleEndian)
	for _, p := range f.Progs {
		data, err := io.ReadAll(p.Open())
		if err != nil {
			t.Fatal(err)
		}
		if p.Type == elf.PT_LOAD {
			c.Memory.Add(elfcore.NewRegion(elfcore.Addr(p.Vaddr), data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
			continue
		}
		for len(data) > 12 {
			word := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
			size, kind, desc := word(4), word(8), data[12+(word(0)+3)&^3:]
			if kind == 1 { // NT_PRSTATUS
				th := elfcore.Thread{Regs: elfcore.NewRegisters(a)}
				th.Control = elfcore.Fact[elfcore.Addr]{Value: elfcore.Addr(binary.LittleEndian.Uint32(desc[24:])), State: elfcore.Known}
				if err := th.Regs.Load(a.Linux, desc[72:size], c.Order, elfcore.Known, 0); err != nil {
					t.Fatal(err)
				}
				c.Threads = append(c.Threads, th)
			}
			data = desc[(size+3)&^3:]
		}
	}
	c.Crash.Thread = 0
	return c
}

// row is a line of the vendor's tool's task table.
type row struct {
	name          string
	current, base int
	used, free    uint64
}

var rowPattern = regexp.MustCompile(`^(0x[0-9a-f]{8}) +(\S+) +(\d+)/(\d+) +(\d+)/(\d+)$`)

func expectedTasks(t *testing.T, chip string) map[elfcore.Addr]row {
	t.Helper()
	f, err := os.Open(filepath.Join(corpus, chip, "expected_output"))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	rows := map[elfcore.Addr]row{}
	for s := bufio.NewScanner(f); s.Scan(); {
		m := rowPattern.FindStringSubmatch(strings.TrimSpace(s.Text()))
		if m == nil {
			continue
		}
		n := func(i int) uint64 { v, _ := strconv.ParseUint(m[i], 0, 64); return v }
		rows[elfcore.Addr(n(1))] = row{m[2], int(n(3)), int(n(4)), n(5), n(6)}
	}
	return rows
}

// The tasks' states and cores are what the program does: everyone waits but the
// idle tasks, and each is pinned. What runs on the ESP32's other core is not in
// the dump.
var corpusTasks = map[string]map[string]string{
	"esp32": {
		"main": "running 0", "IDLE0": "ready 0", "IDLE1": "ready or running 1",
		"ipc0": "blocked 0", "ipc1": "blocked 1", "esp_timer": "blocked 0",
	},
	"esp32c3": {"main": "running 0", "IDLE": "ready 0", "esp_timer": "blocked 0"},
}

// Names, priorities and stacks must be those of the vendor's tool.
func TestCorpus(t *testing.T) {
	for chip, states := range corpusTasks {
		t.Run(chip, func(t *testing.T) {
			c, set := readCorpus(t, chip)
			rows := expectedTasks(t, chip)
			before := slices.Clone(c.Threads)
			Kernel.Threads(c, set)
			if len(c.Threads) != len(before) || len(rows) != len(before) || len(states) != len(before) {
				t.Errorf("%d threads, %d before, %d expected", len(c.Threads), len(before), len(rows))
			}
			for i := range c.Threads {
				th := &c.Threads[i]
				want := rows[th.Control.Value]
				if th.Name.Value != want.name || th.Name.State != elfcore.Known || th.Priority.Value != want.current || want.base != want.current {
					t.Errorf("%v is %q, priority %d, want %+v", th.Control.Value, th.Name.Value, th.Priority.Value, want)
				}
				if got := fmt.Sprint(th.Status.Value, " ", th.CPU.Value); got != states[want.name] {
					t.Errorf("%s: %s, want %s", want.name, got, states[want.name])
				}
				figures := fmt.Sprintf("%d bytes used, %d free", want.used, want.free)
				if text := c.Explain(th.Stack.Why).Text; !strings.HasSuffix(text, figures) || th.Stack.Value.Size != want.used+want.free {
					t.Errorf("%s: stack %v, %q, want %s", want.name, th.Stack.Value, text, figures)
				}
				if !reflect.DeepEqual(th.Regs, before[i].Regs) {
					t.Errorf("%s: registers changed", want.name)
				}
			}
			if len(c.Diagnostics) > 0 {
				t.Errorf("complaints: %v", c.Diagnostics)
			}
			once := slices.Clone(c.Threads)
			Kernel.Threads(c, set)
			if !reflect.DeepEqual(c.Threads, once) {
				t.Error("a second run changes threads")
			}
		})
	}
}

// Registers read through pxTopOfStack must be those that the firmware stored.
func TestCorpusFrames(t *testing.T) {
	c, set := readCorpus(t, "esp32c3")
	stored := slices.Clone(c.Threads)
	for i := range c.Threads[1:] {
		c.Threads[i+1].Regs = elfcore.NewRegisters(c.Arch)
	}
	Kernel.Threads(c, set)
	for i := range c.Threads {
		th := &c.Threads[i]
		if len(th.Alternatives) > 0 {
			t.Errorf("%s: %d other readings", th.Name.Value, len(th.Alternatives))
		}
		for r, info := range c.Arch.Regs {
			want, s := stored[i].Regs.Get(arch.Reg(r))
			if arch.Reg(r) == c.Arch.SP && want == 0 {
				want = uint64(th.Stack.Value.End()) - 32 // of the task that has never run
			}
			if got, _ := th.Regs.Get(arch.Reg(r)); s != elfcore.Missing && got != want {
				t.Errorf("%s: %s = 0x%x, stored 0x%x", th.Name.Value, info.Name, got, want)
			}
		}
	}
}

func BenchmarkCorpus(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		c, set := readCorpus(b, "esp32")
		b.StartTimer()
		Kernel.Threads(c, set)
	}
}
