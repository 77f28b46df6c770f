package espcore

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// TestFacts: what the real dumps say of themselves.
func TestFacts(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"esp32": {
			factChip: "esp32", factRevision: "v3.0", factVersion: "1.2 ELF, CRC32", factSHA: "1b43c5e74", factISR: "no",
			factPanic: "abort() was called at PC 0x400d66b9 on core 0", factCause: "0x1d StoreProhibited", factChecksum: "CRC32 holds",
		},
		"esp32c3": {
			factChip: "esp32c3", factRevision: "v0.3", factVersion: "1.2 ELF, CRC32", factSHA: "7d946a8e8", factISR: "no",
			factPanic: "abort() was called at PC 0x42009351 on core 0", factMcause: "0x7 Store access fault", factChecksum: "CRC32 holds",
		},
	} {
		c := core(t, fixtureFile(t, name+".b64"))
		for key, text := range want {
			if f := c.Facts[key]; f.Value != text || f.State != elfcore.Known {
				t.Errorf("%s: %s is %+v, want %q", name, key, f, text)
			}
		}
		if c.Program.SHA256Prefix != want[factSHA] || c.Crash.Fault.Value != arch.FaultAbort || c.Crash.Message.Value != want[factPanic] ||
			c.Crash.Addr.State != elfcore.Missing || len(c.Diagnostics) > 0 {
			t.Errorf("%s: %+v %+v %v", name, c.Program, c.Crash, c.Diagnostics)
		}
		if !strings.HasPrefix(name, "esp32c") {
			epc1, _ := c.Arch.Reg("epc1")
			if v, _ := c.Threads[0].Regs.Get(epc1); v != 0x40084013 {
				t.Errorf("epc1 %#x", v)
			}
		}
	}
}

// TestExpectedRegisters compares with the vendor's report.
func TestExpectedRegisters(t *testing.T) {
	for _, name := range []string{"esp32", "esp32c3"} {
		text, err := os.ReadFile(filepath.Join("../../shared/corpus/esp", name, "expected_output"))
		if err != nil {
			t.Skip(err)
		}
		_, report, _ := strings.Cut(string(text), "CURRENT THREAD REGISTERS")
		report, _, _ = strings.Cut(report, "CURRENT THREAD STACK")
		c := core(t, fixtureFile(t, name+".b64"))
		checked := 0
		for _, m := range regexp.MustCompile(`(?m)^(\w+)\s+0x([0-9a-f]+)`).FindAllStringSubmatch(report, -1) {
			if m[1] == "fp" {
				m[1] = "s0"
			}
			r, ok := c.Arch.Reg(m[1])
			want, _ := strconv.ParseUint(m[2], 16, 64)
			v, state := c.Crashed().Regs.Get(r)
			if !ok || v != want || state == elfcore.Missing {
				t.Errorf("%s: %s is 0x%x, %v, want 0x%x", name, m[1], v, state, want)
			}
			checked++
		}
		if checked < 30 {
			t.Errorf("%s: only %d registers compared", name, checked)
		}
	}
}

// TestWrappings: the same dump in every wrapping gives the same threads,
// registers and memory.
func TestWrappings(t *testing.T) {
	for _, r := range reals(t) {
		want := describe(t, core(t, r.image))
		lines := base64Lines(r.image, r.writes(24, len(r.image)))
		if strings.Join(lines, "\n") != strings.TrimSpace(strings.ReplaceAll(string(fixtureFile(t, r.name+".b64")), "\r", "")) {
			t.Errorf("%s: the lines that are made are not those of the firmware", r.name)
		}
		stamp := func(format string) []string {
			var out []string
			for i, l := range lines {
				out = append(out, fmt.Sprintf(format, 100+i, l))
			}
			return out
		}
		stamped := func(format string) string {
			return fmt.Sprintf(format, 3, startLine) + "\n" + strings.Join(stamp(format), "\n") + "\n" + fmt.Sprintf(format, 9999, endLine) + "\n"
		}
		var foreign []string
		for i, l := range lines {
			foreign = append(foreign, l)
			if i%5 == 0 {
				foreign = append(foreign, "\x1b[0;32mI (2345) wifi: connected with some task\x1b[0m", "W (7) main: done")
			}
		}
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		z.Write([]byte(logOf(lines)))
		z.Close()
		for name, data := range map[string][]byte{
			"flash":              inPartition(r.elf(imageVersion{0x0102, 24, false}, true)),
			"whole flash":        inFlash(inPartition(r.elf(imageVersion{0x0102, 24, false}, true)), true),
			"flash, no table":    inFlash(inPartition(r.elf(imageVersion{0x0102, 24, false}, true)), false),
			"behind a header":    append([]byte("uploaded by my device, 17 bytes and more"), r.image...),
			"ELF core":           r.body,
			"lines":              fixtureFile(t, r.name+".b64"),
			"lines, CRLF":        []byte(strings.Join(lines, "\r\n") + "\r\n"),
			"one line of base64": []byte(base64.StdEncoding.EncodeToString(r.image)),
			"hex text":           []byte(hex.EncodeToString(r.image)),
			"log":                []byte(logOf(lines)),
			"log, gzip":          zipped.Bytes(),
			"log, foreign lines": []byte(logOf(foreign)),
			"log, no END":        []byte("x\n" + startLine + "\n" + strings.Join(lines, "\n") + "\nRebooting...\nrst:0x1 (POWERON)\n"),
			"log, colours":       []byte(logOf(stamp("\x1b[0;33m\x1b[0m%[2]s\x1b[0m"))),
			"time stamps":        []byte(stamped("[12:34:%d.123] %s")),
			"logger's columns":   []byte(stamped("%5d COM3 > %s")),
			"stamped, no marker": []byte("12:00:00 boot\n" + strings.Join(stamp("12:00:%d %s"), "\n")),
			"CR LF CR, blank":    []byte(logOf(stamp("%[2]s  \r\n"))),
		} {
			c := core(t, data)
			if got := describe(t, c); got != want {
				t.Errorf("%s, %s:\n%swant\n%s", r.name, name, got, want)
			}
			if c.Damaged() || len(codes(c)) > 0 {
				t.Errorf("%s, %s: %v", r.name, name, c.Diagnostics)
			}
		}
	}
}

// TestSeveralDumps: both dumps in one log, one of them with its panic text.
func TestSeveralDumps(t *testing.T) {
	var text string
	for _, r := range reals(t) {
		text += "boot\r\n" + logOf(base64Lines(r.image, r.writes(24, len(r.image))))
	}
	if list := cores(t, []byte(text+text)); len(list) != 4 || list[2].Arch != arch.Xtensa || list[3].Arch != arch.RV32 {
		t.Errorf("%d dumps", len(list))
	}
	if list := cores(t, []byte(string(fixtureFile(t, "esp32.b64"))+"\n"+string(fixtureFile(t, "esp32c3.b64")))); len(list) != 2 {
		t.Errorf("%d dumps without markers", len(list))
	}
}

// TestVersions: every version of the image holds the same tasks; what one
// lacks reads so.
func TestVersions(t *testing.T) {
	const absent = "not in this version"
	for _, r := range reals(t) {
		want := describe(t, core(t, r.image))
		check := func(name string, image []byte, missing ...string) {
			t.Helper()
			for wrapping, data := range map[string][]byte{"raw": image, "flash": inPartition(image), "whole flash": inFlash(inPartition(image), true)} {
				c := core(t, data)
				if got := describe(t, c); got != want {
					t.Errorf("%s, %s, %s:\n%swant\n%s", r.name, name, wrapping, got, want)
				}
				if len(codes(c)) > 0 {
					t.Errorf("%s, %s, %s: %v", r.name, name, wrapping, c.Diagnostics)
				}
				for _, key := range missing {
					if f, ok := c.Facts[key]; !ok || f.State != elfcore.Missing || c.Explain(f.Why).Text != absent {
						t.Errorf("%s, %s: %s is %+v %q", r.name, name, key, f, c.Explain(f.Why).Text)
					}
				}
			}
		}
		for i, v := range elfVersions {
			var missing []string
			if i < 2 {
				missing = []string{factRevision}
			}
			check(fmt.Sprintf("%04x", v.low), r.elf(v, false), missing...)
			check(fmt.Sprintf("%04x padded", v.low), r.elf(v, true), missing...)
		}
		for i, v := range binVersions {
			missing := []string{factSHA, factPanic, factISR}
			if i < 2 {
				missing = append(missing, factRevision)
			}
			check(fmt.Sprintf("%04x", v.low), r.bin(v, false), missing...)
			check(fmt.Sprintf("%04x padded", v.low), r.bin(v, true), missing...)
			image := r.bin(v, false)
			if c := core(t, []byte(logOf(base64Lines(image, []int{len(image)})))); describe(t, c) != want {
				t.Errorf("%s, %04x in a log: %s", r.name, v.low, describe(t, c))
			}
		}
	}
	r := readReal(t, "esp32")
	c := core(t, r.ancient())
	if got, want := describe(t, c), describe(t, core(t, r.image)); got != want || c.Facts[factChip].State != elfcore.Recovered {
		t.Errorf("before versions:\n%swant\n%s", got, want)
	}
}

// TestSegments: memory segments of a BIN image are memory, not tasks.
func TestSegments(t *testing.T) {
	r := readReal(t, "esp32c3")
	for _, v := range binVersions[1:] {
		c := core(t, r.bin(v, false, taskBytes{stack: 0x3fc80000, stackBytes: []byte("12345678")}, taskBytes{stack: 0x3fc81000, stackBytes: []byte("abcd")}))
		if len(c.Threads) != 3 || c.Memory.Len() != 8 || len(codes(c)) > 0 {
			t.Errorf("%04x: %d threads, %d regions, %v", v.low, len(c.Threads), c.Memory.Len(), c.Diagnostics)
		}
		p := make([]byte, 4)
		if _, err := c.Memory.Read(p, 0x3fc81000); err != nil || string(p) != "abcd" {
			t.Errorf("%04x: %q %v", v.low, p, err)
		}
	}
}

// TestRead is the public reader.
func TestRead(t *testing.T) {
	r := readReal(t, "esp32")
	flash := inFlash(r.image, true)
	list, err := Read(bytes.NewReader(flash), int64(len(flash)))
	if err != nil || len(list) != 1 || len(list[0].Threads) != 6 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestIdentity: a whole flash image names the program.
func TestIdentity(t *testing.T) {
	r := readReal(t, "esp32")
	sha := "1b43c5e74" + strings.Repeat("0", 55)
	other := strings.Repeat("ab", 32)
	image := inPartition(r.image)
	for _, table := range []bool{true, false} {
		c := core(t, inFlash(image, table, other, sha))
		if c.Program.Project != "blinky" || c.Program.Version != "v1.1" || c.Program.SHA256Prefix != "1b43c5e74" {
			t.Errorf("%+v", c.Program)
		}
		if c := core(t, inFlash(image, table, other)); c.Program.Project != "" || len(codes(c)) != 1 {
			t.Errorf("another program: %+v %v", c.Program, c.Diagnostics)
		}
		bin := inPartition(r.bin(binVersions[2], true))
		if c := core(t, inFlash(bin, table, other)); c.Program.SHA256Prefix != other || c.Facts[factSHA].State != elfcore.Recovered {
			t.Errorf("BIN: %+v", c.Program)
		}
		if c := core(t, inFlash(bin, table, other, sha)); c.Program.SHA256Prefix != "" || c.Damaged() {
			t.Errorf("BIN, two programs: %+v", c.Program)
		}
	}
}

// TestForeign: what is no dump is left alone.
func TestForeign(t *testing.T) {
	r := readReal(t, "esp32c3")
	plain := bytes.Clone(r.body)
	for _, name := range []string{"ESP_", "ESP_CORE", "ESP_EXTRA"} {
		plain = bytes.ReplaceAll(plain, []byte(name), []byte(strings.Repeat("X", len(name))))
	}
	renumbered := bytes.Clone(plain)
	for i, at := 0, 0x134; i < 3; i, at = i+1, at+224 { // as a debugger's core has them
		copy(renumbered[at+20+24:], le(uint32(i+1)))
	}
	if c := core(t, plain); len(c.Threads) != 3 {
		t.Errorf("threads numbered by TCB: %d", len(c.Threads))
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "erased": erased(64 << 10), "zeros": make([]byte, 64<<10), "text": []byte(strings.Repeat("I (1) main: all is well\n", 100)),
		"another's core": renumbered, "erased partition": inFlash(erased(64<<10), true),
		"Zephyr's backtrace": []byte("[00:00:00.1] <err> os: Backtrace:0x400d1234:0x3ffb0000 0x400d1234:0x3ffb0000\n"),
	} {
		if hits, err := Format.Find(open(t, data)); len(hits) > 0 || err != nil {
			t.Errorf("%s: %v %v", name, hits, err)
		}
	}
}
