package differential

import "testing"

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		ours, theirs, other string
		want                class
	}{
		{"5", "5", "5", equal},
		{"<optimized out>", "<optimized out>", "<optimized out>", equal},
		{"<no location>", "<optimized out>", "<optimized out>", normalised},
		{"0x1 <not in dump>", "0x1 <error: Cannot access memory at address 0x1>", "0x1 <error: Cannot access memory at address 0x1>", normalised},
		{"<not in dump>", "3134241488", "1592745696", filler},
		{"{a = 1, b = <not in dump>}", "{a = 1, b = 7}", "{a = 1, b = 8}", filler},
		{"{a = 2, b = <not in dump>}", "{a = 1, b = 7}", "{a = 1, b = 8}", wrong},
		{"3134241488", "3134241488", "1592745696", wrong},
		{"<not in dump>", "<error: Cannot access memory at address 0xbad0bab0>", "<error: Cannot access memory at address 0xb5e0b5c0>", filler},
		{"7", "<error: Cannot access memory at address 0xbad0bab0>", "<error: Cannot access memory at address 0xb5e0b5c0>", onlyOurs},
		{"<not in dump>", "5", "5", lacking},
		{"5", "<optimized out>", "<optimized out>", onlyOurs},
		{"{a = 1, b = <optimized out>}", "{a = 1, b = 2}", "{a = 1, b = 2}", lacking},
		{"{a = 1, b = 2}", "{a = 1, b = <optimized out>}", "{a = 1, b = <optimized out>}", onlyOurs},
		{"{a = 1, b = 2}", "{a = 1, b = 3}", "{a = 1, b = 3}", wrong},
		{"{1, 2}", "{1, 2, 3}", "{1, 2, 3}", wrong},
		{"0", "5", "5", wrong},
		{"", "5", "5", wrong},
		{"<optimized out>", "{a = <optimized out>, b = {<optimized out> <repeats 12 times>}}", "{a = <optimized out>, b = {<optimized out> <repeats 12 times>}}", normalised},
		{"<optimized out>", "<error reading variable: Could not find active enum variant>", "<error reading variable: Could not find active enum variant>", normalised},
		{"{a = 1, b = <optimized out>}", "{a = 1, b = {c = <synthetic pointer>, d = <optimized out>}}", "{a = 1, b = {c = <synthetic pointer>, d = <optimized out>}}", normalised},
	} {
		if got := judge(c.ours, c.theirs, c.other); got != c.want {
			t.Errorf("ours %q, GDB's %q, refilled %q: %v, want %v", c.ours, c.theirs, c.other, got, c.want)
		}
	}
}
