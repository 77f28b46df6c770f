package arch

import (
	"bufio"
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"corelift/internal/fixture"
)

// disassemblers name, by machine, who knows the instructions of the fixtures.
var disassemblers = map[elf.Machine]string{
	elf.EM_ARM: "arm-none-eabi-objdump", elf.EM_AARCH64: "aarch64-linux-gnu-objdump",
	elf.EM_RISCV: "riscv64-unknown-elf-objdump", elf.EM_386: "objdump", elf.EM_X86_64: "objdump",
}

var (
	dumpLine   = regexp.MustCompile(`^ *([0-9a-f]+):\t([0-9a-f ]+?) *\t(\S+)[ \t]*(.*)`)
	dumpTarget = regexp.MustCompile(`^[^*]*?([0-9a-f]+) <`) // no call *0x1da9(%rip) # 102058 <p>
	// callText matches instruction and operands of a call; jr and jalr of one
	// register are RISC-V's short forms.
	callText = regexp.MustCompile(`^(bl[a-z]*|call|jal|jalr) `)
	notCall  = regexp.MustCompile(`^(bl[stoe]|ble|blt|jalr? (zero|[^rt,]+),)`)
)

// TestAgainstObjdump decodes every instruction of the fixture programs: each
// call that objdump shows must be one, with the same target, and hardly
// anything else may be.
func TestAgainstObjdump(t *testing.T) {
	programs, _ := filepath.Glob("../../testdata/firmware/*/fw.elf")
	if len(programs) == 0 {
		t.Fatal("no fixture programs: run make firmware")
	}
	for _, path := range programs {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			a, _ := ByELF(f.Machine, f.Class, strings.Contains(path, "cortex-m"))
			tool := disassemblers[f.Machine]
			fixture.Need(t, tool)
			out, err := exec.Command(tool, "-d", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			compare(t, a, f, out)
		})
	}
}

func compare(t *testing.T, a *Arch, f *elf.File, out []byte) {
	all, calls, direct, wrong := 0, 0, 0, 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := dumpLine.FindStringSubmatch(lines.Text())
		if m == nil || strings.HasPrefix(m[3], ".") || m[3] == "udf" {
			continue
		}
		at, _ := strconv.ParseUint(m[1], 16, 64)
		end := at + uint64(len(strings.ReplaceAll(m[2], " ", "")))/2
		code := bytesBefore(f, end, 8)
		if len(code) < 8 {
			continue
		}
		all++
		text := m[3] + " " + m[4]
		isCall := callText.MatchString(text) && !notCall.MatchString(text)
		got := a.CallBefore(code)
		switch {
		case !isCall && got:
			wrong++
			if wrong < 4 {
				t.Logf("0x%x: %s (%x) is taken for a call", at, text, code)
			}
		case isCall && !got:
			t.Errorf("0x%x: %s (%x) is a call", at, text, code)
		}
		if !isCall {
			continue
		}
		calls++
		to := dumpTarget.FindStringSubmatch(m[4])
		if to == nil {
			continue
		}
		direct++
		want, _ := strconv.ParseUint(to[1], 16, 64)
		if target, ok := a.CallTarget(code, end); !ok || target != want {
			t.Errorf("0x%x: %s (%x): target 0x%x, %v", at, text, code, target, ok)
		}
	}
	t.Logf("%d instructions, %d calls, %d of them direct; %d others taken for calls", all, calls, direct, wrong)
	limit := 1 // per cent
	if a == ARM {
		limit = 3 // either instruction set's calls count
	}
	if calls < 50 || wrong*100 > limit*all {
		t.Error("too few, or too many wrong")
	}
}

// bytesBefore reads n bytes of code that end at an address.
func bytesBefore(f *elf.File, end uint64, n int) []byte {
	for _, p := range f.Progs {
		if from := end - uint64(n); p.Type == elf.PT_LOAD && from >= p.Vaddr && end <= p.Vaddr+p.Filesz {
			b := make([]byte, n)
			if _, err := p.ReadAt(b, int64(from-p.Vaddr)); err == nil {
				return b
			}
		}
	}
	return nil
}
