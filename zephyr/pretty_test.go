package zephyr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/internal/format"
)

// prettyText prints a stream as the shell does. eol ends its lines; target is
// the name printed for the target code.
func prettyText(stream []byte, ptr int, target, eol string) string {
	var s strings.Builder
	line := func(f string, args ...any) { fmt.Fprintf(&s, f+eol, args...) }
	data := func(p []byte) {
		line("Data:")
		line("#CD:BEGIN#")
		for part := range slices.Chunk(p, 32) {
			line("#CD:%x", part)
		}
		line("#CD:END#" + eol)
	}
	pointer := func(p []byte) (v uint64, text string) {
		if v = word(p, ptr); v == 0 {
			return 0, "(nil)"
		}
		return v, fmt.Sprintf("0x%x", v)
	}
	u16 := binary.LittleEndian.Uint16
	line("uart:~$ coredump print pretty")
	line("**** Zephyr Coredump ****")
	line("\tVersion %d", u16(stream[2:]))
	line("\tTarget: %s", target)
	line("\tPointer size: %d", 1<<stream[6])
	line("\tFlag: %d", stream[7])
	line("\tReason: %d", u16(stream[8:]))
	line("\tSize of the coredump: %d"+eol, len(stream))
	for p := stream[12:]; len(p) > 0; {
		switch p[0] {
		case 'A', 'T':
			n := int(u16(p[3:]))
			line("-> %s coredump header found", map[byte]string{'A': "Arch", 'T': "Thread"}[p[0]])
			line("\tVersion %d", u16(p[1:]))
			line("\tSize %d", n)
			data(p[5 : 5+n])
			p = p[5+n:]
		case 'M':
			start, from := pointer(p[3:])
			end, to := pointer(p[3+ptr:])
			p = p[3+2*ptr:]
			line("-> Memory coredump header found")
			line("\tVersion 1")
			line("\tSize %d", end-start)
			line("\tStarts at %s ends at %s", from, to)
			data(p[:end-start])
			p = p[end-start:]
		}
	}
	line("Stored coredump printed")
	line("uart:~$ ")
	return s.String()
}

func readText(t testing.TB, text string) *elfcore.Core {
	t.Helper()
	in := format.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Name: "shell.log", Text: true}
	hits, err := find(in)
	if err != nil || len(hits) != 1 {
		t.Fatalf("hits %+v, %v", hits, err)
	}
	c, err := read(in, hits[0])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withKernel puts a 'T' block into a dump and its last region to address 0.
func withKernel(ptr int, d madeDump) madeDump {
	last := &d[len(d)-1]
	last.header = slices.Concat([]byte("M\x01\x00"), little(ptr, 0), little(ptr, uint64(len(last.payload))))
	return slices.Insert(d, 2, madeBlock{slices.Concat([]byte("T\x01\x00"), little(2, 36)), noise(36, 8)})
}

func TestPretty(t *testing.T) {
	for _, ptr := range []int{4, 8} {
		stream := withKernel(ptr, makeDump(ptr, 300, 129, 64)).flatten()
		_, plain := readOne(t, stream)
		want := content(t, plain)
		names := map[int][]string{4: {"ARM Cortex-m", "ARM_CORTEX_M", "ARM Cortex-M"}, 8: {"ARM64"}}[ptr]
		for _, name := range names {
			for _, eol := range []string{"\n", "\r\n"} {
				text := prettyText(stream, ptr, name, eol)
				for what, text := range map[string]string{
					"plain":    text,
					"prompt":   strings.ReplaceAll(text, "\tVersion", "uart:~$ \x1b[8D\x1b[J\tVersion"),
					"stamps":   "[12:00:01] " + strings.ReplaceAll(text, "\n", "\n[12:00:01] "),
					"colours":  strings.ReplaceAll(strings.ReplaceAll(text, "->", "\x1b[1;32m->"), "found", "found\x1b[0m"),
					"log line": strings.ReplaceAll(text, "\tSize", "<inf> app: started"+eol+"\tSize"),
				} {
					c := readText(t, text)
					if got := content(t, c); got != want || len(c.Diagnostics) > 0 {
						t.Errorf("%s %s: %+v\ngot\n%s\nwant\n%s", name, what, c.Diagnostics, got, want)
					}
				}
			}
		}
	}
}

// TestPrettyLost loses each line once: what is known is right, and all loss is
// told.
func TestPrettyLost(t *testing.T) {
	stream := makeDump(4, 300, 129, 64).flatten()
	_, plain := readOne(t, stream)
	lines := strings.SplitAfter(prettyText(stream, 4, "ARM Cortex-m", "\n"), "\n")
	for i, lost := range lines {
		if i > 0 && i < 7 {
			continue // the file header's: this dump's target is not known then
		}
		c := readText(t, strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
		needed := strings.ContainsAny(lost, "\t>") || strings.HasPrefix(lost, "#CD:") && !strings.HasSuffix(lost, "#\n")
		if needed && !c.Damaged() && i != 7 { // 7: the size of the dump
			t.Errorf("line %q lost: no loss is told", lost)
		}
		for r := range c.Memory.All() {
			got, want := make([]byte, r.Size), make([]byte, r.Size)
			c.Memory.Read(got, r.Addr)
			if _, err := plain.Memory.Read(want, r.Addr); r.State == elfcore.Known && (err != nil || !bytes.Equal(got, want)) {
				t.Errorf("line %q lost: %v differs (%v)", lost, r.Range, err)
			}
		}
	}
}

// TestPrettyGarbled: a header whose numbers contradict one another is left out.
func TestPrettyGarbled(t *testing.T) {
	text := prettyText(makeDump(4, 300, 64).flatten(), 4, "ARM Cortex-m", "\n")
	c := readText(t, strings.Replace(text, "Starts at 0x20000000", "Starts at 0x20000080", 1))
	n := 0
	for r := range c.Memory.All() {
		if n++; r.Addr != 0x20010000 {
			t.Errorf("%v", r.Range)
		}
	}
	if got := codesOf(c); n != 1 || !slices.Contains(got, "zephyr.size") {
		t.Errorf("%d regions, %v", n, got)
	}
	// The file header is lost, but this register block tells the target.
	c = readText(t, strings.Replace(prettyText(makeDump(8, 64).flatten(), 8, "ARM64", "\n"), "ARM64", "ARM\x7f4", 1))
	if got := codesOf(c); !slices.Contains(got, "zephyr.block-inferred") {
		t.Errorf("%v", got)
	}
}

// TestPrettyTwice parts two prints, and a dump in the usual form behind them.
func TestPrettyTwice(t *testing.T) {
	stream := makeDump(4, 300, 64).flatten()
	_, plain := readOne(t, stream)
	text := prettyText(stream, 4, "ARM Cortex-m", "\n")
	var usual strings.Builder
	for _, b := range makeDump(4, 300, 64) {
		for _, piece := range [][]byte{b.header, b.payload} {
			for part := range slices.Chunk(piece, 32) {
				fmt.Fprintf(&usual, "#CD:%x\n", part)
			}
		}
	}
	text += text + "#CD:BEGIN#\n" + usual.String() + "#CD:END#\n"
	in := format.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Text: true}
	hits, err := find(in)
	if err != nil || len(hits) != 3 {
		t.Fatalf("hits %+v, %v", hits, err)
	}
	for _, h := range hits {
		c, err := read(in, h)
		if err != nil || content(t, c) != content(t, plain) || len(c.Diagnostics) > 0 || !h.Whole {
			t.Errorf("%+v: %v %+v", h, err, c.Diagnostics)
		}
	}
}

func TestCorpusPretty(t *testing.T) {
	stream := logBytes(t, filepath.Join("..", "..", "shared", "corpus", "zephyr", "mps2_an385-div-og-threads", "coredump.log"))
	_, plain := readOne(t, stream)
	c := readText(t, prettyText(stream, 4, "ARM Cortex-m", "\r\n"))
	if content(t, c) != content(t, plain) || len(c.Diagnostics) > 0 {
		t.Errorf("%+v", c.Diagnostics)
	}
}

// FuzzPretty damages a pretty print by replacing a piece of it.
func FuzzPretty(f *testing.F) {
	f.Add(uint16(0), uint16(0), []byte(""))
	f.Add(uint16(30), uint16(8), []byte("Version 99\n"))
	f.Add(uint16(700), uint16(60), []byte("\tStarts at 0x0 ends at 0xffffffffffffffff\n"))
	f.Add(uint16(400), uint16(300), []byte("-> Memory coredump header found\n\tVersion 1\n\tSize 4294967295\n#CD:zz"))
	text := []byte(prettyText(withKernel(4, makeDump(4, 300, 64)).flatten(), 4, "ARM Cortex-m", "\n"))
	f.Fuzz(func(t *testing.T, at, n uint16, with []byte) {
		from := min(int(at), len(text))
		to := min(from+int(n), len(text))
		damaged := slices.Concat(text[:from], with, text[to:])
		in := format.Input{ReaderAt: bytes.NewReader(damaged), Size: int64(len(damaged)), Text: true}
		hits, err := find(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if c, err := read(in, h); err == nil {
				content(t, c)
			}
		}
	})
}
