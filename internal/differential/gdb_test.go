package differential

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// job is one core for GDB to open.
type job struct {
	ELF         string   `json:"elf"`
	Core        string   `json:"core"`
	Expressions []string `json:"expressions"`
}

// askGDB opens cores in one process and tells what it shows of each. Answers
// are kept in a directory, if there is one, by all that they depend on: GDB is
// what takes the time of a run.
func askGDB(t *testing.T, gdb, kept string, jobs []job) []shown {
	t.Helper()
	script, err := filepath.Abs("../../testdata/inspect/examine.py")
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]shown, len(jobs))
	var todo []job
	var at []int
	var names []string
	for i, j := range jobs {
		name := ""
		if kept != "" {
			name = filepath.Join(kept, fingerprint(t, script, j)+".json")
			if text, err := os.ReadFile(name); err == nil && json.Unmarshal(text, &answers[i]) == nil {
				continue
			}
		}
		todo, at, names = append(todo, j), append(at, i), append(names, name)
	}
	if len(todo) == 0 {
		return answers
	}
	for n, text := range runGDB(t, gdb, script, todo) {
		if err := json.Unmarshal(text, &answers[at[n]]); err != nil {
			t.Fatal(err)
		}
		if names[n] != "" {
			if err := os.WriteFile(names[n], text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return answers
}

func runGDB(t *testing.T, gdb, script string, jobs []job) []json.RawMessage {
	t.Helper()
	dir := t.TempDir()
	list, result := filepath.Join(dir, "jobs"), filepath.Join(dir, "result")
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gdb, "-nx", "-batch", "-x", script)
	cmd.Env = append(os.Environ(), "JOBS="+list, "RESULT="+result)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", gdb, err, out)
	}
	if text, err = os.ReadFile(result); err != nil {
		t.Fatalf("%s wrote no result\n%s", gdb, out)
	}
	var results []json.RawMessage
	if err := json.Unmarshal(text, &results); err != nil || len(results) != len(jobs) {
		t.Fatalf("%s: %d results for %d cores: %v", gdb, len(results), len(jobs), err)
	}
	return results
}

// fingerprint names a job by its files' content.
func fingerprint(t *testing.T, script string, j job) string {
	t.Helper()
	h := sha256.New()
	for _, path := range []string{script, j.ELF, j.Core} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%d\n", len(data))
		h.Write(data)
	}
	fmt.Fprintf(h, "%q", j.Expressions)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// absentRegister is what a core of ours holds in the slots of registers that
// the dump lacks (arch.Absent), and otherFiller what refill writes instead.
var (
	absentRegister = []byte{0xd0, 0xba, 0xd0, 0xba}
	otherFiller    = []byte{0xe0, 0xb5, 0xe0, 0xb5} // of the same sign
)

// refill changes the filler in a core's notes. What GDB shows differently of
// that core hangs on a register that the dump lacks: GDB can't know it.
func refill(t *testing.T, core []byte) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(core))
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(core)
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE {
			copy(out[p.Off:], bytes.ReplaceAll(core[p.Off:p.Off+p.Filesz], absentRegister, otherFiller))
		}
	}
	return out
}
