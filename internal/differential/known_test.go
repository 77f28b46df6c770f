package differential

import "regexp"

// gdbIsWrong lists where GDB shows something else than the source says, and
// the source was read: each with the reason.
var gdbIsWrong = []struct {
	crash, function, variable *regexp.Regexp
	reason                    string
}{
	{regexp.MustCompile(`/values\.`), regexp.MustCompile(`^print$`), regexp.MustCompile(`^dropped_`),
		"--gc-sections took it away; GDB reads what lies at address 0, or where its section began"},
	{regexp.MustCompile(`/clang-.*/values\.`), regexp.MustCompile(`^passing_thread$`), regexp.MustCompile(`^wide$`),
		"flow.c says 0x1122334455667788; GDB cuts Clang's constant to the size of an address"},
	{regexp.MustCompile(`/clang-.*/values\.`), regexp.MustCompile(`^in_pieces$`), regexp.MustCompile(`^wide$`),
		"optimised.c says a << 32 | b; Clang's expression shifts by 32 in a type of 32 bits, which GDB takes for 0, and leaves b out"},
	{regexp.MustCompile(`^i386/clang-.*/values\.`), regexp.MustCompile(`^crash_here$`), regexp.MustCompile(`^wide$`),
		"flow.c says 2 << 33; Clang describes the lower half alone, GDB takes the other for 0"},
	{regexp.MustCompile(`^rv.*/values\.`), regexp.MustCompile(`^print$`), regexp.MustCompile(`^_kernel$`),
		"irq_stack points behind the dumped RAM; GDB reads zeros there"},
	{regexp.MustCompile(`^cortex-.*/app\.null$`), regexp.MustCompile(`^_vector_table$`), regexp.MustCompile(`^$`),
		"a call through NULL: no code is at 0, where GDB finds the symbol of the vector table"},
}

// listed tells whether a finding is in the list, and notes the reason.
func listed(f *finding) bool {
	for _, k := range gdbIsWrong {
		if k.crash.MatchString(f.crash) && k.function.MatchString(f.function) && k.variable.MatchString(f.variable) {
			f.reason = k.reason
			return true
		}
	}
	return false
}
