package verify_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"corelift/internal/verify"
)

var update = flag.Bool("update", false, "rewrite docs/verify.md")

const rulesDoc = "../../docs/verify.md"

const rulesHead = `# What corelift verify checks

Made by ` + "`go test ./internal/verify -run TestDocument -update`" + `; the test fails when this file is out of date. Rules in the order in which they
are looked at. The column "fix" says what ` + "`--fix`" + ` does, if anything can be done. "GDB" is Debian's gdb-multiarch 13.1, "LLDB" is 14.0.6; "bare GDB" is GDB
13.1 built for arm-none-eabi and the like, "all-target GDB" one with all targets whose default OS ABI is none. How each was measured: docs/debuggers.md,
and the table of mutations in internal/verify/rules_test.go, which breaks each rule and shows the symptom, if one of the first two has it, and that the repaired copy has it no more.

| rule | severity | a core is in order if | else | fix |
|---|---|---|---|---|
`

// TestDocument: docs/verify.md has all rules.
func TestDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString(rulesHead)
	for _, r := range verify.Rules() {
		var effects []string
		for _, e := range r.Effects {
			effects = append(effects, e.Debugger+" "+e.Does)
		}
		fmt.Fprintf(&b, "| `%s` | %v | %s | %s | %s |\n", r.ID, r.Severity, r.Says, strings.Join(effects, "; "), r.Fix)
	}
	if *update {
		if err := os.WriteFile(rulesDoc, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(rulesDoc); err != nil || string(have) != b.String() {
		t.Errorf("%s is out of date (%v)", rulesDoc, err)
	}
}
