package capture

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"corelift/internal/format"
)

const cd = "#CD:"

// collect keeps lines beyond the iteration.
func collect(t testing.TB, lines iter.Seq2[Line, error]) []Line {
	t.Helper()
	var all []Line
	for l, err := range lines {
		if err != nil {
			t.Fatal(err)
		}
		l.Text = bytes.Clone(l.Text)
		all = append(all, l)
	}
	return all
}

// payloads decodes what follows the markers.
func payloads(t testing.TB, lines iter.Seq2[Line, error]) (data []byte, digits []int) {
	t.Helper()
	for _, l := range collect(t, lines) {
		var n int
		data, n = AppendHex(data, l.Text[l.At+len(cd):])
		digits = append(digits, n)
	}
	return data, digits
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // number:text of each line
	}{
		{"", ""},
		{"a\nb", "1:a 2:b"},
		{"a\r\nb\r\n", "1:a 2:b"},
		{"a\r\r\nb\n\rc", "1:a 2:b 3:c"},
		{"a\n\nb\r\n\r\nc", "1:a 2: 3:b 4: 5:c"},
		{"10%\r20%\r\r30%\nb", "1:10% 1:20% 1:30% 2:b"},
		{"a\rb\rc", "1:a 2:b 3:c"},
		{"\x00a\x00b\x00\n\x00\nc", "1:ab 2: 3:c"},
		{"\r", "1:"},
		{"#C\x00D:5a\n", "1:#CD:5a"},
	} {
		in := textInput([]byte(c.text))
		text := NewText(in, cd)
		var got []string
		lines := collect(t, text.Lines(0, in.Size))
		for i, l := range lines {
			got = append(got, fmt.Sprintf("%d:%s", l.Number, l.Text))
			if want := strings.Index(string(l.Text), cd); l.At != want {
				t.Errorf("%q: marker at %d, want %d", c.text, l.At, want)
			}
			if end := in.Size; i == len(lines)-1 && l.End != end {
				t.Errorf("%q: ends at %d, want %d", c.text, l.End, end)
			}
			if i > 0 && l.Off < lines[i-1].End {
				t.Errorf("%q: line %d overlaps", c.text, i)
			}
			if n, err := text.Number(l.Off); n != l.Number || err != nil {
				t.Errorf("%q: Number(%d) is %d, %v, want %d", c.text, l.Off, n, err, l.Number)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q: got %q, want %q", c.text, s, c.want)
		}
	}
}

// Scan yields what Lines yields, without the lines that hold no marker.
func sameAsLines(t testing.TB, in format.Input, from, to int64, markers ...string) {
	t.Helper()
	var want []Line
	for _, l := range collect(t, NewText(in, markers...).Lines(from, to)) {
		if l.Marker >= 0 {
			want = append(want, l)
		}
	}
	got := collect(t, NewText(in, markers...).Scan(from, to))
	if len(got) != len(want) {
		t.Fatalf("Scan yields %d lines, Lines %d with a marker", len(got), len(want))
	}
	for i, l := range got {
		w := want[i]
		if !bytes.Equal(l.Text, w.Text) {
			t.Fatalf("line %d is\n%q, want\n%q", i, l.Text, w.Text)
		}
		l.Text, w.Text = nil, nil
		if fmt.Sprint(l) != fmt.Sprint(w) {
			t.Fatalf("line %d is %+v, want %+v", i, l, w)
		}
	}
}

func TestScan(t *testing.T) {
	for name, data := range corpusLogs(t) {
		in := textInput(data)
		text := NewText(in, cd)
		if w := text.Width(); w != 0 {
			t.Errorf("%s: taken for wrapped at %d", name, w)
		}
		lines := collect(t, text.Scan(0, in.Size))
		if want := bytes.Count(data, []byte(cd)); len(lines) != want {
			t.Errorf("%s: %d lines, want %d", name, len(lines), want)
		}
		for _, l := range lines {
			whole := bytes.Split(data, []byte("\n"))[l.Number-1]
			if !bytes.Equal(bytes.Trim(whole, "\r"), l.Text) || !bytes.HasPrefix(data[l.Off:], l.Text) || !bytes.HasPrefix(l.Text[l.At:], []byte(cd)) {
				t.Fatalf("%s: %+v", name, l)
			}
		}
		sameAsLines(t, in, 0, in.Size, cd)
		sameAsLines(t, in, 0, in.Size, markers...)
		sameAsLines(t, in, 1001, in.Size-1003, cd, "os:", "<err>")
		noisy := bytes.ReplaceAll(data, []byte("D:"), []byte("D\x00:"))
		if got := collect(t, NewText(textInput(noisy), cd).Scan(0, int64(len(noisy)))); len(got) != len(lines) {
			t.Errorf("%s: with NUL bytes %d lines, want %d", name, len(got), len(lines))
		}
	}
}

func TestScanLarge(t *testing.T) {
	for _, data := range [][]byte{
		syntheticLog(3<<20, 50, true),
		bytes.ReplaceAll(syntheticLog(1<<20, 50, false), []byte("\r\n"), []byte("\r")),
		bytes.Repeat([]byte("#"), 1<<20),
		bytes.Repeat([]byte("#CD:"), 1<<18), // one line
		append(bytes.Repeat([]byte("x"), 1<<20), "\n#CD:00\n"...),
	} {
		in := textInput(data)
		sameAsLines(t, in, 0, in.Size, markers...)
		text := NewText(in, markers...)
		last := 0
		for _, l := range collect(t, text.Scan(0, in.Size)) {
			last = l.Number
		}
		if n, err := text.Number(in.Size); n < last || err != nil {
			t.Errorf("Number(end) is %d, %v", n, err)
		}
		// Counting from a block that was passed gives what counting from the
		// start does.
		for off := int64(0); off < in.Size; off += 100_003 {
			n, _ := text.Number(off)
			if want := 1 + bytes.Count(data[:off], []byte{text.eol}); n != want {
				t.Errorf("Number(%d) is %d, want %d", off, n, want)
			}
		}
	}
}

// A line that is too long is cut, but no marker is lost.
func TestLongLines(t *testing.T) {
	for shift := range 8 {
		// Blocks and lines end around the markers.
		long := strings.Repeat("x", maxLine-8+shift) + cd + strings.Repeat("0", 4*blockSize-maxLine-20) + cd + "1"
		in := textInput([]byte(long + "\nnext"))
		text := NewText(in, cd)
		var whole []byte
		lines := collect(t, text.Lines(0, in.Size))
		marked := 0
		for i, l := range lines[:len(lines)-1] {
			whole = append(whole, l.Text...)
			if l.Number != 1 || len(l.Text) > maxLine || l.More != (i < len(lines)-2) {
				t.Errorf("part %d: line %d, %d bytes, more %v", i, l.Number, len(l.Text), l.More)
			}
			if l.Marker >= 0 {
				marked++
			}
		}
		if string(whole) != long || marked != 2 || lines[len(lines)-1].Number != 2 {
			t.Errorf("shift %d: %d bytes, want %d; %d markers", shift, len(whole), len(long), marked)
		}
		sameAsLines(t, in, 0, in.Size, cd)
	}
}

// A window knows nothing of what is around it, except for the line numbers.
func TestWindow(t *testing.T) {
	in := textInput([]byte("one #CD:00\ntwo #CD:11\nthree #CD:22\n"))
	text := NewText(in, cd)
	got := collect(t, text.Scan(11, 22))
	if len(got) != 1 || got[0].Number != 2 || got[0].Off != 11 || got[0].End != 22 || string(got[0].Text) != "two #CD:11" {
		t.Errorf("%+v", got)
	}
	for _, w := range [][2]int64{{0, 0}, {22, 11}, {-5, 0}, {36, 100}, {1 << 40, 1 << 41}} {
		if got := collect(t, text.Lines(w[0], w[1])); len(got) > 0 && w[1] <= 36 {
			t.Errorf("%v: %+v", w, got)
		}
	}
	if got := collect(t, text.Lines(-5, 1<<40)); len(got) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestReadError(t *testing.T) {
	data := syntheticLog(1<<20, 50, false)
	for name, r := range map[string]io.ReaderAt{
		"cut":    bytes.NewReader(data[:700000]),
		"broken": brokenAt{bytes.NewReader(data), 700000},
	} {
		text := NewText(format.Input{ReaderAt: r, Name: "disk.log", Size: int64(len(data))}, cd)
		for what, lines := range map[string]iter.Seq2[Line, error]{"Scan": text.Scan(0, int64(len(data))), "Lines": text.Lines(0, int64(len(data)))} {
			n := 0
			var last error
			for _, err := range lines {
				n++
				last = err
			}
			if n < 1000 || last == nil || !strings.HasPrefix(last.Error(), "disk.log: offset 0x") {
				t.Errorf("%s, %s: %d lines, then %v", name, what, n, last)
			}
		}
		if _, err := text.Number(int64(len(data))); err == nil {
			t.Errorf("%s: Number has no error", name)
		}
	}
}

// brokenAt cannot be read beyond an offset.
type brokenAt struct {
	io.ReaderAt
	limit int64
}

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.limit {
		return 0, errors.New("input/output error")
	}
	return b.ReaderAt.ReadAt(p, off)
}

// hardWrap breaks the lines of a log as a terminal of that width does: escape
// sequences take no column.
func hardWrap(data []byte, width int) []byte {
	var out []byte
	column := 0
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == esc:
			s := screen{}
			n := s.escape(data[i:])
			out = append(out, data[i:i+n]...)
			i += n
			continue
		case c == '\n' || c == '\r':
			column = 0
		case column == width:
			out = append(out, '\r', '\n')
			column = 1
		default:
			column++
		}
		out = append(out, data[i])
		i++
	}
	return out
}

// Logs that were wrapped at any width read as if they were not, whatever stands
// before their markers.
func TestWrapped(t *testing.T) {
	for name, log := range corpusLogs(t) {
		for _, c := range []struct {
			prefix string
			data   []byte
			step   int // of the widths tried
		}{
			{"as it is", log, 1},
			{"none", regexp.MustCompile(`(?m)^.*#CD:`).ReplaceAll(log, []byte(cd)), 5},
			{"minimal", regexp.MustCompile(`(?m)^.*#CD:`).ReplaceAll(log, []byte("E: "+cd)), 11},
			{"twister", regexp.MustCompile(`(?m)^`).ReplaceAll(log, []byte("2024-11-21 21:24:05,123 - twister - DEBUG - DEVICE: ")), 7},
		} {
			in := textInput(c.data)
			want, wantDigits := payloads(t, NewText(in, cd).Scan(0, in.Size))
			for width := minWidth; width < 120; width += c.step {
				in := textInput(hardWrap(c.data, width))
				text := NewText(in, cd)
				got, digits := payloads(t, text.Scan(0, in.Size))
				if !bytes.Equal(got, want) || !slices.Equal(digits, wantDigits) {
					t.Errorf("%s, prefix %s, wrapped at %d: width %d, %d lines with %d bytes, want %d with %d", name, c.prefix, width, text.Width(), len(digits), len(got), len(wantDigits), len(want))
				}
				if w := text.Width(); w != 0 && w != width {
					t.Errorf("%s, prefix %s, wrapped at %d: taken for %d", name, c.prefix, width, w)
				}
			}
		}
	}
}

// The lines read as before in full, also where the break is in the prefix.
func TestWrappedText(t *testing.T) {
	data := corpusLogs(t)["mps2_an385-div-og-ram"]
	in := textInput(data)
	want := collect(t, NewText(in, cd).Scan(0, in.Size))
	for _, width := range []int{40, 60, 80, 100} {
		in := textInput(hardWrap(data, width))
		text := NewText(in, cd)
		if text.Width() != width {
			t.Fatalf("width %d, want %d", text.Width(), width)
		}
		for i, l := range collect(t, text.Scan(0, in.Size)) {
			if plain := AppendPlain(nil, want[i].Text); !bytes.Equal(l.Text, plain) {
				t.Fatalf("at %d: line %d is\n%q, want\n%q", width, i, l.Text, plain)
			}
			if n, _ := text.Number(l.Off); n != l.Number {
				t.Fatalf("at %d: line %d at offset %d, which is in line %d", width, l.Number, l.Off, n)
			}
		}
	}
}

// A short dump in a long wrapped log is found too.
func TestWrappedLate(t *testing.T) {
	dump := corpusLogs(t)["qemu_x86-div-o2-min"]
	in := textInput(dump)
	want, _ := payloads(t, NewText(in, cd).Scan(0, in.Size))
	console := syntheticLog(4<<20, 0, true)
	in = textInput(hardWrap(slices.Concat(console, dump, console[:100<<10]), 60))
	text := NewText(in, cd)
	if got, _ := payloads(t, text.Scan(0, in.Size)); text.Width() != 60 || !bytes.Equal(got, want) {
		t.Errorf("width %d, %d bytes, want %d", text.Width(), len(got), len(want))
	}
}

// Lines of the same width are not wrapped lines.
func TestNotWrapped(t *testing.T) {
	row := strings.Repeat("A", 64) + "\n"
	for name, text := range map[string]string{
		"base64 in an ESP log":  "================= CORE DUMP START =================\n" + strings.Repeat(row, 50) + "================= CORE DUMP END =================\n",
		"hex after a marker":    "coredump start : {\n" + strings.Repeat("00", 5000) + "\n} coredump end\n",
		"dump lines":            strings.Repeat(cd+strings.Repeat("0", 64)+"\n", 50),
		"CrashCatcher":          "CRASH ENCOUNTERED\n" + strings.Repeat(strings.Repeat("63430300", 4)+"\n", 50),
		"dump and log by turns": strings.Repeat(cd+strings.Repeat("0", 64)+"\n"+"[00:00:00.020,000] <inf> the other CPU goes on with its work as if nothing\n", 50),
	} {
		if w := NewText(textInput([]byte(text)), markers...).Width(); w != 0 {
			t.Errorf("%s: taken for wrapped at %d", name, w)
		}
	}
}

func TestAppendPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":      "",
		"plain": "plain",
		"[00:00:00.020,000] \x1b[1;31m<err> os: oops\x1b[0m":     "[00:00:00.020,000] <err> os: oops",
		"uart:~$ \x1b[8D\x1b[J[00:00:00.020,000] <err> os: oops": "[00:00:00.020,000] <err> os: oops",
		"helo\b\blo\alp\x7f":                                "helolp",
		"\b\b\x1b[99Dx\x1b[99Cy\x1b[1Gz\x1b[K":              "z",
		"\x1b]0;title\aa\x1b]0;title\x1b\\b\x1bP1$q\x1b\\c": "abc",
		"\x1b]0;title that never ends":                      "0;title that never ends",
		"\x1b]0;broken off\x1b[0ma":                         "a",
		"a\tb\x00c\x1b":                                     "a\tbc",
		"a\x1b[":                                            "a",
		"a\x1b[1;":                                          "a",
		"a\x1b(Bb\x1b=c\x1b[?25hd\x1b[38;5;196me":           "abcde",
		"gone\x1b[2Jhere":                                   "here",
		"W\xc3\xa4rme \xff":                                 "W\xc3\xa4rme \xff",
	} {
		if got := AppendPlain([]byte("> "), []byte(in)); string(got) != "> "+want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestAppendHex(t *testing.T) {
	all := "0123456789abcdefABCDEF0123456789"
	for n := range len(all) + 1 {
		for _, tail := range []string{"", "\x1b[0m", " ", "g", "\x00", "ERROR"[1:]} {
			data, _ := hex.DecodeString(all[:n&^1])
			got, digits := AppendHex([]byte("x"), []byte(all[:n]+tail))
			if digits != n || string(got) != "x"+string(data) {
				t.Errorf("%q: %x, %d digits", all[:n]+tail, got, digits)
			}
		}
	}
	for c := range 256 {
		_, digits := AppendHex(nil, []byte{byte(c)})
		if want := strings.IndexByte("0123456789abcdefABCDEF", byte(c)) >= 0; want != (digits == 1) {
			t.Errorf("%#x: %d", c, digits)
		}
	}
}

func TestMarkerIndex(t *testing.T) {
	text := strings.Repeat("a#CD:#CD: CORE DUMP", 3) + "#C"
	for _, m := range slices.Sorted(maps.Keys(map[string]bool{"#CD:": true, "a#": true, "P": true, "CORE": true, "no": true, text: true, text + "x": true, "C": true})) {
		f := newFinder([]string{m})
		for i := range len(text) + 1 {
			if got, want := f.markers[0].index([]byte(text[i:])), strings.Index(text[i:], m); got != want {
				t.Errorf("%q in %q: %d, want %d", m, text[i:], got, want)
			}
		}
	}
}

// TestFor: other markers, found on the same lines.
func TestFor(t *testing.T) {
	in := textInput([]byte("a: one\rb: two\ra: three\r"))
	first := NewText(in, "a:")
	for _, l := range collect(t, first.Scan(0, in.Size)) {
		if string(l.Text[:2]) != "a:" {
			t.Errorf("%q", l.Text)
		}
	}
	if l := collect(t, first.For("b:").Scan(0, in.Size)); len(l) != 1 || string(l[0].Text) != "b: two" || l[0].Number != 2 {
		t.Errorf("%+v", l)
	}
	if l := collect(t, first.For().Lines(0, in.Size)); len(l) != 3 || l[2].Marker != -1 || l[2].Number != 3 {
		t.Errorf("%+v", l)
	}
}
