package readelf_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/internal/fixture"
	"corelift/internal/readelf"
	"corelift/notes"
)

func decoded(t *testing.T, f *elfcore.File, name string) (list []readelf.Note) {
	t.Helper()
	d, err := readelf.Describe(f, name, readelf.Options{Notes: true, Decode: true, Tables: corelift.NoteTables()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Notes {
		list = append(list, s.Notes...)
	}
	return list
}

// euNames are names of elfutils for what has another one here, by machine and
// name; those of all machines stand under EM_NONE.
var euNames = map[elf.Machine]map[string]string{
	elf.EM_NONE:    {"info.si_signo": "signo", "info.si_code": "code", "info.si_errno": "errno", "si_signo": "signo", "si_errno": "errno", "si_code": "code"},
	elf.EM_X86_64:  {"rflags": "eflags", "fs.base": "fs_base", "gs.base": "gs_base"},
	elf.EM_ARM:     {"spsr": "cpsr"},
	elf.EM_AARCH64: {"pstate": "cpsr"},
	elf.EM_RISCV:   {"s0": "fp"},
}

// euWrong are registers that elfutils 0.188 misreads: mxcsr has the mask behind
// it in its upper half, and the words of i386's FSAVE area are taken for halves
// of that. GDB agrees with us.
var euWrong = map[string]bool{"mxcsr": true, "fstat": true}

var (
	euHead  = regexp.MustCompile(`^  (\S.*?) +(\d+)  (\S.*)$`)
	euValue = regexp.MustCompile(`([A-Za-z0-9_.]+): +(-?\w[\w.+-]*)`)
	euFile  = regexp.MustCompile(`^      ([0-9a-f]+)-([0-9a-f]+) ([0-9a-f]+) (\d+) +(.*)$`)
)

// TestDecodedElfutils compares the fields of notes with what eu-readelf -n
// says: registers, ids, signals, auxiliary vector, mapped files.
func TestDecodedElfutils(t *testing.T) {
	fixture.Need(t, "eu-readelf")
	total := 0
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		if f.Header.OSABI == elf.ELFOSABI_FREEBSD {
			t.Skip("eu-readelf decodes no notes of FreeBSD")
		}
		list, compared := decoded(t, f, name), 0
		var n *readelf.Note
		var files int
		for line := range strings.Lines(tool(t, "eu-readelf", "-n", name)) {
			line = strings.TrimSuffix(line, "\n")
			if m := euHead.FindStringSubmatch(line); m != nil && m[1] != "Owner" {
				if len(list) == 0 {
					t.Fatal("more notes than ours")
				}
				n, list, files = &list[0], list[1:], 0
				continue
			}
			if n == nil || n.Error != "" || n.Owner == "GDB" || n.Owner == "GNU" {
				continue
			}
			if m := euFile.FindStringSubmatch(line); m != nil {
				want := fmt.Sprintf("0x%s-0x%s offset 0x%s", trimZeros(m[1]), trimZeros(m[2]), trimZeros(m[3]))
				if got := n.Fields[2+files]; got.Text != want || got.Name != m[5] {
					t.Errorf("NT_FILE %d: %+v, eu-readelf %s", files, got, line)
				}
				files++
				compared++
				continue
			}
			for _, m := range euValue.FindAllStringSubmatch(line, -1) {
				if euWrong[m[1]] {
					continue
				}
				if got, ok := value(n, f.Header.Machine, m[1]); ok {
					if want := euNumber(m[2], len(got)); !sameNumber(got, want) {
						t.Errorf("%s %s: %s, eu-readelf %s", n.Name, m[1], got, m[2])
					}
					compared++
				}
			}
			if at, ok := strings.CutPrefix(line, "    fault address: "); ok {
				if got, _ := value(n, elf.EM_NONE, "address"); !sameNumber(got, at) {
					t.Errorf("%s fault address: %s, eu-readelf %s", n.Name, got, at)
				}
				compared++
			}
		}
		total += compared
		t.Logf("%d values", compared)
	})
	t.Logf("%d values in all", total)
	if total < 300 {
		t.Errorf("%d values compared in all", total)
	}
}

func trimZeros(s string) string { return strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:] }

// value finds a field by elfutils' name, without what is said about it.
func value(n *readelf.Note, m elf.Machine, name string) (string, bool) {
	if n.Type == notes.AuxV {
		if v, err := strconv.Atoi(name); err == nil && v > 22 {
			for _, f := range n.Fields {
				if auxNumber[f.Name] == v {
					return f.Text, true
				}
			}
			return "", false
		}
		name = "AT_" + name
	}
	for _, machine := range []elf.Machine{elf.EM_NONE, m} {
		if other := euNames[machine][name]; other != "" {
			name = other
		}
	}
	i := slices.IndexFunc(n.Fields, func(f notes.Field) bool { return f.Name == name })
	if i < 0 {
		return "", false
	}
	text, _, _ := strings.Cut(n.Fields[i].Text, " ")
	return text, true
}

// auxNumber are types that elfutils 0.188 has no names for.
var auxNumber = map[string]int{"AT_HWCAP2": 26, "AT_RSEQ_FEATURE_SIZE": 27, "AT_RSEQ_ALIGN": 28, "AT_MINSIGSTKSZ": 51}

// euNumber makes a number of elfutils, which shows registers as signed ones, fit
// a field.
func euNumber(s string, digits int) string {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil && v < 0 && digits > 2 {
		return fmt.Sprintf("%#x", uint64(v)<<(64-4*(digits-2))>>(64-4*(digits-2)))
	}
	return s
}

// sameNumber compares numbers in different notations; those of over 64 bits
// have one.
func sameNumber(a, b string) bool {
	number := func(s string) string {
		if v, err := strconv.ParseUint(s, 0, 64); err == nil {
			return strconv.FormatUint(v, 10)
		}
		return s
	}
	return number(a) == number(b)
}

var (
	gdbAux  = regexp.MustCompile(`(?m)^(\d+) +(AT_\w+|\?\?\?) .* (0x[0-9a-f]+|\d+)(?: ".*")?$`)
	gdbFile = regexp.MustCompile(`(?m)^ +0x([0-9a-f]+) +0x([0-9a-f]+) +0x([0-9a-f]+) +0x([0-9a-f]+) +(\S.*)$`)
	gdbInfo = regexp.MustCompile(`si_signo = (\d+), si_errno = (\d+), si_code = (-?\d+)`)
	gdbAddr = regexp.MustCompile(`_sigfault = \{si_addr = (0x[0-9a-f]+)`)
)

// TestDecodedGDB compares the auxiliary vector, the mapped files and the signal
// with what GDB says of the cores of x86.
func TestDecodedGDB(t *testing.T) {
	gdb, compared := fixture.Need(t, "gdb"), 0
	eachCore(t, func(t *testing.T, name string, f *elfcore.File) {
		maps, err := f.Mappings()
		if err != nil || len(maps) == 0 || len(maps) > 1000 || f.Header.OSABI == elf.ELFOSABI_FREEBSD || f.Header.Machine != elf.EM_X86_64 {
			t.Skip("no core of a process on x86-64")
		}
		out := tool(t, gdb, "-nx", "-batch", "-core", name, "-ex", "info auxv", "-ex", "info proc mappings", "-ex", "p $_siginfo")
		for _, n := range decoded(t, f, name) {
			switch n.Type {
			case notes.AuxV:
				rows := gdbAux.FindAllStringSubmatch(out, -1)
				if len(rows) != len(n.Fields) {
					t.Errorf("%d entries, GDB has %d", len(n.Fields), len(rows))
				}
				for i, m := range rows[:min(len(rows), len(n.Fields))] {
					if got := n.Fields[i]; !sameNumber(got.Text, m[3]) || m[2] != "???" && m[2] != got.Name {
						t.Errorf("auxiliary vector: %+v, GDB %s", got, m[0])
					}
					compared++
				}
			case notes.File:
				rows := gdbFile.FindAllStringSubmatch(out, -1)
				if len(rows) != len(n.Fields)-2 {
					t.Errorf("%d mapped files, GDB has %d", len(n.Fields)-2, len(rows))
				}
				for i, m := range rows[:min(len(rows), len(n.Fields)-2)] {
					if got, want := n.Fields[2+i], fmt.Sprintf("0x%s-0x%s offset 0x%s", m[1], m[2], m[4]); got.Text != want || got.Name != m[5] {
						t.Errorf("mapped file: %+v, GDB %s", got, m[0])
					}
					compared++
				}
			}
		}
		// GDB shows the first thread's.
		list := decoded(t, f, name)
		if i := slices.IndexFunc(list, func(n readelf.Note) bool { return n.Type == notes.SigInfo }); i >= 0 {
			m := gdbInfo.FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no signal in %q", out)
			}
			for k, field := range []string{"signo", "errno", "code"} {
				if got, _ := value(&list[i], elf.EM_NONE, field); got != m[1+k] {
					t.Errorf("%s: %s, GDB %s", field, got, m[1+k])
				}
			}
			if got, ok := value(&list[i], elf.EM_NONE, "address"); ok {
				if m := gdbAddr.FindStringSubmatch(out); m == nil || !sameNumber(got, m[1]) {
					t.Errorf("address %s, GDB %v", got, m)
				}
			}
			compared++
		}
	})
	t.Logf("%d entries", compared)
	if compared < 30 {
		t.Errorf("%d entries compared in all", compared)
	}
}

// TestDecoded shows how decoded notes are printed.
func TestDecoded(t *testing.T) {
	list := make([]uint64, 2+3*400)
	list[0], list[1] = 400, 1
	long := bytes.Repeat([]byte("0123456789abcde\n"), 10<<20/16)
	core := little64.with(little64.note("CORE", notes.SigInfo, append(binary.LittleEndian.AppendUint32(nil, 11), make([]byte, 124)...)),
		little64.note("?", 77, long), little64.note("CORE", notes.File, little64.mappedFiles(list, slices.Repeat([]string{"/x"}, 400)...)),
		little64.note("CORE", 1, []byte("12345")), little64.note("X", 1, nil)).build()
	for _, x := range []struct {
		wide bool
		want []string
	}{
		{false, []string{
			"NT_SIGINFO (siginfo_t data)\n    signo  11 (SIGSEGV)\n    errno  0\n    code   0 (SI_USER: sent by kill)\n",
			"    +0x0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 0a  0123456789abcde.\n",
			"    +0x01f0  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 0a  0123456789abcde.\n    ... 10485248 more bytes\n",
			"    /x         0x0-0x0 offset 0x0\n    ... 102 more fields\n",
			"    <offset 0x", "NT_PRSTATUS of 5 bytes, want 336>\n    +0x0000  31 32 33 34 35                                   12345\n",
			"  X                    0x00000000\tNT_PRSTATUS (prstatus structure)\n",
		}},
		{true, []string{"    +0x0000     4  signo  11 (SIGSEGV)\n    +0x0004     4  errno  0\n"}},
	} {
		o := readelf.Options{Notes: true, Decode: true, Wide: x.wide}
		d := describeBytes(t, core, o)
		if n := d.Notes[0].Notes; n[1].Data != "" {
			t.Error("bytes are kept that nobody asked for")
		}
		text := printed(t, d)
		for _, want := range x.want {
			if !strings.Contains(text, want) {
				t.Errorf("wide %t: no %q in\n%.3000s", x.wide, want, text)
			}
		}
		if len(text) > 64<<10 {
			t.Errorf("a text of %d bytes", len(text))
		}
		o.Contents = true
		d = describeBytes(t, core, o)
		if printed(t, d) != text {
			t.Error("another text with contents")
		}
		if n := d.Notes[0].Notes; len(n[1].Data) != 2*len(long) || len(n[2].Fields) != 402 || n[3].Data != "3132333435" {
			t.Errorf("JSON lacks data: %d digits, %d fields, %q", len(n[1].Data), len(n[2].Fields), n[3].Data)
		}
	}
}
