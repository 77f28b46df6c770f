package debuginfo

import (
	"bytes"
	"debug/dwarf"
	"testing"
)

// TestEntriesAgainstStandardLibrary reads every entry of every program with
// debug/dwarf, too: tags and all attributes must be the same.
func TestEntriesAgainstStandardLibrary(t *testing.T) {
	for _, p := range fixtures(t) {
		t.Run(p.name(), func(t *testing.T) {
			entries, attrs := compareEntries(t, p)
			t.Logf("%d entries, %d attributes equal", entries, attrs)
		})
	}
}

func compareEntries(t *testing.T, p program) (entries, attrs int) {
	data := standardLibrary(t, p)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	r := data.Reader()
	for {
		want, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			return entries, attrs
		}
		if want.Tag == 0 {
			continue
		}
		e, ok := p.Entry(want.Offset)
		if !ok || e.Tag != want.Tag || e.abbrev.children != want.Children || len(e.abbrev.fields) != len(want.Field) {
			t.Fatalf("entry %#x: %v, want %v", want.Offset, e.Tag, want.Tag)
		}
		entries++
		for _, f := range want.Field {
			if !sameField(e, f) {
				v, _ := e.value(f.Attr)
				t.Fatalf("entry %#x, %v: %+v, want %v (%v)", want.Offset, f.Attr, v, f.Val, f.Class)
			}
			attrs++
		}
	}
}

func sameField(e Entry, f dwarf.Field) bool {
	switch want := f.Val.(type) {
	case int64:
		got, ok := e.Uint(f.Attr)
		if f.Class == dwarf.ClassConstant {
			// debug/dwarf sign-extends DW_FORM_data1 to 4.
			v, _ := e.value(f.Attr)
			if size := formTable[v.form].code; size > 0 && size <= 4 {
				bits := 64 - 8*int(size)
				return uint64(want)<<bits == got<<bits
			}
		}
		return ok && uint64(want) == got
	case uint64:
		if got, ok := e.Uint(f.Attr); ok {
			return got == want
		}
		v, ok := e.value(f.Attr)
		if f.Class == dwarf.ClassRngList { // looked up
			base := e.unit.bases().rnglists
			got, _ := e.unit.indexed(secRnglists, base, v.n, int(e.unit.shape.offSize))
			return base+got == want
		}
		return ok && v.n == want && (v.class() == classListIndex || v.class() == classSignature)
	case string:
		return e.Str(f.Attr) == want && e.Named(f.Attr, want)
	case bool:
		return e.Flag(f.Attr) == want && e.Has(f.Attr)
	case []byte:
		got, ok := e.Block(f.Attr)
		return ok && bytes.Equal(got, want)
	case dwarf.Offset:
		if f.Attr == dwarf.AttrSibling {
			return true // may be the end of the list, which is no entry
		}
		got, ok := e.Ref(f.Attr)
		return ok && got.Off == want
	}
	return false
}
