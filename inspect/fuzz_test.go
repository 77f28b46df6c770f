package inspect_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// honest checks what holds of all values: what is there has a state, what is not
// has none and says so.
func honest(t *testing.T, what string, v *inspect.Value) {
	t.Helper()
	elided := strings.HasSuffix(v.Text, "...") || v.Text == "{...}"
	switch there := v.Presence == inspect.Present; {
	case there && v.State == elfcore.Missing && !elided, !there && v.State != elfcore.Missing:
		t.Errorf("%s is %v, but its state is %v: %s", what, v.Presence, v.State, v.Text)
	case !there && !strings.Contains(v.Text, "<"):
		t.Errorf("%s is %v, but reads %s", what, v.Presence, v.Text)
	}
	for i := range v.Children {
		honest(t, what, &v.Children[i].Value)
	}
}

// Bounds of what one question may take, with the fuzzer's instruments and other
// processes on the machine.
const (
	patience = 5 * time.Second
	appetite = 256 << 20 // bytes allocated
)

// bounded fails if a question took too long, or too much memory. The time is
// looked at by fuzzing only.
func bounded(t *testing.T, what string, ask func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	ask()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if took > patience && flag.Lookup("test.fuzz").Value.String() != "" {
		t.Errorf("%s took %v", what, took)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > appetite {
		t.Errorf("%s allocated %d MiB", what, n>>20)
	}
}

// FuzzEval evaluates expressions in a frame, and in none.
func FuzzEval(f *testing.F) {
	for _, x := range readExpressions(f, "testdata/expr/values.c.txt") {
		f.Add(x)
	}
	for _, x := range []string{
		"p", "s->trace[1].x", "*s", "&p->x", "g_sensors[0:3]", "g_sensors[-1]", "left.u", "(*s).trace[2147483647]", "*g_matrix@1048576",
		"{char[1048576]}0x20000000", "{struct k_thread[100000]}0x20000000", "app.c::g_matrix", "$sp", "{long[1000][1000]}$sp", "(struct point *)-1",
		"*(struct sensor *)-4", "hook", "main", "/a $pc", "/s why", "((struct k_thread *)0x200002d4)->base", "window[7]", "total << 63 >> 63",
	} {
		f.Add(x)
	}
	s := load(f, "cortex-m3", "div")
	frames := []*inspect.Frame{nil}
	for level := range 2 {
		frame, err := s.Frame(s.Crashed(), level)
		if err != nil {
			f.Fatal(err)
		}
		frames = append(frames, frame)
	}
	f.Fuzz(func(t *testing.T, x string) {
		for _, frame := range frames {
			bounded(t, x, func() {
				if v, err := s.Eval(frame, x, 0); err == nil {
					honest(t, x, &v)
				}
				_, _ = s.Examine(frame, x, inspect.ExamineOptions{Count: 3, Size: 4, Format: 'x'})
			})
		}
	})
}

// crashes are the fixtures that FuzzSession bends: any core with any program.
var crashes = sync.OnceValue(func() (list []crash) {
	for _, c := range [][2]string{{"cortex-m3", "div"}, {"cortex-m33f", "panic"}, {"rv32", "undef"}, {"rv64", "null"}, {"aarch64", "panic"}, {"i386", "div"}, {"x86_64", "div"}} {
		dir := filepath.Join("..", "testdata", "firmware", c[0])
		elf, err := os.ReadFile(filepath.Join(dir, "fw.elf"))
		if err != nil {
			panic(err)
		}
		list = append(list, crash{elf, open(unclosed{}, filepath.Join(dir, c[1]+".log"), filepath.Join(dir, "fw.elf")).Core()})
	}
	return list
})

type crash struct {
	elf  []byte
	core *elfcore.Core // holds code of the program's file, which stays open
}

// unclosed stands for a test that does not end before the process does.
type unclosed struct{ testing.TB }

func (unclosed) Helper()           {}
func (unclosed) Cleanup(func())    {}
func (unclosed) Fatal(args ...any) { panic(args) }

// taps doles out a fuzzer's bytes; zeros follow the last one.
type taps []byte

func (b *taps) number(size int) (n uint64) {
	for i := range size {
		if len(*b) > 0 {
			n |= uint64((*b)[0]) << (8 * i)
			*b = (*b)[1:]
		}
	}
	return n
}

// bend changes bytes of a program, most of them in its debug information.
func (b *taps) bend(program []byte) []byte {
	out := bytes.Clone(program)
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		panic(err)
	}
	sections := slices.DeleteFunc(f.Sections, func(s *elf.Section) bool { return s.FileSize == 0 || s.Type == elf.SHT_NOBITS })
	for range b.number(1) % 16 {
		from, to := uint64(0), uint64(len(out))
		if n := b.number(1); n < 0xf0 {
			s := sections[n%uint64(len(sections))]
			from, to = s.Offset, s.Offset+s.FileSize
		}
		out[from+b.number(3)%(to-from)] = byte(b.number(1))
	}
	return out
}

// threads are those of a core with other registers, and others.
func (b *taps) threads(c *elfcore.Core) (list []elfcore.Thread) {
	list = slices.Clone(c.Threads)
	for i := range b.number(1) % 3 {
		regs := elfcore.NewRegisters(c.Arch)
		for n := range c.Arch.Regs {
			if state := elfcore.State(b.number(1) % 4); state != elfcore.Missing && c.Arch.Regs[n].Group == arch.General {
				regs.Set(arch.Reg(n), b.number(c.Arch.PtrSize()), state, 0)
			}
		}
		list = append(list, elfcore.Thread{ID: int32(1000 + i), Regs: regs})
	}
	if len(list) > 0 { // the first one runs on
		t := &list[0]
		for range b.number(1) % 4 {
			regs := t.Regs.Clone()
			regs.Set(arch.Reg(b.number(1)%uint64(len(c.Arch.Regs))), b.number(c.Arch.PtrSize()), elfcore.Known, 0)
			t.Regs = regs
		}
	}
	return list
}

// stacks overwrites memory with words, around stack pointers.
func (b *taps) stacks(c *elfcore.Core, threads []elfcore.Thread) (m elfcore.Memory) {
	for _, t := range threads {
		sp, state := t.Regs.SP()
		if n := b.number(1); state != elfcore.Missing && n > 0 {
			data := []byte(*b)
			data = data[:min(int(n), len(data))]
			m.Add(elfcore.NewRegion(elfcore.Addr(sp), data, elfcore.PermR|elfcore.PermW, elfcore.Known, 0))
		}
	}
	for r := range c.Memory.All() {
		r.State = min(r.State, elfcore.Recovered)
		m.Add(r)
	}
	return m
}

// FuzzSession asks everything of bent cores and programs that need not belong
// together.
func FuzzSession(f *testing.F) {
	word := binary.LittleEndian.AppendUint32(nil, 0x20001000)
	for i := range crashes() {
		f.Add([]byte{byte(i), byte(i), 0})
		f.Add([]byte{byte(i), byte(i + 1), 0})
		f.Add(append([]byte{byte(i), byte(i), 1, 9, 100, 0, 0, 0xff}, bytes.Repeat(word, 40)...))
		f.Add(append([]byte{byte(i), byte(i), 15}, bytes.Repeat([]byte{7, 33, 1, 0, 0x91}, 40)...))
		f.Add(append([]byte{byte(i), byte(i), 0, 2}, bytes.Repeat([]byte{3, 0x40, 1, 0, 0x20}, 120)...))
	}
	path := filepath.Join(f.TempDir(), "bent.elf")
	f.Fuzz(func(t *testing.T, data []byte) {
		b := taps(data)
		all := crashes()
		of, with := all[b.number(1)%uint64(len(all))], all[b.number(1)%uint64(len(all))]
		if err := os.WriteFile(path, b.bend(with.elf), 0o600); err != nil {
			t.Fatal(err)
		}
		program, err := firmware.Open(path)
		if err != nil {
			return
		}
		defer program.Close()
		core := *of.core
		core.Threads = b.threads(&core)
		core.Memory = b.stacks(&core, core.Threads)
		s := inspect.New(&core, program, inspect.Options{Initial: b.number(1)%2 == 1})
		askAll(t, s, &core)
	})
}

// askAll asks all that a session answers.
func askAll(t *testing.T, s *inspect.Session, core *elfcore.Core) {
	t.Helper()
	for i := range core.Threads {
		id := core.Threads[i].ID
		var stack *inspect.Stack
		bounded(t, "bt", func() {
			var err error
			if stack, err = s.Stack(id, inspect.StackOptions{Arguments: true, Locals: true}); err != nil {
				t.Fatal(err)
			}
		})
		for n := range stack.Frames {
			frame := &stack.Frames[n]
			for _, list := range [][]inspect.Variable{frame.Arguments, frame.Locals} {
				for j := range list {
					honest(t, list[j].Name, &list[j].Value)
				}
			}
			if n < 3 {
				bounded(t, "a frame", func() {
					s.Locals(frame)
					s.Registers(frame)
					_, _ = s.List(frame, inspect.ListOptions{Around: 2})
					for _, x := range []string{"*s", "p", "*this", "$sp", "*(long (*)[100])$sp", "&main", "_kernel", "g_list->next->next", "sizeof(struct k_thread)"} {
						if v, err := s.Eval(frame, x, 0); err == nil {
							honest(t, x, &v)
						}
					}
				})
			}
		}
	}
	bounded(t, "the rest", func() {
		s.Threads()
		_, _ = s.Symbol("main")
		_, _ = s.Symbol("_kernel")
		_, _ = s.Symbol("0x20000010")
		_, _ = s.Examine(nil, "0x20000000", inspect.ExamineOptions{Count: 64, Size: 1, Format: 's'})
		_, _ = s.List(nil, inspect.ListOptions{Where: "main", Around: 3})
		s.Functions()
		s.Files()
		s.Types()
		for _, name := range s.Globals() {
			if v, err := s.Eval(nil, name, 0); err == nil {
				honest(t, name, &v)
			}
		}
	})
}
