package debuginfo

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"
)

// FuzzEntries asks every question about damaged sections. lists stands for all
// sections of lists and addresses.
func FuzzEntries(f *testing.F) {
	paths, _ := filepath.Glob("../../testdata/firmware/*/fw.elf")
	for _, path := range paths {
		p := openProgram(f, path)
		f.Add(p.bytes(secInfo), p.bytes(secAbbrev), p.bytes(secStr), p.bytes(secLine), p.bytes(secLoclists), false)
		f.Add(p.bytes(secInfo), p.bytes(secAbbrev), p.bytes(secStr), p.bytes(secLine), p.bytes(secRnglists), true)
	}
	for _, b := range []string{"clang -gdwarf-5 -O2 C", "gcc -gdwarf-4 -O2 C", "gcc -gdwarf-2 -O2 C", "g++ -gdwarf-4 -fdebug-types-section -O2 CC"} {
		p := build(f, b)
		lists := secLoclists
		if len(p.bytes(secLoc)) > 0 {
			lists = secLoc
		}
		f.Add(p.bytes(secInfo), p.bytes(secAbbrev), p.bytes(secStr), p.bytes(secLine), p.bytes(lists), true)
		f.Add(p.bytes(secTypes), p.bytes(secAbbrev), p.bytes(secStrOffsets), p.bytes(secLine), p.bytes(secAddr), false)
	}
	f.Fuzz(func(t *testing.T, info, abbrev, str, line, lists []byte, types bool) {
		of := [numSections][]byte{
			secInfo: info, secAbbrev: abbrev, secStr: str, secLineStr: str, secStrOffsets: lists, secAddr: lists, secLine: line,
			secRanges: lists, secRnglists: lists, secLoc: lists, secLoclists: lists, secAranges: lists,
		}
		if types {
			of[secTypes] = info
		}
		sections := map[string][]byte{}
		for id, b := range of {
			sections[sectionNames[id]] = b
		}
		start := time.Now()
		everything(New(func(name string) ([]byte, error) { return sections[name], nil }, binary.LittleEndian, 4,
			func(start, end uint64) bool { return start != 0 }))
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// everything asks each question, in places where there are answers.
func everything(d *Data) {
	_ = d.Err()
	d.Files()
	d.LinePCs("main.c", 3)
	d.Globals("fw::count")
	d.Functions("main")
	n := 0
	for v := range d.AllGlobals() {
		if n++; n > 100 {
			break
		}
		v.Location(0)
		v.DeclFile()
		v.DeclLine()
		v.Artificial()
	}
	n = 0
	for f := range d.AllFunctions() {
		if n++; n > 100 {
			break
		}
		for _, r := range f.Ranges[:min(3, len(f.Ranges))] {
			for _, pc := range []uint64{r[0], r[0] + 2, r[1] - 1} {
				backtrace(d, pc)
			}
			f.CallSite(r[1])
			f.FrameBase(r[0])
		}
	}
	backtrace(d, 0)
	for _, u := range d.Units() {
		u.Producer()
		u.Root().eachBelow(func(e Entry, _ int) bool {
			e.Ref(0x49)
			return true
		})
	}
}

func backtrace(d *Data, pc uint64) {
	u, ok := d.UnitAt(pc)
	if !ok {
		return
	}
	u.Lines().At(pc)
	f, ok := u.Function(pc)
	if !ok {
		return
	}
	for _, s := range f.Inlines(pc) {
		for _, v := range s.Variables(pc) {
			v.Location(pc)
		}
	}
}
