package capture

import (
	"bytes"
	"fmt"
	"testing"

	"corelift/elfcore"
	"corelift/internal/format"
)

// show lists regions as "address:bytes:state".
func show(p *Pieces, off int64, size uint64) (text string) {
	for r := range p.Regions(elfcore.Range{Addr: 0x1000, Size: size}, off, 0, 0) {
		b := make([]byte, r.Size)
		r.Data.ReadAt(b, 0)
		text += fmt.Sprintf("%x:%s:%v ", uint64(r.Addr), b, r.State)
	}
	return text
}

func TestPieces(t *testing.T) {
	var p Pieces
	p.Append([]byte("abcd"))
	p.Lose(2)
	p.Lose(1)
	p.Append([]byte("hijk"))
	for _, x := range []struct {
		off  int64
		size uint64
		want string
	}{
		{0, 11, "1000:abcd:known 1007:hijk:known "},
		{2, 9, "1000:cd:known 1005:hijk:known "},
		{5, 3, "1002:h:known "},
		{4, 3, ""},
		{7, 1 << 40, "1000:hijk:known "}, // cut at the end
		{11, 1, ""}, {-1, 4, ""},
	} {
		if got := show(&p, x.off, x.size); got != x.want {
			t.Errorf("%d, %d: %q, want %q", x.off, x.size, got, x.want)
		}
	}
	p.Doubt(9)
	if got := show(&p, 0, 11); got != "1000:abcd:known 1007:hi:known 1009:jk:suspect " {
		t.Error(got)
	}
	for _, x := range []struct {
		off, n int64
		want   elfcore.State
	}{{0, 4, elfcore.Known}, {3, 2, elfcore.Missing}, {6, 1, elfcore.Missing}, {7, 2, elfcore.Known}, {7, 3, elfcore.Suspect},
		{10, 2, elfcore.Missing}, {-1, 1, elfcore.Missing}, {1, 1 << 62, elfcore.Missing}} {
		if got := p.State(x.off, x.n); got != x.want {
			t.Errorf("%d, %d: %v, want %v", x.off, x.n, got, x.want)
		}
	}
	f := PiecesOf(format.Input{ReaderAt: bytes.NewReader([]byte("0123456789")), Size: 10}, 4, 100)
	if got := show(f, 1, 100); f.Size != 6 || got != "1000:56789:known " || f.Pos(2).Off != 6 {
		t.Error(f.Size, got)
	}
	gaps := []elfcore.Range{{Addr: 0, Size: 2}, {Addr: 3, Size: 2}, {Addr: 6, Size: 1}, {Addr: 9, Size: 5}}
	g := PiecesOf(format.Input{ReaderAt: bytes.NewReader([]byte("0123456789")), Size: 10, Gaps: gaps}, 4, 5)
	if got := show(g, 0, 100); g.Size != 5 || got != "1001:5:known 1003:78:known " {
		t.Error(g.Size, got)
	}
}

func TestHexLines(t *testing.T) {
	for _, x := range []struct {
		name    string
		lines   []string
		want    string
		damaged string
	}{
		{"clean", []string{"61626364", "65666768", "69"}, "1000:abcdefghi:known ", ""},
		{"odd", []string{"61626364", "6566768", "696a6b6c", "6d"}, "1000:abcd:known 1008:ijklm:known ", "2"},
		{"a byte lost", []string{"61626364", "656667", "696a6b6c", "6d"}, "1000:abcd:known 1008:ijklm:known ", "2"},
		{"glued to text", []string{"61626364", "6566[inf", "696a6b6c"}, "1000:abcd:known 1008:ijkl:known ", "2"},
		{"first one damaged", []string{"61626", "65666768", "696a6b6c"}, "1004:efghijkl:known ", "1"},
		{"line end lost", []string{"6162636465666768", "696a6b6c", "6d6e6f70"}, "1000:abcdefghijklmnop:known ", ""},
		{"words", []string{"6162636461626364", "fe", "6162636461626364", "61"}, "1000:abcdabcdabcdabcda:known ", ""},
		{"none", nil, "", ""},
		{"one", []string{"61"}, "1000:a:known ", ""},
	} {
		var h HexLines
		for i, l := range x.lines {
			h.Add([]byte(l), i+1, int64(100*i))
		}
		p, damaged := h.Pieces()
		where := ""
		for _, d := range damaged {
			where += fmt.Sprint(d.Line)
		}
		if got := show(p, 0, 1000); got != x.want || where != x.damaged {
			t.Errorf("%s: %q, damaged %q; want %q, %q", x.name, got, where, x.want, x.damaged)
		}
	}
	var h HexLines
	h.Add([]byte("61626364"), 7, 70)
	h.Add([]byte("65666768"), 9, 90)
	if got := show(h.Joined(), 0, 100); got != "1000:abcdefgh:known " {
		t.Error(got)
	}
	if p, _ := h.Pieces(); p.Pos(3).Line != 7 || p.Pos(4).Line != 9 || p.Pos(100).Line != 9 || p.Pos(-1).Off != -1 {
		t.Error("positions", p.Pos(3), p.Pos(4), p.Pos(100))
	}
}

func TestHexLinesAddLine(t *testing.T) {
	for _, x := range []struct{ line, want string }{
		{"61626364", "abcd"},
		{"[CPU0] [ 6] \x1b[32m61626364\x1b[0m ", "abcd"},
		{"[   12.3456789] 61", "a"},
		{"done [info]", ""},
		{"616263646566676869[info] wifi", "abcdefghi"},
		{"EPC: 000000008021432a.", ""},
	} {
		var h HexLines
		h.AddLine(Line{Text: []byte(x.line)})
		if got := string(h.data); got != x.want {
			t.Errorf("%q: %q, want %q", x.line, got, x.want)
		}
	}
}

func FuzzHexLines(f *testing.F) {
	f.Add([]byte("61626364\n656667\n69\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h HexLines
		for line := range bytes.Lines(text) {
			h.Add(bytes.TrimRight(line, "\n"), 1, 0)
		}
		p, _ := h.Pieces()
		if p.Size > 4*int64(len(text)) {
			t.Fatalf("%d bytes of %d", p.Size, len(text))
		}
		show(p, 0, 1<<40)
	})
}
