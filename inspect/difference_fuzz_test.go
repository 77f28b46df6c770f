package inspect_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
	"corelift/elfcore/firmware"
	"corelift/inspect"
)

// FuzzCompare compares two dumps that are bent at random, of a program that may
// be too. What it finds is compared with a look at each byte, and with what the
// dumps give the other way round.
func FuzzCompare(f *testing.F) {
	for i := range crashes() {
		f.Add([]byte{byte(i), 0, 0})
		f.Add(append([]byte{byte(i), 0, 9}, bytes.Repeat([]byte{0, 7, 0, 3, 1, 9, 1, 2, 1, 0, 8}, 40)...))
		f.Add(append([]byte{byte(i), 0, 5, 1, byte(1 - i%2)}, bytes.Repeat([]byte{0, 7, 0, 3, 1, 9, 1, 2, 1, 0, 8}, 40)...))
		f.Add(append([]byte{byte(i), 8}, bytes.Repeat([]byte{7, 33, 1, 0, 0x91, 2, 80}, 40)...))
	}
	dir := f.TempDir()
	path, second := filepath.Join(dir, "bent.elf"), filepath.Join(dir, "other.elf")
	f.Fuzz(func(t *testing.T, data []byte) {
		b := taps(data)
		all := crashes()
		of := all[b.number(1)%uint64(len(all))]
		if err := os.WriteFile(path, b.bend(of.elf), 0o600); err != nil {
			t.Fatal(err)
		}
		program, err := firmware.Open(path)
		if err != nil || program.Arch() != of.core.Arch {
			return
		}
		defer program.Close()
		limit := int(b.number(1) % 8)
		var with *firmware.Set
		how := b.number(1) % 4
		if how != 0 {
			with = program
		}
		s := inspect.New(of.core, with, inspect.Options{})
		x := changed(s, with, b.alter)
		if how == 1 { // of another program
			other := all[b.number(1)%uint64(len(all))]
			if err := os.WriteFile(second, other.elf, 0o600); err != nil {
				t.Fatal(err)
			}
			program, err := firmware.Open(second)
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			if program.Arch() == of.core.Arch {
				with = program
			}
		}
		y := changed(s, with, b.alter)
		var there, back *inspect.Difference
		bounded(t, "there", func() { there = compare(t, x, y, limit) })
		bounded(t, "back", func() { back = compare(t, y, x, limit) })
		checkVariables(t, there)
		if there.Verdict != back.Verdict {
			t.Errorf("%v, but %v the other way round", there.Verdict, back.Verdict)
		}
		if how == 1 {
			return // names are those of A
		}
		checkMemory(t, x, y, there)
		mirror(back)
		nameless(there)
		nameless(back)
		if !reflect.DeepEqual(there.Memory, back.Memory) {
			t.Errorf("memory:\n%+v\nthe other way round:\n%+v", there.Memory, back.Memory)
		}
		if len(there.Uncompared) != len(back.Uncompared) || !reflect.DeepEqual(there.Variables, back.Variables) ||
			there.ThreadsAlike != back.ThreadsAlike || limit == 0 && !reflect.DeepEqual(inOrder(there.Threads), inOrder(back.Threads)) ||
			!reflect.DeepEqual(there.Crash, back.Crash) {
			t.Errorf("%+v\nthe other way round:\n%+v", there, back)
		}
		if same := compare(t, x, x, limit); same.Verdict != inspect.Equal && !x.Core().Damaged() {
			t.Errorf("not equal to itself: %+v", same)
		}
	})
}

// alter changes memory, registers and threads.
func (b *taps) alter(c *elfcore.Core) {
	regions := slices.Collect(c.Memory.All())
	for range b.number(1) % 24 {
		r := regions[b.number(1)%uint64(len(regions))]
		at := r.Addr + elfcore.Addr(b.number(2)%r.Size)
		n := min(b.number(1)%16+1, uint64(r.End()-at))
		part := elfcore.NewRegion(at, make([]byte, n), r.Perm, elfcore.State(1+b.number(1)%3), 0)
		how := b.number(1)
		if how%3 != 0 {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(b.number(1))
			}
			part = elfcore.NewRegion(at, data, r.Perm, part.State, 0)
		}
		if cut(c, part.Range); how%3 != 1 {
			c.Memory.Add(part)
		}
	}
	for range b.number(1) % 4 {
		if n := b.number(1); len(c.Threads) > 0 {
			t := &c.Threads[n%uint64(len(c.Threads))]
			switch reg := arch.Reg(b.number(1) % uint64(len(c.Arch.Regs))); b.number(1) % 4 {
			case 0:
				t.Regs.Clear(reg, 0)
			case 1:
				t.Regs.Set(reg, b.number(4), elfcore.State(1+b.number(1)%3), 0)
			case 2:
				t.Control, t.Name.Value = elfcore.Fact[elfcore.Addr]{}, "other"
			case 3:
				c.Threads = slices.Delete(slices.Clone(c.Threads), len(c.Threads)-1, len(c.Threads))
				c.Crash.Thread = min(c.Crash.Thread, len(c.Threads)-1)
			}
		}
	}
}

// checkMemory compares byte by byte.
func checkMemory(t *testing.T, x, y *inspect.Session, d *inspect.Difference) {
	t.Helper()
	type known struct {
		byte
		elfcore.State
	}
	load := func(s *inspect.Session) map[elfcore.Addr]known {
		bytes := map[elfcore.Addr]known{}
		for r := range s.Core().Memory.All() {
			data := make([]byte, r.Size)
			if _, err := r.Data.ReadAt(data, 0); err != nil {
				t.Fatal(err)
			}
			for i, b := range data {
				bytes[r.Addr+elfcore.Addr(i)] = known{b, r.State}
			}
		}
		return bytes
	}
	a, b := load(x), load(y)
	var compared, differ, suspect, lacking uint64
	for at, p := range a {
		q, ok := b[at]
		if !ok {
			lacking++
			continue
		}
		compared++
		if p.byte != q.byte {
			differ++
			if min(p.State, q.State) == elfcore.Suspect {
				suspect++
			}
		}
	}
	m := &d.Memory
	if m.Compared != compared || m.Differ != differ || m.Suspect != suspect || m.OnlyA.Size > lacking {
		t.Errorf("%+v; want %d compared, %d differ, %d suspect, at most %d only in A", m, compared, differ, suspect, lacking)
	}
	if differ > suspect && d.Verdict != inspect.Different || differ > 0 && d.Verdict == inspect.Equal || differ == 0 && m.Others != nil {
		t.Errorf("%d differ, but %v, %+v", differ, d.Verdict, m)
	}
	for _, r := range m.Runs {
		for i := range r.Size {
			if at := r.Addr + elfcore.Addr(i); a[at].byte == b[at].byte {
				t.Errorf("%v is in %+v, but does not differ", at, r)
			}
		}
	}
}

// checkVariables checks that only what differs is shown, and honestly.
func checkVariables(t *testing.T, d *inspect.Difference) {
	t.Helper()
	if d.Variables == nil {
		return
	}
	for _, v := range d.Variables.Changed {
		for _, p := range v.Parts {
			honest(t, p.Path, &p.A)
			honest(t, p.Path, &p.B)
			if p.A.Text == p.B.Text {
				t.Errorf("%s is %s in both", p.Path, p.A.Text)
			}
		}
	}
}

// mirror swaps A and B.
func mirror(d *inspect.Difference) {
	swapChanges := func(list []inspect.Change) {
		for i := range list {
			list[i].A, list[i].B = list[i].B, list[i].A
		}
	}
	swapChanges(d.Crash)
	m := &d.Memory
	m.OnlyA, m.OnlyB = m.OnlyB, m.OnlyA
	for i := range m.Runs {
		m.Runs[i].A, m.Runs[i].B = m.Runs[i].B, m.Runs[i].A
	}
	for i := range m.Doubts {
		m.Doubts[i].A, m.Doubts[i].B = m.Doubts[i].B, m.Doubts[i].A
	}
	if v := d.Variables; v != nil {
		v.OnlyA, v.OnlyB = v.OnlyB, v.OnlyA
		for i := range v.Changed {
			for j := range v.Changed[i].Parts {
				p := &v.Changed[i].Parts[j]
				p.A, p.B = p.B, p.A
			}
		}
	}
	for i := range d.Threads {
		th := &d.Threads[i]
		th.A, th.B = th.B, th.A
		swapChanges(th.Changes)
		for j := range th.Registers {
			r := &th.Registers[j]
			r.A, r.B, r.SymbolA, r.SymbolB = r.B, r.A, r.SymbolB, r.SymbolA
		}
		if s := th.Stack; s != nil {
			s.A, s.B, s.FramesA, s.FramesB = s.B, s.A, s.FramesB, s.FramesA
		}
	}
}

// nameless forgets names of threads, which are those of one of the dumps.
func nameless(d *inspect.Difference) {
	for i := range d.Memory.Others {
		if o := &d.Memory.Others[i]; o.Kind == "stack" {
			o.Name = ""
		}
	}
}

// inOrder sorts threads, and forgets what can't be compared of their stacks.
func inOrder(list []inspect.ThreadDifference) []inspect.ThreadDifference {
	key := func(t inspect.ThreadDifference) int32 {
		if t.A != nil {
			return t.A.ID
		}
		return 1000 + t.B.ID
	}
	for i := range list {
		if s := list[i].Stack; s != nil {
			list[i].Stack = &inspect.StackDifference{Alike: s.Alike, FramesA: s.FramesA, FramesB: s.FramesB}
		}
		slices.SortFunc(list[i].Registers, func(x, y inspect.RegisterDifference) int { return cmp.Compare(x.Name, y.Name) })
	}
	slices.SortFunc(list, func(x, y inspect.ThreadDifference) int { return cmp.Compare(key(x), key(y)) })
	return list
}
