package debuginfo

import "testing"

// BenchmarkOpen opens a program and asks for one function and its line.
func BenchmarkOpen(b *testing.B) {
	eachLarge(b, func(b *testing.B, p program, pcs []uint64) {
		for b.Loop() {
			d := p.again()
			u, ok := d.UnitAt(pcs[0])
			if !ok {
				b.Fatal("no unit")
			}
			u.Function(pcs[0])
			u.Lines().At(pcs[0])
		}
	})
}

// BenchmarkBacktraces asks for the functions, inlined calls, lines and
// variables at 48 addresses all over the program.
func BenchmarkBacktraces(b *testing.B) {
	eachLarge(b, func(b *testing.B, p program, pcs []uint64) {
		for b.Loop() {
			d := p.again()
			for i := range 48 {
				pc := pcs[i*len(pcs)/48]
				u, ok := d.UnitAt(pc)
				if !ok {
					continue
				}
				u.Lines().At(pc)
				f, ok := u.Function(pc)
				if !ok {
					continue
				}
				for _, s := range f.Inlines(pc) {
					for _, v := range s.Variables(pc) {
						v.Location(pc)
					}
				}
			}
		}
	})
}

// BenchmarkIndex passes over all entries of all units.
func BenchmarkIndex(b *testing.B) {
	eachLarge(b, func(b *testing.B, p program, _ []uint64) {
		for b.Loop() {
			n := 0
			for _, u := range p.again().Units() {
				n += len(u.index().functions)
			}
			b.ReportMetric(float64(n), "functions")
		}
		b.SetBytes(int64(len(p.bytes(secInfo))))
	})
}

// BenchmarkGlobal finds one variable by name.
func BenchmarkGlobal(b *testing.B) {
	eachLarge(b, func(b *testing.B, p program, _ []uint64) {
		var name string
		for v := range p.AllGlobals() {
			if v.External() && len(v.Name) > 8 {
				name = v.Name
			}
		}
		for b.Loop() {
			if len(p.again().Globals(name)) == 0 {
				b.Fatal(name)
			}
		}
	})
}

// eachLarge runs a benchmark on the large programs, with addresses in them.
func eachLarge(b *testing.B, run func(b *testing.B, p program, pcs []uint64)) {
	for _, p := range fixtures(b) {
		if len(p.bytes(secInfo)) < 1<<18 {
			continue
		}
		pcs := p.samples()
		b.Run(p.name(), func(b *testing.B) {
			b.ReportAllocs()
			run(b, p, pcs)
		})
	}
}
