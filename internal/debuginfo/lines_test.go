package debuginfo

import (
	"debug/dwarf"
	"path"
	"slices"
	"testing"
)

// TestLinesAgainstStandardLibrary runs every line number program with debug/dwarf,
// too. Each of our rows must be one of its rows; which of them to keep is what
// TestAgainstGDB is about.
func TestLinesAgainstStandardLibrary(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) { compareLines(t, p) })
	}
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) { compareLines(t, build(t, b.command)) })
	}
}

// plainRow is what both know of a row.
type plainRow struct {
	addr         uint64
	file         string // base name: debug/dwarf cleans paths
	line, column int
	stmt, end    bool
}

func compareLines(t *testing.T, p program) {
	data := standardLibrary(t, p)
	rows := 0
	for r := data.Reader(); ; r.SkipChildren() {
		unit, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if unit == nil {
			break
		}
		lines, err := data.LineReader(unit)
		if err != nil || lines == nil {
			continue
		}
		want := map[plainRow]bool{}
		var e dwarf.LineEntry
		for lines.Next(&e) == nil {
			w := plainRow{addr: e.Address, end: e.EndSequence}
			if !w.end {
				w.file, w.line, w.column, w.stmt = path.Base(e.File.Name), e.Line, e.Column, e.IsStmt
			}
			want[w] = true
		}
		root, _ := p.Entry(unit.Offset)
		l := root.Unit().Lines()
		for _, r := range l.rows() {
			got := plainRow{addr: r.addr, end: r.end}
			if !r.end {
				got.file, got.line, got.column, got.stmt = path.Base(l.File(int(r.file))), int(r.line), int(r.column), r.stmt
			}
			if rows++; !want[got] {
				t.Fatalf("%+v is none of debug/dwarf's", got)
			}
		}
	}
	t.Logf("%d rows", rows)
}

// TestLinePCs finds the addresses of a line by the end of the file's name.
func TestLinePCs(t *testing.T) {
	p := build(t, "gcc -gdwarf-5 -O0 C")
	const line = 10 // of dropped, which is not in the program
	if pcs := p.LinePCs("main.c", line); len(pcs) > 0 {
		t.Errorf("addresses of dropped code: %x", pcs)
	}
	pcs := p.LinePCs("code/main.c", 61) // work: return other(...)
	if len(pcs) == 0 {
		t.Fatal("none")
	}
	u, _ := p.UnitAt(pcs[0])
	if f, ok := u.Function(pcs[0]); !ok || f.Name != "work" {
		t.Errorf("%x is not in work", pcs)
	}
	if files := p.Files(); !slices.Contains(files, "testdata/code/main.c") || !slices.IsSorted(files) {
		t.Errorf("files %q", files)
	}
}
