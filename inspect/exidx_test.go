package inspect_test

import (
	"path/filepath"
	"testing"

	"corelift/inspect"
)

// TestExidxAlone takes the call frame information away from programs that have
// ARM's unwind tables too: every frame must stay where it was. What has neither,
// GCC's C without -funwind-tables, is unwound by its prologue.
func TestExidxAlone(t *testing.T) {
	const objects = "../testdata/inspect/built/cortex-m3/gcc-Os-5/objects"
	for _, c := range []struct {
		name, dump, elf string
		exidx           int // frames at least
	}{
		{"C", "testdata/exidx/app.log", "testdata/exidx/app.elf", 20},
		{"C++", objects + ".crash.log", objects + ".elf", 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			bare := filepath.Join(t.TempDir(), "bare.elf")
			toolRun(t, nil, "arm-none-eabi-objcopy", "--strip-debug", "-R", ".debug_frame", "-R", ".eh_frame", c.elf, bare)
			whole, alone := open(t, c.dump, c.elf), open(t, c.dump, bare)
			count := map[string]int{}
			for _, thread := range whole.Core().Threads {
				want, have := physical(t, whole, thread.ID), physical(t, alone, thread.ID)
				if len(want) != len(have) {
					t.Errorf("thread %d: %d frames, want %d", thread.ID, len(have), len(want))
					continue
				}
				for i, f := range have {
					count[f.Trust]++
					// The outermost function's frame begins behind what nobody describes.
					outermost := i == len(have)-1 && f.CFA == nil
					if f.PC != want[i].PC || !outermost && (f.CFA == nil || *f.CFA != *want[i].CFA) {
						t.Errorf("thread %d, frame %d: pc %v, CFA %v by %s; want %v, %v (%s)", thread.ID, i, f.PC, f.CFA, f.Trust, want[i].PC, want[i].CFA, want[i].Function)
					}
				}
			}
			t.Log(count)
			if count["exidx"] < c.exidx || count["cfi"] > 0 || count["scan"] > 0 {
				t.Errorf("frames: %v; want %d by exidx", count, c.exidx)
			}
		})
	}
}

// physical are a thread's frames that have a place on the stack.
func physical(t *testing.T, s *inspect.Session, thread int32) (list []inspect.Frame) {
	t.Helper()
	st, err := s.Stack(thread, inspect.StackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range st.Frames {
		if !f.Inlined && f.Trust != "tail-call" {
			list = append(list, f)
		}
	}
	return list
}
