package differential

import (
	"path/filepath"
	"regexp"
)

// class is how what the inspector shows relates to what GDB shows.
type class int

const (
	equal      class = iota // the same text, or both say that there is no value
	normalised              // the same after the rules of normalise
	filler                  // GDB shows a register that the dump lacks: it hangs on what the core holds in its place
	gdbWrong                // in the list of gdbIsWrong
	lacking                 // only GDB shows a value
	onlyOurs                // only the inspector shows a value
	wrong                   // they differ
	classes
)

var classNames = [classes]string{"equal", "normalised", "filler", "gdb wrong", "lacking", "only ours", "wrong"}

func (c class) String() string { return classNames[c] }

// kind is what was compared.
type kind int

const (
	aFrame kind = iota
	local
	expression
	kinds
)

// finding is one frame, variable or expression that was compared.
type finding struct {
	kind         kind
	class        class
	crash        string
	thread       int32
	level        int
	function     string
	variable     string // or expression
	ours, theirs string
	stale        bool
	reason       string
}

// outermost are functions that nothing called: what GDB shows beyond is what
// lay on the stack by chance.
var outermost = map[string]bool{
	"z_thread_entry": true, "z_cstart": true, "z_arm_reset": true, "_start": true, "__start": true,
	"_isr_wrapper": true, "z_arm_fault_entry": true, "z_arm_svc": true, "main_outermost": true,
}

// walk is the part of a trace that counts: up to the outermost function.
func walk(frames []frame) []frame {
	for i, f := range frames {
		switch {
		case outermost[f.Function]:
			return frames[:i+1]
		case f.Kind == "signal", i > 0 && f.PC == "0x0":
			return frames[:i]
		}
	}
	return frames
}

// compare judges all threads of a crash; GDB has them in the core's order. other is what GDB shows when the
// registers that the dump lacks hold something else.
func compare(name string, ours, theirs, other shown) (list []finding) {
	for i, t := range theirs.Threads {
		if i >= len(ours.Threads) {
			list = append(list, finding{class: lacking, crash: name, thread: t.ID, theirs: "the thread"})
			continue
		}
		list = append(list, compareThread(name, ours.Threads[i], t, other.Threads[i])...)
	}
	for e, text := range theirs.Expressions {
		f := finding{kind: expression, crash: name, function: "print", variable: e, ours: ours.Expressions[e], theirs: text}
		f.class = judge(f.ours, text, other.Expressions[e])
		if f.class >= lacking && listed(&f) {
			f.class = gdbWrong
		}
		list = append(list, f)
	}
	return list
}

func compareThread(name string, ours, theirs, other thread) (list []finding) {
	mine, gdbs := walk(ours.Frames), walk(theirs.Frames)
	n := 0 // of ours
	for level, g := range gdbs {
		f := finding{crash: name, thread: ours.ID, level: level, function: g.Function, theirs: describe(g)}
		if g.Kind == "tail call" && (n >= len(mine) || mine[n].Function != g.Function) {
			// A frame that is not on the stack: GDB infers it from call sites.
			f.class, f.reason = lacking, "tail call"
			list = append(list, f)
			continue
		}
		for n < len(mine) && mine[n].Tail && mine[n].Function != g.Function {
			// One that GDB could not infer: it does not follow calls through pointers.
			list = append(list, finding{class: onlyOurs, crash: name, thread: ours.ID, level: n, function: mine[n].Function,
				ours: describe(mine[n]), reason: "tail call"})
			n++
		}
		if level >= len(other.Frames) || describe(other.Frames[level]) != describe(g) {
			f.class = filler
			return append(list, f)
		}
		if n >= len(mine) {
			f.class, f.reason = lacking, ours.End
			return append(list, f)
		}
		m := mine[n]
		n++
		f.ours = describe(m)
		if f.ours != f.theirs {
			f.class = wrong
			if listed(&f) {
				f.class = gdbWrong
			}
			return append(list, f)
		}
		list = append(list, f)
		list = append(list, compareVariables(f, m.Variables, g.Variables, other.Frames[level].Variables)...)
	}
	for ; n < len(mine); n++ {
		list = append(list, finding{class: onlyOurs, crash: name, thread: ours.ID, level: n, function: mine[n].Function,
			ours: describe(mine[n]), reason: "gdb ended: " + theirs.End})
	}
	return list
}

// describe is what must be the same of a frame.
func describe(f frame) string {
	kind := ""
	if f.Kind == "inlined" {
		kind = " inlined"
	}
	return f.Function + " " + filepath.Base(f.File) + ":" + itoa(f.Line) + kind
}

// compareVariables goes by name, and by block where a name is there twice.
func compareVariables(at finding, ours, theirs, other []variable) (list []finding) {
	seen := map[string]int{}
	for i, g := range theirs {
		nth := seen[g.Name]
		seen[g.Name]++
		f := at
		f.kind = local
		f.variable, f.theirs, f.ours = g.Name, g.Text, ""
		o, found := named(ours, g.Name, nth)
		if !found {
			f.class, f.ours = lacking, "<not listed>"
			list = append(list, f)
			continue
		}
		f.ours, f.stale, f.reason = o.Text, o.Stale, o.Reason
		f.class = judge(o.Text, g.Text, other[i].Text)
		if f.class == onlyOurs && g.Entry != "" && plain(g.Entry) == o.Text {
			f.class = normalised
		}
		if f.class >= lacking && listed(&f) {
			f.class = gdbWrong
		}
		list = append(list, f)
	}
	for name := range countNames(ours) {
		for nth := seen[name]; ; nth++ {
			o, found := named(ours, name, nth)
			if !found {
				break
			}
			f := at
			f.kind, f.class, f.variable, f.ours, f.theirs, f.reason = local, onlyOurs, name, o.Text, "<not listed>", o.Reason
			list = append(list, f)
		}
	}
	return list
}

func named(list []variable, name string, nth int) (variable, bool) {
	for _, v := range list {
		if v.Name == name {
			if nth == 0 {
				return v, true
			}
			nth--
		}
	}
	return variable{}, false
}

func countNames(list []variable) map[string]int {
	n := map[string]int{}
	for _, v := range list {
		n[v.Name]++
	}
	return n
}

// judge compares two texts; other is GDB's with other filler.
func judge(ours, theirs, other string) class {
	switch {
	case theirs != other:
		// What we show in its place must be nothing, and the rest the same.
		switch c := leaves(plain(ours), plain(theirs)); {
		case c == lacking, absent(ours):
			return filler
		case c == onlyOurs:
			return onlyOurs
		}
		return wrong
	case ours == theirs:
		return equal
	case absent(ours) && absent(theirs):
		return normalised
	case plain(ours) == plain(theirs):
		return normalised
	}
	return leaves(plain(ours), plain(theirs))
}

// rules make texts comparable. Few, and none touches a number.
var rules = []struct {
	pattern *regexp.Regexp
	with    string
}{
	// GDB has memory that can't be read, the inspector memory that was not dumped.
	{regexp.MustCompile(`<error: Cannot access memory at address 0x[0-9a-f]+>`), "<absent>"},
	{regexp.MustCompile(`<(not in dump|no location|unreadable)>`), "<absent>"},
	// GDB names a C++ function with its parameters, even one with C linkage.
	{regexp.MustCompile(`<([\w:~]+)\([^<>]*\)(\+\d+)?>`), "<$1$2>"},
	// GDB leaves the hash of the crate in a Rust symbol.
	{regexp.MustCompile(`\[[0-9a-f]{16}\]::`), "::"},
	// An aggregate of which nothing is there is not there.
	{regexp.MustCompile(`\{(([\w$]+ = )?<(absent|optimized out|synthetic pointer)>( <repeats \d+ times>)?(, )?)+\}`), "<absent>"},
}

// plain applies the rules until nothing changes.
func plain(text string) string {
	for {
		before := text
		for _, r := range rules {
			text = r.pattern.ReplaceAllString(text, r.with)
		}
		if text == before {
			return text
		}
	}
}

var (
	nothing    = regexp.MustCompile(`^<(optimized out|not in dump|no location|unreadable|absent|unavailable|not saved|synthetic pointer|not listed|error.*)>( <repeats \d+ times>)?$`)
	separators = regexp.MustCompile(`\{|\}|, `)
	member     = regexp.MustCompile(`[\w$]+ = `)
)

// absent tells whether a text says that there is no value, not even of a part.
func absent(text string) bool {
	for _, part := range separators.Split(member.ReplaceAllString(text, ""), -1) {
		if part != "" && !nothing.MatchString(part) {
			return false
		}
	}
	return text != ""
}

// leaves compares aggregates member by member: the worst of them counts.
func leaves(ours, theirs string) class {
	a, b := separators.Split(ours, -1), separators.Split(theirs, -1)
	if absent(ours) {
		return lacking
	}
	if absent(theirs) {
		return onlyOurs
	}
	if len(a) != len(b) {
		return wrong
	}
	worst := normalised
	for i := range a {
		switch {
		case a[i] == b[i], absent(a[i]) && absent(b[i]):
		case absent(a[i]):
			worst = max(worst, lacking)
		case absent(b[i]):
			worst = max(worst, onlyOurs)
		default:
			return wrong
		}
	}
	return worst
}
